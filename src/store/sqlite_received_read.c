#include "base/memory.h"
#include "store/sqlite.h"

/* -- reports ------------------------------------------------------------------------------------------------------ */

#define COLUMNS                                                                                                       \
    "id, received, starts, ends, channel, is_verified, is_summed, success, failure, day, domain, reporter, "          \
    "report_id, "                                                                                                     \
    "organization, contact, source, notes, hash, "

static struct received_row read_row(sqlite3_stmt *q, struct arena *a)
{
    return (struct received_row){
        .id = column_id(q, 0),
        .received_s = column_int(q, 1),
        .start_s = column_int(q, 2),
        .end_s = column_int(q, 3),
        .channel = (enum received_channel)column_int(q, 4),
        .is_verified = column_int(q, 5) != 0,
        .is_summed = column_int(q, 6) != 0,
        .success = column_id(q, 7),
        .failure = column_id(q, 8),
        .day = column_copy(a, q, 9),
        .domain = column_copy(a, q, 10),
        .reporter = column_copy(a, q, 11),
        .report_id = column_copy(a, q, 12),
        .organization = column_copy(a, q, 13),
        .contact = column_copy(a, q, 14),
        .source = column_copy(a, q, 15),
        .notes = column_copy(a, q, 16),
        .hash = column_copy(a, q, 17),
        .document = column_copy(a, q, 18),
    };
}

static enum status gather(struct sqlite *b, sqlite3_stmt *q, struct store_request *r)
{
    struct received_row *found = NULL;
    size_t len = 0, cap = 0;

    while (query_next(b, q)) {
        found = mem_grow(found, len, &cap, sizeof *found);
        found[len++] = read_row(q, &r->arena);
    }
    r->received = rows_keep(&r->arena, found, len, sizeof *found);
    r->received_len = len;
    return b->trouble;
}

enum status sqlite_received_list(struct sqlite *b, struct store_request *r)
{
    static const char all[] = "SELECT " COLUMNS "x'' FROM received_report WHERE day >= ?1 "
                              "ORDER BY day DESC, id DESC LIMIT ?2";
    static const char one[] = "SELECT " COLUMNS "x'' FROM received_report WHERE day >= ?1 AND domain = ?3 "
                              "ORDER BY day DESC, id DESC LIMIT ?2";
    sqlite3_stmt *q = query(b, r->name.len == 0 ? all : one);

    bind_text(q, 1, r->since_day);
    bind_id(q, 2, r->limit);
    if (r->name.len > 0)
        bind_text(q, 3, r->name);
    return gather(b, q, r);
}

static void read_policies(struct sqlite *b, struct arena *a, struct received_row *row)
{
    static const char sql[] =
        "SELECT type, domain, success, failure FROM received_policy WHERE report = ?1 ORDER BY no";
    sqlite3_stmt *q = query(b, sql);
    struct received_policy *found = NULL;
    size_t len = 0, cap = 0;

    bind_id(q, 1, row->id);
    while (query_next(b, q)) {
        found = mem_grow(found, len, &cap, sizeof *found);
        found[len++] =
            (struct received_policy){ column_copy(a, q, 0), column_copy(a, q, 1), column_id(q, 2), column_id(q, 3) };
    }
    row->policies = rows_keep(a, found, len, sizeof *found);
    row->policies_len = len;
}

static void read_failures(struct sqlite *b, struct arena *a, struct received_row *row)
{
    static const char sql[] =
        "SELECT policy, count, result, mx, receiving_ip, sending_ip, reason FROM received_failure "
        "WHERE report = ?1 ORDER BY no";
    sqlite3_stmt *q = query(b, sql);
    struct received_failure *found = NULL;
    size_t len = 0, cap = 0;

    bind_id(q, 1, row->id);
    while (query_next(b, q)) {
        found = mem_grow(found, len, &cap, sizeof *found);
        found[len++] = (struct received_failure){ .policy = (uint32_t)column_int(q, 0),
                                                  .count = column_id(q, 1),
                                                  .result = column_copy(a, q, 2),
                                                  .mx = column_copy(a, q, 3),
                                                  .receiving_ip = column_copy(a, q, 4),
                                                  .sending_ip = column_copy(a, q, 5),
                                                  .reason = column_copy(a, q, 6) };
    }
    row->failures = rows_keep(a, found, len, sizeof *found);
    row->failures_len = len;
}

enum status sqlite_received_find(struct sqlite *b, struct store_request *r)
{
    static const char sql[] = "SELECT " COLUMNS "document FROM received_report WHERE id = ?1";
    sqlite3_stmt *q = query(b, sql);
    struct received_row *row;

