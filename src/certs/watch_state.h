/* certs/watch_state.h: one server that is watched: what was last seen of it, what is wrong with it, and what was told
 * of that. No I/O, no clock: certs/watch.h looks, asks watch_judge(), and keeps the outcome. */
#ifndef STERNPOST_CERTS_WATCH_STATE_H
#define STERNPOST_CERTS_WATCH_STATE_H

#include "certs/survey.h"

#include <jansson.h>

enum watch_kind {
    WATCH_LISTENER,    /* one of our own, as it is served */
    WATCH_MX,          /* of a domain of ours, as DNS names it */
    WATCH_POLICY_HOST, /* of a domain of ours (RFC 8461 section 3.3) */
    WATCH_HOST,        /* of the settings */
    WATCH_PARTNER,     /* an MX of a domain that a rule names */
};
const char *watch_kind_name(enum watch_kind k); /* "policy-host" */

enum watch_cause {
    WATCH_UNREACHABLE, /* no address shows a certificate, twice in a row */
    WATCH_EXPIRY,      /* a threshold of days is passed, or the end */
    WATCH_CHAIN,       /* an intermediate is missing */
    WATCH_TRUST,       /* nobody trusted vouches for it, or it is for another name */
    WATCH_TLSA,        /* no TLSA record matches */
    WATCH_DIFFERENCE,  /* another one that should show the same shows another */
    WATCH_POLICY,      /* the policy cannot be fetched, twice in a row */
    WATCH_KEY,         /* a key never seen here; told once, and over at once */
    WATCH_CAUSES,
};
const char *watch_cause_name(enum watch_cause c); /* "expiry" */
const char *watch_cause_over(enum watch_cause c); /* that it is over, in words */

/* What one look found. Text is printable. */
struct watch_facts {
    bool is_reached;                         /* an address showed a certificate; what follows is of all that did */
    struct slice text;                       /* why none did */
    const struct certificate *leaf;          /* the one that ends first */
    const struct certificate *const *leaves; /* of each address */
    size_t leaves_len;
    bool is_trusted;         /* and is for the name */
    struct slice trust_text; /* why it is not */
    struct slice chain_text; /* what is missing; "": nothing */
    bool knows_tlsa;         /* DNS said what there is, or that there is nothing */
    bool has_tlsa;           /* there are records that count, so that they prove who the server is */
    struct slice tlsa_text;  /* why none matches; "": one does, or there are none */
    bool knows_difference;
    struct slice difference; /* "": none */
    bool knows_policy;
    struct slice policy_text; /* why it is not to be had; "": it is */
};

/* Everything lives in `arena`; leaves are borrowed from the survey. */
void watch_facts_of(const struct survey *s, struct arena *arena, struct watch_facts *out);

enum { WATCH_KEYS = 8 };

struct watch_key {
    char spki[CERTIFICATE_HEX_SHA256];
    int64_t first_s, last_s; /* seen */
};

struct watch_notice {
    int64_t since_s; /* 0: nothing is wrong */
    int level;       /* EXPIRY: the threshold that was told of, in days; -1: it has ended */
    struct slice text;
};

struct watch_state {
    struct slice name;            /* "mx.example.org:25", "127.0.0.1:25/mx.example.org" */
    enum watch_kind kind;         /* the first that applies */
    const struct slice *subjects; /* why it is watched: "domain example.org", "host relay", "listener mx" */
    size_t subjects_len;
    int64_t checked_s, reached_s;       /* last; 0: never */
    unsigned failures, policy_failures; /* in a row */
    struct slice text;                  /* why it was not reached; "" */
    struct slice subject, issuer;       /* of the certificate that ends first */
    int64_t not_before_s, not_after_s;
    char sha256[CERTIFICATE_HEX_SHA256]; /* empty: none was ever seen */
    int64_t since_s;                     /* when it was first seen */
    bool was_trusted;                    /* ever */
    struct watch_key keys[WATCH_KEYS];   /* the last seen come first */
    size_t keys_len;
    struct watch_notice notices[WATCH_CAUSES];
};

/* Whole days until the certificate ends; below 0: it has. */
int64_t watch_days_left(const struct watch_state *s, int64_t now_s);

struct watch_limits {
    const unsigned *days; /* thresholds of expiry, the largest first */
    size_t days_len;
    bool must_be_trusted; /* else only one that was trusted once is told of */
};

/* Something to tell, once. */
struct watch_news {
    struct slice name;
    enum watch_cause cause;
    bool is_over; /* what was told before is no longer so */
    struct slice text;
};

/* `old` is what was kept, or NULL; `out` has its name, kind and subjects set. Fills in the rest and the news, at most
 * WATCH_CAUSES; their number. Everything lives in `arena`. */
size_t watch_judge(const struct watch_state *old, const struct watch_facts *seen, const struct watch_limits *limits,
                   int64_t now_s, struct arena *arena, struct watch_state *out,
                   struct watch_news news[static WATCH_CAUSES]);

/* As it is kept. The caller owns it. */
json_t *watch_state_write(const struct watch_state *s);
/* ERR_SYNTAX: it is not what we wrote. In `arena`, which borrows nothing of `text`. */
MUST_USE enum status watch_state_read(struct slice name, struct slice text, struct arena *arena,
                                      struct watch_state *out);
/* For people and programs: times as text, days left. The caller owns it. */
json_t *watch_state_show(const struct watch_state *s, int64_t now_s);

#endif
