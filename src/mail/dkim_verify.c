#include "mail/dkim_verify.h"

#include "base/buf.h"
#include "base/memory.h"

#include <opendkim/dkim.h>

enum { KEY_NAME_MAX = 253, BYTES_MAX = 64 * 1024 * 1024 };

struct mail_dkim_verifier {
    DKIM_LIB *library;
};

/* -- the header --------------------------------------------------------------------------------------------------- */

/* The field at the front with its folds; *rest is what lies behind. Empty at the end of the header section. */
static struct slice take_field(struct slice in, struct slice *rest)
{
    size_t at = 0;

    if (in.len == 0 || in.ptr[0] == '\n' || slice_starts(in, SLICE_LIT("\r\n")))
        return slice_of("", 0);
    do {
        size_t lf = slice_find(slice_from(in, at), '\n');

        at = lf == SIZE_MAX ? in.len : at + lf + 1;
    } while (at < in.len && (in.ptr[at] == ' ' || in.ptr[at] == '\t'));
    *rest = slice_from(in, at);
    return slice_first(in, at);
}

static struct slice trim_all(struct slice s)
{
    while (s.len > 0 && memchr(" \t\r\n", s.ptr[0], 4) != NULL)
        s = slice_from(s, 1);
    while (s.len > 0 && memchr(" \t\r\n", s.ptr[s.len - 1], 4) != NULL)
        s = slice_first(s, s.len - 1);
    return s;
}

/* The value of a tag (RFC 6376 section 3.2); false when it is not there. */
static bool find_tag(struct slice list, const char *name, struct slice *value)
{
    while (list.len > 0) {
        struct slice rest, tag = slice_cut(list, ';', &rest), behind;
        struct slice key = trim_all(slice_cut(tag, '=', &behind));

        if (slice_eq(key, slice_str(name)) && slice_find(tag, '=') != SIZE_MAX) {
            *value = trim_all(behind);
            return true;
        }
        list = rest;
    }
    return false;
}

static bool is_signature(struct slice field, struct slice *value)
{
    return slice_eq_case(trim_all(slice_cut(field, ':', value)), SLICE_LIT("DKIM-Signature"));
}

static size_t count_signatures(struct slice mail)
{
    struct slice field, value;
    size_t count = 0;

    while ((field = take_field(mail, &mail)).len > 0)
        count += is_signature(field, &value);
    return count;
}

static bool is_among(struct slice name, const struct slice *names, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (slice_eq_case(names[i], name))
            return true;
    return false;
}

size_t mail_dkim_keys_wanted(struct slice mail, struct arena *arena,
                             struct slice names[static MAIL_DKIM_SIGNATURES_MAX])
{
    struct slice field, value, domain, selector;
    size_t len = 0;

    if (count_signatures(mail) > MAIL_DKIM_SIGNATURES_MAX)
        return 0;
    while ((field = take_field(mail, &mail)).len > 0) {
        struct slice name;

        if (!is_signature(field, &value) || !find_tag(value, "d", &domain) || !find_tag(value, "s", &selector) ||
            domain.len + selector.len > KEY_NAME_MAX)
            continue;
        name = arena_printf(arena, "%.*s._domainkey.%.*s", SLICE_FMT(selector), SLICE_FMT(domain));
        if (!is_among(name, names, len))
            names[len++] = name;
    }
    return len;
}

/* -- keys --------------------------------------------------------------------------------------------------------- */

/* What the library's look-up sees of one call. */
struct keyring {
    const struct mail_dkim_key *keys;
    size_t len;
};

static const struct mail_dkim_key *find_key(const struct keyring *ring, DKIM_SIGINFO *sig)
{
    char name[2 * KEY_NAME_MAX];
    int len = snprintf(name, sizeof name, "%s._domainkey.%s", (const char *)dkim_sig_getselector(sig),
                       (const char *)dkim_sig_getdomain(sig));

    for (size_t i = 0; i < ring->len && (size_t)len < sizeof name; i++)
        if (slice_eq_case(ring->keys[i].name, slice_of(name, (size_t)len)))
            return ring->keys[i].record.len > 0 ? &ring->keys[i] : NULL;
    return NULL;
}

