/* settings/password.h: passwords of users: what is stored of them, and how they are checked (AUT-03). */
#ifndef STERNPOST_SETTINGS_PASSWORD_H
#define STERNPOST_SETTINGS_PASSWORD_H

#include "base/arena.h"

enum { PASSWORD_MIN = 8, PASSWORD_MAX = 512 };

/* Argon2id of 19 MiB and 2 passes, as libsodium writes it ("$argon2id$..."), with a fresh salt. In `arena`. About 20
 * ms of work: never on a worker's loop. ERR_SYNTAX: too short, too long, or holds a NUL. */
MUST_USE enum status password_hash(struct slice password, struct arena *arena, struct slice *out, struct fault *why);

/* Constant time in the password. An empty hash (unknown user) is never right, and takes as long as one that is
 * (AUT-02). About 20 ms of work. */
bool password_is_right(struct slice password, struct slice hash);

/* SCRAM-SHA-256 (RFC 7677): "iterations,salt,StoredKey,ServerKey", the last three in base64. In `arena`. ERR_SYNTAX:
 * the password has characters that SASLprep refuses. */
MUST_USE enum status password_scram(struct slice password, struct arena *arena, struct slice *out, struct fault *why);
/* What a user of this name who does not exist would have: the same for as long as the process lives, and right for no
 * password (AUT-02). In `arena`. */
struct slice password_scram_of_nobody(struct slice name, struct arena *arena);

#endif
