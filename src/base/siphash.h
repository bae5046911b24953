/* base/siphash.h: SipHash-2-4 (Aumasson, Bernstein 2012), a keyed 64-bit hash for tables that strangers fill. */
#ifndef STERNPOST_BASE_SIPHASH_H
#define STERNPOST_BASE_SIPHASH_H

#include "base/slice.h"

uint64_t siphash(const uint64_t key[static 2], struct slice s);

#endif
