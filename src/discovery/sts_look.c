#include "base/memory.h"
#include "discovery/sts_facts.h"
#include "discovery/sts_private.h"

#include <stdlib.h>

enum { REASON_MOST = 300 };

/* -- who waits ------------------------------------------------------------------------------------------------- */

static struct sts_request *request_of(struct handoff_item *item)
{
    return CONTAINER_OF(item, struct sts_request, item);
}

static bool holds(const struct sts_look *l)
{
    struct sts_entry *e = sts_cache_find(&l->sts->cache, l->domain);

    return e != NULL && sts_entry_holds(e, l->sts->wall_s());
}

static int64_t waited_ms(const struct sts_look *l)
{
    return loop_now_ms(l->sts->loop) - l->began_ms;
}

/* Those who asked, or all of them, including those who told us to look. */
static void answer(struct sts_look *l, bool all)
{
    struct handoff_item *item = l->waiting, **at = &l->waiting;

    while (item != NULL) {
        struct handoff_item *next = item->next;

        if (all || request_of(item)->verb == STS_ASK) {
            sts_answer(l->sts, request_of(item));
        } else {
            *at = item;
            at = &item->next;
        }
        item = next;
    }
    *at = NULL;
}

static void on_patience(struct loop_timer *t)
{
    struct sts_look *l = CONTAINER_OF(t, struct sts_look, patience);
    int64_t left_ms = STS_PATIENCE_MS - waited_ms(l);

    if (left_ms > 0) {
        if (holds(l))
            answer(l, false);
        loop_timer_set(l->sts->loop, t, left_ms);
        return;
    }
    l->is_patience_over = true;
    answer(l, true);
}

void sts_look_join(struct sts_look *l, struct sts_request *q)
{
    bool is_late = q->verb == STS_ASK && waited_ms(l) >= STS_PATIENCE_KEPT_MS && holds(l);

    if (l->is_patience_over || is_late) {
        sts_answer(l->sts, q);
        return;
    }
    l->is_forced = l->is_forced || q->verb == STS_REFRESH;
    q->item.next = l->waiting;
    l->waiting = &q->item;
}

/* -- its end --------------------------------------------------------------------------------------------------- */

static void close_look(struct sts_look *l)
{
    struct sts *s = l->sts;

    resolver_cancel(s->resolver, &l->query);
    sts_gate_leave(&s->gate, &l->ticket);
    sts_fetch_release(&l->fetch);
    loop_timer_clear(s->loop, &l->patience);
    (void)map_remove(&s->looks_by_domain, l->domain);
    TAILQ_REMOVE(&s->looks, l, in_list);
    s->refreshing -= l->is_for_none;
    arena_release(&l->arena);
    free(l);
}

void sts_look_drop(struct sts_look *l)
{
    answer(l, true);
    close_look(l);
}

/* A policy that is not to be kept serves those who wait for it. */
static void finish_with(struct sts_look *l, const struct sts_facts *facts)
{
    struct handoff_item *item = l->waiting;

    while (item != NULL) {
        struct handoff_item *next = item->next;

        request_of(item)->facts = sts_facts_hold(facts);
        sts_reply(request_of(item), OK);
        item = next;
    }
    l->waiting = NULL;
    close_look(l);
}

/* -- what was found, into the table ---------------------------------------------------------------------------- */

static struct sts_entry *entry_of(struct sts_look *l)
{
    return sts_cache_need(&l->sts->cache, l->domain);
}

/* The policy kept goes on to serve (RFC 8461 section 3.3: "until it expires"), with what went wrong beside it. */
static void restate(struct sts_look *l, struct sts_entry *e, int64_t checked_s, enum tls_result failure,
                    struct slice text)
{
    struct sts_facts draft = *e->kept;

    draft.checked_s = checked_s;
    draft.failure = failure;
    draft.failure_text = text;
    sts_cache_restate(&l->sts->cache, e, sts_facts_new(&draft));
}

/* There is no new policy to be had: what is kept serves, and else `finding`. */
static void note(struct sts_look *l, enum sts_finding finding, enum tls_result failure, struct slice text)
{
    struct sts_entry *e = entry_of(l);
    const struct sts_facts draft = {
        .finding = finding, .domain = l->domain, .failure = failure, .failure_text = text
    };

    if (sts_entry_holds(e, l->sts->wall_s()))
        restate(l, e, e->kept->checked_s, failure, text);
    else
        sts_cache_say(e, sts_facts_new(&draft));
}

