#include "base/test.h"
#include "net/address.h"
#include "net/resolver.h"

#include <fcntl.h>
#include <unistd.h>

struct asked {
    struct resolver_query query;
    bool                  is_done, is_secure;
    enum dns_outcome      outcome;
    size_t                records;
    struct dns_record     first;
    char                  bytes[64], name[128], canonical[128], why[256];
    int64_t               ttl_s;
};

static void keep(char *out, size_t size, struct slice s)
{
    CHECK(s.len < size);
    if (s.len > 0)
        memcpy(out, s.ptr, s.len);
    out[s.len] = '\0';
}

static void on_done(struct resolver_query *q, const struct dns_answer *a)
{
    struct asked *d = (struct asked *)q;

    CHECK(!d->is_done);
    d->is_done = true;
    d->is_secure = a->is_secure;
    d->outcome = a->outcome;
    d->records = a->records_len;
    d->ttl_s = a->ttl_s;
    keep(d->canonical, sizeof d->canonical, a->canonical);
    keep(d->why, sizeof d->why, slice_str(a->why == NULL ? "" : a->why));
    if (a->records_len > 0) {
        d->first = a->records[0];
        keep(d->bytes, sizeof d->bytes, d->first.bytes);
        keep(d->name, sizeof d->name, d->first.name);
    }
}

static void wait_for(struct loop *l, const struct asked *d)
{
    int64_t end = loop_now_ms(l) + 15000;

    while (!d->is_done && loop_now_ms(l) < end)
        loop_turn(l, 100);
    CHECK(d->is_done);
}

static struct resolver *start(struct loop *l, struct dns_config *config)
{
    struct resolver *r;
    struct fault why = { "" };

    if (config->forwarders_len == 0) { /* a stray question must not leave this machine */
        static const char *const nobody[] = { "127.0.0.1@9" };

        config->forwarders = nobody;
        config->forwarders_len = 1;
    }
    if (resolver_new(l, config, &r, &why) != OK)
        fail_msg("%s", why.text);
    return r;
}

static struct asked ask(struct loop *l, struct resolver *r, const char *name, enum dns_type type)
{
    static struct asked d; /* the resolver holds its address */

    d = (struct asked){ .query.done = on_done };
    resolver_ask(r, &d.query, slice_str(name), type);
    CHECK(!d.is_done); /* never from inside the call */
    wait_for(l, &d);
    return d;
}

static const char *const own_records[] = {
    "example.test. 60 IN MX 10 MX1.example.test.",
    "example.test. 60 IN TXT \"v=STSv1; \" \"id=1;\"",
    "mx1.example.test. 60 IN A 127.0.0.2",
    "mx1.example.test. 60 IN AAAA ::2",
    "null.example.test. 60 IN MX 0 .",
    "_25._tcp.mx1.example.test. 60 IN TLSA 3 1 1 0000000000000000000000000000000000000000000000000000000000000000",
    "2.0.0.127.in-addr.arpa. 60 IN PTR mx1.example.test.",
    "mail.example.org. 60 IN A 127.0.0.3",
};

static const struct {
    const char *name;
    enum dns_type type;
    enum dns_outcome outcome;
    const char *bytes, *target;
    int preference;
} own_cases[] = {
    { "example.test", DNS_MX, DNS_FOUND, "", "mx1.example.test", 10 },
    { "EXAMPLE.test.", DNS_MX, DNS_FOUND, "", "mx1.example.test", 10 },
    { "example.test", DNS_TXT, DNS_FOUND, "v=STSv1; id=1;", "", 0 },
    { "example.test", DNS_A, DNS_NODATA, "", "", 0 },
    { "mx1.example.test", DNS_A, DNS_FOUND, "\x7f\0\0\2", "", 0 },
    { "null.example.test", DNS_MX, DNS_FOUND, "", "", 0 },
    { "2.0.0.127.in-addr.arpa", DNS_PTR, DNS_FOUND, "", "mx1.example.test", 0 },
    { "nobody.example.test", DNS_A, DNS_NXDOMAIN, "", "", 0 },
    { "_25._tcp.mx1.example.test", DNS_TLSA, DNS_FOUND, "\3\1\1", "", 0 },
    { "_26._tcp.mx1.example.test", DNS_TLSA, DNS_NXDOMAIN, "", "", 0 },
    { "mail.example.org", DNS_A, DNS_FOUND, "\x7f\0\0\3", "", 0 },
    { "mail.example.org", DNS_MX, DNS_NODATA, "", "", 0 },
    { "two..dots", DNS_A, DNS_NXDOMAIN, "", "", 0 },
};

