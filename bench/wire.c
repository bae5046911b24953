#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void wire_open(struct wire *w, int fd, int epoll_fd, void *owner)
{
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = owner };

    w->fd = fd;
    w->epoll_fd = epoll_fd;
    w->owner = owner;
    w->tls = NULL;
    w->waits_to_write = false;
    w->start = w->len = 0;
    buf_init(&w->out, WIRE_OUT);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0) {
        perror("epoll_ctl");
        exit(1);
    }
}

void wire_close(struct wire *w)
{
    if (w->fd < 0)
        return;
    SSL_free(w->tls);
    close(w->fd);
    buf_release(&w->out);
    w->tls = NULL;
    w->fd = -1;
}

static void wait_to_write(struct wire *w, bool waits)
{
    struct epoll_event ev = { .events = waits ? EPOLLIN | EPOLLOUT : EPOLLIN, .data.ptr = w->owner };

    if (waits == w->waits_to_write)
        return;
    w->waits_to_write = waits;
    (void)epoll_ctl(w->epoll_fd, EPOLL_CTL_MOD, w->fd, &ev);
}

static enum wire_state after_tls(struct wire *w, int result)
{
    int why = SSL_get_error(w->tls, result);

    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
        if (why == SSL_ERROR_WANT_WRITE) /* reading may not take this back: a body may be half sent */
            wait_to_write(w, true);
        return WIRE_BLOCKED;
    }
    ERR_clear_error();
    return WIRE_CLOSED;
}

static enum wire_state after_errno(void)
{
    return errno == EAGAIN || errno == EINTR ? WIRE_BLOCKED : WIRE_CLOSED;
}

enum wire_state wire_fill(struct wire *w)
{
    ssize_t got;

    if (w->start > 0) {
        memmove(w->in, w->in + w->start, w->len);
        w->start = 0;
    }
    if (w->len == sizeof w->in)
        return WIRE_CLOSED; /* a line longer than any that SMTP knows */
    if (w->tls != NULL) {
        got = SSL_read(w->tls, w->in + w->len, (int)(sizeof w->in - w->len));
        if (got <= 0)
            return after_tls(w, (int)got);
    } else {
        got = recv(w->fd, w->in + w->len, sizeof w->in - w->len, 0);
        if (got <= 0)
            return got == 0 ? WIRE_CLOSED : after_errno();
    }
    w->len += (size_t)got;
    return WIRE_OK;
}

bool wire_has_more(const struct wire *w)
{
    return w->tls != NULL && SSL_has_pending(w->tls) == 1;
}

bool wire_line(struct wire *w, struct slice *line)
{
    const char *at = w->in + w->start;
    const char *lf = memchr(at, '\n', w->len);
    size_t whole;

    if (lf == NULL)
        return false;
    whole = (size_t)(lf - at) + 1;
    *line = slice_of(at, whole - 1);
    if (line->len > 0 && at[line->len - 1] == '\r')
        line->len--;
    w->start += whole;
    w->len -= whole;
    return true;
}

bool wire_has_input(const struct wire *w)
{
    return w->len > 0;
}

void wire_pause(struct wire *w, bool pauses)
{
    struct epoll_event ev = { .events = pauses ? 0 : EPOLLIN, .data.ptr = w->owner };

    w->waits_to_write = false;
    (void)epoll_ctl(w->epoll_fd, EPOLL_CTL_MOD, w->fd, &ev);
}

bool wire_say(struct wire *w, struct slice bytes)
{
    return buf_add(&w->out, bytes) == OK;
}

enum wire_state wire_send(struct wire *w, struct slice bytes, size_t *taken)
{
    ssize_t put;

    *taken = 0;
    if (w->tls != NULL) {
        put = SSL_write(w->tls, bytes.ptr, (int)bytes.len);
        if (put <= 0)
            return after_tls(w, (int)put);
    } else {
        put = send(w->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (put < 0) {
            wait_to_write(w, errno == EAGAIN);
            return after_errno();
        }
    }
    *taken = (size_t)put;
    return WIRE_OK;
}

enum wire_state wire_flush(struct wire *w)
{
    enum wire_state st = WIRE_OK;
    size_t taken;

    while (st == WIRE_OK && w->out.len > 0) {
        st = wire_send(w, buf_slice(&w->out), &taken);
        buf_consume(&w->out, taken);
    }
    if (st == WIRE_OK)
        wait_to_write(w, false);
    return st;
}

void wire_start_tls(struct wire *w, SSL_CTX *ctx, bool is_server)
{
    w->tls = SSL_new(ctx);
    if (w->tls == NULL || SSL_set_fd(w->tls, w->fd) != 1) {
        (void)fprintf(stderr, "cannot start TLS: out of memory\n");
        exit(1);
    }
    if (is_server)
        SSL_set_accept_state(w->tls);
    else
        SSL_set_connect_state(w->tls);
}

enum wire_state wire_handshake(struct wire *w)
{
    int done = SSL_do_handshake(w->tls);

    if (done != 1)
        return after_tls(w, done);
    wait_to_write(w, false);
    return WIRE_OK;
}

static int believe_any(X509_STORE_CTX *store, void *arg)
{
    (void)store;
    (void)arg;
    return 1;
}

/* One choice of each, for a client that spends as little as it can on its hellos. */
static void keep_hellos_short(SSL_CTX *ctx)
{
    (void)SSL_CTX_set1_groups_list(ctx, "X25519:P-256");
    (void)SSL_CTX_set1_sigalgs_list(ctx, "ECDSA+SHA256:RSA-PSS+SHA256:RSA+SHA256");
    (void)SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256");
    (void)SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256");
}

SSL_CTX *wire_tls_context(const char *certificate, const char *key)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());

    if (ctx == NULL)
        exit(1);
    (void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                    SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_cert_verify_callback(ctx, believe_any, NULL);
    if (certificate == NULL)
        keep_hellos_short(ctx);
    else if ((SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1 ||
              SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)) {
        (void)fprintf(stderr, "cannot use certificate '%s' with key '%s'\n", certificate, key);
        ERR_print_errors_fp(stderr);
        exit(2);
    }
    return ctx;
}

struct sockaddr_in wire_address(const char *text)
{
    struct sockaddr_in sin = { .sin_family = AF_INET };
    struct slice port, ip = slice_cut(slice_str(text), ':', &port);
    char host[64];
    uint64_t number;

    if (!slice_to_cstr(ip, host, sizeof host) || inet_pton(AF_INET, host, &sin.sin_addr) != 1 ||
        !slice_to_u64(port, &number) || number > UINT16_MAX) {
        (void)fprintf(stderr, "'%s' is no address; write one like 127.0.0.1:2525\n", text);
        exit(2);
    }
    sin.sin_port = htons((uint16_t)number);
    return sin;
}

uint64_t wire_number(const char *option, const char *text, uint64_t least, uint64_t most)
{
    uint64_t n;

    if (!slice_to_u64(slice_str(text), &n) || n < least || n > most) {
        (void)fprintf(stderr, "%s '%s': give a number from %llu to %llu\n", option, text, (unsigned long long)least,
                      (unsigned long long)most);
        exit(2);
    }
    return n;
}

void wire_raise_files(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
}

static double seconds(clockid_t which)
{
    struct timespec ts;

    clock_gettime(which, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

double wire_now(void)
{
    return seconds(CLOCK_MONOTONIC);
}

double wire_cpu(void)
{
    return seconds(CLOCK_PROCESS_CPUTIME_ID);
}
