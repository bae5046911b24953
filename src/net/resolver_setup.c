#include "net/resolver_setup.h"

#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <unbound-event.h>
#include <unbound.h>
#include <unistd.h>

static const char root_anchor[] = "/usr/share/dns/root.key";

static const struct {
    const char *name, *value;
} options[] = {
    { "qname-minimisation:", "yes" },      { "aggressive-nsec:", "yes" },         { "edns-buffer-size:", "1232" },
    { "cache-max-ttl:", "86400" },         { "cache-max-negative-ttl:", "3600" }, { "msg-cache-size:", "4m" },
    { "rrset-cache-size:", "8m" },         { "msg-cache-slabs:", "1" },           { "rrset-cache-slabs:", "1" },
    { "infra-cache-slabs:", "1" },         { "key-cache-slabs:", "1" },           { "infra-cache-numhosts:", "10000" },
    { "num-queries-per-thread:", "4096" }, { "outgoing-range:", "512" },
};

/* Names that the root proves not to exist (RFC 6761, RFC 8375, RFC 9476): a zone of one's own below them is insecure
 * unless an anchor says how it is signed. */
static const char *const special[] = {
    "test", "example", "invalid", "localhost", "local", "internal", "home.arpa", "alt", "lan", "corp", "home",
};

/* libunbound gives its reasons to a log file that is one for the process: while a context is made they come to us. */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

struct setup {
    struct ub_ctx *ctx;
    const struct dns_config *config;
    struct fault *why;
};

static enum status refuse(const struct setup *s, const char *what, const char *value, int rc)
{
    return fault_set(s->why, ERR_SYNTAX, "the resolver does not take the %s '%s': %s", what, value, ub_strerror(rc));
}

static enum status set_options(const struct setup *s)
{
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        int rc = ub_ctx_set_option(s->ctx, options[i].name, options[i].value);

        if (rc != 0)
            return refuse(s, "option", options[i].name, rc);
    }
    if (s->config->never_secure) {
        int rc = ub_ctx_set_option(s->ctx, "module-config:", "iterator");

        if (rc != 0)
            return refuse(s, "option", "module-config:", rc);
    }
    return OK;
}

static enum status set_hosts(const struct setup *s)
{
    int rc = s->config->hosts_file == NULL ? 0 : ub_ctx_hosts(s->ctx, s->config->hosts_file);

    return rc == 0 ? OK : refuse(s, "file of hosts", s->config->hosts_file, rc);
}

static bool names_loopback(const char *server)
{
    struct slice s = slice_str(server);

    return slice_starts(s, SLICE_LIT("127.")) || slice_starts(s, SLICE_LIT("::1"));
}

static enum status allow_loopback(const struct setup *s, const char *server)
{
    int rc = names_loopback(server) ? ub_ctx_set_option(s->ctx, "do-not-query-localhost:", "no") : 0;

    return rc == 0 ? OK : refuse(s, "server", server, rc);
}

static enum status set_forwarders(const struct setup *s)
{
    for (size_t i = 0; i < s->config->forwarders_len; i++) {
        const char *server = s->config->forwarders[i];
        int rc = ub_ctx_set_fwd(s->ctx, server);

        if (rc != 0)
            return refuse(s, "forwarder", server, rc);
        if (allow_loopback(s, server) != OK)
            return ERR_SYNTAX;
    }
    return OK;
}

static bool is_below(struct slice name, const char *zone)
{
    struct slice z = slice_str(zone);

    if (name.len > 0 && name.ptr[name.len - 1] == '.')
        name.len--;
    if (!slice_ends_case(name, z))
        return false;
    return name.len == z.len || name.ptr[name.len - z.len - 1] == '.';
}

/* The owner is the first word of the record. */
static bool has_anchor(const struct dns_config *config, struct slice zone)
{
    for (size_t i = 0; i < config->trust_anchors_len; i++) {
        struct slice rest, owner = slice_cut(slice_str(config->trust_anchors[i]), ' ', &rest);
        char text[256];

        if (owner.len > 0 && owner.ptr[owner.len - 1] == '.')
            owner.len--;
        if (slice_to_cstr(owner, text, sizeof text) && is_below(zone, text))
            return true;
    }
    return false;
}

static enum status set_insecure_if_special(const struct setup *s, const char *zone)
{
    bool is_special = false;

    for (size_t i = 0; i < COUNT_OF(special); i++)
        is_special = is_special || is_below(slice_str(zone), special[i]);
    if (is_special && !has_anchor(s->config, slice_str(zone))) {
        int rc = ub_ctx_set_option(s->ctx, "domain-insecure:", zone);

        if (rc != 0)
            return refuse(s, "zone", zone, rc);
    }
    return OK;
}

static bool split_stub(const char *text, char zone[static 256], const char **server)
{
    struct slice rest, name = slice_cut(slice_str(text), '=', &rest);

    *server = rest.ptr;
    return rest.len > 0 && name.len > 0 && slice_to_cstr(name, zone, 256);
}

