/* What is known of a watched server as JSON: once as it is kept, once as it is shown. */
#include "certs/watch_state.h"

#include "base/clock.h"

#include <stdio.h>

static const char *const kind_names[] = {
    [WATCH_LISTENER] = "listener", [WATCH_MX] = "mx",           [WATCH_POLICY_HOST] = "policy-host",
    [WATCH_HOST] = "host",         [WATCH_PARTNER] = "partner",
};

const char *watch_kind_name(enum watch_kind k)
{
    return kind_names[k];
}

static json_t *json_of(struct slice s)
{
    return json_stringn_nocheck(s.ptr, s.len);
}

static void put_text(json_t *j, const char *name, struct slice value)
{
    if (value.len > 0)
        json_object_set_new(j, name, json_of(value));
}

static json_t *json_of_list(const struct slice *items, size_t len)
{
    json_t *list = json_array();

    for (size_t i = 0; i < len; i++)
        json_array_append_new(list, json_of(items[i]));
    return list;
}

/* -- as it is kept ------------------------------------------------------------------------------------------------ */

/* The plain numbers, in both directions. */
static const struct {
    const char *name;
    size_t offset;
} times[] = {
    { "checked", offsetof(struct watch_state, checked_s) },
    { "reached", offsetof(struct watch_state, reached_s) },
    { "since", offsetof(struct watch_state, since_s) },
    { "not_before", offsetof(struct watch_state, not_before_s) },
    { "not_after", offsetof(struct watch_state, not_after_s) },
};

static json_t *keys_json(const struct watch_state *s)
{
    json_t *all = json_array();

    for (size_t i = 0; i < s->keys_len; i++)
        json_array_append_new(all, json_pack("{s:s, s:I, s:I}", "spki", s->keys[i].spki, "first",
                                             (json_int_t)s->keys[i].first_s, "last", (json_int_t)s->keys[i].last_s));
    return all;
}

static json_t *notices_json(const struct watch_state *s)
{
    json_t *all = json_object();

    for (enum watch_cause c = 0; c < WATCH_CAUSES; c++) {
        const struct watch_notice *n = &s->notices[c];

        if (n->since_s != 0)
            json_object_set_new(all, watch_cause_name(c),
                                json_pack("{s:I, s:i, s:s%}", "since", (json_int_t)n->since_s, "level", n->level,
                                          "text", n->text.ptr, n->text.len));
    }
    return all;
}

json_t *watch_state_write(const struct watch_state *s)
{
    json_t *j = json_object();

    json_object_set_new(j, "kind", json_string(watch_kind_name(s->kind)));
    json_object_set_new(j, "subjects", json_of_list(s->subjects, s->subjects_len));
    for (size_t i = 0; i < COUNT_OF(times); i++)
        json_object_set_new(j, times[i].name,
                            json_integer(*(const int64_t *)(const void *)((const char *)s + times[i].offset)));
    json_object_set_new(j, "failures", json_integer(s->failures));
    json_object_set_new(j, "policy_failures", json_integer(s->policy_failures));
    json_object_set_new(j, "trusted", json_boolean(s->was_trusted));
    json_object_set_new(j, "sha256", json_string(s->sha256));
    put_text(j, "text", s->text);
    put_text(j, "subject", s->subject);
    put_text(j, "issuer", s->issuer);
    json_object_set_new(j, "keys", keys_json(s));
    json_object_set_new(j, "notices", notices_json(s));
    return j;
}

static struct slice text_of(const json_t *j, const char *name, struct arena *arena)
{
    const json_t *value = json_object_get(j, name);

    return arena_copy(arena,
                      slice_of(json_is_string(value) ? json_string_value(value) : "", json_string_length(value)));
}

static unsigned count_of(const json_t *j, const char *name)
{
    return (unsigned)json_integer_value(json_object_get(j, name));
}

static bool read_hex(const json_t *j, const char *name, char out[static CERTIFICATE_HEX_SHA256])
{
    const char *text = json_string_value(json_object_get(j, name));

    return text != NULL && slice_to_cstr(slice_str(text), out, CERTIFICATE_HEX_SHA256);
}

static void read_keys(const json_t *list, struct watch_state *out)
{
    const json_t *item;
    size_t at;

    json_array_foreach(list, at, item) {
        struct watch_key *k = &out->keys[out->keys_len];

        if (out->keys_len == WATCH_KEYS || !read_hex(item, "spki", k->spki))
            return;
        k->first_s = json_integer_value(json_object_get(item, "first"));
        k->last_s = json_integer_value(json_object_get(item, "last"));
        out->keys_len++;
    }
}

