#include "reports/sender.h"

#include "base/log.h"
#include "base/memory.h"
#include "mail/dkim.h"
#include "net/https_fixture.h"
#include "reports/calendar.h"
#include "reports/target.h"
#include "store/store_test.h"
#include "tlsrpt/session.h"

enum { TUESDAY_S = 1764028800, HOUR_S = 3600, DAY_S = 86400, LATE_MS = 15000 };

static const char tuesday[] = "2025-11-25";

static const char *const records[] = {
    "_smtp._tls.both.example.test. 60 IN TXT \"v=TLSRPTv1; rua=mailto:r@both.test,https://web.example.test/in\"",
    "_smtp._tls.mail.example.test. 60 IN TXT \"v=TLSRPTv1;rua=mailto:r@mail.example.test\"",
    "_smtp._tls.web.example.test. 60 IN TXT \"v=TLSRPTv1;rua=https://web.example.test/in\"",
    "_smtp._tls.two.example.test. 60 IN TXT \"v=TLSRPTv1;rua=mailto:a@two.example.test\"",
    "_smtp._tls.two.example.test. 60 IN TXT \"v=TLSRPTv1;rua=mailto:b@two.example.test\"",
    "_smtp._tls.odd.example.test. 60 IN TXT \"v=TLSRPTv1;rua=ftp://odd.example.test/\"",
    "_smtp._tls.mx.host.test. 60 IN TXT \"v=TLSRPTv1;rua=mailto:r@host.test\"",
    "_smtp._tls.customer.test. 60 IN TXT \"v=TLSRPTv1;rua=mailto:r@customer.test\"",
    "_smtp._tls.own.test. 60 IN TXT \"v=TLSRPTv1;rua=mailto:r@host.test\"",
    ("_smtp._tls.often.example.test. 60 IN TXT \"v=TLSRPTv1;rua=mailto:r@often.test,mailto:r@often.test,"
     "mailto:r@often.test,mailto:r@often.test,mailto:r@often.test\""),
    "none.example.test. 60 IN TXT nothing",
    "web.example.test. 60 IN A 127.0.0.1",
};

#define SETTINGS(more)                                                                                                \
    "{\"report-from\":\"tls@sender.test\",\"report-organization\":\"Sender\",\"report-dkim-selector\":\"s1\","        \
    "\"report-dkim-key\":\"%s\"" more "}"

static int64_t now_s;
static int given_up; /* as the log tells */

static void hear(struct slice line)
{
    given_up += memmem(line.ptr, line.len, "TLS report given up", 19) != NULL;
}

static int64_t wall_s(void)
{
    return now_s;
}

struct world {
    struct test_store store;
    struct folder folder;
    struct minica *ca;
    struct loop *loop;
    struct resolver *resolver;
    struct web_site *site;
    struct https_client *https;
    struct report_sender *sender;
    const char *settings;
};

static struct world w;

static struct buf dkim_key; /* one for all tests: making it takes its time */

static void make_key(void)
{
    buf_init(&dkim_key, MAIL_DKIM_PEM_MAX);
    CHECK_INT(mail_dkim_key_generate(MAIL_DKIM_RSA_SHA256, &dkim_key), OK);
}

static void write_key(const char *path)
{
    FILE *f = fopen(path, "w");

    CHECK(f != NULL);
    CHECK_INT(fwrite(buf_slice(&dkim_key).ptr, 1, buf_slice(&dkim_key).len, f), buf_slice(&dkim_key).len);
    fclose(f);
}

static struct snapshot *compile(const char *settings)
{
    char text[1024];
    struct setting_row row = { .kind = SLICE_LIT("gateway"), .name = SLICE_LIT("gateway") };
    struct snapshot *out;
    struct fault why = { "" };

    (void)snprintf(text, sizeof text, settings, folder_file(&w.folder, "dkim.key"));
    row.after = slice_str(text);
    if (snapshot_new(&row, 1, 1, &out, &why) != OK)
        fail_msg("%s", why.text);
    return out;
}

static void start_sender(void)
{
    w.sender = report_sender_new(w.loop, w.resolver, w.https, w.store.store, SLICE_LIT("gw.sender.test"),
                                 compile(w.settings));
    report_sender_set_clock(w.sender, wall_s);
}

