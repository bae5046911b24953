#include "cli/demo_policy_host.h"

#include "base/memory.h"
#include "cli/demo_certificates.h"
#include "cli/demo_place.h"
#include "net/address.h"
#include "net/tls_setup.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

enum { PATIENCE_S = 5, REQUEST_MAX = 8192, BACKLOG = 64 };

struct demo_policy_host {
    int fd;
    SSL_CTX *tls;
    pthread_t thread;
    bool is_running;
};

/* -- one visit ------------------------------------------------------------------------------------------------------
 */

/* The domain whose policy is asked for; NULL: none of ours. */
static const struct demo_domain *asked_for(struct slice request)
{
    static const char path[] = "GET /.well-known/mta-sts.txt ", host[] = "\r\nHost: mta-sts.";
    const struct demo_domain *domains;
    size_t len = demo_domains(&domains);
    const char *at = memmem(request.ptr, request.len, host, sizeof host - 1);
    struct slice name;

    if (!slice_starts(request, slice_str(path)) || at == NULL)
        return NULL;
    at += sizeof host - 1;
    name = slice_of(at, (size_t)(request.ptr + request.len - at));
    name = slice_first(name, strcspn(at, ":\r"));
    for (size_t i = 0; i < len; i++)
        if (domains[i].policy != NULL && slice_eq_case(name, slice_str(domains[i].name)))
            return &domains[i];
    return NULL;
}

static struct slice answer_to(struct slice request, struct arena *arena)
{
    const struct demo_domain *d = asked_for(request);
    struct slice body;

    if (d == NULL)
        return SLICE_LIT("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    body = arena_printf(arena, "version: STSv1\r\nmode: %s\r\nmx: %s\r\nmax_age: 604800\r\n", d->policy, d->mx);
    return arena_printf(
        arena, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%.*s",
        body.len, SLICE_FMT(body));
}

/* The head of a request, ended by NUL; empty when the visitor said anything else. */
static struct slice listen_to(SSL *ssl, char in[static REQUEST_MAX])
{
    size_t len = 0;

    while (len + 1 < REQUEST_MAX && memmem(in, len, "\r\n\r\n", 4) == NULL) {
        int got = SSL_read(ssl, in + len, (int)(REQUEST_MAX - 1 - len));

        if (got <= 0)
            return SLICE_LIT("");
        len += (size_t)got;
    }
    in[len] = '\0';
    return slice_of(in, len);
}

static void receive(const struct demo_policy_host *h, int fd)
{
    const struct timeval patience = { .tv_sec = PATIENCE_S };
    SSL *ssl = SSL_new(h->tls);
    struct arena arena = { 0 };
    char in[REQUEST_MAX];

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1) {
        struct slice request = listen_to(ssl, in);
        struct slice answer = answer_to(request, &arena);

        if (request.len > 0 && SSL_write(ssl, answer.ptr, (int)answer.len) > 0)
            (void)SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    close(fd);
    arena_release(&arena);
}

/* Until demo_policy_host_stop() shuts the socket down. */
static void *run(void *arg)
{
    struct demo_policy_host *h = arg;
    int fd;

    while ((fd = accept4(h->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
        receive(h, fd);
    return NULL;
}

/* -- life -----------------------------------------------------------------------------------------------------------
 */

static enum status bind_socket(struct demo_policy_host *h, struct fault *why)
{
    struct net_address at;
    int on = 1;

    if (net_address_parse(SLICE_LIT(DEMO_POLICY_IP), DEMO_HTTPS_PORT, &at) != OK)
        return ERR_SYNTAX;
    h->fd = socket(at.sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(h->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (h->fd < 0 || bind(h->fd, &at.sa.any, at.len) != 0 || listen(h->fd, BACKLOG) != 0)
        return fault_errno(why, "cannot listen at %s port %d", DEMO_POLICY_IP, DEMO_HTTPS_PORT);
    return OK;
}

static enum status set_up_tls(struct demo_policy_host *h, const char *folder, struct fault *why)
{
    struct arena arena = { 0 };
    enum status st = OK;

    tls_setup();
    h->tls = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(h->tls, demo_file(&arena, folder, DEMO_POLICY_HOST, ".pem")) != 1 ||
        SSL_CTX_use_PrivateKey_file(h->tls, demo_file(&arena, folder, DEMO_POLICY_HOST, ".key"), SSL_FILETYPE_PEM) !=
            1)
        st = fault_set(why, ERR_SYNTAX, "cannot read the certificate of the policy host in '%s'", folder);
    arena_release(&arena);
    return st;
}

enum status demo_policy_host_start(const char *folder, struct demo_policy_host **out, struct fault *why)
{
    struct demo_policy_host *h = NEW(struct demo_policy_host);
    enum status st = bind_socket(h, why);

    if (st == OK)
        st = set_up_tls(h, folder, why);
    if (st == OK && pthread_create(&h->thread, NULL, run, h) != 0)
        st = fault_errno(why, "cannot start a thread");
    h->is_running = st == OK;
    if (st == OK)
        *out = h;
    else
        demo_policy_host_stop(h);
    return st;
}

void demo_policy_host_stop(struct demo_policy_host *h)
{
    if (h == NULL)
        return;
    if (h->is_running) {
        (void)shutdown(h->fd, SHUT_RDWR);
        pthread_join(h->thread, NULL);
    }
    if (h->fd >= 0)
        close(h->fd);
    SSL_CTX_free(h->tls);
    free(h);
}
