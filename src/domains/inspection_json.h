/* domains/inspection_json.h: an inspection as the API shows it (docs/api.md). */
#ifndef STERNPOST_DOMAINS_INSPECTION_JSON_H
#define STERNPOST_DOMAINS_INSPECTION_JSON_H

#include "domains/inspection.h"

#include <jansson.h>

/* A new reference. `now_s` is the wall clock. */
json_t *inspection_to_json(const struct inspection *i, const char *update_server, int64_t now_s);

#endif
