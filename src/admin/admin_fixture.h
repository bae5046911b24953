/* admin/admin_fixture.h: the API as its clients meet it: a real store, real sockets, one thread; for tests. */
#ifndef STERNPOST_ADMIN_ADMIN_FIXTURE_H
#define STERNPOST_ADMIN_ADMIN_FIXTURE_H

#include "admin/admin.h"
#include "base/buf.h"
#include "base/memory.h"
#include "base/test.h"
#include "relay/inquiry.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_MAX = 4 * 1024 * 1024, PATIENCE_S = 20 };

static struct fixture {
    char folder[64], url[128], socket[128];
    struct event_base *base;
    struct receiver *receiver;
    struct config config;
    struct store *store;
    struct admin *admin;
    struct snapshot *snapshot;
    struct net_address tcp;
    struct buf answer;                         /* of the last request, head and body */
    const char *certificates;                  /* what the keeper reports; NULL: nothing is there */
    const char *alerts;                        /* what the book of alerts reports; NULL: there are none */
    void (*answer_sts)(struct sts_request *q); /* instead of a cache of policies */
} f;

static struct snapshot *get_snapshot(void *ctx)
{
    (void)ctx;
    return snapshot_hold(f.snapshot);
}

static void publish(void *ctx, struct snapshot *fresh)
{
    (void)ctx;
    snapshot_release(f.snapshot);
    f.snapshot = fresh;
}

/* A worker that knows one host. */
static void ask(void *ctx, struct worker_task *t)
{
    struct inquiry *q = CONTAINER_OF(t, struct inquiry, task);

    (void)ctx;
    if (q->kind == INQUIRY_HOST_TEST && strcmp(q->host, "relay") != 0)
        q->status = fault_set(&q->why, ERR_NOT_FOUND, "there is no host '%s'", q->host);
    else
        q->answer = json_pack("{s:s, s:s}", "recipient", q->recipient, "sender", q->sender);
    handoff_put(t->reply_to, &t->item);
}

static void count_sts(void *ctx, struct sts_counts *out)
{
    (void)ctx;
    *out = (struct sts_counts){ .asked = 7, .downgraded = 1 };
}

static struct slice report_certificates(void *ctx, struct arena *arena)
{
    (void)ctx;
    return arena_copy(arena, slice_str(f.certificates != NULL ? f.certificates : "{\"certificates\":[],\"tlsa\":[]}"));
}

static struct slice report_alerts(void *ctx, struct arena *arena)
{
    (void)ctx;
    return arena_copy(arena, slice_str(f.alerts != NULL ? f.alerts : "{\"open\":[],\"closed\":[],\"told\":0}"));
}

static void ask_sts(void *ctx, struct sts_request *q)
{
    (void)ctx;
    f.answer_sts(q);
    handoff_put(q->reply_to, &q->item);
}

static void ask_receiver(void *ctx, struct receive_request *q)
{
    (void)ctx;
    receiver_ask(f.receiver, q);
}

static int set_up(void **state)
{
    struct store_config store = { .url = f.url };
    struct admin_config admin = { .config = &f.config,
                                  .snapshot = get_snapshot,
                                  .publish = publish,
                                  .ask = ask,
                                  .ask_sts = ask_sts,
                                  .count_sts = count_sts,
                                  .certificates = report_certificates,
                                  .alerts = report_alerts,
                                  .ask_receiver = ask_receiver };
    const struct dns_config no_dns = { .timeout_ms = 100 };
    struct receiver_config receiver = { .resolver = &no_dns, .hostname = SLICE_LIT("mx.example.org"),
                                        .keep_s = 400 * 86400, .keep_documents_s = 30 * 86400 };
    socklen_t len = sizeof f.tcp.sa;
    struct fault why = { "" };
    int control = -1, tcp = -1;

    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)snprintf(f.folder, sizeof f.folder, "/tmp/sternpost-admin.XXXXXX");
    CHECK(mkdtemp(f.folder) != NULL);
    (void)snprintf(f.url, sizeof f.url, "sqlite:%s/store", f.folder);
    (void)snprintf(f.socket, sizeof f.socket, "%s/control.sock", f.folder);
    f.config.store = f.url;
    f.config.hostname = SLICE_LIT("mx.example.org");
    f.base = admin.base = event_base_new();
    buf_init(&f.answer, ANSWER_MAX);
    if (store_open(&store, &f.store, &why) != OK || snapshot_new(NULL, 0, 0, &f.snapshot, &why) != OK ||
        admin_bind_control(f.socket, -1, -1, &control, &why) != OK ||
        net_address_parse(SLICE_LIT("127.0.0.1"), 0, &f.tcp) != OK || admin_bind_tcp(&f.tcp, &tcp, &why) != OK)
        fail_msg("%s", why.text);
    CHECK(getsockname(tcp, &f.tcp.sa.any, &len) == 0);
    admin.store = f.store;
    receiver.store = f.store;
    receiver.settings = snapshot_hold(f.snapshot);
    if (receiver_new(&receiver, &f.receiver, &why) != OK || receiver_start(f.receiver, &why) != OK)
        fail_msg("%s", why.text);
    f.admin = admin_new(&admin, control, tcp);
    return 0;
}

