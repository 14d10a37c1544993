# SPDX-License-Identifier: BSD-3-Clause
"""Media through the gateway, with srtp.py as both ends' SRTP.

Every end makes its own keys and checks each packet it gets octet by octet,
header and payload. What was dropped is read from the call_end log line.
"""
import os
import socket
import time

import pytest

import srtp
from gateway import Conf
from ua import Call, Leg, Media, Sdp

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE
N = 500


@pytest.fixture
def call(pair):
    carrier, service = pair
    return Call(carrier, service, OUTSIDE, DID).answer()


def counts(gateway, call):
    """Hang up; -> the counters of the call's end line."""
    call.hang_up()
    end = gateway.wait_for("call_end")
    return {k: int(v) for k, v in end.items() if v.isdigit()}


def sync(sender, receiver, seq=60000):
    """What was sent on this path before has been dealt with when this packet is through."""
    payload = os.urandom(20)
    sender.send(sender.packet(seq, payload))
    packet = receiver.receive()
    assert packet is not None and packet[12:] == payload


def one_way(sender, receiver, seqs, batch=10):
    """Send a packet for each seq and see each arrive as it was."""
    plain = [srtp.rtp(seq, sender.ssrc, os.urandom(160), 160 * seq) for seq in seqs]
    for i in range(0, len(plain), batch):
        for packet in plain[i:i + batch]:
            sender.send(sender.out.protect(packet))
        for packet in plain[i:i + batch]:
            assert receiver.receive() == packet


def test_every_octet_both_ways(gateway, call):
    a, b = call.a_media, call.b_media
    assert len({a.key, b.key, a.far.key, b.far.key}) == 4
    for first in range(0, N, 50):  # over the end of the sequence numbers
        one_way(a, b, range(65300 + first, 65300 + first + 50))
        one_way(b, a, range(17 + first, 17 + first + 50))
    for i in range(20):
        for sender, receiver in ((a, b), (b, a)):
            report = srtp.rtcp_report(sender.ssrc, b"end %d" % i)
            sender.send_rtcp(sender.out.protect_rtcp(report))
            assert receiver.receive(sock=receiver.rtcp) == report
    n = counts(gateway, call)
    assert n["from_caller"] == n["from_callee"] == N + 20
    assert n["dropped_caller"] == n["dropped_callee"] == 0


def test_delayed_offer(gateway, pair):
    """INVITE without SDP: the offer comes in the 200, the answer in the ACK (RFC 3264)."""
    a, b = Leg(pair[0]), Leg(pair[1])
    a_media, b_media = Media(pair[0]), Media(pair[1])
    a.invite(OUTSIDE, DID, b"")
    invite = b.peer.expect("INVITE")
    assert not invite.body
    b.called(invite).reply(invite, 200, b_media.sdp())
    ok = a.peer.expect(200)
    a.answered(ok)
    a_media.connect(ok.body)
    a.ack(ok, a_media.sdp())
    b_media.connect(b.peer.expect("ACK").body)
    one_way(a_media, b_media, range(1, 51))
    one_way(b_media, a_media, range(1, 51))
    a.request("BYE")
    a.peer.expect(200, "BYE")
    b.reply(b.peer.expect("BYE"), 200)
    assert gateway.wait_for("call_end")["from_caller"] == "50"


def test_sizes(gateway, call):
    a, b = call.a_media, call.b_media
    for seq, size in enumerate((0, 1, 15, 16, 17, 159, 1200, 1400), 1):
        payload = os.urandom(size)
        a.send(a.packet(seq, payload))
        assert b.receive()[12:] == payload
    # CSRCs, extension and padding bits are the ends' affair
    packet = bytes([0xb2]) + srtp.rtp(100, a.ssrc, b"")[1:] + os.urandom(8)
    packet += bytes.fromhex("bede0002") + os.urandom(8) + b"voice" + b"\0\0\3"
    a.send(a.out.protect(packet))
    assert b.receive() == packet
    assert counts(gateway, call)["from_caller"] == 9


