#include "certs/protocol_plan.h"

#include "base/utf8.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum { ALERT_PROTOCOL_VERSION = 70, SILENCES_MOST = 2, GARBLES_MOST = 2 };

#define CLASS(c) (1U << (c))
#define WEAK                                                                                                          \
    (CLASS(SUITE_NULL) | CLASS(SUITE_EXPORT) | CLASS(SUITE_DES) | CLASS(SUITE_ANONYMOUS) | CLASS(SUITE_RC4) |         \
     CLASS(SUITE_3DES))
#define BEFORE_1_3 (CLASS(SUITE_TLS1_3) - 1)

static const uint16_t wires[] = {
    [PROTOCOL_SSL2] = WIRE_SSL2,     [PROTOCOL_SSL3] = WIRE_SSL3,     [PROTOCOL_TLS1_0] = WIRE_TLS1_0,
    [PROTOCOL_TLS1_1] = WIRE_TLS1_1, [PROTOCOL_TLS1_2] = WIRE_TLS1_2, [PROTOCOL_TLS1_3] = WIRE_TLS1_3,
};

uint16_t protocol_wire(enum protocol_version v)
{
    return wires[v];
}

static enum protocol_version version_of(uint16_t wire)
{
    enum protocol_version v = PROTOCOL_SSL2;

    while (wires[v] != wire)
        v++;
    return v;
}

const char *protocol_known_name(enum protocol_known k)
{
    static const char *const names[] = {
        [PROTOCOL_UNTESTED] = "not tested", [PROTOCOL_REFUSED] = "refused", [PROTOCOL_ACCEPTED] = "accepted"
    };

    return names[k];
}

/* The first word stands, but that a later acceptance is never talked away. */
static void PRINTF_LIKE(3, 4) settle(struct protocol_state *s, enum protocol_known known, const char *fmt, ...)
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
    settle(s, PROTOCOL_REFUSED, "closed without an alert");
    s->is_closed = true;
}

static bool is_open(const struct protocol_state *s)
{
    return !s->is_settled;
}

/* Of SSLv3 to TLS 1.2, where suites are the same, the highest or lowest that is accepted; PROTOCOL_SSL2: none. */
static enum protocol_version top(const struct protocol_plan *p)
{
    enum protocol_version v = PROTOCOL_TLS1_2;

    while (v > PROTOCOL_SSL2 && p->facts.versions[v].known != PROTOCOL_ACCEPTED)
        v--;
    return v;
}

static enum protocol_version lowest(const struct protocol_plan *p)
{
    enum protocol_version v = PROTOCOL_SSL3;

    while (v < top(p) && p->facts.versions[v].known != PROTOCOL_ACCEPTED)
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
    return true;
}

static bool ask_version(struct protocol_plan *p, enum protocol_version v, bool weakest_first)
{
    return is_open(&p->facts.versions[v]) && offer(p, wires[v], BEFORE_1_3, weakest_first);
}

static bool ask_1_2(struct protocol_plan *p)
{
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
    return top(p) != PROTOCOL_SSL2 && offer(p, wires[top(p)], open_classes(p, classes), true);
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
    return lowest(p) < top(p) && offer(p, wires[lowest(p)], classes, true);
}

static bool ask_static(struct protocol_plan *p)
{
    return ask_classes(p, CLASS(SUITE_STATIC));
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
    if (p->knows_suites || top(p) == PROTOCOL_SSL2)
        return false;
    (void)offer(p, wires[top(p)], accepted_classes(p) & BEFORE_1_3, false);
    return drop_chosen_suites(p, &p->knows_suites);
}

static bool speaks_1_3(const struct protocol_plan *p)
{
    return p->facts.versions[PROTOCOL_TLS1_3].known == PROTOCOL_ACCEPTED;
}

static bool ask_more_suites_1_3(struct protocol_plan *p)
{
    if (p->knows_suites_1_3 || !speaks_1_3(p))
        return false;
    (void)offer(p, WIRE_TLS1_3, CLASS(SUITE_TLS1_3), false);
    return drop_chosen_suites(p, &p->knows_suites_1_3);
}

static bool ask_more_groups(struct protocol_plan *p)
{
    size_t len = 0;

    if (p->knows_groups || !speaks_1_3(p) || !offer(p, WIRE_TLS1_3, CLASS(SUITE_TLS1_3), false))
        return false;
    offer_groups(p, true);
    for (size_t i = 0; i < p->offer.groups_len; i++)
        if (!is_group_known(p, p->groups[i]))
            p->groups[len++] = p->groups[i];
    p->offer.groups_len = len;
    return len > 0 && p->facts.choices_len < PROTOCOL_CHOICES_MOST;
}

/* Which states a refusal settles. */
enum scope { VERSION, OFFERED, AT_LOWEST, MORE_SUITES, MORE_SUITES_1_3, MORE_GROUPS };

