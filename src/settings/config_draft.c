#include "settings/config_draft.h"

enum { DNS_PORT = 53 };

struct place {
    const char *file;
    unsigned line;
};

static enum status refuse(struct place at, struct fault *why, const char *fmt, ...) PRINTF_LIKE(3, 4);

static enum status refuse(struct place at, struct fault *why, const char *fmt, ...)
{
    char text[300];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return fault_set(why, ERR_SYNTAX, "%s:%u: %s", at.file, at.line, text);
}

static const struct certificate_draft *find_certificate(const struct config_draft *d, const char *name)
{
    for (size_t i = 0; i < d->certificates_len; i++) {
        if (strcmp(d->certificates[i].name, name) == 0)
            return &d->certificates[i];
    }
    return NULL;
}

static void use_all_certificates(struct config_draft *d, struct tls_server_config *tls)
{
    struct tls_server_certificate *out =
        ARENA_ARRAY(&d->out.arena, struct tls_server_certificate, d->certificates_len);

    for (size_t i = 0; i < d->certificates_len; i++)
        out[i] = d->certificates[i].files;
    tls->certificates = out;
    tls->certificates_len = d->certificates_len;
}

/* `user` is for the message: "listener 'mx'". No names: all of them. */
static enum status use_certificates(struct config_draft *d, const char *user, const char *const *names, size_t len,
                                    struct tls_server_config *tls, struct place at, struct fault *why)
{
    struct tls_server_certificate *out = ARENA_ARRAY(&d->out.arena, struct tls_server_certificate, len);

    if (d->certificates_len == 0)
        return refuse(at, why,
                      "%s has TLS, but there is no certificate; add certificate \"default\" { chain = ... key = ... }",
                      user);
    if (len == 0) {
        use_all_certificates(d, tls);
        return OK;
    }
    for (size_t i = 0; i < len; i++) {
        const struct certificate_draft *c = find_certificate(d, names[i]);

        if (c == NULL)
            return refuse(at, why,
                          "%s names the certificate '%s', which does not exist; add certificate "
                          "\"%s\" { chain = ... key = ... }",
                          user, names[i], names[i]);
        out[i] = c->files;
    }
    tls->certificates = out;
    tls->certificates_len = len;
    return OK;
}

static enum status finish_tls(struct config_draft *d, struct listener_draft *l, struct place at, struct fault *why)
{
    struct config_listener *out = &l->out;
    struct slice user;

    if (!l->requires_tls_is_set)
        out->requires_tls = out->role == ROLE_SUBMISSION;
    if (out->tls == LISTENER_CLEAR && out->requires_tls)
        return refuse(at, why, "listener '%s' requires TLS, but its tls is none; use starttls or implicit", out->name);
    if (out->tls == LISTENER_CLEAR)
        return OK;
    out->tls_config.asks_client_certificate = out->role == ROLE_MX;
    user = arena_printf(&d->out.arena, "listener '%s'", out->name);
    return use_certificates(d, user.ptr, l->certificates, l->certificates_len, &out->tls_config, at, why);
}

static enum status finish_listener(struct config_draft *d, struct listener_draft *l, struct place at,
                                   struct fault *why)
{
    l->out.normalizes_newlines = l->bare_newline == 1;
    if (l->out.role == ROLE_RELAY && l->out.networks_len == 0)
        return refuse(at, why,
                      "listener '%s' of role relay has no networks; say who may relay, such as networks = "
                      "{\"10.0.0.0/8\"}",
                      l->out.name);
    if (l->out.role != ROLE_RELAY && l->out.networks_len > 0)
        return refuse(at, why, "listener '%s' has networks, which only role relay uses; remove them", l->out.name);
    return finish_tls(d, l, at, why);
}

static bool same_address(const struct net_address *a, const struct net_address *b)
{
    return net_address_port(a) == net_address_port(b) && net_address_same_ip(a, b);
}

static const char *owner_of(const struct config_draft *d, const struct net_address *a, size_t before_listener,
                            size_t before_address)
{
    for (size_t i = 0; i <= before_listener; i++) {
        const struct config_listener *l = &d->listeners[i].out;
        size_t len = i == before_listener ? before_address : l->addresses_len;

        for (size_t k = 0; k < len; k++) {
            if (same_address(&l->addresses[k], a))
                return l->name;
        }
    }
    return NULL;
}

static enum status check_addresses(const struct config_draft *d, size_t listener, struct place at, struct fault *why)
{
    const struct config_listener *l = &d->listeners[listener].out;

    for (size_t k = 0; k < l->addresses_len; k++) {
        const char *owner = owner_of(d, &l->addresses[k], listener, k);
        char text[NET_ADDRESS_TEXT];

        if (owner != NULL)
            return refuse(at, why,
                          "listener '%s' has the address %s, which listener '%s' has already; give it another",
                          l->name, net_address_text(&l->addresses[k], text), owner);
    }
    return OK;
}

