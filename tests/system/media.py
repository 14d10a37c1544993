# SPDX-License-Identifier: BSD-3-Clause
"""Both ends' media as a test wants them: several m-lines, RTCP on RTP's port (RFC 5761) or
anywhere else, IPv6, master key identifiers, keys and addresses that change.

An End is what one side has for one m-line, a Talk a call with any number of them.
"""
import base64
import contextlib
import os
import socket
import struct

import srtp
from ua import SUITE, Call, Leg, Media, Sdp

MUX = "a=rtcp-mux"


class End(Media):
    """One side of an m-line.

    mux: says a=rtcp-mux ("only": a=rtcp-mux-only besides), and does it when the far end
    does; rtcp: an address (host, port) of its own for RTCP; mki: (value, octets);
    family, address: of its sockets, if not the peer's.
    """

    def __init__(self, peer, kind="audio", proto="RTP/SAVP", formats=None, mux=False, rtcp=None,
                 mki=None, lifetime="2^31", address=None, tag=1):
        self.kind, self.proto, self.mux, self.own_rtcp = kind, proto, mux, rtcp
        self.formats = formats or {0: "PCMU/8000", 8: "PCMA/8000", 101: "telephone-event/8000"}
        self.address = address or peer.address
        self.family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        self.muxed = mux == "only"
        self.far = self.inward = None
        self.mki, self.lifetime = mki, lifetime
        self.over = False  # its m-line is refused, or ended
        super().__init__(peer, tag)
        self.out = self.sender()

    # ---- keys ----

    def sender(self, key=None, roc=0):
        """What encrypts as this end does; with another key, or beginning at another counter."""
        mki = self.mki[0].to_bytes(self.mki[1], "big") if self.mki else b""
        return srtp.Srtp(key or self.key, mki, roc)

    def rekey(self):
        """A new key; -> what encrypts under the old one."""
        old, self.key = self.out, os.urandom(30)
        self.out = self.sender()
        return old

    # ---- sockets ----

    def bound(self, port=0, address=None):
        sock = socket.socket(self.family, socket.SOCK_DGRAM)
        try:
            sock.bind((address or self.address, port))
        except OSError:
            sock.close()
            raise
        return sock

    def pair(self):
        while True:
            rtp, rtcp = self.bound(), None
            port = rtp.getsockname()[1]
            with contextlib.suppress(OSError):
                if self.own_rtcp:
                    rtcp = self.bound(self.own_rtcp[1], self.own_rtcp[0])
                elif port % 2 == 0 and port < 65535:
                    rtcp = self.bound(port + 1)
            if rtcp:
                return rtp, rtcp
            rtp.close()

    def move(self, address=None):
        """Other sockets, as after a change of network; -> the old ones, (RTP, RTCP)."""
        old = self.rtp, self.rtcp
        self.address = address or self.address
        self.rtp, self.rtcp = self.pair()
        self.peer.media.append(Sockets(old))
        return old

    # ---- description ----

    def section(self, direction=None, extra=()):
        """The m-line and its attributes."""
        lines = [f"m={self.kind} {self.rtp.getsockname()[1]} {self.proto} "
                 + " ".join(str(f) for f in self.formats),
                 f"c=IN IP{6 if self.family == socket.AF_INET6 else 4} {self.address}"]
        lines += [f"a=rtpmap:{f} {name}" for f, name in self.formats.items()]
        if self.own_rtcp:
            host, port = self.rtcp.getsockname()[:2]
            lines.append(f"a=rtcp:{port} IN IP4 {host}")
        inline = base64.b64encode(self.key).decode()
        inline += f"|{self.lifetime}" if self.lifetime else ""
        inline += f"|{self.mki[0]}:{self.mki[1]}" if self.mki else ""
        lines.append(f"a=crypto:{self.crypto_tag} {SUITE} inline:{inline}")
        if direction:
            lines.append(f"a={direction}")
        return lines + list(extra)

    @property
    def refusal(self):
        """The m-line with port 0 (RFC 3264 6, 8.2)."""
        return [f"m={self.kind} 0 {self.proto} " + " ".join(str(f) for f in self.formats)]

    def offer(self, direction=None, extra=()):
        if self.over:
            return self.refusal
        lines = [MUX] if self.mux else []
        lines += ["a=rtcp-mux-only"] if self.mux == "only" else []
        return self.section(direction, lines + list(extra))

    def answer(self, direction=None, extra=()):
        """To what connect() was told last: a=rtcp-mux only if it was there (RFC 5761 5.1.1)."""
        if self.over or not self.far.port:
            return self.refusal
        self.muxed = bool(self.mux) and MUX in self.far.lines
        return self.section(direction, ([MUX] if self.muxed else []) + list(extra))

    def sdp(self, direction=None, extra=()):
        return describe([self], [self.offer(direction, extra)])

    def connect(self, body):
        """Learn from the far end's description; under the same key its counters go on."""
        before, self.far = self.far, Sdp(body)
        if not self.far.port:
            self.inward = None
        elif not self.inward or before.key != self.far.key:
            self.inward = srtp.Srtp(self.far.key)
        self.far_rtcp = self.far.port + 1
        for line in self.far.lines:
            if line.startswith("a=rtcp:"):
                self.far_rtcp = int(line[7:].split()[0])
        return self.far

    def accepted(self, body):
        """The answer to our offer."""
        self.connect(body)
        self.muxed = bool(self.mux) and MUX in self.far.lines
        return self.far

    # ---- packets ----

    def rtp_packet(self, seq, payload, payload_type=0, marker=False, timestamp=None, ssrc=None):
        return srtp.rtp(seq, self.ssrc if ssrc is None else ssrc, payload,
                        160 * seq if timestamp is None else timestamp,
                        payload_type | (0x80 if marker else 0))

    def send_rtcp(self, data, sock=None):
        if self.muxed:
            (sock or self.rtp).sendto(data, (self.far.address, self.far.port))
        else:
            (sock or self.rtcp).sendto(data, (self.far.address, self.far_rtcp))

    def take(self, sock, port, seconds):
        sock.settimeout(seconds)
        try:
            data, source = sock.recvfrom(4096)
        except socket.timeout:
            return None
        assert source[:2] == (self.far.address, port)
        return data

    def receive(self, seconds=5, sock=None):
        data = self.take(sock or self.rtp, self.far.port, seconds)
        return data and self.inward.unprotect(data)

    def receive_rtcp(self, seconds=5, sock=None):
        """From the port where it has to be, to the one where it has to come."""
        if self.muxed:
            data = self.take(sock or self.rtp, self.far.port, seconds)
        else:
            data = self.take(sock or self.rtcp, self.far_rtcp, seconds)
        return data and self.inward.unprotect_rtcp(data)

    def silent(self, seconds=0.1):
        """Nothing has come to any of its sockets."""
        for sock in (self.rtp, self.rtcp):
            sock.settimeout(seconds)
            with contextlib.suppress(socket.timeout):
                data, source = sock.recvfrom(4096)
                raise AssertionError(f"{len(data)} octets came from {source}")


