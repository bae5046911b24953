#include "cli/command.h"

#include "base/utf8.h"
#include "settings/nearest.h"

/* Behind the options of a command, as its traits have them; --help is every command's. */
static const struct {
    unsigned trait;
    struct command_option option;
} common_options[] = {
    { COMMAND_HAS_JSON, { "json", 0, NULL, false, "print JSON, for scripts" } },
    { COMMAND_ASKS_DAEMON,
      { "socket", 0, "PATH", false,
        "control socket of the daemon (or $STERNPOST_SOCKET, or as the configuration file has it)" } },
    { COMMAND_ASKS_DAEMON, { "config", 'c', "FILE", false, "configuration file that names the control socket" } },
    { 0, { "help", 'h', NULL, false, "print this text" } },
};

const struct command_option *command_option_at(const struct command *c, size_t at)
{
    if (at < c->options_len)
        return &c->options[at];
    at -= c->options_len;
    for (size_t i = 0; i < COUNT_OF(common_options); i++) {
        bool is_there = (common_options[i].trait & c->traits) == common_options[i].trait;

        if (is_there && at-- == 0)
            return &common_options[i].option;
    }
    return NULL;
}

const struct command *command_find(struct slice words)
{
    size_t len;
    const struct command *table = command_table(&len);

    for (size_t i = 0; i < len; i++) {
        if (slice_eq(words, slice_str(table[i].words)))
            return &table[i];
    }
    return NULL;
}

const struct command_group *command_group_find(struct slice word)
{
    size_t len;
    const struct command_group *groups = command_groups(&len);

    for (size_t i = 0; i < len; i++) {
        if (slice_eq(word, slice_str(groups[i].word)))
            return &groups[i];
    }
    return NULL;
}

static const struct command_option *find_option(const struct command *c, struct slice name, char letter)
{
    const struct command_option *o;

    for (size_t i = 0; (o = command_option_at(c, i)) != NULL; i++) {
        if (name.len > 0 ? slice_eq(name, slice_str(o->name)) : o->letter == letter && letter != 0)
            return o;
    }
    return NULL;
}

/* "no command 'quue'; did you mean 'queue'? See 'sternpost --help'". */
static enum parse_result unknown(const char *what, const char *word, const struct nearest *near, const char *help,
                                 struct fault *why)
{
    if (near->best.len > 0)
        (void)fault_set(why, ERR_SYNTAX, "%s '%s'; did you mean '%.*s'? See 'sternpost %s--help'", what, word,
                        SLICE_FMT(near->best), help);
    else
        (void)fault_set(why, ERR_SYNTAX, "%s '%s'; see 'sternpost %s--help'", what, word, help);
    return PARSE_BAD;
}

static enum parse_result unknown_command(const char *words, struct arena *arena, struct fault *why)
{
    struct nearest near = { .word = slice_str(words) };
    size_t len, groups_len, space = slice_find_last(near.word, ' ');
    const struct command *table = command_table(&len);
    const struct command_group *groups = command_groups(&groups_len);
    const char *help = space == SIZE_MAX ? "" : arena_copy(arena, slice_first(near.word, space + 1)).ptr;

    for (size_t i = 0; i < len; i++)
        nearest_offer(&near, slice_str(table[i].words));
    for (size_t i = 0; i < groups_len; i++)
        nearest_offer(&near, slice_str(groups[i].word));
    return unknown("no command", words, &near, help, why);
}

static enum parse_result unknown_option(const struct command *c, const char *word, struct arena *arena,
                                        struct fault *why)
{
    struct nearest near = { .word = slice_str(word) };
    const struct command_option *o;

    for (size_t i = 0; (o = command_option_at(c, i)) != NULL; i++)
        nearest_offer(&near, arena_printf(arena, "--%s", o->name));
    return unknown(arena_printf(arena, "'%s' has no option", c->words).ptr, word, &near,
                   arena_printf(arena, "%s ", c->words).ptr, why);
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* "cert" is a command, and "cert scan" another. */
static bool leads_further(int argc, char **argv, int at, struct slice so_far, struct arena *arena)
{
    return at < argc && command_find(arena_printf(arena, "%.*s %s", SLICE_FMT(so_far), argv[at])) != NULL;
}

/* How far the words lead: to a command, to a group, or nowhere. *at is the first argument behind them. */
static enum parse_result find_words(int argc, char **argv, struct arena *arena, struct invocation *out,
                                    const char **words, int *at, struct fault *why)
{
    *words = "";
    if (argc == 2 && strcmp(argv[1], "help") == 0)
        return PARSE_HELP;
    for (*at = 1;; ++*at) {
        const char *word = *at < argc ? argv[*at] : "--help";
        struct slice so_far = arena_printf(arena, "%s%s%s", *words, **words == '\0' ? "" : " ", word);

        if (asks_for_help(word))
            return PARSE_HELP;
        if (slice_eq(so_far, SLICE_LIT("--version")))
            so_far = SLICE_LIT("version");
        out->command = command_find(so_far);
        if (out->command != NULL && !leads_further(argc, argv, *at + 1, so_far, arena)) {
            ++*at;
            return PARSE_RUN;
        }
        if (out->command == NULL && command_group_find(so_far) == NULL)
            return unknown_command(so_far.ptr, arena, why);
        *words = so_far.ptr;
    }
}

/* One option at argv[*at]; *at is moved to its last word. */
static enum parse_result parse_option(int argc, char **argv, int *at, struct invocation *out, struct fault *why)
{
    const char *word = argv[*at], *value = NULL;
    bool is_long = word[1] == '-';
    struct slice rest = { 0 }, name = is_long ? slice_cut(slice_str(word + 2), '=', &rest) : SLICE_LIT("");
    bool has_value = is_long && name.len < strlen(word + 2);
    const struct command_option *o =
        is_long || word[2] == '\0' ? find_option(out->command, name, is_long ? '\0' : word[1]) : NULL;

