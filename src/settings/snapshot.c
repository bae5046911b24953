#include "settings/snapshot.h"

#include "base/map.h"
#include "base/memory.h"
#include "settings/setting_set.h"
#include "smtp/path.h"

#include <stdatomic.h>

enum { ALERT_TO_MOST = 20 };

struct route {
    struct slice name;
    const struct host *host;
};

struct snapshot {
    atomic_uint references;
    uint64_t version;
    struct arena arena;
    struct gateway gateway;
    struct rule_set *rules;
    struct map alert_percents; /* "rule bank" -> 1 more than its own, where a pointer would stand */
    struct map domains, hosts, routes, users; /* by name; values live in the arena */
    const struct own_domain **own_domains;    /* the same as the map's, in order */
    size_t own_domains_len;
    struct certificate_setting *certificates;
    size_t certificates_len;
    const struct host **all_hosts; /* likewise */
    size_t all_hosts_len;
    struct partner *partners;
    size_t partners_len;
};

struct compiling {
    const struct setting_set *set;
    struct snapshot *s;
    struct fault *why;
    struct arena scratch;
    struct rule *rules;
    struct named_list *lists;
    size_t rules_len, lists_len;
};

/* -- by kind ---------------------------------------------------------------------------------------------- */

static enum status compile_reports(struct compiling *c, const struct setting_object *o)
{
    struct gateway *g = &c->s->gateway;
    struct arena *arena = &c->s->arena;

    g->report_from = setting_text(o, "report-from", arena);
    g->report_organization = setting_text(o, "report-organization", arena);
    g->report_contact = setting_text(o, "report-contact", arena);
    g->report_dkim_selector = setting_text(o, "report-dkim-selector", arena);
    g->report_dkim_key = setting_text(o, "report-dkim-key", arena);
    g->report_failures_only = setting_yes(o, "report-failures-only");
    g->report_skip = setting_list(o, "report-skip", arena, &g->report_skip_len);
    if (g->report_organization.len == 0 && g->report_from.len > 0)
        g->report_organization = slice_from(g->report_from, slice_find_last(g->report_from, '@') + 1);
    if (g->report_contact.len == 0)
        g->report_contact = g->report_from;
    if ((g->report_dkim_selector.len > 0) != (g->report_dkim_key.len > 0))
        return setting_refuse(o, g->report_dkim_key.len > 0 ? "report-dkim-selector" : "report-dkim-key", c->why,
                              "it is missing; signing takes both");
    return OK;
}

static unsigned percent_of(const struct setting_object *o, struct arena *arena)
{
    uint64_t percent = 0;

    (void)slice_to_u64(setting_text(o, "alert-failures", arena), &percent); /* the schema has let nothing else through */
    return (unsigned)percent;
}

static struct slice percent_key(const char *kind, struct slice name, struct arena *arena)
{
    return arena_printf(arena, "%s %.*s", kind, SLICE_FMT(name));
}

static void note_percent(struct compiling *c, const struct setting_object *o)
{
    struct arena *arena = &c->s->arena;

    if (setting_has(o, "alert-failures"))
        (void)map_put(&c->s->alert_percents, percent_key(o->kind->name, o->name, arena),
                      (void *)(uintptr_t)(percent_of(o, arena) + 1));
}

static enum status compile_alerts(struct compiling *c, const struct setting_object *o)
{
    struct gateway *g = &c->s->gateway;
    struct smtp_mailbox box;

    g->alert_percent = percent_of(o, &c->s->arena);
    g->alert_to = setting_list(o, "alert-to", &c->s->arena, &g->alert_to_len);
    if (g->alert_to_len > ALERT_TO_MOST)
        return setting_refuse(o, "alert-to", c->why, "there are more than %d addresses; use a mailing list", ALERT_TO_MOST);
    for (size_t i = 0; i < g->alert_to_len; i++)
        if (smtp_mailbox_parse(g->alert_to[i], false, &box) != OK || box.domain.len == 0)
            return setting_refuse(o, "alert-to", c->why, "'%.*s' is no plain address; write it like postmaster@example.org",
                                  SLICE_FMT(slice_first(g->alert_to[i], 80)));
    return OK;
}

enum { DAYS_DEFAULT = 4, INTERVAL_LEAST_S = 600 };

static int by_days(const void *a, const void *b)
{
    const unsigned *x = a, *y = b;

    return *x < *y ? 1 : *x > *y ? -1 : 0;
}

