/* cli/demo.c: the real daemon, a small mail world around it, and letters that each show one thing. */
#include "base/clock.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/daemon.h"
#include "cli/demo_letter.h"
#include "cli/demo_watch.h"
#include "cli/demo_world.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_MS = 20000, OUTCOME_MS = 40000, POLL_MS = 100, LATE_AFTER_DEFERRALS = 1 };

/* One letter, and what must become of it. */
static const struct letter {
    const char *what, *to;
    uint16_t    port;
    const char *from;
    int         reply;    /* the answer that ends the letter's transaction */
    const char *found;    /* begins so */
    const char *way, *result;
    unsigned    deferrals;
} letters[] = {
    { "no rule, good TLS", "ann@good.test", DEMO_RELAY_PORT, "me@home.test", 250, "TLSv1.3", "direct", "delivered", 0 },
    { "rule: verify, good certificate", "ben@verified.test", DEMO_RELAY_PORT, "me@home.test", 250,
      "TLSv1.3, certificate trusted", "direct", "delivered", 0 },
    { "no rule, no TLS there", "cara@clear.test", DEMO_RELAY_PORT, "me@home.test", 250, "no TLS offered", "direct",
      "delivered", 0 },
    { "no rule, certificate of no use", "dan@expired.test", DEMO_RELAY_PORT, "me@home.test", 250,
      "TLSv1.3, certificate untrusted", "direct", "delivered", 0 },
    { "rule: encrypt, no TLS there", "eve@bank.test", DEMO_RELAY_PORT, "me@home.test", 250, "starttls-not-supported",
      "alternate", "delivered", 0 },
    { "rule: verify, expired certificate", "fay@strict.test", DEMO_RELAY_PORT, "me@home.test", 250,
      "TLSv1.3, certificate expired", "alternate", "delivered", 0 },
    { "rule: encrypt or return, no TLS", "gus@clinic.test", DEMO_RELAY_PORT, "me@home.test", 250,
      "starttls-not-supported", "direct", "bounced", 0 },
    { "server down at first", "hal@late.test", DEMO_RELAY_PORT, "me@home.test", 250, "TLSv1.3", "direct", "delivered",
      LATE_AFTER_DEFERRALS },
    { "from the internet, for us", "ida@home.test", DEMO_MX_PORT, "stranger@good.test", 250,
      "TLSv1.3, certificate trusted", "direct", "delivered", 0 },
    { "partner in clear, rule: encrypt", "ida@home.test", DEMO_MX_PORT, "joe@partner.test", 530, "", "", "", 0 },
    { "a stranger wants us to relay", "kim@good.test", DEMO_MX_PORT, "stranger@good.test", 550, "", "", "", 0 },
};

struct run {
    struct demo_world world;
    pid_t             daemon;
    struct client    *client;
    struct arena      arena;
    char              ids[COUNT_OF(letters)][16];
    int               replies[COUNT_OF(letters)];
    bool              is_done[COUNT_OF(letters)], is_woken;
    unsigned          wrong;
};

/* -- the daemon ------------------------------------------------------------------------------------------------------- */

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

