#include "domains/checks_private.h"

#include "smtp/path.h"

#include <inttypes.h>

enum { DAY_S = 86400, ENFORCE_LOW_S = 14 * DAY_S };

static const char *const known[] = { "version", "mode", "max_age", "mx" };
static const char *const modes[] = { "none", "testing", "enforce" };

static struct slice file(const struct checking *c)
{
    return c->f->policy_host.name;
}

static bool check_syntax(struct checking *c)
{
    if (!c->has_policy_text)
        return false;
    if (c->policy_status != OK)
        checking_tell(c, CHECK_ERROR, file(c), AS_USUAL, "senders take it for no policy: %s", c->policy_why.text);
    return true;
}

static bool check_version(struct checking *c)
{
    const struct policy_line *line = policy_text_first(&c->text, "version");

    if (!c->has_policy_text)
        return false;
    if (line == NULL || !slice_eq(line->value, SLICE_LIT("STSv1")))
        checking_tell(c, CHECK_ERROR, file(c), AS_USUAL,
                      line == NULL ? "there is no version" : "the version is not STSv1");
    else if (line != &c->text.lines[0])
        checking_tell(c, CHECK_WARNING, file(c), AS_USUAL, "the version stands in line %zu, not in the first",
                      line->number);
    return true;
}

static bool is_among(struct slice s, const char *const *words, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (slice_eq(s, slice_str(words[i])))
            return true;
    return false;
}

static bool check_mode(struct checking *c)
{
    const struct policy_line *line = policy_text_first(&c->text, "mode");

    if (!c->has_policy_text)
        return false;
    if (line == NULL)
        checking_tell(c, CHECK_ERROR, file(c), AS_USUAL, "there is no mode");
    else if (!is_among(line->value, modes, COUNT_OF(modes)))
        checking_tell(c, CHECK_ERROR, file(c), AS_USUAL, "the mode is '%.*s'",
                      SLICE_FMT(checking_shown(c, line->value)));
    return true;
}

static bool check_state(struct checking *c)
{
    if (c->policy_status != OK)
        return false;
    if (c->policy.mode == STS_MODE_NONE)
        checking_tell(c, CHECK_ADVICE, file(c),
                      SLICE_LIT("when senders have forgotten the policy before it, take record, file and host away"),
                      "the mode is none: MTA-STS is being taken back");
    else if (c->policy.mode == STS_MODE_TESTING)
        checking_tell(c, CHECK_ADVICE, file(c), AS_USUAL,
                      "the mode is testing: failures are reported, and stop nothing");
    return true;
}

static bool check_max_age(struct checking *c)
{
    const struct policy_line *line = policy_text_first(&c->text, "max_age");
    uint64_t seconds;

    if (!c->has_policy_text)
        return false;
    if (line == NULL)
        checking_tell(c, CHECK_ERROR, file(c), AS_USUAL, "there is no max_age");
    else if (!slice_to_u64(line->value, &seconds) || seconds > STS_MAX_AGE_MOST_S)
        checking_tell(c, CHECK_ERROR, file(c), AS_USUAL, "max_age is '%.*s', not a number up to %d",
                      SLICE_FMT(checking_shown(c, line->value)), STS_MAX_AGE_MOST_S);
    return true;
}

static bool check_low(struct checking *c)
{
    if (c->policy_status != OK || c->policy.mode == STS_MODE_NONE)
        return false;
    if (c->policy.max_age_s < DAY_S)
        checking_tell(c, CHECK_WARNING, file(c), AS_USUAL, "max_age is %" PRId64 " s, less than a day",
                      c->policy.max_age_s);
    else if (c->policy.mode == STS_MODE_ENFORCE && c->policy.max_age_s < ENFORCE_LOW_S)
        checking_tell(c, CHECK_WARNING, file(c), AS_USUAL, "max_age is %" PRId64 " days, in enforce",
                      c->policy.max_age_s / DAY_S);
    return true;
}

static bool check_mx(struct checking *c)
{
    size_t count = 0;

    if (!c->has_policy_text)
        return false;
    for (size_t i = 0; i < c->text.lines_len; i++) {
        struct slice value = c->text.lines[i].value;
        struct slice name = slice_from(value, slice_starts(value, SLICE_LIT("*.")) ? 2 : 0);

        if (!slice_eq(c->text.lines[i].name, SLICE_LIT("mx")))
            continue;
        count++;
        if (!smtp_domain_is_valid(name, false) || slice_find(name, '.') == SIZE_MAX)
            checking_tell(c, CHECK_ERROR, file(c), AS_USUAL, "line %zu: '%.*s' is no name of a server",
                          c->text.lines[i].number, SLICE_FMT(checking_shown(c, value)));
    }
    if (count == 0 && (c->policy_status != OK || c->policy.mode != STS_MODE_NONE))
        checking_tell(c, CHECK_ERROR, file(c), AS_USUAL, "there is no mx");
    return true;
}

