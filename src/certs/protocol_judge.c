#include "certs/protocol_judge.h"

#include <stdarg.h>
#include <stdio.h>

enum { FINDINGS_MOST = 48, DH_BROKEN = 1024, DH_SHORT = 2048, RSA_SHORT = 2048 };

struct judging {
    const struct protocol_facts *facts;
    enum tls_way way;
    struct arena *arena;
    struct finding *findings;
    size_t len;
};

struct words {
    const char *id;
    enum severity severity;
    const char *why, *advice;
};

static void PRINTF_LIKE(3, 4) find(struct judging *j, const struct words *w, const char *fmt, ...)
{
    char seen[600];
    va_list ap;

    if (j->len == FINDINGS_MOST)
        return;
    va_start(ap, fmt);
    (void)vsnprintf(seen, sizeof seen, fmt, ap);
    va_end(ap);
    j->findings[j->len++] = (struct finding){
        .id = w->id,
        .severity = w->severity,
        .at = JUDGE_WHOLE_CHAIN,
        .seen = arena_copy(j->arena, slice_str(seen)),
        .why = slice_str(w->why),
        .advice = slice_str(w->advice),
    };
}

#define LOWEST_1_2 "set the server's lowest version to TLS 1.2"

static const struct words version_words[PROTOCOL_VERSIONS] = {
    [PROTOCOL_SSL2] = { "tls.ssl", SEVERITY_ERROR,
                        "its handshakes help to decrypt TLS sessions of every server with the same key (DROWN; "
                        "forbidden "
                        "by RFC 6176)",
                        "turn SSLv2 off wherever this key is used; " LOWEST_1_2 },
    [PROTOCOL_SSL3] = { "tls.ssl", SEVERITY_ERROR,
                        "what it encrypts can be read byte by byte (POODLE; forbidden by RFC 7568)", LOWEST_1_2 },
    [PROTOCOL_TLS1_0] = { "tls.version", SEVERITY_WARNING,
                          "it rests on MD5, SHA-1 and a CBC mode that leaks (BEAST; forbidden by RFC 8996)",
                          LOWEST_1_2 "; keep it only for a partner that would else send in clear" },
    [PROTOCOL_TLS1_1] = { "tls.version", SEVERITY_WARNING, "it rests on MD5 and SHA-1 (forbidden by RFC 8996)",
                          LOWEST_1_2 "; keep it only for a partner that would else send in clear" },
    [PROTOCOL_TLS1_2] = { .id = NULL },
    [PROTOCOL_TLS1_3] = { .id = NULL },
};

static const struct words no_good_version = {
    "tls.version",
    SEVERITY_ERROR,
    "who demands TLS 1.2, as MTA-STS does (RFC 8461 section 4), sends nothing here; others will not reach it either "
    "before "
    "long",
    "update the server's TLS library, and let it speak TLS 1.2 and 1.3",
};

static const struct words no_1_3 = {
    "tls.version",
    SEVERITY_ADVICE,
    "it is faster, hides the certificate, and has none of the old suites",
    "turn TLS 1.3 on; it takes a library of 2018 or later (OpenSSL 1.1.1, GnuTLS 3.6.5)",
};

static const struct words no_1_2 = {
    "tls.version",
    SEVERITY_ADVICE,
    "many mail servers speak nothing newer, and then send in clear or not at all",
    "turn TLS 1.2 on besides 1.3",
};

static bool accepts(const struct judging *j, enum protocol_version v)
{
    return j->facts->versions[v].known == PROTOCOL_ACCEPTED;
}

static bool refuses(const struct judging *j, enum protocol_version v)
{
    return j->facts->versions[v].known == PROTOCOL_REFUSED;
}

