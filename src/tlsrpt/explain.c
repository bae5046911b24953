#include "tlsrpt/explain.h"

#include "policy/tls_result.h"

static const struct tlsrpt_explanation unknown = {
    "The sender names a failure that RFC 8460 does not have.",
    "Software newer or odder than the standard.",
    "Look at the reason the sender gives, and at failures of the same days and servers.",
};

static const struct {
    enum tls_result                  result;
    struct tlsrpt_explanation explanation;
} table[] = {
    { TLS_RESULT_STARTTLS_NOT_SUPPORTED,
      { "The server did not offer STARTTLS, or refused it.",
        "TLS is off on that server, something between (a firewall that inspects SMTP) hides it, or the server refuses it while "
        "it is overloaded. It may also be an attack.",
        "Look from outside: `sternpost cert HOST`. When TLS is offered there, look at where the sender connects from." } },
    { TLS_RESULT_CERTIFICATE_HOST_MISMATCH,
      { "The certificate is for other names than the server's.",
        "A server was added or renamed without its name in the certificate, or the MTA-STS policy lists a server that the MX "
        "records do not.",
        "Give the certificate the name in the MX record, and compare the policy's mx lines with the MX records." } },
    { TLS_RESULT_CERTIFICATE_EXPIRED,
      { "The certificate has expired.", "Renewal failed, or the server was not reloaded after it.",
        "Renew it, reload the server, and watch its expiry." } },
    { TLS_RESULT_CERTIFICATE_NOT_TRUSTED,
      { "The certificate is from nobody the sender trusts.",
        "It is self-signed or of a private authority, or the server leaves out the intermediate certificate.",
        "Serve a certificate of a public authority with its whole chain. With DANE alone, publish TLSA records and no MTA-STS." } },
    { TLS_RESULT_VALIDATION_FAILURE,
      { "TLS failed for another reason; only the sender's reason code tells more.",
        "No version or cipher in common, a handshake that was cut off, or a server that was busy. A few of many are usual.",
        "When it is more than a few, compare times with the server's log, and check which versions it offers." } },
    { TLS_RESULT_TLSA_INVALID,
      { "No TLSA record matched the certificate, or none was of use.",
        "The certificate was changed before its TLSA record was published and had spread, or a record has a typing error.",
        "Publish a record for the certificate now served at once. In future publish the next record two TTLs before the change." } },
    { TLS_RESULT_DNSSEC_INVALID,
      { "DNSSEC gave no valid answer for the server's TLSA records.",
        "Signatures have expired, a key was rolled without its DS record, or the name server fails on TLSA questions.",
        "Check the zone's signatures and its DS records at the parent; no mail comes from senders with DANE until then." } },
    { TLS_RESULT_DANE_REQUIRED,
      { "The sender demands DANE for us, and found no TLSA records that are signed.",
        "Records were removed, the zone lost DNSSEC, or the sender has a fixed rule for us.",
        "Publish TLSA records in a signed zone, or ask the sender to change its rule." } },
    { TLS_RESULT_STS_POLICY_FETCH_ERROR,
      { "The MTA-STS policy could not be fetched.",
        "The policy host does not answer, answers with a redirect or an error, or is too slow.",
        "Open https://mta-sts.DOMAIN/.well-known/mta-sts.txt from outside. It must be answered with 200, directly." } },
    { TLS_RESULT_STS_POLICY_INVALID,
      { "The MTA-STS policy could not be read.", "A field is missing or misspelt, or an HTML page was served instead.",
        "Check the file line by line: version, mode, mx, max_age. A change takes a new id in the TXT record." } },
    { TLS_RESULT_STS_WEBPKI_INVALID,
      { "The certificate of the MTA-STS policy host is not valid.",
        "It has expired, is not for mta-sts.DOMAIN, or lacks its intermediate certificate.",
        "Renew it for exactly that name. Until then senders use the policy they have, and new ones none." } },
};

const struct tlsrpt_explanation *tlsrpt_explain(struct slice result_type)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (slice_eq_case(result_type, slice_str(tls_result_name(table[i].result))))
            return &table[i].explanation;
    return &unknown;
}
