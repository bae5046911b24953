"""TLS reports in the shapes that senders are known for; names and numbers are invented. Each is a dict as it would be sent, and the
mail it would come in."""
import base64
import gzip
import hashlib
import json
import quopri
import re

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding


def _report(organization, contact, identity, start, end, policies):
    return {"organization-name": organization, "date-range": {"start-datetime": start, "end-datetime": end}, "contact-info": contact,
            "report-id": identity, "policies": policies}


def _policy(kind, domain, good, bad, strings=None, hosts=None, details=None):
    policy = {"policy-type": kind, "policy-string": strings, "policy-domain": domain, "mx-host": hosts}
    one = {"policy": {key: value for key, value in policy.items() if value is not None},
           "summary": {"total-successful-session-count": good, "total-failure-session-count": bad}}
    if details is not None:
        one["failure-details"] = details
    return one


def _detail(result, count, **more):
    return {"result-type": result, "failed-session-count": count, **{key.replace("_", "-"): value for key, value in more.items()}}


def _sts(domain):
    return ["version: STSv1", "mode: enforce", f"mx: mx.{domain}", "max_age: 604800"]


def google(domain, day, _next):
    """Failures are general and their sender has no address; what is clean has no details; a subject with another id."""
    return _report("Google Inc.", "smtp-tls-reporting@g.example", f"{day}T00:00:00Z_{domain}", f"{day}T00:00:00Z", f"{day}T23:59:59Z", [
        _policy("sts", domain, 90, 3, _sts(domain), [f"mx.{domain}"],
                [_detail("validation-failure", 3, sending_mta_ip="", receiving_ip="192.0.2.1", receiving_mx_hostname=f"mx.{domain}")]),
        _policy("no-policy-found", domain, 2, 0)])


def microsoft(domain, day, _next):
    """Date-times without a zone, nothing behind the plus of the id, TLSA records as an array within one string, no mx-host, the same
    sessions under both policies."""
    return _report("Microsoft Corporation", "tlsrpt-noreply@m.example", "133501234567890123+", f"{day}T00:00:00", f"{day}T23:59:59", [
        _policy("tlsa", domain, 40, 0, ['["3 1 1 ' + "AB" * 32 + '","2 1 1 ' + "CD" * 32 + '"]']),
        _policy("sts", domain, 40, 2, None, None,
                [_detail("sts-policy-fetch-error", 1), _detail("sts-webpki-invalid", 1, failure_reason_code="MX_HOSTS_MISMATCH")])])


def mox(domain, day, _next):
    """Recipient domain and mail server in one report, each with its records."""
    return _report("mox.example", "postmaster@x.example", f"{day.replace('-', '')}.{domain}@x.example", f"{day}T00:00:00Z", f"{day}T23:59:59Z", [
        _policy("sts", domain, 7, 0, _sts(domain), [f"mx.{domain}"], []),
        _policy("tlsa", f"mx.{domain}", 6, 1, ["3 1 1 " + "ab" * 32], [f"mx.{domain}"],
                [_detail("tlsa-invalid", 1, sending_mta_ip="198.51.100.9", receiving_mx_hostname=f"mx.{domain}", receiving_mx_helo="mx ESMTP",
                         receiving_ip="192.0.2.1", failure_reason_code="dane-no-match")])])


def mail_ru(domain, day, following):
    """The end is the next midnight; the reason is free text; details add up to more than the total."""
    return _report("Mail.ru", "tlsrpt@r.example", f"{domain}-1700000000", f"{day}T00:00:00Z", f"{following}T00:00:00Z", [
        _policy("sts", domain, 0, 1, _sts(domain), [f"mx.{domain}"],
                [_detail("sts-policy-invalid", 4, failure_reason_code="Get \"https://mta-sts/\": remote error: tls; handshake\tfailure")])])


def tlsrpt_reporter(domain, day, _next):
    """No policy-domain where no policy was found; details are always there."""
    return _report("Postfix", "tls@p.example", f"{day}_{domain}_p", f"{day}T00:00:00Z", f"{day}T23:59:59Z", [
        {"policy": {"policy-type": "no-policy-found"}, "failure-details": [],
         "summary": {"total-failure-session-count": 0, "total-successful-session-count": 5}},
        _policy("sts", domain, 11, 0, _sts(domain), [f"mx.{domain}"], [])])


def stalwart(domain, day, following):
    """No contact, an id of a number."""
    return _report("Stalwart", None, "1700000001", f"{day}T00:00:00Z", f"{following}T00:00:00Z", [_policy("sts", domain, 8, 0, _sts(domain), [])])


