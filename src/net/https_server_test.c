#include "net/https_server.h"

#include "base/clock.h"
#include "base/memory.h"
#include "net/tls_fixture.h"

enum { SHORT_MS = 150, PATIENCE_MS = 20000, ANSWER_MOST = 4096, CLIENTS = 8, BIG = 100 * 1000 };

#define POLICY "GET /policy HTTP/1.1\r\nHost: a.example.test\r\n"
#define REPORT(length) "POST /reports HTTP/1.1\r\nHost: a.example.test\r\nContent-Length: " length "\r\n"

static struct {
    struct loop *loop;
    struct https_server *server;
    struct net_address at;
    SSL_CTX *ctx;
    unsigned begun, ended, gone, pieces;
    size_t bytes, longest;
    unsigned sum;
    unsigned answers_early; /* a code: already at the beginning */
    bool keeps;
    struct https_call *kept;
} f;

static void on_begin(struct https_call *call)
{
    f.begun++;
    call->state = &f;
    if (f.answers_early != 0)
        https_answer(call, &(struct https_answer){ .code = f.answers_early });
}

static void on_piece(struct https_call *call, struct slice piece)
{
    CHECK(call->state == &f && piece.len > 0);
    f.pieces++;
    f.bytes += piece.len;
    f.longest = piece.len > f.longest ? piece.len : f.longest;
    for (size_t i = 0; i < piece.len; i++)
        f.sum += (unsigned char)piece.ptr[i];
}

static void on_end(struct https_call *call)
{
    f.ended++;
    if (f.keeps)
        f.kept = call;
    else
        https_answer(call, &(struct https_answer){ .code = 200, .type = "text/plain", .body = call->host });
}

static void on_gone(struct https_call *call)
{
    CHECK(call->ctx == &f);
    f.gone++;
}

static bool is_ours(void *ctx, struct slice host)
{
    CHECK(ctx == &f);
    return slice_eq(host, SLICE_LIT("a.example.test"));
}

static const struct https_handler handler = { .begin = on_begin, .piece = on_piece, .end = on_end, .gone = on_gone };

static const struct https_route routes[] = {
    { .has_host = is_ours, .method = HTTP_GET, .path = "/policy", .handler = &handler },
    { .has_host = is_ours, .method = HTTP_POST, .path = "/reports", .body_bytes_max = BIG, .handler = &handler },
};

static struct https_limits patient(void)
{
    struct https_limits l = https_limits_usual;

    l.handshake_ms = l.head_ms = l.body_ms = l.answer_ms = l.idle_ms = PATIENCE_MS;
    return l;
}

static void start(struct https_limits limits)
{
    const struct tls_server_certificate wild = { path_of("wild", "pem"), path_of("wild", "key") };
    const struct tls_server_config tls = { .profile = TLS_PROFILE_INTERMEDIATE,
                                           .certificates = &wild,
                                           .certificates_len = 1 };
    struct https_server_config config = { .tls = &tls, .addresses_len = 1, .limits = limits, .ctx = &f };
    struct fault why = { "" };

    memset(&f, 0, sizeof f);
    f.loop = loop_new();
    f.ctx = raw_client();
    CHECK(net_address_parse(SLICE_LIT("127.0.0.1"), 0, &f.at) == OK);
    config.loop = f.loop;
    config.addresses = &f.at;
    config.routes = routes;
    config.routes_len = COUNT_OF(routes);
    if (https_server_new(&config, &f.server, &why) != OK)
        fail_msg("%s", why.text);
    https_server_address(f.server, 0, &f.at);
}

static void stop(void)
{
    https_server_free(f.server);
    loop_free(f.loop);
    SSL_CTX_free(f.ctx);
}

/* -- a client ----------------------------------------------------------------------------------------------- */

struct client {
    struct stream stream;
    bool is_shaken, is_over;
    struct slice text; /* what is left to be said */
    char answer[ANSWER_MOST];
    size_t answer_len;
};

