/* Which certificate serves when: old, both, new (C8). */
#include "certs/rotation.h"

#include "base/test.h"

enum { RSA, ECDSA };

#define S(text)                                                                                                       \
    {                                                                                                                 \
        (text), sizeof(text) - 1                                                                                      \
    }

static const struct slice mx[] = { S("mx.example.test") }, wild[] = { S("*.example.test") },
                          two[] = { S("mx.example.test"), S("smtp.example.test") };

#define ALWAYS .retire_s = INT64_MAX, .not_after_s = 10000
#define FROM_CONFIG .take_over_s = INT64_MIN, ALWAYS
#define NAMES(n) .names = (n), .names_len = COUNT_OF(n)

static const struct {
    const char *name;
    int64_t now_s;
    struct rotation_candidate c[3];
    size_t len;
    unsigned percent[3];
} plans[] = {
    { "one alone", 100, { { FROM_CONFIG, NAMES(mx) } }, 1, { 100 } },
    { "one of the store goes before the configuration's",
      100,
      { { FROM_CONFIG, NAMES(mx) }, { ALWAYS, NAMES(mx) } },
      2,
      { 0, 100 } },
    { "old: before valid-from",
      99,
      { { ALWAYS, NAMES(mx) }, { ALWAYS, .valid_from_s = 100, .take_over_s = 200, .share = 30, NAMES(mx) } },
      2,
      { 100, 0 } },
    { "both: from valid-from",
      100,
      { { ALWAYS, NAMES(mx) }, { ALWAYS, .valid_from_s = 100, .take_over_s = 200, .share = 30, NAMES(mx) } },
      2,
      { 70, 30 } },
    { "both: to take-over-at",
      199,
      { { ALWAYS, NAMES(mx) }, { ALWAYS, .valid_from_s = 100, .take_over_s = 200, .share = 30, NAMES(mx) } },
      2,
      { 70, 30 } },
    { "new: at take-over-at",
      200,
      { { ALWAYS, NAMES(mx) }, { ALWAYS, .valid_from_s = 100, .take_over_s = 200, .share = 30, NAMES(mx) } },
      2,
      { 0, 100 } },
    { "held: the clock is not enough",
      200,
      { { ALWAYS, NAMES(mx) }, { ALWAYS, .take_over_s = 200, .is_held = true, NAMES(mx) } },
      2,
      { 100, 0 } },
    { "held, but alone", 200, { { ALWAYS, .is_held = true, NAMES(mx) } }, 1, { 100 } },
    { "not valid yet by its own dates",
      200,
      { { ALWAYS, NAMES(mx) }, { ALWAYS, .not_before_s = 201, NAMES(mx) } },
      2,
      { 100, 0 } },
    { "retired",
      300,
      { { ALWAYS, NAMES(mx) }, { .retire_s = 300, .take_over_s = 200, .not_after_s = 10000, NAMES(mx) } },
      2,
      { 100, 0 } },
    { "all retired: the newest goes on",
      300,
      { { .retire_s = 250, .not_after_s = 10000, NAMES(mx) },
        { .retire_s = 300, .take_over_s = 200, .not_after_s = 10000, NAMES(mx) } },
      2,
      { 0, 100 } },
    { "expired: the valid one though older",
      300,
      { { ALWAYS, NAMES(mx) }, { .retire_s = INT64_MAX, .take_over_s = 200, .not_after_s = 299, NAMES(mx) } },
      2,
      { 100, 0 } },
    { "expired, but alone", 300, { { .retire_s = INT64_MAX, .not_after_s = 299, NAMES(mx) } }, 1, { 100 } },
    { "issued later, no times",
      300,
      { { ALWAYS, .not_before_s = 20, NAMES(mx) }, { ALWAYS, .not_before_s = 10, NAMES(mx) } },
      2,
      { 100, 0 } },
    { "of the configuration the first",
      300,
      { { FROM_CONFIG, .not_before_s = 10, NAMES(mx) }, { FROM_CONFIG, .not_before_s = 20, NAMES(mx) } },
      2,
      { 100, 0 } },
    { "RSA and ECDSA side by side",
      300,
      { { ALWAYS, .kind = RSA, NAMES(mx) }, { ALWAYS, .kind = ECDSA, .take_over_s = 200, NAMES(mx) } },
      2,
      { 100, 100 } },
    { "a new ECDSA leaves RSA alone",
      150,
      { { ALWAYS, .kind = RSA, NAMES(mx) },
        { ALWAYS, .kind = ECDSA, NAMES(mx) },
        { ALWAYS, .kind = ECDSA, .take_over_s = 200, .share = 10, NAMES(mx) } },
      3,
      { 100, 90, 10 } },
    { "other names, both serve",
      300,
      { { ALWAYS, NAMES(two) }, { ALWAYS, .take_over_s = 200, NAMES(mx) } },
      2,
      { 100, 100 } },
    { "a name itself goes before its wildcard",
      300,
      { { ALWAYS, NAMES(mx) }, { ALWAYS, .take_over_s = 200, NAMES(wild) } },
      2,
      { 100, 100 } },
    { "two roll: shares count from the same draw",
      150,
      { { ALWAYS, NAMES(mx) },
        { ALWAYS, .take_over_s = 200, .share = 50, NAMES(mx) },
        { ALWAYS, .take_over_s = 300, .share = 20, NAMES(mx) } },
      3,
      { 50, 30, 20 } },
    { "rolls, but alone", 150, { { ALWAYS, .take_over_s = 200, .share = 20, NAMES(mx) } }, 1, { 100 } },
    { "a share without an end",
      9000,
      { { ALWAYS, NAMES(mx) }, { ALWAYS, .take_over_s = INT64_MAX, .share = 1, NAMES(mx) } },
      2,
      { 99, 1 } },
};

