#include "tlsrpt/json_read.h"

#include "base/utf8.h"

size_t tlsrpt_json_skip_string(struct slice text, size_t at)
{
    size_t from = at + 1;

    while (from < text.len) {
        const char *quote = memchr(text.ptr + from, '"', text.len - from);
        size_t end = quote == NULL ? text.len : (size_t)(quote - text.ptr), slashes = 0;

        while (end - slashes > at + 1 && text.ptr[end - slashes - 1] == '\\')
            slashes++;
        if (quote == NULL || slashes % 2 == 0)
            return quote == NULL ? end : end + 1;
        from = end + 1;
    }
    return text.len;
}

/* Measures before jansson builds anything. It need not know whether the text is well-formed: of one that is not,
 * jansson builds no more than was measured up to the fault. */
static enum status measure(struct slice text, const struct tlsrpt_json_bounds *most, struct fault *why)
{
    size_t depth = 0, tokens = 1, at = 0;

    if (text.len > most->bytes)
        return fault_set(why, ERR_LIMIT, "longer than %zu bytes", most->bytes);
    while (at < text.len) {
        char c = text.ptr[at];

        if (c == '"') {
            at = tlsrpt_json_skip_string(text, at);
            continue;
        }
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && depth > 0)
            depth--;
        tokens += c == ',' || c == ':' || c == '{' || c == '[';
        if (depth > most->depth)
            return fault_set(why, ERR_LIMIT, "nested deeper than %zu levels", most->depth);
        if (tokens > most->tokens)
            return fault_set(why, ERR_LIMIT, "more than %zu values", most->tokens);
        at++;
    }
    return OK;
}

json_t *tlsrpt_json_read_any(struct slice text, const struct tlsrpt_json_bounds *most, enum status *st,
                             struct fault *why)
{
    json_error_t error;
    json_t *value;

    *st = measure(text, most, why);
    if (*st != OK)
        return NULL;
    value = json_loadb(text.len == 0 ? "" : text.ptr, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (value == NULL)
        *st = fault_set(why, ERR_SYNTAX, "no JSON: %s at byte %d", error.text, error.position);
    return value;
}

json_t *tlsrpt_json_read(struct slice text, json_type type, const struct tlsrpt_json_bounds *most, enum status *st,
                         struct fault *why)
{
    json_t *top = tlsrpt_json_read_any(text, most, st, why);

    if (top == NULL || json_typeof(top) == type)
        return top;
    *st = fault_set(why, ERR_SYNTAX, "the JSON is no %s", type == JSON_OBJECT ? "object" : "array");
    json_decref(top);
    return NULL;
}

/* Length of the UTF-8 at the front. */
static size_t good_len(struct slice text)
{
    size_t at = 0;

    while (at < text.len) {
        size_t len = (unsigned char)text.ptr[at] < 0x80 ? 1 : utf8_len(slice_from(text, at));

        if (len == 0)
            break;
        at += len;
    }
    return at;
}

struct slice tlsrpt_utf8_repair(struct slice text, struct arena *arena)
{
    static const struct slice replacement = { "\xef\xbf\xbd", 3 };
    size_t good = good_len(text), len = 0;
    char *out;

    if (good == text.len)
        return text;
    out = arena_alloc(arena, good + (text.len - good) * replacement.len);
    for (;;) {
        memcpy(out + len, text.ptr, good);
        len += good;
        text = slice_from(text, good);
        if (text.len == 0)
            return slice_of(out, len);
        memcpy(out + len, replacement.ptr, replacement.len);
        len += replacement.len;
        text = slice_from(text, 1);
        good = good_len(text);
    }
}
