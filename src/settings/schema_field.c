/* Values of fields: from JSON as it is stored, from and to the words of the command line. */
#include "settings/schema.h"

#include "base/utf8.h"
#include "settings/units.h"

enum { LIST_MAX = 100000, SECRET_MAX = 1024 };

const char *setting_type_name(enum setting_type t)
{
    static const char *const names[] = {
        [SETTING_TEXT] = "text",         [SETTING_LIST] = "list",     [SETTING_YES_NO] = "true or false",
        [SETTING_DURATION] = "duration", [SETTING_CHOICE] = "choice", [SETTING_SECRET] = "secret",
    };

    return names[t];
}

static struct slice string_of(const json_t *value)
{
    return slice_of(json_string_value(value), json_string_length(value));
}

/* "field 'servers': 'x y' ...": puts the field's name in front of a reason. */
static enum status refuse(const struct setting_field *f, struct fault *why, const char *fmt, ...) PRINTF_LIKE(3, 4);

static enum status refuse(const struct setting_field *f, struct fault *why, const char *fmt, ...)
{
    char text[320];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return fault_set(why, ERR_SYNTAX, "field '%s': %s", f->name, text);
}

static enum status wrong_type(const struct setting_field *f, const char *wanted, struct fault *why)
{
    return refuse(f, why, "the value must be %s, such as %s", wanted, f->example);
}

/* -- checks, by type -------------------------------------------------------------------------------------- */

static enum status normalised(const struct setting_field *f, const json_t *value, json_t **out, struct fault *why)
{
    struct arena arena = { 0 };
    struct slice got = SLICE_LIT(""), text = string_of(value);
    struct fault reason;
    char shown[80];
    enum status st = OK;

    if (text.len == 0)
        return refuse(f, why, "the value is empty; use null for the default");
    if (f->normalise(text, &arena, &got, &reason) != OK) {
        text = utf8_printable(text, shown, sizeof shown);
        st = refuse(f, why, "'%.*s': %s", SLICE_FMT(text), reason.text);
    } else {
        *out = json_stringn(got.ptr, got.len);
    }
    arena_release(&arena);
    return st;
}

static enum status check_text(const struct setting_field *f, const json_t *value, json_t **out, struct fault *why)
{
    return json_is_string(value) ? normalised(f, value, out, why) : wrong_type(f, "a string", why);
}

static enum status check_list(const struct setting_field *f, const json_t *value, json_t **out, struct fault *why)
{
    json_t *list;

    if (!json_is_array(value))
        return wrong_type(f, "an array of strings", why);
    if (json_array_size(value) > LIST_MAX)
        return refuse(f, why, "there are more than %d items; split them over several lists", LIST_MAX);
    list = json_array();
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *item = json_array_get(value, i);
        json_t *good = NULL;
        enum status st =
            json_is_string(item) ? normalised(f, item, &good, why) : wrong_type(f, "an array of strings", why);

        if (st != OK) {
            json_decref(list);
            return st;
        }
        json_array_append_new(list, good);
    }
    *out = list;
    return OK;
}

static enum status check_yes_no(const struct setting_field *f, const json_t *value, json_t **out, struct fault *why)
{
    if (!json_is_boolean(value))
        return wrong_type(f, "true or false", why);
    *out = json_boolean(json_is_true(value));
    return OK;
}

static enum status check_duration(const struct setting_field *f, const json_t *value, json_t **out, struct fault *why)
{
    char text[UNITS_TEXT];
    struct fault reason;
    int64_t ms;

    if (!json_is_string(value))
        return wrong_type(f, "a string", why);
    if (units_parse_duration(string_of(value), &ms, &reason) != OK)
        return refuse(f, why, "%s", reason.text);
    if (ms % 1000 != 0)
        return refuse(f, why, "it counts in whole seconds");
    *out = json_string(units_duration_text(ms, text));
    return OK;
}

static enum status check_choice(const struct setting_field *f, const json_t *value, json_t **out, struct fault *why)
{
    struct slice rest = slice_str(f->choices), got = string_of(value);

    if (!json_is_string(value))
        return wrong_type(f, "a string", why);
    while (rest.len > 0) {
        if (slice_eq(slice_cut(rest, '|', &rest), got)) {
            *out = json_stringn(got.ptr, got.len);
            return OK;
        }
    }
    return refuse(f, why, "'%.*s' is not known; one of %s", SLICE_FMT(slice_first(got, 60)), f->choices);
}

static enum status check_secret(const struct setting_field *f, const json_t *value, json_t **out, struct fault *why)
{
    struct slice got = string_of(value);
    size_t most = f->most != 0 ? f->most : SECRET_MAX;

    if (!json_is_string(value) || got.len == 0)
        return refuse(f, why, "a secret is a string that is not empty");
    if (got.len > most)
        return refuse(f, why, "it is longer than %zu bytes", most);
    *out = json_stringn(got.ptr, got.len);
    return OK;
}

enum status setting_field_check(const struct setting_field *f, const json_t *value, json_t **out, struct fault *why)
{
    static enum status (*const checks[])(const struct setting_field *, const json_t *, json_t **, struct fault *) = {
        [SETTING_TEXT] = check_text,         [SETTING_LIST] = check_list,     [SETTING_YES_NO] = check_yes_no,
        [SETTING_DURATION] = check_duration, [SETTING_CHOICE] = check_choice, [SETTING_SECRET] = check_secret,
    };

    return checks[f->type](f, value, out, why);
}

/* -- words ------------------------------------------------------------------------------------------------ */

static json_t *list_from_text(struct slice text)
{
    json_t *list = json_array();
    struct slice rest = text;

    while (rest.len > 0) {
        struct slice item = slice_trim(slice_cut(rest, ',', &rest));

        json_array_append_new(list, json_stringn(item.ptr, item.len));
    }
    return list;
}

json_t *setting_field_from_text(const struct setting_field *f, struct slice text)
{
    if (text.len == 0)
        return json_null();
    if (f->type == SETTING_LIST)
        return list_from_text(text);
    if (f->type == SETTING_YES_NO && (slice_eq(text, SLICE_LIT("true")) || slice_eq(text, SLICE_LIT("yes"))))
        return json_true();
    if (f->type == SETTING_YES_NO && (slice_eq(text, SLICE_LIT("false")) || slice_eq(text, SLICE_LIT("no"))))
        return json_false();
    return json_stringn(text.ptr, text.len);
}

struct slice setting_field_text(const struct setting_field *f, const json_t *value, struct arena *arena)
{
    struct slice text = SLICE_LIT("");

    if (value == NULL || json_is_null(value))
        return text;
    if (f->type == SETTING_SECRET)
        return SLICE_LIT(SETTING_SECRET_SHOWN);
    if (f->is_file_text)
        return arena_printf(arena, "(%zu bytes)", json_string_length(value));
    if (json_is_boolean(value))
        return json_is_true(value) ? SLICE_LIT("true") : SLICE_LIT("false");
    if (json_is_string(value))
        return arena_copy(arena, string_of(value));
    for (size_t i = 0; i < json_array_size(value); i++)
        text = arena_printf(arena, "%.*s%s%.*s", SLICE_FMT(text), i == 0 ? "" : ",",
                            SLICE_FMT(string_of(json_array_get(value, i))));
    return text;
}
