/* cli/demo.c: the real daemon, a small mail world around it, and letters that each show one thing. */
#include "base/clock.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/daemon.h"
#include "cli/demo_check.h"
#include "cli/demo_look.h"
#include "cli/demo_report.h"
#include "cli/demo_round.h"
#include "cli/demo_verdicts.h"
#include "cli/demo_watch.h"
#include "cli/demo_world.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_MS = 20000, POLL_MS = 100 };

struct run {
    struct demo_world world;
    pid_t daemon;
    struct client *client;
};

/* -- the daemon
 * ------------------------------------------------------------------------------------------------------- */

/* The same way that serve goes: the file is read, and the daemon run. Its log goes to the demo's folder. */
static int daemon_main(const struct demo_world *w)
{
    struct config *config;
    struct fault why;
    int code;

    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (config_load(w->config_file, &config, &why) != OK)
        return complain(EXIT_USAGE, "%s", why.text);
    if (freopen("/dev/null", "we", stdout) == NULL || freopen(w->log_file, "ae", stderr) == NULL)
        return EXIT_NEGATIVE;
    code = daemon_run(config);
    config_free(config);
    return code;
}

static bool has_ended(const struct run *r)
{
    return waitpid(r->daemon, NULL, WNOHANG) != 0;
}

static void print_log(const struct demo_world *w)
{
    FILE *log = fopen(w->log_file, "re");
    char line[1024];

    while (log != NULL && fgets(line, sizeof line, log) != NULL)
        (void)fputs(line, stderr);
    if (log != NULL)
        (void)fclose(log);
}

/* Until its control socket can be connected to. */
static bool wait_for_daemon(struct run *r)
{
    for (int64_t end = clock_mono_ms() + START_MS; clock_mono_ms() < end; demo_pause_ms(POLL_MS)) {
        if (has_ended(r)) {
            r->daemon = 0;
            print_log(&r->world);
            return false;
        }
        if (access(r->world.socket, R_OK | W_OK) == 0)
            return true;
    }
    return false;
}

static void stop_daemon(struct run *r)
{
    if (r->daemon <= 0)
        return;
    (void)kill(r->daemon, SIGTERM);
    while (waitpid(r->daemon, NULL, 0) < 0 && errno == EINTR)
        ;
}

static int apply_settings(struct run *r)
{
    json_t *body = json_object(), *answer = NULL;
    int code;

    (void)json_object_set_new(body, "document", json_stringn(r->world.settings.ptr, r->world.settings.len));
    code = client_call(r->client, HTTP_POST, SLICE_LIT("/v1/settings"), body, &answer);
    json_decref(body);
    json_decref(answer);
    return code;
}

/* -- afterwards
 * ------------------------------------------------------------------------------------------------------------ */

static void print_invitation(const struct demo_world *w)
{
    (void)printf("\nThe gateway stays up; end it with Ctrl-C. Its folder is %s. Try, in another terminal:\n\n"
                 "  swaks --server 127.0.0.1:%d --from me@home.test --to you@bank.test\n"
                 "  swaks --server 127.0.0.1:%d --tls --auth-user demo --auth-password %s \\\n"
                 "        --from me@home.test --to you@good.test\n"
                 "  openssl s_client -starttls smtp -connect 127.0.0.1:%d -CAfile %s </dev/null\n\n"
                 "The domains of the table take mail for every name. And look inside:\n\n"
                 "  export STERNPOST_SOCKET=%s\n"
                 "  build/sternpost status\n"
                 "  build/sternpost policy you@dane.test\n"
                 "  build/sternpost trace ID          (the id is in the answer to your message)\n"
                 "  build/sternpost sts cache list\n"
                 "  build/sternpost report preview dane.test\n"
                 "  curl http://127.0.0.1:%d/metrics\n",
                 w->folder, DEMO_RELAY_PORT, DEMO_SUBMISSION_PORT, w->password, DEMO_MX_PORT, w->ca_file, w->socket,
                 DEMO_ADMIN_PORT);
    (void)fflush(stdout);
}

static void wait_for_signal(const sigset_t *signals)
{
    int got;

    (void)sigwait(signals, &got);
}

/* Everything ended as it must. */
static bool show(struct run *r)
{
    const struct demo_server *servers;
    size_t wrong;
    bool is_right;

    (void)printf(
        "sternpost demo: a gateway at 127.0.0.1, and around it %zu mail servers, a policy host and a signed zone\n\n",
        demo_servers(&servers));
    wrong = demo_round(&r->world, r->client);
    if (wrong > 0)
        (void)printf("\n%zu of %zu letters did not end as they must\n", wrong, demo_letters());
    else
        (void)printf("\nall %zu letters ended as they must\n", demo_letters());
    is_right = demo_verdicts(&r->world);
    is_right = demo_look(r->client) && is_right;
    is_right = demo_report(&r->world) && is_right;
    is_right = demo_check(&r->world) && is_right;
    return is_right && wrong == 0;
}

static int play(struct run *r, const struct invocation *inv, const sigset_t *signals)
{
    struct fault why;
    int code;
    bool checks = invocation_has(inv, "check"), is_right;

    if (demo_world_start(&r->world, &why) != OK)
        return complain(EXIT_NEGATIVE, "%s", why.text);
    if (!wait_for_daemon(r))
        return complain(EXIT_NEGATIVE, "the daemon did not come up");
    r->client = client_new(inv, &code);
    if (r->client == NULL || (code = apply_settings(r)) != EXIT_DONE)
        return code;
    is_right = show(r);
    if (!is_right && checks)
        print_log(&r->world);
    if (!checks) {
        print_invitation(&r->world);
        wait_for_signal(signals);
    }
    return is_right ? EXIT_DONE : EXIT_NEGATIVE;
}

int run_demo(const struct invocation *inv)
{
    struct run r = { 0 };
    struct fault why;
    sigset_t signals, before;
    int code;

    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &signals, &before);
    if (demo_world_init(&r.world, &why) != OK)
        return complain(EXIT_NEGATIVE, "%s", why.text);
    r.daemon = fork();
    if (r.daemon == 0) {
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        _exit(daemon_main(&r.world));
    }
    (void)setenv("STERNPOST_SOCKET", r.world.socket, 1);
    code = play(&r, inv, &signals);
    client_free(r.client);
    stop_daemon(&r);
    demo_world_release(&r.world);
    return code;
}
