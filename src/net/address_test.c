#include "base/test.h"
#include "net/address.h"

static struct net_address address(const char *ip)
{
    struct net_address a;

    if (net_address_parse(slice_str(ip), 25, &a) != OK)
        fail_msg("cannot parse '%s'", ip);
    return a;
}

static const struct { const char *text, *ip, *whole; } good_cases[] = {
    { "192.0.2.1:25", "192.0.2.1", "192.0.2.1:25" },
    { "0.0.0.0:0", "0.0.0.0", "0.0.0.0:0" },
    { "[::]:465", "::", "[::]:465" },
    { "[2001:DB8:0:0::1]:65535", "2001:db8::1", "[2001:db8::1]:65535" },
    { "[::ffff:192.0.2.1]:25", "::ffff:192.0.2.1", "[::ffff:192.0.2.1]:25" },
};

TEST(with_port)
{
    for (size_t i = 0; i < COUNT_OF(good_cases); i++) {
        struct net_address a;
        char text[NET_ADDRESS_TEXT];

        CHECK_CASE(good_cases[i].text, net_address_parse_with_port(slice_str(good_cases[i].text), &a, NULL) == OK);
        CHECK_STR(slice_str(net_address_ip(&a, text)), good_cases[i].ip);
        CHECK_STR(slice_str(net_address_text(&a, text)), good_cases[i].whole);
    }
}

static const struct { const char *text, *part_of_why; } bad_cases[] = {
    { "192.0.2.1", "no port" },
    { "192.0.2.1:", "no port" },
    { "192.0.2.1:65536", "no port" },
    { "192.0.2.1:+25", "no port" },
    { "2001:db8::1:25", "brackets" },
    { "[192.0.2.1]:25", "not an IP address" },
    { "mx.example.org:25", "not an IP address" },
    { "192.0.2.256:25", "not an IP address" },
    { "192.0.2:25", "not an IP address" },
    { "[fe80::1%lo]:25", "not an IP address" },
    { "[]:25", "not an IP address" },
    { ":25", "not an IP address" },
    { "", "no port" },
};

TEST(with_port_refuses)
{
    for (size_t i = 0; i < COUNT_OF(bad_cases); i++) {
        struct net_address a;
        struct fault why = { "" };

        CHECK_CASE(bad_cases[i].text,
                   net_address_parse_with_port(slice_str(bad_cases[i].text), &a, &why) == ERR_SYNTAX);
        CHECK_CASE(bad_cases[i].text, strstr(why.text, bad_cases[i].part_of_why) != NULL);
    }
}

/* STS-22, DNS-10: where a name from the DNS may lead us. */
static const struct { const char *ip; bool is_global; } global_cases[] = {
    { "0.0.0.0", false },          { "10.1.2.3", false },            { "100.63.255.255", true },
    { "100.64.0.1", false },       { "100.127.255.255", false },     { "100.128.0.0", true },
    { "127.0.0.1", false },        { "127.255.255.254", false },     { "169.254.169.254", false },
    { "172.15.255.255", true },    { "172.16.0.0", false },          { "172.31.255.255", false },
    { "172.32.0.0", true },        { "192.0.0.8", false },           { "192.0.2.1", false },
    { "192.88.99.1", false },      { "192.168.0.1", false },         { "198.17.255.255", true },
    { "198.18.0.1", false },       { "198.19.255.255", false },      { "198.51.100.7", false },
    { "203.0.113.7", false },      { "223.255.255.255", true },      { "224.0.0.1", false },
    { "240.0.0.1", false },        { "255.255.255.255", false },     { "8.8.8.8", true },
    { "::", false },               { "::1", false },                 { "::8.8.8.8", false },
    { "fe80::1", false },          { "fec0::1", false },             { "fc00::1", false },
    { "fd12:3456::1", false },     { "ff02::1", false },             { "100::1", false },
    { "2001:db8::1", false },      { "3fff::1", false },             { "2001:2::1", false },
    { "2001:0:4136::1", false },   { "2001:200::1", true },          { "2a00:1450::1", true },
    { "::ffff:127.0.0.1", false }, { "::ffff:8.8.8.8", true },       { "64:ff9b::10.0.0.1", false },
    { "64:ff9b::8.8.8.8", true },  { "64:ff9b:1::8.8.8.8", false },  { "2002:7f00:1::1", false },
    { "2002:808:808::1", true },   { "5f00::1", false },             { "4000::1", false },
};

static const struct { const char *ip; bool is_loopback; } loopback_cases[] = {
    { "127.0.0.1", true },  { "127.8.9.10", true },       { "::1", true },   { "::ffff:127.0.0.1", true },
    { "0.0.0.0", false },   { "128.0.0.1", false },       { "::", false },   { "::2", false },
    { "10.0.0.1", false },  { "::ffff:10.0.0.1", false }, { "fe80::1", false },
};

