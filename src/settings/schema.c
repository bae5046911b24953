#include "settings/schema.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "policy/tls_record.h"
#include "settings/domain_name.h"
#include "settings/nearest.h"
#include "settings/server_spec.h"
#include "settings/units.h"

enum { NAME_MAX_LEN = 64, USER_MAX_LEN = 128, TEXT_MAX_LEN = 1000 };

/* -- texts ------------------------------------------------------------------------------------------------ */

static enum status is_line(struct slice text, struct arena *arena, struct slice *out, struct fault *why)
{
    struct slice rest = text;

    if (text.len > TEXT_MAX_LEN)
        return fault_set(why, ERR_SYNTAX, "it is longer than %d bytes; shorten it", TEXT_MAX_LEN);
    while (rest.len > 0) {
        size_t n = utf8_printable_len(rest);

        if (n == 0)
            return fault_set(why, ERR_SYNTAX, "it holds a line end or a control character; write one line of text");
        rest = slice_from(rest, n);
    }
    *out = arena_copy(arena, text);
    return OK;
}

static enum status is_word_of(struct slice text, const char *signs, size_t max, struct arena *arena,
                              struct slice *out, struct fault *why)
{
    bool is_good = text.len > 0 && text.len <= max;

    for (size_t i = 0; i < text.len && is_good; i++) {
        char c = text.ptr[i];

        is_good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  (c != '\0' && strchr(signs, c) != NULL);
    }
    if (!is_good)
        return fault_set(why, ERR_SYNTAX, "a name has 1 to %u letters, digits and %s", (unsigned)max, signs);
    *out = arena_copy(arena, text);
    return OK;
}

static enum status is_name(struct slice text, struct arena *arena, struct slice *out, struct fault *why)
{
    return is_word_of(text, "-_.", NAME_MAX_LEN, arena, out, why);
}

static enum status is_user_name(struct slice text, struct arena *arena, struct slice *out, struct fault *why)
{
    return is_word_of(text, "-_.+@", USER_MAX_LEN, arena, out, why);
}

static enum status is_file(struct slice text, struct arena *arena, struct slice *out, struct fault *why)
{
    if (text.ptr[0] != '/')
        return fault_set(why, ERR_SYNTAX, "a file is named from the root; begin it with '/'");
    return is_line(text, arena, out, why);
}

static enum status is_day(struct slice text, struct arena *arena, struct slice *out, struct fault *why)
{
    int64_t start_s;

    *out = arena_copy(arena, text);
    return units_parse_day(text, &start_s, why);
}

static enum status is_pattern(struct slice text, struct arena *arena, struct slice *out, struct fault *why)
{
    return domain_name_normalise_pattern(text, true, arena, out, why);
}

static enum status is_plain_pattern(struct slice text, struct arena *arena, struct slice *out, struct fault *why)
{
    return domain_name_normalise_pattern(text, false, arena, out, why);
}

static enum status is_address(struct slice text, struct arena *arena, struct slice *out, struct fault *why)
{
    if (slice_find(text, '@') == SIZE_MAX)
        return fault_set(why, ERR_SYNTAX, "it is no address; write it like postmaster@example.org");
    return domain_name_normalise_pattern(text, false, arena, out, why);
}

static enum status is_route(struct slice text, struct arena *arena, struct slice *out, struct fault *why)
{
    if (slice_find(text, '@') != SIZE_MAX)
        return fault_set(why, ERR_SYNTAX, "a route is for a whole domain; leave out what stands in front of '@'");
    return domain_name_normalise_pattern(text, false, arena, out, why);
}

static enum status is_server(struct slice text, struct arena *arena, struct slice *out, struct fault *why)
{
    struct server_spec spec;
    enum status st = server_spec_parse(text, arena, &spec, why);

    if (st == OK)
        *out = server_spec_text(&spec, arena);
    return st;
}

