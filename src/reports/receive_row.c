#include "base/clock.h"
#include "base/utf8.h"
#include "reports/calendar.h"
#include "reports/receive_private.h"
#include "tlsrpt/gzip.h"

#include <openssl/evp.h>

enum { HASH_BYTES = 32, LONGEST_USUAL_S = 48 * 3600, SENTENCE_MAX = 400 };

void receive_note(json_t *notes, struct slice sentence)
{
    char clean[SENTENCE_MAX];
    struct slice s = utf8_printable(sentence, clean, sizeof clean);

    if (json_array_size(notes) < RECEIVE_NOTES_MOST)
        (void)json_array_append_new(notes, json_stringn(s.ptr, s.len));
}

/* At most RECEIVE_TEXT_MAX bytes, whole characters. */
static struct slice kept(struct slice s, struct arena *arena)
{
    size_t at = s.len < RECEIVE_TEXT_MAX ? s.len : RECEIVE_TEXT_MAX;

    while (at < s.len && at > 0 && ((unsigned char)s.ptr[at] & 0xc0) == 0x80)
        at--;
    return arena_copy(arena, slice_first(s, at));
}

static uint64_t capped(uint64_t count, json_t *notes)
{
    if (count <= RECEIVED_COUNT_MAX)
        return count;
    receive_note(notes, SLICE_LIT("a count beyond 100,000,000,000 was cut to that"));
    return RECEIVED_COUNT_MAX;
}

/* -- failures ----------------------------------------------------------------------------------------------------- */

struct gatherer {
    struct arena *arena;
    json_t *notes;
    struct received_failure *failures;
    size_t len;
};

static uint64_t add(uint64_t a, uint64_t b)
{
    return a + b < RECEIVED_COUNT_MAX ? a + b : RECEIVED_COUNT_MAX;
}

/* Beyond the bound, what fails alike is one row; the last row takes the rest. */
static void add_failure(struct gatherer *g, uint32_t policy, const struct tlsrpt_failure *f)
{
    struct received_failure *at = &g->failures[g->len];
    uint64_t count = capped(f->count, g->notes);

    *at = (struct received_failure){ .policy = policy, .count = count, .result = kept(f->result_type, g->arena) };
    if (g->len < RECEIVE_FAILURES_MOST) {
        at->mx = slice_lower(f->receiving_mx_hostname, arena_alloc(g->arena, f->receiving_mx_hostname.len + 1));
        at->mx = slice_first(at->mx, RECEIVE_TEXT_MAX);
        at->receiving_ip = kept(f->receiving_ip, g->arena);
        at->sending_ip = kept(f->sending_mta_ip, g->arena);
        at->reason = kept(f->failure_reason_code, g->arena);
        g->len++;
        return;
    }
    for (size_t i = g->len; i > 0; i--) {
        struct received_failure *like = &g->failures[i - 1];

        if (like->policy != policy || !slice_eq(like->result, at->result))
            continue;
        like->count = add(like->count, count);
        return;
    }
    g->failures[RECEIVE_FAILURES_MOST - 1].count = add(g->failures[RECEIVE_FAILURES_MOST - 1].count, count);
}

/* Totals are not trusted to be the sum of their parts: the difference is told. */
static void compare(const struct tlsrpt_policy_report *p, json_t *notes)
{
    char text[SENTENCE_MAX];
    uint64_t sum = 0;

    for (size_t i = 0; i < p->policy.failures_len; i++)
        sum = tlsrpt_count_add(sum, p->policy.failures[i].count);
    if (sum == p->failure || (p->policy.failures_len == 0 && p->failure == 0))
        return;
    (void)snprintf(text, sizeof text, "its failures add up to %llu, while the total says %llu",
                   (unsigned long long)sum, (unsigned long long)p->failure);
    receive_note(notes, slice_str(text));
}

/* -- the row ------------------------------------------------------------------------------------------------------ */

static struct slice type_of(const struct tlsrpt_policy *p, struct arena *arena)
{
    return p->type == TLSRPT_OTHER ? kept(p->type_text, arena) : slice_str(tlsrpt_policy_type_name(p->type));
}

static size_t failures_of(const struct tlsrpt_report *r)
{
    size_t len = 0;

    for (size_t i = 0; i < r->policies_len; i++)
        len += r->policies[i].policy.failures_len;
    return len < RECEIVE_FAILURES_MOST ? len : RECEIVE_FAILURES_MOST;
}

static void fill_policies(const struct receive_report *r, const bool *taken, json_t *notes, struct arena *arena,
                          struct received_row *out)
{
    struct gatherer g = { .arena = arena, .notes = notes };
    struct received_policy *policies = ARENA_ARRAY(arena, struct received_policy, r->report->policies_len);

