#include "domains/checks_private.h"

#define USUAL_RECORD "_smtp._tls.%.*s. TXT \"v=TLSRPTv1; rua=mailto:tlsrpt@%.*s\""

static bool is_receiving(const struct checking *c)
{
    return c->f->servers_len > 0;
}

static struct slice usual_record(struct checking *c)
{
    return CHANGE(c, "publish " USUAL_RECORD, SLICE_FMT(c->f->domain), SLICE_FMT(c->f->domain));
}

static bool begins(struct slice s, const char *prefix)
{
    return slice_starts_case(slice_trim(s), slice_str(prefix));
}

static size_t count_records(const struct txt_facts *txt, const char *prefix)
{
    size_t n = 0;

    for (size_t i = 0; i < txt->records_len; i++)
        n += begins(txt->records[i], prefix);
    return n;
}

static bool check_exists(struct checking *c)
{
    const struct txt_facts *txt = &c->f->reports;

    if (!is_receiving(c))
        return false;
    if (checking_dns(c, txt) && count_records(txt, "v=TLSRPTv1") == 0)
        checking_tell(c, CHECK_ADVICE, txt->name, usual_record(c),
                      "there is no record: nobody reports when mail to you fails for TLS");
    return true;
}

static bool check_one(struct checking *c)
{
    if (count_records(&c->f->reports, "v=TLSRPTv1") == 0)
        return false;
    if (c->reports == RECORD_MANY)
        checking_tell(c, CHECK_ERROR, c->f->reports.name, AS_USUAL,
                      "there are %zu records: senders send no report at all",
                      count_records(&c->f->reports, "v=TLSRPTv1"));
    return true;
}

static bool check_syntax(struct checking *c)
{
    const struct txt_facts *txt = &c->f->reports;

    if (count_records(txt, "v=TLSRPTv1") == 0 || c->reports == RECORD_MANY)
        return false;
    if (c->reports == RECORD_NONE)
        checking_tell(c, CHECK_ERROR, txt->name, usual_record(c),
                      "a record does not begin with 'v=TLSRPTv1;' exactly");
    else if (c->reports == RECORD_INVALID)
        checking_tell(c, CHECK_ERROR, txt->name, usual_record(c), "%s", c->reports_why.text);
    return true;
}

/* What stands in rua, whether it can be used or not. */
static bool next_rua(struct slice *rest, struct slice *out)
{
    if (rest->len == 0)
        return false;
    *out = slice_trim(slice_cut(*rest, ',', rest));
    return true;
}

static struct slice rua_list(struct slice record)
{
    while (record.len > 0) {
        struct slice value, name = slice_cut(slice_cut(record, ';', &record), '=', &value);

        if (slice_eq(slice_trim(name), SLICE_LIT("rua")))
            return slice_trim(value);
    }
    return SLICE_LIT("");
}

static bool is_usable(const struct checking *c, struct slice uri)
{
    for (size_t i = 0; i < c->report_record.uris_len; i++)
        if (slice_eq(c->report_record.uris[i].uri, uri))
            return true;
    return false;
}

static bool check_scheme(struct checking *c)
{
    struct slice rest, uri;

    if (c->reports != RECORD_VALID)
        return false;
    rest = rua_list(c->report_record.text);
    while (next_rua(&rest, &uri)) {
        struct slice seen = checking_shown(c, uri);

        if (is_usable(c, uri))
            continue;
        if (slice_find(uri, '@') != SIZE_MAX && !begins(uri, "mailto:"))
            checking_tell(c, CHECK_ERROR, c->f->reports.name, CHANGE(c, "write mailto:%.*s", SLICE_FMT(seen)),
                          "'%.*s' has no 'mailto:' before it", SLICE_FMT(seen));
        else
            checking_tell(c, CHECK_ERROR, c->f->reports.name, AS_USUAL, "'%.*s' is no address that reports can go to",
                          SLICE_FMT(seen));
    }
    if (c->report_record.uris_len == 0)
        checking_tell(c, CHECK_ERROR, c->f->reports.name, usual_record(c),
                      "no address can be used: nobody sends a report");
    return true;
}

static bool check_count(struct checking *c)
{
    if (c->reports != RECORD_VALID)
        return false;
    if (c->report_record.uris_len > 1)
        checking_tell(c, CHECK_ADVICE, c->f->reports.name, AS_USUAL, "there are %zu addresses",
                      c->report_record.uris_len);
    return true;
}

/* As published, since of the usable ones each is listed once. */
static bool stands_before(struct slice list, struct slice uri, size_t at)
{
    struct slice other;

    for (size_t i = 0; i < at && next_rua(&list, &other); i++)
        if (slice_eq_case(other, uri))
            return true;
    return false;
}

