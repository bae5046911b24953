/* The API as its clients meet it: a real store, real sockets, one thread. */
#include "admin/admin.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/test.h"
#include "relay/inquiry.h"
#include "tlsrpt/gzip.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_MAX = 4 * 1024 * 1024, PATIENCE_S = 20 };

static struct fixture {
    char folder[64], url[128], socket[128];
    struct event_base *base;
    struct config config;
    struct store *store;
    struct admin *admin;
    struct snapshot *snapshot;
    struct net_address tcp;
    struct buf answer; /* of the last request, head and body */
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

static int set_up(void **state)
{
    struct store_config store = { .url = f.url };
    struct admin_config admin = { .config = &f.config, .snapshot = get_snapshot, .publish = publish, .ask = ask };
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
    f.admin = admin_new(&admin, control, tcp);
    return 0;
}

static int tear_down(void **state)
{
    const char *const files[] = { "store", "store-wal", "store-shm", "store.lock", "control.sock" };
    char path[sizeof f.folder + 16];

    (void)state;
    admin_free(f.admin);
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

    (void)snprintf(name.sun_path, sizeof name.sun_path, "%s", f.socket);
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

/* -- tests ------------------------------------------------------------------------------------------------ */

static uint64_t put_message(const char *sender, const char *rcpt, const char *domain)
{
    struct stored_rcpt r = { .rcpt.address = slice_str(rcpt), .domain = slice_str(domain), .due_s = 4000000000 };
    struct stored_trace trace = { 1700000000123, SLICE_LIT("{\"event\":\"received\",\"text\":\"received\",\"x\":1}") };
    struct stored_message m = {
        .id = message_id_new(),
        .received_s = 1700000000,
        .mail = { .address = slice_str(sender), .size = 5 },
        .client = SLICE_LIT("192.0.2.1"),
        .body = SLICE_LIT("a: b\n"),
        .rcpts = &r,
        .rcpts_len = 1,
    };
    struct store_request put = { .verb = STORE_PUT, .message = &m, .traces_in = &trace, .traces_in_len = 1 };

    CHECK(store_call(f.store, &put) == OK);
    arena_release(&put.arena);
    return m.id;
}

TEST(queue)
{
    char id[MESSAGE_ID_TEXT], path[64];
    json_t *got;

    (void)message_id_text(put_message("a@ours.example", "x@there.example", "there.example"), id);
    (void)put_message("b@ours.example", "y@other.example", "other.example");
    CHECK_INT(request(true, "GET", "/v1/queue?limit=1", "", &got), 200);
    CHECK_INT(json_array_size(json_object_get(got, "messages")), 1);
    CHECK_STR(slice_str(json_string_value(json_object_get(got, "next"))), id);
    json_decref(got);
    CHECK_INT(request(true, "GET", "/v1/queue?domain=OTHER.example", "", &got), 200);
    CHECK_INT(json_array_size(json_object_get(got, "messages")), 1);
    CHECK(json_object_get(got, "next") == NULL);
    json_decref(got);
    (void)snprintf(path, sizeof path, "/v1/queue/%s", id);
    check("GET", path, "", 200,
          "{\"trace\":[{\"at\":\"2023-11-14T22:13:20.123Z\",\"at_ms\":1700000000123,\"event\":\"received\","
          "\"text\":\"received\",\"x\":1}]}");
    (void)snprintf(path, sizeof path, "/v1/queue/%s/hold", id);
    check("POST", path, "", 200, "{\"changed\":1,\"busy\":0}");
    check("POST", "/v1/queue/remove", "{\"domain\":\"other.example\"}", 200, "{\"changed\":1}");
    check("POST", "/v1/queue/remove", "{}", 400, "{\"status\":\"syntax\"}");
    check("POST", "/v1/queue/remove", "{\"all\":true,\"domain\":\"x\"}", 400, "{}");
    check("POST", "/v1/queue/remove", "{\"all\":true}", 200, "{\"changed\":1}");
    check("POST", path, "", 404, "{\"status\":\"not-found\"}");
    check("POST", "/v1/queue/explode", "{\"all\":true}", 404, "{}");
    check("GET", "/v1/queue/nonsense", "", 400, "{}");
    check("GET", "/v1/queue?limit=501", "", 400, "{}");
    check("GET", "/v1/queue?after=%zz", "", 400, "{}");
}

static void put_report(const char *day, const char *domain, const char *id, const char *targets, int64_t next_s)
{
    struct arena a = { 0 };
    struct report_row row = {
        .day = slice_str(day),
        .domain = slice_str(domain),
        .report_id = slice_str(id),
        .document = gzip_pack(SLICE_LIT("{\"report-id\":\"x\"}"), &a),
        .targets = slice_str(targets),
        .made_s = 1700000000,
        .next_s = next_s,
    };
    struct store_request claim = { .verb = STORE_REPORT_CLAIM, .report = &row };
    struct store_request save = { .verb = STORE_REPORT_SAVE, .report = &row };

    CHECK(store_call(f.store, &claim) == OK);
    CHECK(id[0] == '\0' || store_call(f.store, &save) == OK);
    arena_release(&claim.arena);
    arena_release(&save.arena);
    arena_release(&a);
}

TEST(reports_sent)
{
    static const char *const states[] = { "claimed", "failed", "waiting", "sent" };
    json_t *got, *report;
    size_t at;

    put_report("2026-11-20", "a.example", "r0@x", "[{\"uri\":\"mailto:r@a.example\",\"state\":\"queued\"}]", 0);
    put_report("2026-11-21", "b.example", "r1@x", "[{\"uri\":\"https://b.example/\",\"state\":\"waiting\"}]",
               1800000000);
    put_report("2026-11-22", "a.example", "r2@x", "[{\"uri\":\"https://a.example/\",\"state\":\"failed\"}]", 0);
    put_report("2026-11-23", "b.example", "", "", 1800000000);
    CHECK_INT(request(true, "GET", "/v1/reports/sent", "", &got), 200);
    CHECK_INT(json_array_size(json_object_get(got, "reports")), COUNT_OF(states));
    json_array_foreach(json_object_get(got, "reports"), at, report) {
        CHECK_STR(slice_str(json_string_value(json_object_get(report, "state"))), states[at]);
    }
    json_decref(got);
    CHECK_INT(request(true, "GET", "/v1/reports/sent?domain=A.example&since=2026-11-21", "", &got), 200);
    CHECK_INT(json_array_size(json_object_get(got, "reports")), 1);
    json_decref(got);
    CHECK_INT(request(true, "GET", "/v1/reports/sent?limit=2", "", &got), 200);
    CHECK_INT(json_array_size(json_object_get(got, "reports")), 2);
    json_decref(got);
    check(
        "GET", "/v1/reports/sent/r1%40x", "", 200,
        "{\"id\":\"r1@x\",\"day\":\"2026-11-21\",\"domain\":\"b.example\",\"state\":\"waiting\",\"made\":"
        "\"2023-11-14T22:13:20Z\",\"next_try\":\"2027-01-15T08:00:00Z\",\"report\":{\"report-id\":\"x\"},\"targets\":"
        "[{\"uri\":\"https://b.example/\",\"state\":\"waiting\"}]}");
    check("GET", "/v1/reports/sent/nothing", "", 404, "{\"status\":\"not-found\"}");
    check("GET", "/v1/reports/sent?since=yesterday", "", 400, "{}");
    check("GET", "/v1/reports/sent?domain=exa_mple", "", 400, "{}");
}

TEST(settings_and_audit)
{
    json_t *got, *who;

    check("POST", "/v1/settings/domain/Example.ORG", "{\"description\":\"ours\"}", 200, "{\"changes\":1}");
    CHECK(snapshot_is_our_domain(f.snapshot, SLICE_LIT("example.org")));
    check("POST", "/v1/settings/domain/example.org", "{}", 409, "{\"status\":\"exists\"}");
    check("GET", "/v1/settings/domain/example.org", "", 200,
          "{\"name\":\"example.org\",\"fields\":{\"description\":\"ours\"}}");
    check("PATCH", "/v1/settings/domain/example.org?version=0", "{\"description\":\"x\"}", 409,
          "{\"status\":\"conflict\"}");
    check("PATCH", "/v1/settings/domain/example.org", "{\"description\":\"ours\"}", 200, "{\"changes\":0}");
    check("PATCH", "/v1/settings/domain/example.org", "{\"colour\":\"red\"}", 400, "{\"status\":\"syntax\"}");
    check("PATCH", "/v1/settings/domain/nowhere.example", "{\"description\":\"x\"}", 404, "{}");
    check("POST", "/v1/settings/planet/mars", "{}", 400, "{}");
    check("POST", "/v1/settings/domain/x.example", "[1]", 400, "{}");
    check("POST", "/v1/settings/domain/x.example", "{\"a\":1,\"a\":2}", 400, "{}");
    check("GET", "/v1/settings/gateway/gateway", "", 200, "{\"name\":\"gateway\"}");
    check("DELETE", "/v1/settings/domain/example.org", "", 200, "{\"changes\":1}");
    CHECK(!snapshot_is_our_domain(f.snapshot, SLICE_LIT("example.org")));
    CHECK_INT(request(true, "GET", "/v1/audit?after=0", "", &got), 200);
    CHECK(json_is_true(json_object_get(got, "chain_is_whole")));
    CHECK_INT(json_array_size(json_object_get(got, "rows")), 2);
    who = json_object_get(json_array_get(json_object_get(got, "rows"), 0), "who");
    CHECK(strncmp(json_string_value(who), "uid ", 4) == 0);
    json_decref(got);
}

TEST(document)
{
    static const char apply[] = "{\"document\":\"{\\\"sternpost-settings\\\":1,\\\"list\\\":{\\\"partners\\\":"
                                "{\\\"members\\\":[\\\"a.example\\\"]}}}\",\"dry_run\":%s}";
    char body[sizeof apply + 8];
    json_t *got;

    (void)snprintf(body, sizeof body, apply, "true");
    check("POST", "/v1/settings", body, 200, "{\"changes\":1}");
    check("GET", "/v1/settings/list", "", 200, "{\"objects\":[]}");
    (void)snprintf(body, sizeof body, apply, "false");
    check("POST", "/v1/settings", body, 200, "{\"changes\":1}");
    check("POST", "/v1/settings", body, 200, "{\"changes\":0}");
    CHECK_INT(request(true, "GET", "/v1/settings", "", &got), 200);
    CHECK(strstr(json_string_value(json_object_get(got, "document")), "a.example") != NULL);
    json_decref(got);
    check("POST", "/v1/settings", "{}", 400, "{}");
}

TEST(secrets_stay_inside) /* WEB-12, AUT-03 */
{
    json_t *got;

    check("POST", "/v1/settings/user/jo", "{\"password\":\"correct horse battery\"}", 200, "{\"changes\":1}");
    CHECK(request(true, "GET", "/v1/settings/user/jo", "", &got) == 200);
    CHECK(memmem(buf_slice(&f.answer).ptr, buf_slice(&f.answer).len, "argon2", 6) == NULL);
    json_decref(got);
    CHECK(request(true, "GET", "/v1/audit", "", &got) == 200);
    CHECK(memmem(buf_slice(&f.answer).ptr, buf_slice(&f.answer).len, "argon2", 6) == NULL);
    CHECK(memmem(buf_slice(&f.answer).ptr, buf_slice(&f.answer).len, "battery", 7) == NULL);
    json_decref(got);
}

TEST(status_and_inquiries)
{
    check("GET", "/v1/status", "", 200,
          "{\"hostname\":\"mx.example.org\",\"queue\":{\"messages\":0,\"deliveries\":0,\"due\":0,\"deferred\":0,"
          "\"held\":0},\"inbound_refused_today\":[]}");
    check("GET", "/v1/counters?name=sent-in-clear&since=2026-01-01", "", 200, "{\"counters\":[]}");
    check("GET", "/v1/counters?since=yesterday", "", 400, "{}");
    check("GET", "/v1/policy?recipient=a%40b.example&sender=c", "", 200,
          "{\"recipient\":\"a@b.example\",\"sender\":\"c\"}");
    check("GET", "/v1/policy", "", 400, "{}");
    check("POST", "/v1/hosts/nowhere/test", "", 404, "{\"error\":\"there is no host 'nowhere'\"}");
}

TEST(public_listener_serves_no_mail) /* WEB-09: every path of the API, and the few that are public */
{
    static const struct {
        const char *method, *path;
        long code;
    } paths[] = {
        { "GET", "/health/live", 200 },
        { "GET", "/health/ready", 200 },
        { "GET", "/metrics", 200 },
        { "HEAD", "/metrics", 200 },
        { "POST", "/metrics", 404 },
        { "GET", "/v1/status", 404 },
        { "GET", "/v1/counters", 404 },
        { "GET", "/v1/audit", 404 },
        { "GET", "/v1/queue", 404 },
        { "GET", "/v1/queue/0000000000000", 404 },
        { "POST", "/v1/queue/remove", 404 },
        { "POST", "/v1/queue/0000000000000/remove", 404 },
        { "GET", "/v1/policy", 404 },
        { "POST", "/v1/hosts/relay/test", 404 },
        { "GET", "/v1/settings", 404 },
        { "POST", "/v1/settings", 404 },
        { "GET", "/v1/settings/user", 404 },
        { "GET", "/v1/settings/user/jo", 404 },
        { "POST", "/v1/settings/user/jo", 404 },
        { "PATCH", "/v1/settings/user/jo", 404 },
        { "DELETE", "/v1/settings/user/jo", 404 },
        { "GET", "/metrics/../v1/status", 404 },
        { "GET", "/%2e%2e/v1/status", 404 },
    };
    json_t *got;

    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        long code = request(false, paths[i].method, paths[i].path, "", &got);

        json_decref(got);
        CHECK_CASE(paths[i].path, code == paths[i].code);
    }
    CHECK_INT(request(false, "POST", "/metrics", "x", &got), 413);
    json_decref(got);
}

TEST(metrics_page)
{
    json_t *got;
    struct slice page;

    CHECK_INT(request(false, "GET", "/metrics", "", &got), 200);
    page = buf_slice(&f.answer);
    CHECK(memmem(page.ptr, page.len, "\nsternpost_queue_messages 0\n", 28) != NULL);
    CHECK(memmem(page.ptr, page.len, "# TYPE sternpost_delivered_total counter\n", 41) != NULL);
    CHECK(memmem(page.ptr, page.len, "Content-Type: text/plain; version=0.0.4", 39) != NULL);
}

TEST(connection_rules) /* WEB-05 */
{
    static const struct {
        const char *name, *text, *answer;
    } cases[] = {
        { "two requests, one after the other",
          "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\nGET /health/live HTTP/1.1\r\nHost: a\r\nConnection: "
          "close\r\n\r\n",
          "live\nHTTP/1.1 200 OK" },
        { "nothing is read behind a bad one",
          "GET /x HTTP/1.1\r\nHost : a\r\n\r\nGET /health/live HTTP/1.1\r\nHost: a\r\n\r\n",
          "HTTP/1.1 400 Bad Request" },
        { "smuggled length", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 9\r\n\r\nx",
          "HTTP/1.1 400" },
        { "too long a body", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n", "HTTP/1.1 413" },
        { "expectation",
          "POST /v1/queue/hold HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
          "Connection: close\r\n\r\n{}",
          "HTTP/1.1 400" },
        { "HTTP/1.0 closes", "GET /health/live HTTP/1.0\r\n\r\n", "Connection: close" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        talk(true, slice_str(cases[i].text));
        CHECK_CASE(cases[i].name, memmem(buf_slice(&f.answer).ptr, buf_slice(&f.answer).len, cases[i].answer,
                                         strlen(cases[i].answer)) != NULL);
        CHECK_CASE(cases[i].name,
                   i == 0 || memmem(buf_slice(&f.answer).ptr, buf_slice(&f.answer).len, "live\nHTTP", 9) == NULL);
    }
}

/* The client hangs up while the store works: the call ends all the same, and admin_free() waits for it. */
TEST(client_that_does_not_wait)
{
    static const char text[] = "GET /v1/status HTTP/1.1\r\nHost: a\r\n\r\n";

    for (int i = 0; i < 10; i++) {
        int fd = connect_to(true);

        CHECK(send(fd, text, sizeof text - 1, 0) == sizeof text - 1);
        (void)event_base_loop(f.base, EVLOOP_ONCE);
        (void)event_base_loop(f.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        close(fd);
    }
}

TEST(control_socket_is_served_once)
{
    struct fault why;
    char path[sizeof f.socket];
    int fd;

    CHECK(admin_bind_control(f.socket, -1, -1, &fd, &why) == ERR_CONFLICT);
    (void)snprintf(path, sizeof path, "%s/store", f.folder);
    CHECK(admin_bind_control(path, -1, -1, &fd, &why) == ERR_CONFLICT); /* a file is never taken for a socket */
    (void)snprintf(path, sizeof path, "%s/other.sock", f.folder);
    CHECK(admin_bind_control(path, -1, -1, &fd, &why) == OK);
    close(fd);
    CHECK(admin_bind_control(path, -1, -1, &fd, &why) == OK); /* left behind by a killed process */
    close(fd);
    (void)unlink(path);
}

#define WITH_ADMIN(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

RUN_TESTS(WITH_ADMIN(queue), WITH_ADMIN(reports_sent), WITH_ADMIN(settings_and_audit), WITH_ADMIN(document),
          WITH_ADMIN(secrets_stay_inside), WITH_ADMIN(status_and_inquiries),
          WITH_ADMIN(public_listener_serves_no_mail), WITH_ADMIN(metrics_page), WITH_ADMIN(connection_rules),
          WITH_ADMIN(client_that_does_not_wait), WITH_ADMIN(control_socket_is_served_once))
