#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/backend.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>

/* One transaction takes no more than this, so that the first to wait is not kept by the last to come. */
enum { BATCH_REQUESTS = 512, BATCH_BYTES = 8 << 20 };
enum { RETRY_MS = 1000, ROOM_FRESH_MS = 100, ROOM_FRESH_PART = 16 };

/* Requests linked through their items, oldest first. */
struct line {
    struct handoff_item *first, *last;
};

struct store {
    const struct backend_ops *ops;
    struct backend *backend;
    struct handoff *inbox;
    struct handoff_item stop; /* the last that is put into the inbox */
    pthread_t thread;
    uint64_t reserve_bytes;

    /* The thread's own. */
    struct line waiting;
    struct line kept;                /* settles of lost transactions; older than any that waits */
    int64_t lost_at_ms, retry_at_ms; /* the last loss; when `kept` and the database are tried again */
    enum status trouble;             /* how the last transaction was lost, until that is over; OK: all is well */
    struct fault why;
    bool is_stopping, has_room;
    int64_t room_asked_ms;
    uint64_t added_bytes; /* since room was asked for */
};

static const struct {
    const char *scheme;
    const struct backend_ops *ops;
} backends[] = {
    { "sqlite:", &sqlite_backend },
};

/* What becomes of a verb when the disk does not take it. */
static const struct {
    bool adds;    /* needs room beyond the reserve */
    bool writes;  /* is refused while nothing can be written */
    bool is_kept; /* waits instead */
} traits[] = {
    [STORE_PUT] = { .adds = true, .writes = true },
    [STORE_CHUNK] = { .adds = true, .writes = true },
    [STORE_DROP] = { .writes = true },
    [STORE_LOAD] = { 0 },
    [STORE_SETTLE] = { .writes = true, .is_kept = true },
    [STORE_CLAIM] = { .writes = true },
    [STORE_LIST] = { 0 },
    [STORE_FIND] = { 0 },
    [STORE_CHANGE] = { .writes = true },
    [STORE_COUNT] = { .writes = true },
    [STORE_COUNTERS] = { 0 },
    [STORE_SETTINGS_LOAD] = { 0 },
    [STORE_SETTINGS_CHANGE] = { .writes = true },
    [STORE_AUDIT_NOTE] = { .writes = true },
    [STORE_AUDIT] = { 0 },
    [STORE_STATS] = { 0 },
    [STORE_TRIM] = { .writes = true },
    [STORE_STS_LOAD] = { 0 },
    [STORE_STS_SAVE] = { .writes = true },
    [STORE_STS_FORGET] = { .writes = true },
    [STORE_POLICY_ADD] = { .writes = true },
    [STORE_POLICY_LIST] = { 0 },
    [STORE_PLAN_LOAD] = { 0 },
    [STORE_PLAN_SAVE] = { .writes = true },
    [STORE_CERT_LOAD] = { 0 },
    [STORE_CERT_SAVE] = { .writes = true },
    [STORE_CERT_HISTORY] = { 0 },
    [STORE_WATCH_LOAD] = { 0 },
    [STORE_WATCH_SAVE] = { .writes = true },
    [STORE_REPORT_COUNT] = { .writes = true },
    [STORE_REPORT_COUNTS] = { 0 },
    [STORE_REPORT_DOMAINS] = { 0 },
    [STORE_REPORT_DAYS] = { 0 },
    [STORE_REPORT_TRIM] = { .writes = true },
    [STORE_REPORT_CLAIM] = { .writes = true },
    [STORE_REPORT_SAVE] = { .writes = true, .is_kept = true },
    [STORE_REPORT_DUE] = { 0 },
    [STORE_REPORT_LIST] = { 0 },
    [STORE_REPORT_FIND] = { 0 },
    [STORE_RECEIVED_PUT] = { .adds = true, .writes = true },
    [STORE_RECEIVED_LIST] = { 0 },
    [STORE_RECEIVED_FIND] = { 0 },
    [STORE_RECEIVED_SUMS] = { 0 },
    [STORE_RECEIVED_TRIM] = { .writes = true },
    [STORE_ALERT_LOAD] = { 0 },
    [STORE_ALERT_SAVE] = { .writes = true, .is_kept = true },
};

const char *const received_channel_names[3] = {
    [RECEIVED_BY_MAIL] = "mail",
    [RECEIVED_BY_HTTPS] = "https",
    [RECEIVED_BY_IMPORT] = "import",
};

static struct store_request *request_of(struct handoff_item *item)
{
    return CONTAINER_OF(item, struct store_request, item);
}

static void line_add(struct line *l, struct handoff_item *item)
{
    item->next = NULL;
    if (l->first == NULL)
        l->first = item;
    else
        l->last->next = item;
    l->last = item;
}

static struct handoff_item *line_take(struct line *l)
{
    struct handoff_item *item = l->first;

    l->first = item->next;
    return item;
}

/* An answered request belongs to its sender again: nothing may touch it behind this. */
static void answer(struct store_request *r)
{
    handoff_put(r->reply_to, &r->item);
}