TEST(own_records)
{
    struct loop *l = loop_new();
    struct dns_config config = { .local_data = own_records, .local_data_len = COUNT_OF(own_records) };
    struct resolver *r = start(l, &config);

    for (size_t i = 0; i < COUNT_OF(own_cases); i++) {
        struct asked d = ask(l, r, own_cases[i].name, own_cases[i].type);

        CHECK_CASE(own_cases[i].name, d.outcome == own_cases[i].outcome && !d.is_secure);
        CHECK_CASE(own_cases[i].name, (d.records > 0) == (d.outcome == DNS_FOUND));
        if (d.outcome != DNS_FOUND)
            continue;
        CHECK_STR(slice_str(d.name), own_cases[i].target);
        CHECK_STR(slice_str(d.bytes), own_cases[i].bytes);
        CHECK_INT(d.first.preference, own_cases[i].preference);
        CHECK_CASE(own_cases[i].name, d.ttl_s == 60);
    }
    resolver_free(r);
    loop_free(l);
}

/* A name server on loopback that knows a few names below example.test and is silent, or broken, for some. */
struct nameserver {
    struct loop_io io;
    struct loop   *loop;
    char           stub[64], forwarder[32];
    int            questions;
};

static const struct zone_entry {
    const char *name; /* as on the wire, all below example.test */
    unsigned type, rcode;
    const char *data; /* RDATA; NULL: none */
    size_t data_len;
    bool is_silent;
} zone[] = {
    { "\2mx\7example\4test", DNS_A, 0, "\xc0\0\2\1", 4, false },
    { "\5alias\7example\4test", DNS_CNAME, 0, "\2mx\7example\4test", 17, false },
    { "\6broken\7example\4test", 0, 2, NULL, 0, false },
    { "\4gone\7example\4test", 0, 3, NULL, 0, false },
    { "\6silent\7example\4test", 0, 0, NULL, 0, true },
    { "\5wrong\7example\4test", DNS_A, 0, "\xc0\0\2", 3, false },
};

static const struct zone_entry *find_entry(const unsigned char *question, unsigned *type)
{
    size_t len = strlen((const char *)question) + 1;

    *type = (unsigned)question[len] << 8 | question[len + 1];
    for (size_t i = 0; i < COUNT_OF(zone); i++)
        if (strcasecmp((const char *)question, zone[i].name) == 0)
            return &zone[i];
    return NULL;
}

static void on_question(struct loop_io *io, unsigned events)
{
    struct nameserver *n = (struct nameserver *)io;
    const struct zone_entry *e;
    unsigned char m[600];
    struct sockaddr_in from;
    socklen_t from_len = sizeof from;
    ssize_t len = recvfrom(io->fd, m, sizeof m - 100, 0, (struct sockaddr *)&from, &from_len);
    size_t at;
    unsigned type;

    (void)events;
    CHECK(len > 17);
    n->questions++;
    e = find_entry(m + 12, &type);
    if (e != NULL && e->is_silent)
        return;
    at = 12 + strlen((const char *)m + 12) + 5;
    m[2] = 0x84;
    m[3] = e == NULL ? 0 : (unsigned char)e->rcode;
    memset(m + 6, 0, 6);
    if (e != NULL && e->data != NULL && (e->type == type || e->type == DNS_CNAME)) {
        const unsigned char head[] = { 0xc0, 12, 0, (unsigned char)e->type, 0, 1, 0, 0, 0, 77, 0,
                                       (unsigned char)(e->data_len) };

        m[7] = 1;
        memcpy(m + at, head, sizeof head);
        memcpy(m + at + sizeof head, e->data, e->data_len);
        at += sizeof head + e->data_len;
    }
    CHECK(sendto(io->fd, m, at, 0, (struct sockaddr *)&from, from_len) == (ssize_t)at);
}

static void nameserver_start(struct nameserver *n, struct loop *l)
{
    struct net_address at;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    *n = (struct nameserver){ .io.ready = on_question, .loop = l };
    CHECK(net_address_parse(SLICE_LIT("127.0.0.1"), 0, &at) == OK);
    CHECK(bind(fd, &at.sa.any, at.len) == 0);
    CHECK(getsockname(fd, &at.sa.any, &at.len) == 0);
    (void)snprintf(n->forwarder, sizeof n->forwarder, "127.0.0.1@%u", (unsigned)net_address_port(&at));
    (void)snprintf(n->stub, sizeof n->stub, "example.test=%s", n->forwarder);
    loop_watch(l, &n->io, fd, LOOP_READ);
}

