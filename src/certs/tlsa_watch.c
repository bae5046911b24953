#include "certs/tlsa_watch.h"

#include "base/memory.h"
#include "certs/tlsa_match.h"

#include <stdio.h>

static void on_answer(struct resolver_query *q, const struct dns_answer *a);

struct tlsa_watch *tlsa_watch_new(struct resolver *r, struct slice question, int64_t (*wall_s)(void))
{
    struct tlsa_watch *w = NEW(struct tlsa_watch);

    w->resolver = r;
    w->wall_s = wall_s;
    w->question = slice_of(mem_str(question), question.len);
    w->query.done = on_answer;
    return w;
}

void tlsa_watch_free(struct tlsa_watch *w)
{
    if (w == NULL)
        return;
    if (w->is_open)
        resolver_cancel(w->resolver, &w->query);
    free((char *)(uintptr_t)w->question.ptr);
    arena_release(&w->arena);
    free(w);
}

static const struct watched_record *find(const struct tlsa_watch *w, struct slice text)
{
    for (size_t i = 0; i < w->records_len; i++) {
        if (slice_eq(w->records[i].text, text))
            return &w->records[i];
    }
    return NULL;
}

static bool is_usable(const struct tlsa_set *set, const struct tlsa_record *r)
{
    for (size_t i = 0; i < set->records_len; i++) {
        const struct tlsa_record *u = &set->records[i];

        if (u->usage == r->usage && u->selector == r->selector && u->type == r->type && slice_eq(u->data, r->data))
            return true;
    }
    return false;
}

/* One record of the answer; a new one counts from now, and waits as long as the former answer may live. */
static bool make_record(const struct tlsa_watch *w, struct slice rdata, int64_t ttl_s, struct arena *arena,
                        struct watched_record *out)
{
    const struct watched_record *before;

    *out = (struct watched_record){ .seen_s = w->wall_s(), .wait_s = w->has_answer ? w->ttl_s : ttl_s };
    if (!tlsa_read(arena_copy(arena, rdata), &out->record))
        return false;
    out->text = tlsa_text(&out->record, arena);
    before = find(w, out->text);
    if (before != NULL) {
        out->seen_s = before->seen_s;
        out->wait_s = before->wait_s;
    }
    return true;
}

static void take_records(struct tlsa_watch *w, const struct dns_answer *a)
{
    size_t len = a->records_len < TLSA_MOST ? a->records_len : TLSA_MOST, kept = 0;
    struct arena arena = { 0 };
    struct watched_record *records = ARENA_ARRAY(&arena, struct watched_record, len);
    struct slice *rdata = ARENA_ARRAY(&arena, struct slice, len);
    struct tlsa_set set = { 0 };

    for (size_t i = 0; i < len; i++) {
        rdata[i] = a->records[i].bytes;
        kept += make_record(w, rdata[i], a->ttl_s, &arena, &records[kept]);
    }
    w->state = tlsa_choose(rdata, len, &arena, &set);
    for (size_t i = 0; i < kept; i++)
        records[i].is_usable = is_usable(&set, &records[i].record);
    arena_release(&w->arena);
    w->arena = arena;
    w->records = records;
    w->records_len = kept;
    w->gone_s = 0;
}

static void take_none(struct tlsa_watch *w)
{
    if (w->records_len > 0)
        w->gone_s = w->wall_s();
    arena_release(&w->arena);
    w->records = NULL;
    w->records_len = 0;
    w->state = DANE_NONE;
}

/* A cache tells what is left of the TTL; the longest one seen comes close to the whole. A shorter one counts when no
 * longer one was seen for twice as long as the former answers may live. */
static void note_ttl(struct tlsa_watch *w, int64_t ttl_s)
{
    int64_t now_s = w->wall_s();

    if (ttl_s < w->ttl_s && now_s - w->full_s < 2 * w->ttl_s) {
        w->lower_ttl_s = ttl_s > w->lower_ttl_s ? ttl_s : w->lower_ttl_s;
        return;
    }
    w->ttl_s = ttl_s > w->lower_ttl_s ? ttl_s : w->lower_ttl_s;
    w->full_s = now_s;
    w->lower_ttl_s = 0;
}

static void on_answer(struct resolver_query *q, const struct dns_answer *a)
{
    struct tlsa_watch *w = CONTAINER_OF(q, struct tlsa_watch, query);

    w->is_open = false;
    w->text[0] = '\0';
    switch (a->outcome) {
    case DNS_FOUND:
        if (a->is_secure)
            take_records(w, a);
        else
            take_none(w);
        break;
    case DNS_NODATA:
    case DNS_NXDOMAIN: take_none(w); break;
    case DNS_FAILED:
    case DNS_BOGUS:
        w->state = a->outcome == DNS_BOGUS ? DANE_BOGUS : DANE_FAILED;
        (void)snprintf(w->text, sizeof w->text, "%s", a->why == NULL ? dns_outcome_name(a->outcome) : a->why);
        break;
    }
    if (w->state != DANE_BOGUS && w->state != DANE_FAILED) {
        note_ttl(w, a->ttl_s);
        w->has_answer = true;
    }
    if (w->changed != NULL)
        w->changed(w->ctx);
}

void tlsa_watch_tend(struct tlsa_watch *w, int64_t every_s)
{
    int64_t now_s = w->wall_s(), age_s = now_s - w->asked_s;

    if (w->is_open || (w->state != DANE_UNKNOWN && age_s >= 0 && age_s < every_s))
        return;
    w->is_open = true;
    w->asked_s = now_s;
    resolver_ask(w->resolver, &w->query, w->question, DNS_TLSA);
}
