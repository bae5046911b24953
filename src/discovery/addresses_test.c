#include "discovery/addresses.h"

#include "base/memory.h"
#include "base/test.h"

enum { WAIT_MS = 10000, PORT = 25 };

static const char *const records[] = {
    "both.test. 60 IN A 192.0.2.1", "both.test. 60 IN A 192.0.2.2",     "both.test. 60 IN AAAA 2001:db8::1",
    "four.test. 60 IN A 192.0.2.4", "six.test. 60 IN AAAA 2001:db8::6", "neither.test. 60 IN TXT \"x\"",
};

struct asked {
    struct address_lookup lookup; /* first */
    bool is_done;
};

static void on_done(struct address_lookup *l)
{
    CONTAINER_OF(l, struct asked, lookup)->is_done = true;
}

static const struct {
    const char *name;
    enum dns_outcome outcome;
    size_t len;
    const char *first; /* begins so */
} cases[] = {
    { "both.test", DNS_FOUND, 3, "[2001:db8::1]:25" },
    { "BOTH.test.", DNS_FOUND, 3, "[2001:db8::1]:25" },
    { "four.test", DNS_FOUND, 1, "192.0.2.4:25" },
    { "six.test", DNS_FOUND, 1, "[2001:db8::6]:25" },
    { "neither.test", DNS_NODATA, 0, "" },
    { "nobody.neither.test", DNS_NXDOMAIN, 0, "" },
    { "192.0.2.9", DNS_FOUND, 1, "192.0.2.9:25" },
    { "2001:db8::9", DNS_FOUND, 1, "[2001:db8::9]:25" },
};

static void check_case(struct loop *l, struct resolver *r, size_t i)
{
    struct asked *a = calloc(1, sizeof *a);
    int64_t end = loop_now_ms(l) + WAIT_MS;
    char text[NET_ADDRESS_TEXT];

    a->lookup.done = on_done;
    address_lookup_start(&a->lookup, l, r, slice_str(cases[i].name), PORT);
    CHECK_CASE(cases[i].name, !a->is_done); /* never from inside the call */
    while (!a->is_done && loop_now_ms(l) < end)
        loop_turn(l, 50);
    CHECK_CASE(cases[i].name, a->is_done && a->lookup.outcome == cases[i].outcome);
    CHECK_CASE(cases[i].name, a->lookup.addresses_len == cases[i].len);
    if (cases[i].len > 0)
        CHECK_STR(slice_str(net_address_text(&a->lookup.addresses[0], text)), cases[i].first);
    else
        CHECK_CASE(cases[i].name, a->lookup.text[0] != '\0');
    address_lookup_release(&a->lookup);
    address_lookup_release(&a->lookup);
    free(a);
}

TEST(address_lookup)
{
    static const char *const nobody[] = { "127.0.0.1@9" }; /* a stray question does not leave this machine */
    struct dns_config config = {
        .local_data = records, .local_data_len = COUNT_OF(records), .forwarders = nobody, .forwarders_len = 1
    };
    struct loop *l = loop_new();
    struct resolver *r;
    struct asked *gone = calloc(1, sizeof *gone);
    struct fault why = { "" };

    if (resolver_new(l, &config, &r, &why) != OK)
        fail_msg("%s", why.text);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_case(l, r, i);
    gone->lookup.done = on_done;
    address_lookup_start(&gone->lookup, l, r, SLICE_LIT("both.test"), PORT);
    address_lookup_release(&gone->lookup); /* who asked is gone */
    for (int i = 0; i < 5; i++)
        loop_turn(l, 20);
    CHECK(!gone->is_done);
    free(gone);
    resolver_free(r);
    loop_free(l);
}

RUN_TESTS(T(address_lookup))
