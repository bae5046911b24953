/* relay/node_test.c: a whole node in this process: letters in by SMTP, out to a server that follows a script. */
#include "relay/node.h"

#include "base/clock.h"
#include "base/memory.h"
#include "relay/metrics.h"
#include "relay/node_private.h"
#include "relay/script_peer.h"
#include "settings/password.h"

#include <dirent.h>
#include <sodium.h>

enum { WAIT_MS = 15000, STOP_MS = 3000 };

/* -- a node and its world ------------------------------------------------------------------------------------------
 */

struct world {
    struct script_peer peer; /* every server of the world: 127.0.0.2 */
    struct tls_server *tls;
    char dir[64], store[96];
    struct config *config;
    struct node *node;
};

static const char config_text[] =
    "hostname = \"gateway.example.test\"\n"
    "store = \"sqlite:%s/queue.db\"\n"
    "control-socket = \"%s/control\"\n"
    "workers = %u\n"
    "certificate \"default\" { chain = \"%s\" key = \"%s\" }\n"
    "listener \"relay\" { role = relay address = {\"127.0.0.1:%u\"} tls = none networks = {127.0.0.0/8} }\n"
    "listener \"submissions\" { role = submission address = {\"127.0.0.1:%u\"} tls = implicit }\n"
    "outbound { port = %u allow-private = true retry = {1s} command-timeout = 5s end-timeout = 5s handshake-timeout = "
    "5s }\n"
    "resolver { forwarders = {127.0.0.1@9} timeout = 1s local-data = {\n"
    "  \"example.test. 60 IN MX 10 mx.example.test.\", \"home.test. 60 IN MX 10 mx.example.test.\",\n"
    "  \"mx.example.test. 60 IN A 127.0.0.2\", \"null.test. 60 IN MX 0 .\" } }\n"
    "limits { min-free-space = 0 }\n";

/* A port nobody listens at, until somebody does. */
static unsigned free_port(void)
{
    struct net_address at;
    struct listener l;
    struct fault why;

    CHECK(net_address_parse(SLICE_LIT("127.0.0.1"), 0, &at) == OK);
    CHECK(listener_open(&l, &at, true, &why) == OK);
    listener_address(&l, &at);
    listener_close(&l);
    return net_address_port(&at);
}

static void load_config(struct world *w, unsigned workers)
{
    char file[96];
    struct fault why = { "" };
    FILE *f;

    (void)snprintf(file, sizeof file, "%s/conf", w->dir);
    (void)snprintf(w->store, sizeof w->store, "sqlite:%s/queue.db", w->dir);
    f = fopen(file, "w");
    CHECK(f != NULL);
    (void)fprintf(f, config_text, w->dir, w->dir, workers, path_of("good", "pem"), path_of("good", "key"), free_port(),
                  free_port(), net_address_port(&w->peer.at));
    CHECK(fclose(f) == 0);
    if (config_load(file, &w->config, &why) != OK)
        fail_msg("%s", why.text);
}

/* Scripts are set by the caller, and the peer is started, before world_open(). */
static void world_begin(struct world *w, unsigned workers)
{
    *w = (struct world){ .dir = "/tmp/sternpost-node-XXXXXX" };
    CHECK(mkdtemp(w->dir) != NULL);
    script_peer_open(&w->peer);
    w->tls = serve_one("good");
    w->peer.tls = w->tls;
    load_config(w, workers);
}

static void world_open(struct world *w, const struct setting_row *rows, size_t rows_len)
{
    struct snapshot *settings = NULL;
    struct fault why = { "" };

    script_peer_start(&w->peer);
    if (node_new(w->config, &w->node, &why) != OK)
        fail_msg("%s", why.text);
    if (rows_len > 0) {
        if (snapshot_new(rows, rows_len, 1, &settings, &why) != OK)
            fail_msg("%s", why.text);
        node_publish(w->node, settings);
    }
    CHECK(node_start(w->node, &why) == OK);
}

static void node_end(struct world *w, int64_t grace_ms)
{
    node_stop(w->node, grace_ms);
    node_free(w->node);
    w->node = NULL;
}