/* RFC 6376 section 3.6.1, RFC 8460 section 3. */
static bool serves_reports(struct slice record)
{
    static const char *const services[] = { "*", "email", "tlsrpt" };
    struct slice list;

    if (!find_tag(record, "s", &list))
        return true;
    while (list.len > 0) {
        struct slice service = trim_all(slice_cut(list, ':', &list));

        for (size_t i = 0; i < COUNT_OF(services); i++)
            if (slice_eq_case(service, slice_str(services[i])))
                return true;
    }
    return false;
}

/* The library knows no service but email: it gets the record without the tag, which serves_reports() judges. */
static DKIM_CBSTAT look_up(DKIM *dkim, DKIM_SIGINFO *sig, u_char *out, size_t size)
{
    const struct mail_dkim_key *key = find_key(dkim_get_user_context(dkim), sig);
    struct slice rest;
    size_t len = 0;

    if (key == NULL || key->record.len >= size)
        return DKIM_CBSTAT_NOTFOUND;
    rest = key->record;
    while (rest.len > 0) {
        struct slice tag = slice_cut(rest, ';', &rest), value;
        bool is_service = slice_eq(trim_all(slice_cut(tag, '=', &value)), SLICE_LIT("s"));

        for (size_t i = 0; i < tag.len && !is_service; i++)
            out[len++] = (u_char)tag.ptr[i];
        if (!is_service && rest.len > 0)
            out[len++] = ';';
    }
    out[len] = '\0';
    return DKIM_CBSTAT_CONTINUE;
}

/* -- judging ------------------------------------------------------------------------------------------------------ */

static const struct {
    DKIM_SIGERROR error;
    const char *why;
} error_words[] = {
    { DKIM_SIGERROR_EXPIRED, "the signature has expired" },
    { DKIM_SIGERROR_FUTURE, "the signature is from the future" },
    { DKIM_SIGERROR_NOKEY, "there is no such key in the DNS" },
    { DKIM_SIGERROR_KEYFAIL, "there is no such key in the DNS" },
    { DKIM_SIGERROR_KEYREVOKED, "the key was revoked" },
    { DKIM_SIGERROR_KEYTOOSMALL, "the key is too small" },
    { DKIM_SIGERROR_BADSIG, "the signature does not match" },
    { DKIM_SIGERROR_SUBDOMAIN, "the key is not for subdomains" },
};

static const char *why_not(DKIM_SIGINFO *sig, const struct keyring *ring)
{
    const struct mail_dkim_key *key = find_key(ring, sig);
    DKIM_SIGERROR error = dkim_sig_geterror(sig);
    dkim_alg_t algorithm = DKIM_SIGN_UNKNOWN;
    unsigned flags = dkim_sig_getflags(sig);

    if (key != NULL && dkim_sig_getbh(sig) == DKIM_SIGBH_MISMATCH)
        return "the body was changed";
    for (size_t i = 0; i < COUNT_OF(error_words); i++)
        if (error_words[i].error == error)
            return error_words[i].why;
    if (key == NULL)
        return "there is no such key in the DNS";
    if (!(flags & DKIM_SIGFLAG_PASSED))
        return error > DKIM_SIGERROR_OK ? dkim_sig_geterrorstr(error) : "the signature does not match";
    if (dkim_sig_getbh(sig) != DKIM_SIGBH_MATCH)
        return "the body was changed";
    if (dkim_sig_gettagvalue(sig, false, (u_char *)(uintptr_t) "l") != NULL)
        return "the signature covers a part of the body alone (l=)";
    if (dkim_sig_getsignalg(sig, &algorithm) != DKIM_STAT_OK || algorithm == DKIM_SIGN_RSASHA1)
        return "the signature is by SHA-1";
    if (!serves_reports(key->record))
        return "the key is for other services than email and tlsrpt (s=)";
    return (flags & DKIM_SIGFLAG_TESTKEY) ? "the key is in testing (t=y)" : NULL;
}

