#include "cli/demo_watch.h"

#include <stdio.h>

static void set(char out[static DEMO_TEXT], const char *text)
{
    (void)snprintf(out, DEMO_TEXT, "%s", text);
}

static const char *text_of(const json_t *o, const char *name)
{
    const char *s = json_string_value(json_object_get(o, name));

    return s == NULL ? "" : s;
}

/* "verify, by rule 'bank'" */
static void see_decision(const json_t *event, struct demo_sight *out)
{
    const json_t *reasons = json_object_get(event, "reasons"), *reason;
    size_t i;

    set(out->demanded, text_of(event, "level"));
    json_array_foreach(reasons, i, reason) {
        const char *name = text_of(reason, "name");

        if (json_is_true(json_object_get(reason, "decided")) && name[0] != '\0')
            (void)snprintf(out->demanded, DEMO_TEXT, "%s, by %s %s", text_of(event, "level"),
                           text_of(reason, "source"), name);
    }
}

/* The first thing found at the recipient's own servers is what explains the way taken. */
static void see_attempt(const json_t *event, struct demo_sight *out)
{
    const json_t *tls = json_object_get(event, "tls");
    const char *result = text_of(event, "result"), *version = text_of(tls, "version");

    if (out->found[0] != '\0' && strcmp(out->found, "no connection") != 0)
        return;
    if (result[0] != '\0' && version[0] == '\0')
        set(out->found, result);
    else if (version[0] != '\0')
        (void)snprintf(out->found, DEMO_TEXT, "%s, certificate %s%s", version, text_of(tls, "certificate"),
                       strcmp(result, "certificate-host-mismatch") == 0 ? ", wrong name" : "");
    else
        set(out->found, strcmp(text_of(event, "outcome"), "delivered") == 0 ? "no TLS offered" : "no connection");
}

static void see_outcome(const json_t *event, struct demo_sight *out)
{
    set(out->way, text_of(event, "way"));
    set(out->result, text_of(event, "outcome"));
    out->deferrals += strcmp(out->result, "deferred") == 0;
}

static void see(const json_t *event, struct demo_sight *out)
{
    const char *kind = text_of(event, "event");

    if (strcmp(kind, "decision") == 0)
        see_decision(event, out);
    else if (strcmp(kind, "attempt") == 0)
        see_attempt(event, out);
    else if (strcmp(kind, "outcome") == 0)
        see_outcome(event, out);
}

bool demo_watch(struct client *c, struct arena *arena, const char *id, struct demo_sight *out)
{
    json_t *answer = NULL, *event;
    size_t i;

    *out = (struct demo_sight){ 0 };
    if (client_call(c, HTTP_GET, client_path(arena, "/v1/queue/{}", id), NULL, &answer) != EXIT_DONE)
        return false;
    json_array_foreach(json_object_get(answer, "trace"), i, event) {
        see(event, out);
    }
    json_decref(answer);
    return true;
}
