#include "domains/checks_private.h"

#include <inttypes.h>

enum { SLOW_MS = 5000, MS = 1000, HTTP_OK = 200, HTTP_MOVED = 300, HTTP_BAD = 400, HTTP_LOGIN = 401, HTTP_PROXY_LOGIN = 407 };

/* There is something that ought to be a policy's host: a record says so, or the name is there. */
static bool is_wanted(const struct checking *c)
{
    const struct server_facts *h = &c->f->policy_host;

    return c->f->servers_len > 0 && (c->sts != RECORD_NONE || h->addresses_len > 0);
}

/* Without a record nobody asks for the policy. */
static enum check_verdict weight(const struct checking *c)
{
    return c->sts == RECORD_VALID ? CHECK_ERROR : CHECK_ADVICE;
}

static bool check_resolve(struct checking *c)
{
    const struct server_facts *h = &c->f->policy_host;

    if (!is_wanted(c))
        return false;
    if (h->outcome == DNS_FAILED)
        checking_tell(c, CHECK_NOT_TESTABLE, h->name, SLICE_LIT("try again; if it stays so, see to the name servers"),
                      "%s", h->text);
    else if (h->addresses_len == 0)
        checking_tell(c, weight(c), h->name,
                      CHANGE(c, "publish %.*s. A with the web server's address", SLICE_FMT(h->name)), "%s", h->text);
    return true;
}

static bool check_reach(struct checking *c)
{
    const struct server_facts *h = &c->f->policy_host;
    size_t answering = 0;

    FOR_ADDRESSES(h)
        answering += a->probe->failed_at > PROBE_CONNECT;
    FOR_ADDRESSES(h)
        if (a->probe->failed_at == PROBE_CONNECT && !checking_is_out_of_reach(c, h, a))
            checking_tell(c, answering > 0 ? CHECK_WARNING : weight(c), checking_place(c, h, a),
                          CHANGE(c, "let %.*s answer on port 443, or take the address from DNS", SLICE_FMT(a->ip)),
                          "%s", a->text);
    return h->addresses_len > 0 && is_wanted(c);
}

static bool check_handshake(struct checking *c)
{
    const struct server_facts *h = &c->f->policy_host;
    bool was_tried = false;

    FOR_ADDRESSES(h) {
        was_tried |= a->probe->failed_at >= PROBE_HANDSHAKE;
        if (a->probe->failed_at == PROBE_HANDSHAKE)
            checking_tell(
                c, weight(c), checking_place(c, h, a),
                CHANGE(c, "give the web server a certificate for %.*s, chosen by that name (SNI)", SLICE_FMT(h->name)),
                "the TLS handshake failed: %s", a->text);
        else if (a->probe->has_session && a->probe->session.version < TLS_VERSION_1_2)
            checking_tell(c, CHECK_WARNING, checking_place(c, h, a), AS_USUAL, "the best version that it speaks is %s",
                          tls_version_name(a->probe->session.version));
    }
    return was_tried && is_wanted(c);
}

static bool is_for(const struct check *check, const struct finding *f)
{
    for (const char *const *id = check->findings; *id != NULL; id++)
        if (strcmp(*id, f->id) == 0)
            return true;
    return false;
}

static void tell_finding(struct checking *c, const struct address_facts *a, const struct finding *f)
{
    enum check_verdict v = f->severity == SEVERITY_WARNING ? CHECK_WARNING : CHECK_ADVICE;

    if (f->severity != SEVERITY_OK && is_for(c->check, f))
        checking_tell_finding(c, f->severity == SEVERITY_ERROR ? weight(c) : v,
                              checking_place(c, &c->f->policy_host, a), AS_USUAL, f);
}

static bool check_findings(struct checking *c)
{
    bool was_judged = false;

    FOR_ADDRESSES(&c->f->policy_host) {
        was_judged |= a->judged.mta_sts != NULL;
        for (size_t i = 0; a->judged.mta_sts != NULL && i < a->judged.mta_sts->findings_len; i++)
            tell_finding(c, a, &a->judged.mta_sts->findings[i]);
    }
    return was_judged && is_wanted(c);
}

/* -- what was answered ---------------------------------------------------------------------------------------- */

static bool check_fetch(struct checking *c)
{
    const struct http_facts *p = &c->f->policy;

    if (!is_wanted(c) || c->f->policy_host.addresses_len == 0)
        return false;
    if (p->is_encoded || p->outcome == HTTPS_ANSWERED || p->outcome == HTTPS_TIMEOUT || p->outcome == HTTPS_TOO_LARGE ||
        p->outcome == HTTPS_CERTIFICATE || p->outcome == HTTPS_TLS)
        return p->outcome == HTTPS_ANSWERED; /* other checks tell of those */
    checking_tell(c, p->outcome == HTTPS_PRIVATE ? CHECK_ERROR : weight(c), c->f->policy_host.name, AS_USUAL, "%s",
                  p->why);
    return true;
}

static bool was_answered(const struct checking *c)
{
    return is_wanted(c) && c->f->policy.outcome == HTTPS_ANSWERED;
}

static bool wants_login(const struct checking *c)
{
    return c->f->policy.status == HTTP_LOGIN || c->f->policy.status == HTTP_PROXY_LOGIN;
}

