#include "bridge/answer.h"

#include "base/buf.h"

enum { NAME_LONGEST = 253 };

static const char *const map_names[] = {
    [ANSWER_POLICY] = "policy",
    [ANSWER_TLSRPT] = "policy-tlsrpt",
    [ANSWER_NOSNI] = "policy-nosni",
    [ANSWER_TESTING] = "policy-tlsrpt-testing",
};

bool answer_map_find(struct slice name, enum answer_map *out)
{
    for (int i = 0; i < ANSWER_MAPS; i++) {
        if (slice_eq(name, slice_str(map_names[i]))) {
            *out = (enum answer_map)i;
            return true;
        }
    }
    return false;
}

/* -- DANE ------------------------------------------------------------------------------------------------- */

void answer_dane_add(struct answer_dane *d, enum dane_state server)
{
    switch (server) {
    case DANE_USABLE: d->usable++; break;
    case DANE_UNUSABLE: d->unusable++; break;
    case DANE_NONE: d->none++; break;
    case DANE_UNKNOWN:
    case DANE_FAILED:
    case DANE_BOGUS: d->failed++; break;
    }
}

enum share { SHARE_NONE, SHARE_OPEN, SHARE_SOME, SHARE_ALL }; /* of the servers have DANE */

/* One server that DNS says nothing of does not hold back the others: at level "dane" Postfix looks again by itself
 * and passes it over (RFC 7672 section 2.1.1). Without any server that is known to have DANE nothing may be said. */
static enum share share_of(const struct answer_dane *d)
{
    if (d->usable + d->unusable == 0)
        return d->failed > 0 || d->mx_is_unknown ? SHARE_OPEN : SHARE_NONE;
    if (d->mx_is_secure && d->unusable + d->none + d->failed == 0)
        return SHARE_ALL;
    return SHARE_SOME;
}

/* At level "dane-only" Postfix takes none but servers with usable records out of signed MX records. */
static bool can_be_held_to(const struct answer_dane *d)
{
    return d->usable > 0 && d->mx_is_secure;
}

bool answer_asks_sts(const struct answer_dane *d, bool requires_tls)
{
    enum share share = share_of(d);

    return share == SHARE_NONE || (share == SHARE_SOME && requires_tls && !can_be_held_to(d));
}

/* -- writing ---------------------------------------------------------------------------------------------- */

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool is_name(struct slice s)
{
    char before = '.';

    if (s.len == 0 || s.len > NAME_LONGEST || s.ptr[s.len - 1] == '.')
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '.' ? before == '.' : !is_name_byte(s.ptr[i]))
            return false;
        before = s.ptr[i];
    }
    return true;
}

static struct slice without_star(struct slice pattern)
{
    return slice_starts(pattern, SLICE_LIT("*.")) ? slice_from(pattern, 2) : pattern;
}

static bool is_pattern(struct slice pattern)
{
    return is_name(without_star(pattern));
}

/* A path that stays one word for Postfix, or none. */
static bool is_plain_path(struct slice path)
{
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.ptr[i];

        if (c <= ' ' || c >= 0x7f || c == ',' || c == '{' || c == '}')
            return false;
    }
    return true;
}

#define ANSWER_ODD_CA SLICE_LIT("TEMP the rule's CA file has a name that Postfix cannot be told")

/* False: Postfix cannot be told which issuers are trusted. */
static bool anchors_of(const struct decision *d, struct arena *arena, struct slice *out)
{
    struct slice path = d->level >= LEVEL_VERIFY ? d->ca_file : SLICE_LIT("");

    *out = path.len == 0 ? path : arena_printf(arena, " tafile=%.*s", SLICE_FMT(path));
    return is_plain_path(path);
}

/* "mail.example.org:.example.net"; a wildcard is a leading dot there. Empty: no name is fit. */
static struct slice match_list(const struct slice *patterns, size_t len, struct arena *arena)
{
    size_t size = 0;
    char *out, *at;

    for (size_t i = 0; i < len; i++)
        size += patterns[i].len + 1;
    out = at = arena_alloc(arena, size + 1);
    for (size_t i = 0; i < len; i++) {
        bool is_wild = without_star(patterns[i]).len < patterns[i].len;
        struct slice text = slice_from(patterns[i], is_wild ? 1 : 0);

        if (!is_pattern(patterns[i]))
            continue;
        if (at > out)
            *at++ = ':';
        memcpy(at, text.ptr, text.len);
        at += text.len;
    }
    return slice_of(out, (size_t)(at - out));
}

