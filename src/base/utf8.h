/* base/utf8.h: foreign text, character by character (RFC 3629: no overlong form, no surrogate, at most U+10FFFF). */
#ifndef STERNPOST_BASE_UTF8_H
#define STERNPOST_BASE_UTF8_H

#include "base/slice.h"

/* Bytes of the well-formed character at the front of `s`, 1 to 4; 0 when there is none. */
size_t utf8_len(struct slice s);
bool utf8_is_valid(struct slice s);
bool utf8_is_ascii(struct slice s);

/* Bytes of the printable character at the front; 0 for what is ill-formed or a control
 * (C0, DEL, and C1, on which terminals act; line separators and what turns the direction of writing). */
size_t utf8_printable_len(struct slice s);

/* Copies at most `size` bytes of `s` into `out`, each byte that is not part of a printable
 * character as '?', never half a character; returns what was written. */
struct slice utf8_printable(struct slice s, char *out, size_t size);

#endif
