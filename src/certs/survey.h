/* certs/survey.h: all that is to be seen of one server by name: its addresses, IPv6 and IPv4, its TLSA records, a probe of
 * each address, a judgement of each chain, and where the addresses differ. */
#ifndef STERNPOST_CERTS_SURVEY_H
#define STERNPOST_CERTS_SURVEY_H

#include "certs/judge.h"
#include "certs/pace.h"
#include "certs/probe.h"
#include "certs/cert_target.h"
#include "discovery/dane.h"

struct survey_target { /* strings are copied, but for ca_file and from, which are borrowed until done */
    struct cert_target        server;
    enum tls_way              way;
    struct slice              sni;  /* another name to ask for and to judge by than the server's; "": the server's, or under DANE
                        * the one its records stand at */
    struct slice              helo;
    const struct net_address *from4, *from6; /* to connect from; NULL: any */
    const char               *ca_file; /* NULL: the system's */
    bool                      has_how;
    enum judge_how            how;     /* unless has_how: DANE where there are usable TLSA records, else WebPKI */
    bool                      has_few_questions; /* no second connection, no EHLO inside, no OCSP staple */
    bool                      wants_one; /* addresses are tried in turn until one shows a certificate */
    struct pace              *pace;      /* asked before each connection; NULL: nobody is */
    bool                      asks_inside;       /* with has_few_questions: EHLO inside all the same */
    bool                      only_global;       /* not with wants_one: other addresses are told of, not asked (STS-22) */
    int64_t                   timeout_ms; /* of each step; 0: 30 s */
    int64_t                   now_s;      /* to judge at; 0: now */
    bool                      has_global_only; /* addresses that are not global unicast are not called upon */
};

struct survey_address {
    struct net_address         address;
    const struct probe_result *probe;
    bool                       is_judged; /* false: there was no handshake, or the chain cannot be read: see `text` */
    struct judgement           judgement;
    const char                *text;      /* what went wrong, in words; "" */
};

struct survey {
    void (*done)(struct survey *s); /* set by the caller; runs from the loop, never inside survey_start(), and may
                                     * release */
    /* Results; live until survey_release(). */
    struct survey_target         target;
    struct slice                 name;       /* which the certificates were judged for; "" for an address */
    const char                  *text;       /* why there are no addresses, in words; "" */
    enum dane_state              dane_state; /* DANE_UNKNOWN: not asked, since it is no mail server or has no name */
    struct tlsa_set              tlsa;
    const char                  *dane_text;
    enum judge_how               how;        /* what was judged by */
    const struct survey_address *addresses;  /* those that were tried */
    size_t                       addresses_len;
    const char                  *difference; /* between certificates of its addresses, in words; "" */
    /* private */
    struct loop          *loop;
    struct resolver      *resolver;
    struct prober        *prober;
    struct arena          arena;
    struct address_lookup lookup;
    struct dane_lookup    dane;
    struct survey_probe  *probes;
    size_t                open;
};

/* `resolver` and `prober` are of the same loop and outlive the survey. */
void survey_start(struct survey *s, struct loop *loop, struct resolver *resolver, struct prober *prober,
                  const struct survey_target *target);
/* Ends it when under way, and frees. Zeroed is fine. */
void survey_release(struct survey *s);

/* Whether a chain was had from at least one address; whether the gravest finding, or an address that failed, is an error. */
bool survey_has_certificate(const struct survey *s);
bool survey_is_good(const struct survey *s);

/* Servers of one domain whose certificates are for each other's names should show the same: one sentence, in `arena`,
 * for the first two that do not; "" when there is none. */
struct slice survey_difference(const struct survey *const *all, size_t len, struct arena *arena);

#endif
