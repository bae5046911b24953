#include "smtp/server_private.h"

#include "base/utf8.h"

enum { ORCPT_MAX = 500 }; /* RFC 3461 section 4.2 */

static const struct {
    const char *name;
    unsigned bit;
} notify_names[] = {
    { "NEVER", SMTP_NOTIFY_NEVER },
    { "SUCCESS", SMTP_NOTIFY_SUCCESS },
    { "FAILURE", SMTP_NOTIFY_FAILURE },
    { "DELAY", SMTP_NOTIFY_DELAY },
};

static unsigned notify_bit(struct slice name)
{
    for (size_t i = 0; i < COUNT_OF(notify_names); i++)
        if (slice_eq_case(name, slice_str(notify_names[i].name)))
            return notify_names[i].bit;
    return 0;
}

static const struct refusal *read_notify(const struct smtp_server *s __attribute__((unused)), struct slice value,
                                         struct smtp_server_event *ev)
{
    unsigned set = 0;
    size_t comma;

    do {
        unsigned bit;

        comma = slice_find(value, ',');
        bit = notify_bit(slice_first(value, comma));
        if (bit == 0 || (set & bit) != 0)
            return &bad_value;
        set |= bit;
        value = slice_from(value, comma == SIZE_MAX ? value.len : comma + 1);
    } while (comma != SIZE_MAX);
    if ((set & SMTP_NOTIFY_NEVER) != 0 && set != SMTP_NOTIFY_NEVER)
        return &bad_value;
    ev->rcpt.notify = set;
    return NULL;
}

/* RFC 3461 section 4.2: addr-type is an atom. */
static bool is_addr_type(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] <= 0x20 || s.ptr[i] >= 0x7f || strchr("()<>@,;:\\\".[]", s.ptr[i]) != NULL)
            return false;
    return s.len > 0;
}

/* "\x{HEX}" at the front (RFC 6533 section 3); its length, or 0. It stands for no control character. */
static size_t embedded_char_len(struct slice s)
{
    size_t end = slice_find(s, '}');
    uint32_t code = 0;

    if (!slice_starts(s, SLICE_LIT("\\x{")) || end == SIZE_MAX || end < 5 || end > 9)
        return 0;
    for (size_t i = 3; i < end; i++) {
        const char *digits = "0123456789ABCDEF", *at = s.ptr[i] == '\0' ? NULL : strchr(digits, s.ptr[i]);

        if (at == NULL)
            return 0;
        code = code * 16 + (uint32_t)(at - digits);
    }
    return code >= 0x20 && code != 0x7f && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? end + 1 : 0;
}

/* utf-8-addr-xtext and, in a transaction with SMTPUTF8, utf-8-addr-unitext (RFC 6533 section 3). */
static bool is_utf8_addr(struct slice s, bool utf8)
{
    while (s.len > 0) {
        size_t len = s.ptr[0] == '\\' ? embedded_char_len(s) : utf8_printable_len(s);

        if (len == 0 || s.ptr[0] == ' ' || ((unsigned char)s.ptr[0] >= 0x80 && !utf8))
            return false;
        s = slice_from(s, len);
    }
    return true;
}

static const struct refusal *read_orcpt(const struct smtp_server *s, struct slice value, struct smtp_server_event *ev)
{
    struct slice address, type = slice_cut(value, ';', &address), decoded;
    char text[ORCPT_MAX];

    if (value.len > ORCPT_MAX || address.len == 0 || !is_addr_type(type))
        return &bad_value;
    if (slice_eq_case(type, SLICE_LIT("utf-8")) ? !is_utf8_addr(address, s->tx.is_utf8)
                                                : !smtp_xtext_decode(address, text, &decoded))
        return &bad_value;
    ev->rcpt.orcpt = value;
    return NULL;
}

static const struct param_rule rules[] = {
    { "NOTIFY", always_offered, true, read_notify },
    { "ORCPT", always_offered, true, read_orcpt },
};

/* Too many are refused one by one without being errors, so that the first ones still get their message
 * (RFC 5321 section 4.5.3.1.10); but not for ever (SRV-05). */
static void refuse_surplus(struct smtp_server *s)
{
    say(s, 452, "4.5.3", "Too many recipients");
    if (s->tx.rcpts_over++ < s->config.max_recipients)
        return;
    say(s, 421, "4.7.0", "Far too many recipients, closing connection");
    end_session(s, "too many recipients");
}

void on_rcpt(struct smtp_server *s, struct slice arg)
{
    struct smtp_server_event ev = { 0 };
    struct slice params;

    if (s->tx.rcpts >= s->config.max_recipients) {
        refuse_surplus(s);
        return;
    }
    if (!read_path(s, arg, false, &ev.rcpt.address, &params) || !read_params(s, params, rules, COUNT_OF(rules), &ev))
        return;
    s->event = ev;
    ask(s, SMTP_SV_RCPT);
}

void answer_rcpt(struct smtp_server *s, const struct smtp_reply *r)
{
    reply_with(s, r);
    if (!smtp_reply_is_ok(r))
        return;
    s->tx.rcpts++;
    enter_state(s, STATE_RCPT);
}
