#include "net/https.h"

#include "base/clock.h"
#include "base/memory.h"
#include "net/https_fixture.h"

#include <dirent.h>
#include <netdb.h>

enum { DAY_S = 86400, MOST = 64 * 1024, SOON_MS = 400, LATE_MS = 20000 };

/* libcurl must never resolve by itself: this one stands before the system's. */
static int resolved_by_others;

int getaddrinfo(const char *restrict node, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict out)
{
    (void)node, (void)service, (void)hints, (void)out;
    resolved_by_others++;
    return EAI_FAIL;
}

static const char *const records[] = {
    "good.example.test. 60 IN A 127.0.0.1",
    "other.example.test. 60 IN A 127.0.0.1",
    "dead.example.test. 60 IN A 127.0.0.1",
    "dead.example.test. 60 IN AAAA ::1",
    "loop4.example.test. 60 IN A 127.0.0.1",
    "loop6.example.test. 60 IN AAAA ::1",
    "ten.example.test. 60 IN A 10.0.0.1",
    "cloud.example.test. 60 IN A 169.254.169.254",
    "shared.example.test. 60 IN A 100.64.0.1",
    "local6.example.test. 60 IN AAAA fd00::1",
    "mapped.example.test. 60 IN AAAA ::ffff:127.0.0.1",
    "nat64.example.test. 60 IN AAAA 64:ff9b::7f00:1",
    "zero.example.test. 60 IN A 0.0.0.0",
    "text.example.test. 60 IN TXT nothing",
};

static const struct {
    const char *file, *name;
    int64_t from_s, for_s;
    enum { BY_CA, BY_STRANGER, BY_ITSELF } by;
    bool is_cn_only;
} issued[] = {
    { "good", "good.example.test", -DAY_S, 30 * DAY_S, BY_CA, false },
    { "wild", "*.example.test", -DAY_S, 30 * DAY_S, BY_CA, false },
    { "deep", "*.test", -DAY_S, 30 * DAY_S, BY_CA, false },
    { "partial", "go*.example.test", -DAY_S, 30 * DAY_S, BY_CA, false },
    { "expired", "good.example.test", -9 * DAY_S, 8 * DAY_S, BY_CA, false },
    { "early", "good.example.test", DAY_S, DAY_S, BY_CA, false },
    { "other", "other.example.test", -DAY_S, 30 * DAY_S, BY_CA, false },
    { "strange", "good.example.test", -DAY_S, 30 * DAY_S, BY_STRANGER, false },
    { "self", "good.example.test", -DAY_S, 30 * DAY_S, BY_ITSELF, false },
    { "cn", "good.example.test", -DAY_S, 30 * DAY_S, BY_CA, true },
};

struct world {
    struct folder folder;
    struct minica *ca, *stranger;
    struct loop *loop;
    struct resolver *resolver;
    struct web_site *site;
    struct https_client *client;
    const char *root;
};

static struct world w;

static int set_up(void **unused)
{
    static const char *const nobody[] = { "127.0.0.1@9" };
    struct dns_config dns = { .local_data = records,
                              .local_data_len = COUNT_OF(records),
                              .forwarders = nobody,
                              .forwarders_len = 1,
                              .timeout_ms = 2000 };
    struct fault why = { "" };

    (void)unused;
    folder_make(&w.folder);
    w.ca = minica_new("Test Root");
    w.stranger = minica_new("Stranger\r\nInjected: Root");
    w.root = folder_file(&w.folder, "root.pem");
    CHECK(minica_write_root(w.ca, w.root, &why) == OK);
    w.loop = loop_new();
    CHECK(resolver_new(w.loop, &dns, &w.resolver, &why) == OK);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    resolver_free(w.resolver);
    loop_free(w.loop);
    minica_free(w.ca);
    minica_free(w.stranger);
    folder_remove(&w.folder);
    return 0;
}

