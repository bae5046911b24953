#include "policy/tls_record.h"

#include "base/test.h"

enum { RECORDS_MAX = 4 };

#define A32 "abcdefghijklmnopqrstuvwxyzABCDEF"

/* Tables hold at most RECORDS_MAX texts, the last of them followed by NULL. */
static size_t records_of(const char *const texts[RECORDS_MAX], struct slice out[RECORDS_MAX])
{
    size_t len = 0;

    while (len < RECORDS_MAX && texts[len] != NULL) {
        out[len] = slice_str(texts[len]);
        len++;
    }
    return len;
}

static const struct {
    const char *name, *texts[RECORDS_MAX];
    enum record_outcome outcome;
    const char *id_or_why;
} sts_cases[] = {
    { "as in RFC 8461 section 3.1", { "v=STSv1; id=20160831085700Z;" }, RECORD_VALID, "20160831085700Z" },
    { "no final semicolon", { "v=STSv1; id=1" }, RECORD_VALID, "1" },
    { "no blank", { "v=STSv1;id=1" }, RECORD_VALID, "1" },
    { "blanks and tabs around semicolons", { "v=STSv1 \t; \tid=1\t ;\t" }, RECORD_VALID, "1" },
    { "32 characters", { "v=STSv1; id=" A32 }, RECORD_VALID, A32 },
    { "unknown fields before and behind", { "v=STSv1; a.b_c-d=x:/y; id=1; z=1" }, RECORD_VALID, "1" },
    { "first of two ids", { "v=STSv1; id=1; id=2" }, RECORD_VALID, "1" },
    { "STS-14 other TXT beside it", { "v=spf1 -all", "v=STSv1; id=1", "" }, RECORD_VALID, "1" },
    { "STS-14 a version that only begins alike", { "v=STSv10; id=2", "v=STSv1; id=1" }, RECORD_VALID, "1" },
    { "STS-14 another version", { "v=STSv2; id=2", "v=STSv1; id=1" }, RECORD_VALID, "1" },
    { "STS-14 none at all", { NULL }, RECORD_NONE, "no TXT record begins with 'v=STSv1;'" },
    { "STS-14 unrelated ones", { "v=spf1 -all", "v=TLSRPTv1; rua=mailto:a@b.example" }, RECORD_NONE, "no TXT record" },
    { "STS-14 version in another case", { "v=stsv1; id=1" }, RECORD_NONE, "no TXT record" },
    { "STS-14 blank in front", { " v=STSv1; id=1" }, RECORD_NONE, "no TXT record" },
    { "STS-14 version alone", { "v=STSv1" }, RECORD_NONE, "no TXT record" },
    { "STS-14 version not first", { "id=1; v=STSv1;" }, RECORD_NONE, "no TXT record" },
    { "STS-14 two", { "v=STSv1; id=1", "v=STSv1; id=2" }, RECORD_MANY, "2 TXT records begin with 'v=STSv1;'" },
    { "STS-14 two, one of them malformed", { "v=STSv1; id=1", "v=STSv1;" }, RECORD_MANY, "2 TXT records" },
    { "STS-14 id missing", { "v=STSv1;" }, RECORD_INVALID, "has no 'id='" },
    { "STS-14 id missing among others", { "v=STSv1; a=b;" }, RECORD_INVALID, "has no 'id='" },
    { "STS-14 id empty", { "v=STSv1; id=;" }, RECORD_INVALID, "not 1 to 32" },
    { "STS-14 id of 33", { "v=STSv1; id=" A32 "G" }, RECORD_INVALID, "not 1 to 32" },
    { "STS-14 id with a hyphen", { "v=STSv1; id=2026-11-01" }, RECORD_INVALID, "other characters than" },
    { "STS-14 id with a blank", { "v=STSv1; id= 1" }, RECORD_INVALID, "other characters than" },
    { "STS-14 id with a blank behind", { "v=STSv1; id=1 " }, RECORD_INVALID, "other characters than" },
    { "STS-14 id beyond ASCII", { "v=STSv1; id=\xc3\xa9" }, RECORD_INVALID, "other characters than" },
    { "STS-14 name of id in another case", { "v=STSv1; ID=1" }, RECORD_INVALID, "has no 'id='" },
    { "STS-14 blank in front of '='", { "v=STSv1; id =1" }, RECORD_INVALID, "a field is no name=value" },
    { "STS-14 no '='", { "v=STSv1; id=1; x" }, RECORD_INVALID, "a field is no name=value" },
    { "STS-14 empty field", { "v=STSv1;; id=1" }, RECORD_INVALID, "a field is no name=value" },
    { "STS-14 two final semicolons", { "v=STSv1; id=1;;" }, RECORD_INVALID, "a field is no name=value" },
    { "STS-14 extension with '='", { "v=STSv1; id=1; x=a=b" }, RECORD_INVALID, "a value is empty or holds" },
    { "STS-14 extension with a blank", { "v=STSv1; id=1; x=a b" }, RECORD_INVALID, "a value is empty or holds" },
    { "STS-14 extension without a value", { "v=STSv1; id=1; x=" }, RECORD_INVALID, "a value is empty or holds" },
    { "STS-14 extension beyond ASCII", { "v=STSv1; id=1; x=\xc3\xa9" }, RECORD_INVALID, "a value is empty or holds" },
    { "STS-14 extension with a long name",
      { "v=STSv1; id=1; " A32 "G=x" },
      RECORD_INVALID,
      "a field is no name=value" },
    { "STS-14 extension with a name that begins badly", { "v=STSv1; id=1; _x=y" }, RECORD_INVALID, "a field is no" },
};

