#include "certs/judge_private.h"

#include "base/clock.h"
#include "base/memory.h"
#include "net/tls_setup.h"
#include "net/tls_trust.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

enum { FINDINGS_FIRST = 16 };

static const char *const hows[] = {
    [JUDGE_WEBPKI] = "webpki",
    [JUDGE_MTA_STS] = "mta-sts",
    [JUDGE_DANE] = "dane",
    [JUDGE_OPPORTUNISTIC] = "opportunistic",
};

const char *judge_how_name(enum judge_how how)
{
    return hows[how];
}

bool judge_how_parse(struct slice s, enum judge_how *out)
{
    for (size_t i = 0; i < COUNT_OF(hows); i++) {
        if (slice_eq(s, slice_str(hows[i]))) {
            *out = (enum judge_how)i;
            return true;
        }
    }
    return false;
}

const char *severity_name(enum severity s)
{
    static const char *const names[] = { "ok", "advice", "warning", "error" };

    return names[s];
}

static void grow(struct judging *j)
{
    size_t cap = j->findings_cap == 0 ? FINDINGS_FIRST : 2 * j->findings_cap, len = j->out->findings_len;
    struct finding *findings = ARENA_ARRAY(j->arena, struct finding, cap);
    enum fault_kind *kinds = ARENA_ARRAY(j->arena, enum fault_kind, cap);

    if (len > 0) {
        memcpy(findings, j->findings, len * sizeof *findings);
        memcpy(kinds, j->kinds, len * sizeof *kinds);
    }
    j->findings = findings;
    j->kinds = kinds;
    j->findings_cap = cap;
}

void judge_find(struct judging *j, enum fault_kind kind, int at, const char *advice, const char *seen, ...)
{
    struct finding *f;
    char *text = NULL;
    va_list ap;

    if (j->out->findings_len == j->findings_cap)
        grow(j);
    va_start(ap, seen);
    tls_must(vasprintf(&text, seen, ap) >= 0);
    va_end(ap);
    j->kinds[j->out->findings_len] = kind;
    f = &j->findings[j->out->findings_len++];
    f->id = fault_texts[kind].id;
    f->at = at;
    f->seen = arena_copy(j->arena, slice_str(text));
    f->why = slice_str(fault_texts[kind].why);
    f->advice = advice == NULL ? slice_str(fault_texts[kind].advice) : arena_copy(j->arena, slice_str(advice));
    free(text);
}

struct slice judge_which(const struct judging *j, int at)
{
    if (at == 0)
        return SLICE_LIT("the server's own certificate");
    if (at < 0 || (size_t)at >= j->out->chain_len)
        return SLICE_LIT("a certificate of the chain");
    return arena_printf(j->arena, "certificate %d of the chain, '%.*s',", at + 1,
                        SLICE_FMT(j->out->chain[at].subject));
}

/* The gravest first; insertion keeps the order of the chain among equals. */
static void sort(struct judging *j)
{
    for (size_t i = 1; i < j->out->findings_len; i++) {
        struct finding f = j->findings[i];
        size_t k = i;

        for (; k > 0 && j->findings[k - 1].severity < f.severity; k--)
            j->findings[k] = j->findings[k - 1];
        j->findings[k] = f;
    }
}

/* What would be a fault elsewhere is no praise: say why it is none here. */
static void excuse(struct finding *f, const struct fault_text *t)
{
    bool is_fault_elsewhere = t->severity[WEIGHT_MTA_STS] >= SEVERITY_WARNING;

    f->advice = SLICE_LIT("");
    f->why = is_fault_elsewhere ? SLICE_LIT("a TLSA record decides here; an MTA-STS policy would not let it pass")
                                : SLICE_LIT("");
}

static void weigh(struct judging *j)
{
    for (size_t i = 0; i < j->out->findings_len; i++) {
        struct finding *f = &j->findings[i];

        f->severity = fault_texts[j->kinds[i]].severity[j->weight];
        if (f->severity > j->out->worst)
            j->out->worst = f->severity;
        if (f->severity == SEVERITY_OK)
            excuse(f, &fault_texts[j->kinds[i]]);
    }
    sort(j);
    j->out->findings = j->findings;
}

static enum status read_chain(struct judging *j, const struct slice *chain, size_t len, struct fault *why)
{
    struct certificate *all = ARENA_ARRAY(j->arena, struct certificate, len);
    struct fault reason;

    for (size_t i = 0; i < len; i++) {
        const unsigned char *at = (const unsigned char *)chain[i].ptr;
        X509 *cert;

        if (certificate_read(chain[i], j->arena, &all[i], &reason) != OK)
            return fault_set(why, ERR_SYNTAX, "certificate %zu of the chain: %s", i + 1, reason.text);
        cert = d2i_X509(NULL, &at, (long)chain[i].len);
        tls_must(cert != NULL && sk_X509_push(j->sent, cert) > 0);
    }
    j->out->chain = all;
    j->out->chain_len = len;
    return OK;
}

static const enum weight first_weight[] = {
    [JUDGE_WEBPKI] = WEIGHT_WEBPKI,
    [JUDGE_MTA_STS] = WEIGHT_MTA_STS,
    [JUDGE_DANE] = WEIGHT_DANE_EE,
    [JUDGE_OPPORTUNISTIC] = WEIGHT_OPPORTUNISTIC,
};

static void look(struct judging *j)
{
    if (j->out->chain_len == 0) {
        judge_find(j, FIND_ABSENT, JUDGE_WHOLE_CHAIN, NULL, "the server showed no certificate");
        return;
    }
    judge_leaf(j);
    judge_path(j);
    judge_sent(j);
    if (j->context->how == JUDGE_DANE)
        judge_dane(j);
}

enum status judge_chain(const struct slice *chain, size_t chain_len, const struct judge_context *context,
                        struct arena *arena, struct judgement *out, struct fault *why)
{
    struct judgement result = { .worst = SEVERITY_OK };
    struct judging j = {
        .arena = arena,
        .context = context,
        .now_s = context->now_s != 0 ? context->now_s : clock_wall_s(),
        .weight = first_weight[context->how],
        .out = &result,
    };
    enum status st = tls_trust_store(context->ca_file, &j.store, why);

    if (st != OK)
        return st;
    j.sent = sk_X509_new_null();
    tls_must(j.sent != NULL);
    st = read_chain(&j, chain, chain_len, why);
    if (st == OK) {
        look(&j);
        weigh(&j);
        *out = result;
    }
    sk_X509_pop_free(j.sent, X509_free);
    X509_STORE_free(j.store);
    ERR_clear_error();
    return st;
}
