#include "domains/server_pool.h"

#include "base/map.h"
#include "base/memory.h"

enum { AT_A_TIME = 16 };

struct deep_asked {        /* of one address */
    struct deep_look look; /* first */
    struct pace_ticket ticket;
    struct pooled *server;
    size_t at;
    bool is_done;
};

struct pooled {
    struct survey survey; /* first */
    struct server_pool *pool;
    struct pooled *next; /* in line */
    struct server_wait *waits;
    struct slice name, mailbox; /* in the pool's arena */
    struct deep_asked *deeps;   /* one for each address; NULL: none */
    size_t deeps_open;
    enum tls_way way;
    bool is_done;
};

struct server_pool {
    struct loop *loop;
    struct resolver *resolver;
    struct prober *prober;
    struct server_pool_config config;
    struct arena arena;
    struct map servers;           /* "WAY NAME" -> struct pooled */
    struct pooled *first, **last; /* in line */
    size_t open;
    struct pace *pace;
};

struct server_pool *server_pool_new(struct loop *loop, struct resolver *resolver, struct prober *prober,
                                    const struct server_pool_config *config)
{
    struct server_pool *p = NEW(struct server_pool);

    *p = (struct server_pool){ .loop = loop, .resolver = resolver, .prober = prober, .config = *config };
    if (p->config.at_a_time == 0)
        p->config.at_a_time = AT_A_TIME;
    p->last = &p->first;
    p->pace = pace_new(loop, &(struct pace_limits){ .per_address = 1 });
    map_init(&p->servers);
    return p;
}

static void release_deeps(struct pooled *s)
{
    for (size_t i = 0; s->deeps != NULL && i < s->survey.addresses_len; i++) {
        pace_leave(&s->deeps[i].ticket);
        deep_look_release(&s->deeps[i].look);
    }
    free(s->deeps);
}

void server_pool_free(struct server_pool *p)
{
    struct map_entry *at = NULL;
    struct slice key;
    void *value;

    if (p == NULL)
        return;
    while (map_next(&p->servers, &at, &key, &value)) {
        struct pooled *s = value;

        release_deeps(s);
        survey_release(&s->survey);
        free(s);
    }
    map_release(&p->servers);
    pace_free(p->pace);
    arena_release(&p->arena);
    free(p);
}

static void start_next(struct server_pool *p);

static void conclude(struct pooled *pooled)
{
    struct server_pool *pool = pooled->pool;
    struct server_wait *w;

    pooled->is_done = true;
    pool->open--;
    start_next(pool);
    while ((w = pooled->waits) != NULL) {
        pooled->waits = w->next;
        w->pool = NULL;
        w->done(w, &pooled->survey);
    }
}

/* -- the closer look -------------------------------------------------------------------------------------------- */

static void on_deep(struct deep_look *look)
{
    struct deep_asked *d = CONTAINER_OF(look, struct deep_asked, look);

    d->is_done = true;
    pace_leave(&d->ticket);
    if (--d->server->deeps_open == 0)
        conclude(d->server);
}

static void on_go(struct pace_ticket *t)
{
    struct deep_asked *d = CONTAINER_OF(t, struct deep_asked, ticket);
    const struct server_pool_config *c = &d->server->pool->config;
    const struct net_address *address = &d->server->survey.addresses[d->at].address;
    const struct deep_target target = {
        .address = *address,
        .from = address->sa.any.sa_family == AF_INET6 ? c->from6 : c->from4,
        .name = d->server->name,
        .helo = c->helo,
        .mailbox = d->server->mailbox,
        .budget = c->budget,
        .pause_ms = c->pause_ms,
        .timeout_ms = c->timeout_ms,
    };

    d->look.done = on_deep;
    deep_look_start(&d->look, d->server->pool->loop, d->server->pool->prober, &target);
}

