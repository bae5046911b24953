/* domains/own_record.h: what must be in DNS for a domain of ours, in the order in which to publish it (M3), and what
 * to think of what is there. Pure. */
#ifndef STERNPOST_DOMAINS_OWN_RECORD_H
#define STERNPOST_DOMAINS_OWN_RECORD_H

#include "domains/policy_keeper.h"
#include "net/address.h"

enum { OWN_RECORDS_MOST = 24, OWN_RECORD_TTL_S = 3600 };

struct own_record {
    struct slice owner; /* without a dot at its end */
    enum dns_type type;
    struct slice value; /* as dns_record.bytes; empty: any is good, for we do not know which it must be */
    struct slice
        marker;   /* what begins so at this owner is to be this one alone (TXT); empty: it stands beside others */
    bool is_gone; /* it was ours, and must not be there any more; other values beside it are none of ours */
    bool is_sent; /* `domain publish` sends it; else `note` says why it is not */
    struct slice note;
};

/* What a domain's records are made of. */
struct own_facts {
    const struct own_domain *domain;
    const struct own_policy *policy; /* NULL: none is hosted */
    const struct own_policy *last;   /* where none is hosted: the one that was; NULL: there never was one */
    const struct net_address
        *addresses; /* of the policy host; those that are no global unicast address are left out */
    size_t addresses_len;
    struct slice server;      /* our own name, when the domain's MX have it; empty: they do not */
    const struct slice *tlsa; /* of the certificates served under that name, RDATA */
    size_t tlsa_len;
    const struct slice *tlsa_gone; /* RDATA of records that stand for what was served once, and can go */
    size_t tlsa_gone_len;
    bool is_signed; /* DNSSEC holds for the domain's MX */
};

/* TLS reporting first, then the policy host's address, the policy's id, TLSA. Lives in `arena`. */
size_t own_records_list(const struct own_facts *f, struct arena *arena,
                        struct own_record out[static OWN_RECORDS_MOST]);

enum own_record_state {
    OWN_RECORD_OK,
    OWN_RECORD_MISSING,
    OWN_RECORD_STALE,   /* it must not be there */
    OWN_RECORD_DIFFERS, /* another value, or one too many of its marker */
    OWN_RECORD_WAITS,   /* every server shows it, but who asked before may still have the old one */
    OWN_RECORD_UNKNOWN, /* no server said anything */
};
const char *own_record_state_name(enum own_record_state s); /* "ok", "missing", "stale", "differs", "wait", "unknown" */

/* Against one answer: never OWN_RECORD_WAITS. */
enum own_record_state own_record_judge(const struct own_record *r, const struct dns_answer *seen);

const char *own_record_type_name(enum dns_type type); /* "TXT" */
/* Its value as in a zone file: TXT in quotes, in pieces of 255 bytes; "3 1 1 HEX"; an address. */
struct slice own_record_value_text(enum dns_type type, struct slice value, struct arena *arena);
/* A line of a zone file, with an absolute name; a comment when the value is not known, or must go. */
struct slice own_record_line(const struct own_record *r, struct arena *arena);

/* A record that was seen, as on the wire. */
struct slice own_record_rdata(const struct dns_record *seen);

/* What an update must do so that the record is there: RDATA as on the wire. */
struct own_record_change {
    const struct slice *remove; /* of its marker, at its owner */
    size_t remove_len;
    struct slice add; /* empty: it is there */
    int64_t ttl_s;    /* that of what is there, else OWN_RECORD_TTL_S */
};
/* `seen` is what the server that takes the update says of owner and type. */
void own_record_plan(const struct own_record *r, const struct dns_answer *seen, struct arena *arena,
                     struct own_record_change *out);

#endif