/* In the order of what is worth a connection most. */
static const struct {
    bool (*ask)(struct protocol_plan *p);
    enum scope scope;
} steps[] = {
    { ask_modern, VERSION },
    { ask_1_2, VERSION },
    { ask_1_1, VERSION },
    { ask_1_0, VERSION },
    { ask_ssl3, VERSION },
    { ask_weak, OFFERED },
    { ask_weak_at_lowest, AT_LOWEST },
    { ask_static, OFFERED },
    { ask_ssl2, VERSION },
    { ask_dhe, OFFERED },
    { ask_cbc, OFFERED },
    { ask_aead, OFFERED },
    { ask_more_suites, MORE_SUITES },
    { ask_more_suites_1_3, MORE_SUITES_1_3 },
    { ask_more_groups, MORE_GROUPS },
};

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

        if (top(p) == PROTOCOL_SSL2 && speaks_1_3(p) && p->facts.versions[PROTOCOL_TLS1_2].known == PROTOCOL_REFUSED)
            settle(s, PROTOCOL_REFUSED, "nothing below TLSv1.3 is accepted");
        else if (top(p) != PROTOCOL_SSL2 && suite_list(CLASS(c), wires[top(p)], false, none) == 0)
            settle(s, PROTOCOL_REFUSED, "%s has no such suites", wire_version_name(wires[top(p)]));
    }
    if (speaks_1_3(p))
        settle(&p->facts.classes[SUITE_TLS1_3], PROTOCOL_ACCEPTED, "%s", "");
    else if (p->has_answered && p->facts.versions[PROTOCOL_TLS1_3].known == PROTOCOL_REFUSED)
        settle(&p->facts.classes[SUITE_TLS1_3], PROTOCOL_REFUSED, "TLSv1.3 is refused");
}

/* Servers that close on what they refuse have answered other hellos; one that closes on everything is not known. */
static void finish_state(const struct protocol_plan *p, struct protocol_state *s, const char *why)
{
    if (s->is_closed && !p->has_answered) {
        s->known = PROTOCOL_UNTESTED;
        (void)snprintf(s->text, sizeof s->text, "closed on every hello without a word of TLS");
    }
    settle(s, PROTOCOL_UNTESTED, "%s", why);
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

    for (; !p->is_over && p->step < COUNT_OF(steps); p->step++) {
        settle_impossible(p);
        if (!steps[p->step].ask(p))
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

/* A version below the one that was offered refuses all those between. */
static void on_choice(struct protocol_plan *p, const struct hello_answer *a, unsigned key_bits)
{
    struct protocol_facts *f = &p->facts;
    enum protocol_version v = version_of(a->version);
    struct suite s = { .exchange = SUITE_BY_KEY_SHARE };

    settle(&f->versions[v], PROTOCOL_ACCEPTED, "%s", "");
    for (unsigned above = v + 1; above <= version_of(p->offer.version) && v != PROTOCOL_SSL2; above++)
        settle(&f->versions[above], PROTOCOL_REFUSED, "answered with %s", wire_version_name(a->version));
    if (v == PROTOCOL_SSL2)
        return;
    if (suite_find(a->suite, &s))
        settle(&f->classes[s.class], PROTOCOL_ACCEPTED, "%s", "");
    if (steps[p->step].scope == MORE_GROUPS && a->group == 0)
        p->knows_groups = true; /* it does not tell */
    if (v < PROTOCOL_TLS1_3 && !a->has_secure_renegotiation)
        f->lacks_secure_renegotiation = true;
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
        settle(s, PROTOCOL_REFUSED, "at %s, %s", wire_version_name(p->offer.version), how);
    else
        settle(s, PROTOCOL_REFUSED, "%s", how);
}

static void refuse_at_lowest(struct protocol_plan *p)
{
    unsigned classes = offered_classes(p);

    p->low_refused |= classes;
    for (unsigned c = 0; c < SUITE_CLASSES; c++) {
        struct protocol_state *s = &p->facts.classes[c];

        if ((classes & CLASS(c)) && s->known == PROTOCOL_REFUSED)
            (void)snprintf(s->text, sizeof s->text, "at %s and at %s", wire_version_name(wires[top(p)]),
                           wire_version_name(p->offer.version));
    }
}

/* One that refuses TLS 1.1 by its number would have answered with an older version if it had one. */
static void refuse_version(struct protocol_plan *p, const char *how, bool is_closed, uint8_t alert)
{
    enum protocol_version v = version_of(p->offer.version);

    refuse(&p->facts.versions[v], p, how, is_closed);
    if (v == PROTOCOL_TLS1_1 && alert == ALERT_PROTOCOL_VERSION)
        settle(&p->facts.versions[PROTOCOL_TLS1_0], PROTOCOL_REFUSED, "TLSv1.1 and below were refused together");
}

static void on_refused(struct protocol_plan *p, const char *how, bool is_closed, uint8_t alert)
{
    unsigned classes = offered_classes(p);

    switch (steps[p->step].scope) {
    case VERSION: refuse_version(p, how, is_closed, alert); break;
    case OFFERED:
        for (unsigned c = 0; c < SUITE_CLASSES; c++)
            if (classes & CLASS(c))
                refuse(&p->facts.classes[c], p, how, is_closed);
        break;
    case AT_LOWEST: refuse_at_lowest(p); break;
    case MORE_SUITES: p->knows_suites = true; break;
    case MORE_SUITES_1_3: p->knows_suites_1_3 = true; break;
    case MORE_GROUPS: p->knows_groups = true; break;
    }
}

/* Not an answer, and not asked again: what the question was about stays unknown. */
static void give_up_question(struct protocol_plan *p, const char *why)
{
    unsigned classes = offered_classes(p);

    switch (steps[p->step].scope) {
    case VERSION: settle(&p->facts.versions[version_of(p->offer.version)], PROTOCOL_UNTESTED, "%s", why); break;
    case OFFERED:
        for (unsigned c = 0; c < SUITE_CLASSES; c++)
            if (classes & CLASS(c))
                settle(&p->facts.classes[c], PROTOCOL_UNTESTED, "%s", why);
        break;
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