class Sockets:
    """To be closed with the peer."""

    def __init__(self, socks):
        self.socks = socks

    def close(self):
        for sock in self.socks:
            sock.close()


def describe(ends, sections):
    first = ends[0]
    ip = 6 if first.family == socket.AF_INET6 else 4
    lines = ["v=0", f"o=- {first.session} {first.version} IN IP{ip} {first.address}", "s=-",
             f"c=IN IP{ip} {first.address}", "t=0 0"]
    return ("\r\n".join(lines + sum(sections, [])) + "\r\n").encode()


def sections(body):
    """A description cut into one for each m-line."""
    head, *media = body.decode().split("\r\nm=")
    return ["\r\n".join([head, "m=" + m]).encode() for m in media]


class Talk(Call):
    """A call of Ends: as many m-lines as there are."""

    def __init__(self, caller, callee, number, called, a=None, b=None):
        self.a, self.b = Leg(caller), Leg(callee)
        self.a_ends = a if isinstance(a, list) else [a or End(caller)]
        self.b_ends = b if isinstance(b, list) else [b or End(callee)]
        self.a_media, self.b_media = self.a_ends[0], self.b_ends[0]
        self.a.invite(number, called, describe(self.a_ends, [e.offer() for e in self.a_ends]))
        self.invite = callee.expect("INVITE")
        self.b.called(self.invite)

    def answer_to(self, ends, body, direction=None):
        """The answer of these ends; the sections as they were offered are kept."""
        self.offered, out = sections(body), []
        for end, offered in zip(ends, self.offered):
            end.connect(offered)
            out.append(end.answer(direction))
        return describe(ends, out)

    def accepted(self, ends, body):
        self.answered = sections(body)
        assert len(self.answered) == len(ends)
        for end, section in zip(ends, self.answered):
            end.accepted(section)

    def answer(self):
        self.b.reply(self.invite, 200, self.answer_to(self.b_ends, self.invite.body))
        self.b.peer.expect("ACK")
        ok = self.a.peer.expect(200)
        self.a.answered(ok)
        self.accepted(self.a_ends, ok.body)
        self.a.ack(ok)
        self.a.settle()
        return self

    def change(self, method="INVITE", by="a", offer=None, answer=None):
        """Re-INVITE or UPDATE that says something new, as it goes through to the other end;
        -> (offer as it came, answer as it came), first m-lines."""
        sides = [(self.a, self.a_ends), (self.b, self.b_ends)]
        (first, first_ends), (second, second_ends) = sides if by == "a" else sides[::-1]
        for ends in (first_ends, second_ends):
            ends[0].version += 1
        first.request(method, describe(first_ends, [e.offer(offer) for e in first_ends]))
        request = second.peer.expect(method)
        second.reply(request, 200, self.answer_to(second_ends, request.body, answer))
        if method == "INVITE":
            second.peer.expect("ACK")
        ok = first.peer.expect(200, method)
        if method == "INVITE":
            first.ack(ok)
            first.settle()
        self.accepted(first_ends, ok.body)
        return Sdp(request.body), Sdp(ok.body)

    def repeat(self, by="a"):
        """A re-INVITE that says nothing new: the gateway answers it itself; -> its answer."""
        leg, ends = (self.a, self.a_ends) if by == "a" else (self.b, self.b_ends)
        ends[0].version += 1
        leg.request("INVITE", describe(ends, [e.offer() for e in ends]))
        ok = leg.peer.expect(200, "INVITE")
        leg.ack(ok)
        leg.settle()
        self.accepted(ends, ok.body)
        return Sdp(ok.body)


