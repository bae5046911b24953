#include "admin/admin.h"

#include "admin/api.h"
#include "base/clock.h"
#include "base/memory.h"

enum {
    CONTROL_BODY_MAX = 8 * 1024 * 1024, /* settings of a whole organisation */
    CONTROL_CONNECTIONS_MAX = 64,
    TCP_BODY_MAX = 0, /* nothing there takes one */
    TCP_CONNECTIONS_MAX = 32,
    IDLE_MS = 30 * 1000,
    REQUEST_MS = 30 * 1000,
    ANSWER_MS = 30 * 1000,
    DRAIN_MS = 5 * 1000, /* at the end: the workers are gone, the store answers */
};

enum { LOCAL = false, PUBLIC = true };

static const struct endpoint endpoints[] = {
    { HTTP_GET, PUBLIC, "/health/live", page_live },
    { HTTP_GET, PUBLIC, "/health/ready", page_ready },
    { HTTP_GET, PUBLIC, "/metrics", page_metrics },
    { HTTP_GET, LOCAL, "/v1/status", api_status },
    { HTTP_GET, LOCAL, "/v1/counters", api_counters },
    { HTTP_GET, LOCAL, "/v1/audit", api_audit },
    { HTTP_GET, LOCAL, "/v1/queue", api_queue_list },
    { HTTP_GET, LOCAL, "/v1/queue/{}", api_queue_show },
    { HTTP_POST, LOCAL, "/v1/queue/{}", api_queue_change_all },
    { HTTP_POST, LOCAL, "/v1/queue/{}/{}", api_queue_change },
    { HTTP_GET, LOCAL, "/v1/alerts", api_alerts },
    { HTTP_GET, LOCAL, "/v1/certificates", api_certificates },
    { HTTP_GET, LOCAL, "/v1/acme", api_acme },
    { HTTP_POST, LOCAL, "/v1/acme/{}/renew", api_acme_renew },
    { HTTP_GET, LOCAL, "/v1/watch", api_watch },
    { HTTP_POST, LOCAL, "/v1/watch", api_watch_now },
    { HTTP_GET, LOCAL, "/v1/sts", api_sts_list },
    { HTTP_POST, LOCAL, "/v1/sts/forget", api_sts_forget_all },
    { HTTP_GET, LOCAL, "/v1/sts/{}", api_sts_show },
    { HTTP_POST, LOCAL, "/v1/sts/{}/refresh", api_sts_refresh },
    { HTTP_POST, LOCAL, "/v1/sts/{}/forget", api_sts_forget },
    { HTTP_GET, LOCAL, "/v1/reports/sent", api_reports_sent_list },
    { HTTP_GET, LOCAL, "/v1/reports/sent/{}", api_reports_sent_show },
    { HTTP_GET, LOCAL, "/v1/reports/preview", api_reports_preview },
    { HTTP_GET, LOCAL, "/v1/reports/received", api_reports_received_list },
    { HTTP_POST, LOCAL, "/v1/reports/received", api_reports_import },
    { HTTP_GET, LOCAL, "/v1/reports/received/{}", api_reports_received_show },
    { HTTP_GET, LOCAL, "/v1/reports/summary", api_reports_summary },
    { HTTP_GET, LOCAL, "/v1/domains/{}/history", api_domain_history },
    { HTTP_GET, LOCAL, "/v1/domains/{}/records", api_domain_records },
    { HTTP_POST, LOCAL, "/v1/domains/{}/publish", api_domain_publish },
    { HTTP_GET, LOCAL, "/v1/plans", api_plans },
    { HTTP_GET, LOCAL, "/v1/domains/{}/plan", api_plan_show },
    { HTTP_POST, LOCAL, "/v1/domains/{}/plan", api_plan_begin },
    { HTTP_POST, LOCAL, "/v1/domains/{}/plan/next", api_plan_agree },
    { HTTP_DELETE, LOCAL, "/v1/domains/{}/plan", api_plan_abandon },
    { HTTP_GET, LOCAL, "/v1/policy", api_policy },
    { HTTP_POST, LOCAL, "/v1/hosts/{}/test", api_host_test },
    { HTTP_GET, LOCAL, "/v1/settings", api_settings_export },
    { HTTP_POST, LOCAL, "/v1/settings", api_settings_apply },
    { HTTP_GET, LOCAL, "/v1/settings/{}", api_settings_list },
    { HTTP_GET, LOCAL, "/v1/settings/{}/{}", api_settings_show },
    { HTTP_POST, LOCAL, "/v1/settings/{}/{}", api_settings_add },
    { HTTP_PATCH, LOCAL, "/v1/settings/{}/{}", api_settings_set },
    { HTTP_DELETE, LOCAL, "/v1/settings/{}/{}", api_settings_remove },
};