static void judge_versions(struct judging *j)
{
    for (enum protocol_version v = PROTOCOL_SSL2; v < PROTOCOL_VERSIONS; v++)
        if (accepts(j, v) && version_words[v].id != NULL)
            find(j, &version_words[v], "%s is accepted", wire_version_name(protocol_wire(v)));
    if (refuses(j, PROTOCOL_TLS1_2) && refuses(j, PROTOCOL_TLS1_3))
        find(j, &no_good_version, "neither TLSv1.2 nor TLSv1.3 is accepted");
    else if (refuses(j, PROTOCOL_TLS1_3) && accepts(j, PROTOCOL_TLS1_2))
        find(j, &no_1_3, "TLSv1.3 is not accepted");
    else if (refuses(j, PROTOCOL_TLS1_2) && accepts(j, PROTOCOL_TLS1_3))
        find(j, &no_1_2, "TLSv1.2 is not accepted");
}

#define TAKE_OUT(suites, openssl) "take " suites " out of the server's list of ciphers (OpenSSL: " openssl ")"

static const struct words class_words[SUITE_CLASSES] = {
    [SUITE_NULL] = { "tls.cipher", SEVERITY_ERROR, "what is said can be read by everybody on the way",
                     TAKE_OUT("NULL", "!eNULL") },
    [SUITE_EXPORT] = { "tls.cipher", SEVERITY_ERROR,
                       "its keys are found within hours, and it lets an attacker weaken other sessions (FREAK, "
                       "Logjam)",
                       TAKE_OUT("export suites", "!EXPORT") },
    [SUITE_DES] = { "tls.cipher", SEVERITY_ERROR, "a key of 56 bits is found within a day",
                    TAKE_OUT("single DES", "!DES") },
    [SUITE_ANONYMOUS] = { "tls.cipher", SEVERITY_ERROR,
                          "a client that takes one cannot tell the server from an impostor",
                          TAKE_OUT("anonymous suites", "!aNULL") },
    [SUITE_RC4] = { "tls.cipher", SEVERITY_ERROR,
                    "its output is biased, and what is sent often can be recovered (forbidden by RFC 7465)",
                    TAKE_OUT("RC4", "!RC4") },
    [SUITE_3DES] = { "tls.cipher", SEVERITY_ERROR,
                     "blocks of 64 bits collide in long sessions, and then leak (Sweet32)",
                     TAKE_OUT("3DES and IDEA", "!3DES:!IDEA") },
    [SUITE_STATIC] = { "tls.kex", SEVERITY_WARNING,
                       "there is no forward secrecy: who gets the server's key later reads all that was recorded "
                       "before",
                       TAKE_OUT("key exchange by RSA", "!kRSA") ", and leave ECDHE" },
    [SUITE_DHE] = { .id = NULL },
    [SUITE_ECDHE_CBC] = { "tls.cipher", SEVERITY_ADVICE,
                          "encryption and MAC apart were attacked again and again (Lucky Thirteen); newer suites do "
                          "both at "
                          "once",
                          "put suites with GCM or ChaCha20 first; take CBC out when nobody uses it any more" },
    [SUITE_ECDHE_AEAD] = { .id = NULL },
    [SUITE_TLS1_3] = { .id = NULL },
};

static const struct words anonymous_on_25 = {
    "tls.cipher",
    SEVERITY_WARNING,
    "a client that takes one cannot tell the server from an impostor; most senders of mail do not check that anyway, "
    "but "
    "those that do lose nothing without it",
    TAKE_OUT("anonymous suites", "!aNULL"),
};

static const struct words no_modern_suite = {
    "tls.cipher",
    SEVERITY_WARNING,
    "every session has one of the old weaknesses: no forward secrecy, or encryption and MAC apart",
    "let the server take ECDHE with AES-GCM or ChaCha20, and TLS 1.3",
};

/* One that was chosen shows the class best. */
static const struct protocol_choice *example_of(const struct protocol_facts *f, enum suite_class class)
{
    struct suite s;

    for (size_t i = 0; i < f->choices_len; i++)
        if (suite_find(f->choices[i].suite, &s) && s.class == class)
            return &f->choices[i];
    return NULL;
}

