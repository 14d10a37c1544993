# SPDX-License-Identifier: BSD-3-Clause
"""The network between the gateway and its callee's side is cut while calls are up: in both
directions or one, or its link goes down. For a moment: calls go on. For longer: both sides are
rid of them in bounded time. The callee's side is in a network namespace: root only.
"""
import contextlib
import os
import time

import pytest

from clock import Clock
from gateway import Conf
from media import End, Talk, describe
from ua import Leg, Media, Peer, reply

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE
SPEED = 60
SESSION_S, RING_S, TRANSACTION_S = 90, 60, 32
SLACK_S = 60  # one second of ours
LONG = os.environ.get("SALLYPORT_LONG") == "1"


class Cut:
    """The ways in which the network can go, and come back."""

    WAYS = ("both", "out", "back", "link")

    def __init__(self, dark, way):
        self.dark, self.way = dark, way

    def cut(self):
        if self.way == "link":
            self.dark.dark()
        else:
            self.dark.lose(self.way != "back", self.way != "out")

    def heal(self):
        if self.way == "link":
            self.dark.dark(False)
        self.dark.lose()


@pytest.fixture
def far(dark, conf, net, pki):
    """The service, in a network of its own."""
    interface = conf.interfaces[1]
    interface["sip"]["address"] = interface["media"]["address"] = dark.here
    conf.trunks[1]["targets"] = [f"{dark.there}:{net.port}"]
    peer = Peer(net, pki, "service", address=dark.there)
    peer.gateway = dark.here
    dark.inside(peer.listen)
    yield peer
    peer.close()


@pytest.fixture(params=Cut.WAYS)
def cut(request, dark):
    return Cut(dark, request.param)


def talk(dark, carrier, far):
    """A call whose callee's media are in its network, too."""
    return Talk(carrier, far, OUTSIDE, DID, b=dark.inside(lambda: End(far)))


def both_ways(call, seq):
    """A packet each way, until it comes: the first ones may find the network not back yet."""
    for sender, receiver in ((call.a_media, call.b_media), (call.b_media, call.a_media)):
        for n in range(20):
            packet = sender.rtp_packet(seq + n, b"voice %d" % seq)
            sender.send(sender.out.protect(packet))
            if receiver.receive(0.2) == packet:
                break
        else:
            raise AssertionError("no media")


def test_for_a_moment(launch, conf, peer, dark, far, cut):
    """Media is lost meanwhile, signalling is late; nothing else happens."""
    conf.limits["media_timeout_s"] = 10
    gateway = launch(conf)
    carrier = peer("carrier").listen()
    carrier.connect()
    gateway.connected("service")
    call = talk(dark, carrier, far).answer()
    both_ways(call, 1)
    since = gateway.mark()
    cut.cut()
    first, second = call.a, call.b  # a request is on its way
    ends = [call.a_ends, call.b_ends]
    ends[0][0].version += 1
    first.request("INVITE", describe(ends[0], [e.offer("sendonly") for e in ends[0]]))
    for seq in range(100, 130):
        for end in (call.a_media, call.b_media):
            with contextlib.suppress(OSError):  # its own link is down
                end.send(end.out.protect(end.rtp_packet(seq, b"lost")))
        time.sleep(0.02)
    heard = {end: end.receive(0.05) for end in (call.a_media, call.b_media)}
    assert bool(heard[call.b_media]) == (cut.way == "back")
    assert bool(heard[call.a_media]) == (cut.way == "out")
    begin = time.monotonic()
    cut.heal()
    change = far.expect("INVITE")
    ends[1][0].version += 1
    second.reply(change, 200, call.answer_to(ends[1], change.body, "recvonly"))
    far.expect("ACK")
    ok = carrier.expect(200)
    first.ack(ok)
    first.settle()
    print(f"\npartition_{cut.way}_back_ms {(time.monotonic() - begin) * 1000:.0f}")
    for end in (call.a_media, call.b_media):  # what came late
        while end.receive(0.05):
            pass
    both_ways(call, 1000)
    assert not gateway.find("call_end") and not gateway.find("conn_down", since)
    call.hang_up()