static bool check_twice(struct checking *c)
{
    struct slice list, rest, uri;

    if (c->reports != RECORD_VALID)
        return false;
    list = rest = rua_list(c->report_record.text);
    for (size_t at = 0; next_rua(&rest, &uri); at++)
        if (stands_before(list, uri, at))
            checking_tell(c, CHECK_WARNING, c->f->reports.name, AS_USUAL, "'%.*s' stands twice",
                          SLICE_FMT(checking_shown(c, uri)));
    return true;
}

static bool check_ruas(struct checking *c, enum tlsrpt_scheme scheme)
{
    static const enum check_verdict verdicts[] = {
        [RUA_TAKES] = CHECK_OK,
        [RUA_REFUSES] = CHECK_ERROR,
        [RUA_NOWHERE] = CHECK_ERROR,
        [RUA_UNCLEAR] = CHECK_NOT_TESTABLE,
    };
    bool is_any = false;

    for (size_t i = 0; i < c->f->ruas_len; i++) {
        const struct rua_facts *r = &c->f->ruas[i];

        if (r->uri.scheme != scheme)
            continue;
        is_any = true;
        checking_tell(c, verdicts[r->answer], checking_shown(c, r->uri.uri), AS_USUAL, "%s", r->text);
    }
    return is_any;
}

static bool check_mail(struct checking *c)
{
    return check_ruas(c, TLSRPT_MAILTO);
}

static bool check_https(struct checking *c)
{
    return check_ruas(c, TLSRPT_HTTPS);
}

static bool has_bad_certificate(const struct checking *c)
{
    FOR_SERVERS(c)
        FOR_ADDRESSES(s)
            if ((!a->probe->has_session && a->probe->failed_at > PROBE_GREETING) ||
                (a->judged.mta_sts != NULL && a->judged.mta_sts->worst == SEVERITY_ERROR))
                return true;
    return false;
}

/* Reports of failures that go where the failures are never arrive. */
static bool check_loop(struct checking *c)
{
    if (c->reports != RECORD_VALID || !checking_is_enforced(c))
        return false;
    for (size_t i = 0; i < c->report_record.uris_len; i++) {
        const struct tlsrpt_uri *u = &c->report_record.uris[i];
        struct slice domain = slice_from(u->address, slice_find_last(u->address, '@') + 1);

        if (u->scheme == TLSRPT_MAILTO && slice_eq_case(domain, c->f->domain) && has_bad_certificate(c))
            checking_tell(c, CHECK_WARNING, checking_shown(c, u->uri), AS_USUAL,
                          "the mailbox lies in this domain, whose policy keeps mail out at present");
    }
    return true;
}

static bool check_other(struct checking *c)
{
    const struct txt_facts *txt = &c->f->reports;

    for (size_t i = 0; i < txt->records_len; i++)
        if (!begins(txt->records[i], "v=TLSRPT"))
            checking_tell(c, CHECK_WARNING, txt->name, AS_USUAL, "another TXT record stands there: '%.*s'",
                          SLICE_FMT(checking_shown(c, txt->records[i])));
    return txt->records_len > 0;
}

static bool check_apex(struct checking *c)
{
    bool is_any = false;

    for (size_t i = 0; i < c->f->apex.records_len; i++)
        if (begins(c->f->apex.records[i], "v=TLSRPT")) {
            is_any = true;
            checking_tell(c, c->reports == RECORD_VALID ? CHECK_WARNING : CHECK_ERROR, c->f->domain,
                          CHANGE(c, "move it to _smtp._tls.%.*s", SLICE_FMT(c->f->domain)),
                          "the record stands at the domain itself, where nobody looks: '%.*s'",
                          SLICE_FMT(checking_shown(c, c->f->apex.records[i])));
        }
    for (size_t i = 0; i < c->f->strays_len; i++)
        for (size_t k = 0; k < c->f->strays[i].records_len; k++)
            if (begins(c->f->strays[i].records[k], "v=TLSRPT")) {
                is_any = true;
                checking_tell(c, CHECK_ERROR, c->f->strays[i].name,
                              CHANGE(c, "move it to _smtp._tls.%.*s", SLICE_FMT(c->f->domain)),
                              "the record stands under a name where nobody looks");
            }
    return is_any;
}

static bool check_order(struct checking *c)
{
    if (c->sts != RECORD_VALID)
        return false;
    if (c->reports != RECORD_VALID && c->f->reports.outcome != DNS_FAILED)
        checking_tell(c, CHECK_WARNING, c->f->reports.name, usual_record(c),
                      "MTA-STS is on, and TLS reporting is not");
    return true;
}

