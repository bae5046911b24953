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
};

const struct check_group checks_certificate = { "Certificates of the mail servers", checks, COUNT_OF(checks) };
