#include "domains/checks_private.h"

#include "base/memory.h"
#include "certs/certificate.h"

#include <stdio.h>

enum { TOLD_MAX = 1000, SHOWN_MAX = 200 };

static const struct check_group *const groups[] = { &checks_mx,          &checks_name_servers, &checks_tls,
                                                    &checks_deep,        &checks_certificate,  &checks_dane,
                                                    &checks_reports,     &checks_sts_record,   &checks_policy_host,
                                                    &checks_policy,      &checks_history };

const char *check_verdict_name(enum check_verdict v)
{
    static const char *const names[] = { "ok", "advice", "not testable", "warning", "error" };

    return names[v];
}

static void add(struct checking *c, const struct check_result *r)
{
    if (c->len == c->cap) {
        struct check_result *larger = ARENA_ARRAY(c->arena, struct check_result, 2 * c->cap);

        memcpy(larger, c->results, c->len * sizeof *larger);
        c->results = larger;
        c->cap *= 2;
    }
    c->results[c->len++] = *r;
}

void checking_tell(struct checking *c, enum check_verdict v, struct slice where, struct slice change, const char *fmt,
                   ...)
{
    char text[TOLD_MAX];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (v != CHECK_OK && change.len == 0)
        change = slice_str(c->check->change);
    add(c, &(struct check_result){
               .id = c->check->id,
               .group = c->group->name,
               .verdict = v,
               .where = where,
               .seen = arena_copy(c->arena, slice_str(text)),
               .why = c->check->why,
               .change = v == CHECK_OK ? SLICE_LIT("") : change,
           });
}

void checking_tell_finding(struct checking *c, enum check_verdict v, struct slice where, struct slice change,
                           const struct finding *f)
{
    checking_tell(c, v, where, change.len > 0 ? change : f->advice, "%.*s", SLICE_FMT(f->seen));
    if (f->why.len > 0)
        c->results[c->len - 1].why = arena_copy(c->arena, f->why).ptr;
}

struct slice checking_shown(struct checking *c, struct slice foreign)
{
    struct slice text = certificate_escape(slice_first(foreign, SHOWN_MAX), c->arena);

    return foreign.len > SHOWN_MAX ? arena_printf(c->arena, "%.*s...", SLICE_FMT(text)) : text;
}

struct slice checking_place(struct checking *c, const struct server_facts *s, const struct address_facts *a)
{
    return arena_printf(c->arena, "%.*s (%.*s)", SLICE_FMT(s->name), SLICE_FMT(a->ip));
}

bool checking_is_out_of_reach(struct checking *c, const struct server_facts *s, const struct address_facts *a)
{
    if (a->probe->has_no_route)
        checking_tell(c, CHECK_NOT_TESTABLE, checking_place(c, s, a),
                      SLICE_LIT("check from a machine that has IPv6 and IPv4"),
                      "this machine has no way to %s addresses", a->is_ipv6 ? "IPv6" : "IPv4");
    return a->probe->has_no_route;
}

bool checking_has_policy(const struct checking *c)
{
    return c->sts == RECORD_VALID && c->policy_status == OK && c->policy.mode != STS_MODE_NONE;
}

bool checking_is_enforced(const struct checking *c)
{
    return checking_has_policy(c) && c->policy.mode == STS_MODE_ENFORCE;
}

enum check_verdict checking_weight(const struct checking *c)
{
    if (checking_is_enforced(c))
        return CHECK_ERROR;
    return checking_has_policy(c) ? CHECK_WARNING : CHECK_ADVICE;
}

bool checking_dns(struct checking *c, const struct txt_facts *txt)
{
    if (txt->outcome == DNS_BOGUS)
        checking_tell(c, CHECK_ERROR, txt->name, SLICE_LIT("sign the zone anew, or mend the DS record at the parent"),
                      "DNSSEC says that the answer is forged: %s", txt->why);
    else if (txt->outcome == DNS_FAILED)
        checking_tell(c, CHECK_NOT_TESTABLE, txt->name,
                      SLICE_LIT("try again; if it stays so, see to the name servers"), "DNS gave no answer: %s",
                      txt->why);
    return txt->outcome != DNS_BOGUS && txt->outcome != DNS_FAILED;
}

static void look_ahead(struct checking *c)
{
    const struct domain_facts *f = c->f;
    const struct http_facts *p = &f->policy;

    c->sts = sts_record_choose(f->sts.records, f->sts.records_len, c->sts_id, &c->sts_why);
    c->reports =
        tlsrpt_record_choose(f->reports.records, f->reports.records_len, c->arena, &c->report_record, &c->reports_why);
    c->policy_status = ERR_NOT_FOUND;
    c->has_policy_text = p->outcome == HTTPS_ANSWERED && p->status == 200;
    if (!c->has_policy_text)
        return;
    policy_text_read(p->body, c->arena, &c->text);
    c->policy_status = sts_policy_parse(p->body, c->arena, &c->policy, &c->policy_why);
}

static void run(struct checking *c, const struct check *check)
{
    size_t before = c->len;

    c->check = check;
    if (check->run(c) && c->len == before)
        checking_tell(c, CHECK_OK, SLICE_LIT(""), AS_USUAL, "%s", check->good);
}

void checks_run(const struct domain_facts *f, struct arena *arena, struct check_report *out)
{
    struct checking c = { .f = f, .arena = arena, .cap = 64 };

    c.results = ARENA_ARRAY(arena, struct check_result, c.cap);
    look_ahead(&c);
    for (size_t g = 0; g < COUNT_OF(groups); g++) {
        c.group = groups[g];
        for (size_t i = 0; i < groups[g]->len; i++)
            run(&c, &groups[g]->checks[i]);
    }
    *out = (struct check_report){ .results = c.results, .len = c.len };
    for (size_t i = 0; i < c.len; i++)
        if (c.results[i].verdict > out->worst)
            out->worst = c.results[i].verdict;
}

const char *check_id_at(size_t at)
{
    for (size_t g = 0; g < COUNT_OF(groups); g++) {
        if (at < groups[g]->len)
            return groups[g]->checks[at].id;
        at -= groups[g]->len;
    }
    return NULL;
}
