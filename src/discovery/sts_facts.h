/* discovery/sts_facts.h: makes the immutable answers of discovery/sts.h. */
#ifndef STERNPOST_DISCOVERY_STS_FACTS_H
#define STERNPOST_DISCOVERY_STS_FACTS_H

#include "discovery/sts.h"

/* A deep copy of everything but `text`, which is put into words here. One reference, the caller's. */
const struct sts_facts *sts_facts_new(const struct sts_facts *draft);
/* The policy as a file again, of its lines alone: sts_policy_parse() reads it. */
struct slice sts_facts_file(const struct sts_facts *f, struct arena *arena);
/* About how much memory they take. */
size_t sts_facts_bytes(const struct sts_facts *f);

#endif
