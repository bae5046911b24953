/* relay/inquiry_private.h: one question under way on a worker, for the files that each answer one kind. */
#ifndef STERNPOST_RELAY_INQUIRY_PRIVATE_H
#define STERNPOST_RELAY_INQUIRY_PRIVATE_H

#include "discovery/dane.h"
#include "discovery/mx.h"
#include "policy/server_decision.h"
#include "relay/connection.h"
#include "relay/inquiry.h"
#include "relay/sts_question.h"

struct probe {
    struct probe          *next, *prev; /* in worker->probes */
    struct inquiry        *inquiry;
    struct worker         *worker;
    struct arena           arena;
    struct sts_question   *question;    /* NULL: none is open */
    const struct sts_facts *sts;
    struct mx_lookup       mx;
    struct slice           domain_names[2];
    struct address_lookup  lookup;
    struct dane_lookup     dane;
    struct loop_timer      deadline;
    struct slice           domain;      /* INQUIRY_POLICY: the recipient's */
    const struct host     *host;
    struct decision        decision;
    struct server_decision server;      /* INQUIRY_POLICY: on the server at hand */
    json_t                *tests;       /* an array: INQUIRY_HOST_TEST one for each server and address, INQUIRY_POLICY for each server */
    struct slice          *servers;
    uint16_t              *ports;
    size_t                 servers_len, server_at, address_at;
    struct connection_user user;
    struct connection     *connection;
    bool                   all_good;
};

/* Puts `value`, which it takes. */
void inquiry_set(json_t *o, const char *key, json_t *value);
/* The answer is complete: gives the inquiry back. The probe is gone. */
void inquiry_finish(struct probe *p);
void inquiry_refuse(struct probe *p, enum status st, const char *text);

void inquiry_run_policy(struct probe *p); /* inquiry_policy.c */
void inquiry_run_host(struct probe *p);   /* inquiry_host.c */

#endif
