/* The MTA-STS service, rule by rule. */
#include "discovery/sts_fixture.h"

enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };

TEST(found_fetched_once_and_kept)
{
    struct sts_request q;

    begin_world();
    q = request_for(STS_ASK, "a.example");
    send_and_wait(&q);
    CHECK_INT(q.facts->finding, STS_FOUND);
    CHECK_INT(q.facts->policy.mode, STS_MODE_ENFORCE);
    CHECK(sts_policy_allows(&q.facts->policy, SLICE_LIT("mx.example.test")));
    CHECK(!sts_policy_allows(&q.facts->policy, SLICE_LIT("mx.evil.test")));
    CHECK_STR(q.facts->domain, "a.example");
    CHECK_INT(q.facts->fetched_s, START_S);
    CHECK_INT(q.facts->expires_s, START_S + 864000);
    CHECK_STR(q.facts->text, "policy 1 in mode enforce, kept since 2027-01-15T08:00:00Z, allows 1 server");
    sts_request_release(&q);
    CHECK_ASK("a.example", "enforce 1");
    now_s += 2 * MINUTE;
    CHECK_ASK("a.example", "enforce 1");
    CHECK_INT(w.site->requests, 1);
    CHECK(
        slice_starts(w.site->request, SLICE_LIT("GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.a.example")));
    end_world();
}

/* STS-26: a policy is for its own domain alone. */
TEST(no_inheritance)
{
    begin_world();
    RECORDS(TXT("a.example", "1"), NO_TXT("sub.a.example"));
    CHECK_ASK("a.example", "enforce 1");
    CHECK_ASK("sub.a.example", "nothing");
    CHECK_ASK("[192.0.2.1]", "nothing");
    CHECK_ASK("", "nothing");
    CHECK_INT(w.site->requests, 1);
    end_world();
}

/* STS-15: another id brings another policy; back and forth as well. */
TEST(changed_id_is_fetched)
{
    begin_world();
    CHECK_ASK("a.example", "enforce 1");
    RECORDS(TXT("a.example", "2"));
    set_policy(POLICY("testing", "864000"));
    now_s += STS_LOOK_LEAST_S - 1;
    CHECK_ASK("a.example", "enforce 1");
    now_s += 1;
    CHECK_ASK("a.example", "testing 2");
    RECORDS(TXT("a.example", "1"));
    set_policy(POLICY("enforce", "864000"));
    now_s += MINUTE;
    CHECK_ASK("a.example", "enforce 1");
    CHECK_INT(w.site->requests, 3);
    end_world();
}

/* The worst of the bugs others had: the id has changed, the policy cannot be fetched; the kept one applies. */
TEST(changed_id_and_dead_host)
{
    begin_world();
    CHECK_ASK("a.example", "enforce 1");
    RECORDS(TXT("a.example", "2"));
    host_fails();
    now_s += MINUTE;
    CHECK_ASK("a.example", "enforce 1 sts-policy-fetch-error");
    CHECK_ASK("a.example", "enforce 1 sts-policy-fetch-error");
    now_s += MINUTE;
    CHECK_ASK("a.example", "enforce 1 sts-policy-fetch-error");
    CHECK_INT(w.site->requests, 2);
    set_policy(POLICY("testing", "864000"));
    now_s += STS_HOLD_LEAST_S;
    CHECK_ASK("a.example", "testing 2");
    end_world();
}

/* STS-16: whatever dies, an unexpired policy applies. */
static const struct {
    const char *name;
    const char *records[TXT_MOST];
} deaths[] = {
    { "the record is gone", { NO_TXT("a.example") } },
    { "the DNS is dead", { NULL } },
    { "two records", { TXT("a.example", "1"), TXT("a.example", "2") } },
    { "a record without an id", { "_mta-sts.a.example. 60 IN TXT \"v=STSv1;\"" } },
    { "another record", { "_mta-sts.a.example. 60 IN TXT \"hello\"" } },
};

