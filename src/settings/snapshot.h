/* settings/snapshot.h: everything an administrator decided, compiled and immutable. Swapped whole on change. */
#ifndef STERNPOST_SETTINGS_SNAPSHOT_H
#define STERNPOST_SETTINGS_SNAPSHOT_H

#include "policy/decide.h"
#include "policy/mta_sts.h"
#include "store/store.h"

struct host_server {
    struct slice name;   /* host name, or an IP address without brackets */
    uint16_t     port;
    unsigned     weight; /* percent of its group, 0 to 100; a group totals 100 */
};

struct host {
    struct host_demand        demand; /* name, level, version, CA, names */
    const struct host_server *primary, *secondary;
    size_t                    primary_len, secondary_len;
    bool                      looks_up_mx;   /* the one primary is a domain whose MX are used */
    bool                      is_implicit_tls; /* TLS from the first byte, port 465 (RFC 8314) */
    bool                      allows_private;
    struct slice              username, password; /* SMTP AUTH; empty: none. Never logged */
};

struct user {
    struct slice        name;
    struct slice        password_hash; /* Argon2id string of libsodium */
    struct slice        scram;         /* "iterations,salt-base64,StoredKey-base64,ServerKey-base64"; empty: none */
    const struct slice *senders;       /* patterns of addresses it may send as; none: any of our domains */
    size_t              senders_len;
    bool                is_disabled;
};

struct gateway { /* the one setting of its kind */
    enum tls_level      default_level;
    enum alternate_mode alternate_mode;
    struct slice        alternate_host;
    bool                pauses_deliveries;
    struct slice        postmaster;    /* where mail to <postmaster> without a domain goes; empty: refused 450 */
    int64_t             delay_warning_s; /* delayed-delivery DSN after; 0: never */
    int64_t             expire_s;        /* bounce after */
    struct slice        report_from;     /* sender of TLS reports; empty: none are sent */
    struct slice        report_organization, report_contact; /* never empty where report_from is not */
    struct slice        report_dkim_selector, report_dkim_key; /* both or none; the key is a file */
    bool                report_failures_only;
    const struct slice *report_skip;     /* patterns of addresses and domains without reports */
    size_t              report_skip_len;
    unsigned            alert_percent;   /* of failures for TLS; 0: never */
    bool                watches;         /* certificates (certs/watch.h) */
    int64_t             watch_interval_s;
    const unsigned     *watch_days;      /* thresholds, the largest first; at least one */
    size_t              watch_days_len;
    const struct slice *alert_to;        /* whom mails tell of alerts; none: nobody */
    size_t              alert_to_len;
};

/* A domain of others that an outbound rule names, by itself or in a list. */
struct partner {
    struct slice   domain, rule; /* the first rule that does */
    enum tls_level level;        /* that it asks for */
    struct slice   ca_file;      /* empty: the system's issuers */
};

/* A domain of ours and what it publishes. */
struct own_domain {
    struct slice        name;
    bool                hosts_policy; /* the three below count */
    enum sts_mode       sts_mode;
    const struct slice *sts_mx;       /* patterns; none: the servers that DNS names */
    size_t              sts_mx_len;
    int64_t             sts_max_age_s;
    const struct slice *report_to;    /* URIs as they stand in the record */
    size_t              report_to_len;
    struct slice        report_mailbox; /* whose mail is read as reports; empty: there is none */
    bool                forwards_reports;
};

struct certificate_setting { /* a certificate set of ours (certs/keeper.h); slices have a NUL behind them */
    struct slice        name;
    struct slice        chain, key;           /* PEM, or */
    struct slice        chain_file, key_file; /* their files */
    struct slice        ca_file;              /* empty: the system's issuers */
    bool                is_acme, renews_key, is_rsa; /* from an authority (certs/acme.h); chain and key then come from its files */
    const struct slice *names;                /* to serve; none: all that stand in it */
    size_t              names_len;
    const struct slice *nodes;                /* that serve it while it is rolled out; none: a share does everywhere */
    size_t              nodes_len;
    const struct slice *listeners;            /* names or roles; none: all */
    size_t              listeners_len;
    int64_t             valid_from_s, take_over_s, retire_s; /* wall clock; 0, 0 and INT64_MAX: not bound. take_over_s is
                                                                INT64_MAX when the share holds until it is cleared */
    unsigned            share;                /* percent */
};

/* Reference-counted; immutable but for the count. */
struct snapshot;

/* Compiles settings as STORE_SETTINGS_LOAD gives them (`after` of each row); copies everything. This is also the whole
 * validation: ERR_SYNTAX, `why` names kind, name, field and remedy. *out has one reference. */
MUST_USE enum status snapshot_new(const struct setting_row *rows, size_t rows_len, uint64_t version,
                                  struct snapshot **out, struct fault *why);
struct snapshot *snapshot_hold(struct snapshot *s); /* one more reference */
void snapshot_release(struct snapshot *s);
uint64_t snapshot_version(const struct snapshot *s);

/* Which share of failures for TLS is an alert, in percent, of "rule" or "domain" of that name: its own, else the gateway's. */
unsigned snapshot_alert_percent(const struct snapshot *s, const char *kind, struct slice name);

const struct gateway *snapshot_gateway(const struct snapshot *s);
const struct rule_set *snapshot_rules(const struct snapshot *s);
/* Is the (lower-case, A-label) domain exactly one of ours? No subdomain is. */
bool snapshot_is_our_domain(const struct snapshot *s, struct slice domain);
const struct own_domain *snapshot_own_domain(const struct snapshot *s, struct slice domain); /* NULL: not ours */
size_t snapshot_own_domains(const struct snapshot *s, const struct own_domain *const **out);  /* by name */
const struct host *snapshot_host(const struct snapshot *s, struct slice name); /* NULL: no such host */
size_t snapshot_hosts(const struct snapshot *s, const struct host *const **out); /* by name */
size_t snapshot_partners(const struct snapshot *s, const struct partner **out); /* each domain once, never one of ours */
/* The host for a recipient domain: the route of that name, else of the longest ".parent", else "*".
 * NULL: by MX. *route is the route's name. */
const struct host *snapshot_route(const struct snapshot *s, struct slice domain, struct slice *route);
const struct certificate_setting *snapshot_certificates(const struct snapshot *s, size_t *len); /* by name */
const struct user *snapshot_user(const struct snapshot *s, struct slice name); /* NULL: no such user */

#endif
