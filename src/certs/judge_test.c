/* Each judgement on what a live server showed that has that very fault. */
#include "certs/judge.h"

#include "certs/server_fixture.h"

static struct arena arena;
static struct minica *root, *between, *old_between, *early_between, *old_root, *stranger, *deep[98];

static bool is_over;

static void probe_is_over(struct probe *p)
{
    (void)p;
    is_over = true;
}

/* A probe of a server with these files; the chain is copied into the arena. */
static size_t show(const char *chain, const char *key, const char *const *further, const struct slice **out)
{
    struct fake_server s = { .way = TLS_WAY_RAW, .chain_file = chain, .key_file = key };
    struct loop *loop = loop_new();
    struct prober *prober = prober_new(loop);
    struct probe p = { .done = probe_is_over };
    struct slice *copy;
    size_t len;

    for (size_t i = 0; i < COUNT_OF(s.further_files); i++)
        s.further_files[i] = further[i];
    fake_start(&s);
    probe_start(&p, prober, &(struct probe_target){ .address = s.address, .way = TLS_WAY_RAW });
    while (!is_over)
        loop_turn(loop, 100);
    is_over = false;
    if (p.result.failed_at != PROBE_COMPLETE)
        fail_msg("%s: %s", chain, p.result.text);
    len = p.result.chain_len;
    copy = ARENA_ARRAY(&arena, struct slice, len);
    for (size_t i = 0; i < len; i++)
        copy[i] = arena_copy(&arena, p.result.chain[i]);
    *out = copy;
    probe_release(&p);
    prober_free(prober);
    loop_free(loop);
    fake_stop(&s);
    return len;
}

/* A TLSA record for the certificate at `at`. */
static struct tlsa_set record_of(const struct slice *chain, size_t at, uint8_t usage)
{
    struct tlsa_record *r = ARENA_NEW(&arena, struct tlsa_record);
    struct certificate c;
    struct fault why;
    char *bytes = arena_alloc(&arena, 32);

    CHECK(certificate_read(chain[at], &arena, &c, &why) == OK);
    for (size_t i = 0; i < 32; i++) {
        unsigned value;

        CHECK(sscanf(c.spki + 2 * i, "%2x", &value) == 1);
        bytes[i] = (char)value;
    }
    *r = (struct tlsa_record){ usage, 1, 1, slice_of(bytes, 32) };
    return (struct tlsa_set){ .records = r, .records_len = 1, .base_domain = SLICE_LIT("mx.example.test") };
}

static struct judgement judge(const struct slice *chain, size_t len, const struct judge_context *context)
{
    struct judgement out;
    struct fault why = { "" };

    if (judge_chain(chain, len, context, &arena, &out, &why) != OK)
        fail_msg("%s", why.text);
    return out;
}

static const struct finding *find(const struct judgement *j, const char *id)
{
    for (size_t i = 0; i < j->findings_len; i++)
        if (strcmp(j->findings[i].id, id) == 0)
            return &j->findings[i];
    return NULL;
}

#define K SEVERITY_OK
#define A SEVERITY_ADVICE
#define W SEVERITY_WARNING
#define E SEVERITY_ERROR

