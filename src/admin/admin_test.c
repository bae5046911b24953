#include "admin/admin_fixture.h"

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
        { "GET", "/v1/sts", 404 },
        { "GET", "/v1/sts/a.example", 404 },
        { "POST", "/v1/sts/forget", 404 },
        { "POST", "/v1/sts/a.example/forget", 404 },
        { "POST", "/v1/sts/a.example/refresh", 404 },
        { "GET", "/v1/reports/preview", 404 },
        { "GET", "/v1/reports/sent", 404 },
        { "GET", "/v1/reports/sent/x", 404 },
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
    static const char *const lines[] = {
        "\nsternpost_queue_messages 0\n",
        "# TYPE sternpost_delivered_total counter\n",
        "Content-Type: text/plain; version=0.0.4",
        "# TYPE sternpost_tls_out_failures_total counter\nsternpost_tls_out_failures_total{result=\"starttls-not-supported\"} 0\n",
        "} 0\nsternpost_tls_out_failures_total{result=\"tlsa-invalid\"} 0\n",
        "\nsternpost_sts_asked_total 7\n",
        "\nsternpost_sts_downgraded_total 1\n",
    };
    json_t *got;
    struct slice page;

    CHECK_INT(request(false, "GET", "/metrics", "", &got), 200);
    page = buf_slice(&f.answer);
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        CHECK_CASE(lines[i], memmem(page.ptr, page.len, lines[i], strlen(lines[i])) != NULL);
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

RUN_TESTS(WITH_ADMIN(queue), WITH_ADMIN(settings_and_audit), WITH_ADMIN(document), WITH_ADMIN(secrets_stay_inside),
          WITH_ADMIN(status_and_inquiries), WITH_ADMIN(public_listener_serves_no_mail), WITH_ADMIN(metrics_page),
          WITH_ADMIN(connection_rules), WITH_ADMIN(client_that_does_not_wait),
          WITH_ADMIN(control_socket_is_served_once))
