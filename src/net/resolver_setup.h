/* net/resolver_setup.h: a libunbound context from our configuration; for resolver.c alone. */
#ifndef STERNPOST_NET_RESOLVER_SETUP_H
#define STERNPOST_NET_RESOLVER_SETUP_H

#include "net/resolver.h"

struct ub_ctx;
struct ub_event_base;

/* A context that has proved that it can start. ERR_SYNTAX or ERR_NOT_FOUND, naming what is wrong. */
MUST_USE enum status resolver_context(struct ub_event_base *base, const struct dns_config *config,
                                      struct ub_ctx **out, struct fault *why);

#endif