def counts(gateway, call):
    """Hang up; -> the numbers of the call's end line."""
    call.hang_up()
    return {k: int(v) for k, v in gateway.wait_for("call_end").items() if v.isdigit()}


def arrives(receiver, packet):
    got = receiver.receive()
    assert got == packet, f"{packet[:12].hex()} was sent, {got and got[:12].hex()} came"


def passes(sender, receiver, packet, protect=None):
    """This RTP packet goes through, to the octet."""
    sender.send((protect or sender.out.protect)(packet))
    arrives(receiver, packet)


def one_way(sender, receiver, seqs, batch=10, ssrc=None):
    """A packet for each seq, all of them as they were. Sent so many at a time: a socket of
    the gateway holds some 30 of this size, and drops the rest as it should."""
    plain = [sender.rtp_packet(seq, os.urandom(160), ssrc=ssrc) for seq in seqs]
    for i in range(0, len(plain), batch):
        for packet in plain[i:i + batch]:
            sender.send(sender.out.protect(packet))
        for packet in plain[i:i + batch]:
            arrives(receiver, packet)


def sync(sender, receiver, seq):
    """What was sent on this path before has been dealt with when this packet is through."""
    passes(sender, receiver, sender.rtp_packet(seq, os.urandom(20)))


def reports(sender, receiver, n=1):
    """So many RTCP packets, each to its octets and on the right ports."""
    for i in range(n):
        report = srtp.rtcp_report(sender.ssrc, b"report %d" % i)
        sender.send_rtcp(sender.out.protect_rtcp(report))
        assert receiver.receive_rtcp() == report


def feedback(ssrc, media_ssrc=1, kind=206, fmt=1):
    """A PLI, or another feedback packet without more (RFC 4585 6.1, 6.3.1)."""
    return struct.pack("!BBHII", 0x80 | fmt, kind, 2, ssrc, media_ssrc)


def talks(call, n=10, seq=1):
    """RTP and RTCP both ways, on every m-line."""
    for a, b in zip(call.a_ends, call.b_ends):
        if not a.over and not b.over:
            for sender, receiver in ((a, b), (b, a)):
                one_way(sender, receiver, range(seq, seq + n))
                reports(sender, receiver, 2)
