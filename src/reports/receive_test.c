/* From bytes to rows: who is believed, which domain it counts for, what is refused and why. */
#include "reports/receive.h"

#include "base/buf.h"
#include "base/test.h"
#include "mail/dkim.h"
#include "tlsrpt/gzip.h"

#include <jansson.h>

enum { NOW_S = 1795608000, DAY_S = 86400 }; /* 2026-11-25 12:00:00 UTC */

#define RANGE(from, to) "\"date-range\":{\"start-datetime\":\"" from "\",\"end-datetime\":\"" to "\"},"
#define YESTERDAY RANGE("2026-11-24T00:00:00Z", "2026-11-24T23:59:59Z")
#define HEAD "\"organization-name\":\"Sender Ltd\",\"contact-info\":\"tls@sender.example\",\"report-id\":\"r1\","
#define POLICY(type, domain, good, bad)                                                                               \
    "{\"policy\":{\"policy-type\":\"" type "\",\"policy-domain\":\"" domain "\"},\"summary\":{"                       \
    "\"total-successful-session-count\":" #good ",\"total-failure-session-count\":" #bad "}}"
#define REPORT(range, policies) "{" HEAD range "\"policies\":[" policies "]}"
#define STS POLICY("sts", "example.org", 90, 0)

static struct fixture {
    struct arena arena;
    struct snapshot *settings;
    struct receive_context c;
    struct mail_dkim_key key;
    struct receive_mx mx;
    const struct receive_mx *known; /* NULL: MX must be asked for */
} f;

static const struct receive_mx *mx_of(void *ctx, struct slice domain)
{
    (void)ctx;
    CHECK(slice_eq(domain, SLICE_LIT("example.org")));
    return f.known;
}

static int set_up(void **state)
{
    static const struct slice mx_name = { "mx1.example.org", 15 };
    const struct setting_row rows[] = {
        { .kind = SLICE_LIT("domain"), .name = SLICE_LIT("example.org"), .after = SLICE_LIT("{}") },
        { .kind = SLICE_LIT("domain"), .name = SLICE_LIT("xn--bcher-kva.example"), .after = SLICE_LIT("{}") },
    };
    struct fault why = { "" };

    (void)state;
    f = (struct fixture){ .mx = { &mx_name, 1 } };
    f.known = &f.mx;
    if (snapshot_new(rows, COUNT_OF(rows), 1, &f.settings, &why) != OK)
        fail_msg("%s", why.text);
    f.c = (struct receive_context){
        .settings = f.settings,
        .hostname = SLICE_LIT("gw.example.org"),
        .now_s = NOW_S,
        .import_since_s = NOW_S - 400 * DAY_S,
        .verifier = mail_dkim_verifier_new(),
        .mx_of = mx_of,
    };
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mail_dkim_verifier_free((struct mail_dkim_verifier *)(uintptr_t)f.c.verifier);
    snapshot_release(f.settings);
    arena_release(&f.arena);
    return 0;
}

static struct receive_results judge_item(struct receive_item item)
{
    struct receive_item *kept = ARENA_NEW(&f.arena, struct receive_item);
    struct receive_found *found = ARENA_NEW(&f.arena, struct receive_found);
    struct receive_results out;
    struct fault why = { "" };

    *kept = item;
    if (receive_open(kept, &f.arena, found, &why) != OK)
        fail_msg("%s", why.text);
    receive_judge(found, &f.c, &f.arena, &out);
    return out;
}

static struct receive_results judge(const char *json)
{
    return judge_item((struct receive_item){
        .channel = RECEIVED_BY_HTTPS, .bytes = slice_str(json), .source = SLICE_LIT("192.0.2.7") });
}

static bool contains(struct slice all, const char *part)
{
    return part[0] == '\0' || (all.len > 0 && memmem(all.ptr, all.len, part, strlen(part)) != NULL);
}

/* -- what becomes of a report ---------------------------------------------------------------------------------------
 */

