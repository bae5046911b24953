/* cli/policy.h: what would happen to mail for a recipient, for people. */
#ifndef STERNPOST_CLI_POLICY_H
#define STERNPOST_CLI_POLICY_H

#include <jansson.h>
#include <stdio.h>

void print_policy(FILE *out, const json_t *answer);

#endif
