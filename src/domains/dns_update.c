#include "domains/dns_update.h"

#include "domains/ldns.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { FUDGE_S = 300, SECRET_MAX = 1024, NAME_TEXT = 1024, TSIG_MAC = 3 };

/* -- writing ------------------------------------------------------------------------------------------------ */

static ldns_rdf *name_of(struct slice name)
{
    char text[NAME_TEXT];

    return slice_to_cstr(name, text, sizeof text) ? ldns_dname_new_frm_str(text) : NULL;
}

/* RDATA goes in as it is: the type's own fields are nothing that a server looks at here. */
static ldns_rr *record_of(const struct dns_update_step *s, struct slice rdata, ldns_rr_class class, uint32_t ttl_s)
{
    ldns_rdf *owner = name_of(s->owner);
    ldns_rr *rr = ldns_rr_new();

    if (owner == NULL) {
        ldns_rr_free(rr);
        return NULL;
    }
    ldns_rr_set_owner(rr, owner);
    ldns_rr_set_type(rr, (ldns_rr_type)s->type);
    ldns_rr_set_class(rr, class);
    ldns_rr_set_ttl(rr, ttl_s);
    (void)ldns_rr_push_rdf(rr, ldns_rdf_new_frm_data(LDNS_RDF_TYPE_NONE, rdata.len, rdata.ptr));
    return rr;
}

static bool push(ldns_rr_list *list, ldns_rr *rr)
{
    return rr != NULL && ldns_rr_list_push_rr(list, rr);
}

/* RFC 2136 section 2.5: class NONE takes one record away, the zone's class adds one. */
static bool add_step(ldns_rr_list *list, const struct dns_update_step *s)
{
    for (size_t i = 0; i < s->change.remove_len; i++) {
        if (!push(list, record_of(s, s->change.remove[i], LDNS_RR_CLASS_NONE, 0)))
            return false;
    }
    return s->change.add.len == 0 ||
           push(list, record_of(s, s->change.add, LDNS_RR_CLASS_IN, (uint32_t)s->change.ttl_s));
}

static struct slice wire_of(const ldns_pkt *p, struct arena *arena)
{
    uint8_t *wire = NULL;
    size_t len = 0;
    struct slice out = SLICE_LIT("");

    if (ldns_pkt2wire(&wire, p, &len) == LDNS_STATUS_OK)
        out = arena_copy(arena, slice_of((const char *)wire, len));
    LDNS_FREE(wire);
    return out;
}

/* Names end with a dot for ldns. */
struct tsig {
    char name[NAME_TEXT], algorithm[64], secret[SECRET_MAX];
};

static bool tsig_of(const struct dns_update_key *key, struct tsig *out)
{
    size_t len = strlen(key->name);
    const char *dot = len > 0 && key->name[len - 1] == '.' ? "" : ".";

    return (size_t)snprintf(out->name, sizeof out->name, "%s%s", key->name, dot) < sizeof out->name &&
           (size_t)snprintf(out->algorithm, sizeof out->algorithm, "%s.", key->algorithm) < sizeof out->algorithm &&
           slice_to_cstr(key->secret, out->secret, sizeof out->secret);
}

static enum status sign(const struct dns_update_key *key, ldns_pkt *p, struct arena *arena, struct dns_update *out,
                        struct fault *why)
{
    struct tsig tsig;
    const ldns_rdf *mac;
    ldns_status st;

    if (!tsig_of(key, &tsig))
        return fault_set(why, ERR_SYNTAX, "the key for updates of DNS has a name or a secret that is too long");
    st = ldns_pkt_tsig_sign(p, tsig.name, tsig.secret, FUDGE_S, tsig.algorithm, NULL);
    explicit_bzero(&tsig, sizeof tsig);
    if (st != LDNS_STATUS_OK)
        return fault_set(why, ERR_SYNTAX, "the update of DNS cannot be signed with key '%s': %s", key->name,
                         ldns_get_errorstr_by_id(st));
    mac = ldns_rr_rdf(ldns_pkt_tsig(p), TSIG_MAC);
    out->signature = arena_copy(arena, slice_of((const char *)ldns_rdf_data(mac), ldns_rdf_size(mac)));
    out->message = wire_of(p, arena);
    return out->message.len > 0 ? OK : fault_set(why, ERR_SYNTAX, "the update of DNS cannot be written");
}

