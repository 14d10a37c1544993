# SPDX-License-Identifier: BSD-3-Clause
"""What the system tests share; README.md says how to run them."""
import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from gateway import Conf, Gateway  # noqa: E402
from net import Net  # noqa: E402
from pki import Pki  # noqa: E402
from sipp import Sipp, Stunnel  # noqa: E402
from targets import Crowd, namespaces  # noqa: E402
from ua import Peer, Raw  # noqa: E402


@pytest.fixture(scope="session")
def net():
    return Net()


@pytest.fixture(scope="session")
def pki(tmp_path_factory):
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def conf(net, pki):
    """The usual configuration, to be changed before it is given to launch()."""
    return Conf(net, pki)


@pytest.fixture
def launch(tmp_path):
    """launch(conf) starts a gateway; at the end it is stopped and its books are looked at."""
    started = []

    def start(conf, **more):
        gateway = Gateway(tmp_path, conf, **more)
        started.append(gateway)
        return gateway.start()
    yield start
    for gateway in started:
        gateway.stop()


@pytest.fixture
def gateway(launch, conf):
    return launch(conf)


@pytest.fixture
def peer(net, pki):
    """peer("carrier") makes a user agent; all are closed at the end, before the gateway."""
    made = []

    def make(side, **more):
        made.append(Peer(net, pki, side, **more))
        return made[-1]
    yield make
    for p in made:
        p.close()


@pytest.fixture
def crowd(net, pki):
    """Targets that misbehave, and a caller that keeps up a rate."""
    crowd = Crowd(net, pki)
    yield crowd
    crowd.close()


@pytest.fixture
def dark(crowd):
    """A network that can go dark."""
    if not namespaces():
        pytest.skip("no network namespace of its own here")
    return crowd.dark()


@pytest.fixture
def pair(gateway, peer, net):
    """A carrier and a service that listen and are connected to a running gateway.

    Whatever a test does: neither side may learn anything of the other's network.
    """
    carrier, service = peer("carrier").listen(), peer("service").listen()
    carrier.connect()
    service.connect()
    yield carrier, service
    for side, other in ((carrier, "service"), (service, "carrier")):
        text = side.received()
        for name in net.names[other]:
            assert name not in text, f"{side.side} was told {name}:\n{text}"


@pytest.fixture(scope="module")
def stunnel(net, pki, tmp_path_factory):
    """Not for the whole session: it listens where a Peer of other modules does."""
    tunnel = Stunnel(net, pki, tmp_path_factory.mktemp("stunnel"))
    yield tunnel
    tunnel.stop()


@pytest.fixture
def sipp(stunnel, launch, conf, net, tmp_path):
    """SIPp on both sides. The gateway that the test launched must not have leaked names."""
    sipp = Sipp(net, tmp_path)
    yield sipp
    sipp.stop()
    for run in sipp.runs:
        other = "service" if run.side.startswith("carrier") else "carrier"
        text = run.received()
        for name in net.names[other]:
            assert name not in text, f"{run.side} was told {name}:\n{text}"


@pytest.fixture
def ends(gateway, peer):
    """carrier, service: listening; the service is connected, the carrier's way in is a Raw."""
    carrier, service = peer("carrier").listen(), peer("service").listen()
    service.connect()
    return carrier, service


@pytest.fixture
def raw(ends):
    made = []

    def make(peer=ends[0]):
        made.append(Raw(peer))
        return made[-1]
    yield make
    for r in made:
        r.close()
