#include "domains/checks_private.h"

#include "certs/certificate.h"

#include <stdio.h>

enum {
    USAGE_TA = 2,
    USAGE_EE = 3,
    FIELDS = 3,
    FIELD_MOST = 255,
    RENEWAL_DAYS = 14,
    DAY_S = 86400,
    KEY_BITS_LEAST = 2048
};

static bool has_records(const struct server_facts *s)
{
    return s->dane == DANE_USABLE || s->dane == DANE_UNUSABLE;
}

static size_t count_with_records(const struct checking *c)
{
    size_t n = 0;

    FOR_SERVERS(c)
        n += has_records(s);
    return n;
}

static struct slice owner(struct checking *c, const struct server_facts *s)
{
    struct slice base = s->tlsa.base_domain.len > 0 ? s->tlsa.base_domain : s->name;

    return CHANGE(c, "_25._tcp.%.*s", SLICE_FMT(base));
}

static const struct certificate *served_by(const struct server_facts *s)
{
    FOR_ADDRESSES(s)
        if (a->judged.mta_sts != NULL && a->judged.mta_sts->chain_len > 0)
            return &a->judged.mta_sts->chain[0];
    return NULL;
}

/* The record for the key that is served, ready to paste. */
static struct slice record_to_publish(struct checking *c, const struct server_facts *s)
{
    const struct certificate *served = served_by(s);
    struct slice name = owner(c, s);

    if (served == NULL)
        return AS_USUAL;
    return CHANGE(c, "publish %.*s. TLSA 3 1 1 %s, for the key that is served now", SLICE_FMT(name), served->spki);
}

static bool is_signed(const struct checking *c)
{
    if (!c->f->mx_is_secure)
        return false;
    FOR_SERVERS(c)
        if (s->is_secure)
            return true;
    return false;
}

static bool check_each(struct checking *c)
{
    size_t with = count_with_records(c);

    if (with == 0 && !is_signed(c))
        return false;
    FOR_SERVERS(c) {
        if (has_records(s) || s->dane == DANE_FAILED || s->dane == DANE_BOGUS || s->addresses_len == 0)
            continue;
        if (!s->is_secure)
            checking_tell(c, with > 0 ? CHECK_WARNING : CHECK_ADVICE, s->name,
                          SLICE_LIT("have the zone of this name signed, then publish TLSA records"),
                          "there can be no TLSA records: the name is not signed");
        else
            checking_tell(c, with > 0 ? CHECK_WARNING : CHECK_ADVICE, s->name, record_to_publish(c, s),
                          "there are no TLSA records%s",
                          with > 0 ? ", though another server of the domain has some" : "");
    }
    return c->f->servers_len > 0;
}

static bool check_lookup(struct checking *c)
{
    bool was_asked = false;

    FOR_SERVERS(c) {
        struct slice name = owner(c, s);

        was_asked |= s->dane != DANE_UNKNOWN && (s->dane != DANE_NONE || (s->has_unsigned_tlsa && c->f->has_dnssec));
        if (s->dane == DANE_BOGUS)
            checking_tell(c, CHECK_ERROR, name, AS_USUAL, "%s", s->dane_text);
        else if (s->dane == DANE_FAILED)
            checking_tell(c, CHECK_WARNING, name,
                          SLICE_LIT("let every name server answer a question for TLSA, with records or with a denial"),
                          "%s", s->dane_text);
        else if (s->has_unsigned_tlsa && c->f->has_dnssec)
            checking_tell(c, CHECK_WARNING, name, SLICE_LIT("have the zone signed, or take the records away"),
                          "there are TLSA records that nobody looks at, since DNSSEC does not vouch for them");
    }
    return was_asked;
}

/* "3 1 1 HEX": the three numbers, and how many bytes follow. */
struct fields {
    unsigned number[FIELDS];
    size_t bytes;
};

static bool read_fields(struct slice text, struct fields *out)
{
    for (size_t i = 0; i < FIELDS; i++) {
        uint64_t n;

        if (!slice_to_u64(slice_cut(text, ' ', &text), &n) || n > FIELD_MOST)
            return false;
        out->number[i] = (unsigned)n;
    }
    out->bytes = text.len / 2;
    return true;
}

