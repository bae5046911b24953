#include "domains/checks_private.h"

#include "net/address.h"

static bool check_exists(struct checking *c)
{
    const struct domain_facts *f = c->f;

    switch (f->mx_outcome) {
    case DNS_FOUND: break;
    case DNS_NXDOMAIN:
        checking_tell(c, CHECK_ERROR, f->domain, SLICE_LIT("register the domain, or check how it is spelled"),
                      "there is no such domain");
        break;
    case DNS_NODATA:
        if (f->servers_len > 0 && f->servers[0].addresses_len == 0)
            checking_tell(c, CHECK_ERROR, f->domain, AS_USUAL,
                          "there is neither MX nor address: nobody can send mail here");
        else
            checking_tell(c, CHECK_ADVICE, f->domain,
                          CHANGE(c, "%.*s. MX 10 %.*s. names the same server in plain words", SLICE_FMT(f->domain),
                                 SLICE_FMT(f->domain)),
                          "there is no MX: mail goes to the domain's own address");
        break;
    case DNS_BOGUS:
        checking_tell(c, CHECK_ERROR, f->domain, SLICE_LIT("sign the zone anew, or mend the DS record at the parent"),
                      "DNSSEC says that the MX records are forged: %s", f->mx_why);
        break;
    default:
        checking_tell(c, CHECK_NOT_TESTABLE, f->domain,
                      SLICE_LIT("try again; if it stays so, see to the name servers"), "DNS gave no answer: %s",
                      f->mx_why);
    }
    return true;
}

static bool check_null(struct checking *c)
{
    bool has_null = false;

    for (size_t i = 0; i < c->f->mx_len; i++)
        has_null |= c->f->mx[i].name.len == 0;
    if (has_null && c->f->mx_len > 1)
        checking_tell(c, CHECK_ERROR, c->f->domain, AS_USUAL, "the null MX stands beside %zu other MX",
                      c->f->mx_len - 1);
    else if (has_null)
        checking_tell(c, CHECK_OK, c->f->domain, AS_USUAL,
                      "the domain takes no mail, and says so by a null MX (RFC 7505)");
    return has_null;
}

static bool check_alias(struct checking *c)
{
    FOR_SERVERS(c)
        if (s->is_alias && !c->f->is_implicit)
            checking_tell(
                c, CHECK_WARNING, s->name,
                CHANGE(c, "in the MX record write %.*s instead of %.*s", SLICE_FMT(s->canonical), SLICE_FMT(s->name)),
                "the MX is an alias (CNAME) of '%.*s'", SLICE_FMT(s->canonical));
    return c->f->servers_len > 0;
}

static bool check_literal(struct checking *c)
{
    struct net_address address;

    for (size_t i = 0; i < c->f->mx_len; i++)
        if (net_address_parse(c->f->mx[i].name, 0, &address) == OK)
            checking_tell(c, CHECK_ERROR, c->f->domain, AS_USUAL, "the MX '%.*s' is an address, not a name",
                          SLICE_FMT(c->f->mx[i].name));
    return c->f->mx_len > 0;
}

static bool check_twice(struct checking *c)
{
    const struct mx_record *mx = c->f->mx;

    for (size_t i = 0; i < c->f->mx_len; i++)
        for (size_t k = 0; k < i; k++)
            if (slice_eq(mx[i].name, mx[k].name)) {
                checking_tell(c, CHECK_WARNING, c->f->domain, AS_USUAL,
                              "'%.*s' stands twice, with preference %u and %u", SLICE_FMT(mx[i].name),
                              mx[k].preference, mx[i].preference);
                break;
            }
    return c->f->mx_len > 0;
}

static bool check_private(struct checking *c)
{
    FOR_SERVERS(c)
        FOR_ADDRESSES(s)
            if (!a->is_global)
                checking_tell(c, c->f->is_internal ? CHECK_ADVICE : CHECK_ERROR, s->name, AS_USUAL,
                              "%.*s is an address that cannot be reached from outside", SLICE_FMT(a->ip));
    return c->f->servers_len > 0;
}

