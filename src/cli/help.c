#include "cli/help.h"

enum { TEXT_WIDTH = 78 };

const char help_exit_codes[] = "0 done; 1 the answer is no, or it failed; 2 wrong command line, file or value;\n"
                               "3 the daemon does not answer.\n";

bool command_is_of(const struct command *c, const struct command_group *group)
{
    size_t len = strlen(group->word);

    return strncmp(c->words, group->word, len) == 0 && c->words[len] == ' ';
}

struct slice help_option_name(const struct command_option *o, struct arena *arena)
{
    struct slice value = SLICE_LIT("");

    if (o->value != NULL)
        value = arena_printf(arena, " %s%s", o->value, o->is_list ? ",..." : "");
    if (o->letter != 0)
        return arena_printf(arena, "-%c, --%s%.*s", o->letter, o->name, SLICE_FMT(value));
    return arena_printf(arena, "--%s%.*s", o->name, SLICE_FMT(value));
}

struct slice help_synopsis(const struct command *c, struct arena *arena)
{
    return arena_printf(arena, "%s%s%s%s", c->words, c->args[0] == '\0' ? "" : " ", c->args,
                        c->options_len > 0 ? " [OPTION]..." : "");
}

/* Words of `text`, wrapped behind an indent. */
static void print_wrapped(FILE *out, struct slice text, int indent)
{
    int at = indent;

    while (text.len > 0) {
        struct slice word = slice_cut(text, ' ', &text);

        if (at > indent && at + 1 + (int)word.len > TEXT_WIDTH) {
            (void)fprintf(out, "\n%*s", indent, "");
            at = indent;
        } else if (at > indent) {
            (void)fputc(' ', out);
            at++;
        }
        (void)fprintf(out, "%.*s", SLICE_FMT(word));
        at += (int)word.len;
    }
    (void)fputc('\n', out);
}

static void print_entry(FILE *out, struct slice name, const char *text, int width)
{
    bool fits = (int)name.len <= width - 2;

    (void)fputs("  ", out);
    (void)fwrite(name.ptr, 1, name.len, out);
    (void)fprintf(out, "%s%*s", fits ? "" : "\n  ", fits ? width - (int)name.len : width, "");
    print_wrapped(out, slice_str(text), width + 2);
}

void help_all(FILE *out)
{
    size_t commands_len, groups_len;
    const struct command *commands = command_table(&commands_len);
    const struct command_group *groups = command_groups(&groups_len);

    (void)fputs("sternpost: a mail gateway that is stern about how mail travels\n\n"
                "usage: sternpost COMMAND [OPTION]... [ARGUMENT]...\n\n",
                out);
    for (size_t i = 0; i < commands_len; i++) {
        if (strchr(commands[i].words, ' ') == NULL)
            print_entry(out, slice_str(commands[i].words), commands[i].summary, 12);
    }
    (void)fputs("\ncommands of several words\n", out);
    for (size_t i = 0; i < groups_len; i++) {
        if (strchr(groups[i].word, ' ') == NULL)
            print_entry(out, slice_str(groups[i].word), groups[i].summary, 12);
    }
    (void)fprintf(out,
                  "\n'sternpost COMMAND --help' tells more, with examples; so does 'man sternpost'.\n"
                  "Exit codes: %s",
                  help_exit_codes);
}

void help_group(FILE *out, const struct command_group *group)
{
    size_t len;
    const struct command *commands = command_table(&len);
    struct arena a = { 0 };

    (void)fprintf(out, "sternpost %s: %s\n\n", group->word, group->summary);
    for (size_t i = 0; i < len; i++) {
        if (command_is_of(&commands[i], group))
            print_entry(out, arena_printf(&a, "%s %s", commands[i].words, commands[i].args), commands[i].summary, 26);
    }
    (void)fprintf(out, "\nexamples:\n");
    for (size_t i = 0; i < len; i++) {
        struct slice rest, first = slice_cut(slice_str(commands[i].examples), '\n', &rest);

        if (command_is_of(&commands[i], group))
            (void)fprintf(out, "  %.*s\n", SLICE_FMT(first));
    }
    (void)fprintf(out, "\n'sternpost %s COMMAND --help' tells more of each.\n", group->word);
    arena_release(&a);
}

void help_command(FILE *out, const struct command *c)
{
    struct arena a = { 0 };
    const struct command_option *o;
    struct slice rest = slice_str(c->details == NULL ? "" : c->details);

    (void)fprintf(out, "usage: sternpost %.*s\n\n", SLICE_FMT(help_synopsis(c, &a)));
    print_wrapped(out, slice_str(c->summary), 0);
    while (rest.len > 0) {
        (void)fputc('\n', out);
        print_wrapped(out, slice_cut(rest, '\n', &rest), 0);
    }
    (void)fputs("\noptions:\n", out);
    for (size_t i = 0; (o = command_option_at(c, i)) != NULL; i++)
        print_entry(out, help_option_name(o, &a), o->help, 26);
    (void)fputs("\nexamples:\n", out);
    rest = slice_str(c->examples);
    while (rest.len > 0) {
        struct slice line = slice_cut(rest, '\n', &rest);

        (void)fprintf(out, "  %.*s\n", SLICE_FMT(line));
    }
    arena_release(&a);
}
