#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "domains/plan_private.h"

#include <stdlib.h>

enum { PLANS_MOST = 1000, FIRST_LOOK_MS = 10 * 1000 };

static void serve(struct plan_walk *w);

static void reply(struct plan_request *q, enum status st)
{
    q->status = st;
    handoff_put(q->reply_to, &q->item);
}

static void answer(struct plan_walk *w, struct plan_request *q)
{
    q->answer = plan_to_json(w);
    reply(q, OK);
}

/* Where the plan waits for an administrator's word, and it was given. */
static bool take_word(struct plan_walk *w)
{
    bool is_asked = w->sight.verb == PLAN_ASK || (w->sight.verb == PLAN_STOP && w->plan.stage == PLAN_EVIDENCE);

    if (!w->is_agreeing || !is_asked)
        return false;
    w->is_agreeing = false;
    plan_agree(&w->plan, &w->sight.failures, clock_wall_s());
    plan_walk_save(w, plan_walk_go);
    return true;
}

void plan_walk_rest(struct plan_walk *w, enum status st, const struct fault *why)
{
    struct plan_request *q = w->asked;

    if (st == OK && take_word(w))
        return;
    w->is_busy = w->is_agreeing = false;
    w->asked = NULL;
    if (q != NULL && st == OK)
        answer(w, q);
    else if (q != NULL)
        reply(q, fault_set(&q->why, st, "%s", why->text));
    serve(w);
}

/* -- orders about one plan ------------------------------------------------------------------------------------ */

static void refuse_waiting(struct plan_walk *w, enum status st, const char *text)
{
    struct plan_request *q;

    while ((q = TAILQ_FIRST(&w->waiting)) != NULL) {
        TAILQ_REMOVE(&w->waiting, q, link);
        reply(q, fault_set(&q->why, st, "%s", text));
    }
}

static void forget(struct plan_walk *w)
{
    struct plan_request *q = w->asked;

    q->answer = json_pack("{s:s%}", "abandoned", w->plan.domain.ptr, w->plan.domain.len);
    plan_walk_untell(w);
    log_info(NULL, "a plan was abandoned", LOG_STR("domain", w->plan.domain), LOG_STR("who", q->who));
    reply(q, OK);
    refuse_waiting(w, ERR_NOT_FOUND, "the plan was just abandoned");
    (void)map_remove(&w->keeper->walks, w->plan.domain);
    plan_walk_free(w);
}

static void on_forgotten(struct store_request *r)
{
    struct plan_walk *w = CONTAINER_OF(r, struct plan_walk, save);
    struct fault why = r->why;

    arena_release(&r->arena);
    if (r->status == OK)
        forget(w);
    else
        plan_walk_rest(w, r->status, &why);
}

static void abandon(struct plan_walk *w)
{
    plan_walk_drop(w);
    w->is_busy = true;
    w->row = (struct plan_row){ .domain = w->plan.domain, .state = SLICE_LIT("") };
    w->save = (struct store_request){
        .verb = STORE_PLAN_SAVE, .plan = &w->row, .reply_to = w->keeper->stored, .done = on_forgotten
    };
    store_send(w->keeper->config.world.store, &w->save);
}

/* First a look: the word is given to what is so now. */
static void agree(struct plan_walk *w)
{
    w->is_agreeing = true;
    plan_walk_go(w);
}

static const struct own_domain *own_domain(const struct plan_keeper *k, struct slice domain)
{
    return snapshot_own_domain(policy_keeper_settings(k->config.world.policies), domain);
}

static enum status may_begin(const struct plan_walk *w, const struct plan_request *q, struct fault *why)
{
    const struct own_domain *d = own_domain(w->keeper, q->domain);

