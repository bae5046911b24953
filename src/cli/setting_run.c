#include "cli/setting_run.h"

#include "base/memory.h"
#include "cli/client.h"
#include "cli/facts.h"
#include "cli/secret.h"
#include "cli/table.h"
#include "settings/schema.h"

#include <errno.h>

enum { LISTED_FIELDS = 4 };

bool setting_is_asked_for(const struct setting_kind *k, const char *verb)
{
    return strcmp(k->name, "user") == 0 && strcmp(verb, "add") == 0;
}

static const char *verb_of(const struct invocation *inv)
{
    return strchr(inv->command->words, ' ') + 1;
}

static const char *name_of(const struct invocation *inv)
{
    return inv->command->kind->is_single ? inv->command->kind->name : inv->args[0];
}

/* What was given for a field, the pieces of a list joined; false: nothing. */
static bool text_of_field(const struct invocation *inv, const struct setting_field *f, struct slice *out)
{
    bool is_given = false;

    *out = SLICE_LIT("");
    for (size_t i = 0; i < inv->options_len; i++) {
        if (strcmp(inv->options[i].option->name, f->name) != 0)
            continue;
        *out = arena_printf(inv->arena, "%.*s%s%s", SLICE_FMT(*out), is_given ? "," : "", inv->options[i].value);
        is_given = true;
    }
    return is_given;
}

static int read_secret(const struct invocation *inv, const struct setting_field *f, json_t *fields)
{
    const char *from_stdin = arena_printf(inv->arena, "%s-stdin", f->name).ptr;
    const char *from_tty = arena_printf(inv->arena, "%s-ask", f->name).ptr;
    char secret[SECRET_TEXT];
    struct fault why;
    enum status st = OK;

    if (invocation_has(inv, from_stdin))
        st = secret_read_stdin(secret, &why);
    else if (invocation_has(inv, from_tty) || setting_is_asked_for(inv->command->kind, verb_of(inv)))
        st = secret_ask(arena_printf(inv->arena, "%s for '%s'", f->name, name_of(inv)).ptr, secret, &why);
    else
        return EXIT_DONE;
    if (st == OK)
        json_object_set_new(fields, f->name, json_string(secret));
    explicit_bzero(secret, sizeof secret);
    if (st == OK && json_object_get(fields, f->name) == NULL)
        st = fault_set(&why, ERR_SYNTAX, "the %s is not valid UTF-8", f->name);
    return st == OK ? EXIT_DONE : complain(EXIT_USAGE, "%s", why.text);
}

/* A field whose value is the text of the file that was named. */
static int read_file_text(const struct invocation *inv, const struct setting_field *f, json_t *fields)
{
    enum { MOST = 256 * 1024 };
    const char *path = invocation_option(inv, f->name);
    char *text;
    size_t len;
    FILE *in;

    if (path == NULL)
        return EXIT_DONE;
    if (path[0] == '\0') {
        json_object_set_new(fields, f->name, json_null());
        return EXIT_DONE;
    }
    in = fopen(path, "re");
    if (in == NULL)
        return complain(EXIT_USAGE, "cannot read '%s': %s", path, strerror(errno));
    text = mem_new(MOST, 1);
    len = fread(text, 1, MOST, in);
    (void)fclose(in);
    if (len < MOST)
        json_object_set_new(fields, f->name, json_stringn(text, len));
    explicit_bzero(text, MOST);
    free(text);
    if (json_object_get(fields, f->name) != NULL)
        return EXIT_DONE;
    return complain(EXIT_USAGE, len < MOST ? "'%s' is no text" : "'%s' is too large", path);
}

static int read_fields(const struct invocation *inv, json_t *fields)
{
    const struct setting_kind *k = inv->command->kind;
    int code = EXIT_DONE;

    for (size_t i = 0; i < k->fields_len && code == EXIT_DONE; i++) {
        const struct setting_field *f = &k->fields[i];
        struct slice text;

        if (f->is_file_text)
            code = read_file_text(inv, f, fields);
        else if (f->type == SETTING_SECRET)
            code = read_secret(inv, f, fields);
        else if (text_of_field(inv, f, &text))
            json_object_set_new(fields, f->name, setting_field_from_text(f, text));
    }
    return code;
}

/* --clear FIELD,...: null goes back to the default. */
static int clear_fields(const struct invocation *inv, json_t *fields)
{
    for (size_t i = 0; i < inv->options_len; i++) {
        struct slice rest = SLICE_LIT("");

        if (strcmp(inv->options[i].option->name, "clear") == 0)
            rest = slice_str(inv->options[i].value);
        while (rest.len > 0) {
            struct slice name = slice_cut(rest, ',', &rest);
            const struct setting_field *f = setting_field_find(inv->command->kind, name);
            struct fault why;

            if (f == NULL) {
                (void)setting_field_unknown(inv->command->kind, name, &why);
                return complain(EXIT_USAGE, "%s", why.text);
            }
            if (json_object_get(fields, f->name) != NULL)
                return complain(EXIT_USAGE, "field '%s' is both set and cleared", f->name);
            json_object_set_new(fields, f->name, json_null());
        }
    }
    return EXIT_DONE;
}

