#include "cli/demo_place.h"

#include "base/status.h"

static const struct demo_server servers[] = {
    { "mx.good.test", "127.0.0.11", DEMO_GOOD },
    { "mx.clear.test", "127.0.0.12", DEMO_NONE },
    { "mx.expired.test", "127.0.0.13", DEMO_EXPIRED },
    { "mx.late.test", "127.0.0.14", DEMO_GOOD, .is_late = true },
    { "alternate.test", "127.0.0.15", DEMO_GOOD },
    { "inside.home.test", "127.0.0.16", DEMO_GOOD },
    { "mx.renamed.test", "127.0.0.17", DEMO_MISNAMED },
    { "mx.dane.test", "127.0.0.18", DEMO_SELF_SIGNED, .tlsa_of = "mx.dane.test", .offers_requiretls = true },
    { "mx.stale.dane.test", "127.0.0.19", DEMO_SELF_SIGNED, .tlsa_of = "mx.dane.test" },
};

static const struct demo_domain domains[] = {
    { "good.test", "mx.good.test" },
    { "verified.test", "mx.good.test" },
    { "clear.test", "mx.clear.test" },
    { "bank.test", "mx.clear.test" },
    { "clinic.test", "mx.clear.test" },
    { "expired.test", "mx.expired.test" },
    { "strict.test", "mx.expired.test" },
    { "late.test", "mx.late.test" },
    { "enforced.test", "mx.good.test", .policy = "enforce" },
    { "renamed.test", "mx.renamed.test", .policy = "enforce" },
    { "testing.test", "mx.expired.test", .policy = "testing" },
    { "dane.test", "mx.dane.test" },
    { "stale.dane.test", "mx.stale.dane.test" },
};

size_t demo_servers(const struct demo_server **out)
{
    *out = servers;
    return COUNT_OF(servers);
}

size_t demo_domains(const struct demo_domain **out)
{
    *out = domains;
    return COUNT_OF(domains);
}
