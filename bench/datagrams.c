/* bench/datagrams.c: events of TLS reporting at a steady pace, as libtlsrpt sends them: a socket for each, sendto()
 * that does not wait; what finds the receiver full is lost. One line of JSON at the end. */
#include "wire.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static const char usage[] = "usage: datagrams --to PATH [--rate N] [--seconds S] [--domains N]\n"
                            "  --rate N     a second, evenly (20000)\n"
                            "  --seconds S  (10)\n"
                            "  --domains N  d0.example.test, d1.example.test, ... (100)\n";

enum { PACE_NS = 50 * 1000 }; /* sleeps shorter than this are not worth it */

struct run {
    struct sockaddr_un to;
    double rate, seconds;
    unsigned domains;
    uint64_t sent, lost, failed;
    int failed_errno;
};

static void give(struct run *r, unsigned domain)
{
    char text[700];
    int len =
        snprintf(text, sizeof text,
                 "{\"dpv\": \"1\",\"d\": \"d%u.example.test\",\"pr\": \"v=TLSRPTv1;rua=mailto:tls@d%u.example.test\","
                 "\"policies\":[{\"policy-type\":2,\"policy-string\":[\"version: STSv1\",\"mode: enforce\","
                 "\"mx: mx.example.test\",\"max_age: 604800\"],\"policy-domain\": \"d%u.example.test\","
                 "\"mx-host\":[\"mx.example.test\"],\"t\":1,\"f\":1,\"failure-details\":[{\"c\":202,"
                 "\"s\": \"192.0.2.1\",\"n\": \"mx.example.test\",\"r\": \"198.51.100.7\"}]}]}",
                 domain, domain, domain);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (sendto(fd, text, (size_t)len, MSG_DONTWAIT, (const struct sockaddr *)(const void *)&r->to, sizeof r->to) ==
        len) {
        r->sent++;
    } else if (errno == EAGAIN) {
        r->lost++;
    } else {
        r->failed++;
        r->failed_errno = errno;
    }
    close(fd);
}

static void run(struct run *r)
{
    double started = wire_now();
    uint64_t all = (uint64_t)(r->rate * r->seconds);

    for (uint64_t i = 0; i < all; i++) {
        double early = started + (double)i / r->rate - wire_now();

        if (early * 1e9 > PACE_NS)
            (void)nanosleep(&(struct timespec){ .tv_nsec = (long)(early * 1e9) }, NULL);
        give(r, (unsigned)(i % r->domains));
    }
    r->seconds = wire_now() - started;
}

static const struct option long_options[] = {
    { "to", required_argument, NULL, 't' },
    { "rate", required_argument, NULL, 'r' },
    { "seconds", required_argument, NULL, 's' },
    { "domains", required_argument, NULL, 'd' },
    { NULL, 0, NULL, 0 },
};

int main(int argc, char **argv)
{
    struct run r = { .to = { .sun_family = AF_UNIX }, .rate = 20000, .seconds = 10, .domains = 100 };
    bool has_path = false;
    int option;

    while ((option = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
        switch (option) {
        case 't': has_path = slice_to_cstr(slice_str(optarg), r.to.sun_path, sizeof r.to.sun_path); break;
        case 'r': r.rate = (double)wire_number("--rate", optarg, 1, 1000000); break;
        case 's': r.seconds = (double)wire_number("--seconds", optarg, 1, 3600); break;
        case 'd': r.domains = (unsigned)wire_number("--domains", optarg, 1, 1000000); break;
        default: has_path = false; break;
        }
    }
    if (!has_path || optind < argc) {
        (void)fputs(usage, stderr);
        return 2;
    }
    run(&r);
    (void)printf(
        "{\"sent\": %llu, \"lost\": %llu, \"failed\": %llu, \"errno\": %d, \"seconds\": %.3f, \"cpu_s\": %.3f}\n",
        (unsigned long long)r.sent, (unsigned long long)r.lost, (unsigned long long)r.failed, r.failed_errno,
        r.seconds, wire_cpu());
    return r.lost + r.failed > 0 ? 1 : 0;
}
