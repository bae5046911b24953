/* cli/report.h: a TLS report for people. */
#ifndef STERNPOST_CLI_REPORT_H
#define STERNPOST_CLI_REPORT_H

#include <jansson.h>

/* Letters beyond ASCII stand as \\uXXXX, since some of what it says is foreign text that a terminal might act on. */
void print_report(const json_t *report);

#endif
