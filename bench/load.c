/* bench/load.c: the load generator. Many SMTP clients in one thread, one line of JSON at the end. */
#include "load_session.h"

#include "base/memory.h"

#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS = 256, SESSIONS_MAX = 50000 };
#define MESSAGES_MAX 100000000u

static const char usage[] =
    "usage: load --to 127.0.0.1:2525 [options]\n"
    "  --sessions N        clients at a time (20)\n"
    "  --messages N        to send in all (1000)\n"
    "  --per-connection K  messages on each connection (1)\n"
    "  --size BYTES        of each message (4096)\n"
    "  --domains N         recipients' domains d0.example, d1.example, ... (1)\n"
    "  --rate R            messages a second; without it as fast as they are taken\n"
    "  --starttls          a fresh TLS session on every connection\n"
    "  --hold S            open the sessions, say \"holding N\", hold them for S seconds, send nothing\n"
    "  --opening N         connections being opened at a time when the run starts (100)\n"
    "  --sources N         connect from 127.0.0.1 to 127.0.0.N (1)\n"
    "  --run NAME          ids are NAME.0, NAME.1, ... in " LETTER_ID_HEADER " (run)\n"
    "  --record FILE       the ids that were accepted, one a line\n"
    "  --stall S           end when no message was accepted for S seconds\n"
    "  --seconds S         end after that long whatever happens (600)\n";

struct run {
    struct load load;
    unsigned sessions_len, started, opening_max;
    double hold_s, stall_s, limit_s, held_until;
    struct load_session *sessions;
};

static volatile sig_atomic_t is_stopped;

static void on_signal(int sig)
{
    (void)sig;
    is_stopped = 1;
}

static const struct option long_options[] = {
    { "to", required_argument, NULL, 't' },
    { "sessions", required_argument, NULL, 's' },
    { "messages", required_argument, NULL, 'm' },
    { "per-connection", required_argument, NULL, 'k' },
    { "size", required_argument, NULL, 'b' },
    { "domains", required_argument, NULL, 'd' },
    { "rate", required_argument, NULL, 'r' },
    { "starttls", no_argument, NULL, 'T' },
    { "hold", required_argument, NULL, 'h' },
    { "sources", required_argument, NULL, 'S' },
    { "opening", required_argument, NULL, 'o' },
    { "run", required_argument, NULL, 'n' },
    { "record", required_argument, NULL, 'R' },
    { "stall", required_argument, NULL, 'z' },
    { "seconds", required_argument, NULL, 'x' },
    { "help", no_argument, NULL, '?' },
    { NULL, 0, NULL, 0 },
};

static FILE *open_record(const char *file)
{
    FILE *f = fopen(file, "we");

    if (f == NULL) {
        perror(file);
        exit(2);
    }
    return f;
}

static void set_option(struct run *r, int option)
{
    struct load *l = &r->load;

    switch (option) {
    case 't': l->to = wire_address(optarg); break;
    case 's': r->sessions_len = (unsigned)wire_number("--sessions", optarg, 1, SESSIONS_MAX); break;
    case 'm': l->messages = wire_number("--messages", optarg, 1, MESSAGES_MAX); break;
    case 'k': l->per_connection = (unsigned)wire_number("--per-connection", optarg, 1, MESSAGES_MAX); break;
    case 'b': l->size = wire_number("--size", optarg, 0, 1u << 30); break;
    case 'd': l->domains = (unsigned)wire_number("--domains", optarg, 1, MESSAGES_MAX); break;
    case 'r': l->rate = (double)wire_number("--rate", optarg, 1, MESSAGES_MAX); break;
    case 'T': l->tls = wire_tls_context(NULL, NULL); break;
    case 'h': r->hold_s = (double)wire_number("--hold", optarg, 1, 3600); break;
    case 'S': l->sources = (unsigned)wire_number("--sources", optarg, 1, 250); break;
    case 'o': r->opening_max = (unsigned)wire_number("--opening", optarg, 1, SESSIONS_MAX); break;
    case 'n': l->run = optarg; break;
    case 'R': l->record = open_record(optarg); break;
    case 'z': r->stall_s = (double)wire_number("--stall", optarg, 1, 86400); break;
    case 'x': r->limit_s = (double)wire_number("--seconds", optarg, 1, 86400); break;
    default: (void)fputs(usage, stderr); exit(2);
    }
}

static void read_options(struct run *r, int argc, char **argv)
{
    int option;

    r->load =
        (struct load){ .sources = 1, .per_connection = 1, .domains = 1, .messages = 1000, .size = 4096, .run = "run" };
    r->sessions_len = 20;
    r->opening_max = 100;
    r->limit_s = 600;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) >= 0)
        set_option(r, option);
    if (r->load.to.sin_port == 0 || optind < argc) {
        (void)fputs(usage, stderr);
        exit(2);
    }
    r->load.holds = r->hold_s > 0;
    if (!r->load.holds && r->sessions_len > r->load.messages)
        r->sessions_len = (unsigned)r->load.messages;
}

