# SPDX-License-Identifier: BSD-3-Clause
"""Keys over the life of a call (RFC 3711 3.3.1, RFC 4568 6 and 7): rollover counters,
new keys, MKI, lifetime; and that nothing is believed, answered or followed without one.
"""
import os
import random
import socket
import struct

import pytest

import srtp
from gateway import Conf
from media import End, Talk, counts, describe, one_way, passes, reports, sync, talks
from ua import Leg, reply

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE


@pytest.fixture
def call(pair):
    return Talk(*pair, OUTSIDE, DID).answer()


@pytest.fixture
def trunks(launch, conf, peer):
    """trunks(rekey=..., rekey_roc=...) for the carrier -> gateway, carrier, service."""
    def make(**more):
        conf.trunks[0].update(more)
        gateway = launch(conf)
        carrier, service = peer("carrier").listen(), peer("service").listen()
        carrier.connect()
        service.connect()
        return gateway, carrier, service
    return make


def same_but_number(sender, receiver, packet, protect=None):
    """It goes through with nothing changed but, perhaps, its sequence number; -> that."""
    sender.send((protect or sender.out.protect)(packet))
    got = receiver.receive()
    assert got is not None and got[:2] == packet[:2] and got[4:] == packet[4:]
    return struct.unpack_from("!H", got, 2)[0]


# ---- the same key ----

@pytest.mark.parametrize("rekey", ("keep", "follow"))
@pytest.mark.parametrize("method", ("INVITE", "UPDATE"))
def test_same_key_keeps_counters(trunks, rekey, method):
    """Hold, resume and refresh beyond an end of the sequence numbers, both ways."""
    gateway, carrier, service = trunks(rekey=rekey)
    call = Talk(carrier, service, OUTSIDE, DID).answer()
    a, b = call.a_media, call.b_media
    ours = {a.far.key, b.far.key}
    one_way(a, b, range(65500, 65560))
    one_way(b, a, range(65530, 65540))
    for n, by in enumerate("abab"):
        call.change(method, by, "sendonly", "recvonly")
        call.change(method, by)
        one_way(a, b, range(65560 + 20 * n, 65580 + 20 * n))
        one_way(b, a, range(65540 + 20 * n, 65560 + 20 * n))
    call.repeat("a")
    call.repeat("b")
    one_way(a, b, range(65700, 65710))
    one_way(b, a, range(65700, 65710))
    assert {a.far.key, b.far.key} == ours
    n = counts(gateway, call)
    assert n["dropped_caller"] == n["dropped_callee"] == 0


@pytest.mark.parametrize("last", (65533, 65534, 65535, 65536, 65537))
def test_refresh_near_the_end_of_the_numbers(gateway, call, last):
    a, b = call.a_media, call.b_media
    one_way(a, b, range(65500, last + 1))
    call.change(offer="inactive", answer="inactive")
    call.change()
    call.repeat()
    one_way(a, b, range(last + 1, last + 40))
    assert counts(gateway, call)["dropped_caller"] == 0


def test_new_address_same_key(gateway, call, net):
    """What a peer says again goes on counting, wherever it is now; the old place gets nothing."""
    a, b = call.a_media, call.b_media
    one_way(a, b, range(65530, 65550))
    one_way(b, a, range(65530, 65550))
    keys = a.far.key, b.far.key
    old = a.move(net.address("carrier", 80))
    call.change()
    assert (a.far.key, b.far.key) == keys
    one_way(a, b, range(65550, 65580))
    one_way(b, a, range(65550, 65580))
    reports(a, b, 2)
    reports(b, a, 2)
    for sock in old:
        sock.settimeout(0.02)
        with pytest.raises(socket.timeout):
            sock.recv(2000)
    n = counts(gateway, call)
    assert n["dropped_caller"] == n["dropped_callee"] == 0


def test_last_packets_from_the_old_address(gateway, call, net):
    """They are good, and do not lead back to where the peer was."""
    a, b = call.a_media, call.b_media
    talks(call)
    rtp, _ = a.move(net.address("carrier", 81))
    call.change()
    packet = a.rtp_packet(100, b"under way")
    a.send(a.out.protect(packet), rtp)
    assert b.receive() == packet
    one_way(b, a, range(100, 110))
    assert counts(gateway, call)["dropped_caller"] == 0


