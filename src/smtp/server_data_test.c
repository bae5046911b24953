/* Content: every end mark that is none (EOD-01..16), BDAT (SRV-08) and size (SRV-09). */
#include "smtp/server_check.h"

#define ACCEPTED "250 250/2.0.0 250/2.0.0 354 250/2.0.0"
#define POISONED "250 250/2.0.0 250/2.0.0 354 550/5.6.11"
#define CHUNKS EHLO MAIL RCPT
#define CHUNK_CODES "250 250/2.0.0 250/2.0.0 "

struct bytes {
    const char *ptr;
    size_t len;
};
#define BYTES(s)                                                                                                      \
    {                                                                                                                 \
        (s), sizeof(s) - 1                                                                                            \
    }

static const struct bytes line_ends[] = {
    BYTES("\r\n"), BYTES("\n"), BYTES("\r"), BYTES("\n\r"), BYTES("\r\r\n"), BYTES("\r\n\r"), BYTES(""),
};
static const struct bytes dots[] = {
    BYTES("."), BYTES(".."), BYTES(". "), BYTES(".\0"), BYTES("\0."), BYTES(".x"), BYTES(""),
};

/* What RFC 5321 section 4.1.1.4 says, without any cleverness: where the end mark ends. */
static size_t true_end(struct slice c)
{
    for (size_t i = 0; i < c.len; i++) {
        bool at_line = i == 0 || (i >= 2 && c.ptr[i - 2] == '\r' && c.ptr[i - 1] == '\n');

        if (at_line && slice_starts(slice_from(c, i), SLICE_LIT(".\r\n")))
            return i + 3;
    }
    return c.len;
}

static bool has_nul(struct slice c)
{
    return slice_find(c, '\0') != SIZE_MAX;
}

static bool has_bare_newline(struct slice c)
{
    for (size_t i = 0; i < c.len; i++) {
        bool before_lf = i + 1 < c.len && c.ptr[i + 1] == '\n', after_cr = i > 0 && c.ptr[i - 1] == '\r';

        if ((c.ptr[i] == '\r' && !before_lf) || (c.ptr[i] == '\n' && !after_cr))
            return true;
    }
    return false;
}

/* Feeds `content` behind `prefix`, split in two or byte by byte, then NOOP; returns the reply codes. */
static struct slice run_content(struct drive *d, const struct smtp_server_config *config, const char *prefix,
                                struct slice content, size_t split, char *codes, size_t size)
{
    drive_init(d, config);
    drive_script(d, slice_str(prefix), SIZE_MAX);
    drive_flight(d, slice_first(content, split), split > content.len ? 1 : SIZE_MAX);
    drive_flight(d, slice_from(content, split), SIZE_MAX);
    drive_flight(d, SLICE_LIT("NOOP\r\n"), SIZE_MAX);
    return drive_codes(d, codes, size);
}

/* `content` holds two marks; where the true one is decides what may come of it. */
static void check_data(bool normalizes, struct slice content)
{
    struct smtp_server_config config = drive_config;
    struct slice message = slice_first(content, true_end(content));
    bool is_refused = has_nul(message) || (!normalizes && has_bare_newline(message));
    const char *rest = message.len < content.len ? " 500/5.5.2 500/5.5.2 250/2.0.0" : " 250/2.0.0";
    char want[200], got[2000];

    config.normalizes_newlines = normalizes;
    (void)snprintf(want, sizeof want, "%s%s", is_refused ? POISONED : ACCEPTED, is_refused ? "" : rest);
    for (size_t split = 0; split <= content.len + 1; split++) {
        struct drive d;
        struct slice codes = run_content(&d, &config, EHLO DATA, content, split, got, sizeof got), mail;

        if (!slice_eq(codes, slice_str(want)))
            fail_msg("split %zu: got '%.*s', want '%s'", split, SLICE_FMT(codes), want);
        CHECK_STR(buf_slice(&d.trail), is_refused ? "HMRBXQ" : "HMRBE");
        mail = buf_slice(&d.mail);
        CHECK(!has_nul(mail) && !has_bare_newline(mail));
        drive_release(&d);
    }
}