static bool was_probed(const struct checking *c, const struct address_facts *a)
{
    return a->is_global || c->f->is_internal;
}

static void tell_unanswered(struct checking *c, const struct server_facts *s, const struct address_facts *a,
                            bool has_other)
{
    if (a->probe->is_unwanted)
        checking_tell(c, CHECK_NOT_TESTABLE, checking_place(c, s, a),
                      SLICE_LIT("look again in half an hour, or from another address"), "the server sends us away: %s",
                      a->text);
    else
        checking_tell(c, has_other ? CHECK_WARNING : CHECK_ERROR, checking_place(c, s, a),
                      CHANGE(c, "let %.*s answer on port 25, or take the address from DNS", SLICE_FMT(a->ip)), "%s",
                      a->text);
}

static void check_addresses_of(struct checking *c, const struct server_facts *s)
{
    size_t answering = 0;

    if (s->outcome == DNS_FAILED)
        checking_tell(c, CHECK_NOT_TESTABLE, s->name, SLICE_LIT("try again; if it stays so, see to the name servers"),
                      "%s", s->text);
    else if (s->addresses_len == 0)
        checking_tell(
            c, CHECK_ERROR, s->name,
            CHANGE(c, "publish %.*s. A with the server's address, or take it from the MX records", SLICE_FMT(s->name)),
            "%s", s->text);
    FOR_ADDRESSES(s)
        answering += was_probed(c, a) && a->probe->failed_at > PROBE_GREETING;
    FOR_ADDRESSES(s)
        if (was_probed(c, a) && a->probe->failed_at <= PROBE_GREETING && !checking_is_out_of_reach(c, s, a))
            tell_unanswered(c, s, a, answering > 0);
}

static bool check_addresses(struct checking *c)
{
    FOR_SERVERS(c)
        check_addresses_of(c, s);
    return c->f->servers_len > 0;
}

static bool check_ipv6(struct checking *c)
{
    bool has_ipv6 = false, has_any = false;

    FOR_SERVERS(c)
        FOR_ADDRESSES(s) {
            has_any = true;
            has_ipv6 |= a->is_ipv6;
        }
    if (has_any && !has_ipv6)
        checking_tell(c, CHECK_ADVICE, c->f->domain, AS_USUAL, "no mail server has an IPv6 address");
    return has_any;
}

static void check_reverse(struct checking *c, const struct server_facts *s, const struct address_facts *a)
{
    const struct reverse_lookup *r = a->reverse;

    if (r->is_confirmed)
        return;
    if (r->outcome == DNS_FAILED)
        checking_tell(c, CHECK_NOT_TESTABLE, checking_place(c, s, a),
                      SLICE_LIT("try again; if it stays so, tell the network provider"),
                      "DNS gave no answer for the address");
    else if (r->name.len == 0)
        checking_tell(c, CHECK_WARNING, checking_place(c, s, a), AS_USUAL, "the address has no name (PTR)");
    else
        checking_tell(c, CHECK_WARNING, checking_place(c, s, a), AS_USUAL,
                      "the address's name '%.*s' does not lead back to it", SLICE_FMT(checking_shown(c, r->name)));
}

static bool check_ptr(struct checking *c)
{
    bool was_asked = false;

    FOR_SERVERS(c)
        FOR_ADDRESSES(s)
            if (a->reverse != NULL) {
                was_asked = true;
                check_reverse(c, s, a);
            }
    return was_asked;
}

/* A policy of SPF that lets nobody send most often is that of a domain without mail. */
static bool sends_nothing(const struct checking *c)
{
    for (size_t i = 0; i < c->f->apex.records_len; i++)
        if (slice_eq_case(slice_trim(c->f->apex.records[i]), SLICE_LIT("v=spf1 -all")))
            return true;
    return false;
}

