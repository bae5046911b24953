/* What the peer sees depends on its bytes, never on how they were split. The first byte chooses the config,
 * the rest is a script of server_drive.h; what the driver answers is in the script too. */
#include "smtp/server_drive.h"

#include "base/fuzz.h"

enum { SCRIPT_MAX = 16 * 1024 };

static struct smtp_server_config config_of(unsigned bits)
{
    struct smtp_server_config c = drive_config;

    c.offers_starttls = (bits & 1) == 0;
    c.starts_in_tls = (bits & 2) != 0;
    c.normalizes_newlines = (bits & 4) != 0;
    c.mail_needs_tls = (bits & 8) != 0;
    c.mail_needs_auth = (bits & 16) != 0;
    if (bits & 32)
        c.max_errors = c.max_junk = 0;
    if (bits & 64)
        c.auth_mechanisms = NULL;
    if (bits & 128)
        c.max_message_bytes = 0;
    return c;
}

static void must_equal(const struct buf *a, const struct buf *b)
{
    if (!slice_eq(buf_slice(a), buf_slice(b)))
        abort();
}

/* No reply line is malformed, and none holds a bare CR or LF (TLS-15). */
static void check_output(const struct buf *out)
{
    char codes[SCRIPT_MAX * 16];

    (void)drive_codes(&(struct drive){ .out = *out }, codes, sizeof codes);
}

static void check_same_replies(const struct smtp_server_config *c, struct slice script, size_t step)
{
    struct drive a, b;

    drive_init(&a, c);
    drive_init(&b, c);
    drive_script(&a, script, SIZE_MAX);
    drive_script(&b, script, step);
    must_equal(&a.out, &b.out);
    must_equal(&a.trail, &b.trail);
    must_equal(&a.mail, &b.mail);
    check_output(&a.out);
    drive_release(&a);
    drive_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice script = slice_of((const char *)data, len);
    struct smtp_server_config c;

    if (len == 0 || len > SCRIPT_MAX)
        return 0;
    c = config_of(data[0]);
    script = slice_from(script, 1);
    check_same_replies(&c, script, 1);
    check_same_replies(&c, script, 2 + data[0] % 11);
    return 0;
}
