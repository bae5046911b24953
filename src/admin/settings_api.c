/* Settings are read from the store, changed by pure functions (settings/change.h, settings/document.h), written with
 * the version they were read at, read again, compiled and handed to the workers. */
#include "admin/api.h"
#include "base/log.h"
#include "settings/change.h"
#include "settings/document.h"

static const struct setting_kind *kind_of_path(struct call *c)
{
    const struct setting_kind *k = setting_kind_find(c->params[0]);
    struct fault why;

    if (k != NULL)
        return k;
    call_refuse(c, setting_kind_unknown(c->params[0], &why), "%s", why.text);
    return NULL;
}

static void load(struct call *c, void (*then)(struct call *c))
{
    c->store.verb = STORE_SETTINGS_LOAD;
    call_store(c, then);
}

/* -- reading ---------------------------------------------------------------------------------------------- */

static json_t *object_to_json(struct slice name, json_t *fields)
{
    json_t *j = json_object();

    json_object_set_new(j, "name", json_of(name));
    json_object_set_new(j, "fields", fields == NULL ? json_object() : fields);
    return j;
}

static const struct setting_row *find_row(const struct store_request *r, const struct setting_kind *k,
                                          struct slice name)
{
    for (size_t i = 0; i < r->settings_len; i++) {
        if (slice_eq(r->settings[i].kind, slice_str(k->name)) && slice_eq(r->settings[i].name, name))
            return &r->settings[i];
    }
    return NULL;
}

static void listed(struct call *c)
{
    const struct setting_kind *k = c->state;
    json_t *answer = json_object(), *objects = json_array();

    for (size_t i = 0; i < c->store.settings_len; i++) {
        const struct setting_row *row = &c->store.settings[i];

        if (slice_eq(row->kind, slice_str(k->name)))
            json_array_append_new(objects, object_to_json(row->name, setting_shown(k, row->after)));
    }
    json_object_set_new(answer, "version", json_integer((json_int_t)c->store.version));
    json_object_set_new(answer, "objects", objects);
    call_answer(c, answer);
}

void api_settings_list(struct call *c)
{
    c->state = (void *)kind_of_path(c);
    if (c->state != NULL)
        load(c, listed);
}

/* The name as it is stored; false: the call is answered. */
static bool name_of_path(struct call *c, const struct setting_kind *k)
{
    struct fault why;

    if (k->normalise_name(c->params[1], c->arena, &c->params[1], &why) == OK)
        return true;
    call_refuse(c, ERR_SYNTAX, "%s '%.*s': %s", k->name, SLICE_FMT(c->params[1]), why.text);
    return false;
}

static void shown(struct call *c)
{
    const struct setting_kind *k = c->state;
    const struct setting_row *row = find_row(&c->store, k, c->params[1]);
    json_t *answer;

    if (row == NULL && !k->is_single) {
        call_refuse(c, ERR_NOT_FOUND, "there is no %s '%.*s'; see 'sternpost %s list'", k->name,
                    SLICE_FMT(c->params[1]), k->name);
        return;
    }
    answer = object_to_json(c->params[1], row == NULL ? NULL : setting_shown(k, row->after));
    json_object_set_new(answer, "version", json_integer((json_int_t)c->store.version));
    call_answer(c, answer);
}

void api_settings_show(struct call *c)
{
    const struct setting_kind *k = kind_of_path(c);

    c->state = (void *)k;
    if (k != NULL && name_of_path(c, k))
        load(c, shown);
}

static void exported(struct call *c)
{
    struct slice document;
    struct fault why;
    json_t *answer;

    if (settings_export(c->store.settings, c->store.settings_len, c->arena, &document, &why) != OK) {
        call_refuse(c, ERR_TEMPORARY, "%s", why.text);
        return;
    }
    answer = json_object();
    json_object_set_new(answer, "version", json_integer((json_int_t)c->store.version));
    json_object_set_new(answer, "document", json_stringn(document.ptr, document.len));
    call_answer(c, answer);
}

void api_settings_export(struct call *c)
{
    load(c, exported);
}

/* -- changing --------------------------------------------------------------------------------------------- */

/* One change on its way: what is asked for, and the rows it comes to. */
struct settings_work {
    struct setting_change change;
    struct slice document; /* of apply; empty: `change` counts */
    bool is_dry_run;
    const struct setting_row *rows;
    size_t rows_len;
};

