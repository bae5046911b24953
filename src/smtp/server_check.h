/* smtp/server_check.h: one line of a table is one dialogue; for smtp/server_*test.c only. */
#ifndef STERNPOST_SMTP_SERVER_CHECK_H
#define STERNPOST_SMTP_SERVER_CHECK_H

#include "base/test.h"
#include "smtp/server_drive.h"

/* What is wanted of a script of server_drive.h; NULL: anything. */
struct dialogue {
    const char *name, *script, *codes, *trail, *mail;
};

static const size_t check_steps[] = { SIZE_MAX, 1, 2, 3, 7, 64 };

static inline void check_text(const char *name, size_t step, struct slice got, const char *want)
{
    if (want != NULL && !slice_eq(got, slice_str(want)))
        fail_msg("case '%s' in pieces of %zd: got '%.*s', want '%s'", name, (ssize_t)step, SLICE_FMT(got), want);
}

/* Runs the script in pieces of every size. */
static inline void check_script(const struct smtp_server_config *config, struct slice script,
                                const struct dialogue *want)
{
    static char codes[64 * 1024];

    for (size_t i = 0; i < COUNT_OF(check_steps); i++) {
        struct drive d;

        drive_init(&d, config);
        drive_script(&d, script, check_steps[i]);
        check_text(want->name, check_steps[i], drive_codes(&d, codes, sizeof codes), want->codes);
        check_text(want->name, check_steps[i], buf_slice(&d.trail), want->trail);
        check_text(want->name, check_steps[i], buf_slice(&d.mail), want->mail);
        drive_release(&d);
    }
}

static inline void check_dialogues(const struct smtp_server_config *config, const struct dialogue *cases, size_t len)
{
    for (size_t i = 0; i < len; i++)
        check_script(config, slice_str(cases[i].script), &cases[i]);
}

#endif