static const char *const digest_words[] = { "", "32 bytes (SHA-256)", "64 bytes (SHA-512)" };
static const size_t digest_bytes[] = { 0, 32, 64 };

static void check_record(struct checking *c, const struct server_facts *s, struct slice text)
{
    struct slice name = owner(c, s);
    struct fields f = { 0 };

    if (!read_fields(text, &f)) {
        checking_tell(c, CHECK_ERROR, name, AS_USUAL, "the record '%.*s' cannot be read",
                      SLICE_FMT(checking_shown(c, text)));
        return;
    }
    if (f.number[1] > 1 || f.number[2] > 2)
        checking_tell(c, CHECK_ERROR, name, AS_USUAL, "in '%.*s' %s is unknown, and the record ignored",
                      SLICE_FMT(checking_shown(c, text)), f.number[1] > 1 ? "the selector" : "the type of digest");
    else if (f.number[2] > 0 && f.bytes != digest_bytes[f.number[2]])
        checking_tell(c, CHECK_ERROR, name, AS_USUAL,
                      "in '%.*s' the digest is %zu bytes long, not %s: the record is ignored",
                      SLICE_FMT(checking_shown(c, text)), f.bytes, digest_words[f.number[2]]);
}

static bool check_fields(struct checking *c)
{
    FOR_SERVERS(c)
        for (size_t i = 0; has_records(s) && i < s->tlsa.texts_len; i++)
            check_record(c, s, s->tlsa.texts[i]);
    return count_with_records(c) > 0;
}

static bool check_usage(struct checking *c)
{
    FOR_SERVERS(c)
        for (size_t i = 0; has_records(s) && i < s->tlsa.texts_len; i++) {
            struct fields f;

            if (read_fields(s->tlsa.texts[i], &f) && f.number[0] != USAGE_TA && f.number[0] != USAGE_EE)
                checking_tell(c, s->dane == DANE_USABLE ? CHECK_WARNING : CHECK_ERROR, owner(c, s),
                              record_to_publish(c, s), "usage %u is not for mail, and the record ignored",
                              f.number[0]);
        }
    return count_with_records(c) > 0;
}

/* The findings of one id, by the records alone. */
static bool check_findings(struct checking *c)
{
    bool was_judged = false;

    FOR_SERVERS(c)
        FOR_ADDRESSES(s) {
            was_judged |= a->judged.dane != NULL;
            for (size_t i = 0; a->judged.dane != NULL && i < a->judged.dane->findings_len; i++) {
                const struct finding *f = &a->judged.dane->findings[i];

                if (f->severity == SEVERITY_OK || strcmp(f->id, c->check->id) != 0)
                    continue;
                checking_tell_finding(c, f->severity == SEVERITY_ERROR ? CHECK_ERROR : CHECK_WARNING,
                                      checking_place(c, s, a),
                                      strcmp(f->id, "dane.match") == 0 ? record_to_publish(c, s) : AS_USUAL, f);
            }
        }
    return was_judged;
}

static bool is_matched(const struct address_facts *a)
{
    for (size_t i = 0; a->judged.dane != NULL && i < a->judged.dane->findings_len; i++)
        if (a->judged.dane->findings[i].severity == SEVERITY_OK &&
            strcmp(a->judged.dane->findings[i].id, "dane.match") == 0)
            return true;
    return false;
}

static bool check_rollover(struct checking *c)
{
    bool is_any = false;

    FOR_SERVERS(c) {
        bool matches = s->dane == DANE_USABLE && s->addresses_len > 0;

        FOR_ADDRESSES(s)
            matches &= is_matched(a);
        is_any |= matches;
        if (matches && s->tlsa.records_len == 1)
            checking_tell(c, CHECK_ADVICE, owner(c, s), AS_USUAL, "there is one record alone, for what is served now");
        else if (matches)
            checking_tell(c, CHECK_OK, owner(c, s), AS_USUAL,
                          "%zu records can be used: one is for what is served, one more for what comes next",
                          s->tlsa.records_len);
    }
    return is_any;
}

