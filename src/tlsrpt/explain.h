/* tlsrpt/explain.h: what a failure in a report about a domain of ours means, to whoever runs that domain (RFC 8460 section 4.3). */
#ifndef STERNPOST_TLSRPT_EXPLAIN_H
#define STERNPOST_TLSRPT_EXPLAIN_H

#include "base/slice.h"

struct tlsrpt_explanation {
    const char *meaning; /* a sentence: what the sender saw */
    const char *cause;   /* what mostly is behind it */
    const char *next;    /* what to do about it */
};

/* Of a result type as it came; one that is not known has an explanation too. */
const struct tlsrpt_explanation *tlsrpt_explain(struct slice result_type);

#endif
