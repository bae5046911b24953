/* cli/demo_place.h: who lives in the demo's mail world, and where: mail servers, recipient domains, what these publish. */
#ifndef STERNPOST_CLI_DEMO_PLACE_H
#define STERNPOST_CLI_DEMO_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DEMO_MX_PORT = 2525, DEMO_SUBMISSION_PORT = 2587, DEMO_RELAY_PORT = 2526, DEMO_PEER_PORT = 2600,
       DEMO_HTTPS_PORT = 2643, DEMO_ADMIN_PORT = 8026 };

#define DEMO_SIGNED_ZONE "dane.test"      /* all names in and below it have DNSSEC, */
#define DEMO_OPEN_ZONE   "test"           /* the others have not */
#define DEMO_POLICY_IP   "127.0.0.20"     /* where the policies of MTA-STS are served, at DEMO_HTTPS_PORT */

enum demo_certificate {
    DEMO_NONE,        /* no TLS at all */
    DEMO_GOOD,
    DEMO_EXPIRED,
    DEMO_MISNAMED,    /* for another name */
    DEMO_SELF_SIGNED,
};

struct demo_server {
    const char            *name, *ip;
    enum demo_certificate  certificate;
    const char            *tlsa_of;           /* the server whose key its TLSA record names; NULL: it has none */
    bool                   is_late;           /* does not answer at first */
    bool                   offers_requiretls;
};

struct demo_domain {
    const char *name, *mx;
    const char *policy; /* mode of its MTA-STS policy, which allows that one server; NULL: none */
};

size_t demo_servers(const struct demo_server **out);
size_t demo_domains(const struct demo_domain **out);

#endif
