/* settings/config.h: the process's configuration file as plain data. What an administrator decides about mail is
 * not here but in the settings (settings/snapshot.h).
 *
 * The file is read strictly: an unknown option, a bad or repeated value, a section left open, or "${NAME}" (nothing
 * comes from the environment) is refused in one line, "FILE:LINE: what is wrong; what to do". Comments begin with '#' or "//". */
#ifndef STERNPOST_SETTINGS_CONFIG_H
#define STERNPOST_SETTINGS_CONFIG_H

#include "base/arena.h"
#include "base/log.h"
#include "net/address.h"
#include "net/resolver.h"
#include "net/tls_server.h"

enum listener_role {
    ROLE_MX,         /* from the internet: our domains only */
    ROLE_SUBMISSION, /* AUTH required */
    ROLE_RELAY,      /* from `networks`, to anywhere */
    ROLE_POLICY_HOST, /* of no listener for mail: policies by HTTPS (struct config_policy_host) */
};
const char *listener_role_name(enum listener_role role);

enum listener_tls { LISTENER_STARTTLS, LISTENER_IMPLICIT, LISTENER_CLEAR };

struct config_listener {
    const char               *name;
    enum listener_role        role;
    const struct net_address *addresses;
    size_t                    addresses_len;
    enum listener_tls         tls;
    struct tls_server_config  tls_config;  /* certificates in the order named; empty when tls is LISTENER_CLEAR */
    const struct net_network *networks;    /* ROLE_RELAY: who may relay */
    size_t                    networks_len;
    const struct net_network *proxy_from;  /* who speaks the PROXY protocol to us */
    size_t                    proxy_from_len;
    bool                      normalizes_newlines;
    bool                      requires_tls; /* 530 5.7.0 to MAIL outside TLS */
};

struct config_limits {
    uint64_t message_bytes;
    unsigned recipients, line_bytes, errors, junk;
    int64_t  idle_ms, session_ms, handshake_ms;
    unsigned connections, connections_per_address; /* per address: an IPv4 address, an IPv6 /64 */
    unsigned received_headers;                     /* 554 5.4.6 beyond: a loop */
    uint64_t min_free_bytes;                       /* 452 4.3.1 while the store's disk has less */
};

struct config_outbound {
    uint16_t           port;                  /* of recipients' MX */
    bool               has_address4, has_address6;
    struct net_address address4, address6;    /* to connect from; port 0 */
    struct slice       helo;                  /* the hostname unless set */
    enum tls_profile   tls_profile;
    const char        *ca_file;               /* NULL: the system's issuers */
    uint16_t           https_port;
    unsigned           connections;                 /* in all, over all workers */
    unsigned           connections_per_destination;
    unsigned           messages_per_connection;
    unsigned           servers_per_attempt, addresses_per_attempt; /* DNS-10 */
    int64_t            connect_ms, handshake_ms, command_ms, end_ms, reuse_ms; /* end: the answer to end of data;
                                                       reuse: how long an idle connection is kept */
    bool               allows_private;        /* MX and policy hosts on loopback and private addresses */
    const int64_t     *retry_s;               /* wait after attempt 1, 2, ...; the last one repeats */
    size_t             retry_len;
};

struct config_queue {
    int64_t  trace_keep_s;   /* traces of finished messages */
    unsigned window;         /* due deliveries in memory */
    unsigned dsn_per_minute; /* DSNs to one address's domain */
};

struct config_reports { /* TLS reports about our domains */
    int64_t keep_s, keep_originals_s;
};

struct config_bridge { /* services for a Postfix beside us (bridge/bridge.h) */
    const char        *socketmap;         /* as written; NULL: not served */
    const char        *socketmap_path;    /* of a unix socket; NULL: see socketmap_address, which is on loopback */
    struct net_address socketmap_address;
    unsigned           socketmap_mode;
    const char        *tlsrpt_socket;     /* path of the datagram socket; NULL: none */
    unsigned           tlsrpt_mode;
    const char        *group;             /* of both sockets' files; NULL: our own */
    bool               asks_in_brackets;  /* "[mx.example.org]" is answered like the domain mx.example.org */
};

struct config_policy_host { /* MTA-STS policies of our domains (domains/policy_host.h) */
    const struct net_address *addresses; /* none: not served */
    size_t                    addresses_len;
    struct tls_server_config  tls_config;
};

struct config_acme { /* certificates from an authority (certs/acme.h, RFC 8555) */
    const struct net_address *addresses; /* of the challenges, by HTTP; none: there is no ACME */
    size_t                    addresses_len;
    const char *directory, *contact, *program; /* URL; mail address, empty: none; uacme */
    const char *folder;                        /* of account, keys and certificates */
    bool        has_agreed;                    /* to the terms of the authority */
};

struct config_dns_update { /* where `domain publish` sends records (RFC 2136) */
    const char *server;      /* as written; NULL: nowhere */
    struct net_address address;
    const char *key_name;    /* of the TSIG key (RFC 8945) */
    const char *secret_file; /* holds its secret in base64, one line */
    const char *algorithm;   /* "hmac-sha256" */
    const char *const *zones; /* that may be changed; none: the zone that holds the name */
    size_t      zones_len;
};

/* Every slice and string lives as long as the config; slices have a NUL behind them. */
struct config {
    struct slice                  hostname;       /* ours: lower case, A-labels */
    const char                   *store;          /* "sqlite:/path" */
    const char                   *control_socket;
    const char                   *user;           /* NULL: stay who we are */
    unsigned                      workers;        /* 0: one for each core */
    enum log_level                log_level;
    enum log_format               log_format;
    const struct config_listener *listeners;
    size_t                        listeners_len;
    struct config_limits          limits;
    struct config_outbound        outbound;
    struct dns_config             resolver;
    bool                          has_admin;
    struct net_address            admin;          /* metrics and health */
    struct config_queue           queue;
    struct config_reports         reports;
    struct config_bridge          bridge;
    struct config_policy_host     policy_host;
    struct config_acme            acme;
    struct config_dns_update      dns_update;
    struct arena                  arena;          /* private */
};

/* ERR_NOT_FOUND or ERR_TEMPORARY when the file cannot be read, ERR_SYNTAX for everything in it; `why` is the one
 * line described above. *out is written only on OK. Certificates and keys are named, not opened. */
MUST_USE enum status config_load(const char *file, struct config **out, struct fault *why);
void config_free(struct config *c);

struct config_kind; /* settings/config_value.h */

/* The options, for `config check`, --help and the manual: in the order of the file. */
struct config_option {
    const char *section;  /* "" for the top, else "listener", "limits", ... */
    const char *name;
    const char *type;     /* "string", "number", "duration", ...; the words of a choice: "starttls|implicit|none" */
    const char *initial;  /* as it would stand in the file; "" when it is empty, must be given or depends: see help */
    const char *help;     /* one sentence */
    bool        is_list, is_required;
    /* Private to config*.c: how it is read, and where it goes in struct config_draft, listener or certificate. */
    const struct config_kind *kind;
    size_t                    offset, also; /* also: a list's length; whether a scalar was set. 0: not wanted */
    uint64_t                  min, max;
};
size_t config_options(const struct config_option **out);

#endif
