#include "base/test.h"
#include "net/dns_message.h"

#include <stdlib.h>

/* A message built piece by piece. */
struct message {
    char   bytes[70000];
    size_t len;
};

static void add(struct message *m, const char *bytes, size_t len)
{
    CHECK(len <= sizeof m->bytes - m->len);
    memcpy(m->bytes + m->len, bytes, len);
    m->len += len;
}

static void add_u16(struct message *m, unsigned v)
{
    const char two[] = { (char)(v >> 8), (char)v };

    add(m, two, 2);
}

/* "mx.example.test" as labels, uncompressed. */
static void add_name(struct message *m, const char *name)
{
    for (struct slice label, rest = slice_str(name); rest.len > 0;) {
        const char *at = rest.ptr;
        char len;

        label = slice_cut(rest, '.', &rest);
        len = (char)label.len;
        add(m, &len, 1);
        add(m, at, label.len);
    }
    add(m, "", 1);
}

static void begin(struct message *m, const char *name, enum dns_type type, unsigned rcode)
{
    m->len = 0;
    add_u16(m, 0);
    add_u16(m, 0x8180U | rcode);
    add_u16(m, 1);
    add(m, "\0\0\0\0\0\0", 6);
    add_name(m, name);
    add_u16(m, type);
    add_u16(m, 1);
}

static void add_record(struct message *m, const char *owner, unsigned type, unsigned long ttl, const char *data,
                       size_t data_len)
{
    unsigned count_at = type == 6 ? 9 : 7;

    add_name(m, owner);
    add_u16(m, type);
    add_u16(m, 1);
    add_u16(m, (unsigned)(ttl >> 16));
    add_u16(m, (unsigned)ttl & 0xffff);
    add_u16(m, (unsigned)data_len);
    add(m, data, data_len);
    m->bytes[count_at]++;
}

static struct dns_answer answer(const struct message *m, enum dns_type type, struct arena *arena)
{
    struct dns_answer a;
    char *exact = malloc(m->len); /* so that the sanitizer sees any byte read behind it */

    memcpy(exact, m->bytes, m->len);
    dns_message_read(slice_of(exact, m->len), type, arena, &a);
    free(exact);
    return a;
}

static struct message m;

TEST(records)
{
    struct arena arena = { 0 };
    struct dns_answer a;

    begin(&m, "Example.TEST", DNS_MX, 0);
    add_record(&m, "example.test", DNS_MX, 300, "\0\x0a\3MX1\xc0\x0c", 8);
    add_record(&m, "other.test", DNS_MX, 5, "\0\1\0", 3);        /* not asked for */
    add_record(&m, "example.test", DNS_TXT, 5, "\1x", 2);        /* nor this type */
    add_record(&m, "example.test", 46, 5, "signature", 9);       /* RRSIG */
    add_record(&m, "example.test", DNS_MX, 60, "\0\0\0", 3);
    a = answer(&m, DNS_MX, &arena);
    CHECK(a.outcome == DNS_FOUND && a.records_len == 2 && a.ttl_s == 60);
    CHECK_STR(a.records[0].name, "mx1.example.test");
    CHECK_INT(a.records[0].preference, 10);
    CHECK_STR(a.records[1].name, "");
    CHECK_STR(a.canonical, "example.test");
    arena_release(&arena);
}

TEST(txt_is_joined)
{
    struct arena arena = { 0 };
    struct dns_answer a;

    begin(&m, "a.test", DNS_TXT, 0);
    add_record(&m, "a.test", DNS_TXT, 300, "\4v=ST\0\3Sv1", 10);
    add_record(&m, "a.test", DNS_TXT, 300, "\0", 1);
    a = answer(&m, DNS_TXT, &arena);
    CHECK(a.outcome == DNS_FOUND && a.records_len == 2);
    CHECK_STR(a.records[0].bytes, "v=STSv1");
    CHECK_STR(a.records[1].bytes, "");
    arena_release(&arena);
}

