/* domains/checks_fixture.h: the facts of a domain without a fault, to be spoilt by one. For *_test.c only. */
#ifndef STERNPOST_DOMAINS_CHECKS_FIXTURE_H
#define STERNPOST_DOMAINS_CHECKS_FIXTURE_H

#include "base/test.h"
#include "domains/checks.h"

#define DIGEST "abababababababababababababababababababababababababababababababab"
#define RECORD_TEXT "3 1 1 " DIGEST

struct spoilt { /* the facts, and where they lie, to be written to */
    struct arena arena;
    struct domain_facts f;
    struct mx_record mx[2];
    struct server_facts server[2];
    struct reverse_lookup reverse;
    struct address_facts address[2]; /* of the first server */
    struct probe_result probe[2];
    struct certificate certificate, other_certificate;
    struct slice name;
    struct address_facts other_address[1];
    struct judgement other_judgement;
    struct finding finding, dane_finding,
        host_finding; /* of all the addresses; the second by DANE, the third of the host */
    struct judgement judgement, dane_judgement, host_judgement;
    struct tlsa_record tlsa[2];
    struct slice tlsa_text[2];
    struct slice sts[2], reports[2], apex[1], stray[1];
    struct txt_facts strays[1];
    struct address_facts host_address[2];
    struct probe_result host_probe[2];
    struct rua_facts rua;
    struct caa_lookup caa;
    struct caa_record caa_records[1];
    struct name_server_facts name_servers[2];
    struct zone_facts zone;
    struct deep_facts deep;
    struct history_facts history;
    struct known_policy known[2];
    struct told_failure told[1];
    struct finding deep_finding;
};

#define GOOD_POLICY "version: STSv1\r\nmode: enforce\r\nmx: mx.ours.example\r\nmax_age: 1209600\r\n"

static struct txt_facts txt_of(const char *name, const struct slice *records, size_t len)
{
    static const unsigned one_each[] = { 1, 1, 1 };

    return (struct txt_facts){
        .name = slice_str(name),
        .outcome = len > 0 ? DNS_FOUND : DNS_NODATA,
        .is_secure = true,
        .records = records,
        .strings = one_each,
        .records_len = len,
        .ttl_s = 3600,
        .why = "",
    };
}

static struct probe_result good_probe(void)
{
    return (struct probe_result){
        .failed_at = PROBE_COMPLETE,
        .text = "",
        .greeting = "220 mx.ours.example",
        .has_session = true,
        .session = { .version = TLS_VERSION_1_3,
                     .group = "X25519",
                     .has_secure_renegotiation = true,
                     .has_extended_master_secret = true },
        .extensions = SMTP_EXT_STARTTLS,
        .extensions_inside = SMTP_EXT_REQUIRETLS,
        .mailbox_text = "",
    };
}

static void make_servers(struct spoilt *s)
{
    s->mx[0] = (struct mx_record){ SLICE_LIT("mx.ours.example"), 10 };
    s->mx[1] = (struct mx_record){ SLICE_LIT("mx2.ours.example"), 20 };
    s->probe[0] = s->probe[1] = good_probe();
    s->finding = s->host_finding = (struct finding){ .id = "cert.trust", .seen = SLICE_LIT("trusted") };
    s->dane_finding = (struct finding){ .id = "dane.match", .seen = SLICE_LIT("matched") };
    s->name = SLICE_LIT("mx.ours.example");
    s->certificate = (struct certificate){ .names = &s->name,
                                           .names_len = 1,
                                           .issuer = SLICE_LIT("CN=R3,O=Let's Encrypt,C=US"),
                                           .key = SLICE_LIT("RSA"),
                                           .key_bits = 3072,
                                           .spki = DIGEST,
                                           .not_after_s = 90 * 86400 };
    s->judgement =
        (struct judgement){ .findings = &s->finding, .findings_len = 1, .chain = &s->certificate, .chain_len = 1 };
    s->dane_judgement = s->host_judgement = s->judgement;
    s->dane_judgement.findings = &s->dane_finding;
    s->host_judgement.findings = &s->host_finding;
    s->reverse =
        (struct reverse_lookup){ .outcome = DNS_FOUND, .name = SLICE_LIT("mx.ours.example"), .is_confirmed = true };
    for (size_t i = 0; i < 2; i++)
        s->address[i] = (struct address_facts){
            .ip = i == 0 ? SLICE_LIT("2a00:5:6::1") : SLICE_LIT("5.6.7.1"),
            .is_ipv6 = i == 0,
            .is_global = true,
            .probe = &s->probe[i],
            .text = "",
            .judged = { &s->judgement, &s->dane_judgement, &s->judgement },
            .reverse = &s->reverse,
        };
    s->tlsa[0] = s->tlsa[1] = (struct tlsa_record){ 3, 1, 1, SLICE_LIT("0123456789abcdef0123456789abcdef") };
    s->tlsa_text[0] = s->tlsa_text[1] = SLICE_LIT(RECORD_TEXT);
    s->server[0] = (struct server_facts){
        .name = s->mx[0].name,
        .preference = 10,
        .text = "",
        .outcome = DNS_FOUND,
        .is_secure = true,
        .canonical = SLICE_LIT(""),
        .addresses = s->address,
        .addresses_len = 2,
        .difference = "",
        .dane = DANE_USABLE,
        .tlsa = { s->tlsa, 2, s->tlsa_text, 2, s->mx[0].name },
        .tlsa_ttl_s = 3600,
        .dane_text = "what DNS says of them",
        .reports = txt_of("_smtp._tls.mx.ours.example", NULL, 0),
    };
    s->server[1] = s->server[0];
    s->server[1].name = s->mx[1].name;
}