/* Messages left in the queue of a node that ended. */
static uint64_t messages_left(const struct world *w)
{
    const struct store_config config = { .url = w->store };
    struct store_request r = { .verb = STORE_STATS };
    struct store *s;
    struct fault why;

    CHECK(store_open(&config, &s, &why) == OK);
    CHECK(store_call(s, &r) == OK);
    store_close(s);
    arena_release(&r.arena);
    return r.stats.messages;
}

static void world_end(struct world *w, const char *name, bool waits)
{
    DIR *dir;

    script_peer_close(&w->peer, name, waits);
    tls_server_free(w->tls);
    config_free(w->config);
    dir = opendir(w->dir);
    CHECK(dir != NULL);
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        (void)unlinkat(dirfd(dir), e->d_name, 0);
    closedir(dir);
    CHECK_INT(rmdir(w->dir), 0);
}

static void await(enum metric m, int64_t value)
{
    int64_t end = clock_mono_ms() + WAIT_MS;

    while (metric_get(m) < value && clock_mono_ms() < end)
        (void)poll(NULL, 0, 10);
    if (metric_get(m) < value)
        fail_msg("%s is %lld, not %lld", metric_info(m)->name, (long long)metric_get(m), (long long)value);
}

/* -- a client
 * --------------------------------------------------------------------------------------------------------- */

struct visitor {
    struct stream stream;
    struct tls_client *tls;
    char in[4096];
    size_t len;
};

static void send_all(struct visitor *v, struct slice text)
{
    while (text.len > 0) {
        size_t put;
        enum stream_result r = stream_write(&v->stream, text, &put);

        CHECK(r == STREAM_OK || r == STREAM_AGAIN);
        if (r == STREAM_AGAIN)
            wait_until(&v->stream);
        text = slice_from(text, put);
    }
}

/* The code of the next reply; 0: the server closed. */
static int hear(struct visitor *v)
{
    for (;;) {
        char *end = memchr(v->in, '\n', v->len);
        size_t got, line = end == NULL ? 0 : (size_t)(end - v->in) + 1;
        bool is_last = line > 3 && v->in[3] != '-';
        uint64_t code = 0;

        if (line > 3)
            CHECK(slice_to_u64(slice_of(v->in, 3), &code));
        memmove(v->in, v->in + line, v->len - line);
        v->len -= line;
        if (is_last)
            return (int)code;
        if (line == 0 && read_some(&v->stream, v->in + v->len, sizeof v->in - v->len, &got) != STREAM_OK)
            return 0;
        v->len += line == 0 ? got : 0;
    }
}

static int ask(struct visitor *v, const char *line)
{
    send_all(v, slice_str(line));
    send_all(v, SLICE_LIT("\r\n"));
    return hear(v);
}

static void visit(struct world *w, struct visitor *v, const char *listener)
{
    struct fault why;
    const struct config_listener *l = &w->config->listeners[0];
    struct tls_target target = { .profile = TLS_PROFILE_INTERMEDIATE };

    *v = (struct visitor){ 0 };
    if (strcmp(l->name, listener) != 0)
        l++;
    CHECK(stream_connect(&v->stream, &l->addresses[0], NULL, &why) == OK);
    wait_until(&v->stream);
    CHECK(stream_connected(&v->stream) == STREAM_OK);
    if (l->tls == LISTENER_IMPLICIT) {
        enum stream_result r;

        v->tls = tls_client_new();
        stream_start_client(&v->stream, v->tls, &target);
        while ((r = stream_handshake(&v->stream)) == STREAM_AGAIN)
            wait_until(&v->stream);
        CHECK(r == STREAM_OK);
    }
    CHECK_INT(hear(v), 220);
    CHECK_INT(ask(v, "EHLO client.example.test"), 250);
}

static void leave(struct visitor *v)
{
    stream_close(&v->stream);
    tls_client_free(v->tls);
}

static void begin_letter(struct visitor *v, const char *mail, const char *rcpt)
{
    CHECK_INT(ask(v, mail), 250);
    CHECK_INT(ask(v, rcpt), 250);
    CHECK_INT(ask(v, "DATA"), 354);
}