# ---- new keys ----

def test_old_key_until_the_first_packet_under_the_new(gateway, call):
    a, b = call.a_media, call.b_media
    one_way(a, b, range(65500, 65560))
    one_way(b, a, range(1, 10))
    old = a.rekey()
    call.change()
    for seq in range(65560, 65580):  # still under way
        passes(a, b, a.rtp_packet(seq, os.urandom(160)), old.protect)
    for seq in range(65580, 65600):  # RFC 4568 6.4: counter 0, though the numbers go on
        passes(a, b, a.rtp_packet(seq, os.urandom(160)))
    for seq in range(65600, 65610):
        a.send(old.protect(a.rtp_packet(seq, bytes(160))))
    one_way(a, b, range(65610, 65620))
    one_way(b, a, range(10, 20))
    n = counts(gateway, call)
    assert n["unauthentic"] == n["dropped_caller"] == 10
    assert n["from_caller"] == 60 + 20 + 20 + 10


def test_rtcp_changes_over_too(gateway, call):
    a, b = call.a_media, call.b_media
    talks(call)
    old = a.rekey()
    call.change()
    report = srtp.rtcp_report(a.ssrc, b"the old one")
    a.send_rtcp(old.protect_rtcp(report))
    assert b.receive_rtcp() == report
    reports(a, b, 3)
    a.send_rtcp(old.protect_rtcp(report))
    reports(a, b, 1)
    assert counts(gateway, call)["unauthentic"] == 1


@pytest.mark.parametrize("first", (1, 7000, 40000, 65500))
@pytest.mark.parametrize("reached", (20000, 65530 + 30))
def test_numbers_that_jump_back(gateway, call, first, reached):
    """The same SSRC under a new key begins its numbers anew. Who receives under one key must
    not see an index twice: he gets numbers that go on, in the same row."""
    a, b = call.a_media, call.b_media
    one_way(a, b, range(reached - 60, reached))
    a.rekey()
    call.change()
    got = [same_but_number(a, b, a.rtp_packet(first + i, os.urandom(160))) for i in range(80)]
    assert got == [(got[0] + i) & 0xffff for i in range(80)]
    ahead = (got[0] - (reached - 1)) & 0xffff
    assert 0 < ahead < 0x8000, "no jump back, and none that is taken for one"
    if (first - reached) & 0xffff < 0x4000:
        assert got[0] == first & 0xffff, "no reason to change it"
    assert counts(gateway, call)["dropped_caller"] == 0


def test_gaps_and_order_are_kept_in_a_moved_row(gateway, call):
    a, b = call.a_media, call.b_media
    one_way(a, b, range(30000, 30050))
    a.rekey()
    call.change()
    seqs = [100, 101, 103, 102, 110, 105, 111, 250]
    got = [same_but_number(a, b, a.rtp_packet(seq, os.urandom(160))) for seq in seqs]
    assert [g - got[0] for g in got] == [seq - 100 for seq in seqs]
    counts(gateway, call)


def test_many_keys(gateway, call):
    """Each with an end of the numbers, each changed for another, on both sides in turn."""
    a, b = call.a_media, call.b_media
    for n in range(12):
        sender, by = ((a, "a"), (b, "b"))[n % 2]
        sender.rekey()
        call.change(by=by)
        for s, r in ((a, b), (b, a)):
            packets = [s.rtp_packet(seq, os.urandom(40)) for seq in range(65520, 65550)]
            if s is sender or n < 1:
                rows = [same_but_number(s, r, p) for p in packets]
                assert rows == [(rows[0] + i) & 0xffff for i in range(30)]
                reports(s, r, 2)
    n = counts(gateway, call)
    assert n["dropped_caller"] == n["dropped_callee"] == 0


def test_back_to_a_key_of_before(gateway, call):
    """Its counter goes on, and what came under it before does not come in again."""
    a, b = call.a_media, call.b_media
    one_way(a, b, range(65500, 65550))
    caught = a.out.protect(a.rtp_packet(65550, b"caught"))
    a.send(caught)
    assert b.receive() is not None
    first_key = a.key
    first = a.rekey()
    call.change()
    same_but_number(a, b, a.rtp_packet(1, b"second key"))
    a.key, a.out = first_key, first
    call.change()
    a.send(caught)
    for seq in range(65551, 65570):
        same_but_number(a, b, a.rtp_packet(seq, os.urandom(160)))
    n = counts(gateway, call)
    assert n["dropped_caller"] == 1


