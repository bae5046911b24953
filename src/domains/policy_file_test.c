#include "domains/policy_file.h"

#include "base/test.h"

#define S(text)                                                                                                       \
    {                                                                                                                 \
        (text), sizeof(text) - 1                                                                                      \
    }

static const struct slice given[] = { S("*.mx.example.org"), S("a.example.org") };
static const struct slice found[] = { S("MX2.example.org"), S("mx1.example.org"), S("mx2.example.org") };

TEST(policy_text) /* M10 */
{
    struct own_domain d = { .sts_mode = STS_MODE_TESTING, .sts_max_age_s = 604800 };
    struct arena a = { 0 };
    struct sts_policy parsed;
    struct slice text = policy_file_write(&d, found, COUNT_OF(found), &a);

    CHECK_STR(text, "version: STSv1\r\nmode: testing\r\nmx: mx1.example.org\r\nmx: mx2.example.org\r\n"
                    "max_age: 604800\r\n");
    CHECK(sts_policy_parse(text, &a, &parsed, NULL) == OK && parsed.mx_len == 2);
    d.sts_mx = given;
    d.sts_mx_len = COUNT_OF(given);
    d.sts_mode = STS_MODE_ENFORCE;
    text = policy_file_write(&d, found, COUNT_OF(found), &a);
    CHECK_STR(text, "version: STSv1\r\nmode: enforce\r\nmx: *.mx.example.org\r\nmx: a.example.org\r\n"
                    "max_age: 604800\r\n");
    CHECK(sts_policy_parse(text, &a, &parsed, NULL) == OK && parsed.mode == STS_MODE_ENFORCE);
    arena_release(&a);
}

TEST(policy_without_servers)
{
    struct own_domain d = { .sts_mode = STS_MODE_ENFORCE, .sts_max_age_s = 86400 };
    struct arena a = { 0 };

    CHECK_INT(policy_file_write(&d, NULL, 0, &a).len, 0);
    d.sts_mode = STS_MODE_NONE;
    CHECK_STR(policy_file_write(&d, NULL, 0, &a), "version: STSv1\r\nmode: none\r\nmax_age: 86400\r\n");
    arena_release(&a);
}

TEST(largest_policy_is_readable)
{
    struct slice names[STS_MX_MOST];
    struct own_domain d = {
        .sts_mode = STS_MODE_ENFORCE, .sts_mx = names, .sts_mx_len = STS_MX_MOST, .sts_max_age_s = 60
    };
    struct arena a = { 0 };
    struct sts_policy parsed;

    for (int i = 0; i < STS_MX_MOST; i++)
        names[i] = arena_printf(&a, "%03d.%060d.%060d.%060d.example", i, i, i, i);
    CHECK(sts_policy_parse(policy_file_write(&d, NULL, 0, &a), &a, &parsed, NULL) == OK &&
          parsed.mx_len == STS_MX_MOST);
    arena_release(&a);
}

enum { NOW_S = 1556182620 }; /* 2019-04-25 08:57:00 */

static const struct {
    const char *name, *last, *id;
} id_cases[] = {
    { "the first", "", "20190425085700" },
    { "later than the last", "20190425085659", "20190425085700" },
    { "in the same second", "20190425085700", "20190425085701" },
    { "once more", "20190425085701", "20190425085702" },
    { "over midnight of a leap day", "20240228235959", "20240229000000" },
    { "the clock was set back", "20301231235959", "20310101000000" },
    { "of another make", "abc123", "20190425085700" },
    { "of another make, digits", "99999999999999", "20190425085700" },
    { "a day that is none", "20300231000000", "20190425085700" },
};

TEST(ids) /* M8 */
{
    for (size_t i = 0; i < COUNT_OF(id_cases); i++) {
        char id[STS_ID_TEXT];

        policy_id_new(NOW_S, slice_str(id_cases[i].last), id);
        CHECK_CASE(id_cases[i].name, strcmp(id, id_cases[i].id) == 0);
    }
}

TEST(records) /* M4, M5, M7 */
{
    const struct slice report_to[] = { S("mailto:tlsrpt@example.org"), S("https://example.org/tlsrpt") };
    struct own_domain d = { .report_to = report_to, .report_to_len = 1 };
    struct arena a = { 0 };

    CHECK_STR(sts_record_write(SLICE_LIT("20190425085700"), &a), "v=STSv1; id=20190425085700");
    CHECK_STR(tlsrpt_record_write(&d, &a), "v=TLSRPTv1; rua=mailto:tlsrpt@example.org");
    d.report_to_len = 2;
    CHECK_STR(tlsrpt_record_write(&d, &a), "v=TLSRPTv1; rua=mailto:tlsrpt@example.org,https://example.org/tlsrpt");
    d.report_to_len = 0;
    CHECK_INT(tlsrpt_record_write(&d, &a).len, 0);
    arena_release(&a);
}

TEST(servers_alone)
{
    static const struct {
        const char *a, *b;
        bool is_so;
    } cases[] = {
        { "v\r\nmode: enforce\r\nmx: a\r\nmax_age: 1\r\n", "v\r\nmode: enforce\r\nmx: b\r\nmx: c\r\nmax_age: 1\r\n",
          true },
        { "v\r\nmode: enforce\r\nmx: a\r\nmax_age: 1\r\n", "v\r\nmode: enforce\r\nmx: a\r\nmax_age: 1\r\n", false },
        { "v\r\nmode: testing\r\nmx: a\r\nmax_age: 1\r\n", "v\r\nmode: enforce\r\nmx: b\r\nmax_age: 1\r\n", false },
        { "v\r\nmode: enforce\r\nmx: a\r\nmax_age: 1\r\n", "v\r\nmode: enforce\r\nmx: b\r\n", false },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_CASE(cases[i].b,
                   policy_file_differs_in_servers(slice_str(cases[i].a), slice_str(cases[i].b)) == cases[i].is_so);
}

RUN_TESTS(T(servers_alone), T(policy_text), T(policy_without_servers), T(largest_policy_is_readable), T(ids),
          T(records))
