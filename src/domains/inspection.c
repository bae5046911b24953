/* First the domain's MX and the servers of its zone, then what our resolver knows of each record, then each server about
 * each record. The look is over when nothing is under way any more. */
#include "domains/inspection.h"

#include "base/log.h"
#include "base/memory.h"
#include "domains/zone_servers.h"
#include "net/dns_ask.h"
#include "net/dns_message.h"

#include <stdlib.h>
#include <sys/random.h>

enum {
    QUESTION_MAX = 512,
    QUERIES_MOST = OWN_RECORDS_MOST + 2,
    TLSA_RECORDS_MOST = 8
};

struct query { /* to our resolver */
    struct resolver_query query;
    struct inspection *inspection;
    void (*answered)(struct query *q, const struct dns_answer *answer);
    size_t record;
    bool is_open;
};

struct asking { /* of one server */
    struct dns_ask ask;
    struct buf message;
    struct inspection *inspection;
    size_t record, server;
};

struct inspection {
    struct inspection_config config;
    struct arena arena;
    struct slice domain;
    struct zone_servers zone;
    struct snapshot *snapshot; /* held */
    const struct own_domain *settings;
    struct own_policy policy;
    bool has_policy, had_policy, is_signed, has_our_mx, knows_mx;
    struct slice tlsa[TLSA_RECORDS_MOST], tlsa_gone[TLSA_RECORDS_MOST / 2];
    struct inspected_server servers[INSPECTION_SERVERS_MOST];
    size_t servers_len;
    struct inspected_record *records;
    size_t records_len;
    struct query *queries;
    size_t queries_len;
    struct asking *askings;
    size_t askings_len;
    size_t open;                        /* queries and askings under way */
    void (*next)(struct inspection *i); /* once none is */
};

/* -- asking our resolver ------------------------------------------------------------------------------------ */

static void on_answer(struct resolver_query *rq, const struct dns_answer *answer)
{
    struct query *q = CONTAINER_OF(rq, struct query, query);
    struct inspection *i = q->inspection;

    q->is_open = false;
    q->answered(q, answer);
    if (--i->open == 0)
        i->next(i);
}

static struct query *look_up(struct inspection *i, struct slice name, enum dns_type type,
                             void (*answered)(struct query *q, const struct dns_answer *answer))
{
    struct query *q = &i->queries[i->queries_len++];

    *q = (struct query){ .query = { .done = on_answer }, .inspection = i, .answered = answered, .is_open = true };
    i->open++;
    resolver_ask(i->config.resolver, &q->query, name, type);
    return q;
}

static void copy_answer(struct arena *arena, const struct dns_answer *from, struct dns_answer *to)
{
    struct dns_record *records = ARENA_ARRAY(arena, struct dns_record, from->records_len + 1);

    *to = *from;
    to->why = NULL;
    to->canonical = SLICE_LIT("");
    for (size_t k = 0; k < from->records_len; k++)
        records[k] = (struct dns_record){ .bytes = arena_copy(arena, from->records[k].bytes),
                                          .wire = arena_copy(arena, from->records[k].wire),
                                          .name = arena_copy(arena, from->records[k].name) };
    to->records = records;
}

/* -- the end ------------------------------------------------------------------------------------------------- */

/* Of all servers that answer: the worst, but missing only where all miss it. */
static enum own_record_state judge_servers(const struct inspection *i, const struct inspected_record *r)
{
    size_t counts[OWN_RECORD_UNKNOWN + 1] = { 0 };

    for (size_t s = 0; s < i->servers_len; s++)
        counts[own_record_judge(&r->wanted, &r->by_server[s])]++;
    if (counts[OWN_RECORD_UNKNOWN] == i->servers_len)
        return OWN_RECORD_UNKNOWN;
    if (counts[OWN_RECORD_STALE] > 0)
        return OWN_RECORD_STALE;
    if (counts[OWN_RECORD_DIFFERS] > 0 || (counts[OWN_RECORD_MISSING] > 0 && counts[OWN_RECORD_OK] > 0))
        return OWN_RECORD_DIFFERS;
    if (counts[OWN_RECORD_MISSING] > 0)
        return OWN_RECORD_MISSING;
    return counts[OWN_RECORD_UNKNOWN] > 0 ? OWN_RECORD_UNKNOWN : OWN_RECORD_OK;
}

