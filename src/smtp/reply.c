#include "smtp/reply.h"

#include "base/utf8.h"

#include <stdio.h>

enum { ROUGH_BYTES = 2 * sizeof((struct smtp_reply){ 0 }.text) };

void smtp_reply_set(struct smtp_reply *r, int code, const char *enhanced, const char *fmt, ...)
{
    char rough[ROUGH_BYTES];
    struct slice text;
    va_list ap;

    *r = (struct smtp_reply){ .code = code };
    if (enhanced != NULL)
        (void)snprintf(r->enhanced, sizeof r->enhanced, "%s", enhanced);
    va_start(ap, fmt);
    (void)vsnprintf(rough, sizeof rough, fmt, ap);
    va_end(ap);
    text = utf8_printable(slice_str(rough), r->text, sizeof r->text - 1);
    r->text[text.len] = '\0';
}
