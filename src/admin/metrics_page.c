#include "admin/api.h"
#include "admin/disk.h"
#include "base/buf.h"
#include "base/clock.h"
#include "relay/metrics.h"

#include <assert.h>
#include <inttypes.h>

enum { PAGE_BYTES_MAX = 64 * 1024 };

/* The text format that Prometheus scrapes, version 0.0.4. */
static void add_value(struct buf *b, const char *name, const char *help, bool is_gauge, uint64_t value)
{
    enum status st = buf_addf(b, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name,
                              is_gauge ? "gauge" : "counter", name, value);

    assert(st == OK); /* names and help are ours: they fit */
    (void)st;
}

/* One of several under the name that was described last. */
static void add_labelled(struct buf *b, const struct metric_info *info, uint64_t value)
{
    enum status st = buf_addf(b, "%s{%s} %" PRIu64 "\n", info->name, info->label, value);

    assert(st == OK);
    (void)st;
}

static void describe(struct buf *b, const struct metric_info *info)
{
    enum status st = buf_addf(b, "# HELP %s %s\n# TYPE %s %s\n", info->name, info->help, info->name,
                              info->is_gauge ? "gauge" : "counter");

    assert(st == OK);
    (void)st;
}

static void add_counted(struct buf *b)
{
    const char *described = "";

    for (int m = 0; m < METRIC_COUNT; m++) {
        const struct metric_info *info = metric_info((enum metric)m);
        int64_t counted = metric_get((enum metric)m);
        uint64_t value = counted < 0 ? 0 : (uint64_t)counted;

        if (info->label == NULL) {
            add_value(b, info->name, info->help, info->is_gauge, value);
            continue;
        }
        if (strcmp(described, info->name) != 0)
            describe(b, info);
        described = info->name;
        add_labelled(b, info, value);
    }
}

static void add_queue(struct buf *b, const struct store_stats *s)
{
    int64_t age = clock_wall_s() - (int64_t)s->oldest_received_s;

    add_value(b, "sternpost_queue_messages", "Messages in the queue.", true, s->messages);
    add_value(b, "sternpost_queue_deliveries", "Deliveries in the queue.", true, s->deliveries);
    add_value(b, "sternpost_queue_due", "Deliveries due and waiting.", true, s->due);
    add_value(b, "sternpost_queue_deferred", "Deliveries waiting for another attempt.", true, s->deferred);
    add_value(b, "sternpost_queue_held", "Deliveries held by an administrator.", true, s->held);
    add_value(b, "sternpost_queue_oldest_seconds", "Age of the oldest message in the queue.", true,
              s->messages == 0 || age < 0 ? 0 : (uint64_t)age);
}

static void add_node(struct buf *b, const struct admin_config *admin)
{
    struct disk_space disk;
    enum status st = buf_addf(b,
                              "# HELP sternpost_build_info The running version.\n"
                              "# TYPE sternpost_build_info gauge\nsternpost_build_info{version=\"%s\"} 1\n",
                              STERNPOST_VERSION);

    assert(st == OK);
    (void)st;
    add_value(b, "sternpost_start_time_seconds", "When the daemon started, since 1970.", true,
              (uint64_t)admin->started_s);
    add_value(b, "sternpost_workers", "Worker threads.", true, admin->workers);
    if (disk_space_of_store(admin->config->store, &disk))
        add_value(b, "sternpost_store_disk_free_bytes", "Free space where the store lies.", true, disk.free_bytes);
}

static void add_alerts(struct buf *b, struct call *c)
{
    uint64_t told;
    json_t *causes = alerts_by_cause(c, &told), *open;
    enum status st = buf_addf(b, "# HELP sternpost_alerts_open Alerts that are open, by cause.\n"
                                 "# TYPE sternpost_alerts_open gauge\n");
    const char *cause;

    json_object_foreach(causes, cause, open) {
        if (st == OK)
            st = buf_addf(b, "sternpost_alerts_open{cause=\"%s\"} %" JSON_INTEGER_FORMAT "\n", cause,
                          json_integer_value(open));
    }
    assert(st == OK); /* causes are ours, and few */
    (void)st;
    add_value(b, "sternpost_alerts_told_total", "Times that something new was told of an alert.", false, told);
    json_decref(causes);
}

