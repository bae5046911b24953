#include "certs/cert_target.h"

#include "certs/certificate.h"
#include "net/address.h"
#include "settings/domain_name.h"

enum { PORT_MAX = 65535 };

/* "[HOST]", "[HOST]:PORT", "HOST:PORT", "HOST", or an IPv6 address, whose colons are its own. *port is ":PORT" or "".
 */
static struct slice split(struct slice text, struct slice *port)
{
    size_t colon = slice_find(text, ':'), end;

    *port = SLICE_LIT("");
    if (text.len > 0 && text.ptr[0] == '[') {
        end = slice_find(text, ']');
        if (end == SIZE_MAX)
            return text;
        *port = slice_from(text, end + 1);
        return slice_of(text.ptr + 1, end - 1);
    }
    if (colon == SIZE_MAX || colon != slice_find_last(text, ':'))
        return text;
    *port = slice_from(text, colon);
    return slice_first(text, colon);
}

static bool parse_port(struct slice text, uint16_t *out)
{
    uint64_t n;

    if (text.len < 2 || text.ptr[0] != ':' || !slice_to_u64(slice_from(text, 1), &n) || n == 0 || n > PORT_MAX)
        return false;
    *out = (uint16_t)n;
    return true;
}

enum status cert_target_parse(struct slice text, uint16_t usual_port, struct arena *arena, struct cert_target *out,
                              struct fault *why)
{
    struct slice port, host = split(slice_trim(text), &port), shown = certificate_escape(slice_first(text, 80), arena);
    struct cert_target t = { .port = usual_port };
    char ip[NET_ADDRESS_TEXT];
    struct net_address address;
    enum status st = OK;

    if (port.len > 0 && !parse_port(port, &t.port))
        return fault_set(why, ERR_SYNTAX, "'%.*s' has no port from 1 to 65535 behind the colon", SLICE_FMT(shown));
    if (t.port == 0)
        return fault_set(why, ERR_SYNTAX, "say which port: %.*s:PORT", SLICE_FMT(shown));
    t.is_address = net_address_parse(host, t.port, &address) == OK;
    if (t.is_address)
        t.host = arena_copy(arena, slice_str(net_address_ip(&address, ip)));
    else
        st = domain_name_normalise(host, arena, &t.host, why);
    if (st == OK)
        *out = t;
    return st;
}

struct slice cert_target_text(const struct cert_target *t, struct arena *arena)
{
    bool has_colons = slice_find(t->host, ':') != SIZE_MAX;

    return arena_printf(arena, has_colons ? "[%.*s]:%u" : "%.*s:%u", SLICE_FMT(t->host), t->port);
}