static void client_open(struct client *c, const char *sni)
{
    struct fault why = { "" };
    SSL *ssl = SSL_new(f.ctx);

    *c = (struct client){ 0 };
    CHECK(stream_connect(&c->stream, &f.at, NULL, &why) == OK);
    if (sni != NULL)
        CHECK(SSL_set_tlsext_host_name(ssl, sni) == 1);
    SSL_set_connect_state(ssl);
    stream_start_session(&c->stream, ssl);
}

static void client_turn(struct client *c)
{
    size_t n;

    if (!c->is_shaken) {
        enum stream_result r = stream_handshake(&c->stream);

        c->is_shaken = r == STREAM_OK;
        c->is_over = r == STREAM_BROKEN || r == STREAM_END;
    }
    if (!c->is_shaken || c->is_over)
        return;
    if (c->text.len > 0) {
        enum stream_result r = stream_write(&c->stream, c->text, &n);

        c->text = slice_from(c->text, n);
        if (r == STREAM_BROKEN)
            c->text.len = 0;
    }
    for (;;) {
        enum stream_result r = stream_read(&c->stream, c->answer + c->answer_len, ANSWER_MOST - c->answer_len, &n);

        c->answer_len += n;
        c->is_over = r == STREAM_END || r == STREAM_BROKEN;
        if (r != STREAM_OK)
            return;
    }
}

static bool holds(const struct client *c, const char *text)
{
    return memmem(c->answer, c->answer_len, text, strlen(text)) != NULL;
}

/* Turns both ends until `text` has come, or the end has (NULL). False: the end came first. */
static bool await(struct client *c, const char *text)
{
    int64_t begin = clock_mono_ms();

    while (clock_mono_ms() - begin < PATIENCE_MS) {
        client_turn(c);
        if (text != NULL && holds(c, text))
            return true;
        if (c->is_over)
            return text == NULL;
        loop_turn(f.loop, 1);
    }
    fail_msg("nothing comes for %d ms", PATIENCE_MS);
    return false;
}

static void ask(struct client *c, const char *sni, const char *text)
{
    client_open(c, sni);
    c->text = slice_str(text);
}

/* -- faults ----------------------------------------------------------------------------------------------- */

static const struct {
    const char *name, *request, *status;
} refusals[] = {
    { "no Host", "GET /policy HTTP/1.1\r\n\r\n", "400" },
    { "two lengths", REPORT("3") "Content-Length: 4\r\n\r\nabcd", "400" },
    { "a length and chunks", REPORT("3") "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400" },
    { "a bare LF", "GET /policy HTTP/1.1\nHost: a.example.test\r\n\r\n", "400" },
    { "folded field", POLICY "X: a\r\n b\r\n\r\n", "400" },
    { "blank before the colon", POLICY "X : a\r\n\r\n", "400" },
    { "absolute form", "GET https://a.example.test/policy HTTP/1.1\r\nHost: a.example.test\r\n\r\n", "400" },
    { "HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400" },
    { "another path", "GET /etc/passwd HTTP/1.1\r\nHost: a.example.test\r\n\r\n", "404" },
    { "dot segments", "GET /../policy HTTP/1.1\r\nHost: a.example.test\r\n\r\n", "404" },
    { "PUT is no method of ours", "PUT /reports HTTP/1.1\r\nHost: a.example.test\r\n\r\n", "501" },
    { "PATCH", "PATCH /reports HTTP/1.1\r\nHost: a.example.test\r\nContent-Length: 0\r\n\r\n", "405" },
    { "chunks alone", "POST /reports HTTP/1.1\r\nHost: a.example.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "411" },
    { "no length", "POST /reports HTTP/1.1\r\nHost: a.example.test\r\n\r\n", "411" },
    { "too long", REPORT("100001") "\r\nabc", "413" },
    { "too long, and asks first", REPORT("99999999999") "Expect: 100-continue\r\n\r\n", "413" },
    { "an encoding unknown to us", REPORT("3") "Content-Encoding: br\r\n\r\nabc", "415" },
    { "another host", "GET /policy HTTP/1.1\r\nHost: b.example.test\r\n\r\n", "421" },
};

TEST(what_is_wrong_is_answered_and_closed) /* RPT-08, STS-27, TLS-18, WEB-05, WEB-06 */
{
    start(patient());
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        struct client c;
        char line[32];

        ask(&c, "a.example.test", refusals[i].request);
        CHECK_CASE(refusals[i].name, await(&c, NULL));
        (void)snprintf(line, sizeof line, "HTTP/1.1 %s ", refusals[i].status);
        CHECK_CASE(refusals[i].name, slice_starts(slice_of(c.answer, c.answer_len), slice_str(line)));
        CHECK_CASE(refusals[i].name, holds(&c, "Connection: close\r\n"));
        stream_close(&c.stream);
    }
    CHECK_INT(f.begun, 0);
    stop();
}

