/* net/tls_setup.h: OpenSSL made ready once for the process, and its errors in words. */
#ifndef STERNPOST_NET_TLS_SETUP_H
#define STERNPOST_NET_TLS_SETUP_H

#include <stddef.h>

/* Before anything else of OpenSSL; any thread, any number of times. The machine's openssl.cnf is not read: a file of
 * the host must not change what we demand. Also ignores SIGPIPE, which OpenSSL's own writes would raise. */
void tls_setup(void);

/* The oldest error of this thread's queue in words, "no reason given" when there is none; empties the queue. */
const char *tls_error_text(char *out, size_t size);

/* For calls that fail only when memory is out: ends the process unless `good`. */
void tls_must(long good);

#endif
