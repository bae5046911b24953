/* certs/probe.h: looks at the TLS of one server at one address, as a stranger does: what it shows, or what failed where.
 *
 * Takes whatever the library can still speak (TLS 1.0 and up, security level 0) and judges nothing: certs/judge.h does.
 * Mail never goes over such a connection. One connection, and a second when resumption is asked for; no mail is offered. */
#ifndef STERNPOST_CERTS_PROBE_H
#define STERNPOST_CERTS_PROBE_H

#include "base/arena.h"
#include "certs/approach.h"

enum { PROBE_CHAIN_MAX_BYTES = 100 * 1024 }; /* TLS-23: a longer chain fails the handshake */

struct prober; /* what probes of one loop share: the library's context */
struct prober *prober_new(struct loop *loop);
void prober_free(struct prober *p); /* after its probes were released */

struct probe_target { /* strings are copied */
    struct net_address        address; /* with the port */
    const struct net_address *from;    /* borrowed until done; NULL: any */
    enum tls_way              way;
    struct slice              sni;     /* host name, a trailing dot is dropped; empty, or an address as text: none is sent */
    struct slice              helo;
    bool                      wants_inside;     /* SMTP: EHLO again inside TLS */
    bool                      wants_resumption; /* a second connection tells whether the session is resumed */
    bool                      wants_staple;     /* asks for an OCSP response */
    struct slice              mailbox; /* SMTP with wants_inside: whether there is this mailbox (approach_ask_mailbox()), in
                                        * clear where there is no STARTTLS; empty: not asked */
    bool                      in_clear; /* SMTP with mailbox: it is asked for in clear, and there is no TLS */
    struct slice              behind_starttls;  /* SMTP: said in one breath with STARTTLS (certs/approach.h); what the server
                                                 * then says in TLS by itself is all that is looked at */
    int64_t                   timeout_ms;       /* for each step: up to TLS, the handshake, what is said inside; 0: 30 s */
};

enum probe_answer { PROBE_NOT_ASKED, PROBE_NO, PROBE_YES };

struct probe_session { /* what the first handshake agreed on */
    enum tls_version version;
    char             cipher[48];  /* "TLS_AES_256_GCM_SHA384" */
    int              cipher_bits; /* 256 */
    char             group[32];   /* key exchange: "X25519", "P-256", "DH", "RSA" (no forward secrecy) */
    int              group_bits;  /* of the key exchange's key; 0: unknown */
    char             signature[40]; /* how the server proved its key: "rsa_pss_rsae_sha256"; empty: unknown */
    char             alpn[32];    /* chosen by the server; empty: none */
    bool             has_secure_renegotiation, has_extended_master_secret; /* always true in TLS 1.3 */
    enum probe_answer is_resumed;
    struct slice     staple;      /* the OCSP response as sent, DER; empty: none */
    enum probe_answer is_stapled;
};

struct probe_result {
    enum probe_stage     failed_at; /* PROBE_COMPLETE; PROBE_INSIDE: the chain and the session are there all the same */
    const char          *text;      /* what failed, in words */
    int                  reply_code;
    bool                 is_unwanted, has_no_route;
    const struct slice  *chain;     /* DER, as sent, the leaf first; a server without certificate: none */
    size_t               chain_len;
    bool                 has_session; /* the handshake was done */
    struct probe_session session;
    enum probe_answer    speaks_unasked; /* in TLS, after behind_starttls */
    const char          *greeting;  /* SMTP */
    unsigned             extensions, extensions_inside; /* enum smtp_ext bits, in clear and in TLS */
    uint64_t             size_limit;
    int                  mailbox_code; /* the last answer to MAIL or RCPT; 0: not had */
    const char          *mailbox_text; /* the same in full, printable */
    bool                 is_mailbox_unclear; /* the refusal speaks of us: rates, lists */
    int64_t              connect_ms, greeting_ms, handshake_ms, total_ms;
};

struct probe { /* embed, zeroed */
    void (*done)(struct probe *p); /* set by the caller; runs from the loop, never inside probe_start() */
    struct probe_result result;    /* lives until probe_release() */
    /* private */
    struct prober         *prober;
    struct arena           arena;
    struct probe_target    target;
    struct approach        approach;
    struct loop_io         io;
    struct loop_timer      timer;
    struct ssl_session_st *ticket;
    bool                   is_second;
    size_t                 heard; /* bytes, while it waits for a ticket */
    int64_t                started_ms, shaking_ms;
};

void probe_start(struct probe *p, struct prober *prober, const struct probe_target *target);
/* Ends it when under way, without done, and frees. Zeroed is fine. */
void probe_release(struct probe *p);

#endif
