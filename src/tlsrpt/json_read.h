/* tlsrpt/json_read.h: foreign JSON text (RFC 8259), read whole and within bounds (RPT-02), by jansson. */
#ifndef STERNPOST_TLSRPT_JSON_READ_H
#define STERNPOST_TLSRPT_JSON_READ_H

#include "base/arena.h"

#include <jansson.h>

struct tlsrpt_json_bounds {
    size_t bytes;  /* of the text */
    size_t depth;  /* of nested objects and arrays */
    size_t tokens; /* values and keys */
};

/* The object or array (`type`) the text holds, to be released with json_decref(). NULL with *st and `why`: ERR_LIMIT
 * when a bound is exceeded, ERR_SYNTAX when the text is no JSON of that type, names a key twice or is not UTF-8. */
json_t *tlsrpt_json_read(struct slice text, json_type type, const struct tlsrpt_json_bounds *most, enum status *st,
                         struct fault *why);

/* The same of a value of any type. */
json_t *tlsrpt_json_read_any(struct slice text, const struct tlsrpt_json_bounds *most, enum status *st, struct fault *why);

/* Of a string whose opening quote is at `at`: what lies behind its closing quote, or the end of the text. */
size_t tlsrpt_json_skip_string(struct slice text, size_t at);

/* `text` itself when all of it is UTF-8, else a copy in `arena` with U+FFFD for each byte that is not. */
struct slice tlsrpt_utf8_repair(struct slice text, struct arena *arena);

#endif
