#include "domains/own_record.h"

#include "domains/policy_file.h"
#include "policy/mta_sts.h"

#include <arpa/inet.h>
#include <inttypes.h>

enum { STRING_MAX = 255 };

static const struct slice sts_marker = { "v=STSv1", 7 }, tlsrpt_marker = { "v=TLSRPTv1", 10 };

/* -- what must be there ------------------------------------------------------------------------------------- */

struct listing {
    const struct own_facts *facts;
    struct arena *arena;
    struct own_record *out;
    size_t len;
};

static struct own_record *add(struct listing *l, enum dns_type type, const char *prefix, struct slice name)
{
    struct own_record *r = &l->out[l->len];

    if (l->len < OWN_RECORDS_MOST - 1)
        l->len++;
    *r = (struct own_record){ .owner = arena_printf(l->arena, "%s%.*s", prefix, SLICE_FMT(name)),
                              .type = type,
                              .value = SLICE_LIT(""),
                              .marker = SLICE_LIT(""),
                              .is_sent = true,
                              .note = SLICE_LIT("") };
    return r;
}

static void add_reporting(struct listing *l)
{
    const struct own_domain *d = l->facts->domain;
    struct own_record *r;

    if (d->report_to_len == 0)
        return;
    r = add(l, DNS_TXT, "_smtp._tls.", d->name);
    r->value = tlsrpt_record_write(d, l->arena);
    r->marker = tlsrpt_marker;
}

static void add_address(struct listing *l, const struct net_address *a)
{
    bool is_v6 = a->sa.any.sa_family == AF_INET6;
    struct own_record *r = add(l, is_v6 ? DNS_AAAA : DNS_A, "mta-sts.", l->facts->domain->name);

    r->value = arena_copy(l->arena, is_v6 ? slice_of((const char *)&a->sa.v6.sin6_addr, sizeof a->sa.v6.sin6_addr)
                                          : slice_of((const char *)&a->sa.v4.sin_addr, sizeof a->sa.v4.sin_addr));
}

static void add_policy_host(struct listing *l)
{
    size_t before = l->len;
    struct own_record *r;

    for (size_t i = 0; i < l->facts->addresses_len; i++) {
        if (net_address_is_global(&l->facts->addresses[i]))
            add_address(l, &l->facts->addresses[i]);
    }
    if (l->len > before)
        return;
    r = add(l, DNS_A, "mta-sts.", l->facts->domain->name);
    r->is_sent = false;
    r->note = SLICE_LIT(
        "its A and AAAA, or a CNAME, must lead to the policy host of this gateway; the configuration names no "
        "public address of it");
}

/* Senders that have the old policy and find no record keep to the policy: it must have been taken back before (M12).
 */
static bool is_taken_back(const struct own_policy *p, struct arena *arena)
{
    struct sts_policy policy;
    struct fault why;

    return sts_policy_parse(p->text, arena, &policy, &why) == OK && policy.mode == STS_MODE_NONE;
}

static void add_old_policy(struct listing *l)
{
    const struct own_facts *f = l->facts;
    size_t first = l->len;

    if (f->last == NULL || f->last->id.len == 0)
        return;
    add(l, DNS_TXT, "_mta-sts.", f->domain->name)->value = sts_record_write(f->last->id, l->arena);
    for (size_t i = 0; i < f->addresses_len; i++) {
        if (net_address_is_global(&f->addresses[i]))
            add_address(l, &f->addresses[i]);
    }
    for (size_t i = first; i < l->len; i++) {
        l->out[i].is_gone = true;
        l->out[i].is_sent = is_taken_back(f->last, l->arena);
        if (!l->out[i].is_sent)
            l->out[i].note =
                arena_printf(l->arena,
                             "senders still keep to the policy that was: take it back in stages, with 'sternpost "
                             "domain plan %.*s --to none'",
                             SLICE_FMT(f->domain->name));
    }
}

static void add_policy(struct listing *l)
{
    const struct own_policy *p = l->facts->policy;
    struct own_record *r;

    if (p == NULL) {
        add_old_policy(l);
        return;
    }
    add_policy_host(l);
    r = add(l, DNS_TXT, "_mta-sts.", l->facts->domain->name);
    r->marker = sts_marker;
    if (p->id.len > 0) {
        r->value = sts_record_write(p->id, l->arena);
    } else {
        r->is_sent = false;
        r->note = arena_printf(l->arena, "no policy could be made yet: %.*s", SLICE_FMT(p->trouble));
    }
    if (l->facts->domain->report_to_len == 0)
        r->note = SLICE_LIT("turn on TLS reporting first, else nobody tells you what fails: set report-to");
}

