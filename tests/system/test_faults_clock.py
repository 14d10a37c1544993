# SPDX-License-Identifier: BSD-3-Clause
"""Clocks that are set, jump or stand still while calls are up (steered_clock.c).

The wall clock says what is valid, and is in the log; timers do not know it. The other clock
jumps when a machine was paused, and stands for a process that was stopped.
"""
import datetime
import re
import signal
import ssl
import time

import pytest

from clock import Clock
from gateway import Conf
from ua import Call, Leg, Media, reply

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE
HOUR = 3600
BASE_S = 2 * HOUR  # the daemon's wall clock is so far ahead: its CA was made just now
LATER, EARLIER = "+441632969001", "+441632969002"  # called an hour from now, and an hour ago
SESSION_S, SPEED = 90, 60


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


def talk(call, seq):
    for sender, receiver in ((call.a_media, call.b_media), (call.b_media, call.a_media)):
        sender.send(sender.packet(seq, b"voice %d" % seq))
        assert receiver.receive()[12:] == b"voice %d" % seq


def stamp(seconds):
    """So many seconds from the daemon's now, as numbers have it."""
    when = (datetime.datetime.now(datetime.timezone.utc)
            + datetime.timedelta(seconds=BASE_S + seconds))
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def log_offset(gateway):
    """How far the log's clock is ahead of what it was, by its last line."""
    when = datetime.datetime.fromisoformat(gateway.lines[-1].text.split()[0][:-1] + "+00:00")
    return when.timestamp() - time.time() - BASE_S


def connects(peer):
    """Is it let in? In TLS 1.3 the client is up before the server has judged it."""
    try:
        conn = peer.connect()
        leg = Leg(peer, conn)
        leg.local = leg.remote = leg.target = f"sip:{peer.gateway_name}"
        conn.send(b"\r\n\r\n")
        conn.pong.wait(0)
        return not conn.closed.wait(0.3)
    except (OSError, ssl.SSLError):
        return False


@pytest.mark.parametrize("step", (HOUR, -HOUR))
def test_wall_clock_is_set(launch, conf, pki, net, peer, clock, step):
    """Calls, their media and timers do not notice; what has a date does, at once."""
    for name, begin, end in (("later", HOUR / 2, 3 * HOUR / 2), ("earlier", -3 * HOUR / 2,
                                                                 -HOUR / 2)):
        pki.issue(name, "carrier-ca", f"{name}.example", begin=BASE_S + begin,
                  end=BASE_S + end)
        conf.trunks.append(conf.trunk("carrier", name=name, identities=[f"{name}.example"],
                                      targets=[]))
    for number, begin, end in ((LATER, HOUR / 2, 3 * HOUR / 2),
                               (EARLIER, -3 * HOUR / 2, -HOUR / 2)):
        conf.numbers.append({"number": number, "trunk": "service", "enabled_from": stamp(begin),
                             "enabled_to": stamp(end)})
    conf.limits["media_timeout_s"] = 2 * SESSION_S
    clock.step(BASE_S)
    conf.trunks[1].update(session_expires_s=SESSION_S, session_refresher="gateway",
                          session_refresh="update", keepalive_s=0)
    gateway = launch(conf, env=clock.env)
    carrier, service = peer("carrier").listen(), peer("service").listen()
    carrier.connect()
    gateway.connected("carrier", "service")
    strangers = {name: peer("carrier", address=net.address("carrier", 2 + i), cert=name,
                            domain=f"{name}.example")
                 for i, name in enumerate(("later", "earlier"))}
    call = Call(carrier, service, OUTSIDE, DID).answer()
    up = clock.now()
    rings = Call(carrier, service, OUTSIDE, DID)
    rings.b.reply(rings.invite, 180)
    carrier.expect(180)
    talk(call, 1)
    assert not any(connects(s) for s in strangers.values())
    for number in (LATER, EARLIER):
        Leg(carrier).refused(OUTSIDE, number, 404)

    clock.step(step)
    now, other = ("later", "earlier") if step > 0 else ("earlier", "later")
    talk(call, 2)
    Leg(carrier).refused(OUTSIDE, EARLIER if step > 0 else LATER, 404)
    assert abs(log_offset(gateway) - step) < 5
    Call(carrier, service, OUTSIDE, LATER if step > 0 else EARLIER).answer().hang_up()
    assert connects(strangers[now]) and not connects(strangers[other])
    gateway.wait_for("tls_refused", why=re.compile(
        "has expired" if step > 0 else "not yet valid"))
    service.expect_nothing(0.1)
    carrier.expect_nothing(0)
    assert not gateway.find("conn_down", trunk="carrier")

    # the refresh comes when half of the session is over, as it would have
    talk(call, 3)
    clock.speed(SPEED)
    refresh = service.expect("UPDATE")
    assert SESSION_S / 2 - 5 < clock.now() - up < SESSION_S / 2 + 10
    reply(refresh, 200, tag=call.b.tag, headers=[call.b.contact, (
        "Session-Expires", f"{SESSION_S};refresher=uac")])
    clock.speed(1)

    clock.step(-step)
    talk(call, 4)
    Leg(carrier).refused(OUTSIDE, LATER, 404)
    assert abs(log_offset(gateway)) < 5
    rings.answer().hang_up()
    call.hang_up()