TEST(host_is_that_of_the_certificate) /* TLS-17, TLS-18 */
{
    static const char *const others[] = { NULL, "b.example.test", "nowhere.test" };

    start(patient());
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        struct client c;

        ask(&c, others[i], POLICY "\r\n");
        CHECK(await(&c, NULL) && holds(&c, "HTTP/1.1 421 "));
        stream_close(&c.stream);
    }
    stop();
}

TEST(heads_have_limits) /* STS-27: 10k headers; WEB-05: huge method */
{
    static char text[200 * 1000];
    struct client c;
    size_t len = (size_t)snprintf(text, sizeof text, POLICY);

    start(patient());
    for (int i = 0; i < 10000; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "X: %d\r\n", i);
    ask(&c, "a.example.test", text);
    CHECK(await(&c, NULL) && holds(&c, "HTTP/1.1 431 "));
    stream_close(&c.stream);
    memset(text, 'A', sizeof text - 1);
    ask(&c, "a.example.test", text);
    CHECK(await(&c, NULL) && holds(&c, "HTTP/1.1 431 "));
    stream_close(&c.stream);
    stop();
}

/* -- what is served --------------------------------------------------------------------------------------- */

TEST(connection_is_kept)
{
    struct https_limits limits = patient();
    struct client c;

    limits.requests_max = 3;
    start(limits);
    ask(&c, "a.example.test", POLICY "\r\n" POLICY "\r\n"); /* at once */
    CHECK(await(&c, "keep-alive\r\n\r\na.example.test"));
    while (f.ended < 2)
        loop_turn(f.loop, 1);
    c.text = SLICE_LIT(POLICY "\r\n");
    CHECK(await(&c, "Connection: close\r\n\r\na.example.test"));
    CHECK(await(&c, NULL) && f.ended == 3);
    stream_close(&c.stream);
    ask(&c, "a.example.test", POLICY "Connection: close\r\n\r\n");
    CHECK(await(&c, NULL) && holds(&c, "HTTP/1.1 200 OK\r\n") && holds(&c, "Content-Type: text/plain\r\n"));
    stream_close(&c.stream);
    stop();
}

TEST(head_has_no_body)
{
    struct client c;

    start(patient());
    ask(&c, "a.example.test", "HEAD /policy HTTP/1.1\r\nHost: a.example.test\r\nConnection: close\r\n\r\n");
    CHECK(await(&c, NULL) && holds(&c, "Content-Length: 14\r\n"));
    CHECK(slice_eq(slice_of(c.answer + c.answer_len - 4, 4), SLICE_LIT("\r\n\r\n")));
    stream_close(&c.stream);
    stop();
}

TEST(body_comes_in_pieces) /* RPT-08: never whole in memory */
{
    static char text[BIG + 200];
    struct client c;
    unsigned sum = 0;
    size_t len = (size_t)snprintf(text, sizeof text, REPORT("100000") "\r\n");

    for (size_t i = 0; i < BIG; i++) {
        text[len + i] = (char)('a' + i % 26);
        sum += (unsigned)('a' + i % 26);
    }
    start(patient());
    client_open(&c, "a.example.test");
    c.text = slice_of(text, len + BIG);
    CHECK(await(&c, "HTTP/1.1 200 "));
    CHECK(f.bytes == BIG && f.sum == sum && f.pieces > 10 && f.longest <= HTTP_HEAD_BYTES_MAX);
    CHECK(f.begun == 1 && f.ended == 1 && f.gone == 0);
    stream_close(&c.stream);
    stop();
}

