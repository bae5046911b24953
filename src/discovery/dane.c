#include "discovery/dane.h"

#include "base/memory.h"
#include "net/dns_message.h"
#include "net/tls_dane.h"

static void set_result(struct dane_lookup *l, enum dane_state state, int64_t ttl_s, struct slice text)
{
    l->result.state = state;
    l->result.ttl_s = ttl_s > 0 ? ttl_s : 1;
    l->result.text = text;
}

static void finish_soon(struct dane_lookup *l, enum dane_state state, int64_t ttl_s, struct slice text)
{
    set_result(l, state, ttl_s, text);
    loop_timer_set(l->loop, &l->soon, 0);
}

static void on_soon(struct loop_timer *t)
{
    struct dane_lookup *l = CONTAINER_OF(t, struct dane_lookup, soon);

    l->done(l);
}

static void ask_tlsa(struct dane_lookup *l)
{
    l->question = arena_printf(&l->arena, "_%u._tcp.%.*s", l->port, SLICE_FMT(l->names[l->at]));
    resolver_ask(l->resolver, &l->query, l->question, DNS_TLSA);
}

/* True when the answer says nothing, or is forged; then that is the result. */
static bool has_failed(struct dane_lookup *l, const struct dns_answer *answer, const char *what)
{
    const char *why = answer->why == NULL ? "no reason given" : answer->why;

    if (answer->outcome == DNS_BOGUS)
        set_result(l, DANE_BOGUS, answer->ttl_s,
                   arena_printf(&l->arena, "DNSSEC validation of the %s of '%.*s' failed: %s", what,
                                SLICE_FMT(l->question), why));
    else if (answer->outcome == DNS_FAILED)
        set_result(
            l, DANE_FAILED, answer->ttl_s,
            arena_printf(&l->arena, "the %s of '%.*s' could not be looked up: %s", what, SLICE_FMT(l->question), why));
    return answer->outcome == DNS_BOGUS || answer->outcome == DNS_FAILED;
}

/* What tlsa_choose() took for usable by its shape, and the library cannot read. Only whole certificates and keys can
 * be such, which no digest is outdone by. */
static enum dane_state drop_unreadable(struct dane_lookup *l, struct tlsa_set *set)
{
    struct tlsa_record *kept = ARENA_ARRAY(&l->arena, struct tlsa_record, set->records_len);
    size_t len = 0;

    for (size_t i = 0; i < set->records_len; i++)
        if (tls_dane_takes(&set->records[i]))
            kept[len++] = set->records[i];
    set->records = kept;
    set->records_len = len;
    return len > 0 ? DANE_USABLE : DANE_UNUSABLE;
}

static void use_records(struct dane_lookup *l, const struct dns_answer *answer)
{
    struct slice *rdata = ARENA_ARRAY(&l->arena, struct slice, answer->records_len);
    struct tlsa_set *set = &l->result.set;
    enum dane_state state;
    struct slice text;

    for (size_t i = 0; i < answer->records_len; i++)
        rdata[i] = answer->records[i].bytes;
    state = tlsa_choose(rdata, answer->records_len, &l->arena, set);
    if (state == DANE_USABLE)
        state = drop_unreadable(l, set);
    set->base_domain = l->names[l->at];
    if (state == DANE_USABLE)
        text =
            arena_printf(&l->arena, "%zu of %zu TLSA %s of '%.*s' can be used", set->records_len, answer->records_len,
                         answer->records_len == 1 ? "record" : "records", SLICE_FMT(l->question));
    else
        text = arena_printf(&l->arena,
                            "none of the %zu TLSA records of '%.*s' can be used: they demand TLS, and authenticate "
                            "nobody (RFC 7672 section 2.2)",
                            answer->records_len, SLICE_FMT(l->question));
    set_result(l, state, answer->ttl_s, text);
}

