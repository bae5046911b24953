#include "net/tls_setup.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>

static void set_up(void)
{
    tls_must(OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_LOAD_SSL_STRINGS, NULL));
    (void)signal(SIGPIPE, SIG_IGN);
}

void tls_setup(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, set_up);
}

const char *tls_error_text(char *out, size_t size)
{
    unsigned long err = ERR_peek_error();
    const char *reason = ERR_reason_error_string(err);
    int code = ERR_GET_REASON(err);

    if (err == 0)
        (void)snprintf(out, size, "no reason given");
    else if (ERR_GET_LIB(err) == ERR_LIB_SSL && code >= SSL_AD_REASON_OFFSET)
        (void)snprintf(out, size, "the peer sent the alert '%s'",
                       SSL_alert_desc_string_long(code - SSL_AD_REASON_OFFSET));
    else if (reason != NULL)
        (void)snprintf(out, size, "%s", reason);
    else
        ERR_error_string_n(err, out, size);
    ERR_clear_error();
    return out;
}

void tls_must(long good)
{
    char reason[160];

    if (good == 1)
        return;
    (void)fprintf(stderr, "sternpost: OpenSSL failed where only a lack of memory makes it fail: %s\n",
                  tls_error_text(reason, sizeof reason));
    abort();
}
