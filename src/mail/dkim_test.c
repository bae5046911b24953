#include "mail/dkim.h"

#include "base/test.h"

#include <opendkim/dkim.h>

static const char message[] = "Date: Mon, 21 Sep 2026 14:14:30 +0000\r\n"
                              "From: TLS reports <tlsrpt@sender.example>\r\n"
                              "To: <reports@partner.example>\r\n"
                              "Subject: Report Domain: partner.example Submitter: sender.example Report-ID:\r\n"
                              "\t<1@sender.example>\r\n"
                              "TLS-Report-Domain: partner.example\r\n"
                              "TLS-Required: No\r\n"
                              "X-Other: not signed\r\n"
                              "\r\n"
                              "A  body.\r\n.\r\n\r\n";

enum { NOW_S = 1790000070 };

static char published[1024]; /* what the verifier's look-up finds */

static DKIM_CBSTAT look_up(DKIM *dkim, DKIM_SIGINFO *sig, u_char *out, size_t size)
{
    (void)dkim, (void)sig;
    (void)snprintf((char *)out, size, "%s", published);
    return published[0] == '\0' ? DKIM_STAT_NOKEY : DKIM_STAT_OK;
}

static DKIM_STAT verify(struct slice whole)
{
    DKIM_LIB *lib = dkim_init(NULL, NULL);
    uint64_t now = NOW_S;
    DKIM_STAT st;
    DKIM *dkim;

    CHECK(lib != NULL && dkim_set_key_lookup(lib, look_up) == DKIM_STAT_OK);
    CHECK(dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_FIXEDTIME, &now, sizeof now) == DKIM_STAT_OK);
    dkim = dkim_verify(lib, (const u_char *)"test", NULL, &st);
    CHECK(dkim != NULL);
    st = dkim_chunk(dkim, (u_char *)(uintptr_t)whole.ptr, whole.len);
    if (st == DKIM_STAT_OK)
        st = dkim_chunk(dkim, NULL, 0);
    if (st == DKIM_STAT_OK)
        st = dkim_eom(dkim, NULL);
    (void)dkim_free(dkim);
    dkim_close(lib);
    return st;
}

static void make_key(enum mail_dkim_algorithm algorithm, struct buf *pem)
{
    enum mail_dkim_algorithm found;
    struct buf record;

    buf_init(pem, MAIL_DKIM_PEM_MAX);
    buf_init(&record, sizeof published - 1);
    CHECK(mail_dkim_key_generate(algorithm, pem) == OK);
    CHECK(mail_dkim_key_check(buf_slice(pem), &found, NULL) == OK && found == algorithm);
    CHECK(mail_dkim_key_record(buf_slice(pem), &record, NULL) == OK);
    CHECK(slice_to_cstr(buf_slice(&record), published, sizeof published));
    buf_release(&record);
}

static void sign(enum mail_dkim_algorithm algorithm, struct slice msg, struct buf *signed_msg)
{
    struct mail_dkim_signer *s;
    struct buf pem;
    struct fault why = { "" };

    make_key(algorithm, &pem);
    CHECK(mail_dkim_signer_new(SLICE_LIT("sender.example"), SLICE_LIT("s1"), buf_slice(&pem), &s, &why) == OK);
    if (mail_dkim_sign(s, msg, NOW_S, signed_msg, &why) != OK)
        fail_msg("%s", why.text);
    CHECK(buf_add(signed_msg, msg) == OK);
    mail_dkim_signer_free(s);
    buf_release(&pem);
}

static bool contains(struct slice all, const char *part)
{
    return memmem(all.ptr, all.len, part, strlen(part)) != NULL;
}

static const struct { const char *name; enum mail_dkim_algorithm algorithm; const char *tag, *key_type; } kinds[] = {
    { "rsa", MAIL_DKIM_RSA_SHA256, "a=rsa-sha256;", "v=DKIM1; k=rsa; s=email:tlsrpt; p=MII" },
    { "ed25519", MAIL_DKIM_ED25519_SHA256, "a=ed25519-sha256;", "v=DKIM1; k=ed25519; s=email:tlsrpt; p=" },
};

TEST(a_verifier_agrees)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct buf out;

        buf_init(&out, 1 << 16);
        sign(kinds[i].algorithm, slice_str(message), &out);
        CHECK_CASE(kinds[i].name, slice_starts(slice_str(published), slice_str(kinds[i].key_type)));
        CHECK_CASE(kinds[i].name, slice_starts(buf_slice(&out), SLICE_LIT("DKIM-Signature: v=1; ")));
        CHECK_CASE(kinds[i].name, contains(buf_slice(&out), kinds[i].tag));
        CHECK_CASE(kinds[i].name, contains(buf_slice(&out), "c=relaxed/relaxed;"));
        CHECK_CASE(kinds[i].name, contains(buf_slice(&out), "t=1790000070;"));
        CHECK_CASE(kinds[i].name, !contains(buf_slice(&out), " l="));
        CHECK_CASE(kinds[i].name, verify(buf_slice(&out)) == DKIM_STAT_OK);
        published[0] = '\0';
        CHECK_CASE(kinds[i].name, verify(buf_slice(&out)) == DKIM_STAT_NOKEY);
        buf_release(&out);
    }
}

