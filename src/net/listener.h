/* net/listener.h: a listening TCP socket of one worker. All workers listen at the same address (SO_REUSEPORT); the
 * kernel spreads connections over them. Or a unix socket, of one thread. */
#ifndef STERNPOST_NET_LISTENER_H
#define STERNPOST_NET_LISTENER_H

#include "net/address.h"
#include "net/unix_socket.h"

struct listener {
    int fd;       /* watch it for LOOP_READ */
    int spare_fd; /* private: what is given up when descriptors run out */
};

/* Binds and listens, non-blocking; an IPv6 address takes IPv6 alone. With `is_first` it is an error that anyone
 * listens there already, another daemon of ours too; the further workers pass false. ERR_CONFLICT (address in use),
 * ERR_PERMANENT (no right to the port, no such address) or ERR_TEMPORARY, each with the remedy. */
MUST_USE enum status listener_open(struct listener *out, const struct net_address *at, bool is_first,
                                   struct fault *why);
/* The same at a unix socket; peers have no address (family AF_UNIX). Errors are those of unix_socket_bind(). */
MUST_USE enum status listener_open_unix(struct listener *out, const struct unix_socket *at, struct fault *why);
void listener_close(struct listener *l); /* idempotent; the file of a unix socket stays */

/* Where it really listens: the port that the kernel chose for port 0. */
void listener_address(const struct listener *l, struct net_address *out);

enum listener_result {
    LISTENER_ACCEPTED,
    LISTENER_NONE, /* nobody waits */
    LISTENER_FULL, /* no descriptor or memory left: a waiting peer was turned away; watch again in a second (SRV-12) */
};

/* *fd is non-blocking, close-on-exec and TCP_NODELAY, for stream_init_accepted(). */
enum listener_result listener_accept(struct listener *l, int *fd, struct net_address *peer);

#endif
