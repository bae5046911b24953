/* cli/csv.h: rows of comma-separated values (RFC 4180), safe to open in a spreadsheet: what it would take for a formula gets an
 * apostrophe in front (RPT-09). */
#ifndef STERNPOST_CLI_CSV_H
#define STERNPOST_CLI_CSV_H

#include "base/slice.h"

#include <stdio.h>

/* Cells are foreign text; what is no printable character becomes '?'. */
void csv_row(FILE *out, const struct slice *cells, size_t len);

#endif
