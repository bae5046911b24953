#include "smtp/server_private.h"

#include "base/utf8.h"

#include <assert.h>
#include <stdio.h>

enum { LINE_MAX_BYTES = 512, TEXT_MAX_BYTES = 480 }; /* RFC 5321 section 4.5.3.1.5 */

static void put(struct smtp_server *s, struct slice bytes)
{
    if (buf_add(&s->out, bytes) != OK)
        end_session(s, "does not read our replies");
}

/* Control bytes cannot get out of here, whoever wrote the text. */
static void put_line(struct smtp_server *s, int code, char sign, const char *enhanced, struct slice text)
{
    char line[LINE_MAX_BYTES];
    size_t len = (size_t)snprintf(line, sizeof line, "%03d%c%s%s", code, sign, enhanced, *enhanced == '\0' ? "" : " ");

    len += utf8_printable(text, line + len, sizeof line - len - 2).len;
    line[len++] = '\r';
    line[len++] = '\n';
    put(s, slice_of(line, len));
}

/* How much of `text` goes on one line: it breaks at a blank where there is one. */
static size_t line_len(struct slice text)
{
    size_t blank;

    if (text.len <= TEXT_MAX_BYTES)
        return text.len;
    blank = slice_find_last(slice_first(text, TEXT_MAX_BYTES), ' ');
    return blank == SIZE_MAX || blank == 0 ? TEXT_MAX_BYTES : blank;
}

void say(struct smtp_server *s, int code, const char *enhanced, const char *text)
{
    struct slice rest = slice_str(text);

    do {
        struct slice part = slice_first(rest, line_len(rest));

        rest = slice_trim(slice_from(rest, part.len));
        put_line(s, code, rest.len > 0 ? '-' : ' ', enhanced, part);
    } while (rest.len > 0);
}

void reply(struct smtp_server *s, int code, const char *enhanced, const char *text)
{
    say(s, code, enhanced, text);
    if (code >= 400)
        s->errors++;
}

void reply_with(struct smtp_server *s, const struct smtp_reply *r)
{
    assert(r->code >= 200 && r->code <= 599);
    reply(s, r->code, r->enhanced, r->text);
}

void say_greeting(struct smtp_server *s)
{
    put(s, SLICE_LIT("220 "));
    put(s, s->config.hostname);
    put(s, SLICE_LIT(" ESMTP\r\n"));
}

void say_challenge(struct smtp_server *s, struct slice base64)
{
    put(s, SLICE_LIT("334 "));
    put(s, base64);
    put(s, SLICE_LIT("\r\n"));
}

/* What EHLO announces; a value of the session may follow the keyword. */
static const struct {
    const char *keyword;
    bool (*is_offered)(const struct smtp_server *s);
} extensions[] = {
    { "PIPELINING", always_offered },          /* RFC 2920 */
    { "SIZE", always_offered },                /* RFC 1870 */
    { "8BITMIME", always_offered },            /* RFC 6152 */
    { "SMTPUTF8", always_offered },            /* RFC 6531 */
    { "ENHANCEDSTATUSCODES", always_offered }, /* RFC 2034 */
    { "CHUNKING", always_offered },            /* RFC 3030 */
    { "DSN", always_offered },                 /* RFC 3461 */
    { "STARTTLS", offers_starttls },           /* RFC 3207 */
    { "REQUIRETLS", offers_requiretls },       /* RFC 8689 */
    { "AUTH", offers_auth },                   /* RFC 4954 */
};

static struct slice extension_text(const struct smtp_server *s, const char *keyword, char *out, size_t size)
{
    int len;

    if (strcmp(keyword, "SIZE") == 0)
        len = snprintf(out, size, "SIZE %llu", (unsigned long long)s->config.max_message_bytes);
    else if (strcmp(keyword, "AUTH") == 0)
        len = snprintf(out, size, "AUTH %s", s->config.auth_mechanisms);
    else
        len = snprintf(out, size, "%s", keyword);
    return slice_first(slice_of(out, (size_t)len), size - 1);
}

void say_extensions(struct smtp_server *s)
{
    char text[TEXT_MAX_BYTES];
    struct slice line = s->config.hostname;

    for (size_t i = 0; i < COUNT_OF(extensions); i++) {
        if (!extensions[i].is_offered(s))
            continue;
        put_line(s, 250, '-', "", line);
        line = extension_text(s, extensions[i].keyword, text, sizeof text);
    }
    put_line(s, 250, ' ', "", line);
}