    bind_id(q, 1, r->id);
    if (!query_next(b, q))
        return b->trouble != OK ? b->trouble
                                : fault_set(&r->why, ERR_NOT_FOUND, "there is no received report of this number");
    row = ARENA_NEW(&r->arena, struct received_row);
    *row = read_row(q, &r->arena);
    query_end(q);
    read_policies(b, &r->arena, row);
    read_failures(b, &r->arena, row);
    r->received = row;
    r->received_len = 1;
    return b->trouble;
}

/* -- sums --------------------------------------------------------------------------------------------------------- */

#define POLICIES                                                                                                      \
    "FROM received_report r JOIN received_policy p ON p.report = r.id WHERE r.domain = ?1 AND r.day >= ?2 AND "       \
    "r.is_summed = 1 "
#define FAILURES                                                                                                      \
    "FROM received_report r JOIN received_failure f ON f.report = r.id WHERE r.domain = ?1 AND r.day >= ?2 AND "      \
    "r.is_summed = 1 "
#define OF_POLICIES "min(r.day), max(r.day), sum(p.success), sum(p.failure), count(DISTINCT r.id) " POLICIES
#define OF_FAILURES "min(r.day), max(r.day), 0, sum(f.count), count(DISTINCT r.id) " FAILURES

/* Columns: is_verified, by, by2, by3, first and last day, success, failure, reports. */
static const char by_day[] =
    "SELECT r.is_verified, r.day, p.type, '', " OF_POLICIES "GROUP BY 1, 2, 3 ORDER BY 2, 3 LIMIT 5000";
static const char by_type[] =
    "SELECT r.is_verified, p.type, '', '', " OF_POLICIES "GROUP BY 1, 2 ORDER BY 1 DESC, 2 LIMIT 1000";
static const char by_reporter[] = "SELECT r.is_verified, r.reporter, p.type, '', " OF_POLICIES
                                  "GROUP BY 1, 2, 3 ORDER BY 1 DESC, 8 DESC, 7 DESC LIMIT 1000";
static const char by_host[] = "SELECT r.is_verified, p.domain, p.type, '', " OF_POLICIES "AND p.type = 'tlsa' "
                              "GROUP BY 1, 2 ORDER BY 8 DESC, 2 LIMIT 500";
static const char by_mx[] =
    "SELECT r.is_verified, f.mx, '', '', " OF_FAILURES "AND f.mx <> '' "
    "AND (SELECT type FROM received_policy p WHERE p.report = r.id AND p.no = f.policy) <> 'tlsa' "
    "GROUP BY 1, 2 ORDER BY 8 DESC, 2 LIMIT 500";
static const char by_failure[] = "SELECT r.is_verified, f.result, f.mx, f.reason, " OF_FAILURES
                                 "GROUP BY 1, 2, 3, 4 ORDER BY 1 DESC, 8 DESC, 2 LIMIT 500";

static const struct {
    const char *sql;
    enum received_sum_kind kind;
} sums[] = {
    { by_day, RECEIVED_SUM_DAY }, { by_type, RECEIVED_SUM_TYPE }, { by_reporter, RECEIVED_SUM_REPORTER },
    { by_host, RECEIVED_SUM_MX }, { by_mx, RECEIVED_SUM_MX },     { by_failure, RECEIVED_SUM_FAILURE },
};

static struct received_sum read_sum(sqlite3_stmt *q, enum received_sum_kind kind, struct arena *a)
{
    return (struct received_sum){
        .kind = kind,
        .is_verified = column_int(q, 0) != 0,
        .by = column_copy(a, q, 1),
        .by2 = column_copy(a, q, 2),
        .by3 = column_copy(a, q, 3),
        .first_day = column_copy(a, q, 4),
        .last_day = column_copy(a, q, 5),
        .success = column_id(q, 6),
        .failure = column_id(q, 7),
        .reports = column_id(q, 8),
    };
}

enum status sqlite_received_sums(struct sqlite *b, struct store_request *r)
{
    struct received_sum *found = NULL;
    size_t len = 0, cap = 0;

    for (size_t i = 0; i < COUNT_OF(sums); i++) {
        sqlite3_stmt *q = query(b, sums[i].sql);

        bind_text(q, 1, r->name);
        bind_text(q, 2, r->since_day);
        while (query_next(b, q)) {
            found = mem_grow(found, len, &cap, sizeof *found);
            found[len++] = read_sum(q, sums[i].kind, &r->arena);
        }
    }
    r->sums = rows_keep(&r->arena, found, len, sizeof *found);
    r->sums_len = len;
    return b->trouble;
}
