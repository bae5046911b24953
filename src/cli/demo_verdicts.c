#include "cli/demo_verdicts.h"

#include "base/memory.h"
#include "certs/survey.h"
#include "cli/table.h"
#include "settings/config.h"

#include <stdlib.h>

struct looked {
    struct survey survey; /* first */
    struct looking *all;
};

struct looking {
    const struct demo_world *world;
    struct config *config;
    struct loop *loop;
    struct resolver *resolver;
    struct prober *prober;
    struct looked *surveys; /* one for each server, in their order; those without TLS are left out */
    const struct demo_server *servers;
    size_t servers_len, at;
    struct table table;
    bool is_right;
};

/* What a certificate must be found to be: the id of the gravest finding, and how grave. */
static const struct {
    const char *id; /* NULL: whatever it is */
    enum severity severity;
} expected[] = {
    [DEMO_NONE] = { NULL, SEVERITY_OK },
    [DEMO_GOOD] = { NULL, SEVERITY_WARNING }, /* at the most */
    [DEMO_EXPIRED] = { "cert.expiry", SEVERITY_ERROR },
    [DEMO_MISNAMED] = { "cert.name", SEVERITY_ERROR },
    [DEMO_SELF_SIGNED] = { NULL, SEVERITY_WARNING }, /* its TLSA record vouches for it */
};

static bool is_stale(const struct demo_server *s)
{
    return s->tlsa_of != NULL && strcmp(s->tlsa_of, s->name) != 0;
}

static bool is_as_expected(const struct demo_server *s, const struct judgement *j)
{
    if (is_stale(s))
        return j->worst == SEVERITY_ERROR && strcmp(j->findings[0].id, "dane.match") == 0;
    if (expected[s->certificate].id == NULL)
        return j->worst <= expected[s->certificate].severity;
    return j->worst == expected[s->certificate].severity &&
           strcmp(j->findings[0].id, expected[s->certificate].id) == 0;
}

static void show(struct looking *l, const struct demo_server *server, const struct survey *s)
{
    const struct survey_address *a = s->addresses_len > 0 ? &s->addresses[0] : NULL;
    bool is_judged = a != NULL && a->is_judged && a->judgement.findings_len > 0;
    const struct slice cells[] = {
        slice_str(server->name),
        slice_str(judge_how_name(s->how)),
        slice_str(is_judged ? severity_name(a->judgement.worst) : "none"),
        is_judged ? a->judgement.findings[0].seen : slice_str(a != NULL ? a->text : s->text),
    };

    table_add(&l->table, cells);
    if (!is_judged || !is_as_expected(server, &a->judgement))
        l->is_right = false;
}

static void next(struct looking *l);

static void on_done(struct survey *s)
{
    struct looking *l = CONTAINER_OF(s, struct looked, survey)->all;

    show(l, &l->servers[l->at], s);
    l->at++;
    next(l);
}

static void next(struct looking *l)
{
    while (l->at < l->servers_len && l->servers[l->at].certificate == DEMO_NONE)
        l->at++;
    if (l->at == l->servers_len) {
        loop_stop(l->loop);
        return;
    }
    l->surveys[l->at] = (struct looked){ .survey.done = on_done, .all = l };
    survey_start(&l->surveys[l->at].survey, l->loop, l->resolver, l->prober,
                 &(struct survey_target){ .server = { slice_str(l->servers[l->at].name), DEMO_PEER_PORT, false },
                                          .helo = l->config->outbound.helo,
                                          .ca_file = l->world->ca_file,
                                          .wants_one = true,
                                          .has_few_questions = true });
}

static void look(struct looking *l)
{
    l->surveys = mem_new(l->servers_len, sizeof *l->surveys);
    l->prober = prober_new(l->loop);
    next(l);
    loop_run(l->loop);
    for (size_t i = 0; i < l->servers_len; i++)
        survey_release(&l->surveys[i].survey);
    free(l->surveys);
    prober_free(l->prober);
    resolver_free(l->resolver);
}

bool demo_verdicts(const struct demo_world *w)
{
    struct looking l = {
        .world = w,
        .is_right = true,
        .table = { .columns = { { "SERVER", false, 20 },
                                { "JUDGED BY", false, 10 },
                                { "VERDICT", false, 8 },
                                { "WHY", false, 0 } },
                   .columns_len = 4 },
    };
    struct fault why;

    (void)printf("\nTheir certificates, as sternpost cert judges them:\n\n");
    if (config_load(w->config_file, &l.config, &why) != OK)
        return false;
    l.servers_len = demo_servers(&l.servers);
    l.loop = loop_new();
    if (resolver_new(l.loop, &l.config->resolver, &l.resolver, &why) == OK)
        look(&l);
    else
        l.is_right = false;
    table_print(&l.table, stdout);
    table_release(&l.table);
    loop_free(l.loop);
    config_free(l.config);
    return l.is_right;
}
