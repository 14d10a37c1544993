# SPDX-License-Identifier: BSD-3-Clause
"""Where media goes: addresses of all kinds, several m-lines, forks, marks, sizes, silence."""
import ipaddress
import os
import socket
import struct

import pytest

import srtp
from gateway import Conf
from media import (MUX, End, Talk, counts, describe, feedback, one_way, passes, reports, sections,
                   sync, talks)
from ua import Leg

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE


# ---- RTCP elsewhere (RFC 3605) ----

def test_rtcp_at_another_address(gateway, pair, net):
    carrier, service = pair
    call = Talk(carrier, service, OUTSIDE, DID,
                End(carrier, rtcp=(net.address("carrier", 70), 0)),
                End(service, rtcp=(net.address("service", 71), 0))).answer()
    for a, b in ((call.a_media, call.b_media), (call.b_media, call.a_media)):
        assert a.rtcp.getsockname()[0] != a.rtp.getsockname()[0]
        reports(a, b, 5)
    talks(call)
    n = counts(gateway, call)
    assert n["from_caller"] == n["from_callee"] == 17
    assert n["dropped_caller"] == n["dropped_callee"] == 0


def test_rtcp_moves_alone(gateway, pair, net):
    """A re-INVITE that changes nothing but a=rtcp."""
    call = Talk(*pair, OUTSIDE, DID).answer()
    talks(call)
    a = call.a_media
    old = a.rtcp
    a.own_rtcp, a.rtcp = True, a.bound(address=net.address("carrier", 72))
    call.change()
    reports(call.b_media, a, 3)
    reports(a, call.b_media, 3)
    one_way(call.b_media, a, range(100, 110))
    old.settimeout(0.05)
    with pytest.raises(socket.timeout):
        old.recv(2000)
    old.close()
    call.hang_up()


def test_rtcp_and_rtp_latch_each_by_itself(gateway, pair, net):
    call = Talk(*pair, OUTSIDE, DID).answer()
    a, b = call.a_media, call.b_media
    talks(call)
    moved = a.bound(address=net.address("carrier", 73))
    report = srtp.rtcp_report(a.ssrc, b"from elsewhere")
    a.send_rtcp(a.out.protect_rtcp(report), moved)
    assert b.receive_rtcp() == report
    report = srtp.rtcp_report(b.ssrc, b"to there")
    b.send_rtcp(b.out.protect_rtcp(report))
    assert a.receive_rtcp(sock=moved) == report
    one_way(b, a, range(100, 110))  # RTP where it was
    moved.close()
    call.hang_up()


# ---- several m-lines ----

def both(peer, second="RTP/SAVPF"):
    return [End(peer), End(peer, "video", second, {96: "H264/90000"}, tag=1)]


def test_audio_and_video(gateway, pair):
    carrier, service = pair
    call = Talk(carrier, service, OUTSIDE, DID, both(carrier), both(service)).answer()
    assert [e.far.proto for e in call.b_ends] == ["RTP/SAVP", "RTP/SAVPF"]
    assert len({e.far.port for e in call.a_ends + call.b_ends}) == 4
    assert len({e.far.key for e in call.a_ends + call.b_ends}) == 4
    talks(call, 20)
    a, b = call.a_ends[1], call.b_ends[1]
    pli = feedback(b.ssrc, a.ssrc)
    b.send_rtcp(b.out.protect_rtcp(pli))
    assert a.receive_rtcp() == pli
    # a key of one m-line opens nothing on another
    call.a_ends[0].send(a.out.protect(a.rtp_packet(100, b"video to the audio port")))
    sync(call.a_ends[0], call.b_ends[0], 100)
    n = counts(gateway, call)
    assert n["from_caller"] == 2 * 22 + 1 and n["from_callee"] == 2 * 22 + 1
    assert n["unauthentic"] == n["dropped_caller"] == 1


