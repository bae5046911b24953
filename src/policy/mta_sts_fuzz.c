/* A policy and the name of a server, with LF LF between: what parses is parsed from its own lines again to the same,
 * and allows each of its patterns' names. */
#include "policy/mta_sts.h"

#include "base/buf.h"
#include "base/fuzz.h"

static struct slice text_of(const struct sts_policy *p, struct buf *b)
{
    buf_init(b, STS_POLICY_MAX * 2);
    for (size_t i = 0; i < p->lines_len; i++)
        must(buf_addf(b, "%.*s\r\n", SLICE_FMT(p->lines[i])) == OK);
    return buf_slice(b);
}

static void must_be_same(const struct sts_policy *a, const struct sts_policy *b)
{
    must(a->mode == b->mode && a->max_age_s == b->max_age_s && a->mx_len == b->mx_len);
    for (size_t i = 0; i < a->mx_len; i++)
        must(slice_eq(a->mx[i], b->mx[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice in = slice_of((const char *)data, len), text = fuzz_take(&in), written;
    struct arena arena = { 0 };
    struct sts_policy p, again;
    struct fault why;
    struct buf b;

    if (sts_policy_parse(text, &arena, &p, &why) == OK) {
        written = text_of(&p, &b);
        if (written.len <= STS_POLICY_MAX) {
            must(sts_policy_parse(written, &arena, &again, NULL) == OK);
            must_be_same(&p, &again);
        }
        for (size_t i = 0; i < p.mx_len; i++) {
            bool is_wildcard = p.mx[i].ptr[0] == '*';

            must(sts_policy_allows(&p, is_wildcard ? arena_printf(&arena, "x%.*s", SLICE_FMT(slice_from(p.mx[i], 1)))
                                                   : p.mx[i]));
        }
        (void)sts_policy_allows(&p, in);
        buf_release(&b);
    }
    arena_release(&arena);
    return 0;
}
