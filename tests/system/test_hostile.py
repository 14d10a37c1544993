# SPDX-License-Identifier: BSD-3-Clause
"""A peer with a valid certificate that attacks, or does not care.

Each test looks whether the other trunk is served as before, and, by the
fixture's end, whether every call, port and descriptor came back.
"""
import base64
import contextlib
import os
import queue
import re
import socket
import time
import uuid

import pytest

import srtp
from gateway import Conf
from ua import SUITE, WAIT, Call, Leg, Media, Message, Raw, reply, request, tag_of

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE


# ---- tools ----

def serves(service, carrier):
    """The other trunk's call goes through, and quickly."""
    begin = time.monotonic()
    Call(service, carrier, DID, OUTSIDE).answer().hang_up()
    assert time.monotonic() - begin < 5


def descriptors(gateway):
    return len(os.listdir(f"/proc/{gateway.process.pid}/fd"))


def first_of(*peers):
    """The next message that comes to any of them."""
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        for peer in peers:
            try:
                message = peer.inbox.get(timeout=0.01)
                if message is not None:
                    return message
            except queue.Empty:
                pass
    raise AssertionError("nothing came")


# ---- the stream ----

def test_slices(raw, ends):
    """Where the bytes are cut does not matter, down to one byte in each TLS record."""
    data = [request(ends[0], "OPTIONS", body=b"v=0\r\n" * (n % 3)) for n in range(12)]
    stream = b"".join(data)
    for size in (1, 2, 3, 7, 61, 1000, len(stream)):
        r = raw()
        r.pump((stream[i:i + size] for i in range(0, len(stream), size)),
               lambda: len(r.of(200)) == len(data))
        assert [m["Call-ID"] for m in r.messages] == [
            Message(d.decode().split("\r\n\r\n")[0])["Call-ID"] for d in data]
        r.close()


def smuggler(peer, old, new):
    """An OPTIONS with another one in its body, and one line of its head made ambiguous."""
    inner = request(peer, "OPTIONS", call_id="smuggled")
    outer = request(peer, "OPTIONS", body=inner).decode()
    old = old.replace("#", str(len(inner)))
    assert old in outer
    return outer.replace(old, new.replace("#", str(len(inner))), 1).encode()


LENGTH = "Content-Length: #\r\n"
SMUGGLING = {
    "length-twice-0-first": (LENGTH, "Content-Length: 0\r\n" + LENGTH),
    "length-twice-0-last": (LENGTH, LENGTH + "Content-Length: 0\r\n"),
    "length-twice-same": (LENGTH, LENGTH + LENGTH),
    "length-compact-too": (LENGTH, "l: 0\r\n" + LENGTH),
    "length-spaced-too": (LENGTH, "Content-Length : 0\r\n" + LENGTH),
    "length-folded-too": (LENGTH, LENGTH + "content-length:\r\n 0\r\n"),
    "length-list": (LENGTH, "Content-Length: #, 0\r\n"),
    "length-plus": (LENGTH, "Content-Length: +#\r\n"),
    "length-hex": (LENGTH, "Content-Length: 0x1\r\n"),
    "length-comment": (LENGTH, "Content-Length: # (or 0)\r\n"),
    "length-empty": (LENGTH, "Content-Length:\r\n"),
    "length-none": (LENGTH, "Transfer-Encoding: chunked\r\n"),
    "bare-lf": (LENGTH, "X: y\nContent-Length: 0\r\n" + LENGTH),
    "bare-lf-end": (LENGTH, "Content-Length: 0\r\n\n" + LENGTH),
    "bare-cr": (LENGTH, "X: y\rContent-Length: 0\r\n" + LENGTH),
    "nul": (LENGTH, "X: \0\r\n" + LENGTH),
    "start-line-folded": (" SIP/2.0\r\n", " SIP/2.0\r\n Content-Length: 0\r\n"),
}


def test_smuggling(raw, ends, gateway):
    """A stream that two readers could cut in two ways is not read on."""
    for case, change in SMUGGLING.items():
        r = raw().pump([smuggler(ends[0], *change)], lambda: False, case)
        assert r.over and not r.of(200), case
        r.close()
    gateway.wait_for("sip_refused", trunk="carrier", count=len(SMUGGLING))
    # a length that is plain makes the inner one what it is: a body
    r = raw()
    r.pump([smuggler(ends[0], LENGTH, "l:\r\n  #\r\n"), request(ends[0], "OPTIONS")],
           lambda: len(r.of(200)) == 2)
    assert not any(m["Call-ID"] == "smuggled" for m in r.messages)


