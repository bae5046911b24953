#include "bridge/lookup.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "bridge/destination.h"
#include "bridge/entry.h"
#include "bridge/netstring.h"
#include "net/handoff.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

enum { KEY_LONGEST = 255, EVICT_TRIES = 16 };

#define NOTFOUND SLICE_LIT("9:NOTFOUND ,")
#define BUSY SLICE_LIT("29:TEMP too many domains at once,")

struct survey_job {
    struct dane_survey survey; /* first */
    struct lookup_entry *entry;
    struct survey_job *next; /* that waits for its turn */
};

struct lookups {
    struct lookups_config config;
    struct snapshot *settings;
    struct map by_name;
    struct lookup_entry *newest, *oldest;
    size_t jobs_running, jobs_waiting;
    struct survey_job *first, **last;
    struct handoff *replies; /* of the MTA-STS service */
    struct loop_io replies_io;
    size_t sts_open;
    struct buf scratch; /* the reply to what has no entry */
    uint32_t random;
};

/* A request to the MTA-STS service; when it comes back the entry may be gone. */
struct sts_ask {
    struct sts_request q; /* first */
    struct lookups *lookups;
    char name[KEY_LONGEST + 1];
};

static struct entry_time time_of(const struct lookups *l)
{
    return (struct entry_time){ .mono_ms = loop_now_ms(l->config.loop), .wall_s = clock_wall_s() };
}

static uint32_t next_random(struct lookups *l)
{
    l->random = l->random * 1664525U + 1013904223U;
    return l->random >> 8;
}

/* -- entries by use ------------------------------------------------------------------------------------------ */

static void unlink_entry(struct lookups *l, struct lookup_entry *e)
{
    *(e->newer == NULL ? &l->newest : &e->newer->older) = e->older;
    *(e->older == NULL ? &l->oldest : &e->older->newer) = e->newer;
    e->newer = e->older = NULL;
}

static void link_newest(struct lookups *l, struct lookup_entry *e)
{
    e->older = l->newest;
    *(l->newest == NULL ? &l->oldest : &l->newest->newer) = e;
    l->newest = e;
}

static void touch(struct lookups *l, struct lookup_entry *e)
{
    if (l->newest == e)
        return;
    unlink_entry(l, e);
    link_newest(l, e);
}

static void remove_entry(struct lookups *l, struct lookup_entry *e)
{
    loop_timer_clear(l->config.loop, &e->refresh);
    unlink_entry(l, e);
    (void)map_remove(&l->by_name, e->name);
    entry_free(e);
}

/* What somebody waits for stays, so for a moment there may be more than there should be. */
static void make_room(struct lookups *l)
{
    size_t most = l->config.entries_most;

    for (int tries = 0; tries < EVICT_TRIES && map_count(&l->by_name) >= most; tries++) {
        struct lookup_entry *e = l->oldest;

        if (e->waiters == NULL && e->job == NULL)
            remove_entry(l, e);
        else
            touch(l, e);
    }
}

/* -- answering ------------------------------------------------------------------------------------------------ */

static void stop_waiting(struct lookup_waiter *w)
{
    *w->at = w->next;
    if (w->next != NULL)
        w->next->at = w->at;
    w->next = NULL;
    w->at = NULL;
    loop_timer_clear(w->lookups->config.loop, &w->deadline);
    w->entry = NULL;
}

void lookups_leave(struct lookup_waiter *w)
{
    if (w->entry != NULL)
        stop_waiting(w);
}

static void answer_waiter(struct lookup_waiter *w)
{
    struct lookups *l = w->lookups;
    struct lookup_entry *e = w->entry;

    stop_waiting(w);
    w->done(w, entry_reply(e, w->map, l->settings, time_of(l)));
}

static bool is_whole(const struct lookups *l, const struct lookup_entry *e)
{
    struct entry_time now = time_of(l);

    return !entry_wants_dane(e, now) && !entry_wants_sts(e, now);
}

/* A waiter that is answered may ask for the next thing at once, of this entry, too. */
static void answer_waiters(struct lookups *l, struct lookup_entry *e)
{
    while (e->waiters != NULL && is_whole(l, e))
        answer_waiter(e->waiters);
}

static void on_deadline(struct loop_timer *t)
{
    answer_waiter(CONTAINER_OF(t, struct lookup_waiter, deadline));
}

static void wait_for(struct lookups *l, struct lookup_entry *e, enum answer_map map, struct lookup_waiter *w)
{
    assert(w->entry == NULL);
    w->lookups = l;
    w->entry = e;
    w->map = map;
    w->at = &e->waiters;
    w->next = e->waiters;
    if (w->next != NULL)
        w->next->at = &w->next;
    e->waiters = w;
    w->deadline.fire = on_deadline;
    loop_timer_set(l->config.loop, &w->deadline, LOOKUP_WAIT_MS);
}

