#include "mail/scan.h"

#include "base/memory.h"
#include "mail/header.h"

#include <stdlib.h>

enum { RECEIVED, MESSAGE_ID, TLS_REQUIRED, FIELDS };

struct mail_scan {
    struct arena arena;
    struct mail_header header;
    struct mail_field fields[FIELDS];
    bool is_too_long;
};

struct mail_scan *mail_scan_new(void)
{
    struct mail_scan *s = NEW(struct mail_scan);

    s->fields[RECEIVED] = (struct mail_field){ .name = "Received", .is_counted = true };
    s->fields[MESSAGE_ID] = (struct mail_field){ .name = "Message-ID" };
    s->fields[TLS_REQUIRED] = (struct mail_field){ .name = "TLS-Required" };
    mail_header_begin(&s->header, &s->arena, s->fields, FIELDS);
    return s;
}

void mail_scan_free(struct mail_scan *s)
{
    if (s == NULL)
        return;
    mail_header_end(&s->header);
    arena_release(&s->arena);
    free(s);
}

void mail_scan_feed(struct mail_scan *s, struct slice piece)
{
    if (!s->is_too_long && mail_header_feed(&s->header, piece) != OK)
        s->is_too_long = true;
}

void mail_scan_end(struct mail_scan *s)
{
    mail_header_end(&s->header);
}

size_t mail_scan_received(const struct mail_scan *s)
{
    return s->fields[RECEIVED].count;
}

bool mail_scan_has_8bit(const struct mail_scan *s)
{
    return s->header.has_8bit;
}

bool mail_scan_is_too_long(const struct mail_scan *s)
{
    return s->is_too_long;
}

size_t mail_scan_header_bytes(const struct mail_scan *s)
{
    return s->header.bytes;
}

struct slice mail_scan_message_id(const struct mail_scan *s)
{
    return s->fields[MESSAGE_ID].first;
}

bool mail_scan_tls_required_no(const struct mail_scan *s)
{
    const struct mail_field *f = &s->fields[TLS_REQUIRED];

    return f->count == 1 && slice_eq_case(f->first, SLICE_LIT("no"));
}