/* A few at a time, so that no listen queue overflows. */
static void start_sessions(struct run *r)
{
    while (r->started < r->sessions_len && r->load.opening < r->opening_max) {
        r->load.running++;
        load_session_next(&r->sessions[r->started++]);
    }
}

static void wake_waiting(struct run *r)
{
    double now = wire_now();

    for (unsigned i = 0; i < r->started && r->load.waiting > 0; i++) {
        struct load_session *s = &r->sessions[i];

        if (s->due == 0 || s->due > now)
            continue;
        s->due = 0;
        r->load.waiting--;
        load_session_next(s);
    }
}

static void note_held(struct run *r)
{
    if (!r->load.holds || r->held_until > 0 || r->load.held < r->sessions_len)
        return;
    (void)printf("holding %u\n", r->sessions_len);
    (void)fflush(stdout);
    r->held_until = wire_now() + r->hold_s;
}

static bool is_over(const struct run *r)
{
    double now = wire_now();

    if (r->stall_s > 0 && now - (r->load.accepted > 0 ? r->load.ended : r->load.started) > r->stall_s)
        return true;
    if (is_stopped || now - r->load.started > r->limit_s)
        return true;
    return r->load.holds ? r->held_until > 0 && now > r->held_until : r->load.running == 0;
}

static void serve(struct run *r)
{
    struct epoll_event events[EVENTS];

    r->load.started = wire_now();
    start_sessions(r);
    while (!is_over(r)) {
        int n = epoll_wait(r->load.epoll_fd, events, EVENTS, r->load.waiting > 0 ? 1 : 100);

        for (int i = 0; i < n; i++)
            load_session_event(events[i].data.ptr);
        wake_waiting(r);
        start_sessions(r);
        note_held(r);
    }
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static double quantile_ms(const struct load *l, double share)
{
    return l->accepted == 0 ? 0 : l->latency_us[(uint64_t)((double)(l->accepted - 1) * share)] / 1000.0;
}

static void report(struct load *l)
{
    double seconds = l->ended > l->started ? l->ended - l->started : wire_now() - l->started;

    qsort(l->latency_us, l->accepted, sizeof *l->latency_us, by_size);
    (void)printf("{\"accepted\": %llu, \"refused\": %llu, \"broken\": %llu, \"begun\": %llu, \"connections\": %llu, "
                 "\"handshakes\": %llu, \"held\": %llu, ",
                 (unsigned long long)l->accepted, (unsigned long long)l->refused, (unsigned long long)l->broken,
                 (unsigned long long)l->begun, (unsigned long long)l->connections, (unsigned long long)l->handshakes,
                 (unsigned long long)l->held);
    (void)printf("\"started_s\": %.6f, \"seconds\": %.6f, \"per_second\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, "
                 "\"max_ms\": %.3f, \"cpu_s\": %.3f, \"first_refusal\": \"",
                 l->started, seconds, (double)l->accepted / seconds, quantile_ms(l, 0.5), quantile_ms(l, 0.99),
                 quantile_ms(l, 1), wire_cpu());
    for (const char *at = l->first_refusal; *at != '\0'; at++)
        (void)fprintf(stdout, *at == '"' || *at == '\\' ? "\\%c" : "%c", *at);
    (void)printf("\"}\n");
}

int main(int argc, char **argv)
{
    static struct run r;
    bool failed;

    read_options(&r, argc, argv);
    wire_raise_files();
    (void)signal(SIGTERM, on_signal);
    (void)signal(SIGINT, on_signal);
    r.load.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    r.load.latency_us = mem_new(r.load.messages, sizeof *r.load.latency_us);
    r.sessions = mem_new(r.sessions_len, sizeof *r.sessions);
    for (unsigned i = 0; i < r.sessions_len; i++) {
        r.sessions[i].load = &r.load;
        r.sessions[i].index = i;
        r.sessions[i].wire.fd = -1;
    }
    serve(&r);
    report(&r.load);
    failed = r.load.holds ? r.load.held < r.sessions_len : r.load.accepted < r.load.messages;
    for (unsigned i = 0; i < r.sessions_len; i++)
        wire_close(&r.sessions[i].wire);
    SSL_CTX_free(r.load.tls);
    if (r.load.record != NULL && fclose(r.load.record) != 0)
        return 1;
    free(r.sessions);
    free(r.load.latency_us);
    close(r.load.epoll_fd);
    return failed ? 1 : 0;
}
