#include "settings/snapshot.h"

#include "base/test.h"
#include "settings/document.h"

#include <pthread.h>

#define S(text) { (text), sizeof(text) - 1 }
#define ROW(k, n, json) { .kind = S(k), .name = S(n), .after = S(json) }

static struct setting_row rows[] = {
    ROW("user", "jo", "{\"password\":{\"hash\":\"$argon2id$x\",\"scram\":\"1,a,b,c\"},\"senders\":[\"jo@ours.example\"]}"),
    ROW("rule", "bank", "{\"to\":[\"list:partners\"],\"min-version\":\"1.3\",\"on-failure\":\"defer\",\"defer-for\":\"2h\"}"),
    ROW("rule", "in", "{\"direction\":\"inbound\",\"from\":[\"bank.example\"],\"level\":\"encrypt\",\"refuse\":\"421\","
                      "\"mode\":\"testing\"}"),
    ROW("list", "partners", "{\"members\":[\".bank.example\"]}"),
    ROW("route", "*", "{\"host\":\"relay\"}"),
    ROW("route", ".parent.example", "{\"host\":\"deep\"}"),
    ROW("route", ".sub.parent.example", "{\"host\":\"relay\"}"),
    ROW("route", "exact.parent.example", "{\"host\":\"plain\"}"),
    ROW("host", "relay", "{\"servers\":[\"a.example weight=70\",\"b.example:587 weight=30\"],\"secondary\":[\"c.example\","
                         "\"d.example\",\"e.example\"],\"ca\":\"/ca.pem\",\"username\":\"u\",\"password\":\"p\"}"),
    ROW("host", "deep", "{\"servers\":[\"smtps.example:465\"],\"names\":[\"x.example\"],\"min-version\":\"1.3\"}"),
    ROW("host", "plain", "{\"servers\":[\"[2001:4860::1]\"],\"tls\":\"may\",\"allow-private\":true}"),
    ROW("host", "mx", "{\"servers\":[\"partner.example\"],\"mx-lookup\":true,\"tls\":\"encrypt\"}"),
    ROW("domain", "ours.example", "{}"),
    ROW("domain", "hosted.example", "{\"mta-sts\":\"enforce\",\"mta-sts-mx\":[\"mx.hosted.example\",\"*.mx.example\"],"
                                    "\"report-to\":[\"mailto:tlsrpt@hosted.example\"]}"),
    ROW("domain", "asking.example", "{\"mta-sts\":\"testing\",\"mta-sts-max-age\":\"1d\"}"),
};

static struct snapshot *make(void)
{
    struct snapshot *s = NULL;
    struct fault why = { "" };

    if (snapshot_new(rows, COUNT_OF(rows), 7, &s, &why) != OK)
        fail_msg("%s", why.text);
    return s;
}

static const struct { const char *domain, *route, *host; } route_cases[] = {
    { "exact.parent.example", "exact.parent.example", "plain" },
    { "other.parent.example", ".parent.example", "deep" },
    { "a.sub.parent.example", ".sub.parent.example", "relay" },
    { "sub.parent.example", ".parent.example", "deep" },
    { "parent.example", "*", "relay" },
    { "notparent.example", "*", "relay" },
    { "a.exact.parent.example", ".parent.example", "deep" },
    { "", "", "" },
};

TEST(snapshot_route)
{
    struct snapshot *s = make();

    for (size_t i = 0; i < COUNT_OF(route_cases); i++) {
        struct slice route = SLICE_LIT("");
        const struct host *h = snapshot_route(s, slice_str(route_cases[i].domain), &route);

        CHECK_CASE(route_cases[i].domain, slice_eq(route, slice_str(route_cases[i].route)));
        CHECK_CASE(route_cases[i].domain, h == snapshot_host(s, slice_str(route_cases[i].host)));
    }
    snapshot_release(s);
}

