/* net/https_exchange.h: one request and its answer over a connection that stands already, by libcurl's multi interface on our
 * loop. libcurl resolves nothing and connects to nobody: it is handed a connected socket, once. */
#ifndef STERNPOST_NET_HTTPS_EXCHANGE_H
#define STERNPOST_NET_HTTPS_EXCHANGE_H

#include "net/https.h"

#include <curl/curl.h>

struct x509_store_st;
struct exchanger; /* the exchanges of one loop */

struct exchange { /* embed, zeroed; valid until `done` or exchange_stop() */
    void (*done)(struct exchange *x); /* from the loop; outcome and what belongs to it stand in the request */
    /* private */
    struct https_request *request;
    struct x509_store_st *trust;
    CURLM                *multi;
    CURL                 *easy;
    struct curl_slist    *pin, *headers;
    int                   fd; /* until libcurl has taken it; -1 from then on */
    size_t                header_bytes;
    bool                  is_too_large, is_encoded;
    char                  error[CURL_ERROR_SIZE];
};

struct exchanger *exchanger_new(struct loop *loop);
void exchanger_free(struct exchanger *e); /* after its last exchange was stopped */

/* Takes the connected descriptor and a reference to `trust`; borrows the request. */
void exchange_start(struct exchanger *e, struct exchange *x, struct https_request *q, uint16_t port, int fd,
                    struct x509_store_st *trust);
void exchange_stop(struct exchange *x); /* fine when it was not started, or is done */

#endif
