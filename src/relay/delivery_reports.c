/* relay/delivery_reports.c: mail to the mailbox for TLS reports of a domain of ours. It is not delivered but read,
 * once it is on disk like any other; where the domain wants it, it goes on to the mailbox then. Nothing that comes
 * here is ever answered. */
#include "base/memory.h"
#include "net/address.h"
#include "relay/delivery_private.h"
#include "relay/metrics.h"
#include "reports/receiver.h"

/* How often the DNS may be asked for the key of a signature before the mail counts as unsigned. */
enum { PATIENT_ATTEMPTS = 6 };

struct report_reading {
    struct receive_request request;
    struct delivery *d; /* NULL: it was cut off */
    struct buf content;
    uint32_t chunk;
    char source[NET_ADDRESS_TEXT];
};

static const struct own_domain *mailbox_of(const struct delivery *d, const struct stored_rcpt *r)
{
    const struct own_domain *o = snapshot_own_domain(d->settings, r->domain);

    return o != NULL && o->report_mailbox.len > 0 && slice_eq_case(o->report_mailbox, r->rcpt.address) ? o : NULL;
}

static bool is_for_reports(const struct delivery *d, const struct stored_rcpt *r)
{
    return mailbox_of(d, r) != NULL;
}

static bool is_of_one_kind(struct delivery *d, const struct stored_rcpt *r, size_t kept)
{
    (void)kept;
    return is_for_reports(d, r) == is_for_reports(d, &d->job->rcpts[0]);
}

/* -- the end ------------------------------------------------------------------------------------------------------ */

static void finish(struct delivery *d, enum rcpt_state state, const char *status, struct slice why)
{
    delivery_make_outcomes(d);
    d->takes_reports = true;
    delivery_fail_all(d, state, status, why);
}

static struct slice tell(const struct report_reading *reading, struct arena *arena)
{
    static const char *const words[] = {
        [RECEIVED_KEPT] = "kept",
        [RECEIVED_DUPLICATE] = "known",
        [RECEIVED_DIFFERS] = "different from one of the same id",
        [RECEIVED_OVER_QUOTA] = "over the quota of its source",
    };
    struct slice text = SLICE_LIT("");

    for (size_t i = 0; i < reading->request.outcomes_len; i++) {
        const struct receive_outcome *o = &reading->request.outcomes[i];

        if (o->result.is_refused)
            text = arena_printf(arena, "%.*s%sreport refused: %.*s", SLICE_FMT(text), i > 0 ? "; " : "",
                                SLICE_FMT(o->result.why));
        else
            text = arena_printf(arena, "%.*s%s%s report of %.*s about %.*s %s", SLICE_FMT(text), i > 0 ? "; " : "",
                                o->result.row.is_verified ? "verified" : "unverified",
                                SLICE_FMT(o->result.row.reporter), SLICE_FMT(o->result.row.domain), words[o->kept]);
    }
    return text;
}

static void release(struct report_reading *reading)
{
    buf_release(&reading->content);
    arena_release(&reading->request.arena);
    free(reading);
}

/* It is read, or never can be: to the mailbox with it where that is wanted. */
static void go_on(struct delivery *d, struct slice what)
{
    const struct own_domain *o = mailbox_of(d, &d->job->rcpts[0]);

    trace_add(&d->trace, "reports", what, json_object());
    d->reports_are_read = true;
    if (o != NULL && o->forwards_reports)
        delivery_plan(d);
    else
        finish(d, RCPT_DELIVERED, "2.0.0", what);
}

static void on_read(struct receive_request *q)
{
    struct report_reading *reading = CONTAINER_OF(q, struct report_reading, request);
    struct delivery *d = reading->d;
    struct slice text;

    if (d == NULL || d->worker->is_over) {
        if (d != NULL)
            delivery_cut_off(d);
        release(reading);
        return;
    }
    d->reading = NULL;
    if (q->status == ERR_TEMPORARY || q->status == ERR_FULL) {
        text = arena_copy(&d->arena, slice_str(q->why.text));
        finish(d, RCPT_TEMPORARY, "4.3.0", text);
    } else {
        text = q->status == OK ? tell(reading, &d->arena)
                               : arena_printf(&d->arena, "no report was read: %s", q->why.text);
        go_on(d, text);
    }
    release(reading);
}

/* -- the content -------------------------------------------------------------------------------------------------- */

/* An IPv4 address, an IPv6 /64; empty for mail of our own. */
static struct slice source_of(struct report_reading *reading, struct slice client)
{
    struct net_address a;

    return net_address_parse(client, 0, &a) == OK ? net_address_limit_key(&a, reading->source) : SLICE_LIT("");
}

static void read_reports(struct report_reading *reading)
{
    struct delivery *d = reading->d;
    const struct stored_message *m = &d->job->message->stored;

    reading->request.what = (struct receive_item){
        .channel = RECEIVED_BY_MAIL,
        .bytes = buf_slice(&reading->content),
        .source = source_of(reading, m->client),
        .mailbox = d->job->rcpts[0].domain,
    };
    reading->request.waits = d->job->rcpts[0].attempts < PATIENT_ATTEMPTS;
    worker_receive(d->worker, &reading->request, on_read);
}

static void load_next(struct report_reading *reading);

static void on_loaded(struct store_request *r)
{
    struct delivery *d = CONTAINER_OF(r, struct delivery, load);
    struct report_reading *reading = d->reading;
    enum status st = r->status;

    d->is_loading = false;
    if (!d->worker->is_over && st == OK) {
        (void)!buf_add(&reading->content, r->bytes); /* its size was looked at */
        if (++reading->chunk < d->job->message->stored.chunks)
            load_next(reading);
        else
            read_reports(reading);
        return;
    }
    d->reading = NULL;
    release(reading);
    if (d->worker->is_over) {
        delivery_cut_off(d);
        return;
    }
    d->is_damaged = st == ERR_PERMANENT;
    finish(d, RCPT_TEMPORARY, "4.3.0", arena_printf(&d->arena, "the content could not be read: %s", r->why.text));
}

static void load_next(struct report_reading *reading)
{
    struct delivery *d = reading->d;

    arena_release(&d->load.arena);
    d->load =
        (struct store_request){ .verb = STORE_LOAD, .id = d->job->message->stored.id, .chunk_no = reading->chunk };
    d->is_loading = true;
    worker_store(d->worker, &d->load, on_loaded);
}

static void begin(struct delivery *d)
{
    struct report_reading *reading = NEW(struct report_reading);
    const struct message *m = d->job->message;

    d->reading = reading;
    reading->d = d;
    buf_init(&reading->content, RECEIVER_ITEM_MAX);
    if (!m->has_content) {
        load_next(reading);
        return;
    }
    (void)!buf_add(&reading->content, buf_slice(&m->content));
    read_reports(reading);
}

bool delivery_reads_reports(struct delivery *d)
{
    if (d->reports_are_read)
        return false;
    delivery_split(d, is_of_one_kind);
    if (!is_for_reports(d, &d->job->rcpts[0]))
        return false;
    if (d->job->message->stored.mail.size > RECEIVER_ITEM_MAX)
        go_on(d, arena_printf(&d->arena, "no report was read: the mail has more than %d bytes", RECEIVER_ITEM_MAX));
    else
        begin(d);
    return true;
}

void delivery_forget_reports(struct delivery *d)
{
    if (d->reading != NULL && !d->is_loading)
        d->reading->d = NULL;
    d->reading = NULL;
}
