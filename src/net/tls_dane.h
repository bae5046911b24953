/* net/tls_dane.h: a server's certificates against TLSA records (RFC 7672 section 3). Apart from any connection, so that
 * a chain of an earlier handshake is judged by the records of today, and the verdict of DANE and that of the trust store
 * cannot touch each other (DANE-10). */
#ifndef STERNPOST_NET_TLS_DANE_H
#define STERNPOST_NET_TLS_DANE_H

#include "policy/tls_facts.h"
#include "policy/tlsa.h"

#include <openssl/x509.h>

struct tls_dane_names { /* for usage 2, besides the base domain of the records */
    const struct slice *names;
    size_t              names_len;
};

/* Whether the library can use a record of tlsa_choose(): it reads whole certificates and keys to the end. */
bool tls_dane_takes(const struct tlsa_record *r);

/* "3 1 1 HEX" in `arena`: the record that the key of this certificate matches. */
struct slice tls_dane_record(const X509 *certificate, struct arena *arena);

/* How the records were met; `text` gets the one that matched ("3 1 1 HEX", cut), or what is wrong. `sent` is what the
 * server showed, its own certificate first.
 * Usage 3: the key or certificate alone counts, neither names nor dates (section 3.1.1). Usage 2: the chain up to the
 * anchor, in its dates, for servers, and with one of the names (section 3.1.2); an anchor known by its digest must have
 * been sent. No record that the library takes, or an error of its own, is DANE_ERROR (DANE-04). */
enum dane_verdict tls_dane_judge(const struct tlsa_set *set, const struct tls_dane_names *further,
                                 STACK_OF(X509) *sent, char *text, size_t size);

#endif
