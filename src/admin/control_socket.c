/* Part of admin/admin.h: the sockets that the API is served on. */
#include "admin/admin.h"

#include "net/unix_socket.h"

#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 64, CONTROL_MODE = 0660 };

enum status admin_bind_control(const char *path, int uid, int gid, int *out, struct fault *why)
{
    const struct unix_socket control = {
        .path = path,
        .what = "control socket",
        .type = SOCK_STREAM,
        .mode = CONTROL_MODE,
        .uid = uid,
        .gid = gid,
    };
    enum status st = unix_socket_bind(&control, out, why);

    if (st != OK || listen(*out, BACKLOG) == 0)
        return st;
    st = fault_errno(why, "cannot listen on the control socket '%s'", path);
    (void)unlink(path);
    close(*out);
    *out = -1;
    return st;
}

enum status admin_bind_tcp(const struct net_address *address, int *out, struct fault *why)
{
    int on = 1, fd = socket(address->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    char text[NET_ADDRESS_TEXT];
    enum status st;

    if (fd < 0)
        return fault_errno(why, "cannot make a socket");
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        bind(fd, &address->sa.any, address->len) == 0 && listen(fd, BACKLOG) == 0) {
        *out = fd;
        return OK;
    }
    st = fault_errno(why, "cannot listen on %s for metrics and health", net_address_text(address, text));
    close(fd);
    return st;
}
