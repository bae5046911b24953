/* policy/demand.h: what a rule, host or default demands of a connection, to compare and to say in words. */
#ifndef STERNPOST_POLICY_DEMAND_H
#define STERNPOST_POLICY_DEMAND_H

#include "policy/rule.h"

struct demand {
    enum tls_level level;
    enum tls_version min_version; /* TLS_VERSION_NONE: none */
    struct slice ca_file;
    const struct slice *names;
    size_t names_len;
    bool any_name;
};

struct demand demand_of_rule(const struct rule *r);

/* Grows with the level; verify with a name check is above verify of any name. */
int demand_rank(const struct demand *d);
bool demand_requires_tls(const struct demand *d);

/* "1.2" for TLS_VERSION_1_2. */
const char *demand_version_words(enum tls_version v);
/* "verify, TLS 1.2 or higher, any name", "may". In `arena`. */
struct slice demand_words(const struct demand *d, struct arena *arena);
/* "'a', 'b' or 'c'"; empty for none. In `arena`. */
struct slice demand_names_words(const struct slice *names, size_t len, struct arena *arena);

#endif
