/* alerts/alert_note.c: from what no mail has told of yet to one message in the queue. */
#include "alerts/alert_book_private.h"
#include "alerts/alert_mail.h"
#include "base/log.h"
#include "base/memory.h"
#include "mail/address.h"

#include <sys/random.h>

static enum alert_news news_of(const struct entry *e)
{
    if (e->untold & UNTOLD_SEEN)
        return ALERT_SEEN;
    if (e->untold & UNTOLD_OVER)
        return ALERT_OVER;
    return e->untold & UNTOLD_OPENED ? ALERT_OPENED : ALERT_GREW;
}

static struct alert_section section_of(const struct entry *e)
{
    return (struct alert_section){ .news = news_of(e),
                                   .severity = e->severity,
                                   .cause = slice_str(e->cause),
                                   .subject = slice_str(e->subject),
                                   .text = slice_str(e->text),
                                   .remedy = slice_str(e->remedy),
                                   .end_text = slice_str(e->end_text),
                                   .since_s = e->since_s,
                                   .ended_s = e->ended_s };
}

static void take(struct alert_mail *m, struct alert_section *sections, const struct entry *e)
{
    if (e->untold == 0)
        return;
    if (m->sections_len < ALERT_SECTIONS_MOST)
        sections[m->sections_len++] = section_of(e);
    else
        m->unsaid++;
}

static void note(const struct alert_book *b, struct entry_list *list, bool is_mailed)
{
    struct entry *e;

    TAILQ_FOREACH(e, list, in_list)
    {
        if (e->untold == 0)
            continue;
        e->untold = 0;
        e->is_dirty = true;
        if (is_mailed)
            e->mailed_s = b->wall_s();
    }
}

/* From nobody, and without asking for an answer (NOTIFY=NEVER): a mail that fails raises nothing. */
static void address_mail(const struct gateway *g, int64_t now_s, struct arena *arena, struct stored_message *out)
{
    struct stored_rcpt *rcpts = ARENA_ARRAY(arena, struct stored_rcpt, g->alert_to_len);
    size_t n = 0;

    for (size_t i = 0; i < g->alert_to_len; i++) {
        struct mail_address a;

        if (mail_address_parse(arena, g->alert_to[i], &a, NULL) != OK)
            continue; /* the settings let none such through */
        rcpts[n] = (struct stored_rcpt){ .index = (uint32_t)n, .domain = a.domain, .due_s = now_s };
        rcpts[n].rcpt.address = arena_copy(arena, g->alert_to[i]);
        rcpts[n++].rcpt.notify = SMTP_NOTIFY_NEVER;
    }
    *out = (struct stored_message){ .id = message_id_new(), .received_s = now_s, .origin = ORIGIN_LOCAL };
    out->tls_required_no = true;
    out->rcpts = rcpts;
    out->rcpts_len = n;
}

static bool write_body(const struct alert_mail *m, struct arena *arena, struct stored_message *out)
{
    struct buf text;
    enum status st;

    buf_init(&text, STORE_INLINE_MAX);
    st = alert_mail_write(m, &text);
    out->body = arena_copy(arena, buf_slice(&text));
    out->mail.size = out->body.len;
    buf_release(&text);
    if (st != OK)
        log_error(NULL, "a mail about alerts does not fit", LOG_INT("sections", m->sections_len));
    return st == OK;
}

bool alert_book_write_mail(struct alert_book *b, struct arena *arena, struct stored_message *out)
{
    const struct gateway *g = snapshot_gateway(b->settings);
    struct alert_section sections[ALERT_SECTIONS_MOST];
    struct alert_mail m = { .hostname = slice_str(b->hostname),
                            .to = g->alert_to,
                            .to_len = g->alert_to_len,
                            .sections = sections,
                            .open = b->open_len,
                            .was_held_back = b->was_held_back,
                            .now_s = b->wall_s() };
    const struct entry *e;
    bool is_written = false;

    TAILQ_FOREACH(e, &b->open, in_list)
    take(&m, sections, e);
    TAILQ_FOREACH(e, &b->closed, in_list)
    take(&m, sections, e);
    if (m.sections_len > 0 && m.to_len > 0) {
        (void)!getrandom(m.random, sizeof m.random, 0);
        address_mail(g, m.now_s, arena, out);
        is_written = write_body(&m, arena, out);
    }
    pthread_mutex_lock(&b->lock);
    note(b, &b->open, is_written);
    note(b, &b->closed, is_written);
    pthread_mutex_unlock(&b->lock);
    return is_written;
}