static bool is_within(struct slice name, struct slice domain)
{
    return slice_eq(name, domain) ||
           (name.len > domain.len && name.ptr[name.len - domain.len - 1] == '.' && slice_ends_case(name, domain));
}

static struct own_record *add_tlsa_value(struct listing *l, struct slice value)
{
    struct own_record *r = add(l, DNS_TLSA, "_25._tcp.", l->facts->server);

    r->value = value;
    r->is_sent = l->facts->is_signed && is_within(l->facts->server, l->facts->domain->name);
    return r;
}

static void add_old_tlsa(struct listing *l)
{
    for (size_t i = 0; i < l->facts->tlsa_gone_len && l->facts->server.len > 0; i++) {
        struct own_record *r = add_tlsa_value(l, l->facts->tlsa_gone[i]);

        r->is_gone = true;
        r->note = SLICE_LIT("the key is no longer served, and another record stands for the one that is");
    }
}

static void add_tlsa(struct listing *l)
{
    const struct own_facts *f = l->facts;

    for (size_t i = 0; i < f->tlsa_len && f->server.len > 0; i++) {
        struct own_record *r = add_tlsa_value(l, f->tlsa[i]);

        if (!f->is_signed)
            r->note = SLICE_LIT("the zone is not signed with DNSSEC, so nobody would look at it; it is not sent");
        else if (!r->is_sent)
            r->note = SLICE_LIT("it belongs to another domain's zone; it is not sent");
    }
}

size_t own_records_list(const struct own_facts *f, struct arena *arena, struct own_record out[static OWN_RECORDS_MOST])
{
    struct listing l = { .facts = f, .arena = arena, .out = out };

    add_reporting(&l);
    add_policy(&l);
    add_tlsa(&l);
    add_old_tlsa(&l);
    return l.len;
}

/* -- what is there ------------------------------------------------------------------------------------------ */

const char *own_record_state_name(enum own_record_state s)
{
    static const char *const names[] = { "ok", "missing", "stale", "differs", "wait", "unknown" };

    return names[s];
}

/* "v=STSv1" of "v=STSv1; id=1", but not of "v=STSv12" (tls_record.h looks likewise). */
static bool has_marker(struct slice value, struct slice marker)
{
    struct slice rest = slice_trim(slice_from(value, marker.len));

    return slice_starts(value, marker) && (rest.len == 0 || rest.ptr[0] == ';');
}

enum own_record_state own_record_judge(const struct own_record *r, const struct dns_answer *seen)
{
    size_t same = 0, marked = 0;

    if (seen->outcome == DNS_FAILED || seen->outcome == DNS_BOGUS)
        return OWN_RECORD_UNKNOWN;
    for (size_t i = 0; i < seen->records_len; i++) {
        same += slice_eq(seen->records[i].bytes, r->value) ? 1 : 0;
        marked += r->marker.len > 0 && has_marker(seen->records[i].bytes, r->marker) ? 1 : 0;
    }
    if (r->is_gone)
        return same > 0 ? OWN_RECORD_STALE : OWN_RECORD_OK;
    if (r->value.len == 0)
        return seen->records_len > 0 ? OWN_RECORD_OK : OWN_RECORD_MISSING;
    if (r->marker.len > 0)
        return marked == 0 ? OWN_RECORD_MISSING : marked == 1 && same == 1 ? OWN_RECORD_OK : OWN_RECORD_DIFFERS;
    if (same > 0)
        return OWN_RECORD_OK;
    return seen->records_len == 0 ? OWN_RECORD_MISSING : OWN_RECORD_DIFFERS;
}

/* -- as text ------------------------------------------------------------------------------------------------ */

static const struct {
    enum dns_type type;
    const char *name;
} types[] = { { DNS_A, "A" }, { DNS_AAAA, "AAAA" }, { DNS_TXT, "TXT" }, { DNS_TLSA, "TLSA" }, { DNS_NS, "NS" } };

const char *own_record_type_name(enum dns_type type)
{
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        if (types[i].type == type)
            return types[i].name;
    }
    return "?";
}

