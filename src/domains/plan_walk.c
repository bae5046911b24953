/* Look, take a step, look again: until the step is to wait. */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "domains/plan_private.h"

#include <stdlib.h>

enum {
    ROUNDS_MOST = 24,
    SETTLE_MS = 1000,        /* until a change has reached policy keeper and name server */
    LOOK_MS = 5 * 60000,     /* while something is to come about soon */
    PATIENT_MS = 60 * 60000, /* while days pass */
};

static void look(struct plan_walk *w);

/* -- keeping -------------------------------------------------------------------------------------------------- */

static void on_saved(struct store_request *r)
{
    struct plan_walk *w = CONTAINER_OF(r, struct plan_walk, save);
    struct fault why = r->why;

    arena_release(&r->arena);
    free(w->state);
    w->state = NULL;
    if (r->status == OK) {
        w->then(w);
        return;
    }
    log_error(NULL, "the state of a plan could not be kept", LOG_STR("domain", w->plan.domain),
              LOG_CSTR("why", why.text));
    plan_walk_rest(w, r->status, &why);
}

void plan_walk_save(struct plan_walk *w, void (*then)(struct plan_walk *w))
{
    json_t *state = plan_write(&w->plan);

    w->then = then;
    w->state = json_dumps(state, JSON_COMPACT);
    json_decref(state);
    w->row = (struct plan_row){ .domain = w->plan.domain, .state = slice_str(w->state) };
    w->save = (struct store_request){
        .verb = STORE_PLAN_SAVE, .plan = &w->row, .reply_to = w->keeper->stored, .done = on_saved
    };
    store_send(w->keeper->config.world.store, &w->save);
}

/* -- going on ------------------------------------------------------------------------------------------------- */

static void drop_work(struct plan_walk *w)
{
    publication_free(w->publication); /* it borrows from the look */
    w->publication = NULL;
    plan_look_free(w->look);
    w->look = NULL;
    mode_change_free(w->change);
    w->change = NULL;
}

static void on_timer(struct loop_timer *t)
{
    struct plan_walk *w = CONTAINER_OF(t, struct plan_walk, timer);

    drop_work(w);
    if (w->is_busy)
        look(w);
    else
        plan_walk_go(w);
}

/* Never from inside the callback of what is freed. */
static void look_again(struct plan_walk *w, int64_t in_ms)
{
    if (w->rounds < ROUNDS_MOST)
        plan_walk_look_in(w, in_ms);
    else
        plan_walk_rest(w, OK, NULL);
}

static void look_at_once(struct plan_walk *w)
{
    look_again(w, 0);
}

static void rest(struct plan_walk *w)
{
    static const int64_t until_again_ms[] = {
        [PLAN_REPORTS] = LOOK_MS,     [PLAN_SERVERS] = PATIENT_MS, [PLAN_TESTING] = LOOK_MS,
        [PLAN_EVIDENCE] = PATIENT_MS, [PLAN_ENFORCE] = LOOK_MS,    [PLAN_REVOKE] = LOOK_MS,
        [PLAN_FADE] = PATIENT_MS,     [PLAN_REMOVE] = LOOK_MS,     [PLAN_DONE] = 0,
    };
    int64_t in_ms = until_again_ms[w->plan.stage];

    if (in_ms > 0)
        plan_walk_look_in(w, in_ms);
    plan_walk_rest(w, OK, NULL);
}

/* What stops it is an alert as long as it does; that it waits for a word is told once. */
static void tell(struct plan_walk *w, enum plan_verb verb, struct slice text)
{
    struct alert_book *book = w->keeper->config.alerts;
    struct arena arena = { 0 };
    struct slice subject = arena_printf(&arena, "plan %.*s", SLICE_FMT(w->plan.domain));
    const struct alert a = { .cause = verb == PLAN_STOP ? SLICE_LIT("plan-stopped") : SLICE_LIT("plan-ready"),
                             .subject = subject,
                             .text = text,
                             .remedy =
                                 arena_printf(&arena, "see 'sternpost domain plan %.*s'", SLICE_FMT(w->plan.domain)),
                             .severity = verb == PLAN_STOP ? ALERT_WARNING : ALERT_NOTE };

    if (verb == PLAN_STOP)
        alert_book_raise(book, &a);
    else
        alert_book_end(book, SLICE_LIT("plan-stopped"), subject, SLICE_LIT("the plan goes on"));
    if (verb == PLAN_ASK && w->sight.verb != PLAN_ASK)
        alert_book_tell(book, &a);
    arena_release(&arena);
}