/* The same content by BDAT: dots mean nothing, line ends the same (EOD-12). */
static void check_bdat(bool normalizes, struct slice content)
{
    struct smtp_server_config config = drive_config;
    bool is_refused = has_nul(content) || (!normalizes && has_bare_newline(content));
    const char *want = is_refused ? CHUNK_CODES "550/5.6.11" : CHUNK_CODES "250/2.0.0 250/2.0.0";
    char prefix[200], got[2000];

    config.normalizes_newlines = normalizes;
    (void)snprintf(prefix, sizeof prefix, CHUNKS "BDAT %zu LAST\r\n", content.len);
    for (size_t split = 0; split <= content.len + 1; split++) {
        struct drive d;
        struct slice codes = run_content(&d, &config, prefix, content, split, got, sizeof got);

        CHECK_STR(codes, want);
        CHECK_STR(buf_slice(&d.trail), is_refused ? "HMRBXQ" : "HMRBE");
        CHECK(!has_nul(buf_slice(&d.mail)) && !has_bare_newline(buf_slice(&d.mail)));
        if (!is_refused && !has_bare_newline(content))
            CHECK(slice_eq(slice_first(buf_slice(&d.mail), content.len), content));
        drive_release(&d);
    }
}

static void add(char *out, size_t *len, const char *bytes, size_t bytes_len)
{
    memcpy(out + *len, bytes, bytes_len);
    *len += bytes_len;
}

/* "a" LINE-END DOT LINE-END "b" and a true end mark, for all of them. */
static void for_all_marks(void (*check)(bool normalizes, struct slice content), bool normalizes)
{
    for (size_t l = 0; l < COUNT_OF(line_ends); l++)
        for (size_t m = 0; m < COUNT_OF(dots); m++)
            for (size_t r = 0; r < COUNT_OF(line_ends); r++) {
                char content[40];
                size_t len = 0;

                add(content, &len, "a", 1);
                add(content, &len, line_ends[l].ptr, line_ends[l].len);
                add(content, &len, dots[m].ptr, dots[m].len);
                add(content, &len, line_ends[r].ptr, line_ends[r].len);
                add(content, &len, "b\r\n.\r\n", 6);
                check(normalizes, slice_of(content, len));
            }
}

TEST(end_marks_in_data)
{
    for_all_marks(check_data, false);
}

TEST(end_marks_in_data_normalized)
{
    for_all_marks(check_data, true);
}

TEST(end_marks_in_chunks)
{
    for_all_marks(check_bdat, false);
    for_all_marks(check_bdat, true);
}

