#include "domains/suggest.h"

#include "domains/policy_file.h"
#include "mail/address.h"
#include "policy/mta_sts.h"

#include <stdio.h>

enum {
    TESTING_AGE_S = 7 * 86400,
    ENFORCE_AGE_S = 14 * 86400,
    TXT_STRING_MOST = 255,
    ENCODED_BYTES = 3,
    HTTP_OK = 200
};

/* -- addresses for reports -------------------------------------------------------------------------------------- */

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("-._~@+=$&'*/", c) != NULL;
}

static struct slice encode(struct slice text, struct arena *arena)
{
    char *out = arena_alloc(arena, ENCODED_BYTES * text.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\0' && is_plain(text.ptr[i]))
            out[len++] = text.ptr[i];
        else
            len += (size_t)snprintf(out + len, ENCODED_BYTES + 1, "%%%02X", (unsigned)(unsigned char)text.ptr[i]);
    }
    return slice_of(out, len);
}

enum status suggest_report_uri(struct slice text, struct arena *arena, struct slice *out, struct fault *why)
{
    bool is_web = slice_starts_case(text, SLICE_LIT("https://"));
    bool is_uri = is_web || slice_starts_case(text, SLICE_LIT("mailto:"));
    struct tlsrpt_record record;
    struct mail_address address;
    struct slice uri = text, one;

    if (!is_uri) {
        if (mail_address_parse(arena, text, &address, why) != OK || address.local.len == 0 || address.domain.len == 0)
            return fault_set(why, ERR_SYNTAX, "'%.*s' is neither a mail address nor begins with https://",
                             SLICE_FMT(text));
        one = arena_printf(arena, "%.*s@%.*s", SLICE_FMT(address.local), SLICE_FMT(address.domain));
        uri = arena_printf(arena, "mailto:%.*s", SLICE_FMT(encode(one, arena)));
    }
    one = arena_printf(arena, "v=TLSRPTv1; rua=%.*s", SLICE_FMT(uri));
    if (tlsrpt_record_choose(&one, 1, arena, &record, why) != RECORD_VALID || record.uris_len != 1 ||
        !slice_eq(record.uris[0].uri, uri))
        return fault_set(
            why, ERR_SYNTAX,
            "no sender would send reports to '%.*s': give one mail address, or one https:// with a host name",
            SLICE_FMT(text));
    *out = arena_copy(arena, uri);
    return OK;
}

static bool is_listed(const struct slice *uris, size_t len, struct slice uri)
{
    for (size_t i = 0; i < len; i++)
        if (slice_eq_case(uris[i], uri))
            return true;
    return false;
}

/* Those of the record that stands there and do their work, or the usual mailbox. */
static size_t present_uris(const struct domain_facts *f, struct arena *arena, const struct slice **out)
{
    struct slice *uris = ARENA_ARRAY(arena, struct slice, TLSRPT_URI_MOST);
    size_t len = 0;

    for (size_t i = 0; i < f->ruas_len && len < TLSRPT_URI_MOST; i++) {
        const struct rua_facts *r = &f->ruas[i];

        if ((r->answer == RUA_TAKES || r->answer == RUA_UNCLEAR) && !is_listed(uris, len, r->uri.uri))
            uris[len++] = r->uri.uri;
    }
    if (len == 0)
        uris[len++] = arena_printf(arena, "mailto:tlsrpt@%.*s", SLICE_FMT(f->domain));
    *out = uris;
    return len;
}

/* -- the policy ------------------------------------------------------------------------------------------------- */

static bool is_fetched(const struct domain_facts *f)
{
    return f->policy.outcome == HTTPS_ANSWERED && f->policy.status == HTTP_OK;
}

static void choose_mode(const struct domain_facts *f, struct arena *arena, struct own_domain *d)
{
    struct sts_policy present = { .mode = STS_MODE_TESTING };
    struct fault why;

    if (is_fetched(f) && sts_policy_parse(f->policy.body, arena, &present, &why) != OK)
        present = (struct sts_policy){ .mode = STS_MODE_TESTING };
    d->sts_mode = present.mode == STS_MODE_ENFORCE ? STS_MODE_ENFORCE : STS_MODE_TESTING;
    d->sts_max_age_s = d->sts_mode == STS_MODE_ENFORCE ? ENFORCE_AGE_S : TESTING_AGE_S;
    if (present.max_age_s > d->sts_max_age_s)
        d->sts_max_age_s = present.max_age_s;
}

