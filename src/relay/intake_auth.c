/* relay/intake_auth.c: AUTH (RFC 4954) by GNU SASL. Every step runs on the hasher's thread, since checking a password takes
 * long on purpose; the session waits for it, or is gone when the answer comes. */
#include "base/memory.h"
#include "relay/hasher.h"
#include "relay/intake_private.h"
#include "relay/metrics.h"
#include "relay/sign_in_limit.h"
#include "settings/password.h"

#include <gsasl.h>
#include <sodium.h>
#include <stdlib.h>

struct auth_exchange {
    struct hasher_task hasher_task;
    struct worker_task home;     /* how the answer comes back */
    struct intake     *session;  /* NULL: it went away */
    struct worker     *worker;
    struct snapshot   *settings; /* held: users are looked up on the hasher's thread */
    struct arena       arena;
    Gsasl             *ctx;
    Gsasl_session     *sasl;
    char              *in, *out;
    int                rc;
    bool               is_away;  /* at the hasher */
    bool               has_initial; /* the first answer came with the command */
};

/* -- on the hasher's thread ----------------------------------------------------------------------------------------- */

static const struct user *find_user(const struct auth_exchange *x, const char *name)
{
    const struct user *u = name == NULL ? NULL : snapshot_user(x->settings, slice_str(name));

    return u == NULL || u->is_disabled ? NULL : u;
}

/* Nobody signs in as one user to act as another. */
static bool wants_to_be_another(Gsasl_session *sasl, const char *authid)
{
    const char *authzid = gsasl_property_fast(sasl, GSASL_AUTHZID);

    return authzid != NULL && authzid[0] != '\0' && strcmp(authzid, authid) != 0;
}

static int check_password(struct auth_exchange *x, Gsasl_session *sasl)
{
    const char *authid = gsasl_property_fast(sasl, GSASL_AUTHID);
    const char *password = gsasl_property_fast(sasl, GSASL_PASSWORD);
    const struct user *u = find_user(x, authid);
    /* An unknown user costs as much as a known one (AUT-02). */
    bool is_right = password_is_right(slice_str(password == NULL ? "" : password),
                                      u == NULL ? slice_of(NULL, 0) : u->password_hash);

    return u != NULL && is_right && !wants_to_be_another(sasl, authid) ? GSASL_OK : GSASL_AUTHENTICATION_ERROR;
}

static int set_scram_secret(Gsasl_session *sasl, Gsasl_property property, struct slice secret)
{
    char value[160];

    if (!slice_to_cstr(secret, value, sizeof value))
        return GSASL_NO_CALLBACK;
    return gsasl_property_set(sasl, property, value);
}

/* One field of "iterations,salt,StoredKey,ServerKey". */
static int give_scram(struct auth_exchange *x, Gsasl_session *sasl, Gsasl_property property, unsigned field)
{
    const char *name = gsasl_property_fast(sasl, GSASL_AUTHID);
    const struct user *u = find_user(x, name);
    struct slice rest, value = { 0 };

    if (u != NULL && u->scram.len > 0)
        rest = u->scram;
    else /* an unknown user is asked like a known one, and fails where a wrong password does (AUT-02) */
        rest = password_scram_of_nobody(slice_str(name == NULL ? "" : name), &x->arena);
    for (unsigned i = 0; i <= field; i++)
        value = slice_cut(rest, ',', &rest);
    return set_scram_secret(sasl, property, value);
}

static int on_property(Gsasl *ctx, Gsasl_session *sasl, Gsasl_property property)
{
    struct auth_exchange *x = gsasl_session_hook_get(sasl);

    (void)ctx;
    switch (property) {
    case GSASL_VALIDATE_SIMPLE:  return check_password(x, sasl);
    case GSASL_SCRAM_ITER:       return give_scram(x, sasl, property, 0);
    case GSASL_SCRAM_SALT:       return give_scram(x, sasl, property, 1);
    case GSASL_SCRAM_STOREDKEY:  return give_scram(x, sasl, property, 2);
    case GSASL_SCRAM_SERVERKEY:  return give_scram(x, sasl, property, 3);
    default:                     return GSASL_NO_CALLBACK;
    }
}

/* LOGIN asks for the name first, even when the client has given it with the command (as smtplib does). */
static void skip_question(struct auth_exchange *x)
{
    char *question = NULL;

    if (gsasl_step64(x->sasl, "", &question) == GSASL_NEEDS_MORE)
        gsasl_free(question);
}

static void run_step(struct hasher_task *t)
{
    struct auth_exchange *x = CONTAINER_OF(t, struct auth_exchange, hasher_task);

    if (x->has_initial && strcmp(gsasl_mechanism_name(x->sasl), "LOGIN") == 0)
        skip_question(x);
    x->has_initial = false;
    x->rc = gsasl_step64(x->sasl, x->in, &x->out);
    worker_ask(x->worker, &x->home);
}

/* -- on the worker's thread --------------------------------------------------------------------------------------------- */

static void forget_secret(char **text)
{
    if (*text != NULL)
        sodium_memzero(*text, strlen(*text));
    gsasl_free(*text);
    *text = NULL;
}

static void exchange_free(struct auth_exchange *x)
{
    if (x->sasl != NULL)
        gsasl_finish(x->sasl);
    if (x->ctx != NULL)
        gsasl_done(x->ctx);
    forget_secret(&x->in);
    forget_secret(&x->out);
    snapshot_release(x->settings);
    arena_release(&x->arena);
    free(x);
}

