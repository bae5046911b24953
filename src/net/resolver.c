#include "net/resolver.h"

#include "base/memory.h"
#include "net/dns_message.h"
#include "net/resolver_setup.h"
#include "net/unbound_events.h"

#include <stdio.h>
#include <unbound-event.h>
#include <unbound.h>

enum { DEFAULT_TIMEOUT_MS = 10000, SEC_BOGUS = 1, SEC_SECURE = 2, CLASS_IN = 1 };

/* One question on its way. libunbound answers from its cache inside the call that asks; then the answer waits here for
 * the timer, which otherwise limits how long the answer may take. */
struct lookup {
    struct lookup *next, **before;
    struct resolver *resolver;
    struct resolver_query *query;
    struct loop_timer timer;
    struct arena arena;
    enum dns_type type;
    struct slice name;
    struct dns_answer answer;
    int async_id;
    bool is_answered;
};

struct resolver {
    struct loop *loop;
    struct ub_event_base *events;
    struct ub_ctx *ctx;
    struct lookup *open;
    int64_t timeout_ms;
};

const char *dns_outcome_name(enum dns_outcome o)
{
    static const char *const names[] = {
        [DNS_FOUND] = "found",   [DNS_NODATA] = "no-data", [DNS_NXDOMAIN] = "nxdomain",
        [DNS_FAILED] = "failed", [DNS_BOGUS] = "bogus",
    };

    return names[o];
}

enum status resolver_new(struct loop *loop, const struct dns_config *config, struct resolver **out, struct fault *why)
{
    struct resolver *r = NEW(struct resolver);
    enum status st;

    r->loop = loop;
    r->timeout_ms = config->timeout_ms > 0 ? config->timeout_ms : DEFAULT_TIMEOUT_MS;
    r->events = unbound_events_new(loop);
    st = resolver_context(r->events, config, &r->ctx, why);
    if (st != OK) {
        unbound_events_free(r->events);
        free(r);
        return st;
    }
    *out = r;
    return OK;
}

static void detach(struct lookup *l)
{
    loop_timer_clear(l->resolver->loop, &l->timer);
    *l->before = l->next;
    if (l->next != NULL)
        l->next->before = l->before;
    l->query->private_state = NULL;
}

static void free_lookup(struct lookup *l)
{
    arena_release(&l->arena);
    free(l);
}

static void drop(struct lookup *l)
{
    if (!l->is_answered)
        (void)ub_cancel(l->resolver->ctx, l->async_id);
    detach(l);
    free_lookup(l);
}

void resolver_free(struct resolver *r)
{
    if (r == NULL)
        return;
    while (r->open != NULL)
        drop(r->open);
    ub_ctx_delete(r->ctx);
    unbound_events_free(r->events);
    free(r);
}

void resolver_cancel(struct resolver *r, struct resolver_query *q)
{
    (void)r;
    if (q->private_state != NULL)
        drop(q->private_state);
}

/* The outcome as libraries.md has it: a failure may hide in the call's rcode, or (from the cache) in the header's. */
static void judge(struct lookup *l, int rcode, struct slice packet, int sec, const char *why)
{
    struct dns_answer *a = &l->answer;

    if (rcode != 0)
        *a = (struct dns_answer){ .outcome = DNS_FAILED, .why = "the name's servers do not answer" };
    else if (sec == SEC_BOGUS)
        *a = (struct dns_answer){
            .outcome = DNS_BOGUS,
            .why = arena_copy(&l->arena, slice_str(why == NULL ? "DNSSEC validation failed" : why)).ptr,
        };
    else
        dns_message_read(packet, l->type, &l->arena, a);
    a->is_secure =
        sec == SEC_SECURE && (a->outcome == DNS_FOUND || a->outcome == DNS_NODATA || a->outcome == DNS_NXDOMAIN);
    if (a->canonical.ptr == NULL)
        a->canonical = l->name;
}

static void on_answer(void *me, int rcode, void *packet, int len, int sec, char *why, int was_limited)
{
    struct lookup *l = me;

    (void)was_limited;
    judge(l, rcode, slice_of(packet, len > 0 ? (size_t)len : 0), sec, why);
    l->is_answered = true;
    loop_timer_set(l->resolver->loop, &l->timer, 0);
}

static void on_timer(struct loop_timer *t)
{
    struct lookup *l = CONTAINER_OF(t, struct lookup, timer);
    struct resolver_query *q = l->query;

    if (!l->is_answered) {
        (void)ub_cancel(l->resolver->ctx, l->async_id);
        l->answer = (struct dns_answer){
            .outcome = DNS_FAILED,
            .canonical = l->name,
            .why = arena_printf(&l->arena, "no answer within %lld ms", (long long)l->resolver->timeout_ms).ptr,
        };
    }
    detach(l);
    q->done(q, &l->answer);
    free_lookup(l);
}

static bool is_escape(struct slice s)
{
    uint64_t v;

    return s.len >= 4 && s.ptr[0] == '\\' && slice_to_u64(slice_of(s.ptr + 1, 3), &v) && v <= 255;
}

/* Text as dns_message_name() writes it; any other byte that a zone file reads in its own way is escaped. */
static const char *question_text(struct lookup *l, struct slice name)
{
    char *out = arena_alloc(&l->arena, name.len * 4 + 2);
    size_t len = 0;

    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];

        if (c > ' ' && c < 0x7f && (c != '\\' || is_escape(slice_from(name, i))) && c != '"' && c != '@')
            out[len++] = (char)c;
        else
            len += (size_t)snprintf(out + len, 5, "\\%03u", c);
    }
    if (len == 0 || out[len - 1] != '.')
        out[len++] = '.';
    out[len] = '\0';
    return out;
}

static struct slice lower_name(struct arena *a, struct slice name)
{
    char *out = arena_alloc(a, name.len);

    if (name.len > 0 && name.ptr[name.len - 1] == '.')
        name.len--;
    return slice_lower(name, out);
}

static struct lookup *new_lookup(struct resolver *r, struct resolver_query *q, enum dns_type type)
{
    struct lookup *l = NEW(struct lookup);

    l->resolver = r;
    l->query = q;
    l->type = type;
    l->timer.fire = on_timer;
    l->next = r->open;
    l->before = &r->open;
    if (l->next != NULL)
        l->next->before = &l->next;
    r->open = l;
    return l;
}

void resolver_ask(struct resolver *r, struct resolver_query *q, struct slice name, enum dns_type type)
{
    struct lookup *l = new_lookup(r, q, type);
    int rc;

    q->private_state = l;
    l->name = lower_name(&l->arena, name);
    loop_timer_set(r->loop, &l->timer, r->timeout_ms);
    rc = ub_resolve_event(r->ctx, question_text(l, name), type, CLASS_IN, l, on_answer, &l->async_id);
    if (rc == 0)
        return;
    /* A name that the DNS cannot hold (labels over 63 bytes, or empty ones) does not exist; all else may pass. */
    l->answer = (struct dns_answer){ .outcome = rc == UB_SYNTAX ? DNS_NXDOMAIN : DNS_FAILED,
                                     .canonical = l->name,
                                     .why = ub_strerror(rc) };
    l->is_answered = true;
    loop_timer_set(r->loop, &l->timer, 0);
}
