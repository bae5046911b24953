#include "cli/manual.h"

#include "cli/commands.h"
#include "cli/help.h"
#include "settings/config.h"

enum { LINE_WIDTH = 78 };

/* A word or a line as text: no roff command, no escape, and a hyphen that can be searched for. */
static void put_escaped(FILE *out, struct slice text, bool begins_line)
{
    if (begins_line && text.len > 0 && (text.ptr[0] == '.' || text.ptr[0] == '\''))
        (void)fputs("\\&", out);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\\')
            (void)fputs("\\e", out);
        else if (text.ptr[i] == '-')
            (void)fputs("\\-", out);
        else
            (void)fputc(text.ptr[i], out);
    }
}

/* One line, as it is. */
static void roff(FILE *out, struct slice text)
{
    put_escaped(out, text, true);
    (void)fputc('\n', out);
}

/* Running text, in lines that an editor shows whole. */
static void roff_text(FILE *out, struct slice text)
{
    size_t at = 0;

    while (text.len > 0) {
        struct slice word = slice_cut(text, ' ', &text);

        if (at > 0)
            (void)fputc(at + 1 + word.len > LINE_WIDTH ? '\n' : ' ', out);
        at = at + 1 + word.len > LINE_WIDTH ? 0 : at;
        put_escaped(out, word, at == 0);
        at += word.len + 1;
    }
    (void)fputc('\n', out);
}

static void roff_paragraphs(FILE *out, const char *lines)
{
    struct slice rest = slice_str(lines);

    while (rest.len > 0) {
        (void)fputs(".PP\n", out);
        roff_text(out, slice_cut(rest, '\n', &rest));
    }
}

static void roff_lines(FILE *out, const char *lines)
{
    struct slice rest = slice_str(lines);

    (void)fputs(".RS 4\n.nf\n", out);
    while (rest.len > 0)
        roff(out, slice_cut(rest, '\n', &rest));
    (void)fputs(".fi\n.RE\n", out);
}

/* A term in bold, what it means indented below. */
static void roff_item(FILE *out, struct slice term, struct slice text)
{
    (void)fputs(".TP 24\n.B ", out);
    roff(out, term);
    roff_text(out, text);
}

/* -- sternpost(1) ----------------------------------------------------------------------------------------- */

static void roff_command(FILE *out, const struct command *c)
{
    struct arena a = { 0 };

    (void)fputs(".SS ", out);
    roff(out, help_synopsis(c, &a));
    roff_text(out, slice_str(c->summary));
    roff_paragraphs(out, c->details == NULL ? "" : c->details);
    for (size_t i = 0; i < c->options_len; i++)
        roff_item(out, help_option_name(&c->options[i], &a), slice_str(c->options[i].help));
    (void)fputs(".PP\n", out);
    roff_lines(out, c->examples);
    arena_release(&a);
}

static void roff_common_options(FILE *out)
{
    static const struct command all = { .traits = COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON };
    const struct command_option *o;
    struct arena a = { 0 };

    (void)fputs(".SH OPTIONS OF MANY COMMANDS\n"
                "Those that ask the daemon take the first ones; those with an answer that a\n"
                "script may read take \\-\\-json.\n",
                out);
    for (size_t i = 0; (o = command_option_at(&all, i)) != NULL; i++)
        roff_item(out, help_option_name(o, &a), slice_str(o->help));
    arena_release(&a);
}

void manual_commands(FILE *out)
{
    size_t len;
    const struct command *commands = command_table(&len);

    (void)fputs(".TH STERNPOST 1 \"\" \"sternpost " STERNPOST_VERSION "\" \"User Commands\"\n.SH NAME\n"
                "sternpost \\- mail gateway that is stern about how mail travels\n.SH SYNOPSIS\n"
                ".B sternpost\n.I COMMAND\n[\\fIOPTION\\fR]... [\\fIARGUMENT\\fR]...\n.SH DESCRIPTION\n"
                "Sternpost stands between an organisation's mail servers and the internet.\n"
                "It sends and receives over authenticated TLS wherever that can be had,\n"
                "requires it where the organisation says so, and takes an alternate secure\n"
                "route when a recipient's own server cannot do it.\n"
                ".PP\nWhat the process needs to start stands in its configuration file,\n"
                ".BR sternpost.conf (5).\nWhat is decided about mail lies in the store, and is changed with the\n"
                "commands below.\n.SH COMMANDS\n",
                out);
    for (size_t i = 0; i < len; i++)
        roff_command(out, &commands[i]);
    roff_common_options(out);
    (void)fputs(".SH EXIT STATUS\n", out);
    roff_lines(out, help_exit_codes);
    (void)fputs(".SH ENVIRONMENT\n", out);
    roff_item(out, SLICE_LIT("STERNPOST_SOCKET"), SLICE_LIT("control socket of the daemon"));
    (void)fputs(".SH FILES\n", out);
    roff_item(out, SLICE_LIT("/run/sternpost/control.sock"), SLICE_LIT("control socket, where nothing else is said"));
    (void)fputs(".SH SEE ALSO\n.BR sternpost.conf (5)\n", out);
}

