#include "domains/checks_fixture.h"

#define E CHECK_ERROR
#define W CHECK_WARNING
#define A CHECK_ADVICE
#define N CHECK_NOT_TESTABLE

#define SPOIL(name, statement)                                                                                        \
    static void name(struct spoilt *s)                                                                                \
    {                                                                                                                 \
        statement;                                                                                                    \
    }

/* -- TLS reporting -- */

static void set_reports(struct spoilt *s, const char *text)
{
    s->reports[0] = slice_str(text);
    s->f.ruas_len = 0;
}
SPOIL(no_reports, (s->f.reports = txt_of("_smtp._tls.ours.example", NULL, 0), s->f.ruas_len = 0))
SPOIL(reports_unknown, (s->f.reports.outcome = DNS_FAILED, s->f.reports.records_len = 0))
SPOIL(reports_forged, (s->f.reports.outcome = DNS_BOGUS, s->f.reports.records_len = 0))
SPOIL(two_reports, (s->reports[1] = SLICE_LIT("v=TLSRPTv1; rua=mailto:b@ours.example"), s->f.reports.records_len = 2))
SPOIL(no_rua, set_reports(s, "v=TLSRPTv1; ruf=mailto:a@ours.example"))
SPOIL(bad_version, set_reports(s, "v=tlsrptv1; rua=mailto:a@ours.example"))
SPOIL(other_text, (s->reports[1] = SLICE_LIT("v=spf1 -all"), s->f.reports.records_len = 2))
SPOIL(reports_at_apex, (s->apex[0] = SLICE_LIT("v=TLSRPTv1; rua=mailto:a@ours.example"),
                        s->f.apex = txt_of("ours.example", s->apex, 1)))
static void reports_astray(struct spoilt *s)
{
    s->stray[0] = SLICE_LIT("v=TLSRPTv1; rua=mailto:a@ours.example");
    s->strays[0] = txt_of("_smtp-tls.ours.example", s->stray, 1);
    s->f.strays = s->strays;
    s->f.strays_len = 1;
}
SPOIL(no_scheme, set_reports(s, "v=TLSRPTv1; rua=tlsrpt@ours.example"))
SPOIL(bad_scheme, set_reports(s, "v=TLSRPTv1; rua=ftp://ours.example/,mailto:a@ours.example"))
SPOIL(two_addresses, set_reports(s, "v=TLSRPTv1; rua=mailto:a@ours.example,mailto:b@ours.example"))
SPOIL(same_address, set_reports(s, "v=TLSRPTv1; rua=mailto:a@ours.example,mailto:a@ours.example"))
SPOIL(mailbox_refused, s->rua.answer = RUA_REFUSES)
SPOIL(mailbox_nowhere, s->rua.answer = RUA_NOWHERE)
SPOIL(mailbox_unclear, s->rua.answer = RUA_UNCLEAR)
SPOIL(web_nowhere, (s->rua.uri.scheme = TLSRPT_HTTPS, s->rua.answer = RUA_NOWHERE))
SPOIL(kept_out, s->judgement.worst = SEVERITY_ERROR)
SPOIL(sample_address, set_reports(s, "v=TLSRPTv1; rua=mailto:tlsrpt@solarmora.com"))
SPOIL(sample_begins, set_reports(s, "v=TLSRPTv1; rua=mailto:tlsrpt@domain.com.br,mailto:a@example.community"))
SPOIL(sample_ends, set_reports(s, "v=TLSRPTv1; rua=mailto:tlsrpt@mydomain.com"))
SPOIL(sample_ended, set_reports(s, "v=TLSRPTv1; rua=https://your-domain.com/x"))