static void judge_classes(struct judging *j)
{
    const struct protocol_state *states = j->facts->classes;

    for (enum suite_class c = SUITE_NULL; c < SUITE_CLASSES; c++) {
        const struct protocol_choice *example = example_of(j->facts, c);
        const struct words *w = c == SUITE_ANONYMOUS && j->way == TLS_WAY_SMTP ? &anonymous_on_25 : &class_words[c];

        if (states[c].known == PROTOCOL_ACCEPTED && w->id != NULL && example != NULL)
            find(j, w, "%s is accepted: %.*s", suite_class_text(c),
                 SLICE_FMT(protocol_choice_text(example, j->arena)));
    }
    if (states[SUITE_ECDHE_AEAD].known == PROTOCOL_REFUSED && states[SUITE_TLS1_3].known == PROTOCOL_REFUSED)
        find(j, &no_modern_suite, "no suite with ECDHE and AEAD is accepted");
}

#define LOGJAM "make the server's DH parameters 2048 bits or more, or take DHE out and leave ECDHE"

static const struct words dh_broken = {
    "tls.kex", SEVERITY_ERROR, "a group of this size is within reach of a computation made in advance (Logjam)", LOGJAM
};
static const struct words dh_short = { "tls.kex", SEVERITY_WARNING,
                                       "less than 2048 bits is too little for what stays secret for years (RFC 9325)",
                                       LOGJAM };
static const struct words curve_old = { "tls.kex", SEVERITY_WARNING,
                                        "this curve was taken out of TLS by RFC 8422: too small, or hardly examined",
                                        "let the server use X25519, P-256 and P-384" };
static const struct words rsa_short = { "tls.kex", SEVERITY_WARNING,
                                        "with this key exchange the certificate's key is all that protects a session",
                                        "make a key of 3072 bits, and take key exchange by RSA out" };
static const struct words signed_sha1 = {
    "tls.kex", SEVERITY_WARNING, "SHA-1 can be forged at a price (deprecated by RFC 9155); better ones were offered",
    "update the server's TLS library"
};

/* Who takes an anonymous suite has a worse problem than its group, which OpenSSL makes short for it. */
static const struct words *judge_bits(const struct suite *s, unsigned bits)
{
    if (bits == 0 || s->class == SUITE_ANONYMOUS)
        return NULL;
    if (s->exchange == SUITE_BY_DHE)
        return bits <= DH_BROKEN ? &dh_broken : bits < DH_SHORT ? &dh_short : NULL;
    return s->exchange == SUITE_BY_RSA && bits < RSA_SHORT ? &rsa_short : NULL;
}

/* DSA, RSA or ECDSA with SHA-1, in TLS 1.2, where others were offered. */
static bool is_sha1(uint16_t scheme)
{
    return scheme >> 8 == 2;
}

static bool was_found(const struct judging *j, const struct words *w)
{
    for (size_t i = 0; i < j->len; i++)
        if (j->findings[i].why.ptr == w->why)
            return true;
    return false;
}

static void judge_exchange(struct judging *j, const struct protocol_choice *c)
{
    const struct tls_group *g = tls_group_find(c->group);
    struct suite s;
    const struct words *w = suite_find(c->suite, &s) ? judge_bits(&s, c->bits) : NULL;

    if (w == NULL && g != NULL && g->is_old)
        w = &curve_old;
    if (w != NULL && !was_found(j, w))
        find(j, w, "key exchange by %.*s", SLICE_FMT(protocol_exchange_text(c, j->arena)));
    if (is_sha1(c->signature) && !was_found(j, &signed_sha1))
        find(j, &signed_sha1, "the key exchange is signed with SHA-1: %.*s",
             SLICE_FMT(protocol_choice_text(c, j->arena)));
}

static const struct words insecure_renegotiation = {
    "tls.reneg", SEVERITY_WARNING,
    "without RFC 5746 an attacker can put words before those of a client, and strict libraries refuse the server",
    "update the server's TLS library"
};
static const struct words untested = { "tls.untested", SEVERITY_ADVICE,
                                       "what was not tested may be there all the same",
                                       "ask again with a larger --budget where the server is yours, else later" };
static const struct words unreached = {
    "tls.untested", SEVERITY_WARNING, "nothing is known of the server's versions and suites",
    "see that the server is up, at this port and with this way of TLS (--tls), and ask again"
};
static const struct words unwanted = {
    "tls.untested", SEVERITY_ADVICE, "the server turns away who comes too often, or whom it does not know",
    "ask again in half an hour at the earliest, or from an address that it welcomes"
};
static const struct words all_good = { "tls.good", SEVERITY_OK, "", "" };

