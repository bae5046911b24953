#include "domains/drift.h"

#include "alerts/alert_round.h"
#include "base/map.h"
#include "base/memory.h"

#include <stdlib.h>

enum { FIRST_MS = 60 * 1000, EACH_MS = 30 * 60 * 1000, KNOWN_MOST = 50000 };

struct drift {
    struct drift_config config;
    struct loop_timer timer;
    struct inspection *look; /* under way; NULL: none is */
    size_t at;               /* among our domains */
    struct map known;        /* records with their values that were right once, since the start */
    struct alert_round round;
};

static const struct slice cause = { "record-drift", 12 };

/* Where several of a type stand side by side, each is one; a record with a marker may change its value. */
static struct slice subject_of(const struct own_record *r, struct arena *arena)
{
    struct slice value = own_record_value_text(r->type, r->value, arena);

    if (r->marker.len > 0 || r->value.len == 0)
        return arena_printf(arena, "record %.*s %s", SLICE_FMT(r->owner), own_record_type_name(r->type));
    return arena_printf(arena, "record %.*s %s %.*s", SLICE_FMT(r->owner), own_record_type_name(r->type),
                        SLICE_FMT(value));
}

/* A record that is to have another value is another one. */
static struct slice key_of(const struct own_record *r, struct arena *arena)
{
    return arena_printf(arena, "%.*s %d %d %.*s", SLICE_FMT(r->owner), (int)r->type, r->is_gone ? 1 : 0,
                        SLICE_FMT(own_record_value_text(r->type, r->value, arena)));
}

static void raise(struct drift *d, const struct inspected_record *r, struct slice domain, struct arena *arena)
{
    struct alert a = { .cause = cause, .subject = subject_of(&r->wanted, arena), .severity = ALERT_ERROR };

    a.text = arena_printf(arena, "DNS had it as it must be, and no longer has (%s); it must be: %.*s",
                          own_record_state_name(r->state), SLICE_FMT(own_record_line(&r->wanted, arena)));
    a.remedy =
        arena_printf(arena, "'sternpost domain records %.*s' compares, 'sternpost domain publish %.*s' sends it",
                     SLICE_FMT(domain), SLICE_FMT(domain));
    alert_book_raise(d->config.alerts, &a);
}

static void observe(struct drift *d, const struct inspected_record *r, struct slice domain)
{
    struct arena arena = { 0 };
    struct slice key = key_of(&r->wanted, &arena);
    bool is_right = r->state == OWN_RECORD_OK || r->state == OWN_RECORD_WAITS,
         was_right = map_get(&d->known, key) != NULL;

    alert_round_see(&d->round, cause, subject_of(&r->wanted, &arena));
    if (is_right && !was_right && map_count(&d->known) < KNOWN_MOST)
        (void)map_put(&d->known, key, d);
    if (is_right)
        alert_book_end(d->config.alerts, cause, subject_of(&r->wanted, &arena),
                       SLICE_LIT("DNS has it as it must be again"));
    else if (r->state != OWN_RECORD_UNKNOWN && was_right)
        raise(d, r, domain, &arena);
    arena_release(&arena);
}

void drift_observe(struct drift *d, const struct inspection *i)
{
    const struct inspected_record *records;
    size_t len = inspection_records(i, &records);

    for (size_t k = 0; k < len; k++)
        if (records[k].wanted.is_sent)
            observe(d, &records[k], inspection_domain(i));
    if (!inspection_is_whole(i))
        alert_round_miss(&d->round);
}

static void look_at_next(struct drift *d);

static void on_timer(struct loop_timer *t)
{
    struct drift *d = CONTAINER_OF(t, struct drift, timer);

    inspection_free(d->look);
    d->look = NULL;
    look_at_next(d);
}

static void on_inspected(struct inspection *i)
{
    struct drift *d = inspection_ctx(i);

    drift_observe(d, i);
    loop_timer_set(d->config.loop, &d->timer, 0);
}

static void look_at_next(struct drift *d)
{
    const struct own_domain *const *domains;
    size_t len = snapshot_own_domains(policy_keeper_settings(d->config.policies), &domains);
    struct inspection_config c = { .loop = d->config.loop,
                                   .resolver = d->config.resolver,
                                   .config = d->config.config,
                                   .keeper = d->config.policies,
                                   .certificates = d->config.certificates,
                                   .done = on_inspected,
                                   .ctx = d };

    if (d->at >= len) {
        d->at = 0;
        alert_round_end(&d->round, d->config.alerts, &cause, 1, SLICE_LIT("the record is no longer wanted"));
        loop_timer_set(d->config.loop, &d->timer, EACH_MS);
        return;
    }
    c.domain = domains[d->at++]->name;
    d->look = inspection_start(&c);
}

struct drift *drift_new(const struct drift_config *config)
{
    struct drift *d = NEW(struct drift);

    d->config = *config;
    d->timer.fire = on_timer;
    map_init(&d->known);
    alert_round_init(&d->round);
    loop_timer_set(config->loop, &d->timer, FIRST_MS);
    return d;
}

void drift_free(struct drift *d)
{
    if (d == NULL)
        return;
    loop_timer_clear(d->config.loop, &d->timer);
    inspection_free(d->look);
    map_release(&d->known);
    alert_round_release(&d->round);
    free(d);
}