static void add_policies(struct buf *b, const struct admin_config *admin)
{
    struct sts_counts n;

    admin->count_sts(admin->ctx, &n);
    add_value(b, "sternpost_sts_policies", "MTA-STS policies that are kept.", true,
              n.entries);
    add_value(b, "sternpost_sts_asked_total", "Questions about MTA-STS policies.", false, n.asked);
    add_value(b, "sternpost_sts_from_memory_total", "Of these, answered without a fetch.", false, n.from_memory);
    add_value(b, "sternpost_sts_fetched_total", "MTA-STS policies fetched.", false, n.fetched);
    add_value(b, "sternpost_sts_fetch_failed_total", "MTA-STS policies that could not be fetched.", false, n.fetch_failed);
    add_value(b, "sternpost_sts_invalid_total", "MTA-STS policies that could not be read.", false, n.invalid);
    add_value(b, "sternpost_sts_webpki_invalid_total", "Policy hosts whose certificate was not good.", false,
              n.webpki_invalid);
    add_value(b, "sternpost_sts_downgraded_total", "MTA-STS policies that became weaker.", false, n.downgraded);
}

static void add_bridge(struct buf *b, const struct admin_config *admin)
{
    struct bridge_counts c;

    if (admin->count_bridge == NULL || !admin->count_bridge(admin->ctx, &c))
        return;
    add_value(b, "sternpost_bridge_connections_total", "Connections to the policy service.", false, c.connections);
    add_value(b, "sternpost_bridge_connections_open", "The same, open now.", true, c.connections_open);
    add_value(b, "sternpost_bridge_requests_total", "Requests to the policy service.", false, c.asked);
    add_value(b, "sternpost_bridge_requests_from_memory_total", "The same, answered at once.", false, c.from_memory);
    add_value(b, "sternpost_bridge_replies_policy_total", "Replies with a policy.", false, c.answered_policy);
    add_value(b, "sternpost_bridge_replies_notfound_total", "Replies that leave it to Postfix.", false, c.answered_notfound);
    add_value(b, "sternpost_bridge_replies_temp_total", "Replies that made mail wait.", false, c.answered_temp);
    add_value(b, "sternpost_bridge_replies_perm_total", "Replies to maps that there are not.", false, c.answered_perm);
    add_value(b, "sternpost_bridge_malformed_total", "Connections closed for what is no request.", false, c.malformed);
    add_value(b, "sternpost_tlsrpt_datagrams_total", "TLSRPT datagrams taken.", false, c.datagrams);
    add_value(b, "sternpost_tlsrpt_datagrams_bad_total", "The same, not understood.", false, c.datagrams_bad);
    add_value(b, "sternpost_tlsrpt_datagrams_cut_total", "The same, too long.", false, c.datagrams_cut);
    add_value(b, "sternpost_tlsrpt_datagrams_ours_total", "The same, about TLS reports of ours: not counted.", false,
              c.datagrams_ours);
    add_value(b, "sternpost_tlsrpt_datagrams_dropped_total", "The same, come faster than they could be counted.", false,
              c.datagrams_dropped);
}

static void measured(struct call *c)
{
    struct buf page;

    buf_init(&page, PAGE_BYTES_MAX);
    add_node(&page, c->admin);
    add_counted(&page);
    add_alerts(&page, c);
    add_policies(&page, c->admin);
    add_bridge(&page, c->admin);
    if (c->store.status == OK) /* what is counted in memory is shown also when the store is in trouble */
        add_queue(&page, &c->store.stats);
    call_answer_text(c, 200, "text/plain; version=0.0.4; charset=utf-8", buf_slice(&page));
    buf_release(&page);
}

void page_metrics(struct call *c)
{
    c->store.verb = STORE_STATS;
    call_store_try(c, measured);
}

void page_live(struct call *c)
{
    call_answer_text(c, 200, "text/plain; charset=utf-8", SLICE_LIT("live\n"));
}

static void ready(struct call *c)
{
    struct disk_space disk;
    bool is_full = disk_space_of_store(c->admin->config->store, &disk) &&
                   disk.free_bytes < c->admin->config->limits.min_free_bytes;

    if (c->store.status != OK)
        call_answer_text(c, 503, "text/plain; charset=utf-8", SLICE_LIT("not ready: the store does not answer\n"));
    else if (is_full)
        call_answer_text(c, 503, "text/plain; charset=utf-8",
                         SLICE_LIT("not ready: the disk of the store has less free than min_free\n"));
    else
        call_answer_text(c, 200, "text/plain; charset=utf-8", SLICE_LIT("ready\n"));
}

void page_ready(struct call *c)
{
    c->store.verb = STORE_STATS;
    call_store_try(c, ready);
}
