#include "domains/policy_keeper.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "discovery/mx.h"
#include "domains/policy_file.h"

#include <sys/random.h>

enum { LOOK_AGAIN_MS = 60 * 1000, HELD_S = 86400 };

/* A domain that has or had a policy; stays until the end. */
struct entry {
    struct policy_keeper *keeper;
    struct slice domain;
    char id[STS_ID_TEXT];
    char *text; /* NULL: none yet */
    int64_t made_s;
    struct fault trouble;
    char *held;     /* a policy with other servers that unsigned DNS tells of; NULL: none */
    int64_t held_s; /* since when */
    /* under way */
    struct mx_lookup lookup;
    struct store_request save;
    struct policy_row row;
    char new_id[STS_ID_TEXT];
    struct arena arena;
    bool is_busy, is_due; /* due: again, once it is not busy */
};

struct policy_keeper {
    struct loop *loop;
    struct resolver *resolver;
    struct store *store;
    struct snapshot *settings;
    struct map entries; /* by domain */
    struct arena arena;
    struct handoff *stored;
    struct loop_io stored_io;
    struct loop_timer again;
    bool is_stopped;
};

static void consider(struct entry *e);

static void say_trouble(struct entry *e, const char *text)
{
    if (strcmp(e->trouble.text, text) != 0 && text[0] != '\0')
        log_warning(NULL, "no new MTA-STS policy of ours", LOG_STR("domain", e->domain), LOG_CSTR("why", text));
    (void)snprintf(e->trouble.text, sizeof e->trouble.text, "%s", text);
}

/* `trouble` is empty when all went well. */
static void finish(struct entry *e, const char *trouble)
{
    say_trouble(e, trouble);
    mx_lookup_release(&e->lookup);
    arena_reset(&e->arena);
    e->is_busy = false;
    if (e->is_due)
        consider(e);
}

/* -- saving ------------------------------------------------------------------------------------------------- */

static void save(struct entry *e, struct slice text, struct slice last_id);

static void on_saved(struct store_request *r)
{
    struct entry *e = CONTAINER_OF(r, struct entry, save);

    arena_release(&r->arena);
    if (r->status == ERR_EXISTS) { /* a clock that was set back, or a change that was not known to be saved */
        save(e, e->row.text, e->row.id);
        return;
    }
    if (r->status != OK) {
        finish(e, r->why.text);
        return;
    }
    free(e->text);
    free(e->held);
    e->held = NULL;
    e->text = mem_str(e->row.text);
    memcpy(e->id, e->new_id, sizeof e->id);
    e->made_s = e->row.made_s;
    log_info(NULL, "new MTA-STS policy of ours", LOG_STR("domain", e->domain), LOG_CSTR("id", e->id),
             LOG_CSTR("text", e->text));
    finish(e, "");
}

static void save(struct entry *e, struct slice text, struct slice last_id)
{
    char last[STS_ID_TEXT];

    (void)slice_to_cstr(last_id, last, sizeof last); /* it may lie in new_id */
    policy_id_new(clock_wall_s(), slice_str(last), e->new_id);
    e->row =
        (struct policy_row){ .domain = e->domain, .id = slice_str(e->new_id), .text = text, .made_s = clock_wall_s() };
    e->save = (struct store_request){
        .verb = STORE_POLICY_ADD, .policy = &e->row, .reply_to = e->keeper->stored, .done = on_saved
    };
    store_send(e->keeper->store, &e->save);
}

static void on_stored(struct loop_io *io, unsigned events)
{
    struct policy_keeper *k = CONTAINER_OF(io, struct policy_keeper, stored_io);
    struct handoff_item *item = handoff_take(k->stored);

    (void)events;
    while (item != NULL) {
        struct store_request *r = CONTAINER_OF(item, struct store_request, item);

        item = item->next;
        r->done(r);
    }
}

/* -- making ------------------------------------------------------------------------------------------------- */

