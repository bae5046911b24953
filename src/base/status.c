#include "base/status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum status fault_set(struct fault *why, enum status st, const char *fmt, ...)
{
    va_list ap;

    if (why == NULL)
        return st;
    va_start(ap, fmt);
    (void)vsnprintf(why->text, sizeof why->text, fmt, ap);
    va_end(ap);
    return st;
}

static enum status status_of_errno(int err)
{
    switch (err) {
    case ENOSPC:
    case EDQUOT: return ERR_FULL;
    case ENOENT: return ERR_NOT_FOUND;
    case EEXIST: return ERR_EXISTS;
    default:     return ERR_TEMPORARY;
    }
}

enum status fault_errno(struct fault *why, const char *fmt, ...)
{
    int err = errno;
    va_list ap;
    size_t used;

    if (why != NULL) {
        va_start(ap, fmt);
        (void)vsnprintf(why->text, sizeof why->text, fmt, ap);
        va_end(ap);
        used = strlen(why->text);
        (void)snprintf(why->text + used, sizeof why->text - used, ": %s", strerror(err));
    }
    return status_of_errno(err);
}

const char *status_name(enum status st)
{
    static const char *const names[] = {
        [OK] = "ok",
        [ERR_SYNTAX] = "syntax",
        [ERR_LIMIT] = "limit",
        [ERR_NOT_FOUND] = "not-found",
        [ERR_EXISTS] = "exists",
        [ERR_CONFLICT] = "conflict",
        [ERR_TEMPORARY] = "temporary",
        [ERR_PERMANENT] = "permanent",
        [ERR_FULL] = "full",
    };

    return names[st];
}