static void on_tlsa(struct resolver_query *q, const struct dns_answer *answer)
{
    struct dane_lookup *l = CONTAINER_OF(q, struct dane_lookup, query);

    if (has_failed(l, answer, "TLSA records")) {
        l->done(l);
        return;
    }
    if (answer->outcome == DNS_FOUND && answer->is_secure) {
        use_records(l, answer);
        l->done(l);
        return;
    }
    l->has_insecure |= !answer->is_secure;
    if (++l->at < l->names_len) {
        ask_tlsa(l);
        return;
    }
    set_result(l, DANE_NONE, answer->ttl_s,
               arena_printf(&l->arena, "'%.*s' has no TLSA records%s", SLICE_FMT(l->names[l->at - 1]),
                            l->has_insecure ? " that are signed" : ", as DNSSEC proves"));
    l->done(l);
}

static void ask_first(struct dane_lookup *l)
{
    l->query.done = on_tlsa;
    ask_tlsa(l);
}

/* The addresses lie in an unsigned zone, but the alias that leads there may be in a signed one (section 2.1.3). */
static void on_cname(struct resolver_query *q, const struct dns_answer *answer)
{
    struct dane_lookup *l = CONTAINER_OF(q, struct dane_lookup, query);

    if (has_failed(l, answer, "CNAME")) {
        l->done(l);
        return;
    }
    if (answer->outcome == DNS_FOUND && answer->is_secure) {
        ask_first(l);
        return;
    }
    set_result(l, DANE_NONE, answer->ttl_s,
               arena_printf(&l->arena, "'%.*s' is an unsigned alias: no DANE", SLICE_FMT(l->question)));
    l->done(l);
}

/* Nothing to connect to, or no answer that says so. */
static void without_address(struct dane_lookup *l, struct slice server, const struct address_lookup *addresses)
{
    enum dane_state state = addresses->outcome == DNS_BOGUS    ? DANE_BOGUS
                            : addresses->outcome == DNS_FAILED ? DANE_FAILED
                                                               : DANE_NONE;

    finish_soon(l, state, addresses->ttl_s,
                arena_printf(&l->arena, "the addresses of '%.*s': %s", SLICE_FMT(server), addresses->text));
}

static void choose_names(struct dane_lookup *l, struct slice server, const struct address_lookup *addresses)
{
    struct slice expanded = slice_str(addresses->canonical);

    if (addresses->is_secure && addresses->is_alias && expanded.len > 0)
        l->names[l->names_len++] = arena_copy(&l->arena, expanded);
    l->names[l->names_len++] = server;
}

static struct slice copy_server(struct arena *arena, struct slice server)
{
    if (slice_ends_case(server, SLICE_LIT(".")))
        server.len--;
    return slice_lower(server, arena_alloc(arena, server.len + 1));
}

void dane_lookup_start(struct dane_lookup *l, struct loop *loop, struct resolver *r, struct slice server,
                       uint16_t port, const struct address_lookup *addresses)
{
    struct net_address literal;

    l->loop = loop;
    l->resolver = r;
    l->port = port;
    l->soon.fire = on_soon;
    l->question = server = copy_server(&l->arena, server);
    choose_names(l, server, addresses);
    if (net_address_parse(server, port, &literal) == OK) {
        finish_soon(l, DANE_NONE, DNS_TTL_MAX_S, SLICE_LIT("an address has no TLSA records"));
    } else if (addresses->outcome != DNS_FOUND) {
        without_address(l, server, addresses);
    } else if (addresses->is_secure) {
        ask_first(l);
    } else if (addresses->is_alias) {
        l->query.done = on_cname;
        resolver_ask(r, &l->query, server, DNS_CNAME);
    } else {
        finish_soon(l, DANE_NONE, addresses->ttl_s,
                    arena_printf(&l->arena, "the addresses of '%.*s' are not signed: no DANE", SLICE_FMT(server)));
    }
}

void dane_lookup_release(struct dane_lookup *l)
{
    if (l->loop != NULL) {
        loop_timer_clear(l->loop, &l->soon);
        resolver_cancel(l->resolver, &l->query);
    }
    l->loop = NULL;
    arena_release(&l->arena);
}
