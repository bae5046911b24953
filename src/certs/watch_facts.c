/* What a survey says of what is watched. */
#include "certs/watch_state.h"

#include "base/memory.h"

static struct slice seen_of(const struct judgement *j, const char *const *ids, size_t len, enum severity least)
{
    for (size_t i = 0; i < j->findings_len; i++)
        for (size_t k = 0; k < len; k++)
            if (strcmp(j->findings[i].id, ids[k]) == 0 && j->findings[i].severity >= least)
                return j->findings[i].seen;
    return SLICE_LIT("");
}

/* The first text that is not empty stays. */
static void say(struct slice *at, struct slice text)
{
    if (at->len == 0)
        *at = text;
}

static void take_judgement(const struct judgement *j, struct watch_facts *out)
{
    static const char *const missing[] = { "chain.incomplete" }, *const dane[] = { "dane.match", "dane.ta",
                                                                                   "dane.fields" };
    static const char *const doubt[] = { "cert.name",   "cert.self-signed", "cert.trust",       "chain.expiry",
                                         "chain.early", "cert.root",        "cert.early",       "chain.broken",
                                         "cert.usage",  "cert.key",         "chain.incomplete", "cert.expiry" };

    say(&out->chain_text, seen_of(j, missing, COUNT_OF(missing), SEVERITY_ADVICE));
    say(&out->tlsa_text, seen_of(j, dane, COUNT_OF(dane), SEVERITY_ERROR));
    if (j->is_trusted && j->name_matches)
        return;
    out->is_trusted = false;
    say(&out->trust_text, seen_of(j, doubt, COUNT_OF(doubt), SEVERITY_OK));
    say(&out->trust_text,
        j->is_trusted ? SLICE_LIT("it is for another name") : SLICE_LIT("no trusted authority vouches for it"));
}

static void take_address(const struct survey_address *a, const struct certificate **leaves, struct watch_facts *out)
{
    if (!a->is_judged || a->judgement.chain_len == 0) {
        say(&out->text, slice_str(a->text));
        return;
    }
    leaves[out->leaves_len++] = &a->judgement.chain[0];
    if (out->leaf == NULL || a->judgement.chain[0].not_after_s < out->leaf->not_after_s)
        out->leaf = &a->judgement.chain[0];
    take_judgement(&a->judgement, out);
}

void watch_facts_of(const struct survey *s, struct arena *arena, struct watch_facts *out)
{
    const struct certificate **leaves = ARENA_ARRAY(arena, const struct certificate *, s->addresses_len + 1);

    *out = (struct watch_facts){ .is_trusted = true, .leaves = leaves };
    out->text = arena_copy(arena, slice_str(s->text));
    for (size_t i = 0; i < s->addresses_len; i++)
        take_address(&s->addresses[i], leaves, out);
    out->is_reached = out->leaves_len > 0;
    if (!out->is_reached && out->text.len == 0)
        out->text = SLICE_LIT("the server shows no certificate");
    out->has_tlsa = s->how == JUDGE_DANE;
    out->knows_tlsa = out->is_reached && s->dane_state != DANE_FAILED;
    out->knows_difference = out->is_reached;
    out->difference = arena_copy(arena, slice_str(s->difference));
}
