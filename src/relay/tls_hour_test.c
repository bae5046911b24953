/* Shares of an hour under a clock of its own. */
#include "relay/tls_hour.h"

#include "base/test.h"

enum { MINUTE_MS = 60 * 1000 };

static int64_t now_ms;

static int64_t clock_of_ours(void)
{
    return now_ms;
}

static void note(struct tls_hour *h, unsigned tried, unsigned failed)
{
    for (unsigned i = 0; i < tried; i++)
        tls_hour_note(h, "rule", SLICE_LIT("bank"), i < failed);
}

static struct tls_hour_sum sum_of(struct tls_hour *h)
{
    struct arena arena = { 0 };
    const struct tls_hour_sum *all;
    struct tls_hour_sum sum = { 0 };

    if (tls_hour_sums(h, &arena, &all) > 0)
        sum = (struct tls_hour_sum){ .tried = all[0].tried, .failed = all[0].failed };
    arena_release(&arena);
    return sum;
}

TEST(it_slides)
{
    struct tls_hour *h = tls_hour_new(clock_of_ours);

    now_ms = 100 * MINUTE_MS;
    note(h, TLS_HOUR_LEAST - 1, 1);
    CHECK_INT(sum_of(h).tried, 0); /* too few say nothing */
    note(h, 11, 4);
    CHECK_INT(sum_of(h).tried, 20);
    now_ms += 30 * MINUTE_MS;
    note(h, 20, 10);
    CHECK_INT(sum_of(h).tried, 40);
    CHECK_INT(sum_of(h).failed, 15);
    now_ms += 35 * MINUTE_MS; /* the first are out of it */
    CHECK_INT(sum_of(h).tried, 20);
    CHECK_INT(sum_of(h).failed, 10);
    now_ms += 60 * MINUTE_MS;
    CHECK_INT(sum_of(h).tried, 0);
    tls_hour_free(h);
}

TEST(names_of_strangers_are_bounded) /* RES-06 */
{
    struct tls_hour *h = tls_hour_new(clock_of_ours);
    const struct tls_hour_sum *all;
    struct arena arena = { 0 };
    char name[32], longest[400];

    memset(longest, 'x', sizeof longest);
    tls_hour_note(h, "destination", slice_of(longest, sizeof longest), true);
    for (unsigned i = 0; i < 11000; i++) {
        (void)snprintf(name, sizeof name, "%u.example", i);
        for (unsigned k = 0; k < TLS_HOUR_LEAST; k++)
            tls_hour_note(h, "destination", slice_str(name), false);
    }
    CHECK_INT(tls_hour_sums(h, &arena, &all), 10000);
    CHECK(slice_eq(all[0].kind, SLICE_LIT("destination")));
    now_ms += 120 * MINUTE_MS;
    note(h, TLS_HOUR_LEAST, 1); /* an hour later there is room again */
    CHECK_INT(sum_of(h).failed, 1);
    arena_release(&arena);
    tls_hour_free(h);
}

RUN_TESTS(T(it_slides), T(names_of_strangers_are_bounded))
