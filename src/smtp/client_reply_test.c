#include "smtp/client_reply.h"

#include "base/memory.h"
#include "base/test.h"

/* Reads one reply; returns how the last line was taken. */
static enum smtp_reply_step read_all(struct slice in, struct smtp_reply_reader *r, size_t *used, const char **broken)
{
    enum smtp_reply_step step;
    struct slice text;

    *r = (struct smtp_reply_reader){ 0 };
    *used = 0;
    do {
        size_t taken;

        step = smtp_reply_read(r, slice_from(in, *used), &taken, &text, broken);
        *used += taken;
    } while (step == SMTP_REPLY_LINE);
    return step;
}

static const struct { const char *name, *in; int code; const char *enhanced, *text; } good_cases[] = {
    { "one line", "250 2.1.0 Ok\r\n", 250, "2.1.0", "Ok" },
    { "code alone", "354\r\n", 354, "", "" },
    { "code and blank", "250 \r\n", 250, "", "" },
    { "lines are joined", "250-mx.example.com\r\n250-PIPELINING\r\n250 SIZE 10\r\n", 250, "",
      "mx.example.com PIPELINING SIZE 10" },
    { "enhanced code once", "550-5.7.1 not\r\n550-5.7.1 for\r\n550 5.7.1 you\r\n", 550, "5.7.1", "not for you" },
    { "enhanced code changes", "550-5.7.1 a\r\n550 5.1.1 b\r\n", 550, "5.7.1", "a 5.1.1 b" },
    { "enhanced code of another class", "550 4.7.1 later\r\n", 550, "", "4.7.1 later" },
    { "no enhanced code for 3yz", "354 3.0.0 go\r\n", 354, "", "3.0.0 go" },
    { "an address is no enhanced code", "550 5.1.2.3 blocked\r\n", 550, "", "5.1.2.3 blocked" },
    { "long subject and detail", "450 4.999.999\r\n", 450, "4.999.999", "" },
    { "subject too long", "450 4.1234.1 x\r\n", 450, "", "4.1234.1 x" },
    { "detail missing", "450 4.7. x\r\n", 450, "", "4.7. x" },
    { "enhanced code on a later line only", "550-no\r\n550 5.7.1 really\r\n", 550, "", "no 5.7.1 really" },
    { "bare LF ends a line", "250-a\n250 b\n", 250, "", "a b" },
    { "SRV-19: control bytes", "250 a\tb\rc\x1b[1m\x7f\r\n", 250, "", "a?b?c?[1m?" },
    { "SRV-19: not UTF-8", "250 \xff\xc3\xa9\xc2\x9b\r\n", 250, "", "?\xc3\xa9??" },
};

TEST(good)
{
    for (size_t i = 0; i < COUNT_OF(good_cases); i++) {
        struct smtp_reply_reader r;
        const char *broken = NULL;
        size_t used;
        struct slice in = slice_str(good_cases[i].in);

        CHECK_CASE(good_cases[i].name, read_all(in, &r, &used, &broken) == SMTP_REPLY_LAST && used == in.len);
        CHECK_CASE(good_cases[i].name, r.reply.code == good_cases[i].code);
        CHECK_STR(slice_str(r.reply.enhanced), good_cases[i].enhanced);
        CHECK_STR(slice_str(r.reply.text), good_cases[i].text);
    }
}

static const struct { const char *name, *in; } broken_cases[] = {
    { "no code", "hello there\r\n" },
    { "empty line", "\r\n" },
    { "two digits", "25 ok\r\n" },
    { "four digits", "2500 ok\r\n" },
    { "class 1", "100 ok\r\n" },
    { "class 6", "600 ok\r\n" },
    { "letter in the code", "2x0 ok\r\n" },
    { "another separator", "250_ok\r\n" },
    { "SRV-19: codes differ", "250-a\r\n550 b\r\n" },
    { "SRV-19: second line is none", "250-a\r\nQUIT\r\n" },
};

TEST(broken)
{
    for (size_t i = 0; i < COUNT_OF(broken_cases); i++) {
        struct smtp_reply_reader r;
        const char *broken = NULL;
        size_t used;

        CHECK_CASE(broken_cases[i].name,
                   read_all(slice_str(broken_cases[i].in), &r, &used, &broken) == SMTP_REPLY_BROKEN && broken != NULL);
    }
}

static const char *const partial[] = { "", "2", "250", "250 ok", "250 ok\r", "250-ok\r\n250" };

TEST(waits_for_the_line_end)
{
    for (size_t i = 0; i < COUNT_OF(partial); i++) {
        struct smtp_reply_reader r;
        const char *broken = NULL;
        size_t used;

        CHECK_CASE(partial[i], read_all(slice_str(partial[i]), &r, &used, &broken) == SMTP_REPLY_MORE);
    }
}

/* SRV-19: 2048 bytes a line, with its end. */
TEST(line_limit)
{
    static char line[4096];
    struct smtp_reply_reader r;
    const char *broken = NULL;
    size_t used;

    memset(line, 'x', sizeof line);
    memcpy(line, "250 ", 4);
    line[SMTP_REPLY_LINE_BYTES_MAX - 2] = '\r';
    line[SMTP_REPLY_LINE_BYTES_MAX - 1] = '\n';
    CHECK(read_all(slice_of(line, sizeof line), &r, &used, &broken) == SMTP_REPLY_LAST);
    CHECK_INT(used, SMTP_REPLY_LINE_BYTES_MAX);
    CHECK_INT(strlen(r.reply.text), sizeof r.reply.text - 1);
    line[SMTP_REPLY_LINE_BYTES_MAX - 1] = 'x';
    line[SMTP_REPLY_LINE_BYTES_MAX] = '\n';
    CHECK(read_all(slice_of(line, SMTP_REPLY_LINE_BYTES_MAX - 1), &r, &used, &broken) == SMTP_REPLY_MORE);
    CHECK(read_all(slice_of(line, sizeof line), &r, &used, &broken) == SMTP_REPLY_BROKEN);
}

/* SRV-19: 64 lines; the 65th breaks it, also when it would be the last. */
TEST(lines_limit)
{
    static char many[SMTP_REPLY_LINES_MAX * 8];
    struct smtp_reply_reader r;
    const char *broken = NULL;
    size_t used;

    for (size_t i = 0; i < SMTP_REPLY_LINES_MAX; i++)
        memcpy(many + 8 * i, "250-ab\r\n", 8);
    CHECK(read_all(slice_of(many, sizeof many), &r, &used, &broken) == SMTP_REPLY_BROKEN);
    many[8 * (SMTP_REPLY_LINES_MAX - 1) + 3] = ' ';
    CHECK(read_all(slice_of(many, sizeof many), &r, &used, &broken) == SMTP_REPLY_LAST);
}

RUN_TESTS(T(good), T(broken), T(waits_for_the_line_end), T(line_limit), T(lines_limit))
