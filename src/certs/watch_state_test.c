/* What is told of a watched server, look after look, and what of that survives a restart. */
#include "certs/watch_state.h"

#include "base/test.h"

enum { T0 = 1800000000, DAY_S = 86400, STEPS = 10 };

/* One look. A day is one from T0; `ends` is that of the certificate. */
struct look {
    double day;
    bool is_away;                                               /* nothing was to be had */
    double ends;                                                /* 0: on day 365 */
    char key;                                                   /* 0: 'a' */
    char certificate;                                           /* 0: as the key */
    const char *untrusted, *chain, *tlsa, *difference, *policy; /* what is wrong; NULL: nothing. "?": not known */
    const char *news;                                           /* "+expiry", "-expiry (over)", several with blanks */
};

struct course {
    const char *name;
    bool must_be_trusted;
    struct look looks[STEPS];
};

static struct slice text_of(const char *s)
{
    return s == NULL || strcmp(s, "?") == 0 ? SLICE_LIT("") : slice_str(s);
}

static bool is_known(const char *s)
{
    return s == NULL || strcmp(s, "?") != 0;
}

static int64_t moment(double day)
{
    return T0 + (int64_t)(day * DAY_S);
}

static void fill(char out[static CERTIFICATE_HEX_SHA256], char with)
{
    memset(out, with, CERTIFICATE_HEX_SHA256 - 1);
    out[CERTIFICATE_HEX_SHA256 - 1] = '\0';
}

static void see(const struct look *l, struct certificate *leaf, const struct certificate **leaves,
                struct watch_facts *out)
{
    char key = l->key == '\0' ? 'a' : l->key;

    *leaf = (struct certificate){ .issuer = SLICE_LIT("CN=Root"),
                                  .subject = SLICE_LIT("CN=mx"),
                                  .not_before_s = T0 - DAY_S,
                                  .not_after_s = moment(l->ends > 0 ? l->ends : 365) };
    fill(leaf->spki, key);
    fill(leaf->sha256, l->certificate == '\0' ? key : l->certificate);
    *leaves = leaf;
    *out = (struct watch_facts){ .text = l->is_away ? SLICE_LIT("nobody there") : SLICE_LIT(""),
                                 .trust_text = text_of(l->untrusted),
                                 .chain_text = text_of(l->chain),
                                 .tlsa_text = text_of(l->tlsa),
                                 .difference = text_of(l->difference),
                                 .policy_text = text_of(l->policy),
                                 .knows_policy = is_known(l->policy) };
    out->is_reached = !l->is_away;
    out->is_trusted = l->untrusted == NULL && l->chain == NULL;
    out->knows_tlsa = out->is_reached && is_known(l->tlsa);
    out->knows_difference = out->is_reached && is_known(l->difference);
    if (l->is_away)
        return;
    out->leaf = leaf;
    out->leaves = leaves;
    out->leaves_len = 1;
}

/* A restart between each two looks: what is kept is written, and read again. */
static void restart(const struct watch_state *s, struct arena *arena, struct watch_state *out)
{
    json_t *j = watch_state_write(s);
    char *text = json_dumps(j, 0);

    CHECK_INT(watch_state_read(s->name, slice_str(text), arena, out), OK);
    json_decref(j);
    free(text);
}

static struct slice told(const struct watch_news *news, size_t len, struct arena *arena)
{
    struct slice out = SLICE_LIT("");

    for (size_t i = 0; i < len; i++)
        out = arena_printf(arena, "%.*s%s%c%s", SLICE_FMT(out), out.len > 0 ? " " : "", news[i].is_over ? '-' : '+',
                           watch_cause_name(news[i].cause));
    return out;
}