def test_counter_that_goes_on_under_a_new_key(gateway, call):
    """RFC 3711 3.3.1 has it that way; some peers do it."""
    a, b = call.a_media, call.b_media
    one_way(a, b, range(65500, 65560))
    a.rekey()
    a.out = a.sender(roc=1)
    call.change()
    one_way(a, b, range(65560, 65600))
    assert counts(gateway, call)["dropped_caller"] == 0


# ---- ours ----

def test_follow_a_new_key(trunks):
    """rekey = "follow": ours to that side is another, from counter 0; the other side's stays."""
    gateway, carrier, service = trunks(rekey="follow")
    call = Talk(carrier, service, OUTSIDE, DID).answer()
    a, b = call.a_media, call.b_media
    one_way(a, b, range(65500, 65550))
    one_way(b, a, range(65500, 65550))
    to_a, to_b = a.far.key, b.far.key
    for n in range(3):
        a.rekey()
        call.change()
        assert a.far.key != to_a and b.far.key == to_b
        to_a = a.far.key
        one_way(b, a, range(65550 + 20 * n, 65570 + 20 * n))  # a.inward is new: counter 0
        for seq in range(65550 + 20 * n, 65570 + 20 * n):
            same_but_number(a, b, a.rtp_packet(seq, os.urandom(160)))
        reports(a, b)
        reports(b, a)
    call.repeat()
    assert a.far.key == to_a, "nothing new, nothing changed"
    call.repeat("b")
    call.change(by="b", offer="sendonly", answer="recvonly")
    call.change(by="a")
    assert a.far.key == to_a
    b.rekey()
    call.change(by="b")
    assert (a.far.key, b.far.key) == (to_a, to_b), "the service's trunk does not follow"
    one_way(b, a, range(65700, 65720))
    n = counts(gateway, call)
    assert n["dropped_caller"] == n["dropped_callee"] == 0


def test_follow_a_new_address(trunks, net):
    """RFC 4568 7.1.4"""
    gateway, carrier, service = trunks(rekey="follow")
    call = Talk(carrier, service, OUTSIDE, DID).answer()
    a, b = call.a_media, call.b_media
    one_way(b, a, range(65500, 65550))
    before = a.far.key
    a.move(net.address("carrier", 82))
    a.rekey()
    call.change()
    assert a.far.key != before
    before = a.far.key
    one_way(b, a, range(65550, 65560))
    a.move(net.address("carrier", 83))
    call.change()
    assert a.far.key != before
    one_way(b, a, range(65560, 65580))
    one_way(a, b, range(1, 20))
    n = counts(gateway, call)
    assert n["dropped_caller"] == n["dropped_callee"] == 0


def test_follow_and_keep_the_counter(trunks):
    """rekey_roc = "keep": as RFC 3711 3.3.1 has it."""
    gateway, carrier, service = trunks(rekey="follow", rekey_roc="keep")
    call = Talk(carrier, service, OUTSIDE, DID).answer()
    a, b = call.a_media, call.b_media
    one_way(b, a, range(65500, 65550))
    before = a.far.key
    a.rekey()
    call.change()
    assert a.far.key != before
    a.inward.first_roc = 1
    one_way(b, a, range(65550, 65580))
    assert counts(gateway, call)["dropped_callee"] == 0


def test_keep_while_all_else_changes(trunks, net):
    gateway, carrier, service = trunks()
    call = Talk(carrier, service, OUTSIDE, DID).answer()
    a, b = call.a_media, call.b_media
    one_way(b, a, range(65500, 65550))
    keys = a.far.key, b.far.key
    a.move(net.address("carrier", 84))
    a.rekey()
    b.rekey()
    call.change()
    assert (a.far.key, b.far.key) == keys
    for seq in range(65550, 65580):
        same_but_number(b, a, b.rtp_packet(seq, os.urandom(160)))
    assert counts(gateway, call)["dropped_callee"] == 0


# ---- SSRCs ----

