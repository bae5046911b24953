#include "net/tls_key.h"

#include "base/log.h"
#include "net/tls_setup.h"

#include <errno.h>
#include <openssl/pem.h>
#include <sys/stat.h>

/* Without it OpenSSL would ask on the terminal. */
static int no_passphrase(char *buf, int size, int is_writing, void *asked)
{
    (void)buf, (void)size, (void)is_writing;
    *(int *)asked = 1;
    return -1;
}

static void warn_if_open(FILE *f, const char *path)
{
    struct stat st;

    if (fstat(fileno(f), &st) == 0 && (st.st_mode & S_IRWXO) != 0)
        log_warning(NULL, "private key can be read by everyone: chmod o= it", LOG_CSTR("file", path));
}

static enum status read_key(BIO *bio, const char *what, EVP_PKEY **out, struct fault *why)
{
    char reason[160];
    int asked = 0;

    *out = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, &asked);
    BIO_free(bio);
    if (*out != NULL)
        return OK;
    tls_error_text(reason, sizeof reason);
    if (asked)
        return fault_set(why, ERR_SYNTAX,
                         "the private key '%s' is behind a passphrase: remove it with 'openssl pkey -in OLD -out NEW'",
                         what);
    return fault_set(why, ERR_SYNTAX, "'%s' holds no private key in PEM form: %s", what, reason);
}

enum status tls_key_load(const char *path, EVP_PKEY **out, struct fault *why)
{
    FILE *f = fopen(path, "re");
    BIO *bio;

    tls_setup();
    if (f == NULL)
        return fault_errno(why, "cannot read the private key '%s'", path);
    warn_if_open(f, path);
    bio = BIO_new_fp(f, BIO_CLOSE);
    tls_must(bio != NULL);
    return read_key(bio, path, out, why);
}

enum status tls_key_read(struct slice pem, const char *what, EVP_PKEY **out, struct fault *why)
{
    BIO *bio;

    tls_setup();
    bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    tls_must(bio != NULL);
    return read_key(bio, what, out, why);
}