TEST(client_that_asks_first_is_told_to_go_on)
{
    struct client c;

    start(patient());
    ask(&c, "a.example.test", REPORT("5") "Expect: 100-continue\r\n\r\n");
    CHECK(await(&c, "HTTP/1.1 100 Continue\r\n\r\n") && f.ended == 0);
    c.text = SLICE_LIT("hello");
    CHECK(await(&c, "HTTP/1.1 200 ") && f.bytes == 5);
    stream_close(&c.stream);
    stop();
}

TEST(an_early_answer_closes)
{
    struct client c;

    start(patient());
    f.answers_early = 503;
    ask(&c, "a.example.test", REPORT("100000") "\r\nhello");
    CHECK(await(&c, NULL) && holds(&c, "HTTP/1.1 503 "));
    CHECK(f.begun == 1 && f.pieces == 0 && f.ended == 0 && f.gone == 0);
    stream_close(&c.stream);
    stop();
}

TEST(late_answers)
{
    struct client c;

    start(patient());
    f.keeps = true;
    ask(&c, "a.example.test", POLICY "Connection: close\r\n\r\n");
    while (f.kept == NULL) {
        client_turn(&c);
        loop_turn(f.loop, 1);
    }
    https_answer(f.kept, &(struct https_answer){ .code = 202 });
    CHECK(await(&c, NULL) && holds(&c, "HTTP/1.1 202 ") && f.gone == 0);
    stream_close(&c.stream);
    stop();
}

TEST(who_leaves_is_gone)
{
    struct client c;

    start(patient());
    ask(&c, "a.example.test", REPORT("10") "\r\nhello");
    while (f.bytes < 5) {
        client_turn(&c);
        loop_turn(f.loop, 1);
    }
    stream_close(&c.stream);
    while (f.gone == 0)
        loop_turn(f.loop, 1);
    f.keeps = true;
    ask(&c, "a.example.test", POLICY "\r\n");
    while (f.kept == NULL) {
        client_turn(&c);
        loop_turn(f.loop, 1);
    }
    https_server_free(f.server); /* with the call in the handler's hands */
    f.server = NULL;
    CHECK_INT(f.gone, 2);
    stream_close(&c.stream);
    stop();
}

/* -- limits ----------------------------------------------------------------------------------------------- */

TEST(slow_bodies_end) /* RPT-08: 1 B/s; the time is for the whole body */
{
    struct https_limits limits = patient();
    int64_t begin = clock_mono_ms();
    struct client c;

    limits.body_ms = SHORT_MS;
    start(limits);
    ask(&c, "a.example.test", REPORT("100000") "\r\n");
    while (!c.is_over && clock_mono_ms() - begin < PATIENCE_MS) {
        if (c.text.len == 0)
            c.text = SLICE_LIT("x");
        client_turn(&c);
        loop_turn(f.loop, SHORT_MS / 10);
    }
    CHECK(holds(&c, "HTTP/1.1 408 ") && f.gone == 1 && f.ended == 0);
    stream_close(&c.stream);
    stop();
}

TEST(slow_heads_end) /* WEB-10 */
{
    struct https_limits limits = patient();
    struct client c;

    limits.head_ms = limits.idle_ms = SHORT_MS;
    start(limits);
    ask(&c, "a.example.test", POLICY);
    CHECK(await(&c, NULL) && holds(&c, "HTTP/1.1 408 "));
    stream_close(&c.stream);
    client_open(&c, "a.example.test"); /* who says nothing is told nothing */
    CHECK(await(&c, NULL) && c.answer_len == 0);
    stream_close(&c.stream);
    ask(&c, "a.example.test", POLICY "\r\n");
    CHECK(await(&c, "HTTP/1.1 200 ") && await(&c, NULL) && !holds(&c, "408"));
    stream_close(&c.stream);
    stop();
}