static void say(struct plan_walk *w, enum plan_verb verb, int64_t until_s, struct slice text)
{
    bool is_news = w->sight.text == NULL || w->sight.verb != verb;

    if (is_news)
        log_info(NULL, "the plan of a domain of ours", LOG_STR("domain", w->plan.domain),
                 LOG_CSTR("stage", plan_stage_name(w->plan.stage)), LOG_CSTR("state", plan_verb_name(verb)),
                 LOG_STR("what", text));
    tell(w, verb, text);
    free(w->sight.text);
    w->sight.text = mem_str(text);
    w->sight.verb = verb;
    w->sight.until_s = until_s;
    w->sight.looked_s = clock_wall_s();
}

/* -- one step of each kind ---------------------------------------------------------------------------------- */

static void fail(struct plan_walk *w, const char *what, const struct fault *why)
{
    char text[sizeof why->text + 64];

    (void)snprintf(text, sizeof text, "%s: %s", what, why->text);
    say(w, PLAN_STOP, 0, slice_str(text));
    rest(w);
}

static void on_changed(void *ctx, enum status st, const struct fault *why)
{
    struct plan_walk *w = ctx;

    if (st != OK)
        fail(w, "the settings could not be changed", why);
    else
        look_again(w, SETTLE_MS);
}

static void change_mode(struct plan_walk *w, const char *mode)
{
    struct mode_change_config c = { .store = w->keeper->config.world.store,
                                    .stored = w->keeper->stored,
                                    .domain = w->plan.domain,
                                    .mode = mode,
                                    .who = w->plan.who,
                                    .publish = w->keeper->config.publish,
                                    .publish_ctx = w->keeper->config.ctx,
                                    .done = on_changed,
                                    .ctx = w };

    w->change = mode_change_start(&c);
}

/* Nothing was to be changed at the server that takes updates: the others must follow. */
static void wait_for_the_others(struct plan_walk *w)
{
    const struct plan_facts *f = plan_look_facts(w->look);
    struct arena arena = { 0 };

    say(w, PLAN_WAIT, 0,
        arena_printf(&arena, "sent; waiting until every server of the zone has it so: %.*s",
                     SLICE_FMT(f->record_lines)));
    arena_release(&arena);
    plan_walk_save(w, rest);
}

static void on_noted(struct store_request *r)
{
    struct plan_walk *w = CONTAINER_OF(r, struct plan_walk, save);

    if (r->status != OK)
        log_error(NULL, "the audit does not take what a plan published", LOG_STR("domain", w->plan.domain),
                  LOG_CSTR("why", r->why.text));
    arena_release(&r->arena);
    free(w->state);
    w->state = NULL;
    look_again(w, SETTLE_MS);
}

/* The audit gets to know what was sent in the administrator's name. */
static void note(struct plan_walk *w, const struct slice *changes, size_t len)
{
    json_t *list = json_array(), *what = json_pack("{s:o}", "changes", list);

    for (size_t i = 0; i < len; i++)
        json_array_append_new(list, json_stringn(changes[i].ptr, changes[i].len));
    w->state = json_dumps(what, JSON_COMPACT);
    json_decref(what);
    w->note = (struct audit_row){ .action = SLICE_LIT("publish"),
                                  .kind = SLICE_LIT("records"),
                                  .name = w->plan.domain,
                                  .after = slice_str(w->state) };
    w->save = (struct store_request){ .verb = STORE_AUDIT_NOTE,
                                      .note = &w->note,
                                      .who = w->plan.who,
                                      .from = SLICE_LIT("plan"),
                                      .reply_to = w->keeper->stored,
                                      .done = on_noted };
    store_send(w->keeper->config.world.store, &w->save);
}