/* The id is the one we know, or one whose policy is not to be fetched yet. */
static void note_no_fetch(struct sts_look *l, struct sts_entry *e, int64_t now_s, bool is_same)
{
    bool has_failed = e->trouble != NULL && (!is_same || slice_eq(slice_str(e->failed_id), slice_str(l->id)));

    if (!sts_entry_holds(e, now_s))
        sts_cache_say(e, sts_facts_hold(e->trouble));
    else if (has_failed)
        restate(l, e, now_s, e->trouble->failure, e->trouble->failure_text);
    else
        restate(l, e, now_s, TLS_RESULT_OK, slice_str(""));
}

static void warn_of_downgrade(struct sts_look *l, const struct sts_entry *e, const struct sts_facts *fresh)
{
    if (e->kept == NULL || fresh->policy.mode >= e->kept->policy.mode)
        return;
    atomic_fetch_add(&l->sts->tally.downgraded, 1);
    log_warning(NULL, "MTA-STS policy downgraded", LOG_STR("domain", l->domain),
                LOG_CSTR("from", sts_mode_name(e->kept->policy.mode)), LOG_STR("from_id", e->kept->id),
                LOG_CSTR("to", sts_mode_name(fresh->policy.mode)), LOG_STR("to_id", fresh->id));
}

static void forget_trouble(struct sts_entry *e)
{
    sts_entry_succeeded(e);
    sts_facts_release(e->trouble);
    e->trouble = NULL;
    sts_cache_say(e, NULL);
}

static void accept(struct sts_look *l)
{
    int64_t now_s = l->sts->wall_s();
    struct sts_entry *e = entry_of(l);
    const struct sts_policy *policy = &l->fetch.policy;
    const struct sts_facts *fresh = sts_facts_new(&(struct sts_facts){ .finding = STS_FOUND,
                                                                       .domain = l->domain,
                                                                       .id = slice_str(l->id),
                                                                       .policy = *policy,
                                                                       .fetched_s = now_s,
                                                                       .expires_s = now_s + policy->max_age_s,
                                                                       .checked_s = now_s });

    atomic_fetch_add(&l->sts->tally.fetched, 1);
    log_info(NULL, "MTA-STS policy fetched", LOG_STR("domain", l->domain), LOG_CSTR("id", l->id),
             LOG_CSTR("mode", sts_mode_name(policy->mode)), LOG_INT("max_age_s", policy->max_age_s));
    warn_of_downgrade(l, e, fresh);
    forget_trouble(e);
    if (policy->max_age_s == 0) { /* not to be kept, and what was kept is replaced by it */
        sts_cache_keep(&l->sts->cache, e, NULL);
        finish_with(l, fresh);
        sts_facts_release(fresh);
        return;
    }
    sts_cache_keep(&l->sts->cache, e, fresh);
    sts_entry_plan_refresh(e, now_s, sts_random());
    sts_look_drop(l);
}

static void refuse(struct sts_look *l)
{
    const struct sts_fetch *f = &l->fetch;
    struct sts_tally *tally = &l->sts->tally;
    struct sts_entry *e = entry_of(l);
    struct slice text = slice_str(f->why.text);
    int64_t now_s = l->sts->wall_s();

    atomic_fetch_add(f->failure == TLS_RESULT_STS_POLICY_INVALID   ? &tally->invalid
                     : f->failure == TLS_RESULT_STS_WEBPKI_INVALID ? &tally->webpki_invalid
                                                                   : &tally->fetch_failed,
                     1);
    sts_entry_failed(e, now_s, slice_str(l->id));
    sts_entry_looked(e, now_s, STS_LOOK_LEAST_S); /* another id may come before it is tried again */
    sts_facts_release(e->trouble);
    e->trouble = sts_facts_new(&(struct sts_facts){
        .finding = STS_TROUBLE, .domain = l->domain, .failure = f->failure, .failure_text = text });
    log_info(NULL, "MTA-STS policy not fetched", LOG_STR("domain", l->domain), LOG_CSTR("id", l->id),
             LOG_CSTR("result", tls_result_name(f->failure)), LOG_STR("why", text), LOG_INT("retry_s", e->hold_s));
    note(l, STS_TROUBLE, f->failure, text);
    sts_look_drop(l);
}

