/* A datagram is refused with a reason, or gives rows within their bounds that are JSON. */
#include "tlsrpt/datagram.h"

#include "base/fuzz.h"
#include "base/utf8.h"

#include <jansson.h>

static void check_text(struct slice text)
{
    json_t *top = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);

    must(json_is_object(top) && text.len <= TLSRPT_TEXT_MAX && utf8_is_valid(text));
    json_decref(top);
}

static void check_rows(const struct tlsrpt_session *s, struct arena *arena)
{
    const struct tlsrpt_row *rows;
    size_t len;

    tlsrpt_rows_of(s, arena, &rows, &len);
    must(len > 0 && len <= TLSRPT_ROWS_MOST);
    for (size_t i = 0; i < len; i++) {
        must(rows[i].count == 1 && slice_eq(rows[i].domain, s->domain));
        check_text(rows[i].policy);
        if (rows[i].detail.len > 1)
            check_text(rows[i].detail);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena = { 0 };
    struct tlsrpt_session s;
    struct fault why = { "" };
    bool has_warning;
    enum status st = tlsrpt_datagram_parse(slice_of((const char *)data, len), &arena, &s, &has_warning, &why);

    must(st == OK ? s.policies_len > 0 && has_warning == (why.text[0] != '\0') : why.text[0] != '\0' && !has_warning);
    if (st == OK)
        check_rows(&s, &arena);
    arena_release(&arena);
    return 0;
}