static void start_web(void)
{
    static const char *const name[] = { "web.example.test" };
    const struct minica_leaf leaf = { .names = name, .names_len = 1, .valid_from_s = -DAY_S };
    struct https_config config = { .ca_file = folder_file(&w.folder, "root.pem"), .allows_private = true };
    struct fault why = { "" };

    w.ca = minica_new("Test Root");
    CHECK(minica_write_root(w.ca, config.ca_file, &why) == OK);
    issue(w.ca, &w.folder, &leaf, "web.pem", "web.key");
    w.site = NEW(struct web_site);
    w.site->answer = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
    web_open(w.site, w.loop, folder_file(&w.folder, "web.pem"), folder_file(&w.folder, "web.key"));
    config.port = w.site->port;
    CHECK(https_client_new(w.loop, w.resolver, &config, &w.https, &why) == OK);
}

static void begin(const char *settings)
{
    static const char *const nobody[] = { "127.0.0.1@9" };
    struct dns_config dns = { .local_data = records,
                              .local_data_len = COUNT_OF(records),
                              .forwarders = nobody,
                              .forwarders_len = 1,
                              .timeout_ms = 500 };
    struct fault why = { "" };

    w = (struct world){ .settings = settings };
    folder_make(&w.folder);
    write_key(folder_file(&w.folder, "dkim.key"));
    w.store = test_store_new();
    w.loop = loop_new();
    CHECK(resolver_new(w.loop, &dns, &w.resolver, &why) == OK);
    start_web();
    now_s = TUESDAY_S + DAY_S + 5 * HOUR_S;
    start_sender();
}

static void end(void)
{
    report_sender_free(w.sender);
    https_client_free(w.https);
    web_close(w.site);
    free(w.site);
    resolver_free(w.resolver);
    loop_free(w.loop);
    minica_free(w.ca);
    test_store_end(&w.store);
    folder_remove(&w.folder);
}

static void count_for(const char *day, const char *key, enum tlsrpt_policy_type type, const char *of, bool is_failed)
{
    const struct tlsrpt_policy policy = { .type = type, .domain = slice_str(of), .is_failed = is_failed };
    const struct tlsrpt_session session = { .domain = slice_str(key), .policies = &policy, .policies_len = 1 };
    struct arena arena = { 0 };
    const struct tlsrpt_row *rows;
    size_t len;

    tlsrpt_rows_of(&session, &arena, &rows, &len);
    for (size_t i = 0; i < len; i++) {
        struct report_count_row row = { .day = slice_str(day),
                                        .domain = slice_str(key),
                                        .policy = rows[i].policy,
                                        .detail = rows[i].detail,
                                        .count = 7 };
        struct store_request r = { .verb = STORE_REPORT_COUNT, .report_counts_in = &row, .report_counts_in_len = 1 };

        CHECK_INT(call(&w.store, &r), OK);
        arena_release(&r.arena);
    }
    arena_release(&arena);
}

static void count_simply(const char *domain)
{
    count_for(tuesday, domain, TLSRPT_NO_POLICY, domain, false);
}

/* The reports in the store; the arena is the caller's to release. */
static size_t reports(struct arena *arena, const struct report_row **out)
{
    struct store_request r = { .verb = STORE_REPORT_LIST, .since_day = SLICE_LIT("2000-01-01"), .limit = 1000 };

    CHECK_INT(call(&w.store, &r), OK);
    *arena = r.arena;
    *out = r.reports;
    return r.reports_len;
}

static size_t mails(struct arena *arena, const struct stored_message **out)
{
    struct store_request r = { .verb = STORE_LIST, .limit = 100 };

    CHECK_INT(call(&w.store, &r), OK);
    *arena = r.arena;
    *out = r.messages;
    return r.messages_len;
}

static size_t count_mails(void)
{
    const struct stored_message *m;
    struct arena arena;
    size_t n = mails(&arena, &m);

    arena_release(&arena);
    return n;
}

/* Looks, and gives the sender time until nothing is under way: its own count is not to be seen, so until `want`
 * reports are made and a little longer. */