static const struct words client_order = {
    "tls.order", SEVERITY_WARNING,
    "a client with an old list, or whoever shortens it, gets a weaker suite than both could have",
    "let the server choose (OpenSSL: SSL_OP_CIPHER_SERVER_PREFERENCE; Postfix: tls_preempt_cipherlist = yes), ECDHE "
    "with "
    "AES-GCM or ChaCha20 first"
};
static const struct words fallback = { "tls.known", SEVERITY_WARNING,
                                       "whoever disturbs the first handshakes gets clients that try again below to "
                                       "speak an old version (POODLE; RFC 7507)",
                                       LOWEST_1_2 ", and update the server's TLS library" };
static const struct words heartbeat = { "tls.known", SEVERITY_WARNING,
                                        "mail has no use for heartbeats, and OpenSSL 1.0.1 to 1.0.1f gives its memory "
                                        "away by them, keys included (Heartbleed, "
                                        "CVE-2014-0160)",
                                        "update the server's TLS library: OpenSSL 1.1.1 and later have none; if it "
                                        "ever was one of 1.0.1 to 1.0.1f, make a new key" };

/* Among suites that are all modern, anybody's order will do. */
static void judge_order(struct judging *j)
{
    const struct protocol_state *s = &j->facts->conducts[PROTOCOL_CLIENT_ORDER];
    unsigned modern = 0, weaker = 0;
    struct suite found;

    for (size_t i = 0; i < j->facts->choices_len; i++) {
        if (j->facts->choices[i].version != WIRE_TLS1_2 || !suite_find(j->facts->choices[i].suite, &found))
            continue;
        modern += found.class == SUITE_ECDHE_AEAD;
        weaker += found.class < SUITE_ECDHE_AEAD;
    }
    if (s->known == PROTOCOL_ACCEPTED && modern > 0 && weaker > 0)
        find(j, &client_order, "the client's order of suites decides: %s", s->text);
}

/* With nothing below TLS 1.2 there is nothing to fall to that is much worse; TLS 1.3 has a mark of its own against it.
 */
static void judge_known(struct judging *j)
{
    const struct protocol_state *s = &j->facts->conducts[PROTOCOL_FALLBACK];

    if (s->known == PROTOCOL_ACCEPTED && (accepts(j, PROTOCOL_TLS1_0) || accepts(j, PROTOCOL_TLS1_1)))
        find(j, &fallback, "a fallback is taken without objection: %s", s->text);
    if (j->facts->has_heartbeat)
        find(j, &heartbeat, "heartbeats (RFC 6520) are agreed to");
}

static bool is_open(const struct protocol_state *s)
{
    return s->known == PROTOCOL_UNTESTED;
}

/* "SSLv2, TLSv1.0": what nobody knows of. */
static struct slice untested_names(const struct judging *j, const char **why)
{
    struct slice names = SLICE_LIT("");

    for (enum protocol_version v = PROTOCOL_SSL2; v < PROTOCOL_VERSIONS; v++) {
        if (!is_open(&j->facts->versions[v]))
            continue;
        *why = j->facts->versions[v].text;
        names = arena_printf(j->arena, "%.*s%s%s", SLICE_FMT(names), names.len == 0 ? "" : ", ",
                             wire_version_name(protocol_wire(v)));
    }
    for (enum suite_class c = SUITE_NULL; c < SUITE_CLASSES; c++) {
        if (!is_open(&j->facts->classes[c]))
            continue;
        *why = j->facts->classes[c].text;
        names = arena_printf(j->arena, "%.*s%s%s", SLICE_FMT(names), names.len == 0 ? "" : "; ", suite_class_text(c));
    }
    for (enum protocol_conduct c = PROTOCOL_CLIENT_ORDER; c < PROTOCOL_CONDUCTS; c++) {
        if (!is_open(&j->facts->conducts[c]))
            continue;
        *why = j->facts->conducts[c].text;
        names =
            arena_printf(j->arena, "%.*s%s%s", SLICE_FMT(names), names.len == 0 ? "" : "; ", protocol_conduct_name(c));
    }
    return names;
}

