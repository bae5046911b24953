/* A settings document from anyone: applied to nothing; what is taken compiles, and comes out as it went in. */
#include "settings/document.h"

#include "base/fuzz.h"
#include "settings/snapshot.h"

/* Hashing passwords is slow by design, and not what is looked for here. */
static bool has_users(struct slice text)
{
    return memmem(text.ptr, text.len, "user", 4) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena = { 0 };
    struct slice text = slice_of((const char *)data, len), again;
    const struct setting_row *rows, *more;
    size_t rows_len, more_len;
    struct snapshot *s = NULL;
    struct fault why;

    if (!has_users(text) && settings_apply(NULL, 0, text, &arena, &rows, &rows_len, &why) == OK) {
        must(snapshot_new(rows, rows_len, 1, &s, &why) == OK);
        must(settings_export(rows, rows_len, &arena, &again, &why) == OK);
        must(settings_apply(rows, rows_len, again, &arena, &more, &more_len, &why) == OK && more_len == 0);
        snapshot_release(s);
    }
    arena_release(&arena);
    return 0;
}
