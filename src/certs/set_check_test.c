/* Certificates of ours with one fault each, and what is said of it (C8, TLS-25, TLS-26). */
#include "certs/set_check.h"

#include "base/clock.h"
#include "net/tls_fixture.h"

static struct tls_certificate load(const char *chain, const char *key, struct arena *arena)
{
    struct tls_certificate c;
    struct fault why;
    char chain_file[160], key_file[160];

    (void)snprintf(chain_file, sizeof chain_file, "%s/%s.pem", folder.path, chain);
    (void)snprintf(key_file, sizeof key_file, "%s/%s.key", folder.path, key);
    if (tls_certificate_load(chain_file, key_file, arena, &c, &why) != OK)
        fail_msg("%s", why.text);
    return c;
}

static const struct {
    const char *name, *file, *wanted;
    enum { SYSTEM, OWN_CA, STRANGE_CA } ca;
    int64_t later_s;
    const char *part_of_why; /* NULL: fine */
} cases[] = {
    { "with its root", "good", "mx.example.test", SYSTEM, 0, NULL },
    { "under an authority of our own", "good", "mx.example.test", OWN_CA, 0, NULL },
    { "under another authority", "good", "mx.example.test", STRANGE_CA, 0,
      "the chain is not complete: the certificate of 'CN=Test Root'" },
    { "signed by itself", "self", "mx.example.test", SYSTEM, 0, NULL },
    { "signed by itself where an authority is demanded", "self", "mx.example.test", OWN_CA, 0, "is not complete" },
    { "RSA", "rsa", "mx.example.test", SYSTEM, 0, NULL },
    { "not valid yet: a matter of time", "early", "mx.example.test", SYSTEM, 0, NULL },
    { "expired", "expired", "mx.example.test", SYSTEM, 0, "it expired on 20" },
    { "expired by now", "good", "mx.example.test", SYSTEM, 31 * DAY_S, "it expired on 20" },
    { "the root expired, too", "good", "mx.example.test", SYSTEM, 4000 * (int64_t)DAY_S,
      "a certificate above it in the chain expired" },
    { "another name", "good", "smtp.example.test", SYSTEM, 0, "the name 'smtp.example.test' is not in it" },
    { "a wildcard", "wild", "smtp.example.test", SYSTEM, 0, NULL },
    { "a wildcard's own domain", "wild", "example.test", SYSTEM, 0, NULL },
    { "a wildcard, two labels", "wild", "a.b.example.test", SYSTEM, 0, "is not in it" },
    { "no name", "nameless", "mx.example.test", SYSTEM, 0, "there is no DNS name in it" },
    { "for clients", "client", "mx.example.test", SYSTEM, 0, "not meant for servers" },
    { "a weak key", "weak", "mx.example.test", SYSTEM, 0, "too weak: 1024 bits of RSA" },
    { "without its issuer", "alone", "mx.example.test", SYSTEM, 0, "neither in it nor among the trusted issuers" },
    { "another's issuer behind it", "mixed", "mx.example.test", SYSTEM, 0,
      "certificate 2, 'CN=Stranger\\0D\\0AInjected: Root', did not sign certificate 1" },
};

static struct slice read_pem(const char *name, const char *end, char out[static 8192])
{
    FILE *f = fopen(path_of(name, end), "re");
    size_t len;

    CHECK(f != NULL);
    len = fread(out, 1, 8192, f);
    CHECK(len > 0 && len < 8192);
    (void)fclose(f);
    return slice_of(out, len);
}

static void write_pem(const char *name, const char *end, struct slice first, struct slice second)
{
    FILE *f = fopen(path_of(name, end), "we");

    CHECK(f != NULL);
    CHECK(fwrite(first.ptr, 1, first.len, f) == first.len);
    CHECK(fwrite(second.ptr, 1, second.len, f) == second.len);
    CHECK(fclose(f) == 0);
}

/* Where the certificate of the issuer begins. */
static size_t second_in(struct slice chain)
{
    static const char mark[] = "-----BEGIN";
    const char *at = memmem(chain.ptr + 1, chain.len - 1, mark, sizeof mark - 1);

    CHECK(at != NULL);
    return (size_t)(at - chain.ptr);
}

/* "alone": good without its issuer; "mixed": good with the issuer of strange. */
static void cut_chains(void)
{
    char good_text[8192], strange_text[8192], key_text[8192];
    struct slice good = read_pem("good", "pem", good_text), strange = read_pem("strange", "pem", strange_text);
    struct slice key = read_pem("good", "key", key_text), leaf = slice_first(good, second_in(good));

    write_pem("alone", "pem", leaf, SLICE_LIT(""));
    write_pem("alone", "key", key, SLICE_LIT(""));
    write_pem("mixed", "pem", leaf, slice_from(strange, second_in(strange)));
    write_pem("mixed", "key", key, SLICE_LIT(""));
}

TEST(faults)
{
    cut_chains();
    CHECK(minica_write_root(stranger, path_of("stranger", "pem"), NULL) == OK);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena = { 0 };
        struct tls_certificate c = load(cases[i].file, cases[i].file, &arena);
        struct slice name = slice_str(cases[i].wanted);
        const struct set_demand demand = {
            .names = &name,
            .names_len = 1,
            .ca_file = cases[i].ca == SYSTEM ? NULL : path_of(cases[i].ca == OWN_CA ? "root" : "stranger", "pem"),
            .now_s = clock_wall_s() + cases[i].later_s,
        };
        struct fault why = { "" };
        enum status st = set_check(&c, &demand, &why);

        if (cases[i].part_of_why == NULL && st != OK)
            fail_msg("case '%s': %s", cases[i].name, why.text);
        if (cases[i].part_of_why != NULL && (st != ERR_PERMANENT || strstr(why.text, cases[i].part_of_why) == NULL))
            fail_msg("case '%s': got '%s', want '%s'", cases[i].name, why.text, cases[i].part_of_why);
        tls_certificate_release(&c);
        arena_release(&arena);
    }
    for (size_t i = 0; i < 2; i++) {
        unlink(path_of(i == 0 ? "alone" : "mixed", "pem"));
        unlink(path_of(i == 0 ? "alone" : "mixed", "key"));
    }
    unlink(path_of("stranger", "pem"));
}

/* Every fault is told, not the first alone. */
TEST(all_faults_at_once)
{
    const struct slice name = SLICE_LIT("other.example.test");
    struct arena arena = { 0 };
    struct tls_certificate c = load("weak", "weak", &arena);
    const struct set_demand demand = { .names = &name, .names_len = 1, .now_s = clock_wall_s() + 60 * DAY_S };
    struct fault why = { "" };

    CHECK(set_check(&c, &demand, &why) == ERR_PERMANENT);
    CHECK(strstr(why.text, "is not in it; ") != NULL && strstr(why.text, "expired") != NULL &&
          strstr(why.text, "weak") != NULL);
    tls_certificate_release(&c);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(faults),
        T(all_faults_at_once),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
