#include "certs/protocol_plan_private.h"

#define WEAK                                                                                                          \
    (CLASS(SUITE_NULL) | CLASS(SUITE_EXPORT) | CLASS(SUITE_DES) | CLASS(SUITE_ANONYMOUS) | CLASS(SUITE_RC4) |         \
     CLASS(SUITE_3DES))
#define BEFORE_1_3 (CLASS(SUITE_TLS1_3) - 1)

static bool is_open(const struct protocol_state *s)
{
    return !s->is_settled;
}

enum protocol_version protocol_top(const struct protocol_plan *p)
{
    enum protocol_version v = PROTOCOL_TLS1_2;

    while (v > PROTOCOL_SSL2 && p->facts.versions[v].known != PROTOCOL_ACCEPTED)
        v--;
    return v;
}

enum protocol_version protocol_lowest(const struct protocol_plan *p)
{
    enum protocol_version v = PROTOCOL_SSL3;

    while (v < protocol_top(p) && p->facts.versions[v].known != PROTOCOL_ACCEPTED)
        v++;
    return v;
}

static unsigned open_classes(const struct protocol_plan *p, unsigned of)
{
    for (unsigned c = 0; c < SUITE_CLASSES; c++)
        if (!is_open(&p->facts.classes[c]))
            of &= ~CLASS(c);
    return of;
}

/* Groups of TLS 1.3 alone are left out below it, and those of finite fields too where an older version may be chosen:
 * naming them changes what DHE does (RFC 7919 section 4). */
static void offer_groups(struct protocol_plan *p, bool with_finite)
{
    p->offer.groups_len = p->offer.version > WIRE_SSL3 ? tls_group_list(p->offer.version, p->groups) : 0;
    for (size_t i = 0; i < p->offer.groups_len;) {
        if (!with_finite && tls_group_find(p->groups[i])->is_finite)
            memmove(p->groups + i, p->groups + i + 1, (--p->offer.groups_len - i) * sizeof p->groups[0]);
        else
            i++;
    }
}

static bool offer(struct protocol_plan *p, uint16_t version, unsigned classes, bool weakest_first)
{
    p->offer.version = version;
    p->offer.suites_len = suite_list(classes, version, weakest_first, p->suites);
    offer_groups(p, false);
    return p->offer.suites_len > 0;
}

/* Each step looks at what is known and writes the next question into the offer; false: it has none, or none any more.
 */

/* Everything a modern client would say, so that an older server answers as well. */
static bool ask_modern(struct protocol_plan *p)
{
    if (!is_open(&p->facts.versions[PROTOCOL_TLS1_3]))
        return false;
    (void)offer(p, WIRE_TLS1_3, CLASS(SUITE_TLS1_3), false);
    p->offer.suites_len += suite_list(BEFORE_1_3, WIRE_TLS1_2, false, p->suites + p->offer.suites_len);
    p->offer.has_heartbeat = true;
    return true;
}

static bool ask_version(struct protocol_plan *p, enum protocol_version v, bool weakest_first)
{
    return is_open(&p->facts.versions[v]) && offer(p, protocol_wire(v), BEFORE_1_3, weakest_first);
}

static bool ask_1_2(struct protocol_plan *p)
{
    p->offer.has_heartbeat = true;
    return ask_version(p, PROTOCOL_TLS1_2, false);
}

/* From here on the weakest come first: a server that follows the client's order shows them without being asked again,
 * and those that read only the first 64 suites see them. */
static bool ask_1_1(struct protocol_plan *p)
{
    return ask_version(p, PROTOCOL_TLS1_1, true);
}

static bool ask_1_0(struct protocol_plan *p)
{
    return ask_version(p, PROTOCOL_TLS1_0, true);
}

static bool ask_ssl3(struct protocol_plan *p)
{
    return ask_version(p, PROTOCOL_SSL3, true);
}

static bool ask_ssl2(struct protocol_plan *p)
{
    if (!is_open(&p->facts.versions[PROTOCOL_SSL2]))
        return false;
    p->offer.version = WIRE_SSL2;
    p->offer.suites_len = p->offer.groups_len = 0;
    return true;
}

static bool ask_classes(struct protocol_plan *p, unsigned classes)
{
    return protocol_top(p) != PROTOCOL_SSL2 &&
           offer(p, protocol_wire(protocol_top(p)), open_classes(p, classes), true);
}

static bool ask_weak(struct protocol_plan *p)
{
    return ask_classes(p, WEAK);
}

/* Some servers keep a weak suite for old versions only. */
static bool ask_weak_at_lowest(struct protocol_plan *p)
{
    unsigned classes = WEAK & ~p->low_refused;

    for (unsigned c = 0; c < SUITE_CLASSES; c++)
        if (p->facts.classes[c].known == PROTOCOL_ACCEPTED)
            classes &= ~CLASS(c);
    return protocol_lowest(p) < protocol_top(p) && offer(p, protocol_wire(protocol_lowest(p)), classes, true);
}

static bool ask_static(struct protocol_plan *p)
{
    return ask_classes(p, CLASS(SUITE_STATIC));
}

/* None of the weak ones: those were asked for by themselves, and a server must not be judged by what it refuses. */
static bool ask_order(struct protocol_plan *p)
{
    return is_open(&p->facts.conducts[PROTOCOL_CLIENT_ORDER]) && p->strongest_first != 0 &&
           offer(p, WIRE_TLS1_2,
                 CLASS(SUITE_STATIC) | CLASS(SUITE_DHE) | CLASS(SUITE_ECDHE_CBC) | CLASS(SUITE_ECDHE_AEAD), true);
}