static void nameserver_stop(struct nameserver *n)
{
    int fd = n->io.fd;

    loop_unwatch(n->loop, &n->io);
    close(fd);
}

static const struct {
    const char *name;
    enum dns_type type;
    enum dns_outcome outcome;
    const char *canonical;
} server_cases[] = {
    { "mx.example.test", DNS_A, DNS_FOUND, "mx.example.test" },
    { "mx.example.test", DNS_MX, DNS_NODATA, "mx.example.test" },
    { "alias.example.test", DNS_A, DNS_FOUND, "mx.example.test" },
    { "alias.example.test", DNS_AAAA, DNS_NODATA, "mx.example.test" },
    { "alias.example.test", DNS_CNAME, DNS_FOUND, "alias.example.test" },
    { "gone.example.test", DNS_A, DNS_NXDOMAIN, "gone.example.test" },
    { "broken.example.test", DNS_A, DNS_FAILED, "broken.example.test" },
    { "broken.example.test", DNS_A, DNS_FAILED, "broken.example.test" }, /* a failure from the cache is one too */
    { "wrong.example.test", DNS_A, DNS_FAILED, "wrong.example.test" }, /* DNS-13: three bytes of address */
    { "mx.example.test", DNS_A, DNS_FOUND, "mx.example.test" },
};

TEST(asks_a_server)
{
    struct loop *l = loop_new();
    struct nameserver n;
    const char *stubs[] = { n.stub };
    struct dns_config config = { .stubs = stubs, .stubs_len = 1 };
    struct resolver *r;
    int before;

    nameserver_start(&n, l);
    r = start(l, &config);
    for (size_t i = 0; i < COUNT_OF(server_cases); i++) {
        struct asked d = ask(l, r, server_cases[i].name, server_cases[i].type);

        if (d.outcome != server_cases[i].outcome)
            fail_msg("case '%s' %d: %s (%s)", server_cases[i].name, server_cases[i].type, dns_outcome_name(d.outcome),
                     d.why);
        CHECK_STR(slice_str(d.canonical), server_cases[i].canonical);
        CHECK_CASE(server_cases[i].name, (d.why[0] != '\0') == (d.outcome == DNS_FAILED));
        CHECK(!d.is_secure);
    }
    before = n.questions;
    (void)ask(l, r, "mx.example.test", DNS_A);
    CHECK_INT(n.questions, before); /* from the cache, and still not from inside the call */
    resolver_free(r);
    nameserver_stop(&n);
    loop_free(l);
}

/* DNS-03: an anchor for the zone, whose server signs nothing. */
TEST(unsigned_where_signed_is_bogus)
{
    static const char *const anchors[] = {
        "example.test. IN DS 12345 13 2 0000000000000000000000000000000000000000000000000000000000000000",
    };
    struct loop *l = loop_new();
    struct nameserver n;
    const char *stubs[] = { n.stub };
    struct dns_config config = {
        .stubs = stubs, .stubs_len = 1, .trust_anchors = anchors, .trust_anchors_len = COUNT_OF(anchors),
    };
    struct resolver *r;
    struct asked d;

    nameserver_start(&n, l);
    r = start(l, &config);
    d = ask(l, r, "mx.example.test", DNS_A);
    CHECK_INT(d.outcome, DNS_BOGUS);
    CHECK(d.records == 0 && !d.is_secure && d.why[0] != '\0');
    resolver_free(r);
    nameserver_stop(&n);
    loop_free(l);
}

TEST(silence_ends_in_time)
{
    struct loop *l = loop_new();
    struct nameserver n;
    const char *stubs[] = { n.stub };
    struct dns_config config = { .stubs = stubs, .stubs_len = 1, .timeout_ms = 150 };
    struct resolver *r;
    int64_t began;
    struct asked d;

    nameserver_start(&n, l);
    r = start(l, &config);
    began = loop_now_ms(l);
    d = ask(l, r, "silent.example.test", DNS_A);
    CHECK_INT(d.outcome, DNS_FAILED);
    CHECK(strstr(d.why, "150 ms") != NULL);
    CHECK(loop_now_ms(l) - began < 3000);
    resolver_free(r);
    nameserver_stop(&n);
    loop_free(l);
}

TEST(dead_port_fails)
{
    struct loop *l = loop_new();
    struct dns_config config = { .timeout_ms = 3000 };
    struct resolver *r = start(l, &config);
    struct asked d = ask(l, r, "mx.example.org", DNS_MX);

    CHECK_INT(d.outcome, DNS_FAILED);
    CHECK(!d.is_secure && d.why[0] != '\0');
    resolver_free(r);
    loop_free(l);
}

