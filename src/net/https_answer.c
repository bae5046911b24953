#include "net/https_server_private.h"

#include "base/clock.h"
#include "net/http_reason.h"

#include <assert.h>
#include <time.h>

enum { DATE_TEXT = 40 };

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
                      http_reason(a->code), date_now(date), a->body.len));
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
