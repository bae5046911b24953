/* Our own certificates as the keeper hands them out: old, both, new (C8); held back by DANE (DANE-09); bad ones kept
 * aside. */
#include "certs/keeper.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "certs/tlsa_match.h"
#include "net/minizone.h"
#include "net/stream_pair.h"
#include "settings/setting_set.h"
#include "store/store_test.h"

#include <jansson.h>
#include <openssl/ssl.h>

enum { DAY = 86400, TURNS = 1500, FILES_MOST = 8 };

static const char *const old_names[] = { "mx.example.test" };
static const char *const new_names[] = { "new.example.test", "mx.example.test" };
static const struct slice mx = { "mx.example.test", 15 };

static int64_t later_s; /* how far the keeper's clock is ahead */

static int64_t wall_s(void)
{
    return clock_wall_s() + later_s;
}

static struct world {
    struct folder folder;
    struct minica *ca;
    struct loop *loop;
    struct minizone *zone;
    struct resolver *resolver;
    struct test_store store;
    struct config config;
    struct config_listener listener;
    struct tls_server_certificate files;
    struct net_address address;
    struct tls_server *server;
    struct cert_keeper *keeper;
    struct snapshot *settings;
    struct setting_row rows[4];
    size_t rows_len;
} w;

static void no_log(struct slice line)
{
    (void)line;
}

static char *read_all(const char *path)
{
    char *text = mem_new(64 * 1024, 1);
    FILE *f = fopen(path, "re");

    CHECK(f != NULL && fread(text, 1, 64 * 1024 - 1, f) > 0);
    (void)fclose(f);
    return text;
}

static void make(const char *file, const char *const *names, size_t len, int64_t from_s, int64_t for_s)
{
    const struct minica_leaf leaf = { .names = names, .names_len = len, .valid_from_s = from_s, .valid_for_s = for_s };
    char chain[40], key[40];

    (void)snprintf(chain, sizeof chain, "%s.pem", file);
    (void)snprintf(key, sizeof key, "%s.key", file);
    issue(w.ca, &w.folder, &leaf, chain, key);
}

static void keep(void)
{
    struct cert_keeper_config c = { .loop = w.loop,
                                    .resolver = w.resolver,
                                    .store = w.store.store,
                                    .config = &w.config,
                                    .servers = &w.server,
                                    .every_s = 1,
                                    .wall_s = wall_s };
    struct fault why;

    if (tls_server_new(&w.listener.tls_config, &w.server, &why) != OK)
        fail_msg("%s", why.text);
    w.keeper = cert_keeper_new(&c, w.settings);
}

static void leave(void)
{
    cert_keeper_free(w.keeper);
    tls_server_free(w.server);
}

/* The daemon ends, and another begins with the same store. */
static void restart(void)
{
    leave();
    test_store_reopen(&w.store);
    keep();
}

static void compile(void)
{
    struct fault why;

    snapshot_release(w.settings);
    if (snapshot_new(w.rows, w.rows_len, 1, &w.settings, &why) != OK)
        fail_msg("%s", why.text);
}

/* A certificate kept in the store; takes further fields. */
static void set(const char *name, const char *file, json_t *fields)
{
    char chain[40], key[40], *chain_text, *key_text, *json;
    size_t at = 0;

    (void)snprintf(chain, sizeof chain, "%s.pem", file);
    (void)snprintf(key, sizeof key, "%s.key", file);
    chain_text = read_all(folder_file(&w.folder, chain));
    key_text = read_all(folder_file(&w.folder, key));
    if (fields == NULL)
        fields = json_object();
    json_object_set_new(fields, "chain", json_string(chain_text));
    json_object_set_new(fields, "key", json_string(key_text));
    json = json_dumps(fields, 0);
    while (at < w.rows_len && !slice_eq(w.rows[at].name, slice_str(name)))
        at++;
    if (at < w.rows_len)
        free((char *)(uintptr_t)w.rows[at].after.ptr);
    else
        CHECK(w.rows_len++ < COUNT_OF(w.rows));
    w.rows[at] =
        (struct setting_row){ .kind = SLICE_LIT("certificate"), .name = slice_str(name), .after = slice_str(json) };
    json_decref(fields);
    free(chain_text);
    free(key_text);
    compile();
    cert_keeper_adopt(w.keeper, w.settings);
}

