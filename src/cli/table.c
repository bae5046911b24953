#include "cli/table.h"

#include "base/utf8.h"

struct table_row {
    struct table_row *next;
    struct slice cells[TABLE_COLUMNS_MAX];
};

static struct slice printable(struct arena *a, struct slice s)
{
    return utf8_printable(s, (char *)arena_alloc(a, s.len + 1), s.len);
}

/* In characters; those of double width count as one. */
static size_t width_of(struct slice s)
{
    size_t width = 0;

    for (size_t i = 0; i < s.len; i++)
        width += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    return width;
}

void print_text(FILE *out, struct slice s)
{
    struct arena a = { 0 };
    struct slice clean = printable(&a, s);

    (void)fwrite(clean.ptr, 1, clean.len, out);
    arena_release(&a);
}

void print_lines(FILE *out, struct slice text)
{
    while (text.len > 0) {
        print_text(out, slice_cut(text, '\n', &text));
        (void)fputc('\n', out);
    }
}

void table_add(struct table *t, const struct slice *cells)
{
    struct table_row *row = ARENA_NEW(&t->arena, struct table_row);

    if (t->first == NULL)
        t->last = &t->first;
    *t->last = row;
    t->last = &row->next;
    for (size_t i = 0; i < t->columns_len; i++) {
        struct table_column *column = &t->columns[i];
        size_t width;

        row->cells[i] = cells[i].len == 0 ? SLICE_LIT("-") : printable(&t->arena, cells[i]);
        width = width_of(row->cells[i]);
        if (width > column->width)
            column->width = (unsigned)width;
    }
}

static void print_cell(FILE *out, const struct table *t, size_t column, struct slice cell)
{
    bool is_last = column + 1 == t->columns_len;
    size_t width = width_of(cell), want = t->columns[column].width;
    int pad = want > width ? (int)(want - width) : 0;

    if (t->columns[column].is_right)
        (void)fprintf(out, "%*s", pad, "");
    (void)fwrite(cell.ptr, 1, cell.len, out);
    if (!t->columns[column].is_right && !is_last)
        (void)fprintf(out, "%*s", pad, "");
    (void)fputs(is_last ? "\n" : "  ", out);
}

static void print_head(struct table *t, FILE *out)
{
    for (size_t i = 0; i < t->columns_len; i++) {
        size_t width = strlen(t->columns[i].title);

        if (width > t->columns[i].width)
            t->columns[i].width = (unsigned)width;
        print_cell(out, t, i, slice_str(t->columns[i].title));
    }
    t->has_head = true;
}

void table_print(struct table *t, FILE *out)
{
    if (!t->has_head)
        print_head(t, out);
    for (const struct table_row *row = t->first; row != NULL; row = row->next) {
        for (size_t i = 0; i < t->columns_len; i++)
            print_cell(out, t, i, row->cells[i]);
    }
    t->first = NULL;
    arena_reset(&t->arena);
}

void table_release(struct table *t)
{
    arena_release(&t->arena);
    t->first = NULL;
}