/* -- DANE ------------------------------------------------------------------------------------------------------ */

static void run_jobs(struct lookups *l)
{
    while (l->first != NULL && l->jobs_running < LOOKUP_SURVEYS_MOST) {
        struct survey_job *job = l->first;

        l->first = job->next;
        if (l->first == NULL)
            l->last = &l->first;
        l->jobs_waiting--;
        l->jobs_running++;
        dane_survey_start(&job->survey, l->config.loop, l->config.resolver, job->entry->name, l->config.port,
                          next_random(l));
    }
}

/* Spread a little, or what came together would come together for ever. */
static void set_refresh(struct lookups *l, struct lookup_entry *e, int64_t keep_s)
{
    int64_t ms = keep_s * 1000 * 3 / 4;

    loop_timer_set(l->config.loop, &e->refresh, ms - (int64_t)(next_random(l) % 1000) * ms / 10000);
}

static void on_survey(struct dane_survey *s)
{
    struct survey_job *job = CONTAINER_OF(s, struct survey_job, survey);
    struct lookup_entry *e = job->entry;
    struct lookups *l = e->owner;
    int64_t keep_s = entry_take_dane(e, &s->dane, s->ttl_s, time_of(l));

    e->job = NULL;
    e->is_used = e->waiters != NULL;
    dane_survey_release(&job->survey);
    free(job);
    l->jobs_running--;
    set_refresh(l, e, keep_s);
    run_jobs(l);
    answer_waiters(l, e);
}

static void start_survey(struct lookups *l, struct lookup_entry *e)
{
    struct survey_job *job = NEW(struct survey_job);

    loop_timer_clear(l->config.loop, &e->refresh);
    job->survey.done = on_survey;
    job->entry = e;
    e->job = job;
    *l->last = job;
    l->last = &job->next;
    l->jobs_waiting++;
    run_jobs(l);
}

/* What nobody asked for since it was last looked for waits until somebody does. */
static void on_refresh(struct loop_timer *t)
{
    struct lookup_entry *e = CONTAINER_OF(t, struct lookup_entry, refresh);

    if (e->is_used && e->job == NULL)
        start_survey(e->owner, e);
}

/* -- MTA-STS --------------------------------------------------------------------------------------------------- */

static void on_sts(struct sts_request *q)
{
    struct sts_ask *ask = CONTAINER_OF(q, struct sts_ask, q);
    struct lookups *l = ask->lookups;
    struct lookup_entry *e = map_get(&l->by_name, q->domain);

    l->sts_open--;
    if (e != NULL) {
        e->sts_is_asked = false;
        if (q->status == OK && q->facts != NULL)
            entry_take_sts(e, sts_facts_hold(q->facts), time_of(l));
        answer_waiters(l, e);
    }
    sts_request_release(q);
    free(ask);
}

static void take_replies(struct lookups *l)
{
    struct handoff_item *item = handoff_take(l->replies);

    while (item != NULL) {
        struct sts_request *q = CONTAINER_OF(item, struct sts_request, item);

        item = item->next;
        q->done(q);
    }
}

static void on_replies(struct loop_io *io, unsigned events)
{
    (void)events;
    take_replies(CONTAINER_OF(io, struct lookups, replies_io));
}

static void ask_sts(struct lookups *l, struct lookup_entry *e)
{
    struct sts_ask *ask;

    if (e->sts_is_asked)
        return;
    ask = NEW(struct sts_ask);
    ask->lookups = l;
    memcpy(ask->name, e->name.ptr, e->name.len);
    ask->q.verb = STS_ASK;
    ask->q.domain = slice_of(ask->name, e->name.len);
    ask->q.reply_to = l->replies;
    ask->q.done = on_sts;
    e->sts_is_asked = true;
    l->sts_open++;
    l->config.ask_sts(l->config.ctx, &ask->q);
}

/* -- asking ----------------------------------------------------------------------------------------------------- */

/* A bucket that leaks: `used` goes down by LOOKUP_PER_S thousandths a millisecond. */
static bool take_allowance(struct lookup_allowance *a, int64_t now_ms)
{
    a->used -= (now_ms - a->at_ms) * LOOKUP_PER_S;
    a->at_ms = now_ms;
    if (a->used < 0)
        a->used = 0;
    if (a->used + 1000 > (int64_t)LOOKUP_BURST * 1000)
        return false;
    a->used += 1000;
    return true;
}

/* What is served from memory now is looked for again in time, so that it can be the next time, too. */
static void keep_fresh(struct lookups *l, struct lookup_entry *e, struct entry_time now)
{
    if (e->is_ours || e->is_settled)
        return;
    if (e->job == NULL && !loop_timer_is_set(&e->refresh))
        start_survey(l, e);
    if (answer_asks_sts(&e->dane, e->requires_tls) && now.mono_ms - e->sts_at_ms >= STS_ASK_AGAIN_MS)
        ask_sts(l, e);
}

