#include "discovery/dane.h"

#include "base/memory.h"
#include "base/test.h"
#include "net/minizone.h"

enum { WAIT_MS = 15000, PORT = 25 };

#define A32 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define B32 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

/* Three zones: two that are signed, and one that is not, for its anchor is not given. */
static const struct minizone_record signed_records[] = {
    { "mx.signed.test", DNS_A, "127.0.0.2" },
    { "mx.signed.test", DNS_AAAA, "::1" },
    { "_25._tcp.mx.signed.test", DNS_TLSA, "3 1 1 " A32 },
    { "_25._tcp.mx.signed.test", DNS_TLSA, "2 0 1 " B32 },
    { "_25._tcp.mx.signed.test", DNS_TLSA, "1 1 1 " B32 },
    { "_587._tcp.mx.signed.test", DNS_TLSA, "3 1 1 " B32 },
    { "bare.signed.test", DNS_A, "127.0.0.3" },
    { "pkix.signed.test", DNS_A, "127.0.0.4" },
    { "_25._tcp.pkix.signed.test", DNS_TLSA, "0 0 1 " A32 },
    { "_25._tcp.pkix.signed.test", DNS_TLSA, "3 1 1 0123" },
    { "shape.signed.test", DNS_A, "127.0.0.4" },
    { "_25._tcp.shape.signed.test", DNS_TLSA, "3 1 0 300630000302000f" },
    { "six.signed.test", DNS_AAAA, "::1" },
    { "_25._tcp.six.signed.test", DNS_TLSA, "3 1 1 " A32 },
    /* A TLSA owner that is an alias, to a name here and to one elsewhere. */
    { "shared.signed.test", DNS_A, "127.0.0.5" },
    { "_25._tcp.shared.signed.test", DNS_CNAME, "tlsa._dane.signed.test" },
    { "tlsa._dane.signed.test", DNS_TLSA, "2 0 1 " A32 },
    { "astray.signed.test", DNS_A, "127.0.0.5" },
    { "_25._tcp.astray.signed.test", DNS_CNAME, "tlsa.plain.test" },
    { "nowhere.signed.test", DNS_A, "127.0.0.5" },
    { "_25._tcp.nowhere.signed.test", DNS_CNAME, "nothing.signed.test" },
    /* Servers that are aliases. */
    { "alias.signed.test", DNS_CNAME, "mx.signed.test" },
    { "_25._tcp.alias.signed.test", DNS_TLSA, "3 1 1 " B32 },
    { "own.signed.test", DNS_CNAME, "bare.signed.test" },
    { "_25._tcp.own.signed.test", DNS_TLSA, "3 1 1 " B32 },
    { "neither.signed.test", DNS_CNAME, "bare.signed.test" },
    { "far.signed.test", DNS_CNAME, "mx.other.test" },
    { "_25._tcp.far.signed.test", DNS_TLSA, "3 1 1 " B32 },
    { "twice.signed.test", DNS_CNAME, "alias.signed.test" },
    { "out.signed.test", DNS_CNAME, "mx.plain.test" },
    { "_25._tcp.out.signed.test", DNS_TLSA, "3 1 1 " B32 },
    { "through.signed.test", DNS_CNAME, "back.plain.test" },
    { "_25._tcp.through.signed.test", DNS_TLSA, "3 1 1 " B32 },
    { "outonly.signed.test", DNS_CNAME, "mx.plain.test" },
    { "text.signed.test", DNS_TXT, "no address" },
};
static const struct minizone_record other_records[] = {
    { "mx.other.test", DNS_A, "127.0.0.6" },
    { "_25._tcp.mx.other.test", DNS_TLSA, "3 1 1 " A32 },
};
static const struct minizone_record plain_records[] = {
    { "mx.plain.test", DNS_A, "127.0.0.7" },
    { "_25._tcp.mx.plain.test", DNS_TLSA, "3 1 1 " A32 },
    { "tlsa.plain.test", DNS_TLSA, "3 1 1 " A32 },
    { "alias.plain.test", DNS_CNAME, "mx.signed.test" },
    { "_25._tcp.alias.plain.test", DNS_TLSA, "3 1 1 " A32 },
    { "back.plain.test", DNS_CNAME, "mx.signed.test" },
};

struct world {
    struct loop     *loop;
    struct minizone *zones[3]; /* signed, other, plain */
    struct resolver *resolver;
};

