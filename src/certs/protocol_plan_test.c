#include "certs/protocol_plan.h"

#include "base/test.h"

/* A server as data: what it accepts, and how it refuses. */
struct model {
    const char *name;
    unsigned versions;   /* bits 1 << enum protocol_version */
    unsigned classes;    /* bits 1 << enum suite_class, at every version */
    unsigned old_only;   /* classes that TLS 1.1 and above do not take */
    bool follows_client; /* else it takes the strongest */
    bool takes_fallback; /* though it speaks a higher version */
    enum { BY_ALERT, BY_VERSION_ALERT_TOO, BY_CLOSING } refuses;
};

#define V(v) (1U << PROTOCOL_##v)
#define C(c) (1U << SUITE_##c)
#define MODERN (C(ECDHE_AEAD) | C(TLS1_3))
#define OLD (C(EXPORT) | C(DES) | C(RC4) | C(3DES) | C(STATIC) | C(DHE))
#define COMMON (C(ECDHE_AEAD) | C(ECDHE_CBC) | C(DHE) | C(STATIC) | C(TLS1_3))

static bool offers_older(const struct hello_offer *o)
{
    struct suite s;

    for (size_t i = 0; i < o->suites_len; i++)
        if (suite_find(o->suites[i], &s) && s.class != SUITE_TLS1_3)
            return true;
    return false;
}

/* The highest that both know; WIRE_SSL2 for none. */
static enum protocol_version choose_version(const struct model *m, const struct hello_offer *o)
{
    enum protocol_version v = PROTOCOL_TLS1_3;

    while (v > PROTOCOL_SSL2 &&
           !((m->versions >> v & 1) && protocol_wire(v) <= o->version && (v == PROTOCOL_TLS1_3 || offers_older(o))))
        v--;
    return o->version == WIRE_TLS1_3 && v == PROTOCOL_SSL3 ? PROTOCOL_SSL2 : v;
}

static bool takes(const struct model *m, enum protocol_version v, const struct suite *s)
{
    if (!(m->classes >> s->class & 1) || (v > PROTOCOL_TLS1_0 && (m->old_only >> s->class & 1)))
        return false;
    return v == PROTOCOL_TLS1_3 ? s->class == SUITE_TLS1_3 : s->class != SUITE_TLS1_3 && s->since <= protocol_wire(v);
}

static uint16_t choose_suite(const struct model *m, const struct hello_offer *o, enum protocol_version v)
{
    struct suite best = { 0 }, s;

    for (size_t i = 0; i < o->suites_len; i++) {
        if (!suite_find(o->suites[i], &s) || !takes(m, v, &s))
            continue;
        if (m->follows_client)
            return s.id;
        if (best.id == 0 || s.class > best.class)
            best = s;
    }
    return best.id;
}

/* Knows three; the first of them that is offered. 0: none. */
static uint16_t choose_group(const struct hello_offer *o)
{
    for (size_t i = 0; i < o->groups_len; i++)
        if (o->groups[i] == 29 || o->groups[i] == 23 || o->groups[i] == 24)
            return o->groups[i];
    return 0;
}

static void answer(const struct model *m, const struct hello_offer *o, struct hello_answer *a,
                   struct protocol_outcome *out)
{
    enum protocol_version v = choose_version(m, o);

    *a = (struct hello_answer){ .alert = 40, .has_secure_renegotiation = true };
    *out = (struct protocol_outcome){ .kind = PROTOCOL_ANSWER, .answer = a, .key_bits = 2048 };
    if (o->version == WIRE_SSL2) {
        a->has_choice = m->versions & V(SSL2);
        a->version = WIRE_SSL2;
    } else if (v != PROTOCOL_SSL2) {
        a->suite = choose_suite(m, o, v);
        a->version = protocol_wire(v);
        a->group = v == PROTOCOL_TLS1_3 ? choose_group(o) : 0;
        a->has_choice = a->suite != 0 && (v < PROTOCOL_TLS1_3 || a->group != 0);
    } else if (m->refuses == BY_VERSION_ALERT_TOO) {
        a->alert = 70;
    }
    if (o->is_fallback && !m->takes_fallback && m->versions >> (v + 1) != 0) {
        a->has_choice = false;
        a->alert = 86;
    }
    if (!a->has_choice && m->refuses == BY_CLOSING)
        out->kind = PROTOCOL_CLOSED;
}