static int call_for(const struct invocation *inv, enum http_method method, const json_t *body, json_t **answer)
{
    struct slice path = client_path(inv->arena, "/v1/settings/{}/{}", inv->command->kind->name, name_of(inv));

    return client_ask(inv, method, path, body, answer);
}

/* The answer to a change: what became different, field by field. Takes it. */
static void print_changes(const struct invocation *inv, json_t *answer)
{
    if (invocation_has(inv, "json")) {
        print_json(answer);
        return;
    }
    if (answer_number(answer, "changes") == 0)
        (void)puts("nothing to change");
    else
        print_lines(stdout, answer_text(answer, "difference"));
    json_decref(answer);
}

static int save(const struct invocation *inv, enum http_method method, bool wants_fields)
{
    json_t *fields = json_object(), *answer = NULL;
    int code = read_fields(inv, fields);

    if (code == EXIT_DONE)
        code = clear_fields(inv, fields);
    if (code == EXIT_DONE && wants_fields && json_object_size(fields) == 0)
        code = complain(EXIT_USAGE, "say what to change; see 'sternpost %s --help'", inv->command->words);
    if (code == EXIT_DONE)
        code = call_for(inv, method, fields, &answer);
    json_decref(fields);
    if (code == EXIT_DONE)
        print_changes(inv, answer);
    return code;
}

int run_setting_add(const struct invocation *inv)
{
    return save(inv, HTTP_POST, false);
}

int run_setting_set(const struct invocation *inv)
{
    return save(inv, HTTP_PATCH, true);
}

int run_setting_remove(const struct invocation *inv)
{
    json_t *answer = NULL;
    int code = call_for(inv, HTTP_DELETE, NULL, &answer);

    if (code == EXIT_DONE)
        print_changes(inv, answer);
    return code;
}

int run_setting_show(const struct invocation *inv)
{
    const struct setting_kind *k = inv->command->kind;
    json_t *answer = NULL, *fields;
    int code = call_for(inv, HTTP_GET, NULL, &answer);

    if (code != EXIT_DONE)
        return code;
    fields = json_object_get(answer, "fields");
    if (invocation_has(inv, "json")) {
        print_json(answer);
        return EXIT_DONE;
    }
    for (size_t i = 0; i < k->fields_len; i++) {
        const json_t *value = json_object_get(fields, k->fields[i].name);
        bool is_set = value != NULL && !json_is_null(value);
        struct slice text = is_set ? setting_field_text(&k->fields[i], value, inv->arena)
                                   : slice_str(k->fields[i].initial == NULL ? "-" : k->fields[i].initial);

        (void)printf("%-18s ", k->fields[i].name);
        print_text(stdout, text);
        (void)puts(is_set || k->fields[i].initial == NULL ? "" : "  (default)");
    }
    json_decref(answer);
    return EXIT_DONE;
}

static void print_objects(const struct setting_kind *k, const json_t *objects, struct arena *a)
{
    struct table t = { .columns = { { "NAME", false, 0 } }, .columns_len = 1 };
    const json_t *object;
    size_t at, fields_len = k->fields_len < LISTED_FIELDS ? k->fields_len : LISTED_FIELDS;

    for (size_t i = 0; i < fields_len; i++)
        t.columns[t.columns_len++] = (struct table_column){ k->fields[i].name, false, 0 };
    json_array_foreach(objects, at, object) {
        struct slice cells[LISTED_FIELDS + 1] = { answer_text(object, "name") };

        for (size_t i = 0; i < fields_len; i++) {
            const json_t *value = json_object_get(json_object_get(object, "fields"), k->fields[i].name);

            if (value != NULL && !json_is_null(value))
                cells[i + 1] = setting_field_text(&k->fields[i], value, a);
        }
        table_add(&t, cells);
    }
    table_print(&t, stdout);
    table_release(&t);
}

int run_setting_list(const struct invocation *inv)
{
    json_t *answer = NULL;
    int code =
        client_ask(inv, HTTP_GET, client_path(inv->arena, "/v1/settings/{}", inv->command->kind->name), NULL, &answer);

    if (code != EXIT_DONE)
        return code;
    if (invocation_has(inv, "json"))
        print_json(json_incref(json_object_get(answer, "objects")));
    else
        print_objects(inv->command->kind, json_object_get(answer, "objects"), inv->arena);
    json_decref(answer);
    return EXIT_DONE;
}
