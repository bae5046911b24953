#include "cli/csv.h"

#include "base/test.h"

#include <stdlib.h>

/* RPT-09 */
static const struct {
    const char *cell, *written;
} cases[] = {
    { "", "" },
    { "12", "12" },
    { "0.9731", "0.9731" },
    { "mx.example.org", "mx.example.org" },
    { "2026-11-24", "2026-11-24" },
    { "two words", "\"two words\"" },
    { "a \"b\", c", "\"a \"\"b\"\", c\"" },
    { "=1+1", "\"'=1+1\"" },
    { "+49", "\"'+49\"" },
    { "-1", "\"'-1\"" },
    { "@SUM(A1)", "\"'@SUM(A1)\"" },
    { "\t=x", "\"'?=x\"" },
    { "\r\n=x", "\"'?"
                "?=x\"" },
    { "\x1b[31m", "\"?[31m\"" },
    { "b\xc3\xbc\xff", "\"b\xc3\xbc?\"" },
    { "\xe2\x80\xaegpj", "\"?"
                         "?"
                         "?gpj\"" },
};

TEST(cells)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice row[] = { slice_str(cases[i].cell), SLICE_LIT("x") };
        char *text = NULL, want[64];
        size_t len = 0;
        FILE *out = open_memstream(&text, &len);

        csv_row(out, row, 2);
        (void)fclose(out);
        (void)snprintf(want, sizeof want, "%s,x\r\n", cases[i].written);
        CHECK_STR(slice_of(text, len), want);
        free(text);
    }
}

RUN_TESTS(T(cells))