/* A server's name, or "*." and a domain of two labels and more (RFC 8461 section 4.1). */
static enum status is_mx_pattern(struct slice text, struct arena *arena, struct slice *out, struct fault *why)
{
    bool is_wild = slice_starts(text, SLICE_LIT("*."));
    enum status st = domain_name_normalise(slice_from(text, is_wild ? 2 : 0), arena, out, why);

    if (st == OK && slice_find(*out, '.') == SIZE_MAX)
        return fault_set(why, ERR_SYNTAX, "it is too wide or no whole name; write mx1.example.org or *.example.org");
    if (st == OK && is_wild)
        *out = arena_printf(arena, "*.%.*s", SLICE_FMT(*out));
    return st;
}

/* As it will stand in the record, where ',' ends an address and ';' the list (RFC 8460 section 3). */
static enum status is_report_uri(struct slice text, struct arena *arena, struct slice *out, struct fault *why)
{
    struct slice record = arena_printf(arena, "v=TLSRPTv1; rua=%.*s", SLICE_FMT(text));
    struct tlsrpt_record parsed;
    bool is_whole = slice_find(text, ';') == SIZE_MAX && slice_find(text, ',') == SIZE_MAX &&
                    slice_find(text, '!') == SIZE_MAX && slice_find(text, ' ') == SIZE_MAX;

    if (!is_whole || tlsrpt_record_choose(&record, 1, arena, &parsed, why) != RECORD_VALID || parsed.uris_len != 1)
        return fault_set(why, ERR_SYNTAX,
                         "it is no address for reports; write mailto:tlsrpt@example.org or https://example.org/tlsrpt, "
                         "with %%2C, %%3B and %%21 for ',', ';' and '!'");
    *out = arena_copy(arena, text);
    return OK;
}

static enum status is_moment(struct slice text, struct arena *arena, struct slice *out, struct fault *why)
{
    char shown[CLOCK_TEXT];
    int64_t wall_s;
    enum status st = units_parse_moment(text, &wall_s, why);

    if (st == OK)
        *out = arena_copy(arena, slice_str(clock_rfc3339(wall_s, shown)));
    return st;
}

static enum status is_share(struct slice text, struct arena *arena, struct slice *out, struct fault *why)
{
    uint64_t percent;

    if (!slice_to_u64(text, &percent) || percent < 1 || percent > 99)
        return fault_set(why, ERR_SYNTAX, "a share is a whole number of percent, 1 to 99");
    *out = arena_printf(arena, "%u", (unsigned)percent);
    return OK;
}

static enum status is_alert_share(struct slice text, struct arena *arena, struct slice *out, struct fault *why)
{
    uint64_t percent;

    if (!slice_to_u64(text, &percent) || percent > 100)
        return fault_set(why, ERR_SYNTAX, "it is a whole number of percent, 1 to 100, or 0 for never");
    *out = arena_printf(arena, "%u", (unsigned)percent);
    return OK;
}

static enum status is_chain(struct slice text, struct arena *arena, struct slice *out, struct fault *why)
{
    enum { CHAIN_MAX = 100 * 1024 };

    if (text.len > CHAIN_MAX)
        return fault_set(why, ERR_SYNTAX, "it is longer than %d bytes; keep the certificate and its intermediates", CHAIN_MAX);
    if (memmem(text.ptr, text.len, "-----BEGIN CERTIFICATE-----", strlen("-----BEGIN CERTIFICATE-----")) == NULL)
        return fault_set(why, ERR_SYNTAX, "it holds no certificate in PEM form");
    *out = arena_copy(arena, text);
    return OK;
}

static enum status is_days(struct slice text, struct arena *arena, struct slice *out, struct fault *why)
{
    enum { DAYS_MOST = 365 };
    uint64_t days;

    if (!slice_to_u64(text, &days) || days < 1 || days > DAYS_MOST)
        return fault_set(why, ERR_SYNTAX, "it is no number of days from 1 to %d", DAYS_MOST);
    *out = arena_printf(arena, "%u", (unsigned)days);
    return OK;
}

/* -- the table -------------------------------------------------------------------------------------------- */

#define DESCRIPTION                                                                                               \
    { "description", "What it is for, in your own words", "our bank, contract 12", SETTING_TEXT, .normalise = is_line }