TEST(handshakes_end)
{
    struct https_limits limits = patient();
    struct client c;
    char in[8];
    ssize_t n = -1;

    limits.handshake_ms = SHORT_MS;
    start(limits);
    client_open(&c, "a.example.test");
    while (n < 0) {
        loop_turn(f.loop, 10);
        n = recv(c.stream.fd, in, sizeof in, MSG_DONTWAIT);
    }
    CHECK_INT(n, 0);
    stream_close(&c.stream);
    stop();
}

TEST(connections_of_one_address_are_capped) /* RPT-08: 1000 parallel */
{
    struct https_limits limits = patient();
    struct client c[CLIENTS];

    limits.connections_per_address = 2;
    start(limits);
    for (size_t i = 0; i < 2; i++) {
        ask(&c[i], "a.example.test", POLICY "\r\n");
        CHECK(await(&c[i], "HTTP/1.1 200 "));
    }
    client_open(&c[2], "a.example.test"); /* keeps the third place */
    while (!c[2].is_shaken) {
        client_turn(&c[2]);
        loop_turn(f.loop, 1);
    }
    ask(&c[3], "a.example.test", POLICY "\r\n");
    CHECK(await(&c[3], "HTTP/1.1 429 ") && holds(&c[3], "Retry-After: 60\r\n"));
    ask(&c[4], "a.example.test", POLICY "\r\n"); /* twice too many: not even a handshake */
    CHECK(await(&c[4], NULL) && c[4].answer_len == 0 && !c[4].is_shaken);
    for (size_t i = 0; i < 5; i++)
        stream_close(&c[i].stream);
    for (int i = 0; i < 10; i++)
        loop_turn(f.loop, 1);
    ask(&c[0], "a.example.test", POLICY "\r\n");
    CHECK(await(&c[0], "HTTP/1.1 200 "));
    stream_close(&c[0].stream);
    stop();
}

TEST(connections_in_all_are_capped) /* WEB-10 */
{
    struct https_limits limits = patient();
    struct client c[3];

    limits.connections_max = 2;
    start(limits);
    for (size_t i = 0; i < 2; i++) {
        ask(&c[i], "a.example.test", POLICY "\r\n");
        CHECK(await(&c[i], "HTTP/1.1 200 "));
    }
    ask(&c[2], "a.example.test", POLICY "\r\n");
    for (int i = 0; i < 10; i++) {
        client_turn(&c[2]);
        loop_turn(f.loop, 1);
    }
    CHECK(!c[2].is_shaken); /* it waits in the backlog */
    stream_close(&c[0].stream);
    CHECK(await(&c[2], "HTTP/1.1 200 "));
    stream_close(&c[1].stream);
    stream_close(&c[2].stream);
    stop();
}

TEST(http_alone_is_spoken) /* TLS-14, WEB-06 */
{
    static const unsigned char h2_and_http[] = { 2, 'h', '2', 8, 'h', 't', 't', 'p', '/', '1', '.', '1' };
    static const unsigned char smtp[] = { 4, 's', 'm', 't', 'p' };
    struct client c;

    start(patient());
    CHECK(SSL_CTX_set_alpn_protos(f.ctx, h2_and_http, sizeof h2_and_http) == 0);
    ask(&c, "a.example.test", POLICY "\r\n");
    CHECK(await(&c, "HTTP/1.1 200 "));
    stream_close(&c.stream);
    CHECK(SSL_CTX_set_alpn_protos(f.ctx, smtp, sizeof smtp) == 0);
    ask(&c, "a.example.test", POLICY "\r\n");
    CHECK(await(&c, NULL) && !c.is_shaken);
    stream_close(&c.stream);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(what_is_wrong_is_answered_and_closed),
        T(host_is_that_of_the_certificate),
        T(heads_have_limits),
        T(connection_is_kept),
        T(head_has_no_body),
        T(body_comes_in_pieces),
        T(client_that_asks_first_is_told_to_go_on),
        T(an_early_answer_closes),
        T(late_answers),
        T(who_leaves_is_gone),
        T(slow_bodies_end),
        T(slow_heads_end),
        T(handshakes_end),
        T(connections_of_one_address_are_capped),
        T(connections_in_all_are_capped),
        T(http_alone_is_spoken),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
