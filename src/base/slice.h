/* base/slice.h: borrowed bytes, a pointer and a length. Never NUL-terminated by promise. */
#ifndef STERNPOST_BASE_SLICE_H
#define STERNPOST_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *ptr;
    size_t      len;
};

#define SLICE_LIT(s) ((struct slice){ (s), sizeof(s) - 1 })
/* For printf: printf("%.*s", SLICE_FMT(s)). */
#define SLICE_FMT(s) (int)(s).len, (s).ptr

static inline struct slice slice_str(const char *s)
{
    return (struct slice){ s, s == NULL ? 0 : strlen(s) };
}

static inline struct slice slice_of(const char *ptr, size_t len)
{
    return (struct slice){ ptr, len };
}

/* From `at` to the end; empty when `at` lies beyond it. */
struct slice slice_from(struct slice s, size_t at);
/* At most the first `len` bytes. */
struct slice slice_first(struct slice s, size_t len);

bool slice_eq(struct slice a, struct slice b);
bool slice_eq_case(struct slice a, struct slice b); /* ASCII letters only */
bool slice_starts(struct slice s, struct slice prefix);
bool slice_starts_case(struct slice s, struct slice prefix);
bool slice_ends_case(struct slice s, struct slice suffix);

/* Index of the first / last `c`, or SIZE_MAX. */
size_t slice_find(struct slice s, char c);
size_t slice_find_last(struct slice s, char c);

/* Up to the first `c`; *rest is what lies behind it (empty when there is no `c`). */
struct slice slice_cut(struct slice s, char c, struct slice *rest);

/* Without blanks and tabs at both ends. */
struct slice slice_trim(struct slice s);

/* Strict unsigned decimal: 1 to 20 digits and nothing else. False on anything
 * else or overflow; *out is written only on true. */
bool slice_to_u64(struct slice s, uint64_t *out);

/* Copies into `out` with a NUL behind; false (and an empty string) when it does not fit or holds a NUL. */
bool slice_to_cstr(struct slice s, char *out, size_t size);

/* ASCII lower case into `out` (which must hold s.len bytes); returns it as a slice. */
struct slice slice_lower(struct slice s, char *out);

#endif
