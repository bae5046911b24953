/* `sternpost certificate list`: our own certificates as they stand. The other commands are those of every setting. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/table.h"

static struct table certificate_table(void)
{
    return (struct table){
        .columns = { { "NAME", false, 0 },
                     { "STATE", false, 0 },
                     { "SHARE", true, 0 },
                     { "KEY", false, 0 },
                     { "DAYS", true, 0 },
                     { "NAMES", false, 0 } },
        .columns_len = 6,
    };
}

static struct slice join(const json_t *list, struct arena *a)
{
    struct slice text = SLICE_LIT("");
    const json_t *item;
    size_t at;

    json_array_foreach(list, at, item) {
        text = arena_printf(a, "%.*s%s%s", SLICE_FMT(text), at == 0 ? "" : ",", json_string_value(item));
    }
    return text;
}

static void add_certificate(struct table *t, const json_t *c, struct arena *a)
{
    bool is_read = json_object_get(c, "fingerprint") != NULL;
    const struct slice cells[] = {
        answer_text(c, "name"),
        answer_text(c, "state"),
        arena_printf(a, "%" JSON_INTEGER_FORMAT " %%", answer_number(c, "share")),
        answer_text(c, "key"),
        is_read ? arena_printf(a, "%" JSON_INTEGER_FORMAT, answer_number(c, "days_left")) : SLICE_LIT(""),
        join(json_object_get(c, "names"), a),
    };

    table_add(t, cells);
}

/* What is not simply served, in words. */
static void print_texts(const json_t *certificates)
{
    const json_t *c;
    bool is_first = true;
    size_t at;

    json_array_foreach(certificates, at, c) {
        if (slice_eq(answer_text(c, "text"), SLICE_LIT("in service")))
            continue;
        if (is_first)
            (void)fputc('\n', stdout);
        is_first = false;
        print_text(stdout, answer_text(c, "name"));
        (void)fputs(": ", stdout);
        print_text(stdout, answer_text(c, "text"));
        (void)fputc('\n', stdout);
    }
}

static void print_record(const char *what, const json_t *watch, const json_t *record)
{
    (void)fputs(what, stdout);
    print_text(stdout, answer_text(watch, "question"));
    (void)fputs(". IN TLSA ", stdout);
    print_text(stdout, answer_text(record, "record"));
    (void)fputc('\n', stdout);
}

static void print_records(const json_t *watches)
{
    const json_t *w, *record;
    size_t i, k;

    json_array_foreach(watches, i, w) {
        json_array_foreach(json_object_get(w, "records"), k, record) {
            if (json_is_true(json_object_get(record, "can_go")))
                print_record("stands for nothing that is served here, can go: ", w, record);
        }
    }
}

int run_certificate_list(const struct invocation *inv)
{
    struct table t = certificate_table();
    json_t *answer = NULL;
    const json_t *c;
    size_t at;
    int code = client_ask(inv, HTTP_GET, SLICE_LIT("/v1/certificates"), NULL, &answer);

    if (code != EXIT_DONE)
        return code;
    if (invocation_has(inv, "json")) {
        print_json(answer);
        return EXIT_DONE;
    }
    json_array_foreach(json_object_get(answer, "certificates"), at, c) {
        add_certificate(&t, c, inv->arena);
    }
    table_print(&t, stdout);
    table_release(&t);
    print_texts(json_object_get(answer, "certificates"));
    print_records(json_object_get(answer, "tlsa"));
    json_decref(answer);
    return EXIT_DONE;
}