static enum status set_stubs(const struct setup *s)
{
    for (size_t i = 0; i < s->config->stubs_len; i++) {
        const char *server;
        char zone[256];
        int rc;

        if (!split_stub(s->config->stubs[i], zone, &server))
            return fault_set(s->why, ERR_SYNTAX,
                             "the stub zone '%s' is not written as zone=address, "
                             "example.test=127.0.0.1@5301",
                             s->config->stubs[i]);
        rc = ub_ctx_set_stub(s->ctx, zone, server, 0);
        if (rc != 0)
            return refuse(s, "stub zone", s->config->stubs[i], rc);
        if (allow_loopback(s, server) != OK || set_insecure_if_special(s, zone) != OK)
            return ERR_SYNTAX;
    }
    return OK;
}

static enum status set_anchors(const struct setup *s)
{
    const char *file = s->config->trust_anchor_file == NULL ? root_anchor : s->config->trust_anchor_file;
    int rc;

    if (s->config->never_secure)
        return OK;
    if (access(file, R_OK) != 0)
        return fault_errno(s->why, "cannot read the DNSSEC trust anchor '%s' (Debian's package dns-root-data has it)",
                           file);
    rc = ub_ctx_add_ta_file(s->ctx, file);
    if (rc != 0)
        return refuse(s, "trust anchor file", file, rc);
    for (size_t i = 0; i < s->config->trust_anchors_len; i++) {
        rc = ub_ctx_add_ta(s->ctx, s->config->trust_anchors[i]);
        if (rc != 0)
            return refuse(s, "trust anchor", s->config->trust_anchors[i], rc);
    }
    return OK;
}

/* libunbound answers for test., 10.in-addr.arpa. and others by itself; a stub for a zone below takes their place. */
static void open_builtin_zones(const struct setup *s)
{
    for (size_t i = 0; i < s->config->stubs_len; i++) {
        const char *server, *at;
        char zone[256];

        if (!split_stub(s->config->stubs[i], zone, &server))
            continue;
        for (at = zone; at != NULL && *at != '\0'; at = strchr(at, '.')) {
            at += *at == '.';
            if (*at != '\0')
                (void)ub_ctx_zone_remove(s->ctx, at);
        }
    }
}

static enum status add_local_data(const struct setup *s)
{
    for (size_t i = 0; i < s->config->local_data_len; i++) {
        int rc = ub_ctx_data_add(s->ctx, s->config->local_data[i]);

        if (rc != 0)
            return fault_set(s->why, ERR_SYNTAX,
                             "the local record '%s' is not written as in a zone file: mx.example.test. 60 IN A "
                             "192.0.2.1",
                             s->config->local_data[i]);
    }
    return OK;
}

static void ignore(void *me, int rcode, void *packet, int len, int sec, char *why, int limited)
{
    (void)me, (void)rcode, (void)packet, (void)len, (void)sec, (void)why, (void)limited;
}

/* Anchors are read when the first look-up is made: one that libunbound answers by itself, without the network. */
static enum status prove(const struct setup *s)
{
    int id, rc = ub_resolve_event(s->ctx, "localhost.", DNS_A, 1, NULL, ignore, &id);

    if (rc == 0)
        return OK;
    return fault_set(s->why, ERR_SYNTAX, "the resolver cannot start (%s): look at its trust anchors", ub_strerror(rc));
}

static enum status set_up(const struct setup *s)
{
    static enum status (*const steps[])(const struct setup *s) = {
        set_options, set_forwarders, set_stubs, set_anchors, set_hosts,
    };

    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        enum status st = steps[i](s);

        if (st != OK)
            return st;
    }
    open_builtin_zones(s); /* the configuration is final from here on */
    if (add_local_data(s) != OK)
        return ERR_SYNTAX;
    return prove(s);
}

/* "[1790000000] libunbound[12:0] error: failed to load ..." -> the reason alone, first line. */
static void add_reason(struct fault *why, const char *log)
{
    static const char mark[] = " error: ";
    const char *at = strstr(log, mark);
    size_t used;

    if (why == NULL || at == NULL)
        return;
    at += sizeof mark - 1;
    used = strlen(why->text);
    (void)snprintf(why->text + used, sizeof why->text - used, "; it says: %.*s", (int)strcspn(at, "\n"), at);
}

enum status resolver_context(struct ub_event_base *base, const struct dns_config *config, struct ub_ctx **out,
                             struct fault *why)
{
    char *log = NULL;
    size_t log_len = 0;
    struct setup s = { .config = config, .why = why };
    FILE *log_file;
    enum status st;

    pthread_mutex_lock(&one_at_a_time);
    log_file = open_memstream(&log, &log_len);
    s.ctx = ub_ctx_create_ub_event(base);
    if (s.ctx == NULL || log_file == NULL)
        abort(); /* out of memory or descriptors */
    (void)ub_ctx_debugout(s.ctx, log_file);
    st = set_up(&s);
    (void)ub_ctx_debugout(s.ctx, NULL); /* from here on libunbound is silent: outcomes carry their reasons */
    (void)fclose(log_file);
    if (st != OK) {
        add_reason(why, log);
        ub_ctx_delete(s.ctx);
    }
    pthread_mutex_unlock(&one_at_a_time);
    free(log);
    *out = st == OK ? s.ctx : NULL;
    return st;
}