static void open_world(struct world *w, int64_t timeout_ms)
{
    static const char *const nobody[] = { "127.0.0.1@9" }; /* a stray question does not leave this machine */
    const char *stubs[3], *anchors[2];
    struct fault why = { "" };
    struct dns_config config = {
        .forwarders = nobody,
        .forwarders_len = 1,
        .stubs = stubs,
        .stubs_len = COUNT_OF(stubs),
        .trust_anchors = anchors,
        .trust_anchors_len = COUNT_OF(anchors),
        .timeout_ms = timeout_ms,
    };

    w->loop = loop_new();
    if (minizone_new(w->loop, "signed.test", signed_records, COUNT_OF(signed_records), &w->zones[0], &why) != OK ||
        minizone_new(w->loop, "other.test", other_records, COUNT_OF(other_records), &w->zones[1], &why) != OK ||
        minizone_new(w->loop, "plain.test", plain_records, COUNT_OF(plain_records), &w->zones[2], &why) != OK)
        fail_msg("%s", why.text);
    for (size_t i = 0; i < COUNT_OF(stubs); i++)
        stubs[i] = minizone_stub(w->zones[i]);
    for (size_t i = 0; i < COUNT_OF(anchors); i++)
        anchors[i] = minizone_anchor(w->zones[i]);
    if (resolver_new(w->loop, &config, &w->resolver, &why) != OK)
        fail_msg("%s", why.text);
}

static void close_world(struct world *w)
{
    resolver_free(w->resolver);
    for (size_t i = 0; i < COUNT_OF(w->zones); i++)
        minizone_free(w->zones[i]);
    loop_free(w->loop);
}

struct asked {
    struct address_lookup addresses;
    struct dane_lookup    dane;
    bool                  has_addresses, is_done;
};

static void on_addresses(struct address_lookup *l)
{
    CONTAINER_OF(l, struct asked, addresses)->has_addresses = true;
}

static void on_dane(struct dane_lookup *l)
{
    CONTAINER_OF(l, struct asked, dane)->is_done = true;
}

static struct asked *new_asked(void)
{
    struct asked *a = NEW(struct asked);

    a->addresses.done = on_addresses;
    a->dane.done = on_dane;
    return a;
}

static void free_asked(struct asked *a)
{
    address_lookup_release(&a->addresses);
    dane_lookup_release(&a->dane);
    dane_lookup_release(&a->dane);
    free(a);
}

static void wait_for(struct world *w, const bool *it, const char *name)
{
    int64_t end = loop_now_ms(w->loop) + WAIT_MS;

    while (!*it && loop_now_ms(w->loop) < end)
        loop_turn(w->loop, 50);
    CHECK_CASE(name, *it);
}

static struct asked *ask(struct world *w, const char *server, uint16_t port)
{
    struct asked *a = new_asked();

    address_lookup_start(&a->addresses, w->loop, w->resolver, slice_str(server), port);
    wait_for(w, &a->has_addresses, server);
    dane_lookup_start(&a->dane, w->loop, w->resolver, slice_str(server), port, &a->addresses);
    CHECK_CASE(server, !a->is_done);
    wait_for(w, &a->is_done, server);
    CHECK_CASE(server, a->dane.result.text.len > 0 && a->dane.result.ttl_s >= 1);
    return a;
}

