/* reports/job.c: one report in the making: the domain's record, what was counted, the claim. */
#include "base/log.h"
#include "base/memory.h"
#include "mail/address.h"
#include "reports/sender_private.h"
#include "tlsrpt/gzip.h"

enum { HOST_PAGE = 500 };

void job_free(struct job *j)
{
    struct report_sender *s = j->sender;

    resolver_cancel(s->resolver, &j->query);
    TAILQ_REMOVE(&s->jobs, j, in_list);
    s->jobs_len--;
    snapshot_release(j->settings);
    arena_release(&j->request.arena);
    arena_release(&j->arena);
    buf_release(&j->mail_text);
    free(j->rows);
    free(j);
}

void job_end(struct job *j)
{
    struct report_sender *s = j->sender;

    job_free(j);
    sender_job_ended(s);
}

static void end_for_now(struct job *j, const char *why)
{
    sender_retry(j->sender, j, why);
    job_end(j);
}

void job_ask_store(struct job *j, struct store_request r, void (*done)(struct store_request *r))
{
    arena_release(&j->request.arena);
    j->request = r;
    sender_store(j->sender, &j->request, done);
}

static void ask_record(struct job *j, struct slice domain,
                       void (*done)(struct resolver_query *, const struct dns_answer *))
{
    j->query = (struct resolver_query){ .done = done };
    resolver_ask(j->sender->resolver, &j->query, arena_printf(&j->arena, "_smtp._tls.%.*s", SLICE_FMT(domain)),
                 DNS_TXT);
}

/* False: there is none, or none that names anybody. */
static bool read_record(const struct dns_answer *answer, struct arena *arena, struct tlsrpt_record *out)
{
    struct slice *texts = ARENA_ARRAY(arena, struct slice, answer->records_len);
    struct fault why;

    if (answer->outcome != DNS_FOUND)
        return false;
    for (size_t i = 0; i < answer->records_len; i++)
        texts[i] = answer->records[i].bytes;
    return tlsrpt_record_choose(texts, answer->records_len, arena, out, &why) == RECORD_VALID && out->uris_len > 0;
}

/* -- the claim --------------------------------------------------------------------------------------------------- */

static void on_claimed(struct store_request *r)
{
    struct job *j = CONTAINER_OF(r, struct job, request);

    if (r->status == OK)
        job_send(j);
    else if (r->status == ERR_EXISTS)
        job_end(j);
    else
        end_for_now(j, r->why.text);
}

/* Who claims the row sends the report; nothing leaves before (RFC 8460 section 4.1: one a day). */
static void compose(struct job *j)
{
    const struct gateway *g = snapshot_gateway(j->settings);
    struct composition *c = &j->composition;

    report_compose(j->rows, j->rows_len, j->domain, j->start_s, g, slice_str(j->sender->hostname), &j->arena, c);
    if (c->odd > 0)
        log_warning(NULL, "rows of a TLS report cannot be read", LOG_STR("domain", j->domain),
                    LOG_INT("rows", c->odd));
    if (c->report.policies_len == 0 || (g->report_failures_only && !c->has_failures)) {
        job_end(j);
        return;
    }
    j->row = (struct report_row){ .day = j->day,
                                  .domain = j->domain,
                                  .report_id = c->report.id,
                                  .document = gzip_pack(c->json, &j->arena),
                                  .made_s = j->sender->wall_s() };
    job_ask_store(j, (struct store_request){ .verb = STORE_REPORT_CLAIM, .report = &j->row }, on_claimed);
}

/* -- what was counted --------------------------------------------------------------------------------------------- */

static void keep_rows(struct job *j, const struct store_request *r)
{
    for (size_t i = 0; i < r->report_counts_len; i++) {
        const struct report_count_row *c = &r->report_counts[i];

        j->rows = mem_grow(j->rows, j->rows_len, &j->rows_cap, sizeof *j->rows);
        j->rows[j->rows_len++] = (struct tlsrpt_row){ .domain = j->domain,
                                                      .policy = arena_copy(&j->arena, c->policy),
                                                      .detail = arena_copy(&j->arena, c->detail),
                                                      .count = c->count };
    }
}

static void ask_counts(struct job *j, struct slice key, void (*done)(struct store_request *r))
{
    job_ask_store(j, (struct store_request){ .verb = STORE_REPORT_COUNTS, .since_day = j->day, .name = key }, done);
}

static void next_hosted(struct job *j);

static void on_hosted_counts(struct store_request *r)
{
    struct job *j = CONTAINER_OF(r, struct job, request);

    if (r->status != OK) {
        end_for_now(j, r->why.text);
        return;
    }
    keep_rows(j, r);
    next_hosted(j);
}

static bool names_all(const struct tlsrpt_record *a, const struct tlsrpt_record *b)
{
    size_t found = 0;

    for (size_t i = 0; i < a->uris_len; i++)
        for (size_t k = 0; k < b->uris_len; k++)
            if (slice_eq(a->uris[i].uri, b->uris[k].uri)) {
                found++;
                break;
            }
    return found == a->uris_len;
}

