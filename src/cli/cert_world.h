/* cli/cert_world.h: what looking at other servers needs without a daemon: a loop, a resolver, a prober. */
#ifndef STERNPOST_CLI_CERT_WORLD_H
#define STERNPOST_CLI_CERT_WORLD_H

#include "certs/survey.h"
#include "cli/command.h"

struct config; /* settings/config.h */

struct cert_world {
    struct loop     *loop;
    struct resolver *resolver;
    struct prober   *prober;
    struct config   *config;  /* NULL: there is none */
    bool             has_dnssec; /* the resolver validates: false when the machine's own do not pass DNSSEC on */
    const char      *helo;    /* our name: the configuration's, or the machine's */
    const char      *ca_file; /* --ca, else the configuration's, else NULL */
    struct arena     arena;
};

/* The resolver is the one of the configuration file that -c names, or of the usual file where that can be read; else it
 * asks the machine's own (resolv.conf, hosts), by DNSSEC where they pass it on. EXIT_DONE, or an exit code with the reason
 * printed. */
int cert_world_open(const struct invocation *inv, struct cert_world *w);
void cert_world_close(struct cert_world *w);

/* Fills what is alike for all: names to greet with, addresses to send from, trust. --tls and --for are read: EXIT_DONE, or
 * an exit code with the reason printed. The port is left alone. */
int cert_world_target(const struct invocation *inv, const struct cert_world *w, struct survey_target *out);

#endif
