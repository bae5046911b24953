#include "domains/checks_private.h"

static bool was_looked_at(struct checking *c)
{
    FOR_SERVERS(c)
        FOR_ADDRESSES(s)
            if (a->deep != NULL)
                return true;
    return false;
}

/* What is not tested says so under an id of its own. */
bool checking_tell_deep(struct checking *c)
{
    static const enum check_verdict verdict_of[] = {
        [SEVERITY_OK] = CHECK_OK,
        [SEVERITY_ADVICE] = CHECK_ADVICE,
        [SEVERITY_WARNING] = CHECK_WARNING,
        [SEVERITY_ERROR] = CHECK_ERROR,
    };
    bool is_known = false;

    FOR_SERVERS(c)
        FOR_ADDRESSES(s) {
            is_known |= a->deep != NULL && a->deep->judgement.is_known;
            for (size_t i = 0; a->deep != NULL && i < a->deep->judgement.findings_len; i++) {
                const struct finding *f = &a->deep->judgement.findings[i];

                if (f->severity != SEVERITY_OK && strcmp(f->id, c->check->id) == 0)
                    checking_tell_finding(c, verdict_of[f->severity], checking_place(c, s, a), AS_USUAL, f);
            }
        }
    return is_known;
}

static bool check_untested(struct checking *c)
{
    FOR_SERVERS(c)
        FOR_ADDRESSES(s)
            for (size_t i = 0; a->deep != NULL && i < a->deep->judgement.findings_len; i++) {
                const struct finding *f = &a->deep->judgement.findings[i];

                if (strcmp(f->id, "tls.untested") == 0)
                    checking_tell_finding(c, CHECK_NOT_TESTABLE, checking_place(c, s, a), AS_USUAL, f);
            }
    return was_looked_at(c);
}

static bool check_injection(struct checking *c)
{
    bool is_known = false;

    FOR_SERVERS(c)
        FOR_ADDRESSES(s) {
            is_known |= a->deep != NULL && a->deep->is_injected != DEEP_UNKNOWN;
            if (a->deep != NULL && a->deep->is_injected == DEEP_YES)
                checking_tell(c, CHECK_ERROR, checking_place(c, s, a), AS_USUAL,
                              "a command that came in clear behind STARTTLS is answered in TLS");
        }
    return is_known;
}

static bool check_resumption(struct checking *c)
{
    bool is_known = false;

    FOR_SERVERS(c)
        FOR_ADDRESSES(s) {
            is_known |= a->probe->session.is_resumed != PROBE_NOT_ASKED;
            if (a->probe->session.is_resumed == PROBE_NO)
                checking_tell(c, CHECK_ADVICE, checking_place(c, s, a), AS_USUAL, "a session is not resumed");
        }
    return is_known;
}

static bool check_clear(struct checking *c)
{
    bool is_known = false;

    FOR_SERVERS(c)
        FOR_ADDRESSES(s) {
            is_known |= a->deep != NULL && a->deep->takes_clear != DEEP_UNKNOWN;
            if (a->deep != NULL && a->deep->takes_clear == DEEP_YES)
                checking_tell(c, CHECK_ADVICE, checking_place(c, s, a), AS_USUAL,
                              "mail for the domain is taken in clear from strangers");
        }
    return is_known;
}

static const struct check checks[] = {
    { "tls.ssl", checking_tell_deep, "neither SSLv2 nor SSLv3 is accepted", "", "", NULL },
    { "tls.cipher", checking_tell_deep, "no weak cipher suite is accepted", "", "", NULL },
    { "tls.order", checking_tell_deep, "the server's order of suites counts, or leads to nothing weak", "", "", NULL },
    { "tls.known", checking_tell_deep, "no fallback to an old version, and no heartbeats", "", "", NULL },
    { "tls.untested", check_untested, "everything was asked", "", "", NULL },
    { "tls.inject", check_injection, "what comes in clear behind STARTTLS is thrown away",
      "whoever stands between puts commands before those of the sender, and they count as sent in TLS (CVE-2011-0411)",
      "update the mail server: it must forget what it has read when TLS begins (RFC 3207 section 6)", NULL },
    { "tls.resume", check_resumption, "sessions are resumed", "each connection takes a whole handshake",
      "turn session tickets on, and share their keys between the nodes behind one name", NULL },
    { "tls.refuse", check_clear, "mail in clear is refused",
      "whoever stands between can make a sender without MTA-STS or DANE send in clear",
      "for senders that can do TLS, forbid it by an inbound rule; for all others leave it (RFC 3207 section 4)",
      NULL },
};

const struct check_group checks_deep = { "TLS, a closer look", checks, COUNT_OF(checks) };
