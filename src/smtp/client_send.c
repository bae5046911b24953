#include "base/memory.h"
#include "smtp/client_private.h"

#include <assert.h>
#include <stdio.h>

static bool offers(const struct smtp_client *c, enum smtp_ext ext)
{
    return (c->offers & ext) != 0;
}

static void put_parameter(struct smtp_client *c, const char *keyword, struct slice value)
{
    smtp_client_put(c, SLICE_LIT(" "));
    smtp_client_put(c, slice_str(keyword));
    smtp_client_put(c, value);
}

static void put_path(struct smtp_client *c, const char *verb, struct slice address)
{
    smtp_client_put(c, slice_str(verb));
    smtp_client_put(c, SLICE_LIT("<"));
    smtp_client_put(c, address);
    smtp_client_put(c, SLICE_LIT(">"));
}

static void put_dsn_parameters(struct smtp_client *c, const struct smtp_mail *mail)
{
    if (mail->ret != SMTP_RET_DEFAULT)
        put_parameter(c, "RET=", mail->ret == SMTP_RET_FULL ? SLICE_LIT("FULL") : SLICE_LIT("HDRS"));
    if (mail->envid.len > 0)
        put_parameter(c, "ENVID=", mail->envid);
}

static void put_mail(struct smtp_client *c)
{
    const struct smtp_mail *mail = &c->sending->t.mail;
    char size[24];

    put_path(c, "MAIL FROM:", mail->address);
    if (mail->size > 0 && offers(c, SMTP_EXT_SIZE)) {
        (void)snprintf(size, sizeof size, "%llu", (unsigned long long)mail->size);
        put_parameter(c, "SIZE=", slice_str(size));
    }
    if (mail->body == SMTP_BODY_8BITMIME && offers(c, SMTP_EXT_8BITMIME))
        put_parameter(c, "BODY=", SLICE_LIT("8BITMIME"));
    if (mail->is_utf8 && offers(c, SMTP_EXT_SMTPUTF8))
        put_parameter(c, "SMTPUTF8", slice_of(NULL, 0));
    if (mail->requires_tls && offers(c, SMTP_EXT_REQUIRETLS))
        put_parameter(c, "REQUIRETLS", slice_of(NULL, 0));
    if (offers(c, SMTP_EXT_DSN))
        put_dsn_parameters(c, mail);
    smtp_client_end_line(c);
}

static void put_notify(struct smtp_client *c, unsigned notify)
{
    static const struct {
        unsigned bit;
        const char *word;
    } words[] = {
        { SMTP_NOTIFY_SUCCESS, "SUCCESS" },
        { SMTP_NOTIFY_FAILURE, "FAILURE" },
        { SMTP_NOTIFY_DELAY, "DELAY" },
    };
    const char *before = "NOTIFY=";

    /* NEVER stands alone (RFC 3461 section 4.1). */
    if ((notify & SMTP_NOTIFY_NEVER) != 0) {
        put_parameter(c, before, SLICE_LIT("NEVER"));
        return;
    }
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if ((notify & words[i].bit) == 0)
            continue;
        if (*before == ',')
            smtp_client_put(c, SLICE_LIT(","));
        else
            put_parameter(c, before, slice_of(NULL, 0));
        smtp_client_put(c, slice_str(words[i].word));
        before = ",";
    }
}

static void put_rcpt(struct smtp_client *c, const struct smtp_rcpt *rcpt)
{
    put_path(c, "RCPT TO:", rcpt->address);
    if (offers(c, SMTP_EXT_DSN)) {
        put_notify(c, rcpt->notify);
        if (rcpt->orcpt.len > 0)
            put_parameter(c, "ORCPT=", rcpt->orcpt);
    }
    smtp_client_end_line(c);
}

/* RFC 2920 section 3.1: RSET, MAIL and RCPT may stand anywhere in a group, DATA is its last. */
static void put_group(struct smtp_client *c)
{
    put_mail(c);
    for (size_t i = 0; i < c->sending->t.rcpts_len; i++)
        put_rcpt(c, &c->sending->t.rcpts[i]);
    smtp_client_put_command(c, SLICE_LIT("DATA"), slice_of(NULL, 0));
}

void smtp_client_send(struct smtp_client *c, const struct smtp_transaction *t)
{
    bool begins_with_rset = c->needs_rset;

    if (!smtp_client_may_send(c, ST_IDLE))
        return;
    assert(t->rcpts_len > 0);
    c->sending = NEW(struct smtp_client_sending);
    c->sending->t = *t;
    c->sending->is_pipelined = offers(c, SMTP_EXT_PIPELINING) && !t->is_question;
    c->needs_rset = false;
    if (begins_with_rset)
        smtp_client_put_command(c, SLICE_LIT("RSET"), slice_of(NULL, 0));
    if (c->sending->is_pipelined)
        put_group(c);
    else if (!begins_with_rset)
        put_mail(c);
    smtp_client_enter(c, begins_with_rset ? ST_RSET : ST_MAIL);
}

