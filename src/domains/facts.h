/* domains/facts.h: what the world sees of one mail domain, as plain data. domains/survey.h gathers it,
 * domains/checks.h judges it. */
#ifndef STERNPOST_DOMAINS_FACTS_H
#define STERNPOST_DOMAINS_FACTS_H

#include "certs/judge.h"
#include "certs/probe.h"
#include "domains/caa_lookup.h"
#include "domains/deep_look.h"
#include "domains/name_servers.h"
#include "domains/reverse.h"
#include "net/https.h"
#include "policy/tls_record.h"
#include "policy/tlsa.h"

enum { DOMAIN_SERVERS_MOST = 20, DOMAIN_ZONES_MOST = 5 };

struct txt_facts {     /* the TXT records of one name, strings joined */
    struct slice        name;      /* as asked; "": not asked */
    enum dns_outcome    outcome;
    bool                is_secure;
    const struct slice *records;
    const unsigned     *strings;   /* of how many each record was made */
    size_t              records_len;
    struct slice        canonical; /* what its CNAMEs lead to; "" when it is no alias */
    int64_t             ttl_s;
    const char         *why;       /* DNS_FAILED and DNS_BOGUS, in words; "" */
};

struct judgements { /* of one chain, by those who demand something of it; NULL: not judged */
    const struct judgement *mta_sts, *dane, *opportunistic;
};

struct address_facts {
    struct slice                 ip;      /* "192.0.2.1" */
    bool                         is_ipv6, is_global;
    const struct probe_result   *probe;
    const char                  *text;    /* what went wrong, in words; "" */
    struct judgements            judged;
    const struct deep_facts     *deep;    /* a closer look at its TLS; NULL: there was none */
    const struct reverse_lookup *reverse; /* of a mail server; NULL: not asked */
};

struct server_facts { /* a mail server, or the host of the policy */
    struct slice                name;
    unsigned                    preference;
    const char                 *text;              /* why it has no address, in words; "" */
    enum dns_outcome            outcome;           /* of its addresses */
    bool                        is_secure;         /* they were validated */
    bool                        is_alias;
    struct slice                canonical;         /* what its CNAMEs lead to */
    const struct address_facts *addresses;
    size_t                      addresses_len;
    const char                 *difference;        /* between what its addresses show, in words; "" */
    enum dane_state             dane;
    struct tlsa_set             tlsa;
    int64_t                     tlsa_ttl_s;
    const char                 *dane_text;
    bool                        has_unsigned_tlsa; /* TLSA records that nobody looks at, since they are not validated */
    struct txt_facts            reports;           /* "_smtp._tls.NAME"; asked where there are TLSA records */
    const struct caa_lookup    *caa;               /* asked where it has addresses; else NULL */
};

struct http_facts {
    enum https_outcome outcome;
    int                status;
    bool               is_encoded; /* HTTPS_BROKEN since it came compressed */
    const char        *type; /* Content-Type; "" */
    struct slice       body;
    int64_t            took_ms;
    const char        *why;  /* unless it was answered, in words; "" */
};

enum rua_answer {
    RUA_TAKES,   /* the mailbox is there; the web server answers */
    RUA_REFUSES, /* it says that it will not take it */
    RUA_NOWHERE, /* no server for it, or none that answers as it must */
    RUA_UNCLEAR, /* a temporary refusal, or one that speaks of us rather than of it */
};

struct rua_facts {
    struct tlsrpt_uri uri;
    enum rua_answer   answer;
    const char       *text; /* what was seen, a sentence */
};

struct known_policy { /* one that we remember */
    struct slice id, text; /* text: as a policy file, or what counted of it; "" where it was withdrawn */
    int64_t      since_s;
};

struct told_failure { /* by the reports of others */
    struct slice result, mx; /* "certificate-expired"; mx may be "" */
    uint64_t     sessions;
};

/* What the daemon on this machine remembers of the domain. */
struct history_facts {
    bool                       is_own;   /* a domain of its settings: it made the policies, and takes the reports */
    const struct known_policy *policies; /* the newest first */
    size_t                     policies_len;
    /* Of verified reports that told of the last days; of our own domains. */
    uint64_t                   reports;
    const struct told_failure *failures; /* the most frequent first */
    size_t                     failures_len;
};

struct mx_record {
    struct slice name; /* lower case; "" is the root, of a null MX */
    unsigned     preference;
};

struct domain_facts {
    struct slice               domain;             /* lower case, A-labels */
    int64_t                    now_s;
    bool                       has_dnssec; /* the resolver validates; else nothing is secure, and nothing is known of it */
    bool                       is_internal;        /* addresses that are not public were asked as well: a network of one's own */
    enum dns_outcome           mx_outcome;
    bool                       mx_is_secure;
    const char                *mx_why;             /* DNS_FAILED and DNS_BOGUS, in words; "" */
    const struct mx_record    *mx;                 /* as published; NODATA: none */
    size_t                     mx_len;
    bool                       is_implicit;        /* no MX: the one server is the domain's own address */
    const struct server_facts *servers;            /* host names of `mx`, each once, by preference; at most SERVERS_MOST */
    size_t                     servers_len;
    struct txt_facts           sts, reports, apex; /* _mta-sts.DOMAIN, _smtp._tls.DOMAIN, DOMAIN */
    const struct txt_facts    *strays;             /* wrong places where a record was looked for, and there was TXT */
    size_t                     strays_len;
    struct server_facts        policy_host;        /* mta-sts.DOMAIN; dane is not looked up */
    struct http_facts          policy;
    const struct rua_facts    *ruas;               /* of the usable URIs of a valid record, in their order */
    size_t                     ruas_len;
    bool                       has_wildcard_mx;    /* every name below takes mail */
    const struct zone_facts   *zones[DOMAIN_ZONES_MOST]; /* of the domain and of its servers */
    size_t                     zones_len;
    const struct history_facts *history;           /* NULL: no daemon was asked */
};

#endif