def test_ssrc_changes_and_comes_back(gateway, call):
    """Each has a counter of its own: music on hold, and the voice again."""
    a, b = call.a_media, call.b_media
    voice, music = a.ssrc, a.ssrc ^ 0x5555
    one_way(a, b, range(65500, 65560))
    a.ssrc = music
    one_way(a, b, range(30000, 30050))
    a.ssrc = voice
    one_way(a, b, range(65560, 65600))
    a.ssrc = music
    one_way(a, b, range(30050, 30060))
    call.change(offer="sendonly", answer="recvonly")
    a.ssrc = voice
    one_way(a, b, range(65600, 65610))
    assert counts(gateway, call)["dropped_caller"] == 0


def test_voices_at_once(gateway, call):
    """Several SSRCs interleaved, each over an end of its numbers."""
    a, b = call.a_media, call.b_media
    for seq in range(65500, 65570, 2):
        for ssrc in range(20):
            one_way(a, b, range(seq - ssrc, seq - ssrc + 2), ssrc=ssrc)
    n = counts(gateway, call)
    assert n["from_caller"] == 20 * 70 and n["dropped_caller"] == 0


@pytest.mark.parametrize("roc", (1, 3, 40))
def test_late_joiner(gateway, call, roc):
    """A conference that began long ago: an SSRC whose counter is not 0 when it is first heard."""
    a, b = call.a_media, call.b_media
    one_way(b, a, range(1, 10))
    late = a.sender(roc=roc)
    a.ssrc += 1
    for seq in range(65500, 65560):  # from the first packet on, over an end of the numbers
        passes(a, b, a.rtp_packet(seq, os.urandom(160)), late.protect)
    assert counts(gateway, call)["dropped_caller"] == 0


def test_lost_for_long(gateway, call):
    """More than 2^15 packets were lost, the end of the numbers among them."""
    a, b = call.a_media, call.b_media
    one_way(a, b, range(20000, 20030))
    a.out.roc[a.ssrc] = 2, 10000
    for seq in range(10000, 10030):
        same_but_number(a, b, a.rtp_packet(seq, os.urandom(160)))
    a.send(a.out.protect(a.rtp_packet(20040, bytes(160)), roc=0))
    same_but_number(a, b, a.rtp_packet(10030, bytes(160)))
    assert counts(gateway, call)["dropped_caller"] == 1


# ---- MKI and lifetime (RFC 4568 6.1) ----

@pytest.mark.parametrize("mki", ((1, 1), (66051, 4), (2 ** 64 - 1, 8), (5, 128)))
def test_master_key_identifier(gateway, pair, mki):
    call = Talk(*pair, OUTSIDE, DID, End(pair[0], mki=mki), End(pair[1], mki=mki)).answer()
    assert all(len(e.far.crypto[0]) == 3 and "|" not in e.far.crypto[0][2]
               for e in (call.a_media, call.b_media))
    talks(call, 50)
    n = counts(gateway, call)
    assert n["from_caller"] == n["from_callee"] == 52
    assert n["dropped_caller"] == n["dropped_callee"] == 0


def test_identifier_that_was_announced_and_is_missing(gateway, pair):
    """Teams says |1:1; who does not send it then is understood."""
    call = Talk(*pair, OUTSIDE, DID, End(pair[0], mki=(1, 1))).answer()
    a, b = call.a_media, call.b_media
    a.out.mki = b""
    for seq in range(1, 100, 20):
        one_way(a, b, range(seq, seq + 20))
        reports(a, b, 3)
    assert counts(gateway, call)["dropped_caller"] == 0


def test_identifier_that_was_not_announced(gateway, pair):
    call = Talk(*pair, OUTSIDE, DID, End(pair[0], mki=(7, 2))).answer()
    a, b = call.a_media, call.b_media
    wrong = {1: b"\0\1\0\7", 2: b"\7", 3: b"\7\0", 4: b"\0\x08"}
    for seq, mki in wrong.items():
        other = srtp.Srtp(a.key, mki)
        a.send(other.protect(a.rtp_packet(seq, bytes(160))))
        a.send_rtcp(other.protect_rtcp(srtp.rtcp_report(a.ssrc, b"x")))
    b.receive_rtcp(0.05)
    sync(a, b, 20)
    reports(a, b)
    n = counts(gateway, call)
    assert n["from_caller"] == 2 and n["dropped_caller"] == 8