void smtp_client_show_done(struct smtp_client *c, struct smtp_client_event *ev)
{
    (void)smtp_client_show(ev, SMTP_CL_DONE, c->sending->outcome_at, &c->sending->outcome);
    free(c->sending);
    c->sending = NULL;
    smtp_client_enter(c, ST_IDLE);
}

static void note_outcome(struct smtp_client *c, enum smtp_stage stage, const struct smtp_reply *reply)
{
    c->sending->outcome_at = stage;
    c->sending->outcome = *reply;
}

static bool nobody_is_left(const struct smtp_client_sending *s)
{
    return s->mail_refused || s->accepted == 0;
}

bool smtp_client_on_rset(struct smtp_client *c, const struct smtp_reply *reply, struct smtp_client_event *ev)
{
    (void)reply;
    (void)ev;
    if (!c->sending->is_pipelined)
        put_mail(c);
    smtp_client_enter(c, ST_MAIL);
    return false;
}

bool smtp_client_on_mail(struct smtp_client *c, const struct smtp_reply *reply, struct smtp_client_event *ev)
{
    (void)reply;
    (void)ev;
    if (!c->sending->is_pipelined)
        put_rcpt(c, &c->sending->t.rcpts[0]);
    smtp_client_enter(c, ST_RCPT);
    return false;
}

/* Replies to what is already on its way are still read; they say nothing new. */
bool smtp_client_on_mail_refused(struct smtp_client *c, const struct smtp_reply *reply, struct smtp_client_event *ev)
{
    c->sending->mail_refused = true;
    note_outcome(c, SMTP_AT_MAIL, reply);
    if (c->sending->is_pipelined) {
        smtp_client_enter(c, ST_RCPT);
        return false;
    }
    smtp_client_show_done(c, ev);
    return true;
}

static void go_on_after_rcpt(struct smtp_client *c)
{
    struct smtp_client_sending *s = c->sending;

    if (s->next_rcpt < s->t.rcpts_len) {
        if (!s->is_pipelined)
            put_rcpt(c, &s->t.rcpts[s->next_rcpt]);
        return;
    }
    if (s->t.is_question || (!s->is_pipelined && nobody_is_left(s))) {
        s->is_over = true;
        c->needs_rset = true;
        return;
    }
    if (!s->is_pipelined)
        smtp_client_put_command(c, SLICE_LIT("DATA"), slice_of(NULL, 0));
    smtp_client_enter(c, ST_DATA);
}

bool smtp_client_on_rcpt(struct smtp_client *c, const struct smtp_reply *reply, struct smtp_client_event *ev)
{
    struct smtp_client_sending *s = c->sending;
    bool is_shown = !s->mail_refused;

    if (smtp_reply_is_ok(reply))
        s->accepted++;
    if (s->t.is_question || (!smtp_reply_is_ok(reply) && is_shown))
        note_outcome(c, SMTP_AT_RCPT, reply);
    if (is_shown) {
        (void)smtp_client_show(ev, SMTP_CL_RCPT, SMTP_AT_RCPT, reply);
        ev->index = s->next_rcpt;
    }
    s->next_rcpt++;
    go_on_after_rcpt(c);
    return is_shown;
}

/* RFC 2920 section 3.1: a server may answer 354 although it refused everybody; it then gets
 * an empty message that goes to nobody. */
bool smtp_client_on_data(struct smtp_client *c, const struct smtp_reply *reply, struct smtp_client_event *ev)
{
    if (reply->code != 354)
        return smtp_client_fail_wrong(c, reply);
    smtp_body_begin(&c->sending->body);
    if (nobody_is_left(c->sending)) {
        smtp_body_end(&c->sending->body, &c->out);
        smtp_client_enter(c, ST_EMPTY_END);
        return false;
    }
    smtp_client_enter(c, ST_BODY);
    return smtp_client_show(ev, SMTP_CL_BODY, SMTP_AT_DATA, reply);
}

bool smtp_client_on_data_refused(struct smtp_client *c, const struct smtp_reply *reply, struct smtp_client_event *ev)
{
    if (!nobody_is_left(c->sending))
        note_outcome(c, SMTP_AT_DATA, reply);
    c->needs_rset = !c->sending->mail_refused;
    smtp_client_show_done(c, ev);
    return true;
}

bool smtp_client_on_end(struct smtp_client *c, const struct smtp_reply *reply, struct smtp_client_event *ev)
{
    note_outcome(c, SMTP_AT_END, reply);
    smtp_client_show_done(c, ev);
    return true;
}

bool smtp_client_on_empty_end(struct smtp_client *c, const struct smtp_reply *reply, struct smtp_client_event *ev)
{
    (void)reply;
    smtp_client_show_done(c, ev);
    return true;
}
