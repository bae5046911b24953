#include "base/memory.h"
#include "smtp/client_private.h"

#include <ctype.h>

enum { MECHANISMS_MAX = 512, MECHANISM_MAX = 20 };

typedef void offer_fn(struct smtp_client *c, struct slice argument);
static offer_fn note_size, note_auth;

/* Where an offer counts: STARTTLS inside TLS and REQUIRETLS in clear are meaningless (RFC 3207 section 4.2,
 * RFC 8689 section 2). */
enum where { ANYWHERE, IN_CLEAR, IN_TLS };

static const struct {
    const char *keyword;
    enum smtp_ext bit;
    enum where where;
    offer_fn *argument; /* NULL: ignored */
} keywords[] = {
    { "PIPELINING", SMTP_EXT_PIPELINING, ANYWHERE, NULL },                   /* RFC 2920 */
    { "SIZE", SMTP_EXT_SIZE, ANYWHERE, note_size },                          /* RFC 1870 */
    { "8BITMIME", SMTP_EXT_8BITMIME, ANYWHERE, NULL },                       /* RFC 6152 */
    { "SMTPUTF8", SMTP_EXT_SMTPUTF8, ANYWHERE, NULL },                       /* RFC 6531 */
    { "STARTTLS", SMTP_EXT_STARTTLS, IN_CLEAR, NULL },                       /* RFC 3207 */
    { "DSN", SMTP_EXT_DSN, ANYWHERE, NULL },                                 /* RFC 3461 */
    { "CHUNKING", SMTP_EXT_CHUNKING, ANYWHERE, NULL },                       /* RFC 3030 */
    { "ENHANCEDSTATUSCODES", SMTP_EXT_ENHANCEDSTATUSCODES, ANYWHERE, NULL }, /* RFC 2034 */
    { "AUTH", SMTP_EXT_AUTH, ANYWHERE, note_auth },                          /* RFC 4954 */
    { "REQUIRETLS", SMTP_EXT_REQUIRETLS, IN_TLS, NULL },                     /* RFC 8689 */
};

void smtp_client_forget_offers(struct smtp_client *c)
{
    c->offers = 0;
    c->size_limit = 0;
    free(c->auth_mechanisms);
    c->auth_mechanisms = NULL;
}

/* No number, or 0, means that no limit is told (RFC 1870 section 4). */
static void note_size(struct smtp_client *c, struct slice argument)
{
    if (!slice_to_u64(argument, &c->size_limit))
        c->size_limit = 0;
}

/* RFC 4422 section 3.1: 1 to 20 of A-Z, 0-9, hyphen and underscore. Upper-cases into `out`. */
static bool read_mechanism(struct slice name, char *out)
{
    if (name.len == 0 || name.len > MECHANISM_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        out[i] = (char)toupper((unsigned char)name.ptr[i]);
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", out[i]) == NULL || out[i] == '\0')
            return false;
    }
    return true;
}

static void note_auth(struct smtp_client *c, struct slice argument)
{
    struct buf all;
    char name[MECHANISM_MAX];

    buf_init(&all, MECHANISMS_MAX);
    (void)!buf_add(&all, slice_str(c->auth_mechanisms));
    while (argument.len > 0) {
        struct slice word = slice_cut(argument, ' ', &argument);

        if (read_mechanism(word, name) && buf_slice(&all).len + word.len < MECHANISMS_MAX)
            (void)!buf_addf(&all, "%s%.*s", buf_slice(&all).len > 0 ? " " : "", (int)word.len, name);
    }
    free(c->auth_mechanisms);
    c->auth_mechanisms = mem_str(buf_slice(&all));
    buf_release(&all);
}

void smtp_client_note_offer(struct smtp_client *c, struct slice line)
{
    enum where here = c->is_tls ? IN_TLS : IN_CLEAR;
    struct slice argument, keyword = slice_cut(slice_trim(line), ' ', &argument);

    for (size_t i = 0; i < COUNT_OF(keywords); i++) {
        if (!slice_eq_case(keyword, slice_str(keywords[i].keyword)))
            continue;
        if (keywords[i].where != ANYWHERE && keywords[i].where != here)
            return;
        c->offers |= keywords[i].bit;
        if (keywords[i].argument != NULL)
            keywords[i].argument(c, slice_trim(argument));
        return;
    }
}

/* What an earlier EHLO offered ends here (TLS-04). */
void smtp_client_say_hello(struct smtp_client *c, struct slice verb, enum smtp_client_state state)
{
    smtp_client_forget_offers(c);
    smtp_client_put_command(c, verb, slice_str(c->hostname));
    smtp_client_enter(c, state);
}

bool smtp_client_on_greeting(struct smtp_client *c, const struct smtp_reply *reply, struct smtp_client_event *ev)
{
    struct slice rest, name = slice_cut(slice_trim(slice_str(reply->text)), ' ', &rest);

    (void)ev;
    if (reply->code != 220)
        return smtp_client_fail_wrong(c, reply);
    free(c->server_name);
    c->server_name = mem_str(slice_first(name, 255));
    for (char *p = c->server_name; *p != '\0'; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    smtp_client_say_hello(c, SLICE_LIT("EHLO"), ST_EHLO);
    return false;
}

/* A second 220 is not an answer to EHLO. */
bool smtp_client_on_ehlo(struct smtp_client *c, const struct smtp_reply *reply, struct smtp_client_event *ev)
{
    if (reply->code != 250)
        return smtp_client_fail_wrong(c, reply);
    smtp_client_enter(c, ST_IDLE);
    return smtp_client_show(ev, SMTP_CL_READY, SMTP_AT_EHLO, reply);
}

/* RFC 5321 section 3.2: a server without EHLO gets HELO, and is then known to offer nothing (TLS-08). */
bool smtp_client_on_ehlo_refused(struct smtp_client *c, const struct smtp_reply *reply, struct smtp_client_event *ev)
{
    (void)reply;
    (void)ev;
    smtp_client_say_hello(c, SLICE_LIT("HELO"), ST_HELO);
    return false;
}
