# SPDX-License-Identifier: BSD-3-Clause
"""Descriptors, ports, and what else the kernel gives run short while calls are up: those go on,
new ones are refused, the process does not spin, and all is well as soon as there is enough."""
import errno
import itertools
import json
import os
import re
import resource
import socket
import threading
import time

import pytest

from gateway import WAIT, Conf
from shortage import Shortage, cpu_s, descriptors, no_descriptors, new_call, talk
from targets import wait
from ua import Call, Leg

DID, DID2, OUTSIDE = Conf.DID, Conf.DID2, Conf.OUTSIDE
NO_MEDIA = "no media ports or descriptors left"


@pytest.fixture
def shortage(tmp_path):
    return Shortage(tmp_path)


@pytest.fixture
def start(launch, conf, peer, shortage):
    """-> the gateway, the carrier and the service, connected in both directions."""
    def start():
        gateway = launch(conf, env={**shortage.env, "WATCHDOG_USEC": "400000"})
        carrier, service = peer("carrier").listen(), peer("service").listen()
        carrier.connect()
        service.connect()
        gateway.connected("carrier", "service")
        return gateway, carrier, service
    return start


def refused(gateway, carrier, cause, number=DID):
    """A new call is, with 503 and its reason; -> how many ms that took."""
    since, begin = gateway.mark(), time.monotonic()
    Leg(carrier).refused(OUTSIDE, number, 503)
    gateway.wait_for("call_refused", since, status=503, cause=cause)
    return (time.monotonic() - begin) * 1000


def ask(gateway):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(WAIT)
        sock.connect(os.path.join(gateway.tmp, "status.sock"))
        sock.sendall(b"json\n")
        return json.loads(b"".join(iter(lambda: sock.recv(65536), b"")))


def named(items, name):
    return next(item for item in items if item["name"] == name)


def idle(gateway, seconds=1):
    """Nothing happens: it uses no processor time to speak of."""
    before = cpu_s(gateway)
    time.sleep(seconds)
    used = cpu_s(gateway) - before
    assert used < 0.25 * seconds, f"{used:.2f} s of processor time in {seconds} s"


# ---- descriptors ----

def test_descriptors(start):
    """None is left, and clients wait to be accepted."""
    gateway, carrier, service = start()
    call = Call(carrier, service, OUTSIDE, DID).answer()
    rings = Call(carrier, service, OUTSIDE, DID2)
    rings.b.reply(rings.invite, 180)
    carrier.expect(180)
    talk(call, [1])
    before, since = len(descriptors(gateway)), gateway.mark()
    late = []
    with no_descriptors(gateway):
        refused(gateway, carrier, NO_MEDIA)
        client = threading.Thread(target=lambda: late.append(carrier.connect()))
        client.start()
        gateway.wait_for("tls_accept_paused", since, why="Too many open files")
        idle(gateway)
        assert not late
        # it can still be asked why, again and again: nobody else gets that descriptor
        begin = time.monotonic()
        for _ in range(20):
            assert named(ask(gateway)["interfaces"], "core")["paused"] > 0
        assert time.monotonic() - begin < 2 and not late

        # what is up goes on: media, changes, answers, and the end
        talk(call, range(2, 5))
        call.change(offer="sendonly", answer="recvonly")
        call.change()
        rings.answer()
        talk(rings, [1])
        refused(gateway, carrier, NO_MEDIA)
        since = gateway.mark()
        gateway.reload()
        assert gateway.wait_for("reload_failed", since)["numbers"] == "3"
        gateway.wait_state("WATCHDOG=1", gateway.states.count("WATCHDOG=1") + 2)
        rings.hang_up()

        # what that gave back is enough for the client, or for a call, or in part for both
        talk(call, [5])
    client.join(WAIT)
    assert late and not late[0].closed.is_set()
    talk(call, [6])
    new_call(carrier, service)
    gateway.reload()
    call.hang_up()
    late[0].close()
    # eight sockets of calls less; the first reload made an eventfd for all of them
    wait(lambda: len(descriptors(gateway)) == before - 8 + 1, "return of descriptors")


def lost(gateway, peer, trunk):
    """All the connections of a trunk go."""
    since = gateway.mark()
    conns = [c for c in peer.conns if not c.closed.is_set()]
    for conn in conns:
        conn.close()
    gateway.wait_for("conn_down", since, trunk=trunk, count=len(conns))


def test_descriptors_for_targets(start):
    """None for another connection to a target: it is down, and tried again, but not all the time."""
    gateway, carrier, service = start()
    call = Call(carrier, service, OUTSIDE, DID).answer()
    pid = gateway.process.pid
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    since = gateway.mark()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, limits[1]))  # whatever is given back
    try:
        lost(gateway, service, "service")
        gateway.wait_for("target_down", since, trunk="service")
        Leg(carrier).refused(OUTSIDE, DID, 503)
        talk(call, [1])
        idle(gateway)
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    new_call(carrier, service)
    gateway.wait_for("target_up", since, trunk="service")
    service.connect()
    call.b.conn = service.conn
    call.hang_up()