/* RFC 1035 section 5.1: quotes and backslashes are escaped, and so is what cannot be shown. */
static struct slice quote(struct slice s, struct arena *arena)
{
    char *out = arena_alloc(arena, s.len * 4 + s.len / STRING_MAX * 3 + 3);
    size_t len = 0;

    out[len++] = '"';
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if (i > 0 && i % STRING_MAX == 0) {
            memcpy(out + len, "\" \"", 3);
            len += 3;
        }
        if (c == '"' || c == '\\')
            out[len++] = '\\';
        if (c >= ' ' && c <= '~')
            out[len++] = (char)c;
        else
            len += (size_t)snprintf(out + len, sizeof "\\255", "\\%03u", c);
    }
    out[len++] = '"';
    return slice_of(out, len);
}

static struct slice tlsa_value(struct slice v, struct arena *arena)
{
    struct slice text = SLICE_LIT("");

    for (size_t i = 0; i < v.len; i++)
        text = i < 3 ? arena_printf(arena, "%.*s%u ", SLICE_FMT(text), (unsigned char)v.ptr[i])
                     : arena_printf(arena, "%.*s%02x", SLICE_FMT(text), (unsigned char)v.ptr[i]);
    return text;
}

struct slice own_record_value_text(enum dns_type type, struct slice value, struct arena *arena)
{
    char text[INET6_ADDRSTRLEN];

    if (type == DNS_TXT)
        return quote(value, arena);
    if (type == DNS_TLSA)
        return tlsa_value(value, arena);
    if ((type == DNS_A && value.len == 4) || (type == DNS_AAAA && value.len == 16))
        return arena_copy(arena,
                          slice_str(inet_ntop(type == DNS_A ? AF_INET : AF_INET6, value.ptr, text, sizeof text)));
    return SLICE_LIT("");
}

struct slice own_record_line(const struct own_record *r, struct arena *arena)
{
    if (r->value.len == 0)
        return arena_printf(arena, "; %.*s. %s: %.*s", SLICE_FMT(r->owner), own_record_type_name(r->type),
                            SLICE_FMT(r->note));
    return arena_printf(arena, "%s%.*s. %d IN %s %.*s", r->is_gone ? "; remove " : "", SLICE_FMT(r->owner),
                        OWN_RECORD_TTL_S, own_record_type_name(r->type),
                        SLICE_FMT(own_record_value_text(r->type, r->value, arena)));
}

/* -- changing ----------------------------------------------------------------------------------------------- */

static struct slice wire_of(const struct own_record *r, struct arena *arena)
{
    size_t len = 0;
    char *out;

    if (r->type != DNS_TXT)
        return r->value;
    out = arena_alloc(arena, r->value.len + r->value.len / STRING_MAX + 1);
    for (struct slice rest = r->value; rest.len > 0;) {
        struct slice piece = slice_first(rest, STRING_MAX);

        out[len++] = (char)piece.len;
        memcpy(out + len, piece.ptr, piece.len);
        len += piece.len;
        rest = slice_from(rest, piece.len);
    }
    return slice_of(out, len);
}

struct slice own_record_rdata(const struct dns_record *seen)
{
    return seen->wire.len > 0 ? seen->wire : seen->bytes;
}

void own_record_plan(const struct own_record *r, const struct dns_answer *seen, struct arena *arena,
                     struct own_record_change *out)
{
    struct slice *remove = ARENA_ARRAY(arena, struct slice, seen->records_len + 1);
    bool is_there = false;

    *out = (struct own_record_change){ .remove = remove, .ttl_s = OWN_RECORD_TTL_S, .add = SLICE_LIT("") };
    if (seen->records_len > 0 && seen->ttl_s > 0)
        out->ttl_s = seen->ttl_s;
    for (size_t i = 0; i < seen->records_len; i++) {
        const struct dns_record *s = &seen->records[i];

        bool is_same = slice_eq(s->bytes, r->value);

        if (is_same && !r->is_gone && !is_there)
            is_there = true;
        else if ((is_same && r->is_gone) || (r->marker.len > 0 && has_marker(s->bytes, r->marker)))
            remove[out->remove_len++] = own_record_rdata(s);
    }
    if (!is_there && !r->is_gone)
        out->add = wire_of(r, arena);
}
