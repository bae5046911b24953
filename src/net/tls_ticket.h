/* net/tls_ticket.h: the keys of a listener's session tickets (RFC 5077), its own and no other listener's (TLS-19). */
#ifndef STERNPOST_NET_TLS_TICKET_H
#define STERNPOST_NET_TLS_TICKET_H

#include <stdbool.h>
#include <stdint.h>

struct ssl_st;
struct ssl_ctx_st;
struct tls_tickets; /* thread-safe */

enum { TLS_TICKET_NAME = 16, TLS_TICKET_KEY_S = 12 * 60 * 60 };

struct tls_ticket_key {
    unsigned char name[TLS_TICKET_NAME], cipher[32], mac[32];
    int64_t made_ms;
};

struct tls_tickets *tls_tickets_new(void);
void tls_tickets_free(struct tls_tickets *t); /* wipes */

/* The key to seal with: a new one every TLS_TICKET_KEY_S. */
void tls_tickets_current(struct tls_tickets *t, int64_t now_ms, struct tls_ticket_key *out);
/* The key that sealed; it opens for TLS_TICKET_KEY_S after it was the current one. False: unknown or gone. */
bool tls_tickets_find(struct tls_tickets *t, const unsigned char name[static TLS_TICKET_NAME], int64_t now_ms,
                      struct tls_ticket_key *out, bool *is_current);

/* Makes sessions of `ctx` seal and open by these keys; then each of them is told whose keys. `t` outlives them. */
void tls_tickets_install(struct ssl_ctx_st *ctx);
void tls_tickets_serve(struct tls_tickets *t, struct ssl_st *ssl);

#endif
