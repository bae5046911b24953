/* net/dialer.h: connects to the first of several addresses that answers: a new one is tried when the former failed,
 * or has been silent for DIAL_STAGGER_MS (in the manner of RFC 8305). */
#ifndef STERNPOST_NET_DIALER_H
#define STERNPOST_NET_DIALER_H

#include "net/loop.h"
#include "net/stream.h"

enum { DIAL_MOST = 10, DIAL_STAGGER_MS = 300 };

struct dial_try {
    struct loop_io io;      /* first */
    struct stream  stream;
    struct dialer *dialer;
    size_t         address; /* index */
    bool           is_open;
};

struct dialer {
    /* Runs from the loop. winner < addresses_len: take the stream with dialer_take(); else all failed and `text`
     * says how. */
    void (*done)(struct dialer *d);
    size_t winner;
    char   text[200];
    /* private */
    struct loop             *loop;
    struct loop_timer        stagger, deadline;
    const struct net_address *addresses, *from4, *from6;
    size_t                   addresses_len, next;
    struct dial_try          tries[DIAL_MOST];
};

/* Addresses (the first DIAL_MOST of them) and the ones to connect from (NULL: any) are borrowed until done. */
void dialer_start(struct dialer *d, struct loop *loop, const struct net_address *addresses, size_t addresses_len,
                  const struct net_address *from4, const struct net_address *from6, int64_t timeout_ms);
/* Moves the connected stream out. */
void dialer_take(struct dialer *d, struct stream *out);
/* Closes what is open. Zeroed is fine, and after done too. */
void dialer_release(struct dialer *d);

#endif
