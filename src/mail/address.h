/* mail/address.h: addresses in the one form in which they are compared: routes, rules, limits, lists. */
#ifndef STERNPOST_MAIL_ADDRESS_H
#define STERNPOST_MAIL_ADDRESS_H

#include "base/arena.h"
#include "base/slice.h"
#include "base/status.h"

/* What is sent on is the address as the envelope has it; this form is for look-ups. */
struct mail_address {
    struct slice local;  /* case kept (RFC 5321 section 2.4); a quoted-string that needs no quotes lost them */
    struct slice domain; /* lower-case A-labels; or an address literal as written, with brackets */
    bool         is_literal;
};

/* Parses a mailbox without angle brackets; bytes over 0x7f must be UTF-8 (RFC 6531). Empty `in`, the null
 * reverse-path, gives two empty halves; "postmaster" (any case) an empty domain. U-labels are mapped and made
 * A-labels (IDNA2008 non-transitional, UTS 46). Both halves are copied into `arena`.
 * Returns OK, ERR_SYNTAX or ERR_LIMIT (local 128, domain 255, label 63 bytes; 320 in all); *out is written
 * only on OK. */
MUST_USE enum status mail_address_parse(struct arena *arena, struct slice in, struct mail_address *out,
                                        struct fault *why);

/* The same for a domain alone, as settings and command lines have it; no literal, no trailing dot. */
MUST_USE enum status mail_domain_parse(struct arena *arena, struct slice in, struct slice *out, struct fault *why);

/* Both halves are equal; of the local part the case counts, except for "postmaster" (RFC 5321 section 2.3.5). */
bool mail_address_eq(const struct mail_address *a, const struct mail_address *b);

#endif
