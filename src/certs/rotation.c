#include "certs/rotation.h"

#include <stdlib.h>

enum { ALL = 100 };

void rotation_by_node(struct rotation_candidate *c, bool is_chosen)
{
    if (is_chosen)
        c->take_over_s = c->valid_from_s;
    else
        c->valid_from_s = c->take_over_s;
}

enum rotation_stage rotation_stage(const struct rotation_candidate *c, int64_t now_s)
{
    if (now_s >= c->retire_s)
        return ROTATION_RETIRED;
    if (c->is_held || now_s < c->valid_from_s || now_s < c->not_before_s)
        return ROTATION_WAITS;
    return now_s < c->take_over_s ? ROTATION_ROLLS : ROTATION_LEADS;
}

/* -- the order of one edition -------------------------------------------------------------------------------- */

struct place {
    const struct rotation_candidate *c;
    size_t index;
    unsigned class; /* the lower the better */
};

enum { SERVES, OUT_OF_DATE, RETIRED, WAITS };

static unsigned class_of(const struct rotation_candidate *c, unsigned drawn, int64_t now_s)
{
    if (c->stage == ROTATION_WAITS || (c->stage == ROTATION_ROLLS && drawn >= c->share))
        return WAITS;
    if (c->stage == ROTATION_RETIRED)
        return RETIRED;
    return now_s > c->not_after_s ? OUT_OF_DATE : SERVES;
}

static int by_number(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int by_preference(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int order = by_number(x->class, y->class);

    if (order == 0)
        order = by_number(y->c->take_over_s, x->c->take_over_s);
    if (order == 0 && x->c->take_over_s != INT64_MIN)
        order = by_number(y->c->not_before_s, x->c->not_before_s);
    return order != 0 ? order : by_number((int64_t)x->index, (int64_t)y->index);
}

static void make_edition(const struct rotation_candidate *c, size_t len, unsigned from, int64_t now_s,
                         struct arena *arena, struct rotation_edition *out)
{
    struct place *places = ARENA_ARRAY(arena, struct place, len);
    size_t *order = ARENA_ARRAY(arena, size_t, len);

    for (size_t i = 0; i < len; i++)
        places[i] = (struct place){ .c = &c[i], .index = i, .class = class_of(&c[i], from, now_s) };
    qsort(places, len, sizeof *places, by_preference);
    for (size_t i = 0; i < len; i++)
        order[i] = places[i].index;
    out->order = order;
    out->order_len = len;
}

/* -- who serves what ------------------------------------------------------------------------------------------ */

static bool has_name(const struct rotation_candidate *c, struct slice name)
{
    for (size_t i = 0; i < c->names_len; i++) {
        if (slice_eq(c->names[i], name))
            return true;
    }
    return false;
}

/* "*.example.org" for "mx.example.org". */
static bool has_wildcard_for(const struct rotation_candidate *c, struct slice name)
{
    struct slice parent;

    (void)slice_cut(name, '.', &parent);
    for (size_t i = 0; i < c->names_len; i++) {
        if (slice_starts(c->names[i], SLICE_LIT("*.")) && slice_eq(slice_from(c->names[i], 2), parent) &&
            parent.len > 0)
            return true;
    }
    return false;
}

static bool serves(const struct rotation_candidate *c, const struct rotation_edition *e, size_t at, struct slice name)
{
    bool (*const tests[])(const struct rotation_candidate *, struct slice) = { has_name, has_wildcard_for };

    for (size_t t = 0; t < COUNT_OF(tests); t++) {
        for (size_t i = 0; i < e->order_len; i++) {
            const struct rotation_candidate *other = &c[e->order[i]];

            if (other->kind == c[at].kind && tests[t](other, name))
                return e->order[i] == at;
        }
    }
    return false;
}

static unsigned percent_for(const struct rotation_candidate *c, const struct rotation_edition *editions, size_t len,
                            size_t at, struct slice name)
{
    unsigned percent = 0, from = 0;

    for (size_t i = 0; i < len; i++) {
        if (serves(c, &editions[i], at, name))
            percent += editions[i].until - from;
        from = editions[i].until;
    }
    return percent;
}

/* One without names serves where it comes first of all. */
static void count_percent(struct rotation_candidate *c, const struct rotation_edition *editions, size_t len, size_t at)
{
    c[at].percent = 0;
    c[at].least = c[at].names_len > 0 ? ALL : 0;
    for (size_t i = 0; i < c[at].names_len; i++) {
        unsigned percent = percent_for(c, editions, len, at, c[at].names[i]);

        c[at].percent = percent > c[at].percent ? percent : c[at].percent;
        c[at].least = percent < c[at].least ? percent : c[at].least;
    }
    if (c[at].names_len == 0 && editions[0].order[0] == at)
        c[at].percent = c[at].least = ALL;
}

/* -- the plan --------------------------------------------------------------------------------------------------- */

/* The next draw from which another edition begins. */
static unsigned next_border(const struct rotation_candidate *c, size_t len, unsigned from)
{
    unsigned next = ALL;

    for (size_t i = 0; i < len; i++) {
        if (c[i].stage == ROTATION_ROLLS && c[i].share > from && c[i].share < next)
            next = c[i].share;
    }
    return next;
}

void rotation_plan(struct rotation_candidate *c, size_t len, int64_t now_s, struct arena *arena,
                   const struct rotation_edition **out, size_t *out_len)
{
    struct rotation_edition *editions = ARENA_ARRAY(arena, struct rotation_edition, len + 1);
    unsigned from = 0;

    for (size_t i = 0; i < len; i++)
        c[i].stage = rotation_stage(&c[i], now_s);
    *out_len = 0;
    while (from < ALL) {
        struct rotation_edition *e = &editions[(*out_len)++];

        make_edition(c, len, from, now_s, arena, e);
        e->until = from = next_border(c, len, from);
    }
    for (size_t i = 0; i < len; i++)
        count_percent(c, editions, *out_len, i);
    *out = editions;
}
