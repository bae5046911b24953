#include "relay/trace.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <stdlib.h>

enum { TRACE_STRING_MAX = 1024 };

void trace_init(struct trace *t, struct arena *arena)
{
    *t = (struct trace){ .arena = arena };
}

json_t *trace_string(struct slice s)
{
    char shown[TRACE_STRING_MAX];
    struct slice clean = utf8_printable(s, shown, sizeof shown);

    return json_stringn(clean.ptr, clean.len);
}

static void set(json_t *o, const char *key, json_t *value)
{
    (void)json_object_set_new(o, key, value);
}

static void set_text(json_t *o, const char *key, const char *text)
{
    if (text[0] != '\0')
        set(o, key, trace_string(slice_str(text)));
}

static struct stored_trace *next_event(struct trace *t)
{
    if (t->len == t->cap) {
        size_t cap = t->cap == 0 ? 8 : t->cap * 2;
        struct stored_trace *more = ARENA_ARRAY(t->arena, struct stored_trace, cap);

        if (t->len > 0)
            memcpy(more, t->events, t->len * sizeof *more);
        t->events = more;
        t->cap = cap;
    }
    return &t->events[t->len++];
}

void trace_add(struct trace *t, const char *event, struct slice text, json_t *facts)
{
    struct stored_trace *e = next_event(t);
    char *dump;

    e->at_ms = clock_wall_ms();
    set(facts, "event", json_string(event));
    set(facts, "text", trace_string(text));
    dump = json_dumps(facts, JSON_COMPACT);
    e->json = arena_copy(t->arena, slice_str(dump == NULL ? "{}" : dump));
    free(dump);
    json_decref(facts);
}

json_t *trace_tls(const struct tls_facts *facts)
{
    json_t *o;

    if (!facts->is_tls && facts->handshake_error[0] == '\0')
        return json_null();
    o = json_object();
    if (!facts->is_tls) {
        set_text(o, "error", facts->handshake_error);
        return o;
    }
    set_text(o, "version", tls_version_name(facts->version));
    set_text(o, "cipher", facts->cipher);
    set_text(o, "group", facts->group);
    set(o, "bits", json_integer(facts->cipher_bits));
    if (facts->is_resumed)
        set(o, "resumed", json_true());
    set_text(o, "certificate", cert_verdict_name(facts->verdict));
    set_text(o, "why", facts->verdict_text);
    if (facts->verdict != CERT_ABSENT) {
        set(o, "name-matches", json_boolean(facts->name_matches));
        set_text(o, "matched-name", facts->matched_name);
        set_text(o, "subject", facts->subject);
        set_text(o, "fingerprint", facts->fingerprint);
    }
    if (facts->dane != DANE_NOT_CHECKED) {
        set_text(o, "dane", dane_verdict_name(facts->dane));
        set_text(o, "dane-text", facts->dane_text);
    }
    return o;
}

json_t *trace_reply(const struct smtp_reply *reply)
{
    json_t *o;

    if (reply == NULL || reply->code == 0)
        return json_null();
    o = json_object();
    set(o, "code", json_integer(reply->code));
    set_text(o, "enhanced", reply->enhanced);
    set_text(o, "text", reply->text);
    return o;
}

static json_t *reasons_json(const struct decision *d)
{
    json_t *list = json_array();

    for (size_t i = 0; i < d->reasons_len; i++) {
        const struct reason *r = &d->reasons[i];
        json_t *o = json_object();

        set_text(o, "source", reason_source_name(r->source));
        if (r->name.len > 0)
            set(o, "name", trace_string(r->name));
        set(o, "text", trace_string(r->text));
        if (r->decided)
            set(o, "decided", json_true());
        if (r->is_testing)
            set(o, "testing", json_true());
        (void)json_array_append_new(list, o);
    }
    return list;
}

static const char *const on_failure_names[] = {
    [ON_FAILURE_DEFAULT] = "default",
    [ON_FAILURE_ALTERNATE] = "alternate",
    [ON_FAILURE_DEFER] = "defer",
    [ON_FAILURE_BOUNCE] = "bounce",
};

json_t *trace_decision(const struct decision *d)
{
    json_t *o = json_object();

    set_text(o, "level", tls_level_name(d->level));
    if (d->min_version != TLS_VERSION_NONE)
        set_text(o, "min-version", tls_version_name(d->min_version));
    if (d->ca_file.len > 0)
        set(o, "ca", trace_string(d->ca_file));
    set_text(o, "on-failure", on_failure_names[d->on_failure]);
    if (d->alternate.len > 0)
        set(o, "alternate", trace_string(d->alternate));
    set(o, "reasons", reasons_json(d));
    return o;
}
