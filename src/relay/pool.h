/* relay/pool.h: idle connections by destination, to be used again. */
#ifndef STERNPOST_RELAY_POOL_H
#define STERNPOST_RELAY_POOL_H

#include "relay/connection.h"

struct pool;

struct pool *pool_new(size_t most);
void pool_free(struct pool *p); /* must be empty */

/* Takes an idle connection; the oldest goes when there are too many. A connection that ends by itself leaves. */
void pool_put(struct pool *p, struct slice destination, struct connection *c);
/* The first that meets the demand (connection_meets()); NULL: none. The caller sets itself as its user. */
struct connection *pool_take(struct pool *p, struct slice destination, const struct decision *d);
void pool_drop_all(struct pool *p);

#endif
