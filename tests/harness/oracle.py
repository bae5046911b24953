"""What must become of a message, computed from the standards (RFC 7672, 8460, 8461, 8689) and our own promises alone. Nothing
here knows how the gateway does it."""
from dataclasses import dataclass, field

# What DNS says of the recipient domain's MX records.
MX = ("secure", "insecure", "bogus", "servfail")
# What it says of the first server's TLSA records: `unsigned` lies in an unsigned zone and would not match.
TLSA = ("none", "ee", "ta", "mixed", "unusable", "mismatch", "bogus", "servfail", "unsigned")
USABLE = ("ee", "ta", "mixed", "mismatch")
UNANSWERED = ("bogus", "servfail")
# MTA-STS: `other` allows the second server only.
POLICIES = ("none", "testing", "testing other", "enforce", "enforce wildcard", "enforce other", "mode none", "not found", "redirect",
            "wrong type", "too large", "compressed", "invalid", "expired", "self-signed", "wrong name", "common name only", "no address",
            "private address", "two records", "no answer")
UNHAD = {  # RFC 8460 section 4.3.2.2: there should be a policy, and it cannot be had
    "not found": "sts-policy-fetch-error", "redirect": "sts-policy-fetch-error", "wrong type": "sts-policy-fetch-error",
    "too large": "sts-policy-fetch-error", "compressed": "sts-policy-fetch-error", "no address": "sts-policy-fetch-error",
    "private address": "sts-policy-fetch-error", "invalid": "sts-policy-invalid", "expired": "sts-webpki-invalid",
    "self-signed": "sts-webpki-invalid", "wrong name": "sts-webpki-invalid", "common name only": "sts-webpki-invalid",
}
# The first server. Without TLS: the result type. With it: what a check against trusted issuers and the name says, if not good.
NO_TLS = {"no starttls": {"starttls-not-supported"}, "helo only": {"starttls-not-supported"}, "starttls 454": {"starttls-not-supported"},
          "starttls 500": {"starttls-not-supported"}, "garbage": {"validation-failure"}, "alert": {"validation-failure"},
          "reset": {"validation-failure"}, "silent": {"validation-failure"}, "old version": {"validation-failure"}}
BAD_CERTIFICATE = {"expired": {"certificate-expired"}, "self-signed": {"certificate-not-trusted"},
                   "untrusted": {"certificate-not-trusted"}, "wrong name": {"certificate-host-mismatch"},
                   "weak key": {"certificate-not-trusted", "validation-failure"}}
SERVERS = ("good", "no requiretls", *NO_TLS, *BAD_CERTIFICATE)
VERIFYING = ("verify", "bounce", "alternate")
RULES = ("none", "encrypt", "verify", "dane", "exempt", "bounce", "alternate")
MESSAGES = ("plain", "requiretls", "no")
BACKUPS = ("no", "yes")  # a second server: good, in a signed zone, with a record that matches


@dataclass(frozen=True)
class Cell:
    mx: str = "secure"
    tlsa: str = "none"
    policy: str = "none"
    server: str = "good"
    rule: str = "none"
    message: str = "plain"
    backup: str = "no"

    def __str__(self):
        return " | ".join(f"{name} {value}" for name, value in vars(self).items())


@dataclass
class Expected:
    outcomes: set                 # delivered, deferred, bounced
    way: str = "direct"           # or alternate
    server: str = ""              # first or backup, where delivered directly
    is_tls: bool = False
    level: str = ""               # what the connection had to prove
    results: set = field(default_factory=set)  # RFC 8460 types, one of which the first server's failure has; empty: no failure
    status: str = ""              # begins so


@dataclass
class _Try:
    """One server: `verdict` is delivered, failed (of TLS), or wait (nothing may be concluded)."""
    verdict: str
    is_tls: bool = False
    level: str = ""
    results: set = field(default_factory=set)
    fails_rule: bool = False      # the rule's own demand was not met


@dataclass
class _Demand:
    dane_decides: bool
    rule: bool      # a rule of ours wants a trusted certificate
    others: bool    # the policy or the sender does
    is_named: bool  # that the server is the right one is known; if not, its own name says nothing to a rule (DNS-01)
    encrypts: bool

    def certificate_faults(self, server):
        found = BAD_CERTIFICATE.get(server, set())
        return found | {"certificate-host-mismatch"} if self.rule and not self.is_named else found


