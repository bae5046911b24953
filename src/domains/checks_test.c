#include "domains/checks_fixture.h"

#define E CHECK_ERROR
#define W CHECK_WARNING
#define A CHECK_ADVICE
#define N CHECK_NOT_TESTABLE

/* A fault is one statement on the good domain `s`. */
#define SPOIL(name, statement)                                                                                        \
    static void name(struct spoilt *s)                                                                                \
    {                                                                                                                 \
        statement;                                                                                                    \
    }

SPOIL(no_domain, s->f.mx_outcome = DNS_NXDOMAIN)
SPOIL(mx_forged, s->f.mx_outcome = DNS_BOGUS)
SPOIL(mx_unknown, s->f.mx_outcome = DNS_FAILED)
SPOIL(implicit, (s->f.mx_outcome = DNS_NODATA, s->f.mx_len = 0, s->f.is_implicit = true))
SPOIL(nothing, (s->f.mx_outcome = DNS_NODATA, s->f.mx_len = 0, s->server[0].addresses_len = 0))
SPOIL(null_among, (s->mx[1].name = SLICE_LIT(""), s->f.mx_len = 2))
SPOIL(alias, (s->server[0].is_alias = true, s->server[0].canonical = SLICE_LIT("a.example")))
SPOIL(literal, (s->mx[1].name = SLICE_LIT("5.6.7.8"), s->f.mx_len = 2))
SPOIL(twice, (s->mx[1].name = s->mx[0].name, s->f.mx_len = 2))
SPOIL(private, s->address[1].is_global = false)
SPOIL(internal, s->address[1].is_global = !(s->f.is_internal = true))
SPOIL(no_address,
      (s->server[0].addresses_len = 0, s->server[0].text = "no address", s->server[0].outcome = DNS_NODATA))
SPOIL(silent,
      (s->probe[0].failed_at = PROBE_CONNECT, s->probe[0].has_session = false, s->address[0].text = "no connection"))
static void all_silent(struct spoilt *s)
{
    silent(s);
    s->probe[1] = s->probe[0];
    s->address[1].text = "no connection";
}
static void sent_away(struct spoilt *s)
{
    silent(s);
    s->probe[0].is_unwanted = true;
}
static void no_way(struct spoilt *s)
{
    silent(s);
    s->probe[0].has_no_route = true;
}
SPOIL(nameless, (s->reverse = (struct reverse_lookup){ .outcome = DNS_NXDOMAIN, .name = SLICE_LIT("") }))
SPOIL(astray, s->reverse.is_confirmed = false)
SPOIL(name_unknown, (s->reverse = (struct reverse_lookup){ .outcome = DNS_FAILED, .name = SLICE_LIT("") }))
SPOIL(no_ipv6, s->address[0].is_ipv6 = false)
SPOIL(unsigned_domain, s->f.mx_is_secure = false)
static void resolver_blind(struct spoilt *s)
{
    s->f.has_dnssec = s->f.mx_is_secure = false;
}
SPOIL(unsigned_server, s->server[0].is_secure = false)
SPOIL(forged_server, s->server[0].outcome = DNS_BOGUS)

SPOIL(no_ehlo, (s->probe[0].failed_at = PROBE_EHLO, s->address[0].text = "502"))
SPOIL(no_starttls, (s->probe[0].failed_at = PROBE_STARTTLS, s->address[0].text = "not offered"))
static void no_starttls_for_us(struct spoilt *s)
{
    no_starttls(s);
    s->probe[0].is_unwanted = true;
}
SPOIL(no_handshake, (s->probe[0].failed_at = PROBE_HANDSHAKE, s->address[0].text = "alert"))
SPOIL(mute_inside, (s->probe[0].failed_at = PROBE_INSIDE, s->address[0].text = "closed"))
SPOIL(old_version, s->probe[1].session.version = TLS_VERSION_1_1)
SPOIL(rsa_exchange, memcpy(s->probe[1].session.group, "RSA", 4))
SPOIL(old_renegotiation, s->probe[1].session.has_secure_renegotiation = false)
SPOIL(different, s->server[0].difference = "one shows this, the other that")
SPOIL(no_requiretls, s->probe[1].extensions_inside = 0)

