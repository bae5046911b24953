/* The end of a round: looks are compared and judged, and made into what is kept and told. */
#include "certs/watch_private.h"

#include "base/log.h"
#include "base/memory.h"

static bool is_for(const struct watch_look *l, struct slice subject)
{
    for (size_t i = 0; i < l->subjects_len; i++)
        if (slice_eq(l->subjects[i], subject))
            return true;
    return false;
}

enum { COMPARED_MOST = 32 };

static int by_name(const void *a, const void *b)
{
    const struct watch_look *const *x = a, *const *y = b;

    return strcmp((*x)->name.ptr, (*y)->name.ptr);
}

/* The servers of one target, in the same order each time, and whether all of them were looked at. */
static size_t servers_of(const struct watch_round *r, struct slice subject,
                         struct watch_look *out[static COMPARED_MOST], bool *is_whole)
{
    size_t len = 0;

    *is_whole = true;
    for (size_t i = 0; i < r->looks_len && len < COMPARED_MOST; i++) {
        if (!is_for(r->looks[i], subject))
            continue;
        *is_whole = *is_whole && r->looks[i]->is_done && r->looks[i]->facts.is_reached;
        out[len++] = r->looks[i];
    }
    qsort(out, len, sizeof(struct watch_look *), by_name);
    return len;
}

static void compare(struct watch_round *r, struct slice subject)
{
    struct watch_look *looks[COMPARED_MOST] = { NULL };
    const struct survey *surveys[COMPARED_MOST];
    bool is_whole;
    size_t len = servers_of(r, subject, looks, &is_whole);
    struct slice text = SLICE_LIT("");

    for (size_t i = 0; i < len; i++)
        surveys[i] = &looks[i]->survey;
    if (is_whole && len > 1)
        text = survey_difference(surveys, len, &r->arena);
    for (size_t i = 0; i < len; i++) {
        struct watch_facts *f = &looks[i]->facts;

        f->knows_difference = f->knows_difference && is_whole;
        if (text.len > 0 && i == 0 && f->difference.len == 0)
            f->difference = text; /* one cause is told of once */
    }
}

/* Partners' servers are their own business as long as each is good. */
static void compare_all(struct watch_round *r)
{
    struct slice last = SLICE_LIT("");

    for (size_t i = 0; i < r->targets_len; i++) {
        if (r->targets[i].kind != WATCH_PARTNER && !slice_eq(r->targets[i].subject, last))
            compare(r, r->targets[i].subject);
        last = r->targets[i].subject;
    }
    for (size_t i = 0; i < r->looks_len; i++)
        if (r->looks[i]->target->kind == WATCH_PARTNER)
            r->looks[i]->facts.difference = SLICE_LIT("");
}

static void add_news(struct watch_round *r, const struct watch_news *news, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        r->news = mem_grow(r->news, r->news_len, &r->news_cap, sizeof *r->news);
        r->news[r->news_len++] = news[i];
    }
}

static void add_row(struct watch_round *r, struct slice name, const struct watch_state *state)
{
    struct watched_row *row = &r->rows[r->rows_len++];
    json_t *j;
    char *text;

    *row = (struct watched_row){ .name = name, .state = SLICE_LIT("") };
    if (state == NULL)
        return;
    j = watch_state_write(state);
    text = json_dumps(j, JSON_COMPACT);
    row->state = arena_copy(&r->arena, slice_str(text));
    free(text);
    json_decref(j);
}

static void judge(struct watch_round *r, struct watch_look *l)
{
    const struct gateway *g = snapshot_gateway(r->settings);
    const struct watch_entry *old = map_get(&r->watch->entries, l->name);
    const struct watch_limits limits = { g->watch_days, g->watch_days_len, l->must_be_trusted };
    struct watch_news news[WATCH_CAUSES] = { 0 };
    struct watch_entry *e = NEW(struct watch_entry);
    struct slice *subjects = ARENA_ARRAY(&e->arena, struct slice, l->subjects_len + 1);

    for (size_t i = 0; i < l->subjects_len; i++)
        subjects[i] = arena_copy(&e->arena, l->subjects[i]);
    e->state = (struct watch_state){ .name = arena_copy(&e->arena, l->name),
                                     .kind = l->target->kind,
                                     .subjects = subjects,
                                     .subjects_len = l->subjects_len };
    add_news(r, news,
             watch_judge(old == NULL ? NULL : &old->state, &l->facts, &limits, r->now_s, &e->arena, &e->state, news));
    l->fresh = e;
    add_row(r, l->name, &e->state);
}

