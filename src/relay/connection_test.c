#include "relay/connection.h"

#include "base/memory.h"
#include "relay/pool.h"
#include "relay/script_peer.h"

#include <openssl/pem.h>
#include <openssl/sha.h>

enum { WAIT_MS = 10000, SHORT_MS = 400 };

/* A worker as far as a connection looks at it. */
static struct worker *worker;
static struct config config;

static void worker_begin(void)
{
    config = (struct config){ .hostname = SLICE_LIT("us.example.test"), .workers = 1 };
    config.outbound = (struct config_outbound){ .helo = SLICE_LIT("us.example.test"),
                                                .tls_profile = TLS_PROFILE_INTERMEDIATE,
                                                .connect_ms = SHORT_MS,
                                                .handshake_ms = SHORT_MS,
                                                .command_ms = SHORT_MS,
                                                .end_ms = SHORT_MS,
                                                .reuse_ms = WAIT_MS };
    worker = calloc(1, sizeof *worker);
    worker->config = &config;
    worker->loop = loop_new();
    worker->tls = tls_client_new();
}

static void worker_end(void)
{
    while (worker->graveyard != NULL) {
        struct buried *b = worker->graveyard;

        worker->graveyard = b->next;
        b->free(b);
    }
    tls_client_free(worker->tls);
    loop_free(worker->loop);
    free(worker);
}

struct watched {
    struct connection_user    user;
    bool                      is_ready, is_failed, is_done;
    struct connection_failure failure;
    struct smtp_reply         reply;
};

static void on_event(struct connection_user *u, struct connection *c, enum connection_event kind,
                     const struct smtp_client_event *ev)
{
    struct watched *w = CONTAINER_OF(u, struct watched, user);

    switch (kind) {
    case CONNECTION_READY:
        w->is_ready = true;
        return;
    case CONNECTION_FAILED:
        w->is_failed = true;
        w->failure = *connection_failure(c);
        return;
    case CONNECTION_BODY:
        connection_body(c, SLICE_LIT("Subject: x\r\n\r\nhello\r\n"), true);
        return;
    case CONNECTION_DONE:
        w->is_done = true;
        w->reply = ev->reply;
        return;
    case CONNECTION_RCPT:
    case CONNECTION_DRAINED:
        return;
    }
}

static void turn_until(const bool *flag, const bool *or_else)
{
    int64_t end = loop_now_ms(worker->loop) + WAIT_MS;

    while (!*flag && !*or_else && loop_now_ms(worker->loop) < end)
        loop_turn(worker->loop, 50);
}


static struct connection *dial(struct script_peer *p, const struct decision *d, bool tries_tls, const char *username,
                               struct watched *w)
{
    struct connection_plan plan = { .server = mx_name[0],
                                    .addresses = &p->at,
                                    .addresses_len = 1,
                                    .tries_tls = tries_tls,
                                    .decision = d,
                                    .names = &mx_name[0],
                                    .names_len = 1,
                                    .username = slice_str(username),
                                    .password = slice_str(username[0] == '\0' ? "" : "secret") };

    *w = (struct watched){ .user.on_event = on_event };
    return connection_open(worker, &plan, &w->user);
}

static struct decision demand(enum tls_level level)
{
    return (struct decision){ .level = level, .ca_file = level >= LEVEL_VERIFY ? slice_str(path_of("root", "pem"))
                                                                              : SLICE_LIT("") };
}

#define GREETED "S 220 mx.example.test ESMTP\nC EHLO us.example.test\n"
#define OFFERED GREETED "S 250-mx.example.test\nS 250-PIPELINING\nS 250 STARTTLS\nC STARTTLS\n"
#define SHAKEN OFFERED "S 220 go ahead\nT\n"
#define AGAIN "C EHLO us.example.test\n"
#define STRIPPED GREETED "S 250-mx.example.test\nS 250 PIPELINING\n"

/* cause -1: it becomes ready. */
enum { READY = -1 };

