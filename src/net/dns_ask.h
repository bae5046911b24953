/* net/dns_ask.h: one DNS message to one server of a given address, and what it answers: by UDP, and by TCP when the
 * answer is cut short (RFC 7766). For asking the servers of a zone themselves; all else goes through net/resolver.h.
 */
#ifndef STERNPOST_NET_DNS_ASK_H
#define STERNPOST_NET_DNS_ASK_H

#include "base/buf.h"
#include "net/address.h"
#include "net/resolver.h"
#include "net/stream.h"

enum { DNS_ASK_TIMEOUT_MS = 5000 };

struct dns_ask {                     /* embed, zeroed, fill in the first part */
    void (*done)(struct dns_ask *a); /* from the loop, never inside dns_ask_start() */
    struct net_address server;
    struct slice message; /* borrowed until done; at least a header */
    bool by_tcp;          /* at once: an update, which is not said twice */
    /* Out: valid until dns_ask_release(). The answer has the message's id and is an answer; nothing else is known of
     * it. */
    enum status status; /* OK, or ERR_TEMPORARY with `why` */
    struct slice answer;
    struct fault why;
    bool has_no_route; /* ERR_TEMPORARY since this machine has no way there: of no IPv6, most often */
    /* private */
    struct loop *loop;
    struct loop_io io;
    struct loop_timer deadline, again;
    struct stream stream;
    struct buf in, out;
    bool is_open, is_tcp, is_connected;
};

void dns_ask_start(struct dns_ask *a, struct loop *loop);
void dns_ask_release(struct dns_ask *a); /* zeroed is fine, and when under way */

/* A question for a server of the zone: no recursion wanted, answers of 1232 bytes taken by UDP. `name` as text,
 * without escapes. False: it is no name. */
bool dns_question_write(struct slice name, enum dns_type type, uint16_t id, struct buf *out);

#endif
