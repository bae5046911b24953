#include "certs/protocol_plan_private.h"

#include "base/utf8.h"

#include <stdio.h>

uint16_t protocol_wire(enum protocol_version v)
{
    static const uint16_t wires[] = {
        [PROTOCOL_SSL2] = WIRE_SSL2,     [PROTOCOL_SSL3] = WIRE_SSL3,     [PROTOCOL_TLS1_0] = WIRE_TLS1_0,
        [PROTOCOL_TLS1_1] = WIRE_TLS1_1, [PROTOCOL_TLS1_2] = WIRE_TLS1_2, [PROTOCOL_TLS1_3] = WIRE_TLS1_3,
    };

    return wires[v];
}

const char *protocol_known_name(enum protocol_known k)
{
    static const char *const names[] = {
        [PROTOCOL_UNTESTED] = "not tested", [PROTOCOL_REFUSED] = "refused", [PROTOCOL_ACCEPTED] = "accepted"
    };

    return names[k];
}

const char *protocol_conduct_name(enum protocol_conduct c)
{
    static const char *const names[] = {
        [PROTOCOL_CLIENT_ORDER] = "client's order of suites", [PROTOCOL_FALLBACK] = "fallback to an older version"
    };

    return names[c];
}

void protocol_plan_init(struct protocol_plan *p, unsigned budget, struct slice sni, struct slice alpn)
{
    memset(p, 0, sizeof *p);
    p->budget = budget == 0 ? PROTOCOL_BUDGET : budget;
    p->offer.sni = sni;
    p->offer.alpn = alpn;
    p->offer.suites = p->suites;
    p->offer.groups = p->groups;
}

/* A class that no accepted version can use, or that there is no version for at all. */
static void settle_impossible(struct protocol_plan *p)
{
    uint16_t none[SUITE_MOST];

    for (unsigned c = 0; c < SUITE_TLS1_3; c++) {
        struct protocol_state *s = &p->facts.classes[c];

        if (protocol_top(p) == PROTOCOL_SSL2 && protocol_speaks_1_3(p) &&
            p->facts.versions[PROTOCOL_TLS1_2].known == PROTOCOL_REFUSED)
            protocol_settle(s, PROTOCOL_REFUSED, "nothing below TLSv1.3 is accepted");
        else if (protocol_top(p) != PROTOCOL_SSL2 &&
                 suite_list(CLASS(c), protocol_wire(protocol_top(p)), false, none) == 0)
            protocol_settle(s, PROTOCOL_REFUSED, "%s has no such suites",
                            wire_version_name(protocol_wire(protocol_top(p))));
    }
    if (p->has_answered && p->facts.versions[PROTOCOL_TLS1_2].known == PROTOCOL_REFUSED)
        protocol_settle(&p->facts.conducts[PROTOCOL_CLIENT_ORDER], PROTOCOL_REFUSED, "TLSv1.2 is refused");
    if (protocol_speaks_1_3(p))
        protocol_settle(&p->facts.classes[SUITE_TLS1_3], PROTOCOL_ACCEPTED, "%s", "");
    else if (p->has_answered && p->facts.versions[PROTOCOL_TLS1_3].known == PROTOCOL_REFUSED)
        protocol_settle(&p->facts.classes[SUITE_TLS1_3], PROTOCOL_REFUSED, "TLSv1.3 is refused");
}

/* Servers that close on what they refuse have answered other hellos; one that closes on everything is not known. */
static void finish_state(const struct protocol_plan *p, struct protocol_state *s, const char *why)
{
    if (s->is_closed && !p->has_answered) {
        s->known = PROTOCOL_UNTESTED;
        (void)snprintf(s->text, sizeof s->text, "closed on every hello without a word of TLS");
    }
    protocol_settle(s, PROTOCOL_UNTESTED, "%s", why);
}

static void finish(struct protocol_plan *p)
{
    const char *why = p->facts.stopped[0] != '\0' ? p->facts.stopped : "no version is accepted to ask it with";

    p->is_over = true;
    settle_impossible(p);
    for (size_t i = 0; i < PROTOCOL_VERSIONS; i++)
        finish_state(p, &p->facts.versions[i], why);
    for (size_t i = 0; i < SUITE_CLASSES; i++)
        finish_state(p, &p->facts.classes[i], why);
    for (size_t i = 0; i < PROTOCOL_CONDUCTS; i++)
        finish_state(p, &p->facts.conducts[i], why);
    p->facts.lists_all = p->knows_suites;
}

void protocol_plan_stop(struct protocol_plan *p, const char *why)
{
    if (p->is_over)
        return;
    p->facts.stopped[utf8_printable(slice_str(why), p->facts.stopped, PROTOCOL_TEXT - 1).len] = '\0';
    finish(p);
}

struct hello_offer *protocol_plan_next(struct protocol_plan *p)
{
    char why[PROTOCOL_TEXT];

    for (; !p->is_over && p->step < protocol_steps_len; p->step++) {
        settle_impossible(p);
        p->offer.is_fallback = p->offer.has_heartbeat = false;
        if (!protocol_steps[p->step].ask(p))
            continue;
        if (p->facts.connections < p->budget)
            return &p->offer;
        (void)snprintf(why, sizeof why, "the budget of %u connections was used up", p->budget);
        protocol_plan_stop(p, why);
    }
    if (!p->is_over)
        finish(p);
    return NULL;
}
