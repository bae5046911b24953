#include "base/clock.h"
#include "base/log.h"
#include "net/stream_pair.h"
#include "net/tls_sessions.h"
#include "net/tls_ticket.h"

#include <openssl/ssl.h>
#include <sys/stat.h>

enum { DAY_S = 86400 };

static struct minica *ca, *stranger;
static struct folder folder;

/* Each is issued once, as NAME.pem and NAME.key. */
static const struct {
    const char *file;
    const char *names[3];
    size_t names_len;
    enum minica_key key;
    int64_t from_s, for_s;
    enum { BY_CA, BY_STRANGER, BY_ITSELF } by;
    bool for_clients;
} issued[] = {
    { "good", { "mx.example.test" }, 1, MINICA_P256, -DAY_S, 30 * DAY_S, BY_CA, false },
    { "rsa", { "mx.example.test" }, 1, MINICA_RSA_2048, -DAY_S, 30 * DAY_S, BY_CA, false },
    { "expired", { "mx.example.test" }, 1, MINICA_P256, -9 * DAY_S, 8 * DAY_S, BY_CA, false },
    { "early", { "mx.example.test" }, 1, MINICA_P256, DAY_S, DAY_S, BY_CA, false },
    { "self", { "mx.example.test" }, 1, MINICA_P256, -DAY_S, 30 * DAY_S, BY_ITSELF, false },
    { "strange", { "mx.example.test" }, 1, MINICA_P256, -DAY_S, 30 * DAY_S, BY_STRANGER, false },
    { "client", { "mx.example.test" }, 1, MINICA_P256, -DAY_S, 30 * DAY_S, BY_CA, true },
    { "wild", { "*.example.test", "example.test" }, 2, MINICA_P256, -DAY_S, 30 * DAY_S, BY_CA, false },
    { "partial", { "m*.example.test", "*" }, 2, MINICA_P256, -DAY_S, 30 * DAY_S, BY_CA, false },
    { "nameless", { NULL }, 0, MINICA_P256, -DAY_S, 30 * DAY_S, BY_CA, false },
    { "weak", { "mx.example.test" }, 1, MINICA_RSA_1024, -DAY_S, 30 * DAY_S, BY_CA, false },
};

static const char *path_of(const char *name, const char *end)
{
    static char out[4][160];
    static unsigned next;
    char *at = out[next++ % 4];

    (void)snprintf(at, sizeof out[0], "%s/%s.%s", folder.path, name, end);
    return at;
}

static void write_set(size_t i, const char *as)
{
    const struct minica_leaf leaf = {
        .names = issued[i].names,
        .names_len = issued[i].names_len,
        .key = issued[i].key,
        .valid_from_s = issued[i].from_s,
        .valid_for_s = issued[i].for_s,
        .for_clients = issued[i].for_clients,
    };
    const struct minica *by = issued[i].by == BY_CA ? ca : issued[i].by == BY_STRANGER ? stranger : NULL;
    struct fault why = { "" };

    if (minica_issue(by, &leaf, path_of(as, "pem"), path_of(as, "key"), &why) != OK)
        fail_msg("%s", why.text);
}

static void no_log(struct slice line)
{
    (void)line;
}

static int set_up(void **unused)
{
    struct fault why = { "" };

    (void)unused;
    log_capture(no_log);
    folder_make(&folder);
    ca = minica_new("Test Root");
    stranger = minica_new("Stranger\r\nInjected: Root");
    for (size_t i = 0; i < COUNT_OF(issued); i++)
        write_set(i, issued[i].file);
    return minica_write_root(ca, path_of("root", "pem"), &why) == OK ? 0 : -1;
}

static int tear_down(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(issued); i++) {
        unlink(path_of(issued[i].file, "pem"));
        unlink(path_of(issued[i].file, "key"));
    }
    unlink(path_of("root", "pem"));
    minica_free(ca);
    minica_free(stranger);
    return rmdir(folder.path);
}

static struct tls_server *serve(enum tls_profile profile, const char *const *files, size_t files_len)
{
    struct tls_server_certificate certificates[8];
    struct tls_server_config config = {
        .profile = profile, .certificates = certificates, .certificates_len = files_len,
    };
    struct tls_server *t;
    struct fault why = { "" };

    for (size_t i = 0; i < files_len; i++)
        certificates[i] = (struct tls_server_certificate){ path_of(files[i], "pem"), path_of(files[i], "key") };
    for (size_t i = 0; i < files_len; i++) /* path_of() has four buffers */
        certificates[i] = (struct tls_server_certificate){ strdup(certificates[i].chain_file),
                                                           strdup(certificates[i].key_file) };
    if (tls_server_new(&config, &t, &why) != OK)
        fail_msg("%s", why.text);
    for (size_t i = 0; i < files_len; i++) {
        free((char *)(uintptr_t)certificates[i].chain_file);
        free((char *)(uintptr_t)certificates[i].key_file);
    }
    return t;
}

static struct tls_server *serve_one(const char *file)
{
    return serve(TLS_PROFILE_INTERMEDIATE, &file, 1);
}

/* Connects, says a word each way (tickets of TLS 1.3 travel with it), leaves the facts of both ends. */
struct meeting {
    struct tls_facts client, server;
    bool             met;
};