static void begin(const struct minizone_record *records, size_t len)
{
    const char *stub, *anchor;
    struct dns_config dns = { .stubs = &stub, .stubs_len = 1, .trust_anchors = &anchor, .trust_anchors_len = 1 };
    struct fault why;

    later_s = 0;
    w.loop = loop_new();
    w.store = test_store_new();
    if (minizone_new(w.loop, "example.test", records, len, &w.zone, &why) != OK)
        fail_msg("%s", why.text);
    minizone_set_ttl(w.zone, 1);
    stub = minizone_stub(w.zone);
    anchor = minizone_anchor(w.zone);
    if (resolver_new(w.loop, &dns, &w.resolver, &why) != OK)
        fail_msg("%s", why.text);
    w.rows_len = 0;
    compile();
    keep();
}

static void end(void)
{
    leave();
    snapshot_release(w.settings);
    w.settings = NULL;
    for (size_t i = 0; i < w.rows_len; i++)
        free((char *)(uintptr_t)w.rows[i].after.ptr);
    resolver_free(w.resolver);
    minizone_free(w.zone);
    test_store_end(&w.store);
    loop_free(w.loop);
}

/* What a client sees that asks for the MX's name; *chain_len: how many certificates. */
static const char *served_chain(int *chain_len)
{
    static struct tls_facts facts;
    struct tls_client *client = tls_client_new();
    const struct tls_target target = { .sni = mx,
                                       .names = &mx,
                                       .names_len = 1,
                                       .profile = TLS_PROFILE_INTERMEDIATE,
                                       .ca_file = folder_file(&w.folder, "root.pem") };
    struct pair p;

    pair_open(&p);
    stream_start_server(&p.server, w.server);
    stream_start_client(&p.client, client, &target);
    must_shake(&p);
    stream_tls_facts(&p.client, &facts);
    *chain_len = sk_X509_num(SSL_get_peer_cert_chain(p.client.ssl));
    pair_close(&p);
    tls_client_free(client);
    return facts.subject;
}

static const char *served(void)
{
    int chain_len;

    return served_chain(&chain_len);
}

static int count_new(void)
{
    int count = 0;

    for (int i = 0; i < 100; i++)
        count += strcmp(served(), "CN=new.example.test") == 0;
    return count;
}

/* A member of a certificate in the report; "" when it is not there. In `arena`. */
static struct slice told(const char *name, const char *member, struct arena *arena)
{
    struct slice text = cert_keeper_report(w.keeper, arena), out = SLICE_LIT("");
    json_t *report = json_loadb(text.ptr, text.len, 0, NULL), *c;
    size_t at;

    CHECK(report != NULL);
    json_array_foreach(json_object_get(report, "certificates"), at, c) {
        if (strcmp(json_string_value(json_object_get(c, "name")), name) == 0 && json_object_get(c, member) != NULL)
            out = arena_copy(arena, slice_str(json_string_value(json_object_get(c, member))));
    }
    json_decref(report);
    return out;
}

static bool says(const char *name, const char *member, const char *part)
{
    struct arena arena = { 0 };
    struct slice text = told(name, member, &arena);
    bool is = text.len > 0 && strstr(text.ptr, part) != NULL;

    arena_release(&arena);
    return is;
}

static void await(const char *name, const char *member, const char *part)
{
    struct arena arena = { 0 };

    for (int i = 0; i < TURNS && !says(name, member, part); i++)
        loop_turn(w.loop, 10);
    if (!says(name, member, part))
        fail_msg("certificate '%s' does not come to '%s', but stays at '%s'", name, part,
                 told(name, "text", &arena).ptr);
}