TEST(cname_chain)
{
    struct arena arena = { 0 };
    struct dns_answer a;

    begin(&m, "a.test", DNS_A, 0);
    add_record(&m, "b.test", DNS_CNAME, 20, "\1c\4test", 8); /* the order does not matter */
    add_record(&m, "a.test", DNS_CNAME, 30, "\1B\4test", 8);
    add_record(&m, "c.test", DNS_A, 40, "\xc0\0\2\1", 4);
    a = answer(&m, DNS_A, &arena);
    CHECK(a.outcome == DNS_FOUND && a.records_len == 1 && a.ttl_s == 20);
    CHECK_STR(a.canonical, "c.test");
    a = answer(&m, DNS_CNAME, &arena);
    CHECK(a.outcome == DNS_FOUND && a.records_len == 1);
    CHECK_STR(a.records[0].name, "b.test");
    CHECK_STR(a.canonical, "a.test");
    arena_release(&arena);
}

/* DNS-13 */
TEST(long_chains_and_loops_fail)
{
    struct arena arena = { 0 };
    struct dns_answer a;

    for (int names = DNS_CNAMES_MAX; names <= DNS_CNAMES_MAX + 1; names++) {
        begin(&m, "n0.test", DNS_A, 0);
        for (int i = 0; i < names; i++) {
            char owner[16], target[16], wire[24];
            int len = snprintf(target, sizeof target, "n%d", i + 1);

            (void)snprintf(owner, sizeof owner, "n%d.test", i);
            (void)snprintf(wire, sizeof wire, "%c%s\4test", len, target);
            add_record(&m, owner, DNS_CNAME, 30, wire, strlen(wire) + 1);
        }
        a = answer(&m, DNS_A, &arena);
        CHECK_INT(a.outcome, names == DNS_CNAMES_MAX ? DNS_NODATA : DNS_FAILED);
    }
    begin(&m, "a.test", DNS_A, 0);
    add_record(&m, "a.test", DNS_CNAME, 30, "\xc0\x0c", 2);
    a = answer(&m, DNS_A, &arena);
    CHECK(a.outcome == DNS_FAILED && strstr(a.why, "loop") != NULL);
    arena_release(&arena);
}

/* DNS-14, RFC 2308 section 5 */
static const struct { const char *name; unsigned rcode; unsigned long ttl, minimum; int64_t want; } denials[] = {
    { "the SOA's TTL", 3, 60, 300, 60 },
    { "the minimum", 0, 600, 300, 300 },
    { "clamped", 0, 1000000, 1000000, DNS_TTL_MAX_S },
    { "highest bit", 3, 0x80000001, 300, 0 },
};

TEST(denials_have_a_lifetime)
{
    for (size_t i = 0; i < COUNT_OF(denials); i++) {
        struct arena arena = { 0 };
        char soa[22] = { 0 };
        struct dns_answer a;

        for (int b = 0; b < 4; b++)
            soa[18 + b] = (char)(denials[i].minimum >> (24 - 8 * b));
        begin(&m, "a.test", DNS_A, denials[i].rcode);
        add_record(&m, "test", 6, denials[i].ttl, soa, sizeof soa);
        a = answer(&m, DNS_A, &arena);
        CHECK_CASE(denials[i].name, a.outcome == (denials[i].rcode == 3 ? DNS_NXDOMAIN : DNS_NODATA));
        CHECK_CASE(denials[i].name, a.ttl_s == denials[i].want);
        arena_release(&arena);
    }
}

TEST(other_rcodes_fail)
{
    struct arena arena = { 0 };

    for (unsigned rcode = 0; rcode < 16; rcode++) {
        struct dns_answer a;

        begin(&m, "a.test", DNS_A, rcode);
        a = answer(&m, DNS_A, &arena);
        CHECK_INT(a.outcome, rcode == 0 ? DNS_NODATA : rcode == 3 ? DNS_NXDOMAIN : DNS_FAILED);
        CHECK_INT(a.why != NULL, rcode != 0 && rcode != 3);
    }
    arena_release(&arena);
}

