#include "admin/api.h"
#include "base/clock.h"
#include "base/memory.h"
#include "reports/calendar.h"
#include "reports/receiver.h"
#include "settings/units.h"
#include "tlsrpt/explain.h"
#include "tlsrpt/report.h"
#include "tlsrpt/unpack.h"

#include <sodium.h>

enum { ITEMS_MOST = 500, LIST_MOST = 10000, HISTORY_MOST = 100 };

/* -- reports as JSON ---------------------------------------------------------------------------------------- */

static json_t *json_of_text(struct slice text)
{
    json_t *j = text.len == 0 ? NULL : json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);

    return j == NULL ? json_null() : j;
}

static json_t *json_of_count(uint64_t count)
{
    return json_integer(count < INT64_MAX ? (json_int_t)count : INT64_MAX);
}

/* "0.9731", of sessions; null where there were none. */
static json_t *json_of_rate(uint64_t success, uint64_t failure)
{
    double all = (double)success + (double)failure;

    return all == 0 ? json_null() : json_real((double)(uint64_t)((double)success / all * 10000) / 10000);
}

static void add_counts(json_t *j, uint64_t success, uint64_t failure)
{
    json_object_set_new(j, "success", json_of_count(success));
    json_object_set_new(j, "failure", json_of_count(failure));
    json_object_set_new(j, "rate", json_of_rate(success, failure));
}

static json_t *row_to_json(const struct received_row *row)
{
    json_t *j = json_object();

    json_object_set_new(j, "id", json_of_count(row->id));
    json_object_set_new(j, "day", json_of(row->day));
    json_object_set_new(j, "domain", json_of(row->domain));
    json_object_set_new(j, "reporter", json_of(row->reporter));
    json_object_set_new(j, "organization", json_of(row->organization));
    json_object_set_new(j, "contact", json_of(row->contact));
    json_object_set_new(j, "report_id", json_of(row->report_id));
    json_object_set_new(j, "verified", json_boolean(row->is_verified));
    json_object_set_new(j, "counted", json_boolean(row->is_summed));
    json_object_set_new(j, "by", json_string(received_channel_names[row->channel]));
    json_object_set_new(j, "received", json_of_time(row->received_s));
    json_object_set_new(j, "start", json_of_moment(row->start_s));
    json_object_set_new(j, "end", json_of_moment(row->end_s));
    add_counts(j, row->success, row->failure);
    json_object_set_new(j, "notes", json_of_text(row->notes));
    return j;
}

static void add_explanation(json_t *j, struct slice result)
{
    const struct tlsrpt_explanation *e = tlsrpt_explain(result);

    json_object_set_new(j, "meaning", json_string(e->meaning));
    json_object_set_new(j, "cause", json_string(e->cause));
    json_object_set_new(j, "next", json_string(e->next));
}

static json_t *failure_to_json(const struct received_failure *f)
{
    json_t *j = json_object();

    json_object_set_new(j, "result", json_of(f->result));
    json_object_set_new(j, "count", json_of_count(f->count));
    json_object_set_new(j, "mx", json_of(f->mx));
    json_object_set_new(j, "receiving_ip", json_of(f->receiving_ip));
    json_object_set_new(j, "sending_ip", json_of(f->sending_ip));
    json_object_set_new(j, "reason", json_of(f->reason));
    add_explanation(j, f->result);
    return j;
}

static json_t *policies_to_json(const struct received_row *row)
{
    json_t *policies = json_array();

    for (size_t i = 0; i < row->policies_len; i++) {
        const struct received_policy *p = &row->policies[i];
        json_t *j = json_object(), *failures = json_array();

        json_object_set_new(j, "type", json_of(p->type));
        json_object_set_new(j, "policy_domain", json_of(p->domain));
        add_counts(j, p->success, p->failure);
        for (size_t n = 0; n < row->failures_len; n++)
            if (row->failures[n].policy == i)
                json_array_append_new(failures, failure_to_json(&row->failures[n]));
        json_object_set_new(j, "failures", failures);
        json_array_append_new(policies, j);
    }
    return policies;
}

/* -- list and show ------------------------------------------------------------------------------------------ */

static void listed(struct call *c)
{
    json_t *reports = json_array();

    for (size_t i = 0; i < c->store.received_len; i++)
        json_array_append_new(reports, row_to_json(&c->store.received[i]));
    call_answer(c, json_pack("{s:o}", "reports", reports));
}

void api_reports_received_list(struct call *c)
{
    struct slice domain, since;
    uint64_t limit;

    if (!call_query_domain(c, "domain", &domain) || !call_query_day(c, "since", &since) ||
        !call_query_number(c, "limit", API_PAGE_MAX, LIST_MOST, &limit))
        return;
    c->store.verb = STORE_RECEIVED_LIST;
    c->store.name = domain;
    c->store.since_day = since;
    c->store.limit = (size_t)limit;
    call_store(c, listed);
}