/* RFC 7672 sections 2.2.2 and 2.2.3; DNS-02, DNS-04, DNS-05, DNS-07 */
static const struct {
    const char *server;
    uint16_t port;
    enum dane_state state;
    const char *base;  /* of USABLE and UNUSABLE */
    size_t records, texts;
    const char *part_of_text;
} cases[] = {
    { "mx.signed.test", 25, DANE_USABLE, "mx.signed.test", 2, 3, "2 of 3 TLSA records of '_25._tcp.mx.signed.test'" },
    { "MX.Signed.TEST.", 25, DANE_USABLE, "mx.signed.test", 2, 3, "2 of 3" },
    { "mx.signed.test", 587, DANE_USABLE, "mx.signed.test", 1, 1, "'_587._tcp.mx.signed.test'" },
    { "mx.signed.test", 26, DANE_NONE, NULL, 0, 0, "as DNSSEC proves" },
    { "six.signed.test", 25, DANE_USABLE, "six.signed.test", 1, 1, "1 of 1 TLSA record " },
    { "bare.signed.test", 25, DANE_NONE, NULL, 0, 0, "as DNSSEC proves" },
    { "pkix.signed.test", 25, DANE_UNUSABLE, "pkix.signed.test", 0, 2, "none of the 2 TLSA records" },
    { "shape.signed.test", 25, DANE_UNUSABLE, "shape.signed.test", 0, 1, "none of the 1 TLSA records" },
    { "shared.signed.test", 25, DANE_USABLE, "shared.signed.test", 1, 1, "1 of 1" },
    { "astray.signed.test", 25, DANE_NONE, NULL, 0, 0, "no TLSA records that are signed" },
    { "nowhere.signed.test", 25, DANE_NONE, NULL, 0, 0, "as DNSSEC proves" },
    { "alias.signed.test", 25, DANE_USABLE, "mx.signed.test", 2, 3, "'_25._tcp.mx.signed.test'" },
    { "twice.signed.test", 25, DANE_USABLE, "mx.signed.test", 2, 3, "" },
    { "far.signed.test", 25, DANE_USABLE, "mx.other.test", 1, 1, "" },
    { "own.signed.test", 25, DANE_USABLE, "own.signed.test", 1, 1, "'_25._tcp.own.signed.test'" },
    { "neither.signed.test", 25, DANE_NONE, NULL, 0, 0, "'neither.signed.test' has no TLSA" },
    { "mx.plain.test", 25, DANE_NONE, NULL, 0, 0, "addresses of 'mx.plain.test' are not signed" },
    { "alias.plain.test", 25, DANE_NONE, NULL, 0, 0, "is an unsigned alias" },
    { "out.signed.test", 25, DANE_USABLE, "out.signed.test", 1, 1, "" },
    { "through.signed.test", 25, DANE_USABLE, "through.signed.test", 1, 1, "" },
    { "outonly.signed.test", 25, DANE_NONE, NULL, 0, 0, "as DNSSEC proves" },
    { "127.0.0.2", 25, DANE_NONE, NULL, 0, 0, "an address has no TLSA" },
    { "text.signed.test", 25, DANE_NONE, NULL, 0, 0, "it has no address" },
};

TEST(states)
{
    struct world w;

    open_world(&w, 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct asked *a = ask(&w, cases[i].server, cases[i].port);
        const struct dane_result *r = &a->dane.result;
        char text[200];

        if (r->state != cases[i].state)
            fail_msg("'%s': %s: %.*s", cases[i].server, dane_state_name(r->state), SLICE_FMT(r->text));
        CHECK_CASE(cases[i].server, r->set.records_len == cases[i].records && r->set.texts_len == cases[i].texts);
        if (cases[i].base != NULL)
            CHECK_STR(r->set.base_domain, cases[i].base);
        CHECK_CASE(cases[i].server, slice_to_cstr(r->text, text, sizeof text));
        CHECK_CASE(text, strstr(text, cases[i].part_of_text) != NULL);
        CHECK_CASE(cases[i].server, r->ttl_s <= 86400);
        free_asked(a);
    }
    close_world(&w);
}

/* DNS-03: what is wrong with one kind of answer, before anything is in the cache. */
static const struct {
    const char *name;
    size_t zone;
    enum dns_type type;
    enum minizone_fault fault;
    const char *server;
    enum dane_state state;
} fault_cases[] = {
    { "TLSA forged", 0, DNS_TLSA, MINIZONE_FORGES, "mx.signed.test", DANE_BOGUS },
    { "denial of TLSA forged", 0, DNS_TLSA, MINIZONE_FORGES, "bare.signed.test", DANE_BOGUS },
    { "TLSA fails", 0, DNS_TLSA, MINIZONE_FAILS, "mx.signed.test", DANE_FAILED },
    { "TLSA of nothing fails", 0, DNS_TLSA, MINIZONE_FAILS, "bare.signed.test", DANE_FAILED },
    { "TLSA unanswered", 0, DNS_TLSA, MINIZONE_SILENT, "mx.signed.test", DANE_FAILED },
    { "TLSA of the expanded name fails", 1, DNS_TLSA, MINIZONE_FAILS, "far.signed.test", DANE_FAILED },
    { "TLSA of the expanded name forged", 1, DNS_TLSA, MINIZONE_FORGES, "far.signed.test", DANE_BOGUS },
    { "DNS-07: TLSA fails where nothing is signed", 2, DNS_TLSA, MINIZONE_FAILS, "mx.plain.test", DANE_NONE },
    { "DNS-07: TLSA unanswered, unsigned", 2, DNS_TLSA, MINIZONE_SILENT, "mx.plain.test", DANE_NONE },
    { "addresses forged", 0, DNS_A, MINIZONE_FORGES, "bare.signed.test", DANE_BOGUS },
    { "addresses fail", 0, DNS_A, MINIZONE_FAILS, "bare.signed.test", DANE_FAILED },
    { "one kind of address fails", 0, DNS_A, MINIZONE_FAILS, "mx.signed.test", DANE_USABLE },
    { "one kind of address forged", 0, DNS_AAAA, MINIZONE_FORGES, "mx.signed.test", DANE_USABLE },
    { "the other kind unanswered", 0, DNS_AAAA, MINIZONE_SILENT, "bare.signed.test", DANE_NONE },
};

