#include "discovery/sts_gate.h"

#include "base/memory.h"

enum { ONE = 1000, REST_S = 2 }; /* thousandths; how many seconds' worth are saved up */

static void on_timer(struct loop_timer *timer);

void sts_gate_init(struct sts_gate *g, struct loop *loop, size_t most, unsigned per_s)
{
    *g = (struct sts_gate){ .loop = loop, .most = most, .per_s = per_s };
    g->timer.fire = on_timer;
    g->thousandths = (int64_t)REST_S * per_s * ONE;
    g->counted_ms = loop_now_ms(loop);
    TAILQ_INIT(&g->waiting);
}

void sts_gate_release(struct sts_gate *g)
{
    loop_timer_clear(g->loop, &g->timer);
}

static void save_up(struct sts_gate *g)
{
    int64_t now_ms = loop_now_ms(g->loop), most = REST_S * g->per_s * ONE;

    g->thousandths += (now_ms - g->counted_ms) * g->per_s;
    if (g->thousandths > most)
        g->thousandths = most;
    g->counted_ms = now_ms;
}

/* When the first that waits may pass, unless somebody must leave before. */
static void set_timer(struct sts_gate *g)
{
    int64_t lacks = ONE - g->thousandths;

    if (g->waiting_len > 0 && g->inside < g->most)
        loop_timer_set(g->loop, &g->timer, lacks > 0 ? lacks / g->per_s + 1 : 0);
}

static void on_timer(struct loop_timer *timer)
{
    struct sts_gate *g = CONTAINER_OF(timer, struct sts_gate, timer);

    save_up(g);
    while (g->waiting_len > 0 && g->inside < g->most && g->thousandths >= ONE) {
        struct sts_ticket *t = TAILQ_FIRST(&g->waiting);

        TAILQ_REMOVE(&g->waiting, t, in_list);
        g->waiting_len--;
        g->thousandths -= ONE;
        g->inside++;
        t->state = TICKET_PASSED;
        t->pass(t);
    }
    set_timer(g);
}

bool sts_gate_enter(struct sts_gate *g, struct sts_ticket *t)
{
    if (g->waiting_len >= STS_GATE_WAITING_MOST)
        return false;
    t->state = TICKET_WAITS;
    TAILQ_INSERT_TAIL(&g->waiting, t, in_list);
    g->waiting_len++;
    save_up(g);
    set_timer(g);
    return true;
}

void sts_gate_leave(struct sts_gate *g, struct sts_ticket *t)
{
    if (t->state == TICKET_WAITS) {
        TAILQ_REMOVE(&g->waiting, t, in_list);
        g->waiting_len--;
    } else if (t->state == TICKET_PASSED) {
        g->inside--;
        set_timer(g);
    }
    t->state = TICKET_FREE;
}
