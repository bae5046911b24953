/* `sternpost completion bash`: a completion script, written out of the table of commands. */
#include "cli/commands.h"
#include "cli/help.h"

static const char script_head[] = "# bash completion for sternpost; made by 'sternpost completion bash'\n"
                                  "_sternpost()\n"
                                  "{\n"
                                  "    local cur=${COMP_WORDS[COMP_CWORD]} path='' words='' i\n"
                                  "    COMPREPLY=()\n"
                                  "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                                  "        case \"$path ${COMP_WORDS[i]}\" in\n";

static const char script_tail[] =
    "    esac\n"
    "    [[ -n $words ]] && mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n"
    "}\n"
    "complete -o default -F _sternpost sternpost\n";

/* The patterns that lead one word further. */
static void print_paths(const struct command *commands, size_t len, const struct command_group *groups,
                        size_t groups_len)
{
    (void)printf("        ");
    for (size_t i = 0; i < groups_len; i++)
        (void)printf("' %s'|", groups[i].word);
    for (size_t i = 0; i < len; i++)
        (void)printf("' %s'%s", commands[i].words, i + 1 < len ? "|" : ")\n");
    (void)fputs("            path=\"$path ${COMP_WORDS[i]}\" ;;\n"
                "        esac\n"
                "    done\n"
                "    case $path in\n",
                stdout);
}

static void print_top(const struct command *commands, size_t len, const struct command_group *groups,
                      size_t groups_len)
{
    (void)printf("    '') words='--help --version");
    for (size_t i = 0; i < len; i++) {
        if (strchr(commands[i].words, ' ') == NULL)
            (void)printf(" %s", commands[i].words);
    }
    for (size_t i = 0; i < groups_len; i++) {
        if (strchr(groups[i].word, ' ') == NULL)
            (void)printf(" %s", groups[i].word);
    }
    (void)puts("' ;;");
}

/* The next words of its commands; those of one group within it stand together in the table. */
static void print_group(const struct command *commands, size_t len, const struct command_group *group)
{
    struct slice before = SLICE_LIT("");

    (void)printf("    ' %s') words='--help", group->word);
    for (size_t i = 0; i < len; i++) {
        struct slice rest, next;

        if (!command_is_of(&commands[i], group))
            continue;
        next = slice_cut(slice_from(slice_str(commands[i].words), strlen(group->word) + 1), ' ', &rest);
        if (!slice_eq(next, before))
            (void)printf(" %.*s", SLICE_FMT(next));
        before = next;
    }
    (void)puts("' ;;");
}

/* "cert scan" beside "cert": where a command's own words lead further. */
static void print_further(const struct command *c, const struct command *commands, size_t len)
{
    size_t own = strlen(c->words);

    for (size_t i = 0; i < len; i++) {
        if (strncmp(commands[i].words, c->words, own) == 0 && commands[i].words[own] == ' ')
            (void)printf("    ' %s') words='%s' ;;&\n", c->words, commands[i].words + own + 1);
    }
}

/* Options only behind a dash, so that elsewhere file names are completed. */
static void print_options(const struct command *c)
{
    const struct command_option *o;

    (void)printf("    ' %s') [[ $cur == -* ]] && words='", c->words);
    for (size_t i = 0; (o = command_option_at(c, i)) != NULL; i++)
        (void)printf("%s--%s", i == 0 ? "" : " ", o->name);
    (void)puts("' ;;");
}

int run_completion(const struct invocation *inv)
{
    size_t len, groups_len;
    const struct command *commands = command_table(&len);
    const struct command_group *groups = command_groups(&groups_len);

    if (strcmp(inv->args[0], "bash") != 0)
        return complain(EXIT_USAGE, "no completion for the shell '%s'; there is one for bash", inv->args[0]);
    (void)fputs(script_head, stdout);
    print_paths(commands, len, groups, groups_len);
    print_top(commands, len, groups, groups_len);
    for (size_t i = 0; i < groups_len; i++)
        print_group(commands, len, &groups[i]);
    for (size_t i = 0; i < len; i++) {
        print_further(&commands[i], commands, len);
        print_options(&commands[i]);
    }
    (void)fputs(script_tail, stdout);
    return EXIT_DONE;
}
