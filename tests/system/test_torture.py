# SPDX-License-Identifier: BSD-3-Clause
"""The table of tests/torture through TLS, from a trunk that is configured.

Each row gets what it says, octet by octet; a good message behind it gets its answer on the same
connection, or, where that is closed, on another; and of what is refused the other side hears
nothing. tests/unit/test_sip_torture.c reads the same rows.
"""
import contextlib
import itertools
import queue
import re
from collections import Counter

import pytest

import torture
from gateway import Conf
from torture import fields, repeats, strict
from ua import Call, Leg, Media, Message, Raw, reply, tag_of

ROWS = torture.load()
ALONE = [row for row in ROWS if not row.where]
IDS = itertools.count(1)
DROPS = 15  # after 20 of them a connection is closed


class Wire(Raw):
    """Its messages keep their octets, and each is looked at."""

    def __init__(self, peer):
        super().__init__(peer)
        self.acks = []

    def receive(self):
        seen = len(self.messages)
        try:
            more = self.sock.recv(1 << 18)
        except OSError as error:
            if "want" in type(error).__name__.lower():
                return False
            more = b""
        self.over, self.octets = not more, self.octets + len(more)
        self.data += more
        while True:
            self.data = self.data.lstrip(b"\r\n")
            head, mark, rest = self.data.partition(b"\r\n\r\n")
            message = Message(head.decode("latin-1")) if mark else None
            length = int(message["Content-Length"]) if mark else 0
            if not mark or len(rest) < length:
                break
            message.body, self.data = rest[:length], rest[length:]
            message.raw = strict(head + mark + message.body)
            self.messages.append(message)
        self.acks += [ack(m) for m in self.messages[seen:]
                      if m.method == "INVITE" and m.status >= 300]
        return True

    def pump(self, *args):
        """What was refused is acknowledged behind it all, not in the middle of a message."""
        super().pump(*args)
        acks, self.acks = self.acks, []
        return super().pump(acks)


