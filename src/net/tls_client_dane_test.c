#include "net/tls_fixture.h"

#include <openssl/pem.h>
#include <openssl/sha.h>

/* The last certificate of NAME.pem: the root where an authority issued it. */
static X509 *read_certificate(const char *name, bool last)
{
    BIO *in = BIO_new_file(path_of(name, "pem"), "r");
    X509 *cert = PEM_read_bio_X509(in, NULL, NULL, NULL), *next;

    CHECK(cert != NULL);
    while (last && (next = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
        X509_free(cert);
        cert = next;
    }
    BIO_free(in);
    return cert;
}

/* Records "3 1 1" of a set's leaf, or "2 0 1" of its root. */
struct records {
    struct tlsa_record record;
    struct tlsa_set    set;
    unsigned char      digest[SHA256_DIGEST_LENGTH];
};

static void leaf_of(const char *file, struct records *r)
{
    X509 *cert = read_certificate(file, false);
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);

    SHA256(der, (size_t)len, r->digest);
    r->record = (struct tlsa_record){ 3, 1, 1, { (const char *)r->digest, sizeof r->digest } };
    r->set = (struct tlsa_set){ .records = &r->record, .records_len = 1, .base_domain = mx_name[0] };
    OPENSSL_free(der);
    X509_free(cert);
}

static void root_of(const char *file, struct records *r)
{
    X509 *cert = read_certificate(file, true);
    unsigned len = sizeof r->digest;

    CHECK(X509_digest(cert, EVP_sha256(), r->digest, &len) == 1);
    r->record = (struct tlsa_record){ 2, 0, 1, { (const char *)r->digest, sizeof r->digest } };
    r->set = (struct tlsa_set){ .records = &r->record, .records_len = 1, .base_domain = mx_name[0] };
    X509_free(cert);
}

/* DANE-01, DANE-02, DANE-10: the verdict of the trust store and that of DANE, side by side. */
static const struct {
    const char *name, *file, *records_of;
    bool by_root;
    enum cert_verdict verdict;
    bool name_matches;
    enum dane_verdict dane;
} both_cases[] = {
    { "good by both", "good", "good", false, CERT_TRUSTED, true, DANE_MATCHED },
    { "good by both, anchor", "good", "good", true, CERT_TRUSTED, true, DANE_MATCHED },
    { "trusted, the record of another", "good", "wild", false, CERT_TRUSTED, true, DANE_MISMATCH },
    { "trusted, the root of another", "good", "strange", true, CERT_TRUSTED, true, DANE_MISMATCH },
    { "self-signed", "self", "self", false, CERT_SELF_SIGNED, true, DANE_MATCHED },
    { "of a stranger", "strange", "strange", true, CERT_UNTRUSTED, true, DANE_MATCHED },
    { "expired, its key", "expired", "expired", false, CERT_EXPIRED, true, DANE_MATCHED },
    { "expired, its root", "expired", "expired", true, CERT_EXPIRED, true, DANE_EXPIRED },
    { "of another name, its key", "partial", "partial", false, CERT_TRUSTED, false, DANE_MATCHED },
    { "of another name, its root", "partial", "partial", true, CERT_TRUSTED, false, DANE_HOST_MISMATCH },
    { "neither", "self", "good", false, CERT_SELF_SIGNED, true, DANE_MISMATCH },
};

TEST(both_verdicts)
{
    struct tls_client *client = tls_client_new();

    for (size_t i = 0; i < COUNT_OF(both_cases); i++) {
        struct tls_server *server = serve_one(both_cases[i].file);
        struct tls_target target = target_for(mx_name, 1);
        struct records r;
        struct meeting m;

        if (both_cases[i].by_root)
            root_of(both_cases[i].records_of, &r);
        else
            leaf_of(both_cases[i].records_of, &r);
        target.tlsa = &r.set;
        meet(server, client, &target, &m);
        CHECK_CASE(both_cases[i].name, m.met);
        CHECK_CASE(both_cases[i].name, m.client.verdict == both_cases[i].verdict);
        CHECK_CASE(both_cases[i].name, m.client.name_matches == both_cases[i].name_matches);
        CHECK_CASE(both_cases[i].name, m.client.dane == both_cases[i].dane && m.client.dane_text[0] != '\0');
        /* The same without DANE: the verdict of the trust store is what it was. */
        target.tlsa = NULL;
        meet(server, client, &target, &m);
        CHECK_CASE(both_cases[i].name, m.client.verdict == both_cases[i].verdict);
        CHECK_CASE(both_cases[i].name, m.client.dane == DANE_NOT_CHECKED && m.client.dane_text[0] == '\0');
        tls_server_free(server);
    }
    tls_client_free(client);
}

