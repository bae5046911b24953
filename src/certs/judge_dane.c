/* The chain against TLSA records: which of them matched decides what else of it counts. */
#include "certs/describe.h"
#include "certs/judge_private.h"
#include "net/tls_dane.h"

enum { TEXT_BYTES = 200, USUAL_PORT = 25 };

static bool is_for_anchors(const struct tlsa_set *set)
{
    for (size_t i = 0; i < set->records_len; i++)
        if (set->records[i].usage != 2)
            return false;
    return set->records_len > 0;
}

static void tell_mismatch(struct judging *j, const char *text)
{
    uint16_t port = j->context->port != 0 ? j->context->port : USUAL_PORT;
    struct slice record = describe_tlsa(&j->out->chain[0], true,
                                        certificate_escape(j->context->tlsa->base_domain, j->arena), port, j->arena);
    struct slice advice =
        arena_printf(j->arena, "publish '%.*s', or serve the key that is published", SLICE_FMT(record));

    judge_find(j, FIND_DANE_MISMATCH, 0, advice.ptr, "%s", text);
}

void judge_dane(struct judging *j)
{
    const struct tls_dane_names further = { j->context->further, j->context->further_len };
    const struct tlsa_set *set = j->context->tlsa;
    char text[TEXT_BYTES] = "";
    enum dane_verdict verdict;

    if (set == NULL) {
        judge_find(j, FIND_DANE_ERROR, JUDGE_WHOLE_CHAIN, NULL, "there is no TLSA record that can be used");
        return;
    }
    verdict = tls_dane_judge(set, &further, j->sent, text, sizeof text);
    j->weight = is_for_anchors(set) ? WEIGHT_DANE_TA : WEIGHT_DANE_EE;
    switch (verdict) {
    case DANE_MATCHED:
        j->weight = text[0] == '2' ? WEIGHT_DANE_TA : WEIGHT_DANE_EE;
        judge_find(j, FIND_DANE_MATCHED, 0, NULL, "the TLSA record '%s' matches", text);
        break;
    case DANE_MISMATCH: tell_mismatch(j, text); break;
    case DANE_EXPIRED:
    case DANE_HOST_MISMATCH:
    case DANE_INVALID:
        j->weight = WEIGHT_DANE_TA;
        judge_find(j, FIND_DANE_CHAIN, JUDGE_WHOLE_CHAIN, NULL, "a TLSA record matches, but %s", text);
        break;
    default: judge_find(j, FIND_DANE_ERROR, JUDGE_WHOLE_CHAIN, NULL, "%s", text); break;
    }
}