    if (w->plan.begun_s != 0 && w->plan.stage != PLAN_DONE)
        return fault_set(why, ERR_EXISTS, "a plan of %.*s is under way; 'sternpost domain plan %.*s stop' abandons it",
                         SLICE_FMT(q->domain), SLICE_FMT(q->domain));
    if (w->keeper->config.world.config->policy_host.addresses_len == 0 && q->goal != STS_MODE_NONE)
        return fault_set(why, ERR_PERMANENT, "we host no policies: the configuration has no section policy-host");
    if (d->hosts_policy ? d->sts_mode == q->goal && q->goal != STS_MODE_NONE : q->goal == STS_MODE_NONE)
        return fault_set(why, ERR_EXISTS, "%.*s is there already", SLICE_FMT(q->domain));
    return OK;
}

static void begin(struct plan_walk *w)
{
    struct plan_request *q = w->asked;
    enum status st = may_begin(w, q, &q->why);

    if (st != OK) {
        w->asked = NULL;
        reply(q, st);
        if (w->plan.begun_s == 0) {
            (void)map_remove(&w->keeper->walks, w->plan.domain);
            plan_walk_free(w);
        } else {
            serve(w);
        }
        return;
    }
    plan_begin(&w->plan, w->plan.domain, q->goal, own_domain(w->keeper, q->domain), clock_wall_s());
    w->plan.who = arena_copy(&w->arena, q->who);
    w->plan.is_auto = q->is_auto;
    if (q->evidence_s > 0)
        w->plan.evidence_s = q->evidence_s;
    w->is_busy = true;
    plan_walk_save(w, plan_walk_go);
}

/* The next request, when nothing is under way. */
static void serve(struct plan_walk *w)
{
    static void (*const orders[])(struct plan_walk * w) = {
        [PLAN_SHOW] = plan_walk_go, [PLAN_BEGIN] = begin, [PLAN_AGREE] = agree, [PLAN_ABANDON] = abandon
    };
    struct plan_request *q = TAILQ_FIRST(&w->waiting);

    if (q == NULL || w->is_busy)
        return;
    TAILQ_REMOVE(&w->waiting, q, link);
    w->asked = q;
    orders[q->order](w);
}

/* -- the inbox ------------------------------------------------------------------------------------------------ */

static json_t *list(const struct plan_keeper *k)
{
    json_t *plans = json_array();
    struct map_entry *at = NULL;
    struct slice domain;
    void *value;

    while (map_next(&k->walks, &at, &domain, &value))
        json_array_append_new(plans, plan_to_json(value));
    return json_pack("{s:o}", "plans", plans);
}

static void receive(struct plan_keeper *k, struct plan_request *q)
{
    struct plan_walk *w = map_get(&k->walks, q->domain);

    q->answer = NULL;
    if (k->is_stopped) {
        reply(q, fault_set(&q->why, ERR_TEMPORARY, "the daemon is stopping"));
    } else if (q->order == PLAN_LIST) {
        q->answer = list(k);
        reply(q, OK);
    } else if (own_domain(k, q->domain) == NULL && (w == NULL || q->order == PLAN_BEGIN)) {
        reply(q, fault_set(&q->why, ERR_NOT_FOUND, "'%.*s' is no domain of ours; 'sternpost domain add' makes it one",
                           SLICE_FMT(q->domain)));
    } else if (w == NULL && q->order != PLAN_BEGIN) {
        reply(q, fault_set(&q->why, ERR_NOT_FOUND,
                           "%.*s has no plan; 'sternpost domain plan %.*s --to enforce' begins one",
                           SLICE_FMT(q->domain), SLICE_FMT(q->domain)));
    } else if (w == NULL && map_count(&k->walks) >= PLANS_MOST) {
        reply(q, fault_set(&q->why, ERR_LIMIT, "there are %d plans already", PLANS_MOST));
    } else {
        if (w == NULL) {
            w = plan_walk_new(k, q->domain);
            (void)map_put(&k->walks, w->plan.domain, w);
        }
        TAILQ_INSERT_TAIL(&w->waiting, q, link);
        serve(w);
    }
}

