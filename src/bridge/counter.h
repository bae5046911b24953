/* bridge/counter.h: what the bridge's threads count; read from any thread. */
#ifndef STERNPOST_BRIDGE_COUNTER_H
#define STERNPOST_BRIDGE_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

enum bridge_counter {
    COUNT_CONNECTIONS,
    COUNT_CONNECTIONS_OPEN,
    COUNT_ASKED,
    COUNT_FROM_MEMORY,
    COUNT_POLICY,
    COUNT_NOTFOUND,
    COUNT_TEMP,
    COUNT_PERM,
    COUNT_MALFORMED,
    COUNT_DATAGRAMS,
    COUNT_DATAGRAMS_BAD,
    COUNT_DATAGRAMS_CUT,
    COUNT_DATAGRAMS_DROPPED,
    COUNT_DATAGRAMS_OURS,
    BRIDGE_COUNTERS
};

struct bridge_counters {
    _Atomic uint64_t by[BRIDGE_COUNTERS];
};

static inline void count_add(struct bridge_counters *c, enum bridge_counter which, int64_t n)
{
    (void)atomic_fetch_add_explicit(&c->by[which], (uint64_t)n, memory_order_relaxed);
}

static inline uint64_t count_of(const struct bridge_counters *c, enum bridge_counter which)
{
    return atomic_load_explicit(&c->by[which], memory_order_relaxed);
}

#endif
