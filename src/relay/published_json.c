#include "relay/published_json.h"

#include "base/clock.h"
#include "relay/trace.h"

static json_t *texts_json(const struct slice *texts, size_t len)
{
    json_t *list = json_array();

    for (size_t i = 0; i < len; i++)
        (void)json_array_append_new(list, trace_string(texts[i]));
    return list;
}

static json_t *time_json(int64_t wall_s)
{
    char text[CLOCK_TEXT];

    return wall_s == 0 ? json_null() : json_string(clock_rfc3339(wall_s, text));
}

static void add_policy(json_t *o, const struct sts_facts *f)
{
    (void)json_object_set_new(o, "mode", json_string(sts_mode_name(f->policy.mode)));
    (void)json_object_set_new(o, "id", trace_string(f->id));
    (void)json_object_set_new(o, "mx", texts_json(f->policy.mx, f->policy.mx_len));
    (void)json_object_set_new(o, "source",
                              json_sprintf("https://mta-sts.%.*s/.well-known/mta-sts.txt", SLICE_FMT(f->domain)));
    (void)json_object_set_new(o, "fetched", time_json(f->fetched_s));
    (void)json_object_set_new(o, "expires", time_json(f->expires_s));
    (void)json_object_set_new(o, "checked", time_json(f->checked_s));
}

json_t *published_sts_json(const struct sts_facts *f)
{
    json_t *o = json_object();

    (void)json_object_set_new(o, "text", trace_string(f->text));
    if (f->finding == STS_FOUND)
        add_policy(o, f);
    if (f->failure != TLS_RESULT_OK) {
        (void)json_object_set_new(o, "result", json_string(tls_result_name(f->failure)));
        (void)json_object_set_new(o, "why", trace_string(f->failure_text));
    }
    return o;
}

json_t *published_server_json(const struct server_decision *s, const struct dane_result *dane)
{
    static const char *const verdicts[] = { [SERVER_TRY] = "try", [SERVER_SKIP] = "skip", [SERVER_WAIT] = "wait" };
    json_t *o = json_object();

    (void)json_object_set_new(o, "verdict", json_string(verdicts[s->verdict]));
    if (s->verdict == SERVER_TRY)
        (void)json_object_set_new(o, "level", json_string(tls_level_name(s->decision.level)));
    else
        (void)json_object_set_new(o, "result", json_string(tls_result_name(s->result)));
    if (s->verdict != SERVER_TRY && s->code[0] != '\0')
        (void)json_object_set_new(o, "code", json_string(s->code));
    if (dane->state != DANE_UNKNOWN) {
        (void)json_object_set_new(o, "dane", json_string(dane_state_name(dane->state)));
        (void)json_object_set_new(o, "dane-text", trace_string(dane->text));
    }
    if (dane->state == DANE_USABLE || dane->state == DANE_UNUSABLE)
        (void)json_object_set_new(o, "tlsa", texts_json(dane->set.texts, dane->set.texts_len));
    return o;
}
