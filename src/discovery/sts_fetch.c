#include "discovery/sts_fetch.h"

#include "base/memory.h"
#include "base/utf8.h"

enum { SHOWN_MAX = 80 };

/* "text/plain", whatever parameters follow (RFC 8461 section 3.2; STS-04). */
static bool is_plain_text(struct slice type)
{
    struct slice rest;

    return slice_eq_case(slice_trim(slice_cut(type, ';', &rest)), SLICE_LIT("text/plain"));
}

static enum tls_result judge_answer(const struct https_request *q, struct arena *arena, struct sts_policy *out,
                                    struct fault *why)
{
    struct slice type = slice_str(q->type);
    char shown[SHOWN_MAX];
    struct fault flaw = { "" };

    if (q->status != 200) {
        (void)fault_set(why, ERR_TEMPORARY, "'%.*s' answers with HTTP status %d, not 200", SLICE_FMT(q->host),
                        q->status);
        return TLS_RESULT_STS_POLICY_FETCH_ERROR;
    }
    if (!is_plain_text(type)) {
        type = utf8_printable(type, shown, sizeof shown);
        (void)fault_set(why, ERR_TEMPORARY, "'%.*s' sends a file of type '%.*s', not text/plain", SLICE_FMT(q->host),
                        SLICE_FMT(type));
        return TLS_RESULT_STS_POLICY_FETCH_ERROR;
    }
    if (sts_policy_parse(buf_slice(&q->answer), arena, out, &flaw) == OK)
        return TLS_RESULT_OK;
    (void)fault_set(why, ERR_SYNTAX, "'%.*s': %s", SLICE_FMT(q->host), flaw.text);
    return TLS_RESULT_STS_POLICY_INVALID;
}

enum tls_result sts_fetch_judge(const struct https_request *q, struct arena *arena, struct sts_policy *out,
                                struct fault *why)
{
    if (q->outcome == HTTPS_ANSWERED)
        return judge_answer(q, arena, out, why);
    *why = q->why;
    return q->outcome == HTTPS_CERTIFICATE ? TLS_RESULT_STS_WEBPKI_INVALID : TLS_RESULT_STS_POLICY_FETCH_ERROR;
}

static void on_answer(struct https_request *q)
{
    struct sts_fetch *f = CONTAINER_OF(q, struct sts_fetch, request);

    f->failure = sts_fetch_judge(q, &f->arena, &f->policy, &f->why);
    https_release(q);
    f->https = NULL;
    f->done(f);
}

void sts_fetch_start(struct sts_fetch *f, struct https_client *https, struct slice domain)
{
    f->https = https;
    f->request = (struct https_request){
        .done = on_answer,
        .host = arena_printf(&f->arena, "mta-sts.%.*s", SLICE_FMT(domain)),
        .path = SLICE_LIT("/.well-known/mta-sts.txt"),
        .answer_most = STS_POLICY_MAX,
        .deadline_ms = STS_FETCH_DEADLINE_MS,
    };
    https_start(https, &f->request);
}

void sts_fetch_release(struct sts_fetch *f)
{
    if (f->https != NULL)
        https_cancel(f->https, &f->request);
    f->https = NULL;
    arena_release(&f->arena);
}
