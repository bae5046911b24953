/* cli/trace.h: what happened to a message, in order, in words. */
#ifndef STERNPOST_CLI_TRACE_H
#define STERNPOST_CLI_TRACE_H

#include <jansson.h>
#include <stdio.h>

/* A list of trace objects as the API has them: "time  text", and the other facts indented below. */
void print_trace(FILE *out, const json_t *trace);

#endif
