#include "base/clock.h"
#include "base/utf8.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/report_source.h"
#include "cli/table.h"
#include "mail/report_part.h"
#include "reports/receiver.h"
#include "tlsrpt/gzip.h"

#include <inttypes.h>
#include <limits.h>
#include <sodium.h>
#include <unistd.h>

/* One request: the daemon takes bodies of 8 MiB, and base64 makes four bytes of three. */
enum { BATCH_ITEMS = 100, BATCH_BYTES = 3 * 1024 * 1024, ITEM_MAX = 5 * 1024 * 1024, PACK_FROM = 256 * 1024 };
/* Where DNS is silent each item waits for the keys of its signatures, and the answer to a request must come all the
 * same. */
enum { KEYS_WAIT_S = 10, PATIENCE_S = 90 };
_Static_assert((BATCH_ITEMS + RECEIVER_AT_WORK - 1) / RECEIVER_AT_WORK * KEYS_WAIT_S < PATIENCE_S,
               "a request is answered before the client gives up");
enum { PROGRESS_AFTER_MS = 2000, PROGRESS_EVERY_MS = 200, BAR = 30, TROUBLES_SHOWN = 20, NAME_SHOWN = 60 };

static const char *const outcomes[] = { "kept", "duplicate", "differs", "over-quota", "refused", "unreadable" };
enum { KEPT, DUPLICATE, DIFFERS, OVER_QUOTA, REFUSED, UNREADABLE };

struct import {
    const struct invocation *inv;
    struct client *client;
    struct report_source *source;
    json_t *batch, *names; /* items of one request, and whose they are */
    size_t batch_bytes;
    uint64_t items, counts[COUNT_OF(outcomes)], unverified;
    json_t *troubles;
    int64_t started_ms, shown_ms;
    bool shows_progress;
};

/* -- what came of it ---------------------------------------------------------------------------------------------- */

/* A file may be called by any bytes, of which JSON takes no others than UTF-8. */
static json_t *printable(struct slice text)
{
    char clean[PATH_MAX];
    struct slice shown = utf8_printable(text, clean, sizeof clean);

    return json_stringn(shown.ptr, shown.len);
}

static void note_trouble(struct import *i, struct slice name, const char *outcome, struct slice why)
{
    json_t *j;

    if (json_array_size(i->troubles) >= TROUBLES_SHOWN)
        return;
    j = json_object();
    (void)json_object_set_new(j, "name", printable(name));
    (void)json_object_set_new(j, "outcome", json_string(outcome));
    (void)json_object_set_new(j, "why", printable(why));
    (void)json_array_append_new(i->troubles, j);
}

static void count_report(struct import *i, struct slice name, const json_t *report)
{
    struct slice outcome = answer_text(report, "outcome");

    for (size_t k = 0; k < COUNT_OF(outcomes); k++)
        if (slice_eq(outcome, slice_str(outcomes[k])))
            i->counts[k]++;
    if (slice_eq(outcome, slice_str(outcomes[KEPT])))
        i->unverified += !json_is_true(json_object_get(report, "verified"));
    else if (!slice_eq(outcome, slice_str(outcomes[DUPLICATE])))
        note_trouble(i, name, outcome.ptr, answer_text(report, "why"));
}

static void count_item(struct import *i, struct slice name, const json_t *item)
{
    const json_t *report;
    size_t at;

    if (!slice_eq(answer_text(item, "status"), SLICE_LIT("ok"))) {
        i->counts[UNREADABLE]++;
        note_trouble(i, name, outcomes[UNREADABLE], answer_text(item, "error"));
    }
    json_array_foreach(json_object_get(item, "reports"), at, report) {
        count_report(i, name, report);
    }
}

/* -- progress ----------------------------------------------------------------------------------------------------- */

static void show_progress(struct import *i)
{
    int64_t now_ms = clock_mono_ms();
    uint64_t total, at = report_source_at(i->source, &total);
    int filled;

    if (!isatty(STDERR_FILENO) || now_ms - i->started_ms < PROGRESS_AFTER_MS ||
        now_ms - i->shown_ms < PROGRESS_EVERY_MS)
        return;
    i->shown_ms = now_ms;
    i->shows_progress = true;
    filled = total == 0 ? 0 : (int)((double)at / (double)total * BAR);
    filled = filled > BAR ? BAR : filled;
    if (total == 0)
        (void)fprintf(stderr, "\r\033[K%" PRIu64 " items", i->items);
    else
        (void)fprintf(stderr, "\r\033[K[%.*s%*s] %d %%, %" PRIu64 " items", filled, "##############################",
                      BAR - filled, "", (int)((double)at / (double)total * 100), i->items);
    (void)fflush(stderr);
}

/* -- sending ------------------------------------------------------------------------------------------------------ */

static void begin_batch(struct import *i)
{
    json_decref(i->batch);
    json_decref(i->names);
    i->batch = json_array();
    i->names = json_array();
    i->batch_bytes = 0;
}

static int send_batch(struct import *i)
{
    json_t *body, *answer = NULL, *item;
    size_t at;
    int code;

    if (json_array_size(i->batch) == 0)
        return EXIT_DONE;
    body = json_pack("{s:O, s:b}", "items", i->batch, "trust", (int)invocation_has(i->inv, "trust"));
    code = client_call(i->client, HTTP_POST, SLICE_LIT("/v1/reports/received"), body, &answer);
    json_decref(body);
    json_array_foreach(json_object_get(answer, "items"), at, item) {
        const json_t *name = json_array_get(i->names, at);

        count_item(i, slice_of(json_string_value(name), json_string_length(name)), item);
    }
    json_decref(answer);
    begin_batch(i);
    show_progress(i);
    return code;
}