static void found(struct call *c)
{
    const struct received_row *row = &c->store.received[0];
    json_t *answer = row_to_json(row);
    struct slice text = SLICE_LIT("");

    json_object_set_new(answer, "policies", policies_to_json(row));
    if (row->document.len > 0)
        (void)!tlsrpt_unpack(row->document, TLSRPT_REPORT_MAX, c->arena, &text, NULL);
    json_object_set_new(answer, "report", json_of_text(text));
    call_answer(c, answer);
}

void api_reports_received_show(struct call *c)
{
    uint64_t id;

    if (!slice_to_u64(c->params[0], &id) || id > INT64_MAX) {
        call_refuse(c, ERR_SYNTAX, "a received report has a number, as the list shows it");
        return;
    }
    c->store.verb = STORE_RECEIVED_FIND;
    c->store.id = id;
    call_store(c, found);
}

/* -- the summary -------------------------------------------------------------------------------------------- */

static const struct {
    const char *list, *by, *by2, *by3;
} sum_names[] = {
    [RECEIVED_SUM_DAY] = { "days", "day", "type", NULL },
    [RECEIVED_SUM_TYPE] = { "types", "type", NULL, NULL },
    [RECEIVED_SUM_REPORTER] = { "reporters", "reporter", "type", NULL },
    [RECEIVED_SUM_MX] = { "mx", "mx", "type", NULL },
    [RECEIVED_SUM_FAILURE] = { "failures", "result", "mx", "reason" },
};

static json_t *sum_to_json(const struct received_sum *s)
{
    json_t *j = json_object();

    json_object_set_new(j, sum_names[s->kind].by, json_of(s->by));
    if (sum_names[s->kind].by2 != NULL)
        json_object_set_new(j, sum_names[s->kind].by2, json_of(s->by2));
    if (sum_names[s->kind].by3 != NULL)
        json_object_set_new(j, sum_names[s->kind].by3, json_of(s->by3));
    if (s->kind == RECEIVED_SUM_FAILURE) {
        json_object_set_new(j, "count", json_of_count(s->failure));
        add_explanation(j, s->by);
    } else {
        add_counts(j, s->success, s->failure);
    }
    json_object_set_new(j, "reports", json_of_count(s->reports));
    json_object_set_new(j, "first_day", json_of(s->first_day));
    json_object_set_new(j, "last_day", json_of(s->last_day));
    return j;
}

/* The verified and the others apart: what anybody may have sent is never added to what is known. */
static json_t *sums_to_json(const struct store_request *r, bool is_verified)
{
    json_t *j = json_object();

    for (size_t k = 0; k < COUNT_OF(sum_names); k++)
        json_object_set_new(j, sum_names[k].list, json_array());
    for (size_t i = 0; i < r->sums_len; i++)
        if (r->sums[i].is_verified == is_verified)
            json_array_append_new(json_object_get(j, sum_names[r->sums[i].kind].list), sum_to_json(&r->sums[i]));
    return j;
}

/* Policies of ours that came into force meanwhile: what failed from then on may be their doing. */
static json_t *history_to_json(const struct store_request *r, int64_t since_s)
{
    json_t *list = json_array();

    for (size_t i = 0; i < r->policies_len; i++) {
        const struct policy_row *p = &r->policies[i];

        if (p->made_s < since_s)
            continue;
        json_array_append_new(list, json_pack("{s:o, s:s, s:o, s:o}", "at", json_of_time(p->made_s), "what",
                                              p->text.len == 0 ? "MTA-STS policy withdrawn" : "MTA-STS policy changed",
                                              "id", json_of(p->id), "policy", json_of_lines(p->text)));
    }
    return list;
}

static int64_t since_of(const json_t *answer)
{
    int64_t since_s = 0;

    (void)!units_parse_day(slice_str(json_string_value(json_object_get(answer, "since"))), &since_s, NULL);
    return since_s;
}

/* Certificates of ours that came into service meanwhile. */
static void with_certificates(struct call *c)
{
    json_t *answer = c->state, *list = json_object_get(answer, "history");

    for (size_t i = 0; c->store.status == OK && i < c->store.certs_len; i++) {
        const struct cert_row *row = &c->store.certs[i];

        json_array_append_new(list, json_pack("{s:o, s:s, s:o, s:o}", "at", json_of_time(row->since_s), "what",
                                              "certificate came into service", "certificate",
                                              json_of(row->name.len > 0 ? row->name : SLICE_LIT("of the configuration file")),
                                              "fingerprint", json_of(row->fingerprint)));
    }
    call_answer(c, answer);
}

static void with_history(struct call *c)
{
    json_t *answer = c->state;
    int64_t since_s = since_of(answer);

    json_object_set_new(answer, "history", c->store.status == OK ? history_to_json(&c->store, since_s) : json_array());
    call_store_again(c);
    c->store.verb = STORE_CERT_HISTORY;
    c->store.since_s = since_s;
    c->store.limit = HISTORY_MOST;
    call_store_try(c, with_certificates);
}