def test_for_long(launch, conf, peer, dark, far, cut, tmp_path):
    """Session timers, timer C and the transactions end what hangs; then all is as before."""
    clock = Clock(tmp_path)
    conf.limits["ring_s"] = RING_S
    conf.trunks[1].update(session_expires_s=SESSION_S, session_refresher="gateway",
                          session_refresh="update", options_s=30, options_timeout_s=5,
                          keepalive_s=30)
    gateway = launch(conf, env=clock.env)
    carrier = peer("carrier").listen()
    carrier.connect()
    gateway.connected("service")
    up = talk(dark, carrier, far).answer()
    both_ways(up, 1)
    changing, ended = (talk(dark, carrier, far).answer() for _ in range(2))
    rings = talk(dark, carrier, far)
    rings.b.reply(rings.invite, 180)
    carrier.expect(180)

    cut.cut()
    changing.a_media.version += 1
    offer = describe(changing.a_ends, [changing.a_media.offer("sendonly")])
    changing.a.request("INVITE", offer)  # outstanding for ever
    ended.a.request("BYE")
    carrier.expect(200, "BYE")
    begun = Leg(carrier)
    begun.invite(OUTSIDE, DID, Media(carrier).sdp())
    begun.settle()
    legs = {leg.call_id: leg for leg in (up.a, changing.a, rings.a, begun)}
    begin = clock.now()
    clock.speed(SPEED)
    over, took = set(), {}
    while over != set(legs):
        m = carrier.expect_any("end of " + ", ".join(set(legs) - over))
        leg = legs[m["Call-ID"]]
        if m.status >= 200 and m.method == "INVITE":
            leg.ack(m)
            if leg in (rings.a, begun):
                over.add(leg.call_id)
        elif m.method == "BYE":
            reply(m, 200)
            over.add(leg.call_id)
        took[leg.call_id] = clock.now() - begin
    names = {up.a: "up", changing.a: "reinvite", rings.a: "rings", begun: "invited"}
    print(f"\npartition_{cut.way}_s", *(f"{names[legs[i]]}={s:.0f}" for i, s in took.items()))
    assert took[begun.call_id] < TRANSACTION_S + SLACK_S
    assert took[rings.a.call_id] < RING_S + SLACK_S
    assert max(took.values()) < SESSION_S + SLACK_S
    for call_id in legs:
        begin = gateway.wait_for("call_start", call_id=call_id)
        gateway.wait_for("call_end", call=begin["call"])
    gateway.wait_for("target_down", trunk="service")
    # what the last transactions wait for does not come
    deadline = clock.now() + TRANSACTION_S + SLACK_S
    while clock.now() < deadline:
        time.sleep(0.05)
    clock.speed(1)

    # it is back: so is the gateway
    since = gateway.mark()
    cut.heal()
    begin = time.monotonic()
    clock.speed(SPEED)  # it looks at what is down after a minute at most
    gateway.wait_for("target_up", since, trunk="service")
    clock.speed(1)
    print(f"partition_{cut.way}_up_ms {(time.monotonic() - begin) * 1000:.0f}")
    while not far.inbox.empty():  # what was sent before it went, and the ends
        far.inbox.get()
    leg = Leg(carrier)
    media = Media(carrier)
    leg.invite(OUTSIDE, DID, media.sdp())
    while True:
        invite = far.expect_any("INVITE")
        if invite.method == "INVITE" and not invite.status:
            break
    Leg(far).called(invite).reply(invite, 486)
    leg.ack(carrier.expect(486))
    leg.settle()


@pytest.mark.parametrize("heals", (True, False))
def test_while_connecting(launch, conf, peer, dark, far, heals, tmp_path):
    """Its SYNs are lost. A call waits a moment for the connection, and not for ever."""
    clock = Clock(tmp_path)
    conf.trunks[1].update(response_s=10, failover_s=10)
    dark.lose(True, True)
    gateway = launch(conf, env=clock.env)
    carrier = peer("carrier").listen()
    carrier.connect()
    leg = Leg(carrier)
    leg.invite(OUTSIDE, DID, Media(carrier).sdp())
    leg.settle()
    assert gateway.wait_for("call_start") and not gateway.find("call_end")
    if heals:
        dark.lose()
        invite = far.expect("INVITE")
        callee = Leg(far).called(invite)
        callee.reply(invite, 486)
        leg.ack(carrier.expect(486))
        far.expect("ACK")
    else:
        begin = clock.now()
        clock.speed(10)
        refusal = carrier.expect_any()
        assert refusal.status in (408, 503) and clock.now() - begin < 40
        leg.ack(refusal)
        clock.speed(1)
        dark.lose()
    leg.settle()
    gateway.wait_for("call_end")


@pytest.mark.skipif(not LONG, reason="takes half a minute of true time: SALLYPORT_LONG=1")
def test_tcp_gives_up(launch, conf, peer, dark, far):
    """Without any timer of SIP's: what nobody acknowledges for 20 s ends its connection."""
    gateway = launch(conf)
    carrier = peer("carrier").listen()
    carrier.connect()
    gateway.connected("service")
    call = talk(dark, carrier, far).answer()
    since = gateway.mark()
    dark.lose(True, True)
    begin = time.monotonic()
    call.a.request("BYE")
    carrier.expect(200, "BYE")
    deadline = time.monotonic() + 40
    while not gateway.find("conn_down", since, trunk="service"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert 15 < time.monotonic() - begin < 30
    dark.lose()
    reply(far.expect("BYE", seconds=30), 200)