static const struct {
    const char *name, *certificate, *script;
    enum tls_level level;
    const char *username;
    int cause;
    enum tls_result result;
    bool in_handshake, is_tls;
    int code;
} cases[] = {
    { "no STARTTLS, opportunistic (TLS-07)", NULL, STRIPPED "W", LEVEL_MAY, "", READY, 0, false, false, 0 },
    { "no STARTTLS, demanded (TLS-06)", NULL, STRIPPED "W", LEVEL_ENCRYPT, "", FAILURE_TLS,
      TLS_RESULT_STARTTLS_NOT_SUPPORTED, false, false, 0 },
    { "EHLO refused, so no STARTTLS (TLS-08)", NULL, GREETED "S 502 no\nC HELO\nS 250 hi\nW", LEVEL_ENCRYPT, "",
      FAILURE_TLS, TLS_RESULT_STARTTLS_NOT_SUPPORTED, false, false, 0 },
    { "454, opportunistic", NULL, OFFERED "S 454 not now\nW", LEVEL_MAY, "", READY, 0, false, false, 0 },
    { "454, demanded", NULL, OFFERED "S 454 not now\nW", LEVEL_ENCRYPT, "", FAILURE_TLS,
      TLS_RESULT_STARTTLS_NOT_SUPPORTED, false, false, 0 },
    { "bytes behind the 220 (TLS-02)", NULL, OFFERED "X 220 go|250 injected|\nW", LEVEL_MAY, "", FAILURE_TLS,
      TLS_RESULT_VALIDATION_FAILURE, false, false, 0 },
    { "reset in place of the 220 (TLS-06)", NULL, OFFERED "Z", LEVEL_MAY, "", FAILURE_TLS, TLS_RESULT_VALIDATION_FAILURE,
      true, false, 0 },
    { "silence in place of the 220", NULL, OFFERED "W", LEVEL_ENCRYPT, "", FAILURE_TLS, TLS_RESULT_VALIDATION_FAILURE,
      true, false, 0 },
    { "garbage in place of a ServerHello", NULL, OFFERED "S 220 go\nR\nX hello this is no TLS at all\nW", LEVEL_MAY, "",
      FAILURE_TLS, TLS_RESULT_VALIDATION_FAILURE, true, false, 0 },
    { "handshake in drops (TLS-23)", NULL, OFFERED "S 220 go\nR\nD", LEVEL_MAY, "", FAILURE_TLS,
      TLS_RESULT_VALIDATION_FAILURE, true, false, 0 },
    { "good certificate", "good", SHAKEN AGAIN "S 250 mx.example.test\nW", LEVEL_VERIFY, "", READY, 0, false, true, 0 },
    { "expired, demanded (TLS-26)", "expired", SHAKEN, LEVEL_VERIFY, "", FAILURE_TLS, TLS_RESULT_CERTIFICATE_EXPIRED,
      false, true, 0 },
    { "expired, opportunistic", "expired", SHAKEN AGAIN "S 250 mx\nW", LEVEL_MAY, "", READY, 0, false, true, 0 },
    { "self-signed", "self", SHAKEN, LEVEL_VERIFY, "", FAILURE_TLS, TLS_RESULT_CERTIFICATE_NOT_TRUSTED, false, true, 0 },
    { "no name (TLS-25)", "partial", SHAKEN, LEVEL_VERIFY, "", FAILURE_TLS, TLS_RESULT_CERTIFICATE_HOST_MISMATCH, false,
      true, 0 },
    { "level dane", "good", SHAKEN, LEVEL_DANE, "", FAILURE_TLS, TLS_RESULT_DANE_REQUIRED, false, true, 0 },
    { "AUTH in clear is not said (TLS-09)", NULL, GREETED "S 250-mx\nS 250 AUTH PLAIN\nW", LEVEL_MAY, "jo", FAILURE_AUTH,
      0, false, false, 0 },
    { "AUTH PLAIN", "good", SHAKEN AGAIN "S 250-mx\nS 250 AUTH PLAIN\nC AUTH PLAIN AGpvAHNlY3JldA==\nS 235 in\nW",
      LEVEL_VERIFY, "jo", READY, 0, false, true, 0 },
    { "AUTH refused", "good", SHAKEN AGAIN "S 250-mx\nS 250 AUTH PLAIN\nC AUTH PLAIN\nS 535 5.7.8 no\nW", LEVEL_VERIFY,
      "jo", FAILURE_AUTH, 0, false, true, 535 },
    { "AUTH not offered", "good", SHAKEN AGAIN "S 250 mx\nW", LEVEL_VERIFY, "jo", FAILURE_AUTH, 0, false, true, 0 },
    { "SCRAM cut short (AUT-05)", "good", SHAKEN AGAIN "S 250-mx\nS 250 AUTH SCRAM-SHA-256\nC AUTH SCRAM-SHA-256\nS 235 in\nW",
      LEVEL_VERIFY, "jo", FAILURE_AUTH, 0, false, true, 0 },
    { "silent greeting", NULL, "W", LEVEL_MAY, "", FAILURE_NETWORK, 0, false, false, 0 },
    { "closed before the greeting", NULL, "", LEVEL_MAY, "", FAILURE_NETWORK, 0, false, false, 0 },
    { "refused at the greeting", NULL, "S 554 5.7.1 not you\nW", LEVEL_MAY, "", FAILURE_REPLY, 0, false, false, 554 },
    { "421 at EHLO", NULL, GREETED "S 421 4.3.2 closing\nW", LEVEL_MAY, "", FAILURE_REPLY, 0, false, false, 421 },
    { "no SMTP at all (SRV-19)", NULL, "S SSH-2.0-OpenSSH_9.2\nW", LEVEL_MAY, "", FAILURE_PROTOCOL, 0, false, false, 0 },
};

