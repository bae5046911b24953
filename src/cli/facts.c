#include "cli/facts.h"

#include "cli/table.h"

#include "base/status.h"

#include <stdbool.h>
#include <string.h>

enum { INDENT = 2, DEPTH_MAX = 12 };

static bool is_in(const char *name, const char *const *names)
{
    for (; names != NULL && *names != NULL; names++) {
        if (strcmp(name, *names) == 0)
            return true;
    }
    return false;
}

static bool is_empty(const json_t *j)
{
    return json_is_null(j) || (json_is_string(j) && json_string_length(j) == 0) ||
           (json_is_array(j) && json_array_size(j) == 0) || (json_is_object(j) && json_object_size(j) == 0);
}

static void print_name(FILE *out, const char *name, int indent)
{
    struct arena a = { 0 };
    struct slice plain = arena_copy(&a, slice_str(name));

    for (char *p = strchr(plain.ptr, '_'); p != NULL; p = strchr(p, '_'))
        *p = ' ';
    (void)fprintf(out, "%*s", indent, "");
    print_text(out, plain);
    (void)fputc(':', out);
    arena_release(&a);
}

static void print_scalar(FILE *out, const json_t *j)
{
    if (json_is_string(j))
        print_text(out, slice_of(json_string_value(j), json_string_length(j)));
    else if (json_is_integer(j))
        (void)fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(j));
    else if (json_is_real(j))
        (void)fprintf(out, "%g", json_real_value(j));
    else
        (void)fputs(json_is_true(j) ? "yes" : json_is_false(j) ? "no" : "-", out);
}

static void print_object(FILE *out, const json_t *object, int indent, const char *const *skipped, int depth);

/* "dane-text" says in a sentence what "dane" says in a word. */
static const json_t *sentence_of(const json_t *object, const char *name)
{
    struct arena a = { 0 };
    const json_t *text = json_object_get(object, arena_printf(&a, "%s-text", name).ptr);

    arena_release(&a);
    return json_is_string(text) ? text : NULL;
}

static bool is_sentence_of_another(const json_t *object, const char *name)
{
    struct arena a = { 0 };
    struct slice base = slice_str(name);
    const json_t *value;
    bool found = false;

    if (slice_ends_case(base, SLICE_LIT("-text"))) {
        base = arena_copy(&a, slice_first(base, base.len - strlen("-text")));
        value = json_object_get(object, base.ptr);
        found = value != NULL && !is_empty(value);
    }
    arena_release(&a);
    return found;
}

static bool holds_scalars(const json_t *array)
{
    const json_t *first = json_array_get(array, 0);

    return !json_is_object(first) && !json_is_array(first);
}

/* What an object in a list begins with: a sentence, or whose facts they are. */
static const char *title_of(const json_t *item)
{
    static const char *const names[] = { "text", "name", "server", "address", "uri" };

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (json_is_string(json_object_get(item, names[i])))
            return names[i];
    }
    return NULL;
}

static void print_item(FILE *out, const json_t *item, int indent, int depth)
{
    const char *shown[] = { title_of(item), NULL };

    (void)fprintf(out, "%*s-%s", indent, "", shown[0] != NULL || !json_is_object(item) ? " " : "");
    if (shown[0] != NULL)
        print_scalar(out, json_object_get(item, shown[0]));
    else if (!json_is_object(item))
        print_scalar(out, item);
    (void)fputc('\n', out);
    if (json_is_object(item))
        print_object(out, item, indent + INDENT, shown, depth + 1);
}

/* What stands on the line of a name, behind it. */
static void print_sentence(FILE *out, const json_t *sentence, const char *before)
{
    if (sentence == NULL)
        return;
    (void)fputs(before, out);
    print_scalar(out, sentence);
}

static void print_array(FILE *out, const json_t *array, const json_t *sentence, int indent, int depth)
{
    const json_t *item;
    size_t at;

    if (!holds_scalars(array)) {
        print_sentence(out, sentence, " ");
        (void)fputc('\n', out);
        json_array_foreach(array, at, item) {
            print_item(out, item, indent + INDENT, depth);
        }
        return;
    }
    json_array_foreach(array, at, item) {
        (void)fputs(at == 0 ? " " : ", ", out);
        print_scalar(out, item);
    }
    print_sentence(out, sentence, "; ");
    (void)fputc('\n', out);
}

static void print_value(FILE *out, const json_t *value, const json_t *sentence, int indent, int depth)
{
    static const char *const said[] = { "text", NULL };

    if (json_is_array(value)) {
        print_array(out, value, sentence, indent, depth);
        return;
    }
    if (json_is_object(value)) {
        print_sentence(out, json_object_get(value, said[0]), " ");
        (void)fputc('\n', out);
        print_object(out, value, indent + INDENT, said, depth + 1);
        return;
    }
    (void)fputc(' ', out);
    print_scalar(out, value);
    print_sentence(out, sentence, "; ");
    (void)fputc('\n', out);
}

static void print_object(FILE *out, const json_t *object, int indent, const char *const *skipped, int depth)
{
    if (depth > DEPTH_MAX)
        return;
    for (void *at = json_object_iter((json_t *)object); at != NULL; at = json_object_iter_next((json_t *)object, at)) {
        const char *name = json_object_iter_key(at);
        const json_t *value = json_object_iter_value(at);

        if (is_empty(value) || is_in(name, skipped) || is_sentence_of_another(object, name))
            continue;
        print_name(out, name, indent);
        print_value(out, value, sentence_of(object, name), indent, depth);
    }
}

void print_facts(FILE *out, const json_t *object, int indent, const char *const *skipped)
{
    print_object(out, object, indent, skipped, 0);
}
