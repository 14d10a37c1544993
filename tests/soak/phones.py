# SPDX-License-Identifier: BSD-3-Clause
"""The far ends of the soak: a Phone is one address of a trunk, a Leg one dialog of it.

Unlike the tests' user agents they answer by themselves, whatever comes and whenever: a call of
the mix is cut off at any point, by either side, and both have to come to an end all the same.
"""
import asyncio
import base64
import os
import random
import ssl
import uuid

from targets import Wire
from ua import build, reply, tag_of, uri_of

KEEP_S = 35      # an ended leg still acknowledges what comes late (RFC 3261 timer H is 32 s)
UNANSWERED_S = 34
RECONNECT_S = 0.3

SDP = ("v=0\r\no=- {session} {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n"
       "m=audio {port} RTP/SAVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n"
       "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n"
       "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\na={direction}\r\n")


class Phone:
    """Listens, keeps some connections to the gateway, and has the legs by their Call-ID."""

    def __init__(self, crew, trunk, side, address, cert, connections=2):
        self.crew, self.trunk, self.side, self.address = crew, trunk, side, address
        self.domain = f"{trunk}.example"
        net = crew.net
        self.gateway = net.core if side == "carrier" else net.edge
        self.gateway_name = ("core" if side == "carrier" else "edge") + ".gateway.example"
        self.port = net.port
        self.wires, self.own, self.legs = [], [], {}
        self.mode = "open"  # shut, silent, busy, trying: see mix.py
        self.connections, self.server, self.task = connections, None, None
        self.client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.verify_mode = ssl.CERT_REQUIRED
        for context in (self.client, self.tls):
            context.load_cert_chain(*crew.pki.pair(cert))
            context.load_verify_locations(crew.pki.crt(f"{side}-ca"))

    # ---- connections ----

    async def open(self):
        if not self.server:
            self.server = await asyncio.get_event_loop().create_server(
                lambda: Wire(self), self.address, self.port, ssl=self.tls)

    async def shut(self):
        if self.server:
            self.server.close()
            self.server = None
        for wire in list(self.wires):
            wire.transport.abort()

    async def connect(self):
        """Keep so many connections to the gateway, whatever becomes of them."""
        loop = asyncio.get_event_loop()
        while True:
            self.own = [wire for wire in self.own if wire in self.wires]
            try:
                while len(self.own) < self.connections and self.mode != "shut":
                    _, wire = await loop.create_connection(
                        lambda: Wire(self), self.gateway, self.port, ssl=self.client,
                        server_hostname=self.gateway_name, local_addr=(self.address, 0))
                    self.own.append(wire)
            except OSError:
                self.crew.count["connects_failed"] += 1
            await asyncio.sleep(RECONNECT_S)

    def wire(self):
        alive = [w for w in self.own if w in self.wires] or self.wires
        return random.choice(alive) if alive else None

    # ---- messages ----

    def take(self, m):
        if m.status:
            leg = self.legs.get(m["Call-ID"])
            if leg:
                leg.response(m)
            return
        if self.mode == "silent":
            return
        tag = tag_of(m["To"])
        if m.method == "OPTIONS" and not tag:
            reply(m, 503 if self.mode == "busy" else 200, tag="o")
        elif m.method == "INVITE" and not tag:
            self.crew.invited(self, m)
        elif m["Call-ID"] in self.legs:
            self.legs[m["Call-ID"]].request(m)
        elif m.method != "ACK":
            reply(m, 481, tag="x")


