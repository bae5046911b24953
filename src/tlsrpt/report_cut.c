#include "tlsrpt/report_cut.h"

#include "base/memory.h"

/* An array that is being cut: the one of policies, or the failures of the policy in hand. */
struct cutting {
    bool is_open, is_done;
    size_t inside_at, item_at; /* behind its bracket; where the item in hand begins */
    size_t items;
};

enum { POLICIES, FAILURES, ARRAYS };

/* Where they stand: the depth of the object with that key. */
static const struct {
    const char *key;
    size_t depth;
} arrays[ARRAYS] = { { "policies", 1 }, { "failure-details", 3 } };

struct cutter {
    struct slice text;
    const struct tlsrpt_json_bounds *most;
    size_t at, depth, tokens;
    char last;        /* before `at`, but for blanks: '"' behind a string, ':' behind one and a colon, else 0 */
    struct slice key; /* that string */
    struct cutting arrays[ARRAYS];
    struct report_cut_policy policy; /* in hand */
    struct report_cut_policy *policies;
    struct slice *failures;
    size_t policies_len, policies_cap, failures_len, failures_cap;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static struct slice between(const struct cutter *c, size_t from, size_t to)
{
    while (from < to && is_blank(c->text.ptr[from]))
        from++;
    while (from < to && is_blank(c->text.ptr[to - 1]))
        to--;
    return slice_of(c->text.ptr + from, to - from);
}

static void add_failure(struct cutter *c, struct slice item)
{
    c->failures = mem_grow(c->failures, c->failures_len, &c->failures_cap, sizeof *c->failures);
    c->failures[c->failures_len++] = item;
    c->policy.failures_len++;
}

/* Its skeleton: up to where its failures begin, and from where they end. */
static void add_policy(struct cutter *c, struct slice item)
{
    struct report_skeleton *s = &c->policy.skeleton;
    const char *end = item.ptr + item.len;

    s->head = s->is_cut ? slice_of(item.ptr, (size_t)(s->head.ptr - item.ptr)) : item;
    if (s->is_cut)
        s->tail = slice_of(s->tail.ptr, (size_t)(end - s->tail.ptr));
    c->policies = mem_grow(c->policies, c->policies_len, &c->policies_cap, sizeof *c->policies);
    c->policies[c->policies_len++] = c->policy;
    c->policy = (struct report_cut_policy){ .failures = c->failures_len };
    c->arrays[FAILURES] = (struct cutting){ .is_open = false };
}

/* An item ends at `at`, with a comma or with its array. Nothing between the brackets is no item; it is one anywhere
 * else, which no parser takes. */
static void end_item(struct cutter *c, size_t array, bool is_last)
{
    struct cutting *a = &c->arrays[array];
    struct slice item = between(c, a->item_at, c->at);

    a->item_at = c->at + 1;
    if (item.len == 0 && is_last && a->items == 0)
        return;
    a->items++;
    if (array == POLICIES)
        add_policy(c, item);
    else
        add_failure(c, item);
}

/* The array whose items stand in at this depth; ARRAYS: none that is being cut. */
static size_t array_at(const struct cutter *c)
{
    for (size_t i = 0; i < ARRAYS; i++)
        if (c->arrays[i].is_open && c->depth == arrays[i].depth + 1)
            return i;
    return ARRAYS;
}

static void open_array(struct cutter *c)
{
    for (size_t i = 0; i < ARRAYS; i++) {
        struct cutting *a = &c->arrays[i];

        if (a->is_done || a->is_open || c->depth != arrays[i].depth || (i > 0 && !c->arrays[i - 1].is_open) ||
            !slice_eq_case(c->key, slice_str(arrays[i].key)))
            continue;
        *a = (struct cutting){ .is_open = true, .inside_at = c->at + 1, .item_at = c->at + 1 };
    }
}

/* At its closing bracket. */
static void close_array(struct cutter *c, size_t array, struct report_skeleton *skeleton)
{
    struct cutting *a = &c->arrays[array];

    end_item(c, array, true);
    a->is_open = false;
    a->is_done = true;
    *skeleton = (struct report_skeleton){ .is_cut = true,
                                          .head = slice_from(c->text, a->inside_at),
                                          .tail = slice_from(c->text, c->at) };
}

/* A character outside strings. */
static void take(struct cutter *c, char ch, struct report_skeleton *top)
{
    size_t array = array_at(c);

    if (ch == '[' && c->last == ':')
        open_array(c);
    if (ch == ',' && array != ARRAYS)
        end_item(c, array, false);
    if ((ch == ']' || ch == '}') && array != ARRAYS)
        close_array(c, array, array == POLICIES ? top : &c->policy.skeleton);
    if (ch == '{' || ch == '[')
        c->depth++;
    else if ((ch == ']' || ch == '}') && c->depth > 0)
        c->depth--;
    c->tokens += ch == ',' || ch == ':' || ch == '{' || ch == '[';
    c->last = ch == ':' && c->last == '"' ? ':' : '\0';
}

static enum status run(struct cutter *c, struct report_skeleton *top, struct fault *why)
{
    while (c->at < c->text.len) {
        char ch = c->text.ptr[c->at];

        if (ch == '"') {
            size_t end = tlsrpt_json_skip_string(c->text, c->at);

            c->key = slice_of(c->text.ptr + c->at + 1, end - c->at - 1 - (end - c->at > 1));
            c->last = '"';
            c->at = end;
            continue;
        }
        if (!is_blank(ch))
            take(c, ch, top);
        if (c->depth > c->most->depth)
            return fault_set(why, ERR_LIMIT, "nested deeper than %zu levels", c->most->depth);
        if (c->tokens > c->most->tokens)
            return fault_set(why, ERR_LIMIT, "more than %zu values", c->most->tokens);
        c->at++;
    }
    if (c->arrays[POLICIES].is_open)
        return fault_set(why, ERR_SYNTAX, "no JSON: it is cut short within its policies");
    return OK;
}

enum status report_cut(struct slice json, const struct tlsrpt_json_bounds *most, struct arena *arena,
                       struct report_cut *out, struct fault *why)
{
    struct cutter c = { .text = json, .most = most, .tokens = 1 };
    struct report_skeleton top = { .is_cut = false };
    enum status st;

    if (json.len > most->bytes)
        return fault_set(why, ERR_LIMIT, "longer than %zu bytes", most->bytes);
    st = run(&c, &top, why);
    if (st == OK) {
        struct slice *failures = ARENA_ARRAY(arena, struct slice, c.failures_len);
        struct report_cut_policy *policies = ARENA_ARRAY(arena, struct report_cut_policy, c.policies_len);

        if (c.failures_len > 0)
            memcpy(failures, c.failures, c.failures_len * sizeof *failures);
        if (c.policies_len > 0)
            memcpy(policies, c.policies, c.policies_len * sizeof *policies);
        top.head = top.is_cut ? slice_of(json.ptr, (size_t)(top.head.ptr - json.ptr)) : json;
        *out = (struct report_cut){ .skeleton = top,
                                    .policies = policies,
                                    .policies_len = c.policies_len,
                                    .failures = failures,
                                    .failures_len = c.failures_len };
    }
    free(c.policies);
    free(c.failures);
    return st;
}
