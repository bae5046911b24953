#include "base/clock.h"
#include "net/tls_fixture.h"

#include <pthread.h>

/* TLS-25, TLS-26 */
static const struct {
    const char *file, *name;
    enum cert_verdict verdict;
    bool matches;
    const char *part_of_text;
} verdict_cases[] = {
    { "good", "mx.example.test", CERT_TRUSTED, true, "" },
    { "good", "MX.Example.TEST.", CERT_TRUSTED, true, "" },
    { "good", "mx2.example.test", CERT_TRUSTED, false, "" },
    { "good", ".example.test", CERT_TRUSTED, false, "" },
    { "good", "", CERT_TRUSTED, false, "" },
    { "rsa", "mx.example.test", CERT_TRUSTED, true, "" },
    { "expired", "mx.example.test", CERT_EXPIRED, true, "certificate has expired: the server's own" },
    { "early", "mx.example.test", CERT_NOT_YET_VALID, true, "not yet valid" },
    { "self", "mx.example.test", CERT_SELF_SIGNED, true, "CN=mx.example.test" },
    { "strange", "mx.example.test", CERT_UNTRUSTED, true, "certificate 1 of the chain" },
    { "client", "mx.example.test", CERT_UNTRUSTED, true, "purpose" },
    { "wild", "mx.example.test", CERT_TRUSTED, true, "" },
    { "wild", "a.mx.example.test", CERT_TRUSTED, false, "" },
    { "wild", "example.test", CERT_TRUSTED, true, "" },
    { "partial", "mx.example.test", CERT_TRUSTED, false, "" },
    { "nameless", "no name", CERT_TRUSTED, false, "" }, /* the common name is not a name */
};

TEST(verdicts)
{
    struct tls_client *client = tls_client_new();

    for (size_t i = 0; i < COUNT_OF(verdict_cases); i++) {
        struct tls_server *server = serve_one(verdict_cases[i].file);
        struct slice name = slice_str(verdict_cases[i].name);
        struct tls_target target = target_for(&name, 1);
        struct meeting m;

        meet(server, client, &target, &m);
        CHECK_CASE(verdict_cases[i].file, m.met && m.client.is_tls);
        CHECK_CASE(verdict_cases[i].file, m.client.verdict == verdict_cases[i].verdict);
        CHECK_CASE(verdict_cases[i].name, m.client.name_matches == verdict_cases[i].matches);
        CHECK_CASE(verdict_cases[i].file, strstr(m.client.verdict_text, verdict_cases[i].part_of_text) != NULL);
        CHECK_CASE(verdict_cases[i].file, (m.client.verdict_text[0] == '\0') == (m.client.verdict == CERT_TRUSTED));
        CHECK_CASE(verdict_cases[i].file, strlen(m.client.fingerprint) == 64 && m.client.subject[0] != '\0');
        tls_server_free(server);
    }
    tls_client_free(client);
}

TEST(facts_of_the_certificate)
{
    struct tls_client *client = tls_client_new();
    struct tls_server *server = serve_one("wild");
    struct tls_target target = target_for(mx_name, 1);
    int64_t ends = clock_wall_s() + 29 * DAY_S;
    struct meeting m;

    meet(server, client, &target, &m);
    CHECK_STR(slice_str(m.client.matched_name), "*.example.test");
    CHECK_STR(slice_str(m.client.subject), "CN=*.example.test");
    CHECK_STR(slice_str(m.client.issuer), "CN=Test Root");
    CHECK_STR(slice_str(m.client.group), "X25519");
    CHECK(m.client.not_after_s > ends - 600 && m.client.not_after_s < ends + 600);
    CHECK(m.client.version == TLS_VERSION_1_3 && !m.client.is_resumed && m.client.handshake_error[0] == '\0');
    CHECK_STR(slice_str(m.server.sni), "mx.example.test");
    tls_server_free(server);
    /* TLS-24: line ends in a name stay out of logs and headers. */
    server = serve_one("strange");
    meet(server, client, &target, &m);
    CHECK(strchr(m.client.issuer, '\r') == NULL && strchr(m.client.issuer, '\n') == NULL);
    CHECK(strchr(m.client.verdict_text, '\n') == NULL);
    tls_server_free(server);
    tls_client_free(client);
}