struct admin {
    struct call_home home;
    struct http_server *control, *tcp;
    struct event *on_stored, *on_asked, *on_found, *on_received, *on_desk, *on_plans;
};

static void answer_without_call(struct http_exchange *x, unsigned code, const char *text)
{
    struct slice body = arena_printf(&x->arena, "{\"error\":\"%s\"}\n", text);

    http_answer(x, code, "application/json", body);
}

/* The one place that decides who may ask what: the metrics listener serves public endpoints alone (WEB-09). */
static void serve(struct admin *a, struct http_exchange *x, bool is_control)
{
    const struct endpoint *found = NULL;
    struct slice params[ROUTER_PARAMS_MAX] = { 0 };
    enum status st =
        router_find(endpoints, COUNT_OF(endpoints), x->head.method, x->head.path, &x->arena, params, &found);

    if (st == ERR_SYNTAX)
        answer_without_call(x, 400, "the path is not well-formed");
    else if (st == ERR_NOT_FOUND || (st == OK && !is_control && !found->is_public))
        answer_without_call(x, 404, "no such path");
    else if (st == ERR_PERMANENT)
        answer_without_call(x, is_control ? 405 : 404, is_control ? "the path has other methods" : "no such path");
    else
        call_start(&a->home, x, found, params);
}

static void serve_control(void *ctx, struct http_exchange *x)
{
    serve(ctx, x, true);
}

static void serve_tcp(void *ctx, struct http_exchange *x)
{
    serve(ctx, x, false);
}

static void take_stored(evutil_socket_t fd, short what, void *ctx)
{
    struct admin *a = ctx;
    struct handoff_item *item = handoff_take(a->home.stored), *next;

    (void)fd;
    (void)what;
    for (; item != NULL; item = next) {
        struct store_request *r = (struct store_request *)(void *)item;

        next = item->next;
        r->done(r);
    }
}

static void take_asked(evutil_socket_t fd, short what, void *ctx)
{
    struct admin *a = ctx;
    struct handoff_item *item = handoff_take(a->home.asked), *next;

    (void)fd;
    (void)what;
    for (; item != NULL; item = next) {
        struct worker_task *t = (struct worker_task *)(void *)item;

        next = item->next;
        t->done(t);
    }
}

static void take_found(evutil_socket_t fd, short what, void *ctx)
{
    struct admin *a = ctx;
    struct handoff_item *item = handoff_take(a->home.found), *next;

    (void)fd;
    (void)what;
    for (; item != NULL; item = next) {
        struct sts_request *q = (struct sts_request *)(void *)item;

        next = item->next;
        q->done(q);
    }
}

static void take_received(evutil_socket_t fd, short what, void *ctx)
{
    struct admin *a = ctx;
    struct handoff_item *item = handoff_take(a->home.received), *next;

    (void)fd;
    (void)what;
    for (; item != NULL; item = next) {
        struct receive_request *q = (struct receive_request *)(void *)item;

        next = item->next;
        q->done(q);
    }
}

