#include "relay/trace.h"

#include "base/test.h"

static struct slice dump_of(struct arena *arena, json_t *j)
{
    char *text = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    struct slice copy = arena_copy(arena, slice_str(text));

    free(text);
    json_decref(j);
    return copy;
}

TEST(trace_events)
{
    struct arena arena = { 0 };
    struct trace t;

    trace_init(&t, &arena);
    for (int i = 0; i < 20; i++)
        trace_add(&t, "attempt", SLICE_LIT("tried \xff\r\nit"), json_pack("{s:i}", "n", i));
    CHECK_INT(t.len, 20);
    CHECK_STR(t.events[0].json, "{\"n\":0,\"event\":\"attempt\",\"text\":\"tried ???it\"}");
    CHECK_STR(t.events[19].json, "{\"n\":19,\"event\":\"attempt\",\"text\":\"tried ???it\"}");
    CHECK(t.events[0].at_ms > 0);
    arena_release(&arena);
}

TEST(trace_of_tls)
{
    struct arena arena = { 0 };
    struct tls_facts facts = { 0 };

    CHECK_STR(dump_of(&arena, trace_tls(&facts)), "null");
    (void)snprintf(facts.handshake_error, sizeof facts.handshake_error, "no shared cipher");
    CHECK_STR(dump_of(&arena, trace_tls(&facts)), "{\"error\":\"no shared cipher\"}");
    facts = (struct tls_facts){ .is_tls = true, .version = TLS_VERSION_1_3, .cipher_bits = 256 };
    (void)snprintf(facts.cipher, sizeof facts.cipher, "TLS_AES_256_GCM_SHA384");
    CHECK_STR(dump_of(&arena, trace_tls(&facts)), "{\"bits\":256,\"certificate\":\"absent\",\"cipher\":"
                                                  "\"TLS_AES_256_GCM_SHA384\",\"version\":\"TLSv1.3\"}");
    facts.verdict = CERT_EXPIRED;
    facts.is_resumed = true;
    CHECK_STR(dump_of(&arena, trace_tls(&facts)), "{\"bits\":256,\"certificate\":\"expired\",\"cipher\":"
                                                  "\"TLS_AES_256_GCM_SHA384\",\"name-matches\":false,\"resumed\":true,"
                                                  "\"version\":\"TLSv1.3\"}");
    facts = (struct tls_facts){ .is_tls = true, .dane = DANE_MATCHED, .dane_text = "3 1 1 ab" };
    CHECK_STR(dump_of(&arena, trace_tls(&facts)), "{\"bits\":0,\"certificate\":\"absent\",\"dane\":\"matched\","
                                                  "\"dane-text\":\"3 1 1 ab\",\"version\":\"none\"}");
    arena_release(&arena);
}

TEST(trace_of_replies_and_decisions)
{
    struct arena arena = { 0 };
    struct smtp_reply r = { 0 };
    struct reason reason = {
        .source = REASON_RULE, .name = SLICE_LIT("bank"), .text = SLICE_LIT("asks"), .decided = true
    };
    struct decision d = {
        .level = LEVEL_ENCRYPT, .on_failure = ON_FAILURE_BOUNCE, .reasons = &reason, .reasons_len = 1
    };

    CHECK_STR(dump_of(&arena, trace_reply(&r)), "null");
    smtp_reply_set(&r, 550, "5.1.1", "no");
    CHECK_STR(dump_of(&arena, trace_reply(&r)), "{\"code\":550,\"enhanced\":\"5.1.1\",\"text\":\"no\"}");
    CHECK_STR(dump_of(&arena, trace_decision(&d)),
              "{\"level\":\"encrypt\",\"on-failure\":\"bounce\",\"reasons\":[{\"decided\":true,\"name\":\"bank\","
              "\"source\":\"rule\",\"text\":\"asks\"}]}");
    arena_release(&arena);
}

RUN_TESTS(T(trace_events), T(trace_of_tls), T(trace_of_replies_and_decisions))