TEST(bundles)
{
    struct tls_client *client = tls_client_new();
    struct tls_server *server = serve_one("self");
    struct tls_target target = target_for(mx_name, 1);
    struct fault why = { "" };
    struct meeting m;

    CHECK(tls_client_check_bundle(path_of("root", "pem"), &why) == OK);
    CHECK(tls_client_check_bundle(path_of("good", "key"), &why) == ERR_SYNTAX);
    CHECK(strstr(why.text, "PEM") != NULL);
    CHECK(tls_client_check_bundle("/nonexistent/bundle.pem", &why) == ERR_NOT_FOUND);
    target.ca_file = path_of("self", "pem"); /* a server's own certificate may be the bundle */
    meet(server, client, &target, &m);
    CHECK_INT(m.client.verdict, CERT_TRUSTED);
    target.ca_file = "/nonexistent/bundle.pem";
    meet(server, client, &target, &m);
    CHECK(m.met && m.client.verdict != CERT_TRUSTED);
    CHECK(strstr(m.client.verdict_text, "/nonexistent/bundle.pem") != NULL);
    target.ca_file = NULL; /* the system's does not know our root */
    meet(server, client, &target, &m);
    CHECK(m.met && m.client.verdict == CERT_SELF_SIGNED);
    tls_server_free(server);
    tls_client_free(client);
}

/* A bundle that changes is seen at once, and no session outlives the trust it was judged by. */
TEST(a_changed_bundle_counts)
{
    struct tls_client *client = tls_client_new();
    struct tls_server *server = serve_one("good");
    struct tls_target target = target_for(mx_name, 1);
    struct fault why = { "" };
    struct meeting m;

    target.ca_file = folder_file(&folder, "changing.pem");
    target.session_key = SLICE_LIT("mx");
    CHECK(minica_write_root(stranger, target.ca_file, &why) == OK);
    meet(server, client, &target, &m);
    CHECK_INT(m.client.verdict, CERT_UNTRUSTED);
    CHECK(minica_write_root(ca, target.ca_file, &why) == OK);
    meet(server, client, &target, &m);
    CHECK(m.client.verdict == CERT_TRUSTED && !m.client.is_resumed);
    unlink(target.ca_file);
    meet(server, client, &target, &m);
    CHECK_INT(m.client.verdict, CERT_TRUSTED); /* gone: the old one stays */
    tls_server_free(server);
    tls_client_free(client);
}

/* TLS-17: whatever the name, a certificate of the table, and never anything else. */
static const struct { const char *sni, *subject; } sni_cases[] = {
    { NULL, "CN=mx.example.test" },
    { "mx.example.test", "CN=mx.example.test" },
    { "MX.EXAMPLE.TEST", "CN=mx.example.test" },
    { "other.example.test", "CN=*.example.test" },
    { "example.test", "CN=*.example.test" },
    { "a.b.example.test", "CN=mx.example.test" },
    { "mx.example.test.", "CN=mx.example.test" },
    { "nobody.invalid", "CN=mx.example.test" },
    { "../../etc/passwd", "CN=mx.example.test" },
    { "x\\", "CN=mx.example.test" },
    { "192.0.2.1", "CN=mx.example.test" },
    { "*.example.test", "CN=mx.example.test" },
    { "..", "CN=mx.example.test" },
    { ".example.test", "CN=mx.example.test" },
};

TEST(certificate_by_server_name)
{
    static const char *const files[] = { "good", "wild" };
    struct tls_server *server = serve(TLS_PROFILE_INTERMEDIATE, files, COUNT_OF(files));
    SSL_CTX *ctx = raw_client();
    struct tls_facts facts;

    for (size_t i = 0; i < COUNT_OF(sni_cases); i++) {
        const char *name = sni_cases[i].sni == NULL ? "none" : sni_cases[i].sni;

        CHECK_CASE(name, meet_raw(server, ctx, sni_cases[i].sni, &facts));
        CHECK_CASE(name, strcmp(seen_subject + 1, sni_cases[i].subject) == 0);
    }
    SSL_CTX_free(ctx);
    tls_server_free(server);
}

TEST(rsa_and_ecdsa_side_by_side)
{
    static const char *const files[] = { "good", "rsa" };
    static const struct { const char *algorithms; int kind; } cases[] = {
        { "ECDSA+SHA256", EVP_PKEY_EC },
        { "RSA-PSS+SHA256:RSA+SHA256", EVP_PKEY_RSA },
    };
    struct tls_server *server = serve(TLS_PROFILE_INTERMEDIATE, files, COUNT_OF(files));

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
            SSL_CTX *ctx = raw_client();
            struct tls_facts facts;

            CHECK(SSL_CTX_set1_sigalgs_list(ctx, cases[i].algorithms) == 1);
            CHECK(SSL_CTX_set_max_proto_version(ctx, version) == 1);
            CHECK_CASE(cases[i].algorithms, meet_raw(server, ctx, "mx.example.test", &facts));
            CHECK_CASE(cases[i].algorithms, meet_raw(server, ctx, NULL, &facts)); /* the default has both too */
            SSL_CTX_free(ctx);
        }
    }
    tls_server_free(server);
}

