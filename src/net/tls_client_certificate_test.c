#include "net/tls_fixture.h"

static struct tls_server *asking_server(void)
{
    struct tls_server_certificate files = { path_of("good", "pem"), path_of("good", "key") };
    struct tls_server_config config = { .profile = TLS_PROFILE_INTERMEDIATE,
                                        .certificates = &files,
                                        .certificates_len = 1,
                                        .asks_client_certificate = true };
    struct tls_server *server;

    CHECK(tls_server_new(&config, &server, NULL) == OK);
    return server;
}

static SSL_CTX *client_with(const char *file)
{
    SSL_CTX *ctx = raw_client();

    CHECK(SSL_CTX_use_certificate_chain_file(ctx, path_of(file, "pem")) == 1);
    CHECK(SSL_CTX_use_PrivateKey_file(ctx, path_of(file, "key"), SSL_FILETYPE_PEM) == 1);
    return ctx;
}

static const struct slice judged_names[] = { { "else.example.test", 17 }, { "MX.example.test.", 16 } };

static const struct {
    const char *name, *client, *bundle;
    size_t names_len;
    enum cert_verdict verdict;
    bool matches;
} judge_cases[] = {
    { "no certificate", NULL, "root", 2, CERT_ABSENT, false },
    { "trusted, second name", "client", "root", 2, CERT_TRUSTED, true },
    { "trusted, other name", "client", "root", 1, CERT_TRUSTED, false },
    { "no names", "client", "root", 0, CERT_TRUSTED, false },
    { "the system's roots", "client", NULL, 2, CERT_UNTRUSTED, true },
    { "itself as the bundle", "client", "client", 2, CERT_TRUSTED, true },
    { "another issuer", "strange", "root", 2, CERT_UNTRUSTED, true },
    { "for servers alone", "good", "root", 2, CERT_UNTRUSTED, true },
    { "self-signed", "self", "root", 2, CERT_SELF_SIGNED, true },
    { "no such bundle", "client", "missing", 2, CERT_UNTRUSTED, true },
};

TEST(judged_by_a_rule)
{
    struct tls_server *server = asking_server();

    for (size_t i = 0; i < COUNT_OF(judge_cases); i++) {
        SSL_CTX *ctx = judge_cases[i].client == NULL ? raw_client() : client_with(judge_cases[i].client);
        const char *bundle = judge_cases[i].bundle == NULL ? NULL : path_of(judge_cases[i].bundle, "pem");
        struct tls_facts facts;
        SSL *ssl = SSL_new(ctx);
        struct pair p;

        CHECK(shake_raw(server, ssl, "mx.example.test", &p));
        stream_tls_judge(&p.server, bundle, judged_names, judge_cases[i].names_len, &facts);
        CHECK_CASE(judge_cases[i].name, facts.is_tls && facts.version == TLS_VERSION_1_3);
        CHECK_CASE(judge_cases[i].name, facts.verdict == judge_cases[i].verdict);
        CHECK_CASE(judge_cases[i].name, facts.name_matches == judge_cases[i].matches);
        CHECK_CASE(judge_cases[i].name,
                   (facts.verdict_text[0] == '\0') == (facts.verdict == CERT_TRUSTED || facts.verdict == CERT_ABSENT));
        SSL_free(ssl);
        pair_close(&p);
        SSL_CTX_free(ctx);
    }
    tls_server_free(server);
}

static SSL_SESSION *kept;

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(kept);
    kept = session;
    return 1;
}

/* Whether the second of two meetings resumes the first. */
static bool comes_back(struct tls_server *server, SSL_CTX *ctx)
{
    bool is_resumed = false;

    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, keep_session);
    for (int i = 0; i < 2; i++) {
        SSL *ssl = SSL_new(ctx);
        struct tls_facts facts;
        struct pair p;
        size_t put;
        char word;

        if (i == 1)
            CHECK(kept != NULL && SSL_set_session(ssl, kept) == 1);
        CHECK(shake_raw(server, ssl, "mx.example.test", &p));
        CHECK(stream_write(&p.server, SLICE_LIT("2"), &put) == STREAM_OK);
        while (SSL_read(ssl, &word, 1) != 1) /* a ticket of TLS 1.3 comes with it */
            (void)poll(&(struct pollfd){ .fd = p.client.fd, .events = POLLIN }, 1, PAIR_WAIT_MS);
        stream_tls_facts(&p.server, &facts);
        is_resumed = facts.is_resumed;
        SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* else the session counts as spoilt */
        SSL_free(ssl);
        pair_close(&p);
    }
    SSL_SESSION_free(kept);
    kept = NULL;
    return is_resumed;
}

/* A ticket does not hold the chain that a rule's bundle is held against. */
TEST(who_showed_one_shakes_hands_in_full)
{
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };
    struct tls_server *server = asking_server();

    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        SSL_CTX *with = client_with("client"), *without = raw_client();

        CHECK(SSL_CTX_set_max_proto_version(with, versions[i]) == 1);
        CHECK(SSL_CTX_set_max_proto_version(without, versions[i]) == 1);
        CHECK(!comes_back(server, with));
        CHECK(comes_back(server, without));
        SSL_CTX_free(with);
        SSL_CTX_free(without);
    }
    tls_server_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(judged_by_a_rule),
        T(who_showed_one_shakes_hands_in_full),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