static void ask_all(const struct model *m, unsigned budget, struct protocol_plan *p)
{
    struct hello_offer *o;

    protocol_plan_init(p, budget, SLICE_LIT("mx.example.test"), SLICE_LIT(""));
    while ((o = protocol_plan_next(p)) != NULL) {
        struct hello_answer a;
        struct protocol_outcome out;
        uint8_t bytes[HELLO_MAX];

        CHECK(hello_write(o, bytes).len > 20);
        answer(m, o, &a, &out);
        protocol_plan_take(p, &out);
    }
}

static const char *letters(const struct protocol_state *states, size_t len)
{
    static char out[2][20];
    static unsigned next;
    char *at = out[next++ % 2];

    for (size_t i = 0; i < len; i++)
        at[i] = "~-+"[states[i].known];
    at[len] = '\0';
    return at;
}

/* clang-format off */
static const struct {
    struct model model;
    unsigned budget, connections;
    const char *versions; /* SSLv2 SSLv3 1.0 1.1 1.2 1.3: refused, accepted, not tested */
    const char *classes;  /* NULL EXPORT DES ANON RC4 3DES STATIC DHE CBC AEAD 1.3 */
    bool lists_all;
} cases[] = {
    { { "modern", V(TLS1_3) | V(TLS1_2), MODERN, 0, false, false, BY_VERSION_ALERT_TOO },
      0, 8, "----++", "--------~++", false },
    { { "modern, all asked", V(TLS1_3) | V(TLS1_2), MODERN, 0, false, false, BY_VERSION_ALERT_TOO },
      60, 35, "----++", "---------++", true },
    { { "1.3 alone", V(TLS1_3), MODERN, 0, false, false, BY_VERSION_ALERT_TOO }, 0, 8, "-----+", "----------+", false },
    { { "common", V(TLS1_3) | V(TLS1_2), COMMON, 0, false, false, BY_VERSION_ALERT_TOO },
      0, 8, "----++", "------++~++", false },
    { { "common, closes", V(TLS1_3) | V(TLS1_2), COMMON, 0, false, false, BY_CLOSING },
      0, 8, "----++", "------+~~++", false },
    { { "ten years old", V(TLS1_2) | V(TLS1_1) | V(TLS1_0), COMMON | C(3DES), 0, false, false, BY_ALERT },
      0, 8, "~-+++-", "-----++~++-", false },
    { { "the same, client's order", V(TLS1_2) | V(TLS1_1) | V(TLS1_0), COMMON | C(3DES), 0, true, false, BY_ALERT },
      0, 8, "--+++-", "-----++~~+-", false },
    { { "twenty years old", V(SSL2) | V(SSL3) | V(TLS1_0), OLD, 0, false, false, BY_ALERT },
      0, 8, "~++---", "-++-++~+~--", false },
    { { "the same, all asked", V(SSL2) | V(SSL3) | V(TLS1_0), OLD, 0, false, false, BY_ALERT },
      100, 68, "+++---", "-++-++++---", false },
    { { "SSLv3 alone", V(SSL3), C(RC4) | C(STATIC), 0, false, false, BY_ALERT }, 0, 8, "-+----", "----+-+----", false },
    { { "RC4 for TLS 1.0 only", V(TLS1_2) | V(TLS1_0), COMMON | C(RC4), C(RC4), false, false, BY_ALERT },
      12, 12, "--+-+-", "----+-++++-", false },
    { { "closes on what it refuses", V(TLS1_2), C(NULL) | C(ANONYMOUS) | C(STATIC), 0, true, false, BY_CLOSING },
      0, 8, "----+-", "+--+--+~~~-", false },
    { { "closes on everything", 0, 0, 0, false, false, BY_CLOSING }, 0, 6, "~~~~~~", "~~~~~~~~~~~", false },
};
/* clang-format on */