TEST(plans)
{
    for (size_t i = 0; i < COUNT_OF(plans); i++) {
        struct rotation_candidate c[3];
        const struct rotation_edition *editions;
        struct arena arena = { 0 };
        size_t len;

        memcpy(c, plans[i].c, sizeof c);
        rotation_plan(c, plans[i].len, plans[i].now_s, &arena, &editions, &len);
        CHECK_CASE(plans[i].name, len > 0 && editions[len - 1].until == 100);
        for (size_t k = 0; k < len; k++)
            CHECK_CASE(plans[i].name,
                       editions[k].order_len == plans[i].len && (k == 0 || editions[k - 1].until < editions[k].until));
        for (size_t k = 0; k < plans[i].len; k++)
            CHECK_CASE(plans[i].name, c[k].percent == plans[i].percent[k]);
        arena_release(&arena);
    }
}

static const struct {
    const char *name;
    int64_t now_s;
    bool is_held;
    enum rotation_stage stage;
} stages[] = {
    { "before", 99, false, ROTATION_WAITS },
    { "valid", 100, false, ROTATION_ROLLS },
    { "valid but held", 100, true, ROTATION_WAITS },
    { "taken over", 200, false, ROTATION_LEADS },
    { "to the last second", 299, false, ROTATION_LEADS },
    { "retired", 300, false, ROTATION_RETIRED },
    { "retired, not held", 300, true, ROTATION_RETIRED },
};

TEST(stages)
{
    for (size_t i = 0; i < COUNT_OF(stages); i++) {
        const struct rotation_candidate c = {
            .valid_from_s = 100, .take_over_s = 200, .retire_s = 300, .not_after_s = 1000, .is_held = stages[i].is_held
        };

        CHECK_CASE(stages[i].name, rotation_stage(&c, stages[i].now_s) == stages[i].stage);
    }
}

TEST(nothing_to_plan)
{
    const struct rotation_edition *editions;
    struct arena arena = { 0 };
    size_t len;

    rotation_plan(NULL, 0, 0, &arena, &editions, &len);
    CHECK(len == 1 && editions[0].order_len == 0 && editions[0].until == 100);
    arena_release(&arena);
}

/* Nodes that are chosen serve it in full, the others not at all, until it takes over everywhere. */
TEST(by_node)
{
    static const struct slice name[] = { { "mx.example.org", 14 } };
    static const struct {
        bool is_chosen;
        int64_t now_s;
        unsigned percent;
    } cases[] = { { true, 5, 0 },   { true, 10, 100 }, { true, 25, 100 },
                  { false, 10, 0 }, { false, 19, 0 },  { false, 20, 100 } };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rotation_candidate c[] = {
            { .valid_from_s = INT64_MIN,
              .take_over_s = INT64_MIN,
              .retire_s = INT64_MAX,
              .share = 50,
              .names = name,
              .names_len = 1 },
            { .valid_from_s = 10,
              .take_over_s = 20,
              .retire_s = INT64_MAX,
              .not_before_s = 1,
              .share = 50,
              .names = name,
              .names_len = 1 },
        };
        const struct rotation_edition *editions;
        struct arena arena = { 0 };
        size_t len;

        rotation_by_node(&c[1], cases[i].is_chosen);
        rotation_plan(c, COUNT_OF(c), cases[i].now_s, &arena, &editions, &len);
        CHECK_INT(len, 1); /* no session draws lots */
        CHECK_INT(c[1].percent, cases[i].percent);
        arena_release(&arena);
    }
}

RUN_TESTS(T(by_node), T(plans), T(stages), T(nothing_to_plan))
