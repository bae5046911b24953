#include "cli/notify.h"

#include "base/slice.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_supervisor(const char *state)
{
    struct slice path = slice_str(getenv("NOTIFY_SOCKET"));
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len);
    int fd;

    if (path.len < 2 || !slice_to_cstr(path, name.sun_path, sizeof name.sun_path))
        return;
    if (name.sun_path[0] == '@')
        name.sun_path[0] = '\0'; /* an abstract name */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)(const void *)&name, len);
    close(fd);
}
