/* Which TLSA records are asked for, and what they say of a certificate. */
#include "base/log.h"
#include "base/memory.h"
#include "certs/keeper_private.h"
#include "certs/tlsa_match.h"

#include <stdio.h>

enum { CALM_S = 300, PORT_SMTP = 25 };

/* -- questions ---------------------------------------------------------------------------------------------------- */

/* What a listener is reached at: its own ports, and for role mx 25, which a router or balancer may have in front of
 * it. */
static size_t ports_of(const struct config_listener *l, uint16_t out[static KEEPER_PORTS_MOST])
{
    size_t len = 0;

    if (l->role == ROLE_MX)
        out[len++] = PORT_SMTP;
    for (size_t i = 0; i < l->addresses_len && len < KEEPER_PORTS_MOST; i++) {
        uint16_t port = net_address_port(&l->addresses[i]);
        bool is_there = false;

        for (size_t k = 0; k < len; k++)
            is_there = is_there || out[k] == port;
        if (!is_there)
            out[len++] = port;
    }
    return len;
}

typedef void question_fn(void *ctx, struct slice question);

static void ask_name(const struct config_listener *l, struct slice name, question_fn *ask, void *ctx)
{
    uint16_t ports[KEEPER_PORTS_MOST];
    size_t len = ports_of(l, ports);

    for (size_t i = 0; i < len; i++) {
        char text[TLS_CERTIFICATE_NAME_MAX + sizeof "_65535._tcp."];
        int n = snprintf(text, sizeof text, "_%u._tcp.%.*s", (unsigned)ports[i], SLICE_FMT(name));

        ask(ctx, slice_of(text, (size_t)n));
    }
}

/* Every question that a copy depends on. A wildcard stands for names that nobody can list, but for our hostname. */
static void each_question(const struct cert_keeper *k, const struct kept *kept, const struct cert_copy *copy,
                          question_fn *ask, void *ctx)
{
    struct slice hostname = k->config.config->hostname;

    for (size_t i = 0; i < keeper_listeners(k); i++) {
        const struct config_listener *l = keeper_listener(k, i);
        bool has_hostname = false;

        if (!kept_serves(kept, l))
            continue;
        for (size_t n = 0; n < copy->certificate.names_len; n++) {
            struct slice name = copy->certificate.names[n];

            has_hostname = has_hostname || slice_eq(name, hostname);
            if (!slice_starts(name, SLICE_LIT("*.")))
                ask_name(l, name, ask, ctx);
        }
        if (!has_hostname && set_covers(&copy->certificate, hostname))
            ask_name(l, hostname, ask, ctx);
    }
}

/* -- what is to be published ------------------------------------------------------------------------------------- */

static bool serves_mx(const struct cert_keeper *k, const struct kept *kept)
{
    for (size_t i = 0; i < keeper_listeners(k); i++) {
        const struct config_listener *l = keeper_listener(k, i);

        if (l->role == ROLE_MX && kept_serves(kept, l))
            return true;
    }
    return false;
}

static size_t add_tlsa(const struct cert_copy *copy, struct slice host, struct arena *arena, struct slice *out,
                       size_t len, size_t most)
{
    struct slice rdata;

    if (copy == NULL || len == most || !set_covers(&copy->certificate, host))
        return len;
    rdata = tlsa_rdata_for(&copy->certificate, arena);
    for (size_t i = 0; i < len; i++) {
        if (slice_eq(out[i], rdata))
            return len;
    }
    out[len] = rdata;
    return len + 1;
}

/* What is served to somebody, then what waits for its hour or for DNS. */
size_t cert_keeper_tlsa(const struct cert_keeper *k, struct slice host, struct arena *arena, struct slice *out,
                        size_t most)
{
    size_t len = 0;

    for (size_t i = 0; i < k->len; i++) {
        if (k->all[i]->percent > 0 && serves_mx(k, k->all[i]))
            len = add_tlsa(k->all[i]->source->now, host, arena, out, len, most);
    }
    for (size_t i = 0; i < k->len; i++) {
        const struct kept *kept = k->all[i];

        if (!serves_mx(k, kept))
            continue;
        if (kept->state == KEPT_WAITS || kept->state == KEPT_HELD)
            len = add_tlsa(kept->source->now, host, arena, out, len, most);
        len = add_tlsa(kept->source->next, host, arena, out, len, most);
    }
    return len;
}

/* -- watches ------------------------------------------------------------------------------------------------------ */

struct tlsa_watch *keeper_find_watch(const struct cert_keeper *k, struct slice question)
{
    for (size_t i = 0; i < k->watches_len; i++) {
        if (slice_eq(k->watches[i]->question, question))
            return k->watches[i];
    }
    return NULL;
}

static void on_changed(void *ctx)
{
    struct cert_keeper *k = ctx;

    k->is_changed = true;
    loop_timer_set(k->config.loop, &k->tick, 0);
}

static void want(void *ctx, struct slice question)
{
    struct cert_keeper *k = ctx;
    struct tlsa_watch *w = keeper_find_watch(k, question);

    if (w == NULL && k->watches_len < KEEPER_WATCHES_MOST) {
        k->watches = mem_grow(k->watches, k->watches_len, &k->watches_cap, sizeof *k->watches);
        w = k->watches[k->watches_len++] = tlsa_watch_new(k->config.resolver, question, k->config.wall_s);
        w->changed = on_changed;
        w->ctx = k;
    }
    if (w != NULL)
        w->is_wanted = true;
    else if (k->watches_len == KEEPER_WATCHES_MOST && !k->has_told_most)
        log_warning(NULL, "too many names to look at the TLSA records of them all",
                    LOG_INT("most", KEEPER_WATCHES_MOST));
    k->has_told_most = k->has_told_most || w == NULL;
}