static void run(const struct course *c)
{
    static const unsigned days[] = { 30, 14, 7, 1 };
    const struct watch_limits limits = { .days = days,
                                         .days_len = COUNT_OF(days),
                                         .must_be_trusted = c->must_be_trusted };
    struct watch_state old, fresh;
    struct arena arena = { 0 };
    bool has_old = false;

    for (size_t i = 0; i < STEPS && c->looks[i].news != NULL; i++) {
        const struct look *l = &c->looks[i];
        struct watch_news news[WATCH_CAUSES];
        const struct certificate *leaves;
        struct certificate leaf;
        struct watch_facts seen;
        struct slice got;

        see(l, &leaf, &leaves, &seen);
        fresh = (struct watch_state){ .name = SLICE_LIT("mx.example.org:25"), .kind = WATCH_MX };
        got = told(news, watch_judge(has_old ? &old : NULL, &seen, &limits, moment(l->day), &arena, &fresh, news),
                   &arena);
        if (!slice_eq(got, slice_str(l->news)))
            fail_msg("'%s', look %zu: '%.*s', not '%s'", c->name, i, SLICE_FMT(got), l->news);
        restart(&fresh, &arena, &old);
        has_old = true;
    }
    arena_release(&arena);
}

static const struct course courses[] = {
    { "all is well", true, { { 0, .news = "" }, { 1, .news = "" } } },
    { "each threshold once, just when it is passed",
      true,
      { { 334, .news = "" },
        { 335, .news = "+expiry" },
        { 336, .news = "" },
        { 349.9, .news = "" },
        { 351, .news = "+expiry" },
        { 358, .news = "+expiry" },
        { 364, .news = "+expiry" },
        { 364.9, .news = "" },
        { 365.1, .news = "+expiry" },
        { 366, .news = "" } } },
    { "several at once are one", true, { { 300, .news = "" }, { 363.9, .news = "+expiry" }, { 364, .news = "" } } },
    { "found late", true, { { 360, .news = "+expiry" }, { 361, .news = "" } } },
    { "renewed with the same key",
      true,
      { { 340, .news = "+expiry" },
        { 341, .ends = 700, .certificate = 'b', .news = "-expiry" },
        { 342, .ends = 700, .certificate = 'b', .news = "" } } },
    { "renewed, and that ends soon, too",
      true,
      { { 340, .news = "+expiry" }, { 341, .ends = 350, .certificate = 'b', .news = "+expiry" } } },
    { "another key is told once",
      true,
      { { 0, .news = "" },
        { 1, .key = 'b', .news = "+key" },
        { 2, .key = 'b', .news = "" },
        { 3, .key = 'a', .news = "" } } },
    { "away once is nothing",
      true,
      { { 0, .news = "" },
        { 1, .is_away = true, .news = "" },
        { 2, .news = "" },
        { 3, .is_away = true, .news = "" } } },
    { "away twice in a row",
      true,
      { { 0, .news = "" },
        { 1, .is_away = true, .news = "" },
        { 2, .is_away = true, .news = "+unreachable" },
        { 3, .is_away = true, .news = "" },
        { 4, .news = "-unreachable" },
        { 5, .news = "" } } },
    { "away from the beginning",
      true,
      { { 0, .is_away = true, .news = "" }, { 1, .is_away = true, .news = "+unreachable" } } },
    { "what was told stays told while it is away",
      true,
      { { 340, .news = "+expiry" }, { 341, .is_away = true, .news = "" }, { 342, .news = "" } } },
    { "another key after it was away",
      true,
      { { 0, .news = "" }, { 1, .is_away = true, .news = "" }, { 2, .key = 'b', .news = "+key" } } },
    { "a chain that is cut is not told of as distrust as well",
      true,
      { { 0, .news = "" }, { 1, .chain = "CN=Middle", .news = "+chain" }, { 2, .news = "-chain" } } },
    { "distrust", true, { { 0, .untrusted = "self-signed", .news = "+trust" }, { 1, .news = "-trust" } } },
    { "who never was trusted need not be",
      false,
      { { 0, .untrusted = "self-signed", .news = "" }, { 1, .untrusted = "self-signed", .news = "" } } },
    { "who was trusted once", false, { { 0, .news = "" }, { 1, .untrusted = "self-signed", .news = "+trust" } } },
    { "TLSA",
      true,
      { { 0, .news = "" },
        { 1, .tlsa = "no record matches", .news = "+tlsa" },
        { 2, .tlsa = "?", .news = "" },
        { 3, .tlsa = "no record matches", .news = "" },
        { 4, .news = "-tlsa" } } },
    { "a difference",
      true,
      { { 0, .difference = "one shows this", .news = "+difference" },
        { 1, .difference = "?", .news = "" },
        { 2, .news = "-difference" } } },
    { "a policy that is away twice",
      true,
      { { 0, .news = "" },
        { 1, .policy = "status 404", .news = "" },
        { 2, .policy = "status 404", .news = "+policy" },
        { 3, .policy = "?", .news = "" },
        { 4, .news = "-policy" } } },
    { "two things at once",
      true,
      { { 0, .tlsa = "no record matches", .policy = "x", .news = "+tlsa" },
        { 1, .policy = "x", .news = "-tlsa +policy" } } },
};

