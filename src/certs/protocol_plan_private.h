/* certs/protocol_plan_private.h: between the files of certs/protocol_plan.h. */
#ifndef STERNPOST_CERTS_PROTOCOL_PLAN_PRIVATE_H
#define STERNPOST_CERTS_PROTOCOL_PLAN_PRIVATE_H

#include "certs/protocol_plan.h"

#define CLASS(c) (1U << (c))

/* What a refusal of a question settles. */
enum protocol_scope {
    SCOPE_VERSION,        /* the version that was offered */
    SCOPE_OFFERED,        /* every class that was offered */
    SCOPE_AT_LOWEST,      /* the same at the lowest version, where the classes were refused at the highest before */
    SCOPE_CLIENT_ORDER,
    SCOPE_FALLBACK,
    SCOPE_MORE_SUITES,    /* that there are no more */
    SCOPE_MORE_SUITES_1_3,
    SCOPE_MORE_GROUPS,
};

/* Each step looks at what is known and writes the next question into the offer; false: it has none, or none any more. */
struct protocol_step {
    bool (*ask)(struct protocol_plan *p);
    enum protocol_scope scope;
};
extern const struct protocol_step protocol_steps[]; /* protocol_ask.c: in the order of what is worth a connection most */
extern const size_t protocol_steps_len;

/* Of SSLv3 to TLS 1.2, where suites are the same, the highest or lowest that is accepted; PROTOCOL_SSL2: none. */
enum protocol_version protocol_top(const struct protocol_plan *p);
enum protocol_version protocol_lowest(const struct protocol_plan *p);
bool protocol_speaks_1_3(const struct protocol_plan *p);

/* protocol_take.c: the first word stands, but that a later acceptance is never talked away. */
void protocol_settle(struct protocol_state *s, enum protocol_known known, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
