#include "domains/checks_private.h"

#include "base/clock.h"

#include <inttypes.h>

enum { TTL_HIGH_S = 86400 };

static bool begins(struct slice s, const char *prefix)
{
    return slice_starts_case(slice_trim(s), slice_str(prefix));
}

/* Records that are meant for MTA-STS, well-formed or not. */
static size_t count_meant(const struct checking *c)
{
    size_t n = 0;

    for (size_t i = 0; i < c->f->sts.records_len; i++)
        n += begins(c->f->sts.records[i], "v=STS");
    return n;
}

static size_t count_exact(const struct checking *c)
{
    size_t n = 0;

    for (size_t i = 0; i < c->f->sts.records_len; i++)
        n += slice_starts(c->f->sts.records[i], SLICE_LIT("v=STSv1"));
    return n;
}

static bool check_exists(struct checking *c)
{
    const struct txt_facts *txt = &c->f->sts;

    if (c->f->servers_len == 0)
        return false;
    if (checking_dns(c, txt) && count_meant(c) == 0)
        checking_tell(c, CHECK_WARNING, txt->name, AS_USUAL, "there is no record: MTA-STS is not configured");
    return true;
}

static bool check_one(struct checking *c)
{
    if (count_meant(c) == 0)
        return false;
    if (c->sts == RECORD_MANY)
        checking_tell(c, CHECK_ERROR, c->f->sts.name, AS_USUAL, "there are %zu records: senders ignore all of them",
                      count_exact(c));
    return true;
}

static bool check_prefix(struct checking *c)
{
    if (count_meant(c) == 0 || c->sts == RECORD_MANY)
        return false;
    for (size_t i = 0; i < c->f->sts.records_len && c->sts == RECORD_NONE; i++)
        if (begins(c->f->sts.records[i], "v=STS"))
            checking_tell(c, CHECK_ERROR, c->f->sts.name, AS_USUAL, "no record begins with 'v=STSv1;' exactly: '%.*s'",
                          SLICE_FMT(checking_shown(c, c->f->sts.records[i])));
    return true;
}

static struct slice fresh_id(struct checking *c)
{
    char text[CLOCK_TEXT];
    const char *t = clock_rfc3339(c->f->now_s, text);

    return CHANGE(c, "write id=%.4s%.2s%.2s%.2s%.2s%.2s", t, t + 5, t + 8, t + 11, t + 14, t + 17);
}

static bool check_id(struct checking *c)
{
    if (c->sts != RECORD_VALID && c->sts != RECORD_INVALID)
        return false;
    if (c->sts == RECORD_INVALID)
        checking_tell(c, CHECK_ERROR, c->f->sts.name, fresh_id(c), "%s", c->sts_why.text);
    return true;
}

/* Fields of the record that senders skip or read once. */
static void check_field(struct checking *c, struct slice record, struct slice field, size_t at)
{
    struct slice value, name = slice_cut(field, '=', &value), rest = record;

    name = slice_trim(name);
    if (slice_find(field, '=') == SIZE_MAX) {
        checking_tell(c, CHECK_WARNING, c->f->sts.name, AS_USUAL, "'%.*s' is no field of the form name=value",
                      SLICE_FMT(checking_shown(c, slice_trim(field))));
        return;
    }
    if (!slice_eq(name, SLICE_LIT("v")) && !slice_eq(name, SLICE_LIT("id")))
        checking_tell(c, CHECK_ADVICE, c->f->sts.name, AS_USUAL, "senders skip the field '%.*s'",
                      SLICE_FMT(checking_shown(c, name)));
    for (size_t i = 0; i < at; i++) {
        struct slice other = slice_cut(slice_cut(rest, ';', &rest), '=', &value);

        if (slice_eq(slice_trim(other), name)) {
            checking_tell(c, CHECK_WARNING, c->f->sts.name, AS_USUAL, "'%.*s' stands twice; the first counts",
                          SLICE_FMT(checking_shown(c, name)));
            return;
        }
    }
}

static bool check_syntax(struct checking *c)
{
    bool is_any = false;

    for (size_t i = 0; i < c->f->sts.records_len; i++) {
        struct slice record = c->f->sts.records[i], rest = record;

        if (!begins(record, "v=STS"))
            continue;
        is_any = true;
        for (size_t at = 0; rest.len > 0; at++) {
            struct slice field = slice_cut(rest, ';', &rest);

            if (slice_trim(field).len > 0)
                check_field(c, record, field, at);
        }
    }
    return is_any;
}