/* Who gets the recipient domain's report has this in it already. */
static void on_hosted_record(struct resolver_query *q, const struct dns_answer *answer)
{
    struct job *j = CONTAINER_OF(q, struct job, query);
    struct tlsrpt_record theirs = { 0 };

    if (read_record(answer, &j->arena, &theirs) && names_all(&j->record, &theirs))
        next_hosted(j);
    else
        ask_counts(j, j->hosted[j->hosted_at - 1], on_hosted_counts);
}

static void next_hosted(struct job *j)
{
    struct slice domain;

    if (j->hosted_at == j->hosted_len) {
        compose(j);
        return;
    }
    (void)slice_cut(j->hosted[j->hosted_at++], '/', &domain);
    ask_record(j, domain, on_hosted_record);
}

static void ask_hosted(struct job *j, struct slice after);

static void on_hosted(struct store_request *r)
{
    struct job *j = CONTAINER_OF(r, struct job, request);
    struct slice prefix = arena_printf(&j->arena, "%.*s/", SLICE_FMT(j->domain));
    size_t i = 0;

    if (r->status != OK) {
        end_for_now(j, r->why.text);
        return;
    }
    for (; i < r->report_counts_len && j->hosted_len < HOSTED_MOST; i++) {
        if (!slice_starts(r->report_counts[i].domain, prefix))
            break;
        j->hosted[j->hosted_len++] = arena_copy(&j->arena, r->report_counts[i].domain);
    }
    if (i == HOST_PAGE && j->hosted_len < HOSTED_MOST)
        ask_hosted(j, j->hosted[j->hosted_len - 1]);
    else
        next_hosted(j);
}

static void ask_hosted(struct job *j, struct slice after)
{
    job_ask_store(j,
                  (struct store_request){
                      .verb = STORE_REPORT_DOMAINS, .since_day = j->day, .after = after, .limit = HOST_PAGE },
                  on_hosted);
}

static void on_counts(struct store_request *r)
{
    struct job *j = CONTAINER_OF(r, struct job, request);

    if (r->status != OK) {
        end_for_now(j, r->why.text);
        return;
    }
    keep_rows(j, r);
    ask_hosted(j, arena_printf(&j->arena, "%.*s/", SLICE_FMT(j->domain)));
}

/* -- whom it goes to ---------------------------------------------------------------------------------------------- */

static bool is_skipped(const struct gateway *g, struct rule_address a)
{
    for (size_t i = 0; i < g->report_skip_len; i++)
        if (rule_pattern_matches(g->report_skip[i], a))
            return true;
    return false;
}

static bool is_wanted(struct job *j, const struct tlsrpt_uri *u)
{
    const struct gateway *g = snapshot_gateway(j->settings);
    struct mail_address a;

    if (u->scheme == TLSRPT_HTTPS)
        return !is_skipped(g, (struct rule_address){ .local = SLICE_LIT("-"), .domain = u->host });
    return mail_address_parse(&j->arena, u->address, &a, NULL) == OK &&
           !is_skipped(g, (struct rule_address){ .local = a.local, .domain = a.domain });
}

static void choose_targets(struct job *j)
{
    const struct gateway *g = snapshot_gateway(j->settings);

    j->targets = ARENA_ARRAY(&j->arena, struct report_target, j->record.uris_len);
    if (is_skipped(g, (struct rule_address){ .local = SLICE_LIT("-"), .domain = j->domain }))
        return;
    for (size_t i = 0; i < j->record.uris_len; i++) {
        const struct tlsrpt_uri *u = &j->record.uris[i];

        if (is_wanted(j, u))
            j->targets[j->targets_len++] = (struct report_target){
                .scheme = u->scheme, .uri = u->uri, .host = u->host, .path = u->path, .state = TARGET_WAITING
            };
    }
}

static void on_record(struct resolver_query *q, const struct dns_answer *answer)
{
    struct job *j = CONTAINER_OF(q, struct job, query);

    if (answer->outcome == DNS_FAILED || answer->outcome == DNS_BOGUS) {
        end_for_now(j, answer->why == NULL ? dns_outcome_name(answer->outcome) : answer->why);
        return;
    }
    if (read_record(answer, &j->arena, &j->record))
        choose_targets(j);
    if (j->targets_len == 0)
        job_end(j);
    else
        ask_counts(j, j->domain, on_counts);
}

void job_start(struct report_sender *s, struct slice domain, int64_t start_s, int64_t first_s, unsigned tries)
{
    struct job *j = NEW(struct job);
    char day[CALENDAR_DAY_TEXT];

    j->sender = s;
    j->settings = snapshot_hold(s->settings);
    j->domain = arena_copy(&j->arena, domain);
    j->day = arena_copy(&j->arena, calendar_day(start_s, day));
    j->start_s = start_s;
    j->first_s = first_s;
    j->tries = tries;
    buf_init(&j->mail_text, COMPOSE_MAIL_MAX);
    TAILQ_INSERT_TAIL(&s->jobs, j, in_list);
    s->jobs_len++;
    ask_record(j, domain, on_record);
}
