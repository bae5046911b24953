/* domains/plan.h: the way of a domain of ours to MTA-STS in enforce, and back, in safe stages (RFC 8461
 * sections 3.2, 5.1 and 8; M1, M3, M12, M13): where it is, and, from what was seen, what to do next and why. Pure:
 * facts in, one step out. Looking and doing is domains/plan_keeper.h. */
#ifndef STERNPOST_DOMAINS_PLAN_H
#define STERNPOST_DOMAINS_PLAN_H

#include "domains/own_record.h"
#include "policy/mta_sts.h"

#include <jansson.h>

enum plan_stage {
    PLAN_REPORTS,  /* reports are wanted, their addresses take them, DNS shows the record */
    PLAN_SERVERS,  /* every mail server is what a policy demands */
    PLAN_TESTING,  /* the policy is served in testing, then DNS shows its id */
    PLAN_EVIDENCE, /* for a set time nothing speaks against enforce */
    PLAN_ENFORCE,  /* the policy is served in enforce, then DNS shows its id */
    PLAN_REVOKE,   /* the policy is served with mode none, then DNS shows its id */
    PLAN_FADE,     /* senders forget the policy that was before */
    PLAN_REMOVE,   /* record and policy are gone */
    PLAN_DONE,
};
const char *plan_stage_name(enum plan_stage s); /* "evidence" */
const char *plan_stage_aim(enum plan_stage s);  /* "the policy is served in testing, and DNS shows its id" */

enum { PLAN_EVIDENCE_S = 14 * 86400 };

struct plan {
    struct slice domain, who; /* of ours; who began it */
    enum sts_mode goal;       /* NONE: no MTA-STS any more */
    enum plan_stage stage;
    bool is_auto;             /* goes on by itself */
    bool is_agreed;           /* an administrator agreed to the change of this stage */
    bool is_leaving;          /* the policy before was stricter than the goal */
    int64_t evidence_s;       /* how long nothing may speak against enforce */
    int64_t begun_s, stage_s; /* since when; wall clock, as all times here */
    int64_t clean_s;          /* EVIDENCE: nothing spoke against it since */
    int64_t old_age_s;        /* max_age of the policy before; 0: there was none */
    int64_t fades_s;          /* FADE: when the last sender has forgotten it; others before it may last longer, see plan_facts */
};

struct plan_failures { /* of received TLS reports of the evidence's time */
    uint64_t reports, sessions, failed;
    struct slice worst; /* the most frequent failure, in words; "" */
};

/* What was seen by one look. Text is printable, "" when there is nothing to say. */
struct plan_facts {
    int64_t now_s;
    bool can_send;               /* dynamic updates reach the zone */
    bool wants_reports;          /* the settings name addresses */
    struct slice report_trouble; /* which of them does not take reports, and why */
    enum own_record_state report_record, host_record, sts_record;
    struct slice record_lines; /* of those that are not as they must be, as in a zone file */
    int64_t wait_s;            /* until resolvers forget what was there before; 0 */
    bool hosts_policy;         /* in the settings; the mode counts then alone */
    enum sts_mode mode;
    struct slice policy_trouble; /* why no policy of ours could be made from the settings */
    struct slice served_trouble; /* why the world does not get it as it is; "": it does */
    struct slice server_trouble; /* why senders that obey a policy would not deliver */
    bool knows_servers;          /* false: our side or theirs could not be asked */
    struct plan_failures failures;
    int64_t kept_until_s; /* how long senders may keep to one of the policies before the one of now; 0: to none */
};

enum plan_verb {
    PLAN_NEXT,    /* the stage is over: plan_enter() the next one */
    PLAN_SET,     /* give the settings this mode */
    PLAN_DROP,    /* take the policy out of the settings */
    PLAN_SEND,    /* send the records, all but the policy's id */
    PLAN_SEND_ID, /* send all records */
    PLAN_WAIT,    /* for what the text says; look again */
    PLAN_ASK,     /* an administrator's word is needed: the text says for what */
    PLAN_STOP,    /* something speaks against it; the text says what, and what to do */
};
const char *plan_verb_name(enum plan_verb v); /* "wait": for WAIT, ASK ("confirm"), STOP ("stopped") and the others */

struct plan_step {
    enum plan_verb verb;
    enum sts_mode mode; /* SET */
    int64_t until_s;    /* WAIT: when it will be over, as far as it can be told; 0 */
    struct slice text;  /* a sentence or two */
};

/* A new plan at its first stage. `settings` is the domain as it is. */
void plan_begin(struct plan *p, struct slice domain, enum sts_mode goal, const struct own_domain *settings,
                int64_t now_s);
/* What to do. Text lives in `arena`. */
void plan_step(const struct plan *p, const struct plan_facts *f, struct arena *arena, struct plan_step *out);
/* What a look changes by itself: evidence that begins anew. True: to be kept. */
bool plan_observe(struct plan *p, const struct plan_facts *f);
void plan_enter_next(struct plan *p, int64_t now_s); /* the stage behind this one */
/* The administrator's word: agreed to the change; where reports spoke against it, that they are dealt with, and
 * evidence is gathered from now on. */
void plan_agree(struct plan *p, const struct plan_failures *seen, int64_t now_s);

/* The stages of its goal in their order, ended by PLAN_DONE. */
const enum plan_stage *plan_way(const struct plan *p);

/* As it is kept. The caller owns it. */
json_t *plan_write(const struct plan *p);
/* ERR_SYNTAX: it is not what we wrote. In `arena`. */
MUST_USE enum status plan_read(struct slice domain, struct slice text, struct arena *arena, struct plan *out);

#endif
