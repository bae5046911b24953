/* certs/probe_private.h: between the files of certs/probe.h. */
#ifndef STERNPOST_CERTS_PROBE_PRIVATE_H
#define STERNPOST_CERTS_PROBE_PRIVATE_H

#include "certs/probe.h"

struct ssl_ctx_st;

struct prober {
    struct loop       *loop;
    struct ssl_ctx_st *context;
};

/* A session for this probe, ready to say hello; the stream takes it. Sessions for resumption land in p->ticket. */
struct ssl_st *prober_open(struct prober *prober, struct probe *p);

/* probe_facts.c: what the handshake agreed on and showed, copied into the arena. */
void probe_facts(struct ssl_st *ssl, struct arena *arena, struct probe_result *out);

#endif
