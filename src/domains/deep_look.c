#include "domains/deep_look.h"

#include "base/memory.h"

enum { SMTP_OK = 200, SMTP_NO = 300, MUST_STARTTLS = 530 };

static const struct slice harmless = { "NOOP\r\n", 6 };

static void after_pause(struct deep_look *d, void (*next)(struct loop_timer *t))
{
    d->pause.fire = next;
    loop_timer_set(d->loop, &d->pause, d->target.pause_ms > 0 ? d->target.pause_ms : 0);
}

static struct probe_target probe_of(const struct deep_look *d)
{
    return (struct probe_target){
        .address = d->target.address,
        .from = d->target.from,
        .way = TLS_WAY_SMTP,
        .sni = d->target.name,
        .helo = d->target.helo,
        .timeout_ms = d->target.timeout_ms,
    };
}

/* -- mail in clear ---------------------------------------------------------------------------------------------- */

static bool speaks_of_tls(const char *text)
{
    return strcasestr(text, "tls") != NULL || strcasestr(text, "encrypt") != NULL;
}

static void on_clear(struct probe *p)
{
    struct deep_look *d = CONTAINER_OF(p, struct deep_look, probe);
    int code = p->result.mailbox_code;

    d->facts.clear_text = arena_copy(&d->arena, slice_str(p->result.mailbox_text)).ptr;
    if (code >= SMTP_OK && code < SMTP_NO)
        d->facts.takes_clear = DEEP_YES;
    else if (code == MUST_STARTTLS || (code >= SMTP_NO && speaks_of_tls(d->facts.clear_text)))
        d->facts.takes_clear = DEEP_NO;
    d->done(d);
}

static void ask_in_clear(struct loop_timer *t)
{
    struct deep_look *d = CONTAINER_OF(t, struct deep_look, pause);
    struct probe_target target = probe_of(d);

    probe_release(&d->probe);
    d->probe = (struct probe){ .done = on_clear };
    target.in_clear = true;
    target.mailbox = d->target.mailbox;
    probe_start(&d->probe, d->prober, &target);
}

/* -- a command in clear, behind STARTTLS ------------------------------------------------------------------------ */

static enum deep_answer answer_of(const struct probe_result *r)
{
    if (r->failed_at == PROBE_STARTTLS || r->failed_at == PROBE_HANDSHAKE)
        return r->is_unwanted ? DEEP_UNKNOWN : DEEP_NO;
    if (r->failed_at != PROBE_COMPLETE)
        return DEEP_UNKNOWN;
    return r->speaks_unasked == PROBE_YES ? DEEP_YES : DEEP_NO;
}

static void on_injected(struct probe *p)
{
    struct deep_look *d = CONTAINER_OF(p, struct deep_look, probe);

    d->facts.is_injected = answer_of(&p->result);
    if (d->target.mailbox.len > 0 && !p->result.is_unwanted)
        after_pause(d, ask_in_clear);
    else
        d->done(d);
}

static void inject(struct loop_timer *t)
{
    struct deep_look *d = CONTAINER_OF(t, struct deep_look, pause);
    struct probe_target target = probe_of(d);

    d->probe = (struct probe){ .done = on_injected };
    target.behind_starttls = harmless;
    probe_start(&d->probe, d->prober, &target);
}

/* -- versions and suites ---------------------------------------------------------------------------------------- */

static void on_protocols(struct protocols *p)
{
    struct deep_look *d = CONTAINER_OF(p, struct deep_look, protocols);

    d->facts.protocols = &p->plan.facts;
    protocol_judge(&p->plan.facts, TLS_WAY_SMTP, &d->arena, &d->facts.judgement);
    if (p->plan.facts.is_unwanted)
        d->done(d);
    else
        after_pause(d, inject);
}

void deep_look_start(struct deep_look *d, struct loop *loop, struct prober *prober, const struct deep_target *target)
{
    struct protocols_target protocols;

    d->loop = loop;
    d->prober = prober;
    d->target = *target;
    if (target->pause_ms == 0)
        d->target.pause_ms = net_address_is_global(&target->address) ? PROTOCOLS_PAUSE_MS : -1;
    protocols = (struct protocols_target){
        .address = target->address,
        .from = target->from,
        .way = TLS_WAY_SMTP,
        .sni = target->name,
        .helo = target->helo,
        .budget = target->budget > 0 ? target->budget : DEEP_BUDGET,
        .pause_ms = d->target.pause_ms,
        .approach_ms = target->timeout_ms,
    };
    d->facts.clear_text = "";
    d->protocols.done = on_protocols;
    protocols_start(&d->protocols, loop, &protocols);
}

void deep_look_release(struct deep_look *d)
{
    if (d->loop == NULL)
        return;
    loop_timer_clear(d->loop, &d->pause);
    protocols_release(&d->protocols);
    probe_release(&d->probe);
    arena_release(&d->arena);
    d->loop = NULL;
}