/* What a stranger might do to a message on its way, and whether the signature still holds. */
static const struct { const char *name, *from, *to; bool is_good; } change_cases[] = {
    { "nothing", "Date:", "Date:", true },
    { "a field that is not signed", "X-Other: not", "X-Other: was", true },
    { "blanks in the body", "A  body.", "A body.", true },
    { "the body", "A  body.", "B  body.", false },
    { "more body", "A  body.\r\n.\r\n", "A  body.\r\n.\r\nmore\r\n", false },
    { "who it is from", "<tlsrpt@", "<evil@", false },
    { "whom it is about", "TLS-Report-Domain: partner", "TLS-Report-Domain: other", false },
    { "a second From", "From:", "From: <x@y.example>\r\nFrom:", false },
    { "a second Subject", "Subject:", "Subject: other\r\nSubject:", false },
    { "TLS is required", "TLS-Required: No", "TLS-Required: Yes", false },
};

static void replace(struct slice s, const char *from, const char *to, struct buf *out)
{
    size_t before = 0;

    while (!slice_starts(slice_from(s, before), slice_str(from)))
        CHECK(++before < s.len);
    CHECK(buf_add(out, slice_first(s, before)) == OK && buf_add(out, slice_str(to)) == OK);
    CHECK(buf_add(out, slice_from(s, before + strlen(from))) == OK);
}

TEST(changes)
{
    struct buf out;

    buf_init(&out, 1 << 16);
    sign(MAIL_DKIM_ED25519_SHA256, slice_str(message), &out);
    for (size_t i = 0; i < COUNT_OF(change_cases); i++) {
        struct slice rest = slice_from(buf_slice(&out), buf_slice(&out).len - (sizeof message - 1));
        struct buf changed;

        buf_init(&changed, 1 << 16);
        CHECK(buf_add(&changed, slice_first(buf_slice(&out), buf_slice(&out).len - rest.len)) == OK);
        replace(rest, change_cases[i].from, change_cases[i].to, &changed);
        CHECK_CASE(change_cases[i].name, (verify(buf_slice(&changed)) == DKIM_STAT_OK) == change_cases[i].is_good);
        buf_release(&changed);
    }
    buf_release(&out);
}

static const char weak_rsa[] = /* 512 bits */
    "-----BEGIN PRIVATE KEY-----\n"
    "MIIBVQIBADANBgkqhkiG9w0BAQEFAASCAT8wggE7AgEAAkEAv1UhzEZ8n6OyHl9o\n"
    "GjoT2SvQqeZaSFUR/zAgyJ51bJjpzKWQuQnmnBLKTBA9KeBLcnz3zRC8HxcoSHAD\n"
    "aVV/XQIDAQABAkBClkYk6YMFq9qZZ2q7dericbU0684PzkttHDrMlxkWqabogmCK\n"
    "wYP5N/R/9gHuCT08xt/c23RGHZ7nmGnoTh0BAiEA3YGLaFNr59JLjsc5eMEPcYJn\n"
    "9/pd7Sg5TgKTAEQgwIUCIQDdILSXDd3DOYbJZJM4vGCpvcBztDitXTWdJ7NU2VSm\n"
    "+QIgL5vWYNf9S1hR0SBU4/Vq4lTLD+uKIJ0SpAe9nMMH3xkCIQDQH785SSjHXXaa\n"
    "SNo0FUFZoanofOC3czpJ/xrPqnn9aQIhAJKAu9RbVC7X5JgQlvb8uansK+GugFz/\n"
    "Ac9n8MExCnYk\n"
    "-----END PRIVATE KEY-----\n";
static const char elliptic[] = /* P-256 */
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQguyqVVEcn07oFLqcF\n"
    "wWu7pYbJHWRdjf1whvfUzuQdPlChRANCAAQh9bONzqzu3l0JagA24r3lvBWtK2ZL\n"
    "McS4wNVe6Y10qzsq5zhub3kr+POYjAzXAqds0/jmIW+qGybKCO8MN+U/\n"
    "-----END PRIVATE KEY-----\n";
