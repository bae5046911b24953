#include "certs/protocol_judge.h"
#include "certs/protocols_show.h"

#include "base/test.h"

#include <stdlib.h>

enum { MOST_CHOICES = 3 };

static enum protocol_known known_of(char letter)
{
    return letter == '+' ? PROTOCOL_ACCEPTED : letter == '-' ? PROTOCOL_REFUSED : PROTOCOL_UNTESTED;
}

/* Facts in short: a letter for each state ("~" not tested, "-" refused, "+" accepted), in the order of the enums. */
static struct protocol_facts facts_of(const char *versions, const char *classes, const struct protocol_choice *choices)
{
    struct protocol_facts f = { .connections = 8 };

    for (size_t i = 0; i < PROTOCOL_VERSIONS; i++)
        f.versions[i].known = known_of(versions[i]);
    for (size_t i = 0; i < SUITE_CLASSES; i++)
        f.classes[i].known = known_of(classes[i]);
    for (size_t i = 0; i < PROTOCOL_CONDUCTS; i++)
        f.conducts[i].known = strchr(versions, '+') == NULL ? PROTOCOL_UNTESTED : PROTOCOL_REFUSED;
    for (size_t i = 0; i < MOST_CHOICES && choices[i].suite != 0; i++)
        f.choices[f.choices_len++] = choices[i];
    return f;
}

/* clang-format off */
static const struct {
    const char *name, *versions, *classes;
    struct protocol_choice choices[MOST_CHOICES];
    enum tls_way way;
    const char *findings; /* a line for each: severity, id, what was seen */
} cases[] = {
    { "good", "----++", "---------++", { { WIRE_TLS1_2, 0xc030, 29, 0x0804, 255 } }, TLS_WAY_SMTP,
      "ok tls.good nothing that was tested is weak\n" },
    { "SSLv2 and SSLv3", "++--++", "---------++", { { 0 } }, TLS_WAY_SMTP,
      "error tls.ssl SSLv2 is accepted\n"
      "error tls.ssl SSLv3 is accepted\n" },
    { "old versions too", "--++++", "---------++", { { 0 } }, TLS_WAY_SMTP,
      "warning tls.version TLSv1.0 is accepted\n"
      "warning tls.version TLSv1.1 is accepted\n" },
    { "old versions alone", "--+---", "------+----", { { WIRE_TLS1_0, 0x002f, 0, 0, 2048 } }, TLS_WAY_SMTP,
      "error tls.version neither TLSv1.2 nor TLSv1.3 is accepted\n"
      "warning tls.version TLSv1.0 is accepted\n"
      "warning tls.kex RSA or fixed DH key exchange is accepted: TLS_RSA_WITH_AES_128_CBC_SHA at TLSv1.0, 128 bits, key "
      "exchange RSA 2048\n"
      "warning tls.cipher no suite with ECDHE and AEAD is accepted\n" },
    { "no 1.3", "----+-", "---------+-", { { 0 } }, TLS_WAY_SMTP,
      "advice tls.version TLSv1.3 is not accepted\n"
      "ok tls.good nothing that was tested is weak\n" },
    { "3DES", "----++", "-----+---++", { { WIRE_TLS1_2, 0x000a, 0, 0, 2048 } }, TLS_WAY_SMTP,
      "error tls.cipher 3DES (112/168 bits) is accepted: TLS_RSA_WITH_3DES_EDE_CBC_SHA at TLSv1.2, 168 bits (112 in "
      "effect), key exchange RSA 2048\n" },
    { "RC4", "----++", "----+----++", { { WIRE_TLS1_2, 0xc011, 23, 0, 256 } }, TLS_WAY_SMTP,
      "error tls.cipher RC4 (128 bits) is accepted: TLS_ECDHE_RSA_WITH_RC4_128_SHA at TLSv1.2, 128 bits, key exchange "
      "P-256\n" },
    { "export", "----++", "-+-------++", { { WIRE_TLS1_2, 0x0003, 0, 0, 512 } }, TLS_WAY_SMTP,
      "error tls.cipher export grade (40 or 56 bits) is accepted: TLS_RSA_EXPORT_WITH_RC4_40_MD5 at TLSv1.2, 40 bits, key "
      "exchange RSA, short key 512\n" },
    { "NULL", "----++", "+--------++", { { WIRE_TLS1_2, 0x003b, 0, 0, 2048 } }, TLS_WAY_SMTP,
      "error tls.cipher no encryption (NULL) is accepted: TLS_RSA_WITH_NULL_SHA256 at TLSv1.2, 0 bits, key exchange RSA "
      "2048\n" },
    { "anonymous on port 25", "----++", "---+-----++", { { WIRE_TLS1_2, 0xc018, 29, 0, 255 } }, TLS_WAY_SMTP,
      "warning tls.cipher anonymous key exchange is accepted: TLS_ECDH_anon_WITH_AES_128_CBC_SHA at TLSv1.2, 128 bits, key "
      "exchange X25519\n" },
    { "anonymous with a short group", "----++", "---+-----++", { { WIRE_TLS1_2, 0x00a6, 0, 0, 1024 } }, TLS_WAY_SMTP,
      "warning tls.cipher anonymous key exchange is accepted: TLS_DH_anon_WITH_AES_128_GCM_SHA256 at TLSv1.2, 128 bits, key "
      "exchange DH 1024\n" },
    { "anonymous elsewhere", "----++", "---+-----++", { { WIRE_TLS1_2, 0xc018, 29, 0, 255 } }, TLS_WAY_SMTPS,
      "error tls.cipher anonymous key exchange is accepted: TLS_ECDH_anon_WITH_AES_128_CBC_SHA at TLSv1.2, 128 bits, key "
      "exchange X25519\n" },
    { "small groups, once each", "----++", "-------+-++",
      { { WIRE_TLS1_2, 0x009e, 0, 0x0401, 1024 }, { WIRE_TLS1_2, 0x009f, 0, 0x0401, 1024 },
        { WIRE_TLS1_2, 0xc02f, 19, 0x0201, 192 } }, TLS_WAY_SMTP,
      "error tls.kex key exchange by DH 1024\n"
      "warning tls.kex key exchange by P-192\n"
      "warning tls.kex the key exchange is signed with SHA-1: TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 at TLSv1.2, 128 bits, key "
      "exchange P-192\n" },
    { "a short DH", "----++", "-------+-++", { { WIRE_TLS1_2, 0x009e, 0, 0x0401, 1536 } }, TLS_WAY_SMTP,
      "warning tls.kex key exchange by DH 1536\n" },
    { "a short RSA key", "----++", "------+--++", { { WIRE_TLS1_2, 0x009c, 0, 0, 1024 } }, TLS_WAY_SMTP,
      "warning tls.kex RSA or fixed DH key exchange is accepted: TLS_RSA_WITH_AES_128_GCM_SHA256 at TLSv1.2, 128 bits, key "
      "exchange RSA 1024\n"
      "warning tls.kex key exchange by RSA 1024\n" },
    { "CBC and what is not tested", "~---++", "-------~+++", { { WIRE_TLS1_2, 0xc028, 29, 0x0804, 255 } }, TLS_WAY_SMTP,
      "advice tls.cipher ECDHE with CBC is accepted: TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384 at TLSv1.2, 256 bits, key "
      "exchange X25519\n"
      "advice tls.untested not tested: SSLv2; DHE: \n"
      "ok tls.good nothing that was tested is weak\n" },
    { "1.3 alone", "-----+", "----------+", { { WIRE_TLS1_3, 0x1302, 4588, 0, 255 } }, TLS_WAY_SMTP,
      "advice tls.version TLSv1.2 is not accepted\n"
      "ok tls.good nothing that was tested is weak\n" },
    { "nothing", "~~~~~~", "~~~~~~~~~~~", { { 0 } }, TLS_WAY_SMTP, "warning tls.untested nothing could be tested: \n" },
};
/* clang-format on */

