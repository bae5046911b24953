#include "domains/policy_host.h"

#include "base/memory.h"

enum { ROUTES_MAX = 2 };

struct policy_host {
    const struct policy_keeper *keeper;
    struct https_route routes[ROUTES_MAX];
    struct https_server *server;
};

/* The policy of "mta-sts.DOMAIN". False: it is no host of ours, or has none yet. */
static bool find_policy(const struct policy_host *h, struct slice host, struct own_policy *out)
{
    static const struct slice prefix = { "mta-sts.", 8 };

    return slice_starts(host, prefix) && policy_keeper_find(h->keeper, slice_from(host, prefix.len), out) &&
           out->text.len > 0;
}

static bool has_host(void *ctx, struct slice host)
{
    struct own_policy policy;

    return find_policy(ctx, host, &policy);
}

static void answer(struct https_call *call)
{
    struct own_policy policy;
    struct https_answer found = { .code = 200, .type = "text/plain; charset=us-ascii" };

    if (find_policy(call->ctx, call->host, &policy))
        found.body = policy.text;
    else
        found = (struct https_answer){ .code = 404 };
    https_answer(call, &found);
}

static const struct https_handler handler = { .end = answer };

static const struct https_route policy_route = {
    .has_host = has_host, .method = HTTP_GET, .path = "/.well-known/mta-sts.txt", .handler = &handler
};

enum status policy_host_new(struct loop *loop, const struct config_policy_host *config,
                            const struct policy_keeper *keeper, const struct https_route *beside,
                            struct policy_host **out, struct fault *why)
{
    struct policy_host *h = NEW(struct policy_host);
    struct https_server_config server = { .loop = loop,
                                          .addresses = config->addresses,
                                          .addresses_len = config->addresses_len,
                                          .tls = &config->tls_config,
                                          .routes = h->routes,
                                          .routes_len = beside == NULL ? 1 : ROUTES_MAX,
                                          .limits = https_limits_usual,
                                          .ctx = h };
    struct fault inner;
    enum status st;

    h->keeper = keeper;
    h->routes[0] = policy_route;
    if (beside != NULL)
        h->routes[1] = *beside;
    st = https_server_new(&server, &h->server, &inner);
    if (st != OK) {
        free(h);
        return fault_set(why, st, "policy-host: %s", inner.text);
    }
    *out = h;
    return OK;
}

void policy_host_free(struct policy_host *h)
{
    if (h == NULL)
        return;
    https_server_free(h->server);
    free(h);
}

struct tls_server *policy_host_hand_over(struct policy_host *h)
{
    return https_server_hand_over(h->server);
}

void policy_host_address(const struct policy_host *h, size_t at, struct net_address *out)
{
    https_server_address(h->server, at, out);
}
