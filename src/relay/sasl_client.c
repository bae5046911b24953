#include "relay/sasl_client.h"

#include "base/memory.h"

#include <gsasl.h>
#include <stdlib.h>

struct sasl_client {
    Gsasl         *ctx;
    Gsasl_session *session;
    const char    *mechanism;
    char          *out;
    bool           is_over; /* the mechanism has nothing more to say or to hear */
};

static const char *const preferred[] = { "SCRAM-SHA-256", "PLAIN", "LOGIN" };

static bool is_offered(struct slice offered, const char *mechanism)
{
    while (offered.len > 0) {
        struct slice word = slice_cut(offered, ' ', &offered);

        if (slice_eq_case(word, slice_str(mechanism)))
            return true;
    }
    return false;
}

static const char *choose(struct slice offered)
{
    for (size_t i = 0; i < COUNT_OF(preferred); i++)
        if (is_offered(offered, preferred[i]))
            return preferred[i];
    return NULL;
}

static enum status set_property(struct sasl_client *s, Gsasl_property property, struct slice value)
{
    return gsasl_property_set_raw(s->session, property, value.ptr, value.len) == GSASL_OK ? OK : ERR_TEMPORARY;
}

enum status sasl_client_new(struct slice offered, struct slice username, struct slice password,
                            struct sasl_client **out, struct fault *why)
{
    const char *mechanism = choose(offered);
    struct sasl_client *s;

    if (mechanism == NULL)
        return fault_set(why, ERR_NOT_FOUND, "the server offers none of SCRAM-SHA-256, PLAIN and LOGIN");
    s = NEW(struct sasl_client);
    s->mechanism = mechanism;
    if (gsasl_init(&s->ctx) != GSASL_OK || gsasl_client_start(s->ctx, mechanism, &s->session) != GSASL_OK ||
        set_property(s, GSASL_AUTHID, username) != OK || set_property(s, GSASL_PASSWORD, password) != OK) {
        sasl_client_free(s);
        return fault_set(why, ERR_TEMPORARY, "cannot start the mechanism %s", mechanism);
    }
    *out = s;
    return OK;
}

void sasl_client_free(struct sasl_client *s)
{
    if (s == NULL)
        return;
    if (s->session != NULL)
        gsasl_finish(s->session);
    if (s->ctx != NULL)
        gsasl_done(s->ctx);
    gsasl_free(s->out);
    free(s);
}

const char *sasl_client_mechanism(const struct sasl_client *s)
{
    return s->mechanism;
}

enum status sasl_client_step(struct sasl_client *s, struct slice challenge, struct slice *out, struct fault *why)
{
    char *in = mem_str(challenge);
    int rc;

    gsasl_free(s->out);
    s->out = NULL;
    rc = gsasl_step64(s->session, in, &s->out);
    free(in);
    if (rc != GSASL_OK && rc != GSASL_NEEDS_MORE)
        return fault_set(why, ERR_PERMANENT, "%s failed: %s", s->mechanism, gsasl_strerror(rc));
    s->is_over = rc == GSASL_OK;
    *out = slice_str(s->out == NULL ? "" : s->out);
    return OK;
}

/* Of PLAIN and LOGIN the server proves nothing; SCRAM ends with the signature that only the password makes. */
bool sasl_client_is_proven(const struct sasl_client *s)
{
    return s->is_over || strncmp(s->mechanism, "SCRAM-", 6) != 0;
}
