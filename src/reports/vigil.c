#include "reports/vigil.h"

#include "base/clock.h"
#include "base/memory.h"
#include "reports/calendar.h"
#include "settings/units.h"
#include "tlsrpt/explain.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    FIRST_MS = 5 * 1000,
    EACH_MS = 10 * 60 * 1000,
    FAILED_LEAST = 5,  /* sessions of a day: fewer are no share */
    NEW_DAYS = 7,      /* how long a failure is new */
    REGULAR_LEAST = 5, /* reports, to be one that is missed */
    SILENT_DAYS = 4,   /* a report comes a day after its own */
    GONE_DAYS = 14,    /* who has left is not missed any more */
};

static const struct slice share = { "reports-failures", 16 }, new_failure = { "reports-new-failure", 19 },
                          silent = { "reports-silent", 14 };

/* -- one domain ----------------------------------------------------------------------------------------------- */

/* Days from the day to now; large for what is no day. */
static int64_t days_ago(struct slice day, int64_t now_s)
{
    int64_t start_s = 0;
    struct fault why;

    return units_parse_day(day, &start_s, &why) == OK ? (now_s - start_s) / CALENDAR_DAY_S : INT64_MAX;
}

struct newest {
    struct slice day;
    uint64_t sessions, failed;
};

static struct newest newest_day(const struct vigil_case *c)
{
    struct newest n = { .day = SLICE_LIT("") };

    for (size_t i = 0; i < c->len; i++) {
        const struct received_sum *s = &c->sums[i];

        if (!s->is_verified || s->kind != RECEIVED_SUM_DAY)
            continue;
        if (n.day.len == 0 || memcmp(s->by.ptr, n.day.ptr, s->by.len < n.day.len ? s->by.len : n.day.len) > 0)
            n = (struct newest){ .day = s->by };
        if (slice_eq(s->by, n.day)) {
            n.sessions += s->success + s->failure;
            n.failed += s->failure;
        }
    }
    return n;
}

struct judging {
    const struct vigil_case *c;
    struct alert_book *book;
    struct alert_round *round;
    struct arena arena;
};

static void tell(struct judging *j, const struct alert *a)
{
    alert_round_see(j->round, a->cause, a->subject);
    alert_book_raise(j->book, a);
}

static void end(struct judging *j, const struct alert *a, struct slice text)
{
    alert_round_see(j->round, a->cause, a->subject);
    alert_book_end(j->book, a->cause, a->subject, text);
}

static void judge_share(struct judging *j)
{
    const struct vigil_case *c = j->c;
    struct newest n = newest_day(c);
    struct alert a = { .cause = share, .severity = ALERT_ERROR };

    a.subject = arena_printf(&j->arena, "domain %.*s", SLICE_FMT(c->domain));
    if (c->percent == 0 || n.failed < FAILED_LEAST || n.failed * 100 < n.sessions * c->percent) {
        end(j, &a, SLICE_LIT("the newest day's reports tell of fewer failures"));
        return;
    }
    a.text = arena_printf(&j->arena, "%" PRIu64 " of %" PRIu64 " sessions of %.*s that others report failed for TLS",
                          n.failed, n.sessions, SLICE_FMT(n.day));
    a.remedy =
        arena_printf(&j->arena, "'sternpost report summary %.*s' tells which, and what to do", SLICE_FMT(c->domain));
    tell(j, &a);
}

/* -- rows of one thing: a failure has one for each reason, a reporter one for each kind of policy ------------- */

static bool is_of_same(const struct received_sum *a, const struct received_sum *b)
{
    return a->is_verified && a->kind == b->kind && slice_eq(a->by, b->by) &&
           (a->kind == RECEIVED_SUM_REPORTER || slice_eq(a->by2, b->by2));
}

static bool is_first(const struct vigil_case *c, const struct received_sum *s)
{
    const struct received_sum *first = c->sums;

    while (!is_of_same(first, s))
        first++;
    return first == s;
}

/* All of them as one: from the first day to the last; of reports the most, for one may tell of several policies. */
static struct received_sum together(const struct vigil_case *c, const struct received_sum *s)
{
    struct received_sum all = *s;

    for (const struct received_sum *o = s; o < c->sums + c->len; o++) {
        if (!is_of_same(o, s))
            continue;
        if (days_ago(o->first_day, c->now_s) > days_ago(all.first_day, c->now_s))
            all.first_day = o->first_day;
        if (days_ago(o->last_day, c->now_s) < days_ago(all.last_day, c->now_s))
            all.last_day = o->last_day;
        if (o->reports > all.reports)
            all.reports = o->reports;
    }
    return all;
}

/* Of a failure that begins while reports have come for longer. */
static bool is_new(const struct vigil_case *c, const struct received_sum *s)
{
    int64_t first = days_ago(s->first_day, c->now_s);

    if (first > NEW_DAYS)
        return false;
    for (size_t i = 0; i < c->len; i++)
        if (c->sums[i].is_verified && c->sums[i].kind == RECEIVED_SUM_DAY &&
            days_ago(c->sums[i].by, c->now_s) > first + 1)
            return true;
    return false;
}

static void judge_failure(struct judging *j, const struct received_sum *s)
{
    const struct tlsrpt_explanation *e = tlsrpt_explain(s->by);
    struct alert a = { .cause = new_failure, .severity = ALERT_WARNING };

    a.subject = arena_printf(&j->arena, "domain %.*s, %.*s%s%.*s", SLICE_FMT(j->c->domain), SLICE_FMT(s->by),
                             s->by2.len > 0 ? " at " : "", SLICE_FMT(s->by2));
    if (!is_new(j->c, s)) {
        end(j, &a, SLICE_LIT("it is no longer new"));
        return;
    }
    a.text = arena_printf(&j->arena, "%.*s is reported since %.*s, and was not before: %s", SLICE_FMT(s->by),
                          SLICE_FMT(s->first_day), e->meaning);
    a.remedy = slice_str(e->next);
    tell(j, &a);
}

