#include "reports/vigil.h"

#include "base/clock.h"
#include "base/memory.h"
#include "reports/calendar.h"
#include "settings/units.h"
#include "tlsrpt/explain.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    FIRST_MS = 5 * 1000,
    EACH_MS = 10 * 60 * 1000,
    FAILED_LEAST = 5,  /* sessions of a day: fewer are no share */
    NEW_DAYS = 7,      /* how long a failure is new */
    REGULAR_LEAST = 5, /* reports, to be one that is missed */
    SILENT_DAYS = 4,   /* a report comes a day after its own */
    GONE_DAYS = 14,    /* who has left is not missed any more */
};

static const struct slice share = { "reports-failures", 16 }, new_failure = { "reports-new-failure", 19 },
                          silent = { "reports-silent", 14 };

/* -- one domain ----------------------------------------------------------------------------------------------- */

/* Days from the day to now; large for what is no day. */
static int64_t days_ago(struct slice day, int64_t now_s)
{
    int64_t start_s = 0;
    struct fault why;

    return units_parse_day(day, &start_s, &why) == OK ? (now_s - start_s) / CALENDAR_DAY_S : INT64_MAX;
}

struct newest {
    struct slice day;
    uint64_t sessions, failed;
};

static struct newest newest_day(const struct vigil_case *c)
{
    struct newest n = { .day = SLICE_LIT("") };

    for (size_t i = 0; i < c->len; i++) {
        const struct received_sum *s = &c->sums[i];

        if (!s->is_verified || s->kind != RECEIVED_SUM_DAY)
            continue;
        if (n.day.len == 0 || memcmp(s->by.ptr, n.day.ptr, s->by.len < n.day.len ? s->by.len : n.day.len) > 0)
            n = (struct newest){ .day = s->by };
        if (slice_eq(s->by, n.day)) {
            n.sessions += s->success + s->failure;
            n.failed += s->failure;
        }
    }
    return n;
}

static void judge_share(const struct vigil_case *c, struct slice subject, struct alert_book *book, struct arena *arena)
{
    struct newest n = newest_day(c);
    struct alert a = { .cause = share, .subject = subject, .severity = ALERT_ERROR };

    if (c->percent == 0 || n.failed < FAILED_LEAST || n.failed * 100 < n.sessions * c->percent) {
        alert_book_end(book, share, subject, SLICE_LIT("the newest day's reports tell of fewer failures"));
        return;
    }
    a.text = arena_printf(arena, "%" PRIu64 " of %" PRIu64 " sessions of %.*s that others report failed for TLS",
                          n.failed, n.sessions, SLICE_FMT(n.day));
    a.remedy =
        arena_printf(arena, "'sternpost report summary %.*s' tells which, and what to do", SLICE_FMT(c->domain));
    alert_book_raise(book, &a);
}

/* Of a failure that begins while reports have come for longer. */
static bool is_new(const struct vigil_case *c, const struct received_sum *s)
{
    int64_t first = days_ago(s->first_day, c->now_s);

    if (first > NEW_DAYS)
        return false;
    for (size_t i = 0; i < c->len; i++)
        if (c->sums[i].is_verified && c->sums[i].kind == RECEIVED_SUM_DAY &&
            days_ago(c->sums[i].by, c->now_s) > first + 1)
            return true;
    return false;
}

static void judge_failure(const struct vigil_case *c, const struct received_sum *s, struct alert_book *book,
                          struct arena *arena)
{
    struct slice subject = arena_printf(arena, "domain %.*s, %.*s%s%.*s", SLICE_FMT(c->domain), SLICE_FMT(s->by),
                                        s->by2.len > 0 ? " at " : "", SLICE_FMT(s->by2));
    const struct tlsrpt_explanation *e = tlsrpt_explain(s->by);
    struct alert a = { .cause = new_failure, .subject = subject, .severity = ALERT_WARNING };

    if (!is_new(c, s)) {
        alert_book_end(book, new_failure, subject, SLICE_LIT("it is no longer new"));
        return;
    }
    a.text = arena_printf(arena, "%.*s is reported since %.*s, and was not before: %s", SLICE_FMT(s->by),
                          SLICE_FMT(s->first_day), e->meaning);
    a.remedy = slice_str(e->next);
    alert_book_raise(book, &a);
}

static void judge_reporter(const struct vigil_case *c, const struct received_sum *s, struct alert_book *book,
                           struct arena *arena)
{
    struct slice subject = arena_printf(arena, "domain %.*s, reporter %.*s", SLICE_FMT(c->domain), SLICE_FMT(s->by));
    int64_t last = days_ago(s->last_day, c->now_s);
    struct alert a = { .cause = silent, .subject = subject, .severity = ALERT_NOTE };

