/* From what was known and what was seen to what is told: each thing once, each threshold once, and its end once. */
#include "certs/watch_state.h"

#include "base/clock.h"
#include "certs/describe.h"

enum { DAY_S = 86400, FAILURES_TOLD = 2, KEY_KEPT_S = 60 * DAY_S };

/* What a cause looks like now. */
enum view_state { VIEW_UNKNOWN, VIEW_FINE, VIEW_WRONG };

struct view {
    enum view_state state;
    int level;
    struct slice text;
};

struct watch_case {
    const struct watch_state *old; /* NULL: there was none */
    const struct watch_facts *seen;
    const struct watch_limits *limits;
    int64_t now_s;
    struct arena *arena;
    struct watch_state *out; /* with everything but notices filled in */
};

static struct view fine(void)
{
    return (struct view){ .state = VIEW_FINE };
}

static struct view unknown(void)
{
    return (struct view){ .state = VIEW_UNKNOWN };
}

static struct view wrong(struct slice text)
{
    return (struct view){ .state = VIEW_WRONG, .text = text };
}

static struct view view_unreachable(const struct watch_case *c)
{
    if (c->seen->is_reached)
        return fine();
    if (c->out->failures < FAILURES_TOLD)
        return unknown();
    return wrong(arena_printf(c->arena, "no certificate is to be had from it: %.*s", SLICE_FMT(c->seen->text)));
}

static struct view view_expiry(const struct watch_case *c)
{
    int64_t days = watch_days_left(c->out, c->now_s);
    char end[CLOCK_TEXT];
    struct view v = fine();

    if (!c->seen->is_reached)
        return unknown();
    (void)clock_rfc3339(c->out->not_after_s, end);
    for (size_t i = 0; i < c->limits->days_len && days <= (int64_t)c->limits->days[i]; i++)
        v = (struct view){ .state = VIEW_WRONG, .level = (int)c->limits->days[i] };
    if (days < 0)
        v = (struct view){ .state = VIEW_WRONG, .level = -1 };
    if (v.state == VIEW_WRONG)
        v.text = arena_printf(
            c->arena, "its certificate %s, at %s",
            v.level < 0 ? "has ended"
                        : arena_printf(c->arena, "ends in %lld day%s", (long long)days, days == 1 ? "" : "s").ptr,
            end);
    return v;
}

/* Whether those who send to it, or we, would miss trust that is not there. */
static bool trust_counts(const struct watch_case *c)
{
    return c->limits->must_be_trusted || c->out->was_trusted;
}

static struct view view_chain(const struct watch_case *c)
{
    if (!c->seen->is_reached)
        return unknown();
    if (c->seen->chain_text.len == 0 || !trust_counts(c))
        return fine();
    return wrong(arena_printf(c->arena, "its chain is not complete: %.*s", SLICE_FMT(c->seen->chain_text)));
}

/* What another cause says already is not said twice. */
static struct view view_trust(const struct watch_case *c)
{
    if (!c->seen->is_reached)
        return unknown();
    if (c->seen->is_trusted || c->seen->has_tlsa || !trust_counts(c))
        return fine();
    if (c->seen->chain_text.len > 0 || watch_days_left(c->out, c->now_s) < 0)
        return unknown();
    return wrong(arena_printf(c->arena, "its certificate is not trusted: %.*s", SLICE_FMT(c->seen->trust_text)));
}

static struct view view_tlsa(const struct watch_case *c)
{
    if (!c->seen->is_reached || !c->seen->knows_tlsa)
        return unknown();
    if (c->seen->tlsa_text.len == 0)
        return fine();
    return wrong(arena_printf(c->arena, "its certificate does not match its TLSA records: %.*s",
                              SLICE_FMT(c->seen->tlsa_text)));
}

static struct view view_difference(const struct watch_case *c)
{
    if (!c->seen->knows_difference)
        return unknown();
    return c->seen->difference.len == 0 ? fine() : wrong(arena_copy(c->arena, c->seen->difference));
}

static struct view view_policy(const struct watch_case *c)
{
    if (!c->seen->knows_policy || (c->seen->policy_text.len > 0 && c->out->policy_failures < FAILURES_TOLD))
        return unknown();
    if (c->seen->policy_text.len == 0)
        return fine();
    return wrong(arena_printf(c->arena, "its MTA-STS policy is not to be had: %.*s", SLICE_FMT(c->seen->policy_text)));
}