static size_t count_removable(void)
{
    struct arena arena = { 0 };
    struct slice text = cert_keeper_report(w.keeper, &arena);
    json_t *report = json_loadb(text.ptr, text.len, 0, NULL), *watch, *record;
    size_t i, k, count = 0;

    json_array_foreach(json_object_get(report, "tlsa"), i, watch) {
        json_array_foreach(json_object_get(watch, "records"), k, record) {
            count += json_is_true(json_object_get(record, "can_go"));
        }
    }
    json_decref(report);
    arena_release(&arena);
    return count;
}

TEST(old_both_new)
{
    begin(NULL, 0);
    CHECK_STR(slice_str(served()), "CN=mx.example.test");
    CHECK(says(w.files.chain_file, "key", "EC P-256")); /* as `sternpost cert` calls it */
    set("next", "new",
        json_pack("{s:s, s:s, s:s}", "valid-from", "2035-01-01", "take-over-at", "2035-01-03", "share", "30"));
    await("next", "state", "waits"); /* its time is not yet */
    CHECK_INT(count_new(), 0);
    CHECK(says("next", "text", "waits until 2035-01-01T00:00:00Z"));
    end();
}

/* The same as it goes: the moments lie in its first days. */
TEST(old_both_new_by_the_clock)
{
    char from[CLOCK_TEXT], at[CLOCK_TEXT];

    begin(NULL, 0);
    (void)clock_rfc3339(wall_s() + DAY, from);
    (void)clock_rfc3339(wall_s() + 3 * DAY, at);
    set("next", "new", json_pack("{s:s, s:s, s:s}", "valid-from", from, "take-over-at", at, "share", "30"));
    await("next", "text", "waits until");
    CHECK_INT(count_new(), 0);
    later_s = DAY + 10;
    await("next", "state", "rolls");
    CHECK(says("next", "text", "30 % of new sessions"));
    CHECK_INT(count_new(), 30);
    later_s = 3 * DAY + 10;
    await("next", "state", "serves");
    CHECK_INT(count_new(), 100);
    await(w.files.chain_file, "state", "superseded");
    end();
}

/* "3 1 1 HEX" */
static const char *record_of(const char *name, char out[static 100])
{
    char chain[40], key[40];
    struct arena arena = { 0 };
    struct tls_certificate c;
    struct fault why;

    (void)snprintf(chain, sizeof chain, "%s.pem", name);
    (void)snprintf(key, sizeof key, "%s.key", name);
    if (tls_certificate_load(folder_file(&w.folder, chain), folder_file(&w.folder, key), &arena, &c, &why) != OK)
        fail_msg("%s", why.text);
    CHECK(slice_to_cstr(tlsa_for(&c, &arena), out, 100));
    tls_certificate_release(&c);
    arena_release(&arena);
    return out;
}

/* "3 1 1 HEX, 3 1 1 HEX" of the MX's name. */
static const char *to_publish(char out[static 400])
{
    struct slice rdata[4];
    struct arena arena = { 0 };
    size_t len = cert_keeper_tlsa(w.keeper, mx, &arena, rdata, COUNT_OF(rdata)), at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < len; i++) {
        struct tlsa_record r;

        CHECK(tlsa_read(rdata[i], &r));
        at += (size_t)snprintf(out + at, 400 - at, "%s%.*s", i == 0 ? "" : ", ", SLICE_FMT(tlsa_text(&r, &arena)));
    }
    arena_release(&arena);
    return out;
}