static void post(struct world *w, const char *mail, const char *rcpt)
{
    struct visitor v;

    visit(w, &v, "relay");
    begin_letter(&v, mail, rcpt);
    CHECK_INT(ask(&v, "Subject: hello\r\n\r\na letter\r\n."), 250);
    CHECK_INT(ask(&v, "QUIT"), 221);
    leave(&v);
}

#define FROM "MAIL FROM:<me@home.test>"
#define TO "RCPT TO:<jo@example.test>"
#define CLEAR "S 220 mx.example.test\nC EHLO gateway.example.test\nS 250-mx.example.test\nS 250 PIPELINING\n"
#define OFFERS "S 220 mx.example.test\nC EHLO gateway.example.test\nS 250-mx\nS 250 STARTTLS\nC STARTTLS\nS 220 go\n"
#define SECURE OFFERS "T\nC EHLO\nS 250-mx\nS 250 PIPELINING\n"
#define TAKES                                                                                                         \
    "C MAIL FROM:<me@home.test>\nC RCPT TO:<jo@example.test>\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\nB\nS 250 2.0.0 "  \
    "kept\n"

static bool body_has(const struct world *w, const char *text)
{
    return memmem(w->peer.body, w->peer.body_len, text, strlen(text)) != NULL;
}

/* -- letters
 * ------------------------------------------------------------------------------------------------------------ */

TEST(a_letter_passes)
{
    struct world w;
    int64_t delivered = metric_get(METRIC_DELIVERED), verified = metric_get(METRIC_DELIVERED_ENCRYPTED);

    world_begin(&w, 2);
    w.peer.scripts[0] = SECURE TAKES "W";
    world_open(&w, NULL, 0);
    post(&w, FROM, TO);
    await(METRIC_DELIVERED, delivered + 1);
    CHECK_INT(metric_get(METRIC_DELIVERED_ENCRYPTED), verified + 1);
    node_end(&w, STOP_MS);
    CHECK(body_has(&w, "a letter\r\n.\r\n") && body_has(&w, "Received: from client.example.test"));
    CHECK_INT(messages_left(&w), 0);
    world_end(&w, "passes", true);
}

TEST(a_long_letter_passes_in_chunks)
{
    static const char line[] = "0123456789012345678901234567890123456789012345678901234567890123456789\r\n";
    const size_t lines = 12000;
    int64_t delivered = metric_get(METRIC_DELIVERED);
    struct world w;
    struct visitor v;

    world_begin(&w, 2);
    w.peer.scripts[0] = SECURE TAKES "W";
    world_open(&w, NULL, 0);
    visit(&w, &v, "relay");
    begin_letter(&v, FROM, TO);
    send_all(&v, SLICE_LIT("Subject: long\r\n\r\n"));
    for (size_t i = 0; i < lines; i++)
        send_all(&v, slice_of(line, sizeof line - 1));
    CHECK_INT(ask(&v, "."), 250);
    leave(&v);
    await(METRIC_DELIVERED, delivered + 1);
    node_end(&w, STOP_MS);
    CHECK(w.peer.body_len > lines * (sizeof line - 1) && w.peer.body_len < lines * (sizeof line - 1) + 1000);
    for (size_t i = 0; i < lines; i++)
        CHECK(memcmp(w.peer.body + w.peer.body_len - 3 - (i + 1) * (sizeof line - 1), line, sizeof line - 1) == 0);
    CHECK_INT(messages_left(&w), 0);
    world_end(&w, "long", true);
}

TEST(a_failed_handshake_is_tried_again_in_clear_where_nothing_asks_for_more)
{
    int64_t fallback = metric_get(METRIC_TLS_OUT_FALLBACK), clear = metric_get(METRIC_DELIVERED_CLEAR);
    struct world w;

    world_begin(&w, 2);
    w.peer.scripts[0] = OFFERS "R\nX this is no TLS|\nW";
    w.peer.scripts[1] = "S 220 mx\nC EHLO\nS 250-mx\nS 250-PIPELINING\nS 250 STARTTLS\n" TAKES "W";
    world_open(&w, NULL, 0);
    post(&w, FROM, TO);
    await(METRIC_DELIVERED_CLEAR, clear + 1);
    CHECK_INT(metric_get(METRIC_TLS_OUT_FALLBACK), fallback + 1);
    node_end(&w, STOP_MS);
    world_end(&w, "fallback", true);
}

