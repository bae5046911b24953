#include "net/tls_client.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/memory.h"
#include "net/tls_dane.h"
#include "net/tls_peer.h"
#include "net/tls_sessions.h"
#include "net/tls_setup.h"
#include "net/tls_trust.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>

enum { SESSION_KEYS_MAX = 1000 };

/* One for each profile, demand (DANE or not) and bundle; made anew when the bundle's file changes. */
struct context {
    struct context *next;
    unsigned id; /* never used twice, so that no session outlives the trust it was judged by */
    enum tls_profile profile;
    bool is_demanding, is_dane;
    char *ca_file;     /* NULL: the system's */
    X509_STORE *store; /* NULL: it could not be loaded, and nothing is trusted */
    SSL_CTX *ssl;
};

struct tls_client {
    struct context *contexts;
    unsigned last_id;
    struct tls_sessions *sessions;
};

/* What belongs to one connection; freed with its SSL. */
struct peer {
    struct arena arena;
    struct tls_client *client;
    struct slice session_key; /* empty: not to be resumed */
    struct slice *names;
    size_t names_len;
    struct tlsa_set *tlsa; /* NULL: no DANE */
    struct slice *dane_names;
    size_t dane_names_len;
    enum dane_verdict dane;
    char dane_text[TLS_FACTS_DANE_TEXT];
    SSL_SESSION *fresh;    /* of TLS 1.2 or below, until the handshake is over */
    struct fault no_trust; /* why the bundle could not be loaded */
};

static int peer_index;

static void free_peer(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    struct peer *p = ptr;

    (void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
    if (p == NULL)
        return;
    SSL_SESSION_free(p->fresh);
    arena_release(&p->arena);
    free(p);
}

static void make_index(void)
{
    tls_setup();
    peer_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_peer);
    tls_must(peer_index >= 0);
}

struct tls_client *tls_client_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct tls_client *t = NEW(struct tls_client);

    (void)pthread_once(&once, make_index);
    t->sessions = tls_sessions_new(SESSION_KEYS_MAX);
    return t;
}

static void free_context(struct context *c)
{
    SSL_CTX_free(c->ssl);
    X509_STORE_free(c->store);
    free(c->ca_file);
    free(c);
}

void tls_client_free(struct tls_client *t)
{
    if (t == NULL)
        return;
    while (t->contexts != NULL) {
        struct context *c = t->contexts;

        t->contexts = c->next;
        free_context(c);
    }
    tls_sessions_free(t->sessions);
    free(t);
}

enum status tls_client_check_bundle(const char *ca_file, struct fault *why)
{
    X509_STORE *store;
    enum status st = tls_trust_store(ca_file, &store, why);

    if (st == OK)
        X509_STORE_free(store);
    return st;
}

/* The library hands over a reference when 1 is returned. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct peer *p = SSL_get_ex_data(ssl, peer_index);

    if (p->session_key.len == 0)
        return 0;
    if (SSL_version(ssl) >= TLS1_3_VERSION) {
        tls_sessions_put(p->client->sessions, p->session_key, session);
    } else {
        SSL_SESSION_free(p->fresh);
        p->fresh = session;
    }
    return 1;
}

/* Below TLS 1.3 only sessions with the extended master secret are resumed (RFC 7627 section 5.3), and the library
 * does not say before the end whether this is one. */
static void keep_session(SSL *ssl, struct peer *p)
{
    if (p->fresh == NULL || SSL_get_extms_support(ssl) != 1)
        return;
    tls_sessions_put(p->client->sessions, p->session_key, p->fresh);
    p->fresh = NULL;
}

/* A resumed session keeps the chain of its first handshake, which is held against the records of now. */
void tls_client_shaken(SSL *ssl)
{
    struct peer *p = SSL_get_ex_data(ssl, peer_index);
    const struct tls_dane_names further = { p->dane_names, p->dane_names_len };

    if (p->tlsa != NULL)
        p->dane = tls_dane_judge(p->tlsa, &further, SSL_get_peer_cert_chain(ssl), p->dane_text, sizeof p->dane_text);
    keep_session(ssl, p);
}

static SSL_CTX *new_ssl_context(const struct context *c)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    tls_must(ctx != NULL);
    tls_profile_apply(ctx, c->profile, c->is_demanding);
    if (c->is_dane)
        tls_profile_for_dane(ctx);
    if (c->store != NULL)
        SSL_CTX_set1_cert_store(ctx, c->store);
    /* Never fails the handshake: tls_peer_verify() notes what is wrong. The purpose is the client's by default
     * (sslserver): a certificate without serverAuth is not trusted. */
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, tls_peer_verify, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_session);
    return ctx;
}

