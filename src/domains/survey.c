#include "domains/survey.h"

#include "base/clock.h"
#include "base/memory.h"
#include "policy/mta_sts.h"

enum {
    POLICY_DEADLINE_MS = 60 * 1000,
    POST_DEADLINE_MS = 30 * 1000,
    POST_ANSWER_MOST = 64 * 1024,
    HTTP_SERVER_ERROR = 500
};

struct survey_question {
    struct resolver_query query; /* first */
    struct domain_survey *survey;
    struct survey_question *next;
    void (*take)(struct survey_question *q, const struct dns_answer *answer);
    struct txt_facts *txt; /* where it goes: of take_txt and what builds on it */
    struct survey_server *server;
};

struct survey_server {       /* one of the domain's */
    struct server_wait wait; /* first */
    struct domain_survey *survey;
    struct server_facts *facts;
};

struct survey_reverse {           /* of one address */
    struct reverse_lookup lookup; /* first */
    struct domain_survey *survey;
    struct survey_reverse *next;
};

struct survey_rua {
    struct domain_survey *survey;
    struct survey_rua *next;
    struct rua_facts *facts;
    struct mailbox mailbox;
    struct https_request web;
};

static void step(struct domain_survey *s)
{
    s->steps++;
}

/* The last thing that a callback does: the caller may release then. */
static void step_done(struct domain_survey *s)
{
    if (++s->steps_done == s->steps)
        s->done(s);
}

/* -- DNS ------------------------------------------------------------------------------------------------------ */

static void on_answer(struct resolver_query *query, const struct dns_answer *answer)
{
    struct survey_question *q = CONTAINER_OF(query, struct survey_question, query);

    q->take(q, answer);
    step_done(q->survey);
}

static struct survey_question *ask(struct domain_survey *s, struct slice name, enum dns_type type,
                                   void (*take)(struct survey_question *q, const struct dns_answer *answer))
{
    struct survey_question *q = ARENA_NEW(&s->arena, struct survey_question);

    *q = (struct survey_question){ .query.done = on_answer, .survey = s, .next = s->questions, .take = take };
    s->questions = q;
    step(s);
    resolver_ask(s->world->resolver, &q->query, name, type);
    return q;
}

static void take_txt(struct survey_question *q, const struct dns_answer *answer)
{
    struct arena *arena = &q->survey->arena;
    struct slice *records = ARENA_ARRAY(arena, struct slice, answer->records_len + 1);
    struct txt_facts *txt = q->txt;

    for (size_t i = 0; i < answer->records_len; i++)
        records[i] = arena_copy(arena, answer->records[i].bytes);
    txt->outcome = answer->outcome;
    txt->is_secure = answer->is_secure;
    txt->records = records;
    txt->records_len = answer->records_len;
    txt->ttl_s = answer->ttl_s;
    txt->why = arena_copy(arena, slice_str(answer->why == NULL ? "" : answer->why)).ptr;
    if (!slice_eq_case(answer->canonical, txt->name))
        txt->canonical = arena_copy(arena, answer->canonical);
}

static struct survey_question *ask_txt(struct domain_survey *s, struct txt_facts *txt, struct slice name,
                                       void (*take)(struct survey_question *q, const struct dns_answer *answer))
{
    struct survey_question *q = ask(s, name, DNS_TXT, take);

    *txt = (struct txt_facts){ .name = name, .why = "" };
    q->txt = txt;
    return q;
}

static struct slice below(struct domain_survey *s, const char *label, struct slice name)
{
    return arena_printf(&s->arena, "%s%.*s", label, SLICE_FMT(name));
}

/* -- records in wrong places ---------------------------------------------------------------------------------- */

static const char *const sts_strays[] = { "mta-sts.", "_mta_sts.", "_mtasts.", "_sts." };
static const char *const report_strays[] = { "_smtp-tls.", "_smtp_tls.",  "smtp._tls.", "_tls.",
                                             "_smtp.",     "_tls._smtp.", "_tlsrpt." };
enum { STRAYS_MOST = COUNT_OF(sts_strays) + COUNT_OF(report_strays) + 2 };

static void take_stray(struct survey_question *q, const struct dns_answer *answer)
{
    struct txt_facts *out = (struct txt_facts *)q->survey->facts.strays; /* ours to write until done */

    if (answer->outcome != DNS_FOUND)
        return;
    take_txt(q, answer);
    out[q->survey->facts.strays_len++] = *q->txt;
}

static void ask_stray(struct domain_survey *s, struct slice name)
{
    if (s->facts.strays == NULL)
        s->facts.strays = ARENA_ARRAY(&s->arena, struct txt_facts, STRAYS_MOST);
    ask_txt(s, ARENA_NEW(&s->arena, struct txt_facts), name, take_stray);
}