static const struct {
    const char *name, *json;
    const char *refused; /* why, in part; NULL: it is kept */
    const char *note;    /* in part */
    bool is_summed;
    unsigned success;
} cases[] = {
    { "plain", REPORT(YESTERDAY, STS), NULL, "by HTTPS nothing tells", true, 90 },
    { "RPT-04: a domain not ours", REPORT(YESTERDAY, POLICY("sts", "else.example", 1, 0)),
      "'else.example' is no domain of ours", "", false, 0 },
    { "RPT-04: a subdomain", REPORT(YESTERDAY, POLICY("sts", "sub.example.org", 1, 0)), "is no domain of ours", "",
      false, 0 },
    { "one policy of two", REPORT(YESTERDAY, POLICY("sts", "else.example", 1, 0) "," STS), NULL,
      "policy 1 was left out: 'else.example'", true, 90 },
    { "a policy that cannot be read", REPORT(YESTERDAY, "7," STS), NULL, "1 of its policies cannot be read", true,
      90 },
    { "all of them", REPORT(YESTERDAY, "7"), "no policy is good", "", false, 0 },
    { "U-labels",
      REPORT(YESTERDAY, POLICY("sts",
                               "B\xc3\xbc"
                               "cher.Example.",
                               5, 0)),
      NULL, "", true, 5 },
    { "TLSA of an MX", REPORT(YESTERDAY, STS "," POLICY("tlsa", "mx1.example.org", 7, 0)), NULL, "", true, 97 },
    { "TLSA of our own name", REPORT(YESTERDAY, POLICY("tlsa", "gw.example.org", 7, 0)), NULL, "", true, 7 },
    { "TLSA of some other host", REPORT(YESTERDAY, STS "," POLICY("tlsa", "mx.else.example", 7, 0)), NULL,
      "'mx.else.example' is no domain of ours, nor a mail server of one", true, 90 },
    { "no policy-domain",
      REPORT(YESTERDAY, STS ",{\"policy\":{\"policy-type\":\"no-policy-found\"},\"summary\":{"
                            "\"total-successful-session-count\":3}}"),
      NULL, "", true, 93 },
    { "no domain at all", REPORT(YESTERDAY, "{\"policy\":{\"policy-type\":\"sts\"}}"), "it names no domain", "", false,
      0 },
    { "RPT-07: of 1971", REPORT(RANGE("1971-01-01T00:00:00Z", "1971-01-01T23:59:59Z"), STS), "it ended on 1971-01-01",
      "", false, 0 },
    { "RPT-07: of 2100", REPORT(RANGE("2100-01-01T00:00:00Z", "2100-01-01T23:59:59Z"), STS), "it ends on 2100-01-01",
      "", false, 0 },
    { "RPT-07: ends before it begins", REPORT(RANGE("2026-11-25T00:00:00Z", "2026-11-24T00:00:00Z"), STS),
      "ends before it begins", "", false, 0 },
    { "RPT-07: ten years", REPORT(RANGE("2016-11-24T00:00:00Z", "2026-11-24T23:59:59Z"), STS), NULL,
      "its period is longer than two days", false, 90 },
    { "a week", REPORT(RANGE("2026-11-18T00:00:00Z", "2026-11-24T23:59:59Z"), STS), NULL,
      "its period is longer than two days", false, 90 },
    { "from the first event on", REPORT(RANGE("2026-11-24T13:37:11Z", "2026-11-25T13:37:11Z"), STS), NULL, "", true, 90 },
    { "two days", REPORT(RANGE("2026-11-23T00:00:00Z", "2026-11-24T23:59:59Z"), STS), NULL, "", true, 90 },
    { "no period", REPORT("", STS), NULL, "it does not tell of which period", false, 90 },
    { "no zone, next midnight", REPORT(RANGE("2026-11-24T00:00:00", "2026-11-25T00:00:00"), STS), NULL, "", true, 90 },
    { "RPT-03: counts beyond all", REPORT(YESTERDAY, POLICY("sts", "example.org", 9000000000000000000, 0)), NULL,
      "was cut", true, 0 },
    { "sums that differ",
      REPORT(YESTERDAY, "{\"policy\":{\"policy-type\":\"sts\",\"policy-domain\":\"example.org\"},"
                        "\"summary\":{\"total-failure-session-count\":2},\"failure-details\":[{"
                        "\"result-type\":\"x\",\"failed-session-count\":5}]}"),
      NULL, "its failures add up to 5, while the total says 2", true, 0 },
    { "no JSON", "{]", "no JSON", "", false, 0 },
    { "not a report", "{\"a\":1}", "'policies' is missing", "", false, 0 },
};

