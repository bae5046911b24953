#include "reports/sender.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "reports/sender_private.h"
#include "settings/units.h"

enum { LOOK_EVERY_MS = 60000, FIRST_LOOK_MS = 1000, WAIT_MS = 10000 };

/* -- the store ---------------------------------------------------------------------------------------------------- */

void sender_store(struct report_sender *s, struct store_request *r, void (*done)(struct store_request *r))
{
    r->reply_to = s->answers;
    r->done = done;
    s->store_under_way++;
    store_send(s->store, r);
}

static void take_answers(struct report_sender *s)
{
    struct handoff_item *next;

    for (struct handoff_item *item = handoff_take(s->answers); item != NULL; item = next) {
        struct store_request *r = CONTAINER_OF(item, struct store_request, item);

        next = item->next;
        s->store_under_way--;
        if (s->is_ending)
            arena_release(&r->arena);
        else
            r->done(r);
    }
}

static void on_answers(struct loop_io *io, unsigned events)
{
    (void)events;
    take_answers(CONTAINER_OF(io, struct report_sender, io));
}

/* -- what is tried again ------------------------------------------------------------------------------------------ */

void sender_retry(struct report_sender *s, const struct job *j, const char *why)
{
    int64_t at_s = calendar_retry_s(j->first_s, s->wall_s(), j->tries + 1, 0);
    struct retry *r;

    if (at_s == 0 || s->retries_len >= RETRIES_MOST) {
        log_warning(NULL, "TLS report given up", LOG_STR("domain", j->domain), LOG_STR("day", j->day),
                    LOG_CSTR("why", why));
        return;
    }
    log_debug(NULL, "TLS report put off", LOG_STR("domain", j->domain), LOG_CSTR("why", why));
    r = NEW(struct retry);
    r->start_s = j->start_s;
    r->first_s = j->first_s;
    r->at_s = at_s;
    r->tries = j->tries + 1;
    (void)slice_to_cstr(j->domain, r->domain, sizeof r->domain);
    TAILQ_INSERT_TAIL(&s->retries, r, in_list);
    s->retries_len++;
}

static void start_retries(struct report_sender *s)
{
    int64_t now_s = s->wall_s();
    struct retry *next;

    for (struct retry *r = TAILQ_FIRST(&s->retries); r != NULL && s->jobs_len < JOBS_MOST; r = next) {
        next = TAILQ_NEXT(r, in_list);
        if (r->at_s > now_s)
            continue;
        TAILQ_REMOVE(&s->retries, r, in_list);
        s->retries_len--;
        job_start(s, slice_str(r->domain), r->start_s, r->first_s, r->tries);
        free(r);
    }
}

/* -- a pass ------------------------------------------------------------------------------------------------------- */

static void next_day(struct report_sender *s);
static void step(struct report_sender *s);

static void end_pass(struct report_sender *s)
{
    struct pass *p = &s->pass;

    p->is_on = false;
    arena_release(&p->request.arena);
    arena_release(&p->arena);
    sender_ask_due(s);
}

static void on_domains(struct store_request *r)
{
    struct report_sender *s = CONTAINER_OF(r, struct report_sender, pass.request);
    struct pass *p = &s->pass;

    if (r->status != OK) {
        log_warning(NULL, "what TLS reports are to be sent cannot be read", LOG_CSTR("why", r->why.text));
        end_pass(s); /* the next one finds the same domains */
        return;
    }
    p->at = 0;
    p->is_last_page = r->report_counts_len < PAGE;
    if (r->report_counts_len > 0)
        (void)slice_to_cstr(r->report_counts[r->report_counts_len - 1].domain, p->after, sizeof p->after);
    step(s);
}

static void ask_domains(struct report_sender *s)
{
    struct pass *p = &s->pass;

    arena_release(&p->request.arena);
    p->request = (struct store_request){
        .verb = STORE_REPORT_DOMAINS, .since_day = p->days[p->day_at], .after = slice_str(p->after), .limit = PAGE
    };
    sender_store(s, &p->request, on_domains);
}

