/* certs/protocols_show.h: what a server accepts, for people and for programs. */
#ifndef STERNPOST_CERTS_PROTOCOLS_SHOW_H
#define STERNPOST_CERTS_PROTOCOLS_SHOW_H

#include "certs/protocol_judge.h"

#include <jansson.h>
#include <stdio.h>

void protocols_text(FILE *out, const struct protocol_facts *f, const struct protocol_judgement *j);
/* The caller owns it. */
json_t *protocols_json(const struct protocol_facts *f, const struct protocol_judgement *j);

#endif