@pytest.mark.parametrize("refused", (0, 1))
def test_one_of_two_is_refused(gateway, pair, refused):
    carrier, service = pair
    call = Talk(carrier, service, OUTSIDE, DID, both(carrier), both(service))
    call.b_ends[refused].over = True
    call.answer()
    assert [bool(e.far.port) for e in call.a_ends] == [i != refused for i in (0, 1)]
    talks(call, 20)
    call.b_ends[refused].over = False  # taken up by an offer of its own
    call.change(by="b")
    assert all(e.far.port for e in call.a_ends + call.b_ends)
    talks(call, 10, seq=100)
    call.hang_up()


def test_video_comes_and_goes(gateway, pair):
    carrier, service = pair
    call = Talk(carrier, service, OUTSIDE, DID).answer()
    talks(call)
    call.a_ends.append(both(carrier)[1])
    call.b_ends.append(both(service)[1])
    call.change(by="b")
    talks(call, seq=100)
    video = call.a_ends[1], call.b_ends[1]
    ports = {end.far.port for end in video}
    video[0].over = True
    call.change()
    assert video[1].far.port == video[0].far.port == 0
    talks(call, seq=200)
    for end in video:
        end.silent(0.01)
    video[0].over = False  # in the same place again, with ports of its own
    call.change(by="a")
    assert all(end.far.port for end in video)
    assert ports.isdisjoint(end.far.port for end in video), "those rest"
    talks(call, seq=300)
    call.hang_up()


def test_mux_on_one_m_line_only(launch, conf, peer):
    for trunk in conf.trunks:
        trunk["rtcp_mux"] = "offer"
    launch(conf)
    carrier, service = peer("carrier").listen(), peer("service").listen()
    carrier.connect()
    a, b = both(carrier), both(service)
    a[0].mux = b[1].mux = True
    call = Talk(carrier, service, OUTSIDE, DID, a, b).answer()
    assert [e.muxed for e in a + b] == [True, False, False, True]
    assert all(MUX in s.decode() for s in sections(call.invite.body))
    talks(call)
    call.hang_up()


# ---- IPv6 ----

@pytest.fixture
def six(launch, conf, peer, net):
    """Media of the service's side on [::1], in ports of this run alone."""
    first = 22000 + 40 * int(net.core.split(".")[1])
    conf.interfaces[1]["media"] = {"address": "::1", "ports": [first, first + 39]}
    gateway = launch(conf)
    carrier, service = peer("carrier").listen(), peer("service").listen()
    carrier.connect()
    service.connect()
    return gateway, carrier, service


@pytest.mark.parametrize("caller", ("carrier", "service"))
def test_ip4_and_ip6(six, caller):
    gateway, carrier, service = six
    if caller == "carrier":
        call = Talk(carrier, service, OUTSIDE, DID, End(carrier), End(service, address="::1"))
        assert b"c=IN IP6 ::1" in call.invite.body and b"127." not in call.invite.body
    else:
        call = Talk(service, carrier, DID, OUTSIDE, End(service, address="::1"), End(carrier))
        assert b"::1" not in call.invite.body
    call.answer()
    talks(call, 50)
    for end in call.a_ends + call.b_ends:
        assert ipaddress.ip_address(end.far.address).version == (4 if end.family == 2 else 6)
    n = counts(gateway, call)
    assert n["from_caller"] == n["from_callee"] == 52
    assert n["dropped_caller"] == n["dropped_callee"] == 0


def test_ip6_moves(six):
    """To other ports, by signalling and by itself."""
    _, carrier, service = six
    call = Talk(carrier, service, OUTSIDE, DID, End(carrier), End(service, address="::1")).answer()
    talks(call)
    b = call.b_media
    b.move()
    call.change(by="b")
    talks(call, seq=100)
    moved = b.bound()
    packet = b.rtp_packet(200, b"from elsewhere")
    b.send(b.out.protect(packet), moved)
    assert call.a_media.receive() == packet
    packet = call.a_media.rtp_packet(200, b"to elsewhere")
    call.a_media.send(call.a_media.out.protect(packet))
    assert b.receive(sock=moved) == packet
    moved.close()
    call.hang_up()


