/* mail/scan.h: what a gateway wants to know of a message while it streams by: hops, Message-ID, TLS-Required. */
#ifndef STERNPOST_MAIL_SCAN_H
#define STERNPOST_MAIL_SCAN_H

#include "base/slice.h"

struct mail_scan;

struct mail_scan *mail_scan_new(void);
void mail_scan_free(struct mail_scan *s);
/* The next piece of content. Beyond the header section, or beyond MAIL_HEADER_BYTES_MAX of it, nothing is read. */
void mail_scan_feed(struct mail_scan *s, struct slice piece);
/* The message has ended; a last field that no empty line follows counts too. */
void mail_scan_end(struct mail_scan *s);

/* These hold after mail_scan_end(); all but the values of fields already once the header section is over. */
size_t mail_scan_received(const struct mail_scan *s);       /* Received fields: hops (SRV-14) */
bool mail_scan_has_8bit(const struct mail_scan *s);         /* bytes over 0x7f in the header section (RFC 6532) */
bool mail_scan_is_too_long(const struct mail_scan *s);      /* the header section was longer than the maximum (SRV-24) */
size_t mail_scan_header_bytes(const struct mail_scan *s);   /* the section with its empty line: where the body begins */
/* "<...>" as written, empty when there is none; lives as long as `s`. */
struct slice mail_scan_message_id(const struct mail_scan *s);
/* The one field "TLS-Required: No" (RFC 8689 section 5). */
bool mail_scan_tls_required_no(const struct mail_scan *s);

#endif