static void check_case(size_t i)
{
    struct decision d = demand(cases[i].level);
    struct tls_server *tls = cases[i].certificate == NULL ? NULL : serve_one(cases[i].certificate);
    struct script_peer peer;
    struct watched w;
    struct connection *c;
    int64_t before;

    script_peer_open(&peer);
    peer.tls = tls;
    peer.scripts[0] = cases[i].script;
    script_peer_start(&peer);
    worker_begin();
    before = loop_now_ms(worker->loop);
    c = dial(&peer, &d, true, cases[i].username, &w);
    turn_until(&w.is_ready, &w.is_failed);
    CHECK_CASE(cases[i].name, w.is_ready == (cases[i].cause == READY) && w.is_failed == (cases[i].cause != READY));
    CHECK_CASE(cases[i].name, loop_now_ms(worker->loop) - before < 5 * SHORT_MS);
    CHECK_CASE(cases[i].name, connection_tls(c)->is_tls == cases[i].is_tls);
    CHECK_CASE(cases[i].name, connection_is_idle(c) == w.is_ready);
    if (w.is_failed) {
        CHECK_CASE(cases[i].name, (int)w.failure.cause == cases[i].cause);
        CHECK_CASE(cases[i].name, w.failure.reply.code == cases[i].code && w.failure.why.text[0] != '\0');
        CHECK_CASE(cases[i].name, w.failure.in_handshake == cases[i].in_handshake);
        CHECK_CASE(cases[i].name, w.failure.cause != FAILURE_TLS || w.failure.result == cases[i].result);
    }
    connection_drop(c);
    worker_end();
    script_peer_close(&peer, cases[i].name, true);
    tls_server_free(tls);
}

TEST(connection_outcomes)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_case(i);
}

/* -- may later mail use it? --------------------------------------------------------------------------------------- */

enum opened { FOR_VERIFY, FOR_MAY, IN_CLEAR, CLEAR_ON_PURPOSE };

static const struct {
    const char *name;
    enum opened opened;
    enum tls_level level;
    enum tls_version min_version;
    bool has_other_ca, has_other_names, any_name, meets;
} meets_cases[] = {
    { "verified, for the same", FOR_VERIFY, LEVEL_VERIFY, TLS_VERSION_NONE, false, false, false, true },
    { "verified, for less", FOR_VERIFY, LEVEL_ENCRYPT, TLS_VERSION_1_2, false, false, false, true },
    { "verified, for nothing", FOR_VERIFY, LEVEL_NONE, TLS_VERSION_NONE, false, false, false, true },
    { "by another bundle", FOR_VERIFY, LEVEL_VERIFY, TLS_VERSION_NONE, true, false, false, false },
    { "for another name", FOR_VERIFY, LEVEL_VERIFY, TLS_VERSION_NONE, false, true, false, false },
    { "for any name", FOR_VERIFY, LEVEL_VERIFY, TLS_VERSION_NONE, false, false, true, false },
    { "never for dane", FOR_VERIFY, LEVEL_DANE, TLS_VERSION_NONE, false, false, false, false },
    { "opportunistic TLS, for the same", FOR_MAY, LEVEL_MAY, TLS_VERSION_NONE, false, false, false, true },
    { "opportunistic TLS, for a demand", FOR_MAY, LEVEL_ENCRYPT, TLS_VERSION_NONE, false, false, false, false },
    { "opportunistic TLS, for a version", FOR_MAY, LEVEL_MAY, TLS_VERSION_1_2, false, false, false, false },
    { "opportunistic TLS, for verify", FOR_MAY, LEVEL_VERIFY, TLS_VERSION_NONE, false, false, false, false },
    { "clear since none was offered", IN_CLEAR, LEVEL_MAY, TLS_VERSION_NONE, false, false, false, true },
    { "clear, for a demand", IN_CLEAR, LEVEL_ENCRYPT, TLS_VERSION_NONE, false, false, false, false },
    { "clear without trying, for nothing", CLEAR_ON_PURPOSE, LEVEL_NONE, TLS_VERSION_NONE, false, false, false, true },
    { "clear without trying, for TLS if it can be had", CLEAR_ON_PURPOSE, LEVEL_MAY, TLS_VERSION_NONE, false, false, false,
      false },
};