/* A key that the server never showed while it was watched; the first look has nothing to compare with. */
static struct view view_key(const struct watch_case *c)
{
    if (c->old == NULL || c->old->keys_len == 0)
        return fine();
    for (size_t i = 0; i < c->seen->leaves_len; i++) {
        bool is_known = false;

        for (size_t k = 0; k < c->old->keys_len; k++)
            is_known = is_known || strcmp(c->old->keys[k].spki, c->seen->leaves[i]->spki) == 0;
        if (!is_known)
            return wrong(arena_printf(c->arena,
                                      "it shows a key that was not seen there before, %.16s..., in a certificate of "
                                      "'%.*s' that ends in %lld days",
                                      c->seen->leaves[i]->spki, SLICE_FMT(c->seen->leaves[i]->issuer),
                                      (long long)certificate_days_left(c->seen->leaves[i], c->now_s)));
    }
    return fine();
}

static const struct {
    const char *name;
    struct view (*view)(const struct watch_case *c);
    const char *over; /* in words */
} causes[WATCH_CAUSES] = {
    [WATCH_UNREACHABLE] = { "unreachable", view_unreachable, "it shows a certificate again" },
    [WATCH_EXPIRY] = { "expiry", view_expiry, "its certificate was renewed" },
    [WATCH_CHAIN] = { "chain", view_chain, "its chain is complete again" },
    [WATCH_TRUST] = { "trust", view_trust, "its certificate is trusted again" },
    [WATCH_TLSA] = { "tlsa", view_tlsa, "its certificate and its TLSA records fit each other again" },
    [WATCH_DIFFERENCE] = { "difference", view_difference, "those that should show the same certificate do so again" },
    [WATCH_POLICY] = { "policy", view_policy, "its MTA-STS policy is to be had again" },
    [WATCH_KEY] = { "key", view_key, "" },
};

const char *watch_cause_name(enum watch_cause c)
{
    return causes[c].name;
}

const char *watch_cause_over(enum watch_cause c)
{
    return causes[c].over;
}

int64_t watch_days_left(const struct watch_state *s, int64_t now_s)
{
    int64_t left_s = s->not_after_s - now_s;

    return left_s >= 0 ? left_s / DAY_S : -1 - (-left_s - 1) / DAY_S;
}

/* -- what was seen ------------------------------------------------------------------------------------------------ */

static void note_key(struct watch_state *out, const char *spki, int64_t first_s, int64_t last_s)
{
    struct watch_key *k = &out->keys[out->keys_len];

    for (size_t i = 0; i < out->keys_len; i++)
        if (strcmp(out->keys[i].spki, spki) == 0)
            return;
    if (out->keys_len == WATCH_KEYS)
        return;
    memcpy(k->spki, spki, sizeof k->spki);
    k->first_s = first_s;
    k->last_s = last_s;
    out->keys_len++;
}

static int64_t first_seen(const struct watch_case *c, const char *spki)
{
    for (size_t k = 0; c->old != NULL && k < c->old->keys_len; k++)
        if (strcmp(c->old->keys[k].spki, spki) == 0)
            return c->old->keys[k].first_s;
    return c->now_s;
}

/* Servers behind one name may take turns with two keys: those of the last time stay known. */
static void take_keys(const struct watch_case *c)
{
    for (size_t i = 0; i < c->seen->leaves_len; i++)
        note_key(c->out, c->seen->leaves[i]->spki, first_seen(c, c->seen->leaves[i]->spki), c->now_s);
    for (size_t k = 0; c->old != NULL && k < c->old->keys_len; k++)
        if (c->now_s - c->old->keys[k].last_s < KEY_KEPT_S)
            note_key(c->out, c->old->keys[k].spki, c->old->keys[k].first_s, c->old->keys[k].last_s);
}

