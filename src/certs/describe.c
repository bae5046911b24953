#include "certs/describe.h"

#include "base/clock.h"
#include "net/tls_setup.h"

#include <inttypes.h>
#include <openssl/pem.h>

enum { DAY_S = 86400 };

struct slice describe_tlsa(const struct certificate *c, bool is_leaf, struct slice host, uint16_t port,
                           struct arena *arena)
{
    if (host.len == 0 || c->spki[0] == '\0' || (!is_leaf && !c->is_authority))
        return SLICE_LIT("");
    return arena_printf(arena, "_%u._tcp.%.*s. IN TLSA %d 1 1 %s", port, SLICE_FMT(host), is_leaf ? 3 : 2, c->spki);
}

static const char *days(int64_t n)
{
    return n == 1 ? "day" : "days";
}

struct slice describe_validity(const struct certificate *c, int64_t now_s, struct arena *arena)
{
    int64_t left = certificate_days_left(c, now_s), until = (c->not_before_s - now_s + DAY_S - 1) / DAY_S;
    int64_t past = (now_s - c->not_after_s) / DAY_S;

    if (c->not_before_s > now_s)
        return arena_printf(arena, "valid in %" PRId64 " %s", until, days(until));
    if (left < 0 && past == 0)
        return SLICE_LIT("expired less than a day ago");
    if (left < 0)
        return arena_printf(arena, "expired %" PRId64 " %s ago", past, days(past));
    return arena_printf(arena, "%" PRId64 " %s left", left, days(left));
}

static void line(FILE *out, int indent, const char *name, struct slice value)
{
    if (value.len > 0)
        (void)fprintf(out, "%*s%s: %.*s\n", indent, "", name, SLICE_FMT(value));
}

static struct slice key_text(const struct certificate *c, struct arena *arena)
{
    return c->key_bits > 0 ? arena_printf(arena, "%.*s, %d bit", SLICE_FMT(c->key), c->key_bits) : c->key;
}

void describe_text(FILE *out, const struct certificate *c, const struct describe_place *place, int indent)
{
    struct arena arena = { 0 };
    char from[CLOCK_TEXT], to[CLOCK_TEXT];
    struct slice left = describe_validity(c, place->now_s, &arena);

    line(out, indent, "subject", c->subject);
    for (size_t i = 0; i < c->names_len; i++)
        line(out, indent, "name", c->names[i]);
    line(out, indent, "issuer", c->issuer);
    (void)fprintf(out, "%*svalid: %s to %s, %.*s\n", indent, "", clock_rfc3339(c->not_before_s, from),
                  clock_rfc3339(c->not_after_s, to), SLICE_FMT(left));
    line(out, indent, "serial", c->serial);
    line(out, indent, "key", key_text(c, &arena));
    line(out, indent, "signature", c->signature);
    line(out, indent, "usage", c->usages);
    line(out, indent, "SHA-256", slice_str(c->sha256));
    line(out, indent, "SHA-1", slice_str(c->sha1));
    line(out, indent, "SPKI SHA-256", slice_str(c->spki));
    line(out, indent, "issuer's certificate", c->issuer_url);
    line(out, indent, "TLSA", describe_tlsa(c, place->is_leaf, place->host, place->port, &arena));
    arena_release(&arena);
}

static json_t *string_of(struct slice s)
{
    return json_stringn(s.ptr, s.len);
}

static void put(json_t *j, const char *name, struct slice value)
{
    if (value.len > 0)
        json_object_set_new(j, name, string_of(value));
}

static void put_key(json_t *j, const struct certificate *c)
{
    put(j, "key", c->key);
    if (c->key_bits > 0)
        json_object_set_new(j, "key_bits", json_integer(c->key_bits));
    put(j, "signature", c->signature);
    put(j, "usages", c->usages);
}

static void put_validity(json_t *j, const struct certificate *c, int64_t now_s)
{
    char text[CLOCK_TEXT];

    json_object_set_new(j, "not_before", json_string(clock_rfc3339(c->not_before_s, text)));
    json_object_set_new(j, "not_after", json_string(clock_rfc3339(c->not_after_s, text)));
    json_object_set_new(j, "days_left", json_integer(certificate_days_left(c, now_s)));
}

json_t *describe_json(const struct certificate *c, const struct describe_place *place)
{
    json_t *j = json_object(), *names = json_array();
    struct arena arena = { 0 };

    put(j, "subject", c->subject);
    for (size_t i = 0; i < c->names_len; i++)
        json_array_append_new(names, string_of(c->names[i]));
    json_object_set_new(j, "names", names);
    put(j, "issuer", c->issuer);
    put_validity(j, c, place->now_s);
    put(j, "serial", c->serial);
    put_key(j, c);
    json_object_set_new(j, "is_authority", json_boolean(c->is_authority));
    json_object_set_new(j, "is_self_signed", json_boolean(c->is_self_signed));
    put(j, "sha256", slice_str(c->sha256));
    put(j, "sha1", slice_str(c->sha1));
    put(j, "spki_sha256", slice_str(c->spki));
    put(j, "issuer_url", c->issuer_url);
    put(j, "tlsa", describe_tlsa(c, place->is_leaf, place->host, place->port, &arena));
    arena_release(&arena);
    return j;
}

/* By the library: the line length and all are openssl's own. */
void describe_pem(FILE *out, struct slice der)
{
    tls_must(PEM_write(out, PEM_STRING_X509, "", (const unsigned char *)der.ptr, (long)der.len) > 0 ? 1 : 0);
}