/* Where there was a session: who does not answer, or sent us away, is not asked more. */
static void look_closer(struct pooled *s)
{
    s->deeps = mem_new(s->survey.addresses_len + 1, sizeof *s->deeps);
    for (size_t i = 0; i < s->survey.addresses_len; i++) {
        struct deep_asked *d = &s->deeps[i];

        if (!s->survey.addresses[i].probe->has_session)
            continue;
        *d = (struct deep_asked){ .ticket.go = on_go, .server = s, .at = i };
        s->deeps_open++;
        pace_ask(s->pool->pace, &d->ticket, &s->survey.addresses[i].address);
    }
}

static void on_survey(struct survey *survey)
{
    struct pooled *s = CONTAINER_OF(survey, struct pooled, survey);

    if (s->pool->config.is_deep && s->way == TLS_WAY_SMTP)
        look_closer(s);
    if (s->deeps_open == 0)
        conclude(s);
}

static void start(struct pooled *s)
{
    const struct server_pool_config *c = &s->pool->config;
    bool is_web = s->way == TLS_WAY_HTTPS;
    uint16_t port = is_web ? c->https_port : c->smtp_port;
    const struct survey_target target = {
        .server = { .host = s->name, .port = port != 0 ? port : tls_way_port(s->way) },
        .way = s->way,
        .helo = c->helo,
        .from4 = c->from4,
        .from6 = c->from6,
        .ca_file = c->ca_file,
        .has_how = true,
        .how = is_web ? JUDGE_WEBPKI : JUDGE_MTA_STS,
        .asks_inside = !is_web,
        .has_few_questions = is_web || !c->is_deep,
        .pace = s->pool->pace,
        .only_global = !c->allows_private,
        .timeout_ms = c->timeout_ms,
    };

    s->pool->open++;
    s->survey.done = on_survey;
    survey_start(&s->survey, s->pool->loop, s->pool->resolver, s->pool->prober, &target);
}

static void start_next(struct server_pool *p)
{
    while (p->first != NULL && p->open < p->config.at_a_time) {
        struct pooled *s = p->first;

        p->first = s->next;
        if (p->first == NULL)
            p->last = &p->first;
        start(s);
    }
}

static struct pooled *find_or_add(struct server_pool *p, struct slice name, enum tls_way way)
{
    struct slice key = arena_printf(&p->arena, "%s %.*s", tls_way_name(way), SLICE_FMT(name));
    struct pooled *s = map_get(&p->servers, key);

    if (s != NULL)
        return s;
    s = NEW(struct pooled);
    *s = (struct pooled){ .pool = p, .name = arena_copy(&p->arena, name), .way = way };
    map_put(&p->servers, key, s);
    *p->last = s;
    p->last = &s->next;
    return s;
}

static void on_soon(struct loop_timer *t)
{
    struct server_wait *w = CONTAINER_OF(t, struct server_wait, soon);

    w->pool = NULL;
    w->done(w, &w->server->survey);
}

void server_pool_ask(struct server_pool *p, struct server_wait *w, struct slice name, enum tls_way way)
{
    struct pooled *s = find_or_add(p, name, way);

    if (s->mailbox.len == 0)
        s->mailbox = arena_copy(&p->arena, w->mailbox);
    w->pool = p;
    w->server = s;
    if (s->is_done) {
        w->soon.fire = on_soon;
        loop_timer_set(p->loop, &w->soon, 0);
        return;
    }
    w->next = s->waits;
    s->waits = w;
    start_next(p);
}

const struct deep_facts *server_pool_deep(const struct server_wait *w, size_t at)
{
    const struct pooled *s = w->server;

    return s->deeps != NULL && s->deeps[at].is_done ? &s->deeps[at].look.facts : NULL;
}

void server_pool_drop(struct server_wait *w)
{
    struct pooled *s;

    if (w->pool == NULL)
        return;
    loop_timer_clear(w->pool->loop, &w->soon);
    s = w->server;
    for (struct server_wait **at = &s->waits; *at != NULL; at = &(*at)->next) {
        if (*at == w) {
            *at = w->next;
            break;
        }
    }
    w->pool = NULL;
}