static void make_deep(struct spoilt *s)
{
    s->deep_finding = (struct finding){ .id = "tls.good", .seen = SLICE_LIT("good") };
    s->deep = (struct deep_facts){
        .judgement = { .findings = &s->deep_finding, .findings_len = 1, .is_known = true },
        .is_injected = DEEP_NO,
        .takes_clear = DEEP_NO,
        .clear_text = "530 5.7.0 Must issue a STARTTLS command first",
    };
    for (size_t i = 0; i < 2; i++) {
        s->address[i].deep = &s->deep;
        s->probe[i].session.is_resumed = PROBE_YES;
    }
}

static void make_history(struct spoilt *s)
{
    s->known[0] = (struct known_policy){ SLICE_LIT("20261125021500"), SLICE_LIT(GOOD_POLICY), 1000 };
    s->known[1] = (struct known_policy){ SLICE_LIT("20261101000000"),
                                         SLICE_LIT("version: STSv1\nmode: none\nmax_age: 86400\n"), 0 };
    s->told[0] = (struct told_failure){ SLICE_LIT("certificate-expired"), SLICE_LIT("mx.ours.example"), 7 };
    s->history = (struct history_facts){
        .is_own = true, .policies = s->known, .policies_len = 2, .reports = 3, .failures = s->told, .failures_len = 0
    };
    s->f.history = &s->history;
}

static void make_zone(struct spoilt *s)
{
    s->caa_records[0] = (struct caa_record){ 0, SLICE_LIT("issue"), SLICE_LIT("letsencrypt.org") };
    s->caa = (struct caa_lookup){
        .outcome = DNS_FOUND, .owner = SLICE_LIT("ours.example"), .records = s->caa_records, .records_len = 1
    };
    for (size_t i = 0; i < 2; i++)
        s->name_servers[i] = (struct name_server_facts){
            .name = i == 0 ? SLICE_LIT("ns1.ours.example") : SLICE_LIT("ns2.ours.example"),
            .ip = i == 0 ? SLICE_LIT("5.6.7.53") : SLICE_LIT("5.6.7.54"),
            .by_udp = { NAME_SERVER_ANSWERS, NAME_SERVER_ANSWERS },
            .by_tcp = NAME_SERVER_ANSWERS,
            .why = { "", "" },
        };
    s->zone = (struct zone_facts){
        .zone = SLICE_LIT("ours.example"),
        .questions = { { SLICE_LIT("_mta-sts.ours.example"), DNS_TXT },
                       { SLICE_LIT("_smtp._tls.ours.example"), DNS_TXT } },
        .servers = s->name_servers,
        .servers_len = 2,
    };
    s->f.zones[0] = &s->zone;
    s->f.zones_len = 1;
    s->server[0].caa = s->server[1].caa = s->f.policy_host.caa = &s->caa;
}

