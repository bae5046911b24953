#include "admin/api.h"
#include "base/clock.h"
#include "base/memory.h"
#include "reports/sender.h"
#include "tlsrpt/gzip.h"

#include <pthread.h>

enum { DOCUMENT_MAX = 16 * 1024 * 1024, DAY_LEN = 10 };

/* -- reports as JSON ---------------------------------------------------------------------------------------- */

static json_t *json_of_document(struct slice text)
{
    json_t *j = text.len == 0 ? NULL : json_loadb(text.ptr, text.len, 0, NULL);

    return j == NULL ? json_null() : j;
}

static bool any_target_is(const json_t *targets, const char *state)
{
    const json_t *target;
    size_t at;

    json_array_foreach(targets, at, target) {
        const char *is = json_string_value(json_object_get(target, "state"));

        if (is != NULL && strcmp(is, state) == 0)
            return true;
    }
    return false;
}

/* One word for the whole: it has arrived as soon as one target took it (RFC 8460 section 3). */
static const char *state_of(const struct report_row *row, const json_t *targets)
{
    if (row->report_id.len == 0)
        return "claimed";
    if (any_target_is(targets, "posted") || any_target_is(targets, "queued"))
        return "sent";
    return row->next_s != 0 ? "waiting" : "failed";
}

static json_t *row_to_json(const struct report_row *row)
{
    json_t *j = json_object(), *targets = json_of_document(row->targets);

    json_object_set_new(j, "id", json_of(row->report_id));
    json_object_set_new(j, "day", json_of(row->day));
    json_object_set_new(j, "domain", json_of(row->domain));
    json_object_set_new(j, "state", json_string(state_of(row, targets)));
    json_object_set_new(j, "made", json_of_moment(row->made_s));
    json_object_set_new(j, "next_try", json_of_moment(row->next_s));
    json_object_set_new(j, "targets", targets);
    return j;
}

/* -- what was sent ------------------------------------------------------------------------------------------ */

static void listed(struct call *c)
{
    json_t *reports = json_array();

    for (size_t i = 0; i < c->store.reports_len; i++)
        json_array_append_new(reports, row_to_json(&c->store.reports[i]));
    call_answer(c, json_pack("{s:o}", "reports", reports));
}

void api_reports_sent_list(struct call *c)
{
    uint64_t limit;

    c->store.verb = STORE_REPORT_LIST;
    if (!call_query_number(c, "limit", API_PAGE_MAX, API_PAGE_MAX, &limit) ||
        !call_query_day(c, "since", &c->store.since_day) || !call_query_domain(c, "domain", &c->store.name))
        return;
    c->store.limit = limit == 0 ? 1 : (size_t)limit;
    call_store(c, listed);
}

static void found(struct call *c)
{
    const struct report_row *row = &c->store.reports[0];
    struct slice text = SLICE_LIT("");
    struct fault why;
    json_t *answer;

    if (row->document.len > 0 && gzip_unpack(row->document, DOCUMENT_MAX, c->arena, &text, &why) != OK) {
        call_refuse(c, ERR_TEMPORARY, "the report cannot be read: %s", why.text);
        return;
    }
    answer = row_to_json(row);
    json_object_set_new(answer, "report", json_of_document(text));
    call_answer(c, answer);
}

void api_reports_sent_show(struct call *c)
{
    c->store.verb = STORE_REPORT_FIND;
    c->store.name = c->params[0];
    call_store(c, found);
}

/* -- what would be sent ------------------------------------------------------------------------------------- */

/* Putting a report together asks the store more than once and waits for it, which the main thread must not: it is done
 * on a thread of its own, and comes back like an inquiry. */
struct preview {
    struct worker_task task; /* first */
    struct call *call;
    struct snapshot *settings; /* held */
    struct slice domain, day, hostname, json;
    struct arena arena;
    enum status status;
    struct fault why;
};

static void *compose(void *ctx)
{
    struct preview *p = ctx;

    p->status = report_preview(p->call->admin->store, p->domain, p->day, snapshot_gateway(p->settings), p->hostname,
                               &p->arena, &p->json, &p->why);
    handoff_put(p->task.reply_to, &p->task.item);
    return NULL;
}

static void composed(struct worker_task *t)
{
    struct preview *p = CONTAINER_OF(t, struct preview, task);

    if (p->status == OK)
        call_answer(p->call, json_of_document(p->json));
    else
        call_refuse(p->call, p->status, "%s", p->why.text);
    snapshot_release(p->settings);
    arena_release(&p->arena);
    free(p);
}

static void start_composing(struct call *c, struct slice domain, struct slice day)
{
    struct preview *p = NEW(struct preview);
    pthread_t thread;

    *p = (struct preview){
        .task = { .done = composed, .reply_to = c->home->asked },
        .call = c,
        .settings = c->admin->snapshot(c->admin->ctx),
        .domain = domain,
        .day = day,
        .hostname = c->admin->config->hostname,
    };
    if (pthread_create(&thread, NULL, compose, p) == 0) {
        (void)pthread_detach(thread);
        return;
    }
    p->status = fault_set(&p->why, ERR_TEMPORARY, "no thread can be started; try again");
    composed(&p->task);
}

void api_reports_preview(struct call *c)
{
    char today[CLOCK_TEXT];
    struct slice domain, day;

    if (!call_query_domain(c, "domain", &domain) || !call_query_day(c, "day", &day))
        return;
    if (domain.len == 0) {
        call_refuse(c, ERR_SYNTAX, "query parameter 'domain' is missing");
        return;
    }
    if (day.len == 0)
        day = arena_copy(c->arena, slice_first(slice_str(clock_rfc3339(clock_wall_s(), today)), DAY_LEN));
    start_composing(c, domain, day);
}