enum status dns_update_write(const struct dns_update_key *key, struct slice zone, const struct dns_update_step *steps,
                             size_t steps_len, struct arena *arena, struct dns_update *out, struct fault *why)
{
    ldns_rr_list *updates = ldns_rr_list_new();
    ldns_rdf *zone_name = name_of(zone);
    ldns_pkt *p = NULL;
    bool is_good = zone_name != NULL;
    enum status st = ERR_SYNTAX;

    for (size_t i = 0; i < steps_len && is_good; i++)
        is_good = add_step(updates, &steps[i]);
    if (is_good)
        p = ldns_update_pkt_new(zone_name, LDNS_RR_CLASS_IN, NULL, updates, NULL);
    if (p == NULL) {
        (void)fault_set(why, ERR_SYNTAX, "the update of DNS cannot be written: a name in it is none");
        ldns_rdf_deep_free(zone_name);
    } else {
        ldns_pkt_set_random_id(p);
        st = sign(key, p, arena, out, why);
    }
    ldns_pkt_free(p);
    ldns_rr_list_deep_free(updates);
    return st;
}

/* -- the answer --------------------------------------------------------------------------------------------- */

static const struct {
    ldns_pkt_rcode code;
    const char *words;
} refusals[] = {
    { LDNS_RCODE_NOTAUTH,
      "it does not know the key, its clock is far from ours, or it is not the zone's server (NOTAUTH)" },
    { LDNS_RCODE_REFUSED, "the key may not change these names (REFUSED)" },
    { LDNS_RCODE_NOTZONE, "a name lies outside the zone (NOTZONE)" },
    { LDNS_RCODE_NOTIMPL, "it takes no updates (NOTIMP)" },
    { LDNS_RCODE_SERVFAIL, "it failed (SERVFAIL); see its log" },
};

static enum status refused(ldns_pkt_rcode code, struct fault *why)
{
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        if (refusals[i].code == code)
            return fault_set(why, ERR_PERMANENT, "the name server refused the update: %s", refusals[i].words);
    }
    return fault_set(why, ERR_PERMANENT, "the name server refused the update with code %d", (int)code);
}

static bool is_vouched_for(const struct dns_update_key *key, const struct dns_update *update, ldns_pkt *p,
                           struct slice answer)
{
    struct tsig tsig;
    ldns_rdf *mac;
    bool is_good;

    if (ldns_pkt_tsig(p) == NULL || !tsig_of(key, &tsig))
        return false;
    mac = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_INT16_DATA, update->signature.len, update->signature.ptr);
    is_good = ldns_pkt_tsig_verify(p, (const uint8_t *)answer.ptr, answer.len, tsig.name, tsig.secret, mac);
    explicit_bzero(&tsig, sizeof tsig);
    ldns_rdf_deep_free(mac);
    return is_good;
}

enum status dns_update_judge(const struct dns_update_key *key, const struct dns_update *update, struct slice answer,
                             struct fault *why)
{
    ldns_pkt *p = NULL;
    enum status st = OK;

    if (ldns_wire2pkt(&p, (const uint8_t *)answer.ptr, answer.len) != LDNS_STATUS_OK)
        return fault_set(why, ERR_SYNTAX, "the name server's answer to the update is malformed");
    if (ldns_pkt_get_rcode(p) != LDNS_RCODE_NOERROR)
        st = refused(ldns_pkt_get_rcode(p), why);
    else if (!is_vouched_for(key, update, p, answer))
        st = fault_set(why, ERR_SYNTAX, "the answer to the update is not signed with key '%s': it may be anybody's",
                       key->name);
    ldns_pkt_free(p);
    return st;
}

/* -- the key ------------------------------------------------------------------------------------------------ */

enum status dns_update_secret(const char *file, struct arena *arena, struct slice *out, struct fault *why)
{
    char text[SECRET_MAX];
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    struct slice rest;
    ssize_t n;

    if (fd < 0)
        return fault_errno(why, "cannot open the secret file '%s' of dns-update", file);
    n = read(fd, text, sizeof text);
    close(fd);
    if (n < 0)
        return fault_errno(why, "cannot read the secret file '%s' of dns-update", file);
    *out = arena_copy(arena, slice_trim(slice_cut(slice_of(text, (size_t)n), '\n', &rest)));
    explicit_bzero(text, sizeof text);
    for (size_t i = 0; i < out->len; i++) {
        char c = out->ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("+/=", c) != NULL))
            out->len = 0;
    }
    if (out->len == 0)
        return fault_set(why, ERR_SYNTAX, "the secret file '%s' of dns-update holds no base64 on its first line",
                         file);
    return OK;
}
