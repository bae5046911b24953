#include "cli/demo_round.h"

#include "base/clock.h"
#include "cli/demo_letter.h"
#include "cli/demo_watch.h"

#include <stdio.h>

enum { OUTCOME_MS = 40000, POLL_MS = 100, LATE_AFTER_DEFERRALS = 1 };

#define RELAY DEMO_RELAY_PORT, "me@home.test"

/* One letter, and what must become of it. */
static const struct letter {
    const char *what, *to;
    uint16_t port;
    const char *from;
    int reply;         /* the answer that ends the letter's transaction */
    const char *found; /* begins so */
    const char *way, *result;
    unsigned deferrals;
    enum demo_wish wish;
} letters[] = {
    { "no rule, good TLS", "ann@good.test", RELAY, 250, "TLSv1.3, certificate trusted", "direct", "delivered" },
    { "no rule, no TLS there", "cara@clear.test", RELAY, 250, "no TLS offered", "direct", "delivered" },
    { "no rule, certificate of no use", "dan@expired.test", RELAY, 250, "TLSv1.3, certificate expired", "direct",
      "delivered" },
    { "server down at first", "hal@late.test", RELAY, 250, "TLSv1.3", "direct", "delivered", LATE_AFTER_DEFERRALS },

    { "rule: verify, good certificate", "ben@verified.test", RELAY, 250, "TLSv1.3, certificate trusted", "direct",
      "delivered" },
    { "rule: encrypt, no TLS there", "eve@bank.test", RELAY, 250, "starttls-not-supported", "alternate", "delivered" },
    { "rule: verify, expired certificate", "fay@strict.test", RELAY, 250, "TLSv1.3, certificate expired", "alternate",
      "delivered" },
    { "rule: encrypt or return, no TLS", "gus@clinic.test", RELAY, 250, "starttls-not-supported", "direct",
      "bounced 5.7.4" },

    { "MTA-STS enforce", "lea@enforced.test", RELAY, 250, "TLSv1.3, certificate trusted", "direct", "delivered" },
    { "MTA-STS enforce, wrong name", "max@renamed.test", RELAY, 250, "TLSv1.3, certificate misnamed", "direct",
      "deferred 4.7.5", 1 },
    { "the same, with TLS-Required: No", "nat@renamed.test", RELAY, 250, "TLSv1.3, certificate misnamed", "direct",
      "delivered", 0, DEMO_TLS_REQUIRED_NO },
    { "MTA-STS testing, expired", "oda@testing.test", RELAY, 250, "TLSv1.3, certificate expired", "direct",
      "delivered" },
    { "DANE, self-signed certificate", "pia@dane.test", RELAY, 250, "TLSv1.3, TLSA record matches", "direct",
      "delivered" },
    { "DANE, key changed, record not", "ray@stale.dane.test", RELAY, 250, "TLSv1.3, TLSA record does not match",
      "direct", "deferred 4.7.323", 1 },
    { "REQUIRETLS, proven by DANE", "sue@dane.test", RELAY, 250, "TLSv1.3, TLSA record matches", "direct", "delivered",
      0, DEMO_REQUIRETLS },
    { "REQUIRETLS, not offered there", "tom@enforced.test", RELAY, 250, "TLSv1.3, no REQUIRETLS offered", "direct",
      "bounced 5.7.30", 0, DEMO_REQUIRETLS },

    { "from the internet, for us", "ida@home.test", DEMO_MX_PORT, "stranger@good.test", 250,
      "TLSv1.3, certificate trusted", "direct", "delivered" },
    { "partner in clear, rule: encrypt", "ida@home.test", DEMO_MX_PORT, "joe@partner.test", 530, "", "", "" },
    { "a stranger wants us to relay", "kim@good.test", DEMO_MX_PORT, "stranger@good.test", 550, "", "", "" },
};

struct round {
    struct demo_world *world;
    struct client *client;
    struct arena arena;
    char ids[COUNT_OF(letters)][16];
    int replies[COUNT_OF(letters)];
    bool is_done[COUNT_OF(letters)], is_woken;
    size_t wrong;
};

/* -- the table ------------------------------------------------------------------------------------------------------
 */

static void print_row(const char *what, const char *to, const char *demanded, const char *found, const char *way,
                      const char *result)
{
    (void)printf("%-33s %-19s %-24s %-35s %-9s %s\n", what, to, demanded, found, way, result);
    (void)fflush(stdout);
}

