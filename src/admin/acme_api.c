/* Certificates from an authority: how they are, and the order to renew one. */
#include "admin/api.h"

void api_acme(struct call *c)
{
    struct slice text = c->admin->acme(c->admin->ctx, c->arena);

    call_answer(c, json_loadb(text.ptr, text.len, 0, NULL));
}

static bool is_acme(struct call *c, struct slice name)
{
    struct snapshot *s = c->admin->snapshot(c->admin->ctx);
    size_t len;
    const struct certificate_setting *all = snapshot_certificates(s, &len);
    bool is_found = false;

    for (size_t i = 0; i < len; i++)
        is_found = is_found || (all[i].is_acme && slice_eq(all[i].name, name));
    snapshot_release(s);
    return is_found;
}

void api_acme_renew(struct call *c)
{
    if (!is_acme(c, c->params[0]))
        call_refuse(c, ERR_NOT_FOUND,
                    "there is no certificate '%.*s' that is marked acme; see 'sternpost certificate list'",
                    SLICE_FMT(c->params[0]));
    else if (!c->admin->renew(c->admin->ctx, c->params[0]))
        call_refuse(c, ERR_PERMANENT, "the configuration has no section acme");
    else
        call_note(c, "renew", "certificate", c->params[0], json_object(),
                  json_pack("{s:s%}", "renewing", c->params[0].ptr, c->params[0].len));
}
