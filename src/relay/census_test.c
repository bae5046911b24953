#include "relay/census.h"

#include "base/test.h"

static struct net_address address(const char *ip)
{
    struct net_address a;

    CHECK(net_address_parse(slice_str(ip), 25, &a) == OK);
    return a;
}

/* SRV-11 */
TEST(by_address_and_in_all)
{
    struct census *c = census_new(3, 2);
    struct net_address a = address("192.0.2.1"), b = address("192.0.2.2"), d = address("192.0.2.3");

    CHECK_INT(census_enter(c, &a), CENSUS_WELCOME);
    CHECK_INT(census_enter(c, &a), CENSUS_WELCOME);
    CHECK_INT(census_enter(c, &a), CENSUS_TOO_MANY_FROM_ADDRESS);
    CHECK_INT(census_enter(c, &b), CENSUS_WELCOME);
    CHECK_INT(census_enter(c, &d), CENSUS_FULL);
    census_leave(c, &a);
    CHECK_INT(census_enter(c, &d), CENSUS_WELCOME);
    census_leave(c, &a);
    CHECK_INT(census_enter(c, &a), CENSUS_WELCOME);
    census_free(c);
}

TEST(an_ipv6_network_counts_as_one)
{
    struct census *c = census_new(10, 1);
    struct net_address here = address("2001:db8:1:2::1"), there = address("2001:db8:1:2:3::1");

    CHECK_INT(census_enter(c, &here), CENSUS_WELCOME);
    CHECK_INT(census_enter(c, &there), CENSUS_TOO_MANY_FROM_ADDRESS);
    census_leave(c, &here);
    CHECK_INT(census_enter(c, &there), CENSUS_WELCOME);
    census_free(c);
}

RUN_TESTS(T(by_address_and_in_all), T(an_ipv6_network_counts_as_one))
