/* What the scanner finds depends on the bytes, never on how they were split. */
#include "mail/header.h"

#include "base/fuzz.h"

enum { FIELDS = 3 };

struct found {
    struct arena arena;
    struct mail_header h;
    struct mail_field fields[FIELDS];
    enum status st;
};

static void scan(struct found *f, struct slice in, size_t step)
{
    *f = (struct found){ .fields = {
                             { .name = "Received", .is_counted = true }, { .name = "Message-ID" }, { .name = "a" } } };
    mail_header_begin(&f->h, &f->arena, f->fields, FIELDS);
    for (; in.len > 0 && f->st == OK; in = slice_from(in, step))
        f->st = mail_header_feed(&f->h, slice_first(in, step));
    mail_header_end(&f->h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice in = slice_of((const char *)data, len);
    struct found whole, single;

    scan(&whole, in, SIZE_MAX);
    scan(&single, in, 1);
    must(whole.st == single.st && whole.h.bytes == single.h.bytes && whole.h.bytes <= len);
    must(whole.h.is_over == single.h.is_over && whole.h.has_8bit == single.h.has_8bit);
    must(whole.h.is_malformed == single.h.is_malformed);
    must(!whole.h.is_over || in.ptr[whole.h.bytes - 1] == '\n');
    for (size_t i = 0; i < FIELDS; i++) {
        must(whole.fields[i].count == single.fields[i].count);
        must(slice_eq(whole.fields[i].first, single.fields[i].first));
        must(whole.fields[i].first.len <= MAIL_FIELD_VALUE_MAX && slice_find(whole.fields[i].first, '\n') == SIZE_MAX);
    }
    arena_release(&whole.arena);
    arena_release(&single.arena);
    return 0;
}