static void compile_watch_days(struct gateway *g, const struct slice *texts, size_t len, struct arena *arena)
{
    static const unsigned initial[DAYS_DEFAULT] = { 30, 14, 7, 1 };
    unsigned *days = ARENA_ARRAY(arena, unsigned, len + 1);
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++) {
        (void)slice_to_u64(texts[i], &value); /* the schema has let nothing else through */
        days[i] = (unsigned)value;
    }
    qsort(days, len, sizeof *days, by_days);
    g->watch_days = len > 0 ? days : initial;
    g->watch_days_len = len > 0 ? len : COUNT_OF(initial);
}

static enum status compile_watch(struct compiling *c, const struct setting_object *o)
{
    struct gateway *g = &c->s->gateway;
    struct arena *arena = &c->s->arena;
    const struct slice *days;
    size_t len;

    g->watches = setting_choice(o, "watch") != 0;
    g->watch_interval_s = setting_seconds(o, "watch-interval");
    days = setting_list(o, "watch-expiry-days", arena, &len);
    compile_watch_days(g, days, len, arena);
    if (g->watch_interval_s < INTERVAL_LEAST_S)
        return setting_refuse(o, "watch-interval", c->why, "it is shorter than ten minutes, which other people's servers mind");
    return OK;
}

static enum status compile_gateway(struct compiling *c, const struct setting_object *o)
{
    struct gateway *g = &c->s->gateway;
    struct arena *arena = &c->s->arena;

    g->default_level = (enum tls_level)setting_choice(o, "default-level");
    g->alternate_mode = (enum alternate_mode)setting_choice(o, "alternate-route");
    g->alternate_host = setting_text(o, "alternate-host", arena);
    g->pauses_deliveries = setting_yes(o, "pause-deliveries");
    g->postmaster = setting_text(o, "postmaster", arena);
    g->delay_warning_s = setting_seconds(o, "delay-warning");
    g->expire_s = setting_seconds(o, "expire");
    if (g->alternate_mode != ALTERNATE_OFF && g->alternate_host.len == 0)
        return setting_refuse(o, "alternate-route", c->why,
                              "the alternate secure route needs a host; set alternate-host");
    if (g->expire_s < 60)
        return setting_refuse(o, "expire", c->why, "it is shorter than a minute; nothing could be tried again");
    if (compile_reports(c, o) != OK || compile_alerts(c, o) != OK)
        return ERR_SYNTAX;
    return compile_watch(c, o);
}

static enum status add_domain(struct compiling *c, const struct setting_object *o)
{
    struct own_domain *d = ARENA_NEW(&c->s->arena, struct own_domain);

    (void)map_put(&c->s->domains, o->name, d);
    c->s->own_domains[c->s->own_domains_len++] = d;
    return compile_domain(o, &c->s->arena, d, c->why);
}

static enum status add_host(struct compiling *c, const struct setting_object *o)
{
    struct host *h = ARENA_NEW(&c->s->arena, struct host);

    (void)map_put(&c->s->hosts, o->name, h);
    c->s->all_hosts[c->s->all_hosts_len++] = h;
    return compile_host(o, &c->s->arena, h, c->why);
}

/* Hosts come before routes in the order of kinds. */
static enum status add_route(struct compiling *c, const struct setting_object *o)
{
    struct route *r = ARENA_NEW(&c->s->arena, struct route);

    if (!setting_has(o, "host"))
        return setting_refuse(o, "host", c->why, "it is missing; name the host that takes the mail");
    r->name = arena_copy(&c->s->arena, o->name);
    r->host = map_get(&c->s->hosts, setting_text(o, "host", &c->scratch));
    (void)map_put(&c->s->routes, o->name, r);
    return OK;
}

static enum status add_rule(struct compiling *c, const struct setting_object *o)
{
    const struct gateway *g = &c->s->gateway;
    bool has_alternate = g->alternate_mode != ALTERNATE_OFF && g->alternate_host.len > 0;

    return compile_rule(o, has_alternate, &c->scratch, &c->rules[c->rules_len++], c->why);
}

static enum status add_list(struct compiling *c, const struct setting_object *o)
{
    struct named_list *l = &c->lists[c->lists_len++];

    l->name = o->name;
    l->members = setting_list(o, "members", &c->scratch, &l->members_len);
    return OK;
}

static struct slice stored_hash(const struct setting_object *o, const char *which, struct arena *arena)
{
    const json_t *value = json_object_get(json_object_get(o->fields, "password"), which);

    return arena_copy(arena, slice_of(json_string_value(value), json_string_length(value)));
}

static enum status add_user(struct compiling *c, const struct setting_object *o)
{
    struct arena *arena = &c->s->arena;
    struct user *u = ARENA_NEW(arena, struct user);

