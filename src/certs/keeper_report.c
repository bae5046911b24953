/* What there is and why, for people and as JSON. */
#include "base/clock.h"
#include "base/memory.h"
#include "certs/keeper_private.h"
#include "certs/tlsa_match.h"

#include <openssl/ec.h>
#include <stdio.h>

enum { DAY_S = 24 * 60 * 60, ALL = 100 };

const char *kept_state_name(enum kept_state s)
{
    static const char *const names[] = {
        [KEPT_REFUSED] = "refused", [KEPT_WAITS] = "waits",   [KEPT_HELD] = "held",
        [KEPT_ROLLS] = "rolls",     [KEPT_SERVES] = "serves", [KEPT_SUPERSEDED] = "superseded",
        [KEPT_RETIRED] = "retired",
    };

    return names[s];
}

/* -- in words ----------------------------------------------------------------------------------------------------- */

static const char *moment(int64_t wall_s, struct arena *arena)
{
    char text[CLOCK_TEXT];

    return arena_copy(arena, slice_str(clock_rfc3339(wall_s, text))).ptr;
}

/* "_25._tcp.mx.example.org. IN TLSA 3 1 1 HEX" */
static struct slice record_to_publish(const struct tlsa_watch *w, const struct cert_copy *copy, struct arena *arena)
{
    return arena_printf(arena, "%.*s. IN TLSA %.*s", SLICE_FMT(w->question),
                        SLICE_FMT(tlsa_for(&copy->certificate, arena)));
}

static struct slice guard_text(const struct guard_word *g, const struct cert_copy *copy, struct arena *arena)
{
    struct slice q;

    if (g->at == NULL)
        return SLICE_LIT("nothing holds it");
    q = g->at->question;
    switch (g->verdict) {
    case GUARD_FREE: return SLICE_LIT("nothing holds it");
    case GUARD_UNKNOWN:
        return arena_printf(arena, "waits for DNS, which does not tell the TLSA records of %.*s%s%s", SLICE_FMT(q),
                            g->at->text[0] == '\0' ? "" : ": ", g->at->text);
    case GUARD_NEEDS_RECORD:
        return arena_printf(arena, "waits for its TLSA record; publish beside those that are there: %.*s",
                            SLICE_FMT(record_to_publish(g->at, copy, arena)));
    case GUARD_WAITS_TTL:
        return arena_printf(arena, "waits until %s, when no cache holds older TLSA records of %.*s any more",
                            moment(g->until_s, arena), SLICE_FMT(q));
    }
    return SLICE_LIT("");
}

static struct slice waiting_text(const struct cert_keeper *k, const struct kept *kept, struct arena *arena)
{
    int64_t from_s = kept->source->setting.valid_from_s;
    int64_t born_s = certificate_not_before_s(kept->source->now->certificate.leaf);

    if (keeper_now_s(k) < from_s || keeper_now_s(k) < born_s)
        return arena_printf(arena, "waits until %s%s", moment(from_s > born_s ? from_s : born_s, arena),
                            born_s > from_s ? ", when it becomes valid" : "");
    return SLICE_LIT("no listener uses it");
}

static struct slice rolling_text(const struct kept *kept, struct arena *arena)
{
    int64_t until_s = kept->source->setting.take_over_s;

    return arena_printf(arena, "rolled out: %u %% of new sessions get it until %s", kept->least,
                        until_s == INT64_MAX ? "its share is cleared" : moment(until_s, arena));
}

static struct slice state_text(const struct cert_keeper *k, const struct kept *kept, struct arena *arena)
{
    switch (kept->state) {
    case KEPT_REFUSED: return arena_printf(arena, "refused: %s", kept->source->refused.text);
    case KEPT_WAITS: return waiting_text(k, kept, arena);
    case KEPT_HELD: return guard_text(&kept->guard, kept->source->now, arena);
    case KEPT_ROLLS: return rolling_text(kept, arena);
    case KEPT_SERVES:
        if (kept->percent == ALL)
            return SLICE_LIT("in service");
        return arena_printf(arena, "in service, being replaced: %u %% of new sessions get it", kept->percent);
    case KEPT_SUPERSEDED: return SLICE_LIT("replaced: another one serves its names");
    case KEPT_RETIRED: return SLICE_LIT("retired");
    }
    return SLICE_LIT("");
}

struct slice kept_text(const struct cert_keeper *k, const struct kept *kept, struct arena *arena)
{
    const struct cert_source *s = kept->source;
    struct slice text = state_text(k, kept, arena);

