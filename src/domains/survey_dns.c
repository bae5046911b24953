#include "domains/survey_private.h"

#include "base/memory.h"
#include "policy/mta_sts.h"

static void on_answer(struct resolver_query *query, const struct dns_answer *answer)
{
    struct survey_question *q = CONTAINER_OF(query, struct survey_question, query);

    q->take(q, answer);
    survey_step_done(q->survey);
}

struct survey_question *survey_ask(struct domain_survey *s, struct slice name, enum dns_type type,
                                   void (*take)(struct survey_question *q, const struct dns_answer *answer))
{
    struct survey_question *q = ARENA_NEW(&s->arena, struct survey_question);

    *q = (struct survey_question){ .query.done = on_answer, .survey = s, .next = s->questions, .take = take };
    s->questions = q;
    survey_step(s);
    resolver_ask(s->world->resolver, &q->query, name, type);
    return q;
}

/* Each string has its length before it (RFC 1035 section 3.3.14). */
static unsigned count_strings(struct slice wire)
{
    unsigned n = 0;

    for (; wire.len > 0; n++)
        wire = slice_from(wire, (size_t)(unsigned char)wire.ptr[0] + 1);
    return n;
}

void survey_take_txt(struct survey_question *q, const struct dns_answer *answer)
{
    struct arena *arena = &q->survey->arena;
    struct slice *records = ARENA_ARRAY(arena, struct slice, answer->records_len + 1);
    unsigned *strings = ARENA_ARRAY(arena, unsigned, answer->records_len + 1);
    struct txt_facts *txt = q->txt;

    for (size_t i = 0; i < answer->records_len; i++) {
        records[i] = arena_copy(arena, answer->records[i].bytes);
        strings[i] = count_strings(answer->records[i].wire);
    }
    txt->strings = strings;
    txt->outcome = answer->outcome;
    txt->is_secure = answer->is_secure;
    txt->records = records;
    txt->records_len = answer->records_len;
    txt->ttl_s = answer->ttl_s;
    txt->why = arena_copy(arena, slice_str(answer->why == NULL ? "" : answer->why)).ptr;
    if (!slice_eq_case(answer->canonical, txt->name))
        txt->canonical = arena_copy(arena, answer->canonical);
}

struct survey_question *survey_ask_txt(struct domain_survey *s, struct txt_facts *txt, struct slice name,
                                       void (*take)(struct survey_question *q, const struct dns_answer *answer))
{
    struct survey_question *q = survey_ask(s, name, DNS_TXT, take);

    *txt = (struct txt_facts){ .name = name, .why = "" };
    q->txt = txt;
    return q;
}

/* -- records in wrong places ---------------------------------------------------------------------------------- */

static const char *const sts_strays[] = { "mta-sts.", "_mta_sts.", "_mtasts.", "_sts." };
static const char *const report_strays[] = { "_smtp-tls.", "_smtp_tls.",  "smtp._tls.", "_tls.",
                                             "_smtp.",     "_tls._smtp.", "_tlsrpt." };
enum { STRAYS_MOST = COUNT_OF(sts_strays) + COUNT_OF(report_strays) + 2 };

static void take_stray(struct survey_question *q, const struct dns_answer *answer)
{
    struct txt_facts *out = (struct txt_facts *)q->survey->facts.strays; /* ours to write until done */

    if (answer->outcome != DNS_FOUND)
        return;
    survey_take_txt(q, answer);
    out[q->survey->facts.strays_len++] = *q->txt;
}

static void ask_stray(struct domain_survey *s, struct slice name)
{
    if (s->facts.strays == NULL)
        s->facts.strays = ARENA_ARRAY(&s->arena, struct txt_facts, STRAYS_MOST);
    (void)survey_ask_txt(s, ARENA_NEW(&s->arena, struct txt_facts), name, take_stray);
}

/* Where people put it who did not put it where it belongs; the name with the domain twice is a web form's doing. */
static void ask_strays(struct domain_survey *s, const char *right, const char *const *wrong, size_t wrong_len)
{
    struct slice d = s->facts.domain;

    for (size_t i = 0; i < wrong_len; i++)
        ask_stray(s, survey_below(s, wrong[i], d));
    ask_stray(s, arena_printf(&s->arena, "%s%.*s.%.*s", right, SLICE_FMT(d), SLICE_FMT(d)));
}

static void take_sts(struct survey_question *q, const struct dns_answer *answer)
{
    char id[STS_ID_TEXT];
    struct fault why;

    survey_take_txt(q, answer);
    if (sts_record_choose(q->txt->records, q->txt->records_len, id, &why) == RECORD_NONE)
        ask_strays(q->survey, "_mta-sts.", sts_strays, COUNT_OF(sts_strays));
}

static void take_reports(struct survey_question *q, const struct dns_answer *answer)
{
    struct domain_survey *s = q->survey;
    struct tlsrpt_record record;
    struct fault why;
    enum record_outcome outcome;

    survey_take_txt(q, answer);
    outcome = tlsrpt_record_choose(q->txt->records, q->txt->records_len, &s->arena, &record, &why);
    if (outcome == RECORD_NONE)
        ask_strays(s, "_smtp._tls.", report_strays, COUNT_OF(report_strays));
    if (outcome == RECORD_VALID && s->reports.len == 0)
        survey_ask_ruas(s, &record);
}

void survey_ask_sts(struct domain_survey *s)
{
    (void)survey_ask_txt(s, &s->facts.sts, survey_below(s, "_mta-sts.", s->facts.domain), take_sts);
}

void survey_ask_reports(struct domain_survey *s)
{
    (void)survey_ask_txt(s, &s->facts.reports, survey_below(s, "_smtp._tls.", s->facts.domain), take_reports);
}

void survey_release_questions(struct domain_survey *s)
{
    for (struct survey_question *q = s->questions; q != NULL; q = q->next)
        resolver_cancel(s->world->resolver, &q->query);
}
