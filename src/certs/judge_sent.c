/* What was sent, by its own order: each certificate should certify the one before it. */
#include "certs/judge_private.h"

#include <openssl/x509v3.h>
#include <stdio.h>

/* Of those sent and not met yet: the issuer of `at`, the next one first; 0: none. */
static int issuer_of(const struct judging *j, int at, const bool *is_met)
{
    X509 *cert = sk_X509_value(j->sent, at);
    int len = sk_X509_num(j->sent);

    for (int step = 1; step < len; step++) {
        int i = (at + step) % len;

        if (i != 0 && !is_met[i] && X509_check_issued(sk_X509_value(j->sent, i), cert) == X509_V_OK)
            return i;
    }
    return 0;
}

static bool is_repeated(const struct judging *j, int at)
{
    for (int i = 0; i < at; i++)
        if (X509_cmp(sk_X509_value(j->sent, i), sk_X509_value(j->sent, at)) == 0)
            return true;
    return false;
}

static void tell_rest(struct judging *j, const bool *is_met)
{
    for (int i = 1; i < sk_X509_num(j->sent); i++) {
        if (is_met[i])
            continue;
        if (is_repeated(j, i))
            judge_find(j, FIND_REPEATED, i, NULL, "%.*s was sent before", SLICE_FMT(judge_which(j, i)));
        else
            judge_find(j, FIND_SUPERFLUOUS, i, NULL, "%.*s certifies none of those before it",
                       SLICE_FMT(judge_which(j, i)));
    }
}

void judge_sent(struct judging *j)
{
    bool *is_met = ARENA_ARRAY(j->arena, bool, j->out->chain_len);
    bool is_sorted = true;
    int at = 0, next;

    while (!j->out->chain[at].is_self_signed && (next = issuer_of(j, at, is_met)) != 0) {
        is_met[next] = true;
        is_sorted = is_sorted && next > at;
        at = next;
    }
    if (!is_sorted)
        judge_find(j, FIND_MISORDERED, JUDGE_WHOLE_CHAIN, NULL, "the certificates are not sent in their order");
    if (at > 0 && j->out->chain[at].is_self_signed)
        judge_find(j, FIND_NEEDLESS_ROOT, at, NULL, "the root '%.*s' is sent along",
                   SLICE_FMT(j->out->chain[at].subject));
    tell_rest(j, is_met);
}