    if ((kept->state == KEPT_WAITS || kept->state == KEPT_HELD || kept->state == KEPT_RETIRED) && kept->percent > 0)
        text = arena_printf(arena, "%.*s; serves all the same, for nothing else has its names", SLICE_FMT(text));
    if (s->next != NULL)
        text = arena_printf(arena, "%.*s; a newer one %.*s", SLICE_FMT(text),
                            SLICE_FMT(guard_text(&kept->next_guard, s->next, arena)));
    if (s->now != NULL && s->refused.text[0] != '\0')
        text = arena_printf(arena, "%.*s; a newer one was refused: %s", SLICE_FMT(text), s->refused.text);
    if (s->now != NULL && s->now->faults.text[0] != '\0')
        text = arena_printf(arena, "%.*s; faults: %s", SLICE_FMT(text), s->now->faults.text);
    return text;
}

/* -- as JSON -------------------------------------------------------------------------------------------------------
 */

static json_t *string_of(struct slice s)
{
    json_t *j = json_stringn(s.ptr, s.len);

    return j != NULL ? j : json_string("?");
}

static json_t *time_of(int64_t wall_s)
{
    char text[CLOCK_TEXT];

    return json_string(clock_rfc3339(wall_s, text));
}

static json_t *key_of(const struct tls_certificate *c)
{
    char group[40] = "";
    const char *nist;

    if (EVP_PKEY_get_group_name(c->key, group, sizeof group, NULL) == 1 && group[0] != '\0') {
        nist = EC_curve_nid2nist(OBJ_sn2nid(group)); /* OpenSSL says "prime256v1" where everyone else says P-256 */
        return json_sprintf("%s %s", EVP_PKEY_get0_type_name(c->key), nist != NULL ? nist : group);
    }
    return json_sprintf("%s %d", EVP_PKEY_get0_type_name(c->key), EVP_PKEY_get_bits(c->key));
}

static void add_copy(json_t *j, const struct cert_keeper *k, const struct cert_copy *copy, struct arena *arena)
{
    const struct tls_certificate *c = &copy->certificate;
    int64_t end_s = certificate_not_after_s(c->leaf);
    json_t *names = json_array();

    for (size_t i = 0; i < c->names_len; i++)
        json_array_append_new(names, string_of(c->names[i]));
    json_object_set_new(j, "names", names);
    json_object_set_new(j, "key", key_of(c));
    json_object_set_new(j, "not_before", time_of(certificate_not_before_s(c->leaf)));
    json_object_set_new(j, "not_after", time_of(end_s));
    json_object_set_new(j, "days_left", json_integer((end_s - keeper_now_s(k)) / DAY_S));
    json_object_set_new(j, "fingerprint", json_string(copy->fingerprint));
    json_object_set_new(j, "tlsa", string_of(tlsa_for(c, arena)));
}

static json_t *listeners_of(const struct cert_keeper *k, const struct kept *kept)
{
    json_t *all = json_array();

    for (size_t i = 0; i < keeper_listeners(k); i++) {
        if (kept_serves(kept, keeper_listener(k, i)))
            json_array_append_new(all, json_string(keeper_listener(k, i)->name));
    }
    return all;
}

static const char *origin_of(const struct cert_source *s)
{
    return s->is_config ? "configuration" : s->setting.chain_file.len > 0 ? "files" : "store";
}

static void add_publish(json_t *j, const struct guard_word *g, const struct cert_copy *copy, struct arena *arena)
{
    if (copy != NULL && g->at != NULL && g->verdict == GUARD_NEEDS_RECORD)
        json_object_set_new(j, "publish", string_of(record_to_publish(g->at, copy, arena)));
}

