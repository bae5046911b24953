/* relay/node_world.h: a whole node in this process, the server it delivers to, which follows a script, and clients; for
 * tests. */
#ifndef STERNPOST_RELAY_NODE_WORLD_H
#define STERNPOST_RELAY_NODE_WORLD_H

#include "relay/node.h"

#include "base/clock.h"
#include "base/memory.h"
#include "relay/metrics.h"
#include "relay/node_private.h"
#include "relay/script_peer.h"

#include <dirent.h>

enum { WAIT_MS = 15000, STOP_MS = 3000 };

/* -- a node and its world --------------------------------------------------------------------------------------- */

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
    "  \"two.test. 60 IN MX 10 mx.example.test.\", \"two.test. 60 IN MX 20 spare.example.test.\",\n"
    "  \"spare.example.test. 60 IN A 127.0.0.2\",\n"
    "  \"mx.example.test. 60 IN A 127.0.0.2\", \"null.test. 60 IN MX 0 .\",\n"
    "  \"empty.test. 60 IN TXT nothing\", \"nowhere.test. 60 IN MX 10 empty.test.\" } }\n"
    "limits { min-free-space = 0 }\n";

/* A port nobody listens at, until somebody does. */
static inline unsigned free_port(void)
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

static inline void load_config(struct world *w, unsigned workers)
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
static inline void world_begin(struct world *w, unsigned workers)
{
    *w = (struct world){ .dir = "/tmp/sternpost-node-XXXXXX" };
    CHECK(mkdtemp(w->dir) != NULL);
    script_peer_open(&w->peer);
    w->tls = serve_one("good");
    w->peer.tls = w->tls;
    load_config(w, workers);
}

static inline void world_open(struct world *w, const struct setting_row *rows, size_t rows_len)
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

static inline void node_end(struct world *w, int64_t grace_ms)
{
    node_stop(w->node, grace_ms);
    node_free(w->node);
    w->node = NULL;
}

/* Messages left in the queue of a node that ended. */
static inline uint64_t messages_left(const struct world *w)
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

static inline void world_end(struct world *w, const char *name, bool waits)
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

static inline void await(enum metric m, int64_t value)
{
    int64_t end = clock_mono_ms() + WAIT_MS;

    while (metric_get(m) < value && clock_mono_ms() < end)
        (void)poll(NULL, 0, 10);
    if (metric_get(m) < value)
        fail_msg("%s is %lld, not %lld", metric_info(m)->name, (long long)metric_get(m), (long long)value);
}

/* -- a client ----------------------------------------------------------------------------------------------------- */

struct visitor {
    struct stream stream;
    struct tls_client *tls;
    char in[4096];
    size_t len;
};

static inline void send_all(struct visitor *v, struct slice text)
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
static inline int hear(struct visitor *v)
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

static inline int ask(struct visitor *v, const char *line)
{
    send_all(v, slice_str(line));
    send_all(v, SLICE_LIT("\r\n"));
    return hear(v);
}

static inline void visit(struct world *w, struct visitor *v, const char *listener)
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

static inline void leave(struct visitor *v)
{
    stream_close(&v->stream);
    tls_client_free(v->tls);
}

static inline void begin_letter(struct visitor *v, const char *mail, const char *rcpt)
{
    CHECK_INT(ask(v, mail), 250);
    CHECK_INT(ask(v, rcpt), 250);
    CHECK_INT(ask(v, "DATA"), 354);
}

static inline void post(struct world *w, const char *mail, const char *rcpt)
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

static inline bool body_has(const struct world *w, const char *text)
{
    return memmem(w->peer.body, w->peer.body_len, text, strlen(text)) != NULL;
}

#define S(text) { (text), sizeof(text) - 1 }
#define ROW(k, n, json) { .kind = S(k), .name = S(n), .after = S(json) }

#endif
