/* mail/report_part.h: the TLS reports that a mail carries (RFC 8460 section 5.3), by GMime. What a part is, its first bytes
 * tell; media types and file names, which senders get wrong, tell nothing, and no name is used as a path. */
#ifndef STERNPOST_MAIL_REPORT_PART_H
#define STERNPOST_MAIL_REPORT_PART_H

#include "base/arena.h"

/* Bounds of what is read (RPT-16, SRV-24): bytes of the mail, reports in it, levels of parts, and, since the library makes
 * an object of each, lines that may begin a part or a field. */
enum {
    REPORT_MAIL_MAX = 8 * 1024 * 1024,
    REPORT_PARTS_MAX = 32,
    REPORT_DEPTH_MAX = 10,
    REPORT_BOUNDARIES_MAX = 1000,
    REPORT_FIELDS_MAX = 20000,
    REPORT_NAME_MAX = 255
};

struct report_part {
    struct slice bytes; /* decoded: gzip, zip, or JSON */
    struct slice name;  /* of the file, as it came; foreign text; empty when it has none */
};

struct report_parts {
    const struct report_part *items;
    size_t                    len;
    size_t                    left_out;    /* beyond the bounds on number and depth */
    struct slice              from_domain; /* of the mailbox in From, lower case; empty when there is none */
    struct slice              submitter;   /* TLS-Report-Submitter, lower case; empty when there is none */
    struct slice              domain;      /* TLS-Report-Domain, likewise */
};

/* Finds every part that looks like a report, in order; a mail without MIME is a part itself. Base64 that no field tells of is
 * decoded, too. Everything is copied into `arena`. ERR_LIMIT: over the bounds above. A mail without any is OK, and a delivery
 * status notification counts as one without: what it returns is ours. */
MUST_USE enum status report_parts_find(struct slice mail, struct arena *arena, struct report_parts *out, struct fault *why);

/* Do these bytes begin as a report does, packed or not? */
bool report_part_is_likely(struct slice bytes);

#endif
