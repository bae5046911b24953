/* reports/job_send.c: a report that is ours to send: its mail goes into the queue, its posts become due, in one step.
 */
#include "base/log.h"
#include "base/memory.h"
#include "mail/address.h"
#include "reports/sender_private.h"

static struct slice names_of(const struct job *j, struct arena *arena)
{
    struct slice all = { "", 0 };

    for (size_t i = 0; i < j->targets_len; i++)
        all = arena_printf(arena, "%.*s%s%.*s (%s)", SLICE_FMT(all), i > 0 ? ", " : "", SLICE_FMT(j->targets[i].uri),
                           report_target_state_name(j->targets[i].state));
    return all;
}

static void on_saved(struct store_request *r)
{
    struct job *j = CONTAINER_OF(r, struct job, request);
    struct report_sender *s = j->sender;

    if (r->status == OK)
        log_info(NULL, "TLS report made", LOG_STR("domain", j->domain), LOG_STR("day", j->day),
                 LOG_STR("report", j->composition.report.id), LOG_INT("failed", j->composition.failure),
                 LOG_STR("to", names_of(j, &j->arena)));
    else
        log_error(NULL, "a TLS report is lost: the store does not take it", LOG_STR("domain", j->domain),
                  LOG_STR("day", j->day), LOG_CSTR("why", r->why.text));
    job_end(j);
    sender_ask_due(s);
}

static void save(struct job *j)
{
    bool posts = false;

    for (size_t i = 0; i < j->targets_len; i++)
        posts = posts || j->targets[i].state == TARGET_WAITING;
    j->row.targets = report_targets_write(j->targets, j->targets_len, &j->arena);
    j->row.next_s = posts ? j->row.made_s : 0;
    job_ask_store(
        j,
        (struct store_request){
            .verb = STORE_REPORT_SAVE, .report = &j->row, .dsns = &j->mail, .dsns_len = j->mail.id != 0 ? 1 : 0 },
        on_saved);
}

static void next_chunk(struct job *j);

static void on_chunk(struct store_request *r)
{
    struct job *j = CONTAINER_OF(r, struct job, request);

    if (r->status == OK) {
        j->chunk_no++;
        next_chunk(j);
        return;
    }
    log_error(NULL, "a TLS report is lost: the store does not take its mail", LOG_STR("domain", j->domain),
              LOG_CSTR("why", r->why.text));
    job_end(j);
}

/* A small mail goes in one row; a larger one in chunks before it. */
static void next_chunk(struct job *j)
{
    struct slice text = buf_slice(&j->mail_text), rest;

    if (text.len <= STORE_INLINE_MAX) {
        j->mail.body = text;
        save(j);
        return;
    }
    rest = slice_from(text, (size_t)j->chunk_no * STORE_CHUNK_MAX);
    if (rest.len == 0) {
        j->mail.chunks = j->chunk_no;
        save(j);
        return;
    }
    job_ask_store(j,
                  (struct store_request){ .verb = STORE_CHUNK,
                                          .id = j->mail.id,
                                          .chunk_no = j->chunk_no,
                                          .bytes = slice_first(rest, STORE_CHUNK_MAX) },
                  on_chunk);
}

/* From our report address, whose owner may see refusals, but without asking for any (NOTIFY=NEVER); the message is of
 * ORIGIN_REPORT, and whatever becomes of it is not answered and not counted (RPT-12, RPT-13). */
static void address_mail(struct job *j, const struct slice *to, size_t to_len)
{
    struct stored_rcpt *rcpts = ARENA_ARRAY(&j->arena, struct stored_rcpt, to_len);
    int64_t now_s = j->row.made_s;
    size_t n = 0;

    for (size_t i = 0; i < to_len; i++) {
        struct mail_address a;

        if (mail_address_parse(&j->arena, to[i], &a, NULL) != OK)
            continue; /* is_wanted() has let none such through */
        rcpts[n] = (struct stored_rcpt){ .index = (uint32_t)n, .domain = a.domain, .due_s = now_s };
        rcpts[n].rcpt.address = to[i];
        rcpts[n++].rcpt.notify = SMTP_NOTIFY_NEVER;
    }
    j->mail = (struct stored_message){ .id = message_id_new(), .received_s = now_s, .origin = ORIGIN_REPORT };
    j->mail.mail.address = snapshot_gateway(j->settings)->report_from;
    j->mail.mail.size = buf_slice(&j->mail_text).len;
    j->mail.tls_required_no = true;
    j->mail.rcpts = rcpts;
    j->mail.rcpts_len = n;
}

static void settle_mail_targets(struct job *j, enum report_target_state state, const char *note)
{
    for (size_t i = 0; i < j->targets_len; i++) {
        if (j->targets[i].scheme != TLSRPT_MAILTO)
            continue;
        j->targets[i].state = state;
        j->targets[i].note = arena_copy(&j->arena, slice_str(note));
    }
}

static bool is_mail_target(const struct job *j, const struct tlsrpt_uri *u)
{
    for (size_t t = 0; t < j->targets_len; t++)
        if (u->scheme == TLSRPT_MAILTO && slice_eq(u->uri, j->targets[t].uri))
            return true;
    return false;
}

void job_send(struct job *j)
{
    struct slice to[TLSRPT_URI_MOST];
    char id[MESSAGE_ID_TEXT];
    struct fault why = { "" };
    size_t n = 0;

    for (size_t i = 0; i < j->record.uris_len; i++)
        if (is_mail_target(j, &j->record.uris[i]))
            to[n++] = j->record.uris[i].address;
    if (n == 0) {
        save(j);
        return;
    }
    if (report_compose_mail(&j->composition, j->row.document, to, n, snapshot_gateway(j->settings), j->row.made_s,
                            &j->mail_text, &why) != OK) {
        log_warning(NULL, "a TLS report cannot be mailed", LOG_STR("domain", j->domain), LOG_CSTR("why", why.text));
        settle_mail_targets(j, TARGET_FAILED, why.text);
        save(j);
        return;
    }
    address_mail(j, to, n);
    settle_mail_targets(j, TARGET_QUEUED, message_id_text(j->mail.id, id));
    next_chunk(j);
}