static const struct { enum tls_profile profile; int version; bool met; } version_cases[] = {
    { TLS_PROFILE_MODERN, TLS1_2_VERSION, false },      { TLS_PROFILE_MODERN, TLS1_3_VERSION, true },
    { TLS_PROFILE_INTERMEDIATE, TLS1_VERSION, false },  { TLS_PROFILE_INTERMEDIATE, TLS1_1_VERSION, false },
    { TLS_PROFILE_INTERMEDIATE, TLS1_2_VERSION, true }, { TLS_PROFILE_LEGACY, TLS1_VERSION, true },
    { TLS_PROFILE_LEGACY, TLS1_1_VERSION, true },       { TLS_PROFILE_LEGACY, TLS1_3_VERSION, true },
};

TEST(versions_by_profile)
{
    static const enum tls_version ours[] = { TLS_VERSION_1_0, TLS_VERSION_1_1, TLS_VERSION_1_2, TLS_VERSION_1_3 };
    static const char *const files[] = { "rsa" };

    for (size_t i = 0; i < COUNT_OF(version_cases); i++) {
        struct tls_server *server = serve(version_cases[i].profile, files, 1);
        const char *name = tls_profile_name(version_cases[i].profile);
        SSL_CTX *ctx = raw_client();
        struct tls_facts facts;

        SSL_CTX_set_security_level(ctx, 0);
        CHECK(SSL_CTX_set_min_proto_version(ctx, version_cases[i].version) == 1);
        CHECK(SSL_CTX_set_max_proto_version(ctx, version_cases[i].version) == 1);
        CHECK_CASE(name, meet_raw(server, ctx, "mx.example.test", &facts) == version_cases[i].met);
        CHECK_CASE(name, facts.is_tls == version_cases[i].met);
        if (version_cases[i].met)
            CHECK_CASE(name, facts.version == ours[version_cases[i].version - TLS1_VERSION]);
        else
            CHECK_CASE(name, strstr(facts.handshake_error, "version") != NULL ||
                                 strstr(facts.handshake_error, "protocol") != NULL);
        SSL_CTX_free(ctx);
        tls_server_free(server);
    }
}

/* A client of ours that demands does not talk to a weak server; one that takes what it gets does, and trusts it no more for
 * that (threats.md 4). */
TEST(a_demanding_client)
{
    static const char *const weak[] = { "weak" };
    struct tls_server *server = serve(TLS_PROFILE_LEGACY, weak, 1);
    struct tls_client *client = tls_client_new();
    struct tls_target target = target_for(mx_name, 1);
    struct meeting m;

    meet(server, client, &target, &m);
    CHECK(m.met && m.client.verdict == CERT_UNTRUSTED && strstr(m.client.verdict_text, "too weak") != NULL);
    target.is_demanding = true;
    meet(server, client, &target, &m);
    CHECK(!m.met || m.client.verdict == CERT_UNTRUSTED);
    tls_server_free(server);
    tls_client_free(client);
}

/* TLS-14, TLS-16: ALPN for another protocol means that somebody crossed the wires. */
static const struct { const char *name; unsigned char list[16]; unsigned len; bool met; } alpn_cases[] = {
    { "none", "", 0, true },
    { "smtp", "\4smtp", 5, true },
    { "smtp among others", "\2h2\4smtp", 8, true },
    { "h2", "\2h2", 3, false },
    { "http/1.1", "\10http/1.1", 9, false },
    { "SMTP in capitals", "\4SMTP", 5, false },
};

TEST(alpn)
{
    struct tls_server *server = serve_one("good");

    for (size_t i = 0; i < COUNT_OF(alpn_cases); i++) {
        SSL_CTX *ctx = raw_client();
        struct tls_facts facts;

        if (alpn_cases[i].len > 0)
            CHECK(SSL_CTX_set_alpn_protos(ctx, alpn_cases[i].list, alpn_cases[i].len) == 0);
        CHECK_CASE(alpn_cases[i].name, meet_raw(server, ctx, "mx.example.test", &facts) == alpn_cases[i].met);
        SSL_CTX_free(ctx);
    }
    tls_server_free(server);
}

