#include "certs/watch_private.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#include <sys/random.h>

enum {
    TICK_MS = 30000,
    FIRST_LOOK_S = 45, /* after a start with nothing known */
    RECHECK_S = 600,   /* before a failure is told */
    WAIT_MS = 10000,
    JITTER_PARTS = 10, /* of the interval, either way */
};

/* Gently: other people's servers are looked at. */
static const struct pace_limits pace = {
    .per_address = 1, .per_network = 2, .address_gap_ms = 1000, .network_gap_ms = 100
};

/* -- the store ---------------------------------------------------------------------------------------------------- */

void watch_ask_store(struct watch *w, struct store_request *r, void (*done)(struct store_request *r))
{
    r->reply_to = w->answers;
    r->done = done;
    w->store_under_way++;
    store_send(w->config.store, r);
}

static void take_answers(struct watch *w)
{
    struct handoff_item *next;

    for (struct handoff_item *item = handoff_take(w->answers); item != NULL; item = next) {
        struct store_request *r = CONTAINER_OF(item, struct store_request, item);

        next = item->next;
        w->store_under_way--;
        if (w->is_ending)
            arena_release(&r->arena);
        else
            r->done(r);
    }
}

static void on_answers(struct loop_io *io, unsigned events)
{
    (void)events;
    take_answers(CONTAINER_OF(io, struct watch, answers_io));
}

/* -- what is known ------------------------------------------------------------------------------------------------ */

static void free_entry(struct watch_entry *e)
{
    if (e == NULL)
        return;
    arena_release(&e->arena);
    free(e);
}

static void put_entry(struct watch *w, struct watch_entry *e)
{
    free_entry(map_put(&w->entries, e->state.name, e));
}

static json_t *counts_json(const struct watch_counts *c)
{
    return json_pack("{s:I, s:I}", "looks", (json_int_t)c->looks, "unreachable", (json_int_t)c->unreachable);
}

static int by_server(const void *a, const void *b)
{
    const struct watch_entry *const *x = a, *const *y = b;

    return strcmp((*x)->state.name.ptr, (*y)->state.name.ptr);
}

static json_t *servers_json(const struct watch *w)
{
    size_t len = 0;
    struct watch_entry **all = mem_new(map_count(&w->entries) + 1, sizeof(struct watch_entry *));
    struct map_entry *at = NULL;
    json_t *list = json_array();
    struct slice name;
    void *value;

    while (map_next(&w->entries, &at, &name, &value))
        all[len++] = value;
    qsort(all, len, sizeof *all, by_server);
    for (size_t i = 0; i < len; i++)
        json_array_append_new(list, watch_state_show(&all[i]->state, w->wall_s()));
    free(all);
    return list;
}

static void publish(struct watch *w)
{
    bool is_on = snapshot_gateway(w->settings)->watches;
    json_t *j = json_object();
    char next[CLOCK_TEXT], *text;

    json_object_set_new(j, "watch", json_string(is_on ? "on" : "off"));
    if (is_on && w->is_loaded)
        json_object_set_new(j, "next", json_string(clock_rfc3339(w->due_s, next)));
    json_object_set_new(j, "looking", json_boolean(w->round != NULL));
    json_object_set_new(j, "answered", json_integer((json_int_t)w->answered));
    json_object_set_new(j, "servers", servers_json(w));
    json_object_set_new(j, "counts", counts_json(&w->counts));
    text = json_dumps(j, JSON_COMPACT);
    json_decref(j);
    (void)pthread_mutex_lock(&w->lock);
    free(w->report);
    w->report = text;
    (void)pthread_mutex_unlock(&w->lock);
}

struct slice watch_report(struct watch *w, struct arena *arena)
{
    struct slice text;

    (void)pthread_mutex_lock(&w->lock);
    text = arena_copy(arena, slice_str(w->report));
    (void)pthread_mutex_unlock(&w->lock);
    return text;
}

/* -- when it looks ------------------------------------------------------------------------------------------------ */

static int64_t jittered(int64_t interval_s)
{
    int64_t reach = interval_s / JITTER_PARTS;
    uint32_t random = 0;

    (void)!getrandom(&random, sizeof random, 0);
    return interval_s - reach + (int64_t)(random % (uint32_t)(2 * reach + 1));
}

