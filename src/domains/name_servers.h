/* domains/name_servers.h: what each name server of a zone answers when it is asked itself, by UDP and by TCP, as the
 * resolvers of those who send mail do. */
#ifndef STERNPOST_DOMAINS_NAME_SERVERS_H
#define STERNPOST_DOMAINS_NAME_SERVERS_H

#include "domains/zone_servers.h"
#include "net/dns_ask.h"

enum { NAME_SERVERS_QUESTIONS = 2 };

struct name_server_question {
    struct slice  name;
    enum dns_type type; /* DNS_NS: none */
};

enum name_server_answer {
    NAME_SERVER_UNASKED, /* not a public address, or this machine has no way there */
    NAME_SERVER_SILENT,  /* nothing in time, or nobody there */
    NAME_SERVER_FAILS,   /* an error, such as SERVFAIL */
    NAME_SERVER_ANSWERS, /* with records, or with a denial */
};

struct name_server_facts {
    struct slice            name, ip;
    enum name_server_answer by_udp[NAME_SERVERS_QUESTIONS], by_tcp; /* by TCP the first question */
    const char             *why[NAME_SERVERS_QUESTIONS];            /* NAME_SERVER_FAILS, in words */
};

struct zone_facts {
    struct slice                    zone; /* "": it could not be told, and nobody was asked */
    struct name_server_question     questions[NAME_SERVERS_QUESTIONS];
    const struct name_server_facts *servers;
    size_t                          servers_len;
};

struct name_servers { /* embed, zeroed */
    void (*done)(struct name_servers *n); /* set by the caller; runs from the loop, never inside name_servers_start() */
    struct zone_facts facts;              /* lives until name_servers_release() */
    /* private */
    struct loop               *loop;
    struct arena               arena;
    struct zone_servers        zone;
    struct name_server_facts  *servers;
    struct name_server_asking *askings;
    size_t                     open;
    bool                       allows_private;
};

/* The servers of the zone that the first question's name lies in. `allows_private`: other than public addresses are
 * asked, too (STS-22). The names are copied. */
void name_servers_start(struct name_servers *n, struct loop *loop, struct resolver *r,
                        const struct name_server_question questions[static NAME_SERVERS_QUESTIONS], bool allows_private);
void name_servers_release(struct name_servers *n); /* cancels when under way; zeroed is fine */

#endif
