/* alerts/alert_report.c: the book as JSON. */
#include "alerts/alert_book_private.h"
#include "alerts/alert_mail.h"
#include "base/clock.h"

#include <jansson.h>
#include <stdlib.h>

static json_t *time_of(int64_t wall_s)
{
    char text[CLOCK_TEXT];

    return json_string(clock_rfc3339(wall_s, text));
}

static json_t *entry_to_json(const struct entry *e)
{
    json_t *j = json_object();

    json_object_set_new(j, "cause", json_string(e->cause));
    json_object_set_new(j, "subject", json_string(e->subject));
    json_object_set_new(j, "severity", json_string(alert_severity_name(e->severity)));
    json_object_set_new(j, "text", json_string(e->text));
    if (e->remedy[0] != '\0')
        json_object_set_new(j, "remedy", json_string(e->remedy));
    if (e->level > 0)
        json_object_set_new(j, "level", json_integer(e->level));
    json_object_set_new(j, "since", time_of(e->since_s));
    if (e->ended_s > 0)
        json_object_set_new(j, "ended", time_of(e->ended_s));
    if (e->end_text[0] != '\0')
        json_object_set_new(j, "end_text", json_string(e->end_text));
    if (e->mailed_s > 0)
        json_object_set_new(j, "mailed", time_of(e->mailed_s));
    return j;
}

static json_t *list_to_json(const struct entry_list *list)
{
    json_t *all = json_array();
    const struct entry *e;

    TAILQ_FOREACH(e, list, in_list)
    json_array_append_new(all, entry_to_json(e));
    return all;
}

struct slice alert_book_report(struct alert_book *b, struct arena *arena)
{
    json_t *j = json_object();
    struct slice out;
    char *text;

    pthread_mutex_lock(&b->lock);
    json_object_set_new(j, "open", list_to_json(&b->open));
    json_object_set_new(j, "closed", list_to_json(&b->closed));
    json_object_set_new(j, "told", json_integer((json_int_t)b->told));
    pthread_mutex_unlock(&b->lock);
    text = json_dumps(j, JSON_COMPACT);
    json_decref(j);
    out = arena_copy(arena, slice_str(text));
    free(text);
    return out;
}
