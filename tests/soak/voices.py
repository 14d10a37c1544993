# SPDX-License-Identifier: BSD-3-Clause
"""Media of the soak's calls: SRTP both ways at 50 packets a second, RTCP every few seconds.

A Voice is some minutes of packets, encrypted once: calls take turns with its key, and sending
costs no more than sendto(). What arrives is counted, and one packet in VERIFIED is decrypted.
"""
import base64
import os
import socket
import struct

import srtp

PACKETS = 5000  # 100 s: nobody in the mix talks longer
VOICES = 4
VERIFIED = 61
REPORT_TICKS = 250
TICK_S = 0.02
READS_MAX = 8


class Voice:
    def __init__(self):
        self.key = os.urandom(30)
        self.ssrc, = struct.unpack("!I", os.urandom(4))
        self.srtp = srtp.Srtp(self.key)
        payload = os.urandom(160)
        self.packets = [self.srtp.protect(srtp.rtp(seq, self.ssrc, payload, 160 * seq, 8))
                        for seq in range(1, PACKETS + 1)]

    def report(self):
        return self.srtp.protect_rtcp(srtp.rtcp_report(self.ssrc, b"soak"))


class Mouth:
    """One end of a call: sockets of its own for the whole run, and a voice."""

    def __init__(self, address, voice):
        self.address, self.voice, self.key = address, voice, voice.key
        while True:
            self.rtp, self.rtcp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                                   for _ in range(2))
            self.rtp.bind((address, 0))
            self.port = self.rtp.getsockname()[1]
            try:
                if self.port % 2 == 0:
                    self.rtcp.bind((address, self.port + 1))
                    break
            except OSError:
                pass
            self.close()
        self.rtp.setblocking(False)
        self.rtcp.setblocking(False)
        self.quiet()

    def quiet(self):
        self.far = self.inward = None
        self.next = 0

    def hear(self, body):
        """The gateway's description on this leg: where to, and under which key it sends."""
        text = body.decode(errors="replace")
        address = text.partition("\nc=IN IP4 ")[2].partition("\r")[0]
        port = text.partition("\nm=audio ")[2].partition(" ")[0]
        key = text.partition(" inline:")[2].partition("\r")[0].partition("|")[0]
        if not port.isdigit() or port == "0" or not key:
            return
        self.far = address, int(port)
        self.inward = srtp.Srtp(base64.b64decode(key))

    def close(self):
        self.rtp.close()
        self.rtcp.close()


class Pair:
    """Both ends of one call. free when no call has it."""

    def __init__(self, ends):
        self.ends, self.talking = ends, False
        self.ticks = 0


class Voices:
    def __init__(self, net, calls):
        made = [Voice() for _ in range(min(VOICES, 2 * calls))]
        self.pairs = [Pair([Mouth(net.carrier, made[2 * i % len(made)]),
                            Mouth(net.service, made[(2 * i + 1) % len(made)])])
                      for i in range(calls)]
        self.free = list(self.pairs)
        self.sent = self.got = self.stray = self.verified = self.bad = self.late_ticks = 0

    def take(self):
        return self.free.pop(0) if self.free else None

    def give_back(self, pair):
        """Nothing of this call may be under way when the next one takes the pair."""
        pair.talking = False
        for end in pair.ends:
            self.read(end)
            end.quiet()
        self.free.append(pair)

    def start(self, pair):
        if all(end.far for end in pair.ends):
            pair.talking = True

    def tick(self):
        for pair in self.pairs:
            if pair.talking:
                pair.ticks += 1
                for end in pair.ends:
                    self.send(end, pair.ticks % REPORT_TICKS == 0)
            for end in pair.ends:
                self.read(end)

    def send(self, end, report):
        if end.next >= PACKETS:
            return
        try:
            end.rtp.sendto(end.voice.packets[end.next], end.far)
            self.sent += 1
            if report:
                end.rtcp.sendto(end.voice.report(), (end.far[0], end.far[1] + 1))
        except OSError:  # the gateway has closed the port: its call is over
            pass
        end.next += 1

    def read(self, end):
        for _ in range(READS_MAX):
            try:
                data, source = end.rtp.recvfrom(2048)
            except BlockingIOError:
                break
            except OSError:
                continue
            if source != end.far:
                self.stray += 1
                continue
            self.got += 1
            if self.got % VERIFIED == 0:
                self.verify(end, data)
        try:
            end.rtcp.recv(2048)
        except OSError:
            pass

    def verify(self, end, data):
        try:
            end.inward.unprotect(data)
            self.verified += 1
        except srtp.NotAuthentic:
            self.bad += 1

    def close(self):
        for pair in self.pairs:
            for end in pair.ends:
                end.close()