/* Where people put it who did not put it where it belongs; the name with the domain twice is a web form's doing. */
static void ask_strays(struct domain_survey *s, const char *right, const char *const *wrong, size_t wrong_len)
{
    struct slice d = s->facts.domain;

    for (size_t i = 0; i < wrong_len; i++)
        ask_stray(s, below(s, wrong[i], d));
    ask_stray(s, arena_printf(&s->arena, "%s%.*s.%.*s", right, SLICE_FMT(d), SLICE_FMT(d)));
}

static void take_sts(struct survey_question *q, const struct dns_answer *answer)
{
    char id[STS_ID_TEXT];
    struct fault why;

    take_txt(q, answer);
    if (sts_record_choose(q->txt->records, q->txt->records_len, id, &why) == RECORD_NONE)
        ask_strays(q->survey, "_mta-sts.", sts_strays, COUNT_OF(sts_strays));
}

/* -- addresses for reports ------------------------------------------------------------------------------------ */

static void on_mailbox(struct mailbox *m)
{
    struct survey_rua *r = CONTAINER_OF(m, struct survey_rua, mailbox);

    r->facts->answer = m->answer;
    r->facts->text = m->text;
    step_done(r->survey);
}

/* Only a report may be posted, and we have none: that a server is there, and proves who it is, must do. */
static void on_web(struct https_request *w)
{
    struct survey_rua *r = CONTAINER_OF(w, struct survey_rua, web);
    struct arena *arena = &r->survey->arena;

    if (w->outcome != HTTPS_ANSWERED) {
        r->facts->answer = w->outcome == HTTPS_TIMEOUT ? RUA_UNCLEAR : RUA_NOWHERE;
        r->facts->text = arena_copy(arena, slice_str(w->why.text)).ptr;
    } else {
        r->facts->answer = w->status >= HTTP_SERVER_ERROR ? RUA_UNCLEAR : RUA_TAKES;
        r->facts->text = arena_printf(arena,
                                      "'%.*s' answers, and its certificate is good; a GET of the address gives "
                                      "status %d, which says little of a POST",
                                      SLICE_FMT(w->host), w->status)
                             .ptr;
    }
    step_done(r->survey);
}

static void ask_rua(struct domain_survey *s, const struct tlsrpt_uri *uri, struct rua_facts *facts)
{
    struct survey_rua *r = NEW(struct survey_rua);

    *facts = (struct rua_facts){ .uri = *uri, .text = "" };
    r->survey = s;
    r->facts = facts;
    r->next = s->ruas;
    s->ruas = r;
    step(s);
    if (uri->scheme == TLSRPT_MAILTO) {
        r->mailbox.done = on_mailbox;
        mailbox_start(&r->mailbox, &s->world->mailbox, uri->address);
        return;
    }
    r->web = (struct https_request){
        .done = on_web,
        .host = uri->host,
        .path = uri->path,
        .answer_most = POST_ANSWER_MOST,
        .deadline_ms = POST_DEADLINE_MS,
    };
    https_start(s->world->https, &r->web);
}

static void ask_ruas(struct domain_survey *s, const struct tlsrpt_record *record)
{
    struct rua_facts *ruas = ARENA_ARRAY(&s->arena, struct rua_facts, record->uris_len + 1);

    for (size_t i = 0; i < record->uris_len; i++)
        ask_rua(s, &record->uris[i], &ruas[i]);
    s->facts.ruas = ruas;
    s->facts.ruas_len = record->uris_len;
}

static void take_reports(struct survey_question *q, const struct dns_answer *answer)
{
    struct domain_survey *s = q->survey;
    struct tlsrpt_record record;
    struct fault why;
    enum record_outcome outcome;

    take_txt(q, answer);
    outcome = tlsrpt_record_choose(q->txt->records, q->txt->records_len, &s->arena, &record, &why);
    if (outcome == RECORD_NONE)
        ask_strays(s, "_smtp._tls.", report_strays, COUNT_OF(report_strays));
    if (outcome == RECORD_VALID && s->reports.len == 0)
        ask_ruas(s, &record);
}

static void ask_wanted(struct domain_survey *s)
{
    const struct slice text = arena_copy(&s->arena, s->reports);
    struct tlsrpt_record record;
    struct fault why;

    if (tlsrpt_record_choose(&text, 1, &s->arena, &record, &why) == RECORD_VALID)
        ask_ruas(s, &record);
}

/* -- servers -------------------------------------------------------------------------------------------------- */

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

static void take_server(struct domain_survey *s, const struct survey *from, struct server_facts *out)
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

static void on_host(struct server_wait *w, const struct survey *from)
{
    struct domain_survey *s = CONTAINER_OF(w, struct domain_survey, host);

    take_server(s, from, &s->facts.policy_host);
    step_done(s);
}