def test_paused_for_an_hour(launch, conf, peer, clock):
    """The machine stood still, and its clock did not: sessions are over, and end as such; who
    still sends media is heard; everything works at once."""
    conf.limits.update(media_timeout_s=60, calls=1000)
    conf.overload = {"lag_ms": 500, "cpu_percent": 0}
    for trunk in conf.trunks:
        trunk.update(options_s=60, options_timeout_s=5)
    gateway = launch(conf, env=clock.env)
    carrier, service = peer("carrier").listen(), peer("service").listen()
    carrier.connect()
    gateway.connected("carrier", "service")
    # with a session timer, which the caller asks for and refreshes; and without
    timed = [Call(carrier, service, OUTSIDE, DID, headers=[
        ("Supported", "timer"), ("Session-Expires", "1800;refresher=uac")]).answer()
        for _ in range(5)]
    calls = [Call(carrier, service, OUTSIDE, DID).answer() for _ in range(5)]
    rings = Call(carrier, service, OUTSIDE, DID)
    rings.b.reply(rings.invite, 180)
    carrier.expect(180)
    for call in timed + calls:
        talk(call, 1)
    since = gateway.mark()
    lines = len(gateway.lines)

    clock.jump(HOUR)
    # a call that rang has rung for too long
    cancelled = {}
    for _ in range(6):  # five BYEs and one CANCEL
        m = service.expect_any()
        cancelled.setdefault(m.method, []).append(m)
        reply(m, 200)
    assert len(cancelled["BYE"]) == 5 and len(cancelled["CANCEL"]) == 1
    rings.b.reply(rings.invite, 487)
    service.expect("ACK")
    for _ in range(6):
        m = carrier.expect_any()
        if m.status:
            assert m.status == 408
            rings.a.ack(m)
        else:
            assert m.method == "BYE"
            reply(m, 200)
    gateway.wait_for("session_expired", since, count=5)
    for seq, call in enumerate(calls, 2):
        talk(call, seq)
    begin = time.monotonic()
    Call(carrier, service, OUTSIDE, DID).answer().hang_up()
    assert time.monotonic() - begin < 2, "it is not itself again"
    assert not gateway.find("overload_begin", since)
    assert len(gateway.find("call_end")) == 7
    assert len(gateway.lines) - lines < 300, "it has much to say"
    with open(f"/proc/{gateway.process.pid}/stat") as f:
        before = sum(map(int, f.read().split()[13:15]))
    time.sleep(0.5)
    with open(f"/proc/{gateway.process.pid}/stat") as f:
        assert sum(map(int, f.read().split()[13:15])) - before < 25, "it spins"
    # and now those who do not send any more are hung up
    clock.speed(SPEED)
    for call in calls:
        for end in (service, carrier):
            reply(end.expect("BYE"), 200)
    clock.speed(1)
    gateway.wait_for("call_end", count=12)

    # what has a date is looked at each hour
    clock.step(800 * 24 * HOUR)
    clock.jump(HOUR)
    gateway.wait_for("certificate_expires", what="certificate", days=re.compile(r"^(2\d|30)$"))


def test_stopped_process(launch, conf, peer):
    """Longer than media_timeout_s: what came meanwhile waits in its sockets, and is heard."""
    conf.limits["media_timeout_s"] = 1
    gateway = launch(conf)
    carrier, service = peer("carrier").listen(), peer("service").listen()
    carrier.connect()
    call = Call(carrier, service, OUTSIDE, DID).answer()
    talk(call, 1)
    gateway.signal(signal.SIGSTOP)
    for seq in range(2, 25):
        for media in (call.a_media, call.b_media):
            media.send(media.packet(seq, bytes(20)))
        time.sleep(0.1)
    leg = Leg(carrier)
    media = Media(carrier)
    leg.invite(OUTSIDE, DID, media.sdp())
    gateway.signal(signal.SIGCONT)
    invite = service.expect("INVITE")
    for end in (call.a_media, call.b_media):
        assert end.receive(1), "what waited is lost"
    call.hang_up()
    other = Leg(service).called(invite)
    other.reply(invite, 486)
    service.expect("ACK")
    leg.ack(carrier.expect(486))
    assert gateway.wait_for("call_end", status=200)["cause"] == "caller hung up"
