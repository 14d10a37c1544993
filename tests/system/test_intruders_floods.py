# SPDX-License-Identifier: BSD-3-Clause
"""One peer, or a stranger, sends all that it can; meanwhile another trunk makes its calls.

Floods are of a bounded number. What came of them, and the slowest of the other trunk's calls
(INVITE to BYE and back, eight messages each way), is printed: pytest -s. test_slow.py has
handshakes that do not end, test_hostile.py messages without end and packets to open ports.
"""
import contextlib
import socket
import ssl
import threading
import time

import pytest

from gateway import Conf
from test_intruders_scan import Declines, Others, metric
from ua import Media, Raw, request

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE
MESSAGES, BATCH, HELLOS, CONNECTIONS = 2000, 500, 400, 200
RATE, AT_ONCE = 50, 40  # of calls of the trunk that floods


@pytest.fixture
def scene(launch, conf, net, pki, peer):
    """The carrier floods; what reaches service2 is declined. carrier2 calls the other service."""
    conf.trunks[0].update(calls_in_per_s=RATE, calls_in=AT_ONCE, unknown_per_minute=60)
    conf.trunks.append(conf.trunk("carrier", name="carrier2", identities=["carrier2.example"],
                                  targets=[]))
    conf.trunks.append(conf.trunk("service", name="service2", identities=["service2.example"],
                                  targets=[f"{net.address('service', 7)}:{net.port}"]))
    conf.numbers.append({"number": "+441632971*", "trunk": "service2"})
    conf.log["level"] = "info"  # at debug more than is read in time, and then lines are lost
    gateway = launch(conf)
    pki.issue("service2", "service-ca", "service2.example")
    busy = Declines(net, pki, "service", address=net.address("service", 7), cert="service2",
                    domain="service2.example").listen()
    other = peer("carrier", address=net.address("carrier", 8), cert="carrier2",
                 domain="carrier2.example")
    other.connect()
    service = peer("service").listen()
    gateway.connected("service", "service2")
    yield gateway, peer("carrier"), other, service, busy
    busy.close()


@pytest.mark.parametrize("kind", ("OPTIONS", "unknown numbers", "known numbers", "no extension"))
def test_messages(scene, kind):
    gateway, carrier, other, service, busy = scene
    sdp = Media(carrier).sdp()
    r = Raw(carrier)

    def message(n):
        if kind == "OPTIONS":
            return request(carrier, "OPTIONS")
        more = {"Require": "x-nothing"} if kind == "no extension" else {}
        block = "+441632972" if kind == "unknown numbers" else "+441632971"
        return request(carrier, "INVITE", f"{block}{n:04}", sdp, **more)
    answers = {}
    with Others(other, service) as others:
        begin = time.monotonic()
        for n in range(0, MESSAGES, BATCH):  # acknowledged at times, as a PBX would do it
            r.messages = []
            r.pump((message(k) for k in range(n, n + BATCH)),
                   lambda: sum(m.status > 100 for m in r.messages) == BATCH)
            for status, count in r.statuses():
                answers[status] = answers.get(status, 0) + count
            if kind != "OPTIONS":
                r.acknowledge()
        took = time.monotonic() - begin
    print(f"\nflood kind={kind!r} messages={MESSAGES} per_s={MESSAGES / took:.0f} "
          f"answers={answers} others_calls={others.calls} "
          f"others_worst_ms={1000 * others.worst:.0f}")
    assert others.calls > 3 and others.worst < 5
    if kind == "known numbers":  # no more than its rate and burst allow
        assert answers[486] <= RATE * (took + 2), answers
        assert metric(gateway, "sallyport_trunk_refused_calls_total", trunk="carrier2",
                      limit="calls_in_per_s") == 0
    if kind == "unknown numbers":
        assert answers[404] <= 60 * (1 + took / 60) + 1
    r.close()


def hello(address, context):
    """A handshake without certificate, as far as it is let."""
    with contextlib.suppress(OSError):
        with socket.create_connection(address[0], 5, (address[1], 0)) as sock:
            with context.wrap_socket(sock) as tls:
                tls.recv(1)


def test_handshakes(scene, net):
    """ClientHellos of a stranger from one address and of others from 20, one upon the other."""
    gateway, _, other, service, _ = scene
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def run(k):
        for n in range(HELLOS // 4):
            source = net.address("carrier", 66 if k < 2 else 100 + n % 20)
            hello(((net.core, net.port), source), context)
    with Others(other, service) as others:
        begin = time.monotonic()
        threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = time.monotonic() - begin
        fresh = time.monotonic()
        r = Raw(other)  # who is known gets in meanwhile
        r.pump([request(other, "OPTIONS")], lambda: r.of(200))
        fresh = time.monotonic() - fresh
        r.close()
    refused = {reason: metric(gateway, "sallyport_tls_refused_total", interface="core",
                              reason=reason) for reason in ("rate", "handshake")}
    print(f"\nflood kind=handshakes tried={HELLOS} per_s={HELLOS / took:.0f} let_in=0 "
          f"closed_before_tls={refused['rate']:.0f} refused={refused['handshake']:.0f} "
          f"others_calls={others.calls} others_worst_ms={1000 * others.worst:.0f} "
          f"a_peers_handshake_ms={1000 * fresh:.0f}")
    assert others.worst < 5 and fresh < 3 and refused["rate"] > 0
    assert sum(refused.values()) >= HELLOS - 1 and len(gateway.find(
        "conn_up", dir="in", trunk="carrier")) == 0


def test_connections(scene):
    """A known peer opens connections without end: so many are kept, and others get theirs."""
    gateway, carrier, other, service, _ = scene
    made, kept = [], 0
    with Others(other, service) as others:
        for _ in range(CONNECTIONS):
            with contextlib.suppress(OSError):  # at once: handshakes_per_source_s
                made.append(Raw(carrier))
        for r in made:
            r.pump([request(carrier, "OPTIONS")], lambda r=r: r.of(200))
            kept += not r.over
        fresh = Raw(other)
        fresh.pump([request(other, "OPTIONS")], lambda: fresh.of(200))
        assert not fresh.over
    print(f"\nflood kind=connections tried={CONNECTIONS} kept={kept} "
          f"others_calls={others.calls} others_worst_ms={1000 * others.worst:.0f}")
    assert 0 < kept <= 32 and others.worst < 5  # trunks.connections
    assert metric(gateway, "sallyport_trunk_refused_connections_total", trunk="carrier2") == 0
    for r in made + [fresh]:
        r.close()
