# SPDX-License-Identifier: BSD-3-Clause
"""A peer's process is killed, with a call at every point of its life at once.

It is gone for good: by FIN, by RST, or in silence (stopped, as by SIGSTOP: its kernel takes
everything, nobody answers). The other side does nothing of its own accord but answer, and has to
be rid of every call in bounded time: RFC 3261 13.3.1.4 and 17.1 (32 s), timer C (limits.ring_s),
for calls that are up RFC 4028 10, or in silence the want of media (limits.media_timeout_s).
Minutes go by SPEED times as fast from the death on.
"""
import contextlib
import datetime
import json
import os
import queue
import socket
import struct
import time

import pytest

from clock import Clock
from gateway import WAIT, Conf
from ua import Call, Leg, Media, Peer, reply

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE
SPEED = 60
TRANSACTION_S, RING_S, SESSION_S = 32, 60, 90
SLACK_S = 60  # one second of ours


class Mortal(Peer):
    """A peer that can be killed."""

    dead = False

    def kill(self, way):
        self.dead = True
        if way == "silence":
            return
        # accept() of another thread only wakes by shutdown()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.listener = None
        for conn in self.conns:
            if way == "rst":
                conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                conn.sock.shutdown(socket.SHUT_RD)  # wakes its reader, and sends nothing
                assert conn.closed.wait(WAIT)
                conn.sock.close()
            else:
                conn.close()
        for media in self.media:
            media.close()
        self.media = []

    def take(self, message):
        if not self.dead:
            super().take(message)

    def welcome(self, sock):
        if self.dead:
            self.conns.append(Stopped(sock))
        else:
            super().welcome(sock)


class Stopped:
    """A connection that its kernel took for a process that does not run."""

    def __init__(self, sock):
        self.sock = sock

    def close(self):
        self.sock.close()


