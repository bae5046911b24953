/* domains/survey.h: gathers what the world sees of one mail domain: its MX, their addresses, DNSSEC, TLSA records,
 * STARTTLS and certificates; the records of MTA-STS and TLS reporting, the policy's host and the policy itself;
 * whether the addresses for reports are there; who may issue certificates; what the name servers themselves answer. Nothing is judged (domains/checks.h), no mail is sent, no report
 * posted.
 *
 * A server is looked at once for all the surveys of one pool, with one connection to each address; the mailbox of an
 * address for reports takes up to MAILBOX_SERVERS_MOST more. */
#ifndef STERNPOST_DOMAINS_SURVEY_H
#define STERNPOST_DOMAINS_SURVEY_H

#include "domains/mailbox.h"
#include "domains/server_pool.h"

struct domain_survey_world { /* of one loop; outlives the surveys */
    struct loop          *loop;
    struct resolver      *resolver;
    struct server_pool   *pool;
    struct https_client  *https;
    struct mailbox_config mailbox;
    const char           *ca_file;    /* NULL: the system's */
    bool                  has_dnssec; /* the resolver validates */
};

struct domain_survey { /* embed, zeroed */
    void (*done)(
        struct domain_survey *s); /* set by the caller; runs from the loop, never inside domain_survey_start() */
    struct slice reports; /* set by the caller: a record of TLS reporting, published or not, whose addresses are asked instead of
                             those of the published one. Borrowed until done; "": none */
    struct domain_facts               facts; /* lives until domain_survey_release(), and no longer than the pool */
    unsigned                          steps, steps_done; /* for a bar of progress; steps grow while answers come */
    /* private */
    const struct domain_survey_world *world;
    struct arena                      arena;
    struct survey_question           *questions;
    struct survey_server             *servers;
    struct survey_rua                *ruas;
    struct survey_reverse            *reverses;
    struct survey_caa                *caas;
    struct survey_zone               *zones;
    struct server_wait                host;
    struct https_request              policy;
    int64_t                           policy_ms;
};

/* `domain` is lower case in A-labels; copied. */
void domain_survey_start(struct domain_survey *s, const struct domain_survey_world *world, struct slice domain);
/* Ends it when under way, and frees. Zeroed is fine. */
void domain_survey_release(struct domain_survey *s);

#endif