FLOODS = {
    "headers": b"".join(b"X-%d: y\r\n" % i for i in range(200)),
    "line": b"X: " + b"y" * 5000 + b"\r\n",
    "folds": b"X: y\r\n" + b" y\r\n" * 1500,
    "head": b"".join(b"X-%d: %s\r\n" % (i, b"y" * 4000) for i in range(12)),
    "vias": b"Via: SIP/2.0/TLS a.example;branch=z9hG4bK1\r\n" * 40,
    "via-list": b"Via: " + b", ".join([b"SIP/2.0/TLS a.example;branch=z9"] * 60) + b"\r\n",
    "body": b"Content-Length: 33000\r\n",
    "contacts": b"Contact: " + b", ".join([b"<sip:a@b.example>"] * 150) + b"\r\n",
    "parameters": b"Reason: Q.850" + b";a=b" * 900 + b"\r\n",
}


def test_oversize(raw, ends):
    """Every size has its end: refused by a status or by the end, at once, and without memory."""
    for case, extra in FLOODS.items():
        data = request(ends[0], "OPTIONS", call_id=case)
        data = data.replace(b"Content-Length: 0\r\n", extra if case == "body"
                            else extra + b"Content-Length: 0\r\n")
        r = raw()
        r.pump([data, request(ends[0], "OPTIONS", call_id="next")],
               lambda: any(m["Call-ID"] == "next" for m in r.messages))
        first = [m.status for m in r.messages if m["Call-ID"] == case]
        long = case in ("contacts", "parameters")  # but no longer than a line may be
        assert first == [200] if long else first in ([], [400]), (case, first)
        r.close()
    for size in (2100, 40000):
        r = raw().pump([b"OPTIONS sip:" + b"x" * size + b" SIP/2.0\r\n"], lambda: False)
        assert r.over
        r.close()


def test_trickle_does_not_hold_a_connection(launch, conf, peer):
    conf.limits["first_message_s"] = 1
    gateway = launch(conf)
    r = Raw(peer("carrier"))
    data = request(r.peer, "OPTIONS")[:-2]  # it never is whole
    begin = time.monotonic()
    for i in range(len(data)):
        r.pump([data[i:i + 1]])
        if r.over:
            break
        time.sleep(0.02)
    assert r.over and 0.5 < time.monotonic() - begin < 5
    gateway.wait_for("conn_down", why="no SIP message came in time")
    r.close()


def test_peer_that_never_reads(gateway, ends, raw):
    r = raw()
    data = b"".join(request(ends[0], "OPTIONS") for _ in range(200))
    with pytest.raises(OSError):  # until then it takes what its queue may hold, and no more
        r.sock.settimeout(WAIT)
        for _ in range(1000):
            r.sock.sendall(data)
    gateway.wait_for("conn_down", trunk="carrier", why=re.compile("does not read"))
    serves(ends[1], ends[0])


def test_keep_alives_without_end(ends, raw):
    r = raw()
    r.pump([b"\r\n\r\n" * 50000])
    serves(ends[1], ends[0])
    r.pump([request(ends[0], "OPTIONS")], lambda: r.of(200))
    # one answer to many that came together; RFC 5626 4.4.1 sends one in 95 seconds and more
    assert r.octets < 50000


def test_options_flood(ends, raw):
    r = raw()
    r.pump((request(ends[0], "OPTIONS") for _ in range(3000)), lambda: len(r.of(200)) == 3000)
    serves(ends[1], ends[0])


# ---- connections ----

def test_silent_clients_do_not_keep_others_out(gateway, peer, net):
    """limits.handshakes is 64; somebody without a certificate opens more from one address."""
    before = descriptors(gateway)
    silent = []
    for _ in range(150):
        with contextlib.suppress(ConnectionResetError):  # limits.handshakes_per_source_burst is 100
            silent.append(socket.create_connection(
                (net.core, net.port), WAIT, source_address=(net.address("carrier", 66), 0)))
    begin = time.monotonic()
    r = Raw(peer("carrier"))
    r.pump([request(r.peer, "OPTIONS")], lambda: r.of(200))
    assert time.monotonic() - begin < 3, "handshakes of one address held all slots"
    assert descriptors(gateway) < before + 64
    gateway.wait_for("tls_refused", why=re.compile("too many handshakes"))
    for sock in silent:
        sock.close()
    r.close()
    gateway.until(lambda: descriptors(gateway) <= before, "return of descriptors")