static bool ask_entry(struct lookups *l, struct lookup_entry *e, enum answer_map map,
                      struct lookup_allowance *allowance, struct lookup_waiter *w, struct slice *reply)
{
    struct entry_time now = time_of(l);

    touch(l, e);
    entry_decide(e, l->settings, now);
    e->is_used = true;
    if (is_whole(l, e)) {
        keep_fresh(l, e, now);
        *reply = entry_reply(e, map, l->settings, now);
        return true;
    }
    if (entry_wants_dane(e, now) && e->job == NULL) {
        if (l->jobs_waiting >= LOOKUP_QUEUE_MOST || !take_allowance(allowance, now.mono_ms)) {
            log_warning(NULL, "too many domains are asked for at once: Postfix is told to try again later");
            *reply = BUSY;
            return true;
        }
        start_survey(l, e);
    }
    if (entry_wants_sts(e, now))
        ask_sts(l, e);
    wait_for(l, e, map, w);
    return false;
}

/* Most keys come as they stand in memory. */
static struct lookup_entry *find_as_written(const struct lookups *l, struct slice key)
{
    char lower[KEY_LONGEST];

    if (key.len == 0 || key.len > sizeof lower)
        return NULL;
    return map_get(&l->by_name, slice_lower(key, lower));
}

static struct lookup_entry *find_or_make(struct lookups *l, struct slice name)
{
    struct lookup_entry *e = map_get(&l->by_name, name);

    if (e != NULL)
        return e;
    make_room(l);
    e = entry_new(l, name);
    e->refresh.fire = on_refresh;
    link_newest(l, e);
    (void)map_put(&l->by_name, name, e);
    return e;
}

static struct slice relay_reply(struct lookups *l, struct slice name, enum answer_map map, struct arena *arena)
{
    struct decision demand;

    if (snapshot_is_our_domain(l->settings, name))
        return NOTFOUND;
    entry_demand(l->settings, name, true, clock_wall_s(), arena, &demand);
    buf_reset(&l->scratch);
    (void)!netstring_add(&l->scratch, answer_write_relay(&demand, map, arena));
    return buf_slice(&l->scratch);
}

bool lookups_ask(struct lookups *l, struct slice key, enum answer_map map, struct lookup_allowance *allowance,
                 struct lookup_waiter *w, struct slice *reply)
{
    struct lookup_entry *e = find_as_written(l, key);
    struct arena arena = { 0 };
    struct destination d;
    bool is_answered = true;

    if (e != NULL)
        return ask_entry(l, e, map, allowance, w, reply);
    destination_read(key, &arena, &d);
    if (d.kind == DESTINATION_NONE)
        *reply = NOTFOUND;
    else if (d.kind == DESTINATION_RELAY && !l->config.asks_in_brackets)
        *reply = relay_reply(l, d.name, map, &arena);
    else
        is_answered = ask_entry(l, find_or_make(l, d.name), map, allowance, w, reply);
    arena_release(&arena);
    return is_answered;
}

/* -- beginning and end -------------------------------------------------------------------------------------------- */

struct lookups *lookups_new(const struct lookups_config *config, struct snapshot *settings)
{
    struct lookups *l = NEW(struct lookups);

    l->config = *config;
    if (l->config.entries_most == 0)
        l->config.entries_most = LOOKUP_ENTRIES_MOST;
    l->settings = settings;
    map_init(&l->by_name);
    l->last = &l->first;
    buf_init(&l->scratch, ANSWER_MAX + NETSTRING_OVERHEAD);
    l->replies = handoff_new();
    l->replies_io.ready = on_replies;
    loop_watch(config->loop, &l->replies_io, handoff_fd(l->replies), LOOP_READ);
    (void)!getrandom(&l->random, sizeof l->random, 0);
    return l;
}

void lookups_adopt(struct lookups *l, struct snapshot *fresh)
{
    snapshot_release(l->settings);
    l->settings = fresh;
}

size_t lookups_count(const struct lookups *l)
{
    return map_count(&l->by_name);
}

static void drop_entry(struct lookups *l, struct lookup_entry *e)
{
    while (e->waiters != NULL)
        stop_waiting(e->waiters);
    if (e->job != NULL) {
        dane_survey_release(&e->job->survey);
        free(e->job);
    }
    remove_entry(l, e);
}

void lookups_free(struct lookups *l)
{
    if (l == NULL)
        return;
    while (l->oldest != NULL)
        drop_entry(l, l->oldest);
    while (l->sts_open > 0) {
        (void)handoff_wait(l->replies, -1);
        take_replies(l);
    }
    loop_unwatch(l->config.loop, &l->replies_io);
    handoff_free(l->replies);
    map_release(&l->by_name);
    buf_release(&l->scratch);
    snapshot_release(l->settings);
    free(l);
}
