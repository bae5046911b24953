#include "relay/tls_hour.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdlib.h>

enum { SLOTS = 12, SLOT_MS = 5 * 60 * 1000, NAMES_MOST = 10000, KEY_MAX = 300 };

struct counter { /* of one name; a slot counts for the five minutes of its number */
    int64_t number[SLOTS];
    unsigned tried[SLOTS], failed[SLOTS];
};

struct tls_hour {
    pthread_mutex_t lock;
    int64_t (*mono_ms)(void);
    struct map counters; /* by "rule bank" */
};

struct tls_hour *tls_hour_new(int64_t (*mono_ms)(void))
{
    struct tls_hour *h = NEW(struct tls_hour);

    (void)pthread_mutex_init(&h->lock, NULL);
    h->mono_ms = mono_ms == NULL ? clock_mono_ms : mono_ms;
    map_init(&h->counters);
    return h;
}

void tls_hour_free(struct tls_hour *h)
{
    struct map_entry *at = NULL;
    struct slice key;
    void *value;

    if (h == NULL)
        return;
    while (map_next(&h->counters, &at, &key, &value))
        free(value);
    map_release(&h->counters);
    (void)pthread_mutex_destroy(&h->lock);
    free(h);
}

static struct tls_hour_sum sum_of(const struct counter *c, int64_t now)
{
    struct tls_hour_sum sum = { 0 };

    for (size_t i = 0; i < SLOTS; i++) {
        if (c->number[i] <= now - SLOTS)
            continue;
        sum.tried += c->tried[i];
        sum.failed += c->failed[i];
    }
    return sum;
}

/* Names of which nothing is left within the hour. */
static void forget_old(struct tls_hour *h, int64_t now)
{
    struct map_entry *at = NULL;
    struct slice key;
    void *value;

    while (map_next(&h->counters, &at, &key, &value)) {
        if (sum_of(value, now).tried == 0) {
            (void)map_remove(&h->counters, key);
            free(value);
        }
    }
}

static struct counter *counter_of(struct tls_hour *h, struct slice key, int64_t now)
{
    struct counter *c = map_get(&h->counters, key);

    if (c != NULL)
        return c;
    if (map_count(&h->counters) >= NAMES_MOST)
        forget_old(h, now);
    if (map_count(&h->counters) >= NAMES_MOST)
        return NULL;
    c = NEW(struct counter);
    (void)map_put(&h->counters, key, c);
    return c;
}

void tls_hour_note(struct tls_hour *h, const char *kind, struct slice name, bool has_failed)
{
    char key[KEY_MAX];
    int len = snprintf(key, sizeof key, "%s %.*s", kind, SLICE_FMT(name));
    int64_t now = h->mono_ms() / SLOT_MS;
    size_t slot = (size_t)now % SLOTS;
    struct counter *c;

    if (len < 0 || (size_t)len >= sizeof key)
        return;
    (void)pthread_mutex_lock(&h->lock);
    c = counter_of(h, slice_of(key, (size_t)len), now);
    if (c != NULL && c->number[slot] != now) {
        c->number[slot] = now;
        c->tried[slot] = c->failed[slot] = 0;
    }
    if (c != NULL) {
        c->tried[slot]++;
        c->failed[slot] += has_failed ? 1 : 0;
    }
    (void)pthread_mutex_unlock(&h->lock);
}

size_t tls_hour_sums(struct tls_hour *h, struct arena *arena, const struct tls_hour_sum **out)
{
    int64_t now = h->mono_ms() / SLOT_MS;
    struct map_entry *at = NULL;
    struct tls_hour_sum *all;
    struct slice key, rest;
    void *value;
    size_t len = 0;

    (void)pthread_mutex_lock(&h->lock);
    forget_old(h, now);
    all = ARENA_ARRAY(arena, struct tls_hour_sum, map_count(&h->counters) + 1);
    while (map_next(&h->counters, &at, &key, &value)) {
        struct tls_hour_sum sum = sum_of(value, now);

        if (sum.tried < TLS_HOUR_LEAST)
            continue;
        sum.kind = arena_copy(arena, slice_cut(key, ' ', &rest));
        sum.name = arena_copy(arena, rest);
        all[len++] = sum;
    }
    (void)pthread_mutex_unlock(&h->lock);
    *out = all;
    return len;
}