def test_connections_come_and_go(gateway, ends, raw):
    gateway.connected("carrier", "service")
    before = descriptors(gateway)
    for n in range(40):
        r = raw()
        if n % 2:
            r.pump([request(ends[0], "OPTIONS")[:n * 5]])
        r.close()
    gateway.until(lambda: descriptors(gateway) <= before, "return of descriptors")
    serves(ends[1], ends[0])


# ---- calls ----

def test_call_flood(launch, conf, peer):
    """Exactly limits.calls of them are taken, and all are given back."""
    conf.limits["calls"] = 20
    gateway = launch(conf)
    carrier, service = peer("carrier"), peer("service").listen()
    r, sdp = Raw(carrier), Media(carrier).sdp()
    ids = [uuid.uuid4().hex for _ in range(80)]
    gateway.connected("service")
    before = descriptors(gateway)
    r.pump((request(carrier, "INVITE", DID, sdp, call_id=i, branch="z9hG4bK" + i) for i in ids),
           lambda: len(r.of(503)) == 60)
    invites = [service.expect("INVITE") for _ in range(20)]
    gateway.wait_for("call_start", count=20)
    assert all(int(m["Retry-After"]) > 0 for m in r.of(503))
    # three CANCELs for each, of which one counts
    tags = {m["Call-ID"]: tag_of(m["To"]) for m in r.messages}
    assert len(tags) == 80
    for _ in range(3):
        r.pump(cancel(carrier, i) for i in ids)
    r.until(lambda: len(r.of(487)) == 20)
    for invite in invites:
        reply(invite, 487, tag="x")
        service.expect("ACK")
    gateway.wait_for("call_end", count=20)
    assert len(gateway.find("call_start")) == 20
    r.acknowledge()
    r.close()
    gateway.until(lambda: descriptors(gateway) <= before, "return of descriptors")
    service.expect_nothing(0.1)
    carrier.connect()
    Call(carrier, service, OUTSIDE, DID).answer().hang_up()


def cancel(peer, call_id):
    return request(peer, "CANCEL", DID, call_id=call_id, branch="z9hG4bK" + call_id)


def test_number_scan(gateway, ends, raw):
    r = raw()
    r.pump((request(ends[0], "INVITE", f"+44163297{n:04}", b"x" * 1000) for n in range(400)),
           lambda: len(r.of(404)) == 400)  # and no ACK
    assert not gateway.find("call_start")
    assert all(m["Warning"] is None and not m.body for m in r.messages)
    serves(ends[1], ends[0])
    r.acknowledge()


MOMENTS = ("invited", "ringing", "answered", "up", "hung up")


def hung_up_on(leg):
    """Answer BYE; one that was read just before its connection went comes again on another."""
    while True:
        try:
            return leg.reply(leg.peer.expect("BYE"), 200)
        except OSError:
            pass