    g.failures = ARENA_ARRAY(arena, struct received_failure, failures_of(r->report) + 1);
    for (size_t i = 0; i < r->report->policies_len; i++) {
        const struct tlsrpt_policy_report *p = &r->report->policies[i];
        struct received_policy *to = &policies[out->policies_len];

        if (!taken[i])
            continue;
        *to = (struct received_policy){ type_of(&p->policy, arena), kept(p->policy.domain, arena),
                                        capped(p->success, notes), capped(p->failure, notes) };
        out->success = add(out->success, to->success);
        out->failure = add(out->failure, to->failure);
        compare(p, notes);
        for (size_t n = 0; n < p->policy.failures_len; n++)
            add_failure(&g, (uint32_t)out->policies_len, &p->policy.failures[n]);
        out->policies_len++;
    }
    out->policies = policies;
    out->failures = g.failures;
    out->failures_len = g.len;
}

static void fill_period(const struct receive_report *r, json_t *notes, struct arena *arena, struct received_row *out)
{
    const struct tlsrpt_report *t = r->report;
    bool is_told = t->start_s > 0 && t->end_s > 0;
    char day[CALENDAR_DAY_TEXT];

    out->start_s = t->start_s;
    out->end_s = t->end_s;
    out->is_summed = is_told && t->end_s - t->start_s <= LONGEST_USUAL_S;
    out->day = arena_copy(arena, calendar_day(is_told ? t->start_s : r->c->now_s, day));
    if (!is_told)
        receive_note(notes, SLICE_LIT("not counted: it does not tell of which period it is"));
    else if (!out->is_summed)
        receive_note(notes, SLICE_LIT("not counted: its period is longer than two days"));
}

/* Who sent it, as far as it says so itself. */
static struct slice claimed_reporter(const struct receive_report *r, struct arena *arena)
{
    struct slice contact = r->report->contact, id = r->report->id, claimed = r->found->parts.submitter;
    struct slice texts[] = { contact, id };

    for (size_t i = 0; i < COUNT_OF(texts) && claimed.len == 0; i++)
        if (slice_find_last(texts[i], '@') != SIZE_MAX)
            claimed = slice_from(texts[i], slice_find_last(texts[i], '@') + 1);
    if (claimed.len == 0)
        claimed = r->found->parts.from_domain;
    if (claimed.len == 0)
        claimed = r->report->organization.len > 0 ? r->report->organization : SLICE_LIT("unknown");
    claimed = kept(slice_trim(claimed), arena);
    return slice_lower(claimed, arena_alloc(arena, claimed.len + 1));
}

static void fill_sender(const struct receive_report *r, json_t *notes, struct arena *arena, struct received_row *out)
{
    struct slice claimed = claimed_reporter(r, arena), signer = r->sender->domain;
    struct slice source = r->found->item->source;

    out->is_verified = r->sender->is_verified;
    out->reporter = signer.len > 0 ? arena_copy(arena, signer) : claimed;
    if (signer.len > 0 && r->found->item->channel != RECEIVED_BY_IMPORT)
        out->source = arena_printf(arena, "dkim:%.*s", SLICE_FMT(signer));
    else
        out->source = source.len == 0 ? source : arena_printf(arena, "ip:%.*s", SLICE_FMT(source));
    if (r->sender->why.len > 0)
        receive_note(notes, r->sender->why);
    if (signer.len > 0 && !slice_ends_case(claimed, signer) && !slice_ends_case(signer, claimed))
        receive_note(notes, arena_printf(arena, "it was signed by %.*s and names %.*s as who made it",
                                         SLICE_FMT(signer), SLICE_FMT(claimed)));
}

/* As it came, when that was gzip. */
static void fill_document(const struct receive_report *r, struct arena *arena, struct received_row *out)
{
    unsigned char hash[HASH_BYTES];
    size_t len = 0;

    if (EVP_Q_digest(NULL, "SHA256", NULL, r->text.ptr, r->text.len, hash, &len) != 1 || len != HASH_BYTES)
        abort();
    out->hash = arena_copy(arena, slice_of((const char *)hash, len));
    if (slice_starts(r->packed, SLICE_LIT("\x1f\x8b")))
        out->document = r->packed;
    else
        out->document = gzip_pack(r->text, arena);
}

void receive_fill_row(const struct receive_report *r, struct slice domain, const bool *taken, json_t *notes,
                      struct arena *arena, struct received_row *out)
{
    char *text;

    *out = (struct received_row){
        .received_s = r->c->now_s,
        .channel = r->found->item->channel,
        .domain = arena_copy(arena, domain),
        .report_id = kept(r->report->id, arena),
        .organization = kept(r->report->organization, arena),
        .contact = kept(r->report->contact, arena),
    };
    fill_sender(r, notes, arena, out);
    fill_period(r, notes, arena, out);
    fill_policies(r, taken, notes, arena, out);
    fill_document(r, arena, out);
    text = json_dumps(notes, JSON_COMPACT);
    out->notes = arena_copy(arena, slice_str(text));
    free(text);
}
