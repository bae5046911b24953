#include "net/https_exchange.h"

#include "base/memory.h"
#include "base/utf8.h"
#include "net/tls_profile.h"
#include "net/tls_setup.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <unistd.h>

enum { HEADERS_MOST = 32 * 1024, RETRY_AFTER_MOST_S = 86400, SPARE_MS = 60000 };

struct exchanger {
    struct loop *loop;
    CURLM *multi;
    struct loop_timer timer;
};

/* A socket that libcurl wants watched. */
struct watched {
    struct exchanger *exchanger;
    struct loop_io io;
};

static void must(bool good, const char *what)
{
    if (good)
        return;
    (void)fprintf(stderr, "sternpost: libcurl failed where only a lack of memory makes it fail: %s\n", what);
    abort();
}

static void set_up(void)
{
    tls_setup(); /* first, so that libcurl does not make OpenSSL read the machine's openssl.cnf */
    must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, "curl_global_init");
}

static void finish(struct exchange *x, CURLcode code);

/* -- the loop and libcurl ------------------------------------------------------------------------------------- */

static void turn(struct exchanger *e, curl_socket_t fd, int events)
{
    struct CURLMsg *m;
    int running;

    (void)curl_multi_socket_action(e->multi, fd, events, &running);
    while ((m = curl_multi_info_read(e->multi, &running)) != NULL) {
        CURLcode code = m->data.result;
        struct exchange *x = NULL;

        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&x);
        if (m->msg == CURLMSG_DONE)
            finish(x, code);
    }
}

static void on_ready(struct loop_io *io, unsigned events)
{
    struct watched *w = CONTAINER_OF(io, struct watched, io);
    int bits = (events & LOOP_READ ? CURL_CSELECT_IN : 0) | (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0) |
               (events & LOOP_HANGUP ? CURL_CSELECT_ERR : 0);

    turn(w->exchanger, io->fd, bits);
}

static void on_timer(struct loop_timer *t)
{
    turn(CONTAINER_OF(t, struct exchanger, timer), CURL_SOCKET_TIMEOUT, 0);
}

static int watch(CURL *easy, curl_socket_t fd, int what, void *me, void *known)
{
    struct exchanger *e = me;
    struct watched *w = known;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w != NULL)
            loop_unwatch(e->loop, &w->io);
        free(w);
        return 0;
    }
    if (w == NULL) {
        w = NEW(struct watched);
        w->exchanger = e;
        w->io.ready = on_ready;
        (void)curl_multi_assign(e->multi, fd, w);
    }
    loop_watch(e->loop, &w->io, fd, (what & CURL_POLL_IN ? LOOP_READ : 0U) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0U));
    return 0;
}

static int set_timer(CURLM *multi, long in_ms, void *me)
{
    struct exchanger *e = me;

    (void)multi;
    if (in_ms < 0)
        loop_timer_clear(e->loop, &e->timer);
    else
        loop_timer_set(e->loop, &e->timer, in_ms);
    return 0;
}

#define MULTI(option, value) must(curl_multi_setopt(e->multi, option, value) == CURLM_OK, #option)

struct exchanger *exchanger_new(struct loop *loop)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct exchanger *e = NEW(struct exchanger);

    (void)pthread_once(&once, set_up);
    e->loop = loop;
    e->timer.fire = on_timer;
    e->multi = curl_multi_init();
    must(e->multi != NULL, "curl_multi_init");
    MULTI(CURLMOPT_SOCKETFUNCTION, watch);
    MULTI(CURLMOPT_SOCKETDATA, e);
    MULTI(CURLMOPT_TIMERFUNCTION, set_timer);
    MULTI(CURLMOPT_TIMERDATA, e);
    return e;
}

void exchanger_free(struct exchanger *e)
{
    if (e == NULL)
        return;
    (void)curl_multi_cleanup(e->multi);
    loop_timer_clear(e->loop, &e->timer);
    free(e);
}

/* -- what libcurl asks of an exchange ------------------------------------------------------------------------- */

static curl_socket_t open_socket(void *me, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct exchange *x = me;
    int fd = x->fd;

    (void)purpose, (void)address;
    x->fd = -1;
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int is_connected(void *me, curl_socket_t fd, curlsocktype purpose)
{
    (void)me, (void)fd, (void)purpose;
    return CURL_SOCKOPT_ALREADY_CONNECTED;
}

/* libcurl would take the common name of a certificate without DNS names; this check, in the handshake, does not
 * (STS-19). The store is one of our own, which libcurl's additions to the context's store do not reach. */
static CURLcode set_tls(CURL *easy, void *ssl_ctx, void *me)
{
    struct exchange *x = me;
    SSL_CTX *ctx = ssl_ctx;
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);

    (void)easy;
    tls_profile_apply(ctx, TLS_PROFILE_INTERMEDIATE, true);
    SSL_CTX_set_read_ahead(ctx, 0); /* libcurl asks SSL_pending(), which does not know of what was read ahead */
    SSL_CTX_set_keylog_callback(ctx, NULL);
    tls_must(SSL_CTX_set1_verify_cert_store(ctx, x->trust));
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    tls_must(X509_VERIFY_PARAM_set1_host(param, x->request->host.ptr, x->request->host.len));
    return CURLE_OK;
}

