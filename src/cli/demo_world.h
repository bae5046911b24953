/* cli/demo_world.h: the small mail world of the demo: a folder of its own with a certificate authority, the daemon's
 * configuration and its settings; DNS, a policy host and mail servers on loopback. */
#ifndef STERNPOST_CLI_DEMO_WORLD_H
#define STERNPOST_CLI_DEMO_WORLD_H

#include "base/arena.h"
#include "cli/demo_dns.h"
#include "cli/demo_peer.h"
#include "cli/demo_place.h"
#include "cli/demo_policy_host.h"

struct demo_world {
    struct arena       arena;
    const char        *folder;   /* removed by demo_world_release() */
    const char        *config_file, *socket, *log_file, *ca_file;
    struct slice       settings; /* a document for `settings apply` */
    const char        *password; /* of the user "demo" */
    struct demo_peers *peers;
    struct demo_dns   *dns;
    struct demo_policy_host *policy_host;
};

/* Makes the folder and all files in it. */
MUST_USE enum status demo_world_init(struct demo_world *w, struct fault *why);
/* Starts all servers, each on a thread of its own. What forks, forks before. */
MUST_USE enum status demo_world_start(struct demo_world *w, struct fault *why);
void demo_world_release(struct demo_world *w);

#endif