static void judge_untested(struct judging *j, bool is_known)
{
    const char *why = "";
    struct slice names = untested_names(j, &why);
    const struct words *w = j->facts->is_unwanted ? &unwanted : is_known ? &untested : &unreached;

    if (!is_known)
        find(j, w, "nothing could be tested: %s", j->facts->stopped[0] != '\0' ? j->facts->stopped : why);
    else if (names.len > 0)
        find(j, w, "not tested: %.*s: %s", SLICE_FMT(names), j->facts->stopped[0] != '\0' ? j->facts->stopped : why);
}

static bool is_answered(const struct protocol_facts *f)
{
    for (size_t v = 0; v < PROTOCOL_VERSIONS; v++)
        if (f->versions[v].known != PROTOCOL_UNTESTED)
            return true;
    return false;
}

static void sort(struct finding *findings, size_t len)
{
    for (size_t i = 1; i < len; i++) {
        struct finding f = findings[i];
        size_t at = i;

        for (; at > 0 && findings[at - 1].severity < f.severity; at--)
            findings[at] = findings[at - 1];
        findings[at] = f;
    }
}

void protocol_judge(const struct protocol_facts *f, enum tls_way way, struct arena *arena,
                    struct protocol_judgement *out)
{
    struct judging j = { .facts = f, .way = way, .arena = arena };

    j.findings = ARENA_ARRAY(arena, struct finding, FINDINGS_MOST);
    *out = (struct protocol_judgement){ .findings = j.findings, .is_known = is_answered(f) };
    judge_versions(&j);
    judge_classes(&j);
    for (size_t i = 0; i < f->choices_len; i++)
        judge_exchange(&j, &f->choices[i]);
    if (f->lacks_secure_renegotiation)
        find(&j, &insecure_renegotiation, "secure renegotiation is missing");
    judge_order(&j);
    judge_known(&j);
    sort(j.findings, j.len);
    if (out->is_known && (j.len == 0 || j.findings[0].severity <= SEVERITY_ADVICE))
        find(&j, &all_good, "nothing that was tested is weak");
    judge_untested(&j, out->is_known);
    sort(j.findings, j.len);
    out->findings_len = j.len;
    out->worst = j.len == 0 ? SEVERITY_OK : j.findings[0].severity;
}

static const char *exchange_word(const struct protocol_choice *c)
{
    static const char *const words[] = {
        [SUITE_BY_RSA] = "RSA",           [SUITE_BY_RSA_EXPORT] = "RSA, short key",
        [SUITE_BY_FIXED_DH] = "fixed DH", [SUITE_BY_DHE] = "DH",
        [SUITE_BY_ECDHE] = "ECDH",        [SUITE_BY_KEY_SHARE] = "unknown",
    };
    struct suite s;

    return suite_find(c->suite, &s) ? words[s.exchange] : "unknown";
}

struct slice protocol_exchange_text(const struct protocol_choice *c, struct arena *arena)
{
    const struct tls_group *g = tls_group_find(c->group);

    if (g != NULL)
        return slice_str(g->name);
    if (c->group != 0)
        return arena_printf(arena, "group %u", c->group);
    return c->bits == 0 ? slice_str(exchange_word(c)) : arena_printf(arena, "%s %u", exchange_word(c), c->bits);
}

struct slice protocol_choice_text(const struct protocol_choice *c, struct arena *arena)
{
    struct slice exchange = protocol_exchange_text(c, arena);
    char name[SUITE_NAME];
    struct suite s = { 0 };

    (void)suite_find(c->suite, &s);
    if (s.strength == s.bits)
        return arena_printf(arena, "%s at %s, %u bits, key exchange %.*s", suite_name(c->suite, name),
                            wire_version_name(c->version), s.bits, SLICE_FMT(exchange));
    return arena_printf(arena, "%s at %s, %u bits (%u in effect), key exchange %.*s", suite_name(c->suite, name),
                        wire_version_name(c->version), s.bits, s.strength, SLICE_FMT(exchange));
}
