#include "settings/setting_set.h"

#include "net/address.h"
#include "settings/server_spec.h"

enum { SERVERS_MAX = 100, PORT_SMTP = 25, PORT_SMTPS = 465 };

struct compiling {
    const struct setting_object *o;
    struct arena *arena;
    struct host *out;
    struct fault *why;
};

/* -- servers ---------------------------------------------------------------------------------------------- */

/* Weights of a group sum up to 100; where none is given they are equal (semantics H3). */
static enum status weigh(const struct compiling *c, const char *field, const struct server_spec *specs,
                         struct host_server *out, size_t len)
{
    size_t given = 0;
    unsigned sum = 0;

    for (size_t i = 0; i < len; i++) {
        given += specs[i].has_weight ? 1 : 0;
        sum += specs[i].weight;
        out[i].weight = specs[i].weight;
    }
    if (given == 0) {
        for (size_t i = 0; i < len; i++)
            out[i].weight = (unsigned)(100 / len + (i < 100 % len ? 1 : 0));
        return OK;
    }
    if (given < len)
        return setting_refuse(c->o, field, c->why,
                              "some servers have a weight and some have none; give it to all, or to none");
    if (sum != 100)
        return setting_refuse(c->o, field, c->why, "the weights sum up to %u; they must make 100", sum);
    return OK;
}

/* Does an IP address need allow-private? Names are looked at when they are resolved. */
static bool is_private(const struct server_spec *s)
{
    struct net_address a;

    return s->is_ip && net_address_parse(s->name, 0, &a) == OK && !net_address_is_global(&a);
}

static enum status compile_servers(const struct compiling *c, const char *field, const struct host_server **servers,
                                   size_t *servers_len)
{
    size_t len;
    const struct slice *texts = setting_list(c->o, field, c->arena, &len);
    struct server_spec *specs = ARENA_ARRAY(c->arena, struct server_spec, len);
    struct host_server *out = ARENA_ARRAY(c->arena, struct host_server, len);

    if (len > SERVERS_MAX)
        return setting_refuse(c->o, field, c->why, "there are more than %d servers", SERVERS_MAX);
    for (size_t i = 0; i < len; i++) {
        enum status st = server_spec_parse(texts[i], c->arena, &specs[i], c->why);

        if (st != OK)
            return st;
        if (is_private(&specs[i]) && !c->out->allows_private)
            return setting_refuse(c->o, field, c->why, "%.*s is a private address; set allow-private if that is meant",
                                  SLICE_FMT(specs[i].name));
        out[i] = (struct host_server){ .name = specs[i].name, .port = specs[i].port };
    }
    *servers = out;
    *servers_len = len;
    return weigh(c, field, specs, out, len);
}

static enum status check_mx_lookup(const struct compiling *c)
{
    struct net_address a;

    if (!c->out->looks_up_mx)
        return OK;
    if (c->out->primary_len != 1 || c->out->secondary_len > 0)
        return setting_refuse(c->o, "mx-lookup", c->why, "it needs exactly one server, the domain, and no secondary");
    if (net_address_parse(c->out->primary[0].name, 0, &a) == OK)
        return setting_refuse(c->o, "mx-lookup", c->why, "'%.*s' is an address and has no MX; name a domain",
                              SLICE_FMT(c->out->primary[0].name));
    return OK;
}

/* -- ports and implicit TLS (RFC 8314) -------------------------------------------------------------------- */

static size_t count_port(const struct host_server *servers, size_t len, uint16_t port)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += servers[i].port == port ? 1 : 0;
    return n;
}

static void set_default_port(const struct host_server *servers, size_t len, uint16_t port)
{
    struct host_server *s = (struct host_server *)(uintptr_t)servers; /* of our own arena */

    for (size_t i = 0; i < len; i++)
        s[i].port = s[i].port == 0 ? port : s[i].port;
}

static enum status compile_ports(const struct compiling *c)
{
    struct host *h = c->out;
    size_t all = h->primary_len + h->secondary_len;
    size_t smtps =
        count_port(h->primary, h->primary_len, PORT_SMTPS) + count_port(h->secondary, h->secondary_len, PORT_SMTPS);

