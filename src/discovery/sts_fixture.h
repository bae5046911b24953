/* discovery/sts_fixture.h: the MTA-STS service in a world of its own: a clock that is set, records that change, a policy
 * host, a store; for tests. */
#ifndef STERNPOST_DISCOVERY_STS_FIXTURE_H
#define STERNPOST_DISCOVERY_STS_FIXTURE_H

#include "base/memory.h"
#include "discovery/sts_private.h"
#include "net/https_fixture.h"
#include "net/minica.h"
#include "store/store_test.h"

enum { START_S = 1800000000, PATIENT_MS = 20000, TXT_MOST = 8 };

static struct world {
    struct folder folder;
    struct minica *ca;
    struct test_store store;
    struct loop *loop;
    struct resolver *hosts;     /* for the policy hosts' addresses */
    struct resolver *records;   /* for the TXT records */
    struct web_site *site;
    struct https_client *https;
    struct sts *sts;
    struct handoff *replies;
    size_t entries_most, fetches_most;
    unsigned fetches_per_s;
    char answer[8192], log[4096];
    size_t log_len;
} w;

static int64_t now_s;

static inline int64_t fixture_wall_s(void)
{
    return now_s;
}

static inline void fixture_log(struct slice line)
{
    size_t room = sizeof w.log - 1 - w.log_len, len = line.len < room ? line.len : room;

    memcpy(w.log + w.log_len, line.ptr, len);
    w.log_len += len;
    w.log[w.log_len] = '\0';
}

static inline struct resolver *resolver_with(const char *const *records, size_t len)
{
    static const char *const nobody[] = { "127.0.0.1@9" };
    const struct dns_config config = {
        .local_data = records, .local_data_len = len, .forwarders = nobody, .forwarders_len = 1, .timeout_ms = 300
    };
    struct resolver *r;
    struct fault why = { "" };

    if (resolver_new(w.loop, &config, &r, &why) != OK)
        fail_msg("%s", why.text);
    return r;
}

/* What the DNS says from now on; of all else it says nothing. NULL ends. */
static inline void set_records(const char *const records[TXT_MOST])
{
    size_t len = 0;

    while (len < TXT_MOST && records[len] != NULL)
        len++;
    CHECK(TAILQ_EMPTY(&w.sts->looks));
    resolver_free(w.records);
    w.records = w.sts->resolver = resolver_with(records, len);
}

#define RECORDS(...) set_records((const char *const[TXT_MOST]){ __VA_ARGS__ })
#define TXT(domain, id) "_mta-sts." domain ". 60 IN TXT \"v=STSv1; id=" id ";\""
#define NO_TXT(domain) "_mta-sts." domain ". 60 IN A 127.0.0.1"
#define DNS_DEAD() RECORDS(NULL)

static inline void set_answer(int status, const char *type, const char *body)
{
    (void)snprintf(w.answer, sizeof w.answer, "HTTP/1.1 %d X\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", status,
                   type, strlen(body), body);
    w.site->answer = w.answer;
    w.site->manner = WEB_ANSWERS;
}

#define POLICY(mode, age) "version: STSv1\r\nmode: " mode "\r\nmx: mx.example.test\r\nmax_age: " age "\r\n"

static inline void set_policy(const char *body)
{
    set_answer(200, "text/plain", body);
}

static inline void host_fails(void)
{
    set_answer(503, "text/plain", "");
}

static inline void start_service(void)
{
    const struct sts_config config = { .loop = w.loop,
                                       .resolver = w.records,
                                       .https = w.https,
                                       .store = w.store.store,
                                       .entries_most = w.entries_most,
                                       .fetches_most = w.fetches_most,
                                       .fetches_per_s = w.fetches_per_s,
                                       .wall_s = fixture_wall_s };
    struct fault why = { "" };

    if (sts_new(&config, &w.sts, &why) != OK)
        fail_msg("%s", why.text);
}

static inline void restart_service(void)
{
    sts_stop(w.sts);
    sts_free(w.sts);
    test_store_reopen(&w.store);
    start_service();
}

static const char *const host_names[] = { "mta-sts.a.example", "mta-sts.b.example", "mta-sts.c.example" };
static const char *const host_records[] = { "mta-sts.a.example. 60 IN A 127.0.0.1", "mta-sts.b.example. 60 IN A 127.0.0.1",
                                            "mta-sts.c.example. 60 IN A 127.0.0.1", "mta-sts.d.example. 60 IN A 127.0.0.1" };

