#include "domains/policy_text.h"

static size_t count_lines(struct slice text)
{
    size_t n = 1;

    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] == '\n';
    return n < POLICY_LINES_MOST ? n : POLICY_LINES_MOST;
}

static void read_line(struct slice line, size_t number, struct policy_text *out, struct policy_line *lines)
{
    struct slice value, name = slice_cut(line, ':', &value);
    bool has_name = slice_find(line, ':') != SIZE_MAX;

    if (slice_trim(line).len == 0) {
        if (out->blank == 0)
            out->blank = number;
        return;
    }
    lines[out->lines_len++] = (struct policy_line){
        .name = has_name ? slice_trim(name) : SLICE_LIT(""),
        .value = slice_trim(has_name ? value : line),
        .number = number,
    };
}

void policy_text_read(struct slice text, struct arena *arena, struct policy_text *out)
{
    struct policy_line *lines = ARENA_ARRAY(arena, struct policy_line, count_lines(text));
    bool has_lf = false, has_crlf = false;

    *out = (struct policy_text){ .lines = lines };
    out->has_nul = memchr(text.ptr, '\0', text.len) != NULL;
    out->has_bom = slice_starts(text, SLICE_LIT("\xef\xbb\xbf"));
    if (out->has_bom)
        text = slice_from(text, 3);
    for (size_t number = 1; text.len > 0 && number <= POLICY_LINES_MOST; number++) {
        bool is_ended = slice_find(text, '\n') != SIZE_MAX;
        struct slice line = slice_cut(text, '\n', &text);
        bool is_crlf = line.len > 0 && line.ptr[line.len - 1] == '\r';

        has_crlf |= is_ended && is_crlf;
        has_lf |= is_ended && !is_crlf;
        read_line(slice_first(line, line.len - (is_crlf ? 1 : 0)), number, out, lines);
    }
    out->has_mixed_ends = has_lf && has_crlf;
}

const struct policy_line *policy_text_first(const struct policy_text *t, const char *name)
{
    for (size_t i = 0; i < t->lines_len; i++)
        if (slice_eq(t->lines[i].name, slice_str(name)))
            return &t->lines[i];
    return NULL;
}