TEST(sts_record_choose)
{
    for (size_t i = 0; i < COUNT_OF(sts_cases); i++) {
        char id[STS_ID_TEXT] = "";
        struct fault why = { "" };
        struct slice records[RECORDS_MAX];
        size_t len = records_of(sts_cases[i].texts, records);
        enum record_outcome outcome = sts_record_choose(records, len, id, &why);
        const char *got = outcome == RECORD_VALID ? id : why.text;

        CHECK_CASE(sts_cases[i].name, outcome == sts_cases[i].outcome);
        if (strstr(got, sts_cases[i].id_or_why) == NULL ||
            (outcome == RECORD_VALID && strlen(got) != strlen(sts_cases[i].id_or_why)))
            fail_msg("case '%s': got '%s'", sts_cases[i].name, got);
    }
}

TEST(sts_record_with_nul)
{
    char id[STS_ID_TEXT] = "";
    struct slice record = SLICE_LIT("v=STSv1; id=1\0002");

    CHECK_INT(sts_record_choose(&record, 1, id, NULL), RECORD_INVALID);
}

/* What is usable, as "ADDRESS" or "HOST PATH", with ", " between. */
static struct slice show_uris(const struct tlsrpt_record *r, struct arena *a)
{
    struct slice all = SLICE_LIT("");

    for (size_t i = 0; i < r->uris_len; i++) {
        const struct tlsrpt_uri *u = &r->uris[i];
        const char *sep = i == 0 ? "" : ", ";

        if (u->scheme == TLSRPT_MAILTO)
            all = arena_printf(a, "%.*s%s%.*s", SLICE_FMT(all), sep, SLICE_FMT(u->address));
        else
            all = arena_printf(a, "%.*s%s%.*s %.*s", SLICE_FMT(all), sep, SLICE_FMT(u->host), SLICE_FMT(u->path));
    }
    return all;
}

#define RUA "v=TLSRPTv1;rua="
#define TEN                                                                                                           \
    "mailto:a@b.example,mailto:b@b.example,mailto:c@b.example,mailto:d@b.example,mailto:e@b.example,"                 \
    "mailto:f@b.example,mailto:g@b.example,mailto:h@b.example,mailto:i@b.example,mailto:j@b.example"
#define TEN_SHOWN                                                                                                     \
    "a@b.example, b@b.example, c@b.example, d@b.example, e@b.example, f@b.example, g@b.example, "                     \
    "h@b.example, i@b.example, j@b.example"
#define H64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define H512 H64 H64 H64 H64 H64 H64 H64 H64