static void on_inbox(struct loop_io *io, unsigned events)
{
    struct plan_keeper *k = CONTAINER_OF(io, struct plan_keeper, inbox_io);
    struct handoff_item *item = handoff_take(k->inbox);

    (void)events;
    while (item != NULL) {
        struct plan_request *q = CONTAINER_OF(item, struct plan_request, item);

        item = item->next;
        receive(k, q);
    }
}

static void on_stored(struct loop_io *io, unsigned events)
{
    struct plan_keeper *k = CONTAINER_OF(io, struct plan_keeper, stored_io);
    struct handoff_item *item = handoff_take(k->stored);

    (void)events;
    while (item != NULL) {
        struct store_request *r = CONTAINER_OF(item, struct store_request, item);

        item = item->next;
        if (!k->is_stopped)
            r->done(r);
    }
}

/* -- life ----------------------------------------------------------------------------------------------------- */

static void take_row(struct plan_keeper *k, const struct plan_row *row)
{
    struct plan_walk *w = plan_walk_new(k, row->domain);

    if (plan_read(w->plan.domain, row->state, &w->arena, &w->plan) != OK) {
        log_error(NULL, "the store has a plan that cannot be read; it is left out", LOG_STR("domain", row->domain));
        plan_walk_free(w);
        return;
    }
    (void)map_put(&k->walks, w->plan.domain, w);
    plan_walk_look_in(w, FIRST_LOOK_MS);
}

static enum status load(struct plan_keeper *k, struct fault *why)
{
    struct store_request r = { .verb = STORE_PLAN_LOAD };
    enum status st = store_call(k->config.world.store, &r);

    for (size_t i = 0; st == OK && i < r.plans_len; i++)
        take_row(k, &r.plans[i]);
    if (st != OK)
        *why = r.why;
    arena_release(&r.arena);
    return st;
}

enum status plan_keeper_new(const struct plan_keeper_config *config, struct plan_keeper **out, struct fault *why)
{
    struct plan_keeper *k = NEW(struct plan_keeper);
    enum status st;

    k->config = *config;
    map_init(&k->walks);
    k->inbox = handoff_new();
    k->stored = k->config.world.stored = handoff_new();
    k->inbox_io.ready = on_inbox;
    k->stored_io.ready = on_stored;
    loop_watch(config->world.loop, &k->inbox_io, handoff_fd(k->inbox), LOOP_READ);
    loop_watch(config->world.loop, &k->stored_io, handoff_fd(k->stored), LOOP_READ);
    st = load(k, why);
    if (st != OK) {
        plan_keeper_free(k);
        return st;
    }
    *out = k;
    return OK;
}

static void stop_walk(struct plan_walk *w)
{
    plan_walk_drop(w);
    if (w->asked != NULL)
        TAILQ_INSERT_HEAD(&w->waiting, w->asked, link);
    w->asked = NULL;
    refuse_waiting(w, ERR_TEMPORARY, "the daemon is stopping");
}

void plan_keeper_stop(struct plan_keeper *k)
{
    struct map_entry *at = NULL;
    struct slice domain;
    void *value;

    k->is_stopped = true;
    while (map_next(&k->walks, &at, &domain, &value))
        stop_walk(value);
}

void plan_keeper_free(struct plan_keeper *k)
{
    struct map_entry *at = NULL;
    struct slice domain;
    void *value;

    if (k == NULL)
        return;
    plan_keeper_stop(k);
    on_inbox(&k->inbox_io, 0);
    on_stored(&k->stored_io, 0);
    while (map_next(&k->walks, &at, &domain, &value))
        plan_walk_free(value);
    map_release(&k->walks);
    loop_unwatch(k->config.world.loop, &k->inbox_io);
    loop_unwatch(k->config.world.loop, &k->stored_io);
    handoff_free(k->inbox);
    handoff_free(k->stored);
    free(k);
}

void plan_keeper_send(struct plan_keeper *k, struct plan_request *q)
{
    handoff_put(k->inbox, &q->item);
}