def test_unauthentic_is_dropped(gateway, call):
    a, b = call.a_media, call.b_media
    good = a.packet(1, os.urandom(160))
    bad = []
    for i in (1, 4, 12, 100, len(good) - 11, len(good) - 10, len(good) - 1):
        packet = bytearray(good)
        packet[i] ^= 0x40
        bad.append(bytes(packet))
    wrong = srtp.Srtp(os.urandom(30))
    bad += [wrong.protect(srtp.rtp(seq, a.ssrc, bytes(160))) for seq in range(2, 12)]
    bad += [srtp.rtp(seq, a.ssrc, bytes(160)) for seq in range(12, 17)]  # plain RTP
    bad.append(good[:-4])
    for packet in bad:
        a.send(packet)
    sync(a, b, 20)
    n = counts(gateway, call)
    assert n["unauthentic"] == n["dropped_caller"] == len(bad)
    assert n["from_caller"] == 1 and n["dropped_callee"] == 0


def test_garbage_is_dropped(gateway, call):
    a, b = call.a_media, call.b_media
    stun = bytes.fromhex("000100002112a442") + os.urandom(12)
    bad = [b"\x80", b"\0" * 20, os.urandom(11), b"\x40" + os.urandom(100), stun,
           b"\x16\xfe\xff" + bytes(60), b"\x80" + bytes(3000), b"\x8f\0" + bytes(20)]
    for packet in bad:
        b.send(packet)
        b.send_rtcp(packet)
    sync(b, a)
    report = srtp.rtcp_report(b.ssrc, b"x")
    b.send_rtcp(b.out.protect_rtcp(report))
    assert a.receive(sock=a.rtcp) == report
    n = counts(gateway, call)
    assert n["dropped_callee"] == 2 * len(bad)
    assert n["from_callee"] == 2 and n["dropped_caller"] == 0


def test_replayed_is_dropped(gateway, call):
    a, b = call.a_media, call.b_media
    packets = [a.packet(seq, os.urandom(160)) for seq in range(100, 500)]
    for packet in packets:
        a.send(packet)
        assert b.receive() is not None
    for i, packet in enumerate(packets[-60:] + packets[:10]):  # in the window, and before it
        a.send(packet)
        if i % 10 == 9:  # the socket holds no more than some 30
            sync(a, b, 501 + i)
    report = a.out.protect_rtcp(srtp.rtcp_report(a.ssrc, b"x"))
    for _ in range(3):
        a.send_rtcp(report)
    assert b.receive(sock=b.rtcp) is not None
    assert b.receive(0.1, b.rtcp) is None
    n = counts(gateway, call)
    assert (n["duplicate"], n["replayed"], n["dropped_caller"]) == (62, 10, 72)
    assert n["from_caller"] == 408


def test_out_of_order_passes(gateway, call):
    a, b = call.a_media, call.b_media
    for seq in (10, 12, 11, 9, 40, 13):
        sync(a, b, seq)
    assert counts(gateway, call)["from_caller"] == 6


def test_rtcp_unauthentic_is_dropped(gateway, call):
    a, b = call.a_media, call.b_media
    report = srtp.rtcp_report(a.ssrc, b"somebody@somewhere")
    good = a.out.protect_rtcp(report)
    a.send_rtcp(report)  # plain: malformed, it lacks the E bit (RFC 3711 3.4)
    a.send_rtcp(srtp.Srtp(os.urandom(30)).protect_rtcp(report))
    a.send_rtcp(good[:10] + bytes([good[10] ^ 1]) + good[11:])
    a.send_rtcp(good)
    assert b.receive(sock=b.rtcp) == report
    n = counts(gateway, call)
    assert n["dropped_caller"] == 3 and n["unauthentic"] == 2 and n["from_caller"] == 1


def test_other_source_cannot_take_the_stream(gateway, call, net):
    a, b = call.a_media, call.b_media
    caught = a.packet(1, b"caught on the wire")
    a.send(caught)
    assert b.receive() is not None
    thief = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    thief.bind((net.address("carrier", 66), 0))
    for packet in (srtp.rtp(2, a.ssrc, bytes(160)), caught, b"\x80\0" + os.urandom(100),
                   srtp.Srtp(os.urandom(30)).protect(srtp.rtp(3, a.ssrc, b"wrong key"))):
        a.send(packet, thief)
    call.a.settle()
    call.a.settle()  # a whole turn of the loop lies between the two answers
    sync(b, a, 1)  # still goes where it went, though nothing came from there since
    sync(a, b, 10)
    thief.settimeout(0.1)
    with pytest.raises(socket.timeout):
        thief.recv(2000)
    thief.close()
    n = counts(gateway, call)
    assert n["dropped_caller"] == 4 and n["duplicate"] == 1 and n["unauthentic"] == 3


