/* base/log.h: one event a line, a fixed sentence and typed fields, as logfmt or JSON, on standard error.
 *
 * error: someone acts now. warning: someone acts this week. info: one line per session and per
 * delivery attempt. debug: the dialogue, without credentials or bodies.
 * Values are escaped (control bytes, quotes, invalid UTF-8) and cut at LOG_VALUE_MAX bytes. */
#ifndef STERNPOST_BASE_LOG_H
#define STERNPOST_BASE_LOG_H

#include "base/slice.h"

#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };
enum { LOG_VALUE_MAX = 1024, LOG_CONTEXT_MAX = 8 };

struct log_field {
    const char  *key; /* a literal; NULL: no field */
    struct slice str; /* used when is_str */
    int64_t      num;
    bool         is_str;
};

/* What every line of a session carries. Copy a parent and log_with() it; strings are borrowed. */
struct log {
    struct log_field fields[LOG_CONTEXT_MAX];
    size_t           fields_len;
};

#define LOG_STR(k, s) ((struct log_field){ .key = (k), .str = (s), .is_str = true })
#define LOG_CSTR(k, s) ((struct log_field){ .key = (k), .str = slice_str(s), .is_str = true })
#define LOG_INT(k, n) ((struct log_field){ .key = (k), .num = (int64_t)(n) })

/* For the whole process; before threads start. */
void log_configure(enum log_level most, enum log_format format);
/* NULL gives standard error back. The function gets whole lines with their LF; for tests. */
void log_capture(void (*sink)(struct slice line));
bool log_is_on(enum log_level level);

/* Adds a field to the context. */
void log_with(struct log *log, struct log_field field);

void log_line(enum log_level level, const struct log *log, const char *sentence, const struct log_field *fields,
              size_t fields_len);

/* Lines of info and debug gather in the calling thread; this writes them. Every
 * event loop calls it before it sleeps. Errors and warnings flush by themselves. */
void log_flush(void);

/* A sentence alone is allowed: log_info(log, "started"). The field added at the end has no key and is skipped. */
#define LOG_AT(level, log, ...) LOG_AT_(level, log, __VA_ARGS__, (struct log_field){ .key = NULL })
#define LOG_AT_(level, log, sentence, ...)                                                                        \
    do {                                                                                                          \
        if (log_is_on(level)) {                                                                                   \
            const struct log_field log_fields_[] = { __VA_ARGS__ };                                               \
            log_line((level), (log), (sentence), log_fields_, sizeof log_fields_ / sizeof log_fields_[0]);        \
        }                                                                                                         \
    } while (0)

#define log_error(log, ...) LOG_AT(LOG_LEVEL_ERROR, log, __VA_ARGS__)
#define log_warning(log, ...) LOG_AT(LOG_LEVEL_WARNING, log, __VA_ARGS__)
#define log_info(log, ...) LOG_AT(LOG_LEVEL_INFO, log, __VA_ARGS__)
#define log_debug(log, ...) LOG_AT(LOG_LEVEL_DEBUG, log, __VA_ARGS__)

#endif
