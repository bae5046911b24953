#include "tlsrpt/session.h"

#include "tlsrpt/json_write.h"
#include "tlsrpt/order.h"

#include <assert.h>
#include <stdlib.h>

/* Bytes of escaped text. The sums of a policy's and of a failure's, with keys and brackets, stay below
 * TLSRPT_TEXT_MAX. */
enum { DOMAIN_MAX = 512, MX_HOSTS_MAX = 2 * 1024, STRINGS_MAX = 5 * 1024, ITEM_BYTES_LEAST = 16, LIST_MOST = 256 };

static const char *const type_names[] = {
    [TLSRPT_TLSA] = "tlsa",
    [TLSRPT_STS] = "sts",
    [TLSRPT_NO_POLICY] = "no-policy-found",
    [TLSRPT_OTHER] = "other",
};

const char *tlsrpt_policy_type_name(enum tlsrpt_policy_type t)
{
    return type_names[t];
}

uint64_t tlsrpt_count_add(uint64_t a, uint64_t b)
{
    if (a > TLSRPT_COUNT_MAX || b > TLSRPT_COUNT_MAX - a)
        return TLSRPT_COUNT_MAX;
    return a + b;
}

/* The rows being made. */
struct cutter {
    struct arena *arena;
    struct slice domain;
    struct buf text;
    struct tlsrpt_row *rows;
    size_t len, most;
};

static struct slice take_text(struct cutter *c, const struct tlsrpt_json *w)
{
    struct slice text = arena_copy(c->arena, buf_slice(&c->text));

    assert(w->st == OK);
    buf_reset(&c->text);
    return text;
}

static int compare(const void *a, const void *b)
{
    return tlsrpt_order(*(const struct slice *)a, *(const struct slice *)b);
}

/* An item that does not fit ends the list; the first is cut instead. */
static void put_list(struct tlsrpt_json *w, const char *key, const struct slice *items, size_t len, size_t limit_bytes)
{
    if (len == 0)
        return;
    tlsrpt_json_open(w, key, '[');
    for (size_t i = 0; i < len && limit_bytes >= ITEM_BYTES_LEAST; i++) {
        struct tlsrpt_json before = *w;
        size_t start = buf_slice(w->out).len, grown;
        bool is_whole = tlsrpt_json_string(w, NULL, items[i], limit_bytes - ITEM_BYTES_LEAST / 2);

        grown = buf_slice(w->out).len - start;
        if (!is_whole && i > 0) {
            buf_shorten(w->out, grown);
            *w = before;
            break;
        }
        limit_bytes -= grown;
    }
    tlsrpt_json_close(w, ']');
}

static void put_strings(struct cutter *c, struct tlsrpt_json *w, const struct tlsrpt_policy *p)
{
    size_t len = p->strings_len < LIST_MOST ? p->strings_len : LIST_MOST;
    const struct slice *strings = p->strings;

    if (p->type == TLSRPT_TLSA && len > 1) {
        struct slice *sorted = ARENA_ARRAY(c->arena, struct slice, len);

        memcpy(sorted, strings, len * sizeof *sorted);
        qsort(sorted, len, sizeof *sorted, compare);
        strings = sorted;
    }
    put_list(w, "policy-string", strings, len, STRINGS_MAX);
}

static struct slice policy_text(struct cutter *c, const struct tlsrpt_policy *p)
{
    struct tlsrpt_json w = { .out = &c->text };

    tlsrpt_json_open(&w, NULL, '{');
    (void)tlsrpt_json_string(&w, "policy-type", slice_str(tlsrpt_policy_type_name(p->type)), DOMAIN_MAX);
    put_strings(c, &w, p);
    (void)tlsrpt_json_string(&w, "policy-domain", p->domain, DOMAIN_MAX);
    put_list(&w, "mx-host", p->mx_hosts, p->mx_hosts_len, MX_HOSTS_MAX);
    tlsrpt_json_close(&w, '}');
    return take_text(c, &w);
}

static struct slice failure_text(struct cutter *c, const struct tlsrpt_failure *f)
{
    const struct {
        const char *key;
        struct slice value;
        size_t limit_bytes;
    } fields[] = {
        { "result-type", f->result_type, 128 },
        { "sending-mta-ip", f->sending_mta_ip, 64 },
        { "receiving-mx-hostname", f->receiving_mx_hostname, 512 },
        { "receiving-mx-helo", f->receiving_mx_helo, 512 },
        { "receiving-ip", f->receiving_ip, 64 },
        { "additional-information", f->additional_information, 2048 },
        { "failure-reason-code", f->failure_reason_code, 1024 },
    };
    struct tlsrpt_json w = { .out = &c->text };

    tlsrpt_json_open(&w, NULL, '{');
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        if (fields[i].value.len > 0)
            (void)tlsrpt_json_string(&w, fields[i].key, fields[i].value, fields[i].limit_bytes);
    tlsrpt_json_close(&w, '}');
    return take_text(c, &w);
}

/* Twice the same of one session is one session still. */
static void add_row(struct cutter *c, struct slice policy, struct slice detail)
{
    if (c->len == c->most)
        return;
    for (size_t i = 0; i < c->len; i++)
        if (slice_eq(c->rows[i].policy, policy) && slice_eq(c->rows[i].detail, detail))
            return;
    c->rows[c->len++] = (struct tlsrpt_row){ .domain = c->domain, .policy = policy, .detail = detail, .count = 1 };
}

/* How many rows there can be. */
static size_t rows_most(const struct tlsrpt_session *s)
{
    size_t most = s->policies_len;

    for (size_t i = 0; i < s->policies_len && most < TLSRPT_ROWS_MOST; i++)
        most += s->policies[i].failures_len;
    return most < TLSRPT_ROWS_MOST ? most : TLSRPT_ROWS_MOST;
}

void tlsrpt_rows_of(const struct tlsrpt_session *s, struct arena *arena, const struct tlsrpt_row **out, size_t *len)
{
    struct cutter c = { .arena = arena, .domain = s->domain, .most = rows_most(s) };
    size_t policies_len = s->policies_len < c.most ? s->policies_len : c.most;
    struct slice *texts = ARENA_ARRAY(arena, struct slice, policies_len);

    assert(s->policies_len > 0);
    c.rows = ARENA_ARRAY(arena, struct tlsrpt_row, c.most);
    buf_init(&c.text, TLSRPT_TEXT_MAX);
    for (size_t i = 0; i < policies_len; i++) {
        texts[i] = policy_text(&c, &s->policies[i]);
        add_row(&c, texts[i], s->policies[i].is_failed ? SLICE_LIT("!") : SLICE_LIT(""));
    }
    for (size_t i = 0; i < policies_len; i++)
        for (size_t j = 0; j < s->policies[i].failures_len && c.len < c.most; j++)
            add_row(&c, texts[i], failure_text(&c, &s->policies[i].failures[j]));
    buf_release(&c.text);
    *out = c.rows;
    *len = c.len;
}
