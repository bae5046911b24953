/* settings/server_spec.h: one server of a host as it is written: "smtp.example.net:587 weight=50". */
#ifndef STERNPOST_SETTINGS_SERVER_SPEC_H
#define STERNPOST_SETTINGS_SERVER_SPEC_H

#include "base/arena.h"

struct server_spec {
    struct slice name; /* host name in lower case and A-labels, or an IP address without brackets */
    bool is_ip;
    uint16_t port; /* 0: not given */
    bool has_weight;
    unsigned weight; /* percent, 0 to 100 */
};

/* Ports are 25, 465, 587 and 1024 to 65535 (semantics H2). Slices live in `arena`. ERR_SYNTAX. */
MUST_USE enum status server_spec_parse(struct slice text, struct arena *arena, struct server_spec *out,
                                       struct fault *why);
/* The form that is stored. In `arena`. */
struct slice server_spec_text(const struct server_spec *s, struct arena *arena);

#endif
