/* cli/listing.h: a long list of the daemon's, fetched page by page and printed as it comes: as a table, or as JSON lines. */
#ifndef STERNPOST_CLI_LISTING_H
#define STERNPOST_CLI_LISTING_H

#include "cli/command.h"
#include "cli/table.h"

#include <jansson.h>

struct listing {
    const char  *path;     /* "/v1/queue" */
    const char  *member;   /* of the answer, that holds the page: "messages" */
    const char *const *filters; /* options that are handed on as parameters of the same name; NULL ends them */
    struct table table;    /* its columns */
    void (*add)(struct table *t, const json_t *item, struct arena *a); /* one item's rows */
};

/* As many as --limit says. Takes the table. An exit code. */
int listing_run(const struct invocation *inv, struct listing *l);

#endif
