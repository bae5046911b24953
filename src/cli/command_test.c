#include "cli/command.h"

#include "base/test.h"
#include "cli/help.h"

#include <stdlib.h>

enum { WORDS_MAX = 20 };

static enum parse_result parse(const char *const *line, struct arena *a, struct invocation *inv, const char **words,
                               struct fault *why)
{
    char *argv[WORDS_MAX + 2] = { "sternpost" };
    int argc = 1;

    for (; line[argc - 1] != NULL; argc++)
        argv[argc] = (char *)line[argc - 1];
    return command_parse(argc, argv, a, inv, words, why);
}

static const struct {
    const char *name, *line[WORDS_MAX];
    enum parse_result result;
    const char *says;
} cases[] = {
    { "a command", { "status" }, PARSE_RUN, NULL },
    { "of two words", { "queue", "list" }, PARSE_RUN, NULL },
    { "a command above another", { "cert", "mx.example.org" }, PARSE_RUN, NULL },
    { "and the other", { "cert", "scan", "servers.txt" }, PARSE_RUN, NULL },
    { "which misses its argument", { "cert", "scan" }, PARSE_BAD, "missing arguments" },
    { "of three words", { "report", "sent", "list" }, PARSE_RUN, NULL },
    { "help of a group in a group", { "report", "sent" }, PARSE_HELP, NULL },
    { "unknown third word", { "report", "sent", "lost" }, PARSE_BAD, "did you mean 'report sent list'?" },
    { "unknown third word, nothing near",
      { "report", "sent", "xyzzyxyzzyxyzzyxyzzy" },
      PARSE_BAD,
      "see 'sternpost report sent --help'" },
    { "with options", { "queue", "list", "--domain", "a.example", "--limit=3" }, PARSE_RUN, NULL },
    { "short option", { "status", "-c", "f" }, PARSE_RUN, NULL },
    { "value that begins with a dash", { "queue", "list", "--sender", "-x@a.example" }, PARSE_RUN, NULL },
    { "argument behind --", { "trace", "--", "-x" }, PARSE_RUN, NULL },
    { "nothing at all", { NULL }, PARSE_HELP, NULL },
    { "help", { "--help" }, PARSE_HELP, NULL },
    { "help of a group", { "queue" }, PARSE_HELP, NULL },
    { "help of a group, asked for", { "queue", "--help" }, PARSE_HELP, NULL },
    { "help of a command", { "queue", "list", "--help" }, PARSE_HELP, NULL },
    { "help before what is missing", { "trace", "-h" }, PARSE_HELP, NULL },
    { "unknown command", { "quue" }, PARSE_BAD, "did you mean 'queue'?" },
    { "unknown second word", { "queue", "lst" }, PARSE_BAD, "did you mean 'queue list'?" },
    { "nothing near", { "xyzzy" }, PARSE_BAD, "no command 'xyzzy'; see 'sternpost --help'" },
    { "unknown option", { "status", "--jsn" }, PARSE_BAD, "did you mean '--json'?" },
    { "option of another command", { "version", "--socket", "x" }, PARSE_BAD, "has no option '--socket'" },
    { "value missing", { "queue", "list", "--domain" }, PARSE_BAD, "--domain needs a value" },
    { "value for a switch", { "status", "--json=yes" }, PARSE_BAD, "takes no value" },
    { "given twice", { "queue", "list", "--limit", "1", "--limit", "2" }, PARSE_BAD, "given twice" },
    { "argument missing", { "trace" }, PARSE_BAD, "missing arguments" },
    { "too many", { "trace", "a", "b" }, PARSE_BAD, "too many arguments" },
    { "empty argument", { "host", "add", "" }, PARSE_BAD, "the name is empty: sternpost host add NAME" }, /* H1 */
    { "empty argument among several", { "queue", "hold", "a", "" }, PARSE_BAD, "the id is empty" },
    { "argument where none is", { "status", "now" }, PARSE_BAD, "takes no argument like 'now'" },
};

TEST(command_parse)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena a = { 0 };
        struct invocation inv;
        const char *words;
        struct fault why = { "" };

        CHECK_CASE(cases[i].name, parse(cases[i].line, &a, &inv, &words, &why) == cases[i].result);
        CHECK_CASE(cases[i].name, cases[i].says == NULL || strstr(why.text, cases[i].says) != NULL);
        arena_release(&a);
    }
}

