/* cli/table.h: aligned columns on standard output. Cells are foreign text: what a terminal would act on becomes '?'. */
#ifndef STERNPOST_CLI_TABLE_H
#define STERNPOST_CLI_TABLE_H

#include "base/arena.h"

#include <stdio.h>

enum { TABLE_COLUMNS_MAX = 8 };

struct table_column {
    const char *title;
    bool        is_right; /* numbers */
    unsigned    width;    /* at least, in characters; the table widens it */
};

/* Zero but for columns is an empty table. */
struct table {
    struct table_column columns[TABLE_COLUMNS_MAX];
    size_t              columns_len;
    struct arena        arena; /* private, as all below */
    struct table_row   *first, **last;
    bool                has_head;
};

/* Adds a row of columns_len cells, which are copied. */
void table_add(struct table *t, const struct slice *cells);
/* Prints the rows added so far and forgets them; the head comes with the first print. Columns keep their widths, so a
 * long list is printed page by page as one table. */
void table_print(struct table *t, FILE *out);
void table_release(struct table *t);

/* Foreign text, made harmless for a terminal. */
void print_text(FILE *out, struct slice s);
/* The same for text of several lines; ends with a line end. */
void print_lines(FILE *out, struct slice text);

#endif
