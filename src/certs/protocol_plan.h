/* certs/protocol_plan.h: what to ask a server about its versions and suites, question after question, and what its
 * answers mean. No socket, no clock: protocols.h does the asking.
 *
 * There are few questions, since every one costs the server a connection: a hello offers a whole class of suites, a
 * refusal settles them all, a choice settles one class, and the rest is asked again. The questions that would alarm
 * come first, so that a small budget answers them. What was not answered is "not tested", with the reason, never "no".
 */
#ifndef STERNPOST_CERTS_PROTOCOL_PLAN_H
#define STERNPOST_CERTS_PROTOCOL_PLAN_H

#include "certs/hello.h"

enum protocol_version {
    PROTOCOL_SSL2,
    PROTOCOL_SSL3,
    PROTOCOL_TLS1_0,
    PROTOCOL_TLS1_1,
    PROTOCOL_TLS1_2,
    PROTOCOL_TLS1_3,
    PROTOCOL_VERSIONS,
};
uint16_t protocol_wire(enum protocol_version v); /* WIRE_SSL2 ... */

/* What a server does with a hello that is odd in one way: accepted means that it goes along. */
enum protocol_conduct {
    PROTOCOL_CLIENT_ORDER, /* suites with the weakest in front: it chooses by that order, not by its own */
    PROTOCOL_FALLBACK,     /* a version below its best, marked as a second try (RFC 7507) */
    PROTOCOL_CONDUCTS,
};
const char *protocol_conduct_name(enum protocol_conduct c); /* "client's order of suites" */

enum protocol_known { PROTOCOL_UNTESTED, PROTOCOL_REFUSED, PROTOCOL_ACCEPTED };
const char *protocol_known_name(enum protocol_known k); /* "not tested" */

enum { PROTOCOL_TEXT = 160, PROTOCOL_CHOICES_MOST = 64, PROTOCOL_BUDGET = 8, PROTOCOL_BUDGET_MOST = 200 };

struct protocol_state {
    enum protocol_known known;
    char text[PROTOCOL_TEXT];   /* how it was refused, or why it is not known; printable */
    bool is_settled, is_closed; /* private */
};

struct protocol_choice { /* what the server chose for one hello */
    uint16_t version, suite, group, signature;
    unsigned bits; /* of the key exchange: DH prime, curve, RSA key; 0: unknown */
};

struct protocol_facts {
    struct protocol_state versions[PROTOCOL_VERSIONS];
    struct protocol_state classes[SUITE_CLASSES];          /* accepted: at some version; refused: where `text` says */
    struct protocol_state conducts[PROTOCOL_CONDUCTS];
    struct protocol_choice choices[PROTOCOL_CHOICES_MOST]; /* each once */
    size_t choices_len;
    bool lists_all;                  /* choices hold every suite that the highest version up to TLS 1.2 accepts */
    bool lacks_secure_renegotiation; /* seen below TLS 1.3 without it (RFC 5746) */
    bool has_heartbeat;              /* seen below TLS 1.3 with it (RFC 6520) */
    unsigned connections;            /* made */
    char stopped[PROTOCOL_TEXT];     /* why it ended early; empty: everything was asked */
    bool is_unwanted;                /* the server turned us away: do not come again soon */
};

enum protocol_outcome_kind {
    PROTOCOL_ANSWER,    /* hello_feed() said something else than HELLO_MORE, or there was a choice before the end */
    PROTOCOL_CLOSED,    /* without a word of TLS */
    PROTOCOL_SILENT,    /* nothing in time */
    PROTOCOL_UNREACHED, /* it did not come to a hello: `text` */
};

struct protocol_outcome { /* of one question; borrowed */
    enum protocol_outcome_kind kind;
    const struct hello_answer *answer; /* PROTOCOL_ANSWER */
    unsigned key_bits;                 /* of the RSA key in its certificate; 0: unknown */
    const char *text;                  /* PROTOCOL_UNREACHED */
    bool is_unwanted;
};

struct protocol_plan {           /* fields but `facts` are private */
    struct protocol_facts facts; /* complete when there is no next question */
    struct hello_offer offer;    /* the question that is open */
    uint16_t suites[SUITE_MOST], groups[TLS_GROUP_MOST];
    unsigned budget;
    size_t step;
    unsigned silences, garbles; /* in a row */
    uint16_t strongest_first;   /* what it chose at TLS 1.2 when the strongest stood in front; 0: nothing yet */
    unsigned low_refused;       /* classes that the lowest version refused, as bits */
    bool is_over, has_answered, knows_suites, knows_suites_1_3, knows_groups;
};

/* `budget` connections at most, 0: PROTOCOL_BUDGET. Names as in struct hello_offer, borrowed. */
void protocol_plan_init(struct protocol_plan *p, unsigned budget, struct slice sni, struct slice alpn);
/* The hello to send next on a new connection, NULL when there is no more to ask. The caller fills in its random. */
struct hello_offer *protocol_plan_next(struct protocol_plan *p);
/* What came of it; each question once. */
void protocol_plan_take(struct protocol_plan *p, const struct protocol_outcome *o);
/* No further question: the rest is not tested for this reason. */
void protocol_plan_stop(struct protocol_plan *p, const char *why);

#endif