TEST(reports)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct receive_results got = judge(cases[i].json);

        CHECK_CASE(cases[i].name, got.len == 1);
        if (cases[i].refused != NULL) {
            if (!got.items[0].is_refused || !contains(got.items[0].why, cases[i].refused))
                fail_msg("case '%s': %.*s", cases[i].name, SLICE_FMT(got.items[0].why));
            continue;
        }
        if (got.items[0].is_refused || !contains(got.items[0].row.notes, cases[i].note))
            fail_msg("case '%s': %.*s %.*s", cases[i].name, SLICE_FMT(got.items[0].why),
                     SLICE_FMT(got.items[0].row.notes));
        CHECK_CASE(cases[i].name, got.items[0].row.is_summed == cases[i].is_summed && !got.items[0].row.is_verified);
        CHECK_CASE(cases[i].name, cases[i].success == 0 || got.items[0].row.success == cases[i].success);
    }
}

TEST(row_is_whole)
{
    struct receive_results got = judge(REPORT(
        YESTERDAY,
        "{\"policy\":{\"policy-type\":\"sts\",\"policy-domain\":\"example.org\"},"
        "\"summary\":{\"total-successful-session-count\":8,\"total-failure-session-count\":2},\"failure-details\":[{"
        "\"result-type\":\"certificate-expired\",\"receiving-mx-hostname\":\"MX1.example.org\",\"receiving-ip\":\"192."
        "0.2.1\","
        "\"sending-mta-ip\":\"198.51.100.1\",\"failure-reason-code\":\"late\",\"failed-session-count\":2}]}"));
    const struct received_row *row = &got.items[0].row;
    struct slice text;

    CHECK_STR(row->domain, "example.org");
    CHECK_STR(row->reporter, "sender.example");
    CHECK_STR(row->day, "2026-11-24");
    CHECK_STR(row->source, "ip:192.0.2.7");
    CHECK_STR(row->organization, "Sender Ltd");
    CHECK_INT(row->start_s, NOW_S - DAY_S - DAY_S / 2);
    CHECK_INT(row->end_s, NOW_S - DAY_S / 2 - 1);
    CHECK(row->policies_len == 1 && slice_eq(row->policies[0].type, SLICE_LIT("sts")) &&
          row->policies[0].failure == 2);
    CHECK_INT(row->failures_len, 1);
    CHECK_STR(row->failures[0].mx, "mx1.example.org");
    CHECK_STR(row->failures[0].reason, "late");
    CHECK_INT(row->failures[0].count, 2);
    CHECK_INT(row->hash.len, 32);
    CHECK_INT(gzip_unpack(row->document, 1 << 20, &f.arena, &text, NULL), OK);
    CHECK(contains(text, "certificate-expired"));
}

/* A report about two domains of ours is a row for each. */
TEST(two_domains)
{
    struct receive_results got = judge(REPORT(
        YESTERDAY, STS "," POLICY("sts", "xn--bcher-kva.example", 4, 1) "," POLICY("tlsa", "example.org", 6, 0)));

    CHECK_INT(got.len, 2);
    CHECK_STR(got.items[0].row.domain, "example.org");
    CHECK_INT(got.items[0].row.success, 96);
    CHECK_STR(got.items[1].row.domain, "xn--bcher-kva.example");
    CHECK_INT(got.items[1].row.failure, 1);
}

/* Only the mail exchangers of the domain tell whose policy by TLSA it is. */
TEST(asks_for_mx)
{
    struct receive_results got;

    f.known = NULL;
    got = judge(REPORT(YESTERDAY, STS "," POLICY("tlsa", "mx1.example.org", 7, 0)));
    CHECK_STR(got.wants_mx_of, "example.org");
    f.known = &f.mx;
    got = judge(REPORT(YESTERDAY, STS "," POLICY("tlsa", "mx1.example.org", 7, 0)));
    CHECK_STR(got.wants_mx_of, "");
    CHECK_STR(got.items[0].row.policies[1].domain, "mx1.example.org");
}