TEST(cancelled_is_silent)
{
    struct loop *l = loop_new();
    struct nameserver n;
    const char *stubs[] = { n.stub };
    struct dns_config config = { .stubs = stubs, .stubs_len = 1 };
    struct asked waits = { .query.done = on_done }, cached = waits, open = waits;
    struct resolver *r;

    nameserver_start(&n, l);
    r = start(l, &config);
    resolver_cancel(r, &waits.query); /* none is open */
    resolver_ask(r, &waits.query, SLICE_LIT("mx.example.test"), DNS_A);
    resolver_cancel(r, &waits.query);
    resolver_cancel(r, &waits.query);
    (void)ask(l, r, "mx.example.test", DNS_A);
    resolver_ask(r, &cached.query, SLICE_LIT("mx.example.test"), DNS_A); /* answered already, inside */
    resolver_cancel(r, &cached.query);
    for (int i = 0; i < 5; i++)
        loop_turn(l, 5);
    CHECK(!waits.is_done && !cached.is_done);
    resolver_ask(r, &open.query, SLICE_LIT("silent.example.test"), DNS_A);
    loop_turn(l, 5);
    resolver_free(r);
    CHECK(!open.is_done);
    nameserver_stop(&n);
    loop_free(l);
}

TEST(many_at_once)
{
    enum { MANY = 300 };
    static struct asked all[MANY];
    struct loop *l = loop_new();
    struct nameserver n;
    const char *stubs[] = { n.stub };
    struct dns_config config = { .stubs = stubs, .stubs_len = 1 };
    struct resolver *r;

    nameserver_start(&n, l);
    r = start(l, &config);
    for (int i = 0; i < MANY; i++) {
        char name[40];

        (void)snprintf(name, sizeof name, "h%d.example.test", i / 2);
        all[i] = (struct asked){ .query.done = on_done };
        resolver_ask(r, &all[i].query, slice_str(name), DNS_A);
    }
    for (int i = 0; i < MANY; i++) {
        wait_for(l, &all[i]);
        CHECK_INT(all[i].outcome, DNS_NODATA);
    }
    resolver_free(r);
    nameserver_stop(&n);
    loop_free(l);
}

static const char *const bad_text[] = { "what is this" };
static const char *const bad_anchor[] = { "example.test. IN DS nonsense" };
static const char *const bad_record[] = { "mx.example.test. 60 IN A mx" };
static const char *const bad_stub[] = { "example.test" };

static const struct { const char *name, *part_of_why; struct dns_config config; } bad_configs[] = {
    { "forwarder", "what is this", { .forwarders = bad_text, .forwarders_len = 1 } },
    { "stub", "example.test=127.0.0.1@5301", { .stubs = bad_stub, .stubs_len = 1 } },
    { "record", "mx.example.test. 60 IN A mx", { .local_data = bad_record, .local_data_len = 1 } },
    { "anchor", "trust anchor", { .trust_anchors = bad_anchor, .trust_anchors_len = 1 } },
    { "no anchor file", "dns-root-data", { .trust_anchor_file = "/nonexistent/root.key" } },
};

TEST(refuses_a_bad_configuration)
{
    struct loop *l = loop_new();
    char bad_file[] = "/tmp/sternpost-anchor-XXXXXX";
    int fd = mkstemp(bad_file);
    struct resolver *r;
    struct fault why = { "" };

    for (size_t i = 0; i < COUNT_OF(bad_configs); i++) {
        CHECK_CASE(bad_configs[i].name, resolver_new(l, &bad_configs[i].config, &r, &why) != OK);
        CHECK_CASE(bad_configs[i].name, strstr(why.text, bad_configs[i].part_of_why) != NULL);
    }
    CHECK(write(fd, "rubbish here\n", 13) == 13);
    close(fd);
    CHECK(resolver_new(l, &(struct dns_config){ .trust_anchor_file = bad_file }, &r, &why) == ERR_SYNTAX);
    CHECK(strstr(why.text, "trust anchor") != NULL);
    unlink(bad_file);
    loop_turn(l, 0);
    loop_free(l);
}

RUN_TESTS(T(own_records), T(asks_a_server), T(unsigned_where_signed_is_bogus), T(silence_ends_in_time),
          T(dead_port_fails), T(cancelled_is_silent), T(many_at_once), T(refuses_a_bad_configuration))
