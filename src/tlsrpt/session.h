/* tlsrpt/session.h: the outcome of one SMTP connection as TLS reporting counts it (RFC 8460 section 4), and the rows that many of
 * them add up to. */
#ifndef STERNPOST_TLSRPT_SESSION_H
#define STERNPOST_TLSRPT_SESSION_H

#include "base/arena.h"

/* TLSRPT_OTHER is for reports of others alone. */
enum tlsrpt_policy_type { TLSRPT_TLSA, TLSRPT_STS, TLSRPT_NO_POLICY, TLSRPT_OTHER };
const char *tlsrpt_policy_type_name(enum tlsrpt_policy_type t); /* "no-policy-found" */

/* Something that went wrong; a session may succeed all the same. Empty strings are left out of a report. */
struct tlsrpt_failure {
    struct slice result_type;      /* "certificate-expired": one of section 4.3, or foreign text as it came */
    struct slice sending_mta_ip, receiving_mx_hostname, receiving_mx_helo, receiving_ip;
    struct slice additional_information, failure_reason_code;
    uint64_t     count;            /* sessions; 1 unless a sender says otherwise */
};

/* One policy that applied to the session. */
struct tlsrpt_policy {
    enum tlsrpt_policy_type      type;
    struct slice                 type_text; /* with TLSRPT_OTHER: the type as it came; else empty */
    struct slice                 domain;  /* policy-domain, A-labels, lower case */
    const struct slice          *strings; /* policy-string */
    size_t                       strings_len;
    const struct slice          *mx_hosts; /* mx-host patterns */
    size_t                       mx_hosts_len;
    bool                         is_failed; /* the final result */
    const struct tlsrpt_failure *failures;
    size_t                       failures_len;
};

struct tlsrpt_session {
    struct slice                domain;   /* whose report it goes into: "_smtp._tls.DOMAIN" tells where to */
    struct slice                record;   /* that record as who made the connection saw it; empty: not known. Not counted */
    const struct tlsrpt_policy *policies; /* at least one; the session counts under each */
    size_t                      policies_len;
};

/* What is counted: equal texts add up. Opaque to whoever keeps them. */
struct tlsrpt_row {
    struct slice domain;
    struct slice policy; /* canonical JSON of type, domain, strings and mx-hosts; at most TLSRPT_TEXT_MAX bytes */
    struct slice detail; /* "" sessions that succeeded, "!" sessions that failed, else canonical JSON of a failure */
    uint64_t     count;
};

/* Bounds of a row's texts, and of rows from one session; counts end where a signed 64-bit number does (RPT-03). */
enum { TLSRPT_TEXT_MAX = 8 * 1024, TLSRPT_ROWS_MOST = 64 };
#define TLSRPT_COUNT_MAX ((uint64_t)INT64_MAX)

uint64_t tlsrpt_count_add(uint64_t a, uint64_t b); /* the sum, or TLSRPT_COUNT_MAX */

/* Cuts a session into at most TLSRPT_ROWS_MOST rows, all different, in `arena`; `domain` is borrowed. The final results come
 * first, so that of a session with too much to say some details are lost and no result. A count of a failure over 1 is for
 * reports: here each counts once. Overlong strings and lists are cut, bytes that are not UTF-8 replaced. The order of TLSA
 * records does not matter, so theirs are sorted. */
void tlsrpt_rows_of(const struct tlsrpt_session *s, struct arena *arena, const struct tlsrpt_row **out, size_t *len);

#endif