static void judge(const struct inspection *i, struct inspected_record *r)
{
    enum own_record_state cached = own_record_judge(&r->wanted, &r->cached);

    r->state = judge_servers(i, r);
    r->ttl_s = r->cached.outcome == DNS_FAILED ? 0 : r->cached.ttl_s;
    for (size_t s = 0; s < i->servers_len; s++) {
        if (r->by_server[s].outcome != DNS_FAILED && r->by_server[s].ttl_s > r->ttl_s)
            r->ttl_s = r->by_server[s].ttl_s;
    }
    if (i->servers_len == 0) {
        r->state = cached;
    } else if (r->state == OWN_RECORD_OK && (cached != OWN_RECORD_OK && cached != OWN_RECORD_UNKNOWN)) {
        r->state = OWN_RECORD_WAITS;
        r->wait_s = r->cached.ttl_s;
    }
}

static void finish(struct inspection *i)
{
    for (size_t r = 0; r < i->records_len; r++)
        judge(i, &i->records[r]);
    i->config.done(i);
}

/* -- each server about each record -------------------------------------------------------------------------- */

static void on_asked(struct dns_ask *ask)
{
    struct asking *a = CONTAINER_OF(ask, struct asking, ask);
    struct inspection *i = a->inspection;
    struct dns_answer *out = &i->records[a->record].by_server[a->server];

    if (ask->status == OK)
        dns_message_read(ask->answer, i->records[a->record].wanted.type, &i->arena, out);
    i->servers[a->server].answers |= ask->status == OK && out->outcome != DNS_FAILED;
    if (--i->open == 0)
        i->next(i);
}

static void ask_server(struct inspection *i, size_t record, size_t server)
{
    struct asking *a = &i->askings[i->askings_len++];
    uint16_t id = 0;

    (void)!getrandom(&id, sizeof id, 0);
    a->inspection = i;
    a->record = record;
    a->server = server;
    buf_init(&a->message, QUESTION_MAX);
    if (!dns_question_write(i->records[record].wanted.owner, i->records[record].wanted.type, id, &a->message))
        return;
    a->ask =
        (struct dns_ask){ .done = on_asked, .server = i->servers[server].address, .message = buf_slice(&a->message) };
    i->open++;
    dns_ask_start(&a->ask, i->config.loop);
}

static void ask_servers(struct inspection *i)
{
    i->next = finish;
    i->askings = mem_new(i->records_len * i->servers_len + 1, sizeof *i->askings);
    for (size_t r = 0; r < i->records_len; r++) {
        for (size_t s = 0; s < i->servers_len; s++) {
            i->records[r].by_server[s] = (struct dns_answer){ .outcome = DNS_FAILED };
            ask_server(i, r, s);
        }
    }
    if (i->open == 0)
        finish(i);
}

/* -- what our resolver knows ---------------------------------------------------------------------------------- */

static void on_cached(struct query *q, const struct dns_answer *answer)
{
    copy_answer(&q->inspection->arena, answer, &q->inspection->records[q->record].cached);
}

static void list_records(struct inspection *i)
{
    struct own_record wanted[OWN_RECORDS_MOST];
    const struct config *c = i->config.config;
    struct own_facts facts = { .domain = i->settings,
                               .policy = i->has_policy ? &i->policy : NULL,
                               .last = i->had_policy ? &i->policy : NULL,
                               .addresses = c->policy_host.addresses,
                               .addresses_len = c->policy_host.addresses_len,
                               .server = i->has_our_mx ? c->hostname : SLICE_LIT(""),
                               .tlsa = i->tlsa,
                               .tlsa_gone = i->tlsa_gone,
                               .is_signed = i->is_signed };

    if (i->has_our_mx && i->config.certificates != NULL) {
        facts.tlsa_len = cert_keeper_tlsa(i->config.certificates, c->hostname, &i->arena, i->tlsa, COUNT_OF(i->tlsa));
        facts.tlsa_gone_len = cert_keeper_tlsa_gone(i->config.certificates, c->hostname, &i->arena, i->tlsa_gone,
                                                    COUNT_OF(i->tlsa_gone));
    }
    i->records_len = own_records_list(&facts, &i->arena, wanted);
    i->records = ARENA_ARRAY(&i->arena, struct inspected_record, i->records_len + 1);
    for (size_t r = 0; r < i->records_len; r++)
        i->records[r].wanted = wanted[r];
}