/* DNS-13: each record of the type makes the whole answer unusable, never half of it used. */
static const struct { const char *name; enum dns_type type; const char *data; size_t len; } malformed[] = {
    { "short address", DNS_A, "\xc0\0\2", 3 },
    { "long address", DNS_A, "\xc0\0\2\1\1", 5 },
    { "short IPv6 address", DNS_AAAA, "\x20\1\x0d\xb8", 4 },
    { "MX without name", DNS_MX, "\0\1", 2 },
    { "MX with a tail", DNS_MX, "\0\1\0x", 4 },
    { "label of 64", DNS_MX, "\0\1\x40xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 68 },
    { "name past the end", DNS_PTR, "\x3f""abc", 4 },
    { "pointer past the end", DNS_PTR, "\xff\xff", 2 },
    { "half a pointer", DNS_PTR, "\xc0", 1 },
    { "string past the end", DNS_TXT, "\5abc", 4 },
};

TEST(malformed_records_fail)
{
    for (size_t i = 0; i < COUNT_OF(malformed); i++) {
        struct arena arena = { 0 };
        struct dns_answer a;

        begin(&m, "a.test", malformed[i].type, 0);
        add_record(&m, "a.test", malformed[i].type, 30, malformed[i].data, malformed[i].len);
        a = answer(&m, malformed[i].type, &arena);
        CHECK_CASE(malformed[i].name, a.outcome == DNS_FAILED && a.records_len == 0);
        arena_release(&arena);
    }
}

TEST(lies_about_lengths_fail)
{
    struct arena arena = { 0 };
    struct dns_answer a;

    begin(&m, "a.test", DNS_A, 0);
    add_record(&m, "a.test", DNS_A, 30, "\xc0\0\2\1", 4);
    m.bytes[7] = 2; /* one more answer than there is */
    a = answer(&m, DNS_A, &arena);
    CHECK_INT(a.outcome, DNS_FAILED);
    m.bytes[7] = 1;
    m.bytes[m.len - 5] = 5; /* RDLENGTH past the end */
    a = answer(&m, DNS_A, &arena);
    CHECK_INT(a.outcome, DNS_FAILED);
    m.bytes[5] = 2; /* two questions */
    a = answer(&m, DNS_A, &arena);
    CHECK_INT(a.outcome, DNS_FAILED);
    for (m.len = 0; m.len < 20; m.len++)
        CHECK(answer(&m, DNS_A, &arena).outcome == DNS_FAILED);
    arena_release(&arena);
}

TEST(pointer_loops_end)
{
    struct arena arena = { 0 };
    unsigned at;

    begin(&m, "a.test", DNS_PTR, 0);
    at = (unsigned)m.len + 8 + 10; /* where the data of the record will be */
    {
        const char self[] = { (char)(0xc0 | at >> 8), (char)at };

        add_record(&m, "a.test", DNS_PTR, 30, self, sizeof self);
    }
    CHECK_INT(answer(&m, DNS_PTR, &arena).outcome, DNS_FAILED);
    arena_release(&arena);
}

/* DNS-15: a PTR record may hold anything; its text may be shown anywhere, and asked for again. */
TEST(hostile_names_are_escaped)
{
    struct arena arena = { 0 };
    struct dns_answer a;

    begin(&m, "a.test", DNS_PTR, 0);
    add_record(&m, "a.test", DNS_PTR, 30, "\x09<b>\r\n.\\\0\xc3\4TEST", 16);
    a = answer(&m, DNS_PTR, &arena);
    CHECK_INT(a.outcome, DNS_FOUND);
    CHECK_STR(a.records[0].name, "\\060b\\062\\013\\010\\046\\092\\000\\195.test");
    arena_release(&arena);
}

TEST(the_longest_name)
{
    struct arena arena = { 0 };
    struct dns_answer a;
    char wire[256];

    for (int last = 61; last <= 62; last++) { /* 255 bytes, then 256 */
        size_t len = 0;

        for (int i = 0; i < 4; i++) {
            int label = i < 3 ? 63 : last;

            wire[len++] = (char)label;
            memset(wire + len, 1, (size_t)label);
            len += (size_t)label;
        }
        wire[len++] = 0;
        begin(&m, "a.test", DNS_PTR, 0);
        add_record(&m, "a.test", DNS_PTR, 30, wire, len);
        a = answer(&m, DNS_PTR, &arena);
        CHECK_INT(a.outcome, last == 61 ? DNS_FOUND : DNS_FAILED);
        if (last == 61)
            CHECK_INT(a.records[0].name.len, 4 * 250 + 3);
    }
    arena_release(&arena);
}

RUN_TESTS(T(records), T(txt_is_joined), T(cname_chain), T(long_chains_and_loops_fail), T(denials_have_a_lifetime),
          T(other_rcodes_fail), T(malformed_records_fail), T(lies_about_lengths_fail), T(pointer_loops_end),
          T(hostile_names_are_escaped), T(the_longest_name))
