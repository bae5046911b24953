#include "net/tls_ticket.h"

#include "base/clock.h"
#include "base/memory.h"
#include "net/tls_setup.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <pthread.h>

enum { KEEPS = 2 };

static const int64_t key_ms = TLS_TICKET_KEY_S * 1000LL;

struct tls_tickets {
    pthread_mutex_t lock;
    struct tls_ticket_key keys[KEEPS]; /* the current one first; made_ms 0: none */
    EVP_CIPHER *cipher;
};

static int owner_index;

static void make_index(void)
{
    tls_setup();
    owner_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    tls_must(owner_index >= 0);
}

struct tls_tickets *tls_tickets_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct tls_tickets *t = NEW(struct tls_tickets);

    (void)pthread_once(&once, make_index);
    pthread_mutex_init(&t->lock, NULL);
    t->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    tls_must(t->cipher != NULL);
    return t;
}

void tls_tickets_free(struct tls_tickets *t)
{
    if (t == NULL)
        return;
    pthread_mutex_destroy(&t->lock);
    EVP_CIPHER_free(t->cipher);
    explicit_bzero(t->keys, sizeof t->keys);
    free(t);
}

/* Under the lock. */
static void rotate(struct tls_tickets *t, int64_t now_ms)
{
    struct tls_ticket_key *now = &t->keys[0];

    if (now->made_ms != 0 && now_ms - now->made_ms < key_ms)
        return;
    memmove(&t->keys[1], &t->keys[0], sizeof t->keys[0] * (KEEPS - 1));
    tls_must(RAND_bytes(now->name, sizeof now->name));
    tls_must(RAND_priv_bytes(now->cipher, sizeof now->cipher));
    tls_must(RAND_priv_bytes(now->mac, sizeof now->mac));
    now->made_ms = now_ms;
}

void tls_tickets_current(struct tls_tickets *t, int64_t now_ms, struct tls_ticket_key *out)
{
    pthread_mutex_lock(&t->lock);
    rotate(t, now_ms);
    *out = t->keys[0];
    pthread_mutex_unlock(&t->lock);
}

bool tls_tickets_find(struct tls_tickets *t, const unsigned char name[static TLS_TICKET_NAME], int64_t now_ms,
                      struct tls_ticket_key *out, bool *is_current)
{
    bool found = false;

    pthread_mutex_lock(&t->lock);
    rotate(t, now_ms);
    for (size_t i = 0; i < KEEPS && !found; i++) {
        const struct tls_ticket_key *k = &t->keys[i];

        found = k->made_ms != 0 && now_ms - k->made_ms < 2 * key_ms && memcmp(k->name, name, TLS_TICKET_NAME) == 0;
        if (found) {
            *out = *k;
            *is_current = i == 0;
        }
    }
    pthread_mutex_unlock(&t->lock);
    return found;
}

static int use_key(struct tls_tickets *t, struct tls_ticket_key *k, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                   EVP_MAC_CTX *mac, int seals)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, k->mac, sizeof k->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_CTX_set_params(mac, params) == 1 &&
           EVP_CipherInit_ex2(cipher, t->cipher, k->cipher, iv, seals, NULL) == 1;
}

/* Seals (seals != 0): 1 a ticket, -1 error. Opens: 0 not ours, 1 good, 2 good and send a fresh one. */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                     int seals)
{
    struct tls_tickets *t = SSL_get_ex_data(ssl, owner_index);
    struct tls_ticket_key k;
    bool is_current = true;
    int good;

    if (seals) {
        tls_tickets_current(t, clock_mono_ms(), &k);
        memcpy(name, k.name, sizeof k.name);
        if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(t->cipher)) != 1)
            return -1;
    } else if (!tls_tickets_find(t, name, clock_mono_ms(), &k, &is_current)) {
        return 0;
    }
    good = use_key(t, &k, iv, cipher, mac, seals);
    explicit_bzero(&k, sizeof k);
    if (good != 1)
        return -1;
    /* A client uses a ticket of TLS 1.3 once, so it needs the next one. */
    return !seals && (!is_current || SSL_version(ssl) >= TLS1_3_VERSION) ? 2 : 1;
}

/* Below TLS 1.3 there are no tickets without the extended master secret (RFC 7627 section 5.3). Whether it is there
 * can be asked only now: later the library does not say until the handshake is over. */
static int on_hello(SSL *ssl, int *alert, void *unused)
{
    const unsigned char *ext;
    size_t len;

    (void)alert, (void)unused;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_extended_master_secret, &ext, &len) != 1 &&
        SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_versions, &ext, &len) != 1)
        SSL_set_options(ssl, SSL_OP_NO_TICKET);
    return SSL_CLIENT_HELLO_SUCCESS;
}

/* A ticket holds the client's certificate without the rest of its chain, and a verdict that may have aged: who showed
 * one shakes hands in full, so that rules can judge it by bundles of their own. */
static SSL_TICKET_RETURN on_opened(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t name_len,
                                   SSL_TICKET_STATUS status, void *unused)
{
    (void)ssl, (void)name, (void)name_len, (void)unused;
    switch (status) {
    case SSL_TICKET_SUCCESS:
        return SSL_SESSION_get0_peer(session) != NULL ? SSL_TICKET_RETURN_IGNORE_RENEW : SSL_TICKET_RETURN_USE;
    case SSL_TICKET_SUCCESS_RENEW:
        return SSL_SESSION_get0_peer(session) != NULL ? SSL_TICKET_RETURN_IGNORE_RENEW : SSL_TICKET_RETURN_USE_RENEW;
    case SSL_TICKET_EMPTY:
    case SSL_TICKET_NO_DECRYPT: return SSL_TICKET_RETURN_IGNORE_RENEW;
    default: return SSL_TICKET_RETURN_ABORT;
    }
}

void tls_tickets_install(SSL_CTX *ctx)
{
    tls_must(SSL_CTX_set_session_ticket_cb(ctx, NULL, on_opened, NULL));
    SSL_CTX_set_client_hello_cb(ctx, on_hello, NULL);
    tls_must(SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket));
    tls_must(SSL_CTX_set_num_tickets(ctx, 1));
    (void)SSL_CTX_set_timeout(ctx, TLS_TICKET_KEY_S);
}

void tls_tickets_serve(struct tls_tickets *t, SSL *ssl)
{
    tls_must(SSL_set_ex_data(ssl, owner_index, t));
}
