/* `sternpost manual`: the manual page sternpost(1) as roff, written out of the table of commands and the table of the
 * configuration file's options. The build calls it. */
#include "cli/commands.h"
#include "cli/help.h"
#include "settings/config.h"

/* A line of text: no roff command, no escape, and a hyphen that can be searched for. */
static void roff(struct slice text)
{
    if (text.len > 0 && (text.ptr[0] == '.' || text.ptr[0] == '\''))
        (void)fputs("\\&", stdout);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\\')
            (void)fputs("\\e", stdout);
        else if (text.ptr[i] == '-')
            (void)fputs("\\-", stdout);
        else
            (void)fputc(text.ptr[i], stdout);
    }
    (void)fputc('\n', stdout);
}

static void roff_examples(const char *lines)
{
    struct slice rest = slice_str(lines);

    (void)puts(".PP\n.RS 4\n.nf");
    while (rest.len > 0)
        roff(slice_cut(rest, '\n', &rest));
    (void)puts(".fi\n.RE");
}

static void roff_options(const struct command *c, struct arena *a)
{
    for (size_t i = 0; i < c->options_len; i++) {
        (void)puts(".TP 24");
        (void)fputs(".B ", stdout);
        roff(help_option_name(&c->options[i], a));
        roff(slice_str(c->options[i].help));
    }
}

static void roff_command(const struct command *c)
{
    struct arena a = { 0 };
    struct slice rest = slice_str(c->details == NULL ? "" : c->details);

    (void)fputs(".SS ", stdout);
    roff(help_synopsis(c, &a));
    roff(slice_str(c->summary));
    while (rest.len > 0) {
        (void)puts(".PP");
        roff(slice_cut(rest, '\n', &rest));
    }
    roff_options(c, &a);
    roff_examples(c->examples);
    arena_release(&a);
}

static void roff_common_options(void)
{
    static const struct command all = { .traits = COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON };
    const struct command_option *o;
    struct arena a = { 0 };

    (void)puts(
        ".SH OPTIONS OF MANY COMMANDS\nThose that ask the daemon take the first ones; those with an answer that a\n"
        "script may read take \\-\\-json.");
    for (size_t i = 0; (o = command_option_at(&all, i)) != NULL; i++) {
        (void)fputs(".TP 24\n.B ", stdout);
        roff(help_option_name(o, &a));
        roff(slice_str(o->help));
    }
    arena_release(&a);
}

static void roff_config(void)
{
    const struct config_option *options;
    size_t len = config_options(&options);
    const char *section = "";
    struct arena a = { 0 };

    (void)puts(
        ".SH CONFIGURATION FILE\nOne file for the process; what is decided about mail lies in the store and is\n"
        "changed with the commands above. An unknown option is an error.");
    for (size_t i = 0; i < len; i++) {
        struct slice initial =
            options[i].initial[0] == '\0' ? SLICE_LIT("") : arena_printf(&a, "; %s unless given", options[i].initial);

        if (strcmp(section, options[i].section) != 0) {
            section = options[i].section;
            (void)fputs(".SS ", stdout);
            roff(arena_printf(&a, "section %s", section));
        }
        (void)fputs(".TP 24\n.B ", stdout);
        roff(slice_str(options[i].name));
        roff(arena_printf(&a, "%s (%s%.*s)", options[i].help, options[i].type, SLICE_FMT(initial)));
    }
    arena_release(&a);
}

int run_manual(const struct invocation *inv)
{
    size_t len;
    const struct command *commands = command_table(&len);

    (void)inv;
    (void)puts(".TH STERNPOST 1 \"\" \"sternpost " STERNPOST_VERSION "\" \"User Commands\"\n.SH NAME\n"
               "sternpost \\- mail gateway that is stern about how mail travels\n.SH SYNOPSIS\n"
               ".B sternpost\n.I COMMAND\n[\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]...\n.SH DESCRIPTION\n"
               "Sternpost stands between an organisation's mail servers and the internet. It sends and receives over\n"
               "authenticated TLS wherever that can be had, requires it where the organisation says so, and takes an\n"
               "alternate secure route when a recipient's own server cannot do it.\n.SH COMMANDS");
    for (size_t i = 0; i < len; i++)
        roff_command(&commands[i]);
    roff_common_options();
    roff_config();
    (void)puts(".SH EXIT STATUS");
    roff_examples(help_exit_codes);
    (void)puts(".SH ENVIRONMENT\n.TP 24\n.B STERNPOST_SOCKET\ncontrol socket of the daemon\n.SH FILES\n.TP 24\n"
               ".B /run/sternpost/control.sock\ncontrol socket, where nothing else is said");
    return EXIT_DONE;
}
