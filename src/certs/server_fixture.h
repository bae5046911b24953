/* certs/server_fixture.h: mail servers on loopback with certificates of any kind, each on a thread; for tests. */
#ifndef STERNPOST_CERTS_SERVER_FIXTURE_H
#define STERNPOST_CERTS_SERVER_FIXTURE_H

#include "base/memory.h"
#include "base/test.h"
#include "certs/probe.h"
#include "net/listener.h"
#include "net/minica.h"
#include "net/tls_setup.h"

#include <fcntl.h>
#include <ftw.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

enum { FIXTURE_WAIT_S = 10, FIXTURE_DAY_S = 86400 };

struct fake_server {
    /* What it is to be; NULL and zero are what a good server says. */
    enum tls_way way;
    const char *chain_file, *key_file; /* PEM; NULL: it has no TLS */
    const char *further_files[4];      /* PEM, sent behind the chain, as they are */
    const char *greeting, *ehlo, *starttls, *inside;
    int version;         /* the highest, TLS1_2_VERSION; 0: any */
    const char *ciphers; /* up to TLS 1.2 */
    const char *alpn;    /* what it chooses, whatever is offered */
    const char *staple;  /* bytes of an OCSP response */
    size_t staple_len;
    bool has_no_tickets, is_silent;
    bool floods; /* says whatever it can once TLS is there, and listens no more */
    /* Private. */
    SSL_CTX *tls;
    struct listener listener;
    struct net_address address;
    pthread_t thread;
    int stop[2];
    unsigned sessions, quits;
    size_t flooded; /* bytes */
    char sni[128];
};

static int fake_sni(SSL *ssl, int *alert, void *arg)
{
    struct fake_server *s = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    (void)alert;
    (void)snprintf(s->sni, sizeof s->sni, "%s", name == NULL ? "" : name);
    return SSL_TLSEXT_ERR_OK;
}

static int fake_alpn(SSL *ssl, const unsigned char **out, unsigned char *len, const unsigned char *in, unsigned in_len,
                     void *arg)
{
    const struct fake_server *s = arg;

    (void)ssl, (void)in, (void)in_len;
    *out = (const unsigned char *)s->alpn;
    *len = (unsigned char)strlen(s->alpn);
    return SSL_TLSEXT_ERR_OK;
}

static int fake_staple(SSL *ssl, void *arg)
{
    const struct fake_server *s = arg;
    unsigned char *copy = OPENSSL_memdup(s->staple, s->staple_len);

    SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)s->staple_len);
    return SSL_TLSEXT_ERR_OK;
}

static inline void fake_add_chain(SSL_CTX *ctx, const char *file)
{
    BIO *bio = BIO_new_file(file, "r");
    X509 *cert;

    CHECK(bio != NULL);
    while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
        CHECK(SSL_CTX_add0_chain_cert(ctx, cert) == 1);
    BIO_free(bio);
}

static inline SSL_CTX *fake_context(struct fake_server *s)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    SSL_CTX_set_security_level(ctx, 0);
    CHECK(SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION) == 1);
    CHECK(SSL_CTX_set_max_proto_version(ctx, s->version) == 1);
    if (s->ciphers != NULL)
        CHECK(SSL_CTX_set_cipher_list(ctx, s->ciphers) == 1);
    CHECK(SSL_CTX_use_certificate_chain_file(ctx, s->chain_file) == 1);
    CHECK(SSL_CTX_use_PrivateKey_file(ctx, s->key_file, SSL_FILETYPE_PEM) == 1);
    for (size_t i = 0; i < COUNT_OF(s->further_files) && s->further_files[i] != NULL; i++)
        fake_add_chain(ctx, s->further_files[i]);
    SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
    (void)SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"fake", 4);
    if (s->has_no_tickets) {
        (void)SSL_CTX_set_num_tickets(ctx, 0);
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    }
    SSL_CTX_set_tlsext_servername_callback(ctx, fake_sni);
    SSL_CTX_set_tlsext_servername_arg(ctx, s);
    if (s->alpn != NULL)
        SSL_CTX_set_alpn_select_cb(ctx, fake_alpn, s);
    if (s->staple != NULL) {
        SSL_CTX_set_tlsext_status_cb(ctx, fake_staple);
        SSL_CTX_set_tlsext_status_arg(ctx, s);
    }
    return ctx;
}

/* One line of the peer, in clear or in TLS; false when it hung up. */
static inline bool fake_read(int fd, SSL *ssl, char *line, size_t size)
{
    size_t len = 0;
    char c;

    while (len + 1 < size && (ssl != NULL ? SSL_read(ssl, &c, 1) == 1 : read(fd, &c, 1) == 1)) {
        if (c == '\n') {
            line[len] = '\0';
            return true;
        }
        line[len++] = c;
    }
    return false;
}