static const struct own_domain *wanted(const struct entry *e)
{
    const struct own_domain *d = snapshot_own_domain(e->keeper->settings, e->domain);

    return d != NULL && d->hosts_policy ? d : NULL;
}

/* Unsigned DNS must tell the same for a day before an enforced policy follows it. */
static bool is_held(struct entry *e, const struct own_domain *d, struct slice text)
{
    int64_t now_s = clock_wall_s();

    if (d->sts_mode != STS_MODE_ENFORCE || e->text == NULL ||
        !policy_file_differs_in_servers(text, slice_str(e->text)))
        return false;
    if (e->held == NULL || !slice_eq(text, slice_str(e->held))) {
        free(e->held);
        e->held = mem_str(text);
        e->held_s = now_s;
    }
    return now_s < e->held_s + HELD_S;
}

static void say_held(struct entry *e)
{
    char when[CLOCK_TEXT];
    struct fault why;

    (void)fault_set(&why, ERR_TEMPORARY,
                    "DNS, which is not signed, tells of other mail servers; the policy follows at %s, or at once when "
                    "mta-sts-mx names them",
                    clock_rfc3339(e->held_s + HELD_S, when));
    finish(e, why.text);
}

static void make(struct entry *e, const struct slice *servers, size_t servers_len, bool is_proven)
{
    const struct own_domain *d = wanted(e);
    struct slice text;

    if (d == NULL) {
        finish(e, "");
        return;
    }
    text = policy_file_write(d, servers, servers_len, &e->arena);
    if (text.len == 0)
        finish(e, "the domain has no mail servers; publish MX records, or set mta-sts-mx");
    else if (e->text != NULL && slice_eq(text, slice_str(e->text)))
        finish(e, "");
    else if (!is_proven && is_held(e, d, text))
        say_held(e);
    else
        save(e, text, slice_str(e->id));
}

/* A forged or missing answer changes nothing: the policy stays as it was. */
static void on_servers(struct mx_lookup *l)
{
    struct entry *e = CONTAINER_OF(l, struct entry, lookup);
    const struct mx_result *r = &l->result;
    struct slice *names = ARENA_ARRAY(&e->arena, struct slice, r->servers_len + 1);
    struct fault why;

    if (r->outcome != MX_FOUND) {
        (void)fault_set(&why, ERR_TEMPORARY, "cannot tell the domain's mail servers: %.*s", SLICE_FMT(r->text));
        finish(e, why.text);
        return;
    }
    for (size_t i = 0; i < r->servers_len; i++)
        names[i] = r->servers[i].name;
    make(e, names, r->servers_len, r->is_secure);
}

static void consider(struct entry *e)
{
    struct policy_keeper *k = e->keeper;
    const struct own_domain *d = wanted(e);
    uint32_t random = 0;

    e->is_due = e->is_busy;
    if (e->is_busy || d == NULL || k->is_stopped)
        return;
    e->is_busy = true;
    if (d->sts_mx_len > 0 || d->sts_mode == STS_MODE_NONE) {
        make(e, NULL, 0, true);
        return;
    }
    (void)!getrandom(&random, sizeof random, 0);
    e->lookup.done = on_servers;
    mx_lookup_start(&e->lookup, k->loop, k->resolver, e->domain, SLICE_LIT(""), random);
}

static struct entry *entry_of(struct policy_keeper *k, struct slice domain)
{
    struct entry *e = map_get(&k->entries, domain);

    if (e != NULL)
        return e;
    e = NEW(struct entry);
    e->keeper = k;
    e->domain = arena_copy(&k->arena, domain);
    (void)map_put(&k->entries, e->domain, e);
    return e;
}

static void consider_all(struct policy_keeper *k)
{
    const struct own_domain *const *domains;
    size_t len = snapshot_own_domains(k->settings, &domains);

    for (size_t i = 0; i < len; i++) {
        if (domains[i]->hosts_policy)
            consider(entry_of(k, domains[i]->name));
    }
}

