#include "domains/own_record.h"

#include "base/test.h"

#define S(text)                                                                                                       \
    {                                                                                                                 \
        (text), sizeof(text) - 1                                                                                      \
    }

static const struct slice report_to[] = { S("mailto:tlsrpt@example.org") };
static const struct slice tlsa[] = { S("\3\1\1\xab\xcd") };
static const struct own_domain domain = { .name = S("example.org"), .report_to = report_to, .report_to_len = 1 };
static const struct own_policy policy = { .id = S("20261124200423"), .text = S("x") };

static struct slice lines_of(const struct own_facts *f, struct arena *a)
{
    struct own_record records[OWN_RECORDS_MOST];
    size_t len = own_records_list(f, a, records);
    struct slice text = SLICE_LIT("");

    for (size_t i = 0; i < len; i++)
        text = arena_printf(a, "%.*s%.*s%s\n", SLICE_FMT(text), SLICE_FMT(own_record_line(&records[i], a)),
                            records[i].is_sent ? "" : " (not sent)");
    return text;
}

TEST(records_in_their_order) /* M3, M4, M7 */
{
    struct net_address at[3];
    struct own_facts f = { .domain = &domain,
                           .policy = &policy,
                           .addresses = at,
                           .addresses_len = 3,
                           .server = S("mx.example.org"),
                           .tlsa = tlsa,
                           .tlsa_len = 1,
                           .is_signed = true };
    struct arena a = { 0 };

    CHECK(net_address_parse(SLICE_LIT("5.6.7.8"), 443, &at[0]) == OK &&
          net_address_parse(SLICE_LIT("::"), 443, &at[1]) == OK);
    CHECK(net_address_parse(SLICE_LIT("2a00:5::8"), 443, &at[2]) == OK);
    CHECK_STR(lines_of(&f, &a), "_smtp._tls.example.org. 3600 IN TXT \"v=TLSRPTv1; rua=mailto:tlsrpt@example.org\"\n"
                                "mta-sts.example.org. 3600 IN A 5.6.7.8\n"
                                "mta-sts.example.org. 3600 IN AAAA 2a00:5::8\n"
                                "_mta-sts.example.org. 3600 IN TXT \"v=STSv1; id=20261124200423\"\n"
                                "_25._tcp.mx.example.org. 3600 IN TLSA 3 1 1 abcd\n");
    f.addresses_len = 0;
    f.is_signed = false;
    CHECK_STR(lines_of(&f, &a),
              "_smtp._tls.example.org. 3600 IN TXT \"v=TLSRPTv1; rua=mailto:tlsrpt@example.org\"\n"
              "; mta-sts.example.org. A: its A and AAAA, or a CNAME, must lead to the policy host of this "
              "gateway; the configuration names no public address of it (not sent)\n"
              "_mta-sts.example.org. 3600 IN TXT \"v=STSv1; id=20261124200423\"\n"
              "_25._tcp.mx.example.org. 3600 IN TLSA 3 1 1 abcd (not sent)\n");
    f.policy = NULL;
    f.is_signed = true;
    f.server = SLICE_LIT("mx.notexample.org");
    CHECK_STR(lines_of(&f, &a), "_smtp._tls.example.org. 3600 IN TXT \"v=TLSRPTv1; rua=mailto:tlsrpt@example.org\"\n"
                                "_25._tcp.mx.notexample.org. 3600 IN TLSA 3 1 1 abcd (not sent)\n");
    arena_release(&a);
}