static bool check_ttl(struct checking *c)
{
    bool is_any = false;

    FOR_SERVERS(c) {
        const struct certificate *served = served_by(s);

        if (s->dane != DANE_USABLE || served == NULL)
            continue;
        is_any = true;
        if (s->tlsa_ttl_s >= DAY_S && certificate_days_left(served, c->f->now_s) < RENEWAL_DAYS)
            checking_tell(c, CHECK_WARNING, owner(c, s), AS_USUAL,
                          "the records may be kept for %lld hours, and the certificate is about to be renewed",
                          (long long)(s->tlsa_ttl_s / 3600));
    }
    return is_any;
}

static bool check_weak(struct checking *c)
{
    bool is_any = false;

    FOR_SERVERS(c)
        FOR_ADDRESSES(s) {
            const struct certificate *served =
                is_matched(a) && a->judged.dane->chain_len > 0 ? &a->judged.dane->chain[0] : NULL;

            is_any |= served != NULL;
            if (served != NULL && slice_eq(served->key, SLICE_LIT("RSA")) && served->key_bits < KEY_BITS_LEAST)
                checking_tell(c, CHECK_WARNING, checking_place(c, s, a), AS_USUAL,
                              "the record matches, and the key has %d bits", served->key_bits);
        }
    return is_any;
}

static bool check_reports_of(struct checking *c)
{
    bool is_any = false;
    struct tlsrpt_record record;
    struct fault why;

    FOR_SERVERS(c) {
        if (s->dane != DANE_USABLE || s->reports.name.len == 0 || s->reports.outcome == DNS_FAILED)
            continue;
        is_any = true;
        if (slice_ends_case(s->name, c->f->domain) || /* the domain's own record is close enough */
            tlsrpt_record_choose(s->reports.records, s->reports.records_len, c->arena, &record, &why) == RECORD_VALID)
            continue;
        checking_tell(c, CHECK_ADVICE, s->reports.name,
                      CHANGE(c, "publish %.*s. TXT \"v=TLSRPTv1; rua=mailto:...\" in the zone of the mail server",
                             SLICE_FMT(s->reports.name)),
                      "whoever runs the mail server hears nothing of failures of DANE");
    }
    return is_any;
}

static const struct check checks[] = {
    { "dane.signed", check_lookup, "DNS answers for TLSA, signed",
      "an answer that is forged or does not come keeps senders that check DANE from sending at all",
      "sign the zone anew, or mend the DS record at the parent", NULL },
    { "dane.each", check_each, "every server has TLSA records",
      "an attacker steers mail to the server that has none; DANE protects a domain as a whole or not at all",
      "publish a TLSA record 3 1 1 for every server", NULL },
    { "dane.fields", check_fields, "every TLSA record can be read", "a record that is ignored protects nobody",
      "publish a 3 1 1 record in its place", NULL },
    { "dane.usage", check_usage, "every TLSA record is for mail",
      "RFC 7672 section 3.1.3: mail knows the usages 2 and 3 alone", "publish a 3 1 1 record in its place", NULL },
    { "dane.match", check_findings, "every certificate that is served matches a TLSA record",
      "senders that check DANE deliver no mail to this server", "publish a record for the key that is served", NULL },
    { "dane.ta", check_findings, "every chain below an anchor holds",
      "with usage 2 the chain below the anchor must be valid",
      "send the anchor's certificate in the chain, or publish a 3 1 1 record", NULL },
    { "dane.rollover", check_rollover, "",
      "when the key changes before the record does, senders that check DANE stop for as long as the old record is "
      "kept",
      "before the next change of key publish the record of the new one beside it, wait for the TTL, then change",
      NULL },
    { "dane.ttl", check_ttl, "the records' time to live suits the renewal",
      "a record cannot follow its certificate faster than it is forgotten",
      "lower the TTL to an hour before the renewal", NULL },
    { "dane.weakkey", check_weak, "every key that matches is long enough",
      "strict libraries refuse a short key although DANE matches",
      "make a key of P-256 or RSA 3072, and publish its record first", NULL },
    { "rpt.mx", check_reports_of, "failures of DANE are reported",
      "reports on DANE go to the domain of the mail server, too (RFC 8460 section 3)", "", NULL },
};

const struct check_group checks_dane = { "DANE", checks, COUNT_OF(checks) };
