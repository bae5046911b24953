#include "smtp/server_private.h"

static void on_rset(struct smtp_server *s, struct slice arg __attribute__((unused)))
{
    reset_transaction(s);
    reply(s, 250, "2.0.0", "OK");
}

static void on_noop(struct smtp_server *s, struct slice arg __attribute__((unused)))
{
    reply(s, 250, "2.0.0", "OK");
}

/* The same for every address: who exists is nobody's business (SRV-21). */
static void on_vrfy(struct smtp_server *s, struct slice arg __attribute__((unused)))
{
    reply(s, 252, "2.5.2", "Cannot verify, but will take a message for it");
}

static void on_help(struct smtp_server *s, struct slice arg __attribute__((unused)))
{
    reply(s, 214, "2.0.0", "See RFC 5321");
}

static void on_quit(struct smtp_server *s, struct slice arg __attribute__((unused)))
{
    reply(s, 221, "2.0.0", "Bye");
    end_session(s, "quit");
}

static void on_unimplemented(struct smtp_server *s, struct slice arg __attribute__((unused)))
{
    reply(s, 502, "5.5.1", "Command not implemented");
}

/* What may follow the verb, and how often. */
enum verb_traits {
    NO_ARG = 1,
    JUNK = 2, /* asks for nothing; counted between messages */
    SYNC = 4, /* the last one of a pipelined group (RFC 2920 section 3.1) */
};

/* The order of commands, as RFC 5321 section 4.1.4 allows it. BDAT looks at the state itself: whatever
 * that is, its chunk is behind it. */
static const struct verb {
    const char *name;
    unsigned states;
    unsigned traits;
    verb_fn *run;
} verbs[] = {
    { "EHLO", ANY, SYNC, on_ehlo },
    { "HELO", ANY, SYNC, on_helo },
    { "STARTTLS", IN(STATE_GREETED), SYNC, on_starttls }, /* RFC 3207 section 4 */
    { "AUTH", IN(STATE_GREETED), SYNC, on_auth },         /* RFC 4954 section 4 */
    { "MAIL", IN(STATE_GREETED), 0, on_mail },
    { "RCPT", IN(STATE_MAIL) | IN(STATE_RCPT), 0, on_rcpt },
    { "DATA", IN(STATE_MAIL) | IN(STATE_RCPT), SYNC | NO_ARG, on_data },
    { "BDAT", ANY, 0, on_bdat }, /* RFC 3030 section 2 */
    { "RSET", ANY, JUNK | NO_ARG, on_rset },
    { "NOOP", ANY, JUNK, on_noop },
    { "QUIT", ANY, NO_ARG, on_quit },
    { "VRFY", ANY, JUNK, on_vrfy },
    { "HELP", ANY, JUNK, on_help },
    { "EXPN", ANY, 0, on_unimplemented },
    { "ETRN", ANY, 0, on_unimplemented },
    { "TURN", ANY, 0, on_unimplemented },
};

/* First words of HTTP, and of a proxy in front of us that nobody configured. */
static const char *const foreign[] = {
    "GET",   "POST",    "PUT", "HEAD",  "OPTIONS",     "DELETE", "PATCH",
    "TRACE", "CONNECT", "PRI", "HOST:", "USER-AGENT:", "PROXY",
};

static const struct verb *find_verb(struct slice name)
{
    for (size_t i = 0; i < COUNT_OF(verbs); i++)
        if (slice_eq_case(name, slice_str(verbs[i].name)))
            return &verbs[i];
    return NULL;
}

bool close_at_foreign_protocol(struct smtp_server *s, struct slice line)
{
    struct slice rest, name = slice_cut(line, ' ', &rest);

    for (size_t i = 0; i < COUNT_OF(foreign); i++) {
        if (!slice_eq_case(name, slice_str(foreign[i])))
            continue;
        reply(s, 554, "5.5.0", "This is SMTP, closing connection");
        end_session(s, "speaks another protocol");
        return true;
    }
    return false;
}

void check_limits(struct smtp_server *s)
{
    const struct smtp_server_config *c = &s->config;

    if (s->state == STATE_ENDED)
        return;
    if (c->max_errors > 0 && s->errors >= c->max_errors) {
        say(s, 421, "4.7.0", "Too many errors, closing connection");
        end_session(s, "too many errors");
    } else if (c->max_junk > 0 && s->junk >= c->max_junk) {
        say(s, 421, "4.7.0", "Too many commands without a message, closing connection");
        end_session(s, "too many commands without a message");
    }
}

static bool has_line_end_or_nul(struct slice line)
{
    return slice_find(line, '\r') != SIZE_MAX || slice_find(line, '\0') != SIZE_MAX;
}

static void run_verb(struct smtp_server *s, const struct verb *v, struct slice arg)
{
    if (v->traits & JUNK)
        s->junk++;
    if (v->traits & SYNC)
        s->is_at_sync = true;
    if (!(v->states & IN(s->state)))
        reply(s, 503, "5.5.1", "Bad sequence of commands");
    else if ((v->traits & NO_ARG) && arg.len > 0)
        reply(s, 501, "5.5.4", "Nothing may follow this command");
    else
        v->run(s, arg);
}

void run_line(struct smtp_server *s, struct slice line)
{
    struct slice arg, name;
    const struct verb *v;

    /* Blanks before CR LF are to be tolerated (RFC 5321 section 4.1.1). */
    while (line.len > 0 && line.ptr[line.len - 1] == ' ')
        line.len--;
    name = slice_cut(line, ' ', &arg);
    v = find_verb(name);
    if (has_line_end_or_nul(line))
        reply(s, 500, "5.5.2", "Bare CR or NUL in a command");
    else if (v != NULL)
        run_verb(s, v, arg);
    else if (!close_at_foreign_protocol(s, line))
        reply(s, 500, "5.5.2", "Command not recognised");
    check_limits(s);
}