/* The next one below the best of those that are accepted; PROTOCOL_SSL2: there is none. */
static enum protocol_version second_best(const struct protocol_plan *p)
{
    enum protocol_version v = protocol_speaks_1_3(p) ? PROTOCOL_TLS1_2 : protocol_top(p) - (protocol_top(p) > 0);

    while (v > PROTOCOL_SSL2 && p->facts.versions[v].known != PROTOCOL_ACCEPTED)
        v--;
    return v;
}

static bool ask_fallback(struct protocol_plan *p)
{
    struct protocol_state *state = &p->facts.conducts[PROTOCOL_FALLBACK];
    enum protocol_version v = second_best(p);

    if (!is_open(state))
        return false;
    if (v <= PROTOCOL_SSL3) {
        if (p->has_answered)
            protocol_settle(state, PROTOCOL_REFUSED, "there is one version alone");
        return false;
    }
    p->offer.is_fallback = true;
    return offer(p, protocol_wire(v), BEFORE_1_3, false);
}

static bool ask_dhe(struct protocol_plan *p)
{
    return ask_classes(p, CLASS(SUITE_DHE));
}

static bool ask_cbc(struct protocol_plan *p)
{
    return ask_classes(p, CLASS(SUITE_ECDHE_CBC));
}

static bool ask_aead(struct protocol_plan *p)
{
    return ask_classes(p, CLASS(SUITE_ECDHE_AEAD));
}

static bool was_chosen(const struct protocol_plan *p, uint16_t version, uint16_t suite)
{
    for (size_t i = 0; i < p->facts.choices_len; i++)
        if (p->facts.choices[i].version == version && p->facts.choices[i].suite == suite)
            return true;
    return false;
}

static bool is_group_known(const struct protocol_plan *p, uint16_t group)
{
    for (size_t i = 0; i < p->facts.choices_len; i++)
        if (p->facts.choices[i].version == WIRE_TLS1_3 && p->facts.choices[i].group == group)
            return true;
    return false;
}

/* True: some are left to ask for; *knows_all: none are. */
static bool drop_chosen_suites(struct protocol_plan *p, bool *knows_all)
{
    size_t len = 0;

    for (size_t i = 0; i < p->offer.suites_len; i++)
        if (!was_chosen(p, p->offer.version, p->suites[i]))
            p->suites[len++] = p->suites[i];
    p->offer.suites_len = len;
    *knows_all = len == 0;
    return len > 0 && p->facts.choices_len < PROTOCOL_CHOICES_MOST;
}

static unsigned accepted_classes(const struct protocol_plan *p)
{
    unsigned found = 0;

    for (unsigned c = 0; c < SUITE_CLASSES; c++)
        if (p->facts.classes[c].known == PROTOCOL_ACCEPTED)
            found |= CLASS(c);
    return found;
}

static bool ask_more_suites(struct protocol_plan *p)
{
    if (p->knows_suites || protocol_top(p) == PROTOCOL_SSL2)
        return false;
    (void)offer(p, protocol_wire(protocol_top(p)), accepted_classes(p) & BEFORE_1_3, false);
    return drop_chosen_suites(p, &p->knows_suites);
}

bool protocol_speaks_1_3(const struct protocol_plan *p)
{
    return p->facts.versions[PROTOCOL_TLS1_3].known == PROTOCOL_ACCEPTED;
}

static bool ask_more_suites_1_3(struct protocol_plan *p)
{
    if (p->knows_suites_1_3 || !protocol_speaks_1_3(p))
        return false;
    (void)offer(p, WIRE_TLS1_3, CLASS(SUITE_TLS1_3), false);
    return drop_chosen_suites(p, &p->knows_suites_1_3);
}

static bool ask_more_groups(struct protocol_plan *p)
{
    size_t len = 0;

    if (p->knows_groups || !protocol_speaks_1_3(p) || !offer(p, WIRE_TLS1_3, CLASS(SUITE_TLS1_3), false))
        return false;
    offer_groups(p, true);
    for (size_t i = 0; i < p->offer.groups_len; i++)
        if (!is_group_known(p, p->groups[i]))
            p->groups[len++] = p->groups[i];
    p->offer.groups_len = len;
    return len > 0 && p->facts.choices_len < PROTOCOL_CHOICES_MOST;
}

const struct protocol_step protocol_steps[] = {
    { ask_modern, SCOPE_VERSION },
    { ask_1_2, SCOPE_VERSION },
    { ask_1_1, SCOPE_VERSION },
    { ask_1_0, SCOPE_VERSION },
    { ask_ssl3, SCOPE_VERSION },
    { ask_weak, SCOPE_OFFERED },
    { ask_weak_at_lowest, SCOPE_AT_LOWEST },
    { ask_static, SCOPE_OFFERED },
    { ask_ssl2, SCOPE_VERSION },
    { ask_dhe, SCOPE_OFFERED },
    { ask_cbc, SCOPE_OFFERED },
    { ask_aead, SCOPE_OFFERED },
    { ask_order, SCOPE_CLIENT_ORDER },
    { ask_fallback, SCOPE_FALLBACK },
    { ask_more_suites, SCOPE_MORE_SUITES },
    { ask_more_suites_1_3, SCOPE_MORE_SUITES_1_3 },
    { ask_more_groups, SCOPE_MORE_GROUPS },
};

const size_t protocol_steps_len = COUNT_OF(protocol_steps);
