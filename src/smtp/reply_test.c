#include "smtp/reply.h"

#include "base/test.h"
#include "base/utf8.h"

TEST(a_reply_is_filled)
{
    struct smtp_reply r;

    smtp_reply_set(&r, 550, "5.1.1", "no such user, %d tries", 3);
    CHECK_INT(r.code, 550);
    assert_string_equal(r.enhanced, "5.1.1");
    assert_string_equal(r.text, "no such user, 3 tries");
    CHECK(!r.closes && smtp_reply_is_permanent(&r) && !smtp_reply_is_ok(&r) && !smtp_reply_is_temporary(&r));
    smtp_reply_set(&r, 354, NULL, "go on");
    assert_string_equal(r.enhanced, "");
    CHECK(!smtp_reply_is_ok(&r) && !smtp_reply_is_temporary(&r) && !smtp_reply_is_permanent(&r));
}

/* SRV-19, SRV-23: one line, whatever is formatted into it. */
TEST(control_bytes_become_question_marks)
{
    struct smtp_reply r;

    smtp_reply_set(&r, 450, "4.0.0", "%s", "a\r\n250 b\x1b[1m\xc2\x85\xff j\xc3\xb6rg");
    assert_string_equal(r.text, "a??250 b?[1m??? j\xc3\xb6rg");
}

TEST(a_long_text_is_cut_between_characters)
{
    struct smtp_reply r;
    char text[2000];

    for (size_t i = 0; i + 1 < sizeof text; i++)
        text[i] = i % 2 == 0 ? '\xc3' : '\xb6';
    text[sizeof text - 1] = '\0';
    smtp_reply_set(&r, 450, NULL, "%s", text);
    CHECK_INT(strlen(r.text), 510);
    CHECK(utf8_is_valid(slice_str(r.text)));
}

RUN_TESTS(T(a_reply_is_filled), T(control_bytes_become_question_marks), T(a_long_text_is_cut_between_characters))