    u->name = arena_copy(arena, o->name);
    u->password_hash = stored_hash(o, "hash", arena);
    u->scram = stored_hash(o, "scram", arena);
    u->senders = setting_list(o, "senders", arena, &u->senders_len);
    u->is_disabled = setting_yes(o, "disabled");
    if (u->password_hash.len == 0 && !u->is_disabled)
        return setting_refuse(o, "password", c->why, "it is missing; set one, or disabled");
    (void)map_put(&c->s->users, u->name, u);
    return OK;
}

static enum status add_certificate(struct compiling *c, const struct setting_object *o)
{
    return compile_certificate(o, &c->s->arena, &c->s->certificates[c->s->certificates_len++], c->why);
}

/* -- partners --------------------------------------------------------------------------------------------- */

struct gathering {
    struct compiling *c;
    struct map seen; /* domains */
    size_t cap;
};

static void add_partner(struct gathering *g, const struct rule *rule, struct slice pattern)
{
    struct snapshot *s = g->c->s;
    size_t at = slice_find_last(pattern, '@');
    struct slice domain = at == SIZE_MAX ? pattern : slice_from(pattern, at + 1);

    if (domain.len == 0 || domain.ptr[0] == '.' || domain.ptr[0] == '*' || map_get(&s->domains, domain) != NULL ||
        map_put(&g->seen, domain, s) != NULL)
        return;
    s->partners = mem_grow(s->partners, s->partners_len, &g->cap, sizeof *s->partners);
    s->partners[s->partners_len++] = (struct partner){ .domain = arena_copy(&s->arena, domain),
                                                       .rule = arena_copy(&s->arena, rule->name),
                                                       .level = rule->level,
                                                       .ca_file = arena_copy(&s->arena, rule->ca_file) };
}

static void add_pattern(struct gathering *g, const struct rule *rule, struct slice pattern)
{
    if (!slice_starts(pattern, RULE_LIST_PREFIX)) {
        add_partner(g, rule, pattern);
        return;
    }
    for (size_t i = 0; i < g->c->lists_len; i++) {
        const struct named_list *l = &g->c->lists[i];

        for (size_t k = 0; k < l->members_len && slice_eq(l->name, slice_from(pattern, RULE_LIST_PREFIX.len)); k++)
            add_partner(g, rule, l->members[k]);
    }
}

static void gather_partners(struct compiling *c)
{
    struct gathering g = { .c = c };

    map_init(&g.seen);
    for (size_t i = 0; i < c->rules_len; i++)
        for (size_t k = 0; k < c->rules[i].to_len && c->rules[i].direction == RULE_OUTBOUND; k++)
            add_pattern(&g, &c->rules[i], c->rules[i].to[k]);
    map_release(&g.seen);
}

/* -- all kinds -------------------------------------------------------------------------------------------- */

typedef enum status add_fn(struct compiling *c, const struct setting_object *o);

static const struct {
    const char *kind;
    add_fn *add;
} adders[] = {
    { "domain", add_domain },
    { "host", add_host },
    { "route", add_route },
    { "rule", add_rule },
    { "list", add_list },
    { "user", add_user },
    { "certificate", add_certificate },
};

static enum status add_object(struct compiling *c, const struct setting_object *o)
{
    for (size_t i = 0; i < COUNT_OF(adders); i++) {
        if (strcmp(adders[i].kind, o->kind->name) == 0)
            return adders[i].add(c, o);
    }
    return OK; /* the gateway, which went first */
}

/* The gateway has its defaults when it is not stored. */
static enum status add_gateway(struct compiling *c)
{
    const struct setting_kind *k = setting_kind_find(SLICE_LIT("gateway"));
    const struct setting_object *stored = setting_set_find(c->set, k, slice_str(k->name));
    struct setting_object initial = { .kind = k, .name = slice_str(k->name) };

    return compile_gateway(c, stored != NULL ? stored : &initial);
}

static enum status compile_all(struct compiling *c)
{
    enum status st = setting_set_check_references(c->set, NULL, c->why);

    c->rules = ARENA_ARRAY(&c->scratch, struct rule, c->set->len);
    c->s->own_domains = ARENA_ARRAY(&c->s->arena, const struct own_domain *, c->set->len);
    c->s->all_hosts = ARENA_ARRAY(&c->s->arena, const struct host *, c->set->len);
    c->lists = ARENA_ARRAY(&c->scratch, struct named_list, c->set->len);
    c->s->certificates = ARENA_ARRAY(&c->s->arena, struct certificate_setting, c->set->len);
    if (st == OK)
        st = add_gateway(c);
    for (size_t i = 0; i < c->set->len && st == OK; i++) {
        st = add_object(c, c->set->items[i]);
        if (strcmp(c->set->items[i]->kind->name, "gateway") != 0)
            note_percent(c, c->set->items[i]);
    }
    if (st == OK)
        st = rule_set_new(c->rules, c->rules_len, c->lists, c->lists_len, &c->s->rules, c->why);
    if (st == OK)
        gather_partners(c);
    return st;
}

