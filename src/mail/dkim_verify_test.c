#include "mail/dkim_verify.h"

#include "base/test.h"
#include "mail/dkim.h"

enum { NOW_S = 1790000070 };

static const char message[] = "From: TLS reports <tlsrpt@sender.example>\r\n"
                              "To: <reports@partner.example>\r\n"
                              "Subject: Report\r\n"
                              "\r\n"
                              "A  body.\r\n.\r\n";

/* A signed mail, its key, and what was made of both. */
static struct fixture {
    struct arena arena;
    struct buf mail, record;
    struct mail_dkim_verifier *verifier;
} f;

static void make(enum mail_dkim_algorithm algorithm)
{
    struct mail_dkim_signer *s;
    struct buf pem;

    f = (struct fixture){ .verifier = mail_dkim_verifier_new() };
    buf_init(&f.mail, 1 << 16);
    buf_init(&f.record, 1024);
    buf_init(&pem, MAIL_DKIM_PEM_MAX);
    CHECK_INT(mail_dkim_key_generate(algorithm, &pem), OK);
    CHECK_INT(mail_dkim_key_record(buf_slice(&pem), &f.record, NULL), OK);
    CHECK_INT(mail_dkim_signer_new(SLICE_LIT("Sender.example"), SLICE_LIT("s1"), buf_slice(&pem), &s, NULL), OK);
    CHECK_INT(mail_dkim_sign(s, slice_str(message), NOW_S, &f.mail, NULL), OK);
    CHECK_INT(buf_add(&f.mail, slice_str(message)), OK);
    mail_dkim_signer_free(s);
    buf_release(&pem);
}

static void end(void)
{
    mail_dkim_verifier_free(f.verifier);
    buf_release(&f.mail);
    buf_release(&f.record);
    arena_release(&f.arena);
}

/* `text` with the first `from` made `to`. */
static struct slice change(struct slice text, const char *from, const char *to)
{
    const char *at = memmem(text.ptr, text.len, from, strlen(from));
    size_t before = at == NULL ? text.len : (size_t)(at - text.ptr);

    CHECK(at != NULL);
    return arena_printf(&f.arena, "%.*s%s%.*s", (int)before, text.ptr, to,
                        SLICE_FMT(slice_from(text, before + strlen(from))));
}

static struct mail_dkim_signature verify(struct slice mail, struct slice record)
{
    struct mail_dkim_signature out[MAIL_DKIM_SIGNATURES_MAX];
    const struct mail_dkim_key key = { SLICE_LIT("s1._domainkey.sender.example"), record };

    CHECK_INT(mail_dkim_verify(f.verifier, mail, &key, 1, &f.arena, out), 1);
    CHECK_STR(out[0].domain, "sender.example");
    return out[0];
}

TEST(good_signatures)
{
    static const enum mail_dkim_algorithm kinds[] = { MAIL_DKIM_RSA_SHA256, MAIL_DKIM_ED25519_SHA256 };

    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct slice names[MAIL_DKIM_SIGNATURES_MAX];

        make(kinds[i]);
        CHECK_INT(mail_dkim_keys_wanted(buf_slice(&f.mail), &f.arena, names), 1);
        CHECK(slice_eq_case(names[0], SLICE_LIT("s1._domainkey.sender.example")));
        CHECK(verify(buf_slice(&f.mail), buf_slice(&f.record)).is_good);
        end();
    }
}

/* RPT-05: what is done to the mail or the key, and why the signature does not count. */
static const struct {
    const char *name, *in_key, *from, *to, *why;
} cases[] = {
    { "nothing", "s=", "s=email", "s=email", NULL },
    { "key for reports alone", "s=", "s=email:tlsrpt", "s=tlsrpt", NULL },
    { "key for all", "s=", "s=email:tlsrpt", "s=*", NULL },
    { "key for anything", "s=", " s=email:tlsrpt;", "", NULL },
    { "key for something else", "s=", "s=email:tlsrpt", "s=other",
      "the key is for other services than email and tlsrpt (s=)" },
    { "key in testing", "s=", "s=email:tlsrpt", "s=email; t=y", "the key is in testing (t=y)" },
    { "key revoked", "p=", "p=", "p=; n=", "the key was revoked" },
    { "body changed", NULL, "A  body", "B  body", "the body was changed" },
    { "sender changed", NULL, "<tlsrpt@", "<evil@", "the signature does not match" },
    { "a part of the body", NULL, "c=relaxed/relaxed;", "c=relaxed/relaxed; l=3;", NULL },
    { "expired", NULL, "t=1790000070;", "t=1790000070; x=1790000071;", "the signature has expired" },
};

TEST(bad_signatures)
{
    make(MAIL_DKIM_ED25519_SHA256);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool is_key = cases[i].in_key != NULL;
        struct slice mail = buf_slice(&f.mail), record = buf_slice(&f.record);
        struct mail_dkim_signature got;

        if (is_key)
            record = change(record, cases[i].from, cases[i].to);
        else
            mail = change(mail, cases[i].from, cases[i].to);
        got = verify(mail, record);
        CHECK_CASE(cases[i].name, got.is_good == (is_key && cases[i].why == NULL));
        if (cases[i].why != NULL && !slice_eq(got.why, slice_str(cases[i].why)))
            fail_msg("case '%s': %.*s", cases[i].name, SLICE_FMT(got.why));
    }
    CHECK_STR(verify(buf_slice(&f.mail), SLICE_LIT("")).why, "there is no such key in the DNS");
    end();
}

/* An mbox has no CR. */
TEST(line_ends)
{
    struct buf bare;

    make(MAIL_DKIM_ED25519_SHA256);
    buf_init(&bare, 1 << 16);
    for (size_t i = 0; i < f.mail.len; i++)
        if (buf_slice(&f.mail).ptr[i] != '\r')
            CHECK_INT(buf_add(&bare, slice_of(buf_slice(&f.mail).ptr + i, 1)), OK);
    CHECK(verify(buf_slice(&bare), buf_slice(&f.record)).is_good);
    buf_release(&bare);
    end();
}

TEST(too_many_signatures)
{
    struct mail_dkim_signature out[MAIL_DKIM_SIGNATURES_MAX];
    struct slice names[MAIL_DKIM_SIGNATURES_MAX];
    struct buf many;

    make(MAIL_DKIM_ED25519_SHA256);
    buf_init(&many, 1 << 16);
    for (int i = 0; i <= MAIL_DKIM_SIGNATURES_MAX; i++)
        CHECK_INT(buf_addf(&many, "DKIM-Signature: v=1; d=a%d.example;\r\n s=x; b=\r\n", i), OK);
    CHECK_INT(buf_add(&many, slice_str(message)), OK);
    CHECK_INT(mail_dkim_keys_wanted(buf_slice(&many), &f.arena, names), 0);
    CHECK_INT(mail_dkim_verify(f.verifier, buf_slice(&many), NULL, 0, &f.arena, out), 0);
    CHECK_INT(mail_dkim_verify(f.verifier, slice_str(message), NULL, 0, &f.arena, out), 0);
    buf_release(&many);
    end();
}

RUN_TESTS(T(good_signatures), T(bad_signatures), T(line_ends), T(too_many_signatures))
