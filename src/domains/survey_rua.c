#include "domains/survey_private.h"

#include "base/memory.h"

enum { POST_DEADLINE_MS = 30 * 1000, POST_ANSWER_MOST = 64 * 1024, HTTP_SERVER_ERROR = 500 };

struct survey_rua {
    struct domain_survey *survey;
    struct survey_rua *next;
    struct rua_facts *facts;
    struct mailbox mailbox;
    struct https_request web;
};

static void on_mailbox(struct mailbox *m)
{
    struct survey_rua *r = CONTAINER_OF(m, struct survey_rua, mailbox);

    r->facts->answer = m->answer;
    r->facts->text = m->text;
    survey_step_done(r->survey);
}

/* Only a report may be posted, and we have none: that a server is there, and proves who it is, must do. */
static void on_web(struct https_request *w)
{
    struct survey_rua *r = CONTAINER_OF(w, struct survey_rua, web);
    struct arena *arena = &r->survey->arena;

    if (w->outcome != HTTPS_ANSWERED) {
        r->facts->answer = w->outcome == HTTPS_TIMEOUT ? RUA_UNCLEAR : RUA_NOWHERE;
        r->facts->text = arena_copy(arena, slice_str(w->why.text)).ptr;
    } else {
        r->facts->answer = w->status >= HTTP_SERVER_ERROR ? RUA_UNCLEAR : RUA_TAKES;
        r->facts->text = arena_printf(arena,
                                      "'%.*s' answers, and its certificate is good; a GET of the address gives "
                                      "status %d, which says little of a POST",
                                      SLICE_FMT(w->host), w->status)
                             .ptr;
    }
    survey_step_done(r->survey);
}

static void ask_rua(struct domain_survey *s, const struct tlsrpt_uri *uri, struct rua_facts *facts)
{
    struct survey_rua *r = NEW(struct survey_rua);

    *facts = (struct rua_facts){ .uri = *uri, .text = "" };
    r->survey = s;
    r->facts = facts;
    r->next = s->ruas;
    s->ruas = r;
    survey_step(s);
    if (uri->scheme == TLSRPT_MAILTO) {
        r->mailbox.done = on_mailbox;
        mailbox_start(&r->mailbox, &s->world->mailbox, uri->address);
        return;
    }
    r->web = (struct https_request){
        .done = on_web,
        .host = uri->host,
        .path = uri->path,
        .answer_most = POST_ANSWER_MOST,
        .deadline_ms = POST_DEADLINE_MS,
    };
    https_start(s->world->https, &r->web);
}

void survey_ask_ruas(struct domain_survey *s, const struct tlsrpt_record *record)
{
    struct rua_facts *ruas = ARENA_ARRAY(&s->arena, struct rua_facts, record->uris_len + 1);

    for (size_t i = 0; i < record->uris_len; i++)
        ask_rua(s, &record->uris[i], &ruas[i]);
    s->facts.ruas = ruas;
    s->facts.ruas_len = record->uris_len;
}

void survey_release_ruas(struct domain_survey *s)
{
    struct survey_rua *r;

    while ((r = s->ruas) != NULL) {
        s->ruas = r->next;
        mailbox_release(&r->mailbox);
        if (r->web.done != NULL) {
            https_cancel(s->world->https, &r->web);
            https_release(&r->web);
        }
        free(r);
    }
}