static bool is_header(struct slice line, struct slice name, struct slice *value)
{
    struct slice field = slice_cut(line, ':', value);

    while (value->len > 0 && (value->ptr[value->len - 1] == '\r' || value->ptr[value->len - 1] == '\n'))
        value->len--;
    *value = slice_trim(*value);
    return slice_eq_case(slice_trim(field), name);
}

/* Every header line, of interim answers and trailers too. */
static size_t on_header(char *ptr, size_t size, size_t count, void *me)
{
    struct exchange *x = me;
    struct slice line = slice_of(ptr, size * count), value;

    x->header_bytes += line.len;
    x->is_too_large = x->header_bytes > HEADERS_MOST;
    if (is_header(line, SLICE_LIT("Content-Encoding"), &value) && !slice_eq_case(value, SLICE_LIT("identity")))
        x->is_encoded = true;
    if (is_header(line, SLICE_LIT("Transfer-Encoding"), &value) && !slice_eq_case(value, SLICE_LIT("chunked")) &&
        !slice_eq_case(value, SLICE_LIT("identity")))
        x->is_encoded = true;
    return x->is_too_large || x->is_encoded ? 0 : line.len;
}

static size_t on_body(char *ptr, size_t size, size_t count, void *me)
{
    struct exchange *x = me;

    if (buf_add(&x->request->answer, slice_of(ptr, size * count)) != OK) {
        x->is_too_large = true;
        return 0;
    }
    return size * count;
}

/* -- one exchange --------------------------------------------------------------------------------------------- */

#define SET(option, value) must(curl_easy_setopt(x->easy, option, value) == CURLE_OK, #option)

static struct curl_slist *append(struct curl_slist *list, struct arena *arena, const char *name, struct slice value)
{
    struct curl_slist *longer = curl_slist_append(list, arena_printf(arena, "%s%.*s", name, SLICE_FMT(value)).ptr);

    must(longer != NULL, "curl_slist_append");
    return longer;
}

static void set_request(struct exchange *x, uint16_t port)
{
    const struct https_request *q = x->request;
    struct arena arena = { 0 };

    SET(CURLOPT_URL, arena_printf(&arena, "https://%.*s:%u%.*s", SLICE_FMT(q->host), port, SLICE_FMT(q->path)).ptr);
    /* A number, so that libcurl has nothing to resolve; and nobody's: the connection is open_socket()'s. */
    x->pin = append(NULL, &arena, "::0.0.0.0:1", SLICE_LIT(""));
    SET(CURLOPT_CONNECT_TO, x->pin);
    SET(CURLOPT_USERAGENT, "sternpost/" STERNPOST_VERSION);
    if (q->is_post) {
        x->headers = append(x->headers, &arena, "Content-Type: ", q->content_type);
        x->headers = append(x->headers, &arena, "Expect:", SLICE_LIT("")); /* no wait for 100 Continue */
        SET(CURLOPT_HTTPHEADER, x->headers);
        SET(CURLOPT_POST, 1L);
        SET(CURLOPT_POSTFIELDS, q->body.len == 0 ? "" : q->body.ptr);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body.len);
    }
    arena_release(&arena);
}

/* What libcurl would do by itself, or by its environment, and must not. */
static void set_limits(struct exchange *x)
{
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FOLLOWLOCATION, 0L); /* STS-01 */
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_HTTP_CONTENT_DECODING, 0L);
    SET(CURLOPT_DNS_CACHE_TIMEOUT, 0L);
    SET(CURLOPT_FRESH_CONNECT, 1L);
    SET(CURLOPT_FORBID_REUSE, 1L);
    SET(CURLOPT_TIMEOUT_MS, (long)(x->request->deadline_ms + SPARE_MS)); /* the owner's deadline comes first */
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)x->request->answer_most);
}

static void set_security(struct exchange *x)
{
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
    SET(CURLOPT_CAINFO, NULL);
    SET(CURLOPT_CAPATH, NULL);
    SET(CURLOPT_CA_CACHE_TIMEOUT, 0L);
    SET(CURLOPT_SSL_CTX_FUNCTION, set_tls);
    SET(CURLOPT_SSL_CTX_DATA, x);
}

static void set_callbacks(struct exchange *x)
{
    SET(CURLOPT_PRIVATE, x);
    SET(CURLOPT_ERRORBUFFER, x->error);
    SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
    SET(CURLOPT_OPENSOCKETDATA, x);
    SET(CURLOPT_SOCKOPTFUNCTION, is_connected);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, x);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, x);
}