class Leg:
    """state: calling, ringing, up, ending, over. It is over for good only when all is answered."""

    def __init__(self, phone, plan, invite=None):
        self.phone, self.plan, self.invite = phone, plan, invite
        self.caller = invite is None
        self.call_id = invite["Call-ID"] if invite else uuid.uuid4().hex
        self.tag = uuid.uuid4().hex[:8]
        self.state, self.heard = "calling", False
        self.final = 0 if self.caller else 200  # of our first INVITE, where there is one
        self.cseq, self.branch, self.open = 0, "", 0  # open: CSeq of an INVITE of ours
        self.wanted = self.asked = None  # a CANCEL that is due; a re-INVITE not yet answered
        self.session, self.version = random.randrange(1 << 30), 1
        self.direction, self.pracked = "sendrecv", False
        self.mouth = None
        self.key = base64.b64encode(os.urandom(30)).decode()
        self.changed = asyncio.Event()
        if invite:
            self.local, self.remote = uri_of(invite["To"]), uri_of(invite["From"])
            self.remote_tag, self.target = tag_of(invite["From"]), uri_of(invite["Contact"])
        phone.legs[self.call_id] = self

    # ---- what it sends ----

    @property
    def contact(self):
        return "Contact", f"<sip:{self.phone.address}:{self.phone.port};transport=tls>"

    def sdp(self, direction=None, more=""):
        self.direction = direction or self.direction
        mouth = self.mouth
        return (SDP.format(session=self.session, version=self.version, ip=self.phone.address,
                           port=mouth.port if mouth else 40000, direction=self.direction,
                           key=base64.b64encode(mouth.key).decode() if mouth else self.key)
                + more).encode()

    def send(self, method, body=b"", headers=(), cseq=None, branch=None, wire=None):
        """A request; -> False when there is no connection to send it on."""
        wire = wire or self.phone.wire()
        if not wire:
            return False
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        branch = branch or "z9hG4bK" + uuid.uuid4().hex[:16]
        if method == "INVITE":
            self.branch, self.open, self.invite_wire = branch, cseq, wire
        host, port = wire.local
        to = f"<{self.remote}>" + (f";tag={self.remote_tag}" if self.remote_tag else "")
        lines = [("Via", f"SIP/2.0/TLS {host}:{port};branch={branch}"), ("Max-Forwards", 70),
                 ("From", f"<{self.local}>;tag={self.tag}"), ("To", to),
                 ("Call-ID", self.call_id), ("CSeq", f"{cseq} {method}")]
        if method in ("INVITE", "UPDATE", "REFER"):
            lines += [self.contact, ("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, "
                                              "INFO, MESSAGE, REFER, NOTIFY")]
        wire.send(build(f"{method} {self.target} SIP/2.0", lines + list(headers), body))
        return True

    def call(self, number, called, body, headers=()):
        """The first INVITE."""
        self.local = f"sip:{number}@{self.phone.domain}"
        self.remote = self.target = f"sip:{called}@{self.phone.gateway_name}"
        self.remote_tag = ""
        return self.send("INVITE", body, headers)

    def answer(self, m, status, body=b"", headers=(), tag=None):
        if m.conn not in self.phone.wires:
            m.conn = self.phone.wire()
        if not m.conn:
            return
        more = [self.contact] if m.method in ("INVITE", "UPDATE") and status < 400 else []
        reply(m, status, body, tag or self.tag, more + list(headers))

    def change(self, method, direction):
        """Re-INVITE or UPDATE with a description."""
        if self.state != "up" or self.open or self.asked:
            return
        self.version += 1
        self.send(method, self.sdp(direction))

    def hang_up(self):
        """From any state."""
        if self.state in ("ending", "over"):
            return
        if self.state == "up":
            self.bye()
        elif self.caller:
            self.state = "ending"
            self.after(UNANSWERED_S, self.end)
            if self.heard:
                self.cancel()
            else:
                self.wanted = True  # RFC 3261 9.1: not before a provisional
        else:
            self.answer(self.invite, random.choice((480, 486, 603)))
            self.end()

    def cancel(self):
        self.wanted = False
        self.send("CANCEL", cseq=self.open, branch=self.branch, wire=self.invite_wire)

    def bye(self):
        self.state = "ending"
        if self.asked:
            self.answer(self.asked, 487)
            self.asked = None
        if not self.send("BYE"):
            self.end()
        self.after(UNANSWERED_S, self.end)
        self.wake()

    def forget(self):
        """As a peer that has crashed: it knows nothing of the call any more."""
        self.phone.legs.pop(self.call_id, None)
        self.state = "over"
        self.wake()

    def end(self):
        if self.state != "over":
            self.state = "over"
            self.after(KEEP_S, lambda: self.phone.legs.pop(self.call_id, None))
        self.wake()

    # ---- what it gets ----

    def response(self, m):
        self.heard = True
        if m.method == "INVITE":
            if m.status >= 200:
                self.final_response(m)
            else:
                self.provisional(m)
        elif m.method == "BYE":
            self.end()
        elif m.status in (408, 481) and self.state == "up":
            self.bye()
        self.wake()

    def provisional(self, m):
        if self.wanted:
            self.cancel()
        if m["RSeq"] and "100rel" in (m["Require"] or ""):
            self.learn(m)
            body = b""
            if m.body and self.plan.delayed:
                body = self.sdp()  # an offer in a reliable provisional is answered in PRACK
                self.plan.answered_early = True
            self.send("PRACK", body, [("RAck", f"{m['RSeq']} {m['CSeq']}")])
        if self.state == "calling" and m.status > 100:
            self.state = "ringing"

    def learn(self, m):
        self.remote_tag = tag_of(m["To"])
        if m["Contact"]:
            self.target = uri_of(m["Contact"])

    def final_response(self, m):
        self.open = 0
        if m.status >= 300:
            self.send_ack(m, self.branch, m.conn)
            if not self.final:
                self.final = m.status
                self.end()
            elif m.status in (408, 481) and self.state == "up":
                self.bye()
            return
        self.learn(m)
        first, self.final = not self.final, m.status
        body = b""
        if first and self.plan.delayed and not self.plan.answered_early:
            body = self.sdp()
        self.send_ack(m, None, None, body)
        if first and self.state in ("ending", "over"):  # it crossed our CANCEL
            self.bye()
        elif first:
            self.state = "up"
        if self.mouth and m.body:
            self.mouth.hear(m.body)

    def send_ack(self, m, branch, wire, body=b""):
        before = self.remote_tag
        self.remote_tag = tag_of(m["To"])
        self.send("ACK", body, cseq=m.cseq, branch=branch, wire=wire)
        if m.status >= 300:
            self.remote_tag = before

    def request(self, m):
        handler = getattr(self, "on_" + m.method.lower(), None)
        if self.state in ("ending", "over") and m.method not in ("ACK", "BYE", "CANCEL", "PRACK"):
            self.answer(m, 481)
        elif handler:
            handler(m)
        else:
            self.answer(m, 200)
        self.wake()

    def on_invite(self, m):
        if self.open or self.asked:
            self.answer(m, 491)
        elif random.random() < 0.03:  # nobody answers it, until the call is hung up or this is over
            self.asked = m
            self.after(3, self.late_answer)
        else:
            self.accept(m)

    def late_answer(self):
        if self.asked:
            m, self.asked = self.asked, None
            self.accept(m)

    def accept(self, m):
        self.version += 1
        self.answer(m, 200, self.sdp(turned(m.body) if m.body else None))
        if self.mouth and m.body:
            self.mouth.hear(m.body)

    def on_update(self, m):
        if m.body and (self.open or self.asked):
            self.answer(m, 491)
        elif m.body:
            self.accept(m)
        else:  # the gateway refreshes the session
            self.phone.crew.count["refreshes"] += 1
            self.answer(m, 200)

    def on_ack(self, m):
        if self.mouth and m.body:
            self.mouth.hear(m.body)

    def on_prack(self, m):
        self.pracked = True
        self.answer(m, 200)

    def on_bye(self, m):
        self.answer(m, 200)
        if self.asked:
            self.answer(self.asked, 487)
            self.asked = None
        if not self.caller and self.state in ("calling", "ringing"):
            self.answer(self.invite, 487)
        self.end()

    def on_cancel(self, m):
        self.answer(m, 200)
        if self.asked and self.asked.cseq == m.cseq:
            self.answer(self.asked, 487)
            self.asked = None
        elif not self.caller and self.state in ("calling", "ringing"):
            self.answer(self.invite, 487)
            self.end()

    # ---- waiting ----

    def after(self, seconds, what):
        asyncio.get_event_loop().call_later(seconds, what)

    def wake(self):
        self.changed.set()

    async def until(self, look, seconds):
        """Wait until look(), or so long; -> look()"""
        loop = asyncio.get_event_loop()
        end = loop.time() + seconds
        while not look():
            left = end - loop.time()
            if left <= 0:
                break
            self.changed.clear()
            timer = loop.call_later(left, self.wake)
            await self.changed.wait()
            timer.cancel()
        return look()


def turned(body):
    """The direction that answers an offer (RFC 3264 6.1)."""
    if b"a=sendonly" in body:
        return "recvonly"
    if b"a=recvonly" in body:
        return "sendonly"
    return "inactive" if b"a=inactive" in body else "sendrecv"