static void read_notices(const json_t *all, struct arena *arena, struct watch_state *out)
{
    for (enum watch_cause c = 0; c < WATCH_CAUSES; c++) {
        const json_t *n = json_object_get(all, watch_cause_name(c));

        if (n == NULL)
            continue;
        out->notices[c].since_s = json_integer_value(json_object_get(n, "since"));
        out->notices[c].level = (int)json_integer_value(json_object_get(n, "level"));
        out->notices[c].text = text_of(n, "text", arena);
    }
}

static void read_subjects(const json_t *list, struct arena *arena, struct watch_state *out)
{
    struct slice *subjects = ARENA_ARRAY(arena, struct slice, json_array_size(list) + 1);
    const json_t *item;
    size_t at;

    json_array_foreach(list, at, item) {
        if (json_is_string(item))
            subjects[out->subjects_len++] = arena_copy(arena, slice_str(json_string_value(item)));
    }
    out->subjects = subjects;
}

static bool read_kind(const json_t *j, enum watch_kind *out)
{
    const char *text = json_string_value(json_object_get(j, "kind"));

    for (size_t i = 0; text != NULL && i < COUNT_OF(kind_names); i++) {
        *out = (enum watch_kind)i;
        if (strcmp(kind_names[i], text) == 0)
            return true;
    }
    return false;
}

enum status watch_state_read(struct slice name, struct slice text, struct arena *arena, struct watch_state *out)
{
    json_t *j = json_loadb(text.ptr, text.len, 0, NULL);
    bool is_good;

    *out = (struct watch_state){ .name = arena_copy(arena, name) };
    is_good = read_kind(j, &out->kind) && read_hex(j, "sha256", out->sha256);
    if (is_good) {
        read_subjects(json_object_get(j, "subjects"), arena, out);
        for (size_t i = 0; i < COUNT_OF(times); i++)
            *(int64_t *)(void *)((char *)out + times[i].offset) =
                json_integer_value(json_object_get(j, times[i].name));
        out->failures = count_of(j, "failures");
        out->policy_failures = count_of(j, "policy_failures");
        out->was_trusted = json_is_true(json_object_get(j, "trusted"));
        out->text = text_of(j, "text", arena);
        out->subject = text_of(j, "subject", arena);
        out->issuer = text_of(j, "issuer", arena);
        read_keys(json_object_get(j, "keys"), out);
        read_notices(json_object_get(j, "notices"), arena, out);
    }
    json_decref(j);
    return is_good ? OK : ERR_SYNTAX;
}

/* -- as it is shown ----------------------------------------------------------------------------------------------- */

static void put_moment(json_t *j, const char *name, int64_t wall_s)
{
    char text[CLOCK_TEXT];

    if (wall_s != 0)
        json_object_set_new(j, name, json_string(clock_rfc3339(wall_s, text)));
}

static json_t *shown_notices(const struct watch_state *s)
{
    json_t *all = json_array();

    for (enum watch_cause c = 0; c < WATCH_CAUSES; c++) {
        json_t *n;

        if (s->notices[c].since_s == 0)
            continue;
        n = json_pack("{s:s, s:s%}", "cause", watch_cause_name(c), "text", s->notices[c].text.ptr,
                      s->notices[c].text.len);
        put_moment(n, "since", s->notices[c].since_s);
        json_array_append_new(all, n);
    }
    return all;
}

json_t *watch_state_show(const struct watch_state *s, int64_t now_s)
{
    json_t *j = json_object();

    json_object_set_new(j, "server", json_of(s->name));
    json_object_set_new(j, "kind", json_string(watch_kind_name(s->kind)));
    json_object_set_new(j, "watched_for", json_of_list(s->subjects, s->subjects_len));
    put_moment(j, "checked", s->checked_s);
    put_moment(j, "reached", s->reached_s);
    put_text(j, "text", s->text);
    if (s->sha256[0] != '\0') {
        put_text(j, "subject", s->subject);
        put_text(j, "issuer", s->issuer);
        put_moment(j, "not_before", s->not_before_s);
        put_moment(j, "not_after", s->not_after_s);
        json_object_set_new(j, "days_left", json_integer(watch_days_left(s, now_s)));
        json_object_set_new(j, "fingerprint", json_string(s->sha256));
        put_moment(j, "since", s->since_s);
    }
    if (s->keys_len > 0)
        json_object_set_new(j, "spki", json_string(s->keys[0].spki));
    json_object_set_new(j, "notices", shown_notices(s));
    return j;
}
