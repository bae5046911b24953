/* The order of commands against a model of RFC 5321 section 4.1.4 that shares no code with the session (SRV-07):
 * every command in every state, and every sequence of up to MODEL_LEN commands. */
#include "smtp/server_check.h"

enum { MODEL_LEN = 4, CODES_MAX = 400 };

struct model {
    bool is_greeted, is_esmtp, is_tls, is_authenticated, has_mail, has_rcpt, has_chunks, is_closed;
    char codes[CODES_MAX];
    size_t codes_len;
};

static void expect(struct model *m, const char *codes)
{
    m->codes_len += (size_t)snprintf(m->codes + m->codes_len, sizeof m->codes - m->codes_len, "%s%s",
                                     m->codes_len > 0 ? " " : "", codes);
}

static void forget(struct model *m)
{
    m->has_mail = m->has_rcpt = m->has_chunks = false;
}

static void ehlo(struct model *m)
{
    forget(m);
    m->is_greeted = m->is_esmtp = true;
    expect(m, "250");
}

static void helo(struct model *m)
{
    ehlo(m);
    m->is_esmtp = false;
}

static void starttls(struct model *m)
{
    if (!m->is_greeted || m->has_mail || m->is_tls) {
        expect(m, "503/5.5.1");
        return;
    }
    expect(m, "220/2.0.0");
    m->is_tls = true;
    m->is_greeted = m->is_esmtp = m->is_authenticated = false;
}

static void auth(struct model *m)
{
    bool is_good = m->is_greeted && !m->has_mail && m->is_tls && m->is_esmtp && !m->is_authenticated;

    if (m->is_greeted && !m->has_mail && !m->is_tls)
        expect(m, "538/5.7.11");
    else
        expect(m, is_good ? "235/2.7.0" : "503/5.5.1");
    m->is_authenticated = m->is_authenticated || is_good;
}

static void mail(struct model *m)
{
    bool is_good = m->is_greeted && !m->has_mail;

    expect(m, is_good ? "250/2.0.0" : "503/5.5.1");
    m->has_mail = m->has_mail || is_good;
}

static void mail_refused(struct model *m)
{
    expect(m, m->is_greeted && !m->has_mail ? "550/5.0.0" : "503/5.5.1");
}

static void rcpt(struct model *m)
{
    bool is_good = m->has_mail && !m->has_chunks;

    expect(m, is_good ? "250/2.0.0" : "503/5.5.1");
    m->has_rcpt = m->has_rcpt || is_good;
}

static void rcpt_refused(struct model *m)
{
    expect(m, m->has_mail && !m->has_chunks ? "550/5.0.0" : "503/5.5.1");
}

/* Its content follows in a flight of its own, and is two unknown commands where it was not asked for. */
static void data(struct model *m)
{
    if (!m->has_mail || m->has_chunks) {
        expect(m, "503/5.5.1 500/5.5.2 500/5.5.2");
    } else if (!m->has_rcpt) {
        expect(m, "554/5.5.1 500/5.5.2 500/5.5.2");
    } else {
        expect(m, "354 250/2.0.0");
        forget(m);
    }
}

static bool chunk(struct model *m)
{
    if (!m->has_mail)
        expect(m, "503/5.5.1");
    else if (!m->has_rcpt)
        expect(m, "554/5.5.1");
    else
        expect(m, "250/2.0.0");
    return m->has_mail && m->has_rcpt;
}

static void bdat(struct model *m)
{
    m->has_chunks = chunk(m);
}

static void bdat_last(struct model *m)
{
    if (chunk(m))
        forget(m);
}

static void rset(struct model *m)
{
    forget(m);
    expect(m, "250/2.0.0");
}

static void quit(struct model *m)
{
    expect(m, "221/2.0.0");
    m->is_closed = true;
}

static const struct command {
    const char *script;
    void (*run)(struct model *m);
} commands[] = {
    { "EHLO c\r\n" FLIGHT, ehlo },
    { "HELO c\r\n" FLIGHT, helo },
    { "STARTTLS\r\n" FLIGHT, starttls },
    { "AUTH PLAIN AHUAcA==\r\n" FLIGHT, auth },
    { MAIL, mail },
    { "MAIL FROM:<550@x>\r\n", mail_refused },
    { RCPT, rcpt },
    { "RCPT TO:<550@x>\r\n", rcpt_refused },
    { "DATA\r\n" FLIGHT "x\r\n.\r\n", data },
    { "BDAT 6\r\nQUIT\r\n", bdat },
    { "BDAT 6 LAST\r\nRSET\r\n", bdat_last },
    { "RSET\r\n", rset },
    { "QUIT\r\n", quit },
};

static void check_sequence(const struct command *const *sequence, size_t len, size_t step)
{
    struct model m = { 0 };
    char script[600], got[CODES_MAX];
    size_t at = 0;
    struct drive d;

    for (size_t i = 0; i < len; i++) {
        at += (size_t)snprintf(script + at, sizeof script - at, "%s", sequence[i]->script);
        if (!m.is_closed)
            sequence[i]->run(&m);
    }
    drive_init(&d, &drive_config);
    drive_script(&d, slice_of(script, at), step);
    if (!slice_eq(drive_codes(&d, got, sizeof got), slice_of(m.codes, m.codes_len)))
        fail_msg("after '%.*s': got '%s', want '%s'", (int)at, script, got, m.codes);
    drive_release(&d);
}

/* F6: 13^4 sequences. */
TEST(every_sequence)
{
    const struct command *sequence[MODEL_LEN];
    size_t count = 1;

    for (size_t i = 0; i < MODEL_LEN; i++)
        count *= COUNT_OF(commands);
    for (size_t n = 0; n < count; n++) {
        size_t rest = n;

        for (size_t i = 0; i < MODEL_LEN; i++) {
            sequence[i] = &commands[rest % COUNT_OF(commands)];
            rest /= COUNT_OF(commands);
        }
        check_sequence(sequence, MODEL_LEN, SIZE_MAX);
    }
}

/* Ways into each state; what follows tells whether each command left the state it should. */
static const unsigned char ways[][6] = {
    { 0 },
    { 1 },                /* greeted */
    { 2, 1 },             /* greeted, HELO */
    { 1, 5 },             /* mail */
    { 1, 5, 7 },          /* rcpt */
    { 1, 5, 7, 10 },      /* chunks */
    { 1, 3, 1 },          /* TLS, greeted */
    { 1, 3, 1, 4 },       /* authenticated */
    { 1, 3, 1, 4, 5, 7 }, /* authenticated, rcpt */
};

TEST(every_command_in_every_state)
{
    for (size_t w = 0; w < COUNT_OF(ways); w++)
        for (size_t c = 0; c < COUNT_OF(commands) * COUNT_OF(commands); c++) {
            const struct command *sequence[COUNT_OF(ways[0]) + 2];
            size_t len = 0;

            for (size_t i = 0; i < COUNT_OF(ways[0]) && ways[w][i] > 0; i++)
                sequence[len++] = &commands[ways[w][i] - 1];
            sequence[len++] = &commands[c % COUNT_OF(commands)];
            sequence[len++] = &commands[c / COUNT_OF(commands)];
            check_sequence(sequence, len, 1);
        }
}

RUN_TESTS(T(every_command_in_every_state), T(every_sequence))
