/* bench/sink.c: the server at the end of the line. Takes mail, counts it, and can be slow, rude or forgetful. */
#include "sink_session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS = 256, ACCEPTS = 64, BACKLOG = 4096, TICK_MS = 100 };
#define LINGER_S 0.3 /* after the expected messages: the senders' QUITs */

static const char usage[] =
    "usage: sink [--listen 127.0.0.1:0] [options]\n"
    "  --expect N          end after N messages\n"
    "  --seconds S         end after that long whatever happens (600)\n"
    "  --certificate FILE  offer STARTTLS, with --key FILE\n"
    "  --key FILE\n"
    "  --no-pipelining     do not offer it\n"
    "  --answer STAGE=TEXT another answer: --answer 'rcpt=450 4.2.0 busy'; 'end=drop' hangs up\n"
    "  --delay STAGE=MS    answer later\n"
    "  --every STAGE=N     answer or delay only each Nth time\n"
    "  --record FILE       a line \"ID RECIPIENT\" for each message taken, before it is answered\n"
    "  --id-header NAME    the header that holds the id (X-Bench-Id)\n"
    "stages: greeting ehlo starttls mail rcpt data end quit\n"
    "Says \"listening 127.0.0.1:PORT\" first and one line of JSON last.\n";

static const char *const stages[SINK_STAGES] = {
    [AT_GREETING] = "greeting", [AT_EHLO] = "ehlo", [AT_STARTTLS] = "starttls", [AT_MAIL] = "mail",
    [AT_RCPT] = "rcpt",         [AT_DATA] = "data", [AT_END] = "end",           [AT_QUIT] = "quit",
};

struct run {
    struct sink sink;
    struct sockaddr_in address;
    int listener;
    uint64_t expect;
    double limit_s, started, over_at;
    const char *certificate, *key;
    char header[64];
};

static volatile sig_atomic_t is_stopped;

static void on_signal(int sig)
{
    (void)sig;
    is_stopped = 1;
}

static const struct option long_options[] = {
    { "listen", required_argument, NULL, 'l' },
    { "expect", required_argument, NULL, 'm' },
    { "seconds", required_argument, NULL, 'x' },
    { "certificate", required_argument, NULL, 'c' },
    { "key", required_argument, NULL, 'k' },
    { "no-pipelining", no_argument, NULL, 'P' },
    { "answer", required_argument, NULL, 'a' },
    { "delay", required_argument, NULL, 'd' },
    { "every", required_argument, NULL, 'e' },
    { "record", required_argument, NULL, 'R' },
    { "id-header", required_argument, NULL, 'h' },
    { "help", no_argument, NULL, '?' },
    { NULL, 0, NULL, 0 },
};

static void fail_usage(void)
{
    (void)fputs(usage, stderr);
    exit(2);
}

/* The answer that "STAGE=VALUE" is about; *value is what stands behind the '='. */
static struct sink_answer *find_answer(struct sink *k, const char *text, const char **value)
{
    struct slice rest, stage = slice_cut(slice_str(text), '=', &rest);

    for (size_t i = 0; i < SINK_STAGES; i++) {
        if (stages[i] != NULL && slice_eq(stage, slice_str(stages[i])) && rest.len > 0) {
            *value = rest.ptr;
            return &k->answers[i];
        }
    }
    fail_usage();
    return NULL;
}

static void change_answer(struct sink *k, int option)
{
    const char *value;
    struct sink_answer *a = find_answer(k, optarg, &value);

    if (option == 'a')
        a->text = value;
    else if (option == 'd')
        a->delay_s = (double)wire_number("--delay", value, 1, 3600000) / 1000;
    else
        a->every = wire_number("--every", value, 1, UINT32_MAX);
}

static int open_record(const char *file)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

    if (fd < 0) {
        perror(file);
        exit(2);
    }
    return fd;
}

static void set_option(struct run *r, int option)
{
    switch (option) {
    case 'l': r->address = wire_address(optarg); break;
    case 'm': r->expect = wire_number("--expect", optarg, 1, UINT32_MAX); break;
    case 'x': r->limit_s = (double)wire_number("--seconds", optarg, 1, 86400); break;
    case 'c': r->certificate = optarg; break;
    case 'k': r->key = optarg; break;
    case 'P': r->sink.hides_pipelining = true; break;
    case 'R': r->sink.record_fd = open_record(optarg); break;
    case 'h': (void)snprintf(r->header, sizeof r->header, "%.60s:", optarg); break;
    case 'a':
    case 'd':
    case 'e': change_answer(&r->sink, option); break;
    default: fail_usage();
    }
}