static inline void fake_say(int fd, SSL *ssl, const char *usual, const char *own)
{
    const char *text = own != NULL ? own : usual;

    if (ssl != NULL)
        (void)SSL_write(ssl, text, (int)strlen(text));
    else
        (void)!write(fd, text, strlen(text));
}

/* True when the client may shake hands now. */
static inline bool fake_talk(struct fake_server *s, int fd, SSL *ssl)
{
    char line[512];

    while (fake_read(fd, ssl, line, sizeof line)) {
        if (strncmp(line, "EHLO", 4) == 0 && ssl == NULL) {
            fake_say(fd, ssl, "250-mx.example.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250 STARTTLS\r\n", s->ehlo);
        } else if (strncmp(line, "EHLO", 4) == 0) {
            fake_say(fd, ssl, "250-mx.example.test\r\n250 REQUIRETLS\r\n", s->inside);
        } else if (strncmp(line, "STARTTLS", 8) == 0 && ssl == NULL) {
            fake_say(fd, ssl, "220 go on\r\n", s->starttls);
            if (s->starttls == NULL)
                return true;
        } else if (strncmp(line, "QUIT", 4) == 0) {
            s->quits++;
            fake_say(fd, ssl, "221 bye\r\n", NULL);
            return false;
        } else {
            fake_say(fd, ssl, "502 what?\r\n", NULL);
        }
    }
    return false;
}

static inline void fake_flood(struct fake_server *s, SSL *ssl)
{
    static const char bytes[16 * 1024];

    while (SSL_write(ssl, bytes, sizeof bytes) > 0)
        s->flooded += sizeof bytes;
}

static inline void fake_serve(struct fake_server *s, int fd)
{
    static const char greeting[] = "220 mx.example.test ESMTP\r\n";
    const struct timeval patience = { .tv_sec = FIXTURE_WAIT_S };
    SSL *ssl;

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (s->way == TLS_WAY_SMTP) {
        fake_say(fd, NULL, greeting, s->greeting);
        if (!fake_talk(s, fd, NULL))
            return;
    }
    if (s->tls == NULL)
        return;
    ssl = SSL_new(s->tls);
    (void)SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1) {
        s->sessions++;
        if (s->way == TLS_WAY_SMTPS)
            fake_say(fd, ssl, greeting, s->greeting);
        if (s->floods)
            fake_flood(s, ssl);
        else
            (void)fake_talk(s, fd, ssl);
        (void)SSL_shutdown(ssl);
    }
    SSL_free(ssl);
}

static void *fake_run(void *arg)
{
    struct fake_server *s = arg;
    struct pollfd waits[2] = { { .fd = s->listener.fd, .events = POLLIN }, { .fd = s->stop[0], .events = POLLIN } };

    for (;;) {
        struct net_address peer;
        int fd;

        if (poll(waits, 2, -1) < 0 || waits[1].revents != 0)
            return NULL;
        if (listener_accept(&s->listener, &fd, &peer) != LISTENER_ACCEPTED)
            continue;
        (void)fcntl(fd, F_SETFL, 0);
        if (s->is_silent)
            (void)poll(&waits[1], 1, -1);
        else
            fake_serve(s, fd);
        close(fd);
    }
}

static inline void fake_start(struct fake_server *s)
{
    struct fault why = { "" };

    tls_setup();
    if (s->chain_file != NULL)
        s->tls = fake_context(s);
    CHECK(net_address_parse(SLICE_LIT("127.0.0.1"), 0, &s->address) == OK);
    if (listener_open(&s->listener, &s->address, true, &why) != OK)
        fail_msg("%s", why.text);
    listener_address(&s->listener, &s->address);
    CHECK(pipe(s->stop) == 0);
    CHECK(pthread_create(&s->thread, NULL, fake_run, s) == 0);
}

static inline void fake_stop(struct fake_server *s)
{
    CHECK(write(s->stop[1], "x", 1) == 1);
    CHECK(pthread_join(s->thread, NULL) == 0);
    listener_close(&s->listener);
    close(s->stop[0]);
    close(s->stop[1]);
    SSL_CTX_free(s->tls);
}

/* A folder for certificates; files are found by name and removed with it. */
static char fixture_folder[64];

static inline const char *file_of(const char *name, const char *end)
{
    static char out[16][160];
    static unsigned next;
    char *at = out[next++ % COUNT_OF(out)];

    (void)snprintf(at, sizeof out[0], "%s/%s%s", fixture_folder, name, end);
    return at;
}

static inline void fixture_make(void)
{
    (void)snprintf(fixture_folder, sizeof fixture_folder, "/tmp/sternpost-test-XXXXXX");
    CHECK(mkdtemp(fixture_folder) != NULL);
}

static int fixture_remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

static inline void fixture_remove(void)
{
    CHECK(nftw(fixture_folder, fixture_remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
}

#endif
