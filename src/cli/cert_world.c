#include "cli/cert_world.h"

#include "base/memory.h"
#include "net/tls_client.h"
#include "settings/config.h"

#include <errno.h>
#include <unistd.h>

#define USUAL_CONFIG "/etc/sternpost/sternpost.conf"

enum { FORWARDERS_MAX = 3, HOSTNAME_BYTES = 256, SYSTEM_TIMEOUT_MS = 5000, CHECK_MS = 6000 };

static int load_config(const struct invocation *inv, struct cert_world *w)
{
    const char *file = invocation_option(inv, "config");
    struct fault why;

    if (file == NULL && access(USUAL_CONFIG, R_OK) != 0)
        return EXIT_DONE;
    if (config_load(file != NULL ? file : USUAL_CONFIG, &w->config, &why) == OK)
        return EXIT_DONE;
    w->config = NULL;
    return complain(EXIT_USAGE, "%s", why.text);
}

/* Of resolv.conf the nameserver lines count (resolv.conf(5)), as many as libc takes. */
static size_t read_forwarders(struct arena *arena, const char **out)
{
    FILE *in = fopen("/etc/resolv.conf", "re");
    char text[512];
    size_t len = 0;

    while (in != NULL && len < FORWARDERS_MAX && fgets(text, sizeof text, in) != NULL) {
        struct slice rest,
            word = slice_cut(slice_trim(slice_first(slice_str(text), strcspn(text, "\r\n"))), ' ', &rest);
        struct net_address address;

        rest = slice_trim(rest);
        if (slice_eq(word, SLICE_LIT("nameserver")) && net_address_parse(rest, 0, &address) == OK)
            out[len++] = arena_copy(arena, rest).ptr;
    }
    if (in != NULL)
        (void)fclose(in);
    return len;
}

struct check {
    struct resolver_query query;
    struct loop_timer timer;
    struct loop *loop;
    bool is_secure;
};

static void on_answer(struct resolver_query *q, const struct dns_answer *answer)
{
    struct check *c = CONTAINER_OF(q, struct check, query);

    c->is_secure = answer->is_secure;
    loop_stop(c->loop);
}

static void on_silence(struct loop_timer *t)
{
    loop_stop(CONTAINER_OF(t, struct check, timer)->loop);
}

/* The root is signed: a resolver that passes DNSSEC on can prove what it says of it. */
static bool passes_dnssec(struct cert_world *w)
{
    struct check c = { .query.done = on_answer, .timer.fire = on_silence, .loop = w->loop };

    loop_timer_set(w->loop, &c.timer, CHECK_MS);
    resolver_ask(w->resolver, &c.query, SLICE_LIT("."), DNS_A);
    loop_run(w->loop);
    resolver_cancel(w->resolver, &c.query);
    loop_timer_clear(w->loop, &c.timer);
    return c.is_secure;
}

/* Addresses ask for no resolver: nobody should wait for one that is dead. */
static bool has_names(const struct invocation *inv)
{
    struct cert_target t;

    for (size_t i = 0; i < inv->args_len; i++)
        if (cert_target_parse(slice_str(inv->args[i]), 1, inv->arena, &t, NULL) != OK || !t.is_address)
            return true;
    return false;
}

static enum status system_resolver(const struct invocation *inv, struct cert_world *w, struct fault *why)
{
    const char *forwarders[FORWARDERS_MAX];
    struct dns_config dns = {
        .forwarders = forwarders,
        .forwarders_len = read_forwarders(&w->arena, forwarders),
        .timeout_ms = SYSTEM_TIMEOUT_MS,
        .hosts_file = access("/etc/hosts", R_OK) == 0 ? "/etc/hosts" : NULL,
    };
    enum status st = resolver_new(w->loop, &dns, &w->resolver, why);

    w->has_dnssec = true;
    if (st == OK && (!has_names(inv) || passes_dnssec(w)))
        return OK;
    w->has_dnssec = false;
    if (st == OK)
        resolver_free(w->resolver);
    dns.never_secure = true;
    return resolver_new(w->loop, &dns, &w->resolver, why);
}

static const char *own_name(struct cert_world *w)
{
    char name[HOSTNAME_BYTES] = "";

    if (w->config != NULL)
        return w->config->outbound.helo.ptr;
    if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0')
        return "localhost";
    return arena_copy(&w->arena, slice_str(name)).ptr;
}

static int check_ca(const struct invocation *inv, struct cert_world *w)
{
    struct fault why;

    w->ca_file = invocation_option(inv, "ca");
    if (w->ca_file == NULL && w->config != NULL)
        w->ca_file = w->config->outbound.ca_file;
    if (tls_client_check_bundle(w->ca_file, &why) == OK)
        return EXIT_DONE;
    return complain(EXIT_USAGE, "%s", why.text);
}

int cert_world_open(const struct invocation *inv, struct cert_world *w)
{
    struct fault why;
    int code;

    *w = (struct cert_world){ 0 };
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    code = load_config(inv, w);
    if (code == EXIT_DONE)
        code = check_ca(inv, w);
    if (code != EXIT_DONE) {
        cert_world_close(w);
        return code;
    }
    w->loop = loop_new();
    w->helo = own_name(w);
    w->has_dnssec = w->config != NULL && !w->config->resolver.never_secure;
    if ((w->config != NULL ? resolver_new(w->loop, &w->config->resolver, &w->resolver, &why)
                           : system_resolver(inv, w, &why)) != OK) {
        w->resolver = NULL;
        cert_world_close(w);
        return complain(EXIT_USAGE, "%s", why.text);
    }
    w->prober = prober_new(w->loop);
    return EXIT_DONE;
}

void cert_world_close(struct cert_world *w)
{
    prober_free(w->prober);
    if (w->resolver != NULL)
        resolver_free(w->resolver);
    loop_free(w->loop);
    if (w->config != NULL)
        config_free(w->config);
    arena_release(&w->arena);
    *w = (struct cert_world){ 0 };
}

int cert_world_target(const struct invocation *inv, const struct cert_world *w, struct survey_target *out)
{
    const char *tls = invocation_option(inv, "tls"), *how = invocation_option(inv, "for");

    *out = (struct survey_target){ .helo = slice_str(w->helo), .ca_file = w->ca_file };
    if (tls != NULL && !tls_way_parse(slice_str(tls), &out->way))
        return complain(EXIT_USAGE, "--tls is smtp, smtps, https or raw, not '%s'", tls);
    out->has_how = how != NULL;
    if (how != NULL && !judge_how_parse(slice_str(how), &out->how))
        return complain(EXIT_USAGE, "--for is webpki, mta-sts, dane or opportunistic, not '%s'", how);
    if (w->config != NULL && w->config->outbound.has_address4)
        out->from4 = &w->config->outbound.address4;
    if (w->config != NULL && w->config->outbound.has_address6)
        out->from6 = &w->config->outbound.address6;
    return EXIT_DONE;
}
