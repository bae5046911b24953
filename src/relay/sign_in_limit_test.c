#include "relay/sign_in_limit.h"

#include "base/test.h"

static struct net_address address(const char *ip)
{
    struct net_address a;

    CHECK(net_address_parse(slice_str(ip), 25, &a) == OK);
    return a;
}

/* AUT-01 */
TEST(guessing_is_stopped_for_a_while)
{
    struct sign_in_limit *l = sign_in_limit_new();
    struct net_address guesser = address("192.0.2.1"), other = address("192.0.2.2");

    for (int i = 0; i < SIGN_IN_FAILURES_MOST; i++) {
        CHECK(sign_in_limit_allows(l, &guesser, i));
        sign_in_limit_failed(l, &guesser, i);
    }
    CHECK(!sign_in_limit_allows(l, &guesser, 100));
    CHECK(sign_in_limit_allows(l, &other, 100));
    CHECK(!sign_in_limit_allows(l, &guesser, SIGN_IN_WINDOW_MS - 1));
    CHECK(sign_in_limit_allows(l, &guesser, SIGN_IN_WINDOW_MS));
    sign_in_limit_failed(l, &guesser, SIGN_IN_WINDOW_MS);
    CHECK(sign_in_limit_allows(l, &guesser, SIGN_IN_WINDOW_MS + 1));
    sign_in_limit_free(l);
}

TEST(an_ipv6_network_counts_as_one)
{
    struct sign_in_limit *l = sign_in_limit_new();
    struct net_address here = address("2001:db8:1:2::1"), there = address("2001:db8:1:2:ffff::9"),
                       elsewhere = address("2001:db8:1:3::1");

    for (int i = 0; i < SIGN_IN_FAILURES_MOST; i++)
        sign_in_limit_failed(l, &here, 0);
    CHECK(!sign_in_limit_allows(l, &there, 1));
    CHECK(sign_in_limit_allows(l, &elsewhere, 1));
    sign_in_limit_free(l);
}

/* The table is bounded whatever strangers do. */
TEST(many_addresses)
{
    struct sign_in_limit *l = sign_in_limit_new();
    char ip[32];

    for (int i = 0; i < 25000; i++) {
        struct net_address a;

        (void)snprintf(ip, sizeof ip, "198.%d.%d.%d", 18 + i / 65536, i / 256 % 256, i % 256);
        a = address(ip);
        sign_in_limit_failed(l, &a, i);
        CHECK(sign_in_limit_allows(l, &a, i));
    }
    sign_in_limit_free(l);
}

RUN_TESTS(T(guessing_is_stopped_for_a_while), T(an_ipv6_network_counts_as_one), T(many_addresses))
