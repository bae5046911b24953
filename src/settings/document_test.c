#include "settings/document.h"

#include "base/test.h"

#define HEAD "{\"sternpost-settings\": 1, "

static const char first[] =
    HEAD "\"user\": {\"jo\": {\"password\": \"correct horse\"}},"
    "\"list\": {\"b\": {\"members\": [\"x.example\"]}, \"a\": {}},"
    "\"host\": {\"relay\": {\"username\": \"u\", \"password\": \"hunter22\", \"servers\": [\"S.example:587\"]}}}";

static const char exported[] =
    "{\n"
    "  \"sternpost-settings\": 1,\n"
    "  \"domain\": {},\n"
    "  \"host\": {\n"
    "    \"relay\": {\n"
    "      \"servers\": [\n"
    "        \"s.example:587\"\n"
    "      ],\n"
    "      \"username\": \"u\",\n"
    "      \"password\": \"(secret)\"\n"
    "    }\n"
    "  },\n"
    "  \"route\": {},\n"
    "  \"rule\": {},\n"
    "  \"list\": {\n"
    "    \"a\": {},\n"
    "    \"b\": {\n"
    "      \"members\": [\n"
    "        \"x.example\"\n"
    "      ]\n"
    "    }\n"
    "  },\n"
    "  \"user\": {\n"
    "    \"jo\": {\n"
    "      \"password\": \"(secret)\"\n"
    "    }\n"
    "  },\n"
    "  \"certificate\": {},\n"
    "  \"gateway\": {}\n"
    "}\n";

static const struct setting_row *apply(const struct setting_row *rows, size_t len, const char *text,
                                       struct arena *arena, size_t *out_len)
{
    const struct setting_row *out = NULL;
    struct fault why = { "" };

    if (settings_apply(rows, len, slice_str(text), arena, &out, out_len, &why) != OK)
        fail_msg("%s", why.text);
    return out;
}

TEST(export_and_apply_change_nothing)
{
    struct arena arena = { 0 };
    size_t len, again_len;
    const struct setting_row *rows = apply(NULL, 0, first, &arena, &len);
    struct slice text;

    CHECK_INT(len, 4);
    CHECK(settings_export(rows, len, &arena, &text, NULL) == OK);
    CHECK_STR(text, exported);
    (void)apply(rows, len, text.ptr, &arena, &again_len);
    CHECK_INT(again_len, 0);
    arena_release(&arena);
}

static const struct { const char *name, *text, *difference; } apply_cases[] = {
    { "a kind that is not there is left alone", HEAD "\"domain\": {}}", "" },
    { "an object that is not there goes", HEAD "\"list\": {\"a\": {}}}", "- list b\n" },
    { "a field that is not there goes", HEAD "\"list\": {\"a\": {}, \"b\": {}}}",
      "~ list b\n    members: [\"x.example\"] -> (default)\n" },
    { "names are normalised", HEAD "\"domain\": {\"OURS.example.\": {}}}", "+ domain ours.example\n" },
    { "a new field and object", HEAD "\"list\": {\"a\": {\"description\": \"x\"}, \"b\": {\"members\": [\"x.example\"]}, "
      "\"c\": {\"members\": [\"Y.example\"]}}}",
      "~ list a\n    description: (default) -> \"x\"\n+ list c\n    members: (default) -> [\"y.example\"]\n" },
    { "a new secret is not shown", HEAD "\"host\": {\"relay\": {\"username\": \"u\", \"password\": \"hunter23\", "
      "\"servers\": [\"s.example:587\"]}}}",
      "~ host relay\n    password: \"(secret)\" -> \"(secret, new)\"\n" },
    { "the gateway", HEAD "\"gateway\": {\"gateway\": {\"default-level\": \"encrypt\"}}}",
      "+ gateway gateway\n    default-level: (default) -> \"encrypt\"\n" },
};