static void look(size_t want)
{
    int64_t until = clock_mono_ms() + LATE_MS;
    const struct report_row *rows;
    struct arena arena;
    size_t n;

    report_sender_look(w.sender);
    do {
        loop_turn(w.loop, 10);
        n = reports(&arena, &rows);
        for (size_t i = 0; i < n; i++)
            n = rows[i].report_id.len == 0 ? 0 : n;
        arena_release(&arena);
    } while (n < want && clock_mono_ms() < until);
    for (int i = 0; i < 20; i++)
        loop_turn(w.loop, 5);
    n = reports(&arena, &rows);
    arena_release(&arena);
    CHECK_INT(n, want);
}

/* The state of the nth target of the one report. */
static enum report_target_state target(size_t n, char note[static 200])
{
    const struct report_row *rows;
    struct report_target *targets;
    struct arena arena;
    enum report_target_state state;
    size_t len;

    CHECK_INT(reports(&arena, &rows), 1);
    CHECK_INT(report_targets_read(rows[0].targets, &arena, &targets, &len), OK);
    CHECK(n < len);
    state = targets[n].state;
    (void)snprintf(note, 200, "%.*s", SLICE_FMT(targets[n].note));
    arena_release(&arena);
    return state;
}

static int64_t next_s(void)
{
    const struct report_row *rows;
    struct arena arena;
    int64_t next;

    CHECK_INT(reports(&arena, &rows), 1);
    next = rows[0].next_s;
    arena_release(&arena);
    return next;
}

TEST(one_report_for_a_domain_and_day)
{
    const struct stored_message *m;
    struct arena arena;
    char note[200];

    begin(SETTINGS(""));
    count_simply("both.example.test");
    now_s = calendar_slot_s(TUESDAY_S, SLICE_LIT("both.example.test")) - 1;
    look(0);
    now_s++;
    look(1);
    CHECK_INT(target(0, note), TARGET_QUEUED);
    CHECK_INT(target(1, note), TARGET_POSTED);
    CHECK_INT(w.site->requests, 1);
    CHECK(slice_starts(w.site->request, SLICE_LIT("POST /in HTTP/1.1\r\n")));
    CHECK(memmem(w.site->request.ptr, w.site->request.len, "Content-Type: application/tlsrpt+gzip\r\n", 39) != NULL);
    CHECK_INT(mails(&arena, &m), 1);
    CHECK(m[0].origin == ORIGIN_REPORT && m[0].tls_required_no && m[0].rcpts_len == 1); /* RPT-12, RPT-13 */
    CHECK(m[0].rcpts[0].rcpt.notify == SMTP_NOTIFY_NEVER);
    CHECK_STR(m[0].mail.address, "tls@sender.test");
    CHECK_STR(m[0].rcpts[0].rcpt.address, "r@both.test");
    CHECK_STR(m[0].rcpts[0].domain, "both.test");
    arena_release(&arena);
    now_s += 60;
    look(1);
    report_sender_free(w.sender); /* and the next life of the process does not send it again */
    test_store_reopen(&w.store);
    start_sender();
    now_s += HOUR_S;
    look(1);
    CHECK_INT(w.site->requests, 1);
    CHECK_INT(count_mails(), 1);
    end();
}

TEST(the_mail_is_signed_and_says_what_it_is)
{
    const struct stored_message *m;
    struct store_request r = { .verb = STORE_LOAD };
    struct arena arena;
    char text[16000];

    begin(SETTINGS(""));
    count_for(tuesday, "mail.example.test", TLSRPT_STS, "mail.example.test", true);
    look(1);
    CHECK_INT(mails(&arena, &m), 1);
    r.id = m[0].id;
    arena_release(&arena);
    CHECK_INT(call(&w.store, &r), OK);
    CHECK(slice_to_cstr(r.bytes, text, sizeof text));
    CHECK(strstr(text, "DKIM-Signature: ") == text);
    CHECK(strstr(text, "d=sender.test") != NULL && strstr(text, "TLS-Report-Domain: mail.example.test\r\n") != NULL);
    CHECK(strstr(text, "TLS-Report-Submitter: sender.test\r\n") != NULL);
    arena_release(&r.arena);
    end();
}