def test_other_family_is_refused(six):
    """Where a peer can only be reached in the family of its interface, that is said."""
    service = six[2]
    leg = Leg(service)
    leg.invite(DID, OUTSIDE, End(service).sdp())
    leg.ack(service.expect(488))


# ---- early media ----

class Fork:
    """One of the phones behind the called side."""

    def __init__(self, peer, invite, **more):
        self.leg, self.end = Leg(peer).called(invite), End(peer, **more)
        self.invite = invite
        self.end.connect(invite.body)

    def reply(self, status):
        sdp = describe([self.end], [self.end.answer()])
        self.leg.reply(self.invite, status, sdp)


@pytest.mark.parametrize("same_ssrc", (False, True))
@pytest.mark.parametrize("winner", (0, 1))
def test_early_media_of_two_forks(gateway, pair, winner, same_ssrc):
    """Each with a key of its own; who told it last is heard, and then who is answered."""
    carrier, service = pair
    leg, caller = Leg(carrier), End(carrier)
    leg.invite(OUTSIDE, DID, caller.sdp())
    invite = service.expect("INVITE")
    forks = [Fork(service, invite), Fork(service, invite)]
    if same_ssrc:
        forks[1].end.ssrc = forks[0].end.ssrc
    heard = []
    for fork in forks:
        fork.reply(183)
        heard.append(caller.accepted(carrier.expect(183).body).key)
        packets = [fork.end.rtp_packet(seq, os.urandom(160)) for seq in range(100, 130)]
        for packet in packets:
            fork.end.send(fork.end.out.protect(packet))
            got = caller.receive()
            assert got[12:] == packet[12:] and got[4:12] == packet[4:12]
        reports(fork.end, caller, 2)
    assert heard[0] == heard[1], "our key to the caller is one"

    # who told its key first is not heard while the other is
    stale = forks[0].end.out.protect(forks[0].end.rtp_packet(130, bytes(160)))
    forks[0].end.send(stale)
    packet = forks[1].end.rtp_packet(130, os.urandom(160))
    forks[1].end.send(forks[1].end.out.protect(packet))
    assert caller.receive()[12:] == packet[12:]

    fork, loser = forks[winner], forks[1 - winner]
    fork.reply(200)
    service.expect("ACK")
    ok = carrier.expect(200)
    leg.answered(ok)
    caller.accepted(ok.body)
    leg.ack(ok)
    leg.settle()
    again = fork.end.out.protect(fork.end.rtp_packet(110, bytes(160)))
    fork.end.send(again)  # an index that it has used: a replay, though another key was between
    for seq in range(200, 230):
        packet = fork.end.rtp_packet(seq, os.urandom(160))
        fork.end.send(fork.end.out.protect(packet))
        assert caller.receive()[12:] == packet[12:]
    loser.end.send(loser.end.out.protect(loser.end.rtp_packet(300, bytes(160))))
    packet = fork.end.rtp_packet(231, os.urandom(160))
    fork.end.send(fork.end.out.protect(packet))
    assert caller.receive()[12:] == packet[12:]
    one_way(caller, fork.end, range(1, 20))
    caller.silent(0.01)
    leg.request("BYE")
    carrier.expect(200, "BYE")
    bye = service.expect("BYE")
    fork.leg.reply(bye, 200)
    assert int(gateway.wait_for("call_end")["dropped_callee"]) == 3


def test_media_before_any_answer(gateway, pair):
    """Nobody's key is known: nothing goes anywhere, and nothing comes back."""
    carrier, service = pair
    call = Talk(carrier, service, OUTSIDE, DID)
    b = call.b_media
    b.connect(call.invite.body)
    for seq in range(10):
        b.send(b.out.protect(b.rtp_packet(seq, bytes(160))))
        b.send_rtcp(b.out.protect_rtcp(srtp.rtcp_report(b.ssrc, b"early")))
    call.b.settle()
    call.b.settle()  # a whole turn of the loop lies between the two answers
    call.a_media.silent(0.05)
    b.silent(0.01)
    call.answer()
    one_way(b, call.a_media, range(100, 120))
    assert counts(gateway, call)["dropped_callee"] == 20


