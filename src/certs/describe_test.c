#include "certs/describe.h"

#include "certs/server_fixture.h"

#include <openssl/pem.h>

static struct minica *root;
static struct arena arena;

/* The first certificate of a file, as DER in the arena. */
static struct slice der_of(const char *file)
{
    FILE *in = fopen(file, "r");
    unsigned char *der = NULL;
    struct slice out;
    X509 *cert;
    int len;

    CHECK(in != NULL);
    cert = PEM_read_X509(in, NULL, NULL, NULL);
    (void)fclose(in);
    CHECK(cert != NULL);
    len = i2d_X509(cert, &der);
    out = arena_copy(&arena, slice_of((const char *)der, (size_t)len));
    OPENSSL_free(der);
    X509_free(cert);
    return out;
}

static struct slice issue_der(const struct minica *ca, const struct minica_leaf *leaf)
{
    struct fault why = { "" };

    if (minica_issue(ca, leaf, file_of("x", ".pem"), file_of("x", ".key"), &why) != OK)
        fail_msg("%s", why.text);
    return der_of(file_of("x", ".pem"));
}

static struct certificate read_good(struct slice der)
{
    struct certificate c;
    struct fault why = { "" };

    if (certificate_read(der, &arena, &c, &why) != OK)
        fail_msg("%s", why.text);
    return c;
}

TEST(reads)
{
    static const char *const names[] = { "mx.example.test", "*.example.test" };
    const struct minica_leaf leaf = { .names = names,
                                      .names_len = 2,
                                      .issuer_url = "http://ca.example.test/root.crt" };
    struct slice der = issue_der(root, &leaf);
    struct certificate c = read_good(der);

    CHECK_STR(c.subject, "CN=mx.example.test");
    CHECK_STR(c.common_name, "mx.example.test");
    CHECK_STR(c.issuer, "CN=Test Root");
    CHECK_INT(c.names_len, 2);
    CHECK_STR(c.names[1], "*.example.test");
    CHECK_STR(c.key, "EC P-256");
    CHECK_INT(c.key_bits, 256);
    CHECK_STR(c.signature, "ecdsa-with-SHA256");
    CHECK_STR(c.usages, "serverAuth");
    CHECK_STR(c.issuer_url, "http://ca.example.test/root.crt");
    CHECK(!c.is_authority && !c.is_self_signed && !c.is_weakly_signed);
    CHECK(strlen(c.sha256) == 64 && strlen(c.sha1) == 40 && strlen(c.spki) == 64);
    CHECK(slice_eq(c.der, der));
}

TEST(kinds)
{
    const struct minica_leaf sha1 = { .is_sha1 = true, .key = MINICA_RSA_1024, .for_clients = true };
    struct certificate c = read_good(issue_der(root, &sha1));
    struct fault why;

    CHECK_STR(c.key, "RSA");
    CHECK_INT(c.key_bits, 1024);
    CHECK(c.is_weakly_signed && c.names_len == 0);
    CHECK_STR(c.usages, "clientAuth");
    CHECK(read_good(issue_der(NULL, &sha1)).is_self_signed);
    CHECK(minica_write_root(root, file_of("root", ".pem"), &why) == OK);
    c = read_good(der_of(file_of("root", ".pem")));
    CHECK(c.is_authority && c.is_self_signed);
}

TEST(not_a_certificate)
{
    const struct minica_leaf leaf = { .names_len = 0 };
    struct slice der = issue_der(root, &leaf);
    struct certificate c;
    struct fault why;

    for (size_t len = 0; len < der.len; len += 7)
        CHECK(certificate_read(slice_first(der, len), &arena, &c, &why) == ERR_SYNTAX);
    CHECK(certificate_read(arena_printf(&arena, "%.*s", 3, "0\x01\x01"), &arena, &c, &why) == ERR_SYNTAX);
    der = arena_copy(&arena, der);
    der.len++; /* the NUL behind the copy */
    CHECK(certificate_read(der, &arena, &c, &why) == ERR_SYNTAX);
    CHECK_STR(slice_str(why.text), "1 bytes stand behind the certificate");
}