/* Its slot has come in this pass, and it was not the one before: "a", "a/b" and "a/c" make one report. */
static void consider(struct report_sender *s, struct slice key)
{
    struct pass *p = &s->pass;
    struct slice rest, domain = slice_cut(key, '/', &rest);
    int64_t slot_s = calendar_slot_s(p->start_s, domain);

    if (slot_s <= p->from_s || slot_s > p->to_s || slice_eq(domain, slice_str(p->last)))
        return;
    if (slice_to_cstr(domain, p->last, sizeof p->last))
        job_start(s, domain, p->start_s, s->wall_s(), 0);
}

static void step(struct report_sender *s)
{
    struct pass *p = &s->pass;

    p->is_waiting = false;
    while (p->at < p->request.report_counts_len && s->jobs_len < JOBS_MOST)
        consider(s, p->request.report_counts[p->at++].domain);
    p->is_waiting = p->at < p->request.report_counts_len;
    if (p->is_waiting)
        return;
    if (!p->is_last_page) {
        ask_domains(s);
        return;
    }
    s->done[p->start_s / CALENDAR_DAY_S % CATCH_UP_DAYS].until_s = p->to_s;
    p->day_at++;
    next_day(s);
}

static void next_day(struct report_sender *s)
{
    struct pass *p = &s->pass;
    int64_t today_s = calendar_start_s(p->to_s);

    for (; p->day_at < p->days_len; p->day_at++) {
        size_t at;

        if (units_parse_day(p->days[p->day_at], &p->start_s, NULL) != OK || p->start_s >= today_s ||
            p->start_s < today_s - (int64_t)CATCH_UP_DAYS * CALENDAR_DAY_S)
            continue;
        at = (size_t)(p->start_s / CALENDAR_DAY_S % CATCH_UP_DAYS);
        if (s->done[at].start_s != p->start_s) {
            s->done[at].start_s = p->start_s;
            s->done[at].until_s = 0;
        }
        p->from_s = s->done[at].until_s;
        p->last[0] = p->after[0] = '\0';
        if (p->from_s < p->start_s + CALENDAR_DAY_S + CALENDAR_SLOTS_TO_S) {
            ask_domains(s);
            return;
        }
    }
    end_pass(s);
}

static void on_days(struct store_request *r)
{
    struct report_sender *s = CONTAINER_OF(r, struct report_sender, pass.request);
    struct pass *p = &s->pass;
    struct slice *days;

    if (r->status != OK) {
        end_pass(s);
        return;
    }
    days = ARENA_ARRAY(&p->arena, struct slice, r->report_counts_len);
    for (size_t i = 0; i < r->report_counts_len; i++)
        days[i] = arena_copy(&p->arena, r->report_counts[i].day);
    p->days = days;
    p->days_len = r->report_counts_len;
    next_day(s);
}

static void begin_pass(struct report_sender *s)
{
    struct pass *p = &s->pass;

    *p = (struct pass){ .is_on = true, .to_s = s->wall_s(), .request.verb = STORE_REPORT_DAYS };
    sender_store(s, &p->request, on_days);
}

void sender_job_ended(struct report_sender *s)
{
    start_retries(s);
    if (s->pass.is_on && s->pass.is_waiting)
        step(s);
}

/* -- what is due, and what is forgotten --------------------------------------------------------------------------- */

static void on_due(struct store_request *r)
{
    struct report_sender *s = CONTAINER_OF(r, struct report_sender, due);

    s->due_is_asked = false;
    for (size_t i = 0; r->status == OK && i < r->reports_len; i++)
        post_start(s, &r->reports[i]);
    arena_release(&r->arena);
}

