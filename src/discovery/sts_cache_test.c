/* Who stays in the table, and who goes. */
#include "discovery/sts_cache.h"

#include "base/test.h"
#include "discovery/sts_facts.h"

static char changes[400];

static void on_changed(struct sts_cache *c, struct slice domain)
{
    size_t len = strlen(changes);

    (void)snprintf(changes + len, sizeof changes - len, "%s%.*s ", sts_cache_find(c, domain) == NULL ? "-" : "+",
                   SLICE_FMT(domain));
}

static struct sts_entry *keep(struct sts_cache *c, const char *domain)
{
    const struct sts_facts draft = { .finding = STS_FOUND, .domain = slice_str(domain), .policy.max_age_s = 60 };
    struct sts_entry *e = sts_cache_need(c, slice_str(domain));

    sts_cache_keep(c, e, sts_facts_new(&draft));
    return e;
}

static void check(const struct sts_cache *c, const char *domains)
{
    struct slice rest = slice_str(domains);

    while (rest.len > 0) {
        struct slice domain = slice_cut(rest, ' ', &rest);

        CHECK_CASE(domain.ptr, sts_cache_find(c, domain) != NULL);
    }
}

TEST(least_recently_used_goes)
{
    struct sts_cache c;

    changes[0] = '\0';
    sts_cache_init(&c, 3, on_changed);
    (void)keep(&c, "a");
    (void)keep(&c, "b");
    (void)keep(&c, "c");
    sts_cache_touch(&c, sts_cache_find(&c, SLICE_LIT("a")));
    (void)keep(&c, "d");
    CHECK_INT(c.kept_len, 3);
    check(&c, "a c d");
    CHECK_STR(slice_str(changes), "+a +b +c +d -b ");
    sts_cache_release(&c);
}

/* STS-25: domains without a policy, however many, cost no policy its place. */
TEST(policies_and_others_apart)
{
    struct sts_cache c;

    sts_cache_init(&c, 3, on_changed);
    (void)keep(&c, "a");
    (void)keep(&c, "b");
    for (int i = 0; i < 1000; i++) {
        char domain[20];

        (void)snprintf(domain, sizeof domain, "no%d", i);
        (void)sts_cache_need(&c, slice_str(domain));
    }
    check(&c, "a b no997 no998 no999");
    CHECK(c.kept_len == 2 && c.others_len == 3);
    CHECK_INT(map_count(&c.by_domain), 5);
    sts_cache_release(&c);
}

/* Policies of 64 KiB each would fill the memory long before there are too many of them. */
TEST(bytes_are_bounded)
{
    static char line[3000];
    const struct slice lines[] = { slice_of(line, sizeof line) };
    const struct sts_facts big = { .finding = STS_FOUND, .policy.lines = lines, .policy.lines_len = 1 };
    struct sts_cache c;

    memset(line, 'x', sizeof line);
    sts_cache_init(&c, 10, on_changed);
    for (int i = 0; i < 30; i++) {
        char domain[20];

        (void)snprintf(domain, sizeof domain, "d%d", i);
        sts_cache_keep(&c, sts_cache_need(&c, slice_str(domain)), sts_facts_new(&big));
        CHECK(c.kept_bytes <= c.bytes_most);
    }
    CHECK(c.kept_len >= 3 && c.kept_len < 10);
    check(&c, "d29 d28");
    sts_cache_release(&c);
}

/* One that is in hand stays, whatever its size. */
TEST(the_one_in_hand_stays)
{
    struct sts_cache c;

    sts_cache_init(&c, 0, on_changed);
    CHECK(keep(&c, "a") == sts_cache_find(&c, SLICE_LIT("a")));
    (void)keep(&c, "b");
    CHECK(sts_cache_find(&c, SLICE_LIT("a")) == NULL);
    check(&c, "b");
    sts_cache_release(&c);
}

TEST(a_policy_goes_and_its_entry_stays)
{
    struct sts_cache c;
    struct sts_entry *e;

    changes[0] = '\0';
    sts_cache_init(&c, 3, on_changed);
    e = keep(&c, "a");
    sts_cache_keep(&c, e, NULL);
    CHECK(c.kept_len == 0 && c.others_len == 1 && c.kept_bytes == 0);
    CHECK_STR(slice_str(changes), "+a +a ");
    sts_cache_remove(&c, e);
    CHECK_STR(slice_str(changes), "+a +a ");
    sts_cache_release(&c);
}

RUN_TESTS(T(least_recently_used_goes), T(policies_and_others_apart), T(bytes_are_bounded), T(the_one_in_hand_stays),
          T(a_policy_goes_and_its_entry_stays))