static inline void open_host(void)
{
    const struct minica_leaf leaf = { .names = host_names, .names_len = COUNT_OF(host_names), .valid_from_s = -86400 };
    struct https_config config = { .ca_file = folder_file(&w.folder, "root.pem"), .allows_private = true };
    struct fault why = { "" };

    CHECK(minica_write_root(w.ca, config.ca_file, &why) == OK);
    issue(w.ca, &w.folder, &leaf, "chain.pem", "key.pem");
    w.site = NEW(struct web_site);
    set_policy(POLICY("enforce", "864000"));
    web_open(w.site, w.loop, folder_file(&w.folder, "chain.pem"), folder_file(&w.folder, "key.pem"));
    config.port = w.site->port;
    CHECK(https_client_new(w.loop, w.hosts, &config, &w.https, &why) == OK);
}

static inline void begin_world(void)
{
    const struct world fresh = { .entries_most = w.entries_most,
                                 .fetches_most = w.fetches_most,
                                 .fetches_per_s = w.fetches_per_s };

    w = fresh;
    now_s = START_S;
    log_capture(fixture_log);
    folder_make(&w.folder);
    w.ca = minica_new("Test Root");
    w.store = test_store_new();
    w.loop = loop_new();
    w.replies = handoff_new();
    w.hosts = resolver_with(host_records, COUNT_OF(host_records));
    w.records = resolver_with(NULL, 0);
    open_host();
    start_service();
    RECORDS(TXT("a.example", "1"), TXT("b.example", "1"));
}

static inline void end_world(void)
{
    sts_stop(w.sts);
    sts_free(w.sts);
    https_client_free(w.https);
    web_close(w.site);
    free(w.site);
    resolver_free(w.records);
    resolver_free(w.hosts);
    loop_free(w.loop);
    handoff_free(w.replies);
    test_store_end(&w.store);
    minica_free(w.ca);
    folder_remove(&w.folder);
    log_capture(NULL);
    w.entries_most = w.fetches_most = w.fetches_per_s = 0;
}

/* Turns the loop until `done` says so. */
static inline void turn_until(bool (*done)(void))
{
    int64_t until_ms = clock_mono_ms() + PATIENT_MS;

    while (!done() && clock_mono_ms() < until_ms)
        loop_turn(w.loop, 20);
    CHECK(done());
}

static inline void collect(struct sts_request *const *requests, size_t len)
{
    int64_t until_ms = clock_mono_ms() + PATIENT_MS;
    size_t back = 0;

    while (back < len && clock_mono_ms() < until_ms) {
        loop_turn(w.loop, 20);
        for (struct handoff_item *i = handoff_take(w.replies); i != NULL; i = i->next)
            back++;
    }
    (void)requests;
    CHECK_INT(back, len);
}

static inline struct sts_request request_for(enum sts_verb verb, const char *domain)
{
    return (struct sts_request){ .verb = verb, .domain = slice_str(domain), .reply_to = w.replies, .limit = 100 };
}

static inline void send_and_wait(struct sts_request *q)
{
    sts_send(w.sts, q);
    collect(&q, 1);
}

/* The answer's important part in one word of test text: "enforce 1", "nothing", "unknown", "trouble <result>"; a failure
 * beside a kept policy follows it. */
static inline const char *ask_verb(enum sts_verb verb, const char *domain)
{
    static const char *const words[] = { "found", "nothing", "unknown", "trouble" };
    static char out[2][128];
    static unsigned next;
    char *at = out[next++ % 2];
    struct sts_request q = request_for(verb, domain);
    const struct sts_facts *f;

    send_and_wait(&q);
    CHECK_INT(q.status, OK);
    f = q.facts;
    if (f->finding == STS_FOUND)
        (void)snprintf(at, sizeof out[0], "%s %.*s", sts_mode_name(f->policy.mode), SLICE_FMT(f->id));
    else
        (void)snprintf(at, sizeof out[0], "%s", words[f->finding]);
    if (f->failure != TLS_RESULT_OK)
        (void)snprintf(at + strlen(at), sizeof out[0] - strlen(at), " %s", tls_result_name(f->failure));
    sts_request_release(&q);
    return at;
}

static inline const char *ask(const char *domain)
{
    return ask_verb(STS_ASK, domain);
}

#define CHECK_ASK(domain, want) CHECK_STR(slice_str(ask(domain)), (want))

static inline enum status command(enum sts_verb verb, const char *domain)
{
    struct sts_request q = request_for(verb, domain);

    send_and_wait(&q);
    sts_request_release(&q);
    return q.status;
}

static inline bool is_calm(void)
{
    return TAILQ_EMPTY(&w.sts->looks) && !w.sts->keep.is_under_way && map_count(&w.sts->keep.changed) == 0;
}

static inline void let_time_pass(int64_t seconds)
{
    now_s += seconds;
    sts_tend(w.sts);
    turn_until(is_calm);
}

#endif
