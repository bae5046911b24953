/* reports/post.c: one report on its way to web servers (RFC 8460 section 5.4), each tried until it takes it or a day
 * is over. */
#include "base/log.h"
#include "base/memory.h"
#include "reports/sender_private.h"

enum { ANSWER_MOST = 16 * 1024 };

void post_free(struct post *p)
{
    struct report_sender *s = p->sender;

    https_cancel(s->https, &p->https);
    TAILQ_REMOVE(&s->posts, p, in_list);
    s->posts_len--;
    arena_release(&p->request.arena);
    arena_release(&p->arena);
    free(p);
}

static void on_saved(struct store_request *r)
{
    struct post *p = CONTAINER_OF(r, struct post, request);
    struct report_sender *s = p->sender;
    bool is_good = r->status == OK;

    if (!is_good) /* the row is as it was: the next look finds it again */
        log_warning(NULL, "how a TLS report was posted cannot be stored", LOG_STR("report", p->row.report_id),
                    LOG_CSTR("why", r->why.text));
    post_free(p);
    if (is_good)
        sender_ask_due(s);
}

static void give_up(struct post *p)
{
    for (size_t i = 0; i < p->targets_len; i++) {
        struct report_target *t = &p->targets[i];

        if (t->state != TARGET_WAITING)
            continue;
        t->state = TARGET_FAILED;
        log_warning(NULL, "TLS report given up", LOG_STR("domain", p->row.domain), LOG_STR("day", p->row.day),
                    LOG_STR("to", t->uri), LOG_STR("why", t->note));
    }
}

static void save(struct post *p)
{
    unsigned tries = 0;
    bool is_left = false;

    for (size_t i = 0; i < p->targets_len; i++) {
        if (p->targets[i].state != TARGET_WAITING)
            continue;
        is_left = true;
        tries = p->targets[i].tries > tries ? p->targets[i].tries : tries;
    }
    p->row.next_s = is_left ? calendar_retry_s(p->row.made_s, p->sender->wall_s(), tries, p->wish_s) : 0;
    if (is_left && p->row.next_s == 0)
        give_up(p);
    p->row.targets = report_targets_write(p->targets, p->targets_len, &p->arena);
    p->request = (struct store_request){ .verb = STORE_REPORT_SAVE, .report = &p->row };
    sender_store(p->sender, &p->request, on_saved);
}

static void next_target(struct post *p);

/* Any 2xx is success; a redirect is none. */
static void on_posted(struct https_request *q)
{
    struct post *p = CONTAINER_OF(q, struct post, https);
    struct report_target *t = &p->targets[p->at++];

    t->tries++;
    if (q->outcome == HTTPS_ANSWERED && q->status / 100 == 2) {
        t->state = TARGET_POSTED;
        t->note = arena_printf(&p->arena, "HTTP %d", q->status);
        log_info(NULL, "TLS report posted", LOG_STR("domain", p->row.domain), LOG_STR("day", p->row.day),
                 LOG_STR("to", t->uri));
    } else {
        t->note = q->outcome == HTTPS_ANSWERED ? arena_printf(&p->arena, "HTTP %d", q->status)
                                               : arena_copy(&p->arena, slice_str(q->why.text));
        p->wish_s = q->retry_after_s > p->wish_s ? q->retry_after_s : p->wish_s;
        log_debug(NULL, "TLS report not taken", LOG_STR("to", t->uri), LOG_STR("why", t->note));
    }
    https_release(q);
    next_target(p);
}

static void next_target(struct post *p)
{
    while (p->at < p->targets_len && p->targets[p->at].state != TARGET_WAITING)
        p->at++;
    if (p->at == p->targets_len) {
        save(p);
        return;
    }
    p->https = (struct https_request){ .done = on_posted,
                                       .host = p->targets[p->at].host,
                                       .path = p->targets[p->at].path,
                                       .is_post = true,
                                       .body = p->row.document,
                                       .content_type = SLICE_LIT("application/tlsrpt+gzip"),
                                       .answer_most = ANSWER_MOST,
                                       .deadline_ms = POST_MS };
    https_start(p->sender->https, &p->https);
}

void post_start(struct report_sender *s, const struct report_row *row)
{
    struct post *p = NEW(struct post);

    p->sender = s;
    p->row = (struct report_row){ .day = arena_copy(&p->arena, row->day),
                                  .domain = arena_copy(&p->arena, row->domain),
                                  .report_id = arena_copy(&p->arena, row->report_id),
                                  .document = arena_copy(&p->arena, row->document),
                                  .made_s = row->made_s };
    TAILQ_INSERT_TAIL(&s->posts, p, in_list);
    s->posts_len++;
    if (report_targets_read(row->targets, &p->arena, &p->targets, &p->targets_len) != OK)
        log_error(NULL, "where a TLS report goes cannot be read from the store", LOG_STR("report", row->report_id));
    next_target(p);
}
