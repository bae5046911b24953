#include "relay/sts_question.h"

#include "base/memory.h"
#include "net/address.h"

#include <stdlib.h>

struct sts_question {
    struct sts_request request;
    struct arena       arena;
    void             (*done)(void *asker, const struct sts_facts *facts); /* NULL: forgotten */
    void              *asker;
};

static void on_answer(struct sts_request *r)
{
    struct sts_question *q = CONTAINER_OF(r, struct sts_question, request);

    if (q->done != NULL)
        q->done(q->asker, r->status == OK ? sts_facts_hold(r->facts) : NULL);
    sts_request_release(r);
    arena_release(&q->arena);
    free(q);
}

struct sts_question *sts_question_ask(struct worker *w, struct slice domain,
                                      void (*done)(void *asker, const struct sts_facts *facts), void *asker)
{
    struct net_address literal;
    struct sts_question *q;

    if (slice_starts_case(domain, SLICE_LIT("[")) || net_address_parse(domain, 0, &literal) == OK)
        return NULL;
    q = NEW(struct sts_question);
    q->done = done;
    q->asker = asker;
    q->request = (struct sts_request){ .verb = STS_ASK, .domain = arena_copy(&q->arena, domain) };
    worker_sts(w, &q->request, on_answer);
    return q;
}

void sts_question_forget(struct sts_question *q)
{
    if (q != NULL)
        q->done = NULL;
}
