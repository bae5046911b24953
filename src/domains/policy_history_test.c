#include "domains/policy_history.h"

#include "base/test.h"

#define HEAD "version: STSv1\nmode: "
#define ENFORCE(age) HEAD "enforce\nmx: mx.ours.example\nmax_age: " age "\n"
#define TESTING(age) HEAD "testing\nmx: mx.ours.example\nmax_age: " age "\n"
#define NONE HEAD "none\nmax_age: 86400\n"

static const struct {
    const char *name;
    struct {
        int64_t made_s;
        const char *text;
    } rows[4]; /* the newest first */
    int64_t until_s;
} cases[] = {
    { "nothing", { { 0 } }, 0 },
    { "the newest alone", { { 1000, ENFORCE("500") } }, 0 },
    { "taken back", { { 2000, NONE }, { 1000, ENFORCE("500") } }, 2500 },
    { "withdrawn", { { 2000, "" }, { 1000, ENFORCE("500") } }, 2500 },
    { "the longest of all, not the last", { { 3000, NONE }, { 2000, ENFORCE("100") }, { 1000, ENFORCE("9000") } }, 11000 },
    { "the last, where it lasts longer", { { 3000, NONE }, { 2000, ENFORCE("9000") }, { 1000, ENFORCE("9000") } }, 12000 },
    { "to testing", { { 3000, TESTING("60") }, { 1000, ENFORCE("500") } }, 3500 },
    { "what asked for nothing", { { 3000, ENFORCE("60") }, { 2000, NONE }, { 1000, NONE } }, 0 },
    { "kept for no time", { { 3000, NONE }, { 2000, ENFORCE("0") } }, 0 },
    { "none of ours", { { 3000, NONE }, { 2000, "garbage" } }, 0 },
};

TEST(kept_until)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct policy_row rows[4] = { 0 };
        size_t len = 0;

        for (; len < COUNT_OF(rows) && cases[i].rows[len].text != NULL; len++)
            rows[len] =
                (struct policy_row){ .text = slice_str(cases[i].rows[len].text), .made_s = cases[i].rows[len].made_s };
        CHECK_CASE(cases[i].name, policy_history_kept_until(rows, len) == cases[i].until_s);
    }
}

RUN_TESTS(T(kept_until))
