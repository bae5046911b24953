#include "base/test.h"
#include "net/minizone.h"

/* What DANE stands on: secure only what is proven, denials too, and nothing at all of what is forged. */

struct asked {
    struct resolver_query query;
    bool is_done, is_secure;
    enum dns_outcome outcome;
    size_t records;
    char canonical[64];
};

static void on_done(struct resolver_query *q, const struct dns_answer *a)
{
    struct asked *d = (struct asked *)q;

    d->is_done = true;
    d->is_secure = a->is_secure;
    d->outcome = a->outcome;
    d->records = a->records_len;
    CHECK(slice_to_cstr(a->canonical, d->canonical, sizeof d->canonical));
}

static void ask(struct loop *l, struct resolver *r, const char *name, enum dns_type type, struct asked *d)
{
    int64_t end = loop_now_ms(l) + 15000;

    *d = (struct asked){ .query.done = on_done };
    resolver_ask(r, &d->query, slice_str(name), type);
    while (!d->is_done && loop_now_ms(l) < end)
        loop_turn(l, 100);
    CHECK(d->is_done);
}

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct minizone_record records[] = {
    { "example.test", DNS_MX, "10 mx.example.test" },
    { "example.test", DNS_MX, "20 alias.example.test" },
    { "mx.example.test", DNS_A, "127.0.0.2" },
    { "mx.example.test", DNS_AAAA, "::1" },
    { "alias.example.test", DNS_CNAME, "mx.example.test" },
    { "_25._tcp.mx.example.test", DNS_TLSA, "3 1 1 " DIGEST },
    { "_25._tcp.mx.example.test", DNS_TLSA, "2 0 1 " DIGEST },
    { "null.example.test", DNS_MX, "0 ." },
    { "_mta-sts.example.test", DNS_TXT, "v=STSv1; id=1;" },
};

static const struct {
    const char *name;
    enum dns_type type;
    enum dns_outcome outcome;
    size_t records;
    const char *canonical;
} cases[] = {
    { "example.test", DNS_MX, DNS_FOUND, 2, "example.test" },
    { "mx.example.test", DNS_A, DNS_FOUND, 1, "mx.example.test" },
    { "alias.example.test", DNS_A, DNS_FOUND, 1, "mx.example.test" },
    { "_25._tcp.mx.example.test", DNS_TLSA, DNS_FOUND, 2, "_25._tcp.mx.example.test" },
    { "null.example.test", DNS_MX, DNS_FOUND, 1, "null.example.test" },
    { "_mta-sts.example.test", DNS_TXT, DNS_FOUND, 1, "_mta-sts.example.test" },
    { "mx.example.test", DNS_MX, DNS_NODATA, 0, "mx.example.test" },
    { "_26._tcp.mx.example.test", DNS_TLSA, DNS_NODATA, 0, "_26._tcp.mx.example.test" },
};

enum trust { WITH_ANCHOR, WITHOUT_ANCHOR, FORGED };

static void run(enum trust trust)
{
    struct loop *l = loop_new();
    struct minizone *z;
    struct resolver *r;
    struct fault why = { "" };
    const char *stub, *anchor;

    if (minizone_new(l, "example.test", records, COUNT_OF(records), &z, &why) != OK)
        fail_msg("%s", why.text);
    minizone_forge(z, trust == FORGED);
    stub = minizone_stub(z);
    anchor = minizone_anchor(z);
    if (resolver_new(l,
                     &(struct dns_config){ .stubs = &stub,
                                           .stubs_len = 1,
                                           .trust_anchors = &anchor,
                                           .trust_anchors_len = trust == WITHOUT_ANCHOR ? 0 : 1 },
                     &r, &why) != OK)
        fail_msg("%s", why.text);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct asked d;

        ask(l, r, cases[i].name, cases[i].type, &d);
        CHECK_CASE(cases[i].name, d.is_secure == (trust == WITH_ANCHOR));
        CHECK_CASE(cases[i].name, d.outcome == (trust == FORGED ? DNS_BOGUS : cases[i].outcome));
        CHECK_CASE(cases[i].name, d.records == (trust == FORGED ? 0 : cases[i].records));
        if (trust != FORGED)
            CHECK_STR(slice_str(d.canonical), cases[i].canonical);
    }
    resolver_free(r);
    minizone_free(z);
    loop_free(l);
}

TEST(signed_is_secure)
{
    run(WITH_ANCHOR);
}

TEST(without_an_anchor_it_is_insecure)
{
    run(WITHOUT_ANCHOR);
}

/* DNS-03 */
TEST(forged_is_bogus)
{
    run(FORGED);
}

static const struct minizone_record bad[] = {
    { "a.example.test", DNS_A, "127.0.0" },          { "a..test", DNS_A, "127.0.0.1" },
    { "a.example.test", DNS_MX, "mx.example.test" }, { "a.example.test", DNS_TLSA, "3 1 1 0g" },
    { "a.example.test", DNS_TLSA, "3 1 1 012" },
};

TEST(refuses_bad_records)
{
    struct loop *l = loop_new();

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct minizone *z;
        struct fault why = { "" };

        CHECK_CASE(bad[i].data, minizone_new(l, "example.test", &bad[i], 1, &z, &why) == ERR_SYNTAX);
        CHECK_CASE(bad[i].data, strstr(why.text, bad[i].data) != NULL);
    }
    loop_free(l);
}

RUN_TESTS(T(signed_is_secure), T(without_an_anchor_it_is_insecure), T(forged_is_bogus), T(refuses_bad_records))
