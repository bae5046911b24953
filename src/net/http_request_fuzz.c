/* A head that parses contains nothing that a second reader could take differently: it parses to the same when
 * more bytes follow, no shorter prefix is a head, and what was decoded is clean. */
#include "net/http_request.h"

#include "base/fuzz.h"
#include "base/utf8.h"

#include <assert.h>

static void check_decoding(const struct http_head *head)
{
    struct arena a = { 0 };
    struct slice out, value;

    if (http_segment_decode(head->path, &a, &out))
        assert(utf8_is_valid(out) && slice_find(out, '/') == SIZE_MAX && slice_find(out, '\0') == SIZE_MAX);
    if (http_query_find(head->query, "q", &value) && http_query_decode(value, &a, &out)) {
        struct slice back;

        assert(utf8_is_valid(out));
        assert(http_query_decode(http_encode(out, &a), &a, &back) && slice_eq(back, out));
    }
    arena_release(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice in = slice_of((const char *)data, len);
    struct http_head head, again;
    struct fault why;
    size_t used, used_again;

    if (http_head_parse(in, &head, &used, &why) != OK)
        return 0;
    assert(used <= len && used <= HTTP_HEAD_BYTES_MAX);
    assert(slice_eq(slice_of(in.ptr + used - 4, 4), SLICE_LIT("\r\n\r\n")));
    assert(http_head_parse(slice_first(in, used), &again, &used_again, &why) == OK && used_again == used);
    assert(again.content_length == head.content_length && slice_eq(again.path, head.path));
    assert(http_head_parse(slice_first(in, used - 1), &again, &used_again, &why) == ERR_TEMPORARY);
    check_decoding(&head);
    return 0;
}