/* Every Postfix knows these names; ">=" only 3.6 and later. */
static const char *version_words(enum tls_version v)
{
    static const char *const words[] = {
        [TLS_VERSION_NONE] = "",
        [TLS_VERSION_1_0] = " protocols=!SSLv2:!SSLv3",
        [TLS_VERSION_1_1] = " protocols=!SSLv2:!SSLv3:!TLSv1",
        [TLS_VERSION_1_2] = " protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1",
        [TLS_VERSION_1_3] = " protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1:!TLSv1.2",
    };

    return words[v];
}

static struct slice plain(const struct decision *demand, const char *level, struct arena *arena)
{
    return arena_printf(arena, "OK %s%s", level, version_words(demand->min_version));
}

/* -- MTA-STS ---------------------------------------------------------------------------------------------- */

static void add_patterns(struct buf *b, const struct sts_policy *p, const char *fmt, enum status *st)
{
    for (size_t i = 0; i < p->mx_len && *st == OK; i++) {
        if (is_pattern(p->mx[i]))
            *st = buf_addf(b, fmt, SLICE_FMT(p->mx[i]));
    }
}

/* The attributes of TLSRPT_README, each policy line once more in braces; empty when the reply would be too long. */
static struct slice sts_attributes(const struct answer_facts *f, size_t reply_len, struct arena *arena)
{
    const struct sts_policy *p = &f->sts->policy;
    struct slice text = SLICE_LIT("");
    enum status st;
    struct buf b;

    if (reply_len >= ANSWER_MAX)
        return text;
    buf_init(&b, ANSWER_MAX - reply_len);
    st = buf_addf(&b, " policy_type=sts policy_domain=%.*s", SLICE_FMT(f->domain));
    add_patterns(&b, p, " mx_host_pattern=%.*s", &st);
    if (st == OK)
        st = buf_addf(&b, " { policy_string = version: STSv1 } { policy_string = mode: %s }", sts_mode_name(p->mode));
    add_patterns(&b, p, " { policy_string = mx: %.*s }", &st);
    if (st == OK)
        st = buf_addf(&b, " { policy_string = max_age: %lld }", (long long)p->max_age_s);
    if (st == OK)
        text = arena_copy(arena, buf_slice(&b));
    buf_release(&b);
    return text;
}

static bool wants_attributes(enum answer_map map)
{
    return map == ANSWER_TLSRPT || map == ANSWER_TESTING;
}

static struct slice with_attributes(const struct answer_facts *f, enum answer_map map, struct slice reply,
                                    struct arena *arena)
{
    struct slice attributes;

    if (!wants_attributes(map))
        return reply;
    attributes = sts_attributes(f, reply.len, arena);
    return arena_printf(arena, "%.*s%.*s", SLICE_FMT(reply), SLICE_FMT(attributes));
}

static struct slice enforced(const struct answer_facts *f, enum answer_map map, struct arena *arena)
{
    struct slice match = match_list(f->sts->policy.mx, f->sts->policy.mx_len, arena);
    struct slice anchors, reply;

    /* "secure" without a list would match the domain itself, which the policy does not say. */
    if (match.len == 0)
        return SLICE_LIT("TEMP the MTA-STS policy names no server that can be matched");
    if (!anchors_of(f->demand, arena, &anchors))
        return ANSWER_ODD_CA;
    reply = arena_printf(arena, "OK secure match=%.*s%s%.*s%s", SLICE_FMT(match),
                         map == ANSWER_NOSNI ? "" : " servername=hostname", SLICE_FMT(anchors),
                         version_words(f->demand->min_version));
    return with_attributes(f, map, reply, arena);
}

static const char *failure_attribute(const struct sts_facts *sts)
{
    if (sts == NULL || sts->finding != STS_TROUBLE)
        return NULL;
    switch (sts->failure) {
    case TLS_RESULT_STS_POLICY_FETCH_ERROR: return "sts-policy-fetch-error";
    case TLS_RESULT_STS_POLICY_INVALID: return "sts-policy-invalid";
    case TLS_RESULT_STS_WEBPKI_INVALID: return "sts-webpki-invalid";
    default: return NULL;
    }
}

/* What is reported though it is not enforced; `level` holds whatever is found. */
static struct slice only_reported(const struct answer_facts *f, const char *level, struct arena *arena)
{
    const char *failure = failure_attribute(f->sts);
    struct slice reply = plain(f->demand, level, arena);

    if (failure != NULL)
        return arena_printf(arena, "%.*s policy_type=sts policy_domain=%.*s policy_failure=%s", SLICE_FMT(reply),
                            SLICE_FMT(f->domain), failure);
    return with_attributes(f, ANSWER_TESTING, reply, arena);
}

