/* admin/message_json.h: messages and traces as the API shows them. */
#ifndef STERNPOST_ADMIN_MESSAGE_JSON_H
#define STERNPOST_ADMIN_MESSAGE_JSON_H

#include "store/store.h"

#include <jansson.h>

json_t *message_to_json(const struct stored_message *m);
/* The trace's own object with its time in front: {"at": "2026-11-24T20:04:23.123Z", "at_ms": ..., "event": ...}. */
json_t *trace_to_json(const struct stored_trace *t);

#endif
