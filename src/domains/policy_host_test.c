/* From a setting to the policy as another mail server fetches it. */
#include "domains/policy_host.h"

#include "base/log.h"
#include "discovery/sts_fetch.h"
#include "net/stream_pair.h"
#include "store/store_test.h"

enum { PATIENCE_MS = 20000, ADDRESS_LEN = 1 };

#define S(text)                                                                                                       \
    {                                                                                                                 \
        (text), sizeof(text) - 1                                                                                      \
    }
#define DOMAIN(n, json)                                                                                               \
    {                                                                                                                 \
        .kind = S("domain"), .name = S(n), .after = S(json)                                                           \
    }

static const char *const names[] = { "mta-sts.given.example", "mta-sts.asked.example", "mta-sts.none.example",
                                     "mta-sts.lost.example", "given.example" };
static const char *const records[] = {
    "asked.example. 60 IN MX 20 mx2.asked.example.",
    "asked.example. 60 IN MX 10 MX1.asked.example.",
    "mta-sts.given.example. 60 IN A 127.0.0.1",
    "mta-sts.asked.example. 60 IN A 127.0.0.1",
    "mta-sts.none.example. 60 IN A 127.0.0.1",
    "mta-sts.lost.example. 60 IN A 127.0.0.1",
    "lost.example. 60 IN MX 0 .",
};

static const struct setting_row testing[] = {
    DOMAIN("given.example", "{\"mta-sts\":\"testing\",\"mta-sts-mx\":[\"mx.given.example\"]}"),
    DOMAIN("asked.example", "{\"mta-sts\":\"testing\"}"),
    DOMAIN("lost.example", "{\"mta-sts\":\"testing\"}"),
    DOMAIN("none.example", "{}"),
};

static const struct setting_row enforcing[] = {
    DOMAIN("given.example", "{\"mta-sts\":\"enforce\",\"mta-sts-mx\":[\"mx.given.example\"]}"),
    DOMAIN("asked.example", "{\"mta-sts\":\"testing\",\"description\":\"another word, the same policy\"}"),
};

static struct {
    struct folder folder;
    struct minica *ca;
    struct loop *loop;
    struct resolver *resolver;
    struct test_store store;
    struct policy_keeper *keeper;
    struct policy_host *host;
    struct https_client *https;
    unsigned fetched;
} w;

static void no_log(struct slice line)
{
    (void)line;
}

static struct snapshot *compile(const struct setting_row *rows, size_t len)
{
    struct snapshot *s = NULL;
    struct fault why = { "" };

    if (snapshot_new(rows, len, 1, &s, &why) != OK)
        fail_msg("%s", why.text);
    return s;
}

static void open_keeper(const struct setting_row *rows, size_t len)
{
    struct fault why = { "" };

    if (policy_keeper_new(w.loop, w.resolver, w.store.store, compile(rows, len), &w.keeper, &why) != OK)
        fail_msg("%s", why.text);
}

static void open_host(void)
{
    const struct minica_leaf leaf = { .names = names, .names_len = COUNT_OF(names), .valid_from_s = -86400 };
    struct tls_server_certificate set = { folder_file(&w.folder, "chain.pem"), folder_file(&w.folder, "key.pem") };
    struct net_address at;
    struct config_policy_host config = {
        .addresses = &at,
        .addresses_len = ADDRESS_LEN,
        .tls_config = { .profile = TLS_PROFILE_INTERMEDIATE, .certificates = &set, .certificates_len = 1 }
    };
    struct https_config https = { .ca_file = folder_file(&w.folder, "root.pem"), .allows_private = true };
    struct fault why = { "" };

    CHECK(net_address_parse(SLICE_LIT("127.0.0.1"), 0, &at) == OK);
    issue(w.ca, &w.folder, &leaf, "chain.pem", "key.pem");
    CHECK(minica_write_root(w.ca, https.ca_file, &why) == OK);
    if (policy_host_new(w.loop, &config, w.keeper, NULL, &w.host, &why) != OK)
        fail_msg("%s", why.text);
    policy_host_address(w.host, 0, &at);
    https.port = net_address_port(&at);
    CHECK(https_client_new(w.loop, w.resolver, &https, &w.https, &why) == OK);
}

static void begin(void)
{
    static const char *const nobody[] = { "127.0.0.1@9" };
    struct dns_config dns = { .local_data = records,
                              .local_data_len = COUNT_OF(records),
                              .forwarders = nobody,
                              .forwarders_len = 1,
                              .timeout_ms = 2000 };
    struct fault why = { "" };

    log_capture(no_log);
    folder_make(&w.folder);
    w.ca = minica_new("Test Root");
    w.store = test_store_new();
    w.loop = loop_new();
    CHECK(resolver_new(w.loop, &dns, &w.resolver, &why) == OK);
    open_keeper(testing, COUNT_OF(testing));
    open_host();
}