static bool check_plain(struct checking *c)
{
    const struct http_facts *p = &c->f->policy;

    if (!is_wanted(c) || (!p->is_encoded && p->outcome != HTTPS_ANSWERED))
        return false;
    if (p->is_encoded)
        checking_tell(c, weight(c), c->f->policy_host.name,
                      SLICE_LIT("turn compression off for this file, or let it be used for those alone who ask for it"),
                      "the file comes compressed, though nobody asked for that");
    else if (wants_login(c))
        checking_tell(c, weight(c), c->f->policy_host.name, SLICE_LIT("let everybody read this file"),
                      "the web server asks for a login, with status %d", p->status);
    return true;
}

static bool check_status(struct checking *c)
{
    int status = c->f->policy.status;

    if (!was_answered(c) || wants_login(c) || (status >= HTTP_MOVED && status < HTTP_BAD))
        return false;
    if (status != HTTP_OK)
        checking_tell(
            c, weight(c), c->f->policy_host.name,
            CHANGE(c, "put the policy at https://%.*s/.well-known/mta-sts.txt", SLICE_FMT(c->f->policy_host.name)),
            "the web server answers with status %d", status);
    return true;
}

static bool check_redirect(struct checking *c)
{
    int status = c->f->policy.status;

    if (!was_answered(c))
        return false;
    if (status >= HTTP_MOVED && status < HTTP_BAD)
        checking_tell(c, weight(c), c->f->policy_host.name, AS_USUAL, "the web server redirects, with status %d",
                      status);
    return true;
}

static bool check_type(struct checking *c)
{
    struct slice rest, type = slice_trim(slice_cut(slice_str(c->f->policy.type), ';', &rest));

    if (!c->has_policy_text || !is_wanted(c))
        return false;
    if (!slice_eq_case(type, SLICE_LIT("text/plain")))
        checking_tell(c, weight(c), c->f->policy_host.name, AS_USUAL, "the file is of type '%.*s'",
                      SLICE_FMT(checking_shown(c, type)));
    return true;
}

static bool check_size(struct checking *c)
{
    if (!was_answered(c) && c->f->policy.outcome != HTTPS_TOO_LARGE)
        return false;
    if (c->f->policy.outcome == HTTPS_TOO_LARGE)
        checking_tell(c, weight(c), c->f->policy_host.name, AS_USUAL, "%s", c->f->policy.why);
    return is_wanted(c);
}

static bool check_time(struct checking *c)
{
    const struct http_facts *p = &c->f->policy;

    if (!was_answered(c) && p->outcome != HTTPS_TIMEOUT)
        return false;
    if (p->outcome == HTTPS_TIMEOUT)
        checking_tell(c, weight(c), c->f->policy_host.name, AS_USUAL, "%s", p->why);
    else if (p->took_ms > SLOW_MS)
        checking_tell(c, CHECK_WARNING, c->f->policy_host.name, AS_USUAL, "it took %" PRId64 " s to fetch the policy",
                      p->took_ms / MS);
    return is_wanted(c);
}

static const char *const trust[] = { "cert.absent", "cert.self-signed", "cert.trust",     "chain.broken",
                                     "cert.name",   "cert.early",       "cert.key",       "cert.sig",
                                     "cert.usage",  "cert.root",        "cert.key-usage", NULL };
static const char *const days[] = { "cert.expiry", NULL };
static const char *const chain[] = { "chain.incomplete", "chain.order",       "chain.expiry",   "chain.early",
                                     "chain.long",       "chain.superfluous", "chain.repeated", NULL };

static const struct check checks[] = {
    { "sts.host.resolve", check_resolve, "the host has an address", "without one the policy cannot be fetched", "",
      NULL },
    { "sts.host.reach", check_reach, "every address of the host answers",
      "senders that choose the other address get no policy", "", NULL },
    { "sts.host.tls", check_handshake, "the host speaks TLS 1.2 or higher", "some senders refuse less",
      "enable TLS 1.2 and 1.3 on the web server", NULL },
    { "sts.host.cert", check_findings, "the host's certificate is good",
      "senders take no policy from a host that cannot prove its name (RFC 8461 section 3.3)",
      "get a certificate from a public authority for the name mta-sts.DOMAIN", trust },
    { "sts.host.cert.days", check_findings, "the host's certificate will last",
      "once it has expired, senders live on what they kept, then on nothing",
      "renew it, and let the web server load it", days },
    { "sts.host.chain", check_findings, "the host's chain is complete",
      "it works in browsers, and fails in mail servers", "add the missing certificate behind the host's own", chain },
    { "sts.http.answer", check_fetch, "the host answers", "senders cannot fetch the policy",
      "let the web server speak HTTP/1.1 or HTTP/2 at this address", NULL },
    { "sts.http.encoding", check_plain, "the file comes plain, without a login",
      "senders neither unpack the policy nor log in for it", "", NULL },
    { "sts.http.200", check_status, "the policy is there", "senders take no other status (RFC 8461 section 3.3)", "",
      NULL },
    { "sts.http.redirect", check_redirect, "nothing is redirected", "senders do not follow (RFC 8461 section 3.3)",
      "serve the file at this very address", NULL },
    { "sts.http.type", check_type, "the file is text/plain",
      "strict senders refuse other types (RFC 8461 section 3.2)", "serve it with Content-Type: text/plain", NULL },
    { "sts.http.size", check_size, "the file is small enough", "senders cut off larger ones", "keep it below 64 KiB",
      NULL },
    { "sts.http.time", check_time, "the policy came in time", "senders give up, some after two seconds",
      "let the web server answer faster", NULL },
};

const struct check_group checks_policy_host = { "MTA-STS policy host", checks, COUNT_OF(checks) };