TEST(verdicts)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct protocol_facts f = facts_of(cases[i].versions, cases[i].classes, cases[i].choices);
        struct arena arena = { 0 };
        struct protocol_judgement j;
        struct slice got = SLICE_LIT("");

        protocol_judge(&f, cases[i].way, &arena, &j);
        for (size_t k = 0; k < j.findings_len; k++) {
            const struct finding *found = &j.findings[k];

            got = arena_printf(&arena, "%.*s%s %s %.*s\n", SLICE_FMT(got), severity_name(found->severity), found->id,
                               SLICE_FMT(found->seen));
            CHECK_CASE(cases[i].name, (found->severity == SEVERITY_OK) == (found->why.len == 0));
            CHECK_CASE(cases[i].name, (found->why.len == 0) == (found->advice.len == 0));
        }
        if (!slice_eq(got, slice_str(cases[i].findings)))
            fail_msg("case '%s': %.*s", cases[i].name, SLICE_FMT(got));
        CHECK_CASE(cases[i].name, j.worst == j.findings[0].severity);
        CHECK_CASE(cases[i].name, j.is_known == (strchr(cases[i].versions, '+') != NULL));
        arena_release(&arena);
    }
}

static bool has_finding(struct protocol_facts *f, const char *id, const char *seen)
{
    struct arena arena = { 0 };
    struct protocol_judgement j;
    bool is_there = false;

    protocol_judge(f, TLS_WAY_SMTP, &arena, &j);
    for (size_t i = 0; i < j.findings_len; i++)
        is_there |= strcmp(j.findings[i].id, id) == 0 && slice_eq(j.findings[i].seen, slice_str(seen));
    arena_release(&arena);
    return is_there;
}

#define ORDER "the client's order of suites decides: this, or that"
#define AEAD { WIRE_TLS1_2, 0xc030, 29, 0x0804, 255 }
#define CBC { WIRE_TLS1_2, 0xc028, 29, 0x0804, 255 }
#define OTHER_AEAD { WIRE_TLS1_2, 0xc02f, 29, 0x0804, 255 }

