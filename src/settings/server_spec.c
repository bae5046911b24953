#include "settings/server_spec.h"

#include "net/address.h"
#include "settings/domain_name.h"

enum { PORT_SMTP = 25, PORT_SMTPS = 465, PORT_SUBMISSION = 587, PORT_FREE = 1024 };

static enum status refuse(struct slice text, const char *reason, struct fault *why)
{
    return fault_set(why, ERR_SYNTAX, "'%.*s' %s; write NAME[:PORT] [weight=PERCENT], such as smtp.example.net:587",
                     SLICE_FMT(slice_first(text, 100)), reason);
}

static enum status parse_port(struct slice text, struct slice digits, struct server_spec *out, struct fault *why)
{
    uint64_t port;

    if (!slice_to_u64(digits, &port) || port > UINT16_MAX)
        return refuse(text, "has no valid port", why);
    if (port != PORT_SMTP && port != PORT_SMTPS && port != PORT_SUBMISSION && port < PORT_FREE)
        return fault_set(why, ERR_SYNTAX, "port %u of '%.*s' is not one for mail; use 25, 465, 587 or 1024 and above",
                         (unsigned)port, SLICE_FMT(slice_first(text, 100)));
    out->port = (uint16_t)port;
    return OK;
}

/* "weight=N" or nothing behind the name. */
static enum status parse_weight(struct slice text, struct slice rest, struct server_spec *out, struct fault *why)
{
    static const struct slice key = { "weight=", 7 };
    uint64_t weight;

    rest = slice_trim(rest);
    if (rest.len == 0)
        return OK;
    if (!slice_starts(rest, key))
        return refuse(text, "has something unknown behind the name", why);
    if (!slice_to_u64(slice_from(rest, key.len), &weight) || weight > 100)
        return refuse(text, "has a weight that is not a number from 0 to 100", why);
    out->has_weight = true;
    out->weight = (unsigned)weight;
    return OK;
}

/* Where the port begins behind a colon; an IPv6 address without brackets has none. */
static size_t port_colon(struct slice name)
{
    size_t colon = slice_find_last(name, ':');

    if (name.len > 0 && name.ptr[0] == '[')
        return colon != SIZE_MAX && colon > 0 && name.ptr[colon - 1] == ']' ? colon : SIZE_MAX;
    return slice_find(name, ':') == colon ? colon : SIZE_MAX;
}

static enum status parse_name(struct slice name, struct arena *arena, struct server_spec *out, struct fault *why)
{
    struct net_address address;
    char text[NET_ADDRESS_TEXT];

    if (net_address_parse(name, 0, &address) != OK)
        return domain_name_normalise(name, arena, &out->name, why);
    out->is_ip = true;
    out->name = arena_copy(arena, slice_str(net_address_ip(&address, text)));
    return OK;
}

enum status server_spec_parse(struct slice text, struct arena *arena, struct server_spec *out, struct fault *why)
{
    struct slice rest, name = slice_cut(slice_trim(text), ' ', &rest);
    size_t colon = port_colon(name);
    enum status st = OK;

    *out = (struct server_spec){ .port = 0 };
    if (colon != SIZE_MAX)
        st = parse_port(text, slice_from(name, colon + 1), out, why);
    if (st == OK)
        st = parse_weight(text, rest, out, why);
    if (st == OK)
        st = parse_name(slice_first(name, colon), arena, out, why);
    return st;
}

struct slice server_spec_text(const struct server_spec *s, struct arena *arena)
{
    bool is_v6 = s->is_ip && slice_find(s->name, ':') != SIZE_MAX;
    struct slice text = arena_printf(arena, is_v6 ? "[%.*s]" : "%.*s", SLICE_FMT(s->name));

    if (s->port != 0)
        text = arena_printf(arena, "%.*s:%u", SLICE_FMT(text), s->port);
    if (s->has_weight)
        text = arena_printf(arena, "%.*s weight=%u", SLICE_FMT(text), s->weight);
    return text;
}
