#include "certs/protocol_plan_private.h"

#include <stdarg.h>
#include <stdio.h>

enum { ALERT_PROTOCOL_VERSION = 70, SILENCES_MOST = 2, GARBLES_MOST = 2 };

static enum protocol_version version_of(uint16_t wire)
{
    enum protocol_version v = PROTOCOL_SSL2;

    while (protocol_wire(v) != wire)
        v++;
    return v;
}

void protocol_settle(struct protocol_state *s, enum protocol_known known, const char *fmt, ...)
{
    va_list ap;

    if (s->is_settled && !(known == PROTOCOL_ACCEPTED && s->known != PROTOCOL_ACCEPTED))
        return;
    s->is_settled = true;
    s->known = known;
    s->is_closed = false;
    va_start(ap, fmt);
    (void)vsnprintf(s->text, sizeof s->text, fmt, ap);
    va_end(ap);
}

static void settle_closed(struct protocol_state *s)
{
    if (s->is_settled)
        return;
    protocol_settle(s, PROTOCOL_REFUSED, "closed without an alert");
    s->is_closed = true;
}

/* Classes of which the open offer holds suites. */
static unsigned offered_classes(const struct protocol_plan *p)
{
    unsigned found = 0;
    struct suite s;

    for (size_t i = 0; i < p->offer.suites_len; i++)
        if (suite_find(p->suites[i], &s))
            found |= CLASS(s.class);
    return found;
}

static void note_choice(struct protocol_facts *f, const struct protocol_choice *c)
{
    for (size_t i = 0; i < f->choices_len; i++) {
        const struct protocol_choice *old = &f->choices[i];

        if (old->version == c->version && old->suite == c->suite && old->group == c->group && old->bits == c->bits)
            return;
    }
    if (f->choices_len < PROTOCOL_CHOICES_MOST)
        f->choices[f->choices_len++] = *c;
}

/* Whether it took what was odd in the question. */
static void note_conduct(struct protocol_plan *p, const struct hello_answer *a)
{
    char name[SUITE_NAME], other[SUITE_NAME];

    switch (protocol_steps[p->step].scope) {
    case SCOPE_VERSION:
        if (a->version == WIRE_TLS1_2 && p->offer.version >= WIRE_TLS1_2)
            p->strongest_first = a->suite;
        break;
    case SCOPE_CLIENT_ORDER:
        if (a->suite == p->strongest_first)
            protocol_settle(&p->facts.conducts[PROTOCOL_CLIENT_ORDER], PROTOCOL_REFUSED, "%s in either order",
                            suite_name(a->suite, name));
        else
            protocol_settle(&p->facts.conducts[PROTOCOL_CLIENT_ORDER], PROTOCOL_ACCEPTED, "%s, or %s",
                            suite_name(p->strongest_first, name), suite_name(a->suite, other));
        break;
    case SCOPE_FALLBACK:
        protocol_settle(&p->facts.conducts[PROTOCOL_FALLBACK], PROTOCOL_ACCEPTED, "to %s",
                        wire_version_name(a->version));
        break;
    default: break;
    }
}

/* A version below the one that was offered refuses all those between. */
static void on_choice(struct protocol_plan *p, const struct hello_answer *a, unsigned key_bits)
{
    struct protocol_facts *f = &p->facts;
    enum protocol_version v = version_of(a->version);
    struct suite s = { .exchange = SUITE_BY_KEY_SHARE };

    protocol_settle(&f->versions[v], PROTOCOL_ACCEPTED, "%s", "");
    for (unsigned above = v + 1; above <= version_of(p->offer.version) && v != PROTOCOL_SSL2; above++)
        protocol_settle(&f->versions[above], PROTOCOL_REFUSED, "answered with %s", wire_version_name(a->version));
    if (v == PROTOCOL_SSL2)
        return;
    note_conduct(p, a);
    if (suite_find(a->suite, &s))
        protocol_settle(&f->classes[s.class], PROTOCOL_ACCEPTED, "%s", "");
    if (protocol_steps[p->step].scope == SCOPE_MORE_GROUPS && a->group == 0)
        p->knows_groups = true; /* it does not tell */
    if (v < PROTOCOL_TLS1_3 && !a->has_secure_renegotiation)
        f->lacks_secure_renegotiation = true;
    f->has_heartbeat |= a->has_heartbeat;
    note_choice(f, &(struct protocol_choice){
                       .version = a->version,
                       .suite = a->suite,
                       .group = a->group,
                       .signature = a->signature,
                       .bits = s.exchange == SUITE_BY_RSA ? key_bits : a->group_bits,
                   });
}

static void refuse(struct protocol_state *s, const struct protocol_plan *p, const char *how, bool is_closed)
{
    if (is_closed)
        settle_closed(s);
    else if (s >= p->facts.classes && s < p->facts.classes + SUITE_CLASSES)
        protocol_settle(s, PROTOCOL_REFUSED, "at %s, %s", wire_version_name(p->offer.version), how);
    else
        protocol_settle(s, PROTOCOL_REFUSED, "%s", how);
}

