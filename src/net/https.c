#include "net/https.h"

#include "base/memory.h"
#include "net/dialer.h"
#include "net/https_exchange.h"
#include "net/tls_trust.h"

#include <openssl/x509_vfy.h>
#include <sys/queue.h>
#include <unistd.h>

enum { DEFAULT_TRANSFERS = 16, HOST_MOST = 253, PATH_MOST = 2048, PER_FAMILY = DIAL_MOST / 2 };

/* One request on its way: it waits for a place, then resolves, connects, exchanges. */
struct transfer {
    TAILQ_ENTRY(transfer) in_list;
    struct https_client *client;
    struct https_request *request;
    bool has_place;
    struct loop_timer deadline;
    struct resolver_query a, aaaa;
    unsigned unanswered, found, private;
    char dns_text[120];
    struct net_address v4[PER_FAMILY], v6[PER_FAMILY], addresses[DIAL_MOST];
    size_t v4_len, v6_len, addresses_len;
    struct dialer dialer;
    struct exchange exchange;
};

TAILQ_HEAD(transfers, transfer);

struct https_client {
    struct loop *loop;
    struct resolver *resolver;
    struct exchanger *exchanger;
    const char *ca_file;
    uint16_t port;
    bool allows_private;
    unsigned places_left;
    struct transfers waiting, running;
};

const char *https_outcome_name(enum https_outcome o)
{
    static const char *const names[] = {
        [HTTPS_ANSWERED] = "answered",       [HTTPS_NO_ADDRESS] = "no-address",   [HTTPS_PRIVATE] = "private-address",
        [HTTPS_UNREACHABLE] = "unreachable", [HTTPS_CERTIFICATE] = "certificate", [HTTPS_TLS] = "tls",
        [HTTPS_TIMEOUT] = "timeout",         [HTTPS_TOO_LARGE] = "too-large",     [HTTPS_BROKEN] = "broken",
    };

    return names[o];
}

enum status https_client_new(struct loop *loop, struct resolver *r, const struct https_config *config,
                             struct https_client **out, struct fault *why)
{
    struct https_client *h;
    X509_STORE *store;
    enum status st = tls_trust_store(config->ca_file, &store, why);

    if (st != OK)
        return st;
    X509_STORE_free(store); /* it stays loaded */
    h = NEW(struct https_client);
    h->loop = loop;
    h->resolver = r;
    h->exchanger = exchanger_new(loop);
    h->ca_file = config->ca_file;
    h->port = config->port;
    h->allows_private = config->allows_private;
    h->places_left = config->transfers_most > 0 ? config->transfers_most : DEFAULT_TRANSFERS;
    TAILQ_INIT(&h->waiting);
    TAILQ_INIT(&h->running);
    *out = h;
    return OK;
}

static void start_waiting(struct https_client *h);

/* Ends whatever is open and gives the place to the next. */
static void drop(struct transfer *t)
{
    struct https_client *h = t->client;

    loop_timer_clear(h->loop, &t->deadline);
    resolver_cancel(h->resolver, &t->a);
    resolver_cancel(h->resolver, &t->aaaa);
    dialer_release(&t->dialer);
    exchange_stop(&t->exchange);
    TAILQ_REMOVE(t->has_place ? &h->running : &h->waiting, t, in_list);
    h->places_left += t->has_place;
    t->request->private_state = NULL;
    free(t);
    start_waiting(h);
}

void https_client_free(struct https_client *h)
{
    struct transfer *t;

    if (h == NULL)
        return;
    while ((t = TAILQ_FIRST(&h->waiting)) != NULL || (t = TAILQ_FIRST(&h->running)) != NULL)
        drop(t);
    exchanger_free(h->exchanger);
    free(h);
}

static void finish(struct transfer *t)
{
    struct https_request *q = t->request;

    drop(t);
    q->done(q);
}

static void fail(struct transfer *t, enum https_outcome outcome, const char *what)
{
    struct https_request *q = t->request;

    q->outcome = outcome;
    buf_reset(&q->answer);
    (void)fault_set(&q->why, ERR_TEMPORARY, "'%.*s': %s", SLICE_FMT(q->host), what);
    finish(t);
}

/* -- the connection ------------------------------------------------------------------------------------------- */

static void on_exchanged(struct exchange *x)
{
    finish(CONTAINER_OF(x, struct transfer, exchange));
}

/* What counts is who is there, not who was dialed (STS-22). */
static bool peer_is_allowed(const struct https_client *h, int fd)
{
    struct net_address peer = { .len = sizeof peer.sa };

    return h->allows_private || (getpeername(fd, &peer.sa.any, &peer.len) == 0 && net_address_is_global(&peer));
}

static void on_dialed(struct dialer *d)
{
    struct transfer *t = CONTAINER_OF(d, struct transfer, dialer);
    struct https_client *h = t->client;
    struct stream stream;
    struct fault why = { "" };
    X509_STORE *trust;

    if (d->winner >= t->addresses_len) {
        fail(t, HTTPS_UNREACHABLE, d->text);
        return;
    }
    dialer_take(d, &stream);
    if (!peer_is_allowed(h, stream.fd)) {
        stream_close(&stream);
        fail(t, HTTPS_PRIVATE, "the connection leads to an address that is not on the internet");
        return;
    }
    if (tls_trust_store(h->ca_file, &trust, &why) != OK) {
        stream_close(&stream);
        fail(t, HTTPS_CERTIFICATE, why.text);
        return;
    }
    t->exchange.done = on_exchanged;
    exchange_start(h->exchanger, &t->exchange, t->request, h->port, stream.fd, trust);
}

