/* domains/checks.h: what is right and wrong with a mail domain, why that matters, and the exact change to make. Facts
 * in, results out; nothing is asked.
 *
 * A fault weighs as much as it hurts this domain: a certificate that does not match is an error below a policy in
 * enforce, a warning in testing, and advice where nobody looks. */
#ifndef STERNPOST_DOMAINS_CHECKS_H
#define STERNPOST_DOMAINS_CHECKS_H

#include "domains/facts.h"

enum check_verdict { /* the gravest last */
                     CHECK_OK,
                     CHECK_ADVICE,
                     CHECK_NOT_TESTABLE, /* our side, DNS that does not answer, a server that sends us away: no fault
                                            of the domain */
                     CHECK_WARNING,
                     CHECK_ERROR,
};
const char *check_verdict_name(enum check_verdict v); /* "not testable" */

struct check_result {
    const char        *id;     /* "sts.txt.one" */
    const char        *group;  /* "MTA-STS record" */
    enum check_verdict verdict;
    struct slice       where;  /* the name or address that it is about; may be "" */
    struct slice       seen;   /* a sentence, printable */
    const char        *why;    /* why it matters */
    struct slice       change; /* what to do, exactly; "" with CHECK_OK */
};

struct check_report {
    const struct check_result *results; /* by group, in the order of the tables */
    size_t                     len;
    enum check_verdict         worst;
};

/* Every check that has something to look at gives at least one result. Everything lives in `arena`; the facts are
 * borrowed as long. */
void checks_run(const struct domain_facts *f, struct arena *arena, struct check_report *out);

/* Why a sender that obeys an MTA-STS policy would not use this address of a mail server; NULL: it would, or the address is
 * down. */
const char *checks_hindrance(const struct address_facts *a);

/* Number `at` of all ids, NULL behind the last. */
const char *check_id_at(size_t at);

#endif