#define S(text)                                                                                                       \
    {                                                                                                                 \
        (text), sizeof(text) - 1                                                                                      \
    }
#define ROW(k, n, json)                                                                                               \
    {                                                                                                                 \
        .kind = S(k), .name = S(n), .after = S(json)                                                                  \
    }

/* TLS-06, RTL-06: the servers lack it, the alternate host has it and takes the mail, once. */
TEST(the_alternate_route_takes_what_lacks_tls)
{
    static char host[400];
    int64_t alternate = metric_get(METRIC_DELIVERED_ALTERNATE), clear = metric_get(METRIC_DELIVERED_CLEAR);
    struct setting_row rows[] = {
        ROW("rule", "bank", "{\"to\":[\"example.test\"],\"level\":\"encrypt\",\"alternate\":\"safe\"}"),
        ROW("host", "safe", ""),
    };
    struct world w;

    world_begin(&w, 2);
    (void)snprintf(host, sizeof host,
                   "{\"servers\":[\"mx.example.test:%u\"],\"tls\":\"verify\",\"ca\":\"%s\",\"allow-private\":true}",
                   net_address_port(&w.peer.at), path_of("root", "pem"));
    rows[1].after = slice_str(host);
    w.peer.scripts[0] = CLEAR "W";
    w.peer.scripts[1] = SECURE TAKES "W";
    world_open(&w, rows, COUNT_OF(rows));
    post(&w, FROM, TO);
    await(METRIC_DELIVERED_ALTERNATE, alternate + 1);
    CHECK_INT(metric_get(METRIC_DELIVERED_CLEAR), clear);
    node_end(&w, STOP_MS);
    world_end(&w, "alternate", true);
}

TEST(a_refusal_is_told_to_the_sender_and_no_further)
{
    int64_t told = metric_get(METRIC_DSN_SENT), bounced = metric_get(METRIC_BOUNCED),
            delivered = metric_get(METRIC_DELIVERED);
    struct world w;

    world_begin(&w, 2);
    /* The report comes by another connection, or by the same: each worker keeps its own. */
    w.peer.scripts[0] = CLEAR "C MAIL FROM:<me@home.test>\nC RCPT TO:<jo@example.test>\nC DATA\nS 250 ok\n"
                              "S 550 5.1.1 no such user\nS 503 no\nW";
    w.peer.scripts[1] = CLEAR "C MAIL FROM:<>\nC RCPT TO:<me@home.test>\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\nB\n"
                              "S 250 ok\nW";
    world_open(&w, NULL, 0);
    post(&w, FROM, TO);
    await(METRIC_DSN_SENT, told + 1);
    node_end(&w, STOP_MS); /* ends the kept connection, and with it the first script */
    CHECK_INT(metric_get(METRIC_BOUNCED), bounced + 1);
    CHECK_INT(messages_left(&w), metric_get(METRIC_DELIVERED) > delivered ? 0 : 1);
    world_end(&w, "bounce", metric_get(METRIC_DELIVERED) > delivered);
}

TEST(a_null_mx_bounces_and_the_null_sender_hears_nothing)
{
    int64_t told = metric_get(METRIC_DSN_SENT), bounced = metric_get(METRIC_BOUNCED);
    struct world w;

    world_begin(&w, 2);
    world_open(&w, NULL, 0);
    post(&w, "MAIL FROM:<>", "RCPT TO:<jo@null.test>");
    await(METRIC_BOUNCED, bounced + 1);
    node_end(&w, STOP_MS);
    CHECK_INT(metric_get(METRIC_DSN_SENT), told);
    CHECK_INT(messages_left(&w), 0);
    world_end(&w, "null", true);
}

