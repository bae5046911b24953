/* cli/demo_world.h: the small mail world of the demo: a folder of its own with a certificate authority, the daemon's
 * configuration and its settings, and the recipient servers on loopback. */
#ifndef STERNPOST_CLI_DEMO_WORLD_H
#define STERNPOST_CLI_DEMO_WORLD_H

#include "base/arena.h"
#include "cli/demo_peer.h"

enum { DEMO_MX_PORT = 2525, DEMO_SUBMISSION_PORT = 2587, DEMO_RELAY_PORT = 2526, DEMO_PEER_PORT = 2600,
       DEMO_ADMIN_PORT = 8026 };

struct demo_world {
    struct arena       arena;
    const char        *folder;   /* removed by demo_world_release() */
    const char        *config_file, *socket, *log_file, *ca_file;
    struct slice       settings; /* a document for `settings apply` */
    const char        *password; /* of the user "demo" */
    struct demo_peers *peers;
};

/* Makes the folder and all files in it. */
MUST_USE enum status demo_world_init(struct demo_world *w, struct fault *why);
/* Starts the recipient servers; from here on the process has a second thread. */
MUST_USE enum status demo_world_start_peers(struct demo_world *w, struct fault *why);
void demo_world_release(struct demo_world *w);

#endif
