/* settings/setting_set.h: all settings as JSON objects in memory, sorted: the working form of change and compilation.
 */
#ifndef STERNPOST_SETTINGS_SETTING_SET_H
#define STERNPOST_SETTINGS_SETTING_SET_H

#include "base/map.h"
#include "settings/schema.h"
#include "settings/snapshot.h"

struct setting_object {
    const struct setting_kind *kind;
    struct slice name;
    json_t *fields; /* as stored: normalised, no null; a user's password as {"hash", "scram"} */
};

struct setting_set {
    struct setting_object **items; /* in the order of the kinds, then by name; sorted by setting_set_sort() */
    size_t len, cap;
    struct map by_key;
};

void setting_set_init(struct setting_set *s);
void setting_set_release(struct setting_set *s);

/* Adds what the rows hold, every field checked. ERR_SYNTAX. */
MUST_USE enum status setting_set_load(struct setting_set *s, const struct setting_row *rows, size_t rows_len,
                                      struct fault *why);
struct setting_object *setting_set_find(const struct setting_set *s, const struct setting_kind *k, struct slice name);
/* Takes `fields`; `name` is copied. There is none of that name yet. */
void setting_set_add(struct setting_set *s, const struct setting_kind *k, struct slice name, json_t *fields);
void setting_set_remove(struct setting_set *s, struct setting_object *o);
void setting_set_sort(struct setting_set *s);

/* -- fields of an object, with the defaults of the schema; slices live in `arena` ------------------------- */

bool setting_has(const struct setting_object *o, const char *field);
struct slice setting_text(const struct setting_object *o, const char *field, struct arena *arena); /* empty: not set */
const struct slice *setting_list(const struct setting_object *o, const char *field, struct arena *arena, size_t *len);
bool setting_yes(const struct setting_object *o, const char *field);
int setting_choice(const struct setting_object *o, const char *field); /* index of the word; -1: not set, no default */
int64_t setting_seconds(const struct setting_object *o, const char *field); /* 0: not set, no default */

/* "host 'relay': field 'names': ..." Returns ERR_SYNTAX. `field` may be NULL. */
enum status setting_refuse(const struct setting_object *o, const char *field, struct fault *why, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* -- what compiles it ------------------------------------------------------------------------------------- */

/* Does every name that a field refers to stand for an object? ERR_SYNTAX; ERR_CONFLICT when it is in `deleted` (keys
 * as of setting_key(); may be NULL). */
MUST_USE enum status setting_set_check_references(const struct setting_set *s, const struct map *deleted,
                                                  struct fault *why);
struct slice setting_key(const struct setting_kind *k, struct slice name, struct arena *arena);

MUST_USE enum status compile_domain(const struct setting_object *o, struct arena *arena, struct own_domain *out,
                                    struct fault *why);
MUST_USE enum status compile_host(const struct setting_object *o, struct arena *arena, struct host *out,
                                  struct fault *why);
/* `has_alternate`: the gateway has an alternate secure route. */
MUST_USE enum status compile_rule(const struct setting_object *o, bool has_alternate, struct arena *arena,
                                  struct rule *out, struct fault *why);
/* Looks at what was asked for, not at the certificate. */
MUST_USE enum status compile_certificate(const struct setting_object *o, struct arena *arena,
                                         struct certificate_setting *out, struct fault *why);
MUST_USE enum status snapshot_compile(const struct setting_set *s, uint64_t version, struct snapshot **out,
                                      struct fault *why);

#endif