TEST(a_kept_connection_that_died_costs_no_letter)
{
    int64_t delivered = metric_get(METRIC_DELIVERED), deferred = metric_get(METRIC_DEFERRED);
    struct world w;

    world_begin(&w, 1);
    for (int i = 0; i < 3; i++)
        w.peer.scripts[i] = CLEAR TAKES "C MAIL\nZ"; /* the second letter meets a reset */
    w.peer.scripts[3] = CLEAR TAKES "C QUIT\nW";
    world_open(&w, NULL, 0);
    for (int i = 0; i < 4; i++) {
        post(&w, FROM, TO);
        await(METRIC_DELIVERED, delivered + i + 1);
    }
    CHECK_INT(metric_get(METRIC_DEFERRED), deferred);
    node_end(&w, STOP_MS);
    world_end(&w, "kept", true);
}

/* Two recipients of one domain, one of them under a rule: each goes by its own decision. */
TEST(a_demand_of_one_recipient_is_not_the_others)
{
    static struct setting_row rows[] = {
        ROW("rule", "al", "{\"to\":[\"al@example.test\"],\"level\":\"encrypt\"}"),
    };
    int64_t clear = metric_get(METRIC_DELIVERED_CLEAR), deferred = metric_get(METRIC_DEFERRED);
    struct world w;
    struct visitor v;

    world_begin(&w, 1);
    w.peer.is_lenient = true; /* who comes first is open */
    w.peer.scripts[0] = w.peer.scripts[1] = CLEAR TAKES;
    world_open(&w, rows, COUNT_OF(rows));
    visit(&w, &v, "relay");
    CHECK_INT(ask(&v, FROM), 250);
    CHECK_INT(ask(&v, "RCPT TO:<al@example.test>"), 250);
    CHECK_INT(ask(&v, TO), 250);
    CHECK_INT(ask(&v, "DATA"), 354);
    CHECK_INT(ask(&v, "Subject: hello\r\n\r\na letter\r\n."), 250);
    leave(&v);
    await(METRIC_DELIVERED_CLEAR, clear + 1);
    await(METRIC_DEFERRED, deferred + 1);
    CHECK_INT(metric_get(METRIC_DELIVERED_CLEAR), clear + 1);
    node_end(&w, STOP_MS);
    CHECK_INT(messages_left(&w), 1);
    world_end(&w, "split", false);
}

/* -- the end of a node with work in flight
 * --------------------------------------------------------------------------------- */

TEST(a_node_ends_amid_everything_and_loses_nothing)
{
    static const char line[] =
        "x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x\r\n";
    struct world w;
    struct visitor idle, amid, trying;

    world_begin(&w, 2);
    w.peer.scripts[0] = "W"; /* never greets: the delivery is under way when the end comes */
    world_open(&w, NULL, 0);
    post(&w, FROM, TO);
    visit(&w, &idle, "relay");
    visit(&w, &amid, "relay");
    begin_letter(&amid, FROM, TO);
    send_all(&amid, SLICE_LIT("\r\n"));
    for (int i = 0; i < 4000; i++) /* more than a chunk, which is in the store by then */
        send_all(&amid, slice_of(line, sizeof line - 1));
    visit(&w, &trying, "submissions");
    send_all(&trying, SLICE_LIT("AUTH PLAIN AGpvAHNlY3JldHM=\r\n")); /* at the hasher */
    node_end(&w, 100);
    CHECK_INT(hear(&idle), 421);
    CHECK_INT(hear(&amid), 421);
    leave(&idle);
    leave(&amid);
    leave(&trying);
    CHECK_INT(messages_left(&w), 1);
    world_end(&w, "end", false);
}

/* Whatever moment the end meets: what was answered 250 is in the queue or was delivered. */
TEST(a_node_ends_at_any_moment)
{
    static const char line[] =
        "y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y y\r\n";

    for (int round = 0; round < 6; round++) {
        struct world w;
        struct visitor v;
        int code;

        world_begin(&w, 2);
        w.peer.scripts[0] = "W";
        world_open(&w, NULL, 0);
        visit(&w, &v, "relay");
        begin_letter(&v, FROM, TO);
        send_all(&v, SLICE_LIT("\r\n"));
        for (int i = 0; i < (round % 2 == 0 ? 3 : 5000); i++)
            send_all(&v, slice_of(line, sizeof line - 1));
        send_all(&v, SLICE_LIT(".\r\n"));
        (void)poll(NULL, 0, round * 2);
        node_end(&w, 0);
        code = hear(&v);
        leave(&v);
        CHECK(code != 250 || messages_left(&w) == 1);
        world_end(&w, "moment", false);
    }
}

