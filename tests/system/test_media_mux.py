# SPDX-License-Identifier: BSD-3-Clause
"""RTP and RTCP on one port (RFC 5761, RFC 8035, RFC 8858): what is offered, what is
answered, and that RTCP really comes and goes where that says, on each side by itself.
"""
import os
import struct

import pytest

import srtp
from gateway import Conf
from media import (MUX, End, Talk, counts, describe, feedback, one_way, passes, reports, sync,
                   talks)
from ua import Leg, Sdp

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE
MODES = ("off", "answer", "offer")


def rtcp_lines(sdp):
    return sorted(line for line in sdp.lines if line.startswith("a=rtcp"))


@pytest.fixture
def ends(launch, conf, peer):
    """ends(carrier mode, service mode) -> gateway, carrier, service."""
    def make(carrier_mode, service_mode):
        for trunk, mode in zip(conf.trunks, (carrier_mode, service_mode)):
            if mode:
                trunk["rtcp_mux"] = mode
        gateway = launch(conf)
        carrier, service = peer("carrier").listen(), peer("service").listen()
        carrier.connect()
        service.connect()
        return gateway, carrier, service
    return make


def talk(carrier, service, a=False, b=False, **more):
    """A call of ends that do a=rtcp-mux or do not."""
    return Talk(carrier, service, OUTSIDE, DID, End(carrier, mux=a, **more), End(service, mux=b))


# ---- who does it with whom ----

@pytest.mark.parametrize("service_mode", MODES)
@pytest.mark.parametrize("carrier_mode", MODES)
def test_each_side_by_itself(ends, carrier_mode, service_mode):
    _, carrier, service = ends(carrier_mode, service_mode)
    for a_can in (False, True):
        for b_can in (False, True):
            call = talk(carrier, service, a_can, b_can).answer()
            a, b = call.a_media, call.b_media
            offer, answer = b.far, a.far

            # RFC 5761 5.1.1: with a=rtcp for a peer that cannot; the answer has no use for it
            if service_mode == "offer":
                assert rtcp_lines(offer) == [MUX, f"a=rtcp:{offer.port + 1}"]
            else:
                assert rtcp_lines(offer) == []
            a_does = a_can and carrier_mode != "off"
            assert rtcp_lines(answer) == ([MUX] if a_does else [])
            assert (a.muxed, b.muxed) == (a_does, b_can and service_mode == "offer")

            talks(call)
            a.silent(0.01)
            b.silent(0.01)
            call.hang_up()


def test_answer_is_what_it_is_without_a_word(ends):
    _, carrier, service = ends(None, None)
    call = talk(carrier, service, True, True).answer()
    assert (call.a_media.muxed, call.b_media.muxed) == (True, False)
    talks(call)
    call.hang_up()


@pytest.mark.parametrize("mode", ("off", "answer"))
def test_one_port_alone(ends, mode):
    """RFC 8858: an end that has no port for RTCP, and another that has. Who has no other port
    gets it on this one, whatever the trunk's mode."""
    gateway, carrier, service = ends(mode, "off")
    call = talk(carrier, service, "only").answer()
    call.a_media.rtcp.close()
    assert rtcp_lines(call.a_media.far) == [MUX]
    for seq in range(1, 100, 10):
        one_way(call.a_media, call.b_media, range(seq, seq + 10))
        reports(call.a_media, call.b_media)
        reports(call.b_media, call.a_media)
    n = counts(gateway, call)
    assert (n["from_caller"], n["from_callee"]) == (110, 10)
    assert n["dropped_caller"] == n["dropped_callee"] == 0


def test_uncalled_for_in_an_answer(ends):
    """RFC 5761 5.1.1: an answer must not have it if the offer had not. RTCP stays in its place."""
    _, carrier, service = ends("off", "answer")
    call = talk(carrier, service)
    b = call.b_media
    b.connect(call.invite.body)
    call.b.reply(call.invite, 200, b.sdp(extra=[MUX]))
    service.expect("ACK")
    ok = carrier.expect(200)
    call.a.answered(ok)
    call.a_media.accepted(ok.body)
    call.a.ack(ok)
    call.a.settle()
    talks(call)
    call.hang_up()