/* The client's order is a fault where it leads to something weaker alone. */
TEST(clients_order)
{
    static const struct protocol_choice weaker[] = { AEAD, CBC, { 0 } }, modern[] = { AEAD, OTHER_AEAD, { 0 } };
    struct protocol_facts f = facts_of("----++", "--------+++", weaker);

    CHECK(!has_finding(&f, "tls.order", ORDER));
    f.conducts[PROTOCOL_CLIENT_ORDER] = (struct protocol_state){ PROTOCOL_ACCEPTED, "this, or that", true, false };
    CHECK(has_finding(&f, "tls.order", ORDER));
    f = facts_of("----++", "---------++", modern);
    f.conducts[PROTOCOL_CLIENT_ORDER] = (struct protocol_state){ PROTOCOL_ACCEPTED, "this, or that", true, false };
    CHECK(!has_finding(&f, "tls.order", ORDER));
    f.conducts[PROTOCOL_CLIENT_ORDER] = (struct protocol_state){ PROTOCOL_UNTESTED, "why", true, false };
    CHECK(has_finding(&f, "tls.untested", "not tested: client's order of suites: why"));
}

TEST(known_weaknesses)
{
    static const struct protocol_choice choices[] = { AEAD, { 0 } };
    static const char seen[] = "a fallback is taken without objection: to TLSv1.1";
    struct protocol_facts f = facts_of("---+++", "---------++", choices);

    CHECK(!has_finding(&f, "tls.known", seen));
    f.conducts[PROTOCOL_FALLBACK] = (struct protocol_state){ PROTOCOL_ACCEPTED, "to TLSv1.1", true, false };
    CHECK(has_finding(&f, "tls.known", seen));
    f.versions[PROTOCOL_TLS1_1].known = PROTOCOL_REFUSED;
    CHECK(!has_finding(&f, "tls.known", seen));
    f.has_heartbeat = true;
    CHECK(has_finding(&f, "tls.known", "heartbeats (RFC 6520) are agreed to"));
}

TEST(turned_away)
{
    struct protocol_facts f = { .stopped = "421 4.7.0 too many connections", .is_unwanted = true };
    struct arena arena = { 0 };
    struct protocol_judgement j;

    protocol_judge(&f, TLS_WAY_SMTP, &arena, &j);
    CHECK_INT(j.findings_len, 1);
    CHECK_STR(j.findings[0].seen, "nothing could be tested: 421 4.7.0 too many connections");
    CHECK(slice_starts(j.findings[0].advice, SLICE_LIT("ask again in half an hour")));
    arena_release(&arena);
}

TEST(words_of_key_exchanges)
{
    static const struct {
        struct protocol_choice choice;
        const char *text;
    } words[] = {
        { { WIRE_TLS1_3, 0x1302, 4588, 0, 255 }, "X25519MLKEM768" },
        { { WIRE_TLS1_2, 0x009e, 0, 0, 2048 }, "DH 2048" },
        { { WIRE_TLS1_2, 0x009c, 0, 0, 0 }, "RSA" },
        { { WIRE_TLS1_2, 0xc02f, 0, 0, 0 }, "ECDH" },
        { { WIRE_TLS1_2, 0xc02f, 999, 0, 0 }, "group 999" },
        { { WIRE_SSL3, 0x0010, 0, 0, 0 }, "fixed DH" },
    };
    struct arena arena = { 0 };

    for (size_t i = 0; i < COUNT_OF(words); i++)
        CHECK_STR(protocol_exchange_text(&words[i].choice, &arena), words[i].text);
    arena_release(&arena);
}

/* The same facts in words and as JSON. */
TEST(shown)
{
    struct protocol_facts f = facts_of(
        "~-+-++", "-----+---++", (const struct protocol_choice[MOST_CHOICES]){ { WIRE_TLS1_2, 0x000a, 0, 0, 2048 } });
    struct arena arena = { 0 };
    struct protocol_judgement j;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    json_t *json;
    const char *suite;
    int bits, effective, has_secrecy;

    protocol_judge(&f, TLS_WAY_SMTP, &arena, &j);
    protocols_text(out, &f, &j);
    (void)fclose(out);
    CHECK(strstr(text, "    TLSv1.0  accepted") != NULL);
    CHECK(strstr(text, "    SSLv2    not tested") != NULL);
    CHECK(strstr(text, "verdict: error") != NULL && strstr(text, "      do: ") != NULL);
    json = protocols_json(&f, &j);
    CHECK_INT(json_unpack(json, "{s:[{s:s, s:i, s:i, s:b}]}", "suites", "suite", &suite, "bits", &bits,
                          "effective_bits", &effective, "forward_secrecy", &has_secrecy),
              0);
    CHECK_STR(slice_str(suite), "TLS_RSA_WITH_3DES_EDE_CBC_SHA");
    CHECK(bits == 168 && effective == 112 && !has_secrecy);
    CHECK_INT(json_array_size(json_object_get(json, "versions")), PROTOCOL_VERSIONS);
    CHECK_STR(slice_str(json_string_value(json_object_get(json, "worst"))), "error");
    json_decref(json);
    free(text);
    arena_release(&arena);
}

RUN_TESTS(T(verdicts), T(clients_order), T(known_weaknesses), T(turned_away), T(words_of_key_exchanges), T(shown))
