#include "alerts/alert_mail.h"

#include "base/clock.h"
#include "mail/fold.h"

#define INDENT "   "

/* A mail being written; `st` stays at the first failure. */
struct writer {
    const struct alert_mail *m;
    struct buf *out;
    enum status st;
};

const char *alert_severity_name(enum alert_severity s)
{
    static const char *const names[] = { [ALERT_NOTE] = "note", [ALERT_WARNING] = "warning", [ALERT_ERROR] = "error" };

    return names[s];
}

static void line(struct writer *w, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Nothing in it but what is ours or has passed a grammar. */
static void line(struct writer *w, const char *fmt, ...)
{
    char text[400];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (w->st == OK)
        w->st = buf_addf(w->out, "%s\r\n", text);
}

static void end_fold(struct writer *w, struct mail_fold *f)
{
    enum status st = mail_fold_end(f);

    if (w->st == OK)
        w->st = st;
}

static void paragraph(struct writer *w, const char *start, struct slice text)
{
    struct mail_fold f;

    mail_fold_begin(&f, w->out, start, INDENT, false);
    mail_fold_text(&f, text);
    end_fold(w, &f);
}

/* -- header ------------------------------------------------------------------------------------------------------ */

static void write_to(struct writer *w)
{
    struct mail_fold f;

    mail_fold_begin(&f, w->out, "To:", "\t", false);
    for (size_t i = 0; i < w->m->to_len; i++) {
        mail_fold_word(&f, SLICE_LIT("<"));
        mail_fold_glue(&f, w->m->to[i]);
        mail_fold_glue(&f, i + 1 < w->m->to_len ? SLICE_LIT(">,") : SLICE_LIT(">"));
    }
    end_fold(w, &f);
}

static void add_name(struct mail_fold *f, const struct alert_section *s)
{
    mail_fold_text(f, s->cause);
    mail_fold_glue(f, SLICE_LIT(","));
    mail_fold_text(f, s->subject);
}

static void write_subject(struct writer *w)
{
    const struct alert_mail *m = w->m;
    size_t over = 0, all = m->sections_len + m->unsaid;
    char text[80];
    struct mail_fold f;

    for (size_t i = 0; i < m->sections_len; i++)
        over += m->sections[i].news == ALERT_OVER;
    mail_fold_begin(&f, w->out, "Subject:", "\t", false);
    if (all == 1) {
        mail_fold_text(&f, over == 1 ? SLICE_LIT("Over:") : SLICE_LIT("Alert:"));
        add_name(&f, &m->sections[0]);
    } else {
        (void)snprintf(text, sizeof text, over == all ? "%zu alerts are over" : "%zu alerts", all);
        mail_fold_text(&f, slice_str(text));
    }
    mail_fold_word(&f, SLICE_LIT("on"));
    mail_fold_text(&f, m->hostname);
    end_fold(w, &f);
}

static void write_header(struct writer *w)
{
    const struct alert_mail *m = w->m;
    char date[CLOCK_TEXT];

    line(w, "Date: %s", clock_rfc5322(m->now_s, date));
    line(w, "From: sternpost <postmaster@%.*s>", SLICE_FMT(m->hostname));
    write_to(w);
    write_subject(w);
    line(w, "Message-ID: <%016llx.%016llx@%.*s>", (unsigned long long)m->random[0], (unsigned long long)m->random[1],
         SLICE_FMT(m->hostname));
    line(w, "Auto-Submitted: auto-generated");
    line(w, "TLS-Required: No");
    line(w, "MIME-Version: 1.0");
    line(w, "Content-Type: text/plain; charset=us-ascii");
    line(w, "%s", "");
}

/* -- sections ---------------------------------------------------------------------------------------------------- */

static void write_title(struct writer *w, size_t number, const struct alert_section *s)
{
    static const char *const words[] = {
        [ALERT_NOTE] = "NOTE:", [ALERT_WARNING] = "WARNING:", [ALERT_ERROR] = "ERROR:"
    };
    char start[32];
    struct mail_fold f;

    (void)snprintf(start, sizeof start, "%zu. %s", number, s->news == ALERT_OVER ? "OVER:" : words[s->severity]);
    mail_fold_begin(&f, w->out, start, INDENT, false);
    add_name(&f, s);
    end_fold(w, &f);
}

static void write_times(struct writer *w, const struct alert_section *s)
{
    char since[CLOCK_TEXT], ended[CLOCK_TEXT];

    (void)clock_rfc3339(s->since_s, since);
    (void)clock_rfc3339(s->ended_s, ended);
    if (s->news == ALERT_OVER)
        line(w, INDENT "From %s to %s.", since, ended);
    else if (s->news == ALERT_SEEN)
        line(w, INDENT "Seen at %s.", since);
    else
        line(w, INDENT "Since %s%s.", since, s->news == ALERT_GREW ? "; it is worse now than what was told" : "");
}

static void write_section(struct writer *w, size_t number, const struct alert_section *s)
{
    write_title(w, number, s);
    write_times(w, s);
    line(w, "%s", "");
    if (s->news == ALERT_OVER && s->end_text.len > 0)
        paragraph(w, INDENT, s->end_text);
    paragraph(w, s->news == ALERT_OVER ? INDENT "It was:" : INDENT, s->text);
    if (s->news != ALERT_OVER && s->remedy.len > 0) {
        line(w, "%s", "");
        paragraph(w, INDENT "What to do:", s->remedy);
    }
    line(w, "%s", "");
}

static void write_end(struct writer *w)
{
    const struct alert_mail *m = w->m;

    if (m->unsaid > 0)
        line(w, "And %zu more, for which there is no room here.\r\n", m->unsaid);
    if (m->was_held_back)
        line(w, "This was held back for a while: no more than %d such mails are sent in an hour.\r\n",
             ALERT_MAILS_PER_HOUR);
    line(w, "Open now: %zu. All that is open, and what was lately, is shown by", m->open);
    line(w, "%s", "");
    line(w, INDENT "sternpost alerts");
    line(w, "%s", "");
    line(w, "on %.*s. Who gets this mail is the setting alert-to of the gateway.", SLICE_FMT(m->hostname));
}

enum status alert_mail_write(const struct alert_mail *m, struct buf *out)
{
    struct writer w = { .m = m, .out = out };

    write_header(&w);
    for (size_t i = 0; i < m->sections_len; i++)
        write_section(&w, i + 1, &m->sections[i]);
    write_end(&w);
    return w.st;
}
