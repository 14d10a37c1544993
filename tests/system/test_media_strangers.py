# SPDX-License-Identifier: BSD-3-Clause
"""Somebody who has no key: he is not heard, not followed, not answered, at no time of a
call (RTP Bleed, RTP Inject; RFC 7362 5), whatever he knows of addresses and packets.
"""
import contextlib
import os
import socket
import struct

import pytest

import srtp
from gateway import Conf, hex_address
from media import End, Talk, counts, describe, one_way, reports, sync, talks
from targets import wait
from ua import Leg, reply

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE
PORTS = {"core": (21000, 21003), "edge": (21100, 21103)}


class Stranger:
    """Sockets at several places, and all that one can send without a key."""

    def __init__(self, net, end, gateway_address):
        self.gateway = gateway_address
        self.socks = []
        for address in (net.address(end.peer.side, 90), net.address(end.peer.side, 91),
                        end.address):  # the peer's own host, too
            for _ in range(2):
                sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                sock.bind((address, 0))
                self.socks.append(sock)

    @staticmethod
    def packets(end, caught=()):
        other = srtp.Srtp(os.urandom(30))
        plain = srtp.rtp(1, end.ssrc, os.urandom(160))
        report = srtp.rtcp_report(end.ssrc, b"stranger")
        return [plain, plain + os.urandom(10), report, report + bytes(14), b"", b"\x80",
                other.protect(plain), other.protect_rtcp(report), os.urandom(172),
                struct.pack("!BBHI", 0x81, 203, 1, end.ssrc),  # BYE
                bytes.fromhex("000100002112a442") + os.urandom(12),  # STUN
                b"\x16\xfe\xff" + bytes(60)] + list(caught)  # DTLS

    def spray(self, ports, packets):
        """No more at a time than a socket of the gateway holds."""
        for sock in self.socks:
            for port in ports:
                for packet in packets:
                    with contextlib.suppress(ConnectionRefusedError):
                        sock.sendto(packet, (self.gateway, port))
            self.wait_read(ports)

    def wait_read(self, ports):
        """Until nothing waits in a socket of these, so says the kernel. That signalling came
        through would not do: media may wait for a later turn of the loop."""
        places = {f"{hex_address(self.gateway)}:{port:04X}" for port in ports}

        def none_waits():
            with open("/proc/net/udp") as f:
                rows = [line.split() for line in list(f)[1:]]
            return not any(row[1] in places and not row[4].endswith(":00000000") for row in rows)
        wait(none_waits, "read of what came")

    def got_nothing(self, seconds=0.02):
        for sock in self.socks:
            sock.settimeout(seconds)
            with contextlib.suppress(socket.timeout, ConnectionRefusedError):
                data, source = sock.recvfrom(4096)
                raise AssertionError(f"{len(data)} octets from {source}")

    def close(self):
        for sock in self.socks:
            sock.close()


@pytest.fixture
def scene(launch, conf, peer, net):
    """Few ports, so that all of them can be sprayed, and a stranger on each side."""
    for interface, ports in zip(conf.interfaces, PORTS.values()):
        interface["media"]["ports"] = list(ports)
    conf.limits["port_rest_s"] = 0
    conf.overload["ports_percent"] = 0
    gateway = launch(conf)
    carrier, service = peer("carrier").listen(), peer("service").listen()
    carrier.connect()
    ends = End(carrier), End(service)
    strangers = [Stranger(net, ends[0], net.core), Stranger(net, ends[1], net.edge)]
    yield gateway, ends, strangers
    for stranger in strangers:
        stranger.close()


def spray_all(ends, strangers, caught=((), ())):
    for s, ports, end, old in zip(strangers, PORTS.values(), ends, caught):
        s.spray(range(ports[0], ports[1] + 1), s.packets(end, old))


def nothing_came(ends, strangers):
    for stranger in strangers:
        stranger.got_nothing()
    for end in ends:
        end.silent(0.02)


def test_from_before_to_after_the_call(scene):
    gateway, (a, b), strangers = scene
    spray_all((a, b), strangers)
    nothing_came((a, b), strangers)

    call = Talk(a.peer, b.peer, OUTSIDE, DID, a, b)
    spray_all((a, b), strangers)  # the ports are open, nobody has a key yet
    nothing_came((a, b), strangers)

    call.answer()
    spray_all((a, b), strangers)  # both ends are known and have not sent anything
    nothing_came((a, b), strangers)
    talks(call)

    caught = [], []
    for sender, receiver, old in ((a, b, caught[0]), (b, a, caught[1])):
        for seq in range(100, 105):
            old.append(sender.out.protect(sender.rtp_packet(seq, bytes(160))))
            sender.send(old[-1])
            assert receiver.receive() is not None
        old.append(sender.out.protect_rtcp(srtp.rtcp_report(sender.ssrc, b"x")))
        sender.send_rtcp(old[-1])
        assert receiver.receive_rtcp() is not None
    spray_all((a, b), strangers, caught)
    nothing_came((a, b), strangers)

    for seq in range(200, 240, 10):  # who talks goes on to be heard, where he is
        spray_all((a, b), strangers, caught)
        one_way(a, b, range(seq, seq + 10))
        one_way(b, a, range(seq, seq + 10))
        reports(a, b)
        reports(b, a)
    for stranger in strangers:
        stranger.got_nothing()
    n = counts(gateway, call)
    assert n["from_caller"] == n["from_callee"] == 12 + 6 + 44
    assert n["dropped_caller"] > 50 and n["dropped_callee"] > 50

    spray_all((a, b), strangers, caught=caught)
    nothing_came((a, b), strangers)