def ack(m):
    lines = ["ACK sip:gateway.example SIP/2.0", f"Via: {m['Via']}", "Max-Forwards: 70"]
    lines += [f"{name}: {m[name]}" for name in ("From", "To", "Call-ID")]
    lines += [f"CSeq: {m.cseq} ACK", "Content-Length: 0"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def names_of(peer, **more):
    """What the {names} of the table stand for, when this peer sends."""
    carrier = peer.side == "carrier"
    called, caller = (Conf.DID, Conf.OUTSIDE) if carrier else (Conf.OUTSIDE, Conf.DID)
    media = Media(peer)
    names = {"id": f"t{next(IDS):05}", "gw": peer.gateway_name, "me": peer.domain,
             "peer": f"{peer.address}:{peer.net.port}", "called": called, "caller": caller,
             "escaped": "%2b44%31" + called[4:], "target": f"sip:{peer.gateway_name}",
             "branch": "z9hG4bK{id}-{n}", "via": "SIP/2.0/TLS {peer};branch={branch}",
             "from": "<sip:{caller}@{me}>;tag=f{id}", "to": "<sip:{called}@{gw}>",
             "callid": "{id}@{me}", "cseq": "{n}", "media": peer.address, "sdp": media.sdp(),
             "port": str(media.rtp.getsockname()[1])}
    media.close()
    peer.media.remove(media)
    return {**names, **more}


def good(names, call_id="good"):
    """A message that is answered with 200."""
    return torture.text(torture.MACROS["inner"].replace("inner-", call_id + "-")
                        .replace("Kinner", "K" + call_id), names)


def expected(row):
    """The answers of the daemon, as (status, phrase); phrase "": any."""
    wanted = []
    for expect in row.expects:
        word, _, rest = expect.partition(" ")
        if word in ("accept", "refuse"):
            status, _, phrase = rest.partition(" ")
            wanted.append((int(status), phrase))
    return wanted


def compare(row, sent, names, messages):
    """messages: all answers to the row and nothing else."""
    inner = [m.status for m in messages if m["Call-ID"] == f"inner-{names['id']}"]
    assert inner == ([row.inner] if row.inner else []), f"the inner message got {inner}"
    mine = [m for m in messages if m["Call-ID"] != f"inner-{names['id']}"]
    got = [(m.status, m.start[12:]) for m in mine]
    wanted = expected(row)
    assert len(got) == len(wanted) and all(
        w[0] == g[0] and w[1] in ("", g[1]) for w, g in zip(wanted, got)), f"{got}, not {wanted}"
    if len(mine) == 1:
        repeats(sent, mine[0].raw)
    for m in mine:
        assert len(m.raw) < len(sent) + 1000, "an answer larger than what it answers"


def looked_at(row, names, raw):
    """What crossed is as the row says, and can be read in one way only."""
    seen = re.sub(rb"inline:\S+", b"", strict(raw))
    for piece in row.sees:
        assert torture.text(piece, names) in seen, f"no {piece} in {seen}"
    for piece in row.lacks:
        assert torture.text(piece, names) not in seen, f"{piece} in {seen}"
    seen.split(b"\r\n\r\n")[0].decode()  # UTF-8
    assert b"inner-" not in seen or row.sees, seen


def drain(peer):
    """A row went wrong: what is left of it is no matter of the next one."""
    with contextlib.suppress(queue.Empty):
        while True:
            message = peer.inbox.get(timeout=0.1)
            if message and message.method == "INVITE" and not message.status:
                reply(message, 486, tag="x")


class Bench:
    """One side sends rows, the other must hear of those only that cross."""

    def __init__(self, peer, other):
        self.peer, self.other, self.wire, self.drops = peer, other, None, 0
        self.crossed = 0

    def connection(self, row):
        self.drops += sum(e.startswith("drop") for e in row.expects)
        if not self.wire or self.wire.over or self.drops > DROPS:
            if self.wire:
                self.wire.close()
            self.wire, self.drops = Wire(self.peer), 0
        self.wire.messages.clear()
        return self.wire

    def probe(self, row, octets, names):
        """The octets, and the good message behind them on the same connection."""
        wire, last = self.connection(row), f"good-{names['id']}"
        wire.pump([octets + good(names)],
                  lambda: any(m["Call-ID"] == last for m in wire.messages), row.name)
        assert not wire.over, "the connection was closed"
        assert wire.messages[-1]["Call-ID"] == last and wire.messages[-1].status == 200
        return wire.messages[:-1]

    def run(self, row):
        try:
            self.try_it(row)
        except AssertionError:
            if self.wire:
                self.wire.close()
            self.wire = None
            raise

    def try_it(self, row):
        names = names_of(self.peer)
        octets = row.octets(**names)
        if row.closes:
            wire = Wire(self.peer)
            wire.pump([octets], lambda: False, row.name)
            compare(row, octets, names, wire.messages)
            wire.close()
            assert not self.probe(row, b"", names)
        elif row.crosses:
            self.cross(row, octets, names)
        else:
            compare(row, octets, names, self.probe(row, octets, names))

    def cross(self, row, octets, names):
        wire = self.connection(row)
        wire.pump([octets], lambda: wire.messages)
        assert wire.messages[0].status == 100, wire.messages[0].raw
        invite = self.other.expect("INVITE")
        looked_at(row, names, invite.raw)
        reply(invite, 486, tag="x")
        strict(self.other.expect("ACK").raw)
        wire.until(lambda: wire.messages[-1].status == 486)
        repeats(octets, wire.messages[-1].raw)
        self.crossed += 1
        wire.pump([good(names)], lambda: wire.messages[-1]["Call-ID"] == f"good-{names['id']}")

    def close(self):
        self.wire.close()
        self.other.expect_nothing(0.1)


def every(rows, run, ends):
    """Run all; say at the end which were not as they should be."""
    wrong = []
    for row in rows:
        try:
            run(row)
        except AssertionError as error:
            wrong.append(f"{row.file}/{row.name}: {error}")
            for peer in ends.values():
                drain(peer)
    assert not wrong, f"{len(wrong)} of {len(rows)}:\n" + "\n".join(w[:1500] for w in wrong)
    assert rows


@pytest.fixture
def torn(conf, launch, peer):
    """Both sides, connected to a gateway that lets two headers pass and knows no crowd."""
    for trunk in conf.trunks:
        trunk["pass"] = ["Subject", "X-Pass"]
    conf.limits.update(handshakes_per_source_s=0, connections_per_source=1000)
    gateway = launch(conf)
    carrier, service = peer("carrier").listen(), peer("service").listen()
    carrier.connect()
    service.connect()
    gateway.connected("carrier", "service")
    yield gateway, {"carrier": carrier, "service": service}


@pytest.mark.parametrize("side", ("carrier", "service"))
def test_requests(torn, side):
    gateway, ends = torn
    other = ends["service" if side == "carrier" else "carrier"]
    bench, rows = Bench(ends[side], other), [row for row in ALONE if row.side in ("", side)]
    every(rows, bench.run, ends)
    bench.close()
    assert bench.crossed == len([row for row in rows if row.crosses])
    assert len(gateway.find("call_start")) == bench.crossed
    whys = Counter(line["why"] for line in gateway.find("sip_refused", trunk=side))
    assert whys == Counter(e[6:] for row in rows for e in row.expects if e.startswith("close "))
    drops = Counter(line["reason"] for line in gateway.find("sip_dropped"))
    assert drops == Counter(e[5:] for row in rows for e in row.expects if e.startswith("drop "))
    for a, b, numbers in ((ends["carrier"], ends["service"], (Conf.OUTSIDE, Conf.DID)),
                          (ends["service"], ends["carrier"], (Conf.DID, Conf.OUTSIDE))):
        Call(a, b, *numbers).answer().hang_up()


def test_slices(torn):
    """All that leave the connection as it is, in one stream, in TLS records of one size."""
    _, ends = torn
    peer, rows = ends["carrier"], [row for row in ALONE if not row.closes and not row.crosses
                                   and row.side in ("", "carrier")]
    for size in (1, 7, 61, 997, 1 << 20):
        done = 0
        for stream in streams_of(peer, rows, size):
            done += sent(peer, stream, size)
        assert done > 100, size
    ends["service"].expect_nothing(0.1)


def streams_of(peer, rows, size):
    """(row, octets, names) of each that is not too long for so small records."""
    streams, drops = [[]], 0
    for row in rows:
        names = names_of(peer)
        octets = row.octets(**names)
        if len(octets) > 100 * size + 700:
            continue
        dropped = sum(e.startswith("drop") for e in row.expects)
        if drops + dropped > DROPS:
            streams.append([])
            drops = 0
        drops += dropped
        streams[-1].append((row, octets, names))
    return streams


def sent(peer, stream, size):
    wire, names = Wire(peer), names_of(peer)
    data = b"".join(octets for _, octets, _ in stream) + good(names)
    wire.pump((data[i:i + size] for i in range(0, len(data), size)),
              lambda: wire.messages and wire.messages[-1]["Call-ID"] == f"good-{names['id']}")
    assert not wire.over
    messages = wire.messages[:-1]
    for row, octets, names in stream:  # in the order in which they were sent
        count = len(expected(row)) + bool(row.inner)
        compare(row, octets, names, messages[:count])
        messages = messages[count:]
    assert not messages
    wire.close()
    return len(stream)


def test_refused_octet_by_octet(torn):
    """The end comes at the same octet, whatever stands in one TLS record with it."""
    _, ends = torn
    peer = ends["carrier"]

    def run(row):
        names = names_of(peer)
        octets = row.octets(**names)
        wire = Wire(peer)
        wire.pump((octets[i:i + 1] for i in range(len(octets))), lambda: False, row.name)
        compare(row, octets, names, wire.messages)
        wire.close()
    every([row for row in ALONE if row.closes and len(row.octets(**names_of(peer))) < 700][::6],
          run, ends)
    ends["service"].expect_nothing(0.1)


# ---- in a call ----

class Talk:
    """A call that is up, and rows in it."""

    def __init__(self, ends):
        self.ends = ends
        self.begin()

    def begin(self):
        self.call = Call(self.ends["carrier"], self.ends["service"], Conf.OUTSIDE,
                         Conf.DID).answer()

    def run(self, row):
        leg, far = ((self.call.b, self.call.a) if row.side == "service"
                    else (self.call.a, self.call.b))
        leg.cseq += 1
        host, port = leg.conn.local
        names = names_of(leg.peer, **{
            "via": f"SIP/2.0/TLS {host}:{port};branch={leg.branch()}",
            "from": f"<{leg.local}>;tag={leg.tag}",
            "to": f"<{leg.remote}>;tag={leg.remote_tag}", "callid": leg.call_id,
            "cseq": str(leg.cseq), "target": leg.target})
        octets = row.octets(**names)
        if row.closes:
            leg.conn = leg.peer.connect()
        leg.conn.send(octets)
        if row.crosses:
            request = far.peer.expect(row.expects[0].split(" ")[1])
            looked_at(row, names, request.raw)
            far.reply(request, 200)
            repeats(octets, strict(leg.peer.expect(200).raw))
        for status, phrase in expected(row):
            answer = leg.peer.expect(status)
            assert phrase in ("", answer.start[12:]), answer
            repeats(octets, strict(answer.raw))
            if answer.method == "INVITE":
                leg.conn.send(ack(answer))
        if row.closes:
            leg.conn.wait_closed()
            leg.conn = leg.peer.connect()
        self.still_there(leg, far)

    def still_there(self, leg, far):
        """Nothing else has come, on either side, and the dialog is known as before."""
        for one in (leg, far):
            one.request("OPTIONS")
            one.peer.expect(200, "OPTIONS")
            one.settle()
            one.peer.expect_nothing(0)


def test_in_a_call(torn):
    gateway, ends = torn
    talk = Talk(ends)
    every([row for row in ROWS if row.where == "call"], talk.run, ends)
    talk.call.hang_up()
    assert len(gateway.find("call_start")) == 1


# ---- answers ----

class Answers:
    """A new INVITE for each row, which the callee answers with it."""

    def __init__(self, caller, callee, numbers):
        self.caller, self.callee, self.numbers = caller, callee, numbers

    def run(self, row):
        call = Call(self.caller, self.callee, *self.numbers)
        invite = call.invite
        names = names_of(self.callee, **{
            "via": invite["Via"], "branch": re.search(r"branch=([^;]+)", invite["Via"])[1],
            "from": invite["From"], "to": invite["To"], "callid": invite["Call-ID"],
            "cseq": str(invite.cseq)})
        octets = row.octets(**names)
        invite.conn.send(octets)
        crossed = int(row.expects[0].split(" ")[1]) if row.crosses else 0
        told = crossed if row.hears is None else row.hears
        if told:
            answer = self.caller.expect(told)
            looked_at(row, names, answer.raw)
        if row.closes:
            invite.conn.wait_closed()
        if told >= 300:
            self.finish(call, answer, crossed)
            return
        if not row.closes:
            call.b.settle()
            call.a.settle()
            self.caller.expect_nothing(0)
            reply(invite, 486, tag="peertag")
            self.callee.expect("ACK")
        final = self.caller.expect(486 if not row.closes else self.lost())
        call.a.ack(final)
        call.a.settle()

    def lost(self):
        """RFC 3261 8.1.3.1: the connection is gone before any answer came."""
        return 503

    def finish(self, call, answer, crossed):
        call.a.ack(answer)
        call.a.settle()
        strict(self.callee.expect("ACK").raw)
        if crossed < 300:  # it was accepted for good, so it is hung up
            bye = self.callee.expect("BYE")
            strict(bye.raw)
            reply(bye, 481)


@pytest.mark.parametrize("callee", ("service", "carrier"))
def test_answers(torn, callee):
    gateway, ends = torn
    caller = "carrier" if callee == "service" else "service"
    numbers = (Conf.OUTSIDE, Conf.DID) if callee == "service" else (Conf.DID, Conf.OUTSIDE)
    answers = Answers(ends[caller], ends[callee], numbers)
    every([row for row in ROWS if row.where == "invite"], answers.run, ends)
    Call(ends[caller], ends[callee], *numbers).answer().hang_up()