/* RFC 7672 section 3.2.2: the domain itself is a name for usage 2. */
TEST(further_names)
{
    static const struct slice domain[] = { { "x.example.test", 14 }, { "mx.example.test", 15 } };
    struct tls_client *client = tls_client_new();
    struct tls_server *server = serve_one("good");
    struct tls_target target = target_for(mx_name, 1);
    struct records r;
    struct meeting m;

    root_of("good", &r);
    r.set.base_domain = SLICE_LIT("other.example.test");
    target.tlsa = &r.set;
    meet(server, client, &target, &m);
    CHECK_INT(m.client.dane, DANE_HOST_MISMATCH);
    CHECK(m.client.name_matches); /* the names of DANE and those of the decision are two matters */
    target.dane_names = domain;
    target.dane_names_len = COUNT_OF(domain);
    meet(server, client, &target, &m);
    CHECK_INT(m.client.dane, DANE_MATCHED);
    tls_server_free(server);
    tls_client_free(client);
}

/* DANE-11 */
TEST(the_base_domain_is_sent)
{
    static const char *const files[] = { "good", "wild" };
    struct tls_server *server = serve(TLS_PROFILE_INTERMEDIATE, files, COUNT_OF(files));
    struct tls_client *client = tls_client_new();
    struct tls_target target = target_for(mx_name, 1);
    struct records r;
    struct meeting m;

    leaf_of("wild", &r);
    r.set.base_domain = SLICE_LIT("expanded.example.test");
    target.tlsa = &r.set;
    meet(server, client, &target, &m);
    CHECK_STR(slice_str(m.server.sni), "expanded.example.test");
    CHECK_INT(m.client.dane, DANE_MATCHED);
    target.sni = SLICE_LIT("");
    meet(server, client, &target, &m);
    CHECK_STR(slice_str(m.server.sni), "expanded.example.test");
    tls_server_free(server);
    tls_client_free(client);
}

/* DANE-12: a short key is good enough where its record says so, whatever else is demanded. */
TEST(a_short_key)
{
    static const char *const weak[] = { "weak" };
    static const enum tls_profile profiles[] = { TLS_PROFILE_MODERN, TLS_PROFILE_INTERMEDIATE, TLS_PROFILE_LEGACY };
    struct tls_client *client = tls_client_new();
    struct tls_server *server = serve(TLS_PROFILE_LEGACY, weak, 1);
    struct tls_target target = target_for(mx_name, 1);
    struct records r;
    struct meeting m;

    leaf_of("weak", &r);
    for (size_t i = 0; i < COUNT_OF(profiles); i++) {
        target.profile = profiles[i];
        target.is_demanding = true;
        target.tlsa = &r.set;
        meet(server, client, &target, &m);
        CHECK_CASE(tls_profile_name(profiles[i]), m.met && m.client.dane == DANE_MATCHED);
        target.tlsa = NULL;
        meet(server, client, &target, &m);
        CHECK_CASE(tls_profile_name(profiles[i]), !m.met || m.client.verdict == CERT_UNTRUSTED);
    }
    tls_server_free(server);
    tls_client_free(client);
}

/* A server of OpenSSL's own that speaks one version alone. */
static void meet_version(int version, struct tls_client *client, const struct tls_target *target,
                         struct tls_facts *facts, SSL_CTX **kept)
{
    enum stream_result c = STREAM_AGAIN;
    struct pair p;
    SSL *ssl;
    int rc = 0;

