#include "domains/dns_update.h"

#include "base/test.h"
#include "domains/ldns.h"

#include <unistd.h>

#define S(text)                                                                                                       \
    {                                                                                                                 \
        (text), sizeof(text) - 1                                                                                      \
    }
#define SECRET "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
#define OTHER "MTEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="

static const struct dns_update_key key = { .name = "update.example.org",
                                           .algorithm = "hmac-sha256",
                                           .secret = S(SECRET) };

static const struct slice old[] = { S("\015v=STSv1; id=1") };
static const struct dns_update_step steps[] = {
    { .owner = S("_mta-sts.example.org"),
      .type = DNS_TXT,
      .change = { .remove = old, .remove_len = 1, .add = S("\015v=STSv1; id=2"), .ttl_s = 300 } },
    { .owner = S("_25._tcp.mx.example.org"), .type = DNS_TLSA, .change = { .add = S("\3\1\1\xab\xcd"), .ttl_s = 60 } },
};

static struct arena arena;

static struct dns_update written(void)
{
    struct dns_update u;
    struct fault why = { "" };

    if (dns_update_write(&key, SLICE_LIT("example.org"), steps, COUNT_OF(steps), &arena, &u, &why) != OK)
        fail_msg("%s", why.text);
    return u;
}

static bool holds(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

TEST(update_as_a_server_reads_it)
{
    struct dns_update u = written();
    ldns_pkt *p = NULL;
    char *text;

    CHECK(ldns_wire2pkt(&p, (const uint8_t *)u.message.ptr, u.message.len) == LDNS_STATUS_OK);
    CHECK(ldns_pkt_get_opcode(p) == LDNS_PACKET_UPDATE);
    CHECK(ldns_pkt_tsig_verify(p, (const uint8_t *)u.message.ptr, u.message.len, "update.example.org.", SECRET, NULL));
    CHECK(!ldns_pkt_tsig_verify(p, (const uint8_t *)u.message.ptr, u.message.len, "update.example.org.", OTHER, NULL));
    text = ldns_pkt2str(p);
    CHECK(holds(text, "example.org.\tIN\tSOA"));
    CHECK(holds(text, "_mta-sts.example.org.\t0\tNONE\tTXT\t\"v=STSv1; id=1\""));
    CHECK(holds(text, "_mta-sts.example.org.\t300\tIN\tTXT\t\"v=STSv1; id=2\""));
    CHECK(holds(text, "_25._tcp.mx.example.org.\t60\tIN\tTLSA\t3 1 1 abcd"));
    free(text);
    ldns_pkt_free(p);
    arena_release(&arena);
}

/* What a server with this secret answers; NULL: unsigned. */
static struct slice answer_to(const struct dns_update *u, ldns_pkt_rcode code, const char *secret)
{
    ldns_pkt *p = NULL, *a = ldns_pkt_new();
    uint8_t *wire = NULL;
    size_t len;
    struct slice out;

    CHECK(ldns_wire2pkt(&p, (const uint8_t *)u->message.ptr, u->message.len) == LDNS_STATUS_OK);
    ldns_pkt_set_id(a, ldns_pkt_id(p));
    ldns_pkt_set_qr(a, true);
    ldns_pkt_set_opcode(a, LDNS_PACKET_UPDATE);
    ldns_pkt_set_rcode(a, (uint8_t)code);
    if (secret != NULL)
        CHECK(ldns_pkt_tsig_sign(a, "update.example.org.", secret, 300, "hmac-sha256.",
                                 ldns_rr_rdf(ldns_pkt_tsig(p), 3)) == LDNS_STATUS_OK);
    CHECK(ldns_pkt2wire(&wire, a, &len) == LDNS_STATUS_OK);
    out = arena_copy(&arena, slice_of((const char *)wire, len));
    free(wire);
    ldns_pkt_free(p);
    ldns_pkt_free(a);
    return out;
}

static const struct {
    const char *name;
    ldns_pkt_rcode code;
    const char *secret;
    enum status status;
    const char *words;
} answers[] = {
    { "done", LDNS_RCODE_NOERROR, SECRET, OK, "" },
    { "unsigned", LDNS_RCODE_NOERROR, NULL, ERR_SYNTAX, "anybody's" },
    { "signed by another", LDNS_RCODE_NOERROR, OTHER, ERR_SYNTAX, "anybody's" },
    { "refused", LDNS_RCODE_REFUSED, SECRET, ERR_PERMANENT, "may not change" },
    { "key unknown", LDNS_RCODE_NOTAUTH, NULL, ERR_PERMANENT, "does not know the key" },
    { "something else", LDNS_RCODE_YXRRSET, SECRET, ERR_PERMANENT, "code 7" },
};

TEST(answers_judged)
{
    struct dns_update u = written();

    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        struct slice answer = answer_to(&u, answers[i].code, answers[i].secret);
        struct fault why = { "" };

        CHECK_CASE(answers[i].name, dns_update_judge(&key, &u, answer, &why) == answers[i].status);
        CHECK_CASE(answers[i].name, holds(why.text, answers[i].words));
        for (size_t len = 0; len < 12; len++) /* less than a header; further ones leak in ldns */
            CHECK_CASE(answers[i].name, dns_update_judge(&key, &u, slice_first(answer, len), NULL) != OK);
    }
    arena_release(&arena);
}

TEST(name_that_is_none)
{
    struct dns_update u;

    CHECK(dns_update_write(&key, SLICE_LIT("a..b"), steps, 1, &arena, &u, NULL) == ERR_SYNTAX);
    arena_release(&arena);
}

static const struct {
    const char *text, *secret;
} files[] = { { SECRET "\n", SECRET },
              { "  " SECRET "  \nmore\n", SECRET },
              { "", NULL },
              { "\n", NULL },
              { "not base64!\n", NULL } };

TEST(secret_files)
{
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        char path[] = "/tmp/sternpost-secret-XXXXXX";
        int fd = mkstemp(path);
        struct slice out;

        CHECK(write(fd, files[i].text, strlen(files[i].text)) == (ssize_t)strlen(files[i].text));
        close(fd);
        CHECK_CASE(files[i].text, (dns_update_secret(path, &arena, &out, NULL) == OK) == (files[i].secret != NULL));
        if (files[i].secret != NULL)
            CHECK_STR(out, files[i].secret);
        unlink(path);
        CHECK(dns_update_secret(path, &arena, &out, NULL) == ERR_NOT_FOUND);
    }
    arena_release(&arena);
}

RUN_TESTS(T(update_as_a_server_reads_it), T(answers_judged), T(name_that_is_none), T(secret_files))
