#include "cli/privilege.h"

#include "base/slice.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

static bool look_up(const char *user, uid_t *uid, gid_t *gid)
{
    char mem[4096];
    struct passwd entry, *found = NULL;

    if (getpwnam_r(user, &entry, mem, sizeof mem, &found) != 0 || found == NULL)
        return false;
    *uid = entry.pw_uid;
    *gid = entry.pw_gid;
    return true;
}

bool privilege_user_exists(const char *user)
{
    uid_t uid;
    gid_t gid;

    return look_up(user, &uid, &gid);
}

enum status privilege_find(const char *user, struct privilege *out, struct fault *why)
{
    *out = (struct privilege){ .user = user };
    if (user == NULL || geteuid() != 0)
        return OK;
    out->is_root = true;
    if (look_up(user, &out->uid, &out->gid))
        return OK;
    return fault_set(why, ERR_NOT_FOUND,
                     "user '%s' of the configuration does not exist; make it with: useradd --system %s", user, user);
}

enum status privilege_give_store(const struct privilege *p, const char *url, struct fault *why)
{
    static const char *const endings[] = { "", "-wal", "-shm" };
    const char *path = strchr(url, ':') == NULL ? url : strchr(url, ':') + 1;
    char file[PATH_MAX];

    for (size_t i = 0; p->is_root && i < COUNT_OF(endings); i++) {
        (void)snprintf(file, sizeof file, "%s%s", path, endings[i]);
        if (lchown(file, p->uid, p->gid) != 0 && errno != ENOENT)
            return fault_errno(why, "cannot give the store's file '%s' to user '%s'", file, p->user);
    }
    return OK;
}

enum status privilege_drop(const struct privilege *p, struct fault *why)
{
    if (p->is_root && (initgroups(p->user, p->gid) != 0 || setgid(p->gid) != 0 || setuid(p->uid) != 0))
        return fault_errno(why, "cannot become user '%s'", p->user);
    if (p->is_root && p->uid != 0 && setuid(0) == 0)
        return fault_set(why, ERR_PERMANENT, "root could be had back after becoming user '%s'; not going on", p->user);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return fault_errno(why, "cannot give up privileges");
    return OK;
}