static void judge_reporter(struct judging *j, const struct received_sum *s)
{
    const struct vigil_case *c = j->c;
    int64_t last = days_ago(s->last_day, c->now_s);
    struct alert a = { .cause = silent, .severity = ALERT_NOTE };

    a.subject = arena_printf(&j->arena, "domain %.*s, reporter %.*s", SLICE_FMT(c->domain), SLICE_FMT(s->by));
    if (s->reports < REGULAR_LEAST || last < SILENT_DAYS || last > GONE_DAYS) {
        end(j, &a,
            last > GONE_DAYS ? SLICE_LIT("it has been silent for two weeks, and is not missed any more")
                             : SLICE_LIT("its reports come again"));
        return;
    }
    a.text = arena_printf(&j->arena, "%.*s sent %" PRIu64 " reports, the last about %.*s, and none since",
                          SLICE_FMT(s->by), s->reports, SLICE_FMT(s->last_day));
    a.remedy =
        arena_printf(&j->arena, "look whether the record and its addresses are as they were: 'sternpost check %.*s'",
                     SLICE_FMT(c->domain));
    tell(j, &a);
}

void vigil_judge(const struct vigil_case *c, struct alert_book *book, struct alert_round *round)
{
    struct judging j = { .c = c, .book = book, .round = round };

    judge_share(&j);
    for (size_t i = 0; i < c->len; i++) {
        const struct received_sum *s = &c->sums[i];
        bool is_told_by_rows = s->kind == RECEIVED_SUM_FAILURE || s->kind == RECEIVED_SUM_REPORTER;
        struct received_sum all;

        if (!s->is_verified || !is_told_by_rows || !is_first(c, s))
            continue;
        all = together(c, s);
        (s->kind == RECEIVED_SUM_FAILURE ? judge_failure : judge_reporter)(&j, &all);
    }
    arena_release(&j.arena);
}

/* -- one domain after the other ------------------------------------------------------------------------------- */

struct vigil {
    struct loop *loop;
    struct store *store;
    struct alert_book *book;
    struct snapshot *settings;
    struct loop_timer timer;
    struct handoff *stored;
    struct loop_io stored_io;
    struct store_request sums;
    struct arena arena;
    struct alert_round round;
    size_t at; /* among our domains */
    char since_day[CALENDAR_DAY_TEXT];
};

static void ask_next(struct vigil *v)
{
    const struct slice causes[] = { share, new_failure, silent };
    const struct own_domain *const *domains;
    size_t len = snapshot_own_domains(v->settings, &domains);
    int64_t since_s = clock_wall_s() - (int64_t)VIGIL_DAYS * CALENDAR_DAY_S;

    while (v->at < len && domains[v->at]->report_to_len == 0)
        v->at++;
    if (v->at >= len) {
        v->at = 0;
        alert_round_end(&v->round, v->book, causes, COUNT_OF(causes), SLICE_LIT("no report tells of it any more"));
        loop_timer_set(v->loop, &v->timer, EACH_MS);
        return;
    }
    arena_reset(&v->arena);
    v->sums = (struct store_request){ .verb = STORE_RECEIVED_SUMS,
                                      .name = arena_copy(&v->arena, domains[v->at]->name),
                                      .since_day = calendar_day(since_s, v->since_day),
                                      .reply_to = v->stored };
    v->at++;
    store_send(v->store, &v->sums);
}

static void judge(struct vigil *v)
{
    const struct store_request *r = &v->sums;
    const struct vigil_case c = { .domain = r->name,
                                  .sums = r->sums,
                                  .len = r->sums_len,
                                  .now_s = clock_wall_s(),
                                  .percent = snapshot_alert_percent(v->settings, "domain", r->name) };

    if (r->status == OK)
        vigil_judge(&c, v->book, &v->round);
    else
        alert_round_miss(&v->round);
}

/* The answer is ours only once it was taken. */
static void on_stored(struct loop_io *io, unsigned events)
{
    struct vigil *v = CONTAINER_OF(io, struct vigil, stored_io);

    (void)events;
    if (handoff_take(v->stored) == NULL)
        return;
    judge(v);
    arena_release(&v->sums.arena);
    ask_next(v);
}

static void on_timer(struct loop_timer *t)
{
    ask_next(CONTAINER_OF(t, struct vigil, timer));
}

struct vigil *vigil_new(struct loop *loop, struct store *store, struct alert_book *book, struct snapshot *settings)
{
    struct vigil *v = NEW(struct vigil);

    v->loop = loop;
    v->store = store;
    v->book = book;
    v->settings = settings;
    v->timer.fire = on_timer;
    alert_round_init(&v->round);
    v->stored = handoff_new();
    v->stored_io.ready = on_stored;
    loop_watch(loop, &v->stored_io, handoff_fd(v->stored), LOOP_READ);
    loop_timer_set(loop, &v->timer, FIRST_MS);
    return v;
}

void vigil_adopt(struct vigil *v, struct snapshot *fresh)
{
    snapshot_release(v->settings);
    v->settings = fresh;
}

void vigil_free(struct vigil *v)
{
    if (v == NULL)
        return;
    loop_timer_clear(v->loop, &v->timer);
    loop_unwatch(v->loop, &v->stored_io);
    (void)handoff_take(v->stored);
    handoff_free(v->stored);
    arena_release(&v->sums.arena);
    arena_release(&v->arena);
    alert_round_release(&v->round);
    snapshot_release(v->settings);
    free(v);
}