@pytest.mark.parametrize("lifetime,packets", (("2^4", 16), ("30", 30)))
def test_lifetime_ends(gateway, pair, lifetime, packets):
    """Not a packet more; a new key is a new life, and the other way is not concerned."""
    call = Talk(*pair, OUTSIDE, DID, End(pair[0], lifetime=lifetime)).answer()
    a, b = call.a_media, call.b_media
    one_way(a, b, range(1, packets + 1))
    for seq in range(packets + 1, packets + 11):
        a.send(a.out.protect(a.rtp_packet(seq, bytes(160))))
    call.a.settle()
    b.silent(0.05)
    one_way(b, a, range(1, 60))
    a.rekey()
    call.change()
    one_way(a, b, range(packets + 20, packets + 30))
    n = counts(gateway, call)
    assert n["from_caller"] == packets + 10 and n["dropped_caller"] == 10


# ---- nothing without authentication ----

def test_duplicates_replays_and_forgeries(gateway, call):
    """All kinds in any order among good packets: every good one comes, once, and no other."""
    a, b = call.a_media, call.b_media
    chance = random.Random(5)
    sent, expected = [], []
    bad = {"again": 0, "tampered": 0, "cut": 0, "strange": 0}
    strange = srtp.Srtp(os.urandom(30))
    for seq in range(65400, 65700):
        packet = a.rtp_packet(seq, os.urandom(chance.randrange(1, 200)))
        sent.append(a.out.protect(packet))
        a.send(sent[-1])
        expected.append(packet)
        kind = chance.choice(list(bad) + ["none"] * 4)
        if kind == "again":
            a.send(chance.choice(sent))
        elif kind == "tampered":
            forged = bytearray(a.out.protect(a.rtp_packet(seq + 1, os.urandom(160)),
                                             a.out.roc[a.ssrc][0]))
            forged[chance.randrange(len(forged))] ^= 1 << chance.randrange(8)
            a.send(bytes(forged))
        elif kind == "cut":
            a.send(sent[-1][:chance.randrange(len(sent[-1]))])
        elif kind == "strange":
            a.send(strange.protect(packet))
        bad[kind] = bad.get(kind, 0) + 1
        if len(expected) == 10:
            for want in expected:
                assert b.receive() == want
            expected = []
    bad.pop("none")
    b.silent(0.05)
    n = counts(gateway, call)
    assert n["from_caller"] == 300 and n["dropped_caller"] == sum(bad.values())
    assert n["dropped_callee"] == 0 and all(bad.values())


def test_replays_of_both_keys(gateway, call):
    """What was recorded under either key does not come in again, from anywhere."""
    a, b = call.a_media, call.b_media
    recorded = []
    for n in range(2):
        for seq in range(100 * n + 1, 100 * n + 60):
            packet = a.rtp_packet(seq, os.urandom(160))
            recorded.append(a.out.protect(packet))
            a.send(recorded[-1])
            assert b.receive() == packet
        report = a.out.protect_rtcp(srtp.rtcp_report(a.ssrc, b"x"))
        a.send_rtcp(report)
        assert b.receive_rtcp() is not None
        a.rekey()
        call.change()
    thief = a.bound(address=a.address)
    a.send_rtcp(report, thief)
    reports(a, b)
    for seq, packet in enumerate(recorded):
        a.send(packet, thief)
        if seq % 10 == 9:
            same_but_number(a, b, a.rtp_packet(300 + seq, b"the first that comes"))
    sync(a, b, 500)
    sync(b, a, 1)  # to where it went
    thief.close()
    n = counts(gateway, call)
    assert n["from_caller"] == 133 and n["dropped_caller"] == 119


# ---- what goes wrong, and who comes instead ----

