/* bridge/dane_survey.h: what DNS says of DANE for all the servers of one domain, counted. */
#ifndef STERNPOST_BRIDGE_DANE_SURVEY_H
#define STERNPOST_BRIDGE_DANE_SURVEY_H

#include "bridge/answer.h"
#include "discovery/dane.h"
#include "discovery/mx.h"

enum { SURVEY_SERVERS_MOST = 32 }; /* further ones count as without DANE */

struct survey_server;

struct dane_survey {
    void (*done)(struct dane_survey *s); /* set by the caller; runs from the loop, never inside dane_survey_start() */
    struct answer_dane dane;             /* valid from done on */
    int64_t ttl_s; /* the least of the servers' answers, at least 1; 0: there was no server to ask for */
    /* private */
    struct mx_lookup mx;
    struct survey_server *servers;
    size_t open;
    struct loop *loop;
    struct resolver *resolver;
    uint16_t port;
};

/* `domain` is lower case in A-labels; copied. `port` is where the servers take mail: 25. */
void dane_survey_start(struct dane_survey *s, struct loop *loop, struct resolver *r, struct slice domain,
                       uint16_t port, uint32_t random);
/* Cancels when it is under way, and frees. Zeroed is fine, and so is a call from inside done. */
void dane_survey_release(struct dane_survey *s);

#endif