TEST(held_until_tlsa_stands_for_it)
{
    char old[100], new[100], texts[400];
    struct arena arena = { 0 };
    struct minizone_record records[] = { { "_25._tcp.mx.example.test", DNS_TLSA, record_of("old", old) },
                                         { "_25._tcp.mx.example.test", DNS_TLSA, record_of("new", new) } };
    struct fault why;

    begin(records, 1);
    set("next", "new", NULL);
    await("next", "publish", new); /* told is what to publish */
    CHECK_STR(slice_str(to_publish(texts)), arena_printf(&arena, "%s, %s", old, new).ptr);
    CHECK(says("next", "state", "held"));
    CHECK(says("next", "publish", "_25._tcp.mx.example.test. IN TLSA 3 1 1 "));
    CHECK_INT(count_new(), 0);
    minizone_set_ttl(w.zone, 3);
    CHECK(minizone_replace(w.zone, records, 2, &why) == OK);
    await("next", "text", "when no cache holds older");
    CHECK_INT(count_new(), 0);
    await("next", "state", "serves");
    CHECK_INT(count_new(), 100);
    CHECK_INT(count_removable(), 1); /* the old one's */
    CHECK_STR(slice_str(to_publish(texts)), new);
    /* A restart does not wait again, whatever DNS says meanwhile. */
    minizone_spoil(w.zone, DNS_TLSA, MINIZONE_FAILS);
    restart();
    CHECK(says("next", "state", "serves"));
    CHECK_INT(count_new(), 100);
    arena_release(&arena);
    end();
}

/* "3 1 1 HEX, ..." of what can be taken out of DNS. */
static const char *to_remove(char out[static 400])
{
    struct slice rdata[4];
    struct arena arena = { 0 };
    size_t len = cert_keeper_tlsa_gone(w.keeper, mx, &arena, rdata, COUNT_OF(rdata)), at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < len; i++) {
        struct tlsa_record r;

        CHECK(tlsa_read(rdata[i], &r));
        at += (size_t)snprintf(out + at, 400 - at, "%s%.*s", i == 0 ? "" : ", ", SLICE_FMT(tlsa_text(&r, &arena)));
    }
    arena_release(&arena);
    return out;
}

static void await_removal(const char *what)
{
    char texts[400];

    for (int i = 0; i < TURNS && strcmp(to_remove(texts), what) != 0; i++)
        loop_turn(w.loop, 10);
    CHECK_STR(slice_str(to_remove(texts)), what);
}

/* The record of a key that we served goes a day after nobody got it any more; a stranger's never, though it stands for nothing. */
TEST(records_of_former_keys_go)
{
    char old[100], new[100], texts[400];
    struct minizone_record records[] = { { "_25._tcp.mx.example.test", DNS_TLSA, record_of("old", old) },
                                         { "_25._tcp.mx.example.test", DNS_TLSA, record_of("new", new) },
                                         { "_25._tcp.mx.example.test", DNS_TLSA,
                                           "3 1 1 abababababababababababababababababababababababababababababababab" } };

    begin(records, 3);
    await(w.files.chain_file, "state", "serves");
    CHECK_STR(slice_str(to_remove(texts)), "");
    set("next", "new", NULL);
    await("next", "state", "serves");
    await(w.files.chain_file, "state", "superseded");
    CHECK_STR(slice_str(to_remove(texts)), "");
    later_s += DAY - 60;
    restart();
    await("next", "state", "serves");
    CHECK_STR(slice_str(to_remove(texts)), "");
    later_s += 120;
    await_removal(old);
    CHECK_INT(count_removable(), 2); /* and the stranger's could */
    end();
}

TEST(held_while_dns_is_silent)
{
    begin(NULL, 0);
    minizone_spoil(w.zone, DNS_TLSA, MINIZONE_FAILS);
    set("next", "new", NULL);
    await("next", "text", "waits for DNS");
    CHECK_INT(count_new(), 0);
    minizone_spoil(w.zone, DNS_TLSA, MINIZONE_SOUND);
    await("next", "state", "serves");
    CHECK_INT(count_new(), 100);
    end();
}

/* What is served fails already, so that nothing is gained by waiting. */
TEST(free_at_once_where_the_old_one_matches_nothing)
{
    char new[100];
    struct minizone_record record = { "_25._tcp.mx.example.test", DNS_TLSA, record_of("new", new) };

    begin(&record, 1);
    minizone_set_ttl(w.zone, 3600);
    set("next", "new", NULL);
    await("next", "state", "serves");
    end();
}

