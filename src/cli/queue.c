#include "cli/client.h"
#include "cli/commands.h"
#include "cli/facts.h"
#include "cli/table.h"
#include "cli/trace.h"

#include <inttypes.h>

enum { PAGE = 500 };

static struct table queue_table(void)
{
    return (struct table){
        .columns = { { "ID", false, 13 },
                     { "RECEIVED", false, 20 },
                     { "BYTES", true, 8 },
                     { "SENDER", false, 0 },
                     { "RECIPIENT", false, 0 },
                     { "STATE", false, 8 },
                     { "LAST ANSWER", false, 0 } },
        .columns_len = 7,
    };
}

static const char *state_of(const json_t *rcpt)
{
    if (json_is_true(json_object_get(rcpt, "held")))
        return "held";
    return answer_number(rcpt, "attempts") > 0 ? "deferred" : "queued";
}

/* One line a recipient; what belongs to the message stands in its first. */
static void add_message(struct table *t, const json_t *message, struct arena *a)
{
    struct slice sender = answer_text(message, "sender");
    const json_t *rcpt;
    size_t at;

    json_array_foreach(json_object_get(message, "recipients"), at, rcpt) {
        const struct slice cells[] = {
            answer_text(message, "id"),
            answer_text(message, "received"),
            arena_printf(a, "%" JSON_INTEGER_FORMAT, answer_number(message, "bytes")),
            sender.len == 0 ? SLICE_LIT("<>") : sender,
            answer_text(rcpt, "address"),
            slice_str(state_of(rcpt)),
            answer_text(rcpt, "last_error"),
        };

        table_add(t, cells);
    }
}

struct listing {
    const struct invocation *inv;
    struct client *client;
    struct table table;
    struct arena arena; /* of one page */
    uint64_t left;      /* messages still wanted */
    char after[32];
};

/* Fetches and prints one page; *is_last says whether there is another. */
static int list_page(struct listing *l, bool *is_last)
{
    struct slice path = SLICE_LIT("/v1/queue");
    json_t *answer = NULL;
    const json_t *message;
    size_t at;
    int code;

    path = client_query(&l->arena, path, "domain", invocation_option(l->inv, "domain"));
    path = client_query(&l->arena, path, "sender", invocation_option(l->inv, "sender"));
    path = client_query(&l->arena, path, "after", l->after[0] == '\0' ? NULL : l->after);
    path = client_query(&l->arena, path, "limit",
                        arena_printf(&l->arena, "%" PRIu64, l->left < PAGE ? l->left : PAGE).ptr);
    code = client_call(l->client, HTTP_GET, path, NULL, &answer);
    if (code != EXIT_DONE)
        return code;
    json_array_foreach(json_object_get(answer, "messages"), at, message) {
        if (invocation_has(l->inv, "json"))
            print_json_line(message);
        else
            add_message(&l->table, message, &l->arena);
        l->left--;
    }
    if (!invocation_has(l->inv, "json"))
        table_print(&l->table, stdout);
    (void)fflush(stdout);
    *is_last =
        l->left == 0 || !slice_to_cstr(answer_text(answer, "next"), l->after, sizeof l->after) || l->after[0] == '\0';
    json_decref(answer);
    arena_reset(&l->arena);
    return EXIT_DONE;
}

int run_queue_list(const struct invocation *inv)
{
    struct listing l = { .inv = inv, .table = queue_table() };
    bool is_last = false;
    int code = invocation_limit(inv, &l.left);

    if (code != EXIT_DONE)
        return code;
    l.client = client_new(inv, &code);
    if (l.client == NULL)
        return code;
    while (code == EXIT_DONE && !is_last)
        code = list_page(&l, &is_last);
    client_free(l.client);
    table_release(&l.table);
    arena_release(&l.arena);
    return code;
}

int run_queue_show(const struct invocation *inv)
{
    json_t *answer = NULL;
    int code = client_ask(inv, HTTP_GET, client_path(inv->arena, "/v1/queue/{}", inv->args[0]), NULL, &answer);

    if (code != EXIT_DONE)
        return code;
    if (invocation_has(inv, "json")) {
        print_json(answer);
        return EXIT_DONE;
    }
    if (json_object_get(answer, "message") == NULL)
        (void)puts("The message has left the queue.");
    else
        print_facts(stdout, json_object_get(answer, "message"), 0, NULL);
    (void)fputc('\n', stdout);
    print_trace(stdout, json_object_get(answer, "trace"));
    json_decref(answer);
    return EXIT_DONE;
}

/* {"domain": ..., "sender": ...} or {"all": true}; NULL when ids are given. */
static json_t *filter_of(const struct invocation *inv)
{
    json_t *filter = json_object();
    const char *const names[] = { "domain", "sender" };

    if (invocation_has(inv, "all"))
        json_object_set_new(filter, "all", json_true());
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (invocation_has(inv, names[i]))
            json_object_set_new(filter, names[i], json_string(invocation_option(inv, names[i])));
    }
    if (json_object_size(filter) > 0)
        return filter;
    json_decref(filter);
    return NULL;
}

struct tally {
    json_int_t changed, busy;
};

static int change(struct client *c, struct slice path, const json_t *filter, struct tally *tally)
{
    json_t *answer = NULL;
    int code = client_call(c, HTTP_POST, path, filter, &answer);

    if (code != EXIT_DONE)
        return code;
    tally->changed += answer_number(answer, "changed");
    tally->busy += answer_number(answer, "busy");
    json_decref(answer);
    return EXIT_DONE;
}

static void print_tally(const struct invocation *inv, const char *action, struct tally tally)
{
    if (invocation_has(inv, "json")) {
        print_json(json_pack("{s:I, s:I}", "changed", tally.changed, "busy", tally.busy));
        return;
    }
    (void)printf("%s: %" JSON_INTEGER_FORMAT " deliveries changed\n", action, tally.changed);
    if (tally.busy > 0)
        (void)printf("%" JSON_INTEGER_FORMAT " are being delivered just now and were left alone; try again later\n",
                     tally.busy);
}

int run_queue_change(const struct invocation *inv)
{
    const char *action = strchr(inv->command->words, ' ') + 1;
    json_t *filter = filter_of(inv);
    struct tally tally = { 0 };
    struct client *c;
    int code = EXIT_DONE, failed = EXIT_DONE;

    if ((filter == NULL) == (inv->args_len == 0)) {
        json_decref(filter);
        return complain(EXIT_USAGE, "say which messages: ids, or --domain and --sender, or --all");
    }
    c = client_new(inv, &code);
    if (c != NULL && filter != NULL)
        code = change(c, client_path(inv->arena, "/v1/queue/{}", action), filter, &tally);
    for (size_t i = 0; c != NULL && i < inv->args_len && code != EXIT_UNREACHABLE; i++) {
        code = change(c, client_path(inv->arena, "/v1/queue/{}/{}", inv->args[i], action), NULL, &tally);
        failed = code != EXIT_DONE ? code : failed;
    }
    code = code != EXIT_DONE ? code : failed;
    if (code == EXIT_DONE || tally.changed > 0 || tally.busy > 0)
        print_tally(inv, action, tally);
    client_free(c);
    json_decref(filter);
    return code;
}
