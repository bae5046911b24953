/* cli/scan_output.h: where a scan writes, one JSON object a line, and what an earlier one has written there. */
#ifndef STERNPOST_CLI_SCAN_OUTPUT_H
#define STERNPOST_CLI_SCAN_OUTPUT_H

#include "base/map.h"
#include "base/status.h"
#include "certs/survey.h"

#include <jansson.h>
#include <stdio.h>

struct scan_output {
    FILE      *file;
    struct map seen; /* private */
};

/* To standard output with `resume` NULL; else behind what the file holds, whose servers count as seen. A line cut short by
 * a sudden end is cut off. ERR_SYNTAX when the file holds something else, or the statuses of a file that cannot be opened. */
MUST_USE enum status scan_output_open(struct scan_output *o, const char *resume, struct fault *why);
void scan_output_close(struct scan_output *o);

/* Whether the file told of this server when it was opened. */
bool scan_output_has(const struct scan_output *o, const struct cert_target *server, enum tls_way way);
/* Borrows it. */
void scan_output_line(struct scan_output *o, const json_t *line);
/* Passes lines on to the system; false when they cannot be written. */
bool scan_output_flush(struct scan_output *o);

#endif