static void issue_set(const char *file)
{
    struct minica_leaf leaf;
    size_t i = 0;

    while (strcmp(issued[i].file, file) != 0)
        i++;
    leaf = (struct minica_leaf){ .names = &issued[i].name,
                                 .names_len = 1,
                                 .valid_from_s = issued[i].from_s,
                                 .valid_for_s = issued[i].for_s,
                                 .has_common_name_only = issued[i].is_cn_only };
    issue(issued[i].by == BY_CA         ? w.ca
          : issued[i].by == BY_STRANGER ? w.stranger
                                        : NULL,
          &w.folder, &leaf, "chain.pem", "key.pem");
}

static void begin(const char *certificate, const char *answer, enum web_manner manner)
{
    struct https_config config = { .ca_file = w.root, .allows_private = true };
    struct fault why = { "" };

    issue_set(certificate);
    w.site = NEW(struct web_site);
    w.site->answer = answer;
    w.site->manner = manner;
    web_open(w.site, w.loop, folder_file(&w.folder, "chain.pem"), folder_file(&w.folder, "key.pem"));
    config.port = w.site->port;
    CHECK(https_client_new(w.loop, w.resolver, &config, &w.client, &why) == OK);
    resolved_by_others = 0;
}

static void end(void)
{
    https_client_free(w.client);
    web_close(w.site);
    free(w.site);
    CHECK_INT(resolved_by_others, 0);
}

