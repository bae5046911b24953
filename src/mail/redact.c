#include "mail/redact.h"

#include "base/buf.h"

enum { REDACTED_MAX = 32 * 1024 };

static bool is_kept(struct slice line)
{
    static const char *const names[] = { "Date:", "From:", "To:", "Cc:", "Message-ID:" };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (slice_starts_case(line, slice_str(names[i])))
            return true;
    return false;
}

/* A line without its end; *rest is what follows. */
static struct slice next_line(struct slice *rest)
{
    size_t end = slice_find(*rest, '\n');
    struct slice line = slice_first(*rest, end == SIZE_MAX ? rest->len : end);

    *rest = slice_from(*rest, end == SIZE_MAX ? rest->len : end + 1);
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

struct slice mail_redact(struct slice content, struct arena *arena)
{
    struct buf kept;
    struct slice out, line;
    bool keeps = false;

    buf_init(&kept, REDACTED_MAX);
    while (content.len > 0 && (line = next_line(&content)).len > 0) {
        if (line.ptr[0] != ' ' && line.ptr[0] != '\t')
            keeps = is_kept(line);
        if (keeps && (buf_add(&kept, line) != OK || buf_add(&kept, SLICE_LIT("\r\n")) != OK))
            break;
    }
    out = arena_printf(arena, "%.*s\r\n", SLICE_FMT(buf_slice(&kept)));
    buf_release(&kept);
    return out;
}