static const struct {
    const char *name, *leaf, *further[4], *bundle, *want_name, *id;
    enum severity severity[4]; /* webpki, mta-sts, DANE with a 3 1 1 that matches, opportunistic */
    enum severity worst;       /* webpki */
    const char *seen, *advice; /* a part of it; NULL: any */
} cases[] = {
    { "good",
      "good",
      { "between" },
      "root",
      "mx.example.test",
      "cert.trust",
      { K, K, K, K },
      K,
      "the chain leads to 'CN=Test Root', which is trusted here",
      NULL },
    { "good name", "good", { "between" }, "root", "MX.example.test.", "cert.name", { K, K, K, K }, K, NULL, NULL },
    { "root sent along",
      "good",
      { "between", "root" },
      "root",
      "mx.example.test",
      "chain.root",
      { A, A, A, A },
      A,
      "the root 'CN=Test Root' is sent along",
      NULL },
    { "expired",
      "expired",
      { "between" },
      "root",
      "mx.example.test",
      "cert.expiry",
      { E, E, A, W },
      E,
      "the server's own certificate is out of date: expired 1 day ago",
      "renew" },
    { "not yet valid",
      "early",
      { "between" },
      "root",
      "mx.example.test",
      "cert.early",
      { E, E, A, W },
      E,
      "valid in 1 day",
      NULL },
    { "ends in 10 days",
      "soon",
      { "between" },
      "root",
      "mx.example.test",
      "cert.expiry",
      { W, W, A, A },
      W,
      "ends soon: 9 days left",
      "renew it now" },
    { "ends in 20 days",
      "later",
      { "between" },
      "root",
      "mx.example.test",
      "cert.expiry",
      { A, A, K, K },
      A,
      "19 days left",
      NULL },
    { "expired intermediate",
      "by-old",
      { "old-between" },
      "root",
      "mx.example.test",
      "chain.expiry",
      { E, E, K, A },
      E,
      "the intermediate certificate 'CN=Old Between': expired 10 days ago",
      NULL },
    { "early intermediate",
      "by-early",
      { "early-between" },
      "root",
      "mx.example.test",
      "chain.early",
      { E, E, K, A },
      E,
      NULL,
      NULL },
    { "expired root",
      "by-old-root",
      { NULL },
      "old-root",
      "mx.example.test",
      "cert.root",
      { E, E, K, A },
      E,
      "the root 'CN=Old Root': expired 10 days ago",
      "the authority's new chain" },
    { "missing intermediate",
      "good",
      { NULL },
      "root",
      "mx.example.test",
      "chain.incomplete",
      { E, E, K, A },
      E,
      "does not send the certificate of 'CN=Between', which issued its own",
      "can be had at http://ca.example.test/between.crt" },
    { "wrong name",
      "good",
      { "between" },
      "root",
      "other.example.test",
      "cert.name",
      { E, E, K, A },
      E,
      "the certificate is for mx.example.test, not for 'other.example.test'",
      "reissued with this name" },
    { "wildcard", "wild", { NULL }, "root", "mx.example.test", "cert.name", { K, K, K, K }, K, NULL, NULL },
    { "wildcard, two labels",
      "wild",
      { NULL },
      "root",
      "a.mx.example.test",
      "cert.name",
      { E, E, K, A },
      E,
      NULL,
      NULL },
    { "wildcard, no label", "wild", { NULL }, "root", "example.test", "cert.name", { E, E, K, A }, E, NULL, NULL },
    { "partial wildcard",
      "partial",
      { NULL },
      "root",
      "mx.example.test",
      "cert.name",
      { E, E, K, A },
      E,
      "one whole left-most label",
      NULL },
    { "common name alone",
      "common",
      { NULL },
      "root",
      "mx.example.test",
      "cert.name",
      { E, E, K, A },
      E,
      "only the common name 'mx.example.test'",
      NULL },
    { "hostile name",
      "hostile",
      { NULL },
      "root",
      "mx.example.test",
      "cert.name",
      { E, E, K, A },
      E,
      "is for \\x1b[2J\\x0a.test, not",
      NULL },
    { "self-signed",
      "self",
      { NULL },
      "root",
      "mx.example.test",
      "cert.self-signed",
      { E, E, K, A },
      E,
      "signed by its own key",
      NULL },
    { "unknown authority",
      "strange",
      { "stranger" },
      "root",
      "mx.example.test",
      "cert.trust",
      { E, E, K, A },
      E,
      "the chain ends in 'CN=Stranger', which is not among the trusted",
      NULL },
    { "unknown authority, not sent",
      "good",
      { "between" },
      "stranger",
      "mx.example.test",
      "cert.trust",
      { E, E, K, A },
      E,
      "certificate 2 of the chain, 'CN=Between', was issued by 'CN=Test Root', which is neither sent nor",
      NULL },
    { "RSA-1024",
      "weak",
      { NULL },
      "root",
      "mx.example.test",
      "cert.key",
      { E, E, W, W },
      E,
      "a weak key: RSA of 1024 bit",
      "P-256 or RSA 3072" },
    { "RSA-2048", "rsa", { NULL }, "root", "mx.example.test", "cert.key", { A, A, A, A }, A, NULL, NULL },
    { "SHA-1",
      "sha1",
      { NULL },
      "root",
      "mx.example.test",
      "cert.sig",
      { E, E, A, W },
      E,
      "is signed with ecdsa-with-SHA1",
      "SHA-256" },
    { "for clients",
      "client",
      { NULL },
      "root",
      "mx.example.test",
      "cert.usage",
      { E, E, A, A },
      E,
      "the certificate is for clientAuth, not for servers",
      "serverAuth" },
    { "100 certificates",
      "deep",
      { NULL },
      "root",
      "mx.example.test",
      "chain.long",
      { E, E, A, A },
      E,
      "the chain has 100 certificates",
      NULL },
    { "superfluous",
      "good",
      { "between", "stranger" },
      "root",
      "mx.example.test",
      "chain.superfluous",
      { W, W, A, A },
      W,
      "certificate 3 of the chain, 'CN=Stranger', certifies none",
      "remove it" },
    { "repeated",
      "good",
      { "between", "good" },
      "root",
      "mx.example.test",
      "chain.repeated",
      { W, W, A, A },
      W,
      NULL,
      NULL },
    { "misordered",
      "by-deep",
      { "between", "second" },
      "root",
      "mx.example.test",
      "chain.order",
      { W, W, A, A },
      W,
      "not sent in their order",
      "sort the chain file" },
    { "the leaf is in the bundle",
      "self",
      { NULL },
      "self",
      "mx.example.test",
      "cert.trust",
      { K, K, K, K },
      K,
      NULL,
      NULL },
};

