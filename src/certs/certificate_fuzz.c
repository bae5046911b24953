/* Whatever bytes stand in a certificate, what is said of it can be shown to a person and written as JSON (TLS-24). */
#include "base/fuzz.h"
#include "base/utf8.h"
#include "certs/describe.h"

static void must_be_printable(struct slice s)
{
    while (s.len > 0) {
        size_t n = utf8_printable_len(s);

        must(n > 0);
        s = slice_from(s, n);
    }
}

static void must_be_json(const struct certificate *c, const struct describe_place *place)
{
    json_t *j = describe_json(c, place);
    char *text = json_dumps(j, JSON_COMPACT);

    must(text != NULL);
    must(json_string_length(json_object_get(j, "subject")) == c->subject.len);
    must(json_array_size(json_object_get(j, "names")) == c->names_len);
    free(text);
    json_decref(j);
}

static void must_be_text(const struct certificate *c, const struct describe_place *place)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct slice rest, line;

    describe_text(out, c, place, 2);
    (void)fclose(out);
    for (rest = slice_of(text, size); rest.len > 0;) {
        line = slice_cut(rest, '\n', &rest);
        must_be_printable(line);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct describe_place place = { .host = SLICE_LIT("mx.example.test"), .port = 25, .is_leaf = len % 2 == 0 };
    struct arena arena = { 0 };
    struct certificate c, again;
    struct fault why;

    if (certificate_read(slice_of((const char *)data, len), &arena, &c, &why) == OK) {
        must_be_text(&c, &place);
        must_be_json(&c, &place);
        if (certificate_read(c.der, &arena, &again, &why) == OK)
            must(slice_eq(slice_str(c.sha256), slice_str(again.sha256)));
    }
    arena_release(&arena);
    return 0;
}
