/* relay/node_test.c: a whole node in this process: letters in by SMTP, out to a server that follows a script. */
#include "relay/node_world.h"
#include "settings/password.h"

#include <sodium.h>

/* -- letters ------------------------------------------------------------------------------------------------------- */

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