# ---- what is in the packets ----

def test_every_size(gateway, pair):
    """From none to 1,460 octets of payload, each size once, both ways."""
    call = Talk(*pair, OUTSIDE, DID).answer()
    a, b = call.a_media, call.b_media
    for first in range(0, 1461, 6):
        for sender, receiver in ((a, b), (b, a)):
            packets = [sender.rtp_packet(size + 1, os.urandom(size))
                       for size in range(first, min(first + 6, 1461))]
            for packet in packets:
                sender.send(sender.out.protect(packet))
            for packet in packets:
                assert receiver.receive() == packet
    n = counts(gateway, call)
    assert n["from_caller"] == n["from_callee"] == 1461
    assert n["dropped_caller"] == n["dropped_callee"] == 0


def test_long_rtcp(gateway, pair):
    """As many sources as a report can have, and a name of 255 octets (RFC 3550 6.4, 6.5)."""
    call = Talk(*pair, OUTSIDE, DID).answer()
    for n in (0, 1, 31):
        packet = struct.pack("!BBHI", 0x80 | n, 201, 1 + 6 * n, call.a_media.ssrc)
        packet += os.urandom(24 * n) + srtp.rtcp_report(call.a_media.ssrc, bytes(255))[8:]
        call.a_media.send_rtcp(call.a_media.out.protect_rtcp(packet))
        assert call.b_media.receive_rtcp() == packet
    call.hang_up()


def test_silence_then_comfort_noise(launch, conf, peer):
    """RFC 3389: no packets for seconds, then one of a few octets; and the call goes on."""
    conf.limits["media_timeout_s"] = 5
    gateway = launch(conf)
    carrier, service = peer("carrier"), peer("service").listen()
    carrier.connect()
    call = Talk(carrier, service, OUTSIDE, DID).answer()
    a, b = call.a_media, call.b_media
    one_way(a, b, range(1, 20))
    one_way(b, a, range(1, 20))
    stamp = 160 * 20
    for seq in range(20, 23):
        carrier.expect_nothing(1.2)
        stamp += 9600
        for sender, receiver in ((a, b), (b, a)):
            passes(sender, receiver,
                   sender.rtp_packet(seq, b"\x45\x20\x11"[:seq - 19], 13, timestamp=stamp))
    for seq in range(23, 30):
        for sender, receiver in ((a, b), (b, a)):
            passes(sender, receiver, sender.rtp_packet(seq, os.urandom(160), marker=seq == 23,
                                                       timestamp=stamp + 160 * seq))
    n = counts(gateway, call)
    assert n["from_caller"] == n["from_callee"] == 19 + 3 + 7
    assert n["dropped_caller"] == n["dropped_callee"] == 0


def test_telephone_events(gateway, pair):
    """RFC 4733: each side has its own number for them, and gets events under that."""
    carrier, service = pair
    a = End(carrier, formats={0: "PCMU/8000", 101: "telephone-event/8000"})
    b = End(service, formats={0: "PCMU/8000", 97: "telephone-event/8000"})
    call = Talk(carrier, service, OUTSIDE, DID, a, b).answer()
    assert "a=rtpmap:101 telephone-event/8000" in b.far.lines
    assert "a=rtpmap:97 telephone-event/8000" in a.far.lines
    seq = 1
    for digit in range(16):
        for sender, receiver, number in ((a, b, 97), (b, a, 101)):
            stamp = 160 * seq
            for i, (end, length) in enumerate(((0, 160), (0, 320), (1, 480), (1, 480), (1, 480))):
                event = struct.pack("!BBH", digit, end << 7 | 10, length)
                passes(sender, receiver, sender.rtp_packet(seq + i, event, number, i == 0, stamp))
        seq += 5
    n = counts(gateway, call)
    assert n["from_caller"] == n["from_callee"] == 80
    assert n["dropped_caller"] == n["dropped_callee"] == 0