    if (*kept == NULL) {
        *kept = SSL_CTX_new(TLS_server_method());
        SSL_CTX_set_security_level(*kept, 0);
        CHECK(SSL_CTX_set_min_proto_version(*kept, version) == 1);
        CHECK(SSL_CTX_set_max_proto_version(*kept, version) == 1);
        CHECK(SSL_CTX_use_certificate_chain_file(*kept, path_of("good", "pem")) == 1);
        CHECK(SSL_CTX_use_PrivateKey_file(*kept, path_of("good", "key"), SSL_FILETYPE_PEM) == 1);
        CHECK(SSL_CTX_set_session_id_context(*kept, (const unsigned char *)"dane", 4) == 1);
    }
    ssl = SSL_new(*kept);
    pair_open(&p);
    stream_start_client(&p.client, client, target);
    CHECK(SSL_set_fd(ssl, p.server.fd) == 1);
    SSL_set_accept_state(ssl);
    for (int i = 0; i < 2000 && (c == STREAM_AGAIN || rc != 1) && c != STREAM_BROKEN; i++) {
        struct pollfd both[2] = { { .fd = p.client.fd, .events = POLLIN }, { .fd = p.server.fd, .events = POLLIN } };

        if (rc != 1)
            rc = SSL_do_handshake(ssl);
        if (c == STREAM_AGAIN)
            c = stream_handshake(&p.client);
        (void)poll(both, 2, 5);
    }
    if (c == STREAM_OK && rc == 1) {
        char word[8];
        size_t got;

        CHECK(SSL_write(ssl, "250", 3) == 3); /* the tickets of TLS 1.3 travel with it */
        CHECK(read_some(&p.client, word, sizeof word, &got) == STREAM_OK);
    }
    stream_tls_facts(&p.client, facts);
    SSL_free(ssl);
    pair_close(&p);
}

/* A resumed session is judged by the records of now: those of its first handshake are forgotten with it. */
TEST(resumption_is_judged_anew)
{
    static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

    for (size_t i = 0; i < COUNT_OF(versions); i++) {
        const char *name = versions[i] == TLS1_2_VERSION ? "TLS 1.2" : "TLS 1.3";
        struct tls_client *client = tls_client_new();
        struct tls_target target = target_for(mx_name, 1);
        struct records good, other, root;
        struct tls_facts facts;
        SSL_CTX *server = NULL;

        leaf_of("good", &good);
        leaf_of("self", &other);
        root_of("good", &root);
        target.session_key = SLICE_LIT("mx");
        target.tlsa = &good.set;
        meet_version(versions[i], client, &target, &facts, &server);
        CHECK_CASE(name, facts.is_tls && !facts.is_resumed && facts.dane == DANE_MATCHED);
        meet_version(versions[i], client, &target, &facts, &server);
        CHECK_CASE(name, facts.is_resumed && facts.dane == DANE_MATCHED && facts.verdict == CERT_TRUSTED);
        target.tlsa = &other.set; /* the key was withdrawn */
        meet_version(versions[i], client, &target, &facts, &server);
        CHECK_CASE(name, facts.is_resumed && facts.dane == DANE_MISMATCH && facts.verdict == CERT_TRUSTED);
        target.tlsa = &root.set;
        meet_version(versions[i], client, &target, &facts, &server);
        CHECK_CASE(name, facts.is_resumed && facts.dane == DANE_MATCHED && facts.verdict == CERT_TRUSTED);
        CHECK_CASE(name, slice_starts(slice_str(facts.dane_text), SLICE_LIT("2 0 1 ")));
        target.tlsa = NULL;
        meet_version(versions[i], client, &target, &facts, &server);
        CHECK_CASE(name, !facts.is_resumed && facts.dane == DANE_NOT_CHECKED);
        SSL_CTX_free(server);
        tls_client_free(client);
    }
}

/* RFC 8996, and threats of downgrade: with DANE there is nothing below TLS 1.2, even where the profile is legacy. */
TEST(no_old_version)
{
    struct tls_client *client = tls_client_new();
    struct tls_target target = target_for(mx_name, 1);
    struct records r;
    struct tls_facts facts;
    SSL_CTX *server = NULL;

    leaf_of("good", &r);
    target.profile = TLS_PROFILE_LEGACY;
    meet_version(TLS1_1_VERSION, client, &target, &facts, &server);
    CHECK(facts.is_tls && facts.version == TLS_VERSION_1_1);
    target.tlsa = &r.set;
    meet_version(TLS1_1_VERSION, client, &target, &facts, &server);
    CHECK(!facts.is_tls && facts.handshake_error[0] != '\0' && facts.dane == DANE_NOT_CHECKED);
    SSL_CTX_free(server);
    tls_client_free(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(both_verdicts),
        T(further_names),
        T(the_base_domain_is_sent),
        T(a_short_key),
        T(resumption_is_judged_anew),
        T(no_old_version),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
