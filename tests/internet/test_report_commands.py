"""TLS reports of ours, as administrators look at them."""
import pytest
from harness.policy_host import policy
from harness.sink import Sink, server_context
from harness.sternpost import HOSTNAME, LISTENERS
from harness.waiting import until

STS, PLAIN, NEVER = "sts.sec.example", "plain.ins.example", "never.sec.example"


@pytest.fixture(scope="module")
def daemon(internet, standing_gateway, authority):
    address = internet.address(90)
    for domain in (STS, PLAIN):
        internet.add(f"{domain}. MX 10 mx.{domain}.", f"mx.{domain}. A {address}")
    internet.add(f'_mta-sts.{STS}. TXT "v=STSv1; id=1"', f"mta-sts.{STS}. A {internet.address(80)}")
    internet.policies.publish(f"mta-sts.{STS}", policy("testing", [f"mx.{STS}"]))
    internet.start()
    internet.add_server(Sink(address, 25, tls=server_context(authority.issue(f"mx.{STS}"))))
    return standing_gateway(listeners={"relay": LISTENERS["relay"]}, resolver=internet.resolver(),
                            outbound={"port": 25, "allow-private": False, "ca-file": authority.bundle})


def previewed(daemon, domain, sessions):
    """The policies of the preview, once so many sessions are counted."""
    def look():
        done = daemon.run("report", "preview", domain)
        found = daemon.ask("report", "preview", domain)["policies"] if done.returncode == 0 else []
        counted = sum(one["summary"]["total-successful-session-count"] for one in found)
        return found if counted == sessions else None
    return until(look, 20, f"{sessions} sessions to {domain} in the preview")


@pytest.mark.parametrize("domain, kind", [(STS, "sts"), (PLAIN, "no-policy-found")])
def test_preview(daemon, domain, kind):
    assert daemon.outcome(daemon.submit("a@example.test", f"b@{domain}"))["outcome"] == "delivered"
    reported, = previewed(daemon, domain, 1)
    assert reported["policy"]["policy-type"] == kind and reported["policy"]["policy-domain"] == domain
    if kind == "sts":
        assert reported["policy"]["policy-string"][1:3] == ["mode: testing", f"mx: mx.{STS}"]
    report = daemon.ask("report", "preview", domain)
    assert report["organization-name"] == HOSTNAME and report["date-range"]["start-datetime"].endswith("T00:00:00Z")


def test_nothing_to_preview(daemon):
    assert daemon.run("report", "preview", NEVER).returncode == 1
    assert daemon.run("report", "preview", STS, "--day", "2020-01-01").returncode == 1
    assert daemon.run("report", "preview", STS, "--day", "yesterday").returncode == 2


def test_nothing_sent(daemon):
    assert daemon.ask_lines("report", "sent", "list") == []
    assert daemon.run("report", "sent", "show", "nothing").returncode == 1
    assert daemon.run("report", "sent", "list", "--limit", "501").returncode == 2