TEST(client_certificates_are_recorded)
{
    struct tls_server_certificate files = { path_of("good", "pem"), path_of("good", "key") };
    struct tls_server_config config = { .profile = TLS_PROFILE_INTERMEDIATE, .certificates = &files,
                                        .certificates_len = 1, .asks_client_certificate = true };
    SSL_CTX *with = raw_client(), *without = raw_client();
    struct tls_server *server;
    struct tls_facts facts;

    CHECK(tls_server_new(&config, &server, NULL) == OK);
    CHECK(SSL_CTX_use_certificate_file(with, path_of("client", "pem"), SSL_FILETYPE_PEM) == 1);
    CHECK(SSL_CTX_use_PrivateKey_file(with, path_of("client", "key"), SSL_FILETYPE_PEM) == 1);
    CHECK(meet_raw(server, without, "mx.example.test", &facts));
    CHECK_INT(facts.verdict, CERT_ABSENT);
    CHECK(meet_raw(server, with, "mx.example.test", &facts));
    CHECK_INT(facts.verdict, CERT_UNTRUSTED);
    CHECK_STR(slice_str(facts.subject), "CN=mx.example.test");
    CHECK(meet_raw(server, with, NULL, &facts) && facts.verdict == CERT_UNTRUSTED);
    SSL_CTX_free(with);
    SSL_CTX_free(without);
    tls_server_free(server);
}

TEST(new_certificates_while_sessions_run)
{
    struct tls_client *client = tls_client_new();
    struct tls_target target = target_for(mx_name, 1);
    struct tls_server *server = serve(TLS_PROFILE_MODERN, (const char *const[]){ "good" }, 1);
    struct tls_facts facts;
    struct meeting m;
    struct pair p;

    pair_open(&p);
    stream_start_server(&p.server, server);
    stream_start_client(&p.client, client, &target);
    must_shake(&p);
    CHECK(renew(server, "wild") == OK);
    meet(server, client, &target, &m);
    CHECK_STR(slice_str(m.client.subject), "CN=*.example.test");
    say(&p.client, &p.server, "still here");
    stream_tls_facts(&p.client, &facts);
    CHECK_STR(slice_str(facts.subject), "CN=mx.example.test");
    pair_close(&p);
    /* What the profile does not take leaves the old one in use. */
    CHECK(renew(server, "weak") == ERR_PERMANENT);
    CHECK(tls_server_use(server, &(struct tls_edition){ .until = 100 }, 1, NULL) == ERR_NOT_FOUND);
    meet(server, client, &target, &m);
    CHECK_STR(slice_str(m.client.subject), "CN=*.example.test");
    tls_server_free(server);
    tls_client_free(client);
}

/* Without anybody who hands it certificates: by its files. */
TEST(changed_files_count)
{
    struct tls_client *client = tls_client_new();
    struct tls_target target = target_for(mx_name, 1);
    struct tls_server *server;
    struct meeting m;

    write_set(index_of("good"), "turning");
    server = serve_one("turning");
    tls_server_refresh(server); /* nothing changed */
    write_set(index_of("wild"), "turning");
    tls_server_refresh(server);
    meet(server, client, &target, &m);
    CHECK_STR(slice_str(m.client.subject), "CN=*.example.test");
    /* A key that is not there, then a foreign one: the old set stays in use. */
    unlink(path_of("turning", "key"));
    tls_server_refresh(server);
    CHECK(link(path_of("good", "key"), path_of("turning", "key")) == 0);
    tls_server_refresh(server);
    meet(server, client, &target, &m);
    CHECK_STR(slice_str(m.client.subject), "CN=*.example.test");
    tls_server_free(server);
    tls_client_free(client);
    unlink(path_of("turning", "pem"));
    unlink(path_of("turning", "key"));
}

