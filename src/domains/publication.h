/* domains/publication.h: the records of a domain of ours sent to the name server that takes updates: what it has is
 * asked first, and nothing is touched but what must change. On one loop. */
#ifndef STERNPOST_DOMAINS_PUBLICATION_H
#define STERNPOST_DOMAINS_PUBLICATION_H

#include "domains/inspection.h"

struct publication;

struct publication_config { /* borrowed until done */
    struct loop *loop;
    const struct config_dns_update *server;
    const struct inspection *inspection; /* a finished one */
    bool leaves_policy_id;               /* of MTA-STS: until the policy itself is served (RFC 8461 section 8.3; M13) */
    void (*done)(struct publication *p); /* from the loop; may free */
    void *ctx;
};

struct publication *publication_start(const struct publication_config *config);
void publication_free(struct publication *p); /* also when it is under way; NULL is fine */

void *publication_ctx(const struct publication *p);
/* OK: it is done, or there was nothing to do. ERR_PERMANENT, ERR_SYNTAX: refused. ERR_TEMPORARY: no answer. */
enum status publication_result(const struct publication *p, struct fault *why);
/* Lines for people: "add _mta-sts.example.org. 3600 IN TXT ...", "remove ..."; none: nothing was to be changed. */
size_t publication_changes(const struct publication *p, const struct slice **out);

#endif