static void finish(struct intake *s, int code, const char *enhanced, const char *text)
{
    struct smtp_reply r;

    s->auth = NULL;
    smtp_reply_set(&r, code, enhanced, "%s", text);
    smtp_server_auth_done(s->smtp, &r);
    intake_drive(s);
}

static void signed_in(struct intake *s, struct auth_exchange *x)
{
    const char *authid = gsasl_property_fast(x->sasl, GSASL_AUTHID);

    metric_add(METRIC_AUTH_OK, 1);
    free(s->user);
    s->user = mem_str(slice_str(authid));
    log_info(&s->log, "signed in", LOG_CSTR("user", authid), LOG_CSTR("mechanism", gsasl_mechanism_name(x->sasl)));
    exchange_free(x);
    finish(s, 235, "2.7.0", "welcome");
}

static void refused(struct intake *s, struct auth_exchange *x)
{
    const char *authid = gsasl_property_fast(x->sasl, GSASL_AUTHID);

    metric_add(METRIC_AUTH_FAILED, 1);
    sign_in_limit_failed(node_sign_in_limit(s->worker->node), &s->peer, loop_now_ms(s->worker->loop));
    log_warning(&s->log, "sign-in refused", LOG_CSTR("user", authid == NULL ? "" : authid),
                LOG_CSTR("mechanism", gsasl_mechanism_name(x->sasl)));
    exchange_free(x);
    finish(s, 535, "5.7.8", "authentication failed");
}

/* The mechanism is content. Nobody acts as another (AUT-04). */
static void admit(struct intake *s, struct auth_exchange *x)
{
    if (wants_to_be_another(x->sasl, gsasl_property_fast(x->sasl, GSASL_AUTHID)))
        refused(s, x);
    else
        signed_in(s, x);
}

static bool is_bad_input(int rc)
{
    return rc == GSASL_BASE64_ERROR || rc == GSASL_MECHANISM_PARSE_ERROR;
}

static void on_step_done(struct worker *w, struct worker_task *t)
{
    struct auth_exchange *x = CONTAINER_OF(t, struct auth_exchange, home);
    struct intake *s = x->session;

    (void)w;
    x->is_away = false;
    if (s == NULL) {
        exchange_free(x);
    } else if (x->rc == GSASL_NEEDS_MORE || (x->rc == GSASL_OK && x->out != NULL && x->out[0] != '\0')) {
        /* The last word of SCRAM is the server's: it goes out as a challenge that asks for an empty answer. */
        smtp_server_auth_challenge(s->smtp, slice_str(x->out == NULL ? "" : x->out));
        intake_drive(s);
    } else if (x->rc == GSASL_OK) {
        admit(s, x);
    } else if (is_bad_input(x->rc)) {
        exchange_free(x);
        finish(s, 501, "5.5.2", "that is not what the mechanism expects");
    } else {
        refused(s, x);
    }
}

/* A session that has heard the last word answers with nothing, and is in. */
static bool has_finished(const struct auth_exchange *x)
{
    return x->rc == GSASL_OK;
}

static void step(struct auth_exchange *x, struct slice in)
{
    forget_secret(&x->in);
    forget_secret(&x->out);
    x->in = mem_str(in);
    x->is_away = true;
    x->hasher_task.run = run_step;
    x->home.run = on_step_done;
    if (hasher_ask(x->worker->hasher, &x->hasher_task))
        return;
    x->is_away = false;
    finish(x->session, 454, "4.7.0", "too many sign-ins at once, please try again later");
    exchange_free(x);
}

/* True when the answer was given: this address has guessed too often. */
static bool turned_away(struct intake *s)
{
    struct smtp_reply r;

    if (sign_in_limit_allows(node_sign_in_limit(s->worker->node), &s->peer, loop_now_ms(s->worker->loop)))
        return false;
    log_warning(&s->log, "too many failed sign-ins from this address");
    smtp_reply_set(&r, 421, "4.7.0", "too many failed sign-ins from your address, please try again later");
    smtp_server_auth_done(s->smtp, &r);
    intake_drive(s);
    return true;
}

void intake_on_auth(struct intake *s, struct slice mechanism, struct slice initial, bool has_initial)
{
    struct auth_exchange *x;
    char name[32];

    if (turned_away(s))
        return;
    x = NEW(struct auth_exchange);
    s->auth = x;
    x->session = s;
    x->worker = s->worker;
    x->settings = snapshot_hold(s->worker->settings);
    x->rc = GSASL_NEEDS_MORE;
    if (!slice_to_cstr(mechanism, name, sizeof name) || gsasl_init(&x->ctx) != GSASL_OK) {
        exchange_free(x);
        finish(s, 454, "4.7.0", "authentication is not available");
        return;
    }
    gsasl_callback_set(x->ctx, on_property);
    if (gsasl_server_start(x->ctx, name, &x->sasl) != GSASL_OK) {
        exchange_free(x);
        finish(s, 504, "5.5.4", "this mechanism is not offered");
        return;
    }
    gsasl_session_hook_set(x->sasl, x);
    x->has_initial = has_initial;
    step(x, has_initial && !slice_eq(initial, SLICE_LIT("=")) ? initial : slice_of(NULL, 0));
}

void intake_on_auth_response(struct intake *s, struct slice response)
{
    struct auth_exchange *x = s->auth;

    if (!has_finished(x))
        step(x, response);
    else if (response.len == 0)
        admit(s, x);
    else
        refused(s, x);
}

void intake_cancel_auth(struct intake *s)
{
    struct auth_exchange *x = s->auth;

    s->auth = NULL;
    if (x == NULL)
        return;
    x->session = NULL;
    if (!x->is_away)
        exchange_free(x);
}
