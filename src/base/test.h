/* base/test.h: thin macros over cmocka, so that a case is one line of a table. For *_test.c only. */
#ifndef STERNPOST_BASE_TEST_H
#define STERNPOST_BASE_TEST_H

#include "base/slice.h"
#include "base/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define TEST(name) static void test_##name(void **state_ __attribute__((unused)))
#define CHECK(cond) assert_true(cond)
/* Names the case when it fails. */
#define CHECK_CASE(name, cond)                                                                                    \
    do {                                                                                                          \
        if (!(cond))                                                                                              \
            fail_msg("case '%s': %s", (name), #cond);                                                             \
    } while (0)
#define CHECK_STR(got, want)                                                                                      \
    do {                                                                                                          \
        struct slice got_ = (got), want_ = slice_str(want);                                                       \
        if (!slice_eq(got_, want_))                                                                               \
            fail_msg("got '%.*s', want '%.*s'", SLICE_FMT(got_), SLICE_FMT(want_));                               \
    } while (0)
#define CHECK_INT(got, want) assert_int_equal((got), (want))

/* RUN_TESTS(T(parse), T(format)) as the body of main(). */
#define T(name) cmocka_unit_test(test_##name)
#define RUN_TESTS(...)                                                                                            \
    int main(void)                                                                                                \
    {                                                                                                             \
        const struct CMUnitTest tests[] = { __VA_ARGS__ };                                                        \
        return cmocka_run_group_tests(tests, NULL, NULL);                                                         \
    }

#endif
