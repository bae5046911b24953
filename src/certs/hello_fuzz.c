/* An answer reads the same whole or byte by byte, whatever was offered, and what is read lies inside what was sent.
 * The first byte chooses the offer. */
#include "certs/hello.h"

#include "base/fuzz.h"

static void check_answer(const struct hello_reader *r, size_t len)
{
    const struct hello_answer *a = &r->answer;

    must(a->certs_len <= HELLO_CERTS_MOST && strlen(a->alpn) < HELLO_ALPN);
    for (size_t i = 0; i < a->certs_len; i++)
        must(hello_cert(r, i).len == r->certs_size[i] && r->certs_size[i] <= len);
    must((r->state == HELLO_BROKEN) == (a->broken != NULL));
    must(r->state != HELLO_ANSWERED || a->has_choice);
    must(!a->has_choice || a->version <= r->offer->version);
    must(a->group_bits <= HELLO_ANSWER_MAX * 8);
}

static void check_same(const struct hello_reader *x, const struct hello_reader *y)
{
    const struct hello_answer *a = &x->answer, *b = &y->answer;

    must(x->state == y->state && a->has_choice == b->has_choice && a->is_retry == b->is_retry);
    must(a->version == b->version && a->suite == b->suite && a->group == b->group && a->group_bits == b->group_bits);
    must(a->signature == b->signature && a->certs_len == b->certs_len && a->alert == b->alert);
    must(a->broken == b->broken && strcmp(a->alpn, b->alpn) == 0);
}

static const uint16_t versions[] = { WIRE_TLS1_3, WIRE_TLS1_2, WIRE_TLS1_0, WIRE_SSL3, WIRE_SSL2, WIRE_TLS1_1 };

/* Everything a version can use; made once. */
static const struct hello_offer *offer_of(size_t i)
{
    static struct hello_offer offers[COUNT_OF(versions)];
    static uint16_t suites[COUNT_OF(versions)][SUITE_MOST], groups[TLS_GROUP_MOST];
    struct hello_offer *o = &offers[i];

    if (o->version != 0)
        return o;
    *o = (struct hello_offer){ .version = versions[i], .suites = suites[i], .groups = groups };
    o->groups_len = tls_group_list(WIRE_TLS1_3, groups);
    o->suites_len = suite_list(~0U, o->version == WIRE_TLS1_3 ? WIRE_TLS1_2 : o->version, true, suites[i]);
    if (o->version == WIRE_TLS1_3)
        o->suites_len += suite_list(~0U, WIRE_TLS1_3, false, suites[i] + o->suites_len);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct hello_reader whole, bytes;
    struct slice in = slice_from(slice_of((const char *)data, len), 1);

    if (len == 0)
        return 0;
    hello_reader_init(&whole, offer_of(data[0] % COUNT_OF(versions)));
    hello_reader_init(&bytes, whole.offer);
    (void)hello_feed(&whole, in);
    for (size_t i = 0; i < in.len; i++)
        (void)hello_feed(&bytes, slice_of(in.ptr + i, 1));
    check_answer(&whole, in.len);
    check_same(&whole, &bytes);
    hello_reader_release(&whole);
    hello_reader_release(&bytes);
    return 0;
}
