/* settings/change.h: what administrators ask for, against the settings as they are: all of it is good and becomes rows
 * for the store, or nothing is. Pure but for the salts of passwords. */
#ifndef STERNPOST_SETTINGS_CHANGE_H
#define STERNPOST_SETTINGS_CHANGE_H

#include "settings/schema.h"
#include "store/store.h"

enum setting_verb { SETTING_CREATE, SETTING_CHANGE, SETTING_DELETE };

struct setting_change {
    enum setting_verb verb;
    struct slice kind, name;
    const json_t *fields; /* CREATE, CHANGE: an object; fields left out stay as they are, null goes back to the
                             default, SETTING_SECRET_SHOWN leaves a secret. Borrowed */
};

/* `rows` are all settings, as STORE_SETTINGS_LOAD gives them. *out gets the rows for STORE_SETTINGS_CHANGE, none for
 * an object that stays as it is; they live in `arena`, and may hold secrets (but for audit_before and audit_after). A
 * single kind is changed whether it was there or not, and deleting it gives it its defaults back. ERR_NOT_FOUND:
 * CHANGE or DELETE of an object that is not there. ERR_EXISTS: CREATE of one that is. ERR_CONFLICT: DELETE of one that
 * another refers to. ERR_SYNTAX: all else, the whole set as it would be included. */
MUST_USE enum status settings_change(const struct setting_row *rows, size_t rows_len,
                                     const struct setting_change *changes, size_t changes_len, struct arena *arena,
                                     const struct setting_row **out, size_t *out_len, struct fault *why);

/* The object as it may be shown: secrets as SETTING_SECRET_SHOWN, fields in the order of the schema. A new reference;
 * NULL when `json` (a row's `after`) cannot be read. */
json_t *setting_shown(const struct setting_kind *k, struct slice json);

#endif
