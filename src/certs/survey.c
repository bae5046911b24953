#include "certs/survey.h"

#include "base/memory.h"

#include <stdio.h>

/* One address; the array of them stays where it is. */
struct survey_probe {
    struct probe probe;
    struct pace_ticket ticket;
    struct survey *survey;
    size_t at;
};

static void copy_target(struct survey *s, const struct survey_target *target)
{
    s->target = *target;
    s->target.server.host = arena_copy(&s->arena, target->server.host);
    s->target.sni = arena_copy(&s->arena, target->sni);
    s->target.helo = arena_copy(&s->arena, target->helo);
    s->name = s->target.sni.len > 0 ? s->target.sni : s->target.server.host;
    if (s->target.sni.len == 0 && target->server.is_address)
        s->name = SLICE_LIT("");
}

static struct survey_address *address_at(struct survey *s, size_t i)
{
    return (struct survey_address *)&s->addresses[i]; /* ours to write until done */
}

static const char *leaf_of(const struct survey_address *a)
{
    return a->is_judged && a->judgement.chain_len > 0 ? a->judgement.chain[0].sha256 : NULL;
}

static void compare_addresses(struct survey *s)
{
    const struct survey_address *first = NULL;
    char one[NET_ADDRESS_TEXT], two[NET_ADDRESS_TEXT];

    s->difference = "";
    for (size_t i = 0; i < s->addresses_len; i++) {
        const struct survey_address *a = &s->addresses[i];

        if (leaf_of(a) == NULL)
            continue;
        if (first == NULL)
            first = a;
        if (strcmp(leaf_of(first), leaf_of(a)) == 0)
            continue;
        s->difference = arena_printf(&s->arena, "%s shows the certificate %.16s..., %s another, %.16s...",
                                     net_address_ip(&first->address, one), leaf_of(first),
                                     net_address_ip(&a->address, two), leaf_of(a))
                            .ptr;
        return;
    }
}

static void finish(struct survey *s)
{
    compare_addresses(s);
    s->done(s);
}

static void judge(struct survey *s, struct survey_address *a)
{
    const struct probe_result *p = a->probe;
    struct ocsp_facts staple = { .state = OCSP_ABSENT };
    const struct judge_context context = {
        .how = s->how,
        .name = s->name,
        .ca_file = s->target.ca_file,
        .tlsa = s->dane_state == DANE_USABLE ? &s->tlsa : NULL,
        .staple = p->session.is_stapled == PROBE_NOT_ASKED ? NULL : &staple,
        .port = s->target.server.port,
        .now_s = s->target.now_s,
    };
    struct fault why;

    if (context.staple != NULL)
        ocsp_read(p->session.staple, p->chain, p->chain_len, &staple);
    a->is_judged = judge_chain(p->chain, p->chain_len, &context, &s->arena, &a->judgement, &why) == OK;
    if (!a->is_judged)
        a->text = arena_copy(&s->arena, slice_str(why.text)).ptr;
}

static void start_probe(struct survey *s, size_t i);

static void on_probed(struct probe *p)
{
    struct survey_probe *sp = CONTAINER_OF(p, struct survey_probe, probe);
    struct survey *s = sp->survey;
    struct survey_address *a = address_at(s, sp->at);

    pace_leave(&sp->ticket);
    a->text = p->result.text;
    if (p->result.has_session)
        judge(s, a);
    if (s->target.wants_one && p->result.chain_len == 0 && s->addresses_len < s->lookup.addresses_len)
        start_probe(s, s->addresses_len);
    else if (s->open == 1)
        finish(s);
    else
        s->open--;
}

/* Under DANE senders ask for the name that the records stand at (RFC 7672 section 8.1), for what an alias leads to. */
static struct slice name_to_ask_for(const struct survey *s)
{
    bool is_by_records = s->how == JUDGE_DANE && s->dane_state == DANE_USABLE && s->target.sni.len == 0;

    return is_by_records ? s->tlsa.base_domain : s->name;
}

static void on_go(struct pace_ticket *ticket)
{
    struct survey_probe *sp = CONTAINER_OF(ticket, struct survey_probe, ticket);
    struct survey *s = sp->survey;
    const struct survey_target *t = &s->target;
    struct survey_address *a = address_at(s, sp->at);
    const struct probe_target to = {
        .address = a->address,
        .from = a->address.sa.any.sa_family == AF_INET6 ? t->from6 : t->from4,
        .way = t->way,
        .sni = name_to_ask_for(s),
        .helo = t->helo,
        .wants_inside = !t->has_few_questions || t->asks_inside,
        .wants_resumption = !t->has_few_questions,
        .wants_staple = !t->has_few_questions,
        .timeout_ms = t->timeout_ms,
    };

    probe_start(&sp->probe, s->prober, &to);
}

static void start_probe(struct survey *s, size_t i)
{
    struct survey_probe *sp = &s->probes[i];
    struct survey_address *a = address_at(s, i);

    *sp = (struct survey_probe){ .probe.done = on_probed, .ticket.go = on_go, .survey = s, .at = i };
    a->address = s->lookup.addresses[i];
    a->probe = &sp->probe.result;
    a->text = "";
    s->addresses_len = i + 1;
    if (s->target.only_global && !net_address_is_global(&a->address)) {
        a->text = "not asked: it is no address of the public internet";
        sp->probe.result = (struct probe_result){ .text = a->text, .greeting = "", .mailbox_text = "" };
        s->open--;
    } else if (s->target.pace != NULL) {
        pace_ask(s->target.pace, &sp->ticket, &a->address);
    } else {
        on_go(&sp->ticket);
    }
}