# ---- ports ----

@pytest.mark.parametrize("percent", (0, 95), ids=("no-limit", "overload"))
def test_media_ports(launch, conf, peer, percent):
    """All of an interface are in use: the next call is refused, the others go on; who ends makes
    room for the next, even of ports that should rest."""
    conf.interfaces[1]["media"]["ports"] = [20000, 20003]
    conf.overload["ports_percent"] = percent
    gateway = launch(conf)
    carrier, service = peer("carrier").listen(), peer("service").listen()
    carrier.connect()
    gateway.connected("carrier", "service")
    calls = [Call(carrier, service, OUTSIDE, DID).answer() for _ in range(2)]
    for round in range(3):
        if percent:
            gateway.wait_for("overload_begin", cause="ports", count=round + 1)
            Leg(carrier).refused(OUTSIDE, DID, 503)
        else:
            refused(gateway, carrier, NO_MEDIA)
            assert named(ask(gateway)["interfaces"], "edge")["ports"]["refused"] == round + 1
        service.expect_nothing(0.05)
        for call in calls:
            talk(call, [round + 1])
        calls.pop(0).hang_up()
        if percent:
            gateway.wait_for("overload_end", cause="ports", count=round + 1)
        # with other keys: what the old peers still send is not heard
        calls.append(Call(carrier, service, OUTSIDE, DID).answer())
        talk(calls[-1], range(1, round + 2))
    for call in calls:
        call.hang_up()
    ports = named(ask(gateway)["interfaces"], "edge")["ports"]
    assert (ports["used"], ports["hurried"]) == (0, 3)


@pytest.mark.parametrize("error", (errno.EADDRNOTAVAIL, errno.EAGAIN),
                         ids=errno.errorcode.get)
def test_ports_to_connect_from(start, shortage, error):
    """No local port for a connection to a target."""
    gateway, carrier, service = start()
    call = Call(carrier, service, OUTSIDE, DID).answer()
    since = gateway.mark()
    with shortage.of("connect", error):
        lost(gateway, service, "service")
        gateway.wait_for("target_down", since, trunk="service",
                         why=re.compile(os.strerror(error)))
        Leg(carrier).refused(OUTSIDE, DID, 503)
        talk(call, [1])
        idle(gateway, 0.5)
        assert shortage.failed("connect") < 20
    new_call(carrier, service)
    gateway.wait_for("target_up", since, trunk="service")
    service.connect()
    call.b.conn = service.conn
    call.hang_up()


# ---- the kernel ----

def test_media_that_cannot_be_sent(start, shortage):
    """It is lost, counted, and nothing more."""
    gateway, carrier, service = start()
    call = Call(carrier, service, OUTSIDE, DID).answer()
    talk(call, [1])
    seq, burst = 2, 20

    def unsent():
        return ask(gateway)["gateway"]["media"]["dropped"]["unsent"]
    errors = (errno.ENOBUFS, errno.EPERM, errno.ENOMEM, errno.EAGAIN)
    for one_in, error in itertools.product((1, 3), errors):
        before, failed = unsent(), shortage.failed("send")
        with shortage.of("send", error, one_in):
            for i in range(seq, seq + burst):
                call.a_media.send(call.a_media.packet(i, b"%d" % i))
            came = []
            while one_in > 1 and (data := call.b_media.receive(0.3)):
                came.append(int(data[12:]))
            wait(lambda: unsent() - before == burst - len(came), "count of what was not sent")
        # the packets of a batch that is cut short are not lost with the one that failed
        assert came == sorted(came) and shortage.failed("send") - failed == burst - len(came)
        assert 0 < len(came) < burst if one_in > 1 else not came
        talk(call, [seq + burst])
        seq += burst + 1
    assert not [line for line in gateway.lines if line.level == "error"]
    call.hang_up()
    new_call(carrier, service)


def test_nothing_can_be_watched(start, shortage):
    """epoll_ctl(): neither a new call's media nor new connections; all that is there goes on."""
    gateway, carrier, service = start()
    call = Call(carrier, service, OUTSIDE, DID).answer()
    talk(call, [1])
    before = len(descriptors(gateway))
    with shortage.of("watch", errno.ENOSPC):
        refused(gateway, carrier, NO_MEDIA)
        with pytest.raises(OSError):
            carrier.connect()
        with pytest.raises((OSError, ValueError)):
            ask(gateway)
        talk(call, range(2, 30))
        call.change(offer="sendonly", answer="recvonly")
        call.change()
        idle(gateway, 0.5)
    assert len(descriptors(gateway)) <= before
    carrier.connect()
    new_call(carrier, service)
    assert ask(gateway)["gateway"]["calls"]["now"] == 1
    talk(call, range(30, 33))
    call.hang_up()
