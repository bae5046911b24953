#include "net/unix_socket.h"

#include "base/slice.h"

#include <errno.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static enum status name_socket(const struct unix_socket *s, struct sockaddr_un *out, struct fault *why)
{
    *out = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (slice_to_cstr(slice_str(s->path), out->sun_path, sizeof out->sun_path))
        return OK;
    return fault_set(why, ERR_LIMIT, "%s '%s': the path is longer than %zu bytes; choose a shorter one", s->what,
                     s->path, sizeof out->sun_path - 1);
}

/* A socket file outlives the process that made it. Only when nobody answers is it taken away. */
static enum status remove_stale(const struct unix_socket *s, const struct sockaddr_un *name, struct fault *why)
{
    struct stat st;
    int fd, error = 0;

    if (lstat(s->path, &st) != 0)
        return errno == ENOENT ? OK : fault_errno(why, "cannot look at the %s '%s'", s->what, s->path);
    if (!S_ISSOCK(st.st_mode))
        return fault_set(why, ERR_CONFLICT, "%s '%s': something that is no socket is in its place", s->what, s->path);
    fd = socket(AF_UNIX, s->type | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fault_errno(why, "cannot make a socket");
    if (connect(fd, (const struct sockaddr *)(const void *)name, sizeof *name) != 0)
        error = errno;
    close(fd);
    if (error != ECONNREFUSED)
        return fault_set(why, ERR_CONFLICT, "another sternpost serves the %s '%s'; stop it first", s->what, s->path);
    if (unlink(s->path) != 0)
        return fault_errno(why, "cannot replace the %s '%s'", s->what, s->path);
    return OK;
}

/* /run is empty after a boot. Only the last folder is made, and only where it is missing. */
static void make_folder(const struct unix_socket *s)
{
    struct slice path = slice_str(s->path);
    char folder[sizeof((struct sockaddr_un *)NULL)->sun_path];
    size_t slash = slice_find_last(path, '/');

    if (slash == SIZE_MAX || slash == 0 || !slice_to_cstr(slice_first(path, slash), folder, sizeof folder))
        return;
    if (mkdir(folder, 0755) == 0 && chmod(folder, 0755) == 0 && (s->uid >= 0 || s->gid >= 0))
        (void)!lchown(folder, (uid_t)s->uid, (gid_t)s->gid);
}

static enum status bind_file(const struct unix_socket *s, const struct sockaddr_un *name, int fd, struct fault *why)
{
    mode_t umask_before = umask(0777 & ~s->mode);
    bool is_bound = bind(fd, (const struct sockaddr *)(const void *)name, sizeof *name) == 0;
    enum status st = is_bound ? OK : fault_errno(why, "cannot make the %s '%s'", s->what, s->path);

    (void)umask(umask_before);
    if (st == OK && (s->uid >= 0 || s->gid >= 0) && lchown(s->path, (uid_t)s->uid, (gid_t)s->gid) != 0)
        st = fault_errno(why, "cannot give the %s '%s' to its user and group", s->what, s->path);
    if (st != OK && is_bound)
        (void)unlink(s->path);
    return st;
}

enum status unix_socket_bind(const struct unix_socket *s, int *out, struct fault *why)
{
    struct sockaddr_un name;
    enum status st = name_socket(s, &name, why);
    int fd;

    if (st == OK)
        st = remove_stale(s, &name, why);
    if (st != OK)
        return st;
    make_folder(s);
    fd = socket(AF_UNIX, s->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fault_errno(why, "cannot make a socket");
    st = bind_file(s, &name, fd, why);
    if (st == OK)
        *out = fd;
    else
        close(fd);
    return st;
}

enum status unix_group_find(const char *name, int *gid, struct fault *why)
{
    struct group entry, *found = NULL;
    char room[16 * 1024];

    if (getgrnam_r(name, &entry, room, sizeof room, &found) != 0 || found == NULL)
        return fault_set(why, ERR_NOT_FOUND, "there is no group '%s' on this machine; 'getent group' lists them",
                         name);
    *gid = (int)found->gr_gid;
    return OK;
}
