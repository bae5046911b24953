#include "domains/server_pool.h"

#include "base/map.h"
#include "base/memory.h"

enum { AT_A_TIME = 16 };

struct pooled {
    struct survey survey; /* first */
    struct server_pool *pool;
    struct pooled *next; /* in line */
    struct server_wait *waits;
    struct slice name; /* in the pool's arena */
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

void server_pool_free(struct server_pool *p)
{
    struct map_entry *at = NULL;
    struct slice key;
    void *value;

    if (p == NULL)
        return;
    while (map_next(&p->servers, &at, &key, &value)) {
        struct pooled *s = value;

        survey_release(&s->survey);
        free(s);
    }
    map_release(&p->servers);
    pace_free(p->pace);
    arena_release(&p->arena);
    free(p);
}

static void start_next(struct server_pool *p);

static void on_survey(struct survey *s)
{
    struct pooled *pooled = CONTAINER_OF(s, struct pooled, survey);
    struct server_pool *pool = pooled->pool;
    struct server_wait *w;

    pooled->is_done = true;
    pool->open--;
    start_next(pool);
    while ((w = pooled->waits) != NULL) {
        pooled->waits = w->next;
        w->pool = NULL;
        w->done(w, s);
    }
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
        .has_few_questions = true,
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
