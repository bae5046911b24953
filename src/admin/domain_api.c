#include "admin/api.h"
#include "base/log.h"
#include "base/memory.h"
#include "domains/desk.h"
#include "settings/domain_name.h"

/* A call and its question, until the desk gives it back. */
struct domain_call {
    struct desk_request request;
    struct call *call;
};

static void answer(struct call *c, const struct desk_request *q)
{
    json_t *changes = json_object_get(q->answer, "changes");

    if (q->verb == DESK_PUBLISH && json_is_true(json_object_get(q->answer, "sent")))
        call_note(c, "publish", "records", q->domain, json_pack("{s:O}", "changes", changes), q->answer);
    else
        call_answer(c, q->answer);
}

static void answered(struct desk_request *q)
{
    struct domain_call *d = CONTAINER_OF(q, struct domain_call, request);

    if (q->status == OK)
        answer(d->call, q);
    else
        call_refuse(d->call, q->status, "%s", q->why.text);
    free(d);
}

/* About the domain in the path. */
static void ask(struct call *c, enum desk_verb verb)
{
    struct domain_call *d;
    struct slice domain;
    struct fault why;

    if (domain_name_normalise(c->params[0], c->arena, &domain, &why) != OK) {
        call_refuse(c, ERR_SYNTAX, "%s", why.text);
        return;
    }
    d = NEW(struct domain_call);
    d->call = c;
    d->request = (struct desk_request){ .verb = verb, .reply_to = c->home->desk, .done = answered, .domain = domain };
    c->admin->ask_desk(c->admin->ctx, &d->request);
}

void api_domain_records(struct call *c)
{
    ask(c, DESK_RECORDS);
}

void api_domain_publish(struct call *c)
{
    log_info(NULL, "records are to be published at an administrator's word", LOG_STR("domain", c->params[0]),
             LOG_STR("who", c->who));
    ask(c, DESK_PUBLISH);
}

enum { HISTORY_MOST = 100 };

static void remembered(struct call *c)
{
    json_t *list = json_array();

    for (size_t i = 0; i < c->store.policies_len; i++) {
        const struct policy_row *p = &c->store.policies[i];

        json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "at", json_of_moment(p->made_s), "id", json_of(p->id),
                                              "policy", json_of_lines(p->text)));
    }
    call_answer(c, json_pack("{s:o, s:o}", "domain", json_of(c->store.name), "policies", list));
}

void api_domain_history(struct call *c)
{
    struct slice domain;
    struct fault why;

    if (domain_name_normalise(c->params[0], c->arena, &domain, &why) != OK) {
        call_refuse(c, ERR_SYNTAX, "%s", why.text);
        return;
    }
    c->store.verb = STORE_POLICY_LIST;
    c->store.name = domain;
    c->store.limit = HISTORY_MOST;
    call_store(c, remembered);
}