static json_t *kept_to_json(const struct cert_keeper *k, const struct kept *kept, struct arena *arena)
{
    const struct cert_source *s = kept->source;
    json_t *j = json_object(), *next;

    json_object_set_new(j, "name", string_of(s->setting.name));
    json_object_set_new(j, "origin", json_string(origin_of(s)));
    json_object_set_new(j, "state", json_string(kept_state_name(kept->state)));
    json_object_set_new(j, "share", json_integer(kept->state == KEPT_ROLLS ? kept->least : kept->percent));
    json_object_set_new(j, "text", string_of(kept_text(k, kept, arena)));
    json_object_set_new(j, "listeners", listeners_of(k, kept));
    if (kept->is_in_service)
        json_object_set_new(j, "since", time_of(kept->since_s));
    if (s->refused.text[0] != '\0')
        json_object_set_new(j, "refused", string_of(slice_str(s->refused.text)));
    if (s->now == NULL)
        return j;
    add_copy(j, k, s->now, arena);
    if (s->now->faults.text[0] != '\0')
        json_object_set_new(j, "faults", string_of(slice_str(s->now->faults.text)));
    add_publish(j, &kept->guard, s->next == NULL ? s->now : NULL, arena);
    if (s->next == NULL)
        return j;
    next = json_object();
    json_object_set_new(next, "text", string_of(guard_text(&kept->next_guard, s->next, arena)));
    add_copy(next, k, s->next, arena);
    add_publish(next, &kept->next_guard, s->next, arena);
    json_object_set_new(j, "next", next);
    return j;
}

/* -- records -------------------------------------------------------------------------------------------------------
 */

struct standing {
    json_t *names; /* of certificates that are served or wait */
    bool is_served;
};

static void stand_for(const struct cert_keeper *k, const struct tlsa_watch *w, const struct watched_record *r,
                      const struct kept *kept, const struct cert_copy *copy, struct standing *out)
{
    bool is_served = copy == kept->source->now && kept->is_in_service;

    if (copy == NULL || !keeper_watch_is_for(k, kept, copy, w) || !tlsa_matches(&r->record, &copy->certificate))
        return;
    if (!is_served && (kept->state == KEPT_SUPERSEDED || kept->state == KEPT_RETIRED) && copy == kept->source->now)
        return;
    json_array_append_new(out->names, string_of(kept->source->setting.name));
    out->is_served = out->is_served || is_served;
}

static struct standing standing_of(const struct cert_keeper *k, const struct tlsa_watch *w,
                                   const struct watched_record *r)
{
    struct standing out = { .names = json_array() };

    for (size_t i = 0; i < k->len; i++) {
        stand_for(k, w, r, k->all[i], k->all[i]->source->now, &out);
        stand_for(k, w, r, k->all[i], k->all[i]->source->next, &out);
    }
    return out;
}

bool keeper_can_go(const struct cert_keeper *k, const struct tlsa_watch *w, const struct watched_record *r)
{
    bool is_served = false, is_free = false;

    for (size_t i = 0; i < w->records_len; i++) {
        struct standing s = standing_of(k, w, &w->records[i]);

        is_served = is_served || (s.is_served && w->records[i].is_usable);
        if (&w->records[i] == r)
            is_free = json_array_size(s.names) == 0;
        json_decref(s.names);
    }
    return is_served && is_free;
}

static json_t *watch_to_json(const struct cert_keeper *k, const struct tlsa_watch *w)
{
    json_t *j = json_object(), *records = json_array(), *record;

    for (size_t i = 0; i < w->records_len; i++) {
        struct standing s = standing_of(k, w, &w->records[i]);

        record = json_object();
        json_object_set_new(record, "record", string_of(w->records[i].text));
        json_object_set_new(record, "since", time_of(w->records[i].seen_s));
        json_object_set_new(record, "stands_for", s.names);
        if (keeper_can_go(k, w, &w->records[i]))
            json_object_set_new(record, "can_go", json_true());
        json_array_append_new(records, record);
    }
    json_object_set_new(j, "question", string_of(w->question));
    json_object_set_new(j, "state", json_string(dane_state_name(w->state)));
    if (w->text[0] != '\0')
        json_object_set_new(j, "trouble", string_of(slice_str(w->text)));
    json_object_set_new(j, "records", records);
    return j;
}

void keeper_write_report(struct cert_keeper *k)
{
    json_t *all = json_object(), *certificates = json_array(), *tlsa = json_array();
    struct arena arena = { 0 };
    char *text, *before;

    for (size_t i = 0; i < k->len; i++)
        json_array_append_new(certificates, kept_to_json(k, k->all[i], &arena));
    for (size_t i = 0; i < k->watches_len; i++)
        json_array_append_new(tlsa, watch_to_json(k, k->watches[i]));
    json_object_set_new(all, "certificates", certificates);
    json_object_set_new(all, "tlsa", tlsa);
    text = json_dumps(all, JSON_COMPACT);
    json_decref(all);
    arena_release(&arena);
    pthread_mutex_lock(&k->lock);
    before = k->report;
    k->report = text;
    pthread_mutex_unlock(&k->lock);
    free(before);
}
