/* relay/connection_demand.c: what a connection was judged by, kept for later messages. */
#include "relay/connection_private.h"

static const struct slice *copy_names(struct arena *arena, const struct slice *names, size_t len)
{
    struct slice *copy = ARENA_ARRAY(arena, struct slice, len);

    for (size_t i = 0; i < len; i++)
        copy[i] = arena_copy(arena, names[i]);
    return copy;
}

void connection_keep_plan(struct connection *c, const struct connection_plan *plan)
{
    struct decision *d = ARENA_NEW(&c->arena, struct decision);

    *d = *plan->decision;
    d->ca_file = arena_copy(&c->arena, plan->decision->ca_file);
    d->reasons = NULL;
    d->reasons_len = 0;
    d->names = copy_names(&c->arena, plan->decision->names, plan->decision->names_len);
    d->alternate = slice_of(NULL, 0);
    d->sts = NULL;
    d->sts_id = arena_copy(&c->arena, plan->decision->sts_id);
    c->plan = *plan;
    c->plan.decision = d;
    c->plan.names = copy_names(&c->arena, plan->names, plan->names_len);
    c->plan.server = arena_copy(&c->arena, plan->server);
    c->plan.username = arena_copy(&c->arena, plan->username);
    c->plan.password = arena_copy(&c->arena, plan->password);
}

static bool same_names(const struct decision *a, const struct decision *b)
{
    if (a->names_len != b->names_len)
        return false;
    for (size_t i = 0; i < a->names_len; i++)
        if (!slice_eq_case(a->names[i], b->names[i]))
            return false;
    return true;
}

/* The certificate of a connection that was opened for less was held against names that prove nothing (DNS-01). */
static bool was_judged_by(const struct decision *judged, const struct decision *d)
{
    return judged->level == LEVEL_VERIFY && judged->any_name == d->any_name && slice_eq(judged->ca_file, d->ca_file) &&
           same_names(judged, d);
}

/* What a destination publishes is looked at when a connection is opened: whoever did not look serves nobody who must, and
 * another policy may allow other servers. */
static bool was_found_by(const struct decision *judged, const struct decision *d)
{
    if (d->uses_dane && !judged->uses_dane)
        return false;
    if (d->needs_requiretls && !judged->needs_requiretls)
        return false;
    if (d->level == LEVEL_DANE && judged->level != LEVEL_DANE) /* it may be the wrong server (DNS-08) */
        return false;
    return judged->level == LEVEL_DANE || slice_eq(judged->sts_id, d->sts_id);
}

bool connection_meets(const struct connection *c, const struct decision *d)
{
    const struct decision *judged = c->plan.decision;

    if (!was_found_by(judged, d))
        return false;
    /* Opened for less, it may have been shaken with keys and ciphers that a demand does not allow. */
    if (decision_requires_tls(d) && !decision_requires_tls(judged))
        return false;
    /* Mail that asks for TLS where it can be had does not go in clear because somebody before it had to. */
    if (!c->tls.is_tls && d->level >= LEVEL_MAY && !c->plan.tries_tls)
        return false;
    if (judged->level == LEVEL_DANE) /* nothing more is asked of the certificate, where TLSA records hold */
        return c->tls.version >= d->min_version && (d->uses_dane || d->level < LEVEL_VERIFY);
    if (d->level >= LEVEL_VERIFY && !was_judged_by(judged, d))
        return false;
    return decision_check(d, &c->tls, c->plan.server, NULL) == TLS_RESULT_OK;
}
