#include "domains/survey_private.h"

#include "base/memory.h"

struct survey_reverse {           /* of one address */
    struct reverse_lookup lookup; /* first */
    struct domain_survey *survey;
    struct survey_reverse *next;
};

static const struct judgement *judge(struct domain_survey *s, const struct survey *from,
                                     const struct probe_result *probe, enum judge_how how)
{
    const struct judge_context context = {
        .how = how,
        .name = from->name,
        .ca_file = s->world->ca_file,
        .tlsa = how == JUDGE_DANE ? &from->tlsa : NULL,
        .port = from->target.server.port,
        .now_s = s->facts.now_s,
    };
    struct judgement *out = ARENA_NEW(&s->arena, struct judgement);

    return judge_chain(probe->chain, probe->chain_len, &context, &s->arena, out, NULL) == OK ? out : NULL;
}

static void take_address(struct domain_survey *s, const struct survey *from, const struct survey_address *a,
                         struct address_facts *out)
{
    char ip[NET_ADDRESS_TEXT];

    *out = (struct address_facts){
        .ip = arena_copy(&s->arena, slice_str(net_address_ip(&a->address, ip))),
        .is_ipv6 = a->address.sa.any.sa_family == AF_INET6,
        .is_global = net_address_is_global(&a->address),
        .probe = a->probe,
        .text = a->text,
    };
    if (!a->probe->has_session)
        return;
    out->judged.mta_sts = a->is_judged ? &a->judgement : NULL;
    if (tls_way_is_smtp(from->target.way))
        out->judged.opportunistic = judge(s, from, a->probe, JUDGE_OPPORTUNISTIC);
    if (from->dane_state == DANE_USABLE)
        out->judged.dane = judge(s, from, a->probe, JUDGE_DANE);
}

void survey_take_server(struct domain_survey *s, const struct survey *from, struct server_facts *out)
{
    struct address_facts *all = ARENA_ARRAY(&s->arena, struct address_facts, from->addresses_len + 1);

    for (size_t i = 0; i < from->addresses_len; i++)
        take_address(s, from, &from->addresses[i], &all[i]);
    out->text = from->text;
    out->outcome = from->lookup.outcome;
    out->is_secure = from->lookup.is_secure;
    out->is_alias = from->lookup.is_alias;
    out->canonical = slice_str(from->lookup.canonical);
    out->addresses = all;
    out->addresses_len = from->addresses_len;
    out->difference = from->difference;
    out->dane = from->dane_state;
    out->tlsa = from->tlsa;
    out->tlsa_ttl_s = from->dane.result.ttl_s;
    out->dane_text = from->dane_text;
}

static void take_tlsa(struct survey_question *q, const struct dns_answer *answer)
{
    q->server->facts->has_unsigned_tlsa = answer->outcome == DNS_FOUND && !answer->is_secure;
}

static void on_reverse(struct reverse_lookup *l)
{
    survey_step_done(CONTAINER_OF(l, struct survey_reverse, lookup)->survey);
}

static void ask_reverse(struct domain_survey *s, const struct net_address *address, struct address_facts *facts)
{
    struct survey_reverse *r = ARENA_NEW(&s->arena, struct survey_reverse);

    if (!facts->is_global)
        return;
    r->survey = s;
    r->next = s->reverses;
    s->reverses = r;
    r->lookup.done = on_reverse;
    facts->reverse = &r->lookup;
    survey_step(s);
    reverse_lookup_start(&r->lookup, s->world->resolver, address);
}

