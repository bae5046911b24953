/* settings/schema.h: the kinds of settings and their fields, as one table. Validation, the command line with its
 * help and completion, the manual and the JSON API are made from it.
 *
 * An object is a JSON object of fields; one that is not there, or null, has its default. */
#ifndef STERNPOST_SETTINGS_SCHEMA_H
#define STERNPOST_SETTINGS_SCHEMA_H

#include "base/arena.h"

#include <jansson.h>

enum setting_type {
    SETTING_TEXT,     /* string, not empty */
    SETTING_LIST,     /* array of strings, none empty */
    SETTING_YES_NO,   /* true or false */
    SETTING_DURATION, /* string: "4h" (settings/units.h) */
    SETTING_CHOICE,   /* string: one of the words in `choices` */
    SETTING_SECRET,   /* string; goes in, never comes out: shown as SETTING_SECRET_SHOWN */
};
const char *setting_type_name(enum setting_type t); /* for people: "list", "true or false" */

/* What stands for a secret in every output; as an input it means "leave it as it is". */
#define SETTING_SECRET_SHOWN "(secret)"

/* A text, or one item of a list, in the form that is stored; in `arena`. ERR_SYNTAX; `why` names no field. */
typedef enum status setting_normalise_fn(struct slice text, struct arena *arena, struct slice *out, struct fault *why);

struct setting_field {
    const char *name, *help, *example;
    enum setting_type type;
    const char *choices;             /* SETTING_CHOICE: "none|may|encrypt|verify" */
    const char *initial;             /* the default, as text; NULL: none, or see `help` */
    setting_normalise_fn *normalise; /* TEXT and LIST */
    size_t most;                     /* SECRET: bytes; 0: 1024 */
    bool is_file_text;               /* the command line names a file, whose text is the value; shown by its length there */
    const char *refers_to;           /* kind of which the text names an object; "list": within "list:NAME" items */
};

struct setting_kind {
    const char *name;      /* "host" */
    const char *help;      /* one sentence */
    const char *name_help; /* what the name of an object is */
    const char *name_example;
    setting_normalise_fn *normalise_name;
    const struct setting_field *fields;
    size_t fields_len;
    bool is_single; /* one object, always there, whose name is the kind's */
};

size_t setting_kinds(const struct setting_kind **out);           /* in the order in which they are shown */
const struct setting_kind *setting_kind_find(struct slice name); /* NULL */
const struct setting_field *setting_field_find(const struct setting_kind *k, struct slice name); /* NULL */

/* The value of a field, as stored, from JSON: a new reference in *out. ERR_SYNTAX; `why` is a sentence that names the
 * field, the value and the remedy. */
MUST_USE enum status setting_field_check(const struct setting_field *f, const json_t *value, json_t **out,
                                         struct fault *why);
/* JSON for setting_field_check() from a word of the command line: a list is separated by commas, the empty text is
 * null (back to the default). A new reference. */
json_t *setting_field_from_text(const struct setting_field *f, struct slice text);
/* The value as a word, the reverse of it, for tables: in `arena`. */
struct slice setting_field_text(const struct setting_field *f, const json_t *value, struct arena *arena);

/* "there is no kind 'rul'; did you mean 'rule'?" and "a host has no field 'sever'; did you mean 'servers'?" Both
 * return ERR_SYNTAX. */
enum status setting_kind_unknown(struct slice name, struct fault *why);
enum status setting_field_unknown(const struct setting_kind *k, struct slice name, struct fault *why);

#endif