static void check_case(size_t at, enum judge_how how, size_t column, const struct slice *chain, size_t len)
{
    const struct tlsa_set set = record_of(chain, 0, 3);
    const struct judge_context context = {
        .how = how,
        .name = slice_str(cases[at].want_name),
        .ca_file = file_of(cases[at].bundle, ".pem"),
        .tlsa = how == JUDGE_DANE ? &set : NULL,
    };
    struct judgement j = judge(chain, len, &context);
    const struct finding *f = find(&j, cases[at].id);

    if (f == NULL)
        fail_msg("case '%s', %s: no finding %s", cases[at].name, judge_how_name(how), cases[at].id);
    if (f->severity != cases[at].severity[column])
        fail_msg("case '%s', %s: %s is %s: %.*s", cases[at].name, judge_how_name(how), cases[at].id,
                 severity_name(f->severity), SLICE_FMT(f->seen));
    if (cases[at].seen != NULL && strstr(f->seen.ptr, cases[at].seen) == NULL)
        fail_msg("case '%s': %.*s", cases[at].name, SLICE_FMT(f->seen));
    if (how == JUDGE_WEBPKI && cases[at].advice != NULL && strstr(f->advice.ptr, cases[at].advice) == NULL)
        fail_msg("case '%s': %.*s", cases[at].name, SLICE_FMT(f->advice));
    if (how == JUDGE_WEBPKI && j.worst != cases[at].worst)
        fail_msg("case '%s': the worst is %s: %s %.*s", cases[at].name, severity_name(j.worst), j.findings[0].id,
                 SLICE_FMT(j.findings[0].seen));
    CHECK_CASE(cases[at].name, f->severity == SEVERITY_OK || (f->why.len > 0 && f->advice.len > 0));
    if (how == JUDGE_DANE)
        CHECK_CASE(cases[at].name, find(&j, "dane.match") != NULL && j.worst < SEVERITY_ERROR);
}

TEST(live_faults)
{
    static const enum judge_how hows[] = { JUDGE_WEBPKI, JUDGE_MTA_STS, JUDGE_DANE, JUDGE_OPPORTUNISTIC };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *further[4] = { NULL };
        const struct slice *chain;
        size_t len;

        for (size_t k = 0; k < COUNT_OF(further) && cases[i].further[k] != NULL; k++)
            further[k] = file_of(cases[i].further[k], ".pem");
        len = show(file_of(cases[i].leaf, ".pem"), file_of(cases[i].leaf, ".key"), further, &chain);
        for (size_t k = 0; k < COUNT_OF(hows); k++)
            check_case(i, hows[k], k, chain, len);
    }
}

/* DANE-02, DANE-06: usage 2 asks for the whole chain, with name and dates; a record that does not match ends it. */
static const struct {
    const char *name, *leaf, *further, *want_name;
    size_t at; /* whose key the record holds */
    uint8_t usage;
    const char *id;
    enum severity worst;
} dane_cases[] = {
    { "anchor sent", "good", "between", "mx.example.test", 1, 2, "dane.match", K },
    { "anchor sent, wrong name", "other", "between", "mx.example.test", 1, 2, "dane.ta", E },
    { "anchor sent, expired", "expired", "between", "mx.example.test", 1, 2, "dane.ta", E },
    { "another key", "good", "between", "mx.example.test", 1, 3, "dane.match", E },
    { "the leaf as anchor", "good", "between", "mx.example.test", 0, 2, "dane.match", E },
};

