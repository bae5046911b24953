/* cli/check_show.h: what was found out about one domain, for people and for programs. */
#ifndef STERNPOST_CLI_CHECK_SHOW_H
#define STERNPOST_CLI_CHECK_SHOW_H

#include "cli/client.h"
#include "domains/checks.h"
#include "domains/suggest.h"

struct checked_facts {
    struct slice        domain;
    struct check_report report;
    bool                has_suggestion;
    struct suggestion   suggestion;
};

/* By group; checks that are ok are counted, or with `is_verbose` shown. `is_further`: another domain stands above. */
void check_text(FILE *out, const struct checked_facts *d, bool is_verbose, bool is_further);
json_t *check_json(const struct checked_facts *d); /* the caller owns it */

/* 0: ok or advice at worst; 1: an error; 4: a warning; 5: something could not be tested, and nothing is worse. */
int check_exit_code(enum check_verdict worst);

#endif