static void take_tlsa(struct survey_question *q, const struct dns_answer *answer)
{
    q->server->facts->has_unsigned_tlsa = answer->outcome == DNS_FOUND && !answer->is_secure;
}

static void on_reverse(struct reverse_lookup *l)
{
    step_done(CONTAINER_OF(l, struct survey_reverse, lookup)->survey);
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
    step(s);
    reverse_lookup_start(&r->lookup, s->world->resolver, address);
}

static void on_server(struct server_wait *w, const struct survey *from)
{
    struct survey_server *server = CONTAINER_OF(w, struct survey_server, wait);
    struct domain_survey *s = server->survey;
    struct server_facts *f = server->facts;

    take_server(s, from, f);
    for (size_t i = 0; i < f->addresses_len; i++)
        ask_reverse(s, &from->addresses[i].address, (struct address_facts *)&f->addresses[i]); /* ours until done */
    if (f->dane == DANE_USABLE)
        ask_txt(s, &f->reports, below(s, "_smtp._tls.", f->name), take_txt);
    else if (f->dane == DANE_NONE)
        ask(s, below(s, "_25._tcp.", f->name), DNS_TLSA, take_tlsa)->server = server;
    step_done(s);
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
        step(s);
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

/* -- the policy ------------------------------------------------------------------------------------------------ */

static void on_policy(struct https_request *q)
{
    struct domain_survey *s = CONTAINER_OF(q, struct domain_survey, policy);

    s->facts.policy = (struct http_facts){
        .outcome = q->outcome,
        .status = q->status,
        .type = arena_copy(&s->arena, slice_str(q->type)).ptr,
        .body = q->outcome == HTTPS_ANSWERED ? arena_copy(&s->arena, buf_slice(&q->answer)) : SLICE_LIT(""),
        .took_ms = clock_mono_ms() - s->policy_ms,
        .why = q->outcome == HTTPS_ANSWERED ? "" : arena_copy(&s->arena, slice_str(q->why.text)).ptr,
    };
    step_done(s);
}

static void look_at_policy(struct domain_survey *s)
{
    struct slice host = s->facts.policy_host.name = below(s, "mta-sts.", s->facts.domain);

    s->facts.policy_host.text = s->facts.policy_host.difference = s->facts.policy_host.dane_text = "";
    s->facts.policy.type = s->facts.policy.why = "";
    s->host.done = on_host;
    step(s);
    server_pool_ask(s->world->pool, &s->host, host, TLS_WAY_HTTPS);
    s->policy_ms = clock_mono_ms();
    s->policy = (struct https_request){
        .done = on_policy,
        .host = host,
        .path = SLICE_LIT("/.well-known/mta-sts.txt"),
        .answer_most = STS_POLICY_MAX,
        .deadline_ms = POLICY_DEADLINE_MS,
    };
    step(s);
    https_start(s->world->https, &s->policy);
}

/* -- all of it --------------------------------------------------------------------------------------------------- */

void domain_survey_start(struct domain_survey *s, const struct domain_survey_world *world, struct slice domain)
{
    s->world = world;
    s->facts.domain = arena_copy(&s->arena, domain);
    s->facts.now_s = clock_wall_s();
    s->facts.mx_why = "";
    s->facts.has_dnssec = world->has_dnssec;
    s->facts.is_internal = world->mailbox.allows_private;
    ask(s, s->facts.domain, DNS_MX, take_mx);
    ask_txt(s, &s->facts.sts, below(s, "_mta-sts.", s->facts.domain), take_sts);
    ask_txt(s, &s->facts.reports, below(s, "_smtp._tls.", s->facts.domain), take_reports);
    ask_txt(s, &s->facts.apex, s->facts.domain, take_txt);
    look_at_policy(s);
    if (s->reports.len > 0)
        ask_wanted(s);
}

static void release_ruas(struct domain_survey *s)
{
    struct survey_rua *r;

    while ((r = s->ruas) != NULL) {
        s->ruas = r->next;
        mailbox_release(&r->mailbox);
        if (r->web.done != NULL) {
            https_cancel(s->world->https, &r->web);
            https_release(&r->web);
        }
        free(r);
    }
}

void domain_survey_release(struct domain_survey *s)
{
    if (s->world == NULL)
        return;
    for (struct survey_question *q = s->questions; q != NULL; q = q->next)
        resolver_cancel(s->world->resolver, &q->query);
    for (size_t i = 0; s->servers != NULL && i < s->facts.servers_len; i++)
        server_pool_drop(&s->servers[i].wait);
    free(s->servers);
    for (struct survey_reverse *r = s->reverses; r != NULL; r = r->next)
        reverse_lookup_release(&r->lookup);
    release_ruas(s);
    server_pool_drop(&s->host);
    https_cancel(s->world->https, &s->policy);
    https_release(&s->policy);
    arena_release(&s->arena);
    *s = (struct domain_survey){ 0 };
}
