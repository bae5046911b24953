/* mail/dkim_verify.h: who signed a mail (DKIM, RFC 6376), as far as TLS reports ask (RFC 8460 section 3). By libopendkim; the
 * keys are fetched beforehand, by the caller. */
#ifndef STERNPOST_MAIL_DKIM_VERIFY_H
#define STERNPOST_MAIL_DKIM_VERIFY_H

#include "base/arena.h"

/* Signatures looked at; of a mail with more, none is. */
enum { MAIL_DKIM_SIGNATURES_MAX = 8 };

/* Names whose TXT records are wanted, each once: "selector._domainkey.sender.example". In `arena`. */
size_t mail_dkim_keys_wanted(struct slice mail, struct arena *arena, struct slice names[static MAIL_DKIM_SIGNATURES_MAX]);

struct mail_dkim_key {
    struct slice name;   /* as it was wanted */
    struct slice record; /* empty: there is none */
};

struct mail_dkim_signature {
    struct slice domain; /* d=, lower case */
    bool         is_good;
    struct slice why;    /* when it is not: a clause, "the body was changed" */
};

/* One thread at a time. */
struct mail_dkim_verifier;
struct mail_dkim_verifier *mail_dkim_verifier_new(void);
void mail_dkim_verifier_free(struct mail_dkim_verifier *v); /* NULL is fine */

/* Judges every signature of the mail, whose line ends may be CR LF or LF; `out` gets how many there are. Not good is also what
 * RFC 8460 does not take: one with l=, one by a key for other services than email or tlsrpt, or in testing; and what RFC 8301
 * does not: rsa-sha1, RSA of less than 1024 bits. Whether it has expired, or is from the future, the system's clock tells. In
 * `arena`. */
size_t mail_dkim_verify(struct mail_dkim_verifier *v, struct slice mail, const struct mail_dkim_key *keys, size_t keys_len,
                        struct arena *arena, struct mail_dkim_signature out[static MAIL_DKIM_SIGNATURES_MAX]);

#endif
