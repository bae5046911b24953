/* certs/acme.h: certificates from an authority (RFC 8555), obtained and renewed with uacme: for each set of the
 * settings that is marked `acme`, when a third of its life is left. uacme is the only program that is ever run; it is
 * given a folder of its own, a list of arguments and no shell, and asks us to answer challenges by
 * certs/acme_challenge.h. On one loop, one run at a time.
 *
 * What it brings lies in files that the keeper reads like any other, and judges before it serves them. */
#ifndef STERNPOST_CERTS_ACME_H
#define STERNPOST_CERTS_ACME_H

#include "alerts/alert_book.h"
#include "certs/acme_set.h"
#include "net/loop.h"
#include "settings/config.h"
#include "settings/snapshot.h"

struct acme;

struct acme_config { /* borrowed */
    struct loop *loop;
    struct alert_book *alerts; /* "certificate-acme" */
    const struct config_acme *config;
};

/* Makes the folder, and listens for challenges. Takes the reference to the settings. ERR_PERMANENT, ERR_TEMPORARY with
 * the reason. NULL in *out, and OK, where the configuration has no ACME. */
MUST_USE enum status acme_new(const struct acme_config *config, struct snapshot *settings, struct acme **out,
                              struct fault *why);
void acme_adopt(struct acme *a, struct snapshot *fresh); /* takes the reference; NULL is fine */
void acme_free(struct acme *a);                          /* ends a run that is under way; NULL is fine */

/* From any thread. */
void acme_renew(struct acme *a, struct slice name);            /* this set now, whatever is left of it */
struct slice acme_report(struct acme *a, struct arena *arena); /* JSON (docs/api.md, GET /v1/acme) */

#endif