/* clang-format off */
static const struct dialogue cases[] = {
    { "smuggled by LF . CRLF (EOD-01)", EHLO DATA "a\n.\r\n" MAIL RCPT "DATA\r\nb\r\n.\r\n" FLIGHT "QUIT\r\n",
      POISONED, "HMRBXQ", "" },
    { "nothing behind a poisoned message", EHLO DATA "a\rb\r\n.\r\n" MAIL RCPT, POISONED, "HMRBXQ", "" },
    { "DATA refused", EHLO "MAIL FROM:<a@b> ENVID=B452\r\n" RCPT "DATA\r\n" FLIGHT "DATA\r\n" FLIGHT MAIL,
      "250 250/2.0.0 250/2.0.0 452/4.0.0 503/5.5.1 250/2.0.0", "HMRBXM", "" },
    { "refused at the end", EHLO "MAIL FROM:<a@b> ENVID=E554\r\n" RCPT "DATA\r\n" FLIGHT "x\r\n.\r\n" MAIL,
      "250 250/2.0.0 250/2.0.0 354 554/5.0.0 250/2.0.0", "HMRBEXM", "" },
    { "421 at the end", EHLO "MAIL FROM:<a@b> ENVID=E421\r\n" RCPT "DATA\r\n" FLIGHT "x\r\n.\r\n" MAIL,
      "250 250/2.0.0 250/2.0.0 354 421/4.0.0", "HMRBEXQ", "" },
    { "chunks", CHUNKS "BDAT 3\r\na\r\nBDAT 0\r\nBDAT 5 LAST\r\n.b.\r\n" "NOOP\r\n",
      CHUNK_CODES "250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0", "HMRBE", "a\r\n.b.\r\n$" },
    { "chunks that end in an empty one", CHUNKS "BDAT 3\r\na\r\nbdat 0 last\r\n", CHUNK_CODES "250/2.0.0 250/2.0.0", "HMRBE", "a\r\n$" },
    { "an empty message", CHUNKS "BDAT 0 LAST\r\n" DATA "x\r\n.\r\n",
      CHUNK_CODES "250/2.0.0 250/2.0.0 250/2.0.0 354 250/2.0.0", "HMRBEMRBE", "$x\r\n$" },
    { "CR LF over two chunks", CHUNKS "BDAT 2\r\na\rBDAT 1 LAST\r\n\n", CHUNK_CODES "250/2.0.0 250/2.0.0", "HMRBE", "a\r\n$" },
    { "CR ends the last chunk", CHUNKS "BDAT 2 LAST\r\na\rNOOP\r\n", CHUNK_CODES "550/5.6.11", "HMRBXQ", "" },
    { "CR and text over two chunks", CHUNKS "BDAT 2\r\na\rBDAT 1\r\nbNOOP\r\n", CHUNK_CODES "250/2.0.0 550/5.6.11", "HMRBXQ", "" },
    { "LF poisons its own chunk", CHUNKS "BDAT 2\r\n\nxNOOP\r\n", CHUNK_CODES "550/5.6.11", "HMRBXQ", "" },
    { "commands in a chunk are content", CHUNKS "BDAT 8 LAST\r\nQUIT\r\n\r\nNOOP\r\n", CHUNK_CODES "250/2.0.0 250/2.0.0", "HMRBE", "QUIT\r\n\r\n$" },
    { "DATA among chunks", CHUNKS "BDAT 3\r\na\r\nDATA\r\n" FLIGHT "BDAT 3 LAST\r\nb\r\n",
      CHUNK_CODES "250/2.0.0 503/5.5.1 250/2.0.0", "HMRBE", "a\r\nb\r\n$" },
    { "MAIL, RCPT, STARTTLS, AUTH among chunks", CHUNKS "BDAT 3\r\na\r\n" MAIL RCPT "STARTTLS\r\n" FLIGHT "AUTH PLAIN\r\n",
      CHUNK_CODES "250/2.0.0 503/5.5.1 503/5.5.1 503/5.5.1 503/5.5.1", "HMRB", "" },
    { "RSET among chunks", CHUNKS "BDAT 3\r\na\r\nRSET\r\nBDAT 3 LAST\r\nb\r\n" MAIL,
      CHUNK_CODES "250/2.0.0 250/2.0.0 503/5.5.1 250/2.0.0", "HMRBXM", "" },
    { "EHLO among chunks", CHUNKS "BDAT 3\r\na\r\n" EHLO "BDAT 3 LAST\r\nb\r\n" MAIL,
      CHUNK_CODES "250/2.0.0 250 503/5.5.1 250/2.0.0", "HMRBXHM", "" },
    { "QUIT among chunks", CHUNKS "BDAT 3\r\na\r\nQUIT\r\n", CHUNK_CODES "250/2.0.0 221/2.0.0", "HMRBXQ", "" },
    { "NOOP among chunks", CHUNKS "BDAT 3\r\na\r\nNOOP\r\nBDAT 0 LAST\r\n", CHUNK_CODES "250/2.0.0 250/2.0.0 250/2.0.0", "HMRBE", "a\r\n$" },
    { "first chunk refused", EHLO "MAIL FROM:<a@b> ENVID=B452\r\n" RCPT "BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n" MAIL,
      "250 250/2.0.0 250/2.0.0 452/4.0.0 503/5.5.1 250/2.0.0", "HMRBXM", "" },
    { "refused at the last chunk", EHLO "MAIL FROM:<a@b> ENVID=E554\r\n" RCPT "BDAT 3\r\na\r\nBDAT 3 LAST\r\nb\r\n" MAIL RCPT "BDAT 3 LAST\r\nc\r\n",
      "250 250/2.0.0 250/2.0.0 250/2.0.0 554/5.0.0 250/2.0.0 250/2.0.0 250/2.0.0", "HMRBEXMRBE", "c\r\n$" },
    { "before EHLO", "BDAT 6\r\nQUIT\r\n" EHLO "BDAT 6 LAST\r\nQUIT\r\nBDAT 0\r\n" MAIL, "503/5.5.1 250 503/5.5.1 503/5.5.1 250/2.0.0", "HM", "" },
    { "without recipients", EHLO MAIL "BDAT 6\r\nQUIT\r\n" RCPT, "250 250/2.0.0 554/5.5.1 250/2.0.0", "HMR", "" },
    /* SRV-08: where the next command begins is unknown. */
    { "no size", CHUNKS "BDAT\r\nNOOP\r\n", CHUNK_CODES "501/5.5.4", "HMRXQ", "" },
    { "signed size", CHUNKS "BDAT +3\r\na\r\n", CHUNK_CODES "501/5.5.4", "HMRXQ", "" },
    { "negative size", CHUNKS "BDAT -1\r\na\r\n", CHUNK_CODES "501/5.5.4", "HMRXQ", "" },
    { "hexadecimal size", CHUNKS "BDAT 0x3\r\na\r\n", CHUNK_CODES "501/5.5.4", "HMRXQ", "" },
    { "blank size", CHUNKS "BDAT  3\r\na\r\n", CHUNK_CODES "501/5.5.4", "HMRXQ", "" },
    { "size beyond 64 bit", CHUNKS "BDAT 18446744073709551616\r\na\r\n", CHUNK_CODES "501/5.5.4", "HMRXQ", "" },
    { "odd word behind the size", CHUNKS "BDAT 3 LASTLY\r\na\r\n", CHUNK_CODES "501/5.5.4", "HMRXQ", "" },
    { "two words behind the size", CHUNKS "BDAT 3 LAST LAST\r\na\r\n", CHUNK_CODES "501/5.5.4", "HMRXQ", "" },
    { "largest size", CHUNKS "BDAT 18446744073709551615\r\nQUIT\r\nQUIT\r\n", CHUNK_CODES "552/5.3.4", "HMRX", "" },
    { "chunk over the limit", CHUNKS "BDAT 1001\r\n", CHUNK_CODES "552/5.3.4", "HMRX", "" },
};
/* clang-format on */