static void forget_results(struct store_request *r)
{
    r->status = OK;
    r->cursor = 0;
    r->is_unfinished = false;
    r->messages_len = 0;
    r->traces_len = 0;
    r->settings_len = 0;
    r->audit_len = 0;
    r->counters_len = 0;
    r->sts_len = 0;
    r->policies_len = 0;
    r->plans_len = 0;
    r->certs_len = 0;
    r->watched_len = 0;
    r->report_counts_len = 0;
    r->reports_len = 0;
    r->received_len = 0;
    r->sums_len = 0;
    r->alerts_len = 0;
    r->count = 0;
    r->count_busy = 0;
}

static size_t weight(const struct store_request *r)
{
    size_t bytes = r->bytes.len + (r->verb == STORE_PUT ? r->message->body.len : 0);

    for (size_t i = 0; i < r->received_in_len; i++)
        bytes += r->received_in[i].document.len;
    return bytes;
}

/* The file system is asked again when time has passed or much has been added. */
static bool has_room(struct store *s, const struct store_request *r)
{
    int64_t now_ms = clock_mono_ms();

    if (s->reserve_bytes == 0)
        return true;
    s->added_bytes += weight(r);
    if (now_ms - s->room_asked_ms >= ROOM_FRESH_MS || s->added_bytes > s->reserve_bytes / ROOM_FRESH_PART) {
        s->has_room = s->ops->free_bytes(s->backend) >= s->reserve_bytes;
        s->room_asked_ms = now_ms;
        s->added_bytes = 0;
    }
    return s->has_room;
}

static void refuse(struct store *s, struct store_request *r, enum status st)
{
    r->status = st;
    r->why = s->why;
    answer(r);
}

/* Answers or keeps what cannot be run as things stand; false: run it. */
static bool is_turned_away(struct store *s, struct store_request *r)
{
    bool is_unusable = s->trouble == ERR_TEMPORARY || (s->trouble != OK && traits[r->verb].writes);

    if (s->trouble == OK && traits[r->verb].adds && !has_room(s, r)) {
        r->status = fault_set(&r->why, ERR_FULL, "the disk of the store is full but for its reserve: free some space");
        answer(r);
        return true;
    }
    if (traits[r->verb].is_kept && s->trouble != ERR_PERMANENT && (is_unusable || s->kept.first != NULL)) {
        line_add(&s->kept, &r->item);
        return true;
    }
    if (is_unusable)
        refuse(s, r, s->trouble == ERR_PERMANENT && !traits[r->verb].is_kept ? ERR_TEMPORARY : s->trouble);
    return is_unusable;
}

/* A lost transaction. What it wrote is undone; whatever cannot go on is refused or kept by is_turned_away(). */
static void lose(struct store *s, enum status how)
{
    int64_t now_ms = clock_mono_ms();

    s->ops->rollback(s->backend);
    s->trouble = how;
    /* A connection that fails once is replaced at once. */
    s->retry_at_ms = how == ERR_TEMPORARY && now_ms - s->lost_at_ms > RETRY_MS ? now_ms : now_ms + RETRY_MS;
    s->lost_at_ms = now_ms;
    log_error(NULL, "the store could not write", LOG_CSTR("status", status_name(how)), LOG_CSTR("why", s->why.text));
}

static bool may_recover(const struct store *s)
{
    return s->kept.first != NULL || s->trouble == ERR_FULL || s->trouble == ERR_TEMPORARY;
}

/* A failed fsync is never asked again on the same connection (DUR-03): the kernel forgets what it could not write
 * and reports it once. */
static void recover(struct store *s)
{
    if (s->trouble == ERR_TEMPORARY && s->ops->reopen(s->backend, &s->why) != OK)
        return;
    if (s->trouble != OK && s->trouble != ERR_PERMANENT)
        log_info(NULL, "the store is tried again");
    if (s->trouble != ERR_PERMANENT)
        s->trouble = OK;
}

static enum status transact(struct store *s, const struct line *l)
{
    enum status st = s->ops->begin(s->backend, &s->why);

    for (struct handoff_item *item = l->first; item != NULL && st == OK; item = item->next)
        st = s->ops->run(s->backend, request_of(item), &s->why);
    return st == OK ? s->ops->commit(s->backend, &s->why) : st;
}

static void answer_all(struct store *s, struct line *l)
{
    while (l->first != NULL) {
        struct store_request *r = request_of(line_take(l));

        if (r->is_unfinished && r->status == OK)
            line_add(&s->waiting, &r->item);
        else
            answer(r);
    }
}

/* Runs a batch in one transaction. When that is lost, what only reads has a second go: its results may show what
 * was undone. That go is the last: a read loses a transaction only together with the connection. */
static void run_batch(struct store *s, struct line batch)
{
    while (batch.first != NULL) {
        struct line fit = { 0 };
        enum status st = OK;

        while (batch.first != NULL) {
            struct store_request *r = request_of(line_take(&batch));

            if (!is_turned_away(s, r))
                line_add(&fit, &r->item);
        }
        if (fit.first != NULL)
            st = transact(s, &fit);
        if (st == OK) {
            answer_all(s, &fit);
            return;
        }
        lose(s, st);
        for (struct handoff_item *item = fit.first; item != NULL; item = item->next) {
            arena_reset(&request_of(item)->arena);
            forget_results(request_of(item));
        }
        batch = fit;
    }
}