void sender_ask_due(struct report_sender *s)
{
    if (s->due_is_asked || s->posts_len > 0)
        return;
    s->due_is_asked = true;
    s->due = (struct store_request){ .verb = STORE_REPORT_DUE, .now_s = s->wall_s(), .limit = POSTS_MOST };
    sender_store(s, &s->due, on_due);
}

static void on_trimmed(struct store_request *r)
{
    struct report_sender *s = CONTAINER_OF(r, struct report_sender, trim);

    s->trim_is_asked = false;
    if (r->status == OK)
        s->trimmed_s = calendar_start_s(s->wall_s());
    arena_release(&r->arena);
    *r = (struct store_request){ 0 };
}

static void trim(struct report_sender *s)
{
    int64_t today_s = calendar_start_s(s->wall_s());

    if (s->trim_is_asked || s->trimmed_s == today_s)
        return;
    s->trim_is_asked = true;
    s->trim.verb = STORE_REPORT_TRIM;
    s->trim.since_day = calendar_day(today_s - (int64_t)KEPT_DAYS * CALENDAR_DAY_S, s->trim_day);
    sender_store(s, &s->trim, on_trimmed);
}

/* -- its life ----------------------------------------------------------------------------------------------------- */

void report_sender_look(struct report_sender *s)
{
    loop_timer_set(s->loop, &s->timer, LOOK_EVERY_MS);
    trim(s);
    start_retries(s);
    if (s->pass.is_on)
        return;
    if (snapshot_gateway(s->settings)->report_from.len > 0)
        begin_pass(s);
    else
        sender_ask_due(s); /* what was begun is ended */
}

static void on_timer(struct loop_timer *t)
{
    report_sender_look(CONTAINER_OF(t, struct report_sender, timer));
}

struct report_sender *report_sender_new(struct loop *loop, struct resolver *resolver, struct https_client *https,
                                        struct store *store, struct slice hostname, struct snapshot *settings)
{
    struct report_sender *s = NEW(struct report_sender);

    s->loop = loop;
    s->resolver = resolver;
    s->https = https;
    s->store = store;
    s->hostname = mem_str(hostname);
    s->settings = settings;
    s->wall_s = clock_wall_s;
    s->answers = handoff_new();
    s->io.ready = on_answers;
    s->timer.fire = on_timer;
    TAILQ_INIT(&s->jobs);
    TAILQ_INIT(&s->posts);
    TAILQ_INIT(&s->retries);
    loop_watch(loop, &s->io, handoff_fd(s->answers), LOOP_READ);
    loop_timer_set(loop, &s->timer, FIRST_LOOK_MS);
    return s;
}

void report_sender_set_clock(struct report_sender *s, int64_t (*wall_s)(void))
{
    s->wall_s = wall_s;
}

void report_sender_adopt(struct report_sender *s, struct snapshot *fresh)
{
    snapshot_release(s->settings);
    s->settings = fresh;
}

static void drop_all(struct report_sender *s)
{
    struct retry *r;
    struct job *j;
    struct post *p;

    while ((j = TAILQ_FIRST(&s->jobs)) != NULL)
        job_free(j);
    while ((p = TAILQ_FIRST(&s->posts)) != NULL)
        post_free(p);
    while ((r = TAILQ_FIRST(&s->retries)) != NULL) {
        TAILQ_REMOVE(&s->retries, r, in_list);
        free(r);
    }
}

void report_sender_free(struct report_sender *s)
{
    if (s == NULL)
        return;
    s->is_ending = true;
    while (s->store_under_way > 0) {
        (void)handoff_wait(s->answers, WAIT_MS);
        take_answers(s);
    }
    drop_all(s);
    if (s->pass.is_on) {
        arena_release(&s->pass.request.arena);
        arena_release(&s->pass.arena);
    }
    loop_timer_clear(s->loop, &s->timer);
    loop_unwatch(s->loop, &s->io);
    handoff_free(s->answers);
    snapshot_release(s->settings);
    free(s->hostname);
    free(s);
}
