/* certs/acme_challenge.h: answers to the challenges of an authority (RFC 8555 section 8.3), on their way from uacme,
 * which runs us as its hook, to the daemon that serves them: one small file each, in a folder of ours alone. */
#ifndef STERNPOST_CERTS_ACME_CHALLENGE_H
#define STERNPOST_CERTS_ACME_CHALLENGE_H

#include "base/arena.h"
#include "net/address.h"
#include "net/loop.h"

#define ACME_HOOK_NAME "acme-hook"

enum { ACME_TOKEN_MAX = 128, ACME_ANSWER_MAX = 512 };

/* Letters, digits, "-" and "_" (RFC 8555 section 8.3): nothing that means anything to a file system. */
bool acme_token_is_valid(struct slice token);

/* ERR_SYNTAX: the token or the answer is none; ERR_TEMPORARY: the disk. `folder` is that of the configuration. */
MUST_USE enum status acme_challenge_put(const char *folder, struct slice token, struct slice answer,
                                        struct fault *why);
void acme_challenge_drop(const char *folder, struct slice token);
/* In `arena`; empty: there is none. */
struct slice acme_challenge_get(const char *folder, struct slice token, struct arena *arena);

/* What uacme calls: METHOD TYPE IDENT TOKEN AUTH; `self` is the path we were called by, which lies in the folder. The
 * exit code. */
int acme_hook_run(const char *self, char *const *args, int args_len);

/* Serves them by HTTP at /.well-known/acme-challenge/, and nothing else. `folder` is borrowed. */
struct acme_host;
MUST_USE enum status acme_host_new(struct loop *loop, const struct net_address *addresses, size_t addresses_len,
                                   const char *folder, struct acme_host **out, struct fault *why);
void acme_host_free(struct acme_host *h);                                   /* NULL is fine */
void acme_host_address(const struct acme_host *h, struct net_address *out); /* where the first really listens */

#endif
