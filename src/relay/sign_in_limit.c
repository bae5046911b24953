#include "relay/sign_in_limit.h"

#include "base/map.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdlib.h>

enum { MOST_ADDRESSES = 10000 };

struct failures {
    int64_t  since_ms;
    unsigned count;
};

struct sign_in_limit {
    pthread_mutex_t lock;
    struct map      by_address; /* struct failures */
};

struct sign_in_limit *sign_in_limit_new(void)
{
    struct sign_in_limit *l = NEW(struct sign_in_limit);

    pthread_mutex_init(&l->lock, NULL);
    map_init(&l->by_address);
    return l;
}

static bool is_over(const struct failures *f, int64_t now_ms)
{
    return now_ms - f->since_ms >= SIGN_IN_WINDOW_MS;
}

/* Forgets those whose time is over, or all of them. */
static void forget(struct sign_in_limit *l, bool all, int64_t now_ms)
{
    struct map_entry *at = NULL;
    struct slice key;
    void *failures;

    while (map_next(&l->by_address, &at, &key, &failures)) {
        if (!all && !is_over(failures, now_ms))
            continue;
        (void)map_remove(&l->by_address, key);
        free(failures);
    }
}

void sign_in_limit_free(struct sign_in_limit *l)
{
    if (l == NULL)
        return;
    forget(l, true, 0);
    map_release(&l->by_address);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

bool sign_in_limit_allows(struct sign_in_limit *l, const struct net_address *peer, int64_t now_ms)
{
    char text[NET_ADDRESS_TEXT];
    const struct failures *f;
    bool allows;

    pthread_mutex_lock(&l->lock);
    f = map_get(&l->by_address, net_address_limit_key(peer, text));
    allows = f == NULL || f->count < SIGN_IN_FAILURES_MOST || is_over(f, now_ms);
    pthread_mutex_unlock(&l->lock);
    return allows;
}

void sign_in_limit_failed(struct sign_in_limit *l, const struct net_address *peer, int64_t now_ms)
{
    char text[NET_ADDRESS_TEXT];
    struct slice key = net_address_limit_key(peer, text);
    struct failures *f;

    pthread_mutex_lock(&l->lock);
    if (map_count(&l->by_address) >= MOST_ADDRESSES)
        forget(l, false, now_ms);
    if (map_count(&l->by_address) >= MOST_ADDRESSES)
        forget(l, true, now_ms);
    f = map_get(&l->by_address, key);
    if (f == NULL) {
        f = NEW(struct failures);
        f->since_ms = now_ms;
        (void)map_put(&l->by_address, key, f);
    }
    if (is_over(f, now_ms))
        *f = (struct failures){ .since_ms = now_ms };
    f->count++;
    pthread_mutex_unlock(&l->lock);
}
