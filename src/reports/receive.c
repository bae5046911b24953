#include "reports/receive.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "reports/receive_private.h"
#include "settings/domain_name.h"
#include "tlsrpt/unpack.h"

enum { TARGETS_MOST = 8, DAY_S = 86400 };

/* -- taking apart ------------------------------------------------------------------------------------------------- */

enum status receive_open(const struct receive_item *item, struct arena *arena, struct receive_found *out,
                         struct fault *why)
{
    enum status st = OK;

    *out = (struct receive_found){ .item = item };
    if (report_part_is_likely(item->bytes)) {
        struct report_part *one = ARENA_NEW(arena, struct report_part);

        *one = (struct report_part){ item->bytes, item->name };
        out->parts = (struct report_parts){ .items = one, .len = 1 };
        return OK;
    }
    out->is_mail = true;
    st = report_parts_find(item->bytes, arena, &out->parts, why);
    if (st == OK && out->parts.len == 0)
        st = fault_set(why, ERR_SYNTAX, "there is no report in it: neither gzip nor zip nor JSON");
    if (st == OK)
        out->keys_len = mail_dkim_keys_wanted(item->bytes, arena, out->keys);
    return st;
}

/* -- whose it is -------------------------------------------------------------------------------------------------- */

struct judge {
    const struct receive_found *found;
    const struct receive_context *c;
    struct arena *arena;
    struct receive_sender sender;
    struct receive_result *results;
    struct receive_results *out;
    struct slice name; /* of the part in hand */
};

/* As the settings have it; empty when it is no name. */
static struct slice normal(struct slice name, struct arena *arena)
{
    struct slice out;

    return name.len > 0 && domain_name_normalise(name, arena, &out, NULL) == OK ? out : SLICE_LIT("");
}

static bool is_ours(const struct judge *j, struct slice domain)
{
    return domain.len > 0 && snapshot_is_our_domain(j->c->settings, domain);
}

/* Of "submitter!policy-domain!begin!end.json.gz" (RFC 8460 section 5.1). */
static struct slice domain_in_name(struct slice name)
{
    struct slice rest, domain;

    (void)slice_cut(name, '!', &rest);
    domain = slice_cut(rest, '!', &rest);
    return rest.len > 0 ? domain : SLICE_LIT("");
}

/* The domain of ours that the report is for: what it comes with says so, or one of its policies. */
static struct slice find_domain(const struct judge *j, const struct tlsrpt_report *r, struct arena *arena)
{
    const struct slice said[] = { j->found->parts.domain, domain_in_name(j->name), j->found->item->mailbox };

    for (size_t i = 0; i < r->policies_len; i++) {
        struct slice domain = normal(r->policies[i].policy.domain, arena);

        if (is_ours(j, domain))
            return domain;
    }
    for (size_t i = 0; i < COUNT_OF(said); i++) {
        struct slice domain = normal(said[i], arena);

        if (is_ours(j, domain))
            return domain;
    }
    return SLICE_LIT("");
}

/* The host of a policy by TLSA: ours, or a mail exchanger of the domain (RFC 8460 section 1.1, RPT-04). */
static bool is_our_host(const struct judge *j, struct slice host, struct slice domain)
{
    const struct receive_mx *mx;

    if (slice_eq(host, j->c->hostname))
        return true;
    if (domain.len == 0 || j->c->mx_of == NULL)
        return false;
    mx = j->c->mx_of(j->c->ctx, domain);
    if (mx == NULL)
        j->out->wants_mx_of = arena_copy(j->arena, domain);
    for (size_t i = 0; mx != NULL && i < mx->len; i++)
        if (slice_eq_case(mx->names[i], host))
            return true;
    return false;
}

/* The domain of ours that a policy counts for; empty: none, and `why` says so. */
static struct slice target_of(const struct judge *j, const struct tlsrpt_policy *p, struct slice domain,
                              struct arena *arena, struct fault *why)
{
    struct slice named = normal(p->domain, arena);
    char shown[80];
    struct slice s = utf8_printable(slice_first(p->domain, sizeof shown), shown, sizeof shown);

    if (p->domain.len == 0 && domain.len == 0)
        (void)fault_set(why, ERR_PERMANENT, "it names no domain");
    else if (p->domain.len > 0 && !is_ours(j, named) && p->type != TLSRPT_TLSA)
        (void)fault_set(why, ERR_PERMANENT, "'%.*s' is no domain of ours", SLICE_FMT(s));
    else if (p->domain.len > 0 && !is_ours(j, named) && !is_our_host(j, named, domain))
        (void)fault_set(why, ERR_PERMANENT, "'%.*s' is no domain of ours, nor a mail server of one", SLICE_FMT(s));
    else if (is_ours(j, named) || domain.len == 0)
        return named;
    else
        return domain;
    return SLICE_LIT("");
}

/* -- judging ------------------------------------------------------------------------------------------------------ */

static void refuse(struct judge *j, const char *why)
{
    j->results[j->out->len++] = (struct receive_result){
        .is_refused = true,
        .name = j->name,
        .why = arena_copy(j->arena, slice_str(why)),
    };
}

/* RPT-07 */
static enum status check_dates(const struct judge *j, const struct tlsrpt_report *r, struct fault *why)
{
    int64_t off_s = (int64_t)RECEIVE_DAYS_OFF * DAY_S;
    int64_t since_s = j->found->item->channel == RECEIVED_BY_IMPORT ? j->c->import_since_s : j->c->now_s - off_s;
    char end[CLOCK_TEXT];