static int64_t oldest_look_s(const struct watch *w)
{
    struct map_entry *at = NULL;
    int64_t oldest = INT64_MAX;
    struct slice name;
    void *value;

    while (map_next(&w->entries, &at, &name, &value)) {
        const struct watch_entry *e = value;

        oldest = e->state.checked_s < oldest ? e->state.checked_s : oldest;
    }
    return oldest;
}

/* Many restarts make no more looks. */
static void plan(struct watch *w)
{
    int64_t now_s = w->wall_s(), last_s = oldest_look_s(w);
    int64_t interval_s = jittered(snapshot_gateway(w->settings)->watch_interval_s);

    w->due_s = now_s + FIRST_LOOK_S;
    if (last_s <= now_s && last_s + interval_s > w->due_s)
        w->due_s = last_s + interval_s;
}

static bool wants_recheck(const struct watch *w)
{
    struct map_entry *at = NULL;
    struct slice name;
    void *value;

    while (map_next(&w->entries, &at, &name, &value)) {
        const struct watch_entry *e = value;

        if (e->state.failures == 1 || e->state.policy_failures == 1)
            return true;
    }
    return false;
}

static void start_ordered(struct watch *w)
{
    struct watch_order *o = w->waiting;
    struct slice target = slice_str(o->target);

    w->waiting = o->next;
    w->round = watch_round_new(w, target.len == 0 ? WATCH_ALL : WATCH_NAMED, target, o->number);
    free(o->target);
    free(o);
}

static void start_due(struct watch *w)
{
    int64_t now_s = w->wall_s();

    if (w->round != NULL || !w->is_loaded)
        return;
    if (w->waiting != NULL)
        start_ordered(w);
    else if (!snapshot_gateway(w->settings)->watches)
        return;
    else if (now_s >= w->due_s)
        w->round = watch_round_new(w, WATCH_ALL, SLICE_LIT(""), 0);
    else if (w->recheck_s != 0 && now_s >= w->recheck_s)
        w->round = watch_round_new(w, WATCH_FAILED, SLICE_LIT(""), 0);
    if (w->round != NULL)
        publish(w);
}

static void on_loaded(struct store_request *r)
{
    struct watch *w = CONTAINER_OF(r, struct watch, load);

    if (r->status != OK)
        log_warning(NULL, "what is known of watched certificates cannot be read", LOG_CSTR("why", r->why.text));
    for (size_t i = 0; r->status == OK && i < r->watched_len; i++) {
        struct watch_entry *e = NEW(struct watch_entry);

        if (watch_state_read(r->watched[i].name, r->watched[i].state, &e->arena, &e->state) == OK)
            put_entry(w, e);
        else
            free_entry(e);
    }
    w->is_loaded = r->status == OK;
    arena_release(&r->arena);
    plan(w);
    w->recheck_s = wants_recheck(w) ? w->due_s : 0;
    publish(w);
    start_due(w);
}

static void load(struct watch *w)
{
    w->load = (struct store_request){ .verb = STORE_WATCH_LOAD };
    watch_ask_store(w, &w->load, on_loaded);
}

void watch_tick(struct watch *w)
{
    loop_timer_set(w->config.loop, &w->timer, TICK_MS);
    if (!w->is_loaded && w->store_under_way == 0)
        load(w);
    start_due(w);
}

static void on_timer(struct loop_timer *t)
{
    watch_tick(CONTAINER_OF(t, struct watch, timer));
}

/* -- a round's end ------------------------------------------------------------------------------------------------ */

static void count(struct watch *w, const struct watch_round *r)
{
    for (size_t i = 0; i < r->looks_len; i++) {
        w->counts.looks += r->looks[i]->is_done;
        w->counts.unreachable += r->looks[i]->is_done && !r->looks[i]->facts.is_reached;
    }
}

static void keep(struct watch *w, const struct watch_round *r)
{
    for (size_t i = 0; i < r->rows_len; i++)
        if (r->rows[i].state.len == 0)
            free_entry(map_remove(&w->entries, r->rows[i].name));
    for (size_t i = 0; i < r->looks_len; i++) {
        if (r->looks[i]->fresh != NULL)
            put_entry(w, r->looks[i]->fresh);
        r->looks[i]->fresh = NULL;
    }
}

