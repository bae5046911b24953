/* relay/intake_envelope.c: MAIL and RCPT: who may send what to whom. */
#include "base/memory.h"
#include "relay/intake_private.h"
#include "relay/metrics.h"
#include "relay/tally.h"

#include <stdlib.h>

static void answer(struct intake *s, int code, const char *enhanced, const char *text)
{
    struct smtp_reply r;

    smtp_reply_set(&r, code, enhanced, "%s", text);
    intake_answer(s, &r);
}

static void close_with(struct intake *s, int code, const char *enhanced, const char *text)
{
    struct smtp_reply r;

    smtp_reply_set(&r, code, enhanced, "%s", text);
    r.closes = true;
    intake_answer(s, &r);
}

/* -- MAIL -------------------------------------------------------------------------------------------------------- */

static struct transaction *transaction_new(struct intake *s)
{
    struct transaction *t = NEW(struct transaction);

    t->session = s;
    t->worker = s->worker;
    t->message = message_new();
    return t;
}

static bool may_send_as(const struct intake *s, struct rule_address sender)
{
    const struct user *u = snapshot_user(s->worker->settings, slice_str(s->user == NULL ? "" : s->user));

    if (u == NULL || u->is_disabled)
        return false;
    if (u->senders_len == 0)
        return sender.domain.len == 0 || snapshot_is_our_domain(s->worker->settings, sender.domain);
    for (size_t i = 0; i < u->senders_len; i++)
        if (rule_pattern_matches(u->senders[i], sender))
            return true;
    return false;
}

static void keep_mail(struct transaction *t, const struct smtp_mail *mail)
{
    struct stored_message *m = &t->message->stored;
    struct arena *arena = &t->message->arena;

    m->mail = *mail;
    m->mail.address = arena_copy(arena, mail->address);
    m->mail.envid = arena_copy(arena, mail->envid);
    m->mail.auth = arena_copy(arena, mail->auth);
}

void intake_on_mail(struct intake *s, const struct smtp_mail *mail)
{
    struct transaction *t;
    struct mail_address sender = { 0 };

    if (s->worker->is_stopping) {
        close_with(s, 421, "4.3.2", "shutting down, please try again later");
        return;
    }
    if (!store_has_room(s->worker->store, mail->size)) {
        metric_add(METRIC_STORE_FULL, 1);
        answer(s, 452, "4.3.1", "not enough space to keep the message, please try again later");
        return;
    }
    t = transaction_new(s);
    s->transaction = t;
    keep_mail(t, mail);
    if (mail->address.len > 0 && mail_address_parse(&t->message->arena, mail->address, &sender, NULL) != OK) {
        intake_reset(s);
        answer(s, 553, "5.1.7", "the sender's address is not valid");
        return;
    }
    t->sender = (struct rule_address){ sender.local, sender.domain };
    if (s->listener->config->role == ROLE_SUBMISSION && !may_send_as(s, t->sender)) {
        intake_reset(s);
        answer(s, 553, "5.7.1", "you may not send as this address");
        return;
    }
    answer(s, 250, "2.1.0", "sender ok");
}

/* -- RCPT -------------------------------------------------------------------------------------------------------- */

static bool is_in_networks(const struct intake *s)
{
    const struct config_listener *l = s->listener->config;

    for (size_t i = 0; i < l->networks_len; i++)
        if (net_network_holds(&l->networks[i], &s->peer))
            return true;
    return false;
}

/* A local part that names another host asks whoever gets the mail to relay it (RFC 5321 appendix C, RFC 2505). */
static bool has_route_inside(struct slice local)
{
    return slice_find(local, '%') != SIZE_MAX || slice_find(local, '!') != SIZE_MAX ||
           slice_find(local, '@') != SIZE_MAX;
}

/* NULL: may be accepted; else why not. */
static const char *relay_refusal(const struct intake *s, const struct mail_address *to)
{
    switch (s->listener->config->role) {
    case ROLE_SUBMISSION: return NULL; /* MAIL was for signed-in users only */
    case ROLE_RELAY:
        return is_in_networks(s) ? NULL : "relaying denied: your address is in none of the networks served here";
    case ROLE_MX:
    case ROLE_POLICY_HOST: break;
    }
    if (!snapshot_is_our_domain(s->worker->settings, to->domain))
        return "relaying denied: this is not a domain of ours";
    return has_route_inside(to->local) ? "relaying denied: the local part names another host" : NULL;
}

static void note_testing(struct intake *s, const struct inbound_verdict *v)
{
    for (size_t i = 0; i < v->testing_len; i++) {
        metric_add(METRIC_RULE_TESTING_HITS, 1);
        tally_add(s->worker->tally, "rule-testing", v->testing[i]->name);
        log_info(&s->log, "testing rule would have refused", LOG_STR("rule", v->testing[i]->name));
    }
}

