/* smtp/path.h: mailboxes, paths and parameters by the grammar of RFC 5321 section 4.1.2 (RFC 6531 for UTF-8). */
#ifndef STERNPOST_SMTP_PATH_H
#define STERNPOST_SMTP_PATH_H

#include "base/slice.h"
#include "base/status.h"

/* Local parts may be twice as long as RFC 5321 section 4.5.3.1.1 asks for: SRS and VERP make such. */
enum { SMTP_LOCAL_MAX = 128, SMTP_DOMAIN_MAX = 255, SMTP_PATH_MAX = 320 };

/* A mailbox in its two halves. */
struct smtp_mailbox {
    struct slice local;  /* as written: dot-string or quoted-string with its quotes */
    struct slice domain; /* as written: a domain or an address literal with its brackets; empty: postmaster */
};

/* Parses "<...>" at the front of `in`; *rest is what follows the ">". A source route is skipped.
 * "<>" gives two empty slices where `null_allowed`, "<postmaster>" an empty domain where it is not.
 * Bytes over 0x7f need `utf8` and must be well-formed. ERR_SYNTAX, ERR_LIMIT (local 128, domain 255, path 320). */
MUST_USE enum status smtp_path_parse(struct slice in, bool null_allowed, bool utf8, struct smtp_mailbox *out,
                                     struct slice *rest);
/* The same for a bare mailbox, as settings and command lines have it: all of `in` must be one. */
MUST_USE enum status smtp_mailbox_parse(struct slice in, bool utf8, struct smtp_mailbox *out);
bool smtp_domain_is_valid(struct slice domain, bool utf8); /* LDH labels or U-labels; no literal, no trailing dot */
bool smtp_is_address_literal(struct slice domain);         /* "[192.0.2.1]", "[IPv6:2001:db8::1]" */
/* True when a server behind us might read a local part, valid though it is, as a route to somewhere else
 * ("a%b.example", "b!a", "\"a@b.example\"", REL-01..35): it holds '@', '%', '!' or ':'. What to do is the
 * caller's choice (RFC 1123 section 5.2.16, RFC 2505 section 2.1). */
bool smtp_local_may_route(struct slice local);
bool smtp_xtext_is_valid(struct slice s);                  /* RFC 3461 section 4 */
/* Decodes into `out` (at least s.len bytes); false on bad xtext or when it decodes to CR, LF or NUL (SRV-17). */
bool smtp_xtext_decode(struct slice s, char *out, struct slice *decoded);

#endif