static struct slice server_policy(const struct domain_facts *f, const struct own_domain *d, struct arena *arena)
{
    struct slice *names = ARENA_ARRAY(arena, struct slice, f->servers_len + 1);

    for (size_t i = 0; i < f->servers_len; i++)
        names[i] = f->servers[i].name;
    return policy_file_write(d, names, f->servers_len, arena);
}

static void suggest_sts(const struct domain_facts *f, struct arena *arena, struct suggestion *out)
{
    char present[STS_ID_TEXT] = "", fresh[STS_ID_TEXT];
    struct fault why;
    bool is_valid = sts_record_choose(f->sts.records, f->sts.records_len, present, &why) == RECORD_VALID;

    out->sts.name = f->sts.name;
    out->sts.is_published = is_valid && out->policy.is_published;
    if (out->sts.is_published) {
        out->sts.value = sts_record_write(arena_copy(arena, slice_str(present)), arena);
        return;
    }
    policy_id_new(f->now_s, slice_str(is_valid ? present : ""), fresh);
    out->sts.value = sts_record_write(slice_str(fresh), arena);
}

/* -- as a zone file ----------------------------------------------------------------------------------------------- */

/* Strings of at most 255 bytes, which senders join (RFC 7208 section 3.3 tells how); quotes and backslashes escaped.
 */
static struct slice quoted(struct slice value, struct arena *arena)
{
    struct slice out = SLICE_LIT("");

    while (value.len > 0) {
        struct slice part = slice_first(value, TXT_STRING_MOST);

        out = arena_printf(arena, "%.*s%s\"%.*s\"", SLICE_FMT(out), out.len > 0 ? " " : "", SLICE_FMT(part));
        value = slice_from(value, part.len);
    }
    return out;
}

static void write_zone(struct arena *arena, struct suggestion *out, struct slice host)
{
    const struct slice reports = quoted(out->reports.value, arena), sts = quoted(out->sts.value, arena);

    out->zone = arena_printf(arena, "%.*s. 3600 IN TXT %.*s\n", SLICE_FMT(out->reports.name), SLICE_FMT(reports));
    if (!out->has_policy_host)
        out->zone =
            arena_printf(arena, "%.*s; %.*s. 3600 IN A with the address of the web server that has the policy\n",
                         SLICE_FMT(out->zone), SLICE_FMT(host));
    out->zone = arena_printf(arena, "%.*s%.*s. 3600 IN TXT %.*s\n", SLICE_FMT(out->zone), SLICE_FMT(out->sts.name),
                             SLICE_FMT(sts));
}

void suggest_records(const struct domain_facts *f, const struct slice *report_to, size_t report_to_len,
                     struct arena *arena, struct suggestion *out)
{
    struct own_domain d = { .name = f->domain, .report_to = report_to, .report_to_len = report_to_len };
    bool is_one = f->reports.records_len == 1;

    *out = (struct suggestion){ .why_not = "" };
    if (f->servers_len == 0) {
        out->why_not = "no server takes mail for the domain, so there is nothing that a policy could allow";
        return;
    }
    if (report_to_len == 0)
        d.report_to_len = present_uris(f, arena, &d.report_to);
    out->reports.name = f->reports.name;
    out->reports.value = tlsrpt_record_write(&d, arena);
    out->reports.is_published = is_one && slice_eq(f->reports.records[0], out->reports.value);
    choose_mode(f, arena, &d);
    out->has_policy_host = f->policy_host.addresses_len > 0;
    out->policy.name = arena_printf(arena, "https://%.*s/.well-known/mta-sts.txt", SLICE_FMT(f->policy_host.name));
    out->policy.value = server_policy(f, &d, arena);
    out->policy.is_published = is_fetched(f) && slice_eq(f->policy.body, out->policy.value);
    suggest_sts(f, arena, out);
    write_zone(arena, out, f->policy_host.name);
}