/* All is judged again once the answer is there: of a mail with many reports none is read in vain. */
TEST(what_waits_for_mx_reads_no_further)
{
    struct receive_results got;
    const struct receive_item item = {
        .bytes = SLICE_LIT("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n" REPORT(
            YESTERDAY, STS
            "," POLICY("tlsa", "mx1.example.org", 7, 0)) "\r\n--b\r\n\r\n" REPORT(YESTERDAY, STS) "\r\n--b--\r\n")
    };

    f.known = NULL;
    got = judge_item(item);
    CHECK_STR(got.wants_mx_of, "example.org");
    CHECK_INT(got.len, 1);
    f.known = &f.mx;
    got = judge_item(item);
    CHECK_STR(got.wants_mx_of, "");
    CHECK_INT(got.len, 2);
}

/* What the mail was taken apart into goes before its results do. */
TEST(results_outlive_what_was_opened)
{
    struct receive_item item = {
        .bytes =
            SLICE_LIT("Content-Type: application/json; name=\"a!example.org!1!2.json\"\r\n\r\n" REPORT(YESTERDAY, STS))
    };
    struct arena opened = { 0 };
    struct receive_found found;
    struct receive_results got;
    struct fault why;

    CHECK_INT(receive_open(&item, &opened, &found, &why), OK);
    receive_judge(&found, &f.c, &f.arena, &got);
    arena_release(&opened);
    CHECK_INT(got.len, 1);
    CHECK_STR(got.items[0].name, "a!example.org!1!2.json");
}

/* What comes with it tells the domain where no policy does. */
TEST(domain_from_elsewhere)
{
    const char *json = REPORT(YESTERDAY, POLICY("tlsa", "mx1.example.org", 7, 0));
    const struct receive_item items[] = {
        { .bytes = slice_str(json), .name = SLICE_LIT("sender.example!example.org!1!2.json") },
        { .bytes = slice_str(json), .mailbox = SLICE_LIT("example.org") },
    };

    for (size_t i = 0; i < COUNT_OF(items); i++) {
        struct receive_results got = judge_item(items[i]);

        CHECK(got.len == 1 && !got.items[0].is_refused);
        CHECK_STR(got.items[0].row.domain, "example.org");
    }
    CHECK(judge(json).items[0].is_refused);
}

TEST(many_failures)
{
    struct receive_results got;
    struct buf b;

    buf_init(&b, 4 << 20);
    CHECK_INT(buf_addf(&b,
                       "{%s\"policies\":[{\"policy\":{\"policy-type\":\"sts\",\"policy-domain\":\"example.org\"},"
                       "\"failure-details\":[",
                       HEAD YESTERDAY),
              OK);
    for (int i = 0; i < 3000; i++)
        CHECK_INT(buf_addf(&b,
                           "%s{\"result-type\":\"%s\",\"receiving-mx-hostname\":\"mx%d\",\"failed-session-count\":1}",
                           i > 0 ? "," : "", i % 2 ? "a" : "b", i),
                  OK);
    CHECK_INT(buf_add(&b, SLICE_LIT("]}]}")), OK);
    got = judge_item((struct receive_item){ .bytes = buf_slice(&b) });
    CHECK_INT(got.items[0].row.failures_len, 500);
    CHECK_INT(got.items[0].row.failure, 3000);
    CHECK_INT(got.items[0].row.failures[499].count + got.items[0].row.failures[498].count, 2502);
    buf_release(&b);
}

TEST(old_ones_are_imported)
{
    const char *json = REPORT(RANGE("2025-12-24T00:00:00Z", "2025-12-24T23:59:59Z"), STS);
    struct receive_item item = { .channel = RECEIVED_BY_IMPORT, .bytes = slice_str(json), .is_vouched = true };
    struct receive_results got = judge_item(item);

    CHECK(!got.items[0].is_refused && got.items[0].row.is_verified);
    CHECK_STR(got.items[0].row.reporter, "sender.example");
    CHECK(contains(got.items[0].row.notes, "by whoever imported it"));
    CHECK_STR(got.items[0].row.source, "");
    item.channel = RECEIVED_BY_MAIL;
    CHECK(judge_item(item).items[0].is_refused);
}

/* -- mail -----------------------------------------------------------------------------------------------------------
 */