/* What certs/judge.h found, as grave as it is for the policy. */
static void spoil_certificate(struct spoilt *s, const char *id)
{
    s->finding = (struct finding){
        .id = id, .severity = SEVERITY_ERROR, .seen = SLICE_LIT("bad"), .advice = SLICE_LIT("mend it")
    };
    s->judgement.worst = SEVERITY_ERROR;
}
SPOIL(untrusted, spoil_certificate(s, "cert.self-signed"))
SPOIL(misnamed, spoil_certificate(s, "cert.name"))
SPOIL(expired, spoil_certificate(s, "cert.expiry"))
SPOIL(incomplete, spoil_certificate(s, "chain.incomplete"))
SPOIL(weak_key, spoil_certificate(s, "cert.key"))
SPOIL(weak_signature, spoil_certificate(s, "cert.sig"))
SPOIL(old_root, spoil_certificate(s, "cert.root"))
SPOIL(not_for_servers, spoil_certificate(s, "cert.usage"))
SPOIL(long_life, spoil_certificate(s, "cert.life"))
static void misnamed_testing(struct spoilt *s)
{
    misnamed(s);
    s->f.policy.body = SLICE_LIT("version: STSv1\nmode: testing\nmx: mx.ours.example\nmax_age: 604800\n");
}
/* Without a policy the records of DANE alone count, and usage 3 does not look at the name. */
static void misnamed_dane(struct spoilt *s)
{
    misnamed(s);
    s->f.sts = txt_of("_mta-sts.ours.example", NULL, 0);
}
static void misnamed_nobody_looks(struct spoilt *s)
{
    misnamed_dane(s);
    s->finding.severity = SEVERITY_ADVICE;
    s->address[0].judged.dane = s->address[1].judged.dane = NULL;
    s->server[0].dane = DANE_NONE;
}

SPOIL(tlsa_forged, s->server[0].dane = DANE_BOGUS)
SPOIL(tlsa_unanswered, s->server[0].dane = DANE_FAILED)
SPOIL(tlsa_vain, (s->server[0].dane = DANE_NONE, s->server[0].has_unsigned_tlsa = true))
SPOIL(tlsa_none, s->server[0].dane = DANE_NONE)
SPOIL(tlsa_mixed, (s->f.servers_len = 2, s->server[1].dane = DANE_NONE))
SPOIL(tlsa_short, s->tlsa_text[1] = SLICE_LIT("3 1 1 abcd"))
SPOIL(tlsa_selector, s->tlsa_text[1] = SLICE_LIT("3 7 1 " DIGEST))
SPOIL(tlsa_garbage, s->tlsa_text[1] = SLICE_LIT("what"))
SPOIL(tlsa_usage, s->tlsa_text[1] = SLICE_LIT("1 1 1 " DIGEST))
SPOIL(tlsa_useless,
      (s->tlsa_text[0] = s->tlsa_text[1] = SLICE_LIT("0 1 1 " DIGEST), s->server[0].dane = DANE_UNUSABLE))
SPOIL(mismatch, s->dane_finding.severity = SEVERITY_ERROR)
SPOIL(anchor_chain, (s->dane_finding.id = "dane.ta", s->dane_finding.severity = SEVERITY_ERROR,
                     s->dane_finding.advice = SLICE_LIT("mend")))
SPOIL(one_record, s->server[0].tlsa.records_len = 1)
SPOIL(long_ttl, (s->server[0].tlsa_ttl_s = 86400, s->certificate.not_after_s = 5 * 86400))
SPOIL(short_key, s->certificate.key_bits = 1024)
SPOIL(host_unreported, (s->server[0].name = SLICE_LIT("mx.provider.example")))

