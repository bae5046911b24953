/* policy/rule.h: secure-transport rules and their matching (reference: semantics T1 to T10).
 *
 * A rule matches when both its sender list and its recipient list match; an empty list matches everyone.
 * Patterns: "user@example.org" (local part compared exactly, domain without case), "example.org" (that domain
 * only), ".example.org" (subdomains only), "*" (everyone), "list:NAME" (the members of a named list). */
#ifndef STERNPOST_POLICY_RULE_H
#define STERNPOST_POLICY_RULE_H

#include "base/arena.h"
#include "policy/tls_facts.h"

enum tls_level { LEVEL_NONE, LEVEL_MAY, LEVEL_ENCRYPT, LEVEL_VERIFY, LEVEL_DANE };
const char *tls_level_name(enum tls_level level); /* "verify" */
bool tls_level_parse(struct slice s, enum tls_level *out);

enum rule_direction { RULE_OUTBOUND, RULE_INBOUND };
enum on_failure { ON_FAILURE_DEFAULT, ON_FAILURE_ALTERNATE, ON_FAILURE_DEFER, ON_FAILURE_BOUNCE };

struct rule {
    struct slice        name, description;
    enum rule_direction direction;
    const struct slice *from, *to; /* patterns, lower-case domains */
    size_t              from_len, to_len;
    enum tls_level      level;
    enum tls_version    min_version;  /* TLS_VERSION_NONE: no demand of its own */
    struct slice        ca_file;      /* trust bundle; empty: the system's */
    const struct slice *names;        /* names the certificate may have instead of the MX's or domain's */
    size_t              names_len;
    bool                any_name;     /* level verify without a name check, shown as "any name" */
    enum on_failure     on_failure;
    int64_t             defer_for_s;  /* ON_FAILURE_DEFER: then bounce; 0: until the queue's own limit */
    struct slice        alternate;    /* host for the alternate secure route; empty: the gateway's */
    int64_t             exempt_until_s; /* outbound: until then DANE and MTA-STS of the destination are not enforced; 0: they are */
    bool                is_testing;   /* only records what it would have done */
    bool                refuses_421;  /* inbound: 421 4.7.0 and close instead of 530 5.7.0 */
};

struct named_list {
    struct slice        name;
    const struct slice *members; /* patterns without "list:" */
    size_t              members_len;
};

#define RULE_LIST_PREFIX SLICE_LIT("list:")

/* True for the forms above ("list:NAME" only where `lists_allowed`); `why` names what is wrong. */
bool rule_pattern_is_valid(struct slice pattern, bool lists_allowed, struct fault *why);

/* Rules compiled for look-up in O(labels) of the address. Immutable; shared between threads. */
struct rule_set;
/* Copies everything it needs. A pattern "list:NAME" of an unknown list is ERR_NOT_FOUND. */
MUST_USE enum status rule_set_new(const struct rule *rules, size_t rules_len, const struct named_list *lists,
                                  size_t lists_len, struct rule_set **out, struct fault *why);
void rule_set_free(struct rule_set *set);

/* An address in its halves: domain in lower case; both empty for the null sender. */
struct rule_address {
    struct slice local, domain;
};

/* Every matching rule of that direction, in the order given to rule_set_new(); an array in `arena`. The null sender
 * is matched by "*" and by an empty list alone. */
size_t rule_set_match(const struct rule_set *set, enum rule_direction direction, struct rule_address from,
                      struct rule_address to, struct arena *arena, const struct rule ***out);
/* Does one pattern match? "list:NAME" never does here. For a user's sender patterns and tests. */
bool rule_pattern_matches(struct slice pattern, struct rule_address address);

#endif
