/* Whatever the mail, its reports are few, look like reports, and are no larger than the mail. */
#include "mail/report_part.h"

#include "base/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice mail = { (const char *)data, len };
    struct arena arena = { 0 };
    struct report_parts parts;
    struct fault why = { "" };
    enum status st = report_parts_find(mail, &arena, &parts, &why);

    must((st == OK) == (why.text[0] == '\0'));
    must(parts.len <= REPORT_PARTS_MAX);
    for (size_t i = 0; i < parts.len; i++) {
        must(report_part_is_likely(parts.items[i].bytes));
        must(parts.items[i].bytes.len <= len && parts.items[i].name.len <= REPORT_NAME_MAX);
    }
    arena_release(&arena);
    return 0;
}
