#include "settings/config_scan.h"

#include "base/arena.h"
#include "base/map.h"

#include <ctype.h>

enum { DEPTH_MAX = 8 };

enum token { TOKEN_END, TOKEN_WORD, TOKEN_MARK, TOKEN_BAD };

struct block {
    unsigned line; /* where it was opened */
    bool is_list;
};

struct scan {
    const char *file;
    struct slice rest;
    unsigned line;
    struct slice word; /* TOKEN_WORD: without quotes */
    char mark;         /* TOKEN_MARK: one of = , { } */
    struct block blocks[DEPTH_MAX];
    size_t depth;
    struct arena arena;
    struct map seen; /* "block number / name / title" of what was set */
    unsigned blocks_opened, block_numbers[DEPTH_MAX + 1];
    struct fault *why;
};

static enum token refuse(struct scan *s, unsigned line, const char *fmt, ...) PRINTF_LIKE(3, 4);

static enum token refuse(struct scan *s, unsigned line, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    (void)fault_set(s->why, ERR_SYNTAX, "%s:%u: %s", s->file, line, text);
    return TOKEN_BAD;
}

static char at(const struct scan *s, size_t i)
{
    return i < s->rest.len ? s->rest.ptr[i] : '\0';
}

static void skip_blank(struct scan *s)
{
    while (s->rest.len > 0) {
        char c = at(s, 0);

        if (c == '#' || (c == '/' && at(s, 1) == '/'))
            s->rest = slice_from(s->rest, slice_find(s->rest, '\n'));
        else if (c == '\n' || c == ' ' || c == '\t' || (c == '\r' && at(s, 1) == '\n'))
            s->rest = slice_from(s->rest, 1);
        else
            return;
        if (c == '\n')
            s->line++;
    }
}

static enum token quoted(struct scan *s)
{
    char quote = at(s, 0);

    for (size_t i = 1; i < s->rest.len && at(s, i) != '\n'; i++) {
        if (at(s, i) == '\\') {
            i++;
        } else if (quote == '"' && at(s, i) == '$' && at(s, i + 1) == '{') {
            return refuse(s, s->line, "a value cannot come from the environment (${...}); write it here");
        } else if (at(s, i) == quote) {
            s->word = slice_of(s->rest.ptr + 1, i - 1);
            s->rest = slice_from(s->rest, i + 1);
            return TOKEN_WORD;
        }
    }
    return refuse(s, s->line, "a string is not closed; put %c at its end, on the same line", quote);
}

static bool is_bare(char c)
{
    return isalnum((unsigned char)c) || (c != '\0' && strchr(".:/-_@[]%;<>~!|&?^\\", c) != NULL);
}

static enum token bare(struct scan *s)
{
    char first = at(s, 0);
    size_t n = 0;

    while (is_bare(at(s, n)) && !(at(s, n) == '/' && (at(s, n + 1) == '*' || at(s, n + 1) == '/')))
        n++;
    if (n == 0 && first == '/')
        return refuse(s, s->line, "a comment begins with '#', not with '/*'; write one in each line");
    if (n > 0 && at(s, n) == '/')
        return refuse(s, s->line, "'//' or '/*' stands inside a value; put the value in \"...\"");
    if (n == 0 && first == '+')
        return refuse(s, s->line, "'+=' is not known; write the whole list once, with '='");
    if (n == 0 && isprint((unsigned char)first))
        return refuse(s, s->line, "the character '%c' stands outside of quotes; put the value in \"...\"", first);
    if (n == 0)
        return refuse(s, s->line, "a byte that is not text (0x%02x); remove it", (unsigned char)first);
    s->word = slice_first(s->rest, n);
    s->rest = slice_from(s->rest, n);
    return TOKEN_WORD;
}

static enum token next(struct scan *s)
{
    skip_blank(s);
    if (s->rest.len == 0)
        return TOKEN_END;
    s->mark = at(s, 0);
    if (s->mark == '"' || s->mark == '\'')
        return quoted(s);
    if (s->mark == '\0' || strchr("={},", s->mark) == NULL)
        return bare(s);
    s->rest = slice_from(s->rest, 1);
    return TOKEN_MARK;
}

/* Notes an option or section of the open block; false when it is there already. */
static bool note(struct scan *s, struct slice name, struct slice title)
{
    struct slice key =
        arena_printf(&s->arena, "%u/%.*s/%.*s", s->block_numbers[s->depth], SLICE_FMT(name), SLICE_FMT(title));

    return map_put(&s->seen, key, s) == NULL;
}

static enum token open_block(struct scan *s, bool is_list)
{
    if (s->depth == DEPTH_MAX)
        return refuse(s, s->line, "sections are nested too deeply; there are none inside others");
    s->blocks[s->depth++] = (struct block){ .line = s->line, .is_list = is_list };
    s->block_numbers[s->depth] = ++s->blocks_opened;
    return TOKEN_MARK;
}

/* What stands in front of a mark: "name =", "name {", "name "title" {". */
struct head {
    struct slice words[2];
    size_t len;
    unsigned line;
    bool is_set; /* the last mark was '=' */
};

static enum token on_mark(struct scan *s, struct head *h)
{
    bool in_list = s->depth > 0 && s->blocks[s->depth - 1].is_list;
    struct slice title = h->len > 1 ? h->words[1] : SLICE_LIT("");
    bool was_set = h->is_set;

    h->is_set = s->mark == '=';
    if (s->mark == '}') {
        if (s->depth == 0)
            return refuse(s, s->line, "'}' closes nothing; remove it, or open its section");
        s->depth--;
    } else if ((s->mark == '=' || (s->mark == '{' && !was_set)) && !in_list && h->len > 0) {
        if (!note(s, h->words[0], title))
            return refuse(s, h->line, "'%.*s' is set a second time; keep one of them", SLICE_FMT(h->words[0]));
    }
    h->len = 0;
    return s->mark == '{' ? open_block(s, was_set) : TOKEN_MARK;
}

static void on_word(struct scan *s, struct head *h)
{
    if (h->is_set) { /* the value of an option: the head is complete */
        h->is_set = false;
        return;
    }
    if (h->len == 0)
        h->line = s->line;
    if (h->len < COUNT_OF(h->words))
        h->words[h->len++] = s->word;
}

static enum token scan_all(struct scan *s)
{
    struct head head = { .len = 0 };
    enum token t;

    while ((t = next(s)) != TOKEN_END && t != TOKEN_BAD) {
        if (t == TOKEN_WORD)
            on_word(s, &head);
        else if (on_mark(s, &head) == TOKEN_BAD)
            return TOKEN_BAD;
    }
    if (t == TOKEN_END && s->depth > 0)
        return refuse(s, s->blocks[s->depth - 1].line, "'{' is opened here and never closed; add '}'");
    return t;
}

enum status config_scan(const char *file, struct slice text, struct fault *why)
{
    struct scan s = { .file = file, .rest = text, .line = 1, .why = why };
    enum token t;

    map_init(&s.seen);
    t = scan_all(&s);
    map_release(&s.seen);
    arena_release(&s.arena);
    return t == TOKEN_END ? OK : ERR_SYNTAX;
}
