/* domains/mailbox.h: whether a mailbox takes mail, asked of its domain's servers by MAIL with the empty sender and
 * RCPT; no mail is sent. One server after the other until one gives a plain answer, one connection to each. */
#ifndef STERNPOST_DOMAINS_MAILBOX_H
#define STERNPOST_DOMAINS_MAILBOX_H

#include "certs/probe.h"
#include "discovery/addresses.h"
#include "discovery/mx.h"
#include "domains/facts.h"

enum { MAILBOX_SERVERS_MOST = 3, MAILBOX_TEXT = 600 };

struct mailbox_config { /* borrowed until done */
    struct loop              *loop;
    struct resolver          *resolver;
    struct prober            *prober;
    struct slice              helo;
    const struct net_address *from4, *from6;  /* NULL: any */
    uint16_t                  port;           /* 25 */
    int64_t                   timeout_ms;     /* of each step; 0: 30 s */
    bool                      allows_private; /* addresses other than public ones are asked, too (STS-22) */
};

struct mailbox {                     /* embed, zeroed */
    void (*done)(struct mailbox *m); /* set by the caller; runs from the loop, never inside mailbox_start() */
    enum rua_answer              answer;             /* valid from done on, as is the text */
    char                         text[MAILBOX_TEXT]; /* a sentence */
    /* private */
    const struct mailbox_config *config;
    struct arena                 arena;
    struct slice                 address;
    struct mx_lookup             mx;
    struct address_lookup        hosts;
    struct probe                 probe;
    size_t                       server, at;         /* at hand: of mx, of hosts */
    unsigned                     asked;              /* connections */
    bool                         is_unclear;         /* a server put us off */
};

/* `address` is well-formed ASCII with a domain; copied. */
void mailbox_start(struct mailbox *m, const struct mailbox_config *config, struct slice address);
void mailbox_release(struct mailbox *m); /* ends it when under way; zeroed is fine */

#endif