static const struct check_case report_cases[] = {
    { "rpt.txt.exists", A, no_reports },
    { "rpt.txt.exists", N, reports_unknown },
    { "rpt.txt.exists", E, reports_forged },
    { "rpt.txt.one", E, two_reports },
    { "rpt.txt.syntax", E, no_rua },
    { "rpt.txt.syntax", E, bad_version },
    { "rpt.txt.other", W, other_text },
    { "rpt.txt.apex", W, reports_at_apex },
    { "rpt.txt.apex", E, reports_astray },
    { "rpt.rua.scheme", E, no_scheme },
    { "rpt.rua.scheme", E, bad_scheme },
    { "rpt.rua.count", A, two_addresses },
    { "rpt.rua.dup", W, same_address },
    { "rpt.rua.mail", E, mailbox_refused },
    { "rpt.rua.mail", E, mailbox_nowhere },
    { "rpt.rua.mail", N, mailbox_unclear },
    { "rpt.rua.https", E, web_nowhere },
    { "rpt.rua.loop", W, kept_out },
    { "rpt.order", W, no_reports },
    { "lint.sample", E, sample_address },
    { "lint.sample", CHECK_OK, sample_begins },
    { "lint.sample", CHECK_OK, sample_ends },
    { "lint.sample", E, sample_ended },
};

TEST(checks_of_reporting)
{
    run_cases(report_cases, COUNT_OF(report_cases));
    check_all_have_cases(report_cases, COUNT_OF(report_cases), "rpt.txt");
    check_all_have_cases(report_cases, COUNT_OF(report_cases), "rpt.rua");
    check_all_have_cases(report_cases, COUNT_OF(report_cases), "rpt.o");
    check_all_have_cases(report_cases, COUNT_OF(report_cases), "lint.");
}

/* -- the record of MTA-STS -- */

SPOIL(no_sts, s->f.sts = txt_of("_mta-sts.ours.example", NULL, 0))
SPOIL(sts_unknown, (s->f.sts.outcome = DNS_FAILED, s->f.sts.records_len = 0))
SPOIL(two_sts, (s->sts[1] = SLICE_LIT("v=STSv1; id=2"), s->f.sts.records_len = 2))
SPOIL(small_letters, s->sts[0] = SLICE_LIT("v=stsv1; id=1"))
SPOIL(bad_id, s->sts[0] = SLICE_LIT("v=STSv1; id=2026-11-25"))
SPOIL(no_id, s->sts[0] = SLICE_LIT("v=STSv1;"))
SPOIL(long_id, s->sts[0] = SLICE_LIT("v=STSv1; id=123456789012345678901234567890123"))
SPOIL(two_ids, s->sts[0] = SLICE_LIT("v=STSv1; id=1; id=2"))
SPOIL(further_field, s->sts[0] = SLICE_LIT("v=STSv1; id=1; x=y"))
SPOIL(sts_other, (s->sts[1] = SLICE_LIT("v=spf1 -all"), s->f.sts.records_len = 2))
static void sts_at_apex(struct spoilt *s)
{
    s->apex[0] = s->sts[0];
    s->f.apex = txt_of("ours.example", s->apex, 1);
    no_sts(s);
}
SPOIL(dangling,
      (s->f.sts = txt_of("_mta-sts.ours.example", NULL, 0), s->f.sts.canonical = SLICE_LIT("nowhere.example")))
SPOIL(day_long, s->f.sts.ttl_s = 86400)
static const unsigned two_strings[] = { 2 };
SPOIL(cut_well, s->f.sts.strings = two_strings)
SPOIL(cut_badly, (s->f.sts.strings = two_strings, s->sts[0] = SLICE_LIT("v=STSv1;id=20261125v=1")))

static const struct check_case sts_cases[] = {
    { "sts.txt.exists", W, no_sts },
    { "sts.txt.exists", N, sts_unknown },
    { "sts.txt.one", E, two_sts },
    { "sts.txt.prefix", E, small_letters },
    { "sts.txt.id", E, bad_id },
    { "sts.txt.id", E, no_id },
    { "sts.txt.id", E, long_id },
    { "sts.txt.syntax", W, two_ids },
    { "sts.txt.syntax", A, further_field },
    { "sts.txt.join", CHECK_OK, cut_well },
    { "sts.txt.join", E, cut_badly },
    { "sts.txt.other", W, sts_other },
    { "sts.txt.apex", E, sts_at_apex },
    { "sts.txt.cname", E, dangling },
    { "sts.txt.ttl", A, day_long },
};

TEST(checks_of_sts_record)
{
    run_cases(sts_cases, COUNT_OF(sts_cases));
    check_all_have_cases(sts_cases, COUNT_OF(sts_cases), "sts.txt");
}