/* A record of a key that is served no more goes; nothing is sent for another domain's zone, or an unsigned one. */
TEST(tlsa_that_goes)
{
    static const struct slice old[] = { S("\3\1\1\x12\x34") };
    struct own_facts f = { .domain = &domain, .server = S("mx.example.org"), .tlsa = tlsa, .tlsa_len = 1, .tlsa_gone = old,
                           .tlsa_gone_len = 1, .is_signed = true };
    struct arena a = { 0 };

#define REPORTS "_smtp._tls.example.org. 3600 IN TXT \"v=TLSRPTv1; rua=mailto:tlsrpt@example.org\"\n"
    CHECK_STR(lines_of(&f, &a), REPORTS "_25._tcp.mx.example.org. 3600 IN TLSA 3 1 1 abcd\n"
                                        "; remove _25._tcp.mx.example.org. 3600 IN TLSA 3 1 1 1234\n");
    f.is_signed = false;
    CHECK_STR(lines_of(&f, &a), REPORTS "_25._tcp.mx.example.org. 3600 IN TLSA 3 1 1 abcd (not sent)\n"
                                        "; remove _25._tcp.mx.example.org. 3600 IN TLSA 3 1 1 1234 (not sent)\n");
    arena_release(&a);
}

/* M12: what we published goes once senders need not keep to it any more. */
TEST(records_that_go)
{
    static const struct own_policy in_force = { .id = S("1"),
                                                .text = S("version: STSv1\nmode: enforce\nmx: a.b\nmax_age: 9\n") },
                                   taken_back = { .id = S("2"),
                                                  .text = S("version: STSv1\nmode: none\nmax_age: 9\n") };
    struct net_address at;
    struct own_facts f = { .domain = &domain, .last = &in_force, .addresses = &at, .addresses_len = 1 };
    struct arena a = { 0 };

    CHECK(net_address_parse(SLICE_LIT("5.6.7.8"), 443, &at) == OK);
    CHECK_STR(lines_of(&f, &a), "_smtp._tls.example.org. 3600 IN TXT \"v=TLSRPTv1; rua=mailto:tlsrpt@example.org\"\n"
                                "; remove _mta-sts.example.org. 3600 IN TXT \"v=STSv1; id=1\" (not sent)\n"
                                "; remove mta-sts.example.org. 3600 IN A 5.6.7.8 (not sent)\n");
    f.last = &taken_back;
    CHECK_STR(lines_of(&f, &a), "_smtp._tls.example.org. 3600 IN TXT \"v=TLSRPTv1; rua=mailto:tlsrpt@example.org\"\n"
                                "; remove _mta-sts.example.org. 3600 IN TXT \"v=STSv1; id=2\"\n"
                                "; remove mta-sts.example.org. 3600 IN A 5.6.7.8\n");
    arena_release(&a);
}

static const struct own_record sts = {
    .owner = S("_mta-sts.example.org"), .type = DNS_TXT, .value = S("v=STSv1; id=2"), .marker = S("v=STSv1")
};
static const struct own_record dane = { .owner = S("_25._tcp.mx.example.org"),
                                        .type = DNS_TLSA,
                                        .value = S("\3\1\1\xab") };
static const struct own_record gone = {
    .owner = S("mta-sts.example.org"), .type = DNS_A, .value = S("\5\6\7\10"), .is_gone = true
};
static const struct own_record any = { .owner = S("mta-sts.example.org"), .type = DNS_A, .value = S("") };

#define TXT(text, wire_)                                                                                              \
    {                                                                                                                 \
        .bytes = S(text), .wire = S(wire_)                                                                            \
    }

