#include "smtp/body.h"

static const struct slice crlf = { "\r\n", 2 };

void smtp_body_start(struct smtp_body_reader *b, bool has_dots, bool normalizes)
{
    *b = (struct smtp_body_reader){ .at = SMTP_BODY_AT_LINE, .has_dots = has_dots, .normalizes = normalizes };
}

static struct slice newline(const struct smtp_body_reader *b)
{
    return b->is_poisoned ? slice_of(NULL, 0) : crlf;
}

/* A bare CR or LF was met: the content that stands in its place. */
static struct slice bare_newline(struct smtp_body_reader *b)
{
    if (!b->normalizes) {
        b->is_poisoned = true;
        b->at = SMTP_BODY_IN_LINE;
        return slice_of(NULL, 0);
    }
    b->at = SMTP_BODY_AT_SOFT;
    return newline(b);
}

/* The first CR or LF, or `end`. Either way every byte is looked at a bounded number of times in all: without
 * normalizing the first bare one ends the search for good. */
static const char *find_newline(const struct smtp_body_reader *b, const char *p, const char *end)
{
    const char *lf, *cr;

    if (b->normalizes) {
        while (p < end && *p != '\r' && *p != '\n')
            p++;
        return p;
    }
    lf = memchr(p, '\n', (size_t)(end - p));
    if (lf == NULL)
        lf = end;
    cr = memchr(p, '\r', (size_t)(lf - p));
    return cr == NULL ? lf : cr;
}

/* The end of the longest run of `in` that is content as it stands, from within a line; sets what follows it. */
static const char *end_of_run(struct smtp_body_reader *b, const char *p, const char *end)
{
    for (;;) {
        p = find_newline(b, p, end);
        b->at = SMTP_BODY_IN_LINE;
        if (p == end || end - p < 2 || p[0] != '\r' || p[1] != '\n')
            return p;
        p += 2;
        b->at = SMTP_BODY_AT_LINE;
        if (p == end || (*p == '.' && b->has_dots))
            return p;
    }
}

/* Within a line. What stops the run is left for the next call, which finds it at the front. */
static size_t read_line(struct smtp_body_reader *b, struct slice in, struct slice *content)
{
    size_t len;

    if (in.ptr[0] == '\n') {
        *content = bare_newline(b);
        return 1;
    }
    if (in.ptr[0] == '\r' && (in.len == 1 || in.ptr[1] != '\n')) {
        b->at = SMTP_BODY_AT_CR;
        return 1;
    }
    len = (size_t)(end_of_run(b, in.ptr, in.ptr + in.len) - in.ptr);
    if (memchr(in.ptr, '\0', len) != NULL)
        b->is_poisoned = true;
    else
        *content = slice_first(in, len);
    return len;
}

/* Within a line of a poisoned message: on to the next line that may be the end. */
static size_t skip_line(struct smtp_body_reader *b, struct slice in)
{
    size_t lf = slice_find(in, '\n');

    if (lf == SIZE_MAX) {
        b->at = in.ptr[in.len - 1] == '\r' ? SMTP_BODY_AT_CR : SMTP_BODY_IN_LINE;
        return in.len;
    }
    b->at = lf > 0 && in.ptr[lf - 1] == '\r' ? SMTP_BODY_AT_LINE : SMTP_BODY_IN_LINE;
    return lf + 1;
}

/* Behind CR, with or without the dot before it. */
static size_t read_after_cr(struct smtp_body_reader *b, struct slice in, struct slice *content, bool *is_end)
{
    bool behind_dot = b->at == SMTP_BODY_AT_DOT_CR;

    if (in.ptr[0] != '\n') {
        *content = bare_newline(b);
        return 0;
    }
    b->at = SMTP_BODY_AT_LINE;
    if (behind_dot)
        *is_end = true;
    else
        *content = newline(b);
    return 1;
}

/* One step, which may take nothing when it only changes the state. */
static size_t step(struct smtp_body_reader *b, struct slice in, struct slice *content, bool *is_end)
{
    bool is_dot = in.ptr[0] == '.' && b->has_dots;

    switch (b->at) {
    case SMTP_BODY_AT_LINE: b->at = is_dot ? SMTP_BODY_AT_DOT : SMTP_BODY_IN_LINE; return is_dot;
    case SMTP_BODY_AT_SOFT: b->at = SMTP_BODY_IN_LINE; return is_dot;
    case SMTP_BODY_AT_DOT:
        b->at = in.ptr[0] == '\r' ? SMTP_BODY_AT_DOT_CR : SMTP_BODY_IN_LINE;
        return in.ptr[0] == '\r';
    case SMTP_BODY_AT_CR:
    case SMTP_BODY_AT_DOT_CR: return read_after_cr(b, in, content, is_end);
    case SMTP_BODY_IN_LINE: break;
    }
    return b->is_poisoned ? skip_line(b, in) : read_line(b, in, content);
}

size_t smtp_body_read(struct smtp_body_reader *b, struct slice in, struct slice *content, bool *is_end)
{
    size_t taken = 0;

    *content = slice_of(NULL, 0);
    *is_end = false;
    while (taken < in.len && content->len == 0 && !*is_end)
        taken += step(b, slice_from(in, taken), content, is_end);
    return taken;
}

struct slice smtp_body_finish(struct smtp_body_reader *b)
{
    return b->at == SMTP_BODY_AT_CR ? bare_newline(b) : slice_of(NULL, 0);
}