static bool check_parked(struct checking *c)
{
    if (!sends_nothing(c) || c->f->servers_len == 0)
        return false;
    checking_tell(c, CHECK_ADVICE, c->f->domain,
                  CHANGE(c, "where the domain takes no mail, publish %.*s. MX 0 . alone", SLICE_FMT(c->f->domain)),
                  "SPF says that the domain sends no mail, and still there are mail servers");
    return true;
}

static bool check_signed(struct checking *c)
{
    const struct domain_facts *f = c->f;
    size_t signed_servers = 0, unsigned_servers = 0;

    if (f->mx_outcome != DNS_FOUND && f->mx_outcome != DNS_NODATA)
        return false;
    if (!f->has_dnssec) {
        checking_tell(c, CHECK_NOT_TESTABLE, f->domain, SLICE_LIT("ask through a resolver that passes DNSSEC on"),
                      "the resolvers of this machine tell nothing of DNSSEC");
        return true;
    }
    FOR_SERVERS(c) {
        signed_servers += s->is_secure && s->addresses_len > 0;
        if (!s->is_secure && s->addresses_len > 0) {
            unsigned_servers++;
            if (f->mx_is_secure)
                checking_tell(c, CHECK_ADVICE, s->name, AS_USUAL, "the server's name lies in a zone without DNSSEC");
        }
    }
    FOR_SERVERS(c)
        if (s->outcome == DNS_BOGUS)
            checking_tell(c, CHECK_ERROR, s->name,
                          SLICE_LIT("sign the zone anew, or mend the DS record at the parent"),
                          "DNSSEC says that the server's addresses are forged");
    if (!f->mx_is_secure)
        checking_tell(c, CHECK_ADVICE, f->domain, AS_USUAL, "the domain is not signed with DNSSEC%s",
                      signed_servers > 0 && unsigned_servers == 0 ? ", though its servers are" : "");
    return true;
}

static const struct check checks[] = {
    { "mx.exists", check_exists, "there are MX records", "the MX records say where the domain's mail goes",
      "publish MX records, or \"0 .\" when the domain takes no mail (RFC 7505)", NULL },
    { "mx.null", check_null, "", "a null MX says that the domain takes no mail: servers beside it contradict it",
      "take the record \"0 .\" away", NULL },
    { "mx.cname", check_alias, "no MX is an alias",
      "an MX must name a host, not an alias (RFC 5321 section 5.1), and certificates are then for another name",
      "name the host itself", NULL },
    { "mx.ip", check_literal, "every MX is a name", "an MX must name a host: no sender can use an address there",
      "give the server a name, and put that into the MX record", NULL },
    { "mx.dup", check_twice, "no MX stands twice", "senders try the same server again and wait for it twice",
      "keep one of them", NULL },
    { "mx.private", check_private, "every address can be reached from outside",
      "mail from outside cannot reach it, and some senders refuse the domain for it",
      "publish the public address of the server", NULL },
    { "mx.addr", check_addresses, "every address of every server answers",
      "senders wait for an address that does not answer, and fail when it is the last", "", NULL },
    { "mx.ipv6", check_ipv6, "there is a server with an IPv6 address",
      "senders that have IPv6 alone cannot reach the domain", "give a mail server an AAAA record", NULL },
    { "mx.ptr", check_ptr, "every address has a name that leads back to it",
      "when the server sends mail from this address, others refuse it",
      "ask the network provider for a PTR record that names the server", NULL },
    { "mx.parked", check_parked, "", "to a domain without mail, others send in vain for days", "", NULL },
    { "dns.signed", check_signed, "the domain and the names of its servers are signed",
      "without DNSSEC whoever answers DNS may lead mail astray, and DANE cannot be used",
      "have the zone signed, and the DS record published at its parent", NULL },
};

const struct check_group checks_mx = { "Mail servers and DNS", checks, COUNT_OF(checks) };
