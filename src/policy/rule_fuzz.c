/* A pattern and an address, one a line: what is valid compiles, and the compiled set finds exactly what the pattern
 * by itself matches. */
#include "policy/rule.h"

#include "base/fuzz.h"

static void compare(struct slice pattern, struct rule_address address)
{
    struct rule rule = { .name = SLICE_LIT("r"), .to = &pattern, .to_len = 1 };
    struct rule_set *set = NULL;
    struct arena arena = { 0 };
    const struct rule **found;

    must(rule_set_new(&rule, 1, NULL, 0, &set, NULL) == OK);
    must(rule_set_match(set, RULE_OUTBOUND, address, address, &arena, &found) ==
         (rule_pattern_matches(pattern, address) ? 1 : 0));
    rule_set_free(set);
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice text, pattern = slice_cut(slice_of((const char *)data, len), '\n', &text);
    size_t at = slice_find_last(text, '@');
    struct slice domain = at == SIZE_MAX ? text : slice_from(text, at + 1);
    struct rule_address address = { at == SIZE_MAX ? SLICE_LIT("") : slice_first(text, at), domain };
    struct fault why;
    bool is_domain = rule_pattern_is_valid(domain, false, NULL) && domain.ptr[0] != '.' && domain.ptr[0] != '*';

    (void)rule_pattern_is_valid(pattern, true, &why);
    if (rule_pattern_is_valid(pattern, false, &why) && (is_domain || text.len == 0))
        compare(pattern, address);
    return 0;
}