static size_t judge_all(DKIM *dkim, const struct keyring *ring, struct arena *arena,
                        struct mail_dkim_signature out[static MAIL_DKIM_SIGNATURES_MAX])
{
    DKIM_SIGINFO **sigs = NULL;
    int len = 0;
    size_t count = 0;

    if (dkim_getsiglist(dkim, &sigs, &len) != DKIM_STAT_OK)
        return 0;
    for (int i = 0; i < len && count < MAIL_DKIM_SIGNATURES_MAX; i++) {
        struct slice domain = slice_str((const char *)dkim_sig_getdomain(sigs[i]));
        const char *why;

        if (domain.len == 0 || dkim_sig_getselector(sigs[i]) == NULL)
            continue;
        why = why_not(sigs[i], ring);
        out[count++] = (struct mail_dkim_signature){ .domain = slice_lower(domain, arena_alloc(arena, domain.len)),
                                                     .is_good = why == NULL,
                                                     .why = arena_copy(arena, slice_str(why == NULL ? "" : why)) };
    }
    return count;
}

/* Line ends are what they were on the wire: an mbox has them without CR. */
static struct slice with_crlf(struct slice mail, struct buf *b)
{
    while (mail.len > 0) {
        size_t lf = slice_find(mail, '\n'), len = lf == SIZE_MAX ? mail.len : lf;
        bool has_cr = len > 0 && mail.ptr[len - 1] == '\r';

        (void)!buf_add(b, slice_first(mail, has_cr && lf != SIZE_MAX ? len - 1 : len));
        if (lf != SIZE_MAX)
            (void)!buf_add(b, SLICE_LIT("\r\n"));
        mail = slice_from(mail, len + 1);
    }
    return buf_slice(b);
}

static bool needs_crlf(struct slice mail)
{
    size_t lf = slice_find(mail, '\n');

    return lf != SIZE_MAX && (lf == 0 || mail.ptr[lf - 1] != '\r');
}

static size_t run(struct mail_dkim_verifier *v, struct slice wire, struct keyring *ring, struct arena *arena,
                  struct mail_dkim_signature out[static MAIL_DKIM_SIGNATURES_MAX])
{
    DKIM_STAT st;
    DKIM *dkim = dkim_verify(v->library, (const u_char *)"report", NULL, &st);
    size_t len;

    if (dkim == NULL)
        return 0;
    (void)dkim_set_user_context(dkim, ring);
    st = dkim_chunk(dkim, (u_char *)(uintptr_t)wire.ptr, wire.len);
    if (st == DKIM_STAT_OK)
        st = dkim_chunk(dkim, NULL, 0);
    if (st == DKIM_STAT_OK)
        (void)dkim_eom(dkim, NULL);
    len = judge_all(dkim, ring, arena, out);
    (void)dkim_free(dkim);
    return len;
}

size_t mail_dkim_verify(struct mail_dkim_verifier *v, struct slice mail, const struct mail_dkim_key *keys,
                        size_t keys_len, struct arena *arena,
                        struct mail_dkim_signature out[static MAIL_DKIM_SIGNATURES_MAX])
{
    struct keyring ring = { keys, keys_len };
    size_t signatures = count_signatures(mail), len;
    struct buf b;

    if (signatures == 0 || signatures > MAIL_DKIM_SIGNATURES_MAX)
        return 0;
    buf_init(&b, BYTES_MAX);
    len = run(v, needs_crlf(mail) ? with_crlf(mail, &b) : mail, &ring, arena, out);
    buf_release(&b);
    return len;
}

struct mail_dkim_verifier *mail_dkim_verifier_new(void)
{
    struct mail_dkim_verifier *v = NEW(struct mail_dkim_verifier);

    v->library = dkim_init(NULL, NULL);
    if (v->library == NULL || dkim_set_key_lookup(v->library, look_up) != DKIM_STAT_OK)
        abort();
    return v;
}

void mail_dkim_verifier_free(struct mail_dkim_verifier *v)
{
    if (v == NULL)
        return;
    dkim_close(v->library);
    free(v);
}
