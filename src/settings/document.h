/* settings/document.h: all settings as one JSON document for version control, and back.
 *
 *   { "sternpost-settings": 1, "host": { "relay": { "servers": ["smtp.example.net"] } }, ... }
 *
 * Kinds and fields stand in the order of the schema, names sorted; the text ends with a newline. Secrets are
 * SETTING_SECRET_SHOWN, which leaves them as they are when the document is applied. */
#ifndef STERNPOST_SETTINGS_DOCUMENT_H
#define STERNPOST_SETTINGS_DOCUMENT_H

#include "settings/change.h"

enum { SETTINGS_DOCUMENT_MAX = 16 * 1024 * 1024 };

/* In `arena`. ERR_SYNTAX: a row cannot be read. */
MUST_USE enum status settings_export(const struct setting_row *rows, size_t rows_len, struct arena *arena,
                                     struct slice *out, struct fault *why);

/* Rows that make the settings what the document says, as settings_change() gives them. Of a kind that stands in the
 * document, objects and fields that do not are removed; a kind that does not stand in it is left alone.
 * ERR_SYNTAX, ERR_LIMIT (longer than SETTINGS_DOCUMENT_MAX), ERR_CONFLICT. */
MUST_USE enum status settings_apply(const struct setting_row *rows, size_t rows_len, struct slice document,
                                    struct arena *arena, const struct setting_row **out, size_t *out_len,
                                    struct fault *why);

/* What rows would change, for people: "+ host relay", "- list old", "~ rule bank" and the fields below it with
 * "level: \"encrypt\" -> \"verify\"". Without secrets. In `arena`. */
struct slice settings_difference(const struct setting_row *rows, size_t rows_len, struct arena *arena);

#endif
