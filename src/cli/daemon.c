#include "cli/daemon.h"

#include "admin/admin.h"
#include "alerts/alert_book.h"
#include "certs/acme.h"
#include "certs/watch.h"
#include "certs/keeper.h"
#include "cli/command.h"
#include "cli/config_check.h"
#include "cli/notify.h"
#include "cli/privilege.h"
#include "cli/trimmer.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GRACE_MS = 30 * 1000 };

struct gateway_process {
    const struct config *config;
    struct privilege privilege;
    struct event_base *base;
    struct node *node;
    struct admin *admin;
    struct trimmer *trimmer;
    struct event *signals[3];
    int control_fd, tcp_fd; /* until the admin has them; -1: none */
    bool has_control;       /* the socket's file is ours */
    bool is_stopping;
};

/* -- what the admin room asks of a node ------------------------------------------------------------------- */

static struct snapshot *get_snapshot(void *ctx)
{
    return node_snapshot(ctx);
}

static void publish(void *ctx, struct snapshot *fresh)
{
    node_publish(ctx, fresh);
}

static void ask(void *ctx, struct worker_task *t)
{
    node_ask(ctx, t);
}

static void ask_sts(void *ctx, struct sts_request *q)
{
    sts_send(node_sts(ctx), q);
}

static struct slice report_certificates(void *ctx, struct arena *arena)
{
    return cert_keeper_report(node_certificates(ctx), arena);
}

static struct slice report_acme(void *ctx, struct arena *arena)
{
    return acme_report(node_acme(ctx), arena);
}

static bool renew(void *ctx, struct slice name)
{
    acme_renew(node_acme(ctx), name);
    return node_acme(ctx) != NULL;
}

static struct slice report_watch(void *ctx, struct arena *arena)
{
    return watch_report(node_watch(ctx), arena);
}

static uint64_t order_watch(void *ctx, struct slice target)
{
    return watch_now(node_watch(ctx), target);
}

static struct slice report_alerts(void *ctx, struct arena *arena)
{
    return alert_book_report(node_alerts(ctx), arena);
}

static void ask_receiver(void *ctx, struct receive_request *q)
{
    receiver_ask(node_receiver(ctx), q);
}

static void ask_plans(void *ctx, struct plan_request *q)
{
    plan_keeper_send(node_plans(ctx), q);
}

static void ask_desk(void *ctx, struct desk_request *q)
{
    desk_send(node_desk(ctx), q);
}

static void count_sts(void *ctx, struct sts_counts *out)
{
    sts_counts(node_sts(ctx), out);
}

static bool count_bridge(void *ctx, struct bridge_counts *out)
{
    return node_bridge_counts(ctx, out);
}

static struct admin *make_admin(struct gateway_process *p)
{
    struct admin_config config = {
        .base = p->base,
        .config = p->config,
        .store = node_store(p->node),
        .started_s = node_started_s(p->node),
        .workers = node_workers(p->node),
        .ctx = p->node,
        .snapshot = get_snapshot,
        .publish = publish,
        .ask = ask,
        .ask_sts = ask_sts,
        .ask_plans = ask_plans,
        .ask_desk = ask_desk,
        .ask_receiver = ask_receiver,
        .count_sts = count_sts,
        .certificates = report_certificates,
        .alerts = report_alerts,
        .acme = report_acme,
        .renew = renew,
        .watch = report_watch,
        .watch_now = order_watch,
        .count_bridge = count_bridge,
    };
    struct admin *admin = admin_new(&config, p->control_fd, p->tcp_fd);

    p->control_fd = p->tcp_fd = -1;
    return admin;
}

/* -- signals ---------------------------------------------------------------------------------------------- */

static void on_stop(evutil_socket_t fd, short what, void *ctx)
{
    struct gateway_process *p = ctx;

    (void)fd;
    (void)what;
    p->is_stopping = true;
    (void)event_base_loopbreak(p->base);
}

static void on_refresh(evutil_socket_t fd, short what, void *ctx)
{
    struct gateway_process *p = ctx;

    (void)fd;
    (void)what;
    node_refresh(p->node);
}

/* Threads made from here on leave signals to the main thread. */
static void block_signals(sigset_t *before)
{
    sigset_t all;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, before);
}

