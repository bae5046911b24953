#include "cli/csv.h"

#include "base/memory.h"
#include "base/utf8.h"

static bool is_formula(struct slice cell)
{
    return cell.len > 0 && cell.ptr[0] != '\0' && strchr("=+-@\t\r", cell.ptr[0]) != NULL;
}

static void write_cell(FILE *out, struct slice cell)
{
    char *clean = mem_new(cell.len + 1, 1);
    struct slice s = utf8_printable(cell, clean, cell.len);

    (void)fputc('"', out);
    if (is_formula(cell))
        (void)fputc('\'', out);
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"')
            (void)fputc('"', out);
        (void)fputc(s.ptr[i], out);
    }
    (void)fputc('"', out);
    free(clean);
}

/* A number, and text that nobody could take for anything else, stands without quotes. */
static bool is_plain(struct slice cell)
{
    for (size_t i = 0; i < cell.len; i++) {
        char c = cell.ptr[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
              (c == '-' && i > 0)))
            return false;
    }
    return true;
}

void csv_row(FILE *out, const struct slice *cells, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (i > 0)
            (void)fputc(',', out);
        if (is_plain(cells[i]))
            (void)fwrite(cells[i].ptr, 1, cells[i].len, out);
        else
            write_cell(out, cells[i]);
    }
    (void)fputs("\r\n", out);
}