/* What nothing leads to any more. */
static void forget_gone(struct watch_round *r)
{
    struct map_entry *at = NULL;
    struct slice name;
    void *value;

    while (map_next(&r->watch->entries, &at, &name, &value))
        if (map_get(&r->by_name, name) == NULL)
            add_row(r, arena_copy(&r->arena, name), NULL);
}

void watch_round_judge(struct watch_round *r)
{
    r->rows = ARENA_ARRAY(&r->arena, struct watched_row, r->looks_len + map_count(&r->watch->entries) + 1);
    compare_all(r);
    for (size_t i = 0; i < r->looks_len; i++)
        if (r->looks[i]->is_done)
            judge(r, r->looks[i]);
    forget_gone(r);
}

/* -- telling ---------------------------------------------------------------------------------------------- */

enum { GROWN_MOST = 1000 };

static const struct {
    enum alert_severity severity;
    const char *remedy;
} tellings[WATCH_CAUSES] = {
    [WATCH_UNREACHABLE] = { ALERT_WARNING,
                            "look whether the server is up, and whether port and STARTTLS can be reached from here" },
    [WATCH_EXPIRY] = { ALERT_WARNING, "renew it, let the server load it, and look again with 'sternpost watch now'" },
    [WATCH_CHAIN] = { ALERT_ERROR, "let the server send the certificates up to the root, in order" },
    [WATCH_TRUST] = { ALERT_ERROR, "'sternpost cert --text' tells what is wrong with it" },
    [WATCH_TLSA] = { ALERT_ERROR,
                     "publish the record of the certificate that is served, or serve the one that is published" },
    [WATCH_DIFFERENCE] = { ALERT_WARNING,
                           "load the same certificate behind every address, unless a roll-out is under way" },
    [WATCH_POLICY] = { ALERT_ERROR, "see what 'sternpost check' says of the domain's policy host" },
    [WATCH_KEY] = { ALERT_NOTE,
                    "nothing, if it was you or the partner told you; TLSA records of the old key no longer match" },
};

/* Each threshold that is passed is worse than the one before. */
static unsigned grown(enum watch_cause cause, int days)
{
    return cause == WATCH_EXPIRY ? (unsigned)(GROWN_MOST - days) : 0;
}

static struct slice cause_of(enum watch_cause cause, struct arena *arena)
{
    return arena_printf(arena, "certificate-%s", watch_cause_name(cause));
}

static struct alert alert_of(struct slice name, enum watch_cause cause, struct slice text, struct arena *arena)
{
    return (struct alert){ .cause = cause_of(cause, arena),
                           .subject = name,
                           .text = arena_printf(arena, "%.*s: %.*s", SLICE_FMT(name), SLICE_FMT(text)),
                           .remedy = slice_str(tellings[cause].remedy),
                           .severity = tellings[cause].severity };
}

static void tell_of(struct alert_book *book, const struct watch_state *s, struct arena *arena)
{
    for (enum watch_cause cause = 0; cause < WATCH_CAUSES; cause++) {
        const struct watch_notice *n = &s->notices[cause];
        struct alert a = alert_of(s->name, cause, n->text, arena);

        a.level = grown(cause, n->level);
        if (cause == WATCH_EXPIRY && n->level < 0)
            a.severity = ALERT_ERROR;
        if (n->since_s != 0)
            alert_book_raise(book, &a);
        else
            alert_book_end(book, a.cause, s->name, slice_str(watch_cause_over(cause)));
    }
}

static void tell_gone(struct alert_book *book, struct slice name, struct arena *arena)
{
    for (enum watch_cause cause = 0; cause < WATCH_CAUSES; cause++)
        alert_book_end(book, cause_of(cause, arena), name, SLICE_LIT("it is no longer watched"));
}

void watch_round_tell(const struct watch_round *r)
{
    struct alert_book *book = r->watch->config.alerts;
    struct arena arena = { 0 };

    for (size_t i = 0; i < r->looks_len; i++)
        if (r->looks[i]->fresh != NULL)
            tell_of(book, &r->looks[i]->fresh->state, &arena);
    for (size_t i = 0; i < r->rows_len; i++)
        if (r->rows[i].state.len == 0)
            tell_gone(book, r->rows[i].name, &arena);
    for (size_t i = 0; i < r->news_len; i++) {
        const struct watch_news *n = &r->news[i];
        struct alert a = alert_of(n->name, n->cause, n->text, &arena);

        if (n->cause == WATCH_KEY)
            alert_book_tell(book, &a);
    }
    arena_release(&arena);
}