/* Shown is the record that was meant, not one that happens to stand beside it. */
TEST(checks_show_the_misspelt_record)
{
    struct spoilt s;

    make_good(&s);
    s.sts[0] = SLICE_LIT("v=spf1 -all");
    s.sts[1] = SLICE_LIT("v=stsv1; id=1");
    s.f.sts.records_len = 2;
    CHECK_STR(seen_by_check(&s, "sts.txt.prefix"), "no record begins with 'v=STSv1;' exactly: 'v=stsv1; id=1'");
    arena_release(&s.arena);
}

/* -- the host -- */

static void host_fails(struct spoilt *s, enum https_outcome outcome)
{
    s->f.policy = (struct http_facts){ .outcome = outcome, .type = "", .why = "it failed" };
}
SPOIL(no_host, (s->f.policy_host.addresses_len = 0, s->f.policy_host.text = "none", host_fails(s, HTTPS_NO_ADDRESS)))
static void no_host_no_record(struct spoilt *s)
{
    no_sts(s);
    s->host_probe[0].failed_at = s->host_probe[1].failed_at = PROBE_CONNECT;
    s->host_address[0].text = s->host_address[1].text = "nobody there";
}
SPOIL(host_unknown,
      (s->f.policy_host.addresses_len = 0, s->f.policy_host.text = "none", s->f.policy_host.outcome = DNS_FAILED))
SPOIL(one_down, (s->host_probe[0].failed_at = PROBE_CONNECT, s->host_address[0].text = "nobody there"))
static void host_no_way(struct spoilt *s)
{
    one_down(s);
    s->host_probe[0].has_no_route = true;
}
SPOIL(host_unshaken, (s->host_probe[0].failed_at = PROBE_HANDSHAKE, s->host_address[0].text = "alert"))
SPOIL(host_old, s->host_probe[0].session.version = TLS_VERSION_1_0)
static void spoil_host(struct spoilt *s, const char *id, enum severity severity)
{
    s->host_finding =
        (struct finding){ .id = id, .severity = severity, .seen = SLICE_LIT("bad"), .advice = SLICE_LIT("mend it") };
}
SPOIL(host_misnamed, spoil_host(s, "cert.name", SEVERITY_ERROR))
SPOIL(host_expired, spoil_host(s, "cert.expiry", SEVERITY_ERROR))
SPOIL(host_expires, spoil_host(s, "cert.expiry", SEVERITY_WARNING))
SPOIL(host_incomplete, spoil_host(s, "chain.incomplete", SEVERITY_ERROR))
SPOIL(host_broken, host_fails(s, HTTPS_BROKEN))
SPOIL(not_found, s->f.policy.status = 404)
SPOIL(moved, s->f.policy.status = 302)
SPOIL(html, s->f.policy.type = "text/html")
SPOIL(untyped, s->f.policy.type = "")
SPOIL(packed, (host_fails(s, HTTPS_BROKEN), s->f.policy.is_encoded = true))
SPOIL(login, s->f.policy.status = 401)
SPOIL(too_large, host_fails(s, HTTPS_TOO_LARGE))
SPOIL(timed_out, host_fails(s, HTTPS_TIMEOUT))
SPOIL(slow, s->f.policy.took_ms = 7000)

static const struct check_case host_cases[] = {
    { "sts.host.resolve", E, no_host },        { "sts.host.resolve", N, host_unknown },
    { "sts.host.reach", W, one_down },         { "sts.host.reach", A, no_host_no_record },
    { "sts.host.reach", N, host_no_way },
    { "sts.host.tls", E, host_unshaken },      { "sts.host.tls", W, host_old },
    { "sts.host.cert", E, host_misnamed },     { "sts.host.cert.days", E, host_expired },
    { "sts.host.cert.days", W, host_expires }, { "sts.host.chain", E, host_incomplete },
    { "sts.http.encoding", E, packed },        { "sts.http.encoding", E, login },
    { "sts.http.answer", CHECK_OK, packed },   { "sts.http.200", CHECK_OK, login },
    { "sts.http.answer", E, host_broken },     { "sts.http.200", E, not_found },
    { "sts.http.redirect", E, moved },         { "sts.http.type", E, html },
    { "sts.http.type", E, untyped },           { "sts.http.size", E, too_large },
    { "sts.http.time", E, timed_out },         { "sts.http.time", W, slow },
};