TEST(dane)
{
    for (size_t i = 0; i < COUNT_OF(dane_cases); i++) {
        const char *further[4] = { file_of(dane_cases[i].further, ".pem") };
        const struct slice *chain;
        size_t len = show(file_of(dane_cases[i].leaf, ".pem"), file_of(dane_cases[i].leaf, ".key"), further, &chain);
        const struct tlsa_set set = record_of(chain, dane_cases[i].at, dane_cases[i].usage);
        struct judgement j = judge(chain, len,
                                   &(struct judge_context){ .how = JUDGE_DANE,
                                                            .name = slice_str(dane_cases[i].want_name),
                                                            .ca_file = file_of("stranger", ".pem"),
                                                            .tlsa = &set });
        const struct finding *f = find(&j, dane_cases[i].id);

        if (f == NULL || j.worst != dane_cases[i].worst)
            fail_msg("case '%s': worst is %s, %s: %.*s", dane_cases[i].name, severity_name(j.worst), j.findings[0].id,
                     SLICE_FMT(j.findings[0].seen));
        if (dane_cases[i].worst == E && strcmp(f->id, "dane.match") == 0)
            CHECK_CASE(dane_cases[i].name, strstr(f->advice.ptr, j.chain[0].spki) != NULL);
    }
}

TEST(no_certificate)
{
    struct judgement j =
        judge(NULL, 0, &(struct judge_context){ .how = JUDGE_MTA_STS, .ca_file = file_of("root", ".pem") });

    CHECK(find(&j, "cert.absent") != NULL && j.worst == E && !j.is_trusted);
}

/* TLS-26: known from what the server staples, and from nothing else. */
TEST(revoked)
{
    static const struct {
        enum judge_how how;
        enum severity severity;
    } hows[] = { { JUDGE_WEBPKI, E }, { JUDGE_MTA_STS, E }, { JUDGE_OPPORTUNISTIC, W } };
    const char *none[4] = { file_of("between", ".pem") };
    struct ocsp_facts staple = { .state = OCSP_REVOKED, .text = "the authority has revoked the certificate" };
    const struct slice *chain;
    size_t len = show(file_of("good", ".pem"), file_of("good", ".key"), none, &chain);

    for (size_t i = 0; i < COUNT_OF(hows); i++) {
        struct judge_context context = { .how = hows[i].how,
                                         .name = SLICE_LIT("mx.example.test"),
                                         .ca_file = file_of("root", ".pem"),
                                         .staple = &staple };
        struct judgement j;

        staple.state = OCSP_REVOKED;
        j = judge(chain, len, &context);
        CHECK(find(&j, "cert.revoked") != NULL && find(&j, "cert.revoked")->severity == hows[i].severity);
        staple.state = OCSP_GOOD;
        j = judge(chain, len, &context);
        CHECK(find(&j, "cert.revoked") == NULL);
    }
}

TEST(what_cannot_be_judged)
{
    const struct slice junk = SLICE_LIT("0\x03\x02\x01\x05");
    struct judge_context context = { .ca_file = file_of("root", ".pem") };
    struct judgement j;
    struct fault why;

    CHECK(judge_chain(&junk, 1, &context, &arena, &j, &why) == ERR_SYNTAX);
    CHECK(strstr(why.text, "certificate 1 of the chain") != NULL);
    context.ca_file = "/nonexistent";
    CHECK(judge_chain(NULL, 0, &context, &arena, &j, &why) == ERR_NOT_FOUND);
}

/* Time is an argument: the same chain in other years. */
TEST(other_times)
{
    static const struct {
        int64_t in_days;
        const char *id;
    } times[] = { { -30, "cert.early" }, { 0, "cert.trust" }, { 40, "cert.expiry" }, { 4000, "cert.root" } };
    const char *further[4] = { file_of("between", ".pem") };
    const struct slice *chain;
    size_t len = show(file_of("good", ".pem"), file_of("good", ".key"), further, &chain);

    for (size_t i = 0; i < COUNT_OF(times); i++) {
        struct judgement j = judge(chain, len,
                                   &(struct judge_context){ .ca_file = file_of("root", ".pem"),
                                                            .now_s = time(NULL) + times[i].in_days * FIXTURE_DAY_S });

        CHECK_CASE(times[i].id, find(&j, times[i].id) != NULL && j.is_trusted == (times[i].in_days == 0));
    }
}

TEST(names_of_contexts)
{
    enum judge_how how;

    CHECK(judge_how_parse(SLICE_LIT("mta-sts"), &how) && how == JUDGE_MTA_STS);
    CHECK(!judge_how_parse(SLICE_LIT("MTA-STS"), &how));
}

struct issued {
    const char *file;
    struct minica **by; /* NULL: itself */
    struct minica_leaf leaf;
};