TEST(cached_policy_outlives_the_dns)
{
    for (size_t i = 0; i < COUNT_OF(deaths); i++) {
        begin_world();
        CHECK_ASK("a.example", "enforce 1");
        set_records(deaths[i].records);
        host_fails();
        now_s += HOUR;
        CHECK_CASE(deaths[i].name, strcmp(ask("a.example"), "enforce 1") == 0);
        now_s = START_S + 864000 - 1;
        CHECK_CASE(deaths[i].name, strcmp(ask("a.example"), "enforce 1") == 0);
        now_s++;
        CHECK_CASE(deaths[i].name, strncmp(ask("a.example"), "enforce", 7) != 0);
        CHECK_INT(w.site->requests, 1);
        end_world();
    }
}

/* STS-14, and RFC 8461 section 3.1: nothing is known when the DNS is dead, and there is nothing without one record. */
TEST(without_a_record)
{
    static const char *const wants[] = { "nothing", "unknown", "nothing", "nothing", "nothing" };

    begin_world();
    for (size_t i = 0; i < COUNT_OF(deaths); i++) {
        set_records(deaths[i].records);
        now_s += HOUR;
        CHECK_CASE(deaths[i].name, strcmp(ask("a.example"), wants[i]) == 0);
    }
    CHECK_INT(w.site->requests, 0);
    end_world();
}

/* The DNS is not asked again before the answer's time to live is over; then it is. */
TEST(nothing_is_remembered)
{
    struct sts_counts counts;

    begin_world();
    RECORDS("_mta-sts.a.example. 600 IN TXT \"hello\"");
    CHECK_ASK("a.example", "nothing");
    RECORDS(TXT("a.example", "1"));
    now_s += 599;
    CHECK_ASK("a.example", "nothing");
    sts_counts(w.sts, &counts);
    CHECK(counts.asked == 2 && counts.from_memory == 1 && counts.fetched == 0);
    now_s += 1;
    CHECK_ASK("a.example", "enforce 1");
    end_world();
}

/* STS-17 */
TEST(expired_and_not_fetched)
{
    begin_world();
    CHECK_ASK("a.example", "enforce 1");
    host_fails();
    now_s += 864000 - 1;
    CHECK_ASK("a.example", "enforce 1"); /* to be refreshed long since, which nobody waits for */
    turn_until(is_calm);
    CHECK_ASK("a.example", "enforce 1 sts-policy-fetch-error");
    now_s += STS_HOLD_LEAST_S;
    CHECK_ASK("a.example", "trouble sts-policy-fetch-error");
    set_policy(POLICY("enforce", "864000"));
    now_s += 2 * STS_HOLD_LEAST_S;
    CHECK_ASK("a.example", "enforce 1");
    end_world();
}

/* STS-18: mode none is a policy. */
TEST(mode_none)
{
    struct sts_request q;

    begin_world();
    CHECK_ASK("a.example", "enforce 1");
    RECORDS(TXT("a.example", "2"));
    set_policy("version: STSv1\nmode: none\nmax_age: 86400\n");
    now_s += HOUR;
    CHECK_ASK("a.example", "none 2");
    RECORDS(NO_TXT("a.example"));
    now_s += HOUR;
    CHECK_ASK("a.example", "none 2");
    q = request_for(STS_ASK, "a.example");
    send_and_wait(&q);
    CHECK(sts_policy_allows(&q.facts->policy, SLICE_LIT("any.example.test")));
    sts_request_release(&q);
    now_s += DAY;
    CHECK_ASK("a.example", "nothing");
    end_world();
}

