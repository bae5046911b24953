#include "cli/manual.h"

#include "base/memory.h"
#include "base/test.h"
#include "cli/command.h"
#include "settings/config.h"

#include <stdlib.h>
#include <unistd.h>

static char *page(void (*write_page)(FILE *))
{
    char *text = NULL, *copy;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    write_page(out);
    (void)fclose(out);
    copy = mem_str(slice_of(text, len));
    free(text);
    return copy;
}

/* Every control line is a macro of man(7), and no byte is a surprise. */
static void check_roff(const char *text)
{
    static const char *const macros[] = { ".TH ", ".SH ", ".SS ", ".TP ", ".PP",  ".RS ",
                                          ".RE",  ".nf",  ".fi",  ".B ",  ".BR ", ".I " };
    struct slice rest = slice_str(text);

    while (rest.len > 0) {
        struct slice line = slice_cut(rest, '\n', &rest);
        bool is_known = line.len > 0 && line.ptr[0] != '.' && line.ptr[0] != '\'';

        for (size_t i = 0; i < COUNT_OF(macros); i++)
            is_known = is_known || slice_starts(line, slice_str(macros[i]));
        if (!is_known && line.len > 0)
            fail_msg("line '%.*s'", SLICE_FMT(line));
        for (size_t i = 0; i < line.len; i++)
            CHECK(line.ptr[i] >= ' ' && line.ptr[i] <= '~');
    }
}

/* `name` as the term of an item. */
static const char *find_item(const char *from, const char *name)
{
    char escaped[160] = { 0 }, item[200];
    size_t n = 0;

    for (; *name != '\0' && n + 2 < sizeof escaped; name++) {
        if (*name == '-')
            escaped[n++] = '\\';
        escaped[n++] = *name;
    }
    (void)snprintf(item, sizeof item, "\n.B %.*s\n", (int)n, escaped);
    return strstr(from, item);
}

/* Each option stands under its section, in the order of the table. */
TEST(config_page_has_every_option)
{
    const struct config_option *options;
    size_t len = config_options(&options);
    char *text = page(manual_config), heading[80];
    const char *at = text, *section = "";

    check_roff(text);
    for (size_t i = 0; i < len; i++) {
        if (strcmp(section, options[i].section) != 0) {
            section = options[i].section;
            (void)snprintf(heading, sizeof heading, "\n.SS Section %s", section);
            at = strstr(at, heading);
            CHECK_CASE(section, at != NULL);
        }
        at = find_item(at, options[i].name);
        CHECK_CASE(options[i].name, at != NULL);
    }
    free(text);
}

/* What the page shows as an example is a file that the daemon takes. */
TEST(config_page_example_loads)
{
    char *text = page(manual_config), *from = strstr(text, ".SH EXAMPLE\n.RS 4\n.nf\n"), *end;
    char path[] = "/tmp/sternpost-manual-XXXXXX";
    int fd = mkstemp(path);
    struct config *c = NULL;
    struct fault why = { "" };

    CHECK(fd >= 0 && from != NULL);
    from += strlen(".SH EXAMPLE\n.RS 4\n.nf\n");
    end = strstr(from, "\n.fi\n");
    CHECK(end != NULL);
    for (const char *p = from; p < end; p++) {
        if (*p != '\\') /* it escapes hyphens, and nothing else stands in the example */
            CHECK(write(fd, p, 1) == 1);
    }
    close(fd);
    if (config_load(path, &c, &why) != OK)
        fail_msg("%s", why.text);
    config_free(c);
    unlink(path);
    free(text);
}

TEST(command_page_has_every_command)
{
    size_t len;
    const struct command *table = command_table(&len);
    char *text = page(manual_commands), heading[160];

    check_roff(text);
    for (size_t i = 0; i < len; i++) {
        (void)snprintf(heading, sizeof heading, "\n.SS %s", table[i].words);
        CHECK_CASE(table[i].words, strstr(text, heading) != NULL);
    }
    free(text);
}

RUN_TESTS(T(config_page_has_every_option), T(config_page_example_loads), T(command_page_has_every_command))
