/* The TXT records of one name, with LF LF between: what is chosen is chosen again when it stands alone, and what a
 * report would be sent to holds nothing that could end a line of SMTP or HTTP. */
#include "policy/tls_record.h"

#include "base/fuzz.h"

#include <stdio.h>

enum { RECORDS_MAX = 8 };

static void must_be_plain(struct slice s)
{
    must(s.len > 0);
    for (size_t i = 0; i < s.len; i++)
        must(s.ptr[i] >= ' ' && s.ptr[i] < 0x7f);
}

static void check_uri(const struct tlsrpt_uri *u)
{
    must_be_plain(u->uri);
    if (u->scheme == TLSRPT_MAILTO) {
        must_be_plain(u->address);
        must(slice_find(u->address, '@') != SIZE_MAX);
        return;
    }
    must_be_plain(u->host);
    must_be_plain(u->path);
    must(u->path.ptr[0] == '/' && slice_find(u->path, ' ') == SIZE_MAX && slice_find(u->path, '#') == SIZE_MAX);
}

static void check_tlsrpt(const struct slice *records, size_t len)
{
    struct arena arena = { 0 };
    struct tlsrpt_record r, again;
    struct fault why;

    if (tlsrpt_record_choose(records, len, &arena, &r, &why) == RECORD_VALID) {
        must(r.uris_len <= TLSRPT_URI_MOST);
        for (size_t i = 0; i < r.uris_len; i++)
            check_uri(&r.uris[i]);
        must(tlsrpt_record_choose(&r.text, 1, &arena, &again, NULL) == RECORD_VALID && again.uris_len == r.uris_len);
    }
    arena_release(&arena);
}

static void check_sts(const struct slice *records, size_t len)
{
    char id[STS_ID_TEXT], again[STS_ID_TEXT], text[STS_ID_TEXT + 16];
    struct slice alone;
    struct fault why;

    if (sts_record_choose(records, len, id, &why) != RECORD_VALID)
        return;
    must_be_plain(slice_str(id));
    (void)snprintf(text, sizeof text, "v=STSv1; id=%s;", id);
    alone = slice_str(text);
    must(sts_record_choose(&alone, 1, again, NULL) == RECORD_VALID && strcmp(id, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice in = slice_of((const char *)data, len), records[RECORDS_MAX];
    size_t count = 0;

    while (count < RECORDS_MAX && in.len > 0)
        records[count++] = fuzz_take(&in);
    check_sts(records, count);
    check_tlsrpt(records, count);
    return 0;
}
