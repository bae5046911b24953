#include "bridge/entry.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/memory.h"
#include "bridge/netstring.h"

#include <stdlib.h>

struct lookup_entry *entry_new(struct lookups *owner, struct slice name)
{
    struct lookup_entry *e = NEW(struct lookup_entry);

    e->owner = owner;
    e->name = slice_of(mem_str(name), name.len);
    return e;
}

static void drop_replies(struct lookup_entry *e)
{
    for (size_t i = 0; i < ANSWER_MAPS; i++) {
        free((char *)(uintptr_t)e->replies[i].ptr);
        e->replies[i] = slice_of(NULL, 0);
    }
}

void entry_free(struct lookup_entry *e)
{
    drop_replies(e);
    sts_facts_release(e->sts);
    free((char *)(uintptr_t)e->name.ptr);
    free(e);
}

/* -- what the settings say --------------------------------------------------------------------------------- */

/* Postfix does not say who sends, so only rules for every sender can speak: those that match the null sender. */
void entry_demand(const struct snapshot *settings, struct slice name, bool is_relay, int64_t wall_s,
                  struct arena *arena, struct decision *out)
{
    const struct host *host = is_relay ? snapshot_host(settings, name) : NULL;
    const struct policy_facts facts = {
        .recipient = { .domain = name },
        .rules = snapshot_rules(settings),
        .default_level = snapshot_gateway(settings)->default_level,
        .host = host == NULL ? NULL : &host->demand,
        .looks_up_mx = !is_relay,
        .now_s = wall_s,
    };

    policy_decide(&facts, arena, out);
}

void entry_decide(struct lookup_entry *e, const struct snapshot *settings, struct entry_time now)
{
    struct arena arena = { 0 };
    struct decision demand;

    if (e->decided_ms != 0 && e->version == snapshot_version(settings) &&
        now.mono_ms - e->decided_ms < DECIDE_AGAIN_MS)
        return;
    entry_demand(settings, e->name, false, now.wall_s, &arena, &demand);
    e->is_settled = answer_is_settled(&demand);
    e->requires_tls = decision_requires_tls(&demand);
    e->is_ours = snapshot_is_our_domain(settings, e->name);
    e->version = snapshot_version(settings);
    e->decided_ms = now.mono_ms;
    drop_replies(e);
    arena_release(&arena);
}

/* -- what is known ------------------------------------------------------------------------------------------ */

static bool dane_holds(const struct lookup_entry *e, struct entry_time now)
{
    return e->has_dane && now.mono_ms < e->dane_until_ms;
}

static bool sts_holds(const struct lookup_entry *e, struct entry_time now)
{
    return e->sts != NULL && (e->sts->finding != STS_FOUND || now.wall_s < e->sts->expires_s);
}

bool entry_wants_dane(const struct lookup_entry *e, struct entry_time now)
{
    return !e->is_ours && !e->is_settled && !dane_holds(e, now);
}

bool entry_wants_sts(const struct lookup_entry *e, struct entry_time now)
{
    if (e->is_ours || e->is_settled || (dane_holds(e, now) && !answer_asks_sts(&e->dane, e->requires_tls)))
        return false;
    return !sts_holds(e, now) || now.mono_ms - e->sts_at_ms >= STS_STALE_MS;
}

static struct slice make_reply(const struct lookup_entry *e, enum answer_map map, const struct snapshot *settings,
                               struct entry_time now, struct arena *arena)
{
    struct decision demand;
    struct answer_facts f = { .domain = e->name, .demand = &demand, .dane = { .mx_is_unknown = true } };

    if (e->is_ours)
        return ANSWER_NOTFOUND;
    entry_demand(settings, e->name, false, now.wall_s, arena, &demand);
    if (dane_holds(e, now))
        f.dane = e->dane;
    if (sts_holds(e, now))
        f.sts = e->sts;
    return answer_write(&f, map, arena);
}

struct slice entry_reply(struct lookup_entry *e, enum answer_map map, const struct snapshot *settings,
                         struct entry_time now)
{
    struct arena arena = { 0 };
    struct slice reply;
    struct buf framed;

    if (entry_wants_dane(e, now) || entry_wants_sts(e, now))
        drop_replies(e);
    if (e->replies[map].len > 0)
        return e->replies[map];
    reply = make_reply(e, map, settings, now, &arena);
    if (slice_starts(reply, SLICE_LIT("TEMP")))
        log_info(NULL, "Postfix is told to try again later", LOG_STR("domain", e->name), LOG_STR("reply", reply));
    buf_init(&framed, reply.len + NETSTRING_OVERHEAD);
    (void)!netstring_add(&framed, reply);
    e->replies[map] = slice_of(mem_str(buf_slice(&framed)), buf_slice(&framed).len);
    buf_release(&framed);
    arena_release(&arena);
    return e->replies[map];
}

/* -- what was found ------------------------------------------------------------------------------------------ */

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

static bool is_silent(const struct answer_dane *dane)
{
    return dane->failed > 0 || dane->mx_is_unknown;
}

static int64_t dane_keep_s(const struct answer_dane *dane, int64_t ttl_s)
{
    if (is_silent(dane))
        return DANE_RETRY_S;
    if (dane->usable + dane->unusable == 0)
        return ttl_s == 0 ? DANE_NEGATIVE_S : clamp(ttl_s, DANE_LEAST_S, DANE_NEGATIVE_S);
    return clamp(ttl_s, DANE_LEAST_S, DANE_MOST_S);
}

int64_t entry_take_dane(struct lookup_entry *e, const struct answer_dane *dane, int64_t ttl_s, struct entry_time now)
{
    int64_t keep_s = dane_keep_s(dane, ttl_s);

    if (is_silent(dane) && dane_holds(e, now))
        return keep_s;
    e->has_dane = true;
    e->dane = *dane;
    e->dane_until_ms = now.mono_ms + keep_s * 1000;
    drop_replies(e);
    return keep_s;
}

void entry_take_sts(struct lookup_entry *e, const struct sts_facts *facts, struct entry_time now)
{
    bool is_same = facts == e->sts;

    sts_facts_release(e->sts);
    e->sts = facts;
    e->sts_at_ms = now.mono_ms;
    if (!is_same)
        drop_replies(e);
}
