/* certs/watch_target.h: what is watched, as the settings and the configuration name it. */
#ifndef STERNPOST_CERTS_WATCH_TARGET_H
#define STERNPOST_CERTS_WATCH_TARGET_H

#include "certs/approach.h"
#include "certs/cert_target.h"
#include "certs/watch_state.h"
#include "settings/config.h"
#include "settings/snapshot.h"

enum watch_lookup {
    WATCH_LOOKUP_NONE, /* the server is named */
    WATCH_LOOKUP_MX,   /* the servers are the MX of `domain` */
    WATCH_LOOKUP_STS,  /* the server counts only if `domain` has an MTA-STS record */
};

struct watch_target {
    struct slice subject; /* "domain example.org", "policy example.org", "host relay", "partner bank.example" */
    enum watch_kind kind;
    enum watch_lookup lookup;
    struct slice domain;
    struct cert_target server; /* unless it is looked up; an MX gets the port of it */
    enum tls_way way;
    struct slice sni;    /* to ask for, when not the server's name; "" */
    const char *ca_file; /* NULL: the system's */
    bool must_be_trusted, allows_private;
};

enum { WATCH_TARGETS_MOST = 2000 };

/* At most WATCH_TARGETS_MOST, our own first. Strings are of the config, the snapshot and `arena`. */
size_t watch_targets(const struct config *config, const struct snapshot *settings, struct arena *arena,
                     const struct watch_target **out);

/* "mx.example.org:25", "127.0.0.1:25/mx.example.org" */
struct slice watch_server_name(const struct cert_target *server, struct slice sni, struct arena *arena);

#endif
