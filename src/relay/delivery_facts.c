/* relay/delivery_facts.c: the MTA-STS policy of the destination before the decision, and the trace of what is published. */
#include "relay/delivery_private.h"
#include "relay/published_json.h"

static void on_sts(void *asker, const struct sts_facts *facts)
{
    struct delivery *d = asker;

    d->sts_question = NULL;
    d->sts = facts;
    delivery_decide(d);
}

bool delivery_ask_sts(struct delivery *d)
{
    if (d->host != NULL && !d->host->looks_up_mx)
        return false;
    d->sts_question = sts_question_ask(d->worker, d->host == NULL ? d->job->rcpts[0].domain : d->host->primary[0].name,
                                       on_sts, d);
    return d->sts_question != NULL;
}

void delivery_forget_sts(struct delivery *d)
{
    sts_question_forget(d->sts_question);
    d->sts_question = NULL;
}

/* Where nothing is published the trace has enough with the attempt. */
void delivery_trace_server(struct delivery *d)
{
    const struct dane_result *dane = &d->dane.result;
    bool is_plain = d->server.verdict == SERVER_TRY && d->decision.sts == NULL && !d->decision.needs_requiretls &&
                    (dane->state == DANE_UNKNOWN || dane->state == DANE_NONE);
    json_t *facts;

    if (is_plain)
        return;
    facts = published_server_json(&d->server, dane);
    (void)json_object_set_new(facts, "server", trace_string(d->candidates[d->at].name));
    trace_add(&d->trace, "server", d->server.text, facts);
}