static void spoil_deep(struct spoilt *s, const char *id, enum severity severity)
{
    s->deep_finding = (struct finding){ .id = id,
                                        .severity = severity,
                                        .seen = SLICE_LIT("bad"),
                                        .why = SLICE_LIT("it is bad"),
                                        .advice = SLICE_LIT("mend it") };
}
SPOIL(ssl, spoil_deep(s, "tls.ssl", SEVERITY_ERROR))
SPOIL(bad_cipher, spoil_deep(s, "tls.cipher", SEVERITY_ERROR))
SPOIL(cbc, spoil_deep(s, "tls.cipher", SEVERITY_ADVICE))
SPOIL(bad_order, spoil_deep(s, "tls.order", SEVERITY_WARNING))
SPOIL(known, spoil_deep(s, "tls.known", SEVERITY_WARNING))
SPOIL(old_version_too, spoil_deep(s, "tls.version", SEVERITY_WARNING))
SPOIL(static_exchange, spoil_deep(s, "tls.kex", SEVERITY_WARNING))
SPOIL(old_renegotiation_too, spoil_deep(s, "tls.reneg", SEVERITY_WARNING))
SPOIL(untested, spoil_deep(s, "tls.untested", SEVERITY_ADVICE))
SPOIL(injected, s->deep.is_injected = DEEP_YES)
SPOIL(unresumed, s->probe[1].session.is_resumed = PROBE_NO)
SPOIL(takes_clear, s->deep.takes_clear = DEEP_YES)
SPOIL(no_closer_look, s->address[0].deep = s->address[1].deep = NULL)

SPOIL(sends_nothing, (s->apex[0] = SLICE_LIT("v=spf1 -all"), s->f.apex = txt_of("ours.example", s->apex, 1)))

SPOIL(name_server_silent, s->name_servers[1].by_udp[0] = s->name_servers[1].by_udp[1] = NAME_SERVER_SILENT)
static void name_server_fails(struct spoilt *s)
{
    s->name_servers[1].by_udp[1] = NAME_SERVER_FAILS;
    s->name_servers[1].why[1] = "SERVFAIL";
}
static void name_server_fails_at_all(struct spoilt *s)
{
    name_server_fails(s);
    s->name_servers[1].by_udp[0] = NAME_SERVER_FAILS;
    s->name_servers[1].why[0] = "REFUSED";
}
static void name_servers_silent(struct spoilt *s)
{
    name_server_silent(s);
    s->name_servers[0] = s->name_servers[1];
}
/* No way to IPv6 from here says nothing of the server. */
SPOIL(name_server_unasked, s->name_servers[1].by_udp[0] = s->name_servers[1].by_tcp = NAME_SERVER_UNASKED)
SPOIL(name_server_by_udp_alone, s->name_servers[1].by_tcp = NAME_SERVER_SILENT)

SPOIL(caa_none, (s->caa.outcome = DNS_NODATA, s->caa.records_len = 0))
SPOIL(caa_unanswered, (s->caa.outcome = DNS_FAILED, s->caa.records_len = 0))
SPOIL(caa_others, s->caa_records[0].value = SLICE_LIT("digicert.com"))
SPOIL(caa_nobody, s->caa_records[0].value = SLICE_LIT(";"))
SPOIL(caa_unclear, s->certificate.issuer = SLICE_LIT("CN=Keys of the House"))
static void caa_no_wildcard(struct spoilt *s)
{
    s->caa_records[0] = (struct caa_record){ 0, SLICE_LIT("issuewild"), SLICE_LIT(";") };
    s->name = SLICE_LIT("*.ours.example");
}
static void caa_self_signed(struct spoilt *s)
{
    caa_nobody(s);
    s->certificate.is_self_signed = true;
}

