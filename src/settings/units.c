#include "settings/units.h"

#include <time.h>

#include <stdio.h>

struct unit {
    const char *name;
    uint64_t size;
};

/* From large to small. */
static const struct unit durations[] = {
    { "w", 7 * 86400000ULL }, { "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
};
static const struct unit sizes[] = {
    { "TiB", 1ULL << 40 }, { "GiB", 1ULL << 30 }, { "MiB", 1ULL << 20 }, { "KiB", 1ULL << 10 }, { "B", 1 },
};

static const uint64_t duration_max = 3653 * 86400000ULL; /* ten years */

static size_t run_of(struct slice s, bool digits)
{
    size_t n = 0;

    while (n < s.len && (s.ptr[n] >= '0' && s.ptr[n] <= '9') == digits)
        n++;
    return n;
}

/* One "NUMBER UNIT" off the front, its unit being one of units[*from] and later; false when there is none. */
static bool take(struct slice *s, const struct unit *units, size_t len, size_t *from, uint64_t *out)
{
    struct slice digits = slice_first(*s, run_of(*s, true)), name;
    uint64_t number;

    if (!slice_to_u64(digits, &number))
        return false;
    *s = slice_from(*s, digits.len);
    name = slice_first(*s, run_of(*s, false));
    *s = slice_from(*s, name.len);
    for (size_t i = *from; i < len; i++) {
        if (slice_eq(name, slice_str(units[i].name))) {
            *from = i + 1;
            return !__builtin_mul_overflow(number, units[i].size, out);
        }
    }
    return false;
}

enum status units_parse_duration(struct slice text, int64_t *ms, struct fault *why)
{
    struct slice rest = text;
    uint64_t sum = 0, part;
    size_t from = 0;
    bool good = text.len > 0;

    if (slice_eq(text, SLICE_LIT("0"))) {
        *ms = 0;
        return OK;
    }
    while (good && rest.len > 0)
        good = take(&rest, durations, COUNT_OF(durations), &from, &part) && part <= duration_max &&
               (sum += part) <= duration_max;
    if (!good)
        return fault_set(why, ERR_SYNTAX,
                         "'%.*s' is not a duration: write a number with ms, s, m, h, d or w, such as 90s or 1h30m, up "
                         "to ten years",
                         SLICE_FMT(slice_first(text, 40)));
    *ms = (int64_t)sum;
    return OK;
}

enum status units_parse_size(struct slice text, uint64_t *bytes, struct fault *why)
{
    struct slice rest = text;
    size_t from = 0;

    if (slice_eq(text, SLICE_LIT("0"))) {
        *bytes = 0;
        return OK;
    }
    if (!take(&rest, sizes, COUNT_OF(sizes), &from, bytes) || rest.len > 0)
        return fault_set(why, ERR_SYNTAX,
                         "'%.*s' is not a size: write a number with B, KiB, MiB, GiB or TiB, such as 50MiB",
                         SLICE_FMT(slice_first(text, 40)));
    return OK;
}

const char *units_duration_text(int64_t ms, char out[static UNITS_TEXT])
{
    uint64_t left = ms < 0 ? 0 : (uint64_t)ms;
    size_t len = 0;

    out[0] = '0';
    out[1] = '\0';
    for (size_t i = 0; i < COUNT_OF(durations) && left > 0; i++) {
        bool is_round = durations[i].size != durations[0].size || left % durations[0].size == 0; /* 10d, not 1w3d */

        if (left < durations[i].size || !is_round)
            continue;
        len += (size_t)snprintf(out + len, UNITS_TEXT - len, "%llu%s", (unsigned long long)(left / durations[i].size),
                                durations[i].name);
        left %= durations[i].size;
    }
    return out;
}

const char *units_size_text(uint64_t bytes, char out[static UNITS_TEXT])
{
    size_t i = 0;

    while (i + 1 < COUNT_OF(sizes) && bytes % sizes[i].size != 0)
        i++;
    if (bytes == 0)
        (void)snprintf(out, UNITS_TEXT, "0");
    else
        (void)snprintf(out, UNITS_TEXT, "%llu%s", (unsigned long long)(bytes / sizes[i].size), sizes[i].name);
    return out;
}

static bool parse_digits(struct slice text, size_t at, size_t len, int *out)
{
    *out = 0;
    for (size_t i = at; i < at + len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        *out = *out * 10 + (text.ptr[i] - '0');
    }
    return true;
}

enum status units_parse_day(struct slice text, int64_t *start_s, struct fault *why)
{
    enum { LEN = 10, YEAR = 0, MONTH = 5, DAY = 8 };
    struct tm asked = { 0 }, real;
    time_t t;
    bool is_good = text.len == LEN && text.ptr[MONTH - 1] == '-' && text.ptr[DAY - 1] == '-' &&
                   parse_digits(text, YEAR, 4, &asked.tm_year) && parse_digits(text, MONTH, 2, &asked.tm_mon) &&
                   parse_digits(text, DAY, 2, &asked.tm_mday) && asked.tm_year >= 1970;

    asked.tm_year -= 1900;
    asked.tm_mon -= 1;
    real = asked;
    t = is_good ? timegm(&real) : 0;
    /* timegm() takes the 31st of April for the 1st of May. */
    if (!is_good || real.tm_mday != asked.tm_mday || real.tm_mon != asked.tm_mon)
        return fault_set(why, ERR_SYNTAX, "it is no day; write it like 2026-12-31");
    *start_s = (int64_t)t;
    return OK;
}

enum status units_parse_moment(struct slice text, int64_t *wall_s, struct fault *why)
{
    enum { DAY = 10, MINUTES = 17, SECONDS = 20, HOUR = 11, MINUTE = 14, SECOND = 17 };
    int hour = 0, minute = 0, second = 0;
    struct fault reason;
    int64_t day_s;
    bool is_good = units_parse_day(slice_first(text, DAY), &day_s, &reason) == OK;

    if (is_good && text.len != DAY)
        is_good = (text.len == MINUTES || text.len == SECONDS) && text.ptr[DAY] == 'T' &&
                  text.ptr[text.len - 1] == 'Z' && text.ptr[MINUTE - 1] == ':' && parse_digits(text, HOUR, 2, &hour) &&
                  parse_digits(text, MINUTE, 2, &minute) && hour < 24 && minute < 60;
    if (is_good && text.len == SECONDS)
        is_good = text.ptr[SECOND - 1] == ':' && parse_digits(text, SECOND, 2, &second) && second < 60;
    if (!is_good)
        return fault_set(why, ERR_SYNTAX, "it is no moment; write it like 2026-12-31 or 2026-12-31T04:30Z (UTC)");
    *wall_s = day_s + hour * 3600 + minute * 60 + second;
    return OK;
}
