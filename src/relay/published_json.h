/* relay/published_json.h: what a destination publishes, as JSON for traces and answers. */
#ifndef STERNPOST_RELAY_PUBLISHED_JSON_H
#define STERNPOST_RELAY_PUBLISHED_JSON_H

#include "discovery/dane.h"
#include "discovery/sts.h"
#include "policy/server_decision.h"

#include <jansson.h>

json_t *published_sts_json(const struct sts_facts *f);
/* The decision on one server, with what DNS says of its TLSA records. */
json_t *published_server_json(const struct server_decision *s, const struct dane_result *dane);

#endif