void exchange_start(struct exchanger *e, struct exchange *x, struct https_request *q, uint16_t port, int fd,
                    X509_STORE *trust)
{
    x->request = q;
    x->trust = trust;
    x->multi = e->multi;
    x->fd = fd;
    x->easy = curl_easy_init();
    must(x->easy != NULL, "curl_easy_init");
    set_callbacks(x);
    set_limits(x);
    set_security(x);
    set_request(x, port);
    must(curl_multi_add_handle(e->multi, x->easy) == CURLM_OK, "curl_multi_add_handle");
}

void exchange_stop(struct exchange *x)
{
    if (x->easy == NULL)
        return;
    (void)curl_multi_remove_handle(x->multi, x->easy);
    curl_easy_cleanup(x->easy);
    curl_slist_free_all(x->pin);
    curl_slist_free_all(x->headers);
    X509_STORE_free(x->trust);
    if (x->fd >= 0)
        close(x->fd);
    *x = (struct exchange){ .done = x->done, .fd = -1 };
}

/* -- how it went ---------------------------------------------------------------------------------------------- */

static const struct {
    CURLcode code;
    enum https_outcome outcome;
    const char *words;
} codes[] = {
    { CURLE_PEER_FAILED_VERIFICATION, HTTPS_CERTIFICATE, "its certificate cannot be trusted" },
    { CURLE_SSL_CONNECT_ERROR, HTTPS_TLS, "the TLS handshake failed" },
    { CURLE_SSL_CIPHER, HTTPS_TLS, "the TLS handshake failed" },
    { CURLE_OPERATION_TIMEDOUT, HTTPS_TIMEOUT, "it did not answer in time" },
    { CURLE_FILESIZE_EXCEEDED, HTTPS_TOO_LARGE, "the answer is too large" },
    { CURLE_COULDNT_CONNECT, HTTPS_UNREACHABLE, "it cannot be reached" },
    { CURLE_GOT_NOTHING, HTTPS_BROKEN, "it closed the connection without an answer" },
    { CURLE_PARTIAL_FILE, HTTPS_BROKEN, "the answer ended too early" },
};

static void judge_failure(struct exchange *x, CURLcode code)
{
    struct https_request *q = x->request;
    const char *words = "it does not speak HTTP as it should";
    const char *detail = x->error[0] != '\0' ? x->error : curl_easy_strerror(code);
    char shown[200];
    struct slice put;
    long verified = 0;

    q->outcome = HTTPS_BROKEN;
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        if (codes[i].code != code)
            continue;
        q->outcome = codes[i].outcome;
        words = codes[i].words;
    }
    (void)curl_easy_getinfo(x->easy, CURLINFO_SSL_VERIFYRESULT, &verified);
    if (q->outcome == HTTPS_CERTIFICATE && verified > X509_V_ERR_UNSPECIFIED)
        detail = X509_verify_cert_error_string(verified);
    put = utf8_printable(slice_str(detail), shown, sizeof shown);
    (void)fault_set(&q->why, ERR_TEMPORARY, "'%.*s': %s: %.*s", SLICE_FMT(q->host), words, SLICE_FMT(put));
}

static void judge(struct exchange *x, CURLcode code)
{
    struct https_request *q = x->request;

    if (x->is_too_large) {
        q->outcome = HTTPS_TOO_LARGE;
        (void)fault_set(&q->why, ERR_LIMIT, "'%.*s': the answer is too large: more than %zu bytes, or %d of headers",
                        SLICE_FMT(q->host), q->answer_most, HEADERS_MOST);
    } else if (x->is_encoded) {
        q->outcome = HTTPS_BROKEN;
        q->is_encoded = true;
        (void)fault_set(&q->why, ERR_SYNTAX, "'%.*s': the answer is encoded (compressed) though nobody asked for that",
                        SLICE_FMT(q->host));
    } else {
        judge_failure(x, code);
    }
}

static void read_answer(struct exchange *x)
{
    struct https_request *q = x->request;
    const char *type = NULL;
    curl_off_t retry_after = 0;
    long status = 0;
    struct slice put;

    q->outcome = HTTPS_ANSWERED;
    (void)curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(x->easy, CURLINFO_CONTENT_TYPE, &type);
    (void)curl_easy_getinfo(x->easy, CURLINFO_RETRY_AFTER, &retry_after);
    q->status = (int)status;
    put = utf8_printable(slice_str(type), q->type, sizeof q->type - 1);
    q->type[put.len] = '\0';
    if (retry_after > 0)
        q->retry_after_s = retry_after < RETRY_AFTER_MOST_S ? retry_after : RETRY_AFTER_MOST_S;
}

static void finish(struct exchange *x, CURLcode code)
{
    if (code == CURLE_OK)
        read_answer(x);
    else
        judge(x, code);
    if (x->request->outcome != HTTPS_ANSWERED)
        buf_reset(&x->request->answer);
    exchange_stop(x);
    x->done(x);
}
