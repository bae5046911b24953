#include "net/tls_identities.h"

#include "base/arena.h"
#include "base/map.h"
#include "base/memory.h"
#include "net/tls_certificate.h"
#include "net/tls_setup.h"

/* One certificate of each kind that may serve a name, -1 for none, and the context that holds them. Names with the
 * same certificates share one. */
struct identity {
    struct identity *next;
    int chosen[TLS_KEY_KINDS];
    SSL_CTX *ssl;
};

struct tls_identities {
    struct arena arena;
    struct tls_certificate *certificates;
    size_t certificates_len;
    struct map by_name; /* names and wildcards as in the certificates -> struct identity */
    struct identity *identities, *fallback;
};

static void share_all(struct tls_identities *t, const struct tls_certificate *const *certificates, size_t len)
{
    t->certificates = ARENA_ARRAY(&t->arena, struct tls_certificate, len);
    for (size_t i = 0; i < len; i++)
        tls_certificate_share(certificates[i], &t->arena, &t->certificates[i]);
    t->certificates_len = len;
}

static struct slice wildcard_for(struct slice name, char out[static TLS_CERTIFICATE_NAME_MAX + 2])
{
    struct slice parent;

    (void)slice_cut(name, '.', &parent);
    if (parent.len == 0)
        return slice_of(out, 0);
    memcpy(out, "*.", 2);
    memcpy(out + 2, parent.ptr, parent.len);
    return slice_of(out, parent.len + 2);
}

static bool has_name(const struct tls_certificate *c, struct slice name)
{
    for (size_t i = 0; i < c->names_len; i++)
        if (slice_eq(c->names[i], name))
            return true;
    return false;
}

/* Fills what is still open in `chosen` with the first certificate of each kind that has the name. */
static void choose(const struct tls_identities *t, struct slice name, int chosen[static TLS_KEY_KINDS])
{
    for (size_t i = 0; i < t->certificates_len; i++) {
        const struct tls_certificate *c = &t->certificates[i];

        if (chosen[c->kind] < 0 && has_name(c, name))
            chosen[c->kind] = (int)i;
    }
}

static enum status use_certificates(const struct tls_identities *t, const struct identity *id, struct fault *why)
{
    char reason[160];

    for (size_t kind = 0; kind < TLS_KEY_KINDS; kind++) {
        const struct tls_certificate *c;

        if (id->chosen[kind] < 0)
            continue;
        c = &t->certificates[id->chosen[kind]];
        if (SSL_CTX_use_cert_and_key(id->ssl, c->leaf, c->key, c->chain, 1) != 1)
            return fault_set(why, ERR_PERMANENT, "cannot use the certificate '%s': %s", c->what,
                             tls_error_text(reason, sizeof reason));
    }
    return OK;
}

/* What loading needs beside the result. */
struct loading {
    SSL_CTX *(*new_context)(void *arg);
    void *arg;
};

static enum status identity_of(struct tls_identities *t, const struct loading *l, const int chosen[TLS_KEY_KINDS],
                               struct identity **out, struct fault *why)
{
    struct identity *id = t->identities;

    while (id != NULL && memcmp(id->chosen, chosen, sizeof id->chosen) != 0)
        id = id->next;
    *out = id;
    if (id != NULL)
        return OK;
    id = ARENA_NEW(&t->arena, struct identity);
    memcpy(id->chosen, chosen, sizeof id->chosen);
    id->ssl = l->new_context(l->arg);
    id->next = t->identities;
    t->identities = *out = id;
    return use_certificates(t, id, why);
}

/* What serves a name: an exact name first, then a wildcard for its first label, of each kind of key the first. */
static void choose_for(const struct tls_identities *t, struct slice name, int chosen[static TLS_KEY_KINDS])
{
    char wildcard[TLS_CERTIFICATE_NAME_MAX + 2];

    choose(t, name, chosen);
    if (!slice_starts(name, SLICE_LIT("*.")))
        choose(t, wildcard_for(name, wildcard), chosen);
}

static enum status add_names(struct tls_identities *t, const struct loading *l, const struct tls_certificate *c,
                             struct fault *why)
{
    for (size_t i = 0; i < c->names_len; i++) {
        int chosen[TLS_KEY_KINDS] = { -1, -1, -1 };
        struct identity *id;
        enum status st;

        if (map_get(&t->by_name, c->names[i]) != NULL)
            continue;
        choose_for(t, c->names[i], chosen);
        st = identity_of(t, l, chosen, &id, why);
        if (st != OK)
            return st;
        (void)map_put(&t->by_name, c->names[i], id);
    }
    return OK;
}

static enum status choose_fallback(struct tls_identities *t, const struct loading *l, struct slice fallback,
                                   struct fault *why)
{
    const struct tls_certificate *first = &t->certificates[0];
    int chosen[TLS_KEY_KINDS] = { -1, -1, -1 };

    choose_for(t, fallback, chosen);
    if (chosen[TLS_KEY_RSA] < 0 && chosen[TLS_KEY_ECDSA] < 0 && chosen[TLS_KEY_OTHER] < 0) {
        chosen[first->kind] = 0;
        if (first->names_len > 0)
            choose(t, first->names[0], chosen);
    }
    return identity_of(t, l, chosen, &t->fallback, why);
}

enum status tls_identities_new(const struct tls_certificate *const *certificates, size_t len, struct slice fallback,
                               SSL_CTX *(*new_context)(void *arg), void *arg, struct tls_identities **out,
                               struct fault *why)
{
    const struct loading l = { .new_context = new_context, .arg = arg };
    struct tls_identities *t;
    enum status st;

    if (len == 0)
        return fault_set(why, ERR_NOT_FOUND, "no certificate is named: TLS needs at least one chain and key");
    t = NEW(struct tls_identities);
    map_init(&t->by_name);
    share_all(t, certificates, len);
    st = choose_fallback(t, &l, fallback, why);
    for (size_t i = 0; st == OK && i < t->certificates_len; i++)
        st = add_names(t, &l, &t->certificates[i], why);
    if (st != OK) {
        tls_identities_free(t);
        return st;
    }
    *out = t;
    return OK;
}

void tls_identities_free(struct tls_identities *t)
{
    if (t == NULL)
        return;
    for (struct identity *id = t->identities; id != NULL; id = id->next)
        SSL_CTX_free(id->ssl);
    for (size_t i = 0; i < t->certificates_len; i++)
        tls_certificate_release(&t->certificates[i]);
    map_release(&t->by_name);
    arena_release(&t->arena);
    free(t);
}

SSL_CTX *tls_identities_find(const struct tls_identities *t, struct slice sni, bool *is_match)
{
    char text[TLS_CERTIFICATE_NAME_MAX], wildcard[TLS_CERTIFICATE_NAME_MAX + 2];
    const struct identity *id = NULL;
    struct slice name;

    if (tls_certificate_name(sni, text, &name)) {
        id = map_get(&t->by_name, name);
        if (id == NULL)
            id = map_get(&t->by_name, wildcard_for(name, wildcard));
    }
    *is_match = id != NULL;
    return id != NULL ? id->ssl : t->fallback->ssl;
}
