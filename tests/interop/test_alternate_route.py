"""The alternate secure route is taken by cause: TLS demanded and not to be had, and for nothing else (R3..R6, RTL-06)."""
import pytest
from harness.records import mx
from harness.sink import Sink, server_context
from harness.sternpost import LISTENERS, OUT

OTHER = 2700


@pytest.fixture
def scene(gateway, subnet, authority):
    """A gateway whose rule demands verify for partner.test, an MX of the given kind, and an alternate host."""
    sinks = []

    def make(level="verify", alternate_tls=True, alternate_level="verify", first=None, second=None, mode="required",
             **rule):
        good = server_context(authority.issue("mx1.partner.test", "mx2.partner.test"))
        for last, options in ((11, first), (12, second)):
            if options is not None:
                options = {name: good if value == "good" else value for name, value in options.items()}
                sinks.append(Sink(subnet(last), OUT, **options))
        context = server_context(authority.issue("alternate.test", subnet(20))) if alternate_tls else None
        alternate = Sink(subnet(20), OTHER, tls=context)
        sinks.append(alternate)
        daemon = gateway(listeners={"relay": LISTENERS["relay"]}, outbound={"retry": ["10m"], "connect-timeout": "2s"},
                         records=mx("partner.test", (10, "mx1.partner.test", subnet(11)), (20, "mx2.partner.test", subnet(12))))
        daemon.host("alternate", f"{subnet(20)}:{OTHER}", tls=alternate_level,
                    **({"ca": authority.bundle, "names": "alternate.test"} if alternate_level == "verify" else {}))
        daemon.cli("gateway", "set", "--alternate-route", mode, "--alternate-host", "alternate")
        if level:
            daemon.set_up("rule", "bank", to="partner.test", level=level, **{**({"ca": authority.bundle} if level == "verify" else {}), **rule})
        return daemon, alternate, sinks

    yield make
    for sink in sinks:
        sink.close()


def send(daemon):
    message = daemon.submit("a@example.test", "b@partner.test")
    return message, daemon.outcome(message)


def test_taken_when_no_mx_has_tls(scene):
    daemon, alternate, sinks = scene(first={}, second={})
    message, outcome = send(daemon)
    assert outcome["outcome"] == "delivered" and outcome["way"] == "alternate", daemon.trace(message)
    assert len(alternate.messages) == 1 and alternate.messages[0].tls
    assert all(sink.sessions >= 1 and sink.messages == [] for sink in sinks[:2]), "all MX are tried first"
    assert daemon.events(message, "alternate"), "the trace says why"


@pytest.mark.parametrize("kind", [{"broken_handshake": True}, {"offers_starttls": True, "replies": {"STARTTLS": "454 no"}}])
def test_taken_for_every_tls_cause(scene, kind):
    daemon, alternate, _ = scene(first=kind, second={})
    assert send(daemon)[1]["way"] == "alternate" and len(alternate.messages) == 1


def test_not_taken_when_one_mx_can(scene):
    daemon, alternate, sinks = scene(first={}, second={"tls": "good"})
    outcome = send(daemon)[1]
    assert (outcome["outcome"], outcome["way"]) == ("delivered", "direct")
    assert alternate.sessions == 0 and len(sinks[1].messages) == 1


def test_not_taken_when_an_mx_is_down(scene):
    """A network failure defers as ever: that server may have TLS."""
    daemon, alternate, _ = scene(first={}, second=None)
    outcome = send(daemon)[1]
    assert (outcome["outcome"], outcome["way"]) == ("deferred", "direct")
    assert alternate.sessions == 0


def test_not_taken_when_the_recipient_is_refused(scene):
    daemon, alternate, _ = scene(first={"tls": "good", "replies": {"RCPT": "550 5.1.1 nobody"}}, second={"tls": "good"})
    assert send(daemon)[1]["outcome"] == "bounced"
    assert alternate.sessions == 0


def test_not_taken_without_a_demand(scene):
    daemon, alternate, sinks = scene(level=None, first={}, second={})
    outcome = send(daemon)[1]
    assert (outcome["outcome"], outcome["way"]) == ("delivered", "direct")
    assert alternate.sessions == 0 and sinks[0].messages[0].tls == ""


def test_not_taken_when_the_rule_says_otherwise(scene):
    daemon, alternate, _ = scene(first={}, second={}, on_failure="defer")
    assert send(daemon)[1]["outcome"] == "deferred" and alternate.sessions == 0


def test_not_taken_when_switched_off(scene):
    daemon, alternate, _ = scene(first={}, second={}, mode="off")
    assert send(daemon)[1]["outcome"] == "deferred" and alternate.sessions == 0


@pytest.mark.parametrize("level, way", [("verify", "alternate"), ("encrypt", "alternate"), (None, "direct")])
def test_always(scene, level, way):
    """R5: the explicit mode sends all mail that requires TLS that way, and asks no MX; other mail goes as ever."""
    daemon, alternate, sinks = scene(level=level, first={"tls": "good"}, second=None, mode="always")
    assert send(daemon)[1]["way"] == way
    assert bool(alternate.messages) == (way == "alternate") and bool(sinks[0].sessions) == (way == "direct")


@pytest.mark.parametrize("host_level", ["none", "may", "verify"])
def test_the_demand_travels_along(scene, host_level):
    """RTL-06: an alternate host in clear is no way out, whatever its own settings say."""
    daemon, alternate, _ = scene(first={}, second={}, alternate_tls=False, alternate_level=host_level)
    assert send(daemon)[1]["outcome"] == "deferred"
    assert alternate.messages == []


def test_the_rules_own_host(scene, subnet):
    daemon, alternate, _ = scene(first={}, second={}, mode="off", alternate="alternate", on_failure="alternate")
    assert send(daemon)[1]["way"] == "alternate" and len(alternate.messages) == 1


def test_host_in_use_cannot_go(scene):
    """R6"""
    daemon, _, _ = scene(first={}, second={})
    done = daemon.run("host", "remove", "alternate")
    assert done.returncode != 0 and "gateway" in done.stderr
    done = daemon.run("gateway", "set", "--alternate-route", "required", "--alternate-host", "")
    assert done.returncode != 0
