#include "policy/server_decision.h"

/* -- what may be tried ---------------------------------------------------------------------------------------- */

static void skip(struct server_decision *out, enum server_verdict verdict, enum tls_result result, const char *code,
                 struct slice text)
{
    out->verdict = verdict;
    out->result = result;
    out->code = code;
    out->text = text;
}

static bool dane_is_unknown(const struct decision *d, const struct server_facts *f)
{
    return d->uses_dane && (f->dane == DANE_FAILED || f->dane == DANE_BOGUS);
}

static bool dane_authenticates(const struct decision *d, const struct server_facts *f)
{
    return d->uses_dane && f->dane == DANE_USABLE && f->is_proven;
}

static struct slice dane_required_text(const struct server_facts *f, struct arena *arena)
{
    if (f->dane == DANE_USABLE)
        return arena_printf(arena, "'%.*s' has TLSA records, but comes out of unsigned MX records, and level dane is demanded",
                            SLICE_FMT(f->name));
    if (f->dane == DANE_UNUSABLE)
        return arena_printf(arena, "none of the TLSA records of '%.*s' is usable, and level dane is demanded",
                            SLICE_FMT(f->name));
    return arena_printf(arena, "'%.*s' has no TLSA records that DNSSEC vouches for, and level dane is demanded",
                        SLICE_FMT(f->name));
}

/* REQUIRETLS by MX: signed MX records or an MTA-STS policy must prove the server's name (RFC 8689 section 4.2.1); TLSA records
 * or a trusted issuer then prove the server. */
static bool lacks_proof(const struct decision *d, const struct server_facts *f)
{
    return d->needs_requiretls && d->sts == NULL && !f->is_proven;
}

static bool is_ruled_out(const struct decision *d, const struct server_facts *f, struct arena *arena,
                         struct server_decision *out)
{
    if (dane_is_unknown(d, f))
        skip(out, SERVER_WAIT, TLS_RESULT_DNSSEC_INVALID, f->dane == DANE_BOGUS ? "tlsa-bogus" : "tlsa-lookup-failed",
             arena_printf(arena, "the TLSA records of '%.*s' %s: the server must not be used now", SLICE_FMT(f->name),
                          f->dane == DANE_BOGUS ? "are forged, says DNSSEC" : "could not be looked up"));
    else if (d->level == LEVEL_DANE && !dane_authenticates(d, f))
        skip(out, SERVER_SKIP, TLS_RESULT_DANE_REQUIRED, "", dane_required_text(f, arena));
    else if (!dane_authenticates(d, f) && d->sts != NULL && !sts_policy_allows(d->sts, f->name))
        skip(out, SERVER_SKIP, TLS_RESULT_VALIDATION_FAILURE, "mx-not-in-policy",
             arena_printf(arena, "'%.*s' is not among the servers that the MTA-STS policy allows", SLICE_FMT(f->name)));
    else if (!dane_authenticates(d, f) && lacks_proof(d, f))
        skip(out, d->is_uncertain ? SERVER_WAIT : SERVER_SKIP, TLS_RESULT_VALIDATION_FAILURE, "requiretls-not-authenticated",
             arena_printf(arena, "the message came with REQUIRETLS, and neither signed MX records nor an MTA-STS policy prove that '%.*s' "
                                 "is the right server",
                          SLICE_FMT(f->name)));
    else
        return false;
    return true;
}

/* -- what it must prove --------------------------------------------------------------------------------------- */

/* Records of a proven server: they say all there is to say. */
static void demand_dane(struct decision *d)
{
    d->level = LEVEL_DANE;
    d->any_name = false;
}

static void raise_to_encrypt(struct decision *d)
{
    if (d->level < LEVEL_ENCRYPT)
        d->level = LEVEL_ENCRYPT;
}

static const char *tlsa_words(const struct server_facts *f)
{
    return f->tlsa->records_len == 1 ? "the one TLSA record that can be used" : "one of the TLSA records that can be used";
}

void policy_decide_server(const struct decision *d, const struct server_facts *facts, struct arena *arena,
                          struct server_decision *out)
{
    *out = (struct server_decision){ .verdict = SERVER_TRY, .code = "", .decision = *d };
    if (is_ruled_out(d, facts, arena, out))
        return;
    if (dane_authenticates(d, facts)) {
        demand_dane(&out->decision);
        out->text = arena_printf(arena, "DANE holds for '%.*s': its certificate must match %s", SLICE_FMT(facts->name),
                                 tlsa_words(facts));
    } else if (d->uses_dane && facts->dane == DANE_USABLE) {
        raise_to_encrypt(&out->decision);
        out->text = arena_printf(arena, "'%.*s' comes out of unsigned MX records, so that DANE does not prove it to be the right server; its "
                                 "certificate must match %s all the same",
                                 SLICE_FMT(facts->name), tlsa_words(facts));
    } else if (d->uses_dane && facts->dane == DANE_UNUSABLE) {
        raise_to_encrypt(&out->decision);
        out->text = arena_printf(arena, "'%.*s' has TLSA records, none of which can be used: they demand TLS, with any certificate",
                                 SLICE_FMT(facts->name));
    } else if (d->sts != NULL) {
        out->text = arena_printf(arena, "the MTA-STS policy allows '%.*s'; its certificate must be trusted, and for that name", SLICE_FMT(facts->name));
    } else {
        out->text = arena_printf(arena, "'%.*s' may be tried%s", SLICE_FMT(facts->name),
                                 d->uses_dane && facts->dane == DANE_NONE ? "; there is no DANE for it" : "");
    }
    if (d->uses_dane && facts->dane == DANE_USABLE) {
        out->decision.needs_tlsa_match = true;
        out->tlsa = facts->tlsa;
    }
}

/* -- for reports ---------------------------------------------------------------------------------------------- */

enum tls_result sts_session_check(const struct sts_policy *p, struct slice server, const struct tls_facts *facts,
                                  const char **code)
{
    struct decision as_enforced = { .level = LEVEL_VERIFY, .min_version = TLS_VERSION_1_2 };

    *code = "";
    if (!sts_policy_allows(p, server)) {
        *code = "mx-not-in-policy";
        return TLS_RESULT_VALIDATION_FAILURE;
    }
    return decision_check(&as_enforced, facts, server, NULL);
}
