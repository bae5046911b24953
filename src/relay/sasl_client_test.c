#include "relay/sasl_client.h"

#include "base/test.h"

#include <gsasl.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *offered, *mechanism, *first;
} choices[] = {
    { "the best of all", "PLAIN LOGIN SCRAM-SHA-256", "SCRAM-SHA-256", NULL },
    { "PLAIN before LOGIN", "LOGIN PLAIN CRAM-MD5", "PLAIN", "AGpvAHNlY3JldA==" },
    { "LOGIN", "LOGIN", "LOGIN", NULL },
    { "in any case", "plain", "PLAIN", "AGpvAHNlY3JldA==" },
    { "nothing known", "CRAM-MD5 GSSAPI", NULL, NULL },
    { "half a name", "PLAINER SCRAM-SHA-1", NULL, NULL },
    { "nothing", "", NULL, NULL },
};

TEST(sasl_client_chooses)
{
    for (size_t i = 0; i < COUNT_OF(choices); i++) {
        struct sasl_client *s = NULL;
        struct slice first;
        struct fault why = { "" };
        enum status st =
            sasl_client_new(slice_str(choices[i].offered), SLICE_LIT("jo"), SLICE_LIT("secret"), &s, &why);

        CHECK_CASE(choices[i].name, st == (choices[i].mechanism == NULL ? ERR_NOT_FOUND : OK));
        if (st != OK)
            continue;
        CHECK_STR(slice_str(sasl_client_mechanism(s)), choices[i].mechanism);
        CHECK_CASE(choices[i].name, sasl_client_step(s, SLICE_LIT(""), &first, &why) == OK);
        if (choices[i].first != NULL)
            CHECK_STR(first, choices[i].first);
        sasl_client_free(s);
    }
}

TEST(sasl_client_login)
{
    struct sasl_client *s;
    struct slice out;
    struct fault why;

    CHECK(sasl_client_new(SLICE_LIT("LOGIN"), SLICE_LIT("jo"), SLICE_LIT("secret"), &s, &why) == OK);
    CHECK(sasl_client_step(s, SLICE_LIT("VXNlcm5hbWU6"), &out, &why) == OK);
    CHECK_STR(out, "am8=");
    CHECK(sasl_client_step(s, SLICE_LIT("UGFzc3dvcmQ6"), &out, &why) == OK);
    CHECK_STR(out, "c2VjcmV0");
    CHECK(sasl_client_is_proven(s)); /* as far as LOGIN can */
    sasl_client_free(s);
}

static int give_password(Gsasl *ctx, Gsasl_session *session, Gsasl_property property)
{
    (void)ctx;
    return property == GSASL_PASSWORD ? gsasl_property_set(session, property, "secret") : GSASL_NO_CALLBACK;
}

/* One step of the server; `out` is its word. */
static int serve(Gsasl_session *server, struct slice in, char **out)
{
    char text[400];

    CHECK(slice_to_cstr(in, text, sizeof text));
    return gsasl_step64(server, text, out);
}

static void scram(const char *password, bool forges, bool is_proven, enum status last)
{
    Gsasl *ctx;
    Gsasl_session *server;
    struct sasl_client *s;
    struct slice out;
    struct fault why = { "" };
    char *word;
    int rc;

    CHECK(gsasl_init(&ctx) == GSASL_OK);
    gsasl_callback_set(ctx, give_password);
    CHECK(gsasl_server_start(ctx, "SCRAM-SHA-256", &server) == GSASL_OK);
    CHECK(sasl_client_new(SLICE_LIT("SCRAM-SHA-256"), SLICE_LIT("jo"), slice_str(password), &s, &why) == OK);
    CHECK(sasl_client_step(s, SLICE_LIT(""), &out, &why) == OK && !sasl_client_is_proven(s));
    CHECK(serve(server, out, &word) == GSASL_NEEDS_MORE);
    CHECK(sasl_client_step(s, slice_str(word), &out, &why) == OK && !sasl_client_is_proven(s));
    gsasl_free(word);
    word = NULL;
    rc = serve(server, out, &word);
    CHECK((rc == GSASL_OK) == (strcmp(password, "secret") == 0));
    if (forges) /* "v=" and 32 zero bytes: a signature that anybody can make */
        CHECK(sasl_client_step(s, SLICE_LIT("dj1BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE9"), &out,
                               &why) == last);
    else if (rc == GSASL_OK)
        CHECK(sasl_client_step(s, slice_str(word), &out, &why) == last);
    CHECK(sasl_client_is_proven(s) == is_proven);
    gsasl_free(word);
    sasl_client_free(s);
    gsasl_finish(server);
    gsasl_done(ctx);
}

TEST(sasl_client_scram)
{
    scram("secret", false, true, OK);
    scram("wrong", false, false, OK);
    scram("secret", true, false, ERR_PERMANENT);
}

TEST(sasl_client_meets_nonsense)
{
    static const char *const words[] = { "!!!", "bm9uc2Vuc2U=", "cj1vdGhlcixzPUFBQUEsaT0x" };

    for (size_t i = 0; i < COUNT_OF(words); i++) {
        struct sasl_client *s;
        struct slice out;
        struct fault why;

        CHECK(sasl_client_new(SLICE_LIT("SCRAM-SHA-256"), SLICE_LIT("jo"), SLICE_LIT("secret"), &s, &why) == OK);
        CHECK(sasl_client_step(s, SLICE_LIT(""), &out, &why) == OK);
        CHECK_CASE(words[i], sasl_client_step(s, slice_str(words[i]), &out, &why) == ERR_PERMANENT);
        CHECK(strstr(why.text, "secret") == NULL);
        sasl_client_free(s);
    }
}

RUN_TESTS(T(sasl_client_chooses), T(sasl_client_login), T(sasl_client_scram), T(sasl_client_meets_nonsense))