def test_delayed_offer(ends):
    """The offer comes in the 200 and the answer in the ACK (RFC 3264): our offer goes to a."""
    _, carrier, service = ends("offer", "answer")
    a, b = Leg(carrier), Leg(service)
    a_media, b_media = End(carrier, mux=True), End(service, mux=True)
    a.invite(OUTSIDE, DID, b"")
    invite = service.expect("INVITE")
    b.called(invite).reply(invite, 200, b_media.sdp())
    ok = carrier.expect(200)
    a.answered(ok)
    a_media.connect(ok.body)
    assert rtcp_lines(a_media.far) == [MUX, f"a=rtcp:{a_media.far.port + 1}"]
    a.ack(ok, b"\r\n".join(line.encode() for line in [
        "v=0", f"o=- 1 1 IN IP4 {carrier.address}", "s=-", "t=0 0"] + a_media.answer()) + b"\r\n")
    b_media.accepted(service.expect("ACK").body)
    assert a_media.muxed and b_media.muxed
    for sender, receiver in ((a_media, b_media), (b_media, a_media)):
        one_way(sender, receiver, range(1, 21))
        reports(sender, receiver, 3)
    a.request("BYE")
    carrier.expect(200, "BYE")
    b.reply(service.expect("BYE"), 200)


# ---- later in the call ----

@pytest.mark.parametrize("by", "ab")
def test_taken_up_and_given_up(ends, by):
    """RFC 8035: each offer and answer decides anew."""
    _, carrier, service = ends("answer", "answer")
    call = talk(carrier, service).answer()
    talks(call)
    end = call.a_media if by == "a" else call.b_media
    other = call.b_media if by == "a" else call.a_media
    for n, can in enumerate((True, False, True, False)):
        end.mux = can
        call.change(by=by)
        assert (end.muxed, other.muxed) == (can, False)
        talks(call, seq=100 * (n + 1))
    call.hang_up()


def test_kept_when_the_other_side_offers(ends):
    """What a peer took up by its own offer stays when we offer to it for somebody else."""
    _, carrier, service = ends("answer", "answer")
    call = talk(carrier, service, True, True).answer()
    assert call.a_media.muxed and not call.b_media.muxed
    offer, answer = call.change(by="b")  # an offer to a, an answer to b
    assert MUX in offer.lines, "what is in use is offered again"
    assert MUX in answer.lines
    talks(call, seq=100)
    assert call.a_media.muxed and call.b_media.muxed
    call.hang_up()


@pytest.mark.parametrize("method", ("INVITE", "UPDATE"))
def test_hold_and_resume(ends, method):
    _, carrier, service = ends("answer", "offer")
    call = talk(carrier, service, True, True).answer()
    talks(call)
    call.change(method, offer="sendonly", answer="recvonly")
    one_way(call.a_media, call.b_media, range(100, 110))
    for sender, receiver in ((call.a_media, call.b_media), (call.b_media, call.a_media)):
        reports(sender, receiver, 3)
    call.change(method)
    talks(call, seq=200)
    assert call.a_media.muxed and call.b_media.muxed
    call.hang_up()


def test_repeated_description(ends):
    """A re-INVITE that repeats everything is answered as before, a=rtcp-mux and all."""
    _, carrier, service = ends("answer", "offer")
    call = talk(carrier, service, True, True).answer()
    before = {by: rtcp_lines(end.far) for by, end in (("a", call.a_media), ("b", call.b_media))}
    assert before["a"] == [MUX]
    talks(call)
    assert rtcp_lines(call.repeat("a")) == before["a"]
    assert rtcp_lines(call.repeat("b")) == [MUX]
    talks(call, seq=100)
    call.hang_up()


# ---- what comes on which port ----

