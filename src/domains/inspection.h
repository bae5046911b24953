/* domains/inspection.h: one look at what DNS says of a domain of ours: what must be there, what our resolver has, and
 * what each server of the zone answers. On one loop. */
#ifndef STERNPOST_DOMAINS_INSPECTION_H
#define STERNPOST_DOMAINS_INSPECTION_H

#include "certs/keeper.h"
#include "domains/own_record.h"
#include "settings/config.h"

enum { INSPECTION_SERVERS_MOST = 16 };

struct inspected_server {
    struct slice name;
    struct net_address address;
    bool answers; /* at least one question */
};

struct inspected_record {
    struct own_record wanted;
    struct dns_answer cached;                             /* by our resolver, which may keep an old one */
    struct dns_answer by_server[INSPECTION_SERVERS_MOST]; /* DNS_FAILED: it gave none */
    enum own_record_state state;
    int64_t ttl_s;  /* how long others may keep what is there now, or that it is not there */
    int64_t wait_s; /* OWN_RECORD_WAITS: until our resolver forgets the old one */
};

struct inspection; /* one look */

struct inspection_config { /* borrowed until done */
    struct loop *loop;
    struct resolver *resolver;
    const struct config *config;
    const struct policy_keeper *keeper;
    const struct cert_keeper *certificates; /* of the same loop: whose TLSA records must be there; NULL: nobody's */
    struct slice domain;                /* one of ours; copied */
    void (*done)(struct inspection *i); /* from the loop; may free */
    void *ctx;
};

struct inspection *inspection_start(const struct inspection_config *config);
void inspection_free(struct inspection *i); /* also when it is under way; NULL is fine */

/* Results; live as long as the inspection. */
void *inspection_ctx(const struct inspection *i);
struct slice inspection_domain(const struct inspection *i);
struct slice inspection_zone(const struct inspection *i);               /* empty: it could not be told */
const struct own_policy *inspection_policy(const struct inspection *i); /* NULL: none is hosted */
enum sts_mode inspection_mode(const struct inspection *i);
/* False: DNS did not tell of the domain's MX, so that records may be left out of the list. */
bool inspection_is_whole(const struct inspection *i);
size_t inspection_servers(const struct inspection *i, const struct inspected_server **out);
size_t inspection_records(const struct inspection *i, const struct inspected_record **out);

#endif
