#include "domains/checks_private.h"

static const enum check_verdict verdict_of[] = {
    [SEVERITY_OK] = CHECK_OK,
    [SEVERITY_ADVICE] = CHECK_ADVICE,
    [SEVERITY_WARNING] = CHECK_WARNING,
    [SEVERITY_ERROR] = CHECK_ERROR,
};

static bool is_for(const struct check *check, const struct finding *f)
{
    for (const char *const *id = check->findings; *id != NULL; id++)
        if (strcmp(*id, f->id) == 0)
            return true;
    return false;
}

static void tell_findings(struct checking *c, struct slice where, const struct judgement *j, enum check_verdict most)
{
    for (size_t i = 0; j != NULL && i < j->findings_len; i++) {
        const struct finding *f = &j->findings[i];
        enum check_verdict v = verdict_of[f->severity];

        if (f->severity != SEVERITY_OK && is_for(c->check, f))
            checking_tell_finding(c, v < most ? v : most, where, AS_USUAL, f);
    }
}

/* By what counts here: DANE where there are usable records, the policy where there is one (in testing a fault does not
 * stop mail), else only that it is encrypted. Under both, the demands of the policy are the wider ones. */
static void judge_address(struct checking *c, const struct server_facts *s, const struct address_facts *a)
{
    struct slice where = checking_place(c, s, a);

    if (checking_has_policy(c))
        tell_findings(c, where, a->judged.mta_sts, checking_is_enforced(c) ? CHECK_ERROR : CHECK_WARNING);
    else if (a->judged.dane != NULL)
        tell_findings(c, where, a->judged.dane, CHECK_ERROR);
    else
        tell_findings(c, where, a->judged.opportunistic, CHECK_WARNING);
}

static bool check_findings(struct checking *c)
{
    bool was_judged = false;

    FOR_SERVERS(c)
        FOR_ADDRESSES(s) {
            was_judged |= a->judged.mta_sts != NULL;
            if (a->judged.mta_sts != NULL)
                judge_address(c, s, a);
        }
    return was_judged;
}

/* -- who may issue the next ------------------------------------------------------------------------------------- */

static const struct certificate *served_by(const struct server_facts *s)
{
    FOR_ADDRESSES(s)
        if (a->judged.mta_sts != NULL && a->judged.mta_sts->chain_len > 0)
            return &a->judged.mta_sts->chain[0];
    return NULL;
}

static bool names(const struct certificate *leaf, struct slice host)
{
    for (size_t i = 0; i < leaf->names_len; i++)
        if (slice_eq_case(leaf->names[i], host))
            return true;
    return false;
}

/* "letsencrypt.org, digicert.com" */
static struct slice allowed(struct checking *c, const struct caa_lookup *l)
{
    struct slice out = SLICE_LIT("");

    for (size_t i = 0; i < l->records_len; i++) {
        struct slice issuer = caa_issuer(&l->records[i]);

        if (slice_starts_case(l->records[i].tag, SLICE_LIT("issue")) && issuer.len > 0)
            out = CHANGE(c, "%.*s%s'%.*s'", SLICE_FMT(out), out.len > 0 ? ", " : "",
                         SLICE_FMT(checking_shown(c, issuer)));
    }
    return out;
}

static void tell_issuer(struct checking *c, const struct server_facts *s, const struct certificate *leaf,
                        enum caa_answer answer)
{
    struct slice owner = s->caa->owner, others = allowed(c, s->caa);

    if (answer == CAA_ANYBODY)
        checking_tell(c, CHECK_ADVICE, s->name, AS_USUAL, "no CAA record says who may issue certificates for it");
    else if (answer == CAA_NOBODY)
        checking_tell(c, CHECK_ERROR, owner, AS_USUAL, "the CAA records let nobody issue, and '%.*s' did",
                      SLICE_FMT(leaf->issuer));
    else if (answer == CAA_OTHERS)
        checking_tell(c, CHECK_ERROR, owner, AS_USUAL, "the CAA records allow %.*s, and the issuer is '%.*s'",
                      SLICE_FMT(others), SLICE_FMT(leaf->issuer));
    else if (answer == CAA_UNCLEAR)
        checking_tell(c, CHECK_ADVICE, owner, SLICE_LIT("see that the authority is among them under its own CAA name"),
                      "the CAA records allow %.*s; whether that is '%.*s' cannot be told from its name",
                      SLICE_FMT(others), SLICE_FMT(leaf->issuer));
}

/* Where no authority is meant to vouch for the key, none is asked for another certificate. */
static bool is_public(const struct certificate *leaf)
{
    return leaf != NULL && !leaf->is_self_signed;
}