static enum status finish_listeners(struct config_draft *d, const char *file, struct fault *why)
{
    struct config_listener *out = ARENA_ARRAY(&d->out.arena, struct config_listener, d->listeners_len);

    for (size_t i = 0; i < d->listeners_len; i++) {
        struct place at = { file, d->listeners[i].line };
        enum status st = finish_listener(d, &d->listeners[i], at, why);

        if (st == OK)
            st = check_addresses(d, i, at, why);
        if (st != OK)
            return st;
        out[i] = d->listeners[i].out;
    }
    d->out.listeners = out;
    d->out.listeners_len = d->listeners_len;
    return OK;
}

static enum status finish_policy_host(struct config_draft *d, struct place at, struct fault *why)
{
    struct config_policy_host *h = &d->out.policy_host;

    h->tls_config.profile = TLS_PROFILE_INTERMEDIATE;
    if (h->addresses_len == 0)
        return OK;
    return use_certificates(d, "policy-host", d->policy_certificates, d->policy_certificates_len, &h->tls_config, at,
                            why);
}

static enum status finish_acme(struct config_draft *d, struct place at, struct fault *why)
{
    const struct config_acme *a = &d->out.acme;

    if (a->addresses_len == 0)
        return OK;
    if (!a->has_agreed)
        return refuse(at, why, "acme: read the authority's terms of service, then set agree-to-terms = true");
    if (!slice_starts(slice_str(a->directory), SLICE_LIT("https://")))
        return refuse(at, why, "acme: directory '%s' is no https:// address", a->directory);
    return OK;
}

static enum status finish_dns_update(struct config_draft *d, struct place at, struct fault *why)
{
    struct config_dns_update *u = &d->out.dns_update;

    if (u->server == NULL)
        return OK;
    if (net_address_parse_with_port(slice_str(u->server), &u->address, NULL) != OK &&
        net_address_parse(slice_str(u->server), DNS_PORT, &u->address) != OK)
        return refuse(at, why, "dns-update: server '%s' is no address; write 192.0.2.53:53", u->server);
    if (u->key_name == NULL || u->secret_file == NULL)
        return refuse(at, why, "dns-update: updates are signed; set key and secret-file");
    if (strcmp(u->algorithm, "hmac-sha256") != 0 && strcmp(u->algorithm, "hmac-sha1") != 0)
        return refuse(at, why, "dns-update: algorithm '%s' is none we have; write hmac-sha256", u->algorithm);
    return OK;
}

/* Answers are for anybody who asks, so nobody from outside may. */
static enum status finish_bridge(struct config_draft *d, struct place at, struct fault *why)
{
    struct config_bridge *b = &d->out.bridge;
    struct slice text = slice_str(b->socketmap);
    static const struct slice scheme = { "unix:", 5 };

    b->asks_in_brackets = d->bracketed == 1;
    if (b->tlsrpt_socket != NULL && b->tlsrpt_socket[0] != '/')
        return refuse(at, why, "bridge: tlsrpt-socket '%s' is no path; write /run/sternpost/tlsrpt.sock",
                      b->tlsrpt_socket);
    if (b->socketmap == NULL)
        return OK;
    if (slice_starts(text, SLICE_LIT("unix:/"))) {
        b->socketmap_path = b->socketmap + scheme.len;
        return OK;
    }
    if (net_address_parse_with_port(text, &b->socketmap_address, NULL) != OK)
        return refuse(at, why, "bridge: socketmap '%s' is no place to listen; write unix:/PATH or 127.0.0.1:8461",
                      b->socketmap);
    if (!net_address_is_loopback(&b->socketmap_address))
        return refuse(at, why,
                      "bridge: socketmap '%s' can be reached from outside, and nobody signs in there; use an address "
                      "of loopback, such as 127.0.0.1:8461",
                      b->socketmap);
    return OK;
}

enum status config_draft_finish(struct config_draft *d, const char *file, struct fault *why)
{
    struct place at = { file, d->line };

    if (!slice_starts(slice_str(d->out.store), SLICE_LIT("sqlite:/")))
        return refuse(at, why, "the store '%s' is of no known kind; write sqlite:/PATH", d->out.store);
    if (d->listeners_len == 0)
        return refuse(at, why,
                      "there is no listener; add listener \"mx\" { role = mx address = {\"0.0.0.0:25\", "
                      "\"[::]:25\"} }");
    if (!d->helo_is_set)
        d->out.outbound.helo = d->out.hostname;
    if (finish_bridge(d, at, why) != OK || finish_policy_host(d, at, why) != OK || finish_acme(d, at, why) != OK ||
        finish_dns_update(d, at, why) != OK)
        return ERR_SYNTAX;
    return finish_listeners(d, file, why);
}