static void two_keys(struct spoilt *s)
{
    s->f.servers_len = 2;
    s->other_certificate = s->certificate;
    s->other_certificate.spki[0] = 'f';
    s->other_judgement = s->judgement;
    s->other_judgement.chain = &s->other_certificate;
    s->other_address[0] = s->address[0];
    s->other_address[0].judged.mta_sts = &s->other_judgement;
    s->server[1].addresses = s->other_address;
    s->server[1].addresses_len = 1;
}
static void two_keys_apart(struct spoilt *s)
{
    two_keys(s);
    s->server[1].tlsa.texts_len = 1;
}

static const struct check_case cases[] = {
    { "mx.exists", E, no_domain },
    { "mx.exists", E, mx_forged },
    { "mx.exists", N, mx_unknown },
    { "mx.exists", A, implicit },
    { "mx.exists", E, nothing },
    { "mx.null", E, null_among },
    { "mx.cname", W, alias },
    { "mx.ip", E, literal },
    { "mx.dup", W, twice },
    { "mx.private", E, private },
    { "mx.private", A, internal },
    { "mx.addr", E, no_address },
    { "mx.addr", W, silent },
    { "mx.addr", E, all_silent },
    { "mx.addr", N, sent_away },
    { "mx.addr", N, no_way },
    { "mx.ptr", W, nameless },
    { "mx.ptr", W, astray },
    { "mx.ptr", N, name_unknown },
    { "mx.ipv6", A, no_ipv6 },
    { "mx.parked", A, sends_nothing },
    { "dns.ns", W, name_server_silent },
    { "dns.ns", E, name_server_fails },
    { "dns.ns", E, name_server_fails_at_all },
    { "dns.ns", N, name_servers_silent },
    { "dns.ns", CHECK_OK, name_server_unasked },
    { "dns.tcp", CHECK_OK, name_server_unasked },
    { "dns.tcp", W, name_server_by_udp_alone },
    { "dns.signed", A, unsigned_domain },
    { "dns.signed", A, unsigned_server },
    { "dns.signed", E, forged_server },
    { "dns.signed", N, resolver_blind },
    { "tls.ehlo", E, no_ehlo },
    { "tls.offer", E, no_starttls },
    { "tls.offer", N, no_starttls_for_us },
    { "tls.handshake", E, no_handshake },
    { "tls.after", E, mute_inside },
    { "tls.version", E, old_version },
    { "tls.kex", W, rsa_exchange },
    { "tls.reneg", W, old_renegotiation },
    { "tls.version", W, old_version_too },
    { "tls.kex", W, static_exchange },
    { "tls.reneg", W, old_renegotiation_too },
    { "tls.ssl", E, ssl },
    { "tls.cipher", E, bad_cipher },
    { "tls.cipher", A, cbc },
    { "tls.order", W, bad_order },
    { "tls.known", W, known },
    { "tls.untested", N, untested },
    { "tls.inject", E, injected },
    { "tls.resume", A, unresumed },
    { "tls.refuse", A, takes_clear },
    { "tls.inject", CHECK_OK, no_closer_look },
    { "tls.sni", W, different },
    { "tls.requiretls", A, no_requiretls },
    { "cert.trust", E, untrusted },
    { "cert.name", E, misnamed },
    { "cert.name", W, misnamed_testing },
    { "cert.name", CHECK_OK, misnamed_dane },
    { "cert.name", A, misnamed_nobody_looks },
    { "cert.expiry", E, expired },
    { "cert.chain", E, incomplete },
    { "cert.key", E, weak_key },
    { "cert.sig", E, weak_signature },
    { "cert.root", E, old_root },
    { "cert.usage", E, not_for_servers },
    { "cert.life", E, long_life },
    { "cert.caa", A, caa_none },
    { "cert.caa", W, caa_unanswered },
    { "cert.caa", E, caa_others },
    { "cert.caa", E, caa_nobody },
    { "cert.caa", A, caa_unclear },
    { "cert.caa", E, caa_no_wildcard },
    { "cert.caa", CHECK_OK, caa_self_signed },
    { "cert.same", A, two_keys },
    { "cert.same", CHECK_OK, two_keys_apart },
    { "dane.signed", E, tlsa_forged },
    { "dane.signed", W, tlsa_unanswered },
    { "dane.signed", W, tlsa_vain },
    { "dane.each", A, tlsa_none },
    { "dane.each", W, tlsa_mixed },
    { "dane.fields", E, tlsa_short },
    { "dane.fields", E, tlsa_selector },
    { "dane.fields", E, tlsa_garbage },
    { "dane.usage", W, tlsa_usage },
    { "dane.usage", E, tlsa_useless },
    { "dane.match", E, mismatch },
    { "dane.ta", E, anchor_chain },
    { "dane.rollover", A, one_record },
    { "dane.ttl", W, long_ttl },
    { "dane.weakkey", W, short_key },
    { "rpt.mx", A, host_unreported },
};

