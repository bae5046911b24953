#include "reports/record.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"

#include <sys/queue.h>

enum { SEND_EVERY_MS = 1000, SEND_ROWS = 4096, COMPLAIN_EVERY_MS = 60000, DAY_LEN = 10, FLUSH_WAIT_MS = 10000 };

/* Rows on their way; the arena holds them. One that the store could not take waits for the next round. */
struct batch {
    struct store_request request; /* first */
    STAILQ_ENTRY(batch) in_list;
    struct recorder *recorder;
    struct arena rows;
    size_t bytes;
};

struct recorder {
    struct loop *loop;
    struct store *store;
    struct handoff *answers;
    struct loop_io io;
    struct loop_timer timer;
    struct map counts; /* "day\0domain\0policy\0detail" -> the count itself, where a pointer would stand */
    size_t bytes;      /* of the keys in `counts` */
    STAILQ_HEAD(batches, batch) refused;
    size_t sent_rows, sent_bytes; /* in batches */
    unsigned under_way;
    uint64_t dropped, dropped_told;
    int64_t complained_ms;
};

/* -- what has come -------------------------------------------------------------------------------------------------
 */

static void complain(struct recorder *r)
{
    int64_t now_ms = clock_mono_ms();

    if (r->complained_ms != 0 && now_ms - r->complained_ms < COMPLAIN_EVERY_MS)
        return;
    log_warning(NULL, "TLS sessions are not counted: too much waits for the store",
                LOG_INT("rows", r->dropped - r->dropped_told));
    r->complained_ms = now_ms;
    r->dropped_told = r->dropped;
}

static void send_counts(struct recorder *r);

static void count(struct recorder *r, struct slice day, struct slice domain, const struct tlsrpt_row *row,
                  struct arena *arena)
{
    struct slice key = arena_printf(arena, "%.*s%c%.*s%c%.*s%c%.*s", SLICE_FMT(day), 0, SLICE_FMT(domain), 0,
                                    SLICE_FMT(row->policy), 0, SLICE_FMT(row->detail));
    uintptr_t before = (uintptr_t)map_get(&r->counts, key);

    if (before == 0) {
        if (r->sent_rows + map_count(&r->counts) >= RECORD_ROWS_MOST ||
            r->sent_bytes + r->bytes + key.len > RECORD_BYTES_MOST) {
            r->dropped++;
            complain(r);
            return;
        }
        r->bytes += key.len;
    }
    (void)map_put(&r->counts, key, (void *)(before > UINTPTR_MAX - row->count ? UINTPTR_MAX : before + row->count));
}

static bool is_within(struct slice host, struct slice domain)
{
    return slice_eq_case(host, domain) ||
           (host.len > domain.len && slice_ends_case(host, domain) && host.ptr[host.len - domain.len - 1] == '.');
}

static void count_rows(struct recorder *r, struct slice day, struct slice domain, const struct tlsrpt_session *s,
                       struct arena *arena)
{
    const struct tlsrpt_row *rows;
    size_t len;

    tlsrpt_rows_of(s, arena, &rows, &len);
    for (size_t i = 0; i < len; i++)
        count(r, day, domain, &rows[i], arena);
}

/* The TLSA records are the host's, and so may be the trouble with them. */
static void count_for_hosts(struct recorder *r, struct slice day, const struct tlsrpt_session *s, struct arena *arena)
{
    for (size_t i = 0; i < s->policies_len; i++) {
        const struct tlsrpt_policy *p = &s->policies[i];
        struct tlsrpt_session of_host = { .domain = p->domain, .policies = p, .policies_len = 1 };

        if (p->type == TLSRPT_TLSA && p->domain.len > 0 && !is_within(p->domain, s->domain))
            count_rows(r, day, arena_printf(arena, "%.*s/%.*s", SLICE_FMT(p->domain), SLICE_FMT(s->domain)), &of_host,
                       arena);
    }
}

void recorder_add_at(struct recorder *r, const struct tlsrpt_session *s, int64_t wall_s)
{
    char text[CLOCK_TEXT];
    struct slice day = slice_first(slice_str(clock_rfc3339(wall_s, text)), DAY_LEN);
    struct arena arena = { 0 };

    count_rows(r, day, s->domain, s, &arena);
    count_for_hosts(r, day, s, &arena);
    arena_release(&arena);
    if (map_count(&r->counts) >= SEND_ROWS)
        send_counts(r);
    if (!loop_timer_is_set(&r->timer))
        loop_timer_set(r->loop, &r->timer, SEND_EVERY_MS);
}

void recorder_add(struct recorder *r, const struct tlsrpt_session *s)
{
    recorder_add_at(r, s, clock_wall_s());
}

uint64_t recorder_dropped(const struct recorder *r)
{
    return r->dropped;
}

/* -- to the store --------------------------------------------------------------------------------------------------
 */