    h->is_implicit_tls = setting_has(c->o, "implicit-tls") ? setting_yes(c->o, "implicit-tls") : smtps == all;
    if (smtps > 0 && !h->is_implicit_tls)
        return setting_refuse(
            c->o, "implicit-tls", c->why,
            "port 465 speaks TLS from the first byte, other ports by STARTTLS; one host has only one "
            "of them");
    if (h->is_implicit_tls && h->demand.level == LEVEL_NONE)
        return setting_refuse(c->o, "implicit-tls", c->why, "it contradicts tls none");
    set_default_port(h->primary, h->primary_len, h->is_implicit_tls ? PORT_SMTPS : PORT_SMTP);
    set_default_port(h->secondary, h->secondary_len, h->is_implicit_tls ? PORT_SMTPS : PORT_SMTP);
    return OK;
}

/* -- demands ---------------------------------------------------------------------------------------------- */

static enum status compile_version(const struct compiling *c)
{
    struct host_demand *d = &c->out->demand;
    int version = setting_choice(c->o, "min-version");

    if (version >= 0 && d->level < LEVEL_ENCRYPT)
        return setting_refuse(c->o, "min-version", c->why,
                              "a version is a demand for TLS; set tls to encrypt or verify");
    if (version >= 0)
        d->min_version = TLS_VERSION_1_0 + (enum tls_version)version;
    else
        d->min_version = d->level >= LEVEL_ENCRYPT ? TLS_VERSION_1_2 : TLS_VERSION_NONE;
    return OK;
}

static enum status compile_demand(const struct compiling *c)
{
    struct host_demand *d = &c->out->demand;

    d->name = arena_copy(c->arena, c->o->name);
    d->level = (enum tls_level)setting_choice(c->o, "tls");
    d->ca_file = setting_text(c->o, "ca", c->arena);
    d->names = setting_list(c->o, "names", c->arena, &d->names_len);
    d->any_name = setting_yes(c->o, "any-name");
    if (d->level != LEVEL_VERIFY && (d->ca_file.len > 0 || d->names_len > 0 || d->any_name))
        return setting_refuse(c->o, "tls", c->why,
                              "ca, names and any-name are looked at by level verify alone; set tls to "
                              "verify, or remove them");
    if (d->any_name && d->names_len > 0)
        return setting_refuse(c->o, "any-name", c->why, "it contradicts names; remove one of them");
    return compile_version(c);
}

static enum status compile_credentials(const struct compiling *c)
{
    struct host *h = c->out;

    h->username = setting_text(c->o, "username", c->arena);
    h->password = setting_text(c->o, "password", c->arena);
    if ((h->username.len > 0) != (h->password.len > 0))
        return setting_refuse(c->o, h->username.len > 0 ? "password" : "username", c->why,
                              "it is missing; signing in takes both");
    if (h->username.len > 0 && h->demand.level < LEVEL_ENCRYPT)
        return setting_refuse(c->o, "tls", c->why, "a password is never sent outside TLS; use encrypt or verify");
    return OK;
}

enum status compile_host(const struct setting_object *o, struct arena *arena, struct host *out, struct fault *why)
{
    struct compiling c = { o, arena, out, why };
    enum status st;

    *out =
        (struct host){ .looks_up_mx = setting_yes(o, "mx-lookup"), .allows_private = setting_yes(o, "allow-private") };
    st = compile_demand(&c);
    if (st == OK)
        st = compile_servers(&c, "servers", &out->primary, &out->primary_len);
    if (st == OK)
        st = compile_servers(&c, "secondary", &out->secondary, &out->secondary_len);
    if (st == OK && out->primary_len == 0)
        st = setting_refuse(o, "servers", why, "there is none; name at least one server");
    if (st == OK)
        st = check_mx_lookup(&c);
    if (st == OK)
        st = compile_ports(&c);
    if (st == OK)
        st = compile_credentials(&c);
    return st;
}