static bool check_twice(struct checking *c)
{
    for (size_t i = 0; c->has_policy_text && i < c->text.lines_len; i++) {
        const struct policy_line *line = &c->text.lines[i];

        for (size_t k = 0; k < COUNT_OF(known) - 1; k++)
            if (slice_eq(line->name, slice_str(known[k])) && policy_text_first(&c->text, known[k]) != line)
                checking_tell(c, CHECK_WARNING, file(c), CHANGE(c, "take line %zu away", line->number),
                              "'%s' stands twice; the first counts", known[k]);
    }
    return c->has_policy_text;
}

static bool check_unknown(struct checking *c)
{
    for (size_t i = 0; c->has_policy_text && i < c->text.lines_len; i++) {
        const struct policy_line *line = &c->text.lines[i];

        if (line->name.len > 0 && !is_among(line->name, known, COUNT_OF(known)))
            checking_tell(c, CHECK_ADVICE, file(c), AS_USUAL, "senders skip line %zu, '%.*s'", line->number,
                          SLICE_FMT(checking_shown(c, line->name)));
    }
    return c->has_policy_text;
}

static bool check_lines(struct checking *c)
{
    if (!c->has_policy_text)
        return false;
    if (c->text.has_bom)
        checking_tell(c, CHECK_ERROR, file(c), AS_USUAL, "it begins with a byte order mark");
    if (c->text.has_nul)
        checking_tell(c, CHECK_ERROR, file(c), AS_USUAL, "it holds NUL bytes");
    if (c->text.blank > 0)
        checking_tell(c, CHECK_WARNING, file(c), AS_USUAL, "line %zu is blank", c->text.blank);
    if (c->text.has_mixed_ends)
        checking_tell(c, CHECK_WARNING, file(c), AS_USUAL, "some lines end with LF, others with CRLF");
    for (size_t i = 0; i < c->text.lines_len; i++)
        if (c->text.lines[i].name.len == 0)
            checking_tell(c, CHECK_WARNING, file(c), AS_USUAL, "line %zu is not of the form name: value",
                          c->text.lines[i].number);
    return true;
}

/* -- the policy against the servers --------------------------------------------------------------------------- */

/* "*.example.org" above it by more than one label: what was meant, and does not count. */
static bool is_too_deep(const struct sts_policy *p, struct slice name)
{
    for (size_t i = 0; i < p->mx_len; i++)
        if (slice_starts(p->mx[i], SLICE_LIT("*.")) && slice_ends_case(name, slice_from(p->mx[i], 1)))
            return true;
    return false;
}

static bool is_covering(const struct checking *c)
{
    return c->policy_status == OK && c->policy.mode != STS_MODE_NONE && c->f->servers_len > 0;
}

static bool check_cover(struct checking *c)
{
    if (!is_covering(c))
        return false;
    FOR_SERVERS(c)
        if (!sts_policy_allows(&c->policy, s->name) && !is_too_deep(&c->policy, s->name))
            checking_tell(c, checking_weight(c), s->name,
                          CHANGE(c, "add mx: %.*s to the policy, and give the record a new id", SLICE_FMT(s->name)),
                          "the policy does not allow this server");
    return true;
}

static bool check_deep(struct checking *c)
{
    if (!is_covering(c))
        return false;
    FOR_SERVERS(c)
        if (!sts_policy_allows(&c->policy, s->name) && is_too_deep(&c->policy, s->name))
            checking_tell(c, checking_weight(c), s->name,
                          CHANGE(c, "add mx: %.*s to the policy, and give the record a new id", SLICE_FMT(s->name)),
                          "the wildcard stands for one label alone, and this name lies deeper");
    return true;
}

static bool is_used(const struct checking *c, struct slice pattern)
{
    const struct sts_policy one = { .mode = STS_MODE_ENFORCE, .mx = &pattern, .mx_len = 1 };

    FOR_SERVERS(c)
        if (sts_policy_allows(&one, s->name))
            return true;
    return false;
}

