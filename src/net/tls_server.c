#include "net/tls_server.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "net/tls_identities.h"
#include "net/tls_peer.h"
#include "net/tls_setup.h"
#include "net/tls_ticket.h"
#include "net/tls_trust.h"

#include <assert.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

enum { SESSION_CONTEXT = 16 };

struct stamp {
    struct timespec changed;
    off_t size;
    ino_t inode;
};

struct edition {
    struct tls_identities *identities;
    unsigned until;
};

/* Replaced whole. */
struct offer {
    struct edition *editions;
    size_t editions_len;
};

/* Every session begins in `front`, which has no certificate, and moves to the context of an identity when the name is
 * known. Tickets stay with `front`, so they survive new certificates. */
struct tls_server {
    enum tls_profile profile;
    bool asks_client_certificate, serves_http;
    unsigned char session_context[SESSION_CONTEXT];
    struct tls_server_certificate *files;
    size_t files_len;
    struct stamp *stamps; /* two for each set: chain, key; of the last load, good or bad */
    SSL_CTX *front;
    struct tls_tickets *tickets;
    atomic_uint draws;
    pthread_rwlock_t lock; /* guards `offer` */
    struct offer *offer;
};

static int owner_index;

static void make_index(void)
{
    tls_setup();
    owner_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    tls_must(owner_index >= 0);
}

/* A client that asks for another protocol was sent here by someone in between (ALPACA; TLS-14). */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                   unsigned in_len, void *arg)
{
    static const unsigned char smtp[] = { 4, 's', 'm', 't', 'p' };
    static const unsigned char http[] = { 8, 'h', 't', 't', 'p', '/', '1', '.', '1' };
    const struct tls_server *t = arg;
    const unsigned char *ours = t->serves_http ? http : smtp;
    unsigned ours_len = t->serves_http ? sizeof http : sizeof smtp;

    (void)ssl;
    if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_len, ours, ours_len, in, in_len) ==
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_OK;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void ask_for_certificate(SSL_CTX *ctx)
{
    X509_STORE *store;
    struct fault why = { "" };

    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, tls_peer_verify, NULL);
    if (tls_trust_store(NULL, &store, &why) != OK) {
        log_warning(NULL, "client certificates will all count as untrusted", LOG_CSTR("why", why.text));
        return;
    }
    SSL_CTX_set1_cert_store(ctx, store);
    X509_STORE_free(store);
}

static SSL_CTX *new_context(void *arg)
{
    struct tls_server *t = arg;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    tls_must(ctx != NULL);
    tls_profile_apply(ctx, t->profile, false);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets alone: nothing of it is in our memory */
    tls_must(SSL_CTX_set_session_id_context(ctx, t->session_context, sizeof t->session_context));
    SSL_CTX_set_alpn_select_cb(ctx, on_alpn, t);
    if (t->asks_client_certificate)
        ask_for_certificate(ctx);
    return ctx;
}

/* Every hundred sessions in a row draw each number once, in an order that mixes them. Under the lock. */
static const struct tls_identities *draw(struct tls_server *t)
{
    enum { STEP = 61, ALL = 100 };
    unsigned drawn = atomic_fetch_add_explicit(&t->draws, 1, memory_order_relaxed) % ALL * STEP % ALL;
    const struct edition *e = t->offer->editions;

    while (drawn >= e->until)
        e++;
    return e->identities;
}

