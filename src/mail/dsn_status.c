#include "base/clock.h"
#include "base/utf8.h"
#include "mail/dsn_private.h"
#include "smtp/path.h"

#include <stdio.h>

enum { VALUE_BYTES = 1024, STATUS_BYTES = 12 };

static const struct {
    const char *name;
    char class;
} actions[] = {
    [MAIL_DSN_FAILED] = { "failed", '5' },       [MAIL_DSN_DELAYED] = { "delayed", '4' },
    [MAIL_DSN_DELIVERED] = { "delivered", '2' }, [MAIL_DSN_RELAYED] = { "relayed", '2' },
    [MAIL_DSN_EXPANDED] = { "expanded", '2' },
};

static void field_date(struct dsn_writer *w, const char *name, int64_t at_s)
{
    char date[CLOCK_TEXT];

    if (at_s != 0)
        dsn_field(w, name, slice_str(clock_rfc5322(at_s, date)));
}

/* "type; value", of foreign bytes. */
static void field_typed(struct dsn_writer *w, const char *name, const char *type, struct slice value)
{
    char text[VALUE_BYTES];

    if (value.len == 0)
        return;
    (void)snprintf(text, sizeof text, "%s; %.*s", type, SLICE_FMT(slice_first(value, VALUE_BYTES - 32)));
    dsn_field(w, name, slice_str(text));
}

/* RFC 3463 section 2: one digit and twice up to three. */
static bool is_status(struct slice s)
{
    size_t dots = 0, digits = 0;

    for (size_t i = 0; i < s.len; i++) {
        bool is_dot = s.ptr[i] == '.';

        if (is_dot ? digits == 0 : s.ptr[i] < '0' || s.ptr[i] > '9' || ++digits > 3)
            return false;
        dots += is_dot;
        digits = is_dot ? 0 : digits;
    }
    return dots == 2 && digits > 0 && s.len < STATUS_BYTES && s.ptr[1] == '.';
}

static void field_status(struct dsn_writer *w, const struct mail_dsn_rcpt *rcpt)
{
    char class = actions[rcpt->action].class;
    char instead[] = { class, '.', '0', '.', '0', '\0' };
    bool is_good = is_status(rcpt->status) && rcpt->status.ptr[0] == class;

    dsn_field(w, "Status:", is_good ? rcpt->status : slice_str(instead));
}

/* The code point of a well-formed character. */
static unsigned code_point(struct slice c)
{
    static const unsigned char masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    unsigned code = (unsigned char)c.ptr[0] & masks[c.len];

    for (size_t i = 1; i < c.len; i++)
        code = code << 6 | ((unsigned char)c.ptr[i] & 0x3f);
    return code;
}

/* RFC 6533 section 3, utf-8-addr-xtext: "\x{E9}" for what a field in ASCII cannot hold. */
static struct slice embed_unicode(struct slice address, char *out, size_t size)
{
    size_t at = 0;

    while (address.len > 0 && at + 16 < size) {
        size_t len = utf8_printable_len(address);

        if (len > 1)
            at += (size_t)snprintf(out + at, size - at, "\\x{%X}", code_point(slice_first(address, len)));
        else
            out[at++] = len == 1 ? address.ptr[0] : '?';
        address = slice_from(address, len == 0 ? 1 : len);
    }
    return slice_of(out, at);
}

static void field_address(struct dsn_writer *w, const char *name, struct slice address)
{
    char text[VALUE_BYTES];

    if (utf8_is_ascii(address))
        field_typed(w, name, "rfc822", address);
    else if (w->d->is_utf8)
        field_typed(w, name, "utf-8", address);
    else
        field_typed(w, name, "utf-8", embed_unicode(address, text, sizeof text));
}

/* Bad xtext was refused where it came in; here it leaves the field out (SRV-17). */
static void field_envelope_id(struct dsn_writer *w, struct slice envid)
{
    char text[VALUE_BYTES];
    struct slice value;

    if (envid.len > 0 && envid.len <= sizeof text && smtp_xtext_decode(envid, text, &value))
        dsn_field(w, "Original-Envelope-Id:", value);
}

static void field_original(struct dsn_writer *w, struct slice orcpt)
{
    char type[16], text[VALUE_BYTES];
    struct slice xtext, name = slice_cut(orcpt, ';', &xtext), value;

    if (!slice_to_cstr(name, type, sizeof type) || name.len == 0)
        return;
    /* Its characters are \x{...} within the xtext, or plain where both sides speak SMTPUTF8. */
    if (slice_eq_case(name, SLICE_LIT("utf-8")) && !utf8_is_ascii(xtext))
        field_address(w, "Original-Recipient:", xtext);
    else if (xtext.len <= sizeof text && smtp_xtext_decode(xtext, text, &value))
        field_typed(w, "Original-Recipient:", type, value);
}

static void write_rcpt(struct dsn_writer *w, const struct mail_dsn_rcpt *rcpt)
{
    dsn_line(w, "%s", "");
    field_original(w, rcpt->orcpt);
    field_address(w, "Final-Recipient:", rcpt->address);
    dsn_line(w, "Action: %s", actions[rcpt->action].name);
    field_status(w, rcpt);
    field_typed(w, "Remote-MTA:", "dns", rcpt->remote_mta);
    field_typed(w, "Diagnostic-Code:", "smtp", rcpt->diagnostic);
    field_date(w, "Last-Attempt-Date:", rcpt->last_attempt_s);
    if (rcpt->action == MAIL_DSN_DELAYED)
        field_date(w, "Will-Retry-Until:", rcpt->will_retry_until_s);
}

void dsn_write_status(struct dsn_writer *w)
{
    field_envelope_id(w, w->d->envid);
    field_typed(w, "Reporting-MTA:", "dns", w->d->hostname);
    if (w->d->id.len > 0)
        dsn_field(w, "X-Sternpost-Id:", slice_first(w->d->id, 64));
    field_date(w, "Arrival-Date:", w->d->arrival_s);
    for (size_t i = 0; i < w->d->rcpts_len; i++)
        write_rcpt(w, &w->d->rcpts[i]);
}
