#include "settings/setting_set.h"
#include "settings/units.h"

enum { SHARE = 50 };

static enum status check_pair(const struct setting_object *o, const char *one, const char *other, struct fault *why)
{
    if (setting_has(o, one) == setting_has(o, other))
        return OK;
    return setting_refuse(o, setting_has(o, one) ? other : one, why, "it is missing; chain and key go together");
}

static enum status check_source(const struct setting_object *o, struct fault *why)
{
    enum status st = check_pair(o, "chain", "key", why);

    if (st == OK)
        st = check_pair(o, "chain-file", "key-file", why);
    if (st != OK)
        return st;
    if (setting_has(o, "chain") && setting_has(o, "chain-file"))
        return setting_refuse(o, "chain-file", why, "it contradicts chain; keep it in the store, or name files");
    if (!setting_has(o, "chain") && !setting_has(o, "chain-file"))
        return setting_refuse(o, "chain", why, "it is missing; give chain and key, or chain-file and key-file");
    return OK;
}

static enum status check_acme(const struct setting_object *o, struct fault *why)
{
    if (!setting_has(o, "names"))
        return setting_refuse(o, "names", why, "it is missing; the authority is asked for a certificate of these names");
    if (setting_has(o, "chain") || setting_has(o, "chain-file"))
        return setting_refuse(o, "chain", why, "it contradicts acme, which brings chain and key");
    return OK;
}

static int64_t moment(const struct setting_object *o, const char *field, int64_t initial, struct arena *arena)
{
    int64_t wall_s;

    return units_parse_moment(setting_text(o, field, arena), &wall_s, NULL) == OK ? wall_s : initial;
}

static enum status check_times(const struct setting_object *o, const struct certificate_setting *c, struct fault *why)
{
    if (setting_has(o, "take-over-at") && c->take_over_s < c->valid_from_s)
        return setting_refuse(o, "take-over-at", why, "it lies before valid-from");
    if (setting_has(o, "share") && setting_has(o, "nodes"))
        return setting_refuse(o, "nodes", why, "it contradicts share; roll out by share or by node");
    if (setting_has(o, "share") && setting_has(o, "take-over-at") && !setting_has(o, "valid-from"))
        return setting_refuse(o, "share", why, "it holds from valid-from to take-over-at; set valid-from, too");
    if (c->retire_s <= c->valid_from_s || (setting_has(o, "take-over-at") && c->retire_s <= c->take_over_s))
        return setting_refuse(o, "retire-at", why, "it would be retired before it is in service");
    return OK;
}

enum status compile_certificate(const struct setting_object *o, struct arena *arena, struct certificate_setting *out,
                                struct fault *why)
{
    struct slice share = setting_text(o, "share", arena);
    uint64_t percent = SHARE;
    enum status st = setting_yes(o, "acme") ? check_acme(o, why) : check_source(o, why);

    if (st != OK)
        return st;
    (void)slice_to_u64(share, &percent);
    *out = (struct certificate_setting){
        .name = arena_copy(arena, o->name),
        .is_acme = setting_yes(o, "acme"),
        .renews_key = setting_choice(o, "acme-key") == 1,
        .is_rsa = setting_choice(o, "acme-key-type") == 1,
        .chain = setting_text(o, "chain", arena),
        .key = setting_text(o, "key", arena),
        .chain_file = setting_text(o, "chain-file", arena),
        .key_file = setting_text(o, "key-file", arena),
        .ca_file = setting_text(o, "ca", arena),
        .valid_from_s = moment(o, "valid-from", 0, arena),
        .retire_s = moment(o, "retire-at", INT64_MAX, arena),
        .share = (unsigned)percent,
    };
    out->nodes = setting_list(o, "nodes", arena, &out->nodes_len);
    out->take_over_s =
        moment(o, "take-over-at", share.len > 0 || out->nodes_len > 0 ? INT64_MAX : out->valid_from_s, arena);
    out->names = setting_list(o, "names", arena, &out->names_len);
    out->listeners = setting_list(o, "listeners", arena, &out->listeners_len);
    return check_times(o, out, why);
}
