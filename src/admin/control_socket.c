/* Part of admin/admin.h: the sockets that the API is served on. */
#include "admin/admin.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 64, CONTROL_MODE = 0660 };

static enum status name_socket(const char *path, struct sockaddr_un *out, struct fault *why)
{
    *out = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (slice_to_cstr(slice_str(path), out->sun_path, sizeof out->sun_path))
        return OK;
    return fault_set(why, ERR_LIMIT, "control socket '%s': the path is longer than %zu bytes; choose a shorter one",
                     path, sizeof out->sun_path - 1);
}

/* A socket file outlives the process that made it. Only when nobody answers is it taken away. */
static enum status remove_stale(const struct sockaddr_un *name, struct fault *why)
{
    struct stat st;
    int fd, error = 0;

    if (lstat(name->sun_path, &st) != 0)
        return errno == ENOENT ? OK : fault_errno(why, "cannot look at the control socket '%s'", name->sun_path);
    if (!S_ISSOCK(st.st_mode))
        return fault_set(why, ERR_CONFLICT, "control socket '%s': something that is no socket is in its place",
                         name->sun_path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fault_errno(why, "cannot make a socket");
    if (connect(fd, (const struct sockaddr *)(const void *)name, sizeof *name) != 0)
        error = errno;
    close(fd);
    if (error != ECONNREFUSED)
        return fault_set(why, ERR_CONFLICT, "another sternpost serves the control socket '%s'; stop it first",
                         name->sun_path);
    if (unlink(name->sun_path) != 0)
        return fault_errno(why, "cannot replace the control socket '%s'", name->sun_path);
    return OK;
}

/* /run is empty after a boot. Only the last folder is made, and only where it is missing. */
static void make_folder(const struct sockaddr_un *name, int uid, int gid)
{
    struct slice path = slice_str(name->sun_path);
    char folder[sizeof name->sun_path];
    size_t slash = slice_find_last(path, '/');

    if (slash == SIZE_MAX || slash == 0 || !slice_to_cstr(slice_first(path, slash), folder, sizeof folder))
        return;
    if (mkdir(folder, 0755) == 0 && chmod(folder, 0755) == 0 && (uid >= 0 || gid >= 0))
        (void)!lchown(folder, (uid_t)uid, (gid_t)gid);
}

static enum status open_control(const struct sockaddr_un *name, int fd, int uid, int gid, struct fault *why)
{
    mode_t umask_before = umask(0777 & ~CONTROL_MODE); /* never open to others, not even for a moment */
    bool is_bound = bind(fd, (const struct sockaddr *)(const void *)name, sizeof *name) == 0;
    enum status st = is_bound ? OK : fault_errno(why, "cannot make the control socket '%s'", name->sun_path);

    (void)umask(umask_before);
    if (st == OK && (uid >= 0 || gid >= 0) && lchown(name->sun_path, (uid_t)uid, (gid_t)gid) != 0)
        st = fault_errno(why, "cannot give the control socket '%s' to its user", name->sun_path);
    if (st == OK && listen(fd, BACKLOG) != 0)
        st = fault_errno(why, "cannot listen on the control socket '%s'", name->sun_path);
    if (st != OK && is_bound)
        (void)unlink(name->sun_path);
    return st;
}

enum status admin_bind_control(const char *path, int uid, int gid, int *out, struct fault *why)
{
    struct sockaddr_un name;
    enum status st = name_socket(path, &name, why);
    int fd;

    if (st == OK)
        st = remove_stale(&name, why);
    if (st != OK)
        return st;
    make_folder(&name, uid, gid);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fault_errno(why, "cannot make a socket");
    st = open_control(&name, fd, uid, gid, why);
    if (st == OK)
        *out = fd;
    else
        close(fd);
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
