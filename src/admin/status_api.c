#include "admin/api.h"
#include "admin/disk.h"
#include "base/clock.h"
#include "relay/metrics.h"

#include <inttypes.h>

/* The status of a node, as it is put together: queue figures, then today's counters by name. */
static const struct {
    const char *name, *key;
} shown_counters[] = {
    { "inbound-refused", "inbound_refused_today" },
    { "rule-testing", "rule_testing_today" },
    { "sent-in-clear", "sent_in_clear_today" },
};

struct status_state {
    json_t *answer;
    size_t counter; /* the one asked for */
};

static const struct {
    const char *key;
    enum metric metric;
} figures[] = {
    { "messages_received", METRIC_MESSAGES_IN },
    { "messages_refused", METRIC_MESSAGES_REFUSED },
    { "bytes_received", METRIC_BYTES_IN },
    { "recipients_refused_relay", METRIC_RCPT_REFUSED_RELAY },
    { "recipients_refused_tls", METRIC_RCPT_REFUSED_TLS },
    { "sessions", METRIC_SESSIONS_IN },
    { "sessions_open", METRIC_SESSIONS_IN_OPEN },
    { "sessions_tls", METRIC_SESSIONS_IN_TLS },
    { "sessions_refused", METRIC_SESSIONS_REFUSED },
    { "sign_ins_failed", METRIC_AUTH_FAILED },
    { "connections_out_open", METRIC_CONNECTIONS_OUT_OPEN },
    { "attempts", METRIC_ATTEMPTS },
    { "delivered", METRIC_DELIVERED },
    { "delivered_clear", METRIC_DELIVERED_CLEAR },
    { "delivered_encrypted", METRIC_DELIVERED_ENCRYPTED },
    { "delivered_verified", METRIC_DELIVERED_VERIFIED },
    { "delivered_alternate", METRIC_DELIVERED_ALTERNATE },
    { "deferred", METRIC_DEFERRED },
    { "bounced", METRIC_BOUNCED },
};

static json_t *figures_to_json(void)
{
    json_t *j = json_object();

    for (size_t i = 0; i < COUNT_OF(figures); i++)
        json_object_set_new(j, figures[i].key, json_integer(metric_get(figures[i].metric)));
    return j;
}

static json_t *listeners_to_json(const struct config *config)
{
    static const char *const tls_names[] = {
        [LISTENER_STARTTLS] = "starttls",
        [LISTENER_IMPLICIT] = "implicit",
        [LISTENER_CLEAR] = "none",
    };
    json_t *all = json_array();

    for (size_t i = 0; i < config->listeners_len; i++) {
        const struct config_listener *l = &config->listeners[i];
        json_t *j = json_object(), *addresses = json_array();
        char text[NET_ADDRESS_TEXT];

        for (size_t a = 0; a < l->addresses_len; a++)
            json_array_append_new(addresses, json_string(net_address_text(&l->addresses[a], text)));
        json_object_set_new(j, "name", json_string(l->name));
        json_object_set_new(j, "role", json_string(listener_role_name(l->role)));
        json_object_set_new(j, "tls", json_string(tls_names[l->tls]));
        json_object_set_new(j, "addresses", addresses);
        json_array_append_new(all, j);
    }
    return all;
}

static json_t *queue_to_json(const struct store_stats *s)
{
    json_t *j = json_object();

    json_object_set_new(j, "messages", json_integer((json_int_t)s->messages));
    json_object_set_new(j, "deliveries", json_integer((json_int_t)s->deliveries));
    json_object_set_new(j, "due", json_integer((json_int_t)s->due));
    json_object_set_new(j, "deferred", json_integer((json_int_t)s->deferred));
    json_object_set_new(j, "held", json_integer((json_int_t)s->held));
    if (s->messages > 0)
        json_object_set_new(j, "oldest_received", json_of_time((int64_t)s->oldest_received_s));
    return j;
}

static json_t *node_to_json(struct call *c)
{
    json_t *j = json_object();
    struct snapshot *snapshot = c->admin->snapshot(c->admin->ctx);
    struct disk_space disk;

    json_object_set_new(j, "version", json_string(STERNPOST_VERSION));
    json_object_set_new(j, "hostname", json_of(c->admin->config->hostname));
    json_object_set_new(j, "started", json_of_time(c->admin->started_s));
    json_object_set_new(j, "uptime_s", json_integer(clock_wall_s() - c->admin->started_s));
    json_object_set_new(j, "workers", json_integer(c->admin->workers));
    json_object_set_new(j, "settings_version", json_integer((json_int_t)snapshot_version(snapshot)));
    json_object_set_new(j, "deliveries_paused", json_boolean(snapshot_gateway(snapshot)->pauses_deliveries));
    json_object_set_new(j, "listeners", listeners_to_json(c->admin->config));
    json_object_set_new(j, "certificates", certificates_summary(c));
    json_object_set_new(j, "alerts", alerts_summary(c));
    if (disk_space_of_store(c->admin->config->store, &disk)) {
        json_object_set_new(j, "disk_free_bytes", json_integer((json_int_t)disk.free_bytes));
        json_object_set_new(j, "disk_total_bytes", json_integer((json_int_t)disk.total_bytes));
    }
    json_object_set_new(j, "counters", figures_to_json());
    snapshot_release(snapshot);
    return j;
}

static struct slice day_of(struct call *c, int64_t wall_s)
{
    char text[CLOCK_TEXT];

    return slice_first(arena_copy(c->arena, slice_str(clock_rfc3339(wall_s, text))), strlen("2026-11-24"));
}

static json_t *counters_to_json(const struct store_request *r)
{
    json_t *all = json_array();

    for (size_t i = 0; i < r->counters_len; i++) {
        json_t *j = json_object();

        json_object_set_new(j, "day", json_of(r->counters[i].day));
        json_object_set_new(j, "name", json_of(r->counters[i].name));
        json_object_set_new(j, "key", json_of(r->counters[i].key));
        json_object_set_new(j, "value", json_integer((json_int_t)r->counters[i].value));
        json_array_append_new(all, j);
    }
    return all;
}

static void counted(struct call *c);

static void ask_for_counter(struct call *c)
{
    struct status_state *s = c->state;

    call_store_again(c);
    c->store.verb = STORE_COUNTERS;
    c->store.name = slice_str(shown_counters[s->counter].name);
    c->store.since_day = day_of(c, clock_wall_s());
    call_store_try(c, counted);
}

static void counted(struct call *c)
{
    struct status_state *s = c->state;

    json_object_set_new(s->answer, shown_counters[s->counter].key, counters_to_json(&c->store));
    if (++s->counter < COUNT_OF(shown_counters))
        ask_for_counter(c);
    else
        call_answer(c, s->answer);
}

static void measured(struct call *c)
{
    struct status_state *s = c->state = ARENA_NEW(c->arena, struct status_state);

    s->answer = node_to_json(c);
    json_object_set_new(s->answer, "queue", queue_to_json(&c->store.stats));
    ask_for_counter(c);
}

void api_status(struct call *c)
{
    c->store.verb = STORE_STATS;
    call_store(c, measured);
}

static void counters_found(struct call *c)
{
    json_t *answer = json_object();

    json_object_set_new(answer, "counters", counters_to_json(&c->store));
    call_answer(c, answer);
}

void api_counters(struct call *c)
{
    c->store.verb = STORE_COUNTERS;
    if (!call_query(c, "name", &c->store.name) || !call_query_day(c, "since", &c->store.since_day))
        return;
    if (c->store.since_day.len == 0)
        c->store.since_day = day_of(c, clock_wall_s());
    call_store(c, counters_found);
}
