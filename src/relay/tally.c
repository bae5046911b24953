#include "relay/tally.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"

#include <stdlib.h>

enum { SEND_EVERY_MS = 1000, KEY_MAX = 200, MOST_KEYS = 4096, DAY_LEN = 10 };

struct tally {
    struct worker    *worker;
    struct loop_timer timer;
    struct map        counts; /* "name\0key" -> the count itself, where a pointer would stand */
};

/* Rows on their way; the request's arena holds them. */
struct tally_batch {
    struct store_request request; /* first */
};

static void on_stored(struct store_request *r)
{
    struct tally_batch *b = CONTAINER_OF(r, struct tally_batch, request);

    arena_release(&b->request.arena);
    free(b);
}

static struct slice today(struct arena *arena)
{
    char text[CLOCK_TEXT];

    return arena_copy(arena, slice_first(slice_str(clock_rfc3339(clock_wall_s(), text)), DAY_LEN));
}

static void send_batch(struct tally *t)
{
    struct tally_batch *b = NEW(struct tally_batch);
    struct arena *arena = &b->request.arena;
    struct counter_row *rows = ARENA_ARRAY(arena, struct counter_row, map_count(&t->counts));
    struct slice day = today(arena), key;
    struct map_entry *at = NULL;
    void *count;
    size_t n = 0;

    while (map_next(&t->counts, &at, &key, &count)) {
        struct slice rest, name = slice_cut(key, '\0', &rest);

        rows[n].day = day;
        rows[n].name = arena_copy(arena, name);
        rows[n].key = arena_copy(arena, rest);
        rows[n++].value = (uintptr_t)count;
        (void)map_remove(&t->counts, key);
    }
    b->request.verb = STORE_COUNT;
    b->request.counters_in = rows;
    b->request.counters_in_len = n;
    worker_store(t->worker, &b->request, on_stored);
}

static void on_timer(struct loop_timer *timer)
{
    send_batch(CONTAINER_OF(timer, struct tally, timer));
}

struct tally *tally_new(struct worker *w)
{
    struct tally *t = NEW(struct tally);

    t->worker = w;
    t->timer.fire = on_timer;
    map_init(&t->counts);
    return t;
}

void tally_free(struct tally *t)
{
    if (t == NULL)
        return;
    loop_timer_clear(t->worker->loop, &t->timer);
    map_release(&t->counts);
    free(t);
}

void tally_flush(struct tally *t)
{
    if (map_count(&t->counts) > 0)
        send_batch(t);
}

void tally_add(struct tally *t, const char *name, struct slice key)
{
    char text[64 + KEY_MAX];
    size_t name_len = strlen(name);
    struct slice whole;
    uintptr_t before;

    key = slice_first(key, KEY_MAX);
    memcpy(text, name, name_len + 1);
    if (key.len > 0)
        memcpy(text + name_len + 1, key.ptr, key.len);
    whole = slice_of(text, name_len + 1 + key.len);
    before = (uintptr_t)map_get(&t->counts, whole);
    if (before == 0 && map_count(&t->counts) >= MOST_KEYS)
        return; /* strangers make keys: the table is bounded */
    (void)map_put(&t->counts, whole, (void *)(before + 1));
    if (!loop_timer_is_set(&t->timer))
        loop_timer_set(t->worker->loop, &t->timer, SEND_EVERY_MS);
}
