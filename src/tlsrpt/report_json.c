#include "tlsrpt/report_json.h"

#include "base/utf8.h"
#include "tlsrpt/report.h"

enum { WRAPPED_MAX = 64 * 1024, WRAPPED_DEPTH = 8, WRAPPED_TOKENS = 4096 };

void report_reader_fail(struct report_reader *r, enum status st, const char *what, const char *wrong)
{
    if (r->st == OK)
        r->st = fault_set(&r->why, st, "'%s' %s", what, wrong);
}

json_t *report_member(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    if (value == NULL)
        for (void *at = json_object_iter((json_t *)(uintptr_t)object); at != NULL && value == NULL;
             at = json_object_iter_next((json_t *)(uintptr_t)object, at))
            if (strcasecmp(json_object_iter_key(at), key) == 0)
                value = json_object_iter_value(at);
    return json_is_null(value) ? NULL : value;
}

static struct slice slice_of_json(const json_t *value)
{
    return slice_of(json_string_value(value), json_string_length(value));
}

/* At most TLSRPT_KEPT_MAX bytes of it, and whole characters. */
static struct slice keep(struct report_reader *r, struct slice s)
{
    size_t at = s.len > TLSRPT_KEPT_MAX ? TLSRPT_KEPT_MAX : s.len;

    while (at < s.len && at > 0 && ((unsigned char)s.ptr[at] & 0xc0) == 0x80)
        at--;
    return arena_copy(r->arena, slice_first(s, at));
}

struct slice report_string(struct report_reader *r, const json_t *object, const char *key)
{
    const json_t *value = report_member(object, key);

    if (json_is_string(value))
        return keep(r, slice_of_json(value));
    if (json_is_integer(value))
        return arena_printf(r->arena, "%lld", (long long)json_integer_value(value));
    if (value != NULL)
        report_reader_fail(r, ERR_SYNTAX, key, "is no string");
    return slice_of("", 0);
}

uint64_t report_number(struct report_reader *r, const json_t *object, const char *key, uint64_t missing)
{
    const json_t *value = report_member(object, key);
    uint64_t n = 0;

    if (value == NULL)
        return missing;
    if (json_is_integer(value) && json_integer_value(value) >= 0)
        n = (uint64_t)json_integer_value(value);
    else if (json_is_real(value) && json_real_value(value) >= 0)
        n = json_real_value(value) < 1e18 ? (uint64_t)json_real_value(value) : TLSRPT_COUNT_MAX;
    else if (!json_is_string(value) || !slice_to_u64(slice_trim(slice_of_json(value)), &n))
        report_reader_fail(r, ERR_SYNTAX, key, "is no count");
    return tlsrpt_count_add(n, 0);
}

/* The strings of one list, as they come. */
struct list {
    struct slice *items;
    size_t len, cap;
};

static void add_item(struct report_reader *r, struct list *l, struct slice s)
{
    if (l->len == l->cap) {
        size_t cap = l->cap == 0 ? 8 : 2 * l->cap;
        struct slice *more = ARENA_ARRAY(r->arena, struct slice, cap);

        if (l->len > 0)
            memcpy(more, l->items, l->len * sizeof *more);
        l->items = more;
        l->cap = cap;
    }
    l->items[l->len++] = keep(r, s);
}

static void add_string(struct report_reader *r, struct list *l, struct slice s, int depth);

static bool is_all_strings(const json_t *array)
{
    for (size_t i = 0; i < json_array_size(array); i++)
        if (!json_is_string(json_array_get(array, i)))
            return false;
    return true;
}

/* Microsoft puts a JSON array into the string. False when `s` holds none. */
static bool unwrap(struct report_reader *r, struct list *l, struct slice s, int depth)
{
    static const struct tlsrpt_json_bounds most = { .bytes = WRAPPED_MAX, .depth = 1, .tokens = WRAPPED_TOKENS };
    enum status st;
    json_t *array;
    bool holds;

    if (r->is_ours || !slice_starts(s, SLICE_LIT("[")))
        return false;
    if (depth == WRAPPED_DEPTH)
        report_reader_fail(r, ERR_LIMIT, "policy-string", "holds arrays within strings within arrays");
    array = tlsrpt_json_read(s, JSON_ARRAY, &most, &st, NULL);
    holds = array != NULL && is_all_strings(array);
    for (size_t i = 0; holds && i < json_array_size(array) && r->st == OK; i++) {
        if (r->unwrapped_left == 0)
            report_reader_fail(r, ERR_LIMIT, "policy-string", "holds arrays of too many strings");
        else
            r->unwrapped_left--;
        add_string(r, l, slice_of_json(json_array_get(array, i)), depth + 1);
    }
    json_decref(array);
    return holds;
}

static void add_string(struct report_reader *r, struct list *l, struct slice s, int depth)
{
    if (!unwrap(r, l, s, depth))
        add_item(r, l, s);
}

/* An array of strings, or one string that stands for it. */
static const struct slice *read_list(struct report_reader *r, const json_t *object, const char *key, size_t *len)
{
    const json_t *value = report_member(object, key);
    struct list l = { NULL, 0, 0 };

    if (json_is_string(value))
        add_string(r, &l, slice_of_json(value), 0);
    else if (value != NULL && !json_is_array(value))
        report_reader_fail(r, ERR_SYNTAX, key, "is neither an array nor a string");
    for (size_t i = 0; json_is_array(value) && i < json_array_size(value) && r->st == OK; i++) {
        const json_t *item = json_array_get(value, i);

        if (json_is_string(item))
            add_string(r, &l, slice_of_json(item), 0);
        else
            report_reader_fail(r, ERR_SYNTAX, key, "holds something that is no string");
    }
    *len = l.len;
    return l.items;
}

static void read_type(struct report_reader *r, const json_t *object, struct tlsrpt_policy *out)
{
    struct slice text = report_string(r, object, "policy-type");

    for (enum tlsrpt_policy_type t = TLSRPT_TLSA; t < TLSRPT_OTHER; t++) {
        if (slice_eq_case(text, slice_str(tlsrpt_policy_type_name(t)))) {
            out->type = t;
            return;
        }
    }
    out->type = TLSRPT_OTHER;
    out->type_text = text;
}

void report_read_policy(struct report_reader *r, const json_t *object, struct tlsrpt_policy *out)
{
    struct slice domain;

    if (!json_is_object(object)) {
        report_reader_fail(r, ERR_SYNTAX, "policy", object == NULL ? "is missing" : "is no object");
        return;
    }
    read_type(r, object, out);
    out->strings = read_list(r, object, "policy-string", &out->strings_len);
    out->mx_hosts = read_list(r, object, "mx-host", &out->mx_hosts_len);
    domain = report_string(r, object, "policy-domain");
    out->domain = slice_lower(domain, arena_alloc(r->arena, domain.len));
}

void report_read_failure(struct report_reader *r, const json_t *object, struct tlsrpt_failure *out)
{
    if (!json_is_object(object)) {
        report_reader_fail(r, ERR_SYNTAX, "failure-details", "holds something that is no object");
        return;
    }
    out->result_type = report_string(r, object, "result-type");
    out->sending_mta_ip = report_string(r, object, "sending-mta-ip");
    out->receiving_mx_hostname = report_string(r, object, "receiving-mx-hostname");
    out->receiving_mx_helo = report_string(r, object, "receiving-mx-helo");
    out->receiving_ip = report_string(r, object, "receiving-ip");
    out->additional_information = report_string(r, object, "additional-information");
    out->failure_reason_code = report_string(r, object, "failure-reason-code");
    out->count = report_number(r, object, "failed-session-count", 1);
}