TEST(checks_of_policy_host)
{
    run_cases(host_cases, COUNT_OF(host_cases));
    check_all_have_cases(host_cases, COUNT_OF(host_cases), "sts.host");
    check_all_have_cases(host_cases, COUNT_OF(host_cases), "sts.http");
}

/* -- the policy: the file instead of the good one, and what comes of it -- */

#define HEAD "version: STSv1\n"
#define MX "mx: mx.ours.example\n"
#define AGE "max_age: 1209600\n"

static const struct {
    const char *id;
    enum check_verdict verdict;
    const char *text;
} files[] = {
    { "sts.pol.syntax", E, "" },
    { "sts.pol.version", E, "mode: enforce\n" MX AGE },
    { "sts.pol.version", E, "version: STSv2\nmode: enforce\n" MX AGE },
    { "sts.pol.version", W, "mode: enforce\n" HEAD MX AGE },
    { "sts.pol.mode", E, HEAD MX AGE },
    { "sts.pol.mode", E, HEAD "mode: ENFORCE\n" MX AGE },
    { "sts.pol.mode.state", A, HEAD "mode: testing\n" MX AGE },
    { "sts.pol.mode.state", A, HEAD "mode: none\n" AGE },
    { "sts.pol.maxage", E, HEAD "mode: enforce\n" MX },
    { "sts.pol.maxage", E, HEAD "mode: enforce\n" MX "max_age: 31557601\n" },
    { "sts.pol.maxage", E, HEAD "mode: enforce\n" MX "max_age: a week\n" },
    { "sts.pol.maxage.low", W, HEAD "mode: enforce\n" MX "max_age: 604800\n" },
    { "sts.pol.maxage.low", CHECK_OK, HEAD "mode: testing\n" MX "max_age: 604800\n" },
    { "sts.pol.maxage.low", W, HEAD "mode: testing\n" MX "max_age: 3600\n" },
    { "sts.pol.mx", E, HEAD "mode: enforce\n" AGE },
    { "sts.pol.mx", CHECK_OK, HEAD "mode: none\n" AGE },
    { "sts.pol.mx", E, HEAD "mode: enforce\nmx: *.example\n" MX AGE },
    { "sts.pol.mx", E, HEAD "mode: enforce\nmx: m\xc3\xbcller.example\n" MX AGE },
    { "sts.pol.dup", W, HEAD "mode: enforce\nmode: none\n" MX AGE },
    { "sts.pol.dup", CHECK_OK, HEAD "mode: enforce\n" MX MX AGE },
    { "sts.pol.unknown", A, HEAD "mode: enforce\nmaxage: 3\n" MX AGE },
    { "sts.pol.lines", W, HEAD "\nmode: enforce\n" MX AGE },
    { "sts.pol.lines", W, HEAD "mode: enforce\r\n" MX AGE },
    { "sts.pol.lines", W, HEAD "mode enforce\n" MX AGE },
    { "sts.pol.lines", E, "\xef\xbb\xbf" HEAD "mode: enforce\n" MX AGE },
    { "sts.pol.cover", E, HEAD "mode: enforce\nmx: mx.elsewhere.example\n" AGE },
    { "sts.pol.cover", W, HEAD "mode: testing\nmx: mx.elsewhere.example\n" AGE },
    { "sts.pol.cover", CHECK_OK, HEAD "mode: enforce\nmx: *.ours.example\n" AGE },
    { "sts.pol.stale", A, HEAD "mode: enforce\nmx: old.ours.example\n" MX AGE },
    { "sts.pol.deep", E, HEAD "mode: enforce\nmx: *.example\n" AGE },
    { "lint.sample", E, HEAD "mode: enforce\nmx: mail.solarmora.com\n" MX AGE },
};

TEST(checks_of_policy)
{
    struct spoilt s;

    for (size_t i = 0; i < COUNT_OF(files); i++) {
        make_good(&s);
        CHECK_CASE(files[i].id, verdict_of_check(&s, files[i].id) == CHECK_OK);
        s.f.policy.body = slice_str(files[i].text);
        CHECK_CASE(files[i].text, verdict_of_check(&s, files[i].id) == files[i].verdict);
        arena_release(&s.arena);
    }
    make_good(&s);
    s.f.policy.body = SLICE_LIT(HEAD "mode: enforce\n" MX AGE "\0");
    CHECK(verdict_of_check(&s, "sts.pol.lines") == E);
    arena_release(&s.arena);
}