class Survivor(Peer):
    """It answers as a phone does, once told to; and remembers what it was told."""

    def live(self, calls, pending):
        """From now on by itself: legs that are its own by Call-ID; INVITEs not yet answered."""
        self.legs, self.ended = calls, set()
        self.pending = pending

    def pump(self, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                message = self.inbox.get(timeout=0.02)
                if message is not None:
                    self.answer(message)

    def answer(self, m):
        leg = self.legs.get(m["Call-ID"])
        assert leg, f"{self.side}: of no call:\n{m}"
        if m.status:
            if m.method == "INVITE" and m.status >= 200:
                leg.ack(m)
                if m.status >= 300 and not leg.up:
                    self.ended.add(leg.call_id)
        elif m.method in ("BYE", "CANCEL"):
            reply(m, 200, tag=leg.tag)
            if m.method == "CANCEL":
                reply(self.pending.pop(leg.call_id), 487, tag=leg.tag)
            self.ended.add(leg.call_id)
        elif m.method != "ACK":
            change = m.method in ("INVITE", "UPDATE") and m.body
            reply(m, 200, Media(self).sdp() if change else b"", leg.tag,
                  [leg.contact] if m.method in ("INVITE", "UPDATE") else [])


# ---- the points of a call ----

class Act:
    """A call that is brought to a point. dies: the side, "a" or "b", that is killed there."""

    def __init__(self, point, carrier, service, dies):
        self.point, self.dies = point, dies
        self.call = None
        self.carrier, self.service = carrier, service
        getattr(self, "to_" + point)()
        for leg in (self.call.a, self.call.b):
            leg.up = POINTS.index(point) > POINTS.index("answered")

    def begin(self, **more):
        self.call = Call(self.carrier, self.service, OUTSIDE, DID, **more)
        self.a, self.b = self.call.a, self.call.b

    def to_invited(self):
        self.begin()

    def to_trying(self):
        self.begin()
        self.b.reply(self.call.invite, 100)

    def to_ringing(self):
        self.begin()
        self.b.reply(self.call.invite, 180)
        self.carrier.expect(180)

    def reliable(self, headers=()):
        self.begin(headers=headers)
        self.b.reply(self.call.invite, 183, self.call.b_media.sdp(),
                     [("Require", "100rel"), ("RSeq", "100")])
        self.prack = self.service.expect("PRACK")

    def to_prack_to_callee(self):
        """It has the PRACK, and does not answer it."""
        self.reliable()
        self.carrier.expect(183)

    def to_prack_of_caller(self):
        """It has the reliable 183, and does not acknowledge it."""
        self.reliable([("Supported", "100rel")])
        reply(self.prack, 200)
        assert self.carrier.expect(183)["RSeq"]

    def to_answered(self):
        """200 has come through to the caller, whose ACK has not."""
        self.begin()
        self.b.reply(self.call.invite, 200, self.call.b_media.sdp())
        self.service.expect("ACK")
        self.ok = self.carrier.expect(200)
        self.a.answered(self.ok)

    def to_up(self):
        self.begin()
        self.call.answer()

    def changing(self, method, by):
        """A change is on its way to the other end, who has it and does not answer."""
        self.to_up()
        first, second = (self.a, self.b) if by == "a" else (self.b, self.a)
        media = self.call.a_media if by == "a" else self.call.b_media
        media.version += 1
        first.request(method, media.sdp(extra=["a=maxptime:40"]))  # no hold: media is missed
        self.change = second, second.peer.expect(method)

    def to_reinvite_by_caller(self):
        self.changing("INVITE", "a")

    def to_reinvite_by_callee(self):
        self.changing("INVITE", "b")

    def to_update_by_caller(self):
        self.changing("UPDATE", "a")

    def to_update_by_callee(self):
        self.changing("UPDATE", "b")

    def to_changed(self):
        """The 200 to a re-INVITE has come through, its ACK has not."""
        self.changing("INVITE", "a")
        self.b.reply(self.change[1], 200, self.call.b_media.sdp())
        self.change = None
        self.service.expect("ACK")
        self.reok = self.carrier.expect(200)

    def to_transfer(self):
        """The callee transfers; its target rings, in the callee's own trunk."""
        self.to_up()
        self.b.request("REFER", headers=[("Refer-To", f"<sip:{Conf.DID2}@edge.gateway.example>")])
        first = {}
        while set(first) != {"REFER", "NOTIFY", "INVITE"}:  # on two connections, in any order
            m = self.service.inbox.get(timeout=WAIT)
            first[m.method] = m
        reply(first["NOTIFY"], 200)
        self.target, self.target_invite = Leg(self.service).called(first["INVITE"]), first["INVITE"]
        self.target.up = False
        self.target.reply(self.target_invite, 180)
        reply(self.service.expect("NOTIFY"), 200)
        self.target.settle()

    def to_bye_of_caller(self):
        """The end of the other side is on its way."""
        self.to_up()
        self.a.request("BYE")
        self.carrier.expect(200, "BYE")
        self.bye = self.service.expect("BYE")

    def to_bye_of_callee(self):
        self.to_up()
        self.b.request("BYE")
        self.service.expect(200, "BYE")
        self.bye = self.carrier.expect("BYE")

    # ---- what the other side does next ----

    @property
    def survivor(self):
        return self.b if self.dies == "a" else self.a

    def go_on(self):
        """What it would have done anyway: it has not heard of any death."""
        leg, point = self.survivor, self.point
        if leg is self.a and point == "answered":
            leg.ack(self.ok)
        elif leg is self.a and point == "changed":
            leg.ack(self.reok)
        elif getattr(self, "change", None) and self.change[0] is leg:
            leg.reply(self.change[1], 200, Media(leg.peer).sdp())
        elif point == "prack_to_callee" and leg is self.b:
            reply(self.prack, 200)
        elif point == "prack_of_caller" and leg is self.a:
            pass  # it is as lost as its callee: no PRACK, and no CANCEL
        elif (point, leg) in (("bye_of_caller", self.b), ("bye_of_callee", self.a)):
            reply(self.bye, 200)

    @property
    def legs(self):
        """Those of the survivor."""
        more = [self.target] if self.point == "transfer" and self.dies == "a" else []
        return [self.survivor] + more

    @property
    def rings(self):
        """INVITEs that the survivor has and has not answered."""
        if self.dies == "b":
            return {}
        if self.point == "transfer":
            return {self.target.call_id: self.target_invite}
        return {self.b.call_id: self.call.invite} if not self.b.up and self.point != "answered" \
            else {}

    @property
    def untold(self):
        """Its survivor is still to be told of the end. Who has not said anything to an INVITE
        cannot be: there is no CANCEL before a response (RFC 3261 9.1)."""
        if self.point.startswith("bye_") or (self.point == "invited" and self.dies == "a"):
            return False
        return any(leg.call_id not in leg.peer.ended for leg in self.legs)


POINTS = ("invited", "trying", "ringing", "prack_to_callee", "prack_of_caller", "answered", "up",
          "reinvite_by_caller", "reinvite_by_callee", "update_by_caller", "update_by_callee",
          "changed", "transfer", "bye_of_caller", "bye_of_callee")


def bound(point):
    """Seconds of the gateway's clock in which such a call has to be over."""
    if point.startswith("bye_"):
        return 0  # it was before
    if point in ("invited", "trying", "ringing") or point.startswith("prack_"):
        return RING_S
    return SESSION_S + (RING_S if point == "transfer" else 0)  # media is missed after it


def pending(gateway):
    """Its transactions that wait for a message."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(WAIT)
        sock.connect(os.path.join(gateway.tmp, "status.sock"))
        sock.sendall(b"json\n")
        text = b"".join(iter(lambda: sock.recv(65536), b""))
    return json.loads(text)["gateway"]["transactions"]["pending"]


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return tmp_path_factory.mktemp("clock")


@pytest.mark.parametrize("way", ("fin", "rst", "silence"))
@pytest.mark.parametrize("side", ("caller", "callee"))
def test_killed(launch, conf, net, pki, library, side, way):
    clock = Clock(library)
    timer = way != "silence"
    conf.limits.update(ring_s=RING_S, handshakes_per_source_s=0,
                       media_timeout_s=0 if timer else SESSION_S)
    for trunk in conf.trunks:
        trunk.update(session_timer="supported" if timer else "off", session_expires_s=SESSION_S,
                     session_refresher="gateway", session_refresh="update", response_s=30,
                     transfer="handle", keepalive_s=0)
    gateway = launch(conf, env=clock.env)
    dies = "a" if side == "caller" else "b"
    carrier = (Mortal if dies == "a" else Survivor)(net, pki, "carrier").listen()
    service = (Mortal if dies == "b" else Survivor)(net, pki, "service").listen()
    victim, survivor = (carrier, service) if dies == "a" else (service, carrier)
    try:
        for peer in (carrier, service):
            peer.connect()
        gateway.connected("carrier", "service")
        acts = [Act(point, carrier, service, dies) for point in POINTS]
        survivor.expect_nothing(0.05)
        victim.kill(way)
        survivor.live({leg.call_id: leg for act in acts for leg in act.legs},
                      {k: v for act in acts for k, v in act.rings.items()})
        for act in acts:
            act.go_on()
        killed = time.time()
        clock.speed(SPEED)
        by_call_id = {line["call_id"]: line["call"] for line in gateway.find("call_start")}
        left = {by_call_id[act.a.call_id]: act for act in acts}
        end = time.monotonic() + (SESSION_S + TRANSACTION_S + 2 * SLACK_S) / SPEED + 2
        took = {}
        while left and time.monotonic() < end:
            survivor.pump(0.1)
            for line in gateway.find("call_end"):
                act = left.pop(line["call"], None)
                if act:
                    when = datetime.datetime.fromisoformat(line.text.split()[0][:-1] + "+00:00")
                    took[act.point] = max(0, (when.timestamp() - killed) * SPEED)
        assert not left, f"still there: {[act.point for act in left.values()]}"
        print(f"\nkilled_{side}_{way}_s", *(f"{p}={s:.0f}" for p, s in took.items()))
        late = {p: s for p, s in took.items() if s > bound(p) + SLACK_S}
        assert not late, late
        end = time.monotonic() + (TRANSACTION_S + SLACK_S) / SPEED + 2
        while True:
            survivor.pump(0.1)
            untold = [act.point for act in acts if act.untold]
            if not untold and not pending(gateway):
                break
            assert time.monotonic() < end, f"{pending(gateway)} transactions; untold: {untold}"
    finally:
        victim.dead = False
        survivor.close()
        victim.close()