static void meet(struct tls_server *server, struct tls_client *client, const struct tls_target *target,
                 struct meeting *out)
{
    enum stream_result c, s;
    struct pair p;

    pair_open(&p);
    stream_start_server(&p.server, server);
    stream_start_client(&p.client, client, target);
    pair_shake(&p, &c, &s);
    out->met = c == STREAM_OK && s == STREAM_OK;
    if (out->met) {
        say(&p.client, &p.server, "EHLO");
        say(&p.server, &p.client, "250");
    }
    stream_tls_facts(&p.client, &out->client);
    stream_tls_facts(&p.server, &out->server);
    pair_close(&p);
}

/* A name that a context of OpenSSL's own, with whatever it is told, asks a server of ours for. */
static bool meet_raw(struct tls_server *server, SSL_CTX *ctx, const char *sni, struct tls_facts *facts)
{
    enum stream_result s = STREAM_AGAIN;
    struct pair p;
    SSL *ssl = SSL_new(ctx);
    int rc = 0;

    pair_open(&p);
    stream_start_server(&p.server, server);
    CHECK(SSL_set_fd(ssl, p.client.fd) == 1);
    if (sni != NULL)
        CHECK(SSL_set_tlsext_host_name(ssl, sni) == 1);
    SSL_set_connect_state(ssl);
    for (int i = 0; i < 2000 && (s == STREAM_AGAIN || rc != 1); i++) {
        struct pollfd both[2] = { { .fd = p.client.fd, .events = POLLIN }, { .fd = p.server.fd, .events = POLLIN } };

        if (rc != 1)
            rc = SSL_do_handshake(ssl);
        if (s == STREAM_AGAIN)
            s = stream_handshake(&p.server);
        if (s == STREAM_BROKEN)
            break;
        (void)poll(both, 2, 5);
    }
    stream_tls_facts(&p.server, facts);
    SSL_free(ssl);
    pair_close(&p);
    return s == STREAM_OK && rc == 1;
}

static const struct slice mx_name[] = { { "mx.example.test", 15 } };

static struct tls_target target_for(const struct slice *names, size_t names_len)
{
    return (struct tls_target){
        .sni = names_len > 0 ? names[0] : slice_of("", 0),
        .names = names,
        .names_len = names_len,
        .ca_file = path_of("root", "pem"),
        .profile = TLS_PROFILE_INTERMEDIATE,
    };
}

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

static char seen_subject[256];

static int see_subject(X509_STORE_CTX *chain, void *unused)
{
    (void)unused;
    X509_NAME_oneline(X509_get_subject_name(X509_STORE_CTX_get0_cert(chain)), seen_subject, sizeof seen_subject);
    return 1;
}

static SSL_CTX *raw_client(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    SSL_CTX_set_cert_verify_callback(ctx, see_subject, NULL);
    return ctx;
}

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

/* A client of ours that demands does not talk to a weak server; one that takes what it gets does (threats.md 4). */
TEST(a_demanding_client)
{
    static const char *const weak[] = { "weak" };
    struct tls_server *server = serve(TLS_PROFILE_LEGACY, weak, 1);
    struct tls_client *client = tls_client_new();
    struct tls_target target = target_for(mx_name, 1);
    struct meeting m;

    meet(server, client, &target, &m);
    CHECK(m.met && m.client.verdict == CERT_TRUSTED);
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

static size_t index_of(const char *file)
{
    size_t i = 0;

    while (strcmp(issued[i].file, file) != 0)
        i++;
    return i;
}

TEST(new_certificates_while_sessions_run)
{
    struct tls_client *client = tls_client_new();
    struct tls_target target = target_for(mx_name, 1);
    struct tls_server *server;
    struct tls_facts facts;
    struct meeting m;
    struct pair p;

    write_set(index_of("good"), "turning");
    server = serve_one("turning");
    pair_open(&p);
    stream_start_server(&p.server, server);
    stream_start_client(&p.client, client, &target);
    must_shake(&p);
    tls_server_refresh(server); /* nothing changed */
    write_set(index_of("wild"), "turning");
    tls_server_refresh(server);
    meet(server, client, &target, &m);
    CHECK_STR(slice_str(m.client.subject), "CN=*.example.test");
    say(&p.client, &p.server, "still here");
    stream_tls_facts(&p.client, &facts);
    CHECK_STR(slice_str(facts.subject), "CN=mx.example.test");
    pair_close(&p);
    /* A key that is not there, then a foreign one: the old set stays in use. */
    unlink(path_of("turning", "key"));
    tls_server_refresh(server);
    meet(server, client, &target, &m);
    CHECK_STR(slice_str(m.client.subject), "CN=*.example.test");
    CHECK(link(path_of("good", "key"), path_of("turning", "key")) == 0);
    tls_server_refresh(server);
    meet(server, client, &target, &m);
    CHECK_STR(slice_str(m.client.subject), "CN=*.example.test");
    tls_server_free(server);
    tls_client_free(client);
    unlink(path_of("turning", "pem"));
    unlink(path_of("turning", "key"));
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
    tls_server_refresh(server);
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
        T(refuses_bad_sets),
        T(resumption),
        T(resumption_with_an_old_server),
        T(resumption_of_an_old_client),
        T(ticket_keys_turn),
        T(sessions_are_bounded),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