static bool check_stale(struct checking *c)
{
    if (!is_covering(c))
        return false;
    for (size_t i = 0; i < c->policy.mx_len; i++)
        if (!is_used(c, c->policy.mx[i]))
            checking_tell(c, CHECK_ADVICE, file(c),
                          CHANGE(c, "when no move is under way, take mx: %.*s away, and give the record a new id",
                                 SLICE_FMT(c->policy.mx[i])),
                          "no MX is meant by '%.*s'", SLICE_FMT(c->policy.mx[i]));
    return true;
}

const char *checks_hindrance(const struct address_facts *a)
{
    if (!a->probe->has_session)
        return a->probe->failed_at <= PROBE_GREETING ? NULL : a->text; /* an address that is down is mx.addr's */
    if (a->probe->session.version < TLS_VERSION_1_2)
        return "it speaks no TLS 1.2";
    if (a->judged.mta_sts == NULL)
        return "its certificate cannot be read";
    return a->judged.mta_sts->worst == SEVERITY_ERROR ? a->judged.mta_sts->findings[0].seen.ptr : NULL;
}

static bool check_ready(struct checking *c)
{
    if (!is_covering(c))
        return false;
    FOR_SERVERS(c)
        FOR_ADDRESSES(s) {
            const char *why = checks_hindrance(a);

            if (why != NULL)
                checking_tell(c, checking_weight(c), checking_place(c, s, a), AS_USUAL,
                              "senders that obey the policy %s: %s",
                              checking_is_enforced(c) ? "send no mail here" : "would send no mail here", why);
        }
    return true;
}

static bool check_below(struct checking *c)
{
    if (!checking_has_policy(c) || !c->f->has_wildcard_mx)
        return false;
    checking_tell(c, CHECK_ADVICE, CHANGE(c, "*.%.*s", SLICE_FMT(c->f->domain)), AS_USUAL,
                  "every name below the domain takes mail (there is a wildcard MX), and none of them has this policy");
    return true;
}

static const struct check checks[] = {
    { "sts.pol.syntax", check_syntax, "the policy is well-formed",
      "a file with a fault is no policy (RFC 8461 section 3.2)",
      "mend the line; sternpost check --suggest writes a whole file", NULL },
    { "sts.pol.version", check_version, "the version stands first",
      "some senders read nothing behind another first line", "make \"version: STSv1\" the first line", NULL },
    { "sts.pol.mode", check_mode, "the mode is known", "without a mode there is no policy",
      "write none, testing or enforce, in lower case", NULL },
    { "sts.pol.mode.state", check_state, "the mode is enforce", "only enforce keeps mail from being read on its way",
      "when reports have shown no failure for two weeks, change it to enforce and give the record a new id", NULL },
    { "sts.pol.maxage", check_max_age, "max_age is well-formed", "without it there is no policy",
      "write 604800 in testing, 1209600 or more in enforce", NULL },
    { "sts.pol.maxage.low", check_low, "max_age is long enough",
      "a policy protects from one who blocks its fetching for as long as it is kept", "raise max_age to 1209600",
      NULL },
    { "sts.pol.mx", check_mx, "every mx is a server's name, or a wildcard for one", "senders drop the policy for it",
      "write the name of a server, or *. and a domain; no address, and xn-- for other letters", NULL },
    { "sts.pol.dup", check_twice, "nothing stands twice", "the second says what does not count", "", NULL },
    { "sts.pol.unknown", check_unknown, "every field is known", "what was meant is lost", "check how it is spelled",
      NULL },
    { "sts.pol.lines", check_lines, "every line is clean", "strict senders refuse the file",
      "save it as plain ASCII, without byte order mark, with nothing but name: value lines", NULL },
    { "sts.pol.cover", check_cover, "the policy allows every MX",
      "senders that obey the policy do not use a server outside it", "", NULL },
    { "sts.pol.deep", check_deep, "no MX lies deeper than its wildcard",
      "senders that obey the policy do not use a server outside it", "", NULL },
    { "sts.pol.stale", check_stale, "every mx of the policy is in use",
      "a server that is no longer yours stays allowed", "", NULL },
    { "sts.mx.ready", check_ready, "every server is what the policy demands",
      "the policy demands TLS 1.2 and a trusted certificate for the server's own name (RFC 8461 section 4.2)",
      "mend what the checks of TLS and certificates name, before the mode is enforce", NULL },
    { "sts.pol.sub", check_below, "", "a policy is for its domain alone: names below do not inherit it (RFC 8461)",
      "take the wildcard MX away, or publish a policy for each name below that takes mail", NULL },
};

const struct check_group checks_policy = { "MTA-STS policy", checks, COUNT_OF(checks) };