/* -- signing in
 * ------------------------------------------------------------------------------------------------------------ */

static const char *base64(const char *text)
{
    static char out[200];

    return sodium_bin2base64(out, sizeof out, (const unsigned char *)text, strlen(text),
                             sodium_base64_VARIANT_ORIGINAL);
}

static int scram_answer(struct world *w, const char *first)
{
    char line[256];
    struct visitor v;
    int code;

    (void)snprintf(line, sizeof line, "AUTH SCRAM-SHA-256 %s", base64(first));
    visit(w, &v, "submissions");
    code = ask(&v, line);
    leave(&v);
    return code;
}

static int plain_answer(struct world *w, const char *authzid, const char *user, const char *password)
{
    char text[100], line[256], coded[200];
    size_t len = 0;
    const char *parts[] = { authzid, user, password };
    struct visitor v;
    int code;

    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        memcpy(text + len, parts[i], strlen(parts[i]) + 1);
        len += strlen(parts[i]) + 1;
    }
    (void)sodium_bin2base64(coded, sizeof coded, (const unsigned char *)text, len - 1, sodium_base64_VARIANT_ORIGINAL);
    (void)snprintf(line, sizeof line, "AUTH PLAIN %s", coded);
    visit(w, &v, "submissions");
    code = ask(&v, line);
    leave(&v);
    return code;
}

TEST(signing_in)
{
    static char user[800];
    struct arena arena = { 0 };
    struct slice hash, scram;
    struct setting_row rows[] = { ROW("user", "jo", ""), ROW("domain", "home.test", "{}") };
    struct world w;

    world_begin(&w, 2);
    CHECK(password_hash(SLICE_LIT("right horse"), &arena, &hash, NULL) == OK);
    CHECK(password_scram(SLICE_LIT("right horse"), &arena, &scram, NULL) == OK);
    (void)snprintf(user, sizeof user, "{\"password\":{\"hash\":\"%.*s\",\"scram\":\"%.*s\"}}", SLICE_FMT(hash),
                   SLICE_FMT(scram));
    arena_release(&arena);
    rows[0].after = slice_str(user);
    world_open(&w, rows, COUNT_OF(rows));
    CHECK_INT(plain_answer(&w, "", "jo", "right horse"), 235);
    CHECK_INT(plain_answer(&w, "jo", "jo", "right horse"), 235);
    CHECK_INT(plain_answer(&w, "al", "jo", "right horse"), 535); /* AUT-04 */
    CHECK_INT(plain_answer(&w, "", "jo", "wrong horse"), 535);
    CHECK_INT(plain_answer(&w, "", "nobody", "right horse"), 535);
    /* A user who is not there is asked like one who is (AUT-02). */
    CHECK_INT(scram_answer(&w, "n,,n=jo,r=abcdefgh"), 334);
    CHECK_INT(scram_answer(&w, "n,,n=nobody,r=abcdefgh"), 334);
    node_end(&w, STOP_MS);
    world_end(&w, "signing in", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_letter_passes),
        T(a_long_letter_passes_in_chunks),
        T(a_failed_handshake_is_tried_again_in_clear_where_nothing_asks_for_more),
        T(the_alternate_route_takes_what_lacks_tls),
        T(a_refusal_is_told_to_the_sender_and_no_further),
        T(a_null_mx_bounces_and_the_null_sender_hears_nothing),
        T(a_kept_connection_that_died_costs_no_letter),
        T(a_demand_of_one_recipient_is_not_the_others),
        T(a_node_ends_amid_everything_and_loses_nothing),
        T(a_node_ends_at_any_moment),
        T(signing_in),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