static const struct {
    const char *name, *texts[RECORDS_MAX];
    enum record_outcome outcome;
    const char *uris_or_why;
} rpt_cases[] = {
    { "mail, as in RFC 8460 section 3.1.1",
      { "v=TLSRPTv1;rua=mailto:reports@example.com" },
      RECORD_VALID,
      "reports@example.com" },
    { "HTTPS, as in RFC 8460 section 3.1.2",
      { "v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt" },
      RECORD_VALID,
      "reporting.example.com /v1/tlsrpt" },
    { "blank behind the version", { "v=TLSRPTv1 ; rua=mailto:a@b.example" }, RECORD_VALID, "a@b.example" },
    { "final semicolon and blanks", { "v=TLSRPTv1;\trua=mailto:a@b.example ; " }, RECORD_VALID, "a@b.example" },
    { "blank at the end", { "v=TLSRPTv1; rua=mailto:a@b.example " }, RECORD_VALID, "a@b.example" },
    { "rua not second", { "v=TLSRPTv1; x=y; rua=mailto:a@b.example; z=1" }, RECORD_VALID, "a@b.example" },
    { "two URIs, blanks around the comma",
      { RUA "mailto:a@b.example \t,\t https://c.example/d" },
      RECORD_VALID,
      "a@b.example, c.example /d" },
    { "first of two rua",
      { "v=TLSRPTv1;rua=mailto:a@b.example;rua=mailto:c@d.example" },
      RECORD_VALID,
      "a@b.example" },
    { "other TXT beside it",
      { "v=spf1 -all", RUA "mailto:a@b.example", "v=TLSRPTv2;rua=mailto:c@d.example" },
      RECORD_VALID,
      "a@b.example" },
    { "percent-encoding in mail", { RUA "mailto:a%21%2Bb%25@b.example" }, RECORD_VALID, "a!+b%@b.example" },
    { "percent-encoding is undone once", { RUA "mailto:a%2521@b.example" }, RECORD_VALID, "a%21@b.example" },
    { "percent-encoding stays in HTTPS",
      { RUA "https://b.example/a%2Cb%3b?c=%21&d=/?e" },
      RECORD_VALID,
      "b.example /a%2Cb%3b?c=%21&d=/?e" },
    { "schemes and hosts in any case",
      { RUA "MailTo:A@B.Example,HTTPS://C.Example/D" },
      RECORD_VALID,
      "A@B.Example, c.example /D" },
    { "port 443, empty port, no path",
      { RUA "https://b.example:443/x,https://c.example:,https://d.example?y" },
      RECORD_VALID,
      "b.example /x, c.example /, d.example /?y" },
    { "fragments are dropped",
      { RUA "https://b.example/x?y#z,mailto:a@b.example#z" },
      RECORD_VALID,
      "b.example /x?y, a@b.example" },
    { "RPT-10 mail header fields are dropped",
      { RUA "mailto:a@b.example?subject=x&bcc=c@d.example" },
      RECORD_VALID,
      "a@b.example" },
    { "RPT-10 other schemes",
      { RUA "http://b.example/,ftp://b.example/,file:///etc/passwd,javascript:x,gopher://b.example:25/,"
            "mailto:a@b.example" },
      RECORD_VALID,
      "a@b.example" },
    { "RPT-10 nothing usable", { RUA "http://b.example/" }, RECORD_VALID, "" },
    { "RPT-10 user in HTTPS",
      { RUA "https://u@b.example/,https://u:p@b.example/,https://b.example:443@c.example/" },
      RECORD_VALID,
      "" },
    { "RPT-10 other ports",
      { RUA "https://b.example:25/,https://b.example:8443/,https://b.example:0443/" },
      RECORD_VALID,
      "" },
    { "RPT-10 addresses as hosts",
      { RUA "https://127.0.0.1/,https://[::1]/,https://127.1/,https://0x7f.1/,"
            "https://2130706433/,mailto:a@[127.0.0.1]" },
      RECORD_VALID,
      "" },
    { "RPT-10 no host",
      { RUA "https:///x,https://,https://:443/,https:b.example,https://b..example/,https://b.example./" },
      RECORD_VALID,
      "" },
    { "RPT-10 backslash", { RUA "https://b.example\\@c.example/" }, RECORD_VALID, "" },
    { "RPT-10 percent-encoding in the host", { RUA "https://b%2Eexample/,https://b.example%00/" }, RECORD_VALID, "" },
    { "RPT-10 encoded CR, LF, NUL and blank in mail",
      { RUA "mailto:a%0D%0ABcc:x@b.example,mailto:a@b.example%0a,"
            "mailto:a%00@b.example,mailto:a%20b@b.example" },
      RECORD_VALID,
      "" },
    { "RPT-10 encoded separators in mail",
      { RUA "mailto:a@b.example%2Cc@d.example,mailto:a@b.example%3Fbcc=c@d.example" },
      RECORD_VALID,
      "" },
    { "RPT-10 mail beyond ASCII", { RUA "mailto:%C3%A9@b.example" }, RECORD_VALID, "" },
    { "RPT-10 no mail address",
      { RUA "mailto:,mailto:postmaster,mailto:@b.example,mailto:a@,mailto:a@b@c.example,"
            "mailto:?to=a@b.example" },
      RECORD_VALID,
      "" },
    { "RPT-10 bad percent-encoding",
      { RUA "mailto:a%2@b.example,mailto:a%@b.example,https://b.example/%,https://b.example/%g0" },
      RECORD_VALID,
      "" },
    { "a size behind '!', as in DMARC",
      { RUA "mailto:a@b.example!10m,mailto:c@d.example" },
      RECORD_VALID,
      "c@d.example" },
    { "blank within a URI", { RUA "https://b.example/x y,mailto:a@b.example" }, RECORD_VALID, "a@b.example" },
    { "RPT-10 ten URIs", { RUA TEN }, RECORD_VALID, TEN_SHOWN },
    { "RPT-10 eleven URIs", { RUA TEN ",mailto:k@b.example" }, RECORD_VALID, TEN_SHOWN },
    { "RPT-10 whoever is named again is named once",
      { RUA "mailto:a@b.example,mailto:a@b.example,mailto:%61@b.example?x=y,https://c.example,https://C.example:443/,"
            "https://c.example/d" },
      RECORD_VALID,
      "a@b.example, c.example /, c.example /d" },
    { "unusable ones do not count among the ten", { RUA "http://b.example/,," TEN }, RECORD_VALID, TEN_SHOWN },
    { "a long URI",
      { RUA "https://b.example/" H512 H512 ",https://b.example/" H512 },
      RECORD_VALID,
      "b.example /" H512 },
    { "a long record",
      { RUA "https://b.example/;x=" H512 H512 H512 H512 H512 H512 H512 H512 },
      RECORD_INVALID,
      "4096" },
    { "RPT-11 none", { NULL }, RECORD_NONE, "no TXT record begins with 'v=TLSRPTv1;'" },
    { "RPT-11 version in another case", { "v=tlsrptv1;rua=mailto:a@b.example" }, RECORD_NONE, "no TXT record" },
    { "RPT-11 another version", { "v=TLSRPTv11;rua=mailto:a@b.example" }, RECORD_NONE, "no TXT record" },
    { "RPT-11 two", { RUA "mailto:a@b.example", RUA "mailto:a@b.example" }, RECORD_MANY, "2 TXT records" },
    { "RPT-11 two, blanks apart",
      { RUA "mailto:a@b.example", "v=TLSRPTv1 ; rua=mailto:a@b.example" },
      RECORD_MANY,
      "2 TXT records" },
    { "RPT-11 no rua", { "v=TLSRPTv1; x=y" }, RECORD_INVALID, "has no 'rua='" },
    { "RPT-11 name of rua in another case", { "v=TLSRPTv1; RUA=x" }, RECORD_INVALID, "has no 'rua='" },
    { "no '='", { "v=TLSRPTv1; rua" }, RECORD_INVALID, "a field is no name=value" },
    { "comma where a semicolon belongs", { "v=TLSRPTv1, rua=mailto:a@b.example" }, RECORD_NONE, "no TXT record" },
    { "control character", { RUA "mailto:a@b.example\r\nx" }, RECORD_INVALID, "no printable ASCII" },
    { "beyond ASCII", { RUA "mailto:\xc3\xa9@b.example" }, RECORD_INVALID, "no printable ASCII" },
    { "extension with a blank", { RUA "mailto:a@b.example; x=a b" }, RECORD_INVALID, "a value is empty or holds" },
};