TEST(servers_as_data)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct protocol_plan p;
        const struct protocol_facts *f = &p.facts;

        ask_all(&cases[i].model, cases[i].budget, &p);
        CHECK_STR(slice_str(letters(f->versions, PROTOCOL_VERSIONS)), cases[i].versions);
        CHECK_STR(slice_str(letters(f->classes, SUITE_CLASSES)), cases[i].classes);
        CHECK_INT(f->connections, cases[i].connections);
        CHECK_CASE(cases[i].model.name, f->lists_all == cases[i].lists_all);
    }
}

/* The client's order, and a fallback: what the server does, and why it is thought so. */
static const struct {
    struct model model;
    unsigned budget;
    const char *conducts, *text[PROTOCOL_CONDUCTS];
} conduct_cases[] = {
    { { "its own order", .versions = V(TLS1_3) | V(TLS1_2), .classes = COMMON }, 60, "--",
      { "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 in either order", "alert 86, inappropriate fallback" } },
    { { "the client's order", .versions = V(TLS1_3) | V(TLS1_2), .classes = COMMON, .follows_client = true }, 60, "+-",
      { "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, or TLS_ECDH_RSA_WITH_AES_256_GCM_SHA384", "alert 86, inappropriate fallback" } },
    { { "any fallback", .versions = V(TLS1_2) | V(TLS1_1) | V(SSL3), .classes = COMMON, .takes_fallback = true }, 60, "-+",
      { NULL, "to TLSv1.1" } },
    { { "closes on a fallback", .versions = V(TLS1_2) | V(TLS1_1), .classes = COMMON, .refuses = BY_CLOSING }, 60, "--",
      { NULL, "closed without an alert" } },
    { { "1.3 alone", .versions = V(TLS1_3), .classes = MODERN }, 60, "--",
      { "TLSv1.2 is refused", "there is one version alone" } },
    { { "1.2 alone", .versions = V(TLS1_2), .classes = COMMON }, 60, "--", { NULL, "there is one version alone" } },
    { { "SSLv3 below", .versions = V(TLS1_2) | V(SSL3), .classes = COMMON }, 60, "--",
      { NULL, "there is one version alone" } },
    { { "nothing", .refuses = BY_CLOSING }, 60, "~~", { "no version is accepted to ask it with", NULL } },
    { { "no budget for it", .versions = V(TLS1_3) | V(TLS1_2), .classes = COMMON }, 8, "~~",
      { "the budget of 8 connections was used up", "the budget of 8 connections was used up" } },
};

TEST(conduct)
{
    for (size_t i = 0; i < COUNT_OF(conduct_cases); i++) {
        struct protocol_plan p;

        ask_all(&conduct_cases[i].model, conduct_cases[i].budget, &p);
        if (strcmp(letters(p.facts.conducts, PROTOCOL_CONDUCTS), conduct_cases[i].conducts) != 0)
            fail_msg("%s: %s", conduct_cases[i].model.name, letters(p.facts.conducts, PROTOCOL_CONDUCTS));
        for (size_t c = 0; c < PROTOCOL_CONDUCTS; c++)
            if (conduct_cases[i].text[c] != NULL)
                CHECK_STR(slice_str(p.facts.conducts[c].text), conduct_cases[i].text[c]);
    }
}