static void print_sight(const struct letter *l, const struct demo_sight *s, const char *result)
{
    print_row(l->what, l->to, s->demanded, s->found, s->way, result);
    if (s->why[0] != '\0')
        (void)printf("    %s\n", s->why);
}

static void judge(struct round *r, size_t i, const struct demo_sight *s, const char *result)
{
    const struct letter *l = &letters[i];
    bool is_right = r->replies[i] == l->reply && strcmp(s->way, l->way) == 0 && strcmp(s->result, l->result) == 0 &&
                    strncmp(s->found, l->found, strlen(l->found)) == 0 && s->deferrals >= l->deferrals;

    print_sight(l, s, result);
    if (!is_right) {
        r->wrong++;
        (void)printf("    ^ must be: answer %d, found '%s...', way '%s', result '%s'\n", l->reply, l->found, l->way,
                     l->result);
    }
    r->is_done[i] = true;
}

/* -- sending --------------------------------------------------------------------------------------------------------
 */

/* "Ok: queued as 0ABC..." */
static void note_id(char out[static 16], const char *text)
{
    const char *at = strstr(text, "queued as ");

    (void)snprintf(out, 16, "%.13s", at == NULL ? "" : at + strlen("queued as "));
}

static bool send_letter(struct round *r, size_t i)
{
    const struct letter *l = &letters[i];
    const struct demo_letter letter = { "127.0.0.1", l->port, l->from, l->to, l->what, l->wish };
    struct smtp_reply reply;
    struct fault why;
    char refused[DEMO_TEXT];

    if (demo_letter_send(&letter, &reply, &why) != OK) {
        (void)fprintf(stderr, "sternpost: %s\n", why.text);
        return false;
    }
    r->replies[i] = reply.code;
    note_id(r->ids[i], reply.text);
    if (!smtp_reply_is_ok(&reply)) {
        (void)snprintf(refused, sizeof refused, "refused: %d %.100s", reply.code, reply.text);
        judge(r, i, &(struct demo_sight){ .demanded = "" }, refused);
    }
    return true;
}

/* -- watching -------------------------------------------------------------------------------------------------------
 */

/* A letter that must wait has come to its end when it waits. */
static bool is_final(const struct letter *l, const struct demo_sight *s)
{
    bool waits = strncmp(s->result, "deferred", strlen("deferred")) == 0;

    return s->result[0] != '\0' && (!waits || strcmp(s->result, l->result) == 0);
}

static void wake_when_seen(struct round *r, size_t i, const struct demo_sight *s)
{
    if (r->is_woken || s->deferrals == 0 || letters[i].deferrals == 0)
        return;
    print_sight(&letters[i], s, s->result);
    demo_peers_wake(r->world->peers);
    r->is_woken = true;
}

/* Looks at every letter that is still under way; true when none is. */
static bool look_around(struct round *r)
{
    bool all_done = true;

    for (size_t i = 0; i < COUNT_OF(letters); i++) {
        struct demo_sight s;

        if (r->is_done[i])
            continue;
        all_done = false;
        if (!demo_watch(r->client, &r->arena, r->ids[i], &s))
            return true;
        if (is_final(&letters[i], &s))
            judge(r, i, &s, s.result);
        else
            wake_when_seen(r, i, &s);
    }
    arena_reset(&r->arena);
    return all_done;
}

static size_t count_unfinished(const struct round *r)
{
    size_t n = 0;

    for (size_t i = 0; i < COUNT_OF(letters); i++)
        n += !r->is_done[i];
    return n;
}

size_t demo_letters(void)
{
    return COUNT_OF(letters);
}

size_t demo_round(struct demo_world *w, struct client *c)
{
    struct round r = { .world = w, .client = c };
    bool all_sent = true;

    print_row("LETTER", "RECIPIENT", "DEMANDED", "FOUND AT THE RECIPIENT'S", "WAY", "RESULT");
    for (size_t i = 0; i < COUNT_OF(letters) && all_sent; i++)
        all_sent = send_letter(&r, i);
    for (int64_t end = clock_mono_ms() + OUTCOME_MS; all_sent && clock_mono_ms() < end && !look_around(&r);)
        demo_pause_ms(POLL_MS);
    arena_release(&r.arena);
    return r.wrong + count_unfinished(&r);
}
