#include "cli/client.h"
#include "cli/commands.h"
#include "cli/table.h"

#include <inttypes.h>

/* "3 d 4 h", the two largest units. */
static struct slice duration(struct arena *a, json_int_t s)
{
    static const struct {
        json_int_t s;
        const char *unit;
    } units[] = {
        { 86400, "d" },
        { 3600, "h" },
        { 60, "min" },
        { 1, "s" },
    };

    for (size_t i = 0; i + 1 < COUNT_OF(units); i++) {
        json_int_t more = s % units[i].s / units[i + 1].s;

        if (s >= units[i].s)
            return arena_printf(a, "%" JSON_INTEGER_FORMAT " %s %" JSON_INTEGER_FORMAT " %s", s / units[i].s,
                                units[i].unit, more, units[i + 1].unit);
    }
    return arena_printf(a, "%" JSON_INTEGER_FORMAT " s", s);
}

static struct slice bytes(struct arena *a, json_int_t n)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    double value = (double)n;
    size_t unit = 0;

    for (; value >= 1024 && unit + 1 < COUNT_OF(units); unit++)
        value /= 1024;
    return arena_printf(a, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

static void line(const char *name, struct slice value)
{
    (void)printf("%-18s ", name);
    print_text(stdout, value);
    (void)fputc('\n', stdout);
}

/* Lines of numbers: each row of the table is one line of output. */
struct figure {
    const char *member, *word;
};

static void line_of(const char *name, const json_t *object, const struct figure *figures, size_t len, struct arena *a)
{
    struct slice text = SLICE_LIT("");

    for (size_t i = 0; i < len; i++)
        text = arena_printf(a, "%.*s%s%" JSON_INTEGER_FORMAT " %s", SLICE_FMT(text), i == 0 ? "" : ", ",
                            answer_number(object, figures[i].member), figures[i].word);
    line(name, text);
}

static void print_listeners(const json_t *listeners)
{
    const json_t *l, *address;
    size_t i, k;

    json_array_foreach(listeners, i, l) {
        (void)printf("%-18s ", i == 0 ? "listeners" : "");
        print_text(stdout, answer_text(l, "name"));
        (void)fputs(" (", stdout);
        print_text(stdout, answer_text(l, "role"));
        (void)fputs(", TLS ", stdout);
        print_text(stdout, answer_text(l, "tls"));
        (void)fputs(")", stdout);
        json_array_foreach(json_object_get(l, "addresses"), k, address) {
            (void)printf(" %s", json_string_value(address));
        }
        (void)fputc('\n', stdout);
    }
}

static void print_certificates(const json_t *certificates, struct arena *a)
{
    const json_t *notice;
    size_t i;

    line("certificates", arena_printf(a, "%" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " served",
                                      answer_number(certificates, "served"), answer_number(certificates, "known")));
    json_array_foreach(json_object_get(certificates, "notices"), i, notice) {
        line("", slice_str(json_string_value(notice)));
    }
}

static void print_alerts(const json_t *alerts, struct arena *a)
{
    const json_t *alert;
    size_t i;

    if (answer_number(alerts, "open") == 0) {
        line("alerts", SLICE_LIT("none open"));
        return;
    }
    line("alerts", arena_printf(a, "%" JSON_INTEGER_FORMAT " open; more with: sternpost alerts", answer_number(alerts, "open")));
    json_array_foreach(json_object_get(alerts, "first"), i, alert) {
        line("", arena_printf(a, "%.*s, %.*s: %.*s", SLICE_FMT(answer_text(alert, "cause")),
                              SLICE_FMT(answer_text(alert, "subject")), SLICE_FMT(answer_text(alert, "text"))));
    }
}

static void print_queue(const json_t *queue, bool is_paused, struct arena *a)
{
    static const struct figure figures[] = {
        { "messages", "messages" }, { "deliveries", "deliveries" }, { "due", "due" }, { "deferred", "deferred" },
        { "held", "held" },
    };

    line_of("queue", queue, figures, COUNT_OF(figures), a);
    if (answer_text(queue, "oldest_received").len > 0)
        line("oldest message", answer_text(queue, "oldest_received"));
    if (is_paused)
        line("deliveries", SLICE_LIT("paused; go on with: sternpost gateway set --pause-deliveries false"));
}

static void print_traffic(const json_t *counters, struct arena *a)
{
    static const struct figure in[] = {
        { "messages_received", "messages" },
        { "messages_refused", "refused" },
        { "sessions", "sessions" },
        { "sessions_tls", "with TLS" },
        { "sessions_refused", "turned away" },
        { "recipients_refused_relay", "recipients refused (relay)" },
        { "recipients_refused_tls", "refused (TLS)" },
    };
    static const struct figure out[] = {
        { "attempts", "attempts" },
        { "delivered", "delivered" },
        { "deferred", "deferred" },
        { "bounced", "bounced" },
    };
    static const struct figure levels[] = {
        { "delivered_verified", "verified" },
        { "delivered_encrypted", "encrypted" },
        { "delivered_clear", "in clear" },
        { "delivered_alternate", "over the alternate route" },
    };

    (void)puts("\nsince the start");
    line_of("in", counters, in, COUNT_OF(in), a);
    line_of("out", counters, out, COUNT_OF(out), a);
    line_of("by level", counters, levels, COUNT_OF(levels), a);
}

static void print_counted(const char *title, const json_t *counters)
{
    const json_t *row;
    size_t i;

    if (json_array_size(counters) > 0)
        (void)printf("\n%s, today (UTC)\n", title);
    json_array_foreach(counters, i, row) {
        (void)printf("%8" JSON_INTEGER_FORMAT "  ", answer_number(row, "value"));
        print_text(stdout, answer_text(row, "key"));
        (void)fputc('\n', stdout);
    }
}

static void print_status(const json_t *s, struct arena *a)
{
    struct slice up = duration(a, answer_number(s, "uptime_s"));
    struct slice disk_free = bytes(a, answer_number(s, "disk_free_bytes"));
    struct slice disk_all = bytes(a, answer_number(s, "disk_total_bytes"));

    line("sternpost",
         arena_printf(a, "%.*s on %.*s", SLICE_FMT(answer_text(s, "version")), SLICE_FMT(answer_text(s, "hostname"))));
    line("running", arena_printf(a, "%.*s, since %.*s, %" JSON_INTEGER_FORMAT " workers", SLICE_FMT(up),
                                 SLICE_FMT(answer_text(s, "started")), answer_number(s, "workers")));
    line("settings", arena_printf(a, "version %" JSON_INTEGER_FORMAT, answer_number(s, "settings_version")));
    print_listeners(json_object_get(s, "listeners"));
    print_certificates(json_object_get(s, "certificates"), a);
    print_alerts(json_object_get(s, "alerts"), a);
    line("disk free", arena_printf(a, "%.*s of %.*s", SLICE_FMT(disk_free), SLICE_FMT(disk_all)));
    print_queue(json_object_get(s, "queue"), json_is_true(json_object_get(s, "deliveries_paused")), a);
    print_traffic(json_object_get(s, "counters"), a);
    print_counted("refused because a rule requires TLS", json_object_get(s, "inbound_refused_today"));
    print_counted("rules in testing that would have acted", json_object_get(s, "rule_testing_today"));
    print_counted("sent without TLS", json_object_get(s, "sent_in_clear_today"));
}

int run_status(const struct invocation *inv)
{
    json_t *answer = NULL;
    int code = client_ask(inv, HTTP_GET, SLICE_LIT("/v1/status"), NULL, &answer);

    if (code != EXIT_DONE)
        return code;
    if (invocation_has(inv, "json")) {
        print_json(answer);
        return EXIT_DONE;
    }
    print_status(answer, inv->arena);
    json_decref(answer);
    return EXIT_DONE;
}

int run_version(const struct invocation *inv)
{
    if (invocation_has(inv, "json"))
        print_json(json_pack("{s:s}", "version", STERNPOST_VERSION));
    else
        (void)puts("sternpost " STERNPOST_VERSION);
    return EXIT_DONE;
}