def expect(cell, has_alternate=False):
    """`has_alternate`: the gateway's alternate secure route is on, `required`, by a host that a certificate verifies."""
    if cell.mx == "bogus":
        return Expected({"deferred"}, status="4.7.")   # DNS-03, RFC 7672 section 2.1.1
    if cell.mx == "servfail":
        return Expected({"deferred"}, status="4.4.")
    tries = [("first", _try(cell, cell.tlsa, cell.server, cell.policy in ("enforce other",)))]
    if cell.backup == "yes":
        tries.append(("backup", _try(cell, "ee", "good", False)))
    first = tries[0][1].results
    for name, one in tries:
        if one.verdict == "delivered":
            return Expected({"delivered"}, "direct", name, one.is_tls, one.level, first, "2.")
    return _all_failed(cell, [one for _, one in tries], first, has_alternate)


def _all_failed(cell, tries, first, has_alternate):
    """Semantics section 7, and R5: the alternate route is for demands that cannot be met, not for what is unknown."""
    if any(one.verdict == "wait" for one in tries):
        return Expected({"deferred"}, results=first, status="4.")
    # RTL-06: a rule that wants DANE does not take less of the other host either.
    if cell.rule == "alternate" or has_alternate and cell.rule != "dane":
        return Expected({"delivered"}, "alternate", is_tls=True, results=first, status="2.")
    if cell.message == "requiretls":
        return Expected({"bounced"}, results=first, status="5.7.30")
    if cell.rule == "bounce" and all(one.fails_rule for one in tries):
        return Expected({"bounced"}, results=first, status="5.7.")
    return Expected({"deferred"}, results=first, status="4.")


def _is_exempt(cell):
    """RFC 8689 section 3: the header asks to look past the recipient's records; REQUIRETLS outranks it, our rules stay."""
    return cell.message != "requiretls" and (cell.message == "no" or cell.rule == "exempt")


def _try(cell, tlsa, server, is_outside_policy):
    exempt = _is_exempt(cell)
    uses_dane = not exempt or cell.rule == "dane"
    enforces = cell.policy.startswith("enforce") and not exempt
    if uses_dane and tlsa in UNANSWERED:
        return _Try("wait", results={"dnssec-invalid", "tlsa-invalid"})  # RFC 7672 section 2.1.2
    proven = cell.mx == "secure"
    usable = uses_dane and tlsa in USABLE
    if cell.rule == "dane" and not (usable and proven):
        return _Try("failed", results={"dane-required"}, fails_rule=True)  # DNS-08: unsigned MX are no proof
    # RFC 7672 section 2.2, RFC 8461 section 2: records of a server that is proven to be the right one decide alone.
    dane_decides = usable and proven
    if enforces and is_outside_policy and not dane_decides:
        return _Try("failed", results={"validation-failure", "certificate-host-mismatch"})  # STS-21
    if cell.message == "requiretls" and not proven and not enforces:
        # RFC 8689 section 4.2.1. There may be a policy that we could not have: wait.
        waits = cell.policy in UNHAD or cell.policy == "no answer"
        return _Try("wait" if waits else "failed", results={"validation-failure", *([UNHAD[cell.policy]] if cell.policy in UNHAD else [])})
    return _connect(cell, tlsa if usable else None, server, _Demand(
        dane_decides, rule=cell.rule in VERIFYING, others=enforces or cell.message == "requiretls",
        is_named=proven or enforces, encrypts=cell.rule == "encrypt" or uses_dane and tlsa == "unusable"))


def _connect(cell, tlsa, server, demand):
    verifies = (demand.rule or demand.others) and not demand.dane_decides
    level = "dane" if demand.dane_decides else "verify" if verifies else "encrypt" if tlsa or demand.encrypts else "may"
    if server in NO_TLS:
        if level == "may":
            return _Try("delivered", False, level)
        return _Try("failed", results=NO_TLS[server], fails_rule=True)
    faults = demand.certificate_faults(server)
    found = (_match(tlsa, server) if tlsa else set()) | (faults if verifies else set())
    if found:
        return _Try("failed", results=found, fails_rule=bool(faults))
    if cell.message == "requiretls" and server == "no requiretls":
        return _Try("failed", results={"validation-failure", ""})
    return _Try("delivered", True, level)


