/* mail/dkim.h: signs what we write ourselves (DKIM, RFC 6376; ed25519 RFC 8463), and makes the keys.
 *
 * Always relaxed/relaxed, and the whole body: RFC 8460 section 3 forbids l=. Why not by a library: docs/decisions. */
#ifndef STERNPOST_MAIL_DKIM_H
#define STERNPOST_MAIL_DKIM_H

#include "base/buf.h"

enum mail_dkim_algorithm { MAIL_DKIM_RSA_SHA256, MAIL_DKIM_ED25519_SHA256 };

enum { MAIL_DKIM_RSA_BITS_MIN = 1024, MAIL_DKIM_RSA_BITS_MAX = 4096, MAIL_DKIM_PEM_MAX = 16 * 1024 };

/* Reads a private key, PEM without a passphrase, and says which kind it is. ERR_SYNTAX: no such key. ERR_PERMANENT:
 * a key that DKIM cannot use (RFC 8301 section 3.2: RSA of at least 1024 bits). */
MUST_USE enum status mail_dkim_key_check(struct slice pem, enum mail_dkim_algorithm *out, struct fault *why);

/* A new private key as PKCS#8 PEM, appended to `pem`: RSA of 2048 bits, or ed25519. It is a secret: the caller keeps
 * it off logs and wipes the buffer. ERR_LIMIT: it does not fit. Many verifiers know RSA alone. */
MUST_USE enum status mail_dkim_key_generate(enum mail_dkim_algorithm algorithm, struct buf *pem);

/* Appends the text of the TXT record to publish at "<selector>._domainkey.<domain>". It names two services: tlsrpt,
 * since who receives TLS reports may ask for it (RFC 8460 section 3), and email, without which verifiers of mail
 * refuse the key. Over 255 bytes, as with RSA, it is published as several strings of one record. Fails as
 * mail_dkim_key_check(), or with ERR_LIMIT. */
MUST_USE enum status mail_dkim_key_record(struct slice pem, struct buf *out, struct fault *why);

/* A key, ready to sign for a domain. Immutable: threads may share it. */
struct mail_dkim_signer;

/* Copies. `domain` is A-labels, `selector` a label or several. ERR_SYNTAX when one of them is not, else as
 * mail_dkim_key_check(). */
MUST_USE enum status mail_dkim_signer_new(struct slice domain, struct slice selector, struct slice pem,
                                          struct mail_dkim_signer **out, struct fault *why);
void mail_dkim_signer_free(struct mail_dkim_signer *s); /* NULL is fine */

/* Appends "DKIM-Signature: ...", a whole field with its CR LF, to put before `message`. To sign with two keys, sign
 * the same message twice and put both before it. ERR_PERMANENT when the message cannot be signed: it has no From, a
 * header line that is no field, over MAIL_DKIM_FIELDS_MAX fields, or a line end that is not CR LF. ERR_LIMIT when
 * `out` is full. Nothing is appended then. */
MUST_USE enum status mail_dkim_sign(const struct mail_dkim_signer *s, struct slice message, int64_t now_s,
                                    struct buf *out, struct fault *why);

enum { MAIL_DKIM_FIELDS_MAX = 200 };

#endif
