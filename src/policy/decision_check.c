#include "policy/decide.h"

#include "base/clock.h"
#include "policy/demand.h"

enum { DATE_LEN = 10 }; /* "2026-01-01" of an RFC 3339 time */

static enum tls_result fail(struct fault *why, enum tls_result result, const char *fmt, ...) PRINTF_LIKE(3, 4);

static enum tls_result fail(struct fault *why, enum tls_result result, const char *fmt, ...)
{
    char text[sizeof why->text];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    (void)fault_set(why, ERR_PERMANENT, "%s", text);
    return result;
}

static enum tls_result check_clear(const struct decision *d, const struct tls_facts *facts, struct slice server,
                                   struct fault *why)
{
    if (!decision_requires_tls(d))
        return TLS_RESULT_OK;
    if (facts->handshake_error[0] != '\0')
        return fail(why, TLS_RESULT_VALIDATION_FAILURE, "TLS handshake with '%.*s' failed: %s", SLICE_FMT(server),
                    facts->handshake_error);
    return fail(why, TLS_RESULT_STARTTLS_NOT_SUPPORTED, "'%.*s' does not offer STARTTLS, and TLS is demanded",
                SLICE_FMT(server));
}

/* What is wrong with the chain; the verdict CERT_TRUSTED does not come here. */
static enum tls_result check_trust(const struct tls_facts *facts, struct slice server, struct fault *why)
{
    static const struct {
        enum tls_result result;
        const char *text;
    } by_verdict[] = {
        [CERT_ABSENT] = { TLS_RESULT_CERTIFICATE_NOT_TRUSTED, "is missing" },
        [CERT_NOT_YET_VALID] = { TLS_RESULT_VALIDATION_FAILURE, "is not valid yet" },
        [CERT_SELF_SIGNED] = { TLS_RESULT_CERTIFICATE_NOT_TRUSTED, "is self-signed" },
        [CERT_UNTRUSTED] = { TLS_RESULT_CERTIFICATE_NOT_TRUSTED, "is not trusted" },
    };
    const char *detail = facts->verdict_text, *joint = detail[0] == '\0' ? "" : ": ";
    char date[CLOCK_TEXT] = "";

    if (facts->verdict == CERT_EXPIRED) {
        if (facts->not_after_s > 0)
            (void)clock_rfc3339(facts->not_after_s, date);
        return fail(why, TLS_RESULT_CERTIFICATE_EXPIRED, "certificate of '%.*s' expired%s%.*s%s%s", SLICE_FMT(server),
                    date[0] == '\0' ? "" : " ", DATE_LEN, date, joint, detail);
    }
    return fail(why, by_verdict[facts->verdict].result, "certificate of '%.*s' %s%s%s", SLICE_FMT(server),
                by_verdict[facts->verdict].text, joint, detail);
}

static enum tls_result check_name(const struct decision *d, const struct tls_facts *facts, struct slice server,
                                  struct fault *why)
{
    struct arena arena = { 0 };
    struct slice wanted;

    if (d->any_name || facts->name_matches)
        return TLS_RESULT_OK;
    wanted = demand_names_words(d->names, d->names_len, &arena);
    (void)fail(why, TLS_RESULT_CERTIFICATE_HOST_MISMATCH,
               "certificate of '%.*s' is for another name (subject '%s'): expected %.*s", SLICE_FMT(server),
               facts->subject,
               SLICE_FMT(wanted.len > 0      ? wanted
                         : d->sts_id.len > 0 ? SLICE_LIT("the server's own name")
                                             : SLICE_LIT("the server's own name or the domain")));
    arena_release(&arena);
    return TLS_RESULT_CERTIFICATE_HOST_MISMATCH;
}

static enum tls_result check_dane(const struct tls_facts *facts, struct slice server, struct fault *why)
{
    static const struct {
        enum tls_result result;
        const char *text;
    } by_verdict[] = {
        [DANE_NOT_CHECKED] = { TLS_RESULT_DANE_REQUIRED,
                               "was held against no TLSA record, and level dane is demanded" },
        [DANE_MISMATCH] = { TLS_RESULT_TLSA_INVALID, "matches none of its TLSA records" },
        [DANE_EXPIRED] = { TLS_RESULT_CERTIFICATE_EXPIRED, "has expired, though a TLSA record matches its issuer" },
        [DANE_HOST_MISMATCH] = { TLS_RESULT_CERTIFICATE_HOST_MISMATCH,
                                 "is for another name, though a TLSA record matches its issuer" },
        [DANE_INVALID] = { TLS_RESULT_VALIDATION_FAILURE,
                           "has a chain that is broken or not valid yet, though a TLSA record matches its issuer" },
        [DANE_ERROR] = { TLS_RESULT_VALIDATION_FAILURE, "could not be held against its TLSA records" },
    };

    if (facts->dane == DANE_MATCHED)
        return TLS_RESULT_OK;
    return fail(why, by_verdict[facts->dane].result, "certificate of '%.*s' %s%s%s", SLICE_FMT(server),
                by_verdict[facts->dane].text, facts->dane_text[0] == '\0' ? "" : ": ", facts->dane_text);
}

enum tls_result decision_check(const struct decision *d, const struct tls_facts *facts, struct slice server,
                               struct fault *why)
{
    enum tls_result result;

    if (!facts->is_tls)
        return check_clear(d, facts, server, why);
    if (facts->version < d->min_version)
        return fail(why, TLS_RESULT_VALIDATION_FAILURE, "'%.*s' speaks TLS %s, and TLS %s or higher is demanded",
                    SLICE_FMT(server), demand_version_words(facts->version), demand_version_words(d->min_version));
    if (d->level == LEVEL_DANE || d->needs_tlsa_match) {
        result = check_dane(facts, server, why);
        if (result != TLS_RESULT_OK || d->level == LEVEL_DANE)
            return result;
    }
    if (d->level < LEVEL_VERIFY)
        return TLS_RESULT_OK;
    if (facts->verdict != CERT_TRUSTED)
        return check_trust(facts, server, why);
    return check_name(d, facts, server, why);
}