def _match(tlsa, server):
    """The types by which the records fail, none where one of them matches. Usage 3 asks for the key alone (DANE-01)."""
    if tlsa in ("ee", "mixed"):
        return set()
    if tlsa == "mismatch":
        return {"validation-failure", "tlsa-invalid"}
    return {"expired": {"certificate-expired"}, "wrong name": {"certificate-host-mismatch"},
            "self-signed": {"validation-failure", "tlsa-invalid", "certificate-not-trusted"},
            "untrusted": {"validation-failure", "tlsa-invalid", "certificate-not-trusted"}}.get(server, set())


# What a TLS report tells


def is_reported_simply(cell):
    """One session, at one server, with no demand but what DNS and the policy say."""
    return (cell.rule, cell.message, cell.backup) == ("none", "plain", "no") and cell.mx in ("secure", "insecure")


def expect_report(cell):
    """By policy type, the result types one of which the session failed of there, or an empty set where it succeeded (RFC 8460
    section 4): each policy tells of itself, whatever the other said. None: either is right."""
    told = {}
    if cell.tlsa in UNANSWERED:
        return {"tlsa": {"dnssec-invalid"}}
    if cell.tlsa == "unusable":
        told["tlsa"] = NO_TLS.get(cell.server)
    elif cell.tlsa in USABLE:
        told["tlsa"] = NO_TLS.get(cell.server) or _match(cell.tlsa, cell.server)
    outside = cell.policy.endswith("other")
    if cell.policy in UNHAD:
        told["sts"] = {UNHAD[cell.policy]}
    elif cell.policy.startswith(("testing", "enforce")):
        told["sts"] = {"validation-failure"} if outside else NO_TLS.get(cell.server) or BAD_CERTIFICATE.get(cell.server, set())
    if not told and cell.policy != "mode none":
        told["no-policy-found"] = NO_TLS.get(cell.server, set())
    return told


# Which cells to run

DIMENSIONS = {"mx": MX, "tlsa": TLSA, "policy": POLICIES, "server": SERVERS, "rule": RULES, "message": MESSAGES, "backup": BACKUPS}


def cells():
    """Every pair of values, where no value hides the others: the first PAIRS. Then all servers under all records and all policies,
    and what hides the others."""
    made = _pairs()
    made += [Cell(mx=mx, tlsa=tlsa, server=server) for mx in ("secure", "insecure") for tlsa in TLSA for server in SERVERS]
    made += [Cell("insecure", policy=policy, server=server) for policy in POLICIES for server in SERVERS
             if policy not in UNHAD or server in ("good", "no starttls", "self-signed")]
    made += [Cell("secure", tlsa, "enforce", server) for tlsa in TLSA for server in ("good", "no starttls", "self-signed", "expired")]
    made += [Cell(mx, tlsa, policy, rule=rule, message=message) for mx in ("secure", "insecure") for tlsa in ("none", "ee")
             for policy in ("none", "enforce") for rule in RULES for message in MESSAGES]
    made += [Cell("secure", tlsa, policy, "good", rule, message, backup) for tlsa in UNANSWERED for policy in ("none", "enforce")
             for rule in RULES for message in MESSAGES for backup in BACKUPS]
    made += [Cell(mx, tlsa="ee", policy="enforce", rule=rule, message=message) for mx in UNANSWERED for rule in RULES
             for message in MESSAGES]
    return list(dict.fromkeys(made))


def _pairs():
    return pairwise({**DIMENSIONS, "mx": ("secure", "insecure"), "tlsa": tuple(t for t in TLSA if t not in UNANSWERED)})


def pairwise(dimensions):
    """Cells in which every two values of different dimensions meet; the same at every run."""
    names = list(dimensions)
    left = {((a, x), (b, y)): None for i, a in enumerate(names) for b in names[i + 1:] for x in dimensions[a] for y in dimensions[b]}
    made = []
    while left:
        chosen = dict(next(iter(left)))
        for name in names:
            if name not in chosen:
                chosen[name] = max(dimensions[name], key=lambda value, name=name: _gain(left, names, chosen, name, value))
        for pair in [(one, other) for i, one in enumerate((n, chosen[n]) for n in names)
                     for other in [(n, chosen[n]) for n in names[i + 1:]]]:
            left.pop(pair, None)
        made.append(Cell(**chosen))
    return made


def _gain(left, names, chosen, name, value):
    order = {n: i for i, n in enumerate(names)}
    pairs = (((name, value), (other, chosen[other])) if order[name] < order[other] else ((other, chosen[other]), (name, value))
             for other in chosen)
    return sum(pair in left for pair in pairs)


PAIRS = len(_pairs())
