/* One round: what is to be looked at, and the looks, a few at a time and none in a hurry. */
#include "certs/watch_private.h"

#include "base/log.h"
#include "base/memory.h"
#include "policy/tls_record.h"

#include <sys/random.h>

enum {
    FINDERS_MOST = 4,
    LOOKS_AT_A_TIME = 6,
    LOOKS_MOST = 2000,
    SERVERS_OF_ONE = 16, /* MX of one domain */
    STEP_MS = 20000,
};

struct watch_finder { /* of the servers of one target */
    struct mx_lookup mx;
    struct resolver_query query;
    struct watch_round *round;
    const struct watch_target *target;
    bool is_open;
};

static void go_on(struct watch_round *r)
{
    loop_timer_set(r->watch->config.loop, &r->soon, 0);
}

/* -- what is looked at -------------------------------------------------------------------------------------------- */

static struct watch_look *new_look(struct watch_round *r, const struct watch_target *t,
                                   const struct cert_target *server, struct slice name)
{
    struct watch_look *l = NEW(struct watch_look);

    l->round = r;
    l->target = t;
    l->server = *server;
    l->server.host = arena_copy(&r->arena, server->host);
    l->name = name;
    (void)map_put(&r->by_name, name, l);
    r->looks = mem_grow(r->looks, r->looks_len, &r->looks_cap, sizeof(struct watch_look *));
    r->looks[r->looks_len++] = l;
    return l;
}

static void add_subject(struct watch_look *l, struct slice subject)
{
    for (size_t i = 0; i < l->subjects_len; i++)
        if (slice_eq(l->subjects[i], subject))
            return;
    l->subjects = mem_grow(l->subjects, l->subjects_len, &l->subjects_cap, sizeof *l->subjects);
    l->subjects[l->subjects_len++] = subject;
}

static void add_server(struct watch_round *r, const struct watch_target *t, const struct cert_target *server)
{
    struct slice name = watch_server_name(server, t->sni, &r->arena);
    struct watch_look *l = map_get(&r->by_name, name);

    if (l == NULL && r->looks_len == LOOKS_MOST)
        return;
    if (l == NULL)
        l = new_look(r, t, server, name);
    if (t < l->target)
        l->target = t; /* whichever was found first */
    l->must_be_trusted = l->must_be_trusted || t->must_be_trusted;
    add_subject(l, t->subject);
}

static bool has_subject(const struct watch_state *s, struct slice subject)
{
    for (size_t i = 0; i < s->subjects_len; i++)
        if (slice_eq(s->subjects[i], subject))
            return true;
    return false;
}

/* DNS does not say now: those that were known stay. */
static void add_known(struct watch_round *r, const struct watch_target *t)
{
    struct map_entry *at = NULL;
    struct slice name;
    void *value;

    while (map_next(&r->watch->entries, &at, &name, &value)) {
        const struct watch_entry *e = value;
        struct slice sni, text = slice_cut(name, '/', &sni);
        struct cert_target server;
        struct fault why;

        if (has_subject(&e->state, t->subject) && cert_target_parse(text, 0, &r->arena, &server, &why) == OK)
            add_server(r, t, &server);
    }
}

static void add_mx(struct watch_round *r, const struct watch_target *t, const struct mx_result *mx)
{
    if (mx->outcome == MX_FAILED || mx->outcome == MX_BOGUS)
        add_known(r, t);
    for (size_t i = 0; mx->outcome == MX_FOUND && i < mx->servers_len && i < SERVERS_OF_ONE; i++) {
        struct net_address ip;
        struct cert_target server = { mx->servers[i].name, t->server.port, false };

        server.is_address = net_address_parse(server.host, 0, &ip) == OK;
        add_server(r, t, &server);
    }
}

static void end_finder(struct watch_finder *f)
{
    mx_lookup_release(&f->mx);
    f->mx = (struct mx_lookup){ 0 };
    f->is_open = false;
    go_on(f->round);
}

static void on_mx(struct mx_lookup *l)
{
    struct watch_finder *f = CONTAINER_OF(l, struct watch_finder, mx);

    add_mx(f->round, f->target, &l->result);
    end_finder(f);
}