static void make_host(struct spoilt *s)
{
    for (size_t i = 0; i < 2; i++) {
        s->host_probe[i] = good_probe();
        s->host_address[i] = s->address[i];
        s->host_address[i].probe = &s->host_probe[i];
        s->host_address[i].judged = (struct judgements){ .mta_sts = &s->host_judgement };
    }
    s->f.policy_host = (struct server_facts){
        .name = SLICE_LIT("mta-sts.ours.example"),
        .text = "",
        .outcome = DNS_FOUND,
        .addresses = s->host_address,
        .addresses_len = 2,
        .difference = "",
        .dane_text = "",
    };
    s->f.policy = (struct http_facts){
        .outcome = HTTPS_ANSWERED,
        .status = 200,
        .type = "text/plain; charset=utf-8",
        .body = SLICE_LIT(GOOD_POLICY),
        .took_ms = 50,
        .why = "",
    };
}

static void make_good(struct spoilt *s)
{
    *s = (struct spoilt){ 0 };
    make_servers(s);
    s->f = (struct domain_facts){
        .domain = SLICE_LIT("ours.example"),
        .has_dnssec = true,
        .mx_outcome = DNS_FOUND,
        .mx_is_secure = true,
        .mx_why = "",
        .mx = s->mx,
        .mx_len = 1,
        .servers = s->server,
        .servers_len = 1,
        .apex = txt_of("ours.example", NULL, 0),
        .ruas = &s->rua,
        .ruas_len = 1,
        .now_s = 0,
    };
    s->sts[0] = SLICE_LIT("v=STSv1; id=20261125021500");
    s->reports[0] = SLICE_LIT("v=TLSRPTv1; rua=mailto:tlsrpt@ours.example");
    s->f.sts = txt_of("_mta-sts.ours.example", s->sts, 1);
    s->f.reports = txt_of("_smtp._tls.ours.example", s->reports, 1);
    s->rua = (struct rua_facts){
        .uri = { .scheme = TLSRPT_MAILTO,
                 .uri = SLICE_LIT("mailto:tlsrpt@ours.example"),
                 .address = SLICE_LIT("tlsrpt@ours.example") },
        .answer = RUA_TAKES,
        .text = "it takes mail",
    };
    make_host(s);
    make_zone(s);
    make_deep(s);
    make_history(s);
}

/* The gravest verdict of a check; CHECK_OK also when it has nothing to look at. */
static inline enum check_verdict verdict_of_check(struct spoilt *s, const char *id)
{
    enum check_verdict worst = CHECK_OK;
    struct check_report report;

    checks_run(&s->f, &s->arena, &report);
    for (size_t i = 0; i < report.len; i++) {
        const struct check_result *r = &report.results[i];

        if (strcmp(r->id, id) != 0 || r->verdict <= worst)
            continue;
        worst = r->verdict;
        CHECK_CASE(id, r->seen.len > 0 && r->why[0] != '\0' && r->change.len > 0);
    }
    return worst;
}

/* What a check saw, of its results that are not ok the first; "" when there is none. */
static inline struct slice seen_by_check(struct spoilt *s, const char *id)
{
    struct check_report report;

    checks_run(&s->f, &s->arena, &report);
    for (size_t i = 0; i < report.len; i++)
        if (strcmp(report.results[i].id, id) == 0 && report.results[i].verdict != CHECK_OK)
            return report.results[i].seen;
    return SLICE_LIT("");
}

struct check_case {
    const char *id;
    enum check_verdict verdict;
    void (*spoil)(struct spoilt *s);
};

/* Each case: the good domain is ok, the spoilt one is not. */
static inline void run_cases(const struct check_case *cases, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        struct spoilt s;

        make_good(&s);
        CHECK_CASE(cases[i].id, verdict_of_check(&s, cases[i].id) == CHECK_OK);
        cases[i].spoil(&s);
        if (verdict_of_check(&s, cases[i].id) != cases[i].verdict)
            fail_msg("case %zu, '%s': %s, not %s", i, cases[i].id,
                     check_verdict_name(verdict_of_check(&s, cases[i].id)), check_verdict_name(cases[i].verdict));
        arena_release(&s.arena);
    }
}

/* Every check whose id begins so has a case. */
static inline void check_all_have_cases(const struct check_case *cases, size_t len, const char *prefix)
{
    const char *id;

    for (size_t at = 0; (id = check_id_at(at)) != NULL; at++) {
        bool has_case = strncmp(id, prefix, strlen(prefix)) != 0;

        for (size_t i = 0; i < len; i++)
            has_case |= strcmp(cases[i].id, id) == 0;
        CHECK_CASE(id, has_case);
    }
}

#endif