TEST(courses)
{
    for (size_t i = 0; i < COUNT_OF(courses); i++)
        run(&courses[i]);
}

/* What is not ours, or was damaged, is not taken for knowledge; what is odd within costs nothing else. */
static const struct {
    const char *name, *text;
    bool is_good;
} kept[] = {
    { "nothing", "", false },
    { "no JSON", "{", false },
    { "an array", "[]", false },
    { "no kind", "{\"sha256\":\"\"}", false },
    { "a kind that is none", "{\"kind\":\"moon\",\"sha256\":\"\"}", false },
    { "no fingerprint", "{\"kind\":\"mx\"}", false },
    { "a fingerprint that is too long",
      "{\"kind\":\"mx\",\"sha256\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
      false },
    { "the least", "{\"kind\":\"mx\",\"sha256\":\"\"}", true },
    { "odd types",
      "{\"kind\":\"host\",\"sha256\":\"ab\",\"subjects\":[1,\"host a\",null],\"checked\":\"x\",\"keys\":[7,{}],"
      "\"notices\":{\"expiry\":5,\"moon\":{}},\"text\":3}",
      true },
    { "more keys than are kept",
      "{\"kind\":\"mx\",\"sha256\":\"\",\"keys\":[{\"spki\":\"1\"},{\"spki\":\"2\"},{\"spki\":\"3\"},{\"spki\":\"4\"},"
      "{\"spki\":\"5\"},{\"spki\":\"6\"},{\"spki\":\"7\"},{\"spki\":\"8\"},{\"spki\":\"9\"}]}",
      true },
};

TEST(what_is_kept)
{
    for (size_t i = 0; i < COUNT_OF(kept); i++) {
        struct arena arena = { 0 };
        struct watch_state s;
        enum status st = watch_state_read(SLICE_LIT("mx:25"), slice_str(kept[i].text), &arena, &s);

        CHECK_CASE(kept[i].name, (st == OK) == kept[i].is_good);
        if (st == OK)
            CHECK_CASE(kept[i].name, s.keys_len <= WATCH_KEYS && slice_eq(s.name, SLICE_LIT("mx:25")));
        arena_release(&arena);
    }
}

TEST(days_left)
{
    static const struct {
        int64_t left_s, days;
    } cases[] = { { DAY_S, 1 }, { DAY_S - 1, 0 }, { 0, 0 }, { -1, -1 }, { -DAY_S, -1 }, { -DAY_S - 1, -2 } };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct watch_state s = { .not_after_s = T0 + cases[i].left_s };

        CHECK_INT(watch_days_left(&s, T0), cases[i].days);
    }
}

RUN_TESTS(T(courses), T(what_is_kept), T(days_left))