def test_feedback_profile(ends):
    """RTP/SAVPF with its feedback (RFC 4585, RFC 5104, RFC 5124) on one port and on two."""
    gateway, carrier, service = ends("answer", "off")
    lines = ["a=rtcp-fb:96 nack pli", "a=rtcp-fb:96 ccm fir"]
    a = End(carrier, "video", "RTP/SAVPF", {96: "H264/90000"}, mux=True)
    b = End(service, "video", "RTP/SAVPF", {96: "H264/90000"})
    section = a.section
    a.section = lambda direction=None, extra=(): section(direction, list(extra) + lines)
    call = Talk(carrier, service, OUTSIDE, DID, a, b).answer()
    assert b.far.proto == a.far.proto == "RTP/SAVPF"
    assert all(line in b.far.lines for line in lines)
    talks(call)
    for kind, fmt in ((205, 1), (205, 15), (206, 1), (206, 4), (206, 15)):
        for sender, receiver in ((a, b), (b, a)):
            packet = feedback(sender.ssrc, receiver.ssrc, kind, fmt)
            sender.send_rtcp(sender.out.protect_rtcp(packet))
            assert receiver.receive_rtcp() == packet
    n = counts(gateway, call)
    assert n["dropped_caller"] == n["dropped_callee"] == 0


def test_payload_types_that_look_like_rtcp(ends):
    """RFC 5761 4: with the marker, 64 to 95 are RTCP on one port, and RTP on two."""
    gateway, carrier, service = ends("answer", "off")
    call = talk(carrier, service).answer()
    a, b = call.a_media, call.b_media
    for seq, payload_type in enumerate((63, 64, 72, 76, 95, 96, 127), 1):
        for marker in (False, True):
            passes(a, b, a.rtp_packet(2 * seq + marker, os.urandom(40), payload_type, marker))
    a.mux = True
    call.change()
    for seq, payload_type in enumerate((0, 63, 64, 95, 96, 127), 100):
        passes(a, b, a.rtp_packet(2 * seq, os.urandom(40), payload_type))
    for seq, payload_type in enumerate((0, 63, 96, 127), 110):
        passes(a, b, a.rtp_packet(2 * seq, os.urandom(40), payload_type, True))
    a.send(a.out.protect(a.rtp_packet(300, os.urandom(40), 72, True)))
    sync(a, b, 301)
    n = counts(gateway, call)
    assert n["from_caller"] == 14 + 10 + 1
    assert n["dropped_caller"] == 1


def test_every_kind_of_rtcp(ends):
    """All that RFC 5761 4 takes for RTCP by its second octet."""
    gateway, carrier, service = ends("answer", "offer")
    call = talk(carrier, service, True, True).answer()
    for kind in range(192, 224):
        for sender, receiver in ((call.a_media, call.b_media), (call.b_media, call.a_media)):
            packet = struct.pack("!BBHI", 0x80, kind, 1, sender.ssrc)
            sender.send_rtcp(sender.out.protect_rtcp(packet))
            assert receiver.receive_rtcp() == packet
    n = counts(gateway, call)
    assert n["from_caller"] == n["from_callee"] == 32
    assert n["dropped_caller"] == n["dropped_callee"] == 0