static void on_again(struct loop_timer *t)
{
    struct policy_keeper *k = CONTAINER_OF(t, struct policy_keeper, again);

    consider_all(k);
    loop_timer_set(k->loop, t, LOOK_AGAIN_MS);
}

/* -- life --------------------------------------------------------------------------------------------------- */

static enum status load(struct policy_keeper *k, struct fault *why)
{
    struct store_request r = { .verb = STORE_POLICY_LIST };
    enum status st = store_call(k->store, &r);

    for (size_t i = 0; st == OK && i < r.policies_len; i++) {
        struct entry *e = entry_of(k, r.policies[i].domain);

        (void)slice_to_cstr(r.policies[i].id, e->id, sizeof e->id);
        e->text = mem_str(r.policies[i].text);
        e->made_s = r.policies[i].made_s;
    }
    if (st != OK)
        *why = r.why;
    arena_release(&r.arena);
    return st;
}

enum status policy_keeper_new(struct loop *loop, struct resolver *r, struct store *store, struct snapshot *settings,
                              struct policy_keeper **out, struct fault *why)
{
    struct policy_keeper *k = NEW(struct policy_keeper);
    enum status st;

    k->loop = loop;
    k->resolver = r;
    k->store = store;
    k->settings = settings;
    k->again.fire = on_again;
    map_init(&k->entries);
    k->stored = handoff_new();
    k->stored_io.ready = on_stored;
    loop_watch(loop, &k->stored_io, handoff_fd(k->stored), LOOP_READ);
    st = load(k, why);
    if (st != OK) {
        policy_keeper_free(k);
        return st;
    }
    loop_timer_set(loop, &k->again, 0);
    *out = k;
    return OK;
}

void policy_keeper_stop(struct policy_keeper *k)
{
    struct map_entry *at = NULL;
    struct slice domain;
    void *value;

    k->is_stopped = true;
    loop_timer_clear(k->loop, &k->again);
    while (map_next(&k->entries, &at, &domain, &value))
        mx_lookup_release(&((struct entry *)value)->lookup);
}

void policy_keeper_free(struct policy_keeper *k)
{
    struct map_entry *at = NULL;
    struct slice domain;
    void *value;

    if (k == NULL)
        return;
    policy_keeper_stop(k);
    on_stored(&k->stored_io, 0);
    while (map_next(&k->entries, &at, &domain, &value)) {
        struct entry *e = value;

        arena_release(&e->arena);
        free(e->text);
        free(e->held);
        free(e);
    }
    map_release(&k->entries);
    loop_unwatch(k->loop, &k->stored_io);
    handoff_free(k->stored);
    arena_release(&k->arena);
    snapshot_release(k->settings);
    free(k);
}

void policy_keeper_adopt(struct policy_keeper *k, struct snapshot *fresh)
{
    snapshot_release(k->settings);
    k->settings = fresh;
    consider_all(k);
}

struct snapshot *policy_keeper_settings(const struct policy_keeper *k)
{
    return k->settings;
}

bool policy_keeper_last(const struct policy_keeper *k, struct slice domain, struct own_policy *out)
{
    const struct entry *e = map_get(&k->entries, domain);

    if (e == NULL || e->text == NULL)
        return false;
    *out = (struct own_policy){ .domain = e->domain,
                                .id = slice_str(e->id),
                                .text = slice_str(e->text),
                                .made_s = e->made_s,
                                .trouble = slice_str(e->trouble.text) };
    return true;
}

bool policy_keeper_find(const struct policy_keeper *k, struct slice domain, struct own_policy *out)
{
    const struct own_domain *d = snapshot_own_domain(k->settings, domain);

    if (d == NULL || !d->hosts_policy)
        return false;
    if (!policy_keeper_last(k, domain, out)) {
        const struct entry *e = map_get(&k->entries, domain);

        *out = (struct own_policy){ .domain = d->name,
                                    .id = SLICE_LIT(""),
                                    .text = SLICE_LIT(""),
                                    .trouble = slice_str(e == NULL ? "" : e->trouble.text) };
    }
    return true;
}
