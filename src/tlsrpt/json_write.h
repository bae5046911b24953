/* tlsrpt/json_write.h: JSON text (RFC 8259) written key by key, in our order, so that equal data gives equal text. */
#ifndef STERNPOST_TLSRPT_JSON_WRITE_H
#define STERNPOST_TLSRPT_JSON_WRITE_H

#include "base/buf.h"

/* A text being written; `st` stays at the first failure. Zeroed but for `out`, it is at its start. */
struct tlsrpt_json {
    struct buf *out;
    bool needs_comma;
    enum status st;
};

/* In what follows `key` is ours, and NULL for an item of an array and for the outermost value. */

/* `bracket` is '{' or '[', or what closes it. */
void tlsrpt_json_open(struct tlsrpt_json *w, const char *key, char bracket);
void tlsrpt_json_close(struct tlsrpt_json *w, char bracket);
void tlsrpt_json_number(struct tlsrpt_json *w, const char *key, uint64_t n);
/* Foreign text: what is no UTF-8 becomes U+FFFD. Its escaped form takes at most `limit_bytes`, quotes not counted; the
 * string is cut behind the last character that fits. False when it was cut. */
bool tlsrpt_json_string(struct tlsrpt_json *w, const char *key, struct slice s, size_t limit_bytes);

#endif