/* STS-09: it serves those who waited for it, and nobody after. */
TEST(max_age_zero)
{
    struct sts_counts counts;

    begin_world();
    CHECK_ASK("a.example", "enforce 1");
    RECORDS(TXT("a.example", "2"));
    set_policy(POLICY("testing", "0"));
    now_s += MINUTE;
    CHECK_ASK("a.example", "testing 2");
    sts_counts(w.sts, &counts);
    CHECK_INT(counts.entries, 0);
    CHECK_INT(command(STS_SHOW, "a.example"), ERR_NOT_FOUND);
    CHECK_ASK("a.example", "testing 2");
    CHECK_INT(w.site->requests, 3);
    host_fails();
    CHECK_ASK("a.example", "trouble sts-policy-fetch-error");
    end_world();
}

/* RFC 8461 section 3.3: not again for five minutes, and each time for longer; another id may be tried. */
TEST(failed_fetch_is_held_off)
{
    int64_t hold_s = STS_HOLD_LEAST_S;

    begin_world();
    host_fails();
    for (int tries = 1; tries <= 9; tries++) {
        CHECK_ASK("a.example", "trouble sts-policy-fetch-error");
        CHECK_INT(w.site->requests, tries);
        now_s += hold_s - 1;
        CHECK_ASK("a.example", "trouble sts-policy-fetch-error");
        CHECK_INT(w.site->requests, tries);
        now_s += STS_LOOK_LEAST_S;
        hold_s = hold_s * 2 < STS_HOLD_MOST_S ? hold_s * 2 : STS_HOLD_MOST_S;
    }
    CHECK_ASK("a.example", "trouble sts-policy-fetch-error");
    RECORDS(TXT("a.example", "2"));
    set_policy(POLICY("enforce", "864000"));
    now_s += STS_HOLD_LEAST_S;
    CHECK_ASK("a.example", "enforce 2");
    end_world();
}

/* STS-25: a record that changes each minute does not have us fetch each minute, whether a policy is kept or not. */
static void ask_each_minute(const char *want, int requests)
{
    static const char *const records[] = { TXT("a.example", "11"), TXT("a.example", "12"), TXT("a.example", "13"),
                                           TXT("a.example", "14"), TXT("a.example", "15"), TXT("a.example", "16"),
                                           TXT("a.example", "17"), TXT("a.example", "18"), TXT("a.example", "19"),
                                           TXT("a.example", "20") };

    for (size_t minute = 0; minute < COUNT_OF(records); minute++) {
        RECORDS(records[minute]);
        CHECK_ASK("a.example", want);
        now_s += MINUTE;
    }
    CHECK_INT(w.site->requests, requests + (int)COUNT_OF(records) * MINUTE / STS_HOLD_LEAST_S);
}

TEST(record_that_changes_each_minute)
{
    begin_world();
    host_fails();
    ask_each_minute("trouble sts-policy-fetch-error", 0);
    end_world();

    begin_world();
    CHECK_ASK("a.example", "enforce 1");
    host_fails();
    now_s += HOUR;
    ask_each_minute("enforce 1 sts-policy-fetch-error", 1);
    RECORDS(TXT("a.example", "1"));
    CHECK_ASK("a.example", "enforce 1");
    end_world();
}

/* What went wrong, for TLS reports (RFC 8460 section 4.3). */
static const struct {
    const char *name, *type;
    int status;
    const char *body, *want;
} flaws[] = {
    { "STS-04: any parameter", "Text/Plain ;charset=\"x\"; a=b", 200, POLICY("enforce", "60"), "enforce 1" },
    { "STS-04: another type", "text/html", 200, POLICY("enforce", "60"), "trouble sts-policy-fetch-error" },
    { "STS-02: 203", "text/plain", 203, POLICY("enforce", "60"), "trouble sts-policy-fetch-error" },
    { "STS-02: 404", "text/plain", 404, POLICY("enforce", "60"), "trouble sts-policy-fetch-error" },
    { "STS-01: a redirect", "text/plain\r\nLocation: /other", 301, POLICY("enforce", "60"),
      "trouble sts-policy-fetch-error" },
    { "STS-10: no mode", "text/plain", 200, "version: STSv1\nmax_age: 60\n", "trouble sts-policy-invalid" },
    { "no version", "text/plain", 200, "mode: none\nmax_age: 60\n", "trouble sts-policy-invalid" },
    { "STS-09: no max_age", "text/plain", 200, "version: STSv1\nmode: none\n", "trouble sts-policy-invalid" },
    { "empty", "text/plain", 200, "", "trouble sts-policy-invalid" },
};

