/* net/unix_socket.h: sockets with a name in the file system. */
#ifndef STERNPOST_NET_UNIX_SOCKET_H
#define STERNPOST_NET_UNIX_SOCKET_H

#include "base/status.h"

#include <sys/types.h>

struct unix_socket {
    const char *path;
    const char *what; /* for messages: "control socket" */
    int type;         /* SOCK_STREAM or SOCK_DGRAM */
    mode_t mode;      /* of the file; it is never wider, not even for a moment */
    int uid, gid;     /* owner of the file; -1: as it comes */
};

/* Binds; *fd is non-blocking and close-on-exec, and does not listen yet. The file of a socket that nobody serves any
 * more is replaced; the last folder of the path is made when it is missing, for the same owner. ERR_LIMIT (path too
 * long), ERR_CONFLICT (served by somebody, or no socket), ERR_TEMPORARY and the like, with the remedy. */
MUST_USE enum status unix_socket_bind(const struct unix_socket *s, int *fd, struct fault *why);

/* The id of a group of this machine. ERR_NOT_FOUND with the remedy. */
MUST_USE enum status unix_group_find(const char *name, int *gid, struct fault *why);

#endif
