#include "net/https_server_private.h"

#include "base/clock.h"

#include <assert.h>
#include <time.h>

enum { DATE_TEXT = 40 };

static const struct {
    unsigned code;
    const char *reason;
} reasons[] = {
    { 200, "OK" },
    { 201, "Created" },
    { 202, "Accepted" },
    { 400, "Bad Request" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 408, "Request Timeout" },
    { 411, "Length Required" },
    { 413, "Content Too Large" },
    { 415, "Unsupported Media Type" },
    { 421, "Misdirected Request" },
    { 422, "Unprocessable Content" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 500, "Internal Server Error" },
    { 501, "Not Implemented" },
    { 503, "Service Unavailable" },
    { 507, "Insufficient Storage" },
};

static const char *reason_of(unsigned code)
{
    for (size_t i = 0; i < COUNT_OF(reasons); i++) {
        if (reasons[i].code == code)
            return reasons[i].reason;
    }
    return "Unknown";
}

/* "Tue, 24 Nov 2026 20:04:23 GMT" (RFC 9110 section 5.6.7): that of mail, which ends in +0000. */
static const char *date_now(char out[static DATE_TEXT])
{
    char text[CLOCK_TEXT];
    struct slice date = slice_str(clock_rfc5322(clock_wall_s(), text));

    (void)snprintf(out, DATE_TEXT, "%.*s GMT", SLICE_FMT(slice_first(date, slice_find_last(date, ' '))));
    return out;
}

static void add(struct buf *out, enum status st)
{
    (void)out;
    assert(st == OK); /* the maximum holds any answer of ours */
}

void https_answer_write(const struct https_answer *a, bool closes, bool without_body, struct buf *out)
{
    char date[DATE_TEXT];

    add(out, buf_addf(out, "HTTP/1.1 %u %s\r\nDate: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n", a->code,
                      reason_of(a->code), date_now(date), a->body.len));
    if (a->type != NULL)
        add(out, buf_addf(out, "Content-Type: %s\r\nX-Content-Type-Options: nosniff\r\n", a->type));
    if (a->retry_after_s > 0)
        add(out, buf_addf(out, "Retry-After: %u\r\n", a->retry_after_s));
    if (a->allow != NULL)
        add(out, buf_addf(out, "Allow: %s\r\n", a->allow));
    add(out, buf_addf(out, "Connection: %s\r\n\r\n", closes ? "close" : "keep-alive"));
    if (!without_body)
        add(out, buf_add(out, a->body));
}