TEST(flaws_of_the_host)
{
    for (size_t i = 0; i < COUNT_OF(flaws); i++) {
        begin_world();
        set_answer(flaws[i].status, flaws[i].type, flaws[i].body);
        CHECK_CASE(flaws[i].name, strcmp(ask("a.example"), flaws[i].want) == 0);
        end_world();
    }
}

/* STS-19, and a host that nobody finds. STS-05: one that never ends. */
TEST(flaws_below_the_host)
{
    struct sts_counts counts;

    begin_world();
    RECORDS(TXT("d.example", "1"), TXT("e.example", "1"), TXT("a.example", "1"));
    CHECK_ASK("d.example", "trouble sts-webpki-invalid"); /* the certificate has no such name */
    CHECK_ASK("e.example", "trouble sts-policy-fetch-error");
    w.site->filling = 64 * 1024;
    set_answer(200, "text/plain", "");
    w.site->answer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 65537\r\n\r\n";
    CHECK_ASK("a.example", "trouble sts-policy-fetch-error");
    sts_counts(w.sts, &counts);
    CHECK(counts.webpki_invalid == 1 && counts.fetch_failed == 2 && counts.invalid == 0);
    end_world();
}

static const struct {
    const char *from, *to;
    bool is_weaker;
} modes[] = {
    { "enforce", "testing", true },  { "enforce", "none", true },     { "testing", "none", true },
    { "testing", "enforce", false }, { "enforce", "enforce", false }, { "none", "testing", false },
};

TEST(downgrades_are_told)
{
    for (size_t i = 0; i < COUNT_OF(modes); i++) {
        struct sts_counts counts;
        char body[200], name[40];

        (void)snprintf(name, sizeof name, "%s to %s", modes[i].from, modes[i].to);
        begin_world();
        (void)snprintf(body, sizeof body, "version: STSv1\nmode: %s\nmx: m.test\nmax_age: 9999\n", modes[i].from);
        set_policy(body);
        (void)ask("a.example");
        RECORDS(TXT("a.example", "2"));
        (void)snprintf(body, sizeof body, "version: STSv1\nmode: %s\nmx: m.test\nmax_age: 9999\n", modes[i].to);
        set_policy(body);
        now_s += MINUTE;
        (void)ask("a.example");
        sts_counts(w.sts, &counts);
        CHECK_CASE(name, counts.fetched == 2 && counts.downgraded == modes[i].is_weaker);
        CHECK_CASE(name, (strstr(w.log, "level=warning") != NULL) == modes[i].is_weaker);
        CHECK_CASE(name, (strstr(w.log, "policy downgraded") != NULL) == modes[i].is_weaker);
        end_world();
    }
}

/* Fetched anew well before it expires, though nobody asks and the id is what it was. */
TEST(refreshed_in_the_background)
{
    struct sts_request q;

    begin_world();
    CHECK_ASK("a.example", "enforce 1");
    let_time_pass(STS_REFRESH_MOST_S / 2);
    CHECK_INT(w.site->requests, 1);
    let_time_pass(STS_REFRESH_MOST_S / 2);
    CHECK_INT(w.site->requests, 2);
    q = request_for(STS_SHOW, "a.example");
    send_and_wait(&q);
    CHECK_INT(q.list_len, 1);
    CHECK_INT(q.list[0].facts->fetched_s, now_s);
    CHECK_INT(q.list[0].facts->expires_s, now_s + 864000);
    CHECK_INT(q.list[0].used_s, START_S);
    CHECK(q.list[0].refresh_s > now_s && q.list[0].refresh_s < now_s + STS_REFRESH_MOST_S);
    sts_request_release(&q);
    end_world();
}

