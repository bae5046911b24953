#include "domains/checks_private.h"

static const char *type_name(enum dns_type t)
{
    return t == DNS_TLSA ? "TLSA" : "TXT";
}

static struct slice place(struct checking *c, const struct name_server_facts *s)
{
    return CHANGE(c, "%.*s (%.*s)", SLICE_FMT(s->name), SLICE_FMT(s->ip));
}

#define FOR_ZONES(c)                                                                                                  \
    for (const struct zone_facts *const *z = (c)->f->zones; z < (c)->f->zones + (c)->f->zones_len; z++)
#define FOR_NAME_SERVERS(of)                                                                                          \
    for (const struct name_server_facts *s = (of)->servers; s < (of)->servers + (of)->servers_len; s++)

static size_t count(const struct zone_facts *z, enum name_server_answer by_udp)
{
    size_t n = 0;

    FOR_NAME_SERVERS(z)
    n += s->by_udp[0] == by_udp;
    return n;
}

/* The domain's servers often lie in its own zone, whose name servers were asked before, about other names. */
static bool is_repeated(struct checking *c, const struct zone_facts *const *zone)
{
    FOR_ZONES(c)
    {
        if (z == zone)
            break;
        if (slice_eq((*z)->zone, (*zone)->zone))
            return true;
    }
    return false;
}

/* Our resolver had answers: where nobody answers us, it is us. */
static bool tells_nothing(struct checking *c, const struct zone_facts *z, bool was_told)
{
    if (count(z, NAME_SERVER_ANSWERS) > 0 || count(z, NAME_SERVER_FAILS) > 0)
        return false;
    if (count(z, NAME_SERVER_SILENT) > 0 && !was_told)
        checking_tell(c, CHECK_NOT_TESTABLE, z->zone, SLICE_LIT("let this machine ask other servers on port 53"),
                      "no name server of the zone answers from here");
    return true;
}

static void check_server(struct checking *c, const struct zone_facts *z, const struct name_server_facts *s,
                         bool was_told)
{
    if (s->by_udp[0] == NAME_SERVER_SILENT && was_told)
        return;
    if (s->by_udp[0] == NAME_SERVER_SILENT) {
        checking_tell(c, CHECK_WARNING, place(c, s),
                      SLICE_LIT("let it answer on port 53, or take it from the zone's NS records"),
                      "it does not answer for '%.*s'", SLICE_FMT(z->zone));
        return;
    }
    for (size_t q = 0; q < NAME_SERVERS_QUESTIONS; q++)
        if (z->questions[q].type != DNS_NS && s->by_udp[q] == NAME_SERVER_FAILS)
            checking_tell(c, CHECK_ERROR, place(c, s), AS_USUAL, "asked for %s at %.*s: %s",
                          type_name(z->questions[q].type), SLICE_FMT(z->questions[q].name), s->why[q]);
}

static bool check_answers(struct checking *c)
{
    bool was_asked = false;

    FOR_ZONES(c)
    {
        bool was_told = is_repeated(c, z);

        was_asked |= (*z)->servers_len > count(*z, NAME_SERVER_UNASKED);
        if (tells_nothing(c, *z, was_told))
            continue;
        FOR_NAME_SERVERS(*z)
        check_server(c, *z, s, was_told);
    }
    return was_asked;
}

static bool check_tcp(struct checking *c)
{
    bool was_asked = false;

    FOR_ZONES(c)
    FOR_NAME_SERVERS(*z)
    {
        bool answers = s->by_udp[0] == NAME_SERVER_ANSWERS || s->by_udp[0] == NAME_SERVER_FAILS;

        was_asked |= answers;
        if (answers && s->by_tcp == NAME_SERVER_SILENT && !is_repeated(c, z))
            checking_tell(c, CHECK_WARNING, place(c, s), AS_USUAL, "it answers by UDP, and not by TCP");
    }
    return was_asked;
}

static const struct check checks[] = {
    { "dns.ns", check_answers, "every name server answers for itself, with records or with a denial",
      "senders that meet the other server see no policy, and those that check DANE wait (RFC 7672 section 2.1.1)",
      "let the server load the zone, and answer every type", NULL },
    { "dns.tcp", check_tcp, "every name server answers by TCP as well",
      "large answers, as signed ones are, get lost (RFC 7766)", "open port 53 for TCP, too", NULL },
};

const struct check_group checks_name_servers = { "Name servers", checks, COUNT_OF(checks) };
