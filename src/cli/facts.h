/* cli/facts.h: JSON for a reader: names and values, a line each, indented where they are nested. Knows no schema, so
 * that what a newer daemon tells is shown as well. */
#ifndef STERNPOST_CLI_FACTS_H
#define STERNPOST_CLI_FACTS_H

#include <jansson.h>
#include <stdio.h>

/* Prints the members of an object, 12 levels deep, but those named in `skipped` (ended by NULL; NULL: none). Empty and null ones are
 * left out, "_" in names becomes a blank. An object in a list begins with its "text", or with its name; another has its "text" on
 * the line of its name. "x-text" stands on the line of "x", where there is one. */
void print_facts(FILE *out, const json_t *object, int indent, const char *const *skipped);

#endif
