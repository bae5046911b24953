#include "reports/target.h"

#include "base/memory.h"

#include <jansson.h>

static const char *const states[] = {
    [TARGET_WAITING] = "waiting",
    [TARGET_POSTED] = "posted",
    [TARGET_QUEUED] = "queued",
    [TARGET_FAILED] = "failed",
};

const char *report_target_state_name(enum report_target_state s)
{
    return states[s];
}

static void put(json_t *object, const char *key, struct slice text)
{
    if (text.len > 0)
        (void)json_object_set_new(object, key, json_stringn(text.ptr, text.len));
}

static json_t *write_target(const struct report_target *t)
{
    json_t *object = json_object();

    put(object, "uri", t->uri);
    if (t->scheme == TLSRPT_HTTPS) {
        put(object, "host", t->host);
        put(object, "path", t->path);
    }
    put(object, "state", slice_str(states[t->state]));
    if (t->tries > 0)
        (void)json_object_set_new(object, "tries", json_integer(t->tries));
    put(object, "note", t->note);
    return object;
}

struct slice report_targets_write(const struct report_target *targets, size_t len, struct arena *arena)
{
    json_t *array = json_array();
    struct slice out;
    char *text;

    for (size_t i = 0; i < len; i++)
        (void)json_array_append_new(array, write_target(&targets[i]));
    text = json_dumps(array, JSON_COMPACT);
    out = arena_copy(arena, slice_str(text));
    free(text);
    json_decref(array);
    return out;
}

static struct slice get(const json_t *object, const char *key, struct arena *arena)
{
    const json_t *v = json_object_get(object, key);

    return json_is_string(v) ? arena_copy(arena, slice_of(json_string_value(v), json_string_length(v)))
                             : slice_str("");
}

static bool read_state(struct slice name, enum report_target_state *out)
{
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        if (!slice_eq(name, slice_str(states[i])))
            continue;
        *out = (enum report_target_state)i;
        return true;
    }
    return false;
}

static bool read_target(const json_t *object, struct arena *arena, struct report_target *out)
{
    json_int_t tries = json_integer_value(json_object_get(object, "tries"));

    out->uri = get(object, "uri", arena);
    out->host = get(object, "host", arena);
    out->path = get(object, "path", arena);
    out->note = get(object, "note", arena);
    out->scheme = out->host.len > 0 ? TLSRPT_HTTPS : TLSRPT_MAILTO;
    out->tries = tries > 0 && tries < UINT32_MAX ? (unsigned)tries : 0;
    return read_state(get(object, "state", arena), &out->state);
}

enum status report_targets_read(struct slice json, struct arena *arena, struct report_target **out, size_t *len)
{
    json_t *array = json_loadb(json.ptr, json.len, 0, NULL);
    enum status st = json_is_array(array) ? OK : ERR_SYNTAX;

    if (st == OK) {
        *len = json_array_size(array);
        *out = ARENA_ARRAY(arena, struct report_target, *len);
        for (size_t i = 0; i < *len && st == OK; i++)
            st = read_target(json_array_get(array, i), arena, &(*out)[i]) ? OK : ERR_SYNTAX;
    }
    json_decref(array);
    return st;
}
