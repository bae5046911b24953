/* policy/field_name.h: the names of fields, the same in a policy file, an _mta-sts and an _smtp._tls record. */
#ifndef STERNPOST_POLICY_FIELD_NAME_H
#define STERNPOST_POLICY_FIELD_NAME_H

#include "base/slice.h"

/* ALPHA / DIGIT of the RFCs' grammars. */
bool is_letter_or_digit(char c);

/* A letter or digit, then up to 31 of letter, digit, '_', '-' and '.' (RFC 8461 sections 3.1 and 3.2, RFC 8460
 * section 3). Names that the RFCs define fit it too. */
bool field_name_is_valid(struct slice s);

#endif