def accepted(*peers):
    """The peers know of the gateway's two connections to each, too: TLS 1.3 is up there first."""
    deadline = time.monotonic() + WAIT
    while any(len(peer.conns) < 3 for peer in peers):  # the peer's own is the third
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("who", ("caller", "callee"))
def test_connection_lost_at_any_moment(pair, gateway, who, moment):
    """Connections go: the call ends when the other side ends it, and nothing is left of it."""
    carrier, service = pair
    gateway.connected("carrier", "service")  # what comes up only later would not be lost
    accepted(carrier, service)
    call = Call(carrier, service, OUTSIDE, DID)
    lost, stays = (call.a, call.b) if who == "caller" else (call.b, call.a)
    step = MOMENTS.index(moment)
    if step >= 1:
        call.b.reply(call.invite, 180)
        carrier.expect(180)
    if step >= 2:
        call.b.reply(call.invite, 200, call.b_media.sdp())
        service.expect("ACK")
        ok = carrier.expect(200)
        call.a.answered(ok)
    if step >= 3:
        call.a.ack(ok)
        call.a.settle()
    if step >= 4:
        stays.request("BYE")
        stays.peer.expect(200)
        lost.peer.expect("BYE")
    since = gateway.mark()
    if who == "caller" and step < 2:  # else it is told of the end on the next connection
        lost.peer.close()
    for conn in {lost.conn, *lost.peer.conns}:
        conn.close()
    gateway.wait_for("conn_down", since, trunk=lost.peer.side, count=3)  # all that there are
    if (who, moment) in (("caller", "answered"), ("callee", "ringing")):
        # only here something of its own is still awaited of it, for 32 s (RFC 3261 13.3.1.4, 9.1)
        lost.conn = call.invite.conn = lost.peer.connect()
    if step < 2 and stays is call.b:
        call.b.reply(call.invite, 486)
        service.expect("ACK")
    elif step == 0:  # RFC 3261 8.1.3.1: without any response it fails with its connection
        call.a.ack(first_of(carrier))
    elif step == 1:
        call.a.cancel()
        carrier.expect(200, "CANCEL")
        call.a.ack(carrier.expect(487))
        cancel = service.expect("CANCEL")
        reply(cancel, 200)
        call.b.reply(call.invite, 487)
        service.expect("ACK")
    elif step == 2:
        call.a.ack(ok)
        call.a.settle()
    if 2 <= step < 4:
        stays.request("BYE")
        stays.peer.expect(200, "BYE")
    if step >= 2:  # the gateway comes by a new connection, also once more when BYE was lost
        hung_up_on(lost)
    gateway.wait_for("call_end")


def test_stolen_dialog(launch, conf, net, peer):
    """All ids of a call are worth nothing on another trunk's connection."""
    conf.trunks.append(conf.trunk("carrier", name="carrier2", identities=["carrier2.example"],
                                  targets=[]))
    launch(conf)
    carrier, service = peer("carrier").listen(), peer("service").listen()
    other = peer("carrier", address=net.address("carrier", 2), cert="carrier2",
                 domain="carrier2.example")
    carrier.connect()
    other.connect()
    early = Call(carrier, service, OUTSIDE, DID)
    call = Call(carrier, service, OUTSIDE, DID).answer()
    for victim in (early.a, call.a, call.b):
        thief = Leg(other)
        thief.__dict__.update({k: v for k, v in victim.__dict__.items()
                               if k not in ("peer", "conn")})
        for method in ("BYE", "INVITE", "UPDATE", "OPTIONS"):
            if thief.remote_tag:
                thief.request(method, Media(other).sdp() if method != "BYE" else b"")
                refusal = other.expect(481)
                if method == "INVITE":
                    thief.ack(refusal)
        thief.request("ACK", cseq=victim.cseq)
        thief.invite_branch = victim.invite_branch
        thief.cancel()
        other.expect(481, "CANCEL")
    service.expect_nothing(0.1)
    carrier.expect_nothing(0.1)
    early.b.reply(early.invite, 486)
    service.expect("ACK")
    early.a.ack(carrier.expect(486))
    call.hang_up()


def test_change_storm(pair):
    """Re-INVITEs that wait for nothing: one goes through, the others are told to wait."""
    carrier, service = pair
    call = Call(carrier, service, OUTSIDE, DID).answer()
    branches = {}
    for _ in range(30):
        cseq = call.a.request("INVITE", call.a_media.sdp("sendonly"))
        branches[cseq] = call.a.invite_branch
    change = service.expect("INVITE")
    for _ in range(29):
        refusal = carrier.expect(500)
        call.a.request("ACK", cseq=refusal.cseq, branch=branches[refusal.cseq])
        assert int(refusal["Retry-After"]) <= 10
    call.b.reply(change, 200, call.b_media.sdp("recvonly"))
    service.expect("ACK")
    call.a.ack(carrier.expect(200))
    call.a.settle()
    service.expect_nothing(0.1)
    call.hang_up()


def with_video(media, port):
    inline = base64.b64encode(media.key).decode()
    media.version += 1
    return media.sdp(extra=[f"m=video {port} RTP/SAVP 96", f"a=crypto:1 {SUITE} inline:{inline}"])


