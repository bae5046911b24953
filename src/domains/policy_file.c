#include "domains/policy_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

enum { ID_LEN = 14 };

static int by_bytes(const void *a, const void *b)
{
    const struct slice *x = a, *y = b;
    int order = memcmp(x->ptr, y->ptr, x->len < y->len ? x->len : y->len);

    return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

/* Lower case, in order, each once. */
static size_t sort_servers(const struct slice *in, size_t len, struct arena *arena, struct slice *out)
{
    size_t kept = 0;

    for (size_t i = 0; i < len; i++)
        out[i] = slice_lower(in[i], arena_alloc(arena, in[i].len + 1));
    qsort(out, len, sizeof *out, by_bytes);
    for (size_t i = 0; i < len; i++) {
        if (kept == 0 || !slice_eq(out[kept - 1], out[i]))
            out[kept++] = out[i];
    }
    return kept;
}

struct slice policy_file_write(const struct own_domain *d, const struct slice *found, size_t found_len,
                               struct arena *arena)
{
    const struct slice *from = d->sts_mx_len > 0 ? d->sts_mx : found;
    size_t len = d->sts_mx_len > 0 ? d->sts_mx_len : found_len;
    struct slice *mx = ARENA_ARRAY(arena, struct slice, len + 1);
    struct slice text = arena_printf(arena, "version: STSv1\r\nmode: %s\r\n", sts_mode_name(d->sts_mode));

    len = sort_servers(from, len, arena, mx);
    if (len == 0 && d->sts_mode != STS_MODE_NONE)
        return SLICE_LIT("");
    for (size_t i = 0; i < len && i < STS_MX_MOST; i++)
        text = arena_printf(arena, "%.*smx: %.*s\r\n", SLICE_FMT(text), SLICE_FMT(mx[i]));
    return arena_printf(arena, "%.*smax_age: %" PRId64 "\r\n", SLICE_FMT(text), d->sts_max_age_s);
}

static void write_time(int64_t at_s, char out[static STS_ID_TEXT])
{
    time_t at = (time_t)at_s;
    struct tm tm;

    (void)gmtime_r(&at, &tm);
    (void)strftime(out, STS_ID_TEXT, "%Y%m%d%H%M%S", &tm);
}

/* The time that an id of ours stands for. */
static bool read_time(struct slice id, int64_t *out)
{
    struct tm tm = { 0 };
    char text[STS_ID_TEXT], again[STS_ID_TEXT];
    uint64_t number;

    if (id.len != ID_LEN || !slice_to_u64(id, &number) || !slice_to_cstr(id, text, sizeof text) ||
        strptime(text, "%Y%m%d%H%M%S", &tm) == NULL)
        return false;
    *out = (int64_t)timegm(&tm);
    write_time(*out, again);
    return slice_eq(id, slice_str(again));
}

/* The next line that names no server; false behind the last. */
static bool next_other_line(struct slice *rest, struct slice *line)
{
    while (rest->len > 0) {
        *line = slice_cut(*rest, '\n', rest);
        if (!slice_starts(*line, SLICE_LIT("mx:")))
            return true;
    }
    return false;
}

bool policy_file_differs_in_servers(struct slice a, struct slice b)
{
    struct slice rest_a = a, rest_b = b, line_a, line_b;
    bool has_a, has_b;

    do {
        has_a = next_other_line(&rest_a, &line_a);
        has_b = next_other_line(&rest_b, &line_b);
        if (has_a != has_b || (has_a && !slice_eq(line_a, line_b)))
            return false;
    } while (has_a);
    return !slice_eq(a, b);
}

void policy_id_new(int64_t now_s, struct slice last, char out[static STS_ID_TEXT])
{
    int64_t last_s;

    write_time(read_time(last, &last_s) && last_s >= now_s ? last_s + 1 : now_s, out);
}

struct slice sts_record_write(struct slice id, struct arena *arena)
{
    return arena_printf(arena, "v=STSv1; id=%.*s", SLICE_FMT(id));
}

struct slice tlsrpt_record_write(const struct own_domain *d, struct arena *arena)
{
    struct slice text = SLICE_LIT("");

    for (size_t i = 0; i < d->report_to_len; i++)
        text = arena_printf(arena, "%.*s%s%.*s", SLICE_FMT(text), i == 0 ? "v=TLSRPTv1; rua=" : ",",
                            SLICE_FMT(d->report_to[i]));
    return text;
}
