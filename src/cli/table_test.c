#include "cli/table.h"

#include "base/test.h"

#include <stdlib.h>

static char *captured;
static size_t captured_len;

static struct table two_columns(void)
{
    return (struct table){ .columns = { { "NAME", false, 0 }, { "N", true, 0 } }, .columns_len = 2 };
}

static void add(struct table *t, const char *name, const char *number)
{
    const struct slice cells[] = { slice_str(name), slice_str(number) };

    table_add(t, cells);
}

static void check_output(struct table *t, FILE *out, const char *want)
{
    table_release(t);
    (void)fclose(out);
    CHECK_STR(slice_of(captured, captured_len), want);
    free(captured);
}

TEST(columns_are_aligned)
{
    struct table t = two_columns();
    FILE *out = open_memstream(&captured, &captured_len);

    add(&t, "a", "1");
    add(&t, "long name", "234");
    add(&t, "", "5");
    table_print(&t, out);
    check_output(&t, out, "NAME         N\na            1\nlong name  234\n-            5\n");
}

TEST(pages_are_one_table)
{
    struct table t = two_columns();
    FILE *out = open_memstream(&captured, &captured_len);

    add(&t, "first", "1");
    table_print(&t, out);
    add(&t, "b", "2");
    table_print(&t, out);
    check_output(&t, out, "NAME   N\nfirst  1\nb      2\n");
}

TEST(foreign_bytes_are_shown_harmless) /* SRV-23, WEB-01: nothing a terminal acts on */
{
    struct table t = two_columns();
    FILE *out = open_memstream(&captured, &captured_len);

    add(&t, "\033[2Ja\nb\xff\xc2\x9b", "1");
    add(&t,
        "gr\xc3\xbc\xc3\x9f"
        "e",
        "2");
    table_print(&t, out);
    check_output(&t, out,
                 "NAME        N\n?[2Ja?b???  1\ngr\xc3\xbc\xc3\x9f"
                 "e       2\n");
}

RUN_TESTS(T(columns_are_aligned), T(pages_are_one_table), T(foreign_bytes_are_shown_harmless))
