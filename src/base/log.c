#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/status.h"
#include "base/utf8.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 16 * 1024, GATHER_BYTES = 16 * 1024, STALLED_MS = 1000 };

static enum log_level most_level = LOG_LEVEL_INFO;
static enum log_format line_format = LOG_FORMAT_LOGFMT;
static void (*capture)(struct slice line);
static atomic_ulong dropped;

static _Thread_local struct {
    char   bytes[GATHER_BYTES];
    size_t len;
} gathered;

static const char *const level_names[] = {
    [LOG_LEVEL_ERROR] = "error",
    [LOG_LEVEL_WARNING] = "warning",
    [LOG_LEVEL_INFO] = "info",
    [LOG_LEVEL_DEBUG] = "debug",
};

void log_configure(enum log_level most, enum log_format format)
{
    most_level = most;
    line_format = format;
}

void log_capture(void (*sink)(struct slice line))
{
    capture = sink;
}

bool log_is_on(enum log_level level)
{
    return level <= most_level;
}

void log_with(struct log *log, struct log_field field)
{
    if (log->fields_len < LOG_CONTEXT_MAX)
        log->fields[log->fields_len++] = field;
}

/* A line being built; what does not fit is cut. */
struct line {
    char   bytes[LINE_MAX_BYTES];
    size_t len;
};

static void put(struct line *l, const char *bytes, size_t len)
{
    /* Two bytes are kept for what closes the line. */
    if (len > sizeof l->bytes - 2 - l->len)
        return;
    memcpy(l->bytes + l->len, bytes, len);
    l->len += len;
}

static void put_str(struct line *l, const char *s)
{
    put(l, s, strlen(s));
}

static void put_escaped(struct line *l, struct slice s)
{
    s = slice_first(s, LOG_VALUE_MAX);
    while (s.len > 0) {
        unsigned char c = (unsigned char)s.ptr[0];
        size_t whole = c >= 0x80 ? utf8_printable_len(s) : 1;
        char hex[8];

        if (c == '"' || c == '\\') {
            put(l, "\\", 1);
            put(l, s.ptr, 1);
        } else if (c < 0x20 || c == 0x7f || whole == 0) {
            whole = 1;
            (void)snprintf(hex, sizeof hex, "\\u%04x", c);
            put_str(l, hex);
        } else {
            put(l, s.ptr, whole);
        }
        s = slice_from(s, whole);
    }
}

static bool is_bare_word(struct slice s)
{
    if (s.len == 0 || s.len > LOG_VALUE_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] <= ' ' || s.ptr[i] == '"' || s.ptr[i] == '=' || s.ptr[i] == '\\' || s.ptr[i] == 0x7f)
            return false;
    return true;
}

static void put_value(struct line *l, const struct log_field *f)
{
    char num[24];

    if (!f->is_str) {
        (void)snprintf(num, sizeof num, "%lld", (long long)f->num);
        put_str(l, num);
    } else if (line_format == LOG_FORMAT_LOGFMT && is_bare_word(f->str)) {
        put(l, f->str.ptr, f->str.len);
    } else {
        put(l, "\"", 1);
        put_escaped(l, f->str);
        put(l, "\"", 1);
    }
}

static void put_field(struct line *l, const struct log_field *f)
{
    if (f->key == NULL)
        return;
    if (line_format == LOG_FORMAT_JSON) {
        put_str(l, l->len == 1 ? "\"" : ",\"");
        put_str(l, f->key);
        put_str(l, "\":");
    } else {
        put_str(l, l->len == 0 ? "" : " ");
        put_str(l, f->key);
        put_str(l, "=");
    }
    put_value(l, f);
}

/* A reader that stalls must not stall the mail: after a second the lines are dropped, and counted (RES-05). */
static void write_lines(struct slice lines)
{
    struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

    while (lines.len > 0) {
        ssize_t n;

        if (poll(&p, 1, STALLED_MS) == 0) {
            atomic_fetch_add(&dropped, 1);
            return;
        }
        n = write(STDERR_FILENO, lines.ptr, lines.len);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return;
        if (n > 0)
            lines = slice_from(lines, (size_t)n);
    }
}

void log_flush(void)
{
    if (gathered.len == 0)
        return;
    write_lines(slice_of(gathered.bytes, gathered.len));
    gathered.len = 0;
}

static void emit(enum log_level level, struct slice line)
{
    if (capture != NULL) {
        capture(line);
        return;
    }
    if (line.len > sizeof gathered.bytes - gathered.len)
        log_flush();
    memcpy(gathered.bytes + gathered.len, line.ptr, line.len);
    gathered.len += line.len;
    if (level <= LOG_LEVEL_WARNING)
        log_flush();
}

void log_line(enum log_level level, const struct log *log, const char *sentence, const struct log_field *fields,
              size_t fields_len)
{
    struct line l;
    char at[CLOCK_TEXT];
    unsigned long lost = atomic_exchange(&dropped, 0);
    const struct log_field head[] = {
        LOG_CSTR("time", clock_rfc3339(clock_wall_s(), at)),
        LOG_CSTR("level", level_names[level]),
        LOG_CSTR("msg", sentence),
    };

    l.len = 0;
    if (line_format == LOG_FORMAT_JSON)
        put(&l, "{", 1);
    for (size_t i = 0; i < COUNT_OF(head); i++)
        put_field(&l, &head[i]);
    for (size_t i = 0; log != NULL && i < log->fields_len; i++)
        put_field(&l, &log->fields[i]);
    for (size_t i = 0; i < fields_len; i++)
        put_field(&l, &fields[i]);
    if (lost > 0)
        put_field(&l, &LOG_INT("log_writes_dropped", lost));
    if (line_format == LOG_FORMAT_JSON)
        l.bytes[l.len++] = '}';
    l.bytes[l.len++] = '\n';
    emit(level, slice_of(l.bytes, l.len));
}