TEST(snapshot_hosts)
{
    struct snapshot *s = make();
    const struct host *h = snapshot_host(s, SLICE_LIT("relay"));

    CHECK(h->demand.level == LEVEL_VERIFY && h->demand.min_version == TLS_VERSION_1_2 && !h->is_implicit_tls);
    CHECK_STR(h->demand.name, "relay");
    CHECK_STR(h->demand.ca_file, "/ca.pem");
    CHECK_STR(h->password, "p");
    CHECK(h->primary_len == 2 && h->primary[0].weight == 70 && h->primary[0].port == 25);
    CHECK(h->primary[1].weight == 30 && h->primary[1].port == 587);
    CHECK(h->secondary_len == 3 && h->secondary[0].weight == 34 && h->secondary[2].weight == 33);
    h = snapshot_host(s, SLICE_LIT("deep"));
    CHECK(h->is_implicit_tls && h->demand.min_version == TLS_VERSION_1_3 && h->demand.names_len == 1);
    h = snapshot_host(s, SLICE_LIT("plain"));
    CHECK(h->demand.level == LEVEL_MAY && h->demand.min_version == TLS_VERSION_NONE && h->allows_private);
    CHECK_STR(h->primary[0].name, "2001:4860::1");
    CHECK_INT(h->primary[0].weight, 100);
    CHECK(snapshot_host(s, SLICE_LIT("mx"))->looks_up_mx);
    CHECK(snapshot_host(s, SLICE_LIT("none")) == NULL);
    snapshot_release(s);
}

TEST(snapshot_rules)
{
    struct snapshot *s = make();
    struct arena arena = { 0 };
    struct rule_address ours = { SLICE_LIT("a"), SLICE_LIT("ours.example") };
    struct rule_address bank = { SLICE_LIT("b"), SLICE_LIT("x.bank.example") };
    struct rule_address from = { SLICE_LIT("b"), SLICE_LIT("bank.example") };
    const struct rule **found;

    CHECK_INT(rule_set_match(snapshot_rules(s), RULE_OUTBOUND, ours, bank, &arena, &found), 1);
    CHECK(found[0]->level == LEVEL_VERIFY && found[0]->min_version == TLS_VERSION_1_3 && !found[0]->is_testing);
    CHECK(found[0]->on_failure == ON_FAILURE_DEFER && found[0]->defer_for_s == 7200);
    CHECK_INT(rule_set_match(snapshot_rules(s), RULE_INBOUND, from, ours, &arena, &found), 1);
    CHECK(found[0]->level == LEVEL_ENCRYPT && found[0]->is_testing && found[0]->refuses_421);
    CHECK(found[0]->on_failure == ON_FAILURE_DEFAULT && found[0]->min_version == TLS_VERSION_NONE);
    arena_release(&arena);
    snapshot_release(s);
}

TEST(snapshot_of_the_rest)
{
    struct snapshot *s = make();
    const struct gateway *g = snapshot_gateway(s);
    const struct user *u = snapshot_user(s, SLICE_LIT("jo"));

    CHECK_INT(snapshot_version(s), 7);
    CHECK(g->default_level == LEVEL_MAY && g->alternate_mode == ALTERNATE_OFF && !g->pauses_deliveries);
    CHECK(g->delay_warning_s == 4 * 3600 && g->expire_s == 5 * 86400 && g->postmaster.len == 0);
    CHECK(snapshot_is_our_domain(s, SLICE_LIT("ours.example")));
    CHECK(!snapshot_is_our_domain(s, SLICE_LIT("sub.ours.example")));
    CHECK(!snapshot_is_our_domain(s, SLICE_LIT("")));
    CHECK_STR(u->password_hash, "$argon2id$x");
    CHECK_STR(u->scram, "1,a,b,c");
    CHECK(u->senders_len == 1 && !u->is_disabled && snapshot_user(s, SLICE_LIT("JO")) == NULL);
    snapshot_release(s);
}