static int tear_down(void **state)
{
    const char *const files[] = { "store", "store-wal", "store-shm", "store.lock", "control.sock" };
    char path[sizeof f.folder + 16];

    (void)state;
    receiver_stop(f.receiver);
    admin_free(f.admin);
    receiver_free(f.receiver);
    store_close(f.store);
    snapshot_release(f.snapshot);
    event_base_free(f.base);
    buf_release(&f.answer);
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        (void)snprintf(path, sizeof path, "%s/%s", f.folder, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(f.folder);
    return 0;
}

/* -- a client in the same thread -------------------------------------------------------------------------- */

static int connect_to(bool is_control)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int fd = socket(is_control ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(slice_to_cstr(slice_str(f.socket), name.sun_path, sizeof name.sun_path));
    if (is_control)
        CHECK(connect(fd, (const struct sockaddr *)(const void *)&name, sizeof name) == 0);
    else
        CHECK(connect(fd, &f.tcp.sa.any, f.tcp.len) == 0);
    return fd;
}

static void on_answer(evutil_socket_t fd, short what, void *ctx)
{
    size_t room;
    char *to = buf_room(&f.answer, 64 * 1024, &room);
    ssize_t len = what & EV_READ ? recv(fd, to, room, 0) : 0;

    if (len > 0)
        buf_grew(&f.answer, (size_t)len);
    else
        *(bool *)ctx = true;
}

/* Sends bytes and reads until the server closes. */
static void talk(bool is_control, struct slice bytes)
{
    int fd = connect_to(is_control);
    bool is_over = false;
    struct event *e = event_new(f.base, fd, EV_READ | EV_PERSIST, on_answer, &is_over);
    struct timeval patience = { .tv_sec = PATIENCE_S };

    buf_reset(&f.answer);
    CHECK(send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL) == (ssize_t)bytes.len);
    (void)event_add(e, &patience);
    while (!is_over)
        (void)event_base_loop(f.base, EVLOOP_ONCE);
    event_free(e);
    close(fd);
}

/* The code of the answer; *body is its JSON, NULL when it has none. */
static long request(bool is_control, const char *method, const char *path, const char *body, json_t **json)
{
    struct arena a = { 0 };
    struct slice rest, text;
    uint64_t code = 0;

    talk(is_control,
         arena_printf(&a, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
                      method, path, strlen(body), body));
    text = buf_slice(&f.answer);
    CHECK(slice_starts(text, SLICE_LIT("HTTP/1.1 ")));
    CHECK(slice_to_u64(slice_of(text.ptr + 9, 3), &code));
    rest = slice_of(memmem(text.ptr, text.len, "\r\n\r\n", 4), 0);
    rest.len = (size_t)(text.ptr + text.len - rest.ptr);
    rest = slice_from(rest, 4);
    *json = json_loadb(rest.ptr, rest.len, 0, NULL);
    arena_release(&a);
    return (long)code;
}

/* One request on the control socket whose answer has this code, and JSON that equals `want` in the members it names.
 */
static void check(const char *method, const char *path, const char *body, long code, const char *want)
{
    json_t *got, *wanted = json_loads(want, 0, NULL), *member;
    const char *name;

    CHECK_INT(request(true, method, path, body, &got), code);
    CHECK_CASE(want, wanted != NULL && got != NULL);
    json_object_foreach(wanted, name, member) {
        if (!json_equal(json_object_get(got, name), member))
            fail_msg("%s %s: '%s' in: %s", method, path, name, json_dumps(got, JSON_COMPACT));
    }
    json_decref(wanted);
    json_decref(got);
}

#define WITH_ADMIN(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

#endif
