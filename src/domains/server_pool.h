/* domains/server_pool.h: looks at servers, each once whoever asks, and a few at a time: what several domains share is
 * not asked again for each of them. One connection to each address. */
#ifndef STERNPOST_DOMAINS_SERVER_POOL_H
#define STERNPOST_DOMAINS_SERVER_POOL_H

#include "certs/pace.h"
#include "certs/survey.h"
#include "domains/deep_look.h"

struct server_pool;

struct server_pool_config { /* strings and addresses are borrowed until server_pool_free() */
    struct slice              helo;
    const struct net_address *from4, *from6;         /* to connect from; NULL: any */
    const char               *ca_file;               /* NULL: the system's */
    uint16_t                  smtp_port, https_port; /* 0: 25 and 443 */
    int64_t                   timeout_ms;            /* of each step; 0: 30 s */
    size_t                    at_a_time;             /* servers; 0: 16 */
    bool                      is_deep; /* mail servers are looked at closer, address by address (domains/deep_look.h) */
    unsigned                  budget;   /* for that; 0: DEEP_BUDGET */
    int64_t                   pause_ms; /* likewise, as in struct deep_target */
    bool                      allows_private;        /* addresses other than public ones are asked, too (STS-22) */
};

struct server_wait {                                             /* embed, zeroed */
    void (*done)(struct server_wait *w, const struct survey *s); /* from the loop; `s` lives as long as the pool */
    struct slice mailbox; /* set by the caller, for a deep look: one that the server should know; empty: none is asked for */
    /* private */
    struct server_wait *next;
    struct loop_timer   soon;
    struct server_pool *pool;
    struct pooled      *server;
};

/* All are of one loop and outlive the pool. */
struct server_pool *server_pool_new(struct loop *loop, struct resolver *resolver, struct prober *prober,
                                    const struct server_pool_config *config);
void server_pool_free(struct server_pool *p); /* waits of it must be over or dropped; NULL is fine */

/* `name` is copied; `way` is TLS_WAY_SMTP or TLS_WAY_HTTPS. Never calls back from inside. */
void server_pool_ask(struct server_pool *p, struct server_wait *w, struct slice name, enum tls_way way);
/* Of address number `at` of the survey that `w` was done with; NULL: there was no deep look. */
const struct deep_facts *server_pool_deep(const struct server_wait *w, size_t at);
void server_pool_drop(struct server_wait *w); /* no callback after it; zeroed is fine */

#endif