    if (o == NULL)
        return unknown_option(out->command, word, out->arena, why);
    if (strcmp(o->name, "help") == 0)
        return PARSE_HELP;
    if (o->value == NULL && has_value) {
        (void)fault_set(why, ERR_SYNTAX, "option --%s takes no value", o->name);
        return PARSE_BAD;
    }
    if (o->value != NULL && !has_value && *at + 1 >= argc) {
        (void)fault_set(why, ERR_SYNTAX, "option --%s needs a value: --%s %s", o->name, o->name, o->value);
        return PARSE_BAD;
    }
    if (o->value != NULL)
        value = has_value ? rest.ptr : argv[++*at];
    if (!o->is_list && invocation_has(out, o->name)) {
        (void)fault_set(why, ERR_SYNTAX, "option --%s is given twice", o->name);
        return PARSE_BAD;
    }
    out->options[out->options_len++] = (struct given_option){ o, value };
    return PARSE_RUN;
}

/* "name" of "NAME", "id" of "[ID]...": what the first argument is called in a sentence. */
static struct slice noun_of(const struct command *c, char out[static 32])
{
    size_t begin = strspn(c->args, "["), len = strspn(c->args + begin, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-");

    return slice_lower(slice_first(slice_of(c->args + begin, len), 32), out);
}

static enum parse_result check_empty(const struct invocation *inv, struct fault *why)
{
    char noun[32];

    for (size_t i = 0; i < inv->args_len; i++) {
        if (inv->args[i][0] != '\0')
            continue;
        (void)fault_set(why, ERR_SYNTAX, "the %.*s is empty: sternpost %s %s", SLICE_FMT(noun_of(inv->command, noun)),
                        inv->command->words, inv->command->args);
        return PARSE_BAD;
    }
    return PARSE_RUN;
}

static enum parse_result check_args(const struct invocation *inv, struct fault *why)
{
    const struct command *c = inv->command;

    if (inv->args_len >= c->args_min && inv->args_len <= c->args_max)
        return check_empty(inv, why);
    if (c->args_max == 0)
        (void)fault_set(why, ERR_SYNTAX, "'%s' takes no argument like '%s'; see 'sternpost %s --help'", c->words,
                        inv->args[0], c->words);
    else
        (void)fault_set(why, ERR_SYNTAX, "%s arguments: sternpost %s %s",
                        inv->args_len < c->args_min ? "missing" : "too many", c->words, c->args);
    return PARSE_BAD;
}

enum parse_result command_parse(int argc, char **argv, struct arena *arena, struct invocation *out, const char **words,
                                struct fault *why)
{
    bool takes_options = true;
    int at;
    enum parse_result result;

    *out = (struct invocation){ .arena = arena };
    result = find_words(argc, argv, arena, out, words, &at, why);
    if (result != PARSE_RUN)
        return result;
    *words = out->command->words;
    out->args = ARENA_ARRAY(arena, const char *, (size_t)argc + 1);
    out->options = ARENA_ARRAY(arena, struct given_option, (size_t)argc + 1);
    for (; at < argc && result == PARSE_RUN; at++) {
        if (takes_options && strcmp(argv[at], "--") == 0)
            takes_options = false;
        else if (takes_options && argv[at][0] == '-' && argv[at][1] != '\0')
            result = parse_option(argc, argv, &at, out, why);
        else
            out->args[out->args_len++] = argv[at];
    }
    return result == PARSE_RUN ? check_args(out, why) : result;
}

const char *invocation_option(const struct invocation *inv, const char *name)
{
    for (size_t i = inv->options_len; i-- > 0;) {
        if (strcmp(inv->options[i].option->name, name) == 0)
            return inv->options[i].value == NULL ? "" : inv->options[i].value;
    }
    return NULL;
}

bool invocation_has(const struct invocation *inv, const char *name)
{
    return invocation_option(inv, name) != NULL;
}

int invocation_limit(const struct invocation *inv, uint64_t *out)
{
    const char *limit = invocation_option(inv, "limit");

    *out = UINT64_MAX;
    if (limit == NULL || (slice_to_u64(slice_str(limit), out) && *out > 0))
        return EXIT_DONE;
    return complain(EXIT_USAGE, "--limit '%s' is not a number above 0", limit);
}

int complain(int code, const char *fmt, ...)
{
    char text[1024], clean[sizeof text];
    struct slice shown;
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    shown = utf8_printable(slice_str(text), clean, sizeof clean);
    (void)fprintf(stderr, "sternpost: %.*s\n", SLICE_FMT(shown));
    return code;
}
