#include "base/clock.h"
#include "base/test.h"
#include "store/store.h"

static const struct {
    uint64_t id;
    const char *text;
} texts[] = {
    { 1, "0000000000001" },
    { 31, "000000000000Z" },
    { UINT64_MAX, "FZZZZZZZZZZZZ" },
    { (uint64_t)1790000000000 << 20, "1M3250V000000" },
};

TEST(text_and_back)
{
    char out[MESSAGE_ID_TEXT];
    uint64_t id;

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        CHECK_STR(slice_str(message_id_text(texts[i].id, out)), texts[i].text);
        CHECK_CASE(texts[i].text, message_id_parse(slice_str(texts[i].text), &id) && id == texts[i].id);
    }
}

static const struct {
    const char *text;
    bool good;
} parse_cases[] = {
    { "0000000000000", false },  { "000000000000U", false }, { "G000000000000", false },
    { "00000000000001", false }, { "000000000001", false },  { "", false },
    { "000000000000-", false },  { "ooooooooooool", true },  { "fzzzzzzzzzzzz", true },
};

TEST(parse)
{
    uint64_t id;

    for (size_t i = 0; i < COUNT_OF(parse_cases); i++)
        CHECK_CASE(parse_cases[i].text, message_id_parse(slice_str(parse_cases[i].text), &id) == parse_cases[i].good);
    CHECK(!message_id_parse(slice_of("00000000000\0001", 13), &id));
}

TEST(ids_grow)
{
    uint64_t last = 0, now_ms = (uint64_t)clock_wall_ms();

    for (int i = 0; i < 100000; i++) {
        uint64_t id = message_id_new();

        CHECK(id > last);
        last = id;
    }
    CHECK(last >> 20 >= now_ms && last >> 20 < now_ms + 60000);
}

RUN_TESTS(T(text_and_back), T(parse), T(ids_grow))