static void check_meets(enum opened opened, const char *script, enum tls_level level)
{
    struct slice other = SLICE_LIT("other.example.test");
    struct decision d = demand(level);
    struct tls_server *tls = serve_one("good");
    struct script_peer peer;
    struct watched w;
    struct connection *c;

    script_peer_open(&peer);
    peer.tls = tls;
    peer.scripts[0] = script;
    script_peer_start(&peer);
    worker_begin();
    c = dial(&peer, &d, opened != CLEAR_ON_PURPOSE, "", &w);
    turn_until(&w.is_ready, &w.is_failed);
    CHECK(w.is_ready);
    for (size_t i = 0; i < COUNT_OF(meets_cases); i++) {
        struct decision later = demand(meets_cases[i].level);

        later.min_version = meets_cases[i].min_version;
        later.any_name = meets_cases[i].any_name;
        later.names = &other;
        later.names_len = meets_cases[i].has_other_names ? 1 : 0;
        if (meets_cases[i].has_other_ca)
            later.ca_file = SLICE_LIT("/other.pem");
        if (meets_cases[i].opened == opened)
            CHECK_CASE(meets_cases[i].name, connection_meets(c, &later) == meets_cases[i].meets);
    }
    connection_drop(c);
    worker_end();
    script_peer_close(&peer, "meets", true);
    tls_server_free(tls);
}

TEST(connection_is_reused_for_no_more_than_it_proved)
{
    check_meets(FOR_VERIFY, SHAKEN AGAIN "S 250 mx\nC QUIT\nW", LEVEL_VERIFY);
    check_meets(FOR_MAY, SHAKEN AGAIN "S 250 mx\nC QUIT\nW", LEVEL_MAY);
    check_meets(IN_CLEAR, STRIPPED "C QUIT\nW", LEVEL_MAY);
    check_meets(CLEAR_ON_PURPOSE, GREETED "S 250-mx\nS 250 STARTTLS\nC QUIT\nW", LEVEL_MAY);
}

/* The record "3 1 1" of the certificate "good". */
static void key_of_good(unsigned char digest[static SHA256_DIGEST_LENGTH])
{
    BIO *in = BIO_new_file(path_of("good", "pem"), "r");
    X509 *cert = PEM_read_bio_X509(in, NULL, NULL, NULL);
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);

    CHECK(len > 0);
    SHA256(der, (size_t)len, digest);
    OPENSSL_free(der);
    X509_free(cert);
    BIO_free(in);
}

/* DNS-08: a server out of unsigned MX records that met its TLSA records, besides an MTA-STS policy, is not proven to be the
 * right one: a rule that demands dane would have passed it over. */
TEST(records_of_an_unproven_server_serve_nobody_who_demands_dane)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    const struct tlsa_record record = { 3, 1, 1, { (const char *)digest, sizeof digest } };
    const struct tlsa_set set = { .records = &record, .records_len = 1, .base_domain = mx_name[0] };
    struct decision d = demand(LEVEL_VERIFY), later;
    struct tls_server *tls = serve_one("good");
    struct connection_plan plan = { .server = mx_name[0], .addresses_len = 1, .tries_tls = true, .decision = &d,
                                    .names = &mx_name[0], .names_len = 1, .tlsa = &set };
    struct watched w = { .user.on_event = on_event };
    struct script_peer peer;
    struct connection *c;

    key_of_good(digest);
    d.uses_dane = d.needs_tlsa_match = true;
    d.sts_id = SLICE_LIT("1");
    script_peer_open(&peer);
    peer.tls = tls;
    peer.scripts[0] = SHAKEN AGAIN "S 250 mx\nC QUIT\nW";
    script_peer_start(&peer);
    plan.addresses = &peer.at;
    worker_begin();
    c = connection_open(worker, &plan, &w.user);
    turn_until(&w.is_ready, &w.is_failed);
    CHECK(w.is_ready && connection_tls(c)->dane == DANE_MATCHED);
    later = d;
    CHECK(connection_meets(c, &later));
    later.level = LEVEL_DANE;
    CHECK(!connection_meets(c, &later));
    connection_drop(c);
    worker_end();
    script_peer_close(&peer, "unproven", true);
    tls_server_free(tls);
}

/* -- transactions and the pool -------------------------------------------------------------------------------------- */

#define TEXT(s) { (s), sizeof(s) - 1 }