static size_t threads(void)
{
    DIR *d = opendir("/proc/self/task");
    size_t n = 0;

    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

struct asked {
    struct https_request q; /* first */
    int done;
    size_t threads;
};

static void on_done(struct https_request *q)
{
    struct asked *a = (struct asked *)q;

    a->done++;
    a->threads = threads();
}

static struct asked ask(const char *host, const char *path, int64_t deadline_ms)
{
    return (struct asked){ .q = { .done = on_done,
                                  .host = slice_str(host),
                                  .path = slice_str(path),
                                  .answer_most = MOST,
                                  .deadline_ms = deadline_ms } };
}

static void wait_for(struct asked *a)
{
    int64_t until = clock_mono_ms() + LATE_MS;

    while (a->done == 0 && clock_mono_ms() < until)
        loop_turn(w.loop, 100);
    CHECK_INT(a->done, 1);
}

static void get(struct asked *a)
{
    https_start(w.client, &a->q);
    CHECK_INT(a->done, 0);
    wait_for(a);
}

#define HELLO "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=us-ascii\r\nContent-Length: 5\r\n\r\nhello"

/* STS-19 */
static const struct {
    const char *name, *certificate;
    enum https_outcome outcome;
    const char *words;
} certificates[] = {
    { "good", "good", HTTPS_ANSWERED, "" },
    { "wildcard", "wild", HTTPS_ANSWERED, "" },
    { "wildcard for two labels", "deep", HTTPS_CERTIFICATE, "hostname mismatch" },
    { "half a wildcard", "partial", HTTPS_CERTIFICATE, "hostname mismatch" },
    { "expired", "expired", HTTPS_CERTIFICATE, "certificate has expired" },
    { "not yet valid", "early", HTTPS_CERTIFICATE, "certificate is not yet valid" },
    { "another name", "other", HTTPS_CERTIFICATE, "hostname mismatch" },
    { "another root", "strange", HTTPS_CERTIFICATE, "self-signed certificate in certificate chain" },
    { "self-signed", "self", HTTPS_CERTIFICATE, "self-signed certificate" },
    { "common name only", "cn", HTTPS_CERTIFICATE, "hostname mismatch" },
};

TEST(https_judges_the_certificate)
{
    for (size_t i = 0; i < COUNT_OF(certificates); i++) {
        struct asked a = ask("good.example.test", "/", LATE_MS);

        begin(certificates[i].certificate, HELLO, WEB_ANSWERS);
        get(&a);
        if (a.q.outcome != certificates[i].outcome || strstr(a.q.why.text, certificates[i].words) == NULL)
            fail_msg("case '%s': %s: %s", certificates[i].name, https_outcome_name(a.q.outcome), a.q.why.text);
        CHECK_CASE(certificates[i].name, w.site->requests == (a.q.outcome == HTTPS_ANSWERED));
        https_release(&a.q);
        end();
    }
}

#define NO_BODY "Content-Length: 0\r\n\r\n"
#define X8 "xxxxxxxx"
#define X64 X8 X8 X8 X8 X8 X8 X8 X8
#define LONG_LINE "X-Long: " X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 X64 "\r\n"
#define LINES8 LONG_LINE LONG_LINE LONG_LINE LONG_LINE LONG_LINE LONG_LINE LONG_LINE LONG_LINE
#define EARLY "HTTP/1.1 103 Early Hints\r\n" LONG_LINE "\r\n"

static const struct {
    const char *name, *answer;
    size_t filling;
    enum https_outcome outcome;
    int status;
    const char *body, *type, *words;
    int64_t retry_after_s;
} answers[] = {
    { "good", HELLO, 0, HTTPS_ANSWERED, 200, "hello", "text/plain; charset=us-ascii", "", 0 },
    { "not found", "HTTP/1.1 404 Not Found\r\n" NO_BODY, 0, HTTPS_ANSWERED, 404, "", "", "", 0 },
    { "redirect (STS-01)", "HTTP/1.1 302 Found\r\nLocation: https://other.example.test/\r\n" NO_BODY, 0,
      HTTPS_ANSWERED, 302, "", "", "", 0 },
    { "too many requests", "HTTP/1.1 429 Slow\r\nRetry-After: 120\r\n" NO_BODY, 0, HTTPS_ANSWERED, 429, "", "", "",
      120 },
    { "retry in a year", "HTTP/1.1 503 No\r\nRetry-After: 31536000\r\n" NO_BODY, 0, HTTPS_ANSWERED, 503, "", "", "",
      86400 },
    { "retry in the past", "HTTP/1.1 503 No\r\nRetry-After: Mon, 01 Jan 2001 00:00:00 GMT\r\n" NO_BODY, 0,
      HTTPS_ANSWERED, 503, "", "", "", 0 },
    { "chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", 0,
      HTTPS_ANSWERED, 200, "hello", "", "", 0 },
    { "until the end", "HTTP/1.0 200 OK\r\n\r\nhello", 0, HTTPS_ANSWERED, 200, "hello", "", "", 0 },
    { "as much as allowed", "HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n", MOST, HTTPS_ANSWERED, 200, NULL, "",
      "", 0 },
    /* STS-05 */
    { "one byte too many", "HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n", MOST + 1, HTTPS_TOO_LARGE, 0, "", "",
      "too large", 0 },
    { "endless", "HTTP/1.1 200 OK\r\n\r\n", 4 * MOST, HTTPS_TOO_LARGE, 0, "", "", "too large", 0 },
    { "chunked bomb", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFF\r\n", 4 * MOST, HTTPS_TOO_LARGE, 0,
      "", "", "too large", 0 },
    { "a chunk of more than there are bytes", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFF\r\nhello", 0,
      HTTPS_BROKEN, 0, "", "", "", 0 },
    { "less than announced", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello", 0, HTTPS_BROKEN, 0, "", "",
      "too early", 0 },
    { "more than announced", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more", 0, HTTPS_ANSWERED, 200,
      "hello", "", "", 0 },
    { "gzip", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", 0, HTTPS_BROKEN, 0, "",
      "", "encoded", 0 },
    { "gzip in another case", "HTTP/1.1 200 OK\r\ncontent-ENCODING:\tx-gzip \r\nContent-Length: 5\r\n\r\nhello", 0,
      HTTPS_BROKEN, 0, "", "", "encoded", 0 },
    { "gzip by transfer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 0, HTTPS_BROKEN, 0,
      "", "", "encoded", 0 },
    { "identity", "HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello", 0, HTTPS_ANSWERED,
      200, "hello", "", "", 0 },
    { "many headers", "HTTP/1.1 200 OK\r\n" LINES8 LINES8 LINES8 LINES8 NO_BODY, 0, HTTPS_TOO_LARGE, 0, "", "",
      "too large", 0 },
    { "many interim answers",
      EARLY EARLY EARLY EARLY EARLY EARLY EARLY EARLY EARLY EARLY EARLY EARLY EARLY EARLY EARLY EARLY EARLY EARLY EARLY
          EARLY EARLY EARLY EARLY EARLY EARLY EARLY EARLY EARLY EARLY EARLY EARLY EARLY HELLO,
      0, HTTPS_TOO_LARGE, 0, "", "", "too large", 0 },
    { "not HTTP", "220 mx.example.test ESMTP\r\n", 0, HTTPS_BROKEN, 0, "", "", "", 0 },
    { "HTTP/0.9", "hello\r\n", 0, HTTPS_BROKEN, 0, "", "", "", 0 },
    { "nothing", "", 0, HTTPS_BROKEN, 0, "", "", "without an answer", 0 },
};

TEST(https_reads_the_answer)
{
    begin("good", "", WEB_ANSWERS);
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        struct asked a = ask("good.example.test", "/.well-known/mta-sts.txt", LATE_MS);
        int visits = w.site->visits_len;

        w.site->answer = answers[i].answer;
        w.site->filling = answers[i].filling;
        get(&a);
        if (a.q.outcome != answers[i].outcome || strstr(a.q.why.text, answers[i].words) == NULL)
            fail_msg("case '%s': %s: %s", answers[i].name, https_outcome_name(a.q.outcome), a.q.why.text);
        CHECK_CASE(answers[i].name, a.q.status == answers[i].status && a.q.retry_after_s == answers[i].retry_after_s);
        if (answers[i].body != NULL)
            CHECK_STR(buf_slice(&a.q.answer), answers[i].body);
        else
            CHECK_INT(buf_slice(&a.q.answer).len, MOST);
        CHECK_STR(slice_str(a.q.type), answers[i].type);
        CHECK_CASE(answers[i].name, w.site->visits_len == visits + 1);
        https_release(&a.q);
    }
    end();
}