/* Of guides, their examples and their texts. */
static const char *const samples[] = { "solarmora.com",  "example.com",     "example.org",    "example.net",
                                       "yourdomain.com", "your-domain.com", "yourdomain.tld", "domain.com",
                                       "domain.tld",     "contoso.com",     "your_domain",    "<domain>" };

/* "domain.com" ends in "x.domain.com/", and goes on in "domain.com.br" and "domain.community". */
static bool goes_on(struct slice rest)
{
    size_t at = rest.len > 1 && rest.ptr[0] == '.' ? 1 : 0;

    return rest.len > 0 &&
           (rest.ptr[at] == '-' || (rest.ptr[at] >= '0' && rest.ptr[at] <= '9') ||
            (rest.ptr[at] >= 'a' && rest.ptr[at] <= 'z') || (rest.ptr[at] >= 'A' && rest.ptr[at] <= 'Z'));
}

static bool is_sample_at(struct slice text, size_t at, struct slice sample)
{
    bool is_name = slice_find(sample, '.') != SIZE_MAX; /* else a word that stands for one */

    return slice_starts_case(slice_from(text, at), sample) &&
           (at == 0 || memchr("@.:/ <,=", text.ptr[at - 1], 8) != NULL) &&
           !(is_name && goes_on(slice_from(text, at + sample.len)));
}

static const char *sample_in(const struct checking *c, struct slice text)
{
    for (size_t i = 0; i < COUNT_OF(samples); i++) {
        struct slice sample = slice_str(samples[i]);

        if (slice_ends_case(c->f->domain, sample)) /* it is the domain's own name */
            continue;
        for (size_t at = 0; at + sample.len <= text.len; at++)
            if (is_sample_at(text, at, sample))
                return samples[i];
    }
    return NULL;
}

static bool check_samples(struct checking *c)
{
    const char *found;

    for (size_t i = 0; i < c->f->reports.records_len; i++)
        if ((found = sample_in(c, c->f->reports.records[i])) != NULL)
            checking_tell(c, CHECK_ERROR, c->f->reports.name,
                          CHANGE(c, "put your own name in the place of '%s'", found),
                          "the record holds a name of an example: '%.*s'",
                          SLICE_FMT(checking_shown(c, c->f->reports.records[i])));
    for (size_t i = 0; c->has_policy_text && i < c->text.lines_len; i++)
        if ((found = sample_in(c, c->text.lines[i].value)) != NULL)
            checking_tell(c, CHECK_ERROR, c->f->policy_host.name,
                          CHANGE(c, "put your own name in the place of '%s'", found),
                          "line %zu of the policy holds a name of an example: '%.*s'", c->text.lines[i].number,
                          SLICE_FMT(checking_shown(c, c->text.lines[i].value)));
    return c->f->reports.records_len > 0 || c->has_policy_text;
}

static const struct check checks[] = {
    { "rpt.txt.exists", check_exists, "the record is there",
      "it tells you when others cannot reach you safely (RFC 8460)", "", NULL },
    { "rpt.txt.one", check_one, "there is one record",
      "with several, senders behave as if there were none (RFC 8460 section 3)", "keep one of them", NULL },
    { "rpt.txt.syntax", check_syntax, "the record is well-formed", "senders ignore a record that is not", "", NULL },
    { "rpt.txt.other", check_other, "no other TXT record stands there",
      "most often it comes from a wildcard, and confuses senders", "take the wildcard TXT away, or the record", NULL },
    { "rpt.txt.apex", check_apex, "", "senders look at _smtp._tls alone", "", NULL },
    { "rpt.rua.scheme", check_scheme, "every address can be used",
      "reports to an address that cannot be used are not sent",
      "write mailto: and a mail address, or https:// and a host name", NULL },
    { "rpt.rua.count", check_count, "there is one address", "some senders use the first alone",
      "put the most important first", NULL },
    { "rpt.rua.dup", check_twice, "no address stands twice", "you get every report twice", "take it away once", NULL },
    { "rpt.rua.mail", check_mail, "", "reports that nobody takes are lost, and you believe that all is well",
      "make the mailbox, or name one that is there", NULL },
    { "rpt.rua.https", check_https, "", "reports that nobody takes are lost, and you believe that all is well",
      "let the address answer with a good certificate, and POST with 200 or 202", NULL },
    { "rpt.rua.loop", check_loop, "reports on failures do not depend on what fails",
      "a report that the policy keeps mail out is kept out as well", "put the mailbox on another domain", NULL },
    { "rpt.order", check_order, "TLS reporting is on before MTA-STS",
      "without reports you do not see which mail the policy would stop, or stops", "", NULL },
    { "lint.sample", check_samples, "no name of an example was left",
      "what belongs to somebody else helps nobody here", "", NULL },
};

const struct check_group checks_reports = { "TLS reporting", checks, COUNT_OF(checks) };