TEST(bad_sets_are_kept_aside)
{
    begin(NULL, 0);
    set("next", "new", NULL);
    await("next", "state", "serves");
    set("next", "expired", NULL); /* in the place of the good one */
    await("next", "refused", "it expired on");
    CHECK(says("next", "state", "serves"));
    CHECK_INT(count_new(), 100);
    set("other", "other", NULL); /* a name that is not ours */
    await("other", "text", "refused: the name 'mx.example.test' is not in it");
    CHECK(says("other", "state", "refused"));
    CHECK_INT(count_new(), 100);
    end();
}

/* Files of the configuration: a bad new one never takes the place of a good old one, a good one does. */
TEST(changed_files)
{
    begin(NULL, 0);
    make("old", new_names, 2, -9 * DAY, 8 * DAY);
    await(w.files.chain_file, "refused", "it expired on");
    CHECK_STR(slice_str(served()), "CN=mx.example.test");
    make("old", new_names, 2, -DAY, 30 * DAY);
    for (int i = 0; i < TURNS && strcmp(served(), "CN=new.example.test") != 0; i++)
        loop_turn(w.loop, 10);
    CHECK_STR(slice_str(served()), "CN=new.example.test");
    end();
    make("old", old_names, 1, -DAY, 30 * DAY);
}

static void write_all(const char *path, struct slice text)
{
    FILE *f = fopen(path, "we");

    CHECK(f != NULL && fwrite(text.ptr, 1, text.len, f) == text.len);
    CHECK(fclose(f) == 0);
}

/* The certificate is the same, and what is missing behind it comes later. */
TEST(mended_chain)
{
    static const char end_line[] = "-----END CERTIFICATE-----\n";
    char *whole = read_all(w.files.chain_file);
    const char *first_end = strstr(whole, end_line);
    int len = 0;

    CHECK(first_end != NULL && first_end[strlen(end_line)] != '\0');
    write_all(w.files.chain_file, slice_of(whole, (size_t)(first_end - whole) + strlen(end_line)));
    begin(NULL, 0);
    CHECK_STR(slice_str(served_chain(&len)), "CN=mx.example.test");
    CHECK_INT(len, 1);
    write_all(w.files.chain_file, slice_str(whole));
    for (int i = 0; i < TURNS && len != 2; i++) {
        loop_turn(w.loop, 10);
        (void)served_chain(&len);
    }
    CHECK_INT(len, 2);
    end();
    free(whole);
}

static int set_up(void **unused)
{
    static const char *const other[] = { "other.example.test" };
    struct fault why;

    (void)unused;
    log_capture(no_log);
    folder_make(&w.folder);
    w.ca = minica_new("Test Root");
    CHECK(minica_write_root(w.ca, folder_file(&w.folder, "root.pem"), &why) == OK);
    make("old", old_names, 1, -DAY, 30 * DAY);
    make("new", new_names, 2, -DAY, 30 * DAY);
    make("expired", new_names, 2, -9 * DAY, 8 * DAY);
    make("other", other, 1, -DAY, 30 * DAY);
    CHECK(net_address_parse(SLICE_LIT("127.0.0.1"), 2525, &w.address) == OK);
    w.files = (struct tls_server_certificate){ folder_file(&w.folder, "old.pem"), folder_file(&w.folder, "old.key") };
    w.listener = (struct config_listener){
        .name = "mx",
        .role = ROLE_MX,
        .addresses = &w.address,
        .addresses_len = 1,
        .tls_config = { .profile = TLS_PROFILE_INTERMEDIATE, .certificates = &w.files, .certificates_len = 1 },
    };
    w.config = (struct config){ .hostname = mx, .listeners = &w.listener, .listeners_len = 1 };
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    minica_free(w.ca);
    folder_remove(&w.folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(old_both_new),
        T(old_both_new_by_the_clock),
        T(held_until_tlsa_stands_for_it),
        T(records_of_former_keys_go),
        T(held_while_dns_is_silent),
        T(free_at_once_where_the_old_one_matches_nothing),
        T(bad_sets_are_kept_aside),
        T(changed_files),
        T(mended_chain),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
