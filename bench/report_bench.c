/* What it costs to take in TLS reports of others: unpacked, read, judged and kept, on one core. Prints one line:
 *   report_bench [SQLITE-FILE [REPORTS]]
 * The file is made, used and removed. REPORTS (20000 unless given) gzipped reports of 20 KiB each, all different. With
 * 0 one report at the size limit instead, and how much memory the process had at its height. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "reports/receiver.h"
#include "tlsrpt/gzip.h"
#include "tlsrpt/report.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { REPORTS = 20000, TEXT_BYTES = 20 * 1024, FAILURES = 56, ROUND = 500, FILLER = 1100 };

struct slot {
    struct receive_request request;
    struct slice packed;
};

static struct arena arena;

/* `filler` bytes more in each failure: a report at its limit on bytes stays below that on values. */
static struct slice write_report(unsigned number, size_t bytes, int filler)
{
    char day[CLOCK_TEXT];
    struct slice text;
    struct buf b;

    (void)clock_rfc3339(clock_wall_s() - 86400, day);
    buf_init(&b, TLSRPT_REPORT_MAX + 1);
    (void)!buf_addf(
        &b,
        "{\"organization-name\":\"Sender %u\",\"contact-info\":\"tls@sender%u.example\",\"report-id\":\"%u.%ld@s\","
        "\"date-range\":{\"start-datetime\":\"%.10sT00:00:00Z\",\"end-datetime\":\"%.10sT23:59:59Z\"},\"policies\":"
        "[{\"policy\":{\"policy-type\":\"sts\",\"policy-domain\":\"example.org\",\"mx-host\":[\"mx.example.org\"]},"
        "\"summary\":{\"total-successful-session-count\":1000,\"total-failure-session-count\":%d},\"failure-details\":"
        "[",
        number % 97, number % 97, number, random(), day, day, FAILURES);
    for (unsigned i = 0; b.len + 400 + (size_t)filler < bytes; i++)
        (void)!buf_addf(
            &b,
            "%s{\"result-type\":\"validation-failure\",\"sending-mta-ip\":\"198.51.100.%u\",\"receiving-ip\":"
            "\"192.0.2.%u\",\"receiving-mx-hostname\":\"mx%u.example.org\",\"receiving-mx-helo\":\"mx%u.example.org "
            "ready\",\"failed-session-count\":1,\"failure-reason-code\":\"handshake failure %08lx of %u%*s\"}",
            i > 0 ? "," : "", (number + i) % 254, i % 254, i % 9, i % 9, random(), i, filler, "");
    (void)!buf_add(&b, SLICE_LIT("]}]"));
    while (b.len + 2 < bytes)
        (void)!buf_add(&b, SLICE_LIT(" "));
    (void)!buf_add(&b, SLICE_LIT("}"));
    text = gzip_pack(buf_slice(&b), &arena);
    buf_release(&b);
    return text;
}

static struct snapshot *settings(void)
{
    const struct setting_row row = { .kind = SLICE_LIT("domain"),
                                     .name = SLICE_LIT("example.org"),
                                     .after = SLICE_LIT("{}") };
    struct snapshot *s;
    struct fault why;

    if (snapshot_new(&row, 1, 1, &s, &why) != OK)
        abort();
    return s;
}

static double cpu_s(void)
{
    struct rusage u;

    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Since clear_refs was written to. */
static long height_kib(void)
{
    FILE *status = fopen("/proc/self/status", "r");
    char line[256];
    long kib = 0;

    while (status != NULL && fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "VmHWM:", 6) == 0)
            kib = strtol(line + 6, NULL, 10);
    if (status != NULL)
        (void)fclose(status);
    return kib;
}

