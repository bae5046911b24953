#include "bridge/own_reports.h"

#include "base/map.h"
#include "base/memory.h"

#include <pthread.h>
#include <stdlib.h>

struct expected {
    unsigned count;
    int64_t until_ms; /* of the latest */
};

struct own_reports {
    pthread_mutex_t lock;
    struct map by_domain;
};

struct own_reports *own_reports_new(void)
{
    struct own_reports *o = NEW(struct own_reports);

    pthread_mutex_init(&o->lock, NULL);
    map_init(&o->by_domain);
    return o;
}

/* Forgets what is expected no more; all of it with INT64_MAX. */
static void forget(struct own_reports *o, int64_t now_ms)
{
    struct map_entry *at = NULL;
    struct slice domain;
    void *value;

    while (map_next(&o->by_domain, &at, &domain, &value)) {
        struct expected *e = value;

        if (e->until_ms > now_ms)
            continue;
        (void)map_remove(&o->by_domain, domain);
        free(e);
    }
}

void own_reports_free(struct own_reports *o)
{
    if (o == NULL)
        return;
    forget(o, INT64_MAX);
    map_release(&o->by_domain);
    pthread_mutex_destroy(&o->lock);
    free(o);
}

static struct expected *find_or_make(struct own_reports *o, struct slice domain, int64_t now_ms)
{
    struct expected *e = map_get(&o->by_domain, domain);

    if (e != NULL)
        return e;
    if (map_count(&o->by_domain) >= OWN_REPORTS_MOST)
        forget(o, now_ms);
    if (map_count(&o->by_domain) >= OWN_REPORTS_MOST)
        return NULL;
    e = NEW(struct expected);
    (void)map_put(&o->by_domain, domain, e);
    return e;
}

void own_reports_note(struct own_reports *o, struct slice domain, int64_t now_ms)
{
    struct expected *e;

    pthread_mutex_lock(&o->lock);
    e = find_or_make(o, domain, now_ms);
    if (e != NULL) {
        e->count = e->until_ms > now_ms ? e->count + 1 : 1;
        e->until_ms = now_ms + OWN_REPORT_MS;
    }
    pthread_mutex_unlock(&o->lock);
}

bool own_reports_take(struct own_reports *o, struct slice domain, int64_t now_ms)
{
    struct expected *e;
    bool is_one;

    pthread_mutex_lock(&o->lock);
    e = map_get(&o->by_domain, domain);
    is_one = e != NULL && e->until_ms > now_ms && e->count > 0;
    if (is_one)
        e->count--;
    if (e != NULL && (e->count == 0 || !is_one)) {
        (void)map_remove(&o->by_domain, domain);
        free(e);
    }
    pthread_mutex_unlock(&o->lock);
    return is_one;
}
