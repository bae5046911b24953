#include "admin/api.h"
#include "base/memory.h"
#include "relay/inquiry.h"

/* Lives until the worker gives it back. */
struct asked {
    struct inquiry inquiry;
    struct call *call;
};

static void answered(struct worker_task *t)
{
    struct asked *a = CONTAINER_OF(t, struct asked, inquiry.task);

    if (a->inquiry.status == OK)
        call_answer(a->call, json_incref(a->inquiry.answer));
    else
        call_refuse(a->call, a->inquiry.status, "%s", a->inquiry.why.text);
    json_decref(a->inquiry.answer);
    inquiry_release(&a->inquiry);
    free(a);
}

static struct asked *prepare(struct call *c, enum inquiry_kind kind)
{
    struct asked *a = NEW(struct asked);
    struct snapshot *current = c->admin->snapshot(c->admin->ctx);

    inquiry_init(&a->inquiry, kind, current);
    snapshot_release(current); /* the inquiry holds its own */
    a->inquiry.task.reply_to = c->home->asked;
    a->inquiry.task.done = answered;
    a->call = c;
    return a;
}

void api_policy(struct call *c)
{
    struct slice recipient, sender, requiretls, connect;
    struct asked *a;

    if (!call_query(c, "recipient", &recipient) || !call_query(c, "sender", &sender) ||
        !call_query(c, "requiretls", &requiretls) || !call_query(c, "connect", &connect))
        return;
    if (recipient.len == 0 || recipient.len >= sizeof a->inquiry.recipient || sender.len >= sizeof a->inquiry.sender) {
        call_refuse(c, ERR_SYNTAX, "recipient or sender is missing or too long; give addresses like user@example.org");
        return;
    }
    a = prepare(c, INQUIRY_POLICY);
    (void)slice_to_cstr(recipient, a->inquiry.recipient, sizeof a->inquiry.recipient);
    (void)slice_to_cstr(sender, a->inquiry.sender, sizeof a->inquiry.sender);
    a->inquiry.requires_tls = slice_eq(requiretls, SLICE_LIT("yes"));
    a->inquiry.stays_home = slice_eq(connect, SLICE_LIT("no"));
    c->admin->ask(c->admin->ctx, &a->inquiry.task);
}

void api_host_test(struct call *c)
{
    struct asked *a = prepare(c, INQUIRY_HOST_TEST);

    if (!slice_to_cstr(c->params[0], a->inquiry.host, sizeof a->inquiry.host))
        a->inquiry.host[0] = '\0'; /* no host has such a name */
    c->admin->ask(c->admin->ctx, &a->inquiry.task);
}
