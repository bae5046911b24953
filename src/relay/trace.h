/* relay/trace.h: what is kept of a message's way, as JSON objects: {"event": ..., "text": ..., facts}. */
#ifndef STERNPOST_RELAY_TRACE_H
#define STERNPOST_RELAY_TRACE_H

#include "policy/decide.h"
#include "smtp/reply.h"
#include "store/store.h"

#include <jansson.h>

/* The events of one attempt, to be stored with its outcome. */
struct trace {
    struct arena       *arena; /* borrowed */
    struct stored_trace *events;
    size_t               len, cap;
};

void trace_init(struct trace *t, struct arena *arena);
/* Takes the object (made with json_object() or json_pack()) and adds event and text. */
void trace_add(struct trace *t, const char *event, struct slice text, json_t *facts);

/* A JSON string of foreign bytes: controls and what is not UTF-8 become question marks (WEB-01, SRV-23). */
json_t *trace_string(struct slice s);
json_t *trace_tls(const struct tls_facts *facts);     /* null when there is no TLS and none was tried */
json_t *trace_reply(const struct smtp_reply *reply);  /* null when there was none */
json_t *trace_decision(const struct decision *d);

#endif
