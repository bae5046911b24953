#include "domains/name_servers.h"

#include "base/memory.h"
#include "net/dns_message.h"

#include <sys/random.h>

enum { QUESTION_MAX = 512 };

struct name_server_asking { /* one question to one server */
    struct dns_ask ask;     /* first */
    struct name_servers *of;
    struct name_server_asking *next;
    struct name_server_facts *facts;
    size_t question;
    struct buf message;
};

static void on_tcp(struct name_server_asking *a)
{
    a->facts->by_tcp = a->ask.status == OK ? NAME_SERVER_ANSWERS : NAME_SERVER_SILENT;
}

static void on_udp(struct name_server_asking *a)
{
    enum name_server_answer *out = &a->facts->by_udp[a->question];
    struct dns_answer answer;

    if (a->ask.status != OK) {
        *out = a->ask.has_no_route ? NAME_SERVER_UNASKED : NAME_SERVER_SILENT;
        return;
    }
    dns_message_read(a->ask.answer, a->of->facts.questions[a->question].type, &a->of->arena, &answer);
    *out = answer.outcome == DNS_FAILED ? NAME_SERVER_FAILS : NAME_SERVER_ANSWERS;
    a->facts->why[a->question] = answer.outcome == DNS_FAILED ? answer.why : "";
}

static void on_asked(struct dns_ask *ask)
{
    struct name_server_asking *a = CONTAINER_OF(ask, struct name_server_asking, ask);
    struct name_servers *n = a->of;

    (ask->by_tcp ? on_tcp : on_udp)(a);
    if (--n->open == 0)
        n->done(n);
}

static void ask(struct name_servers *n, size_t server, size_t question, bool by_tcp)
{
    const struct name_server_question *q = &n->facts.questions[question];
    struct name_server_asking *a = ARENA_NEW(&n->arena, struct name_server_asking);
    uint16_t id = 0;

    (void)!getrandom(&id, sizeof id, 0);
    a->of = n;
    a->facts = &n->servers[server];
    a->question = question;
    a->next = n->askings;
    n->askings = a;
    buf_init(&a->message, QUESTION_MAX);
    if (!dns_question_write(q->name, q->type, id, &a->message))
        return;
    a->ask.done = on_asked;
    a->ask.server = n->zone.servers[server].address;
    a->ask.message = buf_slice(&a->message);
    a->ask.by_tcp = by_tcp;
    n->open++;
    dns_ask_start(&a->ask, n->loop);
}

static void ask_server(struct name_servers *n, size_t server)
{
    if (!n->allows_private && !net_address_is_global(&n->zone.servers[server].address))
        return;
    for (size_t q = 0; q < NAME_SERVERS_QUESTIONS; q++)
        if (n->facts.questions[q].type != DNS_NS)
            ask(n, server, q, false);
    ask(n, server, 0, true);
}

static void on_zone(struct zone_servers *z)
{
    struct name_servers *n = CONTAINER_OF(z, struct name_servers, zone);
    char ip[NET_ADDRESS_TEXT];

    n->facts.zone = z->zone;
    n->facts.servers = n->servers = ARENA_ARRAY(&n->arena, struct name_server_facts, z->servers_len + 1);
    n->facts.servers_len = z->servers_len;
    for (size_t i = 0; i < z->servers_len; i++) {
        n->servers[i] = (struct name_server_facts){
            .name = z->servers[i].name,
            .ip = arena_copy(&n->arena, slice_str(net_address_ip(&z->servers[i].address, ip))),
            .why = { "", "" },
        };
        ask_server(n, i);
    }
    if (n->open == 0)
        n->done(n);
}

void name_servers_start(struct name_servers *n, struct loop *loop, struct resolver *r,
                        const struct name_server_question questions[static NAME_SERVERS_QUESTIONS],
                        bool allows_private)
{
    n->loop = loop;
    n->allows_private = allows_private;
    n->facts.zone = SLICE_LIT("");
    for (size_t q = 0; q < NAME_SERVERS_QUESTIONS; q++)
        n->facts.questions[q] =
            (struct name_server_question){ arena_copy(&n->arena, questions[q].name), questions[q].type };
    n->zone.done = on_zone;
    zone_servers_start(&n->zone, loop, r, n->facts.questions[0].name);
}

void name_servers_release(struct name_servers *n)
{
    if (n->loop == NULL)
        return;
    for (struct name_server_asking *a = n->askings; a != NULL; a = a->next) {
        dns_ask_release(&a->ask);
        buf_release(&a->message);
    }
    zone_servers_release(&n->zone);
    arena_release(&n->arena);
    n->loop = NULL;
}
