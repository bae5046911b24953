#include "bridge/collector.h"

#include "net/unix_socket.h"
#include "store/store_test.h"
#include "tlsrpt/datagram.h"

#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

struct world {
    struct test_store      store;
    struct bridge_counters counters;
    struct collector      *collector;
    struct own_reports    *own;
    char                   path[64];
    int                    fd, sender;
    struct sockaddr_un     name;
};

static void begin(struct world *w)
{
    struct fault why = { "" };

    *w = (struct world){ .store = test_store_new() };
    (void)snprintf(w->path, sizeof w->path, "/tmp/sternpost-tlsrpt-%d.sock", (int)getpid());
    if (unix_socket_bind(&(struct unix_socket){ .path = w->path, .what = "TLSRPT socket", .type = SOCK_DGRAM, .mode = 0220,
                                                .uid = -1, .gid = -1 },
                         &w->fd, &why) != OK)
        fail_msg("%s", why.text);
    w->own = own_reports_new();
    w->collector = collector_new(w->fd, w->store.store, w->own, &w->counters);
    if (collector_start(w->collector, &why) != OK)
        fail_msg("%s", why.text);
    w->name.sun_family = AF_UNIX;
    CHECK(slice_to_cstr(slice_str(w->path), w->name.sun_path, sizeof w->name.sun_path));
    w->sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK(w->sender >= 0);
}

/* Everything that was sent is in the store from here on. */
static void stop(struct world *w)
{
    collector_stop(w->collector);
}

static void end(struct world *w)
{
    collector_free(w->collector);
    own_reports_free(w->own);
    close(w->fd);
    close(w->sender);
    CHECK(unlink(w->path) == 0);
    test_store_end(&w->store);
}

/* Waits where libtlsrpt would lose it. */
static void give(struct world *w, struct slice bytes)
{
    CHECK(sendto(w->sender, bytes.ptr, bytes.len, 0, (const struct sockaddr *)(const void *)&w->name, sizeof w->name) ==
          (ssize_t)bytes.len);
}

static uint64_t counted(struct world *w, const char *domain)
{
    char day[CLOCK_TEXT];
    struct store_request r = { .verb = STORE_REPORT_COUNTS, .name = slice_str(domain) };
    uint64_t sum = 0;

    r.since_day = slice_first(slice_str(clock_rfc3339(clock_wall_s(), day)), 10);
    CHECK_INT(call(&w->store, &r), OK);
    for (size_t i = 0; i < r.report_counts_len; i++)
        sum += r.report_counts[i].detail.len <= 1 ? r.report_counts[i].count : 0;
    arena_release(&r.arena);
    return sum;
}

#define GOOD                                                                                                          \
    "{\"dpv\": \"1\",\"d\": \"Partner.example.\",\"pr\": \"v=TLSRPTv1;rua=mailto:r@partner.example\",\"policies\":"   \
    "[{\"policy-type\":9,\"t\":0,\"f\":0}]}"
#define FAILED                                                                                                        \
    "{\"dpv\": \"1\",\"d\": \"partner.example\",\"pr\": \"v=TLSRPTv1;rua=mailto:r@partner.example\",\"policies\":"    \
    "[{\"policy-type\":2,\"policy-domain\": \"partner.example\",\"t\":1,\"f\":1,\"failure-details\":[{\"c\":202}]}]}"

TEST(counts_what_postfix_tells)
{
    struct world w;

    begin(&w);
    for (int i = 0; i < 300; i++)
        give(&w, SLICE_LIT(GOOD));
    give(&w, SLICE_LIT(FAILED));
    give(&w, SLICE_LIT(GOOD));
    stop(&w);
    CHECK_INT(count_of(&w.counters, COUNT_DATAGRAMS), 302);
    CHECK_INT(counted(&w, "partner.example"), 302);
    CHECK(count_of(&w.counters, COUNT_DATAGRAMS_BAD) == 0 && count_of(&w.counters, COUNT_DATAGRAMS_DROPPED) == 0);
    end(&w);
}

static const struct { const char *name, *bytes; } bad_cases[] = {
    { "no JSON", "hello" },
    { "empty", "" },
    { "half", "{\"d\": \"partner.example\"," },
    { "no policies", "{\"d\": \"partner.example\",\"policies\":[]}" },
    { "an array", "[]" },
};

TEST(bad_ones_are_counted_and_do_no_harm)
{
    struct world w;

    begin(&w);
    for (size_t i = 0; i < COUNT_OF(bad_cases); i++)
        give(&w, slice_str(bad_cases[i].bytes));
    give(&w, SLICE_LIT(GOOD));
    stop(&w);
    CHECK_INT(count_of(&w.counters, COUNT_DATAGRAMS_BAD), COUNT_OF(bad_cases));
    CHECK_INT(counted(&w, "partner.example"), 1);
    end(&w);
}

/* The largest that fits is read, one byte more is cut off by the kernel and told from a good one. */
TEST(too_long_ones_are_counted)
{
    const int room = 2 * TLSRPT_DATAGRAM_MAX;
    char *bytes = mem_new(1, TLSRPT_DATAGRAM_MAX + 1);
    struct world w;

    begin(&w);
    memset(bytes, ' ', TLSRPT_DATAGRAM_MAX + 1);
    memcpy(bytes, GOOD, sizeof GOOD - 1);
    if (setsockopt(w.sender, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) == 0) { /* root alone may */
        give(&w, slice_of(bytes, TLSRPT_DATAGRAM_MAX + 1));
        give(&w, slice_of(bytes, TLSRPT_DATAGRAM_MAX));
        stop(&w);
        CHECK_INT(count_of(&w.counters, COUNT_DATAGRAMS_CUT), 1);
        CHECK_INT(count_of(&w.counters, COUNT_DATAGRAMS_BAD), 0);
        CHECK_INT(counted(&w, "partner.example"), 1);
    } else {
        stop(&w);
    }
    end(&w);
    free(bytes);
}

TEST(events_of_our_own_reports_are_left_out)
{
    struct world w;

    begin(&w);
    own_reports_note(w.own, SLICE_LIT("partner.example"), clock_mono_ms());
    for (int i = 0; i < 3; i++)
        give(&w, SLICE_LIT(GOOD));
    stop(&w);
    CHECK_INT(count_of(&w.counters, COUNT_DATAGRAMS_OURS), 1);
    CHECK_INT(counted(&w, "partner.example"), 2);
    end(&w);
}

TEST(ends_without_a_datagram)
{
    struct world w;

    begin(&w);
    stop(&w);
    CHECK_INT(count_of(&w.counters, COUNT_DATAGRAMS), 0);
    end(&w);
}

RUN_TESTS(T(counts_what_postfix_tells), T(bad_ones_are_counted_and_do_no_harm), T(too_long_ones_are_counted),
          T(events_of_our_own_reports_are_left_out), T(ends_without_a_datagram))