@pytest.mark.parametrize("rekey", ("keep", "follow"))
def test_refused_change_changes_nothing(trunks, net, rekey):
    """A re-INVITE with another key and address that the other end refuses (RFC 3261 14.1)."""
    gateway, carrier, service = trunks(rekey=rekey)
    call = Talk(carrier, service, OUTSIDE, DID).answer()
    a, b = call.a_media, call.b_media
    one_way(a, b, range(65500, 65550))
    one_way(b, a, range(65500, 65550))
    key, out, socks = a.key, a.out, (a.rtp, a.rtcp)
    a.move(net.address("carrier", 85))
    a.rekey()
    a.version += 1
    call.a.request("INVITE", a.sdp())
    invite = service.expect("INVITE")
    call.b.reply(invite, 488)
    service.expect("ACK")
    refusal = carrier.expect(488)
    call.a.request("ACK", cseq=refusal.cseq, branch=call.a.invite_branch)
    call.a.settle()
    new, (a.rtp, a.rtcp) = (a.rtp, a.rtcp), socks
    a.send(a.out.protect(a.rtp_packet(1, b"nobody took this key")), new[0])
    a.key, a.out = key, out
    one_way(a, b, range(65550, 65580))
    one_way(b, a, range(65550, 65580))
    reports(b, a)
    for sock in new:
        sock.close()
    n = counts(gateway, call)
    assert n["dropped_caller"] == 1 and n["dropped_callee"] == 0


@pytest.mark.parametrize("mux", (False, True))
def test_somebody_else_instead(launch, conf, peer, mux):
    """A transfer that the gateway carries out, in a call that is beyond an end of the numbers:
    who stays goes on with his key and his counter, and hears the new one from the first packet."""
    for trunk in conf.trunks:
        trunk.update(transfer="handle", rtcp_mux="offer")
    launch(conf)
    carrier, service = peer("carrier").listen(), peer("service").listen()
    carrier.connect()
    service.connect()
    call = Talk(carrier, service, OUTSIDE, DID, End(carrier, mux=mux), End(service)).answer()
    a, b = call.a_media, call.b_media
    one_way(a, b, range(65500, 65550))
    one_way(b, a, range(65500, 65550))
    call.b.request("REFER", headers=[("Refer-To", f"<sip:{Conf.DID2}@edge.gateway.example>")])
    first = {}
    while set(first) != {"REFER", "NOTIFY", "INVITE"}:  # on two connections, in any order
        message = service.inbox.get(timeout=10)
        first[message.method] = message
    assert first["REFER"].status == 202
    reply(first["NOTIFY"], 200)
    invite = first["INVITE"]
    other, c = Leg(service).called(invite), End(service, mux=True)
    c.connect(invite.body)
    other.reply(invite, 200, describe([c], [c.answer()]))
    invite = carrier.expect("INVITE")
    a.connect(invite.body)
    call.a.reply(invite, 200, describe([a], [a.answer()]))
    carrier.expect("ACK")
    seen = {}
    for _ in range(3):  # the new one's ACK, and to who is gone NOTIFY and BYE
        message = service.inbox.get(timeout=10)
        seen[message.method] = message
        if message.method != "ACK":
            reply(message, 200)
    assert set(seen) == {"ACK", "NOTIFY", "BYE"}
    assert (a.muxed, c.muxed) == (mux, True)
    one_way(a, c, range(65550, 65580))
    one_way(c, a, range(65500, 65550))
    reports(a, c, 2)
    reports(c, a, 2)
    call.a.request("BYE")
    carrier.expect(200, "BYE")
    other.reply(service.expect("BYE"), 200)
    other.settle()


@pytest.mark.parametrize("change", ("lifetime", "mki", "no mki"))
def test_same_key_said_otherwise(gateway, pair, change):
    """The key decides whether it is another one, not what stands behind it: the counter goes on,
    and what came before does not come in again."""
    a_end = End(pair[0], mki=(1, 1) if change == "no mki" else None)
    call = Talk(*pair, OUTSIDE, DID, a_end).answer()
    a, b = call.a_media, call.b_media
    one_way(a, b, range(65500, 65550))
    caught = [a.out.protect(a.rtp_packet(seq, bytes(160))) for seq in range(65550, 65560)]
    for packet in caught:
        a.send(packet)
        assert b.receive() is not None
    if change == "lifetime":
        a.lifetime = "2^40"
    else:
        a.mki = (1, 1) if change == "mki" else None
        a.out.mki = b"\1" if change == "mki" else b""
    call.change()
    for packet in caught:
        a.send(packet)
    one_way(a, b, range(65560, 65580))
    for packet in caught:
        a.send(packet)
    one_way(a, b, range(65580, 65600))
    n = counts(gateway, call)
    assert n["from_caller"] == 50 + 10 + 40 and n["dropped_caller"] == 20