void watch_round_ended(struct watch *w, const struct watch_round *r, bool is_saved)
{
    int64_t now_s = w->wall_s();

    if (is_saved) {
        watch_round_tell(r);
        count(w, r);
        keep(w, r);
    }
    w->round = NULL;
    if (r->scope == WATCH_ALL)
        w->due_s = now_s + (is_saved ? jittered(snapshot_gateway(w->settings)->watch_interval_s) : RECHECK_S);
    w->recheck_s = wants_recheck(w) ? now_s + RECHECK_S : 0;
    if (r->number != 0)
        w->answered = r->number;
    publish(w);
    loop_timer_set(w->config.loop, &w->timer, w->waiting != NULL ? 0 : TICK_MS);
}

/* -- orders ------------------------------------------------------------------------------------------------------- */

static void on_orders(struct loop_io *io, unsigned events)
{
    struct watch *w = CONTAINER_OF(io, struct watch, orders_io);
    struct handoff_item *item = handoff_take(w->orders);
    struct watch_order **last = &w->waiting;

    (void)events;
    while (*last != NULL)
        last = &(*last)->next;
    while (item != NULL) {
        struct watch_order *o = CONTAINER_OF(item, struct watch_order, item);

        item = item->next;
        o->next = NULL;
        *last = o;
        last = &o->next;
    }
    start_due(w);
}

uint64_t watch_now(struct watch *w, struct slice target)
{
    struct watch_order *o = NEW(struct watch_order);
    uint64_t number = atomic_fetch_add(&w->last_order, 1) + 1;

    o->target = mem_str(target);
    o->number = number;
    handoff_put(w->orders, &o->item);
    return number;
}

/* -- its life ----------------------------------------------------------------------------------------------------- */

struct watch *watch_new(const struct watch_config *config, struct snapshot *settings)
{
    struct watch *w = NEW(struct watch);

    w->config = *config;
    w->settings = settings;
    w->wall_s = clock_wall_s;
    w->prober = prober_new(config->loop);
    w->pace = pace_new(config->loop, &pace);
    w->answers = handoff_new();
    w->orders = handoff_new();
    w->answers_io.ready = on_answers;
    w->orders_io.ready = on_orders;
    w->timer.fire = on_timer;
    map_init(&w->entries);
    (void)pthread_mutex_init(&w->lock, NULL);
    loop_watch(config->loop, &w->answers_io, handoff_fd(w->answers), LOOP_READ);
    loop_watch(config->loop, &w->orders_io, handoff_fd(w->orders), LOOP_READ);
    loop_timer_set(config->loop, &w->timer, TICK_MS);
    publish(w);
    load(w);
    return w;
}

void watch_set_clock(struct watch *w, int64_t (*wall_s)(void))
{
    w->wall_s = wall_s;
}

void watch_adopt(struct watch *w, struct snapshot *fresh)
{
    snapshot_release(w->settings);
    w->settings = fresh;
    publish(w);
}

static void drop_orders(struct watch *w)
{
    struct watch_order *next;

    on_orders(&w->orders_io, 0);
    for (struct watch_order *o = w->waiting; o != NULL; o = next) {
        next = o->next;
        free(o->target);
        free(o);
    }
}

static void drop_entries(struct watch *w)
{
    struct map_entry *at = NULL;
    struct slice name;
    void *value;

    while (map_next(&w->entries, &at, &name, &value))
        free_entry(value);
    map_release(&w->entries);
}

void watch_free(struct watch *w)
{
    if (w == NULL)
        return;
    w->is_ending = true;
    w->is_loaded = false;
    while (w->store_under_way > 0) {
        (void)handoff_wait(w->answers, WAIT_MS);
        take_answers(w);
    }
    watch_round_free(w->round);
    drop_orders(w);
    drop_entries(w);
    loop_timer_clear(w->config.loop, &w->timer);
    loop_unwatch(w->config.loop, &w->answers_io);
    loop_unwatch(w->config.loop, &w->orders_io);
    handoff_free(w->answers);
    handoff_free(w->orders);
    pace_free(w->pace);
    prober_free(w->prober);
    snapshot_release(w->settings);
    (void)pthread_mutex_destroy(&w->lock);
    free(w->report);
    free(w);
}
