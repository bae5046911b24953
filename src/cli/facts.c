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

static void print_array(FILE *out, const json_t *array, int indent, int depth)
{
    const json_t *item;
    size_t at;

    if (!holds_scalars(array)) {
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
    (void)fputc('\n', out);
}

static void print_object(FILE *out, const json_t *object, int indent, const char *const *skipped, int depth)
{
    const char *name;
    const json_t *value;

    if (depth > DEPTH_MAX)
        return;
    for (void *at = json_object_iter((json_t *)object); at != NULL; at = json_object_iter_next((json_t *)object, at)) {
        name = json_object_iter_key(at);
        value = json_object_iter_value(at);
        if (is_empty(value) || is_in(name, skipped))
            continue;
        print_name(out, name, indent);
        if (json_is_array(value)) {
            print_array(out, value, indent, depth);
        } else if (json_is_object(value)) {
            (void)fputc('\n', out);
            print_object(out, value, indent + INDENT, NULL, depth + 1);
        } else {
            (void)fputc(' ', out);
            print_scalar(out, value);
            (void)fputc('\n', out);
        }
    }
}

void print_facts(FILE *out, const json_t *object, int indent, const char *const *skipped)
{
    print_object(out, object, indent, skipped, 0);
}
