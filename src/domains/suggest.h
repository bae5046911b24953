/* domains/suggest.h: what a domain should publish for TLS reporting and MTA-STS, made from what it has: names and values
 * ready to paste, in the order in which they must be published (M1, M3 to M5, M7, M8, M10, M13). Pure. */
#ifndef STERNPOST_DOMAINS_SUGGEST_H
#define STERNPOST_DOMAINS_SUGGEST_H

#include "domains/facts.h"

struct suggested {
    struct slice name, value; /* TXT: without quotes. The policy: its URL, and its text with CRLF */
    bool         is_published; /* this stands there already */
};

struct suggestion {
    const char      *why_not; /* why nothing can be suggested, in words; "" */
    struct suggested reports; /* _smtp._tls: first */
    struct suggested policy;  /* second, at mta-sts.DOMAIN */
    bool             has_policy_host; /* the host has an address */
    struct suggested sts;     /* _mta-sts: last */
    struct slice     zone;    /* the records as a fragment of a zone file, each line ended */
};

/* An address for reports as an administrator writes it into the URI of the record: "mailto:" is put before a mail address,
 * "," ";" "!" and what no URI holds are encoded (RFC 8460 section 3). ERR_SYNTAX with the remedy; in `arena`. */
MUST_USE enum status suggest_report_uri(struct slice text, struct arena *arena, struct slice *out, struct fault *why);

/* `report_to` are such URIs; none: those of the domain's record that do their work, else mailto:tlsrpt@DOMAIN.
 * The policy allows the domain's servers by name. A policy in enforce stays there, any other is one in testing. The id is
 * the time, and never the one that stands there, unless policy and record may stay as they are. In `arena`. */
void suggest_records(const struct domain_facts *f, const struct slice *report_to, size_t report_to_len,
                     struct arena *arena, struct suggestion *out);

#endif