def test_a_burst_of_both(ends):
    """RTP and RTCP in one burst, from one port to two and back: none is lost, all in order."""
    gateway, carrier, service = ends("answer", "off")
    call = talk(carrier, service, True).answer()
    a, b = call.a_media, call.b_media
    for first in range(1, 200, 20):
        packets = [a.rtp_packet(seq, os.urandom(seq % 50)) for seq in range(first, first + 20)]
        told = [srtp.rtcp_report(a.ssrc, b"%d" % seq) for seq in range(first, first + 20, 4)]
        for i, packet in enumerate(packets):
            a.send(a.out.protect(packet))
            if i % 4 == 0:
                a.send_rtcp(a.out.protect_rtcp(told[i // 4]))
        for packet in packets:
            assert b.receive() == packet
        for report in told:
            assert b.receive_rtcp() == report
    n = counts(gateway, call)
    assert n["from_caller"] == 250 and n["dropped_caller"] == 0


def test_latches_as_one(ends, net):
    """A peer behind a NAT: with one port, RTCP alone shows where both have to go (RFC 7362)."""
    _, carrier, service = ends("answer", "off")
    call = talk(carrier, service, True).answer()
    a, b = call.a_media, call.b_media
    talks(call)
    moved = a.bound(address=net.address("carrier", 69))
    report = srtp.rtcp_report(a.ssrc, b"from elsewhere")
    a.send_rtcp(a.out.protect_rtcp(report), moved)
    assert b.receive_rtcp() == report
    packet = b.rtp_packet(50, b"to elsewhere")
    b.send(b.out.protect(packet))
    assert a.receive(sock=moved) == packet
    report = srtp.rtcp_report(b.ssrc, b"there too")
    b.send_rtcp(b.out.protect_rtcp(report))
    assert a.receive_rtcp(sock=moved) == report
    moved.close()
    call.hang_up()


def test_profile_offers(launch, conf, peer):
    """Teams' profile has it (RFC 8035 is among what Microsoft asks for)."""
    conf.trunks[1] = conf.trunk("service", carrier="carrier", profile="teams-direct-routing",
                                options_s=0)
    launch(conf)
    carrier, service = peer("carrier").listen(), peer("service").listen()
    carrier.connect()
    call = talk(carrier, service, False, True).answer()
    assert MUX in Sdp(call.invite.body).lines and call.b_media.muxed
    talks(call)
    call.hang_up()


# ---- who does not do as agreed ----

def test_rtcp_on_the_port_that_was_given_up(ends):
    """It is authentic, so it is passed on; our RTCP goes where it was agreed."""
    gateway, carrier, service = ends("answer", "off")
    call = talk(carrier, service, True).answer()
    a, b = call.a_media, call.b_media
    talks(call)
    for i in range(5):
        report = srtp.rtcp_report(a.ssrc, b"to the wrong port %d" % i)
        a.rtcp.sendto(a.out.protect_rtcp(report), (a.far.address, a.far.port + 1))
        assert b.receive_rtcp() == report
        reports(b, a)
    one_way(b, a, range(100, 110))
    a.silent(0.02)
    assert counts(gateway, call)["dropped_caller"] == 0


def test_rtcp_on_the_port_of_rtp_without_a_word(ends):
    """Not agreed, so it is taken for RTP, and is none: it moves nothing."""
    gateway, carrier, service = ends("answer", "off")
    call = talk(carrier, service).answer()
    a, b = call.a_media, call.b_media
    talks(call)
    for i in range(5):
        a.send(a.out.protect_rtcp(srtp.rtcp_report(a.ssrc, b"%d" % i)))
        a.rtcp.sendto(a.out.protect(a.rtp_packet(50 + i, bytes(160))),
                      (a.far.address, a.far.port + 1))
    talks(call, seq=100)
    b.silent(0.02)
    assert counts(gateway, call)["dropped_caller"] == 10


@pytest.mark.parametrize("winner", (0, 1))
def test_forks_of_two_minds(ends, winner):
    """Of two forks one takes up a=rtcp-mux: RTCP goes to each as it wants it."""
    _, carrier, service = ends("answer", "offer")
    leg, caller = Leg(carrier), End(carrier)
    leg.invite(OUTSIDE, DID, caller.sdp())
    invite = service.expect("INVITE")
    forks = []
    for mux in (True, False):
        far, end = Leg(service).called(invite), End(service, mux=mux)
        end.connect(invite.body)
        far.reply(invite, 183, describe([end], [end.answer()]))
        caller.accepted(carrier.expect(183).body)
        for _ in range(3):
            reports(end, caller)
            reports(caller, end)
        forks.append((far, end))
    far, end = forks[winner]
    far.reply(invite, 200, describe([end], [end.answer()]))
    service.expect("ACK")
    ok = carrier.expect(200)
    leg.answered(ok)
    caller.accepted(ok.body)
    leg.ack(ok)
    leg.settle()
    for _ in range(3):
        reports(end, caller)
        reports(caller, end)
    forks[1 - winner][1].silent(0.01)
    leg.request("BYE")
    carrier.expect(200, "BYE")
    far.reply(service.expect("BYE"), 200)
