/* What a stranger publishes, with LF LF between: the record of MTA-STS, that of TLS reporting, a TXT record of the
 * domain, a TLSA record, then the policy file. However odd, each result is a printable sentence with its remedy, and
 * what is suggested is a policy and records that senders take. */
#include "domains/checks.h"
#include "domains/suggest.h"
#include "policy/mta_sts.h"

#include "base/fuzz.h"

static struct txt_facts txt_of(const char *name, const struct slice *record)
{
    static const unsigned strings[] = { 2 };

    return (struct txt_facts){
        .name = slice_str(name), .records = record, .strings = strings, .records_len = 1, .why = ""
    };
}

static void must_be_printable(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        must((unsigned char)s.ptr[i] >= ' ' && s.ptr[i] != 0x7f);
}

static void check(const struct domain_facts *f, struct arena *arena)
{
    struct check_report report;

    checks_run(f, arena, &report);
    must(report.len > 0);
    for (size_t i = 0; i < report.len; i++) {
        const struct check_result *r = &report.results[i];

        must(r->seen.len > 0 && (r->verdict == CHECK_OK || r->change.len > 0));
        must_be_printable(r->seen);
        must_be_printable(r->change);
        must_be_printable(r->where);
    }
}

static void suggest(const struct domain_facts *f, struct arena *arena)
{
    struct suggestion s;
    struct sts_policy policy;
    struct tlsrpt_record record;
    char id[STS_ID_TEXT];
    struct fault why;

    suggest_records(f, NULL, 0, arena, &s);
    must(sts_policy_parse(s.policy.value, arena, &policy, &why) == OK);
    must(sts_policy_allows(&policy, f->servers[0].name));
    must(sts_record_choose(&s.sts.value, 1, id, &why) == RECORD_VALID);
    must(tlsrpt_record_choose(&s.reports.value, 1, arena, &record, &why) == RECORD_VALID && record.uris_len > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice in = slice_of((const char *)data, len);
    struct slice sts = fuzz_take(&in), reports = fuzz_take(&in), apex = fuzz_take(&in), tlsa = fuzz_take(&in);
    struct arena arena = { 0 };
    struct server_facts server = {
        .name = SLICE_LIT("mx.ours.example"),
        .text = "no address",
        .difference = "",
        .dane = DANE_UNUSABLE,
        .tlsa = { .texts = &tlsa, .texts_len = 1 },
        .dane_text = "",
    };
    struct domain_facts f = {
        .domain = SLICE_LIT("ours.example"),
        .mx_why = "",
        .servers = &server,
        .servers_len = 1,
        .sts = txt_of("_mta-sts.ours.example", &sts),
        .reports = txt_of("_smtp._tls.ours.example", &reports),
        .apex = txt_of("ours.example", &apex),
        .policy_host = { .name = SLICE_LIT("mta-sts.ours.example"),
                         .text = "no address",
                         .difference = "",
                         .dane_text = "" },
        .policy = { .outcome = HTTPS_ANSWERED, .status = 200, .type = "text/plain", .body = in, .why = "" },
    };

    check(&f, &arena);
    suggest(&f, &arena);
    arena_release(&arena);
    return 0;
}