/* -- the addresses -------------------------------------------------------------------------------------------- */

static void add_address(struct transfer *t, struct slice rdata)
{
    bool is_v6 = rdata.len == sizeof(struct in6_addr);
    size_t *len = is_v6 ? &t->v6_len : &t->v4_len;
    struct net_address a;

    if (net_address_of_bytes(rdata, t->client->port, &a) != OK)
        return;
    t->found++;
    if (!t->client->allows_private && !net_address_is_global(&a))
        t->private ++;
    else if (*len < PER_FAMILY)
        (is_v6 ? t->v6 : t->v4)[(*len)++] = a;
}

/* The families by turns, IPv6 first (RFC 8305 section 4). */
static void order_addresses(struct transfer *t)
{
    for (size_t i = 0; i < PER_FAMILY; i++) {
        if (i < t->v6_len)
            t->addresses[t->addresses_len++] = t->v6[i];
        if (i < t->v4_len)
            t->addresses[t->addresses_len++] = t->v4[i];
    }
}

static void on_all_answered(struct transfer *t)
{
    order_addresses(t);
    if (t->addresses_len == 0 && t->private > 0) {
        fail(t, HTTPS_PRIVATE, "it has only addresses that are not on the internet; those are not asked");
        return;
    }
    if (t->addresses_len == 0) {
        fail(t, HTTPS_NO_ADDRESS, t->dns_text[0] != '\0' ? t->dns_text : "it has no address");
        return;
    }
    t->dialer.done = on_dialed;
    dialer_start(&t->dialer, t->client->loop, t->addresses, t->addresses_len, NULL, NULL, t->request->deadline_ms);
}

static void take_answer(struct transfer *t, const struct dns_answer *answer)
{
    if (answer->outcome == DNS_FOUND)
        for (size_t i = 0; i < answer->records_len; i++)
            add_address(t, answer->records[i].bytes);
    else if (answer->outcome == DNS_FAILED || answer->outcome == DNS_BOGUS)
        (void)snprintf(t->dns_text, sizeof t->dns_text, "its addresses are not known: %s",
                       answer->why == NULL ? dns_outcome_name(answer->outcome) : answer->why);
    if (--t->unanswered == 0)
        on_all_answered(t);
}

static void on_a(struct resolver_query *q, const struct dns_answer *answer)
{
    take_answer(CONTAINER_OF(q, struct transfer, a), answer);
}

static void on_aaaa(struct resolver_query *q, const struct dns_answer *answer)
{
    take_answer(CONTAINER_OF(q, struct transfer, aaaa), answer);
}

/* -- requests ------------------------------------------------------------------------------------------------- */

static bool is_host(struct slice host)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";

    for (size_t i = 0; i < host.len; i++)
        if (host.ptr[i] == '\0' || strchr(allowed, host.ptr[i]) == NULL)
            return false;
    return host.len > 0 && host.len <= HOST_MOST && host.ptr[0] != '.';
}

static bool is_path(struct slice path)
{
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] <= ' ' || path.ptr[i] >= 0x7f || path.ptr[i] == '#')
            return false;
    return path.len > 0 && path.len <= PATH_MOST && path.ptr[0] == '/';
}

static void on_deadline(struct loop_timer *timer)
{
    struct transfer *t = CONTAINER_OF(timer, struct transfer, deadline);
    struct https_request *q = t->request;
    char words[80];

    if (!is_host(q->host) || !is_path(q->path)) {
        fail(t, HTTPS_NO_ADDRESS, "no such address can be asked");
        return;
    }
    (void)snprintf(words, sizeof words, "no whole answer within %lld ms", (long long)q->deadline_ms);
    fail(t, HTTPS_TIMEOUT, words);
}

static void begin(struct transfer *t)
{
    struct https_client *h = t->client;
    struct https_request *q = t->request;
    bool is_good = is_host(q->host) && is_path(q->path);

    t->deadline.fire = on_deadline;
    loop_timer_set(h->loop, &t->deadline, is_good ? q->deadline_ms : 0);
    if (!is_good)
        return;
    t->unanswered = 2;
    t->a.done = on_a;
    t->aaaa.done = on_aaaa;
    resolver_ask(h->resolver, &t->aaaa, q->host, DNS_AAAA);
    resolver_ask(h->resolver, &t->a, q->host, DNS_A);
}

static void start_waiting(struct https_client *h)
{
    struct transfer *t;

    while (h->places_left > 0 && (t = TAILQ_FIRST(&h->waiting)) != NULL) {
        h->places_left--;
        TAILQ_REMOVE(&h->waiting, t, in_list);
        TAILQ_INSERT_TAIL(&h->running, t, in_list);
        t->has_place = true;
        begin(t);
    }
}

void https_start(struct https_client *h, struct https_request *q)
{
    struct transfer *t = NEW(struct transfer);

    t->client = h;
    t->request = q;
    t->exchange.fd = -1;
    q->outcome = HTTPS_BROKEN;
    q->status = 0;
    q->retry_after_s = 0;
    q->type[0] = q->why.text[0] = '\0';
    q->private_state = t;
    buf_init(&q->answer, q->answer_most);
    TAILQ_INSERT_TAIL(&h->waiting, t, in_list);
    start_waiting(h);
}

void https_cancel(struct https_client *h, struct https_request *q)
{
    (void)h;
    if (q->private_state == NULL)
        return;
    drop(q->private_state);
    https_release(q);
}

void https_release(struct https_request *q)
{
    buf_release(&q->answer);
}