static void take_leaf(const struct watch_case *c)
{
    const struct certificate *leaf = c->seen->leaf;
    struct watch_state *out = c->out;

    out->reached_s = c->now_s;
    out->subject = arena_copy(c->arena, leaf->names_len > 0 ? leaf->names[0] : leaf->subject);
    out->issuer = arena_copy(c->arena, leaf->issuer);
    out->not_before_s = leaf->not_before_s;
    out->not_after_s = leaf->not_after_s;
    out->since_s = c->old != NULL && strcmp(c->old->sha256, leaf->sha256) == 0 ? c->old->since_s : c->now_s;
    memcpy(out->sha256, leaf->sha256, sizeof out->sha256);
    out->was_trusted = out->was_trusted || c->seen->is_trusted;
    take_keys(c);
}

/* What stays known of a server that shows nothing now. */
static void keep_leaf(const struct watch_case *c)
{
    const struct watch_state *old = c->old;
    struct watch_state *out = c->out;

    out->text = arena_copy(c->arena, c->seen->text);
    if (old == NULL)
        return;
    out->subject = arena_copy(c->arena, old->subject);
    out->issuer = arena_copy(c->arena, old->issuer);
    out->reached_s = old->reached_s;
    out->not_before_s = old->not_before_s;
    out->not_after_s = old->not_after_s;
    out->since_s = old->since_s;
    memcpy(out->sha256, old->sha256, sizeof out->sha256);
    memcpy(out->keys, old->keys, sizeof out->keys);
    out->keys_len = old->keys_len;
}

static void take_seen(const struct watch_case *c)
{
    struct watch_state *out = c->out;

    out->checked_s = c->now_s;
    out->was_trusted = c->old != NULL && c->old->was_trusted;
    out->failures = c->seen->is_reached ? 0 : (c->old == NULL ? 0 : c->old->failures) + 1;
    out->policy_failures = c->old == NULL ? 0 : c->old->policy_failures;
    if (c->seen->knows_policy)
        out->policy_failures = c->seen->policy_text.len == 0 ? 0 : out->policy_failures + 1;
    if (c->seen->is_reached)
        take_leaf(c);
    else
        keep_leaf(c);
}

/* -- what is told ------------------------------------------------------------------------------------------------- */

/* What stands of the cause from the last time. The end of a certificate has nothing to do with that of another. */
static struct watch_notice former(const struct watch_case *c, enum watch_cause cause)
{
    const struct watch_state *old = c->old;

    if (old == NULL || (cause == WATCH_EXPIRY && strcmp(old->sha256, c->out->sha256) != 0 &&
                        causes[cause].view(c).state == VIEW_WRONG))
        return (struct watch_notice){ 0 };
    return old->notices[cause];
}

static struct watch_notice notice_of(const struct watch_case *c, const struct watch_notice *was, const struct view *v)
{
    if (v->state == VIEW_UNKNOWN && was->since_s != 0)
        return (struct watch_notice){ was->since_s, was->level, arena_copy(c->arena, was->text) };
    if (v->state != VIEW_WRONG)
        return (struct watch_notice){ 0 };
    if (was->since_s == 0)
        return (struct watch_notice){ c->now_s, v->level, v->text };
    return (struct watch_notice){ was->since_s, v->level < was->level ? v->level : was->level, v->text };
}

/* True: there is news of this cause. */
static bool settle(const struct watch_case *c, enum watch_cause cause, struct watch_news *news)
{
    struct watch_notice was = former(c, cause);
    struct view v = causes[cause].view(c);
    bool is_over = v.state == VIEW_FINE && was.since_s != 0;

    if (cause != WATCH_KEY)
        c->out->notices[cause] = notice_of(c, &was, &v);
    *news = (struct watch_news){ .name = c->out->name,
                                 .cause = cause,
                                 .is_over = is_over,
                                 .text = is_over ? slice_str(causes[cause].over) : v.text };
    return is_over || (v.state == VIEW_WRONG && (was.since_s == 0 || v.level < was.level));
}

size_t watch_judge(const struct watch_state *old, const struct watch_facts *seen, const struct watch_limits *limits,
                   int64_t now_s, struct arena *arena, struct watch_state *out,
                   struct watch_news news[static WATCH_CAUSES])
{
    const struct watch_case c = {
        .old = old, .seen = seen, .limits = limits, .now_s = now_s, .arena = arena, .out = out
    };
    size_t len = 0;

    take_seen(&c);
    for (enum watch_cause cause = 0; cause < WATCH_CAUSES; cause++)
        len += settle(&c, cause, &news[len]);
    return len;
}
