#include "smtp/client_reply.h"

#include "base/utf8.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Three digits, the first 2 to 5; 0 otherwise. */
static int parse_code(struct slice line)
{
    if (line.len < 3 || line.ptr[0] < '2' || line.ptr[0] > '5' || !is_digit(line.ptr[1]) || !is_digit(line.ptr[2]))
        return 0;
    return (line.ptr[0] - '0') * 100 + (line.ptr[1] - '0') * 10 + (line.ptr[2] - '0');
}

/* Up to three digits at `at`; returns the index behind them, `at` when there are none or more. */
static size_t skip_number(struct slice s, size_t at)
{
    size_t end = at;

    while (end < s.len && is_digit(s.ptr[end]))
        end++;
    return end - at > 3 ? at : end;
}

/* Length of "5.7.1" at the front of `text` when it is of class `code` and a word of its own, else 0. */
static size_t enhanced_len(struct slice text, int code)
{
    size_t subject, detail;

    if (text.len < 5 || text.ptr[0] != (char)('0' + code / 100) || code / 100 == 3 || text.ptr[1] != '.')
        return 0;
    subject = skip_number(text, 2);
    if (subject == 2 || subject >= text.len || text.ptr[subject] != '.')
        return 0;
    detail = skip_number(text, subject + 1);
    if (detail == subject + 1 || (detail < text.len && text.ptr[detail] != ' '))
        return 0;
    return detail;
}

/* The enhanced code of the first line counts; on later lines the same one is dropped. */
static struct slice take_enhanced(struct smtp_reply_reader *r, struct slice text)
{
    struct slice code = slice_first(text, enhanced_len(text, r->reply.code));

    if (code.len == 0)
        return text;
    if (r->lines == 1)
        (void)slice_to_cstr(code, r->reply.enhanced, sizeof r->reply.enhanced);
    else if (!slice_eq(code, slice_str(r->reply.enhanced)))
        return text;
    return slice_trim(slice_from(text, code.len));
}

static void add_text(struct smtp_reply *reply, struct slice text)
{
    size_t len = strlen(reply->text);

    if (text.len == 0)
        return;
    if (len > 0 && len < sizeof reply->text - 1)
        reply->text[len++] = ' ';
    len += utf8_printable(text, reply->text + len, sizeof reply->text - 1 - len).len;
    reply->text[len] = '\0';
}

static enum smtp_reply_step read_line(struct smtp_reply_reader *r, struct slice line, struct slice *text,
                                      const char **broken)
{
    int code = parse_code(line);

    if (code == 0 || (line.len > 3 && line.ptr[3] != ' ' && line.ptr[3] != '-')) {
        *broken = "a line that is no SMTP reply";
        return SMTP_REPLY_BROKEN;
    }
    if (r->lines > 0 && r->reply.code != code) {
        *broken = "a reply whose lines have different codes";
        return SMTP_REPLY_BROKEN;
    }
    r->reply.code = code;
    r->lines++;
    *text = slice_from(line, 4);
    add_text(&r->reply, take_enhanced(r, slice_trim(*text)));
    if (line.len == 3 || line.ptr[3] == ' ')
        return SMTP_REPLY_LAST;
    if (r->lines < SMTP_REPLY_LINES_MAX)
        return SMTP_REPLY_LINE;
    *broken = "a reply of more than 64 lines";
    return SMTP_REPLY_BROKEN;
}

enum smtp_reply_step smtp_reply_read(struct smtp_reply_reader *r, struct slice in, size_t *taken, struct slice *text,
                                     const char **broken)
{
    size_t end = slice_find(slice_first(in, SMTP_REPLY_LINE_BYTES_MAX), '\n');
    struct slice line;

    *taken = 0;
    if (end == SIZE_MAX) {
        if (in.len < SMTP_REPLY_LINE_BYTES_MAX)
            return SMTP_REPLY_MORE;
        *broken = "a reply line of more than 2048 bytes";
        return SMTP_REPLY_BROKEN;
    }
    *taken = end + 1;
    line = slice_first(in, end);
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    return read_line(r, line, text, broken);
}