#define VERSIONS "1.0|1.1|1.2|1.3"

static const struct setting_field domain_fields[] = {
    { "mta-sts", "Mode of the MTA-STS policy that we host for it; unset: we host none", "testing", SETTING_CHOICE,
      "none|testing|enforce" },
    { "mta-sts-mx", "Servers named in that policy, *.example.org for one label more; the MX found in DNS unless set",
      "mx1.example.org,*.mx.example.org", SETTING_LIST, .normalise = is_mx_pattern },
    { "mta-sts-max-age",
      "How long others keep that policy; 1d in mode none, 7d in testing, 14d in enforce unless set, at most 365d", "30d",
      SETTING_DURATION },
    { "report-to", "Where others send TLS reports about it: mailto: and https: addresses",
      "mailto:tlsrpt@example.org,https://reports.example.org/tlsrpt", SETTING_LIST, .normalise = is_report_uri },
    { "report-mailbox", "Address of the domain whose mail is read as TLS reports instead of being delivered",
      "tlsrpt@example.org", SETTING_TEXT, .normalise = is_address },
    { "alert-failures", "Share of sessions in a day's TLS reports about it, in percent, whose failing is an alert; the gateway's unless set",
      "2", SETTING_TEXT, .normalise = is_alert_share },
    { "report-forward", "Deliver that mail, too, once it is read", "true", SETTING_YES_NO, .initial = "false" },
    DESCRIPTION,
};

static const struct setting_field host_fields[] = {
    { "servers", "Servers, NAME[:PORT] [weight=PERCENT]; weights of all sum up to 100, without any they are equal",
      "smtp1.example.net:587 weight=60,smtp2.example.net:587 weight=40", SETTING_LIST, .normalise = is_server },
    { "secondary", "Servers used when no primary one answers", "backup.example.net", SETTING_LIST,
      .normalise = is_server },
    { "mx-lookup", "Whether the one server is a domain whose mail exchangers are used", "true", SETTING_YES_NO,
      .initial = "false" },
    { "tls", "What a connection must prove", "verify", SETTING_CHOICE, "none|may|encrypt|verify|dane", "verify" },
    { "min-version", "Lowest TLS version taken; 1.2 unless set, where TLS is demanded", "1.3", SETTING_CHOICE,
      VERSIONS },
    { "implicit-tls", "TLS from the first byte; true for port 465 unless set", "true", SETTING_YES_NO },
    { "ca", "PEM file of the issuers to trust; the system's unless set", "/etc/sternpost/partner-ca.pem",
      SETTING_TEXT, .normalise = is_file },
    { "names", "Names the certificate may have; the server's own unless set", "mx.example.net", SETTING_LIST,
      .normalise = domain_name_normalise },
    { "any-name", "Take a trusted certificate of any name", "true", SETTING_YES_NO, .initial = "false" },
    { "username", "User for signing in", "gateway@example.net", SETTING_TEXT, .normalise = is_line },
    { "password", "Password for signing in", "a long one", SETTING_SECRET },
    { "allow-private", "Allow servers with private or loopback addresses", "true", SETTING_YES_NO,
      .initial = "false" },
    DESCRIPTION,
};

static const struct setting_field route_fields[] = {
    { "host", "The host that takes the mail", "relay", SETTING_TEXT, .normalise = is_name, .refers_to = "host" },
    DESCRIPTION,
};

