"""Fixtures of both suites. Each worker of the run is set apart from the others before its first test."""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from harness.authority import Authority  # noqa: E402
from harness.internet import Internet  # noqa: E402
from harness.sternpost import HOSTNAME, Sternpost  # noqa: E402
from harness.world import World  # noqa: E402


@pytest.fixture(scope="session")
def world():
    return World(int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]))


@pytest.fixture(scope="session")
def authority(world, tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def certificate(authority):
    return authority.issue(HOSTNAME, file="gateway")


@pytest.fixture(scope="session")
def peers(world):
    """The mail servers of others; skips the test where they cannot run."""
    fault = world.install_peers()
    if fault:
        pytest.skip(fault)


@pytest.fixture
def subnet(world):
    return world.subnet()


def _gateways(folder, subnet, certificate):
    started = []

    def start(**options):
        daemon = Sternpost(folder / f"gateway{len(started)}", options.pop("address", subnet(1)),
                           options.pop("certificate", certificate), **options)
        started.append(daemon)
        return daemon.start()

    yield start
    for daemon in started:
        daemon.stop()


@pytest.fixture
def gateway(tmp_path, subnet, certificate):
    """A function that starts a daemon; every daemon is ended with the test, and its end is judged."""
    yield from _gateways(tmp_path, subnet, certificate)


@pytest.fixture(scope="module")
def standing_subnet(world):
    return world.subnet()


@pytest.fixture(scope="module")
def standing_gateway(tmp_path_factory, standing_subnet, certificate):
    """The same for daemons that serve all tests of a file."""
    yield from _gateways(tmp_path_factory.mktemp("standing"), standing_subnet, certificate)


@pytest.fixture(scope="module")
def internet(tmp_path_factory, world, authority):
    """A test internet to be filled and started; it ends with the file's last test."""
    made = Internet(tmp_path_factory.mktemp("internet"), next(world.internets), authority, world)
    yield made
    made.stop()
