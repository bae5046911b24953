#include "net/tls_fixture.h"
#include "net/tls_sessions.h"
#include "net/tls_ticket.h"

static void resumes(const char *name, struct tls_server *server, struct tls_server *other, enum tls_profile profile)
{
    struct tls_client *client = tls_client_new();
    struct tls_target target = target_for(mx_name, 1);
    struct meeting m;

    target.profile = profile;
    target.session_key = SLICE_LIT("192.0.2.1:25/may");
    meet(server, client, &target, &m);
    CHECK_CASE(name, m.met && !m.client.is_resumed && !m.server.is_resumed);
    for (int i = 0; i < 3; i++) {
        meet(server, client, &target, &m);
        CHECK_CASE(name, m.met && m.client.is_resumed && m.server.is_resumed);
        CHECK_CASE(name, m.client.verdict == CERT_TRUSTED && m.client.name_matches);
        CHECK_CASE(name, m.client.subject[0] != '\0' && strcmp(m.server.sni, "mx.example.test") == 0);
    }
    target.session_key = SLICE_LIT("192.0.2.2:25/may");
    meet(server, client, &target, &m);
    CHECK_CASE(name, m.met && !m.client.is_resumed);
    target.session_key = SLICE_LIT("");
    meet(server, client, &target, &m);
    CHECK_CASE(name, m.met && !m.client.is_resumed);
    /* TLS-19: a ticket of one listener is nothing to another. */
    target.session_key = SLICE_LIT("192.0.2.1:25/may");
    meet(other, client, &target, &m);
    CHECK_CASE(name, m.met && !m.client.is_resumed);
    tls_client_free(client);
}

TEST(resumption)
{
    struct tls_server *server = serve_one("good"), *other = serve_one("good");
    struct tls_client *client = tls_client_new();
    struct tls_target target = target_for(mx_name, 1);
    struct meeting m;

    resumes("TLS 1.3", server, other, TLS_PROFILE_INTERMEDIATE);
    resumes("TLS 1.3 only", server, other, TLS_PROFILE_MODERN);
    /* A verdict that was not good is not better for being resumed; tickets survive new certificates. */
    target.ca_file = path_of("self", "pem");
    target.session_key = SLICE_LIT("mx");
    meet(server, client, &target, &m);
    CHECK(m.client.verdict == CERT_UNTRUSTED);
    write_set(index_of("good"), "good");
    CHECK(renew(server, "good") == OK);
    meet(server, client, &target, &m);
    CHECK(m.met && m.client.is_resumed && m.client.verdict == CERT_UNTRUSTED && m.client.verdict_text[0] != '\0');
    /* Another demand is another session. */
    target.is_demanding = true;
    meet(server, client, &target, &m);
    CHECK(m.met && !m.client.is_resumed);
    tls_client_free(client);
    tls_server_free(server);
    tls_server_free(other);
}

/* A server of OpenSSL's own that has nothing above TLS 1.2, for a client of ours. */
static SSL_CTX *old_server(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    CHECK(SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION) == 1);
    CHECK(SSL_CTX_use_certificate_chain_file(ctx, path_of("good", "pem")) == 1);
    CHECK(SSL_CTX_use_PrivateKey_file(ctx, path_of("good", "key"), SSL_FILETYPE_PEM) == 1);
    CHECK(SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"old", 3) == 1);
    return ctx;
}

static void meet_old(SSL_CTX *ctx, struct tls_client *client, const struct tls_target *target,
                     struct tls_facts *facts)
{
    enum stream_result c = STREAM_AGAIN;
    SSL *ssl = SSL_new(ctx);
    struct pair p;
    int rc = 0;

    pair_open(&p);
    stream_start_client(&p.client, client, target);
    CHECK(SSL_set_fd(ssl, p.server.fd) == 1);
    SSL_set_accept_state(ssl);
    for (int i = 0; i < 2000 && (c == STREAM_AGAIN || rc != 1); i++) {
        struct pollfd both[2] = { { .fd = p.client.fd, .events = POLLIN }, { .fd = p.server.fd, .events = POLLIN } };

        if (rc != 1)
            rc = SSL_do_handshake(ssl);
        if (c == STREAM_AGAIN)
            c = stream_handshake(&p.client);
        (void)poll(both, 2, 5);
    }
    CHECK(c == STREAM_OK && rc == 1);
    stream_tls_facts(&p.client, facts);
    SSL_free(ssl);
    pair_close(&p);
}