def test_new_authenticated_source_is_followed(gateway, call, net):
    a, b = call.a_media, call.b_media
    sync(a, b, 1)
    moved = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    moved.bind((net.address("carrier", 67), 0))
    a.send(a.packet(2, b"from elsewhere"), moved)
    assert b.receive()[12:] == b"from elsewhere"
    b.send(b.packet(1, b"to elsewhere"))
    assert a.receive(sock=moved)[12:] == b"to elsewhere"
    moved.close()
    counts(gateway, call)


def test_new_key_by_reinvite(gateway, call):
    a, b = call.a_media, call.b_media
    sync(a, b, 1)
    old = srtp.Srtp(a.key)
    a.key = os.urandom(30)
    a.out = srtp.Srtp(a.key)
    offer, answer = call.change()
    assert (offer.key, answer.key) == (b.far.key, a.far.key), "our own keys stay"
    one_way(a, b, range(2, 20))
    one_way(b, a, range(2, 20))
    a.send(old.protect(srtp.rtp(21, a.ssrc, b"old key")))
    sync(a, b, 22)
    assert counts(gateway, call)["unauthentic"] == 1


def test_same_key_keeps_the_rollover_counter(gateway, call):
    a, b = call.a_media, call.b_media
    one_way(a, b, range(65530, 65546))  # now at counter 1
    call.change("INVITE", "a", "sendonly", "recvonly")
    call.change()
    one_way(a, b, range(65546, 65560))
    a.version += 1
    call.a.request("INVITE", a.sdp())  # nothing new: the gateway answers this itself
    ok = call.a.peer.expect(200)
    call.a.ack(ok)
    call.a.settle()
    assert Sdp(ok.body).key == a.far.key
    one_way(a, b, range(65560, 65570))
    assert counts(gateway, call)["dropped_caller"] == 0


def test_silence_ends_the_call(launch, conf, peer):
    conf.limits["media_timeout_s"] = 1
    gateway = launch(conf)
    carrier, service = peer("carrier"), peer("service").listen()
    carrier.connect()
    call = Call(carrier, service, OUTSIDE, DID).answer()
    begin = time.monotonic()
    seq = 1
    while service.inbox.empty():  # the caller speaks all the time, the callee never
        call.a_media.send(call.a_media.packet(seq, bytes(160)))
        call.b_media.receive(0.02)
        seq += 1
        assert time.monotonic() < begin + 10
    assert time.monotonic() - begin > 0.9
    for leg in (call.a, call.b):
        bye = leg.peer.expect("BYE")
        assert bye["Reason"] == "SIP;cause=408"
        leg.reply(bye, 200)
    assert gateway.wait_for("call_end")["cause"] == "no media from the callee"


def test_hold_is_no_silence(launch, conf, peer):
    conf.limits["media_timeout_s"] = 1
    gateway = launch(conf)
    carrier, service = peer("carrier"), peer("service").listen()
    carrier.connect()
    call = Call(carrier, service, OUTSIDE, DID).answer()
    call.change(offer="inactive", answer="inactive")
    carrier.expect_nothing(1.6)
    assert not gateway.find("call_end")
    call.change()
    sync(call.a_media, call.b_media, 1)
    sync(call.b_media, call.a_media, 1)
    call.hang_up()


def test_ports_are_given_back(launch, conf, peer):
    """As many calls as there are port pairs, twice; one more is refused."""
    for interface in conf.interfaces:
        interface["media"]["ports"] = [21000, 21007]
    conf.overload["ports_percent"] = 0
    gateway = launch(conf)
    carrier, service = peer("carrier"), peer("service").listen()
    carrier.connect()
    for _ in range(2):
        calls = [Call(carrier, service, OUTSIDE, DID).answer() for _ in range(4)]
        assert {c.a_media.far.port for c in calls} == {21000, 21002, 21004, 21006}
        Leg(carrier).refused(OUTSIDE, DID, 503)
        for c in calls:
            c.hang_up()
    assert len(gateway.find("call_refused", status=503)) == 2
