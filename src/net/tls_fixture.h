/* net/tls_fixture.h: a set of certificates of all kinds, and servers and clients that meet over them; for tests. */
#ifndef STERNPOST_NET_TLS_FIXTURE_H
#define STERNPOST_NET_TLS_FIXTURE_H

#include "base/log.h"
#include "net/stream_pair.h"
#include "net/tls_certificate.h"

#include <openssl/ssl.h>

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

static inline const char *path_of(const char *name, const char *end)
{
    static char out[4][160];
    static unsigned next;
    char *at = out[next++ % 4];

    (void)snprintf(at, sizeof out[0], "%s/%s.%s", folder.path, name, end);
    return at;
}

static inline void write_set(size_t i, const char *as)
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

static inline void no_log(struct slice line)
{
    (void)line;
}

static inline int set_up(void **unused)
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

static inline int tear_down(void **unused)
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

static inline struct tls_server *serve(enum tls_profile profile, const char *const *files, size_t files_len)
{
    struct tls_server_certificate certificates[8];
    struct tls_server_config config = {
        .profile = profile,
        .certificates = certificates,
        .certificates_len = files_len,
    };
    struct tls_server *t;
    struct fault why = { "" };

    for (size_t i = 0; i < files_len; i++)
        certificates[i] = (struct tls_server_certificate){ path_of(files[i], "pem"), path_of(files[i], "key") };
    for (size_t i = 0; i < files_len; i++) /* path_of() has four buffers */
        certificates[i] =
            (struct tls_server_certificate){ strdup(certificates[i].chain_file), strdup(certificates[i].key_file) };
    if (tls_server_new(&config, &t, &why) != OK)
        fail_msg("%s", why.text);
    for (size_t i = 0; i < files_len; i++) {
        free((char *)(uintptr_t)certificates[i].chain_file);
        free((char *)(uintptr_t)certificates[i].key_file);
    }
    return t;
}

/* The certificate in this file from now on, as far as it is good. */
static inline enum status renew(struct tls_server *server, const char *file)
{
    struct tls_certificate fresh;
    const struct tls_certificate *order = &fresh;
    const struct tls_edition edition = { .certificates = &order, .certificates_len = 1, .until = 100 };
    struct arena arena = { 0 };
    struct fault why;
    char chain[160], key[160]; /* path_of() may have been asked for others that are still needed */
    enum status st;

    (void)snprintf(chain, sizeof chain, "%s/%s.pem", folder.path, file);
    (void)snprintf(key, sizeof key, "%s/%s.key", folder.path, file);
    st = tls_certificate_load(chain, key, &arena, &fresh, &why);
    if (st == OK) {
        st = tls_server_use(server, &edition, 1, &why);
        tls_certificate_release(&fresh);
    }
    arena_release(&arena);
    return st;
}

static inline struct tls_server *serve_one(const char *file)
{
    return serve(TLS_PROFILE_INTERMEDIATE, &file, 1);
}

/* Connects, says a word each way (tickets of TLS 1.3 travel with it), leaves the facts of both ends. */
struct meeting {
    struct tls_facts client, server;
    bool met;
};

static inline void meet(struct tls_server *server, struct tls_client *client, const struct tls_target *target,
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

/* A session of OpenSSL's own, with whatever it was told, meets a server of ours; the pair stays open. */
static inline bool shake_raw(struct tls_server *server, SSL *ssl, const char *sni, struct pair *p)
{
    enum stream_result s = STREAM_AGAIN;
    int rc = 0;

    pair_open(p);
    stream_start_server(&p->server, server);
    CHECK(SSL_set_fd(ssl, p->client.fd) == 1);
    if (sni != NULL)
        CHECK(SSL_set_tlsext_host_name(ssl, sni) == 1);
    SSL_set_connect_state(ssl);
    for (int i = 0; i < 2000 && (s == STREAM_AGAIN || rc != 1); i++) {
        struct pollfd both[2] = { { .fd = p->client.fd, .events = POLLIN }, { .fd = p->server.fd, .events = POLLIN } };

        if (rc != 1)
            rc = SSL_do_handshake(ssl);
        if (s == STREAM_AGAIN)
            s = stream_handshake(&p->server);
        if (s == STREAM_BROKEN)
            break;
        (void)poll(both, 2, 5);
    }
    return s == STREAM_OK && rc == 1;
}

/* The same for a moment: the facts of the server. */
static inline bool meet_raw(struct tls_server *server, SSL_CTX *ctx, const char *sni, struct tls_facts *facts)
{
    struct pair p;
    SSL *ssl = SSL_new(ctx);
    bool met = shake_raw(server, ssl, sni, &p);

    stream_tls_facts(&p.server, facts);
    SSL_free(ssl);
    pair_close(&p);
    return met;
}

static const struct slice mx_name[] = { { "mx.example.test", 15 } };

static inline struct tls_target target_for(const struct slice *names, size_t names_len)
{
    return (struct tls_target){
        .sni = names_len > 0 ? names[0] : slice_of("", 0),
        .names = names,
        .names_len = names_len,
        .ca_file = path_of("root", "pem"),
        .profile = TLS_PROFILE_INTERMEDIATE,
    };
}

static char seen_subject[256];

static inline int see_subject(X509_STORE_CTX *chain, void *unused)
{
    (void)unused;
    X509_NAME_oneline(X509_get_subject_name(X509_STORE_CTX_get0_cert(chain)), seen_subject, sizeof seen_subject);
    return 1;
}

static inline SSL_CTX *raw_client(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    SSL_CTX_set_cert_verify_callback(ctx, see_subject, NULL);
    return ctx;
}

static inline size_t index_of(const char *file)
{
    size_t i = 0;

    while (strcmp(issued[i].file, file) != 0)
        i++;
    return i;
}

#endif
