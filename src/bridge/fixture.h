/* bridge/fixture.h: what tests of the bridge stand on: names, settings, and a service of MTA-STS that answers when
 * told to. For
 * *_test.c only. */
#ifndef STERNPOST_BRIDGE_FIXTURE_H
#define STERNPOST_BRIDGE_FIXTURE_H

#include "bridge/lookup.h"

#include "base/memory.h"
#include "base/test.h"
#include "discovery/sts_facts.h"
#include "net/minizone.h"
#include "net/resolver.h"

#include <stdlib.h>

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* Signed: what the names say. */
static const struct minizone_record zone[] = {
    { "all.example.test", DNS_MX, "10 mx1.example.test" },
    { "all.example.test", DNS_MX, "20 mx2.example.test" },
    { "some.example.test", DNS_MX, "10 mx1.example.test" },
    { "some.example.test", DNS_MX, "20 plain.example.test" },
    { "unusable.example.test", DNS_MX, "10 mx3.example.test" },
    { "none.example.test", DNS_MX, "10 plain.example.test" },
    { "sts.example.test", DNS_MX, "10 plain.example.test" },
    { "partner.example.test", DNS_MX, "10 plain.example.test" },
    { "bank.example.test", DNS_MX, "10 plain.example.test" },
    { "null.example.test", DNS_MX, "0 ." },
    { "weak.example.test", DNS_MX, "10 mx3.example.test" },
    { "mx1.example.test", DNS_A, "127.0.0.2" },
    { "mx2.example.test", DNS_A, "127.0.0.3" },
    { "mx3.example.test", DNS_A, "127.0.0.4" },
    { "plain.example.test", DNS_A, "127.0.0.5" },
    { "_25._tcp.mx1.example.test", DNS_TLSA, "3 1 1 " DIGEST },
    { "_25._tcp.mx2.example.test", DNS_TLSA, "2 0 1 " DIGEST },
    { "_25._tcp.mx3.example.test", DNS_TLSA, "1 1 1 " DIGEST },
};

#define ROW(k, n, json)                                                                                               \
    {                                                                                                                 \
        .kind = { k, sizeof k - 1 }, .name = { n, sizeof n - 1 }, .after = { json, sizeof json - 1 }                  \
    }
static struct setting_row rows[] = {
    ROW("rule", "partner", "{\"to\":[\"partner.example.test\"],\"level\":\"encrypt\"}"),
    ROW("rule", "bank", "{\"to\":[\"bank.example.test\"],\"from\":[\"jo@ours.example\"],\"level\":\"verify\"}"),
    ROW("rule", "relay", "{\"to\":[\"relay.example\"],\"level\":\"verify\",\"names\":[\"mx.relay.example\"]}"),
    ROW("rule", "weak", "{\"to\":[\"weak.example.test\"],\"level\":\"encrypt\"}"),
    ROW("domain", "ours.example", "{}"),
    ROW("host", "mx.host.example", "{\"servers\":[\"mx.host.example\"],\"tls\":\"encrypt\"}"),
};

static const struct slice sts_mx[] = { { "plain.example.test", 18 } };

struct world {
    struct loop *loop;
    struct minizone *zone;
    struct resolver *resolver;
    struct lookups *lookups;
    const struct sts_facts *facts; /* that the service answers with */
    enum status sts_status;
    bool sts_is_silent; /* it keeps what it is asked */
    struct sts_request *kept[8];
    size_t kept_len, sts_asked;
    struct lookup_allowance allowance;
};

static inline void answer_sts(struct world *w, struct sts_request *q)
{
    q->status = w->sts_status;
    q->facts = q->status == OK ? sts_facts_hold(w->facts) : NULL;
    handoff_put(q->reply_to, &q->item);
}

static inline void ask_fake_sts(void *ctx, struct sts_request *q)
{
    struct world *w = ctx;

    w->sts_asked++;
    if (w->sts_is_silent && w->kept_len < COUNT_OF(w->kept))
        w->kept[w->kept_len++] = q;
    else
        answer_sts(w, q);
}

static inline void release_sts(struct world *w)
{
    while (w->kept_len > 0)
        answer_sts(w, w->kept[--w->kept_len]);
}

/* What the service answers with from now on. */
static inline void set_facts(struct world *w, struct sts_facts draft)
{
    sts_facts_release(w->facts);
    w->facts = sts_facts_new(&draft);
}

static inline void set_enforce(struct world *w)
{
    set_facts(w,
              (struct sts_facts){
                  .finding = STS_FOUND,
                  .expires_s = INT64_MAX,
                  .policy = { .mode = STS_MODE_ENFORCE, .max_age_s = 86400, .mx = sts_mx, .mx_len = COUNT_OF(sts_mx) },
              });
}

static inline struct snapshot *world_settings(uint64_t version, size_t rows_len)
{
    struct snapshot *s = NULL;
    struct fault why = { "" };

    if (snapshot_new(rows, rows_len, version, &s, &why) != OK)
        fail_msg("%s", why.text);
    return s;
}

static inline void world_open(struct world *w, size_t entries_most)
{
    struct fault why = { "" };
    const char *stub, *anchor;

    w->loop = loop_new();
    set_facts(w, (struct sts_facts){ .finding = STS_NOTHING });
    if (minizone_new(w->loop, "example.test", zone, COUNT_OF(zone), &w->zone, &why) != OK)
        fail_msg("%s", why.text);
    stub = minizone_stub(w->zone);
    anchor = minizone_anchor(w->zone);
    if (resolver_new(
            w->loop,
            &(struct dns_config){ .stubs = &stub, .stubs_len = 1, .trust_anchors = &anchor, .trust_anchors_len = 1 },
            &w->resolver, &why) != OK)
        fail_msg("%s", why.text);
    w->lookups = lookups_new(&(struct lookups_config){ .loop = w->loop,
                                                       .resolver = w->resolver,
                                                       .ask_sts = ask_fake_sts,
                                                       .ctx = w,
                                                       .port = 25,
                                                       .entries_most = entries_most },
                             world_settings(1, COUNT_OF(rows)));
}

static inline void world_close(struct world *w)
{
    release_sts(w);
    lookups_free(w->lookups);
    sts_facts_release(w->facts);
    resolver_free(w->resolver);
    minizone_free(w->zone);
    loop_free(w->loop);
}

#endif