TEST(https_asks_plainly)
{
    struct asked a = ask("good.example.test", "/a/../b?c=d", LATE_MS);
    char want[200];

    begin("good", HELLO, WEB_ANSWERS);
    setenv("https_proxy", "http://127.0.0.1:9", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:9", 1);
    get(&a);
    CHECK_INT(a.q.outcome, HTTPS_ANSWERED);
    CHECK_INT(a.threads, 1);
    (void)snprintf(want, sizeof want,
                   "GET /a/../b?c=d HTTP/1.1\r\nHost: good.example.test:%u\r\nUser-Agent: sternpost/%s\r\n"
                   "Accept: */*\r\n\r\n",
                   w.site->port, STERNPOST_VERSION);
    CHECK_STR(w.site->request, want);
    unsetenv("https_proxy");
    unsetenv("ALL_PROXY");
    https_release(&a.q);
    end();
}

static const struct {
    const char *name, *answer;
    int status;
    int64_t retry_after_s;
} posts[] = {
    { "taken", "HTTP/1.1 201 Created\r\n" NO_BODY, 201, 0 },
    { "taken without a body", "HTTP/1.1 204 No Content\r\n\r\n", 204, 0 },
    { "refused", "HTTP/1.1 400 Bad Request\r\n" NO_BODY, 400, 0 },
    { "too many", "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 60\r\n" NO_BODY, 429, 60 },
    { "moved", "HTTP/1.1 307 Moved\r\nLocation: https://other.example.test/\r\n" NO_BODY, 307, 0 },
};

TEST(https_posts)
{
    static char body[40000];

    memset(body, 'r', sizeof body);
    begin("good", "", WEB_ANSWERS);
    for (size_t i = 0; i < COUNT_OF(posts); i++) {
        struct asked a = ask("good.example.test", "/reports", LATE_MS);

        a.q.is_post = true;
        a.q.body = slice_of(body, sizeof body);
        a.q.content_type = SLICE_LIT("application/tlsrpt+gzip");
        w.site->answer = posts[i].answer;
        get(&a);
        CHECK_CASE(posts[i].name, a.q.outcome == HTTPS_ANSWERED && a.q.status == posts[i].status);
        CHECK_CASE(posts[i].name, a.q.retry_after_s == posts[i].retry_after_s);
        CHECK(slice_starts(w.site->request, SLICE_LIT("POST /reports HTTP/1.1\r\n")));
        CHECK(memmem(w.site->request.ptr, w.site->request.len, "Content-Type: application/tlsrpt+gzip\r\n", 39));
        CHECK(memmem(w.site->request.ptr, w.site->request.len, "Content-Length: 40000\r\n", 23));
        CHECK(memmem(w.site->request.ptr, w.site->request.len, "Expect", 6) == NULL);
        CHECK(slice_ends_case(w.site->request, slice_of(body, sizeof body)));
        https_release(&a.q);
    }
    end();
}

/* STS-06 */
static const struct {
    const char *name, *host, *answer;
    enum web_manner manner;
} slow[] = {
    { "stalled TLS", "good.example.test", HELLO, WEB_STALLS_IN_TLS },
    { "no answer", "good.example.test", HELLO, WEB_STALLS },
    { "a byte now and then", "good.example.test", HELLO, WEB_DRIPS },
    { "a silent name server", "silent.example.org", HELLO, WEB_ANSWERS },
};

TEST(https_keeps_its_deadline)
{
    for (size_t i = 0; i < COUNT_OF(slow); i++) {
        struct asked a = ask(slow[i].host, "/", SOON_MS);
        int64_t from = clock_mono_ms();

        begin("good", slow[i].answer, slow[i].manner);
        get(&a);
        if (a.q.outcome != (slow[i].host[0] == 's' ? HTTPS_NO_ADDRESS : HTTPS_TIMEOUT) && a.q.outcome != HTTPS_TIMEOUT)
            fail_msg("case '%s': %s: %s", slow[i].name, https_outcome_name(a.q.outcome), a.q.why.text);
        CHECK_CASE(slow[i].name, clock_mono_ms() - from < LATE_MS / 4);
        https_release(&a.q);
        end();
    }
}

TEST(https_cannot_reach_everybody)
{
    struct asked nobody = ask("nobody.example.test", "/", LATE_MS),
                 no_address = ask("text.example.test", "/", LATE_MS), reset = ask("good.example.test", "/", LATE_MS),
                 dead = ask("dead.example.test", "/", LATE_MS);

    begin("good", HELLO, WEB_RESETS);
    get(&nobody);
    CHECK_INT(nobody.q.outcome, HTTPS_NO_ADDRESS);
    get(&no_address);
    CHECK_INT(no_address.q.outcome, HTTPS_NO_ADDRESS);
    get(&reset);
    CHECK_INT(reset.q.outcome, HTTPS_BROKEN);
    loop_unwatch(w.loop, &w.site->io);
    listener_close(&w.site->listener);
    get(&dead);
    CHECK_INT(dead.q.outcome, HTTPS_UNREACHABLE);
    end();
}

/* STS-22, STS-23, RPT-11: nobody is even dialed. */
TEST(https_asks_the_internet_alone)
{
    static const char *const hosts[] = { "loop4.example.test",  "loop6.example.test",  "ten.example.test",
                                         "cloud.example.test",  "shared.example.test", "local6.example.test",
                                         "mapped.example.test", "nat64.example.test",  "zero.example.test" };
    struct https_client *strict;
    struct fault why = { "" };

    begin("good", HELLO, WEB_ANSWERS);
    CHECK(https_client_new(w.loop, w.resolver, &(struct https_config){ .ca_file = w.root, .port = w.site->port },
                           &strict, &why) == OK);
    for (size_t i = 0; i < COUNT_OF(hosts); i++) {
        struct asked a = ask(hosts[i], "/", LATE_MS);

        https_start(strict, &a.q);
        wait_for(&a);
        CHECK_CASE(hosts[i], a.q.outcome == HTTPS_PRIVATE);
    }
    CHECK_INT(w.site->visits_len, 0);
    https_client_free(strict);
    end();
}

static const struct {
    const char *host, *path;
} odd[] = {
    { "", "/" },
    { "127.0.0.1", "/" },
    { "2130706433", "/" },
    { "0x7f.1", "/" },
    { "[::1]", "/" },
    { "user@good.example.test", "/" },
    { "good.example.test:25", "/" },
    { "good.example.test/", "/" },
    { "Good.example.test", "/" },
    { ".example.test", "/" },
    { "good.example.test", "" },
    { "good.example.test", "x" },
    { "good.example.test", "/ HTTP/1.1\r\nX: y" },
    { "good.example.test", "/\xc3\xa4" },
};

TEST(https_refuses_odd_addresses)
{
    begin("good", HELLO, WEB_ANSWERS);
    for (size_t i = 0; i < COUNT_OF(odd); i++) {
        struct asked a = ask(odd[i].host, odd[i].path, LATE_MS);

        get(&a);
        CHECK_CASE(odd[i].host, a.q.outcome == HTTPS_NO_ADDRESS);
    }
    CHECK_INT(w.site->visits_len, 0);
    end();
}

TEST(https_asks_a_few_at_a_time)
{
    struct https_client *two;
    struct asked a[8];
    struct fault why = { "" };
    int open = 0;

    begin("good", HELLO, WEB_STALLS);
    CHECK(https_client_new(w.loop, w.resolver,
                           &(struct https_config){
                               .ca_file = w.root, .port = w.site->port, .allows_private = true, .transfers_most = 2 },
                           &two, &why) == OK);
    for (size_t i = 0; i < COUNT_OF(a); i++) {
        a[i] = ask("good.example.test", "/", SOON_MS);
        https_start(two, &a[i].q);
    }
    https_cancel(two, &a[7].q); /* it waits */
    https_cancel(two, &a[0].q); /* it is under way */
    https_cancel(two, &a[0].q);
    for (size_t i = 1; i < 5; i++) { /* three rounds of two, each until its deadline */
        wait_for(&a[i]);
        CHECK_INT(a[i].q.outcome, HTTPS_TIMEOUT);
        open = 0;
        for (int v = 0; v < w.site->visits_len; v++)
            open += w.site->visits[v].is_open;
    }
    CHECK(a[0].done == 0 && a[7].done == 0 && a[6].done == 0);
    https_client_free(two);
    CHECK(w.site->requests >= 3 && w.site->requests <= 6 && open > 0);
    end();
}

/* Whenever it is cancelled, nothing is left behind and nobody hears of it. */
TEST(https_is_cancelled_at_any_moment)
{
    begin("good", HELLO, WEB_DRIPS);
    for (int turns = 0; turns < 24; turns++) {
        struct asked a = ask("good.example.test", "/", LATE_MS);

        https_start(w.client, &a.q);
        for (int i = 0; i < turns; i++)
            loop_turn(w.loop, 2);
        https_cancel(w.client, &a.q);
        CHECK_INT(a.done, 0);
    }
    for (int i = 0; i < 5; i++)
        loop_turn(w.loop, 2);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(https_judges_the_certificate),
        T(https_reads_the_answer),
        T(https_asks_plainly),
        T(https_posts),
        T(https_keeps_its_deadline),
        T(https_cannot_reach_everybody),
        T(https_asks_the_internet_alone),
        T(https_refuses_odd_addresses),
        T(https_asks_a_few_at_a_time),
        T(https_is_cancelled_at_any_moment),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