    if (s->reports < REGULAR_LEAST || last < SILENT_DAYS || last > GONE_DAYS) {
        alert_book_end(book, silent, subject,
                       last > GONE_DAYS ? SLICE_LIT("it has been silent for two weeks, and is not missed any more")
                                        : SLICE_LIT("its reports come again"));
        return;
    }
    a.text = arena_printf(arena, "%.*s sent %" PRIu64 " reports, the last about %.*s, and none since",
                          SLICE_FMT(s->by), s->reports, SLICE_FMT(s->last_day));
    a.remedy =
        arena_printf(arena, "look whether the record and its addresses are as they were: 'sternpost check %.*s'",
                     SLICE_FMT(c->domain));
    alert_book_raise(book, &a);
}

void vigil_judge(const struct vigil_case *c, struct alert_book *book)
{
    struct arena arena = { 0 };

    judge_share(c, arena_printf(&arena, "domain %.*s", SLICE_FMT(c->domain)), book, &arena);
    for (size_t i = 0; i < c->len; i++) {
        if (c->sums[i].is_verified && c->sums[i].kind == RECEIVED_SUM_FAILURE)
            judge_failure(c, &c->sums[i], book, &arena);
        if (c->sums[i].is_verified && c->sums[i].kind == RECEIVED_SUM_REPORTER)
            judge_reporter(c, &c->sums[i], book, &arena);
    }
    arena_release(&arena);
}

/* -- one domain after the other ------------------------------------------------------------------------------- */

struct vigil {
    struct loop *loop;
    struct store *store;
    struct alert_book *book;
    struct snapshot *settings;
    struct loop_timer timer;
    struct handoff *stored;
    struct loop_io stored_io;
    struct store_request sums;
    struct arena arena;
    size_t at; /* among our domains */
    char since_day[CALENDAR_DAY_TEXT];
};

static void ask_next(struct vigil *v)
{
    const struct own_domain *const *domains;
    size_t len = snapshot_own_domains(v->settings, &domains);
    int64_t since_s = clock_wall_s() - (int64_t)VIGIL_DAYS * CALENDAR_DAY_S;

    while (v->at < len && domains[v->at]->report_to_len == 0)
        v->at++;
    if (v->at >= len) {
        v->at = 0;
        loop_timer_set(v->loop, &v->timer, EACH_MS);
        return;
    }
    arena_reset(&v->arena);
    v->sums = (struct store_request){ .verb = STORE_RECEIVED_SUMS,
                                      .name = arena_copy(&v->arena, domains[v->at]->name),
                                      .since_day = calendar_day(since_s, v->since_day),
                                      .reply_to = v->stored };
    v->at++;
    store_send(v->store, &v->sums);
}

static void on_stored(struct loop_io *io, unsigned events)
{
    struct vigil *v = CONTAINER_OF(io, struct vigil, stored_io);
    const struct store_request *r = &v->sums;
    const struct vigil_case c = { .domain = r->name,
                                  .sums = r->sums,
                                  .len = r->sums_len,
                                  .now_s = clock_wall_s(),
                                  .percent = snapshot_alert_percent(v->settings, "domain", r->name) };

    (void)events;
    if (handoff_take(v->stored) == NULL)
        return;
    if (r->status == OK)
        vigil_judge(&c, v->book);
    arena_release(&v->sums.arena);
    ask_next(v);
}

static void on_timer(struct loop_timer *t)
{
    ask_next(CONTAINER_OF(t, struct vigil, timer));
}

struct vigil *vigil_new(struct loop *loop, struct store *store, struct alert_book *book, struct snapshot *settings)
{
    struct vigil *v = NEW(struct vigil);

    v->loop = loop;
    v->store = store;
    v->book = book;
    v->settings = settings;
    v->timer.fire = on_timer;
    v->stored = handoff_new();
    v->stored_io.ready = on_stored;
    loop_watch(loop, &v->stored_io, handoff_fd(v->stored), LOOP_READ);
    loop_timer_set(loop, &v->timer, FIRST_MS);
    return v;
}

void vigil_adopt(struct vigil *v, struct snapshot *fresh)
{
    snapshot_release(v->settings);
    v->settings = fresh;
}

void vigil_free(struct vigil *v)
{
    if (v == NULL)
        return;
    loop_timer_clear(v->loop, &v->timer);
    loop_unwatch(v->loop, &v->stored_io);
    (void)handoff_take(v->stored);
    handoff_free(v->stored);
    arena_release(&v->sums.arena);
    arena_release(&v->arena);
    snapshot_release(v->settings);
    free(v);
}