TEST(faults)
{
    for (size_t i = 0; i < COUNT_OF(fault_cases); i++) {
        struct world w;
        struct asked *a;

        open_world(&w, 1500);
        minizone_spoil(w.zones[fault_cases[i].zone], fault_cases[i].type, fault_cases[i].fault);
        a = ask(&w, fault_cases[i].server, PORT);
        if (a->dane.result.state != fault_cases[i].state)
            fail_msg("'%s': %s: %.*s", fault_cases[i].name, dane_state_name(a->dane.result.state),
                     SLICE_FMT(a->dane.result.text));
        CHECK_CASE(fault_cases[i].name, a->dane.result.set.records_len == 0 || fault_cases[i].state == DANE_USABLE);
        free_asked(a);
        close_world(&w);
    }
}

/* An alias whose target is unsigned: an alias that cannot be looked up is no unsigned one. */
TEST(the_alias_itself)
{
    static const struct { enum minizone_fault fault; enum dane_state state; } alias_cases[] = {
        { MINIZONE_SOUND, DANE_USABLE },
        { MINIZONE_FORGES, DANE_BOGUS },
        { MINIZONE_FAILS, DANE_FAILED },
        { MINIZONE_SILENT, DANE_FAILED },
    };

    for (size_t i = 0; i < COUNT_OF(alias_cases); i++) {
        struct asked *a = new_asked();
        struct world w;

        open_world(&w, 1500);
        minizone_spoil(w.zones[0], DNS_CNAME, alias_cases[i].fault);
        a->addresses.outcome = DNS_FOUND;
        a->addresses.is_alias = true;
        dane_lookup_start(&a->dane, w.loop, w.resolver, SLICE_LIT("out.signed.test"), PORT, &a->addresses);
        wait_for(&w, &a->is_done, "alias");
        CHECK_INT(a->dane.result.state, alias_cases[i].state);
        free_asked(a);
        close_world(&w);
    }
}

/* A failure that was kept is still one: the second answer comes from libunbound's cache. */
TEST(a_failure_from_the_cache)
{
    struct world w;

    open_world(&w, 1500);
    minizone_spoil(w.zones[0], DNS_TLSA, MINIZONE_FAILS);
    for (int i = 0; i < 2; i++) {
        struct asked *a = ask(&w, "mx.signed.test", PORT);

        CHECK_INT(a->dane.result.state, DANE_FAILED);
        free_asked(a);
    }
    close_world(&w);
}

/* Who asked is gone: no callback, and nothing is left. */
TEST(release)
{
    static const char *const servers[] = { "mx.signed.test", "out.signed.test", "mx.plain.test", "127.0.0.2" };
    struct world w;

    open_world(&w, 0);
    for (size_t i = 0; i < COUNT_OF(servers); i++) {
        struct asked *a = new_asked();

        address_lookup_start(&a->addresses, w.loop, w.resolver, slice_str(servers[i]), PORT);
        wait_for(&w, &a->has_addresses, servers[i]);
        dane_lookup_start(&a->dane, w.loop, w.resolver, slice_str(servers[i]), PORT, &a->addresses);
        dane_lookup_release(&a->dane);
        for (int turn = 0; turn < 5; turn++)
            loop_turn(w.loop, 10);
        CHECK_CASE(servers[i], !a->is_done);
        free_asked(a);
    }
    close_world(&w);
}

RUN_TESTS(T(states), T(faults), T(the_alias_itself), T(a_failure_from_the_cache), T(release))