# ---- marks ----

def mark_of(end, sock):
    """DSCP of the next packet."""
    sock.settimeout(5)
    option = (socket.IPPROTO_IPV6, 67) if end.family == socket.AF_INET6 else (socket.IPPROTO_IP,
                                                                              socket.IP_TOS)
    data, ancillary, _, _ = sock.recvmsg(4096, 1024)
    for level, kind, value in ancillary:
        if (level, kind) == option:
            return value[0] >> 2
    raise AssertionError(f"no mark with {len(data)} octets")


def test_dscp(launch, conf, peer, net):
    """Each interface's own, on RTP and RTCP, IPv4 and IPv6 (RFC 2474, RFC 4594)."""
    first = 22000 + 40 * int(net.core.split(".")[1])
    conf.interfaces[0]["media"]["dscp"] = 46
    conf.interfaces[1]["media"] = {"address": "::1", "ports": [first, first + 39], "dscp": 34}
    launch(conf)
    carrier, service = peer("carrier").listen(), peer("service").listen()
    carrier.connect()
    call = Talk(carrier, service, OUTSIDE, DID, End(carrier), End(service, address="::1")).answer()
    a, b = call.a_media, call.b_media
    for sock in (a.rtp, a.rtcp):
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
    for sock in (b.rtp, b.rtcp):
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)
    for seq in range(1, 6):
        for sender, receiver, mark in ((a, b, 34), (b, a, 46)):
            sender.send(sender.out.protect(sender.rtp_packet(seq, bytes(160))))
            assert mark_of(receiver, receiver.rtp) == mark
            sender.send_rtcp(sender.out.protect_rtcp(srtp.rtcp_report(sender.ssrc, b"x")))
            assert mark_of(receiver, receiver.rtcp) == mark
    call.hang_up()


def test_no_mark_without_one(gateway, pair):
    call = Talk(*pair, OUTSIDE, DID).answer()
    a, b = call.a_media, call.b_media
    b.rtp.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
    a.rtp.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 46 << 2)  # the sender's stays behind
    a.send(a.out.protect(a.rtp_packet(1, bytes(160))))
    assert mark_of(b, b.rtp) == 0
    call.hang_up()


# ---- what the log says in the end ----

def test_figures_of_the_call(gateway, pair):
    """call_end counts what was sent, by side, RTP and RTCP together."""
    call = Talk(*pair, OUTSIDE, DID).answer()
    a, b = call.a_media, call.b_media
    one_way(a, b, range(1, 101))
    one_way(b, a, range(1, 51))
    reports(a, b, 7)
    reports(b, a, 3)
    for seq in range(101, 104):
        a.send(srtp.Srtp(os.urandom(30)).protect(a.rtp_packet(seq, bytes(160))))
    packet = b.out.protect(b.rtp_packet(51, bytes(160)))
    for _ in range(3):
        b.send(packet)
    b.send(b"\x80")
    assert a.receive() is not None
    sync(a, b, 200)
    sync(b, a, 200)
    call.hang_up()
    end = gateway.wait_for("call_end")
    assert end["from_caller"] == str(100 + 7 + 1) and end["from_callee"] == str(50 + 3 + 1 + 1)
    assert end["dropped_caller"] == "3" and end["dropped_callee"] == "3"
    assert end["unauthentic"] == "3" and end["duplicate"] == "2"
    assert float(end["talk_s"]) <= float(end["duration_s"]) < 60


def test_figures_of_streams_that_ended(gateway, pair):
    """Streams that ended count on in the sum."""
    carrier, service = pair
    call = Talk(carrier, service, OUTSIDE, DID, both(carrier), both(service)).answer()
    talks(call, 20)
    call.b_ends[1].over = True
    call.change(by="b")
    one_way(call.a_ends[0], call.b_ends[0], range(100, 120))
    n = counts(gateway, call)
    assert n["from_caller"] == 2 * 22 + 20 and n["from_callee"] == 2 * 22