/* Sends `len` of them and waits; how many were kept. */
static size_t run(struct receiver *r, struct slot *slots, size_t len, struct handoff *reply)
{
    size_t back = 0, kept = 0;

    for (size_t i = 0; i < len; i++) {
        slots[i].request =
            (struct receive_request){ .reply_to = reply,
                                      .what = { .channel = RECEIVED_BY_IMPORT, .bytes = slots[i].packed } };
        receiver_ask(r, &slots[i].request);
    }
    while (back < len) {
        struct handoff_item *item;

        (void)handoff_wait(reply, -1);
        for (item = handoff_take(reply); item != NULL; back++) {
            struct receive_request *q = CONTAINER_OF(item, struct receive_request, item);

            item = item->next;
            kept += q->status == OK && q->outcomes_len == 1 && !q->outcomes[0].result.is_refused &&
                    q->outcomes[0].kept == RECEIVED_KEPT;
            arena_release(&q->arena);
        }
    }
    return kept;
}

static void measure(struct receiver *r, size_t reports)
{
    struct slot *slots = mem_new(ROUND, sizeof *slots);
    struct handoff *reply = handoff_new();
    double spent_s = 0, passed_s = 0;
    size_t kept = 0;

    for (size_t done = 0; done < reports; done += ROUND) {
        double cpu = 0;
        int64_t from_ms;

        arena_release(&arena);
        for (size_t i = 0; i < ROUND; i++)
            slots[i].packed = write_report((unsigned)(done + i), TEXT_BYTES, 0);
        from_ms = clock_mono_ms();
        cpu = cpu_s();
        kept += run(r, slots, ROUND, reply);
        spent_s += cpu_s() - cpu;
        passed_s += (double)(clock_mono_ms() - from_ms) / 1000;
    }
    (void)printf("%zu reports of %d KiB kept on one core: %.0f a second, %.0f us of processor time each\n", kept,
                 TEXT_BYTES / 1024, (double)kept / passed_s, spent_s / (double)kept * 1e6);
    arena_release(&arena);
    handoff_free(reply);
    free(slots);
}

static void measure_largest(struct receiver *r)
{
    struct handoff *reply = handoff_new();
    struct slot slot = { .packed = write_report(1, TLSRPT_REPORT_MAX, FILLER) };
    FILE *peak = fopen("/proc/self/clear_refs", "w");
    int64_t from_ms;
    size_t kept;

    /* Forgets the height that making the report had. */
    if (peak != NULL) {
        (void)fputs("5", peak);
        (void)fclose(peak);
    }
    from_ms = clock_mono_ms();
    kept = run(r, &slot, 1, reply);
    (void)printf("%zu report of %d MiB kept in %lld ms; memory at its height %ld MiB\n", kept, TLSRPT_REPORT_MAX >> 20,
                 (long long)(clock_mono_ms() - from_ms), height_kib() / 1024);
    handoff_free(reply);
}

int main(int argc, char **argv)
{
    const char *file = argc > 1 ? argv[1] : "/tmp/report_bench.db";
    size_t reports = argc > 2 ? (size_t)strtoul(argv[2], NULL, 10) : REPORTS;
    const struct dns_config dns = { .timeout_ms = 100 };
    struct receiver_config config = { .resolver = &dns,
                                      .hostname = SLICE_LIT("mx.example.org"),
                                      .settings = settings(),
                                      .keep_s = 400 * 86400,
                                      .keep_documents_s = 30 * 86400 };
    struct arena a = { 0 };
    const struct store_config store = { .url = arena_printf(&a, "sqlite:%s", file).ptr };
    struct receiver *r;
    struct fault why;
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(0, &one);
    (void)sched_setaffinity(0, sizeof one, &one);
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    if (store_open(&store, &config.store, &why) != OK || receiver_new(&config, &r, &why) != OK ||
        receiver_start(r, &why) != OK) {
        (void)fprintf(stderr, "report_bench: %s\n", why.text);
        return 1;
    }
    if (reports > 0)
        measure(r, reports);
    else
        measure_largest(r);
    receiver_stop(r);
    store_close(config.store);
    receiver_free(r);
    (void)unlink(file);
    (void)unlink(arena_printf(&a, "%s-wal", file).ptr);
    arena_release(&a);
    return 0;
}
