#include "admin/router.h"

/* Takes "/segment" off the front; false when there is no "/". */
static bool next_segment(struct slice *path, struct slice *segment)
{
    struct slice rest = slice_from(*path, 1);

    if (path->len == 0 || path->ptr[0] != '/')
        return false;
    *segment = slice_first(rest, slice_find(rest, '/'));
    *path = slice_from(rest, segment->len);
    return true;
}

/* Encoded segments stay encoded here, so that "%2F" never becomes a separator (WEB-04). */
static bool match(struct slice pattern, struct slice path, struct slice raw[ROUTER_PARAMS_MAX])
{
    size_t params = 0;
    struct slice want, got;

    while (next_segment(&pattern, &want)) {
        if (!next_segment(&path, &got))
            return false;
        if (slice_eq(want, SLICE_LIT("{}")) && got.len > 0)
            raw[params++] = got;
        else if (!slice_eq(want, got))
            return false;
    }
    return path.len == 0;
}

enum status router_find(const struct endpoint *table, size_t table_len, enum http_method method, struct slice path,
                        struct arena *arena, struct slice params[ROUTER_PARAMS_MAX], const struct endpoint **out)
{
    enum status st = ERR_NOT_FOUND;

    for (size_t i = 0; i < table_len; i++) {
        struct slice raw[ROUTER_PARAMS_MAX] = { 0 };

        if (!match(slice_str(table[i].pattern), path, raw))
            continue;
        st = ERR_PERMANENT;
        if (table[i].method != method && !(table[i].method == HTTP_GET && method == HTTP_HEAD))
            continue;
        for (size_t p = 0; p < ROUTER_PARAMS_MAX; p++) {
            if (!http_segment_decode(raw[p], arena, &params[p]))
                return ERR_SYNTAX;
        }
        *out = &table[i];
        return OK;
    }
    return st;
}