TEST(is_loopback)
{
    for (size_t i = 0; i < COUNT_OF(loopback_cases); i++) {
        struct net_address a;

        CHECK_INT(net_address_parse(slice_str(loopback_cases[i].ip), 25, &a), OK);
        CHECK_CASE(loopback_cases[i].ip, net_address_is_loopback(&a) == loopback_cases[i].is_loopback);
    }
}

TEST(is_global)
{
    for (size_t i = 0; i < COUNT_OF(global_cases); i++) {
        struct net_address a = address(global_cases[i].ip);

        CHECK_CASE(global_cases[i].ip, net_address_is_global(&a) == global_cases[i].is_global);
    }
}

static const struct { const char *a, *b; bool same; } same_cases[] = {
    { "192.0.2.1", "192.0.2.1", true },
    { "192.0.2.1", "::ffff:192.0.2.1", true },
    { "192.0.2.1", "192.0.2.2", false },
    { "2001:db8::1", "2001:db8:0::1", true },
    { "::c000:201", "192.0.2.1", false },
};

TEST(same_ip)
{
    for (size_t i = 0; i < COUNT_OF(same_cases); i++) {
        struct net_address a = address(same_cases[i].a), b = address(same_cases[i].b);

        CHECK_CASE(same_cases[i].a, net_address_same_ip(&a, &b) == same_cases[i].same);
        CHECK_CASE(same_cases[i].a, net_address_same_ip(&b, &a) == same_cases[i].same);
    }
}

/* SRV-11: who owns a /64 counts once. */
static const struct { const char *ip, *key; } key_cases[] = {
    { "192.0.2.1", "192.0.2.1" },
    { "::ffff:192.0.2.1", "192.0.2.1" },
    { "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64" },
    { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff::/64" },
};

TEST(limit_key)
{
    for (size_t i = 0; i < COUNT_OF(key_cases); i++) {
        struct net_address a = address(key_cases[i].ip);
        char out[NET_ADDRESS_TEXT];

        CHECK_STR(net_address_limit_key(&a, out), key_cases[i].key);
    }
}

static const struct { const char *network, *ip; bool holds; } network_cases[] = {
    { "192.0.2.0/24", "192.0.2.255", true },   { "192.0.2.0/24", "192.0.3.0", false },
    { "192.0.2.0/24", "::ffff:192.0.2.9", true }, { "192.0.2.128/25", "192.0.2.127", false },
    { "192.0.2.7", "192.0.2.7", true },        { "192.0.2.7", "192.0.2.6", false },
    { "0.0.0.0/0", "8.8.8.8", true },          { "0.0.0.0/0", "2001:db8::1", false },
    { "::/0", "2001:db8::1", true },           { "::/0", "192.0.2.1", false },
    { "2001:db8::/33", "2001:db8:7fff::1", true }, { "2001:db8::/33", "2001:db8:8000::1", false },
    { "::ffff:10.0.0.0/104", "10.9.9.9", true }, { "[2001:db8::1]", "2001:db8::1", true },
};

TEST(network_holds)
{
    for (size_t i = 0; i < COUNT_OF(network_cases); i++) {
        struct net_address a = address(network_cases[i].ip);
        struct net_network n;

        CHECK_CASE(network_cases[i].network, net_network_parse(slice_str(network_cases[i].network), &n, NULL) == OK);
        CHECK_CASE(network_cases[i].ip, net_network_holds(&n, &a) == network_cases[i].holds);
    }
}

static const struct { const char *text, *part_of_why; } bad_networks[] = {
    { "192.0.2.7/24", "did you mean 192.0.2.0/24?" },
    { "192.0.2.0/33", "from 0 to 32" },
    { "2001:db8::/129", "from 0 to 128" },
    { "2001:db8::1/64", "did you mean 2001:db8::/64?" },
    { "192.0.2.0/", "from 0 to 32" },
    { "example.org/24", "is not a network" },
    { "", "is not a network" },
};

TEST(network_refuses)
{
    for (size_t i = 0; i < COUNT_OF(bad_networks); i++) {
        struct net_network n;
        struct fault why = { "" };

        CHECK_CASE(bad_networks[i].text, net_network_parse(slice_str(bad_networks[i].text), &n, &why) == ERR_SYNTAX);
        CHECK_CASE(bad_networks[i].text, strstr(why.text, bad_networks[i].part_of_why) != NULL);
    }
}

RUN_TESTS(T(with_port), T(with_port_refuses), T(is_global), T(is_loopback), T(same_ip), T(limit_key), T(network_holds),
          T(network_refuses))