static void drop_unwanted(struct cert_keeper *k)
{
    size_t len = 0;

    for (size_t i = 0; i < k->watches_len; i++) {
        if (k->watches[i]->is_wanted)
            k->watches[len++] = k->watches[i];
        else
            tlsa_watch_free(k->watches[i]);
    }
    k->watches_len = len;
}

void keeper_tend_watches(struct cert_keeper *k, bool may_ask)
{
    bool is_waiting = false;

    for (size_t i = 0; i < k->watches_len; i++)
        k->watches[i]->is_wanted = false;
    for (size_t i = 0; i < k->len; i++) {
        const struct kept *kept = k->all[i];

        if (kept->source->now != NULL)
            each_question(k, kept, kept->source->now, want, k);
        if (kept->source->next != NULL)
            each_question(k, kept, kept->source->next, want, k);
        is_waiting = is_waiting || kept->source->next != NULL || kept->guard.verdict != GUARD_FREE;
    }
    drop_unwanted(k);
    for (size_t i = 0; i < k->watches_len && may_ask; i++)
        tlsa_watch_tend(k->watches[i], is_waiting ? k->config.every_s : CALM_S);
}

void keeper_free_watches(struct cert_keeper *k)
{
    for (size_t i = 0; i < k->watches_len; i++)
        tlsa_watch_free(k->watches[i]);
    free(k->watches);
}

/* -- the guard ---------------------------------------------------------------------------------------------------- */

struct matching {
    const struct tlsa_watch *watch;
    bool is_found;
};

static void compare_question(void *ctx, struct slice question)
{
    struct matching *m = ctx;

    m->is_found = m->is_found || slice_eq(m->watch->question, question);
}

bool keeper_watch_is_for(const struct cert_keeper *k, const struct kept *kept, const struct cert_copy *copy,
                         const struct tlsa_watch *w)
{
    struct matching m = { .watch = w };

    each_question(k, kept, copy, compare_question, &m);
    return m.is_found;
}

/* The usable record that stands for it and is seen the longest; NULL: none does. */
static const struct watched_record *match(const struct tlsa_watch *w, const struct cert_copy *copy)
{
    const struct watched_record *best = NULL;

    for (size_t i = 0; i < w->records_len; i++) {
        const struct watched_record *r = &w->records[i];

        if (r->is_usable && tlsa_matches(&r->record, &copy->certificate) && (best == NULL || r->seen_s < best->seen_s))
            best = r;
    }
    return best;
}

static bool has_usable(const struct tlsa_watch *w)
{
    for (size_t i = 0; i < w->records_len; i++) {
        if (w->records[i].is_usable)
            return true;
    }
    return false;
}

/* Does anything that is served now for this question match, beside the copy itself? */
static bool incumbent_matches(const struct cert_keeper *k, const struct tlsa_watch *w, const struct cert_copy *copy)
{
    for (size_t i = 0; i < k->len; i++) {
        const struct kept *other = k->all[i];

        if (other->is_in_service && other->source->now != NULL && other->source->now != copy &&
            keeper_watch_is_for(k, other, other->source->now, w) && match(w, other->source->now) != NULL)
            return true;
    }
    return false;
}

struct guarding {
    const struct cert_keeper *k;
    const struct cert_copy *copy;
    struct guard_word worst;
};

/* The worse comes later. */
static int badness(enum guard_verdict v)
{
    static const int of[] = { [GUARD_FREE] = 0, [GUARD_WAITS_TTL] = 1, [GUARD_UNKNOWN] = 2, [GUARD_NEEDS_RECORD] = 3 };

    return of[v];
}

static void weigh(void *ctx, struct slice question)
{
    struct guarding *g = ctx;
    const struct tlsa_watch *w = keeper_find_watch(g->k, question);
    const struct watched_record *r;
    struct guard_case c = { 0 };
    struct guard_word word = { .at = w };

    if (w == NULL)
        return;
    r = match(w, g->copy);
    c.is_known = w->state != DANE_UNKNOWN && w->state != DANE_FAILED && w->state != DANE_BOGUS;
    c.has_records = has_usable(w);
    c.matches = r != NULL;
    c.seen_s = r != NULL ? r->seen_s : w->gone_s;
    c.ttl_s = r != NULL ? r->wait_s : w->ttl_s;
    c.incumbent_matches = c.matches && incumbent_matches(g->k, w, g->copy);
    word.verdict = guard_judge(&c, keeper_now_s(g->k), &word.until_s);
    if (badness(word.verdict) > badness(g->worst.verdict) ||
        (word.verdict == g->worst.verdict && word.until_s > g->worst.until_s))
        g->worst = word;
}

struct guard_word keeper_guard(const struct cert_keeper *k, const struct kept *kept, const struct cert_copy *copy)
{
    struct guarding g = { .k = k, .copy = copy, .worst = { .verdict = GUARD_FREE } };

    each_question(k, kept, copy, weigh, &g);
    return g.worst;
}