static void start_probes(struct survey *s)
{
    size_t len = s->lookup.addresses_len;

    s->addresses = ARENA_ARRAY(&s->arena, struct survey_address, len);
    s->probes = mem_new(len, sizeof *s->probes);
    len = s->target.wants_one ? 1 : len;
    s->open = len;
    for (size_t i = 0; i < len; i++)
        start_probe(s, i);
    if (s->open == 0)
        finish(s);
}

static void choose_how(struct survey *s)
{
    if (s->target.has_how)
        s->how = s->target.how;
    else
        s->how = s->dane_state == DANE_USABLE ? JUDGE_DANE : JUDGE_WEBPKI;
}

static void on_dane(struct dane_lookup *l)
{
    struct survey *s = CONTAINER_OF(l, struct survey, dane);

    s->dane_state = l->result.state;
    s->tlsa = l->result.set;
    s->dane_text = arena_copy(&s->arena, l->result.text).ptr;
    choose_how(s);
    start_probes(s);
}

static void drop_private(struct address_lookup *l)
{
    size_t kept = 0;

    for (size_t i = 0; i < l->addresses_len; i++)
        if (net_address_is_global(&l->addresses[i]))
            l->addresses[kept++] = l->addresses[i];
    if (kept == 0 && l->addresses_len > 0)
        (void)snprintf(l->text, sizeof l->text, "'%.140s' has only addresses that are not public", l->name);
    l->addresses_len = kept;
}

static void on_addresses(struct address_lookup *l)
{
    struct survey *s = CONTAINER_OF(l, struct survey, lookup);

    if (s->target.has_global_only)
        drop_private(l);
    if (l->addresses_len == 0) {
        s->text = arena_copy(&s->arena, slice_str(l->text)).ptr;
        choose_how(s);
        finish(s);
        return;
    }
    if (!tls_way_is_smtp(s->target.way) || s->target.server.is_address) {
        choose_how(s);
        start_probes(s);
        return;
    }
    s->dane.done = on_dane;
    dane_lookup_start(&s->dane, s->loop, s->resolver, s->target.server.host, s->target.server.port, l);
}

void survey_start(struct survey *s, struct loop *loop, struct resolver *resolver, struct prober *prober,
                  const struct survey_target *target)
{
    s->loop = loop;
    s->resolver = resolver;
    s->prober = prober;
    copy_target(s, target);
    s->text = s->dane_text = s->difference = "";
    s->lookup.done = on_addresses;
    address_lookup_start(&s->lookup, loop, resolver, s->target.server.host, target->server.port);
}

void survey_release(struct survey *s)
{
    if (s->loop == NULL)
        return;
    address_lookup_release(&s->lookup);
    dane_lookup_release(&s->dane);
    for (size_t i = 0; s->probes != NULL && i < s->addresses_len; i++) {
        pace_leave(&s->probes[i].ticket);
        probe_release(&s->probes[i].probe);
    }
    free(s->probes);
    arena_release(&s->arena);
    s->probes = NULL;
    s->loop = NULL;
}

bool survey_has_certificate(const struct survey *s)
{
    for (size_t i = 0; i < s->addresses_len; i++)
        if (s->addresses[i].probe->chain_len > 0)
            return true;
    return false;
}

bool survey_is_good(const struct survey *s)
{
    for (size_t i = 0; i < s->addresses_len; i++)
        if (!s->addresses[i].is_judged || s->addresses[i].judgement.worst == SEVERITY_ERROR)
            return false;
    return s->addresses_len > 0;
}

static const struct certificate *shown_by(const struct survey *s)
{
    for (size_t i = 0; i < s->addresses_len; i++)
        if (leaf_of(&s->addresses[i]) != NULL)
            return &s->addresses[i].judgement.chain[0];
    return NULL;
}

/* A name of the certificate, exactly or by a wildcard for its first label. */
static bool is_for(const struct certificate *c, struct slice host)
{
    struct slice above;

    (void)slice_cut(host, '.', &above);
    for (size_t i = 0; i < c->names_len; i++) {
        if (slice_eq_case(c->names[i], host))
            return true;
        if (slice_starts(c->names[i], SLICE_LIT("*.")) && slice_eq_case(slice_from(c->names[i], 2), above))
            return true;
    }
    return false;
}

struct slice survey_difference(const struct survey *const *all, size_t len, struct arena *arena)
{
    for (size_t i = 0; i < len; i++) {
        const struct certificate *a = shown_by(all[i]);

        for (size_t k = i + 1; a != NULL && k < len; k++) {
            const struct certificate *b = shown_by(all[k]);

            if (b != NULL && strcmp(a->sha256, b->sha256) != 0 && is_for(a, all[k]->name) && is_for(b, all[i]->name))
                return arena_printf(
                    arena,
                    "'%.*s' shows the certificate %.16s..., '%.*s' another, %.16s..., though either is for both",
                    SLICE_FMT(all[i]->name), a->sha256, SLICE_FMT(all[k]->name), b->sha256);
        }
    }
    return SLICE_LIT("");
}
