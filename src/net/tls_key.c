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

enum status tls_key_load(const char *path, EVP_PKEY **out, struct fault *why)
{
    FILE *f = fopen(path, "re");
    char reason[160];
    int asked = 0;

    tls_setup();
    if (f == NULL)
        return fault_errno(why, "cannot read the private key '%s'", path);
    warn_if_open(f, path);
    *out = PEM_read_PrivateKey(f, NULL, no_passphrase, &asked);
    (void)fclose(f);
    if (*out != NULL)
        return OK;
    tls_error_text(reason, sizeof reason);
    if (asked)
        return fault_set(why, ERR_SYNTAX,
                         "the private key '%s' is behind a passphrase: remove it with 'openssl pkey -in OLD -out NEW'",
                         path);
    return fault_set(why, ERR_SYNTAX, "'%s' holds no private key in PEM form: %s", path, reason);
}
