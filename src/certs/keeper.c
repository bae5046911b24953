#include "certs/keeper.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "certs/keeper_private.h"
#include "certs/tlsa_match.h"

#include "certs/acme.h"

enum { TICK_MS = 1000, EVERY_S = 30, REPORT_EVERY_S = 60 };

int64_t keeper_now_s(const struct cert_keeper *k)
{
    return k->config.wall_s();
}

/* -- the sources ------------------------------------------------------------------------------------------------- */

static struct kept *add_source(struct cert_keeper *k, const struct certificate_setting *setting, bool is_config)
{
    struct kept *kept = NEW(struct kept);

    kept->source = cert_source_new(setting, is_config);
    kept->told_state = KEPT_WAITS;
    k->all = mem_grow(k->all, k->len, &k->cap, sizeof *k->all);
    k->all[k->len++] = kept;
    return kept;
}

static void free_kept(struct kept *kept)
{
    cert_source_free(kept->source);
    free(kept);
}

static bool has_files(const struct cert_keeper *k, const struct tls_server_certificate *f)
{
    for (size_t i = 0; i < k->len; i++) {
        const struct certificate_setting *s = &k->all[i]->source->setting;

        if (slice_eq(s->chain_file, slice_str(f->chain_file)) && slice_eq(s->key_file, slice_str(f->key_file)))
            return true;
    }
    return false;
}

size_t keeper_listeners(const struct cert_keeper *k)
{
    return k->config.config->listeners_len + (k->config.policy_host != NULL ? 1 : 0);
}

const struct config_listener *keeper_listener(const struct cert_keeper *k, size_t at)
{
    const struct config *c = k->config.config;

    return at < c->listeners_len ? &c->listeners[at] : &k->policy_host;
}

/* Each pair of files once, whatever listeners name it. */
static void add_config(struct cert_keeper *k)
{
    for (size_t i = 0; i < keeper_listeners(k); i++) {
        const struct tls_server_config *c = &keeper_listener(k, i)->tls_config;

        for (size_t f = 0; f < c->certificates_len && k->len < KEEPER_SOURCES_MOST; f++) {
            struct certificate_setting s = { .chain_file = slice_str(c->certificates[f].chain_file),
                                             .key_file = slice_str(c->certificates[f].key_file),
                                             .name = slice_str(c->certificates[f].chain_file) };

            if (!has_files(k, &c->certificates[f]))
                (void)add_source(k, &s, true);
        }
    }
    k->config_len = k->len;
}

static struct kept *find_setting(const struct cert_keeper *k, struct slice name)
{
    for (size_t i = k->config_len; i < k->len; i++) {
        if (slice_eq(k->all[i]->source->setting.name, name))
            return k->all[i];
    }
    return NULL;
}

static void take_settings(struct cert_keeper *k, struct snapshot *settings)
{
    size_t len, kept_len = k->config_len;
    const struct certificate_setting *s = snapshot_certificates(settings, &len);

    for (size_t i = k->config_len; i < k->len; i++)
        k->all[i]->is_named = false;
    for (size_t i = 0; i < len && k->len < KEEPER_SOURCES_MOST; i++) {
        struct arena arena = { 0 };
        struct certificate_setting setting = acme_files(&s[i], k->config.config->acme.folder, &arena);
        struct kept *kept = find_setting(k, s[i].name);

        if (kept == NULL)
            kept = add_source(k, &setting, false);
        else
            cert_source_set(kept->source, &setting);
        kept->is_named = true;
        arena_release(&arena);
    }
    for (size_t i = k->config_len; i < k->len; i++) {
        if (k->all[i]->is_named)
            k->all[kept_len++] = k->all[i];
        else
            free_kept(k->all[i]);
    }
    k->is_to_save = k->is_to_save || kept_len != k->len;
    k->len = kept_len;
}

/* -- what is told --------------------------------------------------------------------------------------------------
 */

static void tell_refused(struct kept *kept)
{
    const struct fault *now = &kept->source->refused;

    if (strcmp(now->text, kept->told_refused.text) == 0)
        return;
    kept->told_refused = *now;
    if (now->text[0] == '\0')
        return;
    if (kept->source->now != NULL)
        log_error(NULL, "keeping the old certificate: the new one cannot be used",
                  LOG_STR("certificate", kept->source->setting.name), LOG_CSTR("why", now->text));
    else
        log_error(NULL, "certificate cannot be used", LOG_STR("certificate", kept->source->setting.name),
                  LOG_CSTR("why", now->text));
}