/* C8: of a hundred sessions in a row each edition gets its share to the point. */
TEST(editions_share_the_sessions)
{
    struct tls_client *client = tls_client_new();
    struct tls_target target = target_for(mx_name, 1);
    struct tls_server *server = serve_one("good");
    struct tls_certificate good, wild;
    const struct tls_certificate *orders[2] = { &wild, &good };
    struct tls_edition editions[2] = { { .certificates = &orders[0], .certificates_len = 1, .until = 30 },
                                       { .certificates = &orders[1], .certificates_len = 1, .until = 100 } };
    struct arena arena = { 0 };
    int new_ones = 0, changes = 0;
    bool was_new = false;

    CHECK(tls_certificate_load(path_of("good", "pem"), path_of("good", "key"), &arena, &good, NULL) == OK);
    CHECK(tls_certificate_load(path_of("wild", "pem"), path_of("wild", "key"), &arena, &wild, NULL) == OK);
    CHECK(tls_server_use(server, editions, 2, NULL) == OK);
    tls_certificate_release(&good);
    tls_certificate_release(&wild);
    arena_release(&arena);
    for (int i = 0; i < 100; i++) {
        struct meeting m;
        bool is_new;

        meet(server, client, &target, &m);
        is_new = strcmp(m.client.subject, "CN=*.example.test") == 0;
        CHECK(m.met);
        new_ones += is_new;
        changes += is_new != was_new;
        was_new = is_new;
    }
    CHECK_INT(new_ones, 30);
    CHECK(changes > 20); /* mixed, not one after the other */
    tls_server_free(server);
    tls_client_free(client);
}

enum { MEETINGS = 60 };

struct visitor {
    struct tls_server *server;
    struct tls_target  target;
    int                met;
};

static void *visit(void *arg)
{
    struct visitor *v = arg;
    struct tls_client *client = tls_client_new();

    for (int i = 0; i < MEETINGS; i++) {
        struct meeting m;

        meet(v->server, client, &v->target, &m);
        v->met += m.met && m.client.verdict == CERT_TRUSTED && m.client.name_matches;
    }
    tls_client_free(client);
    return NULL;
}

/* Workers shake hands while the thread that looks after certificates puts new ones in; for the thread sanitizer. */
TEST(new_certificates_from_another_thread)
{
    struct visitor visitors[2] = { { 0 }, { 0 } };
    struct tls_server *server;
    pthread_t threads[2];

    server = serve_one("good");
    for (size_t i = 0; i < COUNT_OF(visitors); i++) {
        visitors[i] = (struct visitor){ .server = server, .target = target_for(mx_name, 1) };
        visitors[i].target.ca_file = folder_file(&folder, "root.pem");
        CHECK(pthread_create(&threads[i], NULL, visit, &visitors[i]) == 0);
    }
    for (int i = 0; i < 20; i++)
        CHECK(renew(server, i % 2 == 0 ? "wild" : "good") == OK);
    for (size_t i = 0; i < COUNT_OF(visitors); i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK_INT(visitors[i].met, MEETINGS);
    }
    tls_server_free(server);
}

static const struct { const char *name, *chain, *key, *part_of_why; enum status st; } bad_sets[] = {
    { "no chain", "missing.pem", "good.key", "cannot read the certificate", ERR_NOT_FOUND },
    { "no key", "good.pem", "missing.key", "cannot read the private key", ERR_NOT_FOUND },
    { "key of another", "good.pem", "rsa.key", "does not belong", ERR_CONFLICT },
    { "swapped", "good.key", "good.pem", "holds no certificate", ERR_SYNTAX },
    { "chain as key", "good.pem", "good.pem", "holds no private key", ERR_SYNTAX },
    { "too weak", "weak.pem", "weak.key", "too small", ERR_PERMANENT },
};

TEST(refuses_bad_sets)
{
    for (size_t i = 0; i < COUNT_OF(bad_sets); i++) {
        char chain[160], key[160];
        struct tls_server_certificate files = { chain, key };
        struct tls_server_config config = { .profile = TLS_PROFILE_MODERN, .certificates = &files,
                                            .certificates_len = 1 };
        struct tls_server *server;
        struct fault why = { "" };

        (void)snprintf(chain, sizeof chain, "%s/%s", folder.path, bad_sets[i].chain);
        (void)snprintf(key, sizeof key, "%s/%s", folder.path, bad_sets[i].key);
        CHECK_CASE(bad_sets[i].name, tls_server_new(&config, &server, &why) == bad_sets[i].st);
        CHECK_CASE(bad_sets[i].name, strstr(why.text, bad_sets[i].part_of_why) != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(verdicts),
        T(facts_of_the_certificate),
        T(bundles),
        T(a_changed_bundle_counts),
        T(certificate_by_server_name),
        T(rsa_and_ecdsa_side_by_side),
        T(versions_by_profile),
        T(a_demanding_client),
        T(alpn),
        T(client_certificates_are_recorded),
        T(new_certificates_while_sessions_run),
        T(changed_files_count),
        T(editions_share_the_sessions),
        T(new_certificates_from_another_thread),
        T(refuses_bad_sets),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
