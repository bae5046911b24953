#include "settings/config_value.h"

#include "settings/config.h"
#include "settings/domain_name.h"
#include "settings/units.h"

static enum status read_text(const struct config_option *o, struct slice text, struct arena *arena, void *field,
                             struct fault *why)
{
    (void)o;
    if (text.len == 0)
        return fault_set(why, ERR_SYNTAX, "the value is empty; leave the option out for its default");
    *(const char **)field = arena_copy(arena, text).ptr;
    return OK;
}

static enum status read_host_name(const struct config_option *o, struct slice text, struct arena *arena, void *field,
                                  struct fault *why)
{
    (void)o;
    return domain_name_normalise(text, arena, field, why);
}

/* The words stand in the option's type, "a|b|c", in the order of its enum. */
static enum status read_word(const struct config_option *o, struct slice text, struct arena *arena, void *field,
                             struct fault *why)
{
    struct slice rest = slice_str(o->type);

    (void)arena;
    for (int i = 0; rest.len > 0; i++) {
        if (slice_eq(slice_cut(rest, '|', &rest), text)) {
            memcpy(field, &i, sizeof i);
            return OK;
        }
    }
    return fault_set(why, ERR_SYNTAX, "'%.*s' is not known; one of %s", SLICE_FMT(slice_first(text, 40)), o->type);
}

static enum status read_yes_no(const struct config_option *o, struct slice text, struct arena *arena, void *field,
                               struct fault *why)
{
    bool is_true = slice_eq(text, SLICE_LIT("true")) || slice_eq(text, SLICE_LIT("yes"));

    (void)o, (void)arena;
    if (!is_true && !slice_eq(text, SLICE_LIT("false")) && !slice_eq(text, SLICE_LIT("no")))
        return fault_set(why, ERR_SYNTAX, "'%.*s' is neither true nor false", SLICE_FMT(slice_first(text, 40)));
    *(bool *)field = is_true;
    return OK;
}

static enum status read_bounded(const struct config_option *o, struct slice text, uint64_t *out, struct fault *why)
{
    if (!slice_to_u64(text, out))
        return fault_set(why, ERR_SYNTAX, "'%.*s' is not a whole number", SLICE_FMT(slice_first(text, 40)));
    if (*out < o->min || *out > o->max)
        return fault_set(why, ERR_SYNTAX, "%.*s is out of range; %llu to %llu", SLICE_FMT(text),
                         (unsigned long long)o->min, (unsigned long long)o->max);
    return OK;
}

static enum status read_number(const struct config_option *o, struct slice text, struct arena *arena, void *field,
                               struct fault *why)
{
    uint64_t number = 0;
    enum status st = read_bounded(o, text, &number, why);

    (void)arena;
    if (st == OK)
        *(unsigned *)field = (unsigned)number;
    return st;
}

static enum status read_port(const struct config_option *o, struct slice text, struct arena *arena, void *field,
                             struct fault *why)
{
    uint64_t number = 0;
    enum status st = read_bounded(o, text, &number, why);

    (void)arena;
    if (st == OK)
        *(uint16_t *)field = (uint16_t)number;
    return st;
}

static enum status read_duration_ms(const struct config_option *o, struct slice text, struct arena *arena, void *field,
                                    struct fault *why)
{
    int64_t ms = 0;
    enum status st = units_parse_duration(text, &ms, why);
    char least[UNITS_TEXT];

    (void)arena;
    if (st != OK)
        return st;
    if (ms < (int64_t)o->min)
        return fault_set(why, ERR_SYNTAX, "%.*s is too short; at least %s", SLICE_FMT(text),
                         units_duration_text((int64_t)o->min, least));
    *(int64_t *)field = ms;
    return OK;
}

static enum status read_duration_s(const struct config_option *o, struct slice text, struct arena *arena, void *field,
                                   struct fault *why)
{
    int64_t ms = 0;
    enum status st = read_duration_ms(o, text, arena, &ms, why);

    if (st == OK)
        *(int64_t *)field = ms / 1000;
    return st;
}

static enum status read_size(const struct config_option *o, struct slice text, struct arena *arena, void *field,
                             struct fault *why)
{
    (void)o, (void)arena;
    return units_parse_size(text, field, why);
}

static enum status read_address(const struct config_option *o, struct slice text, struct arena *arena, void *field,
                                struct fault *why)
{
    (void)o, (void)arena;
    return net_address_parse_with_port(text, field, why);
}

/* An address to connect from; of the family whose number stands in `max`. */
static enum status read_ip(const struct config_option *o, struct slice text, struct arena *arena, void *field,
                           struct fault *why)
{
    struct net_address *a = field;

    (void)arena;
    if (net_address_parse(text, 0, a) != OK || a->sa.any.sa_family != (o->max == 4 ? AF_INET : AF_INET6))
        return fault_set(why, ERR_SYNTAX, "'%.*s' is not an IPv%llu address", SLICE_FMT(slice_first(text, 60)),
                         (unsigned long long)o->max);
    return OK;
}

static enum status read_network(const struct config_option *o, struct slice text, struct arena *arena, void *field,
                                struct fault *why)
{
    (void)o, (void)arena;
    return net_network_parse(text, field, why);
}

/* Octal, as chmod has it. */
static enum status read_mode(const struct config_option *o, struct slice text, struct arena *arena, void *field,
                             struct fault *why)
{
    unsigned mode = 0;

    (void)o, (void)arena;
    for (size_t i = 0; i < text.len; i++) {
        if (text.len > 4 || text.ptr[i] < '0' || text.ptr[i] > '7')
            return fault_set(why, ERR_SYNTAX, "'%.*s' is not a file mode; write it in octal, such as 0660",
                             SLICE_FMT(slice_first(text, 40)));
        mode = mode * 8 + (unsigned)(text.ptr[i] - '0');
    }
    if (text.len == 0 || mode == 0 || mode > 0777)
        return fault_set(why, ERR_SYNTAX, "a file mode is from 0001 to 0777, such as 0660");
    *(unsigned *)field = mode;
    return OK;
}

const struct config_kind config_text = { "string", read_text, sizeof(const char *) };
const struct config_kind config_host_name = { "host name", read_host_name, sizeof(struct slice) };
const struct config_kind config_word = { "word", read_word, sizeof(int) };
const struct config_kind config_yes_no = { "true or false", read_yes_no, sizeof(bool) };
const struct config_kind config_number = { "number", read_number, sizeof(unsigned) };
const struct config_kind config_mode = { "file mode", read_mode, sizeof(unsigned) };
const struct config_kind config_port = { "port", read_port, sizeof(uint16_t) };
const struct config_kind config_duration_ms = { "duration", read_duration_ms, sizeof(int64_t) };
const struct config_kind config_duration_s = { "duration", read_duration_s, sizeof(int64_t) };
const struct config_kind config_size = { "size", read_size, sizeof(uint64_t) };
const struct config_kind config_address = { "address with port", read_address, sizeof(struct net_address) };
const struct config_kind config_ip = { "IP address", read_ip, sizeof(struct net_address) };
const struct config_kind config_network = { "network", read_network, sizeof(struct net_network) };
