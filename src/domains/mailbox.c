#include "domains/mailbox.h"

#include "base/memory.h"

#include <stdio.h>

enum { OK_FROM = 200, OK_TO = 299, PERMANENT_FROM = 500 };

static void next_server(struct mailbox *m);

static void PRINTF_LIKE(3, 4) finish(struct mailbox *m, enum rua_answer answer, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(m->text, sizeof m->text, fmt, ap);
    va_end(ap);
    m->answer = answer;
    m->done(m);
}

static struct slice server_name(const struct mailbox *m)
{
    return m->mx.result.servers[m->server].name;
}

static void next_address(struct mailbox *m);

static void on_probed(struct probe *p)
{
    struct mailbox *m = CONTAINER_OF(p, struct mailbox, probe);
    const struct probe_result *r = &p->result;
    int code = r->mailbox_code;

    if (code >= OK_FROM && code <= OK_TO) {
        finish(m, RUA_TAKES, "'%.*s' takes mail for '%.*s'", SLICE_FMT(server_name(m)), SLICE_FMT(m->address));
        return;
    }
    if (code >= PERMANENT_FROM && !r->is_mailbox_unclear) {
        finish(m, RUA_REFUSES, "'%.*s' refuses mail for '%.*s': %s", SLICE_FMT(server_name(m)), SLICE_FMT(m->address),
               r->mailbox_text);
        return;
    }
    m->is_unclear |= code != 0 || r->reply_code != 0;
    (void)snprintf(m->text, sizeof m->text, "'%.*s': %s", SLICE_FMT(server_name(m)),
                   code != 0 || r->mailbox_text[0] != '\0' ? r->mailbox_text : r->text);
    m->at++;
    next_address(m);
}

/* Only addresses that may be asked are. */
static void skip_private(struct mailbox *m)
{
    while (!m->config->allows_private && m->at < m->hosts.addresses_len &&
           !net_address_is_global(&m->hosts.addresses[m->at])) {
        (void)snprintf(m->text, sizeof m->text, "'%.*s' has an address that is not of the public internet",
                       SLICE_FMT(server_name(m)));
        m->at++;
    }
}

static void next_address(struct mailbox *m)
{
    const struct mailbox_config *c = m->config;
    struct probe_target to = {
        .way = TLS_WAY_SMTP,
        .sni = server_name(m),
        .helo = c->helo,
        .wants_inside = true,
        .mailbox = m->address,
        .timeout_ms = c->timeout_ms,
    };

    skip_private(m);
    if (m->at == m->hosts.addresses_len || m->asked == MAILBOX_SERVERS_MOST) {
        m->server++;
        next_server(m);
        return;
    }
    m->asked++;
    to.address = m->hosts.addresses[m->at];
    to.from = to.address.sa.any.sa_family == AF_INET6 ? c->from6 : c->from4;
    probe_release(&m->probe);
    m->probe = (struct probe){ .done = on_probed };
    probe_start(&m->probe, c->prober, &to);
}

static void on_addresses(struct address_lookup *l)
{
    struct mailbox *m = CONTAINER_OF(l, struct mailbox, hosts);

    if (l->addresses_len == 0)
        (void)snprintf(m->text, sizeof m->text, "%s", l->text);
    m->at = 0;
    next_address(m);
}

static void next_server(struct mailbox *m)
{
    char last[MAILBOX_TEXT / 2];

    if (m->server < m->mx.result.servers_len && m->asked < MAILBOX_SERVERS_MOST) {
        address_lookup_release(&m->hosts);
        m->hosts = (struct address_lookup){ .done = on_addresses };
        address_lookup_start(&m->hosts, m->config->loop, m->config->resolver, server_name(m), m->config->port);
        return;
    }
    (void)snprintf(last, sizeof last, "%.*s", MAILBOX_TEXT / 2 - 1, m->text);
    if (m->is_unclear)
        finish(m, RUA_UNCLEAR, "no server says now whether it takes mail for '%.*s': %s", SLICE_FMT(m->address), last);
    else
        finish(m, RUA_NOWHERE, "no server for '%.*s' answers: %s", SLICE_FMT(m->address), last);
}

static void on_mx(struct mx_lookup *l)
{
    struct mailbox *m = CONTAINER_OF(l, struct mailbox, mx);
    bool is_unknown = l->result.outcome == MX_FAILED || l->result.outcome == MX_BOGUS;

    if (l->result.outcome == MX_FOUND)
        next_server(m);
    else
        finish(m, is_unknown ? RUA_UNCLEAR : RUA_NOWHERE, "%.*s", SLICE_FMT(l->result.text));
}

void mailbox_start(struct mailbox *m, const struct mailbox_config *config, struct slice address)
{
    struct slice domain = slice_from(address, slice_find_last(address, '@') + 1);

    m->config = config;
    m->address = arena_copy(&m->arena, address);
    domain = slice_lower(domain, arena_alloc(&m->arena, domain.len + 1));
    m->mx.done = on_mx;
    mx_lookup_start(&m->mx, config->loop, config->resolver, domain, SLICE_LIT(""), 0);
}

void mailbox_release(struct mailbox *m)
{
    if (m->config == NULL)
        return;
    mx_lookup_release(&m->mx);
    address_lookup_release(&m->hosts);
    probe_release(&m->probe);
    arena_release(&m->arena);
    m->config = NULL;
}
