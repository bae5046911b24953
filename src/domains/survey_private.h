/* domains/survey_private.h: between the files of domains/survey.h. */
#ifndef STERNPOST_DOMAINS_SURVEY_PRIVATE_H
#define STERNPOST_DOMAINS_SURVEY_PRIVATE_H

#include "domains/survey.h"

struct survey_question {
    struct resolver_query query; /* first */
    struct domain_survey *survey;
    struct survey_question *next;
    void (*take)(struct survey_question *q, const struct dns_answer *answer);
    struct txt_facts *txt; /* where it goes: of survey_take_txt and what builds on it */
    struct survey_server *server;
};

struct survey_server {       /* one of the domain's */
    struct server_wait wait; /* first */
    struct domain_survey *survey;
    struct server_facts *facts;
};

/* One thing more is under way. */
void survey_step(struct domain_survey *s);
/* It is over. The last thing that a callback does: the caller may release then. */
void survey_step_done(struct domain_survey *s);

/* "LABELname", in the survey's arena. */
struct slice survey_below(struct domain_survey *s, const char *label, struct slice name);

/* survey_dns.c: questions, and what becomes of their answers. A question is a step. */
struct survey_question *survey_ask(struct domain_survey *s, struct slice name, enum dns_type type,
                                   void (*take)(struct survey_question *q, const struct dns_answer *answer));
struct survey_question *survey_ask_txt(struct domain_survey *s, struct txt_facts *txt, struct slice name,
                                       void (*take)(struct survey_question *q, const struct dns_answer *answer));
void survey_take_txt(struct survey_question *q, const struct dns_answer *answer);
void survey_ask_sts(struct domain_survey *s);     /* _mta-sts, and wrong places when it is not there */
void survey_ask_reports(struct domain_survey *s); /* _smtp._tls, likewise, and the addresses that it has */
void survey_release_questions(struct domain_survey *s);

/* survey_rua.c: whether the addresses for reports are there. */
void survey_ask_ruas(struct domain_survey *s, const struct tlsrpt_record *record);
void survey_release_ruas(struct domain_survey *s);

/* survey_mx.c: the domain's MX, and its servers. */
void survey_ask_mx(struct domain_survey *s);
/* What a pool knows of a server. */
void survey_take_server(struct domain_survey *s, const struct survey *from, struct server_facts *out);
void survey_release_mx(struct domain_survey *s);

/* survey_around.c: name servers and CAA, of the domain and of its servers. Each is a step. */
void survey_ask_caa(struct domain_survey *s, struct slice name, const struct caa_lookup **out);
void survey_ask_domain_zone(struct domain_survey *s);
void survey_ask_server_zone(struct domain_survey *s, struct slice server);
void survey_release_around(struct domain_survey *s);

#endif