/* A refresh that fails costs nothing yet and is tried again; one without a record is none. */
TEST(refresh_fails)
{
    begin_world();
    CHECK_ASK("a.example", "enforce 1");
    host_fails();
    let_time_pass(STS_REFRESH_MOST_S);
    CHECK_INT(w.site->requests, 2);
    let_time_pass(STS_HOLD_LEAST_S - 1);
    CHECK_INT(w.site->requests, 2);
    let_time_pass(1);
    CHECK_INT(w.site->requests, 3);
    CHECK_ASK("a.example", "enforce 1 sts-policy-fetch-error");
    RECORDS(NO_TXT("a.example"));
    set_policy(POLICY("enforce", "864000"));
    let_time_pass(HOUR);
    CHECK_INT(w.site->requests, 3);
    CHECK_ASK("a.example", "enforce 1");
    RECORDS(TXT("a.example", "1"));
    let_time_pass(HOUR);
    CHECK_INT(w.site->requests, 4);
    CHECK_ASK("a.example", "enforce 1");
    end_world();
}

TEST(commands)
{
    struct sts_request q;

    begin_world();
    CHECK_ASK("b.example", "enforce 1");
    CHECK_ASK("a.example", "enforce 1");
    q = request_for(STS_LIST, "");
    send_and_wait(&q);
    CHECK_INT(q.list_len, 2);
    CHECK_STR(q.list[0].facts->domain, "a.example");
    CHECK_STR(q.list[1].facts->domain, "b.example");
    sts_request_release(&q);
    q = request_for(STS_LIST, "");
    q.after = slice_str("a.example");
    q.limit = 1;
    send_and_wait(&q);
    CHECK(q.list_len == 1 && slice_eq(q.list[0].facts->domain, SLICE_LIT("b.example")));
    sts_request_release(&q);
    set_policy(POLICY("testing", "864000"));
    CHECK_STR(slice_str(ask_verb(STS_REFRESH, "a.example")), "testing 1");
    CHECK_INT(w.site->requests, 3);
    CHECK_INT(command(STS_FORGET, "a.example"), OK);
    CHECK_INT(command(STS_FORGET, "a.example"), ERR_NOT_FOUND);
    CHECK_INT(command(STS_SHOW, "a.example"), ERR_NOT_FOUND);
    CHECK_ASK("a.example", "testing 1");
    q = request_for(STS_FORGET, "");
    send_and_wait(&q);
    CHECK_INT(q.count, 2);
    sts_request_release(&q);
    CHECK_INT(command(STS_SHOW, "b.example"), ERR_NOT_FOUND);
    end_world();
}

/* STS_REFRESH asks the host though the last fetch failed just now; forgetting forgets that as well. */
TEST(commands_despite_a_failure)
{
    begin_world();
    host_fails();
    CHECK_ASK("a.example", "trouble sts-policy-fetch-error");
    CHECK_STR(slice_str(ask_verb(STS_REFRESH, "a.example")), "trouble sts-policy-fetch-error");
    CHECK_INT(w.site->requests, 2);
    set_policy(POLICY("enforce", "864000"));
    CHECK_ASK("a.example", "trouble sts-policy-fetch-error");
    CHECK_INT(command(STS_FORGET, "a.example"), ERR_NOT_FOUND);
    CHECK_ASK("a.example", "enforce 1");
    end_world();
}

RUN_TESTS(T(found_fetched_once_and_kept), T(no_inheritance), T(changed_id_is_fetched), T(changed_id_and_dead_host),
          T(cached_policy_outlives_the_dns), T(without_a_record), T(nothing_is_remembered), T(expired_and_not_fetched),
          T(mode_none), T(max_age_zero), T(failed_fetch_is_held_off), T(record_that_changes_each_minute),
          T(flaws_of_the_host), T(flaws_below_the_host), T(downgrades_are_told), T(refreshed_in_the_background),
          T(refresh_fails), T(commands), T(commands_despite_a_failure))