static const char locked[] = /* ed25519, with a passphrase */
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAhcu+SspyILmAICCAAw\n"
    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEAOAEtXlLaUrqA9HVWe2UEUEQJgx\n"
    "c7aOITvO7uxWTyCpC49aUW61eUAQdgPo6NKfN803gUa3j5XWXBRIfsRttD2fhvQC\n"
    "05uMQeklMHKTLP37wWo=\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";

static const struct { const char *name, *pem; enum status want; } bad_keys[] = {
    { "nothing", "", ERR_SYNTAX },
    { "no PEM", "hello", ERR_SYNTAX },
    { "cut short", "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI\n", ERR_SYNTAX },
    { "RSA of 512 bits", weak_rsa, ERR_PERMANENT },
    { "P-256", elliptic, ERR_PERMANENT },
    { "with a passphrase", locked, ERR_SYNTAX },
};

TEST(bad_keys)
{
    for (size_t i = 0; i < COUNT_OF(bad_keys); i++) {
        struct slice pem = slice_str(bad_keys[i].pem);
        enum mail_dkim_algorithm algorithm;
        struct mail_dkim_signer *s;
        struct buf record;

        buf_init(&record, 1024);
        CHECK_CASE(bad_keys[i].name, mail_dkim_key_check(pem, &algorithm, NULL) == bad_keys[i].want);
        CHECK_CASE(bad_keys[i].name, mail_dkim_key_record(pem, &record, NULL) == bad_keys[i].want);
        CHECK_CASE(bad_keys[i].name,
                   mail_dkim_signer_new(SLICE_LIT("a.example"), SLICE_LIT("s"), pem, &s, NULL) == bad_keys[i].want);
        buf_release(&record);
    }
}

static const struct { const char *name, *text, *why; } bad_messages[] = {
    { "empty", "", "no From" },
    { "no From", "Subject: x\r\n\r\nx\r\n", "no From" },
    { "no field", "From: a@b.example\r\nSubject x\r\n\r\nx\r\n", "no field" },
    { "no field, and a fold with a colon", "From: a@b.example\r\nSubject\r\n x: y\r\n\r\nx\r\n", "no field" },
    { "a fold of nothing", " From: a@b.example\r\n\r\nx\r\n", "no field" },
    { "no name", "From: a@b.example\r\n: x\r\n\r\nx\r\n", "no field" },
    { "a blank before the colon", "From : a@b.example\r\n\r\nx\r\n", "no field" },
    { "bare LF", "From: a@b.example\r\n\r\nx\n", "not CR LF" },
    { "bare CR", "From: a@b.example\r\n\r\nx\ry\r\n", "not CR LF" },
    { "CR at the end", "From: a@b.example\r\n\r\nx\r", "not CR LF" },
};

#define FROM "From: a@b.example\r\n"

/* What canonical forms must agree on (RFC 6376 section 3.4). */
static const struct { const char *name, *text; } forms[] = {
    { "no body", FROM "\r\n" },
    { "no empty line", FROM },
    { "no empty line, no line end", "From: a@b.example" },
    { "empty lines alone", FROM "\r\n\r\n\r\n \t\r\n" },
    { "no line end", FROM "\r\nbody" },
    { "blanks", FROM "\r\n  a \t b\t\r\n\t\r\n\tc  \r\n\r\n \r\n" },
    { "names in another case", "FROM: a@b.example\r\nsubject:x\r\n\r\nx\r\n" },
    { "folds", "From:\r\n\ta@b.example\r\n  \r\nSubject:a\r\n b \t c\t\r\n\r\nx\r\n" },
    { "empty fields", FROM "Subject:\r\nTo: \r\n\r\nx\r\n" },
    { "several of a name", FROM "To: 1\r\nCc: x\r\nTo: 2\r\nFrom: c@d.example\r\nTo: 3\r\n\r\nx\r\n" },
    { "colons", FROM "Subject: a:b::c\r\n\r\nFrom: x\r\n" },
    { "8 bit", FROM "Subject: \xc3\xa9 \xff\r\n\r\n\xff\xfe \x80\r\n" },
    { "dots", FROM "\r\n.\r\n..\r\n" },
};

TEST(canonical_forms)
{
    for (size_t i = 0; i < COUNT_OF(forms); i++) {
        struct buf out;

        buf_init(&out, 1 << 16);
        sign(MAIL_DKIM_ED25519_SHA256, slice_str(forms[i].text), &out);
        if (!slice_ends_case(buf_slice(&out), SLICE_LIT("\n"))) /* as SMTP brings it */
            CHECK(buf_add(&out, SLICE_LIT("\r\n")) == OK);
        CHECK_CASE(forms[i].name, verify(buf_slice(&out)) == DKIM_STAT_OK);
        buf_release(&out);
    }
}

