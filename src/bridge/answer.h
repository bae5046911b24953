/* bridge/answer.h: what Postfix is told of one destination: facts in, a socketmap reply out. Pure.
 *
 * A reply is a line for smtp_tls_policy_maps: "OK secure match=... servername=hostname", "NOTFOUND " (Postfix uses its
 * own default) or "TEMP ..." (Postfix defers). Nothing foreign is copied: names are checked letter by letter, and the
 * lines of a policy are written anew from what was understood of it. */
#ifndef STERNPOST_BRIDGE_ANSWER_H
#define STERNPOST_BRIDGE_ANSWER_H

#include "discovery/sts.h"
#include "policy/decide.h"
#include "policy/tlsa.h"

/* The map's name in Postfix chooses how a reply is written. */
enum answer_map {
    ANSWER_POLICY, /* "policy": what every Postfix from 3.4 on understands */
    ANSWER_TLSRPT, /* "policy-tlsrpt": with the attributes for TLS reports, Postfix 3.10 and later; an older one defers
                    */
    ANSWER_NOSNI,  /* "policy-nosni": without servername, for Postfix before 3.4 */
    ANSWER_TESTING, /* "policy-tlsrpt-testing": as policy-tlsrpt, and at level may also for policies in testing and for
                     * those that could not be had, so that they are reported; not where the default is above may */
    ANSWER_MAPS
};
bool answer_map_find(struct slice name, enum answer_map *out);

enum { ANSWER_MAX = 100000 }; /* bytes that Postfix takes at most */

#define ANSWER_NOTFOUND SLICE_LIT("NOTFOUND ")
/* To a request for another map; names the known ones. */
#define ANSWER_UNKNOWN_MAP                                                                                            \
    SLICE_LIT("PERM no such map; there are policy, policy-tlsrpt, policy-nosni and policy-tlsrpt-testing")

/* The servers of a domain, counted by what DNS says of DANE for them. All zero: the domain has no server. */
struct answer_dane {
    size_t usable, unusable, none, failed;
    bool mx_is_secure;  /* the MX records are signed */
    bool mx_is_unknown; /* DNS gave no answer to the question for them */
};
void answer_dane_add(struct answer_dane *d, enum dane_state server);
/* Does MTA-STS count? Not where there is DANE, or may be, unless TLS is demanded and DANE cannot be held to. */
bool answer_asks_sts(const struct answer_dane *d, bool requires_tls);

struct answer_facts {
    struct slice domain;           /* lower case, A-labels */
    const struct decision *demand; /* of rules and default by policy_decide(): by MX, no policy */
    struct answer_dane dane;
    const struct sts_facts *sts; /* NULL: no answer yet */
};

/* Do the settings alone give the answer, whatever DNS says? When they take nothing but DANE, which Postfix looks up by
 * itself, and when a rule exempts the domain. */
bool answer_is_settled(const struct decision *demand);

/* The reply, without its netstring; in `arena`. */
struct slice answer_write(const struct answer_facts *f, enum answer_map map, struct arena *arena);
/* The same for a relay host in brackets, of which nothing but rules, the host of its name and the default speak. */
struct slice answer_write_relay(const struct decision *demand, enum answer_map map, struct arena *arena);

#endif
