#include "cli/setting.h"

#include "cli/commands.h"
#include "cli/setting_run.h"
#include "settings/schema.h"

static const struct verb {
    const char *word;
    bool is_for_single, has_name, has_fields, can_clear;
    const char *summary, *details;
    int (*run)(const struct invocation *inv);
} verbs[] = {
    { "add", false, true, true, false, "make a %s", NULL, run_setting_add },
    { "set", true, true, true, true, "change fields of a %s",
      "Fields not named stay as they are. A list is replaced as a whole.", run_setting_set },
    { "list", false, false, false, false, "list every %s", NULL, run_setting_list },
    { "show", true, true, false, false, "show the fields of a %s", NULL, run_setting_show },
    { "remove", false, true, false, false, "remove a %s", "Refused as long as another setting refers to it.",
      run_setting_remove },
};

static const char *placeholder(const struct setting_field *f)
{
    static const char *const by_type[] = {
        [SETTING_TEXT] = "TEXT",         [SETTING_LIST] = "ITEM",   [SETTING_YES_NO] = "true|false",
        [SETTING_DURATION] = "DURATION", [SETTING_CHOICE] = "WORD", [SETTING_SECRET] = NULL,
    };

    return f->type == SETTING_CHOICE ? f->choices : by_type[f->type];
}

/* A field as an option. A secret becomes two switches that say where it is read from. */
static size_t add_field(const struct setting_field *f, struct command_option *out, struct arena *a)
{
    struct slice initial = SLICE_LIT("");

    if (f->is_file_text) {
        out[0] = (struct command_option){ .name = f->name, .value = "FILE", .help = f->help };
        return 1;
    }
    if (f->type == SETTING_SECRET) {
        out[0] = (struct command_option){
            .name = arena_printf(a, "%s-stdin", f->name).ptr,
            .help = arena_printf(a, "%s; read from standard input", f->help).ptr,
        };
        out[1] = (struct command_option){
            .name = arena_printf(a, "%s-ask", f->name).ptr,
            .help = arena_printf(a, "%s; asked for on the terminal", f->help).ptr,
        };
        return 2;
    }
    if (f->initial != NULL)
        initial = arena_printf(a, "; %s unless set", f->initial);
    out[0] = (struct command_option){
        .name = f->name,
        .value = placeholder(f),
        .is_list = f->type == SETTING_LIST,
        .help = arena_printf(a, "%s%.*s", f->help, SLICE_FMT(initial)).ptr,
    };
    return 1;
}

static void add_options(const struct setting_kind *k, const struct verb *v, struct command *c, struct arena *a)
{
    struct command_option *options = ARENA_ARRAY(a, struct command_option, 2 * k->fields_len + 2);

    if (v->has_fields) {
        for (size_t i = 0; i < k->fields_len; i++)
            c->options_len += add_field(&k->fields[i], &options[c->options_len], a);
    }
    if (v->can_clear)
        options[c->options_len++] =
            (struct command_option){ "clear", 0, "FIELD", true, "give a field its default back" };
    c->options = options;
}

/* Commands of a kind that tell more than its fields. */
static const struct special {
    const char *kind, *verb, *summary, *details;
    int (*run)(const struct invocation *inv);
} specials[] = {
    { "certificate", "list", "list every certificate of ours, and how each stands",
      "Also those of the configuration file. STATE is refused (not fit to be served), waits (for its time), held (for "
      "TLSA "
      "records in DNS), rolls (a share of new sessions get it), serves, superseded or retired; SHARE is the "
      "percentage of new "
      "sessions that get it. Below stand the TLSA records that are to be published, and those that can go.",
      run_certificate_list },
};

static void specialise(const struct setting_kind *k, const struct verb *v, struct command *c)
{
    for (size_t i = 0; i < COUNT_OF(specials); i++) {
        if (strcmp(specials[i].kind, k->name) != 0 || strcmp(specials[i].verb, v->word) != 0)
            continue;
        c->summary = specials[i].summary;
        c->details = specials[i].details;
        c->run = specials[i].run;
    }
}

/* Fields that are often given together; the schema's own examples stand for each field alone. */
static const struct {
    const char *kind, *fields;
} example_fields[] = {
    { "domain", " --description headquarters" },
    { "host", " --servers smtp1.example.net:587,smtp2.example.net:587 --tls verify" },
    { "route", " --host relay" },
    { "rule", " --to bank.example,.bank.example --level verify --min-version 1.2 --on-failure bounce" },
    { "list", " --members bank.example,jo@law.example" },
    { "user", " --senders jo@example.org" },
    { "certificate", " --chain mx-2027.pem --key mx-2027.key --valid-from 2026-12-01 --take-over-at 2026-12-03" },
    { "gateway", " --alternate-route required --alternate-host relay" },
};

/* "sternpost rule add bank --to bank.example ... --level verify" */
static const char *example(const struct setting_kind *k, const struct verb *v, struct arena *a)
{
    bool takes_name = v->has_name && !k->is_single;
    const char *fields = "";

    for (size_t i = 0; v->has_fields && i < COUNT_OF(example_fields); i++) {
        if (strcmp(example_fields[i].kind, k->name) == 0)
            fields = example_fields[i].fields;
    }
    return arena_printf(a, "sternpost %s %s%s%s%s\n", k->name, v->word, takes_name ? " " : "",
                        takes_name ? k->name_example : "", fields)
        .ptr;
}

static const char *details(const struct setting_kind *k, const struct verb *v, struct arena *a)
{
    if (!v->has_fields)
        return v->details;
    return arena_printf(a, "%s.%s%s.%s%s", k->help, k->is_single ? "" : "\nNAME: ", k->is_single ? "" : k->name_help,
                        v->details == NULL ? "" : "\n", v->details == NULL ? "" : v->details)
        .ptr;
}

static void make_command(const struct setting_kind *k, const struct verb *v, struct command *c, struct arena *a)
{
    bool takes_name = v->has_name && !k->is_single;

    *c = (struct command){
        .words = arena_printf(a, "%s %s", k->name, v->word).ptr,
        .args = takes_name ? "NAME" : "",
        .args_min = takes_name,
        .args_max = takes_name,
        .traits = COMMAND_ASKS_DAEMON | COMMAND_HAS_JSON,
        .summary = arena_printf(a, v->summary, k->name).ptr,
        .details = details(k, v, a),
        .examples = example(k, v, a),
        .run = v->run,
        .kind = k,
    };
    add_options(k, v, c, a);
    specialise(k, v, c);
}

size_t setting_commands(struct command out[static SETTING_COMMANDS_MAX], struct arena *arena)
{
    const struct setting_kind *kinds;
    size_t kinds_len = setting_kinds(&kinds), len = 0;

    for (size_t k = 0; k < kinds_len; k++) {
        for (size_t v = 0; v < COUNT_OF(verbs) && len < SETTING_COMMANDS_MAX; v++) {
            if (!kinds[k].is_single || verbs[v].is_for_single)
                make_command(&kinds[k], &verbs[v], &out[len++], arena);
        }
    }
    return len;
}

size_t setting_groups(struct command_group out[static SETTING_GROUPS_MAX])
{
    const struct setting_kind *kinds;
    size_t kinds_len = setting_kinds(&kinds), len = 0;

    for (; len < kinds_len && len < SETTING_GROUPS_MAX; len++)
        out[len] = (struct command_group){ kinds[len].name, kinds[len].help };
    return len;
}