static void look_at_records(struct inspection *i)
{
    i->next = ask_servers;
    list_records(i);
    i->open++; /* ours */
    for (size_t r = 0; r < i->records_len; r++)
        look_up(i, i->records[r].wanted.owner, i->records[r].wanted.type, on_cached)->record = r;
    if (--i->open == 0)
        i->next(i);
}

/* -- MX and the zone ----------------------------------------------------------------------------------------- */

static void on_mx(struct query *q, const struct dns_answer *answer)
{
    struct inspection *i = q->inspection;

    i->is_signed = answer->is_secure;
    i->knows_mx = answer->outcome != DNS_FAILED && answer->outcome != DNS_BOGUS;
    for (size_t k = 0; k < answer->records_len; k++)
        i->has_our_mx |= slice_eq(answer->records[k].name, i->config.config->hostname);
}

static void on_zone(struct zone_servers *z)
{
    struct inspection *i = CONTAINER_OF(z, struct inspection, zone);

    for (; i->servers_len < z->servers_len && i->servers_len < INSPECTION_SERVERS_MOST; i->servers_len++)
        i->servers[i->servers_len] = (struct inspected_server){ .name = z->servers[i->servers_len].name,
                                                                .address = z->servers[i->servers_len].address };
    if (--i->open == 0)
        i->next(i);
}

struct inspection *inspection_start(const struct inspection_config *config)
{
    struct inspection *i = NEW(struct inspection);

    i->config = *config;
    i->domain = arena_copy(&i->arena, config->domain);
    i->snapshot = snapshot_hold(policy_keeper_settings(config->keeper));
    i->settings = snapshot_own_domain(i->snapshot, i->domain);
    i->has_policy = policy_keeper_find(config->keeper, i->domain, &i->policy);
    i->had_policy = !i->has_policy && policy_keeper_last(config->keeper, i->domain, &i->policy);
    if (i->has_policy || i->had_policy) {
        i->policy.id = arena_copy(&i->arena, i->policy.id);
        i->policy.text = arena_copy(&i->arena, i->policy.text);
        i->policy.trouble = arena_copy(&i->arena, i->policy.trouble);
        i->policy.domain = i->domain;
    }
    i->queries = mem_new(QUERIES_MOST, sizeof *i->queries);
    i->next = look_at_records;
    (void)look_up(i, i->domain, DNS_MX, on_mx);
    i->zone.done = on_zone;
    i->open++;
    zone_servers_start(&i->zone, config->loop, config->resolver, i->domain);
    return i;
}

void inspection_free(struct inspection *i)
{
    if (i == NULL)
        return;
    for (size_t k = 0; k < i->queries_len; k++) {
        if (i->queries[k].is_open)
            resolver_cancel(i->config.resolver, &i->queries[k].query);
    }
    zone_servers_release(&i->zone);
    for (size_t k = 0; k < i->askings_len; k++) {
        dns_ask_release(&i->askings[k].ask);
        buf_release(&i->askings[k].message);
    }
    free(i->queries);
    free(i->askings);
    snapshot_release(i->snapshot);
    arena_release(&i->arena);
    free(i);
}

/* -- results -------------------------------------------------------------------------------------------------- */

void *inspection_ctx(const struct inspection *i)
{
    return i->config.ctx;
}

struct slice inspection_domain(const struct inspection *i)
{
    return i->domain;
}

struct slice inspection_zone(const struct inspection *i)
{
    return i->zone.zone;
}

const struct own_policy *inspection_policy(const struct inspection *i)
{
    return i->has_policy ? &i->policy : NULL;
}

enum sts_mode inspection_mode(const struct inspection *i)
{
    return i->settings->sts_mode;
}

bool inspection_is_whole(const struct inspection *i)
{
    return i->knows_mx;
}

size_t inspection_servers(const struct inspection *i, const struct inspected_server **out)
{
    *out = i->servers;
    return i->servers_len;
}

size_t inspection_records(const struct inspection *i, const struct inspected_record **out)
{
    *out = i->records;
    return i->records_len;
}