static void tell(struct cert_keeper *k, struct kept *kept)
{
    static const bool is_worrying[] = { [KEPT_HELD] = true, [KEPT_REFUSED] = true, [KEPT_RETIRED] = false };
    const char *fingerprint = kept->source->now == NULL ? "" : kept->source->now->fingerprint;
    struct arena arena = { 0 };
    struct slice text;

    tell_refused(kept);
    if (kept->state == kept->told_state && strcmp(fingerprint, kept->told) == 0)
        return;
    k->is_changed = true;
    (void)snprintf(kept->told, sizeof kept->told, "%s", fingerprint);
    kept->told_state = kept->state;
    text = kept_text(k, kept, &arena);
    if (kept->state < COUNT_OF(is_worrying) && is_worrying[kept->state])
        log_warning(NULL, "certificate is not served as asked for", LOG_STR("certificate", kept->source->setting.name),
                    LOG_STR("state", text), LOG_CSTR("fingerprint", fingerprint));
    else
        log_info(NULL, "certificate changed its state", LOG_STR("certificate", kept->source->setting.name),
                 LOG_STR("state", text), LOG_CSTR("fingerprint", fingerprint));
    arena_release(&arena);
}

/* -- what is kept over a restart -------------------------------------------------------------------------------------
 */

static void load_service(struct cert_keeper *k)
{
    struct store_request r = { .verb = STORE_CERT_LOAD };

    if (store_call(k->config.store, &r) != OK)
        log_warning(NULL, "cannot tell which certificates were in service", LOG_CSTR("why", r.why.text));
    for (size_t i = 0; i < r.certs_len && r.status == OK; i++) {
        struct kept *kept = find_setting(k, r.certs[i].name);

        if (kept == NULL || !slice_to_cstr(r.certs[i].fingerprint, kept->source->served, sizeof kept->source->served))
            continue;
        kept->since_s = r.certs[i].since_s;
    }
    arena_release(&r.arena);
}

/* "3 1 1 HEX" without its numbers. */
static struct slice spki_of(const struct cert_copy *copy, struct arena *arena)
{
    return slice_from(tlsa_for(&copy->certificate, arena), sizeof "3 1 1 " - 1);
}

static void save_service(struct cert_keeper *k)
{
    struct cert_row *rows;
    size_t len = 0;

    if (k->is_saving || !k->is_to_save)
        return;
    rows = ARENA_ARRAY(&k->save_arena, struct cert_row, k->len);
    for (size_t i = 0; i < k->len; i++) {
        const struct kept *kept = k->all[i];
        struct slice name = kept->source->is_config ? SLICE_LIT("") : kept->source->setting.name;

        if (!kept->is_in_service || kept->source->now == NULL)
            continue;
        rows[len++] =
            (struct cert_row){ .name = arena_copy(&k->save_arena, name),
                               .fingerprint = arena_copy(&k->save_arena, slice_str(kept->source->now->fingerprint)),
                               .since_s = kept->since_s,
                               .spki = spki_of(kept->source->now, &k->save_arena) };
    }
    keeper_note_served(k, rows, len);
    k->save =
        (struct store_request){ .verb = STORE_CERT_SAVE, .reply_to = k->saved, .certs_in = rows, .certs_in_len = len,
                                .now_s = keeper_now_s(k) };
    k->is_saving = true;
    k->is_to_save = false;
    store_send(k->config.store, &k->save);
}

static void on_saved(struct loop_io *io, unsigned events)
{
    struct cert_keeper *k = CONTAINER_OF(io, struct cert_keeper, saved_io);

    (void)events;
    if (handoff_take(k->saved) == NULL)
        return;
    if (k->save.status != OK)
        log_warning(NULL, "cannot keep which certificates are in service", LOG_CSTR("why", k->save.why.text));
    arena_release(&k->save.arena);
    arena_release(&k->save_arena);
    k->is_saving = false;
    k->is_to_save = k->is_to_save || k->save.status == ERR_FULL || k->save.status == ERR_TEMPORARY;
}

/* -- one round -------------------------------------------------------------------------------------------------------
 */

/* What was in service before a restart goes on without asking. */
static bool was_served(const struct kept *kept)
{
    return strcmp(kept->source->served, kept->source->now->fingerprint) == 0;
}