TEST(resumption_with_an_old_server)
{
    SSL_CTX *ctx = old_server();
    struct tls_client *client = tls_client_new();
    struct tls_target target = target_for(mx_name, 1);
    struct tls_facts facts;

    target.session_key = SLICE_LIT("mx");
    meet_old(ctx, client, &target, &facts);
    CHECK(facts.version == TLS_VERSION_1_2 && !facts.is_resumed && facts.group[0] != '\0');
    for (int i = 0; i < 2; i++) {
        meet_old(ctx, client, &target, &facts);
        CHECK(facts.is_resumed && facts.verdict == CERT_TRUSTED && facts.name_matches);
    }
    target.session_key = SLICE_LIT("mx without extended master secret");
    SSL_CTX_set_options(ctx, SSL_OP_NO_EXTENDED_MASTER_SECRET);
    for (int i = 0; i < 2; i++) {
        meet_old(ctx, client, &target, &facts);
        CHECK(!facts.is_resumed);
    }
    tls_client_free(client);
    SSL_CTX_free(ctx);
}

static SSL_SESSION *kept;

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(kept);
    kept = session;
    return 1;
}

TEST(resumption_of_an_old_client)
{
    struct tls_server *server = serve_one("good");
    SSL_CTX *ctx = raw_client();
    struct tls_facts facts;

    CHECK(SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION) == 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, keep_session);
    CHECK(meet_raw(server, ctx, "mx.example.test", &facts) && facts.version == TLS_VERSION_1_2);
    CHECK(kept != NULL && SSL_SESSION_has_ticket(kept) == 1);
    SSL_SESSION_free(kept);
    kept = NULL;
    /* RFC 7627 section 5.3: without the extended master secret there is no ticket. */
    SSL_CTX_set_options(ctx, SSL_OP_NO_EXTENDED_MASTER_SECRET);
    CHECK(meet_raw(server, ctx, "mx.example.test", &facts));
    CHECK(kept == NULL || SSL_SESSION_has_ticket(kept) == 0);
    SSL_SESSION_free(kept);
    kept = NULL;
    SSL_CTX_free(ctx);
    tls_server_free(server);
}

TEST(ticket_keys_turn)
{
    enum { HALF_MS = TLS_TICKET_KEY_S * 500 };
    struct tls_tickets *t = tls_tickets_new();
    struct tls_ticket_key first, second, found;
    bool is_current;

    tls_tickets_current(t, 1000, &first);
    tls_tickets_current(t, 1000 + HALF_MS, &second);
    CHECK(memcmp(first.name, second.name, TLS_TICKET_NAME) == 0);
    CHECK(tls_tickets_find(t, first.name, 1000 + HALF_MS, &found, &is_current) && is_current);
    tls_tickets_current(t, 1000 + 2 * HALF_MS, &second);
    CHECK(memcmp(first.name, second.name, TLS_TICKET_NAME) != 0);
    CHECK(memcmp(first.cipher, second.cipher, sizeof first.cipher) != 0);
    CHECK(tls_tickets_find(t, first.name, 1000 + 3LL * HALF_MS, &found, &is_current) && !is_current);
    CHECK(memcmp(found.mac, first.mac, sizeof first.mac) == 0);
    CHECK(!tls_tickets_find(t, first.name, 1000 + 4LL * HALF_MS, &found, &is_current));
    tls_tickets_free(t);
    t = tls_tickets_new();
    CHECK(!tls_tickets_find(t, second.name, 1000, &found, &is_current));
    tls_tickets_free(t);
}

TEST(sessions_are_bounded)
{
    enum { KEYS = 3 };
    struct tls_sessions *s = tls_sessions_new(KEYS);
    SSL_SESSION *session;
    char key[8];

    for (int i = 0; i < 5; i++) {
        (void)snprintf(key, sizeof key, "k%d", i);
        for (int j = 0; j < 6; j++) {
            session = SSL_SESSION_new();
            SSL_SESSION_set1_id(session, (const unsigned char *)"id", 2);
            CHECK(SSL_SESSION_set_protocol_version(session, TLS1_3_VERSION) == 1);
            SSL_SESSION_set_time(session, 1000 + j);
            tls_sessions_put(s, slice_str(key), session);
        }
    }
    CHECK(tls_sessions_get(s, SLICE_LIT("k0"), 1010) == NULL);
    CHECK(tls_sessions_get(s, SLICE_LIT("k1"), 1010) == NULL);
    for (int j = 0; j < TLS_SESSIONS_OF_A_KEY; j++) { /* the newest first, each once */
        session = tls_sessions_get(s, SLICE_LIT("k4"), 1010);
        CHECK(session != NULL && SSL_SESSION_get_time(session) == 1005 - j);
        SSL_SESSION_free(session);
    }
    CHECK(tls_sessions_get(s, SLICE_LIT("k4"), 1010) == NULL);
    CHECK(tls_sessions_get(s, SLICE_LIT("k3"), 1010 + TLS_SESSION_MAX_AGE_S) == NULL);
    tls_sessions_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(resumption),
        T(resumption_with_an_old_server),
        T(resumption_of_an_old_client),
        T(ticket_keys_turn),
        T(sessions_are_bounded),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
