/* domains/ldns.h: the headers of ldns, which name types of OpenSSL that its own headers keep from us as deprecated. */
#ifndef STERNPOST_DOMAINS_LDNS_H
#define STERNPOST_DOMAINS_LDNS_H

typedef struct rsa_st RSA;
typedef struct dsa_st DSA;

#include <ldns/ldns.h>

#endif
