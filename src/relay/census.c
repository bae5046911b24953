#include "relay/census.h"

#include "base/map.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

struct census {
    pthread_mutex_t lock;
    struct map      by_address; /* the count itself stands where a pointer would */
    unsigned        open, most, most_per_address;
};

struct census *census_new(unsigned most, unsigned most_per_address)
{
    struct census *c = NEW(struct census);

    pthread_mutex_init(&c->lock, NULL);
    map_init(&c->by_address);
    c->most = most;
    c->most_per_address = most_per_address;
    return c;
}

void census_free(struct census *c)
{
    if (c == NULL)
        return;
    map_release(&c->by_address);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static void set_count(struct census *c, struct slice key, uintptr_t count)
{
    if (count == 0)
        (void)map_remove(&c->by_address, key);
    else
        (void)map_put(&c->by_address, key, (void *)count);
}

enum census_answer census_enter(struct census *c, const struct net_address *peer)
{
    char text[NET_ADDRESS_TEXT];
    struct slice key = net_address_limit_key(peer, text);
    enum census_answer answer = CENSUS_WELCOME;
    uintptr_t count;

    pthread_mutex_lock(&c->lock);
    count = (uintptr_t)map_get(&c->by_address, key);
    if (c->open >= c->most) {
        answer = CENSUS_FULL;
    } else if (count >= c->most_per_address) {
        answer = CENSUS_TOO_MANY_FROM_ADDRESS;
    } else {
        c->open++;
        set_count(c, key, count + 1);
    }
    pthread_mutex_unlock(&c->lock);
    return answer;
}

void census_leave(struct census *c, const struct net_address *peer)
{
    char text[NET_ADDRESS_TEXT];
    struct slice key = net_address_limit_key(peer, text);

    pthread_mutex_lock(&c->lock);
    c->open--;
    set_count(c, key, (uintptr_t)map_get(&c->by_address, key) - 1);
    pthread_mutex_unlock(&c->lock);
}