static const struct setting_field rule_fields[] = {
    { "direction", "For mail that comes in or goes out", "inbound", SETTING_CHOICE, "outbound|inbound", "outbound" },
    { "from", "Senders: addresses, domains, .subdomains, list:NAME; everyone unless set", "list:partners",
      SETTING_LIST, .normalise = is_pattern, .refers_to = "list" },
    { "to", "Recipients, written likewise; everyone unless set", "bank.example,.bank.example", SETTING_LIST,
      .normalise = is_pattern, .refers_to = "list" },
    { "level", "What a connection must prove", "encrypt", SETTING_CHOICE, "may|encrypt|verify|dane", "verify" },
    { "exempt-until",
      "To the end of this day (UTC) DANE and MTA-STS of these recipients are not enforced, for their records are broken; the "
      "level of the rule still is",
      "2026-12-31", SETTING_TEXT, .normalise = is_day },
    { "min-version", "Lowest TLS version taken", "1.3", SETTING_CHOICE, VERSIONS },
    { "ca", "PEM file of the issuers to trust; the system's unless set", "/etc/sternpost/bank-ca.pem", SETTING_TEXT,
      .normalise = is_file },
    { "names", "Names the certificate may have instead of the server's or the domain's (inbound: the sender's domain)",
      "mx.bank.example", SETTING_LIST, .normalise = domain_name_normalise },
    { "any-name", "Take a trusted certificate of any name", "true", SETTING_YES_NO, .initial = "false" },
    { "on-failure",
      "When the demand is not met: the alternate secure route, wait, or return the mail; alternate unless set, where "
      "there is a host for it, else defer",
      "bounce", SETTING_CHOICE, "alternate|defer|bounce" },
    { "defer-for", "How long to wait before the mail is returned; as long as the queue does unless set", "4h",
      SETTING_DURATION },
    { "alternate", "Host for the alternate secure route; the gateway's unless set", "relay", SETTING_TEXT,
      .normalise = is_name, .refers_to = "host" },
    { "mode", "Whether the rule holds, or only records what it would have done", "testing", SETTING_CHOICE,
      "enforce|testing", "enforce" },
    { "alert-failures", "Share of this rule's deliveries in an hour, in percent, whose failing for TLS is an alert; the gateway's unless set",
      "2", SETTING_TEXT, .normalise = is_alert_share },
    { "refuse", "Inbound: refuse for good (530), or for now and close (421)", "421", SETTING_CHOICE, "530|421",
      "530" },
    DESCRIPTION,
};

static const struct setting_field list_fields[] = {
    { "members", "Addresses, domains and .subdomains", "bank.example,.bank.example,jo@law.example", SETTING_LIST,
      .normalise = is_plain_pattern },
    DESCRIPTION,
};

static const struct setting_field user_fields[] = {
    { "password", "Password; only its hashes are kept", "a long one", SETTING_SECRET },
    { "senders", "Addresses the user may send as; any of our domains unless set", "jo@example.org,sales@example.org",
      SETTING_LIST, .normalise = is_plain_pattern },
    { "disabled", "Refuse to sign the user in", "true", SETTING_YES_NO, .initial = "false" },
    DESCRIPTION,
};

static const struct setting_field certificate_fields[] = {
    { "names", "Names that clients ask for and get it; all names in it unless set", "mx.example.org", SETTING_LIST,
      .normalise = domain_name_normalise },
    { "listeners", "Listeners that use it, by name or role (mx, submission, relay); all unless set", "mx,submission",
      SETTING_LIST, .normalise = is_name },
    { "acme", "Obtain and renew it from the authority of the configuration's section acme, for the names given here", "true",
      SETTING_YES_NO, .initial = "false" },
    { "acme-key", "Whether a renewed one keeps its key, so that TLSA records stay good, or gets a new one", "new", SETTING_CHOICE,
      "reuse|new", "reuse" },
    { "acme-key-type", "Kind of a new key", "rsa", SETTING_CHOICE, "ecdsa|rsa", "ecdsa" },
    { "valid-from", "From when new sessions may get it: `share` of them, until take-over-at", "2026-12-01T04:00Z",
      SETTING_TEXT, .normalise = is_moment },
    { "take-over-at",
      "From when all new sessions get it; at valid-from unless set, and with a share not before the share is cleared",
      "2026-12-03T04:00Z", SETTING_TEXT, .normalise = is_moment },
    { "retire-at", "From when no new session gets it, unless nothing else is left; never unless set", "2026-12-10",
      SETTING_TEXT, .normalise = is_moment },
    { "share", "Percent of new sessions that get it while it is rolled out; 50 unless set", "10", SETTING_TEXT,
      .normalise = is_share },
    { "nodes", "Nodes, by their hostname, that all serve it while it is rolled out, instead of a share everywhere; the others wait for "
      "take-over-at, or until this is cleared",
      "mx2.example.org", SETTING_LIST, .normalise = domain_name_normalise },
    { "chain", "Certificate and intermediates in PEM, the server's own first, kept in the store", "chain.pem",
      SETTING_TEXT, .normalise = is_chain, .is_file_text = true },
    { "key", "Its private key in PEM, kept in the store and never shown", "key.pem", SETTING_SECRET,
      .most = 16 * 1024, .is_file_text = true },
    { "chain-file", "The same as a file of the machine, looked at again when it changes", "/etc/sternpost/mx.pem",
      SETTING_TEXT, .normalise = is_file },
    { "key-file", "The key's file", "/etc/sternpost/mx.key", SETTING_TEXT, .normalise = is_file },
    { "ca", "PEM file of issuers of your own, one of which must stand above the chain; the system's unless set",
      "/etc/sternpost/own-ca.pem", SETTING_TEXT, .normalise = is_file },
    DESCRIPTION,
};

