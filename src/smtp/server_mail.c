#include "smtp/server_private.h"

#include "base/utf8.h"

enum { ENVID_MAX = 100, AUTH_MAX = 500 }; /* RFC 3461 section 4.4, RFC 4954 section 3 */

static const struct refusal too_big = { 552, "5.3.4", "Message size exceeds the limit" };
static const struct refusal needs_tls = { 530, "5.7.0", "Must issue a STARTTLS command first" };

static const struct refusal *read_size(const struct smtp_server *s, struct slice value, struct smtp_server_event *ev)
{
    if (!slice_to_u64(value, &ev->mail.size))
        return &bad_value;
    return s->config.max_message_bytes > 0 && ev->mail.size > s->config.max_message_bytes ? &too_big : NULL;
}

static const struct refusal *read_body(const struct smtp_server *s __attribute__((unused)), struct slice value,
                                       struct smtp_server_event *ev)
{
    bool is_8bit = slice_eq_case(value, SLICE_LIT("8BITMIME"));

    if (!is_8bit && !slice_eq_case(value, SLICE_LIT("7BIT")))
        return &bad_value;
    ev->mail.body = is_8bit ? SMTP_BODY_8BITMIME : SMTP_BODY_7BIT;
    return NULL;
}

static const struct refusal *read_utf8(const struct smtp_server *s __attribute__((unused)),
                                       struct slice value __attribute__((unused)), struct smtp_server_event *ev)
{
    ev->mail.is_utf8 = true;
    return NULL;
}

static const struct refusal *read_ret(const struct smtp_server *s __attribute__((unused)), struct slice value,
                                      struct smtp_server_event *ev)
{
    bool is_full = slice_eq_case(value, SLICE_LIT("FULL"));

    if (!is_full && !slice_eq_case(value, SLICE_LIT("HDRS")))
        return &bad_value;
    ev->mail.ret = is_full ? SMTP_RET_FULL : SMTP_RET_HDRS;
    return NULL;
}

/* It stays encoded; but what would break a line when decoded does not come in (SRV-17). */
static bool is_safe_xtext(struct slice value, size_t max)
{
    char text[AUTH_MAX];
    struct slice decoded;

    return value.len <= max && smtp_xtext_decode(value, text, &decoded);
}

static const struct refusal *read_envid(const struct smtp_server *s __attribute__((unused)), struct slice value,
                                        struct smtp_server_event *ev)
{
    if (!is_safe_xtext(value, ENVID_MAX))
        return &bad_value;
    ev->mail.envid = value;
    return NULL;
}

static const struct refusal *read_auth(const struct smtp_server *s __attribute__((unused)), struct slice value,
                                       struct smtp_server_event *ev)
{
    if (!is_safe_xtext(value, AUTH_MAX))
        return &bad_value;
    ev->mail.auth = value;
    return NULL;
}

static bool knows_requiretls(const struct smtp_server *s)
{
    return s->config.offers_requiretls;
}

/* RTL-01: asked for in clear it is refused by its name, so that the sender learns what is missing. */
static const struct refusal *read_requiretls(const struct smtp_server *s, struct slice value __attribute__((unused)),
                                             struct smtp_server_event *ev)
{
    if (!s->is_tls)
        return &needs_tls;
    ev->mail.requires_tls = true;
    return NULL;
}

static const struct param_rule rules[] = {
    { "SIZE", always_offered, true, read_size },                /* RFC 1870 section 3 */
    { "BODY", always_offered, true, read_body },                /* RFC 6152 section 2 */
    { "SMTPUTF8", always_offered, false, read_utf8 },           /* RFC 6531 section 3.4 */
    { "RET", always_offered, true, read_ret },                  /* RFC 3461 section 4.3 */
    { "ENVID", always_offered, true, read_envid },              /* RFC 3461 section 4.4 */
    { "AUTH", offers_auth, true, read_auth },                   /* RFC 4954 section 5 */
    { "REQUIRETLS", knows_requiretls, false, read_requiretls }, /* RFC 8689 section 2 */
};

static bool may_send(struct smtp_server *s)
{
    if (s->config.mail_needs_tls && !s->is_tls)
        reply(s, needs_tls.code, needs_tls.enhanced, needs_tls.text);
    else if (s->config.mail_needs_auth && !s->is_authenticated)
        reply(s, 530, "5.7.0", "Authentication required");
    else
        return true;
    return false;
}

void on_mail(struct smtp_server *s, struct slice arg)
{
    struct smtp_server_event ev = { 0 };
    struct slice params;

    if (!may_send(s) || !read_path(s, arg, true, &ev.mail.address, &params) ||
        !read_params(s, params, rules, COUNT_OF(rules), &ev))
        return;
    if (!ev.mail.is_utf8 && !utf8_is_ascii(ev.mail.address)) {
        reply(s, 553, "5.6.7", "Address is not allowed without SMTPUTF8");
        return;
    }
    s->event = ev;
    ask(s, SMTP_SV_MAIL);
}

void answer_mail(struct smtp_server *s, const struct smtp_reply *r)
{
    reply_with(s, r);
    if (!smtp_reply_is_ok(r))
        return;
    s->tx.has_mail = true;
    s->tx.is_utf8 = s->event.mail.is_utf8;
    enter_state(s, STATE_MAIL);
}