static void free_batch(struct batch *b)
{
    b->recorder->sent_rows -= b->request.report_counts_in_len;
    b->recorder->sent_bytes -= b->bytes;
    arena_release(&b->rows);
    free(b);
}

static void on_stored(struct store_request *request)
{
    struct batch *b = CONTAINER_OF(request, struct batch, request);
    struct recorder *r = b->recorder;

    r->under_way--;
    arena_release(&request->arena);
    if (request->status == OK) {
        free_batch(b);
        return;
    }
    STAILQ_INSERT_TAIL(&r->refused, b, in_list);
    if (!loop_timer_is_set(&r->timer))
        loop_timer_set(r->loop, &r->timer, SEND_EVERY_MS);
}

static void send_batch(struct batch *b)
{
    b->recorder->under_way++;
    b->request = (struct store_request){ .verb = STORE_REPORT_COUNT,
                                         .reply_to = b->recorder->answers,
                                         .done = on_stored,
                                         .report_counts_in = b->request.report_counts_in,
                                         .report_counts_in_len = b->request.report_counts_in_len };
    store_send(b->recorder->store, &b->request);
}

static struct batch *make_batch(struct recorder *r)
{
    struct batch *b = NEW(struct batch);
    struct report_count_row *rows = ARENA_ARRAY(&b->rows, struct report_count_row, map_count(&r->counts));
    struct map_entry *at = NULL;
    struct slice key;
    void *value;
    size_t n = 0;

    while (map_next(&r->counts, &at, &key, &value)) {
        struct slice rest = arena_copy(&b->rows, key);

        rows[n].day = slice_cut(rest, '\0', &rest);
        rows[n].domain = slice_cut(rest, '\0', &rest);
        rows[n].policy = slice_cut(rest, '\0', &rest);
        rows[n].detail = rest;
        rows[n++].count = (uintptr_t)value;
        (void)map_remove(&r->counts, key);
    }
    b->recorder = r;
    b->bytes = r->bytes;
    b->request.report_counts_in = rows;
    b->request.report_counts_in_len = n;
    r->sent_rows += n;
    r->sent_bytes += r->bytes;
    r->bytes = 0;
    return b;
}

static void send_counts(struct recorder *r)
{
    if (map_count(&r->counts) > 0)
        send_batch(make_batch(r));
}

static void send_all(struct recorder *r)
{
    struct batch *b;

    while ((b = STAILQ_FIRST(&r->refused)) != NULL) {
        STAILQ_REMOVE_HEAD(&r->refused, in_list);
        send_batch(b);
    }
    send_counts(r);
}

static void on_timer(struct loop_timer *timer)
{
    send_all(CONTAINER_OF(timer, struct recorder, timer));
}

static void take_answers(struct recorder *r)
{
    struct handoff_item *next;

    for (struct handoff_item *item = handoff_take(r->answers); item != NULL; item = next) {
        struct store_request *request = CONTAINER_OF(item, struct store_request, item);

        next = item->next;
        request->done(request);
    }
}

static void on_answers(struct loop_io *io, unsigned events)
{
    (void)events;
    take_answers(CONTAINER_OF(io, struct recorder, io));
}

/* -- its life ------------------------------------------------------------------------------------------------------
 */

struct recorder *recorder_new(struct loop *loop, struct store *store)
{
    struct recorder *r = NEW(struct recorder);

    r->loop = loop;
    r->store = store;
    r->answers = handoff_new();
    r->io.ready = on_answers;
    r->timer.fire = on_timer;
    map_init(&r->counts);
    STAILQ_INIT(&r->refused);
    loop_watch(loop, &r->io, handoff_fd(r->answers), LOOP_READ);
    return r;
}

static void await_answers(struct recorder *r)
{
    while (r->under_way > 0) {
        (void)handoff_wait(r->answers, FLUSH_WAIT_MS);
        take_answers(r);
    }
}

static void drop_refused(struct recorder *r)
{
    struct batch *b;

    while ((b = STAILQ_FIRST(&r->refused)) != NULL) {
        STAILQ_REMOVE_HEAD(&r->refused, in_list);
        r->dropped += b->request.report_counts_in_len;
        free_batch(b);
    }
}

void recorder_flush(struct recorder *r)
{
    uint64_t before = r->dropped;

    send_all(r);
    await_answers(r);
    drop_refused(r);
    if (r->dropped > before)
        log_warning(NULL, "TLS sessions are not counted: the store did not take them at the end",
                    LOG_INT("rows", r->dropped - before));
    loop_timer_clear(r->loop, &r->timer);
}

void recorder_free(struct recorder *r)
{
    if (r == NULL)
        return;
    await_answers(r);
    drop_refused(r);
    loop_timer_clear(r->loop, &r->timer);
    loop_unwatch(r->loop, &r->io);
    handoff_free(r->answers);
    map_release(&r->counts);
    free(r);
}
