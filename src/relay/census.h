/* relay/census.h: how many connections are open, in all and by address, over all workers (SRV-11). Thread-safe. */
#ifndef STERNPOST_RELAY_CENSUS_H
#define STERNPOST_RELAY_CENSUS_H

#include "net/address.h"

struct census;

struct census *census_new(unsigned most, unsigned most_per_address);
void census_free(struct census *c);

enum census_answer { CENSUS_WELCOME, CENSUS_FULL, CENSUS_TOO_MANY_FROM_ADDRESS };
/* Counts the connection in when it is welcome; then census_leave() with the same address counts it out. */
enum census_answer census_enter(struct census *c, const struct net_address *peer);
void census_leave(struct census *c, const struct net_address *peer);

#endif
