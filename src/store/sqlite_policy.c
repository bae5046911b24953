#include "base/memory.h"
#include "store/sqlite.h"

enum status sqlite_policy_add(struct sqlite *b, struct store_request *r)
{
    static const char sql[] = "INSERT INTO own_policy (domain, id, made, text) VALUES (?1, ?2, ?3, ?4)";
    sqlite3_stmt *q = query(b, sql);
    enum status st;

    bind_text(q, 1, r->policy->domain);
    bind_text(q, 2, r->policy->id);
    bind_int(q, 3, r->policy->made_s);
    bind_text(q, 4, r->policy->text);
    st = query_run(b, q);
    if (st == ERR_EXISTS)
        return fault_set(&r->why, st, "%.*s had a policy with the id %.*s before", SLICE_FMT(r->policy->domain),
                         SLICE_FMT(r->policy->id));
    return st;
}

static void gather(struct sqlite *b, sqlite3_stmt *q, struct store_request *r)
{
    struct policy_row *found = NULL;
    size_t len = 0, cap = 0;

    while (query_next(b, q)) {
        found = mem_grow(found, len, &cap, sizeof *found);
        found[len++] = (struct policy_row){ .domain = column_copy(&r->arena, q, 0),
                                            .id = column_copy(&r->arena, q, 1),
                                            .made_s = column_int(q, 2),
                                            .text = column_copy(&r->arena, q, 3) };
    }
    r->policies = rows_keep(&r->arena, found, len, sizeof *found);
    r->policies_len = len;
}

enum status sqlite_policy_list(struct sqlite *b, struct store_request *r)
{
    static const char one[] = "SELECT domain, id, made, text FROM own_policy WHERE domain = ?1 "
                              "ORDER BY seq DESC LIMIT ?2";
    static const char newest[] = "SELECT domain, id, made, text FROM own_policy WHERE seq IN "
                                 "(SELECT max(seq) FROM own_policy GROUP BY domain) ORDER BY domain";
    sqlite3_stmt *q = query(b, r->name.len > 0 ? one : newest);

    if (r->name.len > 0) {
        bind_text(q, 1, r->name);
        bind_int(q, 2, r->limit > INT32_MAX ? INT32_MAX : (int64_t)r->limit);
    }
    gather(b, q, r);
    return b->trouble;
}