static struct line next_batch(struct store *s)
{
    struct line batch = { 0 };
    size_t count = 0, bytes = 0;

    for (; s->waiting.first != NULL && count < BATCH_REQUESTS && bytes < BATCH_BYTES; count++) {
        struct handoff_item *item = line_take(&s->waiting);

        bytes += weight(request_of(item));
        line_add(&batch, item);
    }
    return batch;
}

static void retry_kept(struct store *s)
{
    struct line kept = s->kept;

    if (!may_recover(s) || (!s->is_stopping && clock_mono_ms() < s->retry_at_ms))
        return;
    s->retry_at_ms = clock_mono_ms() + RETRY_MS;
    recover(s);
    if (s->trouble == ERR_TEMPORARY)
        return;
    s->kept = (struct line){ 0 };
    run_batch(s, kept);
}

/* -1: there is nothing to try again. */
static int ms_to_retry(const struct store *s)
{
    int64_t left_ms = s->retry_at_ms - clock_mono_ms();

    if (!may_recover(s))
        return -1;
    return left_ms < 0 ? 0 : (int)left_ms;
}

/* Moves what was sent into `waiting`; sleeps when there is nothing to do. */
static void take_sent(struct store *s)
{
    struct handoff_item *item;

    if (s->waiting.first == NULL && !s->is_stopping) {
        log_flush();
        (void)handoff_wait(s->inbox, ms_to_retry(s));
    }
    item = handoff_take(s->inbox);
    while (item != NULL) {
        struct handoff_item *next = item->next;

        if (item == &s->stop)
            s->is_stopping = true;
        else
            line_add(&s->waiting, item);
        item = next;
    }
}

static void *store_thread(void *arg)
{
    struct store *s = arg;

    while (!s->is_stopping || s->waiting.first != NULL) {
        take_sent(s);
        retry_kept(s);
        run_batch(s, next_batch(s));
        if (s->trouble == OK)
            s->ops->tend(s->backend, s->waiting.first == NULL);
    }
    retry_kept(s);
    while (s->kept.first != NULL)
        refuse(s, request_of(line_take(&s->kept)), s->trouble);
    log_flush();
    return NULL;
}

static void start_thread(struct store *s)
{
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (pthread_create(&s->thread, NULL, store_thread, s) != 0) {
        log_error(NULL, "cannot start the store thread");
        abort();
    }
    pthread_setname_np(s->thread, "store");
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

enum status store_open(const struct store_config *config, struct store **out, struct fault *why)
{
    struct slice url = slice_str(config->url);
    struct store *s = NEW(struct store);
    enum status st =
        fault_set(why, ERR_SYNTAX, "'%s' is not the URL of a store: write sqlite:/path/to/file", config->url);

    for (size_t i = 0; i < COUNT_OF(backends); i++) {
        if (!slice_starts(url, slice_str(backends[i].scheme)))
            continue;
        s->ops = backends[i].ops;
        st = s->ops->open(slice_from(url, strlen(backends[i].scheme)), &s->backend, why);
    }
    if (st != OK) {
        free(s);
        return st;
    }
    s->reserve_bytes = config->reserve_bytes;
    s->room_asked_ms = -ROOM_FRESH_MS;
    s->inbox = handoff_new();
    start_thread(s);
    *out = s;
    return OK;
}

void store_close(struct store *s)
{
    if (s == NULL)
        return;
    handoff_put(s->inbox, &s->stop);
    pthread_join(s->thread, NULL);
    s->ops->close(s->backend);
    handoff_free(s->inbox);
    free(s);
}

bool store_has_room(const struct store *s, uint64_t bytes)
{
    uint64_t most = UINT64_MAX / 4;

    /* Half as much again: for the log, the indices, and others who write meanwhile (DUR-04). */
    return bytes < most && s->reserve_bytes < most &&
           s->ops->free_bytes(s->backend) >= s->reserve_bytes + bytes + bytes / 2;
}

void store_send(struct store *s, struct store_request *r)
{
    assert(r->reply_to != NULL);
    forget_results(r);
    handoff_put(s->inbox, &r->item);
}

enum status store_call(struct store *s, struct store_request *r)
{
    struct handoff *reply = handoff_new();

    r->reply_to = reply;
    store_send(s, r);
    /* Not before the bell: until it has rung, the store thread is not done with `reply`. */
    while (!handoff_wait(reply, -1))
        continue;
    (void)handoff_take(reply);
    r->reply_to = NULL;
    handoff_free(reply);
    return r->status;
}

bool store_folder(const char *url, char *out, size_t size)
{
    struct slice path = slice_from(slice_str(url), slice_find(slice_str(url), ':') + 1);
    size_t slash = slice_find_last(path, '/');

    return slice_to_cstr(slash == SIZE_MAX ? SLICE_LIT(".") : slice_first(path, slash == 0 ? 1 : slash), out, size);
}