static void end(void)
{
    https_client_free(w.https);
    policy_host_free(w.host);
    store_close(w.store.store);
    policy_keeper_free(w.keeper);
    test_store_open(&w.store);
    test_store_end(&w.store);
    resolver_free(w.resolver);
    loop_free(w.loop);
    minica_free(w.ca);
    folder_remove(&w.folder);
    log_capture(NULL);
}

static void turn_until_made(const char *domain, const char *part)
{
    int64_t until_ms = clock_mono_ms() + PATIENCE_MS;
    struct own_policy p = { .text = S("") };

    while (clock_mono_ms() < until_ms) {
        loop_turn(w.loop, 10);
        if (policy_keeper_find(w.keeper, slice_str(domain), &p) &&
            memmem(p.text.ptr, p.text.len, part, strlen(part)) != NULL)
            return;
    }
    fail_msg("no policy of %s with '%s'", domain, part);
}

static void on_fetched(struct sts_fetch *f)
{
    (void)f;
    w.fetched++;
}

static void fetch(struct sts_fetch *f, const char *domain)
{
    int64_t until_ms = clock_mono_ms() + PATIENCE_MS;

    *f = (struct sts_fetch){ .done = on_fetched };
    w.fetched = 0;
    sts_fetch_start(f, w.https, slice_str(domain));
    while (w.fetched == 0 && clock_mono_ms() < until_ms)
        loop_turn(w.loop, 10);
    CHECK_INT(w.fetched, 1);
}

static void id_of(const char *domain, char out[static STS_ID_TEXT])
{
    struct own_policy p;

    CHECK(policy_keeper_find(w.keeper, slice_str(domain), &p));
    CHECK(slice_to_cstr(p.id, out, STS_ID_TEXT));
}

TEST(policies_are_served) /* M10, M11 */
{
    struct sts_fetch f;

    begin();
    turn_until_made("given.example", "mx: mx.given.example\r\n");
    turn_until_made("asked.example", "mx: mx1.asked.example\r\nmx: mx2.asked.example\r\n"); /* as DNS has them */
    fetch(&f, "given.example");
    CHECK(f.failure == TLS_RESULT_OK && f.policy.mode == STS_MODE_TESTING && f.policy.max_age_s == 7 * 86400);
    CHECK_STR(f.policy.mx[0], "mx.given.example");
    sts_fetch_release(&f);
    fetch(&f, "asked.example");
    CHECK(f.failure == TLS_RESULT_OK && f.policy.mx_len == 2);
    sts_fetch_release(&f);
    fetch(&f, "none.example"); /* ours, with a certificate, but without a policy */
    CHECK(f.failure == TLS_RESULT_STS_POLICY_FETCH_ERROR && strstr(f.why.text, "404") != NULL);
    sts_fetch_release(&f);
    fetch(&f, "lost.example"); /* takes no mail: no policy can be made */
    CHECK(f.failure == TLS_RESULT_STS_POLICY_FETCH_ERROR);
    sts_fetch_release(&f);
    end();
}

TEST(id_changes_exactly_when_the_text_does) /* M8 */
{
    char given[STS_ID_TEXT], asked[STS_ID_TEXT], again[STS_ID_TEXT];
    struct store_request r = { .verb = STORE_POLICY_LIST, .name = SLICE_LIT("given.example"), .limit = 10 };
    struct own_policy p;

    begin();
    turn_until_made("given.example", "testing");
    turn_until_made("asked.example", "testing");
    id_of("given.example", given);
    id_of("asked.example", asked);
    CHECK_INT(strlen(given), 14);
    policy_keeper_adopt(w.keeper, compile(enforcing, COUNT_OF(enforcing)));
    turn_until_made("given.example", "enforce"); /* in the same second, most likely */
    id_of("given.example", again);
    CHECK(strcmp(given, again) < 0);
    for (int i = 0; i < 10; i++)
        loop_turn(w.loop, 5);
    id_of("asked.example", again);
    CHECK_STR(slice_str(again), asked);
    CHECK(!policy_keeper_find(w.keeper, SLICE_LIT("lost.example"), &p)); /* no longer ours */
    CHECK_INT(store_call(w.store.store, &r), OK);
    CHECK_INT(r.policies_len, 2); /* the history */
    CHECK_STR(r.policies[1].id, given);
    arena_release(&r.arena);
    end();
}

TEST(policies_outlive_the_process)
{
    char before[STS_ID_TEXT], after[STS_ID_TEXT];

    begin();
    turn_until_made("asked.example", "testing");
    id_of("asked.example", before);
    https_client_free(w.https);
    policy_host_free(w.host);
    store_close(w.store.store);
    policy_keeper_free(w.keeper);
    test_store_open(&w.store);
    open_keeper(testing, COUNT_OF(testing));
    id_of("asked.example", after); /* at once: before DNS has said anything */
    CHECK_STR(slice_str(after), before);
    open_host();
    for (int i = 0; i < 10; i++)
        loop_turn(w.loop, 5);
    id_of("asked.example", after);
    CHECK_STR(slice_str(after), before);
    end();
}

RUN_TESTS(T(policies_are_served), T(id_changes_exactly_when_the_text_does), T(policies_outlive_the_process))