/* A field too many, and fields as many as there may be. */
TEST(many_fields)
{
    for (size_t more = 0; more < 2; more++) {
        struct buf msg, out, pem;
        struct mail_dkim_signer *s;
        enum status st;

        buf_init(&msg, 1 << 16);
        buf_init(&out, 1 << 17);
        CHECK(buf_add(&msg, SLICE_LIT("From: a@b.example\r\n")) == OK);
        for (size_t i = 1; i < MAIL_DKIM_FIELDS_MAX + more; i++)
            CHECK(buf_addf(&msg, "X-%zu: x\r\n", i) == OK);
        CHECK(buf_add(&msg, SLICE_LIT("\r\nx\r\n")) == OK);
        make_key(MAIL_DKIM_ED25519_SHA256, &pem);
        CHECK(mail_dkim_signer_new(SLICE_LIT("b.example"), SLICE_LIT("s1"), buf_slice(&pem), &s, NULL) == OK);
        st = mail_dkim_sign(s, buf_slice(&msg), NOW_S, &out, NULL);
        CHECK(st == (more == 0 ? OK : ERR_PERMANENT));
        CHECK(buf_add(&out, buf_slice(&msg)) == OK && (more > 0 || verify(buf_slice(&out)) == DKIM_STAT_OK));
        mail_dkim_signer_free(s);
        buf_release(&pem);
        buf_release(&out);
        buf_release(&msg);
    }
}

/* Lines of at most 78 bytes but for a long domain's, none with a blank at its end; a blank or a fold before each tag, wherever the line breaks. */
static void check_lines(struct slice field)
{
    while (field.len > 0) {
        struct slice line = slice_cut(field, '\n', &field);

        CHECK(line.len > 2 && line.ptr[line.len - 2] != ' ');
        CHECK(line.len <= 78 || slice_starts(line, SLICE_LIT("\td=")));
        for (size_t i = 0; i < line.len; i++)
            CHECK(line.ptr[i] != ';' || line.ptr[i + 1] == ' ' || line.ptr[i + 1] == '\r');
    }
}

TEST(lines)
{
    struct mail_dkim_signer *s;
    struct buf pem, out;
    char domain[] = "ddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd.ddddddddddddddddddddd.example";

    make_key(MAIL_DKIM_ED25519_SHA256, &pem);
    for (size_t at = 0; at < 63; at++) {
        buf_init(&out, 1 << 16);
        CHECK(mail_dkim_signer_new(slice_str(&domain[at]), SLICE_LIT("s1"), buf_slice(&pem), &s, NULL) == OK);
        CHECK(mail_dkim_sign(s, slice_str(message), NOW_S, &out, NULL) == OK);
        check_lines(buf_slice(&out));
        CHECK(buf_add(&out, slice_str(message)) == OK && verify(buf_slice(&out)) == DKIM_STAT_OK);
        mail_dkim_signer_free(s);
        buf_release(&out);
    }
    buf_release(&pem);
}

TEST(refuses)
{
    struct mail_dkim_signer *s;
    struct buf pem, out;

    make_key(MAIL_DKIM_ED25519_SHA256, &pem);
    CHECK(mail_dkim_signer_new(SLICE_LIT("a b"), SLICE_LIT("s"), buf_slice(&pem), &s, NULL) == ERR_SYNTAX);
    CHECK(mail_dkim_signer_new(SLICE_LIT("a.example"), SLICE_LIT("s;d=b"), buf_slice(&pem), &s, NULL) == ERR_SYNTAX);
    CHECK(mail_dkim_signer_new(SLICE_LIT("a.example"), SLICE_LIT("s"), buf_slice(&pem), &s, NULL) == OK);
    buf_init(&out, 1 << 16);
    for (size_t i = 0; i < COUNT_OF(bad_messages); i++) {
        struct fault why = { "" };

        CHECK_CASE(bad_messages[i].name,
                   mail_dkim_sign(s, slice_str(bad_messages[i].text), NOW_S, &out, &why) == ERR_PERMANENT);
        CHECK_CASE(bad_messages[i].name, strstr(why.text, bad_messages[i].why) != NULL && buf_slice(&out).len == 0);
    }
    buf_release(&out);
    buf_init(&out, 100);
    CHECK(mail_dkim_sign(s, slice_str(message), NOW_S, &out, NULL) == ERR_LIMIT && buf_slice(&out).len == 0);
    buf_release(&out);
    mail_dkim_signer_free(s);
    mail_dkim_signer_free(NULL);
    buf_release(&pem);
}

RUN_TESTS(T(a_verifier_agrees), T(changes), T(canonical_forms), T(many_fields), T(lines), T(bad_keys), T(refuses))
