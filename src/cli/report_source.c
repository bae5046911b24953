#include "cli/report_source.h"

#include "base/buf.h"
#include "base/memory.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct source_file {
    char *path;
    uint64_t size;
};

struct report_source {
    struct source_file *files;
    size_t len, cap, next;
    uint64_t total, read;
    bool has_total;
    FILE *open;       /* being read; NULL: none is */
    const char *name; /* of it */
    bool is_mbox;
    char *line; /* the next one of an mbox, read ahead */
    size_t line_cap;
    ssize_t line_len; /* -1: at its end */
    struct buf item;
};

/* -- what there is ------------------------------------------------------------------------------------------------ */

static void add_file(struct report_source *s, const char *path, uint64_t size)
{
    s->files = mem_grow(s->files, s->len, &s->cap, sizeof *s->files);
    s->files[s->len++] = (struct source_file){ mem_str(slice_str(path)), size };
    s->total += size;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static enum status add_path(struct report_source *s, const char *path, struct fault *why)
{
    char *const roots[] = { (char *)(uintptr_t)path, NULL };
    FTS *walk;

    if (strcmp(path, "-") == 0) {
        s->has_total = false;
        add_file(s, path, 0);
        return OK;
    }
    if (access(path, R_OK) != 0)
        return fault_errno(why, "cannot read '%s'", path);
    walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_COMFOLLOW, by_name);
    for (FTSENT *e = walk == NULL ? NULL : fts_read(walk); e != NULL; e = fts_read(walk))
        if (e->fts_info == FTS_F || (e->fts_info == FTS_DEFAULT && e->fts_level == 0))
            add_file(s, e->fts_path, (uint64_t)e->fts_statp->st_size);
    if (walk != NULL)
        (void)fts_close(walk);
    return OK;
}

enum status report_source_new(const char *const *paths, size_t len, struct report_source **out, struct fault *why)
{
    struct report_source *s = NEW(struct report_source);

    s->has_total = true;
    buf_init(&s->item, REPORT_SOURCE_MAX);
    for (size_t i = 0; i < len; i++) {
        enum status st = add_path(s, paths[i], why);

        if (st != OK) {
            report_source_free(s);
            return st;
        }
    }
    *out = s;
    return OK;
}

static void close_file(struct report_source *s)
{
    if (s->open != NULL && s->open != stdin)
        (void)fclose(s->open);
    s->open = NULL;
    s->is_mbox = false;
}

void report_source_free(struct report_source *s)
{
    if (s == NULL)
        return;
    close_file(s);
    for (size_t i = 0; i < s->len; i++)
        free(s->files[i].path);
    free(s->files);
    free(s->line);
    buf_release(&s->item);
    free(s);
}

uint64_t report_source_at(const struct report_source *s, uint64_t *total)
{
    *total = s->has_total ? s->total : 0;
    return s->read;
}

/* -- items -------------------------------------------------------------------------------------------------------- */

static void add(struct report_source *s, struct slice bytes, struct fault *why)
{
    s->read += bytes.len;
    if (buf_add(&s->item, bytes) != OK && why->text[0] == '\0')
        (void)fault_set(why, ERR_LIMIT, "it has more than %d bytes", REPORT_SOURCE_MAX);
}

static bool next_line(struct report_source *s)
{
    s->line_len = getline(&s->line, &s->line_cap, s->open);
    return s->line_len > 0;
}

static bool starts_message(const struct report_source *s)
{
    return s->line_len > 5 && memcmp(s->line, "From ", 5) == 0;
}

/* ">From " was "From " before it came into the mailbox. */
static struct slice unquote(const struct report_source *s)
{
    struct slice line = slice_of(s->line, (size_t)s->line_len);
    size_t quotes = 0;

    while (quotes < line.len && line.ptr[quotes] == '>')
        quotes++;
    return quotes > 0 && slice_starts(slice_from(line, quotes), SLICE_LIT("From ")) ? slice_from(line, 1) : line;
}

/* The message behind the "From " line at hand; its end is the next one behind an empty line, which is the mailbox's
 * own. */
static void read_message(struct report_source *s, struct fault *why)
{
    bool was_empty = false;

    s->read += (uint64_t)s->line_len;
    while (next_line(s) && !(was_empty && starts_message(s))) {
        was_empty = s->line[0] == '\n' || (s->line[0] == '\r' && s->line_len == 2);
        add(s, unquote(s), why);
    }
    if (was_empty && s->item.len > 0)
        buf_shorten(&s->item, s->item.len > 1 && buf_slice(&s->item).ptr[s->item.len - 2] == '\r' ? 2 : 1);
    if (s->line_len <= 0)
        close_file(s);
}

static void read_whole(struct report_source *s, struct fault *why)
{
    char piece[64 * 1024];
    size_t n;

    while ((n = fread(piece, 1, sizeof piece, s->open)) > 0 && why->text[0] == '\0')
        add(s, slice_of(piece, n), why);
    if (ferror(s->open))
        (void)fault_errno(why, "cannot read it");
    close_file(s);
}

static void open_next(struct report_source *s, struct fault *why)
{
    const struct source_file *f = &s->files[s->next++];
    bool is_stdin = strcmp(f->path, "-") == 0;
    int first;

    s->name = is_stdin ? "standard input" : f->path;
    s->open = is_stdin ? stdin : fopen(f->path, "re");
    if (s->open == NULL) {
        (void)fault_errno(why, "cannot open it");
        return;
    }
    first = getc(s->open);
    if (first != EOF)
        (void)ungetc(first, s->open);
    if (first != 'F')
        return;
    if (next_line(s) && starts_message(s))
        s->is_mbox = true;
    else if (s->line_len > 0)
        add(s, slice_of(s->line, (size_t)s->line_len), why);
}

bool report_source_next(struct report_source *s, struct report_item *out)
{
    buf_reset(&s->item);
    *out = (struct report_item){ .why = { "" } };
    if (s->open == NULL && s->next == s->len)
        return false;
    if (s->open == NULL)
        open_next(s, &out->why);
    if (s->open != NULL && s->is_mbox)
        read_message(s, &out->why);
    else if (s->open != NULL)
        read_whole(s, &out->why);
    out->name = slice_str(s->name);
    out->bytes = buf_slice(&s->item);
    return true;
}