TEST(what_was_given)
{
    struct arena a = { 0 };
    struct invocation inv;
    const char *words, *line[] = { "queue", "hold", "A", "--domain=d=e", "B", "--json", "--", "--all", NULL };

    CHECK(parse(line, &a, &inv, &words, NULL) == PARSE_RUN);
    CHECK_STR(slice_str(inv.command->words), "queue hold");
    CHECK_STR(slice_str(invocation_option(&inv, "domain")), "d=e");
    CHECK(invocation_has(&inv, "json") && !invocation_has(&inv, "all") && !invocation_has(&inv, "sender"));
    CHECK_INT(inv.args_len, 3);
    CHECK_STR(slice_str(inv.args[2]), "--all");
    arena_release(&a);
}

static void check_option(const struct command *c, const struct command_option *o, size_t before)
{
    CHECK_CASE(c->words, o->help[0] != '\0' && o->help[strlen(o->help) - 1] != '.');
    for (size_t i = 0; i < before; i++)
        CHECK_CASE(c->words, strcmp(command_option_at(c, i)->name, o->name) != 0);
}

/* What the help, the completion and the manual rely on. */
TEST(the_table_is_whole)
{
    size_t len;
    const struct command *table = command_table(&len);

    for (size_t i = 0; i < len; i++) {
        const struct command *c = &table[i];
        const char *space = strchr(c->words, ' ');
        const struct command_option *o;

        CHECK_CASE(c->words, c->run != NULL && c->summary[0] != '\0' && command_find(slice_str(c->words)) == c);
        CHECK_CASE(c->words, command_group_find(slice_str(c->words)) == NULL);
        for (; space != NULL; space = strchr(space + 1, ' ')) {
            struct slice above = slice_of(c->words, (size_t)(space - c->words));

            CHECK_CASE(c->words, command_group_find(above) != NULL || command_find(above) != NULL);
        }
        CHECK_CASE(c->words, slice_starts(slice_str(c->examples), SLICE_LIT("sternpost ")) &&
                                 c->examples[strlen(c->examples) - 1] == '\n');
        for (size_t at = 0; (o = command_option_at(c, at)) != NULL; at++)
            check_option(c, o, at);
    }
}

/* Every example in the help is a line that parses. */
TEST(examples_parse)
{
    size_t len;
    const struct command *table = command_table(&len);

    for (size_t i = 0; i < len; i++) {
        struct slice rest, word, line = slice_cut(slice_str(table[i].examples), '\n', &rest);
        const char *words[WORDS_MAX + 1] = { 0 }, *found;
        struct arena a = { 0 };
        struct invocation inv;
        struct fault why = { "" };
        size_t at = 0;

        (void)slice_cut(line, ' ', &line);
        for (; line.len > 0 && at < WORDS_MAX; at++) {
            word = slice_cut(line, ' ', &line);
            if (slice_eq(word, SLICE_LIT("|")) || slice_eq(word, SLICE_LIT(">")) || slice_eq(word, SLICE_LIT("<")))
                break;
            words[at] = arena_copy(&a, word).ptr;
        }
        CHECK_CASE(table[i].examples, parse(words, &a, &inv, &found, &why) == PARSE_RUN);
        CHECK_CASE(table[i].examples, inv.command == &table[i]);
        arena_release(&a);
    }
}

TEST(help_names_everything)
{
    size_t len, text_len;
    const struct command *table = command_table(&len);
    char *text;
    FILE *out = open_memstream(&text, &text_len);

    help_all(out);
    for (size_t i = 0; i < len; i++)
        help_command(out, &table[i]);
    (void)fclose(out);
    for (size_t i = 0; i < len; i++)
        CHECK_CASE(table[i].words, strstr(text, table[i].words) != NULL);
    CHECK(strchr(text, '\033') == NULL && strchr(text, '\t') == NULL);
    free(text);
}

RUN_TESTS(T(command_parse), T(what_was_given), T(the_table_is_whole), T(examples_parse), T(help_names_everything))