    if (r->end_s == 0)
        return OK;
    if (r->end_s > j->c->now_s + off_s)
        return fault_set(why, ERR_PERMANENT, "it ends on %.10s, over %d days from now", clock_rfc3339(r->end_s, end),
                         RECEIVE_DAYS_OFF);
    if (r->end_s < since_s)
        return fault_set(why, ERR_PERMANENT, "it ended on %.10s, too long ago", clock_rfc3339(r->end_s, end));
    return OK;
}

/* Which policies go to which domain. */
struct split {
    struct slice targets[TARGETS_MOST];
    size_t len;
    size_t *of; /* for each policy: its target, or SIZE_MAX */
};

static size_t target_at(struct split *s, struct slice target)
{
    for (size_t i = 0; i < s->len; i++)
        if (slice_eq(s->targets[i], target))
            return i;
    if (s->len == TARGETS_MOST)
        return SIZE_MAX;
    s->targets[s->len] = target;
    return s->len++;
}

/* Each policy for itself: one that is refused does not cost the rest. `why` is the first reason. */
static void split(struct judge *j, const struct tlsrpt_report *r, struct split *s, json_t *notes, struct arena *arena,
                  struct fault *why)
{
    struct slice domain = find_domain(j, r, arena);

    s->of = ARENA_ARRAY(arena, size_t, r->policies_len);
    for (size_t i = 0; i < r->policies_len; i++) {
        struct fault each = { "" };
        struct slice target = target_of(j, &r->policies[i].policy, domain, arena, &each);

        s->of[i] = target.len == 0 ? SIZE_MAX : target_at(s, target);
        if (s->of[i] != SIZE_MAX)
            continue;
        if (target.len > 0)
            (void)fault_set(&each, ERR_LIMIT, "the report is for over %d domains", TARGETS_MOST);
        receive_note(notes, arena_printf(arena, "policy %zu was left out: %s", i + 1, each.text));
        if (why->text[0] == '\0')
            *why = each;
    }
}

static void take(struct judge *j, const struct receive_report *report, const struct split *s, json_t *notes,
                 struct arena *scratch)
{
    bool *taken = ARENA_ARRAY(scratch, bool, report->report->policies_len);

    for (size_t t = 0; t < s->len; t++) {
        struct receive_result *result = &j->results[j->out->len++];
        json_t *own = json_deep_copy(notes);

        for (size_t i = 0; i < report->report->policies_len; i++)
            taken[i] = s->of[i] == t;
        *result = (struct receive_result){ .name = j->name, .why = j->sender.why };
        receive_fill_row(report, s->targets[t], taken, own, j->arena, &result->row);
        json_decref(own);
    }
}

static void judge_report(struct judge *j, struct slice packed, struct slice text, const struct tlsrpt_report *r,
                         const struct fault *left_out, struct arena *scratch)
{
    struct receive_report report = { r, text, packed, j->found, j->c, &j->sender };
    json_t *notes = json_array();
    struct split s = { .len = 0 };
    struct fault why = { "" };

    if (r->refused_len > 0)
        receive_note(notes,
                     arena_printf(scratch, "%zu of its policies cannot be read; %s", r->refused_len, left_out->text));
    if (check_dates(j, r, &why) == OK)
        split(j, r, &s, notes, scratch, &why);
    if (s.len > 0)
        take(j, &report, &s, notes, scratch);
    else
        refuse(j, why.text[0] == '\0' ? "it has no policies" : why.text);
    json_decref(notes);
}

static void judge_part(struct judge *j, const struct report_part *part)
{
    bool is_packed = slice_starts(part->bytes, SLICE_LIT("\x1f")) || slice_starts(part->bytes, SLICE_LIT("P"));
    struct arena scratch = { 0 };
    struct fault why = { "" };
    struct tlsrpt_report r;
    struct slice text;
    enum status st = OK;

    j->name = arena_copy(j->arena, part->name);
    if (is_packed && part->bytes.len > TLSRPT_PACKED_MAX)
        st = fault_set(&why, ERR_LIMIT, "packed, it has more than %d bytes", TLSRPT_PACKED_MAX);
    if (st == OK)
        st = tlsrpt_unpack(part->bytes, TLSRPT_REPORT_MAX, &scratch, &text, &why);
    if (st == OK)
        st = tlsrpt_report_read(text, &scratch, &r, &why);
    if (st == OK)
        judge_report(j, part->bytes, text, &r, &why, &scratch);
    else
        refuse(j, why.text);
    arena_release(&scratch);
}

void receive_judge(const struct receive_found *found, const struct receive_context *c, struct arena *arena,
                   struct receive_results *out)
{
    struct judge j = { .found = found, .c = c, .arena = arena, .out = out };

    *out = (struct receive_results){ .len = 0 };
    out->items = j.results = ARENA_ARRAY(arena, struct receive_result, (found->parts.len + 1) * TARGETS_MOST);
    receive_find_sender(found, c, arena, &j.sender);
    for (size_t i = 0; i < found->parts.len && out->wants_mx_of.len == 0; i++)
        judge_part(&j, &found->parts.items[i]);
    j.name = SLICE_LIT("");
    if (found->parts.left_out > 0)
        refuse(&j, "parts beyond the bounds of 32 reports and 10 levels were not read");
}