static const struct setting_field gateway_fields[] = {
    { "default-level", "What a connection must prove where no rule speaks", "encrypt", SETTING_CHOICE,
      "none|may|encrypt|verify", "may" },
    { "alternate-route",
      "Use the alternate secure route never, where required TLS cannot be had, or for all mail that requires TLS",
      "required", SETTING_CHOICE, "off|required|always", "off" },
    { "alternate-host", "Host of the alternate secure route", "relay", SETTING_TEXT, .normalise = is_name,
      .refers_to = "host" },
    { "pause-deliveries", "Take mail, but deliver none", "true", SETTING_YES_NO, .initial = "false" },
    { "postmaster", "Where mail to <postmaster> without a domain goes; refused for now unless set",
      "postmaster@example.org", SETTING_TEXT, .normalise = is_address },
    { "delay-warning", "When senders are told that a message is late; 0: never", "4h", SETTING_DURATION, NULL, "4h" },
    { "expire", "When a message is returned as undeliverable", "5d", SETTING_DURATION, NULL, "5d" },
    { "report-from", "Address of ours from which TLS reports are sent; none are sent unless set",
      "tls-reports@example.org", SETTING_TEXT, .normalise = is_address },
    { "report-organization", "Our name in TLS reports; the domain of report-from unless set", "Example Ltd", SETTING_TEXT,
      .normalise = is_line },
    { "report-contact", "Whom to ask about our TLS reports; report-from unless set", "postmaster@example.org", SETTING_TEXT,
      .normalise = is_address },
    { "report-dkim-selector", "Selector of the DKIM key that signs TLS reports", "tlsrpt2026", SETTING_TEXT,
      .normalise = is_name },
    { "report-dkim-key", "PEM file of that key, RSA or Ed25519; reports by mail need it", "/etc/sternpost/tlsrpt.key",
      SETTING_TEXT, .normalise = is_file },
    { "report-failures-only", "Send a TLS report only of days on which something failed", "true", SETTING_YES_NO,
      .initial = "false" },
    { "report-skip", "Addresses, domains and .subdomains that get no TLS reports from us", "example.net", SETTING_LIST,
      .normalise = is_plain_pattern },
    { "alert-to", "Addresses that get a mail when something goes wrong with how mail travels, and when it is over; nobody unless set",
      "postmaster@example.org", SETTING_LIST, .normalise = is_address },
    { "alert-failures",
      "An alert is raised when this share of what is counted fails for TLS: in percent, of an hour's deliveries by rule and destination, "
      "and of a day's sessions in reports about our domains; 0: never",
      "5", SETTING_TEXT, NULL, "10", .normalise = is_alert_share },
    { "watch", "Look at the certificates of our servers, hosts and partners from time to time", "off", SETTING_CHOICE,
      "off|on", "on" },
    { "watch-interval", "How long after one look the next is taken; at least 10m", "12h", SETTING_DURATION, NULL, "6h" },
    { "watch-expiry-days", "How many days before a certificate's end this is told; 30,14,7,1 unless set", "21,7,2",
      SETTING_LIST, .normalise = is_days },
};