static bool check_issuer_of(struct checking *c, const struct server_facts *s)
{
    const struct certificate *leaf = served_by(s);

    if (s->caa == NULL || !is_public(leaf))
        return false;
    if (s->caa->outcome == DNS_FAILED || s->caa->outcome == DNS_BOGUS)
        checking_tell(c, CHECK_WARNING, s->caa->owner,
                      SLICE_LIT("let every name server answer a question for CAA, with records or with a denial"),
                      "DNS gives no answer for CAA: an authority that gets none does not issue (RFC 8659 section 3)");
    else
        tell_issuer(c, s, leaf, caa_judge(s->caa->records, s->caa->records_len, leaf->issuer, !names(leaf, s->name)));
    return true;
}

static bool check_caa(struct checking *c)
{
    bool is_any = check_issuer_of(c, &c->f->policy_host);

    FOR_SERVERS(c)
        is_any |= check_issuer_of(c, s);
    return is_any;
}

/* -- one key or several ------------------------------------------------------------------------------------------- */

static bool have_same_records(const struct server_facts *a, const struct server_facts *b)
{
    if (a->tlsa.texts_len != b->tlsa.texts_len)
        return false;
    for (size_t i = 0; i < a->tlsa.texts_len; i++) {
        bool is_there = false;

        for (size_t k = 0; k < b->tlsa.texts_len; k++)
            is_there |= slice_eq(a->tlsa.texts[i], b->tlsa.texts[k]);
        if (!is_there)
            return false;
    }
    return true;
}

/* With those before it. */
static void compare_key(struct checking *c, const struct server_facts *one, const struct certificate *leaf)
{
    FOR_SERVERS(c) {
        const struct certificate *other = served_by(s);

        if (s == one)
            return;
        if (s->dane == DANE_USABLE && other != NULL && have_same_records(s, one) &&
            strcmp(other->spki, leaf->spki) != 0) {
            checking_tell(c, CHECK_ADVICE, one->name, AS_USUAL,
                          "it has the same TLSA records as '%.*s', and another key", SLICE_FMT(s->name));
            return;
        }
    }
}

static bool check_same_key(struct checking *c)
{
    size_t compared = 0;

    FOR_SERVERS(c) {
        const struct certificate *leaf = served_by(s);

        if (s->dane != DANE_USABLE || leaf == NULL)
            continue;
        compared++;
        compare_key(c, s, leaf);
    }
    return compared > 1;
}

static const char *const trust[] = { "cert.absent", "cert.self-signed", "cert.trust", "chain.broken", NULL };
static const char *const name[] = { "cert.name", NULL };
static const char *const expiry[] = { "cert.expiry", "cert.early", NULL };
static const char *const chain[] = { "chain.incomplete", "chain.order", "chain.superfluous",
                                     "chain.repeated",   "chain.root",  "chain.expiry",
                                     "chain.early",      "chain.long",  NULL };
static const char *const key[] = { "cert.key", "cert.key-usage", NULL };
static const char *const sig[] = { "cert.sig", NULL };
static const char *const root[] = { "cert.root", NULL };
static const char *const usage[] = { "cert.usage", NULL };
static const char *const life[] = { "cert.life", NULL };

static const struct check checks[] = {
    { "cert.trust", check_findings, "every chain leads to an authority that is trusted, or need not",
      "who checks MTA-STS sends no mail to a server that nobody vouches for",
      "get a certificate from a public authority", trust },
    { "cert.name", check_findings, "every certificate is for its server's name, or need not be",
      "who checks MTA-STS sends no mail to a server whose certificate is for another name (RFC 8461 section 4.2)",
      "have it reissued with the name among its DNS names", name },
    { "cert.expiry", check_findings, "no certificate has expired or soon will",
      "with an expired certificate, senders that verify stop on that day", "renew it, and let the server load it",
      expiry },
    { "cert.chain", check_findings, "every chain is complete and in order",
      "browsers mend a chain that is not complete, mail servers do not",
      "send the certificates up to the root, in order", chain },
    { "cert.key", check_findings, "every key is long enough", "a short key can be computed, and libraries refuse it",
      "use P-256 or RSA 3072", key },
    { "cert.sig", check_findings, "every signature is sound",
      "weak signatures can be forged, and libraries refuse them", "have it reissued with SHA-256", sig },
    { "cert.root", check_findings, "no chain ends in an expired authority",
      "an authority past its end vouches for nothing", "use the authority's new chain", root },
    { "cert.usage", check_findings, "every certificate is for servers", "strict senders refuse it",
      "have it reissued for server authentication", usage },
    { "cert.life", check_findings, "no certificate lives too long", "newer clients refuse certificates of long life",
      "have it reissued for at most 398 days", life },
    { "cert.caa", check_caa, "the authorities in use may issue again",
      "an authority that CAA does not name renews nothing, and without CAA any may issue (RFC 8659)",
      "name the authority that issues now in a CAA record, and no other", NULL },
    { "cert.same", check_same_key, "servers with the same TLSA records have one key",
      "a renewal at one of them is easily forgotten in the records of the other",
      "give them one key and keep it at renewal, or records of their own", NULL },
};

const struct check_group checks_certificate = { "Certificates of the mail servers", checks, COUNT_OF(checks) };