static void on_server(struct server_wait *w, const struct survey *from)
{
    struct survey_server *server = CONTAINER_OF(w, struct survey_server, wait);
    struct domain_survey *s = server->survey;
    struct server_facts *f = server->facts;

    survey_take_server(s, from, f);
    for (size_t i = 0; i < f->addresses_len; i++)
        ((struct address_facts *)&f->addresses[i])->deep = server_pool_deep(w, i); /* ours until done */
    if (f->addresses_len > 0)
        survey_ask_caa(s, f->name, &f->caa);
    survey_ask_server_zone(s, f->name);
    for (size_t i = 0; i < f->addresses_len; i++)
        ask_reverse(s, &from->addresses[i].address, (struct address_facts *)&f->addresses[i]); /* ours until done */
    if (f->dane == DANE_USABLE)
        (void)survey_ask_txt(s, &f->reports, survey_below(s, "_smtp._tls.", f->name), survey_take_txt);
    else if (f->dane == DANE_NONE)
        survey_ask(s, survey_below(s, "_25._tcp.", f->name), DNS_TLSA, take_tlsa)->server = server;
    survey_step_done(s);
}

static bool is_listed(const struct domain_facts *f, struct slice name)
{
    for (size_t i = 0; i < f->servers_len; i++)
        if (slice_eq(f->servers[i].name, name))
            return true;
    return false;
}

static void look_at_servers(struct domain_survey *s, const struct mx_result *mx)
{
    struct server_facts *all = ARENA_ARRAY(&s->arena, struct server_facts, DOMAIN_SERVERS_MOST);

    s->facts.servers = all;
    for (size_t i = 0; i < mx->servers_len && s->facts.servers_len < DOMAIN_SERVERS_MOST; i++) {
        if (is_listed(&s->facts, mx->servers[i].name))
            continue;
        all[s->facts.servers_len++] = (struct server_facts){
            .name = mx->servers[i].name,
            .preference = mx->servers[i].preference,
            .text = "",
            .difference = "",
            .dane_text = "",
        };
    }
    s->servers = mem_new(s->facts.servers_len + 1, sizeof *s->servers);
    for (size_t i = 0; i < s->facts.servers_len; i++) {
        s->servers[i] = (struct survey_server){ .wait.done = on_server, .survey = s, .facts = &all[i] };
        survey_step(s);
        s->servers[i].wait.mailbox = survey_below(s, "postmaster@", s->facts.domain);
        server_pool_ask(s->world->pool, &s->servers[i].wait, all[i].name, TLS_WAY_SMTP);
    }
}

static void take_mx(struct survey_question *q, const struct dns_answer *answer)
{
    struct domain_survey *s = q->survey;
    struct mx_record *records = ARENA_ARRAY(&s->arena, struct mx_record, answer->records_len + 1);
    struct mx_result mx = { 0 };

    for (size_t i = 0; i < answer->records_len; i++)
        records[i] =
            (struct mx_record){ arena_copy(&s->arena, answer->records[i].name), answer->records[i].preference };
    s->facts.mx_outcome = answer->outcome;
    s->facts.mx_is_secure = answer->is_secure;
    s->facts.mx_why = arena_copy(&s->arena, slice_str(answer->why == NULL ? "" : answer->why)).ptr;
    s->facts.mx = records;
    s->facts.mx_len = answer->records_len;
    mx_judge(answer, s->facts.domain, SLICE_LIT(""), 0, &s->arena, &mx);
    if (mx.outcome != MX_FOUND)
        return;
    s->facts.is_implicit = mx.is_implicit;
    look_at_servers(s, &mx);
}

static void take_wildcard(struct survey_question *q, const struct dns_answer *answer)
{
    q->survey->facts.has_wildcard_mx = answer->outcome == DNS_FOUND;
}

void survey_ask_mx(struct domain_survey *s)
{
    s->facts.mx_why = "";
    (void)survey_ask(s, s->facts.domain, DNS_MX, take_mx);
    (void)survey_ask(s, survey_below(s, "*.", s->facts.domain), DNS_MX, take_wildcard);
}

void survey_release_mx(struct domain_survey *s)
{
    for (size_t i = 0; s->servers != NULL && i < s->facts.servers_len; i++)
        server_pool_drop(&s->servers[i].wait);
    free(s->servers);
    for (struct survey_reverse *r = s->reverses; r != NULL; r = r->next)
        reverse_lookup_release(&r->lookup);
}