static void on_record(struct resolver_query *q, const struct dns_answer *answer)
{
    struct watch_finder *f = CONTAINER_OF(q, struct watch_finder, query);
    struct slice *texts = ARENA_ARRAY(&f->round->arena, struct slice, answer->records_len + 1);
    char id[STS_ID_TEXT];
    struct fault why;

    for (size_t i = 0; i < answer->records_len; i++)
        texts[i] = answer->records[i].bytes;
    if (answer->outcome == DNS_FAILED || answer->outcome == DNS_BOGUS)
        add_known(f->round, f->target);
    else if (sts_record_choose(texts, answer->records_len, id, &why) != RECORD_NONE)
        add_server(f->round, f->target, &f->target->server);
    end_finder(f);
}

static void start_finder(struct watch_finder *f, const struct watch_target *t)
{
    struct watch_round *r = f->round;
    uint32_t random = 0;

    f->target = t;
    f->is_open = true;
    if (t->lookup == WATCH_LOOKUP_MX) {
        (void)!getrandom(&random, sizeof random, 0);
        f->mx.done = on_mx;
        mx_lookup_start(&f->mx, r->watch->config.loop, r->watch->config.resolver, t->domain, SLICE_LIT(""), random);
    } else {
        f->query.done = on_record;
        resolver_ask(r->watch->config.resolver, &f->query,
                     arena_printf(&r->arena, "_mta-sts.%.*s", SLICE_FMT(t->domain)), DNS_TXT);
    }
}

/* True: everything is found. */
static bool find_servers(struct watch_round *r)
{
    bool is_open = false;

    for (size_t i = 0; i < FINDERS_MOST; i++) {
        while (!r->finders[i].is_open && r->target_at < r->targets_len) {
            const struct watch_target *t = &r->targets[r->target_at++];

            if (t->lookup == WATCH_LOOKUP_NONE)
                add_server(r, t, &t->server);
            else
                start_finder(&r->finders[i], t);
        }
        is_open = is_open || r->finders[i].is_open;
    }
    return !is_open;
}

/* -- the looks ---------------------------------------------------------------------------------------------------- */

static bool is_named(const struct watch_look *l, struct slice named)
{
    if (slice_eq_case(l->name, named) || slice_eq_case(l->server.host, named) ||
        slice_eq_case(slice_first(l->name, slice_find(l->name, '/')), named))
        return true;
    for (size_t i = 0; i < l->subjects_len; i++) {
        struct slice what;

        (void)slice_cut(l->subjects[i], ' ', &what);
        if (slice_eq_case(l->subjects[i], named) || slice_eq_case(what, named))
            return true;
    }
    return false;
}

static bool has_failed(const struct watch_look *l)
{
    const struct watch_entry *e = map_get(&l->round->watch->entries, l->name);

    return e != NULL && (e->state.failures == 1 || e->state.policy_failures == 1);
}

static void choose(struct watch_round *r)
{
    for (size_t i = 0; i < r->looks_len; i++) {
        struct watch_look *l = r->looks[i];

        l->is_wanted = r->scope == WATCH_ALL || (r->scope == WATCH_NAMED && is_named(l, r->named)) ||
                       (r->scope == WATCH_FAILED && has_failed(l));
    }
}

static void end_look(struct watch_look *l)
{
    l->is_done = true;
    l->round->open--;
    go_on(l->round);
}

static void on_policy(struct sts_fetch *f)
{
    struct watch_look *l = CONTAINER_OF(f, struct watch_look, fetch);

    l->facts.knows_policy = true;
    if (f->failure != TLS_RESULT_OK)
        l->facts.policy_text = arena_copy(&l->round->arena, slice_str(f->why.text));
    end_look(l);
}

static void on_survey(struct survey *s)
{
    struct watch_look *l = CONTAINER_OF(s, struct watch_look, survey);

    watch_facts_of(s, &l->round->arena, &l->facts);
    if (l->target->kind != WATCH_POLICY_HOST) {
        end_look(l);
        return;
    }
    l->fetch.done = on_policy;
    sts_fetch_start(&l->fetch, l->round->watch->config.https, l->target->domain);
}