@pytest.mark.parametrize("taken", (True, False))
def test_media_come_and_go(pair, gateway, taken):
    """A second m-line, taken or refused by the far end, as often as the peer likes."""
    carrier, service = pair
    call = Call(carrier, service, OUTSIDE, DID).answer()
    gateway.connected("service")
    ports, before = set(), descriptors(gateway)
    for n in range(40 if taken else 12):
        port = 0 if taken and n % 2 else 40000
        call.a.request("INVITE", with_video(call.a_media, port))
        offer = service.expect("INVITE")
        if taken:
            call.b.reply(offer, 200, with_video(call.b_media, port))
        else:
            call.b.reply(offer, 488)
        service.expect("ACK")
        final = carrier.expect(200 if taken else 488)
        call.a.ack(final)
        call.a.settle()
        ports.add(re.search(rb"m=video (\d+)", offer.body)[1])
    assert len(ports) > 3
    call.b_media.send(call.b_media.packet(1, b"still there"))
    assert call.a_media.receive()[12:] == b"still there"
    assert descriptors(gateway) <= before + 4
    call.hang_up()


# ---- session descriptions ----

def bombs(media):
    sdp, audio = media.sdp(), media.sdp().split(b"m=")[1]
    host = media.peer.address.encode()
    return {
        "lines": sdp + b"a=x\r\n" * 250,
        "media": sdp + (b"m=" + audio) * 9,
        "no-v": sdp[5:],
        "port": re.sub(rb"m=audio \d+", b"m=audio 65536", sdp),
        "port-count": re.sub(rb"m=audio (\d+)", rb"m=audio \1/1000", sdp),
        "port-last": re.sub(rb"m=audio \d+", b"m=audio 65535", sdp),
        "multicast": sdp.replace(b"IP4 " + host, b"IP4 224.2.0.1/127"),
        "broadcast": sdp.replace(b"IP4 " + host, b"IP4 255.255.255.255"),
        "short": sdp.replace(b"IP4 " + host, b"IP4 2130706433"),
        "name": sdp.replace(b"IP4 " + host, b"IP4 localhost"),
        "ip6": sdp.replace(b"IP4 " + host, b"IP6 ::1"),
        "mapped": sdp.replace(b"IP4 " + host, b"IP6 ::ffff:127.0.0.1"),
        "nul": sdp + b"a=x\0y\r\n",
        "short-key": re.sub(rb"inline:\S+", b"inline:AAAA", sdp),
        "mki": sdp.replace(b"|2^31", b"|2^31|1:129"),
        "two-keys": re.sub(rb"(inline:[^|]+)\S*", rb"\1|1:4;\1|2:4", sdp),
        "crypto": re.sub(rb"(a=crypto:)\d( \S+ )", rb"\g<1>9999999999\2", sdp),
    }


def test_session_description_bombs(ends, raw, gateway):
    carrier, service = ends
    gateway.connected("carrier", "service")
    before = descriptors(gateway)
    r = raw()
    for case, sdp in bombs(Media(carrier)).items():
        seen = len(r.messages)
        r.pump([request(carrier, "INVITE", DID, sdp)], lambda: len(r.messages) > seen)
        assert not r.over and r.messages[-1].status in (400, 413, 488), (case, r.statuses())
    service.expect_nothing(0.1)
    assert not gateway.find("call_start")
    r.acknowledge()
    r.close()
    gateway.until(lambda: descriptors(gateway) <= before, "return of descriptors")


def test_eight_media(pair, gateway):
    """The most there may be: eight streams, and all are given back."""
    carrier, service = pair
    Call(carrier, service, OUTSIDE, DID).answer().hang_up()  # opens the connection to the service
    before = descriptors(gateway)
    leg, media, far = Leg(carrier), Media(carrier), Media(service)
    leg.invite(OUTSIDE, DID, eight(media))
    invite = service.expect("INVITE")
    assert len(set(re.findall(rb"m=\w+ (\d+)", invite.body))) == 8
    b = Leg(service).called(invite)
    b.reply(invite, 200, eight(far))
    service.expect("ACK")
    ok = carrier.expect(200)
    leg.answered(ok)
    leg.ack(ok)
    assert descriptors(gateway) >= before + 32
    leg.request("BYE")
    carrier.expect(200, "BYE")
    b.reply(service.expect("BYE"), 200)
    gateway.until(lambda: descriptors(gateway) <= before, "return of descriptors")