static void watch_signals(struct gateway_process *p, const sigset_t *before)
{
    p->signals[0] = evsignal_new(p->base, SIGTERM, on_stop, p);
    p->signals[1] = evsignal_new(p->base, SIGINT, on_stop, p);
    p->signals[2] = evsignal_new(p->base, SIGHUP, on_refresh, p);
    for (size_t i = 0; i < COUNT_OF(p->signals); i++)
        (void)event_add(p->signals[i], NULL);
    (void)pthread_sigmask(SIG_SETMASK, before, NULL);
}

/* Every acknowledged message is on disk at any time, so that the end may come at once. */
static void end_at_once(int number)
{
    (void)number;
    _exit(EXIT_NEGATIVE);
}

static void expect_second_signal(struct gateway_process *p)
{
    struct sigaction action = { .sa_handler = end_at_once };

    for (size_t i = 0; i < COUNT_OF(p->signals); i++)
        event_free(p->signals[i]);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
}

/* -- beginning and end ------------------------------------------------------------------------------------ */

static void prepare_process(const struct config *config)
{
    struct rlimit files;

    log_configure(config->log_level, config->log_format);
    (void)umask(077);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN); /* but for while it is watched: who is waited for at the end is not cut off by it */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

static enum status bind_admin(struct gateway_process *p, struct fault *why)
{
    const struct privilege *who = &p->privilege;
    enum status st = admin_bind_control(p->config->control_socket, who->is_root ? (int)who->uid : -1,
                                        who->is_root ? (int)who->gid : -1, &p->control_fd, why);

    p->has_control = st == OK;
    if (st == OK && p->config->has_admin)
        st = admin_bind_tcp(&p->config->admin, &p->tcp_fd, why);
    return st;
}

/* Everything that needs root comes first, everything that meets foreign bytes after root is gone. */
static enum status start(struct gateway_process *p, struct fault *why)
{
    enum status st = privilege_find(p->config->user, &p->privilege, why);

    if (st == OK)
        st = bind_admin(p, why);
    if (st == OK)
        st = node_new(p->config, &p->node, why);
    if (st == OK)
        st = privilege_give_store(&p->privilege, p->config->store, why);
    if (st == OK)
        st = privilege_drop(&p->privilege, why);
    if (st == OK)
        st = node_start(p->node, why);
    return st;
}

static void say_ready(const struct config *config)
{
    char text[NET_ADDRESS_TEXT];

    (void)printf("sternpost %s is ready:", STERNPOST_VERSION);
    for (size_t i = 0; i < config->listeners_len; i++) {
        const struct config_listener *l = &config->listeners[i];

        for (size_t a = 0; a < l->addresses_len; a++)
            (void)printf(" %s on %s,", listener_role_name(l->role), net_address_text(&l->addresses[a], text));
    }
    (void)printf(" control socket %s\n", config->control_socket);
    (void)fflush(stdout);
    notify_supervisor("READY=1");
}

static void serve(struct gateway_process *p, const sigset_t *signals_before)
{
    p->admin = make_admin(p);
    p->trimmer = trimmer_new(p->base, node_store(p->node), p->config->queue.trace_keep_s);
    watch_signals(p, signals_before);
    say_ready(p->config);
    while (!p->is_stopping) {
        log_flush();
        (void)event_base_loop(p->base, EVLOOP_ONCE);
    }
    expect_second_signal(p);
    notify_supervisor("STOPPING=1");
    log_info(NULL, "stopping", LOG_INT("grace_s", GRACE_MS / 1000));
    log_flush();
    node_stop(p->node, GRACE_MS);
    trimmer_free(p->trimmer);
    admin_free(p->admin);
    log_info(NULL, "stopped");
}

int daemon_run(const struct config *config)
{
    struct gateway_process p = { .config = config, .control_fd = -1, .tcp_fd = -1 };
    sigset_t signals_before;
    struct fault why;
    int code = EXIT_DONE;

    prepare_process(config);
    block_signals(&signals_before);
    p.base = event_base_new();
    if (start(&p, &why) == OK)
        serve(&p, &signals_before);
    else
        code = complain(config_exit_code(config), "%s", why.text);
    if (p.has_control)
        (void)unlink(config->control_socket);
    if (p.control_fd >= 0)
        close(p.control_fd);
    if (p.tcp_fd >= 0)
        close(p.tcp_fd);
    node_free(p.node);
    event_base_free(p.base);
    log_flush();
    return code;
}