static bool is_mode(const struct answer_facts *f, enum sts_mode mode)
{
    return f->sts != NULL && f->sts->finding == STS_FOUND && f->sts->policy.mode == mode;
}

/* -- rules ------------------------------------------------------------------------------------------------ */

/* Verification as a rule or the default wants it. Postfix has no level for "trusted, whatever its name": it is told
 * to look at names, for less than what is demanded is never asked for. A server's name is proof of nothing where it may
 * be anybody's (DNS-01). */
static struct slice verified(const struct decision *d, bool is_proven, enum answer_map map, struct arena *arena)
{
    const char *sni = map == ANSWER_NOSNI ? "" : " servername=hostname";
    const char *names = is_proven || d->any_name ? "verify match=hostname:nexthop" : "secure match=nexthop:dot-nexthop";
    struct slice match, anchors;

    if (!anchors_of(d, arena, &anchors))
        return ANSWER_ODD_CA;
    if (d->names_len == 0)
        return arena_printf(arena, "OK %s%s%.*s%s", names, sni, SLICE_FMT(anchors), version_words(d->min_version));
    match = match_list(d->names, d->names_len, arena);
    if (match.len == 0)
        return SLICE_LIT("TEMP the rule names no server that can be matched");
    return arena_printf(arena, "OK secure match=%.*s%s%.*s%s", SLICE_FMT(match), sni, SLICE_FMT(anchors),
                        version_words(d->min_version));
}

/* A rule that exempts from what the domain publishes is there for one whose DANE or policy is broken. */
bool answer_is_settled(const struct decision *d)
{
    return d->level == LEVEL_DANE || !d->uses_dane;
}

/* With a rule that takes nothing but DANE, Postfix fails rather than downgrades. */
static struct slice settled(const struct decision *d, bool is_proven, enum answer_map map, struct arena *arena)
{
    if (d->level == LEVEL_DANE)
        return plain(d, "dane-only", arena);
    if (d->level == LEVEL_VERIFY)
        return verified(d, is_proven, map, arena);
    if (decision_requires_tls(d))
        return plain(d, "encrypt", arena);
    return d->level == LEVEL_NONE ? SLICE_LIT("OK none") : SLICE_LIT("OK may");
}

/* -- all of it -------------------------------------------------------------------------------------------- */

static struct slice without_dane(const struct answer_facts *f, enum answer_map map, struct arena *arena)
{
    const struct decision *d = f->demand;
    bool is_reported = map == ANSWER_TESTING && (is_mode(f, STS_MODE_TESTING) || failure_attribute(f->sts) != NULL);

    /* A rule's own names are stricter than those the domain chose; without them the domain's are. */
    if (d->level >= LEVEL_VERIFY && (d->names_len > 0 || !is_mode(f, STS_MODE_ENFORCE)))
        return verified(d, f->dane.mx_is_secure, map, arena);
    if (is_mode(f, STS_MODE_ENFORCE))
        return enforced(f, map, arena);
    if (decision_requires_tls(d))
        return is_reported ? only_reported(f, "encrypt", arena) : plain(d, "encrypt", arena);
    return is_reported ? only_reported(f, "may", arena) : ANSWER_NOTFOUND;
}

/* At level "dane" a server without TLSA records is reached at level "may", so a rule that demands more needs
 * "dane-only", which takes the servers with DANE alone, or, where Postfix would refuse all of them for want of a
 * signed MX record or of a usable TLSA record, its own level or what MTA-STS demands. */
static struct slice partly(const struct answer_facts *f, enum answer_map map, struct arena *arena)
{
    if (!decision_requires_tls(f->demand))
        return SLICE_LIT("OK dane");
    if (can_be_held_to(&f->dane))
        return plain(f->demand, "dane-only", arena);
    return without_dane(f, map, arena);
}

struct slice answer_write(const struct answer_facts *f, enum answer_map map, struct arena *arena)
{
    if (answer_is_settled(f->demand))
        return settled(f->demand, false, map, arena);
    if (!is_name(f->domain))
        return ANSWER_NOTFOUND;
    switch (share_of(&f->dane)) {
    case SHARE_OPEN: return SLICE_LIT("TEMP DNS gave no sure answer about DANE");
    case SHARE_ALL: return plain(f->demand, "dane-only", arena);
    case SHARE_SOME: return partly(f, map, arena);
    case SHARE_NONE: break;
    }
    return without_dane(f, map, arena);
}

/* Never less than Postfix's own default, so a demand that lets clear text pass is not told. */
struct slice answer_write_relay(const struct decision *demand, enum answer_map map, struct arena *arena)
{
    return decision_requires_tls(demand) ? settled(demand, true, map, arena) : ANSWER_NOTFOUND;
}