static void guard(struct cert_keeper *k, struct kept *kept)
{
    struct cert_source *s = kept->source;

    if (s->next != NULL) {
        kept->next_guard =
            kept->is_in_service ? keeper_guard(k, kept, s->next) : (struct guard_word){ .verdict = GUARD_FREE };
        if (kept->next_guard.verdict == GUARD_FREE) {
            cert_source_advance(s);
            kept->guard = kept->next_guard;
            kept->since_s = keeper_now_s(k);
            k->is_to_save = true;
            if (kept->is_in_service)
                return;
        }
    }
    kept->guard = (struct guard_word){ .verdict = GUARD_FREE };
    if (s->now != NULL && !s->is_config && !kept->is_in_service && !was_served(kept))
        kept->guard = keeper_guard(k, kept, s->now);
}

static void round_of(struct cert_keeper *k)
{
    int64_t now_s = keeper_now_s(k);

    for (size_t i = 0; i < k->len; i++)
        k->is_changed |= cert_source_look(k->all[i]->source, k->config.config->hostname, now_s);
    keeper_tend_watches(k, k->is_running);
    for (size_t i = 0; i < k->len; i++)
        guard(k, k->all[i]);
    keeper_plan(k);
    for (size_t i = 0; i < k->len; i++)
        tell(k, k->all[i]);
    save_service(k);
    if (k->is_changed || now_s < k->reported_s || now_s - k->reported_s >= REPORT_EVERY_S) {
        keeper_write_report(k);
        k->reported_s = now_s;
        k->is_changed = false;
    }
}

static void on_tick(struct loop_timer *t)
{
    struct cert_keeper *k = CONTAINER_OF(t, struct cert_keeper, tick);

    k->is_running = true;
    round_of(k);
    loop_timer_set(k->config.loop, &k->tick, TICK_MS);
}

/* -- the whole
 * --------------------------------------------------------------------------------------------------------- */

struct cert_keeper *cert_keeper_new(const struct cert_keeper_config *config, struct snapshot *settings)
{
    struct cert_keeper *k = NEW(struct cert_keeper);

    k->config = *config;
    k->policy_host = (struct config_listener){ .name = "policy-host",
                                               .role = ROLE_POLICY_HOST,
                                               .addresses = config->config->policy_host.addresses,
                                               .addresses_len = config->config->policy_host.addresses_len,
                                               .tls = LISTENER_IMPLICIT,
                                               .tls_config = config->config->policy_host.tls_config };
    if (k->config.every_s == 0)
        k->config.every_s = EVERY_S;
    if (k->config.wall_s == NULL)
        k->config.wall_s = clock_wall_s;
    pthread_mutex_init(&k->lock, NULL);
    k->plans = mem_new(keeper_listeners(k), sizeof *k->plans);
    k->tick.fire = on_tick;
    k->saved = handoff_new();
    k->saved_io.ready = on_saved;
    loop_watch(config->loop, &k->saved_io, handoff_fd(k->saved), LOOP_READ);
    add_config(k);
    take_settings(k, settings);
    load_service(k);
    keeper_load_former(k);
    round_of(k);
    loop_timer_set(config->loop, &k->tick, 0);
    return k;
}

void cert_keeper_adopt(struct cert_keeper *k, struct snapshot *settings)
{
    take_settings(k, settings);
    k->is_changed = true;
    round_of(k);
}

void cert_keeper_refresh(struct cert_keeper *k)
{
    round_of(k);
}

void cert_keeper_free(struct cert_keeper *k)
{
    if (k == NULL)
        return;
    while (k->is_saving && handoff_wait(k->saved, -1))
        on_saved(&k->saved_io, LOOP_READ);
    loop_timer_clear(k->config.loop, &k->tick);
    loop_unwatch(k->config.loop, &k->saved_io);
    handoff_free(k->saved);
    keeper_free_watches(k);
    for (size_t i = 0; i < k->len; i++)
        free_kept(k->all[i]);
    for (size_t i = 0; i < keeper_listeners(k); i++)
        free(k->plans[i]);
    free(k->plans);
    free(k->former);
    free(k->all);
    free(k->report);
    arena_release(&k->save_arena);
    pthread_mutex_destroy(&k->lock);
    free(k);
}

struct slice cert_keeper_report(struct cert_keeper *k, struct arena *arena)
{
    struct slice out;

    pthread_mutex_lock(&k->lock);
    out = arena_copy(arena, slice_str(k->report));
    pthread_mutex_unlock(&k->lock);
    return out;
}
