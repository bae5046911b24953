"""Policies while the world around them fails: name servers, policy hosts and the clock, and we ourselves."""
import pytest
from harness.clock import DAY, HOUR, Clock
from harness.partner import Partners
from harness.sink import server_context
from harness.sternpost import LISTENERS, queue_id
from harness.waiting import until
from harness.wire import Wire

pytestmark = pytest.mark.xdist_group("outages")


@pytest.fixture(scope="module")
def partners(internet, authority):
    made = Partners(internet, authority)
    internet.start()
    return made


@pytest.fixture
def start(partners, internet, authority, gateway):
    """A gateway of the test's own, and an internet that is whole again afterwards."""

    def make(**options):
        return gateway(listeners={"relay": LISTENERS["relay"]}, resolver={**internet.resolver(), "timeout": "2s"},
                       outbound={"port": 25, "allow-private": False, "retry": ["6h"], "handshake-timeout": "2s",
                                 "connect-timeout": "3s", "reuse-timeout": "0s", "ca-file": authority.bundle}, **options)

    yield make
    if internet.knot.process is None:
        internet.knot.start()
    if not internet.policies.listeners:
        internet.policies.start([internet.address(80), internet.address6(80)])


def send(daemon, partner):
    message = daemon.submit("a@example.test", f"b@{partner.domain}")
    return message, daemon.outcome(message, 40)["outcome"]


def retry(daemon, message):
    known = len(daemon.events(message, "outcome"))
    daemon.cli("queue", "retry", message)
    return daemon.outcomes(message, known + 1, 40)[known]["outcome"]


def strip_tls(sink):
    sink.tls, sink.offers_starttls = None, False


def kept(partners, daemon):
    """A partner whose policy was fetched, and whose server then lost its TLS."""
    partner = partners.new("unsigned")
    sink = partner.server("mx")
    partner.policy("mx", max_age=DAY)
    partner.publish()
    assert send(daemon, partner)[1] == "delivered" and partner.fetches() == 1
    strip_tls(sink)
    return partner, sink


def test_policy_host_is_gone(start, partners, internet):
    """STS-16: what is kept is enforced; a domain of which nothing is kept gets its mail as if it had no policy."""
    daemon = start()
    partner, sink = kept(partners, daemon)
    stranger = partners.new("unsigned")
    clear = stranger.server("mx", tls=None)
    stranger.policy("mx")
    stranger.publish()
    internet.policies.stop()
    assert send(daemon, partner)[1] == "deferred" and len(sink.messages) == 1
    assert send(daemon, stranger)[1] == "delivered" and len(clear.messages) == 1


def test_name_server_is_gone(start, partners, internet):
    """Nothing is lost and nothing is lowered: it waits, and goes in TLS when the names are back."""
    daemon = start()
    partner, sink = kept(partners, daemon)
    internet.knot.stop()
    message, outcome = send(daemon, partner)
    assert outcome == "deferred" and len(sink.messages) == 1
    internet.knot.start()
    until(lambda: retry(daemon, message) == "deferred" and sink.sessions > 1, 60, "a session that shows no TLS")
    assert len(sink.messages) == 1
    sink.tls, sink.offers_starttls = server_context(partners.authority.issue(f"mx.{partner.domain}")), True
    until(lambda: retry(daemon, message) == "delivered", 60, "the delivery")
    assert all(m.tls for m in sink.messages)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_restart_with_a_kept_policy(start, partners, internet, end):
    """A policy is on disk before it is believed: neither a restart nor a crash forgets it."""
    daemon = start()
    partner, sink = kept(partners, daemon)
    getattr(daemon, end)()
    internet.policies.stop()
    partner.record()
    partner.publish()
    daemon.start()
    assert send(daemon, partner)[1] == "deferred" and len(sink.messages) == 1


def test_clock_jumps(start, partners, internet, tmp_path):
    """CLK-01: a kept policy holds for its time by the wall clock, and a clock that goes back ends nothing early; when it is over
    and no newer one can be had, mail goes as if there were none (STS-17)."""
    clock = Clock(tmp_path / "clock")
    daemon = start(environment=clock.environment)
    partner, sink = kept(partners, daemon)
    internet.policies.stop()
    for hours in (12, -12, 0, 20):
        clock.move(hours * HOUR)
        assert send(daemon, partner)[1] == "deferred", hours
    clock.move(2 * DAY)
    assert send(daemon, partner)[1] == "delivered"
    assert [bool(m.tls) for m in sink.messages][:2] == [True, False], "what waited may have followed by now"


def test_clock_jump_and_a_new_fetch(start, partners, tmp_path):
    """After its time the policy is fetched anew and holds again."""
    clock = Clock(tmp_path / "clock")
    daemon = start(environment=clock.environment)
    partner, sink = kept(partners, daemon)
    clock.move(2 * DAY)
    assert send(daemon, partner)[1] == "deferred" and partner.fetches() == 2
    assert len(sink.messages) == 1


def test_signatures_end_while_we_run(start, partners, tmp_path):
    """DNS-03 by the clock: the zone's signatures have ended, and mail waits for better ones."""
    clock = Clock(tmp_path / "clock")
    daemon = start(environment=clock.environment)
    partner = partners.new("signed")
    sink = partner.server("mx", tlsa=["3 1 1 OWN"])
    partner.publish()
    assert send(daemon, partner)[1] == "delivered"
    clock.move(40 * DAY)
    assert send(daemon, partner)[1] == "deferred"
    clock.move(0)
    until(lambda: send(daemon, partner)[1] == "delivered", 60, "the clock's cure")
    assert all(m.tls for m in sink.messages)


def test_end_while_a_policy_is_fetched(start, partners, internet):
    """What only looks things up is no reason to linger, and its message is there afterwards."""
    daemon = start()
    partner = partners.new("unsigned")
    sink = partner.server("mx")
    partner.policy("mx", silent=True)
    partner.publish()
    message = daemon.submit("a@example.test", f"b@{partner.domain}")
    until(lambda: partner.fetches() == 1, 20, "the fetch")
    daemon.stop()
    internet.policies.hang_up()
    partner.policy("mx", id="2")
    partner.publish()
    daemon.start()
    assert daemon.outcome(message, 40)["outcome"] == "delivered" and sink.messages[0].tls


def test_requiretls_survives_a_crash(start, partners):
    """RTL-05: the flag is part of the envelope on disk."""
    daemon = start()
    partner = partners.new("signed")
    sink = partner.server("mx", tlsa=["3 1 1 OWN"], replies={"greeting": "421 4.3.2 later"}, tls_extensions=["REQUIRETLS"])
    partner.publish()
    with Wire(daemon.address, LISTENERS["relay"]["port"]) as wire:
        wire.hello(starttls=True)
        wire.expect(250, "MAIL FROM:<a@example.test> REQUIRETLS")
        wire.expect(250, f"RCPT TO:<b@{partner.domain}>")
        wire.expect(354, "DATA")
        wire.send(b"Subject: test\r\n\r\nhello\r\n.\r\n")
        message = queue_id(wire.expect(250).text)
    assert daemon.outcome(message, 30)["outcome"] == "deferred"
    daemon.kill()
    sink.replies.clear()
    sink.tls_extensions.clear()
    daemon.start()
    assert retry(daemon, message) == "bounced" and sink.messages == []