static json_t *changes_to_json(struct call *c, uint64_t version)
{
    const struct settings_work *w = c->state;
    struct slice difference = settings_difference(w->rows, w->rows_len, c->arena);
    json_t *j = json_object();

    json_object_set_new(j, "version", json_integer((json_int_t)version));
    json_object_set_new(j, "changes", json_integer((json_int_t)w->rows_len));
    json_object_set_new(j, "difference", json_stringn(difference.ptr, difference.len));
    return j;
}

/* The change is on disk, and what it came to is read again: what others changed meanwhile is in it too. */
static void publish(struct call *c)
{
    struct snapshot *fresh;
    struct fault why;

    if (snapshot_new(c->store.settings, c->store.settings_len, c->store.version, &fresh, &why) != OK) {
        log_error(NULL, "settings were saved but cannot be used", LOG_CSTR("why", why.text));
        call_refuse(c, ERR_TEMPORARY, "saved, but not in use: %s", why.text);
        return;
    }
    c->admin->publish(c->admin->ctx, fresh);
    log_info(NULL, "settings changed", LOG_INT("version", c->store.version), LOG_STR("who", c->who));
    call_answer(c, changes_to_json(c, c->store.version));
}

static void saved(struct call *c)
{
    if (c->store.status == ERR_CONFLICT) {
        call_refuse(c, ERR_CONFLICT, "somebody else changed the settings at the same moment; look and try again");
        return;
    }
    if (c->store.status != OK) {
        call_refuse(c, c->store.status, "%s", c->store.why.text);
        return;
    }
    call_store_again(c);
    load(c, publish);
}

static bool is_version_wanted(struct call *c)
{
    uint64_t wanted;

    if (!call_query_number(c, "version", c->store.version, INT64_MAX, &wanted))
        return false;
    if (wanted == c->store.version)
        return true;
    call_refuse(c, ERR_CONFLICT, "the settings are at version %llu, not %llu: somebody changed them; look again",
                (unsigned long long)c->store.version, (unsigned long long)wanted);
    return false;
}

static void loaded(struct call *c)
{
    struct settings_work *w = c->state;
    uint64_t version = c->store.version;
    struct fault why;
    enum status st;

    if (!is_version_wanted(c))
        return;
    if (w->document.len > 0)
        st = settings_apply(c->store.settings, c->store.settings_len, w->document, c->arena, &w->rows, &w->rows_len,
                            &why);
    else
        st = settings_change(c->store.settings, c->store.settings_len, &w->change, 1, c->arena, &w->rows, &w->rows_len,
                             &why);
    if (st == OK)
        st = certificates_check(c, w->rows, w->rows_len, &why);
    if (st != OK) {
        call_refuse(c, st, "%s", why.text);
        return;
    }
    if (w->is_dry_run || w->rows_len == 0) {
        call_answer(c, changes_to_json(c, version));
        return;
    }
    call_store_again(c);
    c->store.verb = STORE_SETTINGS_CHANGE;
    c->store.settings_in = w->rows;
    c->store.settings_in_len = w->rows_len;
    c->store.base_version = version;
    c->store.who = c->who;
    c->store.from = c->http->from;
    call_store_try(c, saved);
}

static void change(struct call *c, enum setting_verb verb)
{
    const struct setting_kind *k = kind_of_path(c);
    struct settings_work *w;

    if (k == NULL || !name_of_path(c, k))
        return;
    if (c->body == NULL)
        c->body = json_object();
    w = c->state = ARENA_NEW(c->arena, struct settings_work);
    w->change = (struct setting_change){
        .verb = verb,
        .kind = slice_str(k->name),
        .name = c->params[1],
        .fields = c->body,
    };
    load(c, loaded);
}

void api_settings_add(struct call *c)
{
    change(c, SETTING_CREATE);
}

void api_settings_set(struct call *c)
{
    change(c, SETTING_CHANGE);
}

void api_settings_remove(struct call *c)
{
    change(c, SETTING_DELETE);
}

void api_settings_apply(struct call *c)
{
    const json_t *document = json_object_get(c->body, "document");
    struct settings_work *w = c->state = ARENA_NEW(c->arena, struct settings_work);

    if (json_string_length(document) == 0) {
        call_refuse(c, ERR_SYNTAX, "\"document\" is missing: the text that 'sternpost settings export' writes");
        return;
    }
    w->document = slice_of(json_string_value(document), json_string_length(document));
    w->is_dry_run = json_is_true(json_object_get(c->body, "dry_run"));
    load(c, loaded);
}
