#include "net/tls_trust.h"

#include "base/log.h"
#include "base/memory.h"
#include "net/tls_setup.h"

#include <openssl/x509.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

struct stamp {
    struct timespec changed;
    off_t size;
    ino_t inode;
};

struct trust {
    struct trust *next;
    char *path;
    X509_STORE *store;
    struct stamp stamp;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct trust *all;

static const char *const system_bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt", /* Debian and its kin */
    "/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora and its kin */
    "/etc/ssl/cert.pem",                  /* Alpine, BSD */
};

static const char *system_bundle(void)
{
    for (size_t i = 0; i < COUNT_OF(system_bundles); i++)
        if (access(system_bundles[i], R_OK) == 0)
            return system_bundles[i];
    return system_bundles[0];
}

static enum status look(const char *path, struct stamp *out, struct fault *why)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return fault_errno(why, "cannot read the certificate bundle '%s'", path);
    *out = (struct stamp){ .changed = st.st_mtim, .size = st.st_size, .inode = st.st_ino };
    return OK;
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
    return a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec && a->size == b->size &&
           a->inode == b->inode;
}

static enum status load(const char *path, bool is_own, X509_STORE **out, struct fault *why)
{
    X509_STORE *store = X509_STORE_new();
    char reason[160];

    tls_must(store != NULL);
    if (X509_STORE_load_file(store, path) != 1) {
        X509_STORE_free(store);
        return fault_set(why, ERR_SYNTAX,
                         "cannot load the certificate bundle '%s': %s (it must hold certificates in PEM form)", path,
                         tls_error_text(reason, sizeof reason));
    }
    if (is_own)
        tls_must(X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN));
    *out = store;
    return OK;
}

static struct trust *find(const char *path)
{
    struct trust *t = all;

    while (t != NULL && strcmp(t->path, path) != 0)
        t = t->next;
    return t;
}

static void remember(struct trust *t, const char *path, X509_STORE *store, const struct stamp *stamp)
{
    if (t == NULL) {
        t = NEW(struct trust);
        t->path = mem_str(slice_str(path));
        t->next = all;
        all = t;
    }
    X509_STORE_free(t->store);
    t->store = store;
    t->stamp = *stamp;
}

/* Under the lock. A failure is the caller's only when nothing was loaded before. */
static enum status bring_up_to_date(const char *path, bool is_own, struct fault *why)
{
    struct trust *t = find(path);
    struct stamp stamp;
    X509_STORE *store = NULL;
    enum status st = look(path, &stamp, why);

    if (st == OK && t != NULL && same_stamp(&t->stamp, &stamp))
        return OK;
    if (st == OK)
        st = load(path, is_own, &store, why);
    if (st == OK) {
        remember(t, path, store, &stamp);
        return OK;
    }
    if (t == NULL)
        return st;
    /* The next complaint comes with the next change. A file that is gone may be on its way back: no word. */
    if (st == ERR_SYNTAX) {
        log_warning(NULL, "keeping the old certificate bundle", LOG_CSTR("file", path), LOG_CSTR("why", why->text));
        t->stamp = stamp;
    }
    return OK;
}

enum status tls_trust_store(const char *ca_file, X509_STORE **out, struct fault *why)
{
    const char *path = ca_file == NULL ? system_bundle() : ca_file;
    struct fault local;
    enum status st;

    tls_setup();
    pthread_mutex_lock(&lock);
    st = bring_up_to_date(path, ca_file != NULL, why == NULL ? &local : why);
    if (st == OK) {
        *out = find(path)->store;
        tls_must(X509_STORE_up_ref(*out));
    }
    pthread_mutex_unlock(&lock);
    return st;
}