TEST(apply_makes_it_so)
{
    struct arena arena = { 0 };
    size_t len, out_len;
    const struct setting_row *rows = apply(NULL, 0, first, &arena, &len), *out;

    for (size_t i = 0; i < COUNT_OF(apply_cases); i++) {
        struct slice text;

        out = apply(rows, len, apply_cases[i].text, &arena, &out_len);
        text = settings_difference(out, out_len, &arena);
        if (!slice_eq(text, slice_str(apply_cases[i].difference)))
            fail_msg("case '%s': got '%.*s'", apply_cases[i].name, SLICE_FMT(text));
    }
    arena_release(&arena);
}

static const struct { const char *name, *text, *why; } bad_cases[] = {
    { "not JSON", "{\n\"a\": }", "line 2 of the document: " },
    { "twice", HEAD "\"list\": {\"a\": {}, \"a\": {}}}", "line 1 of the document: duplicate object key" },
    { "no mark", "{\"list\": {}}", "the document does not say \"sternpost-settings\": 1" },
    { "another mark", "{\"sternpost-settings\": 2}", "the document does not say \"sternpost-settings\": 1" },
    { "an array", "[]", "the document does not say" },
    { "empty", "", "line 1 of the document: " },
    { "unknown kind", HEAD "\"hosts\": {}}", "there is no kind 'hosts'; did you mean 'host'?" },
    { "kind is no object", HEAD "\"host\": []}", "'host' is not a JSON object of names" },
    { "object is no object", HEAD "\"host\": {\"x\": 1}}", "host 'x': the fields are not a JSON object" },
    { "one domain in two forms", HEAD "\"domain\": {\"a.example\": {}, \"A.example\": {}}}",
      "domain 'A.example' stands in the document twice" },
    { "bad name", HEAD "\"domain\": {\"a b\": {}}}", "'a b' is no name for a domain" },
    { "bad field", HEAD "\"list\": {\"x\": {\"members\": [\"*.a\"]}}}", "list 'x': field 'members': '*.a'" },
    { "secret without one there", HEAD "\"user\": {\"new\": {\"password\": \"(secret)\"}}}", "but there is none; give it" },
};

TEST(apply_says_what_is_wrong)
{
    struct arena arena = { 0 };

    for (size_t i = 0; i < COUNT_OF(bad_cases); i++) {
        const struct setting_row *out = NULL;
        size_t len;
        struct fault why = { "" };
        enum status st = settings_apply(NULL, 0, slice_str(bad_cases[i].text), &arena, &out, &len, &why);

        if (st != ERR_SYNTAX || out != NULL || strstr(why.text, bad_cases[i].why) == NULL)
            fail_msg("case '%s': got '%s'", bad_cases[i].name, why.text);
    }
    CHECK(settings_apply(NULL, 0, slice_of(first, SETTINGS_DOCUMENT_MAX + 1), &arena, &(const struct setting_row *){ NULL },
                         &(size_t){ 0 }, NULL) == ERR_LIMIT);
    arena_release(&arena);
}

TEST(apply_refuses_to_remove_what_is_used)
{
    struct arena arena = { 0 };
    size_t len, out_len;
    const struct setting_row *out, *rows = apply(NULL, 0, HEAD "\"host\": {\"h\": {\"servers\": [\"a.example\"]}}, "
                                                 "\"route\": {\"*\": {\"host\": \"h\"}}}", &arena, &len);
    struct fault why;

    CHECK(settings_apply(rows, len, SLICE_LIT(HEAD "\"host\": {}}"), &arena, &out, &out_len, &why) == ERR_CONFLICT);
    CHECK_STR(slice_str(why.text), "host 'h' is in use by route '*' (field 'host'); change that first");
    (void)apply(rows, len, HEAD "\"host\": {}, \"route\": {}}", &arena, &out_len);
    CHECK_INT(out_len, 2);
    arena_release(&arena);
}

RUN_TESTS(T(export_and_apply_change_nothing), T(apply_makes_it_so), T(apply_says_what_is_wrong),
          T(apply_refuses_to_remove_what_is_used))
