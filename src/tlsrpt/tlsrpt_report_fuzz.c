/* What can be read is written as what reads the same: writing it once more changes nothing. And though it is read in pieces, what
 * is no JSON as a whole is never read. */
#include "tlsrpt/report.h"

#include "base/fuzz.h"
#include "base/utf8.h"
#include "tlsrpt/json_read.h"

static bool is_json(struct slice text)
{
    struct slice byte_order_mark = SLICE_LIT("\xef\xbb\xbf");
    json_t *top;

    if (slice_starts(text, byte_order_mark))
        text = slice_from(text, byte_order_mark.len);
    top = json_loadb(text.len == 0 ? "" : text.ptr, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    json_decref(top);
    return top != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena = { 0 };
    struct tlsrpt_report r, again;
    struct fault why = { "" };
    struct slice text;
    enum status st = tlsrpt_report_read(slice_of((const char *)data, len), &arena, &r, &why);

    must((st == OK && r.refused_len == 0) == (why.text[0] == '\0'));
    must(st == ERR_LIMIT || is_json(slice_of((const char *)data, len)) == (strstr(why.text, "no JSON:") == NULL));
    must(st != OK || is_json(slice_of((const char *)data, len)));
    if (st == OK) {
        text = tlsrpt_report_write(&r, &arena);
        must(utf8_is_valid(text) && tlsrpt_report_read(text, &arena, &again, NULL) == OK && again.refused_len == 0);
        must(slice_eq(tlsrpt_report_write(&again, &arena), text));
        (void)tlsrpt_report_words(&r, SLICE_LIT("s.example"), SLICE_LIT("d.example"), &arena);
        (void)tlsrpt_report_file(&r, SLICE_LIT("s.example"), SLICE_LIT("d.example"), &arena);
    }
    arena_release(&arena);
    return 0;
}