TEST(snapshot_own_domains)
{
    struct snapshot *s = make();
    const struct own_domain *d = snapshot_own_domain(s, SLICE_LIT("hosted.example")), *const *all;

    CHECK(d->hosts_policy && d->sts_mode == STS_MODE_ENFORCE && d->sts_max_age_s == 14 * 86400);
    CHECK(d->sts_mx_len == 2 && d->report_to_len == 1);
    CHECK_STR(d->sts_mx[1], "*.mx.example");
    CHECK_STR(d->report_to[0], "mailto:tlsrpt@hosted.example");
    d = snapshot_own_domain(s, SLICE_LIT("asking.example"));
    CHECK(d->hosts_policy && d->sts_mode == STS_MODE_TESTING && d->sts_max_age_s == 86400 && d->sts_mx_len == 0);
    CHECK(!snapshot_own_domain(s, SLICE_LIT("ours.example"))->hosts_policy);
    CHECK(snapshot_own_domain(s, SLICE_LIT("www.hosted.example")) == NULL);
    CHECK_INT(snapshot_own_domains(s, &all), 3);
    CHECK_STR(all[0]->name, "asking.example");
    CHECK_STR(all[2]->name, "ours.example");
    snapshot_release(s);
}

TEST(snapshot_of_nothing)
{
    struct snapshot *s = NULL;
    struct slice route;

    CHECK(snapshot_new(NULL, 0, 0, &s, NULL) == OK);
    CHECK(snapshot_route(s, SLICE_LIT("example.org"), &route) == NULL);
    CHECK_INT(snapshot_gateway(s)->expire_s, 432000);
    snapshot_release(s);
    snapshot_release(NULL);
}

static const struct { const char *name, *kind, *json, *why; } bad_cases[] = {
    { "not JSON", "host", "{", "host 'x': what is stored is not a JSON object" },
    { "not an object", "host", "[1]", "host 'x': what is stored is not a JSON object" },
    { "unknown kind", "thing", "{}", "there is no kind 'thing'" },
    { "unknown field", "list", "{\"member\":[]}", "list 'x': a list has no field 'member'; did you mean 'members'?" },
    { "wrong type", "list", "{\"members\":5}", "list 'x': field 'members': the value must be an array of strings" },
    { "a reference to nothing", "route", "{\"host\":\"y\"}", "route 'x': field 'host': there is no host 'y'" },
};

TEST(snapshot_refuses_what_is_damaged)
{
    for (size_t i = 0; i < COUNT_OF(bad_cases); i++) {
        struct setting_row row = { .kind = slice_str(bad_cases[i].kind), .name = SLICE_LIT("x"),
                                   .after = slice_str(bad_cases[i].json) };
        struct snapshot *s = NULL;
        struct fault why = { "" };

        CHECK_CASE(bad_cases[i].name, snapshot_new(&row, 1, 1, &s, &why) == ERR_SYNTAX && s == NULL);
        if (strstr(why.text, bad_cases[i].why) == NULL)
            fail_msg("case '%s': got '%s'", bad_cases[i].name, why.text);
    }
}

static void *hold_and_release(void *s)
{
    for (int i = 0; i < 1000; i++)
        snapshot_release(snapshot_hold(s));
    snapshot_release(s);
    return NULL;
}

TEST(snapshot_is_shared_between_threads)
{
    struct snapshot *s = make();
    pthread_t threads[2];

    for (size_t i = 0; i < COUNT_OF(threads); i++)
        CHECK(pthread_create(&threads[i], NULL, hold_and_release, snapshot_hold(s)) == 0);
    snapshot_release(s);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

RUN_TESTS(T(snapshot_route), T(snapshot_hosts), T(snapshot_rules), T(snapshot_of_the_rest), T(snapshot_own_domains), T(snapshot_of_nothing),
          T(snapshot_refuses_what_is_damaged), T(snapshot_is_shared_between_threads))
