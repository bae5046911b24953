/* net/tls_sessions.h: TLS sessions to resume, as a client, by key; bounded, the least recently used goes first. */
#ifndef STERNPOST_NET_TLS_SESSIONS_H
#define STERNPOST_NET_TLS_SESSIONS_H

#include "base/slice.h"

struct ssl_session_st;
struct tls_sessions;

enum { TLS_SESSIONS_OF_A_KEY = 4, TLS_SESSION_MAX_AGE_S = 12 * 60 * 60 };

struct tls_sessions *tls_sessions_new(size_t keys_max);
void tls_sessions_free(struct tls_sessions *s);

/* Takes the reference. Of one key the newest TLS_SESSIONS_OF_A_KEY are kept. */
void tls_sessions_put(struct tls_sessions *s, struct slice key, struct ssl_session_st *session);

/* The newest that may still be used, or NULL; the caller owns the reference. A session of TLS 1.3 is given out once
 * (RFC 8446 appendix C.4), an older one stays. None is given that is older than TLS_SESSION_MAX_AGE_S or whose peer
 * certificate ran out meanwhile: its verdict would be yesterday's. */
struct ssl_session_st *tls_sessions_get(struct tls_sessions *s, struct slice key, int64_t now_s);

#endif