TEST(who_wants_no_report_gets_none)
{
    static const char *const domains[] = { "none.example.test", "two.example.test", "odd.example.test",
                                           "missing.example.test" };

    begin(SETTINGS(""));
    for (size_t i = 0; i < COUNT_OF(domains); i++)
        count_simply(domains[i]);
    look(0);
    CHECK_INT(count_mails(), 0);
    end();
}

/* Four and more times the same would be more addresses than a record may have. */
TEST(who_is_named_often_gets_one)
{
    const struct stored_message *m;
    struct arena arena;

    begin(SETTINGS(""));
    count_simply("often.example.test");
    look(1);
    CHECK_INT(mails(&arena, &m), 1);
    CHECK_INT(m[0].rcpts_len, 1);
    arena_release(&arena);
    end();
}

TEST(nothing_is_sent_without_a_sender)
{
    begin("{}");
    count_simply("both.example.test");
    look(0);
    w.settings = SETTINGS("");
    report_sender_adopt(w.sender, compile(w.settings));
    look(1);
    end();
}

TEST(what_settings_hold_back)
{
    begin(SETTINGS(",\"report-failures-only\":true,\"report-skip\":[\"web.example.test\",\"a@b.test\"]"));
    count_simply("mail.example.test");
    count_for(tuesday, "web.example.test", TLSRPT_STS, "web.example.test", true);
    look(0);
    count_for(tuesday, "both.example.test", TLSRPT_STS, "both.example.test", true);
    report_sender_free(w.sender);
    start_sender();
    look(1);
    CHECK_INT(w.site->requests, 0); /* of its two addresses one is skipped */
    CHECK_INT(count_mails(), 1);
    end();
}

TEST(days_of_a_pause_are_caught_up_with)
{
    begin(SETTINGS(""));
    count_for("2025-11-27", "mail.example.test", TLSRPT_STS, "mail.example.test", true); /* today */
    count_for("2025-11-26", "mail.example.test", TLSRPT_STS, "mail.example.test", true);
    count_for("2025-11-24", "mail.example.test", TLSRPT_STS, "mail.example.test", true);
    count_for("2025-11-23", "mail.example.test", TLSRPT_STS, "mail.example.test", true);
    now_s = TUESDAY_S + 2 * DAY_S + 20 * HOUR_S;
    look(2);
    end();
}

/* RPT-14 */
TEST(a_busy_web_server_is_asked_again)
{
    char note[200];

    begin(SETTINGS(""));
    count_simply("web.example.test");
    w.site->answer = "HTTP/1.1 503 Busy\r\nRetry-After: 7200\r\nContent-Length: 0\r\n\r\n";
    look(1);
    CHECK_INT(target(0, note), TARGET_WAITING);
    CHECK_STR(slice_str(note), "HTTP 503");
    CHECK_INT(next_s(), now_s + 7200);
    now_s += 7100;
    look(1);
    CHECK_INT(w.site->requests, 1);
    w.site->answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    now_s += 100;
    look(1);
    CHECK_INT(w.site->requests, 2);
    CHECK_INT(target(0, note), TARGET_POSTED);
    CHECK_INT(next_s(), 0);
    end();
}

TEST(a_report_is_given_up_after_a_day)
{
    char note[200];
    int asked = 0;

    begin(SETTINGS(""));
    count_simply("web.example.test");
    w.site->answer = "HTTP/1.1 307 Elsewhere\r\nLocation: https://both.example.test/\r\nContent-Length: 0\r\n\r\n";
    look(1);
    while (next_s() != 0 && asked++ < 20) {
        now_s = next_s();
        look(1);
    }
    CHECK_INT(target(0, note), TARGET_FAILED);
    CHECK(asked > 6 && asked < 15);
    CHECK_INT(w.site->requests, asked + 1);
    now_s += DAY_S;
    look(1);
    CHECK_INT(w.site->requests, asked + 1);
    end();
}