TEST(tlsrpt_record_choose)
{
    struct arena arena = { 0 };

    for (size_t i = 0; i < COUNT_OF(rpt_cases); i++) {
        struct tlsrpt_record record;
        struct fault why = { "" };
        struct slice records[RECORDS_MAX], want = slice_str(rpt_cases[i].uris_or_why);
        size_t len = records_of(rpt_cases[i].texts, records);
        enum record_outcome outcome = tlsrpt_record_choose(records, len, &arena, &record, &why);
        struct slice got = outcome == RECORD_VALID ? show_uris(&record, &arena) : slice_str(why.text);

        CHECK_CASE(rpt_cases[i].name, outcome == rpt_cases[i].outcome);
        if (outcome == RECORD_VALID ? !slice_eq(got, want) : strstr(got.ptr, want.ptr) == NULL)
            fail_msg("case '%s': got '%.*s'", rpt_cases[i].name, SLICE_FMT(got));
    }
    arena_release(&arena);
}

TEST(tlsrpt_record_as_published)
{
    struct slice records[] = { SLICE_LIT("x"),
                               SLICE_LIT("v=TLSRPTv1; rua=MAILTO:a%21@b.example?subject=x, https://C.example") };
    struct arena arena = { 0 };
    struct tlsrpt_record record;

    CHECK_INT(tlsrpt_record_choose(records, 2, &arena, &record, NULL), RECORD_VALID);
    CHECK_STR(record.text, "v=TLSRPTv1; rua=MAILTO:a%21@b.example?subject=x, https://C.example");
    CHECK_INT(record.uris_len, 2);
    CHECK_STR(record.uris[0].uri, "MAILTO:a%21@b.example?subject=x");
    CHECK_STR(record.uris[1].uri, "https://C.example");
    arena_release(&arena);
}

TEST(record_outcome_names)
{
    CHECK_STR(slice_str(record_outcome_name(RECORD_NONE)), "none");
    CHECK_STR(slice_str(record_outcome_name(RECORD_MANY)), "many");
    CHECK_STR(slice_str(record_outcome_name(RECORD_INVALID)), "invalid");
}

RUN_TESTS(T(sts_record_choose), T(sts_record_with_nul), T(tlsrpt_record_choose), T(tlsrpt_record_as_published),
          T(record_outcome_names))
