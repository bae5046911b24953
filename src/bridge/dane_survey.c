#include "bridge/dane_survey.h"

#include "base/memory.h"

#include <stdlib.h>

struct survey_server {
    struct dane_survey *survey;
    struct slice name;
    struct address_lookup addresses;
    struct dane_lookup dane;
};

static void close_one(struct dane_survey *s)
{
    s->open--;
    if (s->open == 0)
        s->done(s);
}

static void on_dane(struct dane_lookup *l)
{
    struct survey_server *server = CONTAINER_OF(l, struct survey_server, dane);
    struct dane_survey *s = server->survey;
    int64_t ttl_s = l->result.ttl_s > 0 ? l->result.ttl_s : 1;

    answer_dane_add(&s->dane, l->result.state);
    if (s->ttl_s == 0 || ttl_s < s->ttl_s)
        s->ttl_s = ttl_s;
    close_one(s);
}

static void on_addresses(struct address_lookup *l)
{
    struct survey_server *server = CONTAINER_OF(l, struct survey_server, addresses);
    struct dane_survey *s = server->survey;

    server->dane.done = on_dane;
    dane_lookup_start(&server->dane, s->loop, s->resolver, server->name, s->port, l);
}

static void ask_for_servers(struct dane_survey *s, const struct mx_result *mx)
{
    size_t len = mx->servers_len < SURVEY_SERVERS_MOST ? mx->servers_len : SURVEY_SERVERS_MOST;

    s->servers = mem_new(len, sizeof *s->servers);
    s->dane.none += mx->servers_len - len;
    s->open = len;
    for (size_t i = 0; i < len; i++) {
        struct survey_server *server = &s->servers[i];

        server->survey = s;
        server->name = mx->servers[i].name;
        server->addresses.done = on_addresses;
        address_lookup_start(&server->addresses, s->loop, s->resolver, server->name, s->port);
    }
}

static void on_mx(struct mx_lookup *l)
{
    struct dane_survey *s = CONTAINER_OF(l, struct dane_survey, mx);

    s->dane.mx_is_secure = l->result.is_secure;
    s->dane.mx_is_unknown = l->result.outcome == MX_FAILED || l->result.outcome == MX_BOGUS;
    if (l->result.outcome == MX_FOUND)
        ask_for_servers(s, &l->result);
    else
        s->done(s);
}

/* We are asked for somebody else's deliveries, so our own name among the servers means nothing. */
void dane_survey_start(struct dane_survey *s, struct loop *loop, struct resolver *r, struct slice domain,
                       uint16_t port, uint32_t random)
{
    s->loop = loop;
    s->resolver = r;
    s->port = port;
    s->mx.done = on_mx;
    mx_lookup_start(&s->mx, loop, r, domain, SLICE_LIT(""), random);
}

void dane_survey_release(struct dane_survey *s)
{
    size_t len = s->servers == NULL ? 0 : s->mx.result.servers_len;

    if (len > SURVEY_SERVERS_MOST)
        len = SURVEY_SERVERS_MOST;
    for (size_t i = 0; i < len; i++) {
        address_lookup_release(&s->servers[i].addresses);
        dane_lookup_release(&s->servers[i].dane);
    }
    free(s->servers);
    s->servers = NULL;
    mx_lookup_release(&s->mx);
}
