#include "smtp/server.h"

#include "base/test.h"
#include "smtp/server_drive.h"

static const size_t steps[] = { SIZE_MAX, 1, 2, 3, 7, 64 };

/* Runs a script in pieces of every size and holds codes, events and accepted content against what is wanted. */
static void check_script(const char *name, const struct smtp_server_config *config, struct slice script,
                         const char *codes, const char *trail, const char *mail)
{
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        struct drive d;
        char got[4000];

        drive_init(&d, config);
        drive_script(&d, script, steps[i]);
        if (!slice_eq(drive_codes(&d, true, got, sizeof got), slice_str(codes)))
            fail_msg("case '%s', pieces of %zu: got '%s', want '%s'", name, steps[i], got, codes);
        if (trail != NULL && !slice_eq(buf_slice(&d.trail), slice_str(trail)))
            fail_msg("case '%s', pieces of %zu: events '%.*s', want '%s'", name, steps[i],
                     SLICE_FMT(buf_slice(&d.trail)), trail);
        if (mail != NULL && !slice_eq(buf_slice(&d.mail), slice_str(mail)))
            fail_msg("case '%s', pieces of %zu: mail '%.*s', want '%s'", name, steps[i], SLICE_FMT(buf_slice(&d.mail)),
                     mail);
        drive_release(&d);
    }
}

#define OK_RCPT "250/2.0.0 250/2.0.0"
static const struct { const char *name, *script, *codes, *trail, *mail; } cases[] = {
    { "a message", EHLO DATA "Subject: x\r\n\r\n..dot\r\n.\r\n" FLIGHT "QUIT\r\n",
      "250 " OK_RCPT " 354 250/2.0.0 221/2.0.0", "HMRBEQ", "Subject: x\r\n\r\n.dot\r\n$" },
};

TEST(dialogues)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_script(cases[i].name, &drive_config, slice_str(cases[i].script), cases[i].codes, cases[i].trail,
                     cases[i].mail);
}

RUN_TESTS(T(dialogues))