static void pause_ms(int64_t ms)
{
    const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

    (void)nanosleep(&t, NULL);
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
    for (int64_t end = clock_mono_ms() + START_MS; clock_mono_ms() < end; pause_ms(POLL_MS)) {
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

/* -- letters ------------------------------------------------------------------------------------------------------------ */

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

static void print_row(const char *what, const char *to, const char *demanded, const char *found, const char *way,
                      const char *result)
{
    (void)printf("%-33s %-18s %-24s %-31s %-9s %s\n", what, to, demanded, found, way, result);
    (void)fflush(stdout);
}

static void print_verdict(struct run *r, size_t i, const struct demo_sight *s, const char *result)
{
    const struct letter *l = &letters[i];
    bool is_right = r->replies[i] == l->reply && strcmp(s->way, l->way) == 0 && strcmp(s->result, l->result) == 0 &&
                    strncmp(s->found, l->found, strlen(l->found)) == 0 && s->deferrals >= l->deferrals;

    print_row(l->what, l->to, s->demanded, s->found, s->way, result);
    if (!is_right) {
        r->wrong++;
        (void)printf("    ^ must be: answer %d, found '%s...', way '%s', result '%s'\n", l->reply, l->found, l->way,
                     l->result);
    }
    r->is_done[i] = true;
}

/* "Ok: queued as 0ABC..." */
static void note_id(char out[static 16], const char *text)
{
    const char *at = strstr(text, "queued as ");

    (void)snprintf(out, 16, "%.13s", at == NULL ? "" : at + strlen("queued as "));
}

static bool send_letter(struct run *r, size_t i)
{
    const struct demo_letter letter = { "127.0.0.1", letters[i].port, letters[i].from, letters[i].to, letters[i].what };
    struct smtp_reply reply;
    struct fault why;
    char refused[DEMO_TEXT];

    if (demo_letter_send(&letter, &reply, &why) != OK) {
        (void)fprintf(stderr, "sternpost: %s\n", why.text);
        return false;
    }
    r->replies[i] = reply.code;
    note_id(r->ids[i], reply.text);
    if (!smtp_reply_is_ok(&reply)) {
        (void)snprintf(refused, sizeof refused, "refused: %d %.100s", reply.code, reply.text);
        print_verdict(r, i, &(struct demo_sight){ .demanded = "" }, refused);
    }
    return true;
}

static bool is_final(const struct demo_sight *s)
{
    return s->result[0] != '\0' && strcmp(s->result, "deferred") != 0;
}

/* Looks at every letter that is still under way; true when none is. */
static bool look_around(struct run *r)
{
    bool all_done = true;

    for (size_t i = 0; i < COUNT_OF(letters); i++) {
        struct demo_sight s;

        if (r->is_done[i])
            continue;
        all_done = false;
        if (!demo_watch(r->client, &r->arena, r->ids[i], &s))
            return true;
        if (s.deferrals > 0 && !r->is_woken && letters[i].deferrals > 0) {
            print_row(letters[i].what, letters[i].to, s.demanded, s.found, s.way, "deferred");
            demo_peers_wake(r->world.peers);
            r->is_woken = true;
        }
        if (is_final(&s))
            print_verdict(r, i, &s, s.result);
    }
    arena_reset(&r->arena);
    return all_done;
}

static unsigned count_unfinished(const struct run *r)
{
    unsigned n = 0;

    for (size_t i = 0; i < COUNT_OF(letters); i++)
        n += !r->is_done[i];
    return n;
}

static bool send_all(struct run *r)
{
    print_row("LETTER", "RECIPIENT", "DEMANDED", "FOUND AT THE RECIPIENT'S", "WAY", "RESULT");
    for (size_t i = 0; i < COUNT_OF(letters); i++)
        if (!send_letter(r, i))
            return false;
    for (int64_t end = clock_mono_ms() + OUTCOME_MS; clock_mono_ms() < end && !look_around(r);)
        pause_ms(POLL_MS);
    r->wrong += count_unfinished(r);
    return true;
}

/* -- afterwards ------------------------------------------------------------------------------------------------------------ */

static void print_invitation(const struct demo_world *w)
{
    (void)printf("\nThe gateway stays up; end it with Ctrl-C. Its folder is %s. Try, in another terminal:\n\n"
                 "  swaks --server 127.0.0.1:%d --from me@home.test --to you@bank.test\n"
                 "  swaks --server 127.0.0.1:%d --tls --auth-user demo --auth-password %s \\\n"
                 "        --from me@home.test --to you@good.test\n"
                 "  openssl s_client -starttls smtp -connect 127.0.0.1:%d -CAfile %s </dev/null\n\n"
                 "Recipients live at good.test, verified.test, clear.test, bank.test, clinic.test, expired.test,\n"
                 "strict.test and late.test. And look inside:\n\n"
                 "  export STERNPOST_SOCKET=%s\n"
                 "  build/sternpost status\n"
                 "  build/sternpost policy you@bank.test\n"
                 "  build/sternpost trace ID          (the id is in the answer to your message)\n"
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

static int play(struct run *r, const struct invocation *inv, const sigset_t *signals)
{
    struct fault why;
    int code;
    bool checks = invocation_has(inv, "check");

    if (demo_world_start_peers(&r->world, &why) != OK)
        return complain(EXIT_NEGATIVE, "%s", why.text);
    if (!wait_for_daemon(r))
        return complain(EXIT_NEGATIVE, "the daemon did not come up");
    r->client = client_new(inv, &code);
    if (r->client == NULL || (code = apply_settings(r)) != EXIT_DONE)
        return code;
    (void)printf("sternpost demo: a gateway at 127.0.0.1 and six mail servers around it\n\n");
    if (!send_all(r))
        return EXIT_NEGATIVE;
    if (r->wrong > 0)
        (void)printf("\n%u of %zu letters did not end as they must\n", r->wrong, COUNT_OF(letters));
    else
        (void)printf("\nall %zu letters ended as they must\n", COUNT_OF(letters));
    if (r->wrong > 0 && checks)
        print_log(&r->world);
    if (!checks) {
        print_invitation(&r->world);
        wait_for_signal(signals);
    }
    return r->wrong > 0 ? EXIT_NEGATIVE : EXIT_DONE;
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
    arena_release(&r.arena);
    return code;
}
