/* cli/privilege.h: from root to the user that serves. */
#ifndef STERNPOST_CLI_PRIVILEGE_H
#define STERNPOST_CLI_PRIVILEGE_H

#include "base/status.h"

#include <stdbool.h>
#include <sys/types.h>

struct privilege {
    const char *user;    /* NULL: stay who we are */
    bool        is_root; /* there is something to give up */
    uid_t       uid;
    gid_t       gid;
};

bool privilege_user_exists(const char *user);
/* Looks the configured user up (NULL: none). Started by somebody else than root, the user is not changed. ERR_NOT_FOUND. */
MUST_USE enum status privilege_find(const char *user, struct privilege *out, struct fault *why);
/* Gives files of the store to the user, as far as they are there: `path`, and with "-wal" and "-shm" behind it. */
MUST_USE enum status privilege_give_store(const struct privilege *p, const char *url, struct fault *why);
/* Becomes the user, for good and with its groups; in every thread. Then whether or not there was one: no new
 * privileges by exec, no core dumps, which hold keys and mail. */
MUST_USE enum status privilege_drop(const struct privilege *p, struct fault *why);

#endif
