#include "net/stream_tls.h"

#include "net/loop.h"
#include "net/tls_client.h"
#include "net/tls_server.h"
#include "net/tls_setup.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>

static void start(struct stream *s, SSL *ssl)
{
    assert(s->ssl == NULL);
    tls_must(SSL_set_fd(ssl, s->fd));
    s->ssl = ssl;
}

void stream_start_server(struct stream *s, struct tls_server *tls)
{
    start(s, tls_server_open(tls));
}

void stream_start_client(struct stream *s, struct tls_client *tls, const struct tls_target *target)
{
    start(s, tls_client_open(tls, target));
}

void stream_start_session(struct stream *s, SSL *ssl)
{
    start(s, ssl);
    s->is_foreign = true;
}

static enum stream_result broken(struct stream *s, const char *doing, const char *why)
{
    s->is_broken = true;
    (void)snprintf(s->error, sizeof s->error, "%s: %s", doing, why);
    return STREAM_BROKEN;
}

/* A FIN in place of close_notify may be anybody's: what came before it may be cut short (TLS-22). */
static bool is_truncated(unsigned long err)
{
    return ERR_GET_LIB(err) == ERR_LIB_SSL && ERR_GET_REASON(err) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

/* What SSL_* said, as a result; errno is that of the call. */
static enum stream_result failed(struct stream *s, int rc, const char *doing)
{
    int err = errno;
    char reason[120];

    switch (SSL_get_error(s->ssl, rc)) {
    case SSL_ERROR_WANT_READ: s->wants = LOOP_READ; return STREAM_AGAIN;
    case SSL_ERROR_WANT_WRITE: s->wants = LOOP_WRITE; return STREAM_AGAIN;
    case SSL_ERROR_ZERO_RETURN: s->saw_end = true; return STREAM_END;
    case SSL_ERROR_SYSCALL: return broken(s, doing, err == 0 ? "the peer hung up" : strerror(err));
    default:
        if (is_truncated(ERR_peek_error())) {
            ERR_clear_error();
            return broken(s, doing, "the peer hung up without a closing alert");
        }
        return broken(s, doing, tls_error_text(reason, sizeof reason));
    }
}

enum stream_result stream_handshake(struct stream *s)
{
    enum stream_result result;
    int rc;

    if (s->is_broken)
        return STREAM_BROKEN;
    ERR_clear_error();
    errno = 0;
    rc = SSL_do_handshake(s->ssl);
    if (rc == 1) {
        s->is_shaken = true;
        if (!SSL_is_server(s->ssl) && !s->is_foreign)
            tls_client_shaken(s->ssl);
        return STREAM_OK;
    }
    result = failed(s, rc, "TLS handshake failed");
    return result == STREAM_END ? broken(s, "TLS handshake failed", "the peer closed") : result;
}

enum stream_result stream_tls_read(struct stream *s, char *out, size_t size, size_t *got)
{
    enum stream_result result;

    ERR_clear_error();
    errno = 0;
    if (SSL_read_ex(s->ssl, out, size, got) == 1) {
        s->is_drained = false;
        return STREAM_OK;
    }
    *got = 0;
    result = failed(s, 0, "TLS connection lost while reading");
    s->is_drained = true;
    return result;
}

/* Record by record, as long as the socket takes them. */
enum stream_result stream_tls_write(struct stream *s, struct slice bytes, size_t *put)
{
    enum stream_result result = STREAM_OK;

    while (bytes.len > 0 && result == STREAM_OK) {
        size_t n = 0;

        ERR_clear_error();
        errno = 0;
        if (SSL_write_ex(s->ssl, bytes.ptr, bytes.len, &n) == 1) {
            *put += n;
            bytes = slice_from(bytes, n);
        } else {
            result = failed(s, 0, "TLS connection lost while writing");
        }
    }
    return result == STREAM_AGAIN && *put > 0 ? STREAM_OK : result;
}

void stream_tls_close(struct stream *s)
{
    ERR_clear_error();
    if (s->is_shaken && !s->is_broken)
        (void)SSL_shutdown(s->ssl);
    SSL_free(s->ssl);
    s->ssl = NULL;
    ERR_clear_error();
}

bool stream_is_tls(const struct stream *s)
{
    return s->ssl != NULL && s->is_shaken;
}

bool stream_has_pending(const struct stream *s)
{
    return s->ssl != NULL && s->is_shaken && !s->is_drained && !s->is_broken && !s->saw_end &&
           SSL_has_pending(s->ssl) == 1;
}

void stream_tls_facts(const struct stream *s, struct tls_facts *out)
{
    *out = (struct tls_facts){ .is_tls = stream_is_tls(s) };
    if (s->ssl == NULL || s->is_foreign)
        return;
    if (SSL_is_server(s->ssl))
        tls_server_facts(s->ssl, out);
    else
        tls_client_facts(s->ssl, out);
    if (!s->is_shaken)
        (void)snprintf(out->handshake_error, sizeof out->handshake_error, "%s", s->error);
}

void stream_tls_judge(const struct stream *s, const char *ca_file, const struct slice *names, size_t names_len,
                      struct tls_facts *out)
{
    *out = (struct tls_facts){ .is_tls = true };
    tls_server_judge(s->ssl, ca_file, names, names_len, out);
}