/* The session as each rule sees it: a certificate counts by the rule's own bundle and names. */
static void gather_facts(const struct intake *s, struct inbound_case *cases, size_t len, struct arena *arena)
{
    for (size_t i = 0; i < len; i++) {
        const struct rule *r = cases[i].rule;
        struct tls_facts *judged;

        cases[i].facts = intake_tls(s);
        if (r->level < LEVEL_VERIFY || s->tls == NULL)
            continue;
        judged = ARENA_NEW(arena, struct tls_facts);
        stream_tls_judge(&s->stream, r->ca_file.len > 0 ? r->ca_file.ptr : NULL, cases[i].names, cases[i].names_len,
                         judged);
        cases[i].facts = judged;
    }
}

static void refuse_by_rule(struct intake *s, const struct inbound_verdict *v, const struct mail_address *to)
{
    bool for_now = v->refused_by->refuses_421;
    struct smtp_reply r;

    metric_add(METRIC_RCPT_REFUSED_TLS, 1);
    tally_add(s->worker->tally, "inbound-refused", v->refused_by->name);
    log_info(&s->log, "refused by rule", LOG_STR("rule", v->refused_by->name), LOG_STR("reason", v->reason),
             LOG_STR("from_domain", s->transaction->sender.domain), LOG_STR("to_domain", to->domain));
    if (for_now && s->tls == NULL)
        smtp_reply_set(&r, 421, "4.7.0", "TLS required for this mail, closing the connection");
    else if (for_now)
        smtp_reply_set(&r, 421, "4.7.0", "%.*s; closing the connection", SLICE_FMT(v->reply));
    else
        smtp_reply_set(&r, 530, "5.7.0", "%.*s", SLICE_FMT(v->reply));
    r.closes = for_now;
    intake_answer(s, &r);
}

/* True when an inbound rule refuses, and the answer was given. */
static bool refused_by_rule(struct intake *s, const struct mail_address *to)
{
    struct transaction *t = s->transaction;
    struct arena arena = { 0 };
    struct inbound_case *cases;
    struct inbound_verdict v;
    size_t len;

    if (s->listener->config->role != ROLE_MX)
        return false;
    len = policy_inbound_cases(snapshot_rules(s->worker->settings), t->sender,
                               (struct rule_address){ to->local, to->domain }, slice_str(s->helo), &arena, &cases);
    gather_facts(s, cases, len, &arena);
    policy_inbound(cases, len, &arena, &v);
    note_testing(s, &v);
    if (!v.is_allowed)
        refuse_by_rule(s, &v, to);
    arena_release(&arena);
    return !v.is_allowed;
}

static void add_rcpt(struct transaction *t, const struct mail_address *address, const struct smtp_rcpt *rcpt)
{
    struct arena *arena = &t->message->arena;
    struct intake_rcpt *r;

    t->rcpts = mem_grow(t->rcpts, t->rcpts_len, &t->rcpts_cap, sizeof *t->rcpts);
    r = &t->rcpts[t->rcpts_len++];
    r->address = *address;
    r->rcpt = *rcpt;
    r->rcpt.address = arena_copy(arena, rcpt->address);
    r->rcpt.orcpt = arena_copy(arena, rcpt->orcpt);
}

/* "postmaster" alone is whoever the gateway names, or ours at the hostname where that is a domain of ours (RFC 5321
 * section 4.5.1). Empty: nobody would get it, and a bounce would go to whoever is named as the sender (SRV-15). */
static struct slice full_address(struct intake *s, const struct smtp_rcpt *rcpt)
{
    struct slice postmaster = snapshot_gateway(s->worker->settings)->postmaster;
    struct slice hostname = s->worker->config->hostname;

    if (!slice_eq_case(rcpt->address, SLICE_LIT("postmaster")))
        return rcpt->address;
    if (postmaster.len == 0 && snapshot_is_our_domain(s->worker->settings, hostname))
        return arena_printf(&s->transaction->message->arena, "postmaster@%.*s", SLICE_FMT(hostname));
    return postmaster;
}

void intake_on_rcpt(struct intake *s, const struct smtp_rcpt *rcpt)
{
    struct transaction *t = s->transaction;
    struct smtp_rcpt full = *rcpt;
    struct mail_address to;
    const char *refusal;

    full.address = full_address(s, rcpt);
    if (full.address.len == 0) {
        answer(s, 450, "4.3.5", "no postmaster is set here yet, please try again later");
        return;
    }
    if (mail_address_parse(&t->message->arena, full.address, &to, NULL) != OK) {
        answer(s, 553, "5.1.3", "the recipient's address is not valid");
        return;
    }
    refusal = full.address.ptr == rcpt->address.ptr ? relay_refusal(s, &to) : NULL;
    if (refusal != NULL) {
        metric_add(METRIC_RCPT_REFUSED_RELAY, 1);
        log_info(&s->log, "recipient refused", LOG_CSTR("why", refusal), LOG_STR("to_domain", to.domain));
        answer(s, 550, "5.7.1", refusal);
        return;
    }
    if (refused_by_rule(s, &to))
        return;
    add_rcpt(t, &to, &full);
    answer(s, 250, "2.1.5", "recipient ok");
}
