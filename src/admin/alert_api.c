/* What is wrong now, as the book of alerts has it: in full, for the status, and counted. */
#include "admin/api.h"

enum { FIRST_SHOWN = 5 };

static json_t *report_of(struct call *c)
{
    struct slice text = c->admin->alerts(c->admin->ctx, c->arena);

    return json_loadb(text.ptr, text.len, 0, NULL);
}

void api_alerts(struct call *c)
{
    call_answer(c, report_of(c));
}

json_t *alerts_summary(struct call *c)
{
    json_t *report = report_of(c), *open = json_object_get(report, "open"), *first = json_array(),
           *out = json_object();

    for (size_t i = 0; i < json_array_size(open) && i < FIRST_SHOWN; i++)
        json_array_append(first, json_array_get(open, i));
    json_object_set_new(out, "open", json_integer((json_int_t)json_array_size(open)));
    json_object_set_new(out, "first", first);
    json_decref(report);
    return out;
}

/* A cause that is no longer open stays as long as it is remembered, with 0: it does not vanish from graphs. */
static void count(json_t *causes, const json_t *alerts, json_int_t each)
{
    const json_t *alert;
    size_t at;

    json_array_foreach(alerts, at, alert) {
        const char *cause = json_string_value(json_object_get(alert, "cause"));
        json_int_t before = json_integer_value(json_object_get(causes, cause));

        json_object_set_new(causes, cause, json_integer(before + each));
    }
}

json_t *alerts_by_cause(struct call *c, uint64_t *told)
{
    json_t *report = report_of(c), *causes = json_object();

    count(causes, json_object_get(report, "open"), 1);
    count(causes, json_object_get(report, "closed"), 0);
    *told = (uint64_t)json_integer_value(json_object_get(report, "told"));
    json_decref(report);
    return causes;
}