#define FIELDS(f) (f), COUNT_OF(f)

static const struct setting_kind kinds[] = {
    { "domain", "A mail domain of ours, whose mail is taken from the internet", "The domain", "example.org",
      domain_name_normalise, FIELDS(domain_fields), false },
    { "host", "A named next hop: its servers and what they must prove", "A name of your choice", "relay", is_name,
      FIELDS(host_fields), false },
    { "route", "Which host takes the mail for a recipient domain",
      "The domain, .parent for all its subdomains, or * for all others", "example.org", is_route,
      FIELDS(route_fields), false },
    { "rule", "What connections must prove for given senders and recipients", "A name of your choice", "bank", is_name,
      FIELDS(rule_fields), false },
    { "list", "Addresses and domains that rules refer to", "A name of your choice", "partners", is_name,
      FIELDS(list_fields), false },
    { "user", "Who may sign in at listeners of role submission", "The name to sign in with", "jo@example.org",
      is_user_name, FIELDS(user_fields), false },
    { "certificate", "A certificate of ours with its chain and key, and when it is served", "A name of your choice",
      "mx-2027", is_name, FIELDS(certificate_fields), false },
    { "gateway", "What holds for the gateway as a whole", "Always gateway", "gateway", is_name,
      FIELDS(gateway_fields), true },
};

/* -- looking up ------------------------------------------------------------------------------------------- */

size_t setting_kinds(const struct setting_kind **out)
{
    *out = kinds;
    return COUNT_OF(kinds);
}

const struct setting_kind *setting_kind_find(struct slice name)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (slice_eq(name, slice_str(kinds[i].name)))
            return &kinds[i];
    }
    return NULL;
}

const struct setting_field *setting_field_find(const struct setting_kind *k, struct slice name)
{
    for (size_t i = 0; i < k->fields_len; i++) {
        if (slice_eq(name, slice_str(k->fields[i].name)))
            return &k->fields[i];
    }
    return NULL;
}

static enum status unknown(const char *what, struct slice name, const struct nearest *near, const char *all,
                           struct fault *why)
{
    char shown[80];
    struct slice s = utf8_printable(name, shown, sizeof shown);

    if (near->best.len > 0)
        return fault_set(why, ERR_SYNTAX, "%s '%.*s'; did you mean '%.*s'?", what, SLICE_FMT(s),
                         SLICE_FMT(near->best));
    return fault_set(why, ERR_SYNTAX, "%s '%.*s'; there are %s", what, SLICE_FMT(s), all);
}

static struct slice join(struct arena *arena, struct slice list, const char *name)
{
    return arena_printf(arena, "%.*s%s%s", SLICE_FMT(list), list.len == 0 ? "" : ", ", name);
}

enum status setting_kind_unknown(struct slice name, struct fault *why)
{
    struct nearest near = { .word = name };
    struct arena arena = { 0 };
    struct slice all = SLICE_LIT("");

    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        nearest_offer(&near, slice_str(kinds[i].name));
        all = join(&arena, all, kinds[i].name);
    }
    (void)unknown("there is no kind", name, &near, all.ptr, why);
    arena_release(&arena);
    return ERR_SYNTAX;
}

enum status setting_field_unknown(const struct setting_kind *k, struct slice name, struct fault *why)
{
    struct nearest near = { .word = name };
    struct arena arena = { 0 };
    struct slice all = SLICE_LIT("");

    for (size_t i = 0; i < k->fields_len; i++) {
        nearest_offer(&near, slice_str(k->fields[i].name));
        all = join(&arena, all, k->fields[i].name);
    }
    (void)unknown(arena_printf(&arena, "a %s has no field", k->name).ptr, name, &near, all.ptr, why);
    arena_release(&arena);
    return ERR_SYNTAX;
}