/* TLS-24, TLS-25: nothing in a name acts on whoever reads it, and no two names look alike. */
TEST(hostile_names)
{
    static const char *const names[] = { "a.test\r\nSet-Cookie: x", "\x1b[2J.test", "back\\slash", "zeroZhere.test" };
    const struct minica_leaf leaf = { .names = names, .names_len = 4, .common = "<b>\x1b]0;x\x07\xc2\x9b" };
    struct slice der = issue_der(root, &leaf);
    const struct describe_place place = { .host = SLICE_LIT("mx.example.test"), .port = 25, .is_leaf = true };
    char *zero = memmem(der.ptr, der.len, "zeroZhere", 9), *text = NULL;
    struct certificate c;
    size_t size;
    FILE *out;

    CHECK(zero != NULL);
    zero[4] = '\0';
    c = read_good(der);
    CHECK_STR(c.names[0], "a.test\\x0d\\x0aSet-Cookie: x");
    CHECK_STR(c.names[1], "\\x1b[2J.test");
    CHECK_STR(c.names[2], "back\\\\slash");
    CHECK_STR(c.names[3], "zero\\x00here.test");
    CHECK_STR(c.common_name, "<b>\\x1b]0;x\\x07\\xc2\\x9b");
    out = open_memstream(&text, &size);
    describe_text(out, &c, &place, 0);
    (void)fclose(out);
    for (const char *p = text; *p != '\0'; p++)
        CHECK(*p == '\n' || (*p >= ' ' && *p < 0x7f));
    free(text);
}

TEST(validity)
{
    static const struct {
        int64_t from, to;
        const char *text;
        int64_t left;
    } cases[] = {
        { 0, 1000000, "0 days left", 0 },
        { 0, 1000000 - 1, "expired less than a day ago", -1 },
        { 0, 1000000 - 86400, "expired 1 day ago", -1 },
        { 0, 1000000 - 86401, "expired 1 day ago", -2 },
        { 0, 1000000 + 86400, "1 day left", 1 },
        { 1000001, 2000000, "valid in 1 day", 11 },
        { 1000000 + 86401, 2000000, "valid in 2 days", 11 },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct certificate c = { .not_before_s = cases[i].from, .not_after_s = cases[i].to };

        CHECK_STR(describe_validity(&c, 1000000, &arena), cases[i].text);
        CHECK_INT(certificate_days_left(&c, 1000000), cases[i].left);
    }
}

TEST(tlsa_lines)
{
    const struct certificate leaf = { .spki = "ab" }, authority = { .spki = "cd", .is_authority = true };
    const struct slice host = SLICE_LIT("mx.example.test");

    CHECK_STR(describe_tlsa(&leaf, true, host, 25, &arena), "_25._tcp.mx.example.test. IN TLSA 3 1 1 ab");
    CHECK_STR(describe_tlsa(&authority, false, host, 465, &arena), "_465._tcp.mx.example.test. IN TLSA 2 1 1 cd");
    CHECK_STR(describe_tlsa(&leaf, false, host, 25, &arena), "");
    CHECK_STR(describe_tlsa(&leaf, true, SLICE_LIT(""), 25, &arena), "");
}

TEST(json)
{
    static const char *const names[] = { "mx.example.test" };
    const struct minica_leaf leaf = { .names = names, .names_len = 1 };
    struct certificate c = read_good(issue_der(root, &leaf));
    const struct describe_place place = {
        .host = SLICE_LIT("mx.example.test"), .port = 25, .is_leaf = true, .now_s = c.not_before_s
    };
    json_t *j = describe_json(&c, &place);

    CHECK_STR(slice_str(json_string_value(json_object_get(j, "key"))), "EC P-256");
    CHECK_INT(json_integer_value(json_object_get(j, "days_left")), 30);
    CHECK_STR(slice_str(json_string_value(json_object_get(j, "sha256"))), c.sha256);
    CHECK(strstr(json_string_value(json_object_get(j, "tlsa")), c.spki) != NULL);
    CHECK_STR(slice_str(json_string_value(json_array_get(json_object_get(j, "names"), 0))), "mx.example.test");
    json_decref(j);
}

/* C2: the very bytes of openssl(1), which wrote the file. */
TEST(pem)
{
    static const char *const names[] = { "mx.example.test" };
    const struct minica_leaf leaf = { .names = names, .names_len = 1, .is_alone = true };
    struct slice der = issue_der(root, &leaf);
    char *text = NULL, file[4096];
    FILE *in = fopen(file_of("x", ".pem"), "r"), *out;
    size_t size, len;

    CHECK(in != NULL);
    len = fread(file, 1, sizeof file, in);
    (void)fclose(in);
    out = open_memstream(&text, &size);
    describe_pem(out, der);
    (void)fclose(out);
    CHECK(slice_eq(slice_of(text, size), slice_of(file, len)));
    free(text);
}

static int set_up(void **state)
{
    (void)state;
    fixture_make();
    root = minica_new("Test Root");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_release(&arena);
    minica_free(root);
    fixture_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(reads), T(kinds), T(not_a_certificate), T(hostile_names), T(validity), T(tlsa_lines), T(json), T(pem),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
