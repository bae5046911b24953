/* certs/protocols_fixture.h: asks a server on loopback for its protocols and hands over what was found; for tests. */
#ifndef STERNPOST_CERTS_PROTOCOLS_FIXTURE_H
#define STERNPOST_CERTS_PROTOCOLS_FIXTURE_H

#include "base/test.h"
#include "certs/protocols.h"

struct asking {
    struct protocols protocols; /* first */
    struct loop *loop;
    unsigned progress;
};

static void asking_done(struct protocols *p)
{
    loop_stop(((struct asking *)(void *)p)->loop);
}

static void asking_progress(struct protocols *p)
{
    ((struct asking *)(void *)p)->progress++;
}

/* Without pauses; what the target does not say is short. */
static inline struct protocol_facts ask_protocols(const struct net_address *at, enum tls_way way,
                                                  struct protocols_target target)
{
    static struct asking a;
    struct protocol_facts facts;

    a = (struct asking){ .loop = loop_new(), .protocols = { .done = asking_done, .progress = asking_progress } };
    target.address = *at;
    target.way = way;
    target.sni = SLICE_LIT("mx.example.test.");
    target.helo = SLICE_LIT("probe.example.test");
    target.pause_ms = target.pause_ms == 0 ? -1 : target.pause_ms;
    target.answer_ms = target.answer_ms == 0 ? 5000 : target.answer_ms;
    protocols_start(&a.protocols, a.loop, &target);
    loop_run(a.loop);
    facts = a.protocols.plan.facts;
    CHECK(a.progress >= facts.connections && a.progress <= facts.connections + 1);
    protocols_release(&a.protocols);
    loop_free(a.loop);
    return facts;
}

/* "--+++-": refused, accepted, not tested (~), in the order of the enum. */
static inline const char *states_of(const struct protocol_state *states, size_t len)
{
    static char out[4][20];
    static unsigned next;
    char *at = out[next++ % COUNT_OF(out)];

    for (size_t i = 0; i < len; i++)
        at[i] = "~-+"[states[i].known];
    at[len] = '\0';
    return at;
}

static inline void check_conducts(const char *name, const struct protocol_facts *f, const char *conducts)
{
    const char *c = states_of(f->conducts, PROTOCOL_CONDUCTS);

    if (strcmp(c, conducts) != 0)
        fail_msg("%s: got %s, want %s; %s; %s", name, c, conducts, f->conducts[0].text, f->conducts[1].text);
}

static inline void check_states(const char *name, const struct protocol_facts *f, const char *versions,
                                const char *classes)
{
    const char *v = states_of(f->versions, PROTOCOL_VERSIONS), *c = states_of(f->classes, SUITE_CLASSES);

    if (strcmp(v, versions) != 0 || strcmp(c, classes) != 0)
        fail_msg("%s: got %s and %s, want %s and %s; %s", name, v, c, versions, classes, f->stopped);
}

#endif
