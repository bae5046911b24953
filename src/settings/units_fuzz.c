/* What is read as a duration or size is written so that it is read as the same. */
#include "settings/units.h"

#include "base/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice text = slice_of((const char *)data, len);
    char out[UNITS_TEXT];
    struct fault why;
    int64_t ms, ms_again;
    uint64_t bytes, bytes_again;

    if (units_parse_duration(text, &ms, &why) == OK) {
        must(ms >= 0);
        must(units_parse_duration(slice_str(units_duration_text(ms, out)), &ms_again, &why) == OK && ms == ms_again);
    }
    if (units_parse_size(text, &bytes, &why) == OK)
        must(units_parse_size(slice_str(units_size_text(bytes, out)), &bytes_again, &why) == OK &&
             bytes == bytes_again);
    return 0;
}