/* What was not asked says why; what was refused says how. */
TEST(reasons)
{
    struct protocol_plan p;
    const struct protocol_facts *f = &p.facts;

    ask_all(&cases[0].model, 0, &p);
    CHECK_STR(slice_str(f->versions[PROTOCOL_SSL3].text), "alert 70, protocol version");
    CHECK_STR(slice_str(f->versions[PROTOCOL_TLS1_0].text), "TLSv1.1 and below were refused together");
    CHECK_STR(slice_str(f->classes[SUITE_RC4].text), "at TLSv1.2, alert 40, handshake failure");
    CHECK_STR(slice_str(f->classes[SUITE_ECDHE_CBC].text), "the budget of 8 connections was used up");
    CHECK_STR(slice_str(f->stopped), "the budget of 8 connections was used up");
    ask_all(&(struct model){ "1.0 alone", V(TLS1_0), C(STATIC), 0, false, false, BY_CLOSING }, 0, &p);
    CHECK_STR(slice_str(f->versions[PROTOCOL_TLS1_2].text), "answered with TLSv1.0");
    CHECK_STR(slice_str(f->versions[PROTOCOL_SSL3].text), "closed without an alert");
    CHECK_STR(slice_str(f->classes[SUITE_ECDHE_AEAD].text), "TLSv1.0 has no such suites");
    ask_all(&(struct model){ "nothing", 0, 0, 0, false, false, BY_CLOSING }, 0, &p);
    CHECK_STR(slice_str(f->versions[PROTOCOL_TLS1_3].text), "closed on every hello without a word of TLS");
    CHECK_STR(slice_str(f->classes[SUITE_NULL].text), "no version is accepted to ask it with");
}

static unsigned take_all(struct protocol_plan *p, const struct protocol_outcome *o)
{
    protocol_plan_init(p, 0, SLICE_LIT(""), SLICE_LIT(""));
    while (protocol_plan_next(p) != NULL)
        protocol_plan_take(p, o);
    for (size_t i = 0; i < PROTOCOL_VERSIONS; i++)
        CHECK_INT(p->facts.versions[i].known, PROTOCOL_UNTESTED);
    return p->facts.connections;
}

TEST(servers_that_do_not_answer)
{
    static const struct hello_answer garbage = { .broken = "its answer is not TLS" };
    struct protocol_plan p;
    const struct protocol_facts *f = &p.facts;

    CHECK_INT(take_all(&p, &(struct protocol_outcome){ .kind = PROTOCOL_SILENT }), 4);
    CHECK_STR(slice_str(f->versions[PROTOCOL_TLS1_3].text), "no answer, twice");
    CHECK_STR(slice_str(f->versions[PROTOCOL_SSL2].text), "the server no longer answers hellos");
    CHECK_INT(take_all(&p, &(struct protocol_outcome){ .kind = PROTOCOL_ANSWER, .answer = &garbage }), 2);
    CHECK_STR(slice_str(f->stopped), "its answer is not TLS");
    CHECK(!f->is_unwanted);
    CHECK_INT(take_all(&p, &(struct protocol_outcome){ .kind = PROTOCOL_UNREACHED,
                                                       .text = "421 too many\033[2J",
                                                       .is_unwanted = true }),
              1);
    CHECK_STR(slice_str(f->classes[SUITE_RC4].text), "421 too many?[2J");
    CHECK(f->is_unwanted);
}

/* A silence is asked again, and only that question is lost. */
TEST(a_silence_by_chance)
{
    struct protocol_plan p;
    struct hello_offer *o;
    unsigned n = 0;

    protocol_plan_init(&p, 20, SLICE_LIT(""), SLICE_LIT(""));
    while ((o = protocol_plan_next(&p)) != NULL) {
        struct hello_answer a;
        struct protocol_outcome out;

        answer(&cases[0].model, o, &a, &out);
        if (n++ == 1 || o->version == WIRE_SSL3)
            out.kind = PROTOCOL_SILENT;
        protocol_plan_take(&p, &out);
    }
    CHECK_STR(slice_str(letters(p.facts.versions, PROTOCOL_VERSIONS)), "-~--++");
    CHECK_STR(slice_str(p.facts.versions[PROTOCOL_SSL3].text), "no answer, twice");
}

TEST(names)
{
    CHECK_STR(slice_str(protocol_known_name(PROTOCOL_UNTESTED)), "not tested");
    CHECK_INT(protocol_wire(PROTOCOL_TLS1_3), WIRE_TLS1_3);
}

RUN_TESTS(T(servers_as_data), T(conduct), T(reasons), T(servers_that_do_not_answer), T(a_silence_by_chance), T(names))
