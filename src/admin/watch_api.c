/* The certificates that are watched, and the order to look at them now. */
#include "admin/api.h"

void api_watch(struct call *c)
{
    struct slice text = c->admin->watch(c->admin->ctx, c->arena);

    call_answer(c, json_loadb(text.ptr, text.len, 0, NULL));
}

void api_watch_now(struct call *c)
{
    const json_t *target = json_object_get(c->body, "target");

    if (target != NULL && !json_is_string(target)) {
        call_refuse(c, ERR_SYNTAX, "\"target\" must be text: a server, or what it is watched for");
        return;
    }
    call_answer(c, json_pack("{s:I}", "order",
                             (json_int_t)c->admin->watch_now(
                                 c->admin->ctx, slice_of(json_string_value(target), json_string_length(target)))));
}