static void read_options(struct run *r, int argc, char **argv)
{
    int option;

    r->address = wire_address("127.0.0.1:0");
    r->limit_s = 600;
    r->sink.record_fd = -1;
    (void)snprintf(r->header, sizeof r->header, "X-Bench-Id:");
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) >= 0)
        set_option(r, option);
    if (optind < argc || (r->certificate == NULL) != (r->key == NULL))
        fail_usage();
    r->sink.id_header = slice_str(r->header);
    if (r->certificate != NULL)
        r->sink.tls = wire_tls_context(r->certificate, r->key);
}

static void listen_on(struct run *r)
{
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };
    socklen_t len = sizeof r->address;
    char ip[INET_ADDRSTRLEN];

    r->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)setsockopt(r->listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    if (bind(r->listener, (struct sockaddr *)&r->address, sizeof r->address) != 0 ||
        listen(r->listener, BACKLOG) != 0 || getsockname(r->listener, (struct sockaddr *)&r->address, &len) != 0 ||
        epoll_ctl(r->sink.epoll_fd, EPOLL_CTL_ADD, r->listener, &ev) != 0) {
        perror("cannot listen");
        exit(1);
    }
    (void)printf("listening %s:%u\n", inet_ntop(AF_INET, &r->address.sin_addr, ip, sizeof ip),
                 ntohs(r->address.sin_port));
    (void)fflush(stdout);
}

static void accept_some(struct run *r)
{
    for (int i = 0; i < ACCEPTS; i++) {
        int fd = accept4(r->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0)
            return;
        sink_session_new(&r->sink, fd);
    }
}

static bool is_over(struct run *r)
{
    double now = wire_now();

    if (r->expect > 0 && r->over_at == 0 && r->sink.messages >= r->expect)
        r->over_at = now + LINGER_S;
    if (r->over_at > 0 && (now > r->over_at || r->sink.open == 0))
        return true;
    return is_stopped || now - r->started > r->limit_s;
}

static void serve(struct run *r)
{
    struct epoll_event events[EVENTS];

    r->started = wire_now();
    while (!is_over(r)) {
        int wait_ms = r->sink.delayed == NULL ? TICK_MS : sink_session_give_due(&r->sink, TICK_MS);
        int n = epoll_wait(r->sink.epoll_fd, events, EVENTS, wait_ms);

        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL)
                accept_some(r);
            else
                sink_session_event(events[i].data.ptr);
        }
    }
}

static void report(const struct sink *k)
{
    size_t seconds = k->messages == 0 ? 0 : (size_t)(k->last - k->first) + 1;

    (void)printf("{\"messages\": %llu, \"recipients\": %llu, \"bytes\": %llu, \"refused\": %llu, \"damaged\": %llu, "
                 "\"connections\": %llu, \"open_peak\": %llu, \"handshakes\": %llu, ",
                 (unsigned long long)k->messages, (unsigned long long)k->recipients, (unsigned long long)k->bytes,
                 (unsigned long long)k->refused, (unsigned long long)k->damaged, (unsigned long long)k->connections,
                 (unsigned long long)k->open_peak, (unsigned long long)k->handshakes);
    (void)printf("\"first_s\": %.6f, \"last_s\": %.6f, \"cpu_s\": %.3f, \"per_second\": [", k->first, k->last,
                 wire_cpu());
    for (size_t i = 0; i < seconds && i < SINK_SECONDS; i++)
        (void)printf("%s%u", i == 0 ? "" : ", ", k->per_second[i]);
    (void)printf("]}\n");
}

int main(int argc, char **argv)
{
    static struct run r;

    read_options(&r, argc, argv);
    wire_raise_files();
    (void)signal(SIGTERM, on_signal);
    (void)signal(SIGINT, on_signal);
    r.sink.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    listen_on(&r);
    serve(&r);
    report(&r.sink);
    sink_session_free_all(&r.sink);
    close(r.listener);
    close(r.sink.epoll_fd);
    SSL_CTX_free(r.sink.tls);
    return r.expect > 0 && r.sink.messages < r.expect ? 1 : 0;
}