static void summed(struct call *c)
{
    json_t *answer = json_object();
    struct slice domain = c->store.name;

    json_object_set_new(answer, "domain", json_of(domain));
    json_object_set_new(answer, "since", json_of(c->store.since_day));
    json_object_set_new(answer, "verified", sums_to_json(&c->store, true));
    json_object_set_new(answer, "unverified", sums_to_json(&c->store, false));
    c->state = answer;
    call_store_again(c);
    c->store.verb = STORE_POLICY_LIST;
    c->store.name = domain;
    c->store.limit = HISTORY_MOST;
    call_store_try(c, with_history);
}

void api_reports_summary(struct call *c)
{
    struct slice domain, since;

    if (!call_query_domain(c, "domain", &domain) || !call_query_day(c, "since", &since))
        return;
    if (domain.len == 0) {
        call_refuse(c, ERR_SYNTAX, "query parameter 'domain' is missing");
        return;
    }
    c->store.verb = STORE_RECEIVED_SUMS;
    c->store.name = domain;
    c->store.since_day = since;
    call_store(c, summed);
}

/* -- import ------------------------------------------------------------------------------------------------- */

/* The items of one call at the receiver; the last to come back answers. */
struct import {
    struct call *call;
    json_t *answers;
    size_t open;
};

struct import_item {
    struct receive_request request; /* first member is its handoff item */
    struct import *import;
    size_t at;
    char *bytes;
};

static json_t *outcome_to_json(const struct receive_outcome *o)
{
    static const char *const words[] = {
        [RECEIVED_KEPT] = "kept",
        [RECEIVED_DUPLICATE] = "duplicate",
        [RECEIVED_DIFFERS] = "differs",
        [RECEIVED_OVER_QUOTA] = "over-quota",
    };
    const struct received_row *row = &o->result.row;
    json_t *j = json_object();

    json_object_set_new(j, "outcome", json_string(o->result.is_refused ? "refused" : words[o->kept]));
    json_object_set_new(j, "why", json_of(o->result.why));
    if (o->result.is_refused)
        return j;
    json_object_set_new(j, "verified", json_boolean(row->is_verified));
    json_object_set_new(j, "domain", json_of(row->domain));
    json_object_set_new(j, "reporter", json_of(row->reporter));
    json_object_set_new(j, "day", json_of(row->day));
    return j;
}

static void imported(struct receive_request *q)
{
    struct import_item *item = CONTAINER_OF(q, struct import_item, request);
    struct import *import = item->import;
    json_t *reports = json_array(), *j = json_object();

    for (size_t i = 0; q->status == OK && i < q->outcomes_len; i++)
        json_array_append_new(reports, outcome_to_json(&q->outcomes[i]));
    json_object_set_new(j, "status", json_string(q->status == OK ? "ok" : status_name(q->status)));
    if (q->status != OK)
        json_object_set_new(j, "error", json_of(slice_str(q->why.text)));
    json_object_set_new(j, "reports", reports);
    (void)json_array_set_new(import->answers, item->at, j);
    arena_release(&q->arena);
    free(item->bytes);
    free(item);
    if (--import->open == 0)
        call_answer(import->call, json_pack("{s:o}", "items", import->answers));
}

static void import_one(struct import *import, const json_t *object, size_t at, bool is_vouched)
{
    const json_t *data = json_object_get(object, "data"), *name = json_object_get(object, "name");
    struct import_item *item = NEW(struct import_item);
    size_t room = json_string_length(data) / 4 * 3 + 3, len = 0;

    item->import = import;
    item->at = at;
    item->bytes = mem_new(room, 1);
    if (sodium_base642bin((unsigned char *)item->bytes, room, json_is_string(data) ? json_string_value(data) : "",
                          json_string_length(data), NULL, &len, NULL, sodium_base64_VARIANT_ORIGINAL) != 0)
        len = 0; /* no report is in nothing */
    item->request = (struct receive_request){
        .reply_to = import->call->home->received,
        .done = imported,
        .what = { .channel = RECEIVED_BY_IMPORT,
                  .bytes = slice_of(item->bytes, len),
                  .name = slice_of(json_is_string(name) ? json_string_value(name) : "", json_string_length(name)),
                  .is_vouched = is_vouched },
    };
    import->call->admin->ask_receiver(import->call->admin->ctx, &item->request);
}

void api_reports_import(struct call *c)
{
    const json_t *items = json_object_get(c->body, "items"), *object;
    bool is_vouched = json_is_true(json_object_get(c->body, "trust"));
    struct import *import = ARENA_NEW(c->arena, struct import);
    size_t at;

    if (json_array_size(items) == 0 || json_array_size(items) > ITEMS_MOST) {
        call_refuse(c, ERR_SYNTAX, "'items' must be an array of 1 to %d objects with 'name' and 'data'", ITEMS_MOST);
        return;
    }
    *import = (struct import){ .call = c, .answers = json_array(), .open = json_array_size(items) };
    for (size_t i = 0; i < json_array_size(items); i++)
        json_array_append_new(import->answers, json_null());
    json_array_foreach(items, at, object) {
        import_one(import, object, at, is_vouched);
    }
}
