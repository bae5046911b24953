#include "domains/checks_private.h"

/* For what was tried with TLS and did not come that far. */
static bool is_in_question(const struct address_facts *a)
{
    return a->probe->failed_at > PROBE_GREETING;
}

static bool was_spoken_to(struct checking *c)
{
    FOR_SERVERS(c)
        FOR_ADDRESSES(s)
            if (is_in_question(a))
                return true;
    return false;
}

static bool has_session(struct checking *c)
{
    FOR_SERVERS(c)
        FOR_ADDRESSES(s)
            if (a->probe->has_session)
                return true;
    return false;
}

static bool demands_tls(const struct checking *c, const struct server_facts *s)
{
    return checking_is_enforced(c) || s->dane == DANE_USABLE || s->dane == DANE_UNUSABLE;
}

static bool check_ehlo(struct checking *c)
{
    FOR_SERVERS(c)
        FOR_ADDRESSES(s)
            if (a->probe->failed_at == PROBE_EHLO)
                checking_tell(c, a->probe->is_unwanted ? CHECK_NOT_TESTABLE : CHECK_ERROR, checking_place(c, s, a),
                              a->probe->is_unwanted ? SLICE_LIT("look again in half an hour, or from another address")
                                                    : AS_USUAL,
                              "%s", a->text);
    return was_spoken_to(c);
}

static bool check_offer(struct checking *c)
{
    FOR_SERVERS(c)
        FOR_ADDRESSES(s)
            if (a->probe->failed_at == PROBE_STARTTLS)
                checking_tell(c, a->probe->is_unwanted ? CHECK_NOT_TESTABLE : CHECK_ERROR, checking_place(c, s, a),
                              AS_USUAL, "%s%s", a->text,
                              demands_tls(c, s) ? ", though what is published demands it" : "");
    return was_spoken_to(c);
}

static bool check_handshake(struct checking *c)
{
    bool was_tried = false;

    FOR_SERVERS(c)
        FOR_ADDRESSES(s) {
            was_tried |= a->probe->failed_at >= PROBE_HANDSHAKE;
            if (a->probe->failed_at == PROBE_HANDSHAKE)
                checking_tell(c, CHECK_ERROR, checking_place(c, s, a), AS_USUAL, "the TLS handshake failed: %s",
                              a->text);
        }
    return was_tried;
}

static bool check_inside(struct checking *c)
{
    FOR_SERVERS(c)
        FOR_ADDRESSES(s)
            if (a->probe->has_session && a->probe->failed_at == PROBE_INSIDE)
                checking_tell(c, CHECK_ERROR, checking_place(c, s, a), AS_USUAL,
                              "in TLS the server answers no more: %s", a->text);
    return has_session(c);
}

static bool check_version(struct checking *c)
{
    FOR_SERVERS(c)
        FOR_ADDRESSES(s)
            if (a->probe->has_session && a->probe->session.version < TLS_VERSION_1_2)
                checking_tell(c, CHECK_ERROR, checking_place(c, s, a), AS_USUAL,
                              "the best version that it speaks is %s", tls_version_name(a->probe->session.version));
    (void)checking_tell_deep(c);
    return has_session(c);
}

static bool check_secrecy(struct checking *c)
{
    FOR_SERVERS(c)
        FOR_ADDRESSES(s)
            if (a->probe->has_session && strcmp(a->probe->session.group, "RSA") == 0)
                checking_tell(c, CHECK_WARNING, checking_place(c, s, a), AS_USUAL, "the key exchange is RSA, with %s",
                              a->probe->session.cipher);
    (void)checking_tell_deep(c);
    return has_session(c);
}

static bool check_renegotiation(struct checking *c)
{
    FOR_SERVERS(c)
        FOR_ADDRESSES(s)
            if (a->probe->has_session && !a->probe->session.has_secure_renegotiation)
                checking_tell(c, CHECK_WARNING, checking_place(c, s, a), AS_USUAL,
                              "secure renegotiation is missing (RFC 5746)");
    (void)checking_tell_deep(c);
    return has_session(c);
}

static bool check_same(struct checking *c)
{
    FOR_SERVERS(c)
        if (s->difference[0] != '\0')
            checking_tell(c, CHECK_WARNING, s->name, AS_USUAL, "%s", s->difference);
    return has_session(c);
}

static bool check_require(struct checking *c)
{
    bool is_authenticated;

    FOR_SERVERS(c)
        FOR_ADDRESSES(s) {
            if (!a->probe->has_session || a->probe->failed_at != PROBE_COMPLETE)
                continue;
            is_authenticated = checking_is_enforced(c) || s->dane == DANE_USABLE;
            if (!(a->probe->extensions_inside & SMTP_EXT_REQUIRETLS))
                checking_tell(c, CHECK_ADVICE, checking_place(c, s, a), AS_USUAL, "REQUIRETLS is not offered");
            else if (!is_authenticated)
                checking_tell(c, CHECK_ADVICE, checking_place(c, s, a),
                              SLICE_LIT("publish TLSA records, or an MTA-STS policy in enforce"),
                              "REQUIRETLS is offered, and of no use without DANE or a policy in enforce");
        }
    return has_session(c);
}

static const struct check checks[] = {
    { "tls.ehlo", check_ehlo, "every server takes EHLO", "without EHLO there is no STARTTLS",
      "let the server answer EHLO with 250 (RFC 5321 section 4.1.1.1)", NULL },
    { "tls.offer", check_offer, "every server offers STARTTLS",
      "without it all mail is sent in clear, and senders that check MTA-STS or DANE send none",
      "give the server a certificate, and turn STARTTLS on for port 25", NULL },
    { "tls.handshake", check_handshake, "TLS can be agreed on with every server",
      "senders fall back to clear text or send nothing",
      "see the server's log for this time; often the certificate or its key cannot be read", NULL },
    { "tls.after", check_inside, "every server answers inside TLS", "no mail gets through after STARTTLS",
      "let the server answer EHLO once more after STARTTLS (RFC 3207 section 4.2)", NULL },
    { "tls.version", check_version, "every server speaks TLS 1.2 or higher",
      "MTA-STS and most senders refuse less (RFC 8461 section 4.2, RFC 8996)", "enable TLS 1.2 and 1.3", NULL },
    { "tls.kex", check_secrecy, "every key exchange has forward secrecy",
      "whoever gets the key later reads all that was recorded", "prefer ECDHE suites with X25519 or P-256", NULL },
    { "tls.reneg", check_renegotiation, "renegotiation is secure", "sessions can be joined by an attacker",
      "update the TLS library", NULL },
    { "tls.sni", check_same, "the addresses of a server show the same certificate",
      "which certificate a sender meets is a matter of luck", "load the same certificate behind every address", NULL },
    { "tls.requiretls", check_require, "REQUIRETLS mail can be delivered here",
      "mail that its sender marks REQUIRETLS (RFC 8689) comes back undelivered",
      "enable the extension if the server has it; nothing else depends on it", NULL },
};

const struct check_group checks_tls = { "STARTTLS and TLS", checks, COUNT_OF(checks) };