SPOIL(unready, s->judgement.worst = SEVERITY_ERROR)
SPOIL(unready_testing, (unready(s), s->f.policy.body = SLICE_LIT(HEAD "mode: testing\n" MX AGE)))
SPOIL(unready_alone, (unready(s), no_sts(s)))
SPOIL(wildcard_mx, s->f.has_wildcard_mx = true)
SPOIL(wildcard_mx_alone, (wildcard_mx(s), no_sts(s)))

static const struct check_case ready_cases[] = {
    { "sts.mx.ready", E, unready },
    { "sts.mx.ready", W, unready_testing },
    { "sts.mx.ready", A, unready_alone },
    { "sts.pol.sub", A, wildcard_mx },
    { "sts.pol.sub", CHECK_OK, wildcard_mx_alone },
};

TEST(checks_of_policy_against_servers)
{
    run_cases(ready_cases, COUNT_OF(ready_cases));
    check_all_have_cases(ready_cases, COUNT_OF(ready_cases), "sts.mx");
}

/* -- what is remembered -- */

SPOIL(id_forgotten, s->known[0].text = SLICE_LIT(HEAD "mode: enforce\n" MX "mx: mx2.ours.example\n" AGE))
SPOIL(mode_forgotten, s->known[0].text = SLICE_LIT(HEAD "mode: testing\n" MX AGE))
SPOIL(order_alone, (s->f.policy.body = SLICE_LIT(HEAD "mode: enforce\n" MX "mx: a.ours.example\n" AGE),
                    s->known[0].text = SLICE_LIT(HEAD "mode: enforce\nmx: a.ours.example\n" MX AGE)))
SPOIL(id_changed, (id_forgotten(s), s->known[0].id = SLICE_LIT("20261102000000")))
SPOIL(id_reused, s->sts[0] = SLICE_LIT("v=STSv1; id=20261101000000"))
SPOIL(nothing_known, s->history.policies_len = 0)
SPOIL(no_daemon, s->f.history = NULL)
SPOIL(no_reports_yet, s->history.reports = 0)
SPOIL(no_reports_of_others, (s->history.reports = 0, s->history.is_own = false))
SPOIL(told_of, s->history.failures_len = 1)

static const struct check_case history_cases[] = {
    { "sts.id.history", E, id_forgotten },
    { "sts.id.history", E, mode_forgotten },
    { "sts.id.history", CHECK_OK, order_alone },
    { "sts.id.history", CHECK_OK, id_changed },
    { "sts.id.history", CHECK_OK, no_daemon },
    { "sts.id.history", CHECK_OK, nothing_known },
    { "sts.id.reused", W, id_reused },
    { "rpt.received", A, no_reports_yet },
    { "rpt.received", CHECK_OK, no_reports_of_others },
    { "cons.reports", W, told_of },
};

TEST(checks_of_what_is_remembered)
{
    run_cases(history_cases, COUNT_OF(history_cases));
    check_all_have_cases(history_cases, COUNT_OF(history_cases), "sts.id");
    check_all_have_cases(history_cases, COUNT_OF(history_cases), "rpt.received");
    check_all_have_cases(history_cases, COUNT_OF(history_cases), "cons.");
}

TEST(checks_every_policy_check_has_a_case)
{
    struct check_case all[COUNT_OF(files) + COUNT_OF(ready_cases)];

    memcpy(all, ready_cases, sizeof ready_cases);
    for (size_t i = 0; i < COUNT_OF(files); i++)
        all[COUNT_OF(ready_cases) + i] = (struct check_case){ .id = files[i].id };
    check_all_have_cases(all, COUNT_OF(all), "sts.pol");
}

RUN_TESTS(T(checks_of_reporting), T(checks_of_sts_record), T(checks_show_the_misspelt_record),
          T(checks_of_policy_host), T(checks_of_policy), T(checks_of_policy_against_servers),
          T(checks_of_what_is_remembered), T(checks_every_policy_check_has_a_case))