TEST(checks_of_servers)
{
    static const char *const prefixes[] = { "mx.", "dns.", "tls.", "cert.", "dane.", "rpt.mx" };

    run_cases(cases, COUNT_OF(cases));
    for (size_t i = 0; i < COUNT_OF(prefixes); i++)
        check_all_have_cases(cases, COUNT_OF(cases), prefixes[i]);
}

TEST(checks_good_domain)
{
    struct check_report report;
    struct spoilt s;

    make_good(&s);
    checks_run(&s.f, &s.arena, &report);
    for (size_t i = 0; i < report.len; i++)
        CHECK_CASE(report.results[i].id, report.results[i].verdict == CHECK_OK);
    CHECK(report.worst == CHECK_OK && report.len > 50);
    arena_release(&s.arena);
}

/* What stands in DNS does not act on a terminal. */
TEST(checks_foreign_bytes_are_printable)
{
    struct check_report report;
    struct spoilt s;

    make_good(&s);
    s.reports[1] = SLICE_LIT("v=spf1\x1b[31m\n\x9b");
    s.f.reports.records_len = 2;
    checks_run(&s.f, &s.arena, &report);
    CHECK(report.worst == CHECK_WARNING);
    for (size_t i = 0; i < report.len; i++)
        for (size_t k = 0; k < report.results[i].seen.len; k++)
            CHECK_CASE(report.results[i].id,
                       (unsigned char)report.results[i].seen.ptr[k] >= ' ' && report.results[i].seen.ptr[k] != '\x7f');
    arena_release(&s.arena);
}

/* Of a server without an address nobody knows whether its name is signed. */
TEST(checks_server_without_address_counts_not_as_signed)
{
    struct spoilt s;

    make_good(&s);
    nothing(&s);
    s.f.mx_is_secure = s.server[0].is_secure = false;
    CHECK_STR(seen_by_check(&s, "dns.signed"), "the domain is not signed with DNSSEC");
    arena_release(&s.arena);
    make_good(&s);
    s.f.mx_is_secure = false;
    CHECK_STR(seen_by_check(&s, "dns.signed"), "the domain is not signed with DNSSEC, though its servers are");
    arena_release(&s.arena);
}

/* A domain that takes no mail has no use for any of it. */
TEST(checks_null_mx)
{
    struct check_report report;
    struct spoilt s;

    make_good(&s);
    s.mx[0].name = SLICE_LIT("");
    s.f.servers_len = 0;
    s.f.ruas_len = 0;
    s.f.sts = txt_of("_mta-sts.ours.example", NULL, 0);
    s.f.reports = txt_of("_smtp._tls.ours.example", NULL, 0);
    s.f.policy_host.addresses_len = 0;
    s.f.policy = (struct http_facts){ .outcome = HTTPS_NO_ADDRESS, .type = "", .why = "none" };
    checks_run(&s.f, &s.arena, &report);
    CHECK(report.worst == CHECK_OK);
    arena_release(&s.arena);
}

RUN_TESTS(T(checks_of_servers), T(checks_good_domain), T(checks_foreign_bytes_are_printable),
          T(checks_server_without_address_counts_not_as_signed), T(checks_null_mx))
