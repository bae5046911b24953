#include "policy/demand.h"

struct demand demand_of_rule(const struct rule *r)
{
    return (struct demand){ .level = r->level,
                            .min_version = r->min_version,
                            .ca_file = r->ca_file,
                            .names = r->names,
                            .names_len = r->names_len,
                            .any_name = r->any_name };
}

int demand_rank(const struct demand *d)
{
    return (int)d->level * 2 + (d->level == LEVEL_VERIFY && !d->any_name ? 1 : 0);
}

bool demand_requires_tls(const struct demand *d)
{
    return d->level >= LEVEL_ENCRYPT || d->min_version != TLS_VERSION_NONE;
}

const char *demand_version_words(enum tls_version v)
{
    return tls_version_name(v) + sizeof "TLSv" - 1;
}

struct slice demand_names_words(const struct slice *names, size_t len, struct arena *arena)
{
    struct slice words = SLICE_LIT("");

    for (size_t i = 0; i < len; i++) {
        const char *joint = i == 0 ? "" : i + 1 == len ? " or " : ", ";

        words = arena_printf(arena, "%.*s%s'%.*s'", SLICE_FMT(words), joint, SLICE_FMT(names[i]));
    }
    return words;
}

struct slice demand_words(const struct demand *d, struct arena *arena)
{
    struct slice words = slice_str(tls_level_name(d->level));

    if (d->min_version != TLS_VERSION_NONE)
        words = arena_printf(arena, "%.*s, TLS %s or higher", SLICE_FMT(words), demand_version_words(d->min_version));
    if (d->level < LEVEL_VERIFY)
        return words;
    if (d->ca_file.len > 0)
        words = arena_printf(arena, "%.*s, an issuer from '%.*s'", SLICE_FMT(words), SLICE_FMT(d->ca_file));
    if (d->any_name)
        words = arena_printf(arena, "%.*s, any name", SLICE_FMT(words));
    else if (d->names_len > 0)
        words = arena_printf(arena, "%.*s, the name %.*s", SLICE_FMT(words),
                             SLICE_FMT(demand_names_words(d->names, d->names_len, arena)));
    return words;
}
