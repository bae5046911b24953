/* What probes of one loop share: a context of the library that takes whatever it can still speak. */
#include "certs/probe_private.h"

#include "base/memory.h"
#include "net/tls_setup.h"

#include <openssl/ssl.h>
#include <pthread.h>

static int probe_index;

static void make_index(void)
{
    tls_setup();
    probe_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    tls_must(probe_index >= 0);
}

/* The library hands over a reference when 1 is returned. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct probe *p = SSL_get_ex_data(ssl, probe_index);

    if (p == NULL || !p->target.wants_resumption || p->is_second)
        return 0;
    SSL_SESSION_free(p->ticket);
    p->ticket = session;
    return 1;
}

/* Nothing is verified here: a handshake must not fail for a certificate that we came to see. */
static int accept_any(X509_STORE_CTX *chain, void *unused)
{
    (void)chain;
    (void)unused;
    return 1;
}

static SSL_CTX *new_context(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    tls_must(ctx != NULL);
    SSL_CTX_set_security_level(ctx, 0);
    tls_must(SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION));
    tls_must(SSL_CTX_set_cipher_list(ctx, "ALL:!aNULL:!eNULL:!PSK:!SRP"));
    SSL_CTX_set_options(ctx, SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_max_cert_list(ctx, PROBE_CHAIN_MAX_BYTES);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, accept_any, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_session);
    return ctx;
}

struct prober *prober_new(struct loop *loop)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct prober *p = NEW(struct prober);

    (void)pthread_once(&once, make_index);
    p->loop = loop;
    p->context = new_context();
    return p;
}

void prober_free(struct prober *p)
{
    if (p == NULL)
        return;
    SSL_CTX_free(p->context);
    free(p);
}

/* RFC 6066 section 3: a DNS name without trailing dot, and never an address. */
static void send_sni(SSL *ssl, struct slice name)
{
    struct net_address ip;
    char text[256];

    if (name.len > 0 && net_address_parse(name, 0, &ip) != OK && slice_to_cstr(name, text, sizeof text))
        (void)SSL_set_tlsext_host_name(ssl, text);
}

SSL *prober_open(struct prober *prober, struct probe *p)
{
    static const unsigned char http[] = "\x08http/1.1";
    SSL *ssl = SSL_new(prober->context);

    tls_must(ssl != NULL && SSL_set_ex_data(ssl, probe_index, p) == 1);
    SSL_set_connect_state(ssl);
    send_sni(ssl, p->target.sni);
    if (p->target.way == TLS_WAY_HTTPS)
        (void)SSL_set_alpn_protos(ssl, http, sizeof http - 1);
    if (p->target.wants_staple)
        (void)SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
    if (p->is_second && p->ticket != NULL)
        (void)SSL_set_session(ssl, p->ticket);
    return ssl;
}