def rfc(domain, day, _next):
    """As in appendix B of RFC 8460: mx-host is a string, there are blanks in a URI."""
    return _report("Company-X", "sts@c.example", "5065427c-23d3-47ca-b6e0-946ea0e8c4be@c.example", f"{day}T00:00:00Z", f"{day}T23:59:59Z", [
        _policy("sts", domain, 5326, 303, _sts(domain), f"*.mail.{domain}", [
            _detail("certificate-expired", 100, sending_mta_ip="2001:db8:abcd:12::1", receiving_mx_hostname=f"mx1.mail.{domain}"),
            _detail("starttls-not-supported", 200, receiving_mx_hostname=f"mx2.mail.{domain}", receiving_ip="203.0.113.56",
                    additional_information="https://reports.c.example/ report_info ? id = 5065427 c - 23 d3"),
            _detail("validation-failure", 3, failure_reason_code="X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED")])])


# Name: (report, media type of its part, transfer encoding, packed, parameters of the part, subject, subtype of the part for people)
SENDERS = {
    "google": (google, "application/tlsrpt+gzip", "base64", True, 'name="{file}.gz"', "Report Domain: {domain} Submitter: {sender} Report-ID: <other@{sender}>", "plain"),
    "microsoft": (microsoft, "application/tlsrpt+gzip", "base64", True, 'name="{file}.gz"', "Report Domain: {domain} Submitter: {sender} Report-ID: 1335+", "html"),
    "mox": (mox, "application/tlsrpt+gzip", "base64", True, 'name="{file}.gz"', "Report Domain: {domain} Submitter: {sender} Report-ID: <1@{sender}>", "plain"),
    "mail-ru": (mail_ru, "application/gzip", "base64", True, 'name="{file}.gz"', "Report Domain: {domain}", "plain"),
    "tlsrpt-reporter": (tlsrpt_reporter, "application/tlsrpt+json", "quoted-printable", False, 'name="{file}"', "Report Domain: {domain}", "plain"),
    "stalwart": (stalwart, "application/tlsrpt+gzip", "7bit", False, 'name="{file}.gz"', "TLS report", "plain"),
    "rfc": (rfc, "application/octet-stream", "base64", True, 'name="mail.sender.example!example.com!1013662812!1013749130.json.gz"', "Report Domain: {domain}", "plain"),
}


def encoded(data, encoding):
    if encoding == "base64":
        return base64.encodebytes(data).decode().replace("\n", "\r\n")
    if encoding == "quoted-printable":
        return quopri.encodestring(data).decode().replace("\n", "\r\n")
    return data.decode().replace("\n", "\r\n")


def written(name, domain, day, following):
    """The report's JSON, and its bytes as they are sent."""
    make, _, _, packed, *_ = SENDERS[name]
    text = json.dumps(make(domain, day, following), indent=1).encode()
    return text, gzip.compress(text) if packed else text


def mail(name, domain, sender, day, following):
    _, kind, encoding, _, parameters, subject, people = SENDERS[name]
    _, data = written(name, domain, day, following)
    words = {"domain": domain, "sender": sender, "file": f"{sender}!{domain}!1700000000!1700086399!001.json"}
    return "\r\n".join([
        f"From: tls-reports@{sender}", f"To: tlsrpt@{domain}", "Subject: " + subject.format(**words), f"Message-ID: <{name}@{sender}>",
        "MIME-Version: 1.0", 'Content-Type: multipart/report; report-type=tlsrpt; boundary="=b"', f"TLS-Report-Domain: {domain}",
        f"TLS-Report-Submitter: {sender}", "", "--=b", f"Content-Type: text/{people}", "", "This is an aggregate TLS report.", "--=b",
        f"Content-Type: {kind}; {parameters.format(**words)}", f"Content-Transfer-Encoding: {encoding}", "",
        encoded(data, encoding).rstrip("\r\n"), "--=b--", ""])


def signed(text, key_file, domain, selector="s1"):
    """With a DKIM signature of that domain (RFC 6376), relaxed/relaxed."""
    head, body = text.split("\r\n\r\n", 1)
    key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    lines = [re.sub(r"[ \t]+", " ", line).rstrip(" ") for line in body.split("\r\n")]
    digest = hashlib.sha256(("\r\n".join(lines).rstrip("\r\n") + "\r\n").encode()).digest()
    value = (f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s={selector}; h=from:subject; bh={base64.b64encode(digest).decode()}; b=")
    fields = dict(reversed([line.split(":", 1) for line in head.split("\r\n")]))
    data = "".join(f"{name.lower()}:{re.sub(r'[ ]+', ' ', fields[name]).strip()}\r\n" for name in ("From", "Subject"))
    signature = key.sign((data + "dkim-signature:" + value).encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"DKIM-Signature: {value}{base64.b64encode(signature).decode()}\r\n{text}"