/* -- the whole -------------------------------------------------------------------------------------------- */

static void snapshot_free(struct snapshot *s)
{
    map_release(&s->alert_percents);
    map_release(&s->domains);
    map_release(&s->hosts);
    map_release(&s->routes);
    map_release(&s->users);
    rule_set_free(s->rules);
    free(s->partners);
    arena_release(&s->arena);
    free(s);
}

enum status snapshot_compile(const struct setting_set *set, uint64_t version, struct snapshot **out, struct fault *why)
{
    struct snapshot *s = NEW(struct snapshot);
    struct compiling c = { .set = set, .s = s, .why = why };
    enum status st;

    atomic_init(&s->references, 1);
    s->version = version;
    map_init(&s->alert_percents);
    map_init(&s->domains);
    map_init(&s->hosts);
    map_init(&s->routes);
    map_init(&s->users);
    st = compile_all(&c);
    arena_release(&c.scratch);
    if (st != OK) {
        snapshot_free(s);
        return st;
    }
    *out = s;
    return OK;
}

enum status snapshot_new(const struct setting_row *rows, size_t rows_len, uint64_t version, struct snapshot **out,
                         struct fault *why)
{
    struct setting_set set;
    enum status st;

    setting_set_init(&set);
    st = setting_set_load(&set, rows, rows_len, why);
    if (st == OK)
        st = snapshot_compile(&set, version, out, why);
    setting_set_release(&set);
    return st;
}

struct snapshot *snapshot_hold(struct snapshot *s)
{
    atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
    return s;
}

void snapshot_release(struct snapshot *s)
{
    if (s != NULL && atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) == 1)
        snapshot_free(s);
}

uint64_t snapshot_version(const struct snapshot *s)
{
    return s->version;
}

const struct gateway *snapshot_gateway(const struct snapshot *s)
{
    return &s->gateway;
}

const struct rule_set *snapshot_rules(const struct snapshot *s)
{
    return s->rules;
}

bool snapshot_is_our_domain(const struct snapshot *s, struct slice domain)
{
    return map_get(&s->domains, domain) != NULL;
}

const struct own_domain *snapshot_own_domain(const struct snapshot *s, struct slice domain)
{
    return map_get(&s->domains, domain);
}

size_t snapshot_own_domains(const struct snapshot *s, const struct own_domain *const **out)
{
    *out = s->own_domains;
    return s->own_domains_len;
}

const struct host *snapshot_host(const struct snapshot *s, struct slice name)
{
    return map_get(&s->hosts, name);
}

const struct certificate_setting *snapshot_certificates(const struct snapshot *s, size_t *len)
{
    *len = s->certificates_len;
    return s->certificates;
}

unsigned snapshot_alert_percent(const struct snapshot *s, const char *kind, struct slice name)
{
    struct arena arena = { 0 };
    uintptr_t own = (uintptr_t)map_get(&s->alert_percents, percent_key(kind, name, &arena));

    arena_release(&arena);
    return own > 0 ? (unsigned)own - 1 : s->gateway.alert_percent;
}

size_t snapshot_hosts(const struct snapshot *s, const struct host *const **out)
{
    *out = s->all_hosts;
    return s->all_hosts_len;
}

size_t snapshot_partners(const struct snapshot *s, const struct partner **out)
{
    *out = s->partners;
    return s->partners_len;
}

const struct user *snapshot_user(const struct snapshot *s, struct slice name)
{
    return map_get(&s->users, name);
}

static const struct route *find_route(const struct snapshot *s, struct slice domain)
{
    const struct route *r = map_get(&s->routes, domain);

    for (size_t i = 1; i < domain.len && r == NULL; i++) {
        if (domain.ptr[i] == '.')
            r = map_get(&s->routes, slice_from(domain, i));
    }
    return r != NULL ? r : map_get(&s->routes, SLICE_LIT("*"));
}

const struct host *snapshot_route(const struct snapshot *s, struct slice domain, struct slice *route)
{
    const struct route *r = domain.len == 0 ? NULL : find_route(s, domain);

    if (r == NULL)
        return NULL;
    *route = r->name;
    return r->host;
}