/* -- its way: the record, a place, the file --------------------------------------------------------------------- */

static void on_fetched(struct sts_fetch *f)
{
    struct sts_look *l = CONTAINER_OF(f, struct sts_look, fetch);

    if (f->failure == TLS_RESULT_OK)
        accept(l);
    else
        refuse(l);
}

static void on_pass(struct sts_ticket *t)
{
    struct sts_look *l = CONTAINER_OF(t, struct sts_look, ticket);

    l->fetch.done = on_fetched;
    sts_fetch_start(&l->fetch, l->sts->https, l->domain);
}

static void fetch(struct sts_look *l)
{
    l->ticket.pass = on_pass;
    if (sts_gate_enter(&l->sts->gate, &l->ticket))
        return;
    sts_entry_looked(entry_of(l), l->sts->wall_s(), STS_LOOK_LEAST_S);
    note(l, STS_TROUBLE, TLS_RESULT_STS_POLICY_FETCH_ERROR,
         SLICE_LIT("too many policies of other domains are being fetched"));
    sts_look_drop(l);
}

static void on_id(struct sts_look *l, int64_t ttl_s)
{
    int64_t now_s = l->sts->wall_s();
    struct sts_entry *e = entry_of(l);
    bool is_same = sts_entry_holds(e, now_s) && slice_eq(e->kept->id, slice_str(l->id));
    bool may_wait = is_same ? !sts_entry_refresh_is_due(e, now_s) || sts_entry_is_held_off(e, now_s, slice_str(""))
                            : sts_entry_is_held_off(e, now_s, slice_str(l->id));

    sts_entry_looked(e, now_s, ttl_s);
    if (may_wait && !l->is_forced) {
        note_no_fetch(l, e, now_s, is_same);
        sts_look_drop(l);
        return;
    }
    l->is_news = !is_same;
    if (is_same) {
        note_no_fetch(l, e, now_s, is_same);
        answer(l, false);
    }
    fetch(l);
}

static void on_no_id(struct sts_look *l, enum sts_finding finding, const char *why, int64_t ttl_s)
{
    sts_entry_looked(entry_of(l), l->sts->wall_s(), ttl_s);
    note(l, finding, TLS_RESULT_OK, slice_str(why));
    sts_look_drop(l);
}

static void on_record(struct resolver_query *q, const struct dns_answer *a)
{
    struct sts_look *l = CONTAINER_OF(q, struct sts_look, query);
    struct slice *texts = ARENA_ARRAY(&l->arena, struct slice, a->records_len);
    struct fault why = { "" };

    if (a->outcome == DNS_FAILED || a->outcome == DNS_BOGUS) {
        (void)fault_set(&why, ERR_TEMPORARY, "the TXT record of '_mta-sts.%.*s': %.*s", SLICE_FMT(l->domain),
                        REASON_MOST, a->why == NULL ? dns_outcome_name(a->outcome) : a->why);
        on_no_id(l, STS_UNKNOWN, why.text, STS_LOOK_LEAST_S);
        return;
    }
    for (size_t i = 0; i < a->records_len; i++)
        texts[i] = a->records[i].bytes;
    if (sts_record_choose(texts, a->records_len, l->id, &why) == RECORD_VALID)
        on_id(l, a->ttl_s);
    else
        on_no_id(l, STS_NOTHING, why.text, a->ttl_s);
}

struct sts_look *sts_look_find(const struct sts *s, struct slice domain)
{
    return map_get(&s->looks_by_domain, domain);
}

struct sts_look *sts_look_begin(struct sts *s, struct slice domain)
{
    struct sts_look *l = NEW(struct sts_look);

    l->sts = s;
    l->domain = arena_copy(&l->arena, domain);
    l->began_ms = loop_now_ms(s->loop);
    l->query.done = on_record;
    l->patience.fire = on_patience;
    TAILQ_INSERT_TAIL(&s->looks, l, in_list);
    (void)map_put(&s->looks_by_domain, l->domain, l);
    loop_timer_set(s->loop, &l->patience, STS_PATIENCE_KEPT_MS);
    resolver_ask(s->resolver, &l->query, arena_printf(&l->arena, "_mta-sts.%.*s", SLICE_FMT(l->domain)), DNS_TXT);
    return l;
}