static const struct smtp_rcpt somebody = { .address = TEXT("jo@example.test") };
static const struct smtp_transaction letter = {
    .mail = { .address = TEXT("me@home.test") }, .rcpts = &somebody, .rcpts_len = 1,
};

#define ENVELOPE "C MAIL FROM:<me@home.test>\nC RCPT TO:<jo@example.test>\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\nB\n"

TEST(connection_serves_one_letter_after_another)
{
    struct decision d = demand(LEVEL_MAY);
    struct pool *pool = pool_new(1);
    struct script_peer peer;
    struct watched w, next;
    struct connection *c;

    script_peer_open(&peer);
    peer.scripts[0] = STRIPPED ENVELOPE "S 250 2.0.0 kept\n" ENVELOPE "S 552 5.3.4 too much\n";
    script_peer_start(&peer);
    worker_begin();
    c = dial(&peer, &d, true, "", &w);
    turn_until(&w.is_ready, &w.is_failed);
    CHECK(w.is_ready);
    connection_send(c, &letter);
    turn_until(&w.is_done, &w.is_failed);
    CHECK(w.is_done && w.reply.code == 250);
    pool_put(pool, SLICE_LIT("mx:example.test"), c);
    CHECK(pool_take(pool, SLICE_LIT("mx:other.test"), &d) == NULL);
    CHECK(pool_take(pool, SLICE_LIT("mx:example.test"), &d) == c);
    CHECK(pool_take(pool, SLICE_LIT("mx:example.test"), &d) == NULL);
    next = (struct watched){ .user.on_event = on_event };
    connection_set_user(c, &next.user);
    connection_send(c, &letter);
    turn_until(&next.is_done, &next.is_failed);
    CHECK(next.is_done && next.reply.code == 552 && connection_messages(c) == 2);
    /* The server leaves: the pool forgets the connection by itself. */
    pool_put(pool, SLICE_LIT("mx:example.test"), c);
    for (int i = 0; i < 100 && worker->graveyard == NULL; i++)
        loop_turn(worker->loop, 50);
    CHECK(pool_take(pool, SLICE_LIT("mx:example.test"), &d) == NULL);
    pool_free(pool);
    worker_end();
    script_peer_close(&peer, "two letters", true);
}

TEST(connection_breaks_amid_a_letter)
{
    struct decision d = demand(LEVEL_MAY);
    struct script_peer peer;
    struct watched w;
    struct connection *c;

    script_peer_open(&peer);
    peer.scripts[0] = STRIPPED ENVELOPE "Z";
    peer.scripts[1] = STRIPPED ENVELOPE "W"; /* no answer to end of data */
    script_peer_start(&peer);
    for (int i = 0; i < 2; i++) {
        worker_begin();
        c = dial(&peer, &d, true, "", &w);
        turn_until(&w.is_ready, &w.is_failed);
        connection_send(c, &letter);
        turn_until(&w.is_done, &w.is_failed);
        CHECK(w.is_failed && !w.is_done && w.failure.cause == FAILURE_NETWORK && w.failure.stage == SMTP_AT_END);
        connection_drop(c);
        worker_end();
    }
    script_peer_close(&peer, "broken", true);
}

TEST(pool_keeps_no_more_than_it_may)
{
    struct decision d = demand(LEVEL_MAY);
    struct pool *pool = pool_new(1);
    struct script_peer peers[2];
    struct watched w[2];
    struct connection *c[2];

    worker_begin();
    for (int i = 0; i < 2; i++) {
        script_peer_open(&peers[i]);
        peers[i].scripts[0] = STRIPPED "C QUIT\nW";
        script_peer_start(&peers[i]);
        c[i] = dial(&peers[i], &d, true, "", &w[i]);
        turn_until(&w[i].is_ready, &w[i].is_failed);
        CHECK(w[i].is_ready);
        pool_put(pool, SLICE_LIT("mx:example.test"), c[i]); /* the second sends the first home */
    }
    CHECK(pool_take(pool, SLICE_LIT("mx:example.test"), &d) == c[1]);
    pool_put(pool, SLICE_LIT("mx:example.test"), c[1]);
    pool_drop_all(pool);
    pool_free(pool);
    worker_end();
    for (int i = 0; i < 2; i++)
        script_peer_close(&peers[i], "pool", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(connection_outcomes),
        T(connection_is_reused_for_no_more_than_it_proved),
          T(records_of_an_unproven_server_serve_nobody_who_demands_dane),
        T(connection_serves_one_letter_after_another),
        T(connection_breaks_amid_a_letter),
        T(pool_keeps_no_more_than_it_may),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