static void add_to_batch(struct import *i, struct slice name, struct slice bytes)
{
    size_t room = sodium_base64_encoded_len(bytes.len, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(room);
    struct slice base = slice_from(name, slice_find_last(name, '/') + 1);
    json_t *shown = printable(base);

    if (text == NULL)
        abort();
    (void)sodium_bin2base64(text, room, (const unsigned char *)bytes.ptr, bytes.len, sodium_base64_VARIANT_ORIGINAL);
    (void)json_array_append_new(i->batch, json_pack("{s:O, s:s}", "name", shown, "data", text));
    (void)json_array_append_new(i->names, shown);
    i->batch_bytes += bytes.len;
    free(text);
}

/* A large report is sent packed, for a request has its bound. */
static struct slice pack(struct slice bytes, struct arena *arena)
{
    bool is_packed = slice_starts(bytes, SLICE_LIT("\x1f\x8b")) || slice_starts(bytes, SLICE_LIT("PK"));

    return bytes.len > PACK_FROM && report_part_is_likely(bytes) && !is_packed ? gzip_pack(bytes, arena) : bytes;
}

static int take(struct import *i, const struct report_item *item)
{
    struct arena arena = { 0 };
    struct slice bytes = pack(item->bytes, &arena);
    int code = EXIT_DONE;

    i->items++;
    if (item->why.text[0] != '\0' || bytes.len > ITEM_MAX) {
        i->counts[UNREADABLE]++;
        note_trouble(i, item->name, outcomes[UNREADABLE],
                     item->why.text[0] != '\0' ? slice_str(item->why.text) : SLICE_LIT("it has more than 5 MiB"));
    } else {
        if (i->batch_bytes + bytes.len > BATCH_BYTES)
            code = send_batch(i);
        add_to_batch(i, item->name, bytes);
        if (code == EXIT_DONE && json_array_size(i->batch) >= BATCH_ITEMS)
            code = send_batch(i);
    }
    arena_release(&arena);
    return code;
}

/* -- the end ------------------------------------------------------------------------------------------------------ */

static void print_words(const struct import *i)
{
    const json_t *trouble;
    size_t at;

    (void)printf("%" PRIu64 " item%s: %" PRIu64 " report%s kept (%" PRIu64 " of them unverified), %" PRIu64
                 " known already",
                 i->items, i->items == 1 ? "" : "s", i->counts[KEPT], i->counts[KEPT] == 1 ? "" : "s", i->unverified,
                 i->counts[DUPLICATE]);
    for (size_t k = DIFFERS; k < COUNT_OF(outcomes); k++)
        if (i->counts[k] > 0)
            (void)printf(", %" PRIu64 " %s", i->counts[k], outcomes[k]);
    (void)putchar('\n');
    json_array_foreach(i->troubles, at, trouble) {
        (void)printf("  %s: ", answer_text(trouble, "outcome").ptr);
        print_text(stdout, slice_first(answer_text(trouble, "name"), NAME_SHOWN));
        (void)fputs(": ", stdout);
        print_text(stdout, answer_text(trouble, "why"));
        (void)putchar('\n');
    }
}

static int tell(struct import *i)
{
    uint64_t bad = 0;
    json_t *j;

    for (size_t k = DIFFERS; k < COUNT_OF(outcomes); k++)
        bad += i->counts[k];
    if (i->shows_progress)
        (void)fprintf(stderr, "\r\033[K");
    if (!invocation_has(i->inv, "json")) {
        print_words(i);
        return bad > 0 ? EXIT_NEGATIVE : EXIT_DONE;
    }
    j = json_pack("{s:I}", "items", (json_int_t)i->items);
    for (size_t k = 0; k < COUNT_OF(outcomes); k++)
        (void)json_object_set_new(j, outcomes[k], json_integer((json_int_t)i->counts[k]));
    (void)json_object_set_new(j, "unverified", json_integer((json_int_t)i->unverified));
    (void)json_object_set(j, "troubles", i->troubles);
    print_json(j);
    return bad > 0 ? EXIT_NEGATIVE : EXIT_DONE;
}

int run_report_import(const struct invocation *inv)
{
    struct import i = { .inv = inv, .started_ms = clock_mono_ms(), .troubles = json_array() };
    struct report_item item;
    struct fault why;
    int code = EXIT_USAGE;

    if (report_source_new(inv->args, inv->args_len, &i.source, &why) != OK)
        code = complain(EXIT_USAGE, "%s", why.text);
    else
        i.client = client_new(inv, &code);
    if (i.client != NULL) {
        begin_batch(&i);
        code = EXIT_DONE;
        while (code == EXIT_DONE && report_source_next(i.source, &item))
            code = take(&i, &item);
        if (code == EXIT_DONE)
            code = send_batch(&i);
        if (code == EXIT_DONE)
            code = tell(&i);
    }
    json_decref(i.batch);
    json_decref(i.names);
    json_decref(i.troubles);
    client_free(i.client);
    report_source_free(i.source);
    return code;
}
