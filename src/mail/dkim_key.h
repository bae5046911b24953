/* mail/dkim_key.h: the private key of a signer. For dkim*.c only. */
#ifndef STERNPOST_MAIL_DKIM_KEY_H
#define STERNPOST_MAIL_DKIM_KEY_H

#include "mail/dkim.h"

#include <openssl/evp.h>

/* Fails as mail_dkim_key_check(), with NULL. The caller frees it. */
EVP_PKEY *dkim_key_load(struct slice pem, enum mail_dkim_algorithm *algorithm, enum status *st, struct fault *why);

#endif