@pytest.mark.parametrize("rekey", (False, True))
def test_around_a_reinvite(scene, rekey):
    """The moment in which an end may be somewhere else: only who has the key says where."""
    _, (a, b), strangers = scene
    call = Talk(a.peer, b.peer, OUTSIDE, DID, a, b).answer()
    talks(call)
    caught = a.out.protect(a.rtp_packet(50, bytes(160)))
    a.send(caught)
    assert b.receive() is not None
    a.move()
    if rekey:
        a.rekey()
    call.change()
    spray_all((a, b), strangers, ([caught], []))
    one_way(b, a, range(100, 120))
    spray_all((a, b), strangers, ([caught], []))
    one_way(b, a, range(120, 140))
    one_way(a, b, range(100, 120))
    nothing_came((a, b), strangers)
    call.hang_up()


def test_while_nobody_is_anywhere(scene):
    """c=0.0.0.0 (RFC 3264 8.4): media goes nowhere, and not to who happens to ask for it."""
    _, (a, b), strangers = scene
    call = Talk(a.peer, b.peer, OUTSIDE, DID, a, b).answer()
    talks(call)
    section, where = a.section, a.address
    a.section = lambda *args: [line.replace(where, "0.0.0.0") if line.startswith("c=") else line
                               for line in section(*args)]
    call.change()
    here = a.bound(a.rtp.getsockname()[1], a.far.address)  # where 0.0.0.0 leads to
    for seq in range(100, 110):
        spray_all((a, b), strangers)
        b.send(b.out.protect(b.rtp_packet(seq, bytes(160))))
    call.a.settle()
    for stranger in strangers:
        stranger.got_nothing()
    here.settimeout(0.05)
    with pytest.raises(socket.timeout):
        here.recv(2000)
    here.close()
    del a.section
    call.change()
    spray_all((a, b), strangers)
    one_way(b, a, range(200, 210))
    one_way(a, b, range(200, 210))
    nothing_came((a, b), strangers)
    call.hang_up()


def test_closed_port_of_a_peer(scene, net):
    """Port unreachable (ICMP) turns nothing elsewhere, and ends nothing."""
    gateway, (a, b), strangers = scene
    call = Talk(a.peer, b.peer, OUTSIDE, DID, a, b).answer()
    talks(call)
    port = a.rtp.getsockname()[1]
    a.rtp.close()
    for seq in range(100, 130):
        strangers[0].spray([a.far.port], [srtp.rtp(seq, a.ssrc, bytes(160))])
        b.send(b.out.protect(b.rtp_packet(seq, bytes(160))))
    call.a.settle()
    strangers[0].got_nothing()
    a.rtp = a.bound(port)
    one_way(b, a, range(130, 150))
    one_way(a, b, range(130, 150))
    assert counts(gateway, call)["from_caller"] == 32


def test_networks_come_first(launch, conf, peer, net):
    """Even with the key: from outside of media_networks nothing is heard."""
    conf.trunks[0]["media_networks"] = [f"{net.carrier}/32", f"{net.address('carrier', 95)}/32"]
    gateway = launch(conf)
    carrier, service = peer("carrier").listen(), peer("service").listen()
    carrier.connect()
    call = Talk(carrier, service, OUTSIDE, DID).answer()
    a, b = call.a_media, call.b_media
    talks(call)
    outside = a.bound(address=net.address("carrier", 96))
    a.send(a.out.protect(a.rtp_packet(50, b"from outside")), outside)
    a.send_rtcp(a.out.protect_rtcp(srtp.rtcp_report(a.ssrc, b"x")), outside)
    sync(a, b, 51)
    one_way(b, a, range(100, 110))
    inside = a.bound(address=net.address("carrier", 95))
    packet = a.rtp_packet(52, b"from inside")
    a.send(a.out.protect(packet), inside)
    assert b.receive() == packet
    packet = b.rtp_packet(110, b"to inside")
    b.send(b.out.protect(packet))
    assert a.receive(sock=inside) == packet
    b.silent(0.02)
    outside.close()
    inside.close()
    n = counts(gateway, call)
    assert n["foreign"] == n["dropped_caller"] == 2


