#include "cli/demo_watch.h"

#include <stdio.h>
#include <time.h>

static void set(char out[static DEMO_TEXT], const char *text)
{
    (void)snprintf(out, DEMO_TEXT, "%s", text);
}

static const char *text_of(const json_t *o, const char *name)
{
    const char *s = json_string_value(json_object_get(o, name));

    return s == NULL ? "" : s;
}

static void set_why(struct demo_sight *out, const char *text)
{
    (void)snprintf(out->why, sizeof out->why, "%s", text);
}

/* "rule bank", "MTA-STS" */
static void name_source(const json_t *reason, char out[static DEMO_TEXT])
{
    static const struct {
        const char *source, *words;
    } known[] = {
        { "mta-sts", "MTA-STS" },
        { "requiretls", "REQUIRETLS" },
    };
    const char *source = text_of(reason, "source");

    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (strcmp(source, known[i].source) == 0) {
            set(out, known[i].words);
            return;
        }
    }
    (void)snprintf(out, DEMO_TEXT, "%s %s", source, text_of(reason, "name"));
}

static void see_decision(const json_t *event, struct demo_sight *out)
{
    const char *level = text_of(event, "level");
    const json_t *reason;
    char source[DEMO_TEXT];
    size_t i;

    set(out->demanded, level);
    out->on_alternate = false;
    json_array_foreach(json_object_get(event, "reasons"), i, reason) {
        if (strcmp(text_of(reason, "source"), "mta-sts") == 0)
            set_why(out, text_of(reason, "text"));
        /* Of the same level as a policy's, but the sender's own. */
        if (!json_is_true(json_object_get(reason, "decided")) && strcmp(text_of(reason, "source"), "requiretls") != 0)
            continue;
        set_why(out, text_of(reason, "text"));
        name_source(reason, source);
        if (strcmp(text_of(reason, "source"), "default") != 0)
            (void)snprintf(out->demanded, DEMO_TEXT, "%.16s, by %.80s", level, source);
    }
}

/* What the TLSA records of a server demand is above what was decided for its domain. */
static void see_server(const json_t *event, struct demo_sight *out)
{
    if (out->on_alternate || strcmp(text_of(event, "level"), "dane") != 0)
        return;
    if (strstr(out->demanded, "REQUIRETLS") == NULL)
        set(out->demanded, "dane, by TLSA records");
    set_why(out, text_of(event, "text"));
}

static void describe_session(const json_t *tls, const char *code, char out[static DEMO_TEXT])
{
    const char *dane = text_of(tls, "dane"), *certificate = text_of(tls, "certificate");
    bool is_misnamed = strcmp(certificate, "trusted") == 0 && !json_is_true(json_object_get(tls, "name-matches"));
    const char *verdict = strcmp(code, "requiretls-not-offered") == 0 ? "no REQUIRETLS offered"
                          : strcmp(dane, "matched") == 0              ? "TLSA record matches"
                          : dane[0] != '\0'                           ? "TLSA record does not match"
                                                                      : "";

    if (verdict[0] != '\0')
        (void)snprintf(out, DEMO_TEXT, "%s, %s", text_of(tls, "version"), verdict);
    else
        (void)snprintf(out, DEMO_TEXT, "%s, certificate %s", text_of(tls, "version"),
                       is_misnamed ? "misnamed" : certificate);
}

/* The first thing found at the recipient's own servers is what explains the way taken. */
static void see_attempt(const json_t *event, struct demo_sight *out)
{
    const json_t *tls = json_object_get(event, "tls");
    const char *result = text_of(event, "result"), *version = text_of(tls, "version");
    bool is_delivered = strcmp(text_of(event, "outcome"), "delivered") == 0;

    if (!is_delivered && !out->on_alternate)
        set_why(out, text_of(event, "text"));
    if (out->found[0] != '\0' && strcmp(out->found, "no connection") != 0)
        return;
    if (version[0] != '\0')
        describe_session(tls, text_of(event, "code"), out->found);
    else if (result[0] != '\0')
        set(out->found, result);
    else
        set(out->found, is_delivered ? "no TLS offered" : "no connection");
}

static void see_alternate(const json_t *event, struct demo_sight *out)
{
    (void)event;
    out->on_alternate = true;
}

static void see_outcome(const json_t *event, struct demo_sight *out)
{
    const char *outcome = text_of(event, "outcome");
    bool is_delivered = strcmp(outcome, "delivered") == 0;

    set(out->way, text_of(event, "way"));
    (void)snprintf(out->result, DEMO_TEXT, "%.40s%s%.20s", outcome, is_delivered ? "" : " ",
                   is_delivered ? "" : text_of(event, "status"));
    out->deferrals += strcmp(outcome, "deferred") == 0;
}

static void see(const json_t *event, struct demo_sight *out)
{
    static const struct {
        const char *event;
        void (*see)(const json_t *event, struct demo_sight *out);
    } kinds[] = {
        { "decision", see_decision },   { "server", see_server },   { "attempt", see_attempt },
        { "alternate", see_alternate }, { "outcome", see_outcome },
    };

    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (strcmp(text_of(event, "event"), kinds[i].event) == 0)
            kinds[i].see(event, out);
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

void demo_pause_ms(int64_t ms)
{
    const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

    (void)nanosleep(&t, NULL);
}