/* RFC 8460 section 1.1; who gets the same from the recipient domain's report does not get it twice. */
TEST(hosts_hear_of_their_tlsa_records)
{
    struct arena arena = { 0 };
    struct slice json;
    struct fault why;
    struct snapshot *settings;
    const struct report_row *rows;

    begin(SETTINGS(""));
    count_for(tuesday, "mx.host.test/own.test", TLSRPT_TLSA, "mx.host.test", true);
    look(0);
    report_sender_free(w.sender);
    start_sender();
    count_for(tuesday, "mx.host.test/customer.test", TLSRPT_TLSA, "mx.host.test", true);
    look(1);
    CHECK_INT(reports(&arena, &rows), 1);
    CHECK_STR(rows[0].domain, "mx.host.test");
    arena_release(&arena);
    settings = compile(w.settings);
    CHECK_INT(report_preview(w.store.store, SLICE_LIT("mx.host.test"), slice_str(tuesday), snapshot_gateway(settings),
                             SLICE_LIT("gw.sender.test"), &arena, &json, &why),
              OK);
    CHECK(memmem(json.ptr, json.len, "\"total-failure-session-count\":14", 32) != NULL);
    CHECK(memmem(json.ptr, json.len, "\"organization-name\":\"Sender\"", 28) != NULL);
    CHECK_INT(report_preview(w.store.store, SLICE_LIT("host.test"), slice_str(tuesday), snapshot_gateway(settings),
                             SLICE_LIT("gw.sender.test"), &arena, &json, &why),
              ERR_NOT_FOUND);
    arena_release(&arena);
    snapshot_release(settings);
    end();
}

TEST(without_a_key_there_is_no_mail)
{
    char note[200];

    begin("{\"report-from\":\"tls@sender.test\"}");
    count_simply("both.example.test");
    look(1);
    CHECK_INT(target(0, note), TARGET_FAILED);
    CHECK(strstr(note, "no DKIM key") != NULL);
    CHECK_INT(target(1, note), TARGET_POSTED);
    CHECK_INT(count_mails(), 0);
    end();
}

/* A record that cannot be looked up is not one that is not there: it is tried again, and in the end given up. */
TEST(a_silent_name_server_is_asked_again)
{
    begin(SETTINGS(""));
    count_simply("silent.example.org");
    count_simply("mail.example.test");
    given_up = 0;
    for (int looks = 0; given_up == 0 && looks < 100; looks++) {
        look(1);
        now_s += HOUR_S;
    }
    CHECK_INT(given_up, 1);
    CHECK(now_s > TUESDAY_S + 2 * DAY_S); /* not before a day was over */
    end();
}

TEST(many_domains)
{
    char name[64];

    begin(SETTINGS(""));
    for (int i = 0; i < 1200; i++) {
        (void)snprintf(name, sizeof name, "d%d.none.example.test", i);
        count_simply(name);
    }
    count_simply("mail.example.test");
    count_simply("web.example.test");
    look(2);
    end();
}

/* Whenever the process ends, the next life of it has the report sent, and only once. */
TEST(the_sender_ends_at_any_moment)
{
    char note[200];

    for (int turns = 0; turns < 30; turns += 2) {
        begin(SETTINGS(""));
        count_simply("both.example.test");
        report_sender_look(w.sender);
        for (int i = 0; i < turns; i++)
            loop_turn(w.loop, 1);
        report_sender_free(w.sender);
        test_store_reopen(&w.store);
        start_sender();
        look(1);
        CHECK_INT(count_mails(), 1);
        CHECK_INT(target(1, note), TARGET_POSTED);
        CHECK(w.site->requests >= 1 && w.site->requests <= 2); /* the answer to the first may have been lost */
        end();
    }
}

static int set_up(void **unused)
{
    (void)unused;
    log_capture(hear);
    make_key();
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    buf_release(&dkim_key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(one_report_for_a_domain_and_day),
        T(the_mail_is_signed_and_says_what_it_is),
        T(who_wants_no_report_gets_none),
        T(who_is_named_often_gets_one),
        T(nothing_is_sent_without_a_sender),
        T(what_settings_hold_back),
        T(days_of_a_pause_are_caught_up_with),
        T(a_busy_web_server_is_asked_again),
        T(a_report_is_given_up_after_a_day),
        T(hosts_hear_of_their_tlsa_records),
        T(without_a_key_there_is_no_mail),
        T(a_silent_name_server_is_asked_again),
        T(many_domains),
        T(the_sender_ends_at_any_moment),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
