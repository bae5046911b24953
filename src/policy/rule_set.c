/* Every pattern is a key of a map; a look-up asks for the handful of keys an address can match. Each key names the
 * rules it stands in, and a rule matches when both sides named it. */
#include "policy/rule.h"

#include "base/map.h"
#include "base/memory.h"

struct posting { /* the rules that one pattern stands in, by index */
    size_t *rules;
    size_t len, cap;
};

struct side {            /* the senders or the recipients of one direction */
    struct map patterns; /* to struct posting */
};

enum { FROM, TO, SIDES };

struct rule_set {
    struct arena arena;
    struct rule *rules;
    size_t rules_len;
    struct side sides[2][SIDES]; /* by enum rule_direction */
};

static const struct slice *copy_slices(struct arena *arena, const struct slice *from, size_t len)
{
    struct slice *out = ARENA_ARRAY(arena, struct slice, len);

    for (size_t i = 0; i < len; i++)
        out[i] = arena_copy(arena, from[i]);
    return out;
}

static struct rule copy_rule(struct arena *arena, const struct rule *r)
{
    struct rule copy = *r;

    copy.name = arena_copy(arena, r->name);
    copy.description = arena_copy(arena, r->description);
    copy.from = copy_slices(arena, r->from, r->from_len);
    copy.to = copy_slices(arena, r->to, r->to_len);
    copy.ca_file = arena_copy(arena, r->ca_file);
    copy.names = copy_slices(arena, r->names, r->names_len);
    copy.alternate = arena_copy(arena, r->alternate);
    return copy;
}

static void post(struct side *side, struct slice pattern, size_t rule)
{
    struct posting *p = map_get(&side->patterns, pattern);

    if (p == NULL) {
        p = NEW(struct posting);
        (void)map_put(&side->patterns, pattern, p);
    }
    p->rules = mem_grow(p->rules, p->len, &p->cap, sizeof *p->rules);
    p->rules[p->len++] = rule;
}

static enum status post_list(struct side *side, const struct map *lists, struct slice name, const struct rule *rule,
                             size_t index, struct fault *why)
{
    const struct named_list *list = map_get(lists, name);

    if (list == NULL)
        return fault_set(why, ERR_NOT_FOUND, "rule '%.*s' names the list '%.*s', which does not exist",
                         SLICE_FMT(rule->name), SLICE_FMT(name));
    for (size_t i = 0; i < list->members_len; i++)
        post(side, list->members[i], index);
    return OK;
}

/* An empty list of patterns is everyone, as "*" is. */
static enum status post_side(struct side *side, const struct map *lists, const struct rule *rule, size_t index,
                             const struct slice *patterns, size_t len, struct fault *why)
{
    enum status st = OK;

    if (len == 0)
        post(side, SLICE_LIT("*"), index);
    for (size_t i = 0; i < len && st == OK; i++) {
        if (slice_starts(patterns[i], RULE_LIST_PREFIX))
            st = post_list(side, lists, slice_from(patterns[i], RULE_LIST_PREFIX.len), rule, index, why);
        else
            post(side, patterns[i], index);
    }
    return st;
}

static enum status compile(struct rule_set *set, const struct map *lists, struct fault *why)
{
    enum status st = OK;

    for (size_t i = 0; i < set->rules_len && st == OK; i++) {
        const struct rule *r = &set->rules[i];
        struct side *sides = set->sides[r->direction];

        st = post_side(&sides[FROM], lists, r, i, r->from, r->from_len, why);
        if (st == OK)
            st = post_side(&sides[TO], lists, r, i, r->to, r->to_len, why);
    }
    return st;
}

static struct rule_set *set_with_rules(const struct rule *rules, size_t len)
{
    struct rule_set *set = NEW(struct rule_set);

    set->rules = ARENA_ARRAY(&set->arena, struct rule, len);
    set->rules_len = len;
    for (size_t i = 0; i < len; i++)
        set->rules[i] = copy_rule(&set->arena, &rules[i]);
    for (int d = RULE_OUTBOUND; d <= RULE_INBOUND; d++) {
        for (int side = FROM; side < SIDES; side++)
            map_init(&set->sides[d][side].patterns);
    }
    return set;
}

enum status rule_set_new(const struct rule *rules, size_t rules_len, const struct named_list *lists, size_t lists_len,
                         struct rule_set **out, struct fault *why)
{
    struct rule_set *set = set_with_rules(rules, rules_len);
    struct map by_name;
    enum status st;

    map_init(&by_name);
    for (size_t i = 0; i < lists_len; i++)
        (void)map_put(&by_name, lists[i].name, (void *)(uintptr_t)&lists[i]);
    st = compile(set, &by_name, why);
    map_release(&by_name);
    if (st != OK) {
        rule_set_free(set);
        return st;
    }
    *out = set;
    return OK;
}

static void side_release(struct side *side)
{
    struct map_entry *at = NULL;
    struct slice pattern;
    void *value;

    while (map_next(&side->patterns, &at, &pattern, &value)) {
        free(((struct posting *)value)->rules);
        free(value);
    }
    map_release(&side->patterns);
}

void rule_set_free(struct rule_set *set)
{
    if (set == NULL)
        return;
    for (int d = RULE_OUTBOUND; d <= RULE_INBOUND; d++) {
        for (int side = FROM; side < SIDES; side++)
            side_release(&set->sides[d][side]);
    }
    arena_release(&set->arena);
    free(set);
}

static void mark(const struct side *side, struct slice pattern, unsigned char *marks, unsigned char bit)
{
    const struct posting *p = map_get(&side->patterns, pattern);

    for (size_t i = 0; p != NULL && i < p->len; i++)
        marks[p->rules[i]] |= bit;
}

static struct slice whole_address(struct rule_address a, struct arena *arena)
{
    size_t len = a.local.len + 1 + a.domain.len;
    char *p = arena_alloc(arena, len);

    if (a.local.len > 0)
        memcpy(p, a.local.ptr, a.local.len);
    p[a.local.len] = '@';
    memcpy(p + a.local.len + 1, a.domain.ptr, a.domain.len);
    return slice_of(p, len);
}

/* The patterns that can match an address: itself, its domain, each parent with a dot in front, everyone. */
static void mark_address(const struct side *side, struct rule_address a, struct arena *arena, unsigned char *marks,
                         unsigned char bit)
{
    mark(side, SLICE_LIT("*"), marks, bit);
    if (a.domain.len == 0)
        return;
    mark(side, whole_address(a, arena), marks, bit);
    mark(side, a.domain, marks, bit);
    for (size_t i = 1; i + 1 < a.domain.len; i++) {
        if (a.domain.ptr[i] == '.')
            mark(side, slice_from(a.domain, i), marks, bit);
    }
}

size_t rule_set_match(const struct rule_set *set, enum rule_direction direction, struct rule_address from,
                      struct rule_address to, struct arena *arena, const struct rule ***out)
{
    enum { BOTH = 1 << FROM | 1 << TO };
    unsigned char *marks = ARENA_ARRAY(arena, unsigned char, set->rules_len);
    const struct rule **found = ARENA_ARRAY(arena, const struct rule *, set->rules_len);
    const struct side *sides = set->sides[direction];
    size_t len = 0;

    mark_address(&sides[FROM], from, arena, marks, 1 << FROM);
    mark_address(&sides[TO], to, arena, marks, 1 << TO);
    for (size_t i = 0; i < set->rules_len; i++) {
        if (marks[i] == BOTH)
            found[len++] = &set->rules[i];
    }
    *out = found;
    return len;
}
