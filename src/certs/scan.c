#include "certs/scan.h"

#include "base/memory.h"

enum { REFILL_MS = 20 };

struct scan_item {
    struct survey survey;
    struct scan *scan;
    struct scan_item *next, **before;
};

static void unlink_item(struct scan_item *i)
{
    *i->before = i->next;
    if (i->next != NULL)
        i->next->before = i->before;
}

static void free_item(struct scan_item *i)
{
    survey_release(&i->survey);
    free(i);
}

static void refill_soon(struct scan *s)
{
    loop_timer_set(s->loop, &s->refill, 0);
}

static void on_survey(struct survey *survey)
{
    struct scan_item *i = CONTAINER_OF(survey, struct scan_item, survey);
    struct scan *s = i->scan;

    s->result(s, survey);
    unlink_item(i);
    free_item(i);
    s->open--;
    refill_soon(s);
}

static void start_one(struct scan *s, const struct cert_target *server)
{
    struct scan_item *i = NEW(struct scan_item);
    struct survey_target target = s->like;

    target.server = *server;
    target.pace = s->pace;
    i->scan = s;
    i->survey.done = on_survey;
    i->next = s->items;
    i->before = &s->items;
    if (i->next != NULL)
        i->next->before = &i->next;
    s->items = i;
    s->open++;
    survey_start(&i->survey, s->loop, s->resolver, s->prober, &target);
}

/* Who waits for the pace is not under way: others go first. */
static bool has_room(const struct scan *s)
{
    size_t waiting = pace_waiting(s->pace);

    return s->open - waiting < s->parallel && waiting < SCAN_WAITING_MAX;
}

static void on_refill(struct loop_timer *t)
{
    struct scan *s = CONTAINER_OF(t, struct scan, refill);
    struct cert_target server;

    while (!s->is_drained && has_room(s)) {
        s->is_drained = !s->next(s, &server);
        if (!s->is_drained)
            start_one(s, &server);
    }
    if (s->open == 0 && s->is_drained)
        s->done(s);
    else if (!s->is_drained)
        loop_timer_set(s->loop, t, REFILL_MS); /* some may have begun to wait meanwhile */
}

void scan_start(struct scan *s, struct loop *loop, struct resolver *resolver, struct prober *prober)
{
    s->loop = loop;
    s->resolver = resolver;
    s->prober = prober;
    s->pace = pace_new(loop, &s->pace_limits);
    s->refill.fire = on_refill;
    refill_soon(s);
}

void scan_release(struct scan *s)
{
    if (s->loop == NULL)
        return;
    loop_timer_clear(s->loop, &s->refill);
    while (s->items != NULL) {
        struct scan_item *i = s->items;

        unlink_item(i);
        free_item(i);
    }
    pace_free(s->pace);
    s->loop = NULL;
}