static void on_published(struct publication *p)
{
    struct plan_walk *w = publication_ctx(p);
    const struct slice *changes;
    size_t len = publication_changes(p, &changes);
    struct fault why;

    if (publication_result(p, &why) != OK)
        fail(w, "the records could not be sent", &why);
    else if (len == 0)
        wait_for_the_others(w);
    else
        note(w, changes, len);
}

static void publish(struct plan_walk *w, bool leaves_policy_id)
{
    struct publication_config c = { .loop = w->keeper->config.world.loop,
                                    .server = &w->keeper->config.world.config->dns_update,
                                    .inspection = plan_look_inspection(w->look),
                                    .leaves_policy_id = leaves_policy_id,
                                    .done = on_published,
                                    .ctx = w };

    w->publication = publication_start(&c);
}

static void take(struct plan_walk *w, const struct plan_step *s)
{
    switch (s->verb) {
    case PLAN_NEXT:
        plan_enter_next(&w->plan, clock_wall_s());
        plan_walk_save(w, look_at_once);
        break;
    case PLAN_SET: change_mode(w, sts_mode_name(s->mode)); break;
    case PLAN_DROP: change_mode(w, NULL); break;
    case PLAN_SEND:
    case PLAN_SEND_ID: publish(w, s->verb == PLAN_SEND); break;
    case PLAN_WAIT:
    case PLAN_ASK:
    case PLAN_STOP: plan_walk_save(w, rest); break;
    }
}

/* -- looking ------------------------------------------------------------------------------------------------ */

static void on_looked(void *ctx)
{
    struct plan_walk *w = ctx;
    const struct plan_facts *f = plan_look_facts(w->look);
    struct arena arena = { 0 };
    struct plan_step step;

    (void)plan_observe(&w->plan, f);
    plan_step(&w->plan, f, &arena, &step);
    w->sight.failures = (struct plan_failures){ .reports = f->failures.reports,
                                                .sessions = f->failures.sessions,
                                                .failed = f->failures.failed };
    say(w, step.verb, step.until_s, step.text);
    take(w, &step);
    arena_release(&arena);
}

static void look(struct plan_walk *w)
{
    const struct plan_world *world = &w->keeper->config.world;

    w->rounds++;
    if (w->plan.stage == PLAN_DONE) {
        say(w, PLAN_WAIT, 0, slice_str(plan_stage_aim(PLAN_DONE)));
        plan_walk_rest(w, OK, NULL);
    } else if (snapshot_own_domain(policy_keeper_settings(world->policies), w->plan.domain) == NULL) {
        say(w, PLAN_STOP, 0, SLICE_LIT("the settings no longer name the domain as ours"));
        plan_walk_rest(w, OK, NULL);
    } else {
        w->look = plan_look_start(world, &w->plan, on_looked, w);
    }
}

void plan_walk_go(struct plan_walk *w)
{
    loop_timer_clear(w->keeper->config.world.loop, &w->timer);
    drop_work(w);
    w->is_busy = true;
    w->rounds = 0;
    look(w);
}

void plan_walk_untell(struct plan_walk *w)
{
    tell(w, PLAN_WAIT, SLICE_LIT(""));
}

void plan_walk_look_in(struct plan_walk *w, int64_t ms)
{
    loop_timer_set(w->keeper->config.world.loop, &w->timer, ms);
}

struct plan_walk *plan_walk_new(struct plan_keeper *k, struct slice domain)
{
    struct plan_walk *w = NEW(struct plan_walk);

    w->keeper = k;
    w->timer.fire = on_timer;
    w->plan.domain = arena_copy(&w->arena, domain);
    TAILQ_INIT(&w->waiting);
    return w;
}

/* -- the end ------------------------------------------------------------------------------------------------ */

void plan_walk_drop(struct plan_walk *w)
{
    loop_timer_clear(w->keeper->config.world.loop, &w->timer);
    publication_free(w->publication);
    w->publication = NULL;
    if (w->look != NULL)
        plan_look_stop(w->look);
}

void plan_walk_free(struct plan_walk *w)
{
    drop_work(w);
    loop_timer_clear(w->keeper->config.world.loop, &w->timer);
    arena_release(&w->save.arena);
    arena_release(&w->arena);
    free(w->state);
    free(w->sight.text);
    free(w);
}
