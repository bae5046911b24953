#include "base/clock.h"
#include "mail/dsn_private.h"
#include "smtp/path.h"

#include <stdio.h>

enum { SENTENCE_BYTES = 1024 };

static const char *const intros[] = {
    [MAIL_DSN_FAILED] = "Your message could not be delivered to the following. It will not be tried again.",
    [MAIL_DSN_DELAYED] =
        "Your message could not yet be delivered to the following. Delivery is tried again by itself: "
        "you need not send it a second time.",
    [MAIL_DSN_DELIVERED] = "Your message was delivered to the following, which you asked to be told.",
    [MAIL_DSN_RELAYED] = "Your message was passed on for the following to a mail system that does not tell of "
                         "successful delivery: this is the last that you hear of it unless it fails.",
    [MAIL_DSN_EXPANDED] = "Your message was passed on to the members of the following lists.",
};

static void write_sentence(struct dsn_writer *w, const char *start, struct slice sentence)
{
    dsn_text(w, start, "      ", sentence);
}

static void write_answer(struct dsn_writer *w, const struct mail_dsn_rcpt *rcpt)
{
    char text[SENTENCE_BYTES];
    bool has_name = rcpt->remote_mta.len > 0;

    if (rcpt->diagnostic.len == 0)
        return;
    (void)snprintf(text, sizeof text, "The server %.*s%sanswered: %.*s", SLICE_FMT(slice_first(rcpt->remote_mta, 255)),
                   has_name ? " " : "", SLICE_FMT(slice_first(rcpt->diagnostic, 600)));
    write_sentence(w, "    - ", slice_str(text));
}

static void write_retry(struct dsn_writer *w, const struct mail_dsn_rcpt *rcpt)
{
    char text[SENTENCE_BYTES], date[CLOCK_TEXT];

    if (rcpt->action != MAIL_DSN_DELAYED || rcpt->will_retry_until_s == 0)
        return;
    (void)snprintf(text, sizeof text, "Delivery is tried until %s.", clock_rfc5322(rcpt->will_retry_until_s, date));
    write_sentence(w, "    - ", slice_str(text));
}

static void write_rcpt(struct dsn_writer *w, const struct mail_dsn_rcpt *rcpt)
{
    char text[SENTENCE_BYTES];

    (void)snprintf(text, sizeof text, "<%.*s>", SLICE_FMT(slice_first(rcpt->address, SMTP_PATH_MAX)));
    dsn_line(w, "%s", "");
    dsn_text(w, "  ", "  ", slice_str(text));
    for (size_t i = 0; i < rcpt->explanation_len; i++)
        write_sentence(w, "    - ", slice_first(rcpt->explanation[i], SENTENCE_BYTES));
    write_answer(w, rcpt);
    write_retry(w, rcpt);
}

static void write_action(struct dsn_writer *w, enum mail_dsn_action action)
{
    bool has_intro = false;

    for (size_t i = 0; i < w->d->rcpts_len; i++) {
        if (w->d->rcpts[i].action != action)
            continue;
        if (!has_intro) {
            dsn_line(w, "%s", "");
            dsn_text(w, "", "", slice_str(intros[action]));
            has_intro = true;
        }
        write_rcpt(w, &w->d->rcpts[i]);
    }
}

void dsn_write_human(struct dsn_writer *w)
{
    char text[SENTENCE_BYTES], date[CLOCK_TEXT];

    (void)snprintf(text, sizeof text, "This is the mail system at %.*s. It received your message on %s.",
                   SLICE_FMT(w->d->hostname), clock_rfc5322(w->d->arrival_s, date));
    dsn_text(w, "", "", slice_str(text));
    for (size_t action = 0; action < COUNT_OF(intros); action++)
        write_action(w, (enum mail_dsn_action)action);
    dsn_line(w, "%s", "");
    (void)snprintf(text, sizeof text,
                   "If this does not help, ask postmaster@%.*s and quote the number %.*s of your message.",
                   SLICE_FMT(w->d->hostname), SLICE_FMT(slice_first(w->d->id, 64)));
    dsn_text(w, "", "", slice_str(text));
}
