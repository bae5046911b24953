/* Whatever the message and the servers' words were: clean lines, one report of the right parts.
 * Input: a byte of flags, then six strings that end with LF LF; what is left is the message. */
#include "mail/dsn.h"

#include "base/fuzz.h"

#include <stdio.h>

/* Lines end with CR LF, never otherwise; returns how many are `line`. */
static size_t count_lines(struct slice all, struct slice line)
{
    size_t count = 0;

    while (all.len > 0) {
        size_t end = slice_find(all, '\r');

        must(end != SIZE_MAX && end + 1 < all.len && all.ptr[end + 1] == '\n');
        must(slice_find(slice_first(all, end), '\n') == SIZE_MAX);
        count += slice_eq(slice_first(all, end), line);
        all = slice_from(all, end + 2);
    }
    return count;
}

static void check_parts(struct slice all, size_t parts)
{
    const char *at = memmem(all.ptr, all.len, "boundary=\"", 10);
    char line[64];
    struct slice rest, boundary;

    must(at != NULL);
    boundary = slice_cut(slice_of(at + 10, (size_t)(all.ptr + all.len - at - 10)), '"', &rest);
    (void)snprintf(line, sizeof line, "--%.*s", SLICE_FMT(boundary));
    must(count_lines(all, slice_str(line)) == parts);
    (void)snprintf(line, sizeof line, "--%.*s--", SLICE_FMT(boundary));
    must(count_lines(all, slice_str(line)) == 1);
}

static void check_ascii(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        must((unsigned char)s.ptr[i] < 0x80);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice in = slice_of((const char *)data, len), flags = slice_first(in, 1), sentence;
    unsigned flag = flags.len == 1 ? (unsigned char)flags.ptr[0] : 0;
    struct mail_dsn_rcpt rcpt = { .action = (enum mail_dsn_action)(flag % 5),
                                  .explanation = &sentence,
                                  .explanation_len = 1 };
    struct mail_dsn d = { .to = SLICE_LIT("s@example.org"),
                          .hostname = SLICE_LIT("mx.example.net"),
                          .rcpts = &rcpt,
                          .rcpts_len = 1,
                          .is_utf8 = (flag & 64) != 0,
                          .full_max_bytes = 4096 };
    struct buf out;
    bool is_8bit, has_third;

    in = slice_from(in, 1);
    rcpt.address = fuzz_take(&in);
    rcpt.orcpt = fuzz_take(&in);
    rcpt.remote_mta = fuzz_take(&in);
    rcpt.diagnostic = fuzz_take(&in);
    sentence = fuzz_take(&in);
    d.envid = fuzz_take(&in);
    d.content = in;
    d.header_bytes = in.len / 2;
    buf_init(&out, 1 << 24);
    must(mail_dsn_write(&d, &out, &is_8bit) == OK);
    /* Without content there is no third part; of one byte half is no header section. */
    has_third = rcpt.action == MAIL_DSN_FAILED && in.len <= d.full_max_bytes ? in.len > 0 : d.header_bytes > 0;
    check_parts(buf_slice(&out), has_third ? 3 : 2);
    if (!is_8bit)
        check_ascii(buf_slice(&out));
    buf_release(&out);
    return 0;
}
