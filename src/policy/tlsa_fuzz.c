/* Records, each with a byte of its length before it and at most 255 long: what is kept is usable by itself, is one of
 * those given, and is not outdone by another that is kept; the order of the records changes nothing. */
#include "policy/tlsa.h"

#include "base/fuzz.h"

enum { RECORDS_MOST = 80 };

static bool was_given(const struct tlsa_record *r, const struct slice *given, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (given[i].len == r->data.len + 3 && slice_eq(slice_from(given[i], 3), r->data) &&
            (uint8_t)given[i].ptr[0] == r->usage && (uint8_t)given[i].ptr[1] == r->selector &&
            (uint8_t)given[i].ptr[2] == r->type)
            return true;
    return false;
}

static void check_kept(const struct tlsa_set *set, const struct slice *given, size_t len)
{
    for (size_t i = 0; i < set->records_len; i++) {
        const struct tlsa_record *r = &set->records[i];

        must((r->usage == 2 || r->usage == 3) && r->selector <= 1 && r->type <= 2 && was_given(r, given, len));
        for (size_t j = 0; j < set->records_len; j++)
            must(set->records[j].usage != r->usage || set->records[j].selector != r->selector ||
                 set->records[j].type == r->type || set->records[j].type == 0 || r->type == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice in = slice_of((const char *)data, len), given[RECORDS_MOST], turned[RECORDS_MOST];
    struct tlsa_set set = { 0 }, again = { 0 };
    struct arena arena = { 0 };
    size_t n = 0;
    enum dane_state state;

    for (; in.len > 0 && n < RECORDS_MOST; n++) {
        given[n] = slice_first(slice_from(in, 1), (unsigned char)in.ptr[0]);
        in = slice_from(in, given[n].len + 1);
    }
    for (size_t i = 0; i < n; i++)
        turned[i] = given[n - 1 - i];
    state = tlsa_choose(given, n, &arena, &set);
    must((state == DANE_USABLE) == (set.records_len > 0) && (state == DANE_USABLE || state == DANE_UNUSABLE));
    must(set.texts_len == (n < TLSA_MOST ? n : TLSA_MOST) && set.records_len <= set.texts_len);
    check_kept(&set, given, n);
    if (n <= TLSA_MOST)
        must(tlsa_choose(turned, n, &arena, &again) == state && again.records_len == set.records_len);
    arena_release(&arena);
    return 0;
}
