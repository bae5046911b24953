#include "base/test.h"
#include "domains/reverse.h"

static const struct {
    const char *ip, *question;
} cases[] = {
    { "192.0.2.1", "1.2.0.192.in-addr.arpa" },
    { "255.255.255.255", "255.255.255.255.in-addr.arpa" },
    { "2001:db8::567:89ab", "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa" },
    { "::", "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa" },
};

TEST(reverse_questions)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct net_address a;
        char text[REVERSE_QUESTION];

        CHECK(net_address_parse(slice_str(cases[i].ip), 25, &a) == OK);
        CHECK_STR(reverse_question(&a, text), cases[i].question);
    }
}

RUN_TESTS(T(reverse_questions))