/* A mail with the report, signed by `signer`; its key in f.key. */
static struct slice write_mail(const char *header, const char *signer)
{
    struct slice text = arena_printf(&f.arena, "%sSubject: x\r\nContent-Type: application/tlsrpt+json\r\n\r\n%s\r\n",
                                     header, REPORT(YESTERDAY, STS));
    struct mail_dkim_signer *s;
    struct buf pem, record, field;
    struct slice mail;

    if (signer == NULL)
        return text;
    buf_init(&pem, MAIL_DKIM_PEM_MAX);
    buf_init(&record, 1024);
    buf_init(&field, 1 << 16);
    CHECK_INT(mail_dkim_key_generate(MAIL_DKIM_ED25519_SHA256, &pem), OK);
    CHECK_INT(mail_dkim_key_record(buf_slice(&pem), &record, NULL), OK);
    CHECK_INT(mail_dkim_signer_new(slice_str(signer), SLICE_LIT("s1"), buf_slice(&pem), &s, NULL), OK);
    CHECK_INT(mail_dkim_sign(s, text, 1700000000, &field, NULL), OK);
    mail = arena_printf(&f.arena, "%.*s%.*s", SLICE_FMT(buf_slice(&field)), SLICE_FMT(text));
    f.key = (struct mail_dkim_key){ arena_printf(&f.arena, "s1._domainkey.%s", signer),
                                    arena_copy(&f.arena, buf_slice(&record)) };
    f.c.keys = &f.key;
    f.c.keys_len = 1;
    mail_dkim_signer_free(s);
    buf_release(&pem);
    buf_release(&record);
    buf_release(&field);
    return mail;
}

/* RPT-05 */
static const struct {
    const char *name, *header, *signer, *why; /* why NULL: verified */
    const char *reporter;
} mails[] = {
    { "signed by From's domain", "From: a@sender.example\r\n", "sender.example", NULL, "sender.example" },
    { "by the domain above", "From: a@mail.sender.example\r\n", "sender.example", NULL, "sender.example" },
    { "by the submitter", "From: a@else.example\r\nTLS-Report-Submitter: sender.example\r\n", "sender.example", NULL,
      "sender.example" },
    { "by somebody else", "From: a@sender.example\r\n", "evil.example",
      "signed by evil.example, but it says to be from sender.example", "sender.example" },
    { "by a name that only ends alike", "From: a@sender.example\r\n", "evilsender.example",
      "signed by evilsender.example", "sender.example" },
    { "by nobody", "From: a@sender.example\r\n", NULL, "the mail has no DKIM signature", "sender.example" },
    { "of two authors", "From: a@sender.example, b@else.example\r\n", "sender.example", "says to be from nobody",
      "sender.example" },
    { "it speaks for itself", "From: a@other.example\r\n", "other.example", NULL, "other.example" },
};

TEST(mail_is_verified)
{
    for (size_t i = 0; i < COUNT_OF(mails); i++) {
        struct slice mail = write_mail(mails[i].header, mails[i].signer);
        struct receive_results got = judge_item((struct receive_item){ .channel = RECEIVED_BY_MAIL, .bytes = mail });

        CHECK_CASE(mails[i].name, got.len == 1 && !got.items[0].is_refused);
        if (got.items[0].row.is_verified != (mails[i].why == NULL) ||
            (mails[i].why != NULL && !contains(got.items[0].why, mails[i].why)))
            fail_msg("case '%s': %.*s", mails[i].name, SLICE_FMT(got.items[0].why));
        CHECK_STR(got.items[0].row.reporter, mails[i].reporter);
    }
}

TEST(nothing_in_it)
{
    const struct receive_item item = { .bytes = SLICE_LIT("Subject: hello\r\n\r\nHow are you?\r\n") };
    struct receive_found found;
    struct fault why;

    CHECK_INT(receive_open(&item, &f.arena, &found, &why), ERR_SYNTAX);
}

#define CASE(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
RUN_TESTS(CASE(reports), CASE(row_is_whole), CASE(two_domains), CASE(asks_for_mx),
          CASE(what_waits_for_mx_reads_no_further), CASE(results_outlive_what_was_opened), CASE(domain_from_elsewhere),
          CASE(many_failures), CASE(old_ones_are_imported), CASE(mail_is_verified), CASE(nothing_in_it))
