#include "reports/target.h"

#include "base/test.h"

TEST(report_targets_are_read_as_written)
{
    const struct report_target targets[] = {
        { .scheme = TLSRPT_MAILTO,
          .uri = SLICE_LIT("mailto:r@example.org"),
          .state = TARGET_QUEUED,
          .note = SLICE_LIT("06F9K2VB3S8ZT") },
        { .scheme = TLSRPT_HTTPS,
          .uri = SLICE_LIT("https://r.example.org/in?\"x\""),
          .host = SLICE_LIT("r.example.org"),
          .path = SLICE_LIT("/in?\"x\""),
          .state = TARGET_WAITING,
          .tries = 3,
          .note = SLICE_LIT("500") },
    };
    struct report_target *got;
    struct arena arena = { 0 };
    size_t len;
    struct slice json = report_targets_write(targets, COUNT_OF(targets), &arena);

    CHECK_STR(json, "[{\"uri\":\"mailto:r@example.org\",\"state\":\"queued\",\"note\":\"06F9K2VB3S8ZT\"},"
                    "{\"uri\":\"https://r.example.org/in?\\\"x\\\"\",\"host\":\"r.example.org\","
                    "\"path\":\"/in?\\\"x\\\"\",\"state\":\"waiting\",\"tries\":3,\"note\":\"500\"}]");
    CHECK_INT(report_targets_read(json, &arena, &got, &len), OK);
    CHECK_INT(len, 2);
    for (size_t i = 0; i < len; i++) {
        CHECK(got[i].scheme == targets[i].scheme && got[i].state == targets[i].state);
        CHECK(got[i].tries == targets[i].tries && slice_eq(got[i].uri, targets[i].uri));
        CHECK(slice_eq(got[i].host, targets[i].host) && slice_eq(got[i].path, targets[i].path));
        CHECK(slice_eq(got[i].note, targets[i].note));
    }
    arena_release(&arena);
}

TEST(report_targets_that_are_none)
{
    static const char *const odd[] = { "", "{}", "[", "[{}]", "[1]", "[{\"uri\":\"x\",\"state\":\"lost\"}]" };
    struct report_target *got;
    struct arena arena = { 0 };
    size_t len;

    for (size_t i = 0; i < COUNT_OF(odd); i++)
        CHECK_CASE(odd[i], report_targets_read(slice_str(odd[i]), &arena, &got, &len) == ERR_SYNTAX);
    CHECK_INT(report_targets_read(SLICE_LIT("[]"), &arena, &got, &len), OK);
    CHECK_INT(len, 0);
    arena_release(&arena);
}

RUN_TESTS(T(report_targets_are_read_as_written), T(report_targets_that_are_none))
