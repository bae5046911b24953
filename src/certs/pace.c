#include "certs/pace.h"

#include "base/map.h"
#include "base/memory.h"

enum { BY_ADDRESS, BY_NETWORK, LANES, KEY_BYTES = 20, V4_NETWORK = 3, V6_NETWORK = 6 };

/* One address, or one network. There is one as long as it has somebody inside or waiting, or its pause lasts. */
struct pace_lane {
    struct pace *pace;
    char key[KEY_BYTES];
    size_t key_len;
    unsigned open, max;
    int64_t gap_ms, free_at_ms;
    struct pace_ticket *first, **last;
    struct loop_timer timer;
};

struct pace {
    struct loop *loop;
    struct pace_limits limits;
    struct map lanes;
    size_t waiting;
};

struct pace *pace_new(struct loop *loop, const struct pace_limits *limits)
{
    struct pace *p = NEW(struct pace);

    p->loop = loop;
    p->limits = *limits;
    map_init(&p->lanes);
    return p;
}

static void free_lane(struct pace_lane *l)
{
    loop_timer_clear(l->pace->loop, &l->timer);
    (void)map_remove(&l->pace->lanes, slice_of(l->key, l->key_len));
    free(l);
}

void pace_free(struct pace *p)
{
    struct map_entry *at = NULL;
    struct slice key;
    void *lane;

    if (p == NULL)
        return;
    while (map_next(&p->lanes, &at, &key, &lane))
        free_lane(lane);
    map_release(&p->lanes);
    free(p);
}

size_t pace_waiting(const struct pace *p)
{
    return p->waiting;
}

static size_t make_key(const struct net_address *a, int kind, char *out)
{
    bool is_v6 = a->sa.any.sa_family == AF_INET6;
    const void *bytes = is_v6 ? (const void *)&a->sa.v6.sin6_addr : (const void *)&a->sa.v4.sin_addr;
    size_t whole = is_v6 ? sizeof a->sa.v6.sin6_addr : sizeof a->sa.v4.sin_addr;
    size_t len = kind == BY_ADDRESS ? whole : is_v6 ? (size_t)V6_NETWORK : (size_t)V4_NETWORK;

    out[0] = kind == BY_ADDRESS ? 'a' : 'n';
    out[1] = is_v6 ? '6' : '4';
    memcpy(out + 2, bytes, len);
    return len + 2;
}

static void on_timer(struct loop_timer *t);

static struct pace_lane *lane_of(struct pace *p, const struct net_address *address, int kind)
{
    char key[KEY_BYTES];
    size_t len = make_key(address, kind, key);
    struct pace_lane *l = map_get(&p->lanes, slice_of(key, len));

    if (l != NULL)
        return l;
    l = NEW(struct pace_lane);
    l->pace = p;
    memcpy(l->key, key, len);
    l->key_len = len;
    l->max = kind == BY_ADDRESS ? p->limits.per_address : p->limits.per_network;
    l->gap_ms = kind == BY_ADDRESS ? p->limits.address_gap_ms : p->limits.network_gap_ms;
    l->last = &l->first;
    l->timer.fire = on_timer;
    (void)map_put(&p->lanes, slice_of(key, len), l);
    return l;
}

static bool has_room(const struct pace_lane *l)
{
    return l->max == 0 || l->open < l->max;
}

static bool is_free(const struct pace_lane *l)
{
    return has_room(l) && loop_now_ms(l->pace->loop) >= l->free_at_ms;
}

static void wait_in(struct pace_lane *l, struct pace_ticket *t)
{
    t->next = NULL;
    t->is_waiting = true;
    *l->last = t;
    l->last = &t->next;
    l->pace->waiting++;
    if (has_room(l) && !loop_timer_is_set(&l->timer))
        loop_timer_set(l->pace->loop, &l->timer, l->free_at_ms - loop_now_ms(l->pace->loop));
}

/* First the address, then its network. */
static void enter(struct pace_ticket *t)
{
    while (t->held < LANES) {
        struct pace_lane *l = lane_of(t->pace, &t->address, (int)t->held);

        t->lanes[t->held] = l;
        if (l->first != NULL || !is_free(l)) {
            wait_in(l, t);
            return;
        }
        l->open++;
        l->free_at_ms = loop_now_ms(t->pace->loop) + l->gap_ms;
        t->held++;
    }
    loop_timer_set(t->pace->loop, &t->soon, 0);
}

static struct pace_ticket *take_first(struct pace_lane *l)
{
    struct pace_ticket *t = l->first;

    l->first = t->next;
    if (l->first == NULL)
        l->last = &l->first;
    t->is_waiting = false;
    l->pace->waiting--;
    return t;
}

/* Lets in whom it can; frees the lane when nobody needs it. */
static void advance(struct pace_lane *l)
{
    int64_t now_ms = loop_now_ms(l->pace->loop);

    while (l->first != NULL && is_free(l)) {
        struct pace_ticket *t = take_first(l);

        l->open++;
        l->free_at_ms = now_ms + l->gap_ms;
        t->held++;
        enter(t);
    }
    if (now_ms < l->free_at_ms && (l->open == 0 || (l->first != NULL && has_room(l))))
        loop_timer_set(l->pace->loop, &l->timer, l->free_at_ms - now_ms);
    else if (l->open == 0 && l->first == NULL)
        free_lane(l);
}

static void on_timer(struct loop_timer *t)
{
    advance(CONTAINER_OF(t, struct pace_lane, timer));
}

static void on_soon(struct loop_timer *timer)
{
    struct pace_ticket *t = CONTAINER_OF(timer, struct pace_ticket, soon);

    t->go(t);
}

void pace_ask(struct pace *p, struct pace_ticket *t, const struct net_address *address)
{
    t->pace = p;
    t->held = 0;
    t->address = *address;
    t->soon.fire = on_soon;
    enter(t);
}

static void stop_waiting(struct pace_lane *l, struct pace_ticket *t)
{
    struct pace_ticket **at = &l->first;

    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    if (l->last == &t->next)
        l->last = at;
    t->is_waiting = false;
    l->pace->waiting--;
}

void pace_leave(struct pace_ticket *t)
{
    if (t->pace == NULL)
        return;
    loop_timer_clear(t->pace->loop, &t->soon);
    if (t->is_waiting) {
        stop_waiting(t->lanes[t->held], t);
        advance(t->lanes[t->held]);
    }
    for (size_t i = 0; i < t->held; i++) {
        t->lanes[i]->open--;
        advance(t->lanes[i]);
    }
    t->pace = NULL;
}
