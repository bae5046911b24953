/* net/stream_tls.h: what stream.c does once TLS has started; for stream.c alone. */
#ifndef STERNPOST_NET_STREAM_TLS_H
#define STERNPOST_NET_STREAM_TLS_H

#include "net/stream.h"

enum stream_result stream_tls_read(struct stream *s, char *out, size_t size, size_t *got);
enum stream_result stream_tls_write(struct stream *s, struct slice bytes, size_t *put);
void stream_tls_close(struct stream *s); /* says close_notify when that can be had at once; frees the session */

#endif
