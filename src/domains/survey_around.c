#include "domains/survey_private.h"

#include "base/memory.h"

struct survey_caa {           /* of one host */
    struct caa_lookup lookup; /* first */
    struct domain_survey *survey;
    struct survey_caa *next;
};

struct survey_zone {
    struct name_servers servers; /* first */
    struct domain_survey *survey;
    struct survey_zone *next;
    struct slice above; /* the name that the first question's lies directly below */
};

static void on_caa(struct caa_lookup *l)
{
    survey_step_done(CONTAINER_OF(l, struct survey_caa, lookup)->survey);
}

void survey_ask_caa(struct domain_survey *s, struct slice name, const struct caa_lookup **out)
{
    struct survey_caa *c = ARENA_NEW(&s->arena, struct survey_caa);

    c->survey = s;
    c->next = s->caas;
    s->caas = c;
    c->lookup.done = on_caa;
    *out = &c->lookup;
    survey_step(s);
    caa_lookup_start(&c->lookup, s->world->resolver, name);
}

static void on_zone(struct name_servers *n)
{
    struct survey_zone *z = CONTAINER_OF(n, struct survey_zone, servers);
    struct domain_facts *f = &z->survey->facts;

    f->zones[f->zones_len++] = &n->facts;
    survey_step_done(z->survey);
}

static void ask_zone(struct domain_survey *s, struct slice above,
                     const struct name_server_question questions[static NAME_SERVERS_QUESTIONS])
{
    struct survey_zone *z = ARENA_NEW(&s->arena, struct survey_zone);

    z->survey = s;
    z->above = above;
    z->next = s->zones;
    s->zones = z;
    z->servers.done = on_zone;
    survey_step(s);
    name_servers_start(&z->servers, s->world->loop, s->world->resolver, questions, s->world->mailbox.allows_private);
}

void survey_ask_domain_zone(struct domain_survey *s)
{
    const struct name_server_question questions[] = {
        { survey_below(s, "_mta-sts.", s->facts.domain), DNS_TXT },
        { survey_below(s, "_smtp._tls.", s->facts.domain), DNS_TXT },
    };

    ask_zone(s, SLICE_LIT(""), questions);
}

/* Servers of one provider lie side by side, and in one zone. */
void survey_ask_server_zone(struct domain_survey *s, struct slice server)
{
    const struct name_server_question questions[] = {
        { survey_below(s, "_25._tcp.", server), DNS_TLSA },
        { SLICE_LIT(""), DNS_NS },
    };
    size_t asked = 0;
    struct slice above;

    (void)slice_cut(server, '.', &above);
    for (const struct survey_zone *z = s->zones; z != NULL; z = z->next, asked++)
        if (slice_eq(z->above, above))
            return;
    if (asked < DOMAIN_ZONES_MOST)
        ask_zone(s, above, questions);
}

void survey_release_around(struct domain_survey *s)
{
    for (struct survey_caa *c = s->caas; c != NULL; c = c->next)
        caa_lookup_release(&c->lookup);
    for (struct survey_zone *z = s->zones; z != NULL; z = z->next)
        name_servers_release(&z->servers);
}