static bool same_file(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static struct context **find_context(struct tls_client *t, const struct tls_target *target)
{
    struct context **at = &t->contexts;

    while (*at != NULL && !((*at)->profile == target->profile && (*at)->is_demanding == target->is_demanding &&
                            (*at)->is_dane == (target->tlsa != NULL) && same_file((*at)->ca_file, target->ca_file)))
        at = &(*at)->next;
    return at;
}

static struct context *context_for(struct tls_client *t, const struct tls_target *target, struct fault *why)
{
    struct context **at = find_context(t, target), *c = *at;
    X509_STORE *store = NULL;

    if (tls_trust_store(target->ca_file, &store, why) != OK)
        store = NULL;
    if (c != NULL && c->store == store) {
        X509_STORE_free(store);
        return c;
    }
    if (c != NULL) {
        *at = c->next;
        free_context(c);
    }
    c = NEW(struct context);
    c->id = ++t->last_id;
    c->profile = target->profile;
    c->is_demanding = target->is_demanding;
    c->is_dane = target->tlsa != NULL;
    c->ca_file = target->ca_file == NULL ? NULL : mem_str(slice_str(target->ca_file));
    c->store = store;
    c->ssl = new_ssl_context(c);
    c->next = t->contexts;
    t->contexts = c;
    return c;
}

static struct slice *copy_names(struct arena *arena, const struct slice *names, size_t len)
{
    struct slice *out = ARENA_ARRAY(arena, struct slice, len);

    for (size_t i = 0; i < len; i++)
        out[i] = arena_copy(arena, names[i]);
    return out;
}

static struct tlsa_set *copy_tlsa(struct arena *arena, const struct tlsa_set *set)
{
    struct tlsa_set *out = ARENA_NEW(arena, struct tlsa_set);
    struct tlsa_record *records = ARENA_ARRAY(arena, struct tlsa_record, set->records_len);

    for (size_t i = 0; i < set->records_len; i++) {
        records[i] = set->records[i];
        records[i].data = arena_copy(arena, set->records[i].data);
    }
    out->records = records;
    out->records_len = set->records_len;
    out->base_domain = arena_copy(arena, set->base_domain);
    return out;
}

static struct peer *new_peer(struct tls_client *t, const struct tls_target *target)
{
    struct peer *p = NEW(struct peer);

    p->client = t;
    p->names = copy_names(&p->arena, target->names, target->names_len);
    p->names_len = target->names_len;
    if (target->tlsa == NULL)
        return p;
    p->tlsa = copy_tlsa(&p->arena, target->tlsa);
    p->dane_names = copy_names(&p->arena, target->dane_names, target->dane_names_len);
    p->dane_names_len = target->dane_names_len;
    return p;
}

/* RFC 6066 section 3: a DNS name without trailing dot, and never an address. */
static void send_sni(SSL *ssl, struct slice name)
{
    char text[256];

    if (name.len > 0 && name.ptr[name.len - 1] == '.')
        name.len--;
    if (name.len > 0 && slice_to_cstr(name, text, sizeof text))
        (void)SSL_set_tlsext_host_name(ssl, text);
}

static void offer_session(SSL *ssl, const struct peer *p)
{
    SSL_SESSION *session = tls_sessions_get(p->client->sessions, p->session_key, clock_wall_s());

    if (session == NULL)
        return;
    (void)SSL_set_session(ssl, session);
    SSL_SESSION_free(session);
}

SSL *tls_client_open(struct tls_client *t, const struct tls_target *target)
{
    struct peer *p = new_peer(t, target);
    struct context *c = context_for(t, target, &p->no_trust);
    struct slice sni = target->tlsa != NULL ? target->tlsa->base_domain : target->sni;
    SSL *ssl = SSL_new(c->ssl);

    tls_must(ssl != NULL && SSL_set_ex_data(ssl, peer_index, p) == 1);
    SSL_set_connect_state(ssl);
    send_sni(ssl, sni);
    if (target->session_key.len > 0) {
        p->session_key =
            arena_printf(&p->arena, "%u/%.*s/%.*s", c->id, SLICE_FMT(sni), SLICE_FMT(target->session_key));
        offer_session(ssl, p);
    }
    return ssl;
}

void tls_client_facts(const SSL *ssl, struct tls_facts *out)
{
    const struct peer *p = SSL_get_ex_data(ssl, peer_index);

    tls_peer_facts(ssl, out);
    tls_peer_match(ssl, p->names, p->names_len, out);
    out->dane = p->dane;
    memcpy(out->dane_text, p->dane_text, sizeof out->dane_text);
    if (p->no_trust.text[0] != '\0' && out->verdict != CERT_TRUSTED && out->verdict != CERT_ABSENT)
        (void)snprintf(out->verdict_text, sizeof out->verdict_text, "%.*s", (int)sizeof out->verdict_text - 1,
                       p->no_trust.text);
}