TEST(dialogues)
{
    check_dialogues(&drive_config, cases, COUNT_OF(cases));
}

/* SRV-09: `len` bytes of content by DATA, the limit is 1000. */
static void check_size(size_t len, bool is_stuffed, const char *codes, const char *trail)
{
    static char script[4000];
    size_t at = 0;
    const struct dialogue want = { "size", NULL, codes, trail, NULL };

    add(script, &at, EHLO DATA, sizeof(EHLO DATA) - 1);
    for (size_t i = 0; i < len / 10; i++) {
        add(script, &at, ".", is_stuffed);
        add(script, &at, is_stuffed ? ".2345678\r\n" : "12345678\r\n", 10);
    }
    for (size_t i = 0; i < len % 10; i++)
        add(script, &at, "x", 1);
    add(script, &at, len % 10 != 0 ? "\r\n.\r\nNOOP\r\n" : ".\r\nNOOP\r\n", len % 10 != 0 ? 11 : 9);
    check_script(&drive_config, slice_of(script, at), &want);
}

TEST(size_of_data)
{
    check_size(1000, false, ACCEPTED " 250/2.0.0", "HMRBE");
    check_size(1000, true, ACCEPTED " 250/2.0.0", "HMRBE"); /* the dots do not count */
    check_size(999, false, CHUNK_CODES "354 552/5.3.4 250/2.0.0", "HMRBX");
    check_size(1010, false, CHUNK_CODES "354 552/5.3.4 250/2.0.0", "HMRBX");
    check_size(3000, false, CHUNK_CODES "354 552/5.3.4 250/2.0.0", "HMRBX");
}

/* Over the limit in the sum; each part is still taken for what it is. */
TEST(size_of_chunks)
{
    static char script[4000];
    const struct dialogue want = { "sum of chunks", NULL, CHUNK_CODES "250/2.0.0 552/5.3.4 503/5.5.1 250/2.0.0",
                                   "HMRBXM", "" };
    size_t at = 0;

    add(script, &at, CHUNKS "BDAT 600\r\n", sizeof(CHUNKS "BDAT 600\r\n") - 1);
    for (size_t chunk = 0; chunk < 3; chunk++) {
        for (size_t i = 0; i < 100; i++)
            add(script, &at, "QUIT\r\n", 6);
        if (chunk < 2)
            add(script, &at, "BDAT 600\r\n", 10);
    }
    add(script, &at, MAIL, sizeof MAIL - 1);
    check_script(&drive_config, slice_of(script, at), &want);
}

/* What is too big and poisoned too closes all the same. */
TEST(too_big_and_poisoned)
{
    static char script[4000];
    const struct dialogue want = { "both", NULL, POISONED, "HMRBXQ", "" };
    size_t at = 0;

    add(script, &at, EHLO DATA, sizeof(EHLO DATA) - 1);
    for (size_t i = 0; i < 200; i++)
        add(script, &at, "12345678\r\n", 10);
    add(script, &at, "a\nb\r\n.\r\nNOOP\r\n", 15);
    check_script(&drive_config, slice_of(script, at), &want);
}

RUN_TESTS(T(end_marks_in_data), T(end_marks_in_data_normalized), T(end_marks_in_chunks), T(dialogues), T(size_of_data),
          T(size_of_chunks), T(too_big_and_poisoned))
