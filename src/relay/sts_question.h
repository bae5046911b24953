/* relay/sts_question.h: a worker's question about a domain's MTA-STS policy. */
#ifndef STERNPOST_RELAY_STS_QUESTION_H
#define STERNPOST_RELAY_STS_QUESTION_H

#include "discovery/sts.h"
#include "relay/worker.h"

struct sts_question;

/* `done` runs from the loop; `facts` is a reference for the taker, or NULL when there is no answer. Copies the domain. NULL, and no
 * `done`, when the domain is an address literal. */
struct sts_question *sts_question_ask(struct worker *w, struct slice domain,
                                      void (*done)(void *asker, const struct sts_facts *facts), void *asker);
/* No `done` any more. NULL is fine. */
void sts_question_forget(struct sts_question *q);

#endif