/* Strings are joined without a blank, which is what those forget who cut a record in two. */
static bool check_join(struct checking *c)
{
    bool is_cut = false;

    for (size_t i = 0; i < c->f->sts.records_len; i++) {
        if (!begins(c->f->sts.records[i], "v=STS") || c->f->sts.strings[i] < 2)
            continue;
        is_cut = true;
        if (c->sts != RECORD_VALID)
            checking_tell(c, CHECK_ERROR, c->f->sts.name, AS_USUAL, "%u strings stand there, and are read as '%.*s'",
                          c->f->sts.strings[i], SLICE_FMT(checking_shown(c, c->f->sts.records[i])));
    }
    return is_cut;
}

static bool check_other(struct checking *c)
{
    const struct txt_facts *txt = &c->f->sts;

    for (size_t i = 0; i < txt->records_len; i++)
        if (!begins(txt->records[i], "v=STS"))
            checking_tell(c, CHECK_WARNING, txt->name, AS_USUAL, "another TXT record stands there: '%.*s'",
                          SLICE_FMT(checking_shown(c, txt->records[i])));
    return txt->records_len > 0;
}

static bool check_apex(struct checking *c)
{
    bool is_any = false;
    struct slice change = CHANGE(c, "move it to _mta-sts.%.*s", SLICE_FMT(c->f->domain));

    for (size_t i = 0; i < c->f->apex.records_len; i++)
        if (begins(c->f->apex.records[i], "v=STS")) {
            is_any = true;
            checking_tell(c, c->sts == RECORD_VALID ? CHECK_WARNING : CHECK_ERROR, c->f->domain, change,
                          "the record stands at the domain itself, where nobody looks: '%.*s'",
                          SLICE_FMT(checking_shown(c, c->f->apex.records[i])));
        }
    for (size_t i = 0; i < c->f->strays_len; i++)
        for (size_t k = 0; k < c->f->strays[i].records_len; k++)
            if (begins(c->f->strays[i].records[k], "v=STS")) {
                is_any = true;
                checking_tell(c, CHECK_ERROR, c->f->strays[i].name, change,
                              "the record stands under a name where nobody looks");
            }
    return is_any;
}

static bool check_alias(struct checking *c)
{
    const struct txt_facts *txt = &c->f->sts;

    if (txt->canonical.len == 0)
        return false;
    if (txt->records_len == 0)
        checking_tell(c, CHECK_ERROR, txt->name, AS_USUAL, "it is an alias of '%.*s', where there is no TXT record",
                      SLICE_FMT(txt->canonical));
    else
        checking_tell(c, CHECK_OK, txt->name, AS_USUAL, "it is an alias of '%.*s'", SLICE_FMT(txt->canonical));
    return true;
}

static bool check_ttl(struct checking *c)
{
    const struct txt_facts *txt = &c->f->sts;

    if (c->sts != RECORD_VALID)
        return false;
    if (txt->ttl_s >= TTL_HIGH_S)
        checking_tell(c, CHECK_ADVICE, txt->name, AS_USUAL, "the record may be kept for %" PRId64 " hours",
                      txt->ttl_s / 3600);
    return true;
}

static const struct check checks[] = {
    { "sts.txt.exists", check_exists, "the record is there",
      "without MTA-STS whoever stands between makes senders use clear text (RFC 8461)",
      "turn on TLS reporting, publish a policy in testing, then this record: sternpost check --suggest writes them",
      NULL },
    { "sts.txt.one", check_one, "there is one record", "with several, there is none (RFC 8461 section 3.1)",
      "keep one of them", NULL },
    { "sts.txt.prefix", check_prefix, "the record begins as it must", "senders take it for something else",
      "write v=STSv1; with exactly these letters, at the front", NULL },
    { "sts.txt.id", check_id, "the id is well-formed",
      "senders see by the id that a policy is new; without one there is no record", "", NULL },
    { "sts.txt.syntax", check_syntax, "every field is known, once", "senders read on, and what was meant is lost",
      "write v=STSv1; id=... and nothing else", NULL },
    { "sts.txt.join", check_join, "the record's strings join to what is meant",
      "DNS joins the strings of a TXT record without a blank (RFC 8461 section 3.1)", "write the record as one string",
      NULL },
    { "sts.txt.other", check_other, "no other TXT record stands there",
      "most often it comes from a wildcard, and confuses senders", "take the wildcard TXT away, or the record", NULL },
    { "sts.txt.apex", check_apex, "", "senders look at _mta-sts alone", "", NULL },
    { "sts.txt.cname", check_alias, "", "senders follow the alias, and find nothing",
      "let the alias lead to a TXT record, or replace it by one", NULL },
    { "sts.txt.ttl", check_ttl, "the time to live is moderate", "a change of policy is seen that much later",
      "use an hour", NULL },
};

const struct check_group checks_sts_record = { "MTA-STS record", checks, COUNT_OF(checks) };
