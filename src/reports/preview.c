/* reports/preview.c: a report as it would be sent, for people. */
#include "base/memory.h"
#include "reports/compose.h"
#include "reports/sender.h"
#include "settings/units.h"

enum { HOST_PAGE = 500 };

struct gathering {
    struct store *store;
    struct arena *arena;
    struct slice domain, day;
    struct tlsrpt_row *rows;
    size_t len, cap;
};

static enum status add_counts(struct gathering *g, struct slice key, struct fault *why)
{
    struct store_request r = { .verb = STORE_REPORT_COUNTS, .since_day = g->day, .name = key };
    enum status st = store_call(g->store, &r);

    for (size_t i = 0; st == OK && i < r.report_counts_len; i++) {
        const struct report_count_row *c = &r.report_counts[i];

        g->rows = mem_grow(g->rows, g->len, &g->cap, sizeof *g->rows);
        g->rows[g->len++] = (struct tlsrpt_row){ .domain = g->domain,
                                                 .policy = arena_copy(g->arena, c->policy),
                                                 .detail = arena_copy(g->arena, c->detail),
                                                 .count = c->count };
    }
    if (st != OK)
        (void)fault_set(why, st, "%s", r.why.text);
    arena_release(&r.arena);
    return st;
}

/* What is counted for the domain as the host of others ("mx.example.net/example.org"). */
static enum status add_hosted(struct gathering *g, struct fault *why)
{
    struct slice prefix = arena_printf(g->arena, "%.*s/", SLICE_FMT(g->domain));
    struct store_request r = {
        .verb = STORE_REPORT_DOMAINS, .since_day = g->day, .after = prefix, .limit = HOST_PAGE
    };
    enum status st = store_call(g->store, &r);

    if (st != OK)
        (void)fault_set(why, st, "%s", r.why.text);
    for (size_t i = 0; st == OK && i < r.report_counts_len; i++) {
        if (!slice_starts(r.report_counts[i].domain, prefix))
            break;
        st = add_counts(g, r.report_counts[i].domain, why);
    }
    arena_release(&r.arena);
    return st;
}

enum status report_preview(struct store *store, struct slice domain, struct slice day, const struct gateway *g,
                           struct slice hostname, struct arena *arena, struct slice *out, struct fault *why)
{
    struct gathering all = { .store = store, .arena = arena, .domain = domain, .day = day };
    struct composition c;
    int64_t start_s;
    enum status st = units_parse_day(day, &start_s, why);

    if (st == OK)
        st = add_counts(&all, domain, why);
    if (st == OK)
        st = add_hosted(&all, why);
    if (st == OK && all.len == 0)
        st =
            fault_set(why, ERR_NOT_FOUND, "nothing was counted for '%.*s' on %.*s", SLICE_FMT(domain), SLICE_FMT(day));
    if (st == OK) {
        report_compose(all.rows, all.len, domain, start_s, g, hostname, arena, &c);
        *out = c.json;
    }
    free(all.rows);
    return st;
}
