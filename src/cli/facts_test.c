#include "cli/facts.h"

#include "base/test.h"

#include <stdlib.h>

static const struct {
    const char *name, *json, *shown;
} cases[] = {
    { "scalars", "{\"a_b\":\"x\",\"n\":3,\"yes\":true,\"no\":false}", "a b: x\nn: 3\nyes: yes\nno: no\n" },
    { "what is empty is left out", "{\"a\":null,\"b\":\"\",\"c\":[],\"d\":{},\"e\":0}", "e: 0\n" },
    { "a list", "{\"l\":[\"x\",2]}", "l: x, 2\n" },
    { "nested", "{\"tls\":{\"version\":\"TLSv1.3\",\"peer\":{\"name\":\"n\"}}}",
      "tls:\n  version: TLSv1.3\n  peer:\n    name: n\n" },
    { "objects in a list", "{\"r\":[{\"text\":\"one\",\"k\":1},{\"name\":\"two\"},{\"other\":3}]}",
      "r:\n  - one\n    k: 1\n  - two\n  -\n    other: 3\n" },
    { "an object's sentence", "{\"s\":{\"text\":\"all well\",\"k\":1}}", "s: all well\n  k: 1\n" },
    { "a word's sentence", "{\"d\":\"none\",\"d-text\":\"no records\"}", "d: none; no records\n" },
    { "a list's sentence", "{\"l\":[{\"name\":\"a\"}],\"l-text\":\"one\"}", "l: one\n  - a\n" },
    { "of a list of words", "{\"l\":[\"a\",\"b\"],\"l-text\":\"two\"}", "l: a, b; two\n" },
    { "a sentence alone", "{\"l\":[],\"l-text\":\"none\",\"x-text\":\"y\"}", "l-text: none\nx-text: y\n" },
    { "skipped", "{\"at\":1,\"x\":2}", "x: 2\n" },
    { "foreign bytes", "{\"a\\u001b\":\"\\u009b2J\\n\"}", "a?: ??2J?\n" }, /* SRV-23 */
};

TEST(print_facts)
{
    static const char *const skipped[] = { "at", NULL };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        json_t *json = json_loads(cases[i].json, 0, NULL);
        char *text;
        size_t len;
        FILE *out = open_memstream(&text, &len);

        print_facts(out, json, 0, skipped);
        (void)fclose(out);
        CHECK_CASE(cases[i].name, json != NULL);
        CHECK_STR(slice_of(text, len), cases[i].shown);
        free(text);
        json_decref(json);
    }
}

RUN_TESTS(T(print_facts))