static const struct {
    const char *name;
    const struct own_record *wanted;
    enum dns_outcome outcome;
    struct dns_record seen[3];
    size_t seen_len;
    enum own_record_state state;
    size_t removed;
    bool is_added;
} cases[] = {
    { "as it must be", &sts, DNS_FOUND, { TXT("v=STSv1; id=2", "\015v=STSv1; id=2") }, 1, OWN_RECORD_OK, 0, false },
    { "beside a stranger",
      &sts,
      DNS_FOUND,
      { TXT("other", "\005other"), TXT("v=STSv1; id=2", "") },
      2,
      OWN_RECORD_OK,
      0,
      false },
    { "an old id", &sts, DNS_FOUND, { TXT("v=STSv1; id=1", "\015v=STSv1; id=1") }, 1, OWN_RECORD_DIFFERS, 1, true },
    { "both",
      &sts,
      DNS_FOUND,
      { TXT("v=STSv1; id=2", "x"), TXT("v=STSv1;id=1", "y") },
      2,
      OWN_RECORD_DIFFERS,
      1,
      false },
    { "twice the same",
      &sts,
      DNS_FOUND,
      { TXT("v=STSv1; id=2", "x"), TXT("v=STSv1; id=2", "y") },
      2,
      OWN_RECORD_DIFFERS,
      1,
      false },
    { "a stranger alone",
      &sts,
      DNS_FOUND,
      { TXT("v=STSv12; id=2", "x"), TXT("spf", "y") },
      2,
      OWN_RECORD_MISSING,
      0,
      true },
    { "nothing", &sts, DNS_NXDOMAIN, { { .preference = 0 } }, 0, OWN_RECORD_MISSING, 0, true },
    { "no answer", &sts, DNS_FAILED, { { .preference = 0 } }, 0, OWN_RECORD_UNKNOWN, 0, true },
    { "forged", &sts, DNS_BOGUS, { { .preference = 0 } }, 0, OWN_RECORD_UNKNOWN, 0, true },
    { "TLSA beside the next key's",
      &dane,
      DNS_FOUND,
      { { .bytes = S("\3\1\1\xcd") }, { .bytes = S("\3\1\1\xab") } },
      2,
      OWN_RECORD_OK,
      0,
      false },
    { "TLSA of another key", &dane, DNS_FOUND, { { .bytes = S("\3\1\1\xcd") } }, 1, OWN_RECORD_DIFFERS, 0, true },
    { "gone", &gone, DNS_NXDOMAIN, { { .preference = 0 } }, 0, OWN_RECORD_OK, 0, false },
    { "gone, another's is there", &gone, DNS_FOUND, { { .bytes = S("\5\6\7\11") } }, 1, OWN_RECORD_OK, 0, false },
    { "stale beside another's",
      &gone,
      DNS_FOUND,
      { { .bytes = S("\5\6\7\11") }, { .bytes = S("\5\6\7\10") } },
      2,
      OWN_RECORD_STALE,
      1,
      false },
    { "any address", &any, DNS_FOUND, { { .bytes = S("\1\2\3\4") } }, 1, OWN_RECORD_OK, 0, true },
    { "no address", &any, DNS_NODATA, { { .preference = 0 } }, 0, OWN_RECORD_MISSING, 0, true },
};

TEST(judged_and_planned)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct dns_answer seen = {
            .outcome = cases[i].outcome, .records = cases[i].seen, .records_len = cases[i].seen_len, .ttl_s = 77
        };
        struct own_record_change change;
        struct arena a = { 0 };

        CHECK_CASE(cases[i].name, own_record_judge(cases[i].wanted, &seen) == cases[i].state);
        own_record_plan(cases[i].wanted, &seen, &a, &change);
        CHECK_CASE(cases[i].name, change.remove_len == cases[i].removed);
        CHECK_CASE(cases[i].name, cases[i].wanted == &any || (change.add.len > 0) == cases[i].is_added);
        CHECK_CASE(cases[i].name, change.ttl_s == (cases[i].seen_len > 0 ? 77 : OWN_RECORD_TTL_S));
        arena_release(&a);
    }
}

TEST(long_text)
{
    char text[600];
    struct own_record r = { .owner = S("a.example"), .type = DNS_TXT, .value = { text, sizeof text } };
    struct dns_answer nothing = { .outcome = DNS_NODATA };
    struct own_record_change change;
    struct arena a = { 0 };

    memset(text, 'x', sizeof text);
    own_record_plan(&r, &nothing, &a, &change);
    CHECK(change.add.len == 603 && (unsigned char)change.add.ptr[0] == 255 && change.add.ptr[512] == 90);
    CHECK_INT(own_record_line(&r, &a).len, strlen("a.example. 3600 IN TXT ") + 600 + 2 + 2 * 3);
    CHECK_STR(own_record_value_text(DNS_TXT, SLICE_LIT("a\"b\\c\n"), &a), "\"a\\\"b\\\\c\\010\"");
    arena_release(&a);
}

RUN_TESTS(T(records_in_their_order), T(tlsa_that_goes), T(records_that_go), T(judged_and_planned), T(long_text))