static void take_desk(evutil_socket_t fd, short what, void *ctx)
{
    struct admin *a = ctx;
    struct handoff_item *item = handoff_take(a->home.desk), *next;

    (void)fd;
    (void)what;
    for (; item != NULL; item = next) {
        struct desk_request *q = (struct desk_request *)(void *)item;

        next = item->next;
        q->done(q);
    }
}

static void take_plans(evutil_socket_t fd, short what, void *ctx)
{
    struct admin *a = ctx;
    struct handoff_item *item = handoff_take(a->home.plans), *next;

    (void)fd;
    (void)what;
    for (; item != NULL; item = next) {
        struct plan_request *q = (struct plan_request *)(void *)item;

        next = item->next;
        q->done(q);
    }
}

static struct event *watch(struct admin *a, const struct handoff *h, event_callback_fn take)
{
    struct event *e = event_new(a->home.config.base, handoff_fd(h), EV_READ | EV_PERSIST, take, a);

    (void)event_add(e, NULL);
    return e;
}

static struct http_server *listen_on(struct admin *a, int fd, bool is_control)
{
    struct http_server_config config = {
        .base = a->home.config.base,
        .listen_fd = fd,
        .body_bytes_max = is_control ? CONTROL_BODY_MAX : TCP_BODY_MAX,
        .connections_max = is_control ? CONTROL_CONNECTIONS_MAX : TCP_CONNECTIONS_MAX,
        .idle_ms = IDLE_MS,
        .request_ms = REQUEST_MS,
        .answer_ms = ANSWER_MS,
        .handle = is_control ? serve_control : serve_tcp,
        .ctx = a,
    };

    return http_server_new(&config);
}

struct admin *admin_new(const struct admin_config *config, int control_fd, int tcp_fd)
{
    struct admin *a = NEW(struct admin);

    a->home.config = *config;
    a->home.stored = handoff_new();
    a->home.asked = handoff_new();
    a->home.found = handoff_new();
    a->home.desk = handoff_new();
    a->home.plans = handoff_new();
    a->home.received = handoff_new();
    a->on_stored = watch(a, a->home.stored, take_stored);
    a->on_asked = watch(a, a->home.asked, take_asked);
    a->on_found = watch(a, a->home.found, take_found);
    a->on_desk = watch(a, a->home.desk, take_desk);
    a->on_plans = watch(a, a->home.plans, take_plans);
    a->on_received = watch(a, a->home.received, take_received);
    a->control = listen_on(a, control_fd, true);
    if (tcp_fd >= 0)
        a->tcp = listen_on(a, tcp_fd, false);
    return a;
}

/* What a call sent refers to the call: it is waited for, or else left behind. */
static bool drain(struct admin *a)
{
    int64_t until = clock_mono_ms() + DRAIN_MS;

    while (a->home.calls_open > 0 && clock_mono_ms() < until) {
        (void)handoff_wait(a->home.stored, 20);
        take_stored(-1, 0, a);
        take_asked(-1, 0, a);
        take_found(-1, 0, a);
        take_desk(-1, 0, a);
        take_plans(-1, 0, a);
        take_received(-1, 0, a);
    }
    return a->home.calls_open == 0;
}

void admin_free(struct admin *a)
{
    if (a == NULL)
        return;
    http_server_free(a->control);
    http_server_free(a->tcp);
    if (!drain(a)) {
        log_warning(NULL, "requests of the API are still being worked on at the end",
                    LOG_INT("requests", a->home.calls_open));
        return;
    }
    event_free(a->on_stored);
    event_free(a->on_asked);
    event_free(a->on_found);
    event_free(a->on_desk);
    event_free(a->on_plans);
    event_free(a->on_received);
    handoff_free(a->home.stored);
    handoff_free(a->home.asked);
    handoff_free(a->home.found);
    handoff_free(a->home.desk);
    handoff_free(a->home.plans);
    handoff_free(a->home.received);
    free(a);
}