def test_key_of_another_call(gateway, pair):
    """Two calls at once, the same numbers: what is one's is not the other's."""
    carrier, service = pair
    calls = [Talk(carrier, service, OUTSIDE, DID).answer() for _ in range(2)]
    for call in calls:
        talks(call)
    a, other = calls[0].a_media, calls[1].a_media
    for seq in range(50, 60):
        packet = a.out.protect(a.rtp_packet(seq, bytes(160)))
        other.send(packet)
        other.send(packet, a.rtp)
    report = a.out.protect_rtcp(srtp.rtcp_report(a.ssrc, b"x"))
    other.send_rtcp(report)
    calls[1].a.settle()
    for call in calls:
        call.b_media.silent(0.02)
        sync(call.a_media, call.b_media, 100)
        sync(call.b_media, call.a_media, 100)
    dropped = [counts(gateway, calls[0])["unauthentic"]]
    calls[1].hang_up()
    dropped.append(int(gateway.wait_for("call_end", count=2)["unauthentic"]))
    assert sorted(dropped) == [0, 21]


def test_who_is_only_offered(gateway, pair):
    """The callee's key is known from its 183 on; the caller's is not used before."""
    carrier, service = pair
    leg, a = Leg(carrier), End(carrier)
    leg.invite(OUTSIDE, DID, a.sdp())
    invite = service.expect("INVITE")
    far, b = Leg(service).called(invite), End(service)
    b.connect(invite.body)
    far.reply(invite, 180)
    carrier.expect(180)
    for seq in range(10):
        b.send(b.out.protect(b.rtp_packet(seq, bytes(160))))
    far.settle()
    far.settle()  # a whole turn of the loop lies between the two answers
    far.reply(invite, 183, b.sdp())
    a.accepted(carrier.expect(183).body)
    one_way(b, a, range(20, 40))
    one_way(a, b, range(20, 40))
    a.silent(0.02)
    leg.cancel()
    carrier.expect(200, "CANCEL")
    leg.ack(carrier.expect(487))
    reply(service.expect("CANCEL"), 200)
    far.reply(invite, 487)
    service.expect("ACK")
    n = gateway.wait_for("call_end")
    assert (n["from_caller"], n["from_callee"], n["dropped_callee"]) == ("20", "20", "10")


def test_our_own_key_comes_back(gateway, pair):
    """An end that answers with the key it was told: what we send would be taken for its own
    when somebody sends it back. Such a call is not made."""
    call = Talk(*pair, OUTSIDE, DID)
    b = call.b_media
    b.connect(call.invite.body)
    b.key = b.far.key
    call.b.reply(call.invite, 200, describe([b], [b.answer()]))
    call.a.ack(call.a.peer.expect(488))
    call.b.peer.expect("ACK")
    reply(call.b.peer.expect("BYE"), 200)
    assert gateway.wait_for("call_end")["talk_s"] == "0.000"


def test_nothing_comes_twice_over_a_transfer(launch, conf, peer, net):
    """The party that stays keeps its key: what it said before is old on the new ports, too."""
    for trunk in conf.trunks:
        trunk.update(transfer="handle")
    gateway = launch(conf)
    carrier, service = peer("carrier").listen(), peer("service").listen()
    carrier.connect()
    service.connect()
    call = Talk(carrier, service, OUTSIDE, DID).answer()
    a, b = call.a_media, call.b_media
    caught = []
    for seq in range(100, 110):
        caught.append(a.out.protect(a.rtp_packet(seq, b"old news %d" % seq)))
        a.send(caught[-1])
        assert b.receive()
    call.b.request("REFER", headers=[("Refer-To", f"<sip:{Conf.DID2}@edge.gateway.example>")])
    service.expect(202)
    reply(service.expect("NOTIFY"), 200)
    invite = service.expect("INVITE")
    other, c = Leg(service).called(invite), End(service)
    c.connect(invite.body)
    other.reply(invite, 200, describe([c], [c.answer()]))
    invite = carrier.expect("INVITE")
    a.connect(invite.body)
    call.a.reply(invite, 200, describe([a], [a.answer()]))
    carrier.expect("ACK")
    call.a.settle()
    gateway.wait_for("transfer_done")
    thief = a.bound(address=net.address("carrier", 99))
    for packet in caught:
        a.send(packet, thief)
    a.send(a.out.protect(a.rtp_packet(110, b"news")))
    assert c.receive()[12:] == b"news", "the first that comes is what is new"
    c.send(c.out.protect(c.rtp_packet(1, b"to whom?")))
    assert a.receive()[12:] == b"to whom?"
    thief.setblocking(False)
    with pytest.raises(BlockingIOError):
        thief.recv(2000)