def eight(media):
    inline = base64.b64encode(media.key).decode()
    return media.sdp(extra=[line for n in range(7) for line in (
        f"m=audio {41000 + 2 * n} RTP/SAVP 0", f"a=crypto:1 {SUITE} inline:{inline}")])


@pytest.mark.parametrize("mirrors", ("a", "b", "ab"))
def test_media_to_ourselves(pair, gateway, mirrors):
    """An end names the gateway's own port and key: what came back would be authentic, and
    between two such ends one packet would go round for ever."""
    carrier, service = pair
    call = Call(carrier, service, OUTSIDE, DID).answer()
    a, b = call.a_media, call.b_media
    b.connect(call.invite.body)
    for sender, receiver in ((a, b), (b, a)):
        sender.send(sender.packet(1, b"first"))
        assert receiver.receive()[12:] == b"first"

    def described(name, media):
        media.version += 1
        if name not in mirrors:
            return media.sdp(key=os.urandom(30))
        return re.sub(rb"m=audio \d+", b"m=audio %d" % media.far.port, re.sub(
            rb"c=IN IP4 \S+", b"c=IN IP4 " + media.far.address.encode(),
            media.sdp(key=media.far.key)))
    call.a.request("INVITE", described("a", a))
    call.b.reply(service.expect("INVITE"), 200, described("b", b))
    service.expect("ACK")
    call.a.ack(carrier.expect(487))
    b.send(b.packet(2, b"second"))
    for leg in (call.a, call.b):
        leg.reply(leg.peer.expect("BYE"), 200)
    end = gateway.wait_for("call_end", talk_s=re.compile("."))
    assert int(end["from_caller"]) <= 2 and int(end["from_callee"]) <= 2, end.text


# ---- media ----

def test_packet_flood(pair, gateway):
    """Garbage, guesses and other people's packets, from elsewhere: nothing of it passes."""
    carrier, service = pair
    call = Call(carrier, service, OUTSIDE, DID).answer()
    a, b = call.a_media, call.b_media
    wrong = srtp.Srtp(os.urandom(30))
    stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stranger.bind((carrier.net.address("carrier", 66), 0))
    good = a.packet(1, b"first")
    a.send(good)
    assert b.receive()[12:] == b"first"
    for n in range(1500):
        packet = (os.urandom(n % 300), srtp.rtp(n, a.ssrc, bytes(170)), good,
                  wrong.protect(srtp.rtp(n, a.ssrc, bytes(20))),
                  wrong.protect_rtcp(srtp.rtcp_report(a.ssrc, b"x")))[n % 5]
        stranger.sendto(packet, (a.far.address, a.far.port + n // 5 % 2))
        if n % 50 == 49:
            a.send(a.packet(2 + n, b"%d" % n))
            assert b.receive()[12:] == b"%d" % n
    b.send(b.packet(1, b"back"))
    assert a.receive()[12:] == b"back", "media goes where its owner is"
    stranger.setblocking(False)
    with pytest.raises(BlockingIOError):
        stranger.recv(100)
    stranger.close()
    call.hang_up()
    end = gateway.wait_for("call_end")
    assert (end["from_caller"], end["from_callee"]) == ("31", "1")
    # after 500 in a second on one port the kernel drops the stranger's
    assert 500 <= int(end["dropped_caller"]) <= 1500


def test_sources_without_end(pair, gateway):
    """The right key, and a new SSRC in each packet: 128 are enough for anybody."""
    carrier, service = pair
    call = Call(carrier, service, OUTSIDE, DID).answer()
    a, b = call.a_media, call.b_media
    for ssrc in range(1, 301):
        a.send(a.out.protect(srtp.rtp(1, ssrc, b"%d" % ssrc)))
        if ssrc <= 128:
            assert b.receive()[12:] == b"%d" % ssrc
        elif ssrc % 10 == 0:  # a socket takes no more at a time
            a.send(a.out.protect(srtp.rtp(ssrc, 7, b"known")))
            assert b.receive()[12:] == b"known"
    call.hang_up()
    end = gateway.wait_for("call_end")
    assert (end["from_caller"], end["dropped_caller"]) == ("146", "172")
