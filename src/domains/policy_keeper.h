/* domains/policy_keeper.h: the MTA-STS policies of our domains as they are published: made from the settings and,
 * where these name no servers, from the MX in DNS; each change of the text gets an id and a place in the store's
 * history before it is served. In enforce, other servers that unsigned DNS tells of count after a day alone, for whoever can forge
 * an answer once would else be let in by our own policy. On one loop. */
#ifndef STERNPOST_DOMAINS_POLICY_KEEPER_H
#define STERNPOST_DOMAINS_POLICY_KEEPER_H

#include "net/resolver.h"
#include "policy/tls_record.h"
#include "settings/snapshot.h"

struct policy_keeper;

/* Lives until the loop's next round. */
struct own_policy {
    struct slice domain, id, text; /* id and text empty: none could be made yet */
    int64_t made_s;
    struct slice trouble; /* why there is none, or none newer; empty: all is well */
};

/* Reads the history before it returns; takes the reference to the settings. */
MUST_USE enum status policy_keeper_new(struct loop *loop, struct resolver *r, struct store *store,
                                       struct snapshot *settings, struct policy_keeper **out, struct fault *why);
void policy_keeper_stop(struct policy_keeper *k); /* no look-ups any more */
void policy_keeper_free(struct policy_keeper *k); /* after the store was closed; NULL is fine */

void policy_keeper_adopt(struct policy_keeper *k, struct snapshot *fresh); /* takes the reference */
struct snapshot *policy_keeper_settings(const struct policy_keeper *k);    /* borrowed */

/* False: the settings have no policy for the domain. */
bool policy_keeper_find(const struct policy_keeper *k, struct slice domain, struct own_policy *out);
/* The policy that was published last, also when none is hosted now. False: there never was one. */
bool policy_keeper_last(const struct policy_keeper *k, struct slice domain, struct own_policy *out);

#endif
