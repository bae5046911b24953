#include "smtp/server_private.h"

#include "base/utf8.h"

#include <assert.h>

const struct refusal bad_value = { 501, "5.5.4", "Bad value of a parameter" };

static const struct refusal bad_syntax = { 501, "5.5.4", "Bad syntax of a parameter" };
static const struct refusal repeated = { 501, "5.5.4", "A parameter was given twice" };
static const struct refusal unknown = { 555, "5.5.4", "Parameter not recognised or not offered" };

bool always_offered(const struct smtp_server *s __attribute__((unused)))
{
    return true;
}

static bool refuse(struct smtp_server *s, const struct refusal *r)
{
    reply(s, r->code, r->enhanced, r->text);
    return false;
}

static bool refuse_path(struct smtp_server *s, struct slice arg, bool is_reverse, enum status st)
{
    if (!utf8_is_ascii(arg)) /* RFC 6531 section 3.5 (SRV-20) */
        reply(s, 553, "5.6.7", "Address is not allowed without SMTPUTF8, or is not UTF-8 as it should be");
    else
        reply(s, 501, is_reverse ? "5.1.7" : "5.1.3", st == ERR_LIMIT ? "Address too long" : "Bad address syntax");
    return false;
}

bool read_path(struct smtp_server *s, struct slice arg, bool is_reverse, struct slice *address, struct slice *params)
{
    struct slice keyword = is_reverse ? SLICE_LIT("FROM:") : SLICE_LIT("TO:");
    /* SMTPUTF8 comes behind the sender's address: on_mail() looks again. */
    bool utf8 = is_reverse || s->tx.is_utf8;
    struct smtp_mailbox box;
    enum status st;

    if (!slice_starts_case(arg, keyword)) {
        reply(s, 501, "5.5.4", is_reverse ? "Syntax: MAIL FROM:<address>" : "Syntax: RCPT TO:<address>");
        return false;
    }
    arg = slice_from(arg, keyword.len);
    /* RFC 5321 has no blank here; too many clients put one for us to turn them away. */
    if (arg.len > 0 && arg.ptr[0] == ' ')
        arg = slice_from(arg, 1);
    st = smtp_path_parse(arg, is_reverse, utf8, &box, params);
    if (st == OK && params->len > 0 && params->ptr[0] != ' ')
        st = ERR_SYNTAX;
    if (st != OK)
        return refuse_path(s, arg, is_reverse, st);
    *address = box.local;
    if (box.domain.len > 0)
        address->len = (size_t)(box.domain.ptr + box.domain.len - box.local.ptr);
    return true;
}

/* RFC 5321 section 4.1.2, esmtp-keyword and esmtp-value; RFC 6531 section 3.3 for bytes over 0x7f. */
static bool split_param(struct slice param, struct slice *key, struct slice *value, bool *has_value)
{
    *key = slice_cut(param, '=', value);
    *has_value = key->len < param.len;
    if (key->len == 0 || (*has_value && value->len == 0))
        return false;
    for (size_t i = 0; i < value->len; i++) {
        unsigned char c = (unsigned char)value->ptr[i];

        if (c <= 0x20 || c == '=' || c == 0x7f)
            return false;
    }
    return true;
}

static const struct param_rule *find_rule(const struct param_rule *rules, size_t len, struct slice key)
{
    for (size_t i = 0; i < len; i++)
        if (slice_eq_case(key, slice_str(rules[i].key)))
            return &rules[i];
    return NULL;
}

bool read_params(struct smtp_server *s, struct slice params, const struct param_rule *rules, size_t rules_len,
                 struct smtp_server_event *ev)
{
    unsigned seen = 0;

    assert(rules_len <= 32);
    while (params.len > 0) {
        struct slice key, value, param = slice_cut(params, ' ', &params);
        const struct refusal *why;
        const struct param_rule *rule;
        bool has_value;

        if (param.len == 0)
            continue;
        if (!split_param(param, &key, &value, &has_value))
            return refuse(s, &bad_syntax);
        rule = find_rule(rules, rules_len, key);
        if (rule == NULL || !s->is_esmtp || !rule->is_offered(s))
            return refuse(s, &unknown);
        if (seen & (1U << (rule - rules)))
            return refuse(s, &repeated);
        seen |= 1U << (rule - rules);
        why = rule->has_value == has_value ? rule->read(s, value, ev) : &bad_value;
        if (why != NULL)
            return refuse(s, why);
    }
    return true;
}
