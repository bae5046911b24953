/* Which due deliveries to try next.
 *
 * Oldest first, by the index on due. But a domain that is dead and has half a million deliveries due must not fill
 * every claim (RES-06): beyond its share of one, a domain gets only what is left when a round of the domains, by their
 * own index, has been made. The round goes on at each claim where the last one stopped. Both walks are bounded by the
 * limit, whatever the length of the queue. */
#include "base/map.h"
#include "base/memory.h"
#include "store/sqlite.h"

enum { CLAIM_MAX = 10000, SHARES = 4 };

struct claim {
    struct sqlite *b;
    struct store_request *r;
    size_t limit, share;
    uint64_t *ids; /* of the messages chosen, in order; some twice */
    size_t ids_len;
    uint64_t *spare; /* passed over for the sake of others */
    size_t spare_len;
    struct map domains; /* to size_t: chosen of this one */
    struct arena arena;
};

static size_t *taken_of(struct claim *c, struct slice domain)
{
    size_t *taken = map_get(&c->domains, domain);

    if (taken == NULL) {
        taken = ARENA_NEW(&c->arena, size_t);
        (void)map_put(&c->domains, domain, taken);
    }
    return taken;
}

/* Returns whether others may be waiting behind what was passed over. */
static bool choose_oldest(struct claim *c)
{
    static const char sql[] = "SELECT message, domain FROM delivery WHERE state = 0 AND due <= ?1 "
                              "ORDER BY due, message, idx LIMIT ?2";
    sqlite3_stmt *q = query(c->b, sql);

    bind_int(q, 1, c->r->now_s);
    bind_id(q, 2, 2 * c->limit);
    while (c->ids_len < c->limit && query_next(c->b, q)) {
        size_t *taken = taken_of(c, column_bytes(q, 1));

        if (*taken < c->share) {
            c->ids[c->ids_len++] = column_id(q, 0);
            ++*taken;
        } else if (c->spare_len < c->limit) {
            c->spare[c->spare_len++] = column_id(q, 0);
        }
    }
    query_end(q);
    return c->ids_len < c->limit && c->ids_len + c->spare_len >= c->limit;
}

/* Moves on to the next domain, from the last to the first. */
static bool next_domain(struct claim *c)
{
    static const char next[] = "SELECT domain FROM delivery WHERE state = 0 AND domain > ?1 ORDER BY domain LIMIT 1";
    static const char first[] = "SELECT domain FROM delivery WHERE state = 0 ORDER BY domain LIMIT 1";
    struct sqlite *b = c->b;
    sqlite3_stmt *q = query(b, next);

    bind_text(q, 1, slice_of(b->claim_domain, b->claim_domain_len));
    if (!query_next(b, q)) {
        q = query(b, first);
        if (!query_next(b, q))
            return false;
    }
    b->claim_domain_len = column_bytes(q, 0).len;
    if (b->claim_domain_len > sizeof b->claim_domain)
        b->claim_domain_len = sizeof b->claim_domain;
    memcpy(b->claim_domain, column_bytes(q, 0).ptr, b->claim_domain_len);
    query_end(q);
    return true;
}

/* What choose_oldest() took of the domain are its first rows. */
static void choose_of_domain(struct claim *c)
{
    static const char sql[] = "SELECT message FROM delivery WHERE state = 0 AND domain = ?1 AND due <= ?2 "
                              "ORDER BY due, message, idx LIMIT ?3 OFFSET ?4";
    struct slice domain = slice_of(c->b->claim_domain, c->b->claim_domain_len);
    size_t room = c->limit - c->ids_len, taken = *taken_of(c, domain);
    sqlite3_stmt *q = query(c->b, sql);

    bind_text(q, 1, domain);
    bind_int(q, 2, c->r->now_s);
    bind_id(q, 3, room < c->share - taken ? room : c->share - taken);
    bind_id(q, 4, taken);
    while (query_next(c->b, q))
        c->ids[c->ids_len++] = column_id(q, 0);
}

/* Looks at no more domains than deliveries are wanted, and at none twice. */
static void choose_round(struct claim *c)
{
    char start[sizeof c->b->claim_domain];
    size_t start_len = 0;

    for (size_t looks = 0; looks < c->limit && c->ids_len < c->limit && next_domain(c); looks++) {
        struct slice now = slice_of(c->b->claim_domain, c->b->claim_domain_len);

        if (looks == 0)
            memcpy(start, now.ptr, start_len = now.len);
        else if (slice_eq(now, slice_of(start, start_len)))
            return;
        choose_of_domain(c);
    }
}

static void choose_spare(struct claim *c)
{
    for (size_t i = 0; i < c->spare_len && c->ids_len < c->limit; i++)
        c->ids[c->ids_len++] = c->spare[i];
}

static void mark_claimed(struct sqlite *b, uint64_t id, int64_t now_s)
{
    static const char sql[] = "UPDATE delivery SET state = 1 WHERE message = ?1 AND state = 0 AND due <= ?2";
    sqlite3_stmt *q = query(b, sql);

    bind_id(q, 1, id);
    bind_int(q, 2, now_s);
    (void)query_run(b, q);
}

/* All due deliveries of a chosen message go together. One chosen twice has none the second time. */
static void claim_chosen(struct claim *c)
{
    struct store_request *r = c->r;
    struct stored_message *messages = ARENA_ARRAY(&r->arena, struct stored_message, c->ids_len);
    size_t len = 0;

    for (size_t i = 0; i < c->ids_len && r->count < c->limit && c->b->trouble == OK; i++) {
        struct stored_message *m = &messages[len];

        if (!read_message(c->b, &r->arena, c->ids[i], m))
            continue;
        read_deliveries(c->b, &r->arena, m, r->now_s);
        if (m->rcpts_len == 0)
            continue;
        mark_claimed(c->b, m->id, r->now_s);
        suspect(c->b, m->id, SUSPECT_CLAIM);
        r->count += m->rcpts_len;
        len++;
    }
    r->messages = messages;
    r->messages_len = len;
}

enum status sqlite_claim(struct sqlite *b, struct store_request *r)
{
    struct claim c = { .b = b, .r = r, .limit = r->limit < CLAIM_MAX ? r->limit : CLAIM_MAX };

    if (c.limit == 0)
        return OK;
    c.share = (c.limit + SHARES - 1) / SHARES;
    c.ids = mem_new(c.limit, sizeof *c.ids);
    c.spare = mem_new(c.limit, sizeof *c.spare);
    map_init(&c.domains);
    if (choose_oldest(&c))
        choose_round(&c);
    choose_spare(&c);
    claim_chosen(&c);
    map_release(&c.domains);
    arena_release(&c.arena);
    free(c.spare);
    free(c.ids);
    return b->trouble;
}
