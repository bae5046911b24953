/* Whatever bytes the client, its name and its certificate consist of: one legal Received field comes out.
 * Input: a byte of flags, then seven strings that end with LF LF. */
#include "mail/received.h"

#include "base/fuzz.h"

static void check_line(struct slice line, bool is_first, bool is_utf8)
{
    must(line.len > 1 && line.len < 998);
    must(is_first || line.ptr[0] == '\t');
    must(slice_trim(line).len > 0);
    for (size_t i = is_first ? 0 : 1; i < line.len; i++)
        must((line.ptr[i] >= 0x20 && line.ptr[i] < 0x7f) || (is_utf8 && (unsigned char)line.ptr[i] >= 0x80));
}

static void check_lines(struct slice all, bool is_utf8)
{
    bool is_first = true;

    must(slice_starts(all, SLICE_LIT("Received: from ")));
    while (all.len > 0) {
        size_t end = slice_find(all, '\r');

        must(end != SIZE_MAX && end + 1 < all.len && all.ptr[end + 1] == '\n');
        check_line(slice_first(all, end), is_first, is_utf8);
        all = slice_from(all, end + 2);
        is_first = false;
    }
}

/* RFC 5322 section 3.2.2: comments nest and end, outside of quoted strings. */
static void check_comments(struct slice all)
{
    size_t depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < all.len; i++) {
        char c = all.ptr[i];

        if (c == '\\') {
            must(depth > 0 || quoted);
            i++;
        } else if (quoted || (depth == 0 && c == '"')) {
            quoted = quoted != (c == '"');
        } else if (c == '(') {
            depth++;
        } else if (c == ')') {
            must(depth-- > 0);
        }
    }
    must(depth == 0 && !quoted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice in = slice_of((const char *)data, len), flags = slice_first(in, 1);
    unsigned flag = flags.len == 1 ? (unsigned char)flags.ptr[0] : 0;
    struct received_tls tls = { .version = SLICE_LIT("TLSv1.3"), .bits = flag, .client_is_verified = (flag & 1) != 0 };
    struct received r = { .by = SLICE_LIT("mx.example.org"),
                          .tls = (flag & 2) != 0 ? &tls : NULL,
                          .is_esmtp = (flag & 4) != 0,
                          .is_authenticated = (flag & 8) != 0,
                          .is_utf8 = (flag & 16) != 0 };
    struct buf out;

    in = slice_from(in, 1);
    r.helo = fuzz_take(&in);
    r.client_ip = fuzz_take(&in);
    r.client_name = fuzz_take(&in);
    r.rcpt = fuzz_take(&in);
    r.id = fuzz_take(&in);
    tls.cipher = fuzz_take(&in);
    tls.client_subject = fuzz_take(&in);
    tls.client_issuer = in;
    buf_init(&out, 16 * 1024);
    must(received_write(&r, &out) == OK);
    check_lines(buf_slice(&out), r.is_utf8);
    check_comments(buf_slice(&out));
    buf_release(&out);
    return 0;
}