static void issue_all(void)
{
    static const char *const mx[] = { "mx.example.test" }, *const wild[] = { "*.example.test" },
                             *const partial[] = { "m*.example.test", "*" }, *const other[] = { "other.test" },
                             *const hostile[] = { "\x1b[2J\n.test" };
    static const char url[] = "http://ca.example.test/between.crt";
    enum { D = FIXTURE_DAY_S };
    const struct issued all[] = {
        { "good", &between, { mx, 1, MINICA_P256, -D, 31 * D, .issuer_url = url } },
        { "expired", &between, { mx, 1, MINICA_P256, -9 * D, 8 * D - D / 2 } },
        { "early", &between, { mx, 1, MINICA_P256, D / 2, D } },
        { "soon", &between, { mx, 1, MINICA_P256, -80 * D, 90 * D - D / 2 } },
        { "later", &between, { mx, 1, MINICA_P256, -70 * D, 90 * D - D / 2 } },
        { "by-old", &old_between, { mx, 1, MINICA_P256, -D, 31 * D } },
        { "by-early", &early_between, { mx, 1, MINICA_P256, -D, 31 * D } },
        { "by-old-root", &old_root, { mx, 1, MINICA_P256, -D, 31 * D } },
        { "other", &between, { other, 1, MINICA_P256, -D, 31 * D } },
        { "wild", &root, { wild, 1, MINICA_P256, -D, 31 * D } },
        { "partial", &root, { partial, 2, MINICA_P256, -D, 31 * D } },
        { "common", &root, { mx, 1, MINICA_P256, -D, 31 * D, .has_common_name_only = true } },
        { "hostile", &root, { hostile, 1, MINICA_P256, -D, 31 * D, .common = "<script>" } },
        { "self", NULL, { mx, 1, MINICA_P256, -D, 31 * D } },
        { "strange", &stranger, { mx, 1, MINICA_P256, -D, 31 * D } },
        { "weak", &root, { mx, 1, MINICA_RSA_1024, -D, 31 * D } },
        { "rsa", &root, { mx, 1, MINICA_RSA_2048, -D, 31 * D } },
        { "sha1", &root, { mx, 1, MINICA_P256, -D, 31 * D, .is_sha1 = true } },
        { "client", &root, { mx, 1, MINICA_P256, -D, 31 * D, .for_clients = true } },
        { "by-deep", &deep[1], { mx, 1, MINICA_P256, -D, 31 * D } },
    };
    struct minica_leaf last = { mx, 1, MINICA_P256, -D, 31 * D };
    struct fault why = { "" };

    for (size_t i = 0; i < COUNT_OF(all); i++) {
        struct minica_leaf leaf = all[i].leaf;

        leaf.is_alone = true;
        if (minica_issue(all[i].by == NULL ? NULL : *all[i].by, &leaf, file_of(all[i].file, ".pem"),
                         file_of(all[i].file, ".key"), &why) != OK)
            fail_msg("%s", why.text);
    }
    CHECK(minica_issue(deep[97], &last, file_of("deep", ".pem"), file_of("deep", ".key"), &why) == OK);
}

static struct minica *authority(const char *name, const struct minica *parent, int64_t from_days, int64_t days)
{
    return minica_new_authority(
        &(struct minica_authority){ name, parent, MINICA_P256, from_days * FIXTURE_DAY_S, days * FIXTURE_DAY_S });
}

static int set_up(void **state)
{
    struct fault why;

    (void)state;
    fixture_make();
    root = minica_new("Test Root");
    stranger = minica_new("Stranger");
    old_root = authority("Old Root", NULL, -100, 90);
    between = authority("Between", root, 0, 0);
    old_between = authority("Old Between", root, -100, 90);
    early_between = authority("Early Between", root, 5, 90);
    deep[0] = between;
    for (size_t i = 1; i < COUNT_OF(deep); i++)
        deep[i] = authority("Deep", deep[i - 1], 0, 0);
    CHECK(minica_write_root(root, file_of("root", ".pem"), &why) == OK);
    CHECK(minica_write_root(stranger, file_of("stranger", ".pem"), &why) == OK);
    CHECK(minica_write_root(old_root, file_of("old-root", ".pem"), &why) == OK);
    CHECK(minica_write_root(between, file_of("between", ".pem"), &why) == OK);
    CHECK(minica_write_root(old_between, file_of("old-between", ".pem"), &why) == OK);
    CHECK(minica_write_root(early_between, file_of("early-between", ".pem"), &why) == OK);
    CHECK(minica_write_root(deep[1], file_of("second", ".pem"), &why) == OK);
    issue_all();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_release(&arena);
    for (size_t i = COUNT_OF(deep) - 1; i > 0; i--)
        minica_free(deep[i]);
    minica_free(between);
    minica_free(old_between);
    minica_free(early_between);
    minica_free(old_root);
    minica_free(stranger);
    minica_free(root);
    fixture_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(live_faults),           T(dane),        T(no_certificate),    T(revoked),
        T(what_cannot_be_judged), T(other_times), T(names_of_contexts),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
