/* certs/survey_show.h: a survey for people and for programs. */
#ifndef STERNPOST_CERTS_SURVEY_SHOW_H
#define STERNPOST_CERTS_SURVEY_SHOW_H

#include "certs/survey.h"

#include <jansson.h>
#include <stdio.h>

/* Each with why and what to do, behind four blanks. */
void findings_text(FILE *out, const struct finding *findings, size_t len);
void survey_text(FILE *out, const struct survey *s, int64_t now_s);
/* The caller owns it. */
json_t *survey_json(const struct survey *s, int64_t now_s);

/* One line of a scan: the address that answered best, its leaf, and the findings that are no praise. The caller owns it. */
json_t *survey_brief_json(const struct survey *s, int64_t now_s);

#endif