static void refuse_at_lowest(struct protocol_plan *p)
{
    unsigned classes = offered_classes(p);

    p->low_refused |= classes;
    for (unsigned c = 0; c < SUITE_CLASSES; c++) {
        struct protocol_state *s = &p->facts.classes[c];

        if ((classes & CLASS(c)) && s->known == PROTOCOL_REFUSED)
            (void)snprintf(s->text, sizeof s->text, "at %s and at %s",
                           wire_version_name(protocol_wire(protocol_top(p))), wire_version_name(p->offer.version));
    }
}

/* One that refuses TLS 1.1 by its number would have answered with an older version if it had one. */
static void refuse_version(struct protocol_plan *p, const char *how, bool is_closed, uint8_t alert)
{
    enum protocol_version v = version_of(p->offer.version);

    refuse(&p->facts.versions[v], p, how, is_closed);
    if (v == PROTOCOL_TLS1_1 && alert == ALERT_PROTOCOL_VERSION)
        protocol_settle(&p->facts.versions[PROTOCOL_TLS1_0], PROTOCOL_REFUSED,
                        "TLSv1.1 and below were refused together");
}

static void on_refused(struct protocol_plan *p, const char *how, bool is_closed, uint8_t alert)
{
    unsigned classes = offered_classes(p);

    switch (protocol_steps[p->step].scope) {
    case SCOPE_VERSION: refuse_version(p, how, is_closed, alert); break;
    case SCOPE_OFFERED:
        for (unsigned c = 0; c < SUITE_CLASSES; c++)
            if (classes & CLASS(c))
                refuse(&p->facts.classes[c], p, how, is_closed);
        break;
    case SCOPE_AT_LOWEST: refuse_at_lowest(p); break;
    case SCOPE_CLIENT_ORDER: refuse(&p->facts.conducts[PROTOCOL_CLIENT_ORDER], p, how, is_closed); break;
    case SCOPE_FALLBACK: refuse(&p->facts.conducts[PROTOCOL_FALLBACK], p, how, is_closed); break;
    case SCOPE_MORE_SUITES: p->knows_suites = true; break;
    case SCOPE_MORE_SUITES_1_3: p->knows_suites_1_3 = true; break;
    case SCOPE_MORE_GROUPS: p->knows_groups = true; break;
    }
}

/* Not an answer, and not asked again: what the question was about stays unknown. */
static void give_up_question(struct protocol_plan *p, const char *why)
{
    unsigned classes = offered_classes(p);

    switch (protocol_steps[p->step].scope) {
    case SCOPE_VERSION:
        protocol_settle(&p->facts.versions[version_of(p->offer.version)], PROTOCOL_UNTESTED, "%s", why);
        break;
    case SCOPE_OFFERED:
        for (unsigned c = 0; c < SUITE_CLASSES; c++)
            if (classes & CLASS(c))
                protocol_settle(&p->facts.classes[c], PROTOCOL_UNTESTED, "%s", why);
        break;
    case SCOPE_CLIENT_ORDER:
        protocol_settle(&p->facts.conducts[PROTOCOL_CLIENT_ORDER], PROTOCOL_UNTESTED, "%s", why);
        break;
    case SCOPE_FALLBACK: protocol_settle(&p->facts.conducts[PROTOCOL_FALLBACK], PROTOCOL_UNTESTED, "%s", why); break;
    default: p->step++;
    }
}

static void on_garbled(struct protocol_plan *p, const char *broken)
{
    give_up_question(p, broken);
    if (++p->garbles >= GARBLES_MOST)
        protocol_plan_stop(p, broken);
}

static void on_answer(struct protocol_plan *p, const struct protocol_outcome *o)
{
    const struct hello_answer *a = o->answer;
    char how[PROTOCOL_TEXT];

    p->silences = 0;
    if (!a->has_choice && a->broken != NULL) {
        on_garbled(p, a->broken);
        return;
    }
    p->has_answered = true;
    p->garbles = 0;
    if (a->has_choice) {
        on_choice(p, a, o->key_bits);
        return;
    }
    (void)snprintf(how, sizeof how, "alert %u, %s", a->alert, hello_alert_name(a->alert));
    on_refused(p, how, false, a->alert);
}

/* Once may be chance, and is asked again; a server that says nothing at all is left alone. */
static void on_silent(struct protocol_plan *p)
{
    p->silences++;
    if (p->silences % SILENCES_MOST == 0)
        give_up_question(p, "no answer, twice");
    if (p->silences >= 2 * SILENCES_MOST)
        protocol_plan_stop(p, "the server no longer answers hellos");
}

void protocol_plan_take(struct protocol_plan *p, const struct protocol_outcome *o)
{
    if (p->is_over)
        return;
    p->facts.connections++;
    switch (o->kind) {
    case PROTOCOL_ANSWER: on_answer(p, o); break;
    case PROTOCOL_SILENT: on_silent(p); break;
    case PROTOCOL_CLOSED:
        p->silences = 0;
        on_refused(p, "closed without an alert", true, 0);
        break;
    case PROTOCOL_UNREACHED:
        p->facts.is_unwanted = o->is_unwanted;
        protocol_plan_stop(p, o->text);
        break;
    }
}