static void start_look(struct watch_look *l)
{
    const struct watch *w = l->round->watch;
    const struct config_outbound *out = &w->config.config->outbound;
    const struct survey_target to = {
        .server = l->server,
        .way = l->target->way,
        .sni = l->target->sni,
        .helo = out->helo,
        .from4 = out->has_address4 && l->target->kind != WATCH_LISTENER ? &out->address4 : NULL,
        .from6 = out->has_address6 && l->target->kind != WATCH_LISTENER ? &out->address6 : NULL,
        .ca_file = l->target->ca_file,
        .has_few_questions = true,
        .pace = w->pace,
        .timeout_ms = STEP_MS,
        .now_s = l->round->now_s,
        .has_global_only = !l->target->allows_private,
    };

    l->round->open++;
    l->survey.done = on_survey;
    survey_start(&l->survey, w->config.loop, w->config.resolver, w->prober, &to);
}

/* True: all are done. */
static bool look_on(struct watch_round *r)
{
    while (r->look_at < r->looks_len && r->open < LOOKS_AT_A_TIME) {
        struct watch_look *l = r->looks[r->look_at++];

        if (l->is_wanted)
            start_look(l);
    }
    return r->open == 0;
}

/* -- its end ------------------------------------------------------------------------------------------------------ */

static void on_saved(struct store_request *q)
{
    struct watch_round *r = CONTAINER_OF(q, struct watch_round, save);
    bool is_saved = q->status == OK;

    if (!is_saved)
        log_warning(NULL, "what was seen of certificates is not kept: the store does not take it",
                    LOG_CSTR("why", q->why.text));
    arena_release(&q->arena);
    watch_round_ended(r->watch, r, is_saved);
    watch_round_free(r);
}

static void save(struct watch_round *r)
{
    watch_round_judge(r);
    r->save = (struct store_request){ .verb = STORE_WATCH_SAVE, .watched_in = r->rows, .watched_in_len = r->rows_len };
    watch_ask_store(r->watch, &r->save, on_saved);
}

static void on_soon(struct loop_timer *t)
{
    struct watch_round *r = CONTAINER_OF(t, struct watch_round, soon);

    if (!find_servers(r))
        return;
    if (r->look_at == 0)
        choose(r);
    if (look_on(r))
        save(r);
}

struct watch_round *watch_round_new(struct watch *w, enum watch_scope scope, struct slice named, uint64_t number)
{
    struct watch_round *r = NEW(struct watch_round);

    r->watch = w;
    r->settings = snapshot_hold(w->settings);
    r->scope = scope;
    r->named = arena_copy(&r->arena, named);
    r->number = number;
    r->now_s = w->wall_s();
    map_init(&r->by_name);
    r->targets_len = watch_targets(w->config.config, r->settings, &r->arena, &r->targets);
    r->finders = mem_new(FINDERS_MOST, sizeof *r->finders);
    for (size_t i = 0; i < FINDERS_MOST; i++)
        r->finders[i].round = r;
    r->soon.fire = on_soon;
    go_on(r);
    return r;
}

static void free_look(struct watch_look *l)
{
    sts_fetch_release(&l->fetch);
    survey_release(&l->survey);
    if (l->fresh != NULL) {
        arena_release(&l->fresh->arena);
        free(l->fresh);
    }
    free(l->subjects);
    free(l);
}

void watch_round_free(struct watch_round *r)
{
    if (r == NULL)
        return;
    loop_timer_clear(r->watch->config.loop, &r->soon);
    for (size_t i = 0; i < FINDERS_MOST; i++) {
        mx_lookup_release(&r->finders[i].mx);
        resolver_cancel(r->watch->config.resolver, &r->finders[i].query);
    }
    for (size_t i = 0; i < r->looks_len; i++)
        free_look(r->looks[i]);
    free(r->finders);
    free(r->looks);
    free(r->news);
    map_release(&r->by_name);
    snapshot_release(r->settings);
    arena_release(&r->arena);
    free(r);
}