static int on_server_name(SSL *ssl, int *alert, void *unused)
{
    struct tls_server *t = SSL_get_ex_data(ssl, owner_index);
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    bool is_match;

    (void)alert, (void)unused;
    pthread_rwlock_rdlock(&t->lock);
    (void)SSL_set_SSL_CTX(ssl, tls_identities_find(draw(t), slice_str(name), &is_match));
    pthread_rwlock_unlock(&t->lock);
    return is_match ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static void offer_free(struct offer *o)
{
    if (o == NULL)
        return;
    for (size_t i = 0; i < o->editions_len; i++)
        tls_identities_free(o->editions[i].identities);
    free(o->editions);
    free(o);
}

static enum status make_offer(struct tls_server *t, const struct tls_edition *editions, size_t len, struct offer **out,
                              struct fault *why)
{
    struct offer *o = NEW(struct offer);
    enum status st = OK;

    assert(len > 0 && editions[len - 1].until == 100);
    o->editions = mem_new(len, sizeof *o->editions);
    for (size_t i = 0; i < len && st == OK; i++) {
        const struct tls_edition *e = &editions[i];

        o->editions[i].until = e->until;
        st = tls_identities_new(e->certificates, e->certificates_len, e->fallback, new_context, t,
                                &o->editions[i].identities, why);
        o->editions_len += st == OK;
    }
    if (st == OK)
        *out = o;
    else
        offer_free(o);
    return st;
}

enum status tls_server_use(struct tls_server *t, const struct tls_edition *editions, size_t len, struct fault *why)
{
    struct offer *fresh, *before;
    enum status st = make_offer(t, editions, len, &fresh, why);

    if (st != OK)
        return st;
    pthread_rwlock_wrlock(&t->lock);
    before = t->offer;
    t->offer = fresh;
    pthread_rwlock_unlock(&t->lock);
    offer_free(before);
    return OK;
}

static struct stamp stamp_of(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return (struct stamp){ 0 };
    return (struct stamp){ .changed = st.st_mtim, .size = st.st_size, .inode = st.st_ino };
}

static bool update_stamp(struct stamp *at, const char *path)
{
    struct stamp now = stamp_of(path);
    bool is_other = at->changed.tv_sec != now.changed.tv_sec || at->changed.tv_nsec != now.changed.tv_nsec ||
                    at->size != now.size || at->inode != now.inode;

    *at = now;
    return is_other;
}

static bool files_changed(struct tls_server *t)
{
    bool is_other = false;

    for (size_t i = 0; i < t->files_len; i++) {
        is_other |= update_stamp(&t->stamps[2 * i], t->files[i].chain_file);
        is_other |= update_stamp(&t->stamps[2 * i + 1], t->files[i].key_file);
    }
    return is_other;
}

static enum status use_files(struct tls_server *t, struct fault *why)
{
    size_t len = t->files_len, loaded = 0;
    struct tls_certificate *certificates = mem_new(len, sizeof *certificates);
    const struct tls_certificate **order = mem_new(len, sizeof *order);
    struct tls_edition all = { .certificates = order, .certificates_len = len, .until = 100 };
    struct arena arena = { 0 };
    enum status st = OK;

    for (size_t i = 0; i < len && st == OK; i++) {
        order[i] = &certificates[i];
        st = tls_certificate_load(t->files[i].chain_file, t->files[i].key_file, &arena, &certificates[i], why);
        loaded += st == OK;
    }
    if (st == OK)
        st = tls_server_use(t, &all, 1, why);
    for (size_t i = 0; i < loaded; i++)
        tls_certificate_release(&certificates[i]);
    free(certificates);
    free(order);
    arena_release(&arena);
    return st;
}

static void copy_config(struct tls_server *t, const struct tls_server_config *config)
{
    t->profile = config->profile;
    t->asks_client_certificate = config->asks_client_certificate;
    t->serves_http = config->serves_http;
    t->files_len = config->certificates_len;
    t->files = mem_new(t->files_len, sizeof *t->files);
    t->stamps = mem_new(t->files_len * 2, sizeof *t->stamps);
    for (size_t i = 0; i < t->files_len; i++)
        t->files[i] = (struct tls_server_certificate){
            .chain_file = mem_str(slice_str(config->certificates[i].chain_file)),
            .key_file = mem_str(slice_str(config->certificates[i].key_file)),
        };
}

enum status tls_server_new(const struct tls_server_config *config, struct tls_server **out, struct fault *why)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct tls_server *t = NEW(struct tls_server);
    enum status st;

    (void)pthread_once(&once, make_index);
    copy_config(t, config);
    tls_must(RAND_bytes(t->session_context, sizeof t->session_context));
    pthread_rwlock_init(&t->lock, NULL);
    t->tickets = tls_tickets_new();
    t->front = new_context(t);
    tls_tickets_install(t->front);
    SSL_CTX_set_tlsext_servername_callback(t->front, on_server_name);
    (void)files_changed(t);
    st = use_files(t, why);
    if (st != OK) {
        tls_server_free(t);
        return st;
    }
    *out = t;
    return OK;
}

void tls_server_free(struct tls_server *t)
{
    if (t == NULL)
        return;
    offer_free(t->offer);
    SSL_CTX_free(t->front);
    tls_tickets_free(t->tickets);
    pthread_rwlock_destroy(&t->lock);
    for (size_t i = 0; i < t->files_len; i++) {
        free((char *)(uintptr_t)t->files[i].chain_file);
        free((char *)(uintptr_t)t->files[i].key_file);
    }
    free(t->files);
    free(t->stamps);
    free(t);
}

void tls_server_refresh(struct tls_server *t)
{
    struct fault why = { "" };

    if (!files_changed(t))
        return;
    if (use_files(t, &why) == OK)
        log_info(NULL, "new certificates are in use", LOG_CSTR("first", t->files[0].chain_file));
    else
        log_error(NULL, "keeping the old certificates: the new ones cannot be used", LOG_CSTR("why", why.text));
}

SSL *tls_server_open(struct tls_server *t)
{
    SSL *ssl = SSL_new(t->front);

    tls_must(ssl != NULL && SSL_set_ex_data(ssl, owner_index, t) == 1);
    tls_tickets_serve(t->tickets, ssl);
    SSL_set_accept_state(ssl);
    return ssl;
}

struct slice tls_server_name(const SSL *ssl)
{
    return slice_str(SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
}

void tls_server_facts(const SSL *ssl, struct tls_facts *out)
{
    struct slice put, name = tls_server_name(ssl);

    tls_peer_facts(ssl, out);
    put = utf8_printable(slice_of(name.len == 0 ? "" : name.ptr, name.len), out->sni, sizeof out->sni - 1);
    out->sni[put.len] = '\0';
}

void tls_server_judge(const SSL *ssl, const char *ca_file, const struct slice *names, size_t names_len,
                      struct tls_facts *out)
{
    X509_STORE *store;
    struct fault why = { "" };

    tls_server_facts(ssl, out);
    tls_peer_match(ssl, names, names_len, out);
    if (ca_file == NULL || out->verdict == CERT_ABSENT)
        return;
    if (tls_trust_store(ca_file, &store, &why) != OK) {
        out->verdict = CERT_UNTRUSTED;
        (void)snprintf(out->verdict_text, sizeof out->verdict_text, "%.*s", (int)sizeof out->verdict_text - 1,
                       why.text);
        return;
    }
    tls_peer_judge(ssl, store, out);
    X509_STORE_free(store);
}