/* -- sternpost.conf(5) ------------------------------------------------------------------------------------ */

static const char config_form[] =
    "An option is NAME = VALUE; one that takes several values is NAME = {VALUE, VALUE}. A section is NAME { ... }; "
    "sections of listeners and certificates carry a title, NAME \"TITLE\" { ... }, and there may be several of them. "
    "The order does not matter. A value with blanks or other special characters stands in quotes, on one line. "
    "Comments begin with # or //, and end with the line.\n"
    "A duration is a number with ms, s, m, h, d or w, or a sum such as 1h30m. A size is a number with B, KiB, MiB, "
    "GiB or TiB, by 1024. A network is an address with the number of its leading bits, such as 10.0.0.0/8 or "
    "2001:db8::/32. An address with port is such as 192.0.2.1:25 or [2001:db8::1]:25.\n"
    "The file is read strictly: an unknown option, a bad value, an option or section that is given twice, a missing "
    "one that is required, and ${NAME} (nothing comes from the environment) are errors, told with file and line. "
    "'sternpost config check FILE' tells them without starting anything.\n"
    "The file is read once, at the start. What is decided about mail is not in it, but in the store: see "
    "'sternpost domain', 'host', 'route', 'rule', 'list', 'user' and 'gateway' in sternpost(1).\n";

static const char config_example[] = "hostname = \"gateway.example.org\"\n"
                                     "\n"
                                     "certificate \"mx\" {\n"
                                     "  chain = \"/etc/sternpost/mx.pem\"\n"
                                     "  key   = \"/etc/sternpost/mx.key\"\n"
                                     "}\n"
                                     "\n"
                                     "# Mail from the internet for our domains.\n"
                                     "listener \"mx\" {\n"
                                     "  role    = \"mx\"\n"
                                     "  address = {\"0.0.0.0:25\", \"[::]:25\"}\n"
                                     "}\n"
                                     "\n"
                                     "# Mail of our own servers on its way out.\n"
                                     "listener \"relay\" {\n"
                                     "  role     = \"relay\"\n"
                                     "  address  = {\"10.0.0.5:2526\"}\n"
                                     "  networks = {\"10.0.0.0/8\"}\n"
                                     "}\n"
                                     "\n"
                                     "limits { message-size = 100MiB  idle-timeout = 2m }\n";

static void roff_section(FILE *out, const char *section)
{
    bool is_titled = strcmp(section, "certificate") == 0 || strcmp(section, "listener") == 0;

    if (section[0] == '\0')
        (void)fputs(".SS Outside of sections\n", out);
    else
        (void)fprintf(out, ".SS Section %s%s\n", section, is_titled ? " \\fITITLE\\fR" : "");
}

/* "Where it listens. A list of: address with port; required." */
static void roff_option(FILE *out, const struct config_option *o, struct arena *a)
{
    const char *kind = strchr(o->type, '|') == NULL ? o->type : arena_printf(a, "one of %s", o->type).ptr;
    struct slice initial = SLICE_LIT("");

    if (o->is_required)
        initial = SLICE_LIT("; required");
    else if (o->initial[0] != '\0')
        initial = arena_printf(a, "; %s unless given", o->initial);
    roff_item(out, slice_str(o->name),
              arena_printf(a, "%s. (%s%s%.*s.)", o->help, o->is_list ? "List of values, each: " : "Value: ", kind,
                           SLICE_FMT(initial)));
}

void manual_config(FILE *out)
{
    const struct config_option *options;
    size_t len = config_options(&options);
    const char *section = NULL;
    struct arena a = { 0 };

    (void)fputs(".TH STERNPOST.CONF 5 \"\" \"sternpost " STERNPOST_VERSION "\" \"File Formats\"\n.SH NAME\n"
                "sternpost.conf \\- configuration file of the sternpost mail gateway\n.SH SYNOPSIS\n"
                ".B sternpost serve \\-c\n.I FILE\n.SH DESCRIPTION\n"
                "One file for the process: its name, its listeners and their certificates,\n"
                "its limits, and where it keeps what it must not lose.\n",
                out);
    roff_paragraphs(out, config_form);
    (void)fputs(".SH OPTIONS\n", out);
    for (size_t i = 0; i < len; i++) {
        if (section == NULL || strcmp(section, options[i].section) != 0)
            roff_section(out, options[i].section);
        section = options[i].section;
        roff_option(out, &options[i], &a);
    }
    (void)fputs(".SH EXAMPLE\n", out);
    roff_lines(out, config_example);
    (void)fputs(".SH FILES\n", out);
    roff_item(out, SLICE_LIT("/etc/sternpost/sternpost.conf"),
              SLICE_LIT("where the service unit has its configuration file"));
    (void)fputs(".SH SEE ALSO\n.BR sternpost (1)\n", out);
    arena_release(&a);
}

int run_manual(const struct invocation *inv)
{
    if (invocation_has(inv, "config"))
        manual_config(stdout);
    else
        manual_commands(stdout);
    return EXIT_DONE;
}
