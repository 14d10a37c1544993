# SPDX-License-Identifier: BSD-3-Clause
"""A small SIP user agent over TLS, steered message by message by a test.

A Peer is one organisation: it listens, connects, and has one inbox for all its
connections. A Leg is one dialog of it. Nothing happens by itself except that
100 is skipped and OPTIONS outside dialogs is answered.
"""
import base64
import contextlib
import os
import queue
import re
import select
import socket
import ssl
import struct
import threading
import time
import uuid

import srtp

WAIT = 10
SUITE = "AES_CM_128_HMAC_SHA1_80"


# ---- messages ----

class Message:
    def __init__(self, head, body=b""):
        lines = head.split("\r\n")
        self.start, self.body = lines[0], body
        self.headers = []
        for line in lines[1:]:
            if line[:1] in " \t" and self.headers:
                name, value = self.headers[-1]
                self.headers[-1] = (name, value + " " + line.strip())
            elif line:
                name, value = line.split(":", 1)
                self.headers.append((name.strip(), value.strip()))
        self.conn, self.raw = None, b""

    @property
    def status(self):
        return int(self.start.split(" ")[1]) if self.start.startswith("SIP/2.0 ") else 0

    @property
    def method(self):
        return self["CSeq"].split()[1] if self.status else self.start.split(" ")[0]

    @property
    def uri(self):
        return self.start.split(" ")[1]

    @property
    def cseq(self):
        return int(self["CSeq"].split()[0])

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def __getitem__(self, name):
        values = self.all(name)
        return values[0] if values else None

    def __str__(self):
        head = "\n".join([self.start] + [f"{n}: {v}" for n, v in self.headers])
        return head + "\n\n" + self.body.decode(errors="replace").replace("\r\n", "\n")


def tag_of(value):
    found = re.search(r";\s*tag=([^;\s]+)", value)
    return found[1] if found else ""


def uri_of(value):
    found = re.search(r"<([^>]*)>", value)
    return found[1] if found else value.split(";")[0].strip()


def build(start, headers, body=b""):
    lines = [start] + [f"{n}: {v}" for n, v in headers]
    if body:
        lines.append("Content-Type: application/sdp")
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


# ---- connections ----

class Connection:
    """A TLS connection whose messages go to its peer's inbox."""

    def __init__(self, peer, sock):
        self.peer, self.sock = peer, sock
        self.closed, self.pong = threading.Event(), threading.Event()
        self.sending = threading.Lock()
        self.local = sock.getsockname()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as a SIP server does
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        data = b""
        try:
            while True:
                more = self.sock.recv(65536)
                if not more:
                    break
                data = self.messages(data + more)
        except (OSError, ValueError):
            pass
        self.closed.set()
        self.peer.inbox.put(None)

    def messages(self, data):
        while True:
            if data.startswith(b"\r\n"):
                self.pong.set()
            data = data.lstrip(b"\r\n")
            head, mark, rest = data.partition(b"\r\n\r\n")
            if not mark:
                return data
            message = Message(head.decode("utf-8", "replace"))
            length = int(message["Content-Length"] or 0)
            if len(rest) < length:
                return data
            message.body, data = rest[:length], rest[length:]
            message.conn, message.raw = self, head + mark + message.body
            self.peer.take(message)

    def send(self, data):
        with self.sending:
            self.sock.sendall(data)

    def close(self):
        # shut down, not closed: the reader still holds it and closes it by ending
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def wait_closed(self, seconds=WAIT):
        assert self.closed.wait(seconds), "the gateway does not close the connection"


class Peer:
    """One side's organisation: "carrier" or "service", at its address, with its certificate."""

    def __init__(self, net, pki, side, address=None, cert=None, domain=None):
        self.net, self.side = net, side
        self.address = address or getattr(net, side)
        self.domain = domain or f"{side}.example"
        self.gateway = net.core if side == "carrier" else net.edge
        self.gateway_name = ("core" if side == "carrier" else "edge") + ".gateway.example"
        self.inbox = queue.Queue()
        self.seen = []  # every message that ever came
        self.conns, self.listener, self.conn = [], None, None
        self.media = []
        self.auto_options = True
        self.tls_name = self.gateway_name  # of what it connects to
        self.routes = False  # keep route sets (RFC 3261 12.1), as behind a proxy
        self.settling = {}
        certificate, key = pki.pair(cert or side)
        self.client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.verify_mode = ssl.CERT_REQUIRED
        for context in (self.client, self.server):
            context.load_cert_chain(certificate, key)
            context.load_verify_locations(pki.crt(f"{side}-ca"))

    def listen(self):
        self.listener = socket.create_server((self.address, self.net.port))
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def accept(self):
        listener = self.listener
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            # by itself: one that says nothing, or goes away, must not keep the others out
            threading.Thread(target=self.welcome, args=(sock,), daemon=True).start()

    def welcome(self, sock):
        with contextlib.suppress(OSError):  # ssl.SSLError is one
            conn = Connection(self, self.server.wrap_socket(sock, True))
            self.conns.append(conn)
            if not self.listener:  # closed meanwhile
                conn.close()

    def connect(self):
        """A connection to the gateway, which new requests go out on from now on."""
        sock = socket.create_connection((self.gateway, self.net.port), WAIT,
                                        source_address=(self.address, 0))
        tls = self.client.wrap_socket(sock, server_hostname=self.tls_name)
        tls.settimeout(None)
        self.conn = Connection(self, tls)
        self.conns.append(self.conn)
        return self.conn

    def close(self):
        if self.listener:
            # accept() of another thread only wakes by shutdown()
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
        for conn in self.conns:
            conn.close()
        for media in self.media:
            media.close()
        self.media = []

    def take(self, message):
        self.seen.append(message)
        if message.status == 100:
            return
        if message.status and message["Call-ID"] in self.settling:
            self.settling.pop(message["Call-ID"]).set()
            return
        if (self.auto_options and message.method == "OPTIONS" and not message.status
                and not tag_of(message["To"])):
            reply(message, 200)
            return
        self.inbox.put(message)

    def expect_any(self, what="message", seconds=WAIT):
        deadline = time.monotonic() + seconds
        while True:
            try:
                message = self.inbox.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{self.side}: no {what} came") from None
            if message is not None:
                return message

    def expect(self, what, method=None, seconds=WAIT):
        """The next message, which has to be this request (name) or response (status)."""
        message = self.expect_any(what, seconds)
        is_it = (message.status or message.method) == what
        assert is_it and (method is None or message.method == method), (
            f"{self.side}: {what} {method or ''} expected, but this came:\n{message}")
        return message

    def expect_nothing(self, seconds=0.3):
        try:
            while True:
                message = self.inbox.get(timeout=seconds)
                assert message is None, f"{self.side}: unexpected:\n{message}"
        except queue.Empty:
            pass

    def received(self):
        """All that came, as text, for looking for leaks."""
        return "\n\n".join(str(message) for message in self.seen)


def reply(request, status, sdp=b"", tag="", headers=(), reason="Because"):
    """Answer a request on the connection that it came by."""
    to = request["To"]
    if tag and not tag_of(to):
        to += f";tag={tag}"
    lines = [(n, v) for n in ("Via", "Record-Route") for v in request.all(n)]
    lines += [(n, request[n]) for n in ("From",)] + [("To", to)]
    lines += [(n, request[n]) for n in ("Call-ID", "CSeq")] + list(headers)
    request.conn.send(build(f"SIP/2.0 {status} {reason}", lines, sdp))


class Leg:
    """A dialog of a peer's, seen from the peer."""

    def __init__(self, peer, conn=None):
        self.peer, self.conn = peer, conn or peer.conn
        self.call_id = uuid.uuid4().hex
        self.tag = uuid.uuid4().hex[:8]
        self.cseq = 0
        self.remote_tag = ""
        self.invite_branch = ""
        self.route = []

    def branch(self):
        return "z9hG4bK" + uuid.uuid4().hex[:16]

    @property
    def contact(self):
        return ("Contact", f"<sip:{self.peer.address}:{self.peer.net.port};transport=tls>")

    def request(self, method, sdp=b"", headers=(), cseq=None, branch=None, forwards=70):
        """Send a request in the dialog (or the one that makes it); -> its CSeq."""
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        branch = branch or self.branch()
        if method == "INVITE":
            self.invite_branch = branch
        to = f"<{self.remote}>" + (f";tag={self.remote_tag}" if self.remote_tag else "")
        host, port = self.conn.local
        lines = [("Via", f"SIP/2.0/TLS {host}:{port};branch={branch}"),
                 ("Max-Forwards", forwards),
                 ("From", f"{self.display}<{self.local}>;tag={self.tag}"), ("To", to),
                 ("Call-ID", self.call_id), ("CSeq", f"{cseq} {method}")]
        if method in ("INVITE", "UPDATE"):
            lines.append(self.contact)
        lines += [("Route", route) for route in self.route if method != "CANCEL"]
        self.conn.send(build(f"{method} {self.target} SIP/2.0", lines + list(headers), sdp))
        return cseq

    def invite(self, caller, called, sdp, headers=(), display="", **more):
        """The first INVITE."""
        self.local = f"sip:{caller}@{self.peer.domain}"
        self.remote = f"sip:{called}@{self.peer.gateway_name}"
        self.target = self.remote
        self.display = f'"{display}" ' if display else ""
        return self.request("INVITE", sdp, headers, **more)

    def refused(self, caller, called, status, **more):
        """An INVITE that the gateway refuses itself; -> its response."""
        self.invite(caller, called, Media(self.peer).sdp(), **more)
        response = self.peer.expect(status)
        self.ack(response)
        return response

    def answered(self, response):
        """Learn the dialog from a response to our INVITE."""
        self.remote_tag = tag_of(response["To"])
        if response["Contact"]:
            self.target = uri_of(response["Contact"])
        if self.peer.routes:
            self.route = response.all("Record-Route")[::-1]

    def ack(self, response, sdp=b""):
        """The ACK of a 2xx is a request of its own; of a failure, part of the INVITE."""
        self.remote_tag = tag_of(response["To"])
        self.request("ACK", sdp, cseq=response.cseq,
                     branch=None if response.status < 300 else self.invite_branch)

    def cancel(self, headers=()):
        self.request("CANCEL", cseq=self.cseq, branch=self.invite_branch, headers=headers)

    def settle(self):
        """Whatever this leg sent, the gateway has dealt with when this returns."""
        host, port = self.conn.local
        done, call_id = threading.Event(), uuid.uuid4().hex
        self.peer.settling[call_id] = done
        self.conn.send(build(f"OPTIONS sip:{self.peer.gateway_name} SIP/2.0", [
            ("Via", f"SIP/2.0/TLS {host}:{port};branch={self.branch()}"), ("Max-Forwards", 70),
            ("From", f"<sip:{self.peer.domain}>;tag={self.tag}"),
            ("To", f"<sip:{self.peer.gateway_name}>"), ("Call-ID", call_id),
            ("CSeq", "1 OPTIONS")]))
        assert done.wait(WAIT), "OPTIONS was not answered"

    def called(self, invite):
        """The dialog of an INVITE that came."""
        self.conn = invite.conn
        self.call_id = invite["Call-ID"]
        self.local, self.display = uri_of(invite["To"]), ""
        self.remote = uri_of(invite["From"])
        self.remote_tag = tag_of(invite["From"])
        self.target = uri_of(invite["Contact"])
        if self.peer.routes:
            self.route = invite.all("Record-Route")
        return self

    def reply(self, request, status, sdp=b"", headers=()):
        extra = [self.contact] if request.method in ("INVITE", "UPDATE") else []
        reply(request, status, sdp, self.tag, extra + list(headers))


# ---- many messages at once ----

class Raw:
    """A connection of one thread: many messages out, and what came back, as it comes."""

    def __init__(self, peer):
        sock = socket.create_connection((peer.gateway, peer.net.port), WAIT,
                                        source_address=(peer.address, 0))
        self.sock = peer.client.wrap_socket(sock, server_hostname=peer.gateway_name)
        self.sock.setblocking(False)
        self.peer, self.data, self.messages, self.over = peer, b"", [], False
        self.octets = 0

    def close(self):
        self.sock.close()

    def receive(self):
        try:
            more = self.sock.recv(1 << 18)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError:
            more = b""
        self.over, self.octets = not more, self.octets + len(more)
        self.data += more
        while True:
            head, mark, rest = self.data.lstrip(b"\r\n").partition(b"\r\n\r\n")
            message = Message(head.decode("utf-8", "surrogateescape")) if mark else None
            length = int(message["Content-Length"]) if mark else 0
            if not mark or len(rest) < length:
                return True
            message.body, self.data = rest[:length], rest[length:]
            self.messages.append(message)

    def pump(self, chunks, until=lambda: True, what=""):
        """Send it all while reading, and read on until it is so or the connection is over."""
        deadline = time.monotonic() + WAIT
        chunks, chunk = iter(chunks), b""
        while not self.over:
            chunk = chunk or next(chunks, None)
            if chunk is None and until():
                return self
            assert time.monotonic() < deadline, f"only {self.statuses()} came, {what}"
            idle = True
            if chunk:
                try:
                    chunk = chunk[self.sock.send(chunk):]
                    idle = False
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    pass
                except OSError:
                    self.over = True
            if not self.receive() and idle:
                select.select([self.sock], [self.sock] if chunk else [], [], 0.1)
        return self

    def until(self, look):
        return self.pump((), look)

    def acknowledge(self):
        """The ACK of every INVITE that was refused (RFC 3261 17.1.1.3), and until it is read."""
        refused = [m for m in self.messages if m.status >= 300 and m.method == "INVITE"]
        acks = [build(f"ACK sip:{self.peer.gateway_name} SIP/2.0", [
            ("Via", m["Via"]), ("Max-Forwards", 70), ("From", m["From"]), ("To", m["To"]),
            ("Call-ID", m["Call-ID"]), ("CSeq", f"{m.cseq} ACK")]) for m in refused]
        acks.append(request(self.peer, "OPTIONS", call_id="acknowledged"))
        self.pump(acks, lambda: self.messages[-1]["Call-ID"] == "acknowledged")

    def of(self, status):
        return [m for m in self.messages if m.status == status]

    def statuses(self):
        return sorted({(s, len(self.of(s))) for s in (m.status for m in self.messages)})


def request(peer, method, user="", body=b"", headers=(), call_id=None, branch=None,
            caller="+441632970099", **changed):
    """A request outside any dialog, as bytes; changed: other values of From, To, Via, ..."""
    branch = branch or "z9hG4bK" + uuid.uuid4().hex
    uri = f"sip:{user}@{peer.gateway_name}" if user else f"sip:{peer.gateway_name}"
    uri = changed.pop("uri", uri)
    lines = {"Via": f"SIP/2.0/TLS {peer.address}:5061;branch={branch}",
             "Max-Forwards": 70, "From": f"<sip:{caller}@{peer.domain}>;tag={uuid.uuid4().hex}",
             "To": f"<{uri}>", "Call-ID": call_id or uuid.uuid4().hex, "CSeq": f"1 {method}",
             "Contact": f"<sip:{peer.address}:5061;transport=tls>"}
    lines.update(changed)
    return build(f"{method} {uri} SIP/2.0", list(lines.items()) + list(headers), body)


# ---- session descriptions and media ----

class Sdp:
    """What a description says about its first m-line."""

    def __init__(self, body):
        self.lines = body.decode().split("\r\n")
        self.proto = self.port = None
        self.direction, self.crypto = "sendrecv", []
        for line in self.lines:
            if line.startswith("m=") and self.port is None:
                _, self.port, self.proto = line[2:].split(" ")[:3]
                self.port = int(self.port)
            elif line.startswith("c="):
                self.address = line.split(" ")[2]
            elif line.startswith("o="):
                self.session, self.version = line[2:].split(" ")[1:3]
            elif line[2:] in ("sendrecv", "sendonly", "recvonly", "inactive"):
                self.direction = line[2:]
            elif line.startswith("a=crypto:"):
                self.crypto.append(line[9:].split(" ", 2))

    @property
    def tag(self):
        return int(self.crypto[0][0])

    @property
    def key(self):
        _, suite, params = self.crypto[0]
        assert suite == SUITE
        return base64.b64decode(params.split("inline:")[1].split("|")[0])


class Media:
    """An RTP and an RTCP socket with keys of their own."""

    def __init__(self, peer, tag=1):
        self.peer, self.crypto_tag = peer, tag
        self.key = os.urandom(30)
        self.out = srtp.Srtp(self.key)
        self.ssrc = struct.unpack("!I", os.urandom(4))[0]
        self.session, self.version = int.from_bytes(os.urandom(4), "big"), 1
        self.rtp, self.rtcp = self.pair()
        peer.media.append(self)

    def pair(self):
        while True:
            rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            rtp.bind((self.peer.address, 0))
            port = rtp.getsockname()[1]
            rtcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                if port % 2 == 0:
                    rtcp.bind((self.peer.address, port + 1))
                    return rtp, rtcp
            except OSError:
                pass
            rtp.close()
            rtcp.close()

    def close(self):
        self.rtp.close()
        self.rtcp.close()

    def sdp(self, direction=None, proto="RTP/SAVP", suites=(SUITE,), extra=(), key=None):
        lines = ["v=0", f"o=- {self.session} {self.version} IN IP4 {self.peer.address}", "s=-",
                 f"c=IN IP4 {self.peer.address}", "t=0 0",
                 f"m=audio {self.rtp.getsockname()[1]} {proto} 0 8 101",
                 "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000",
                 "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=ptime:20"]
        inline = base64.b64encode(key or self.key).decode()
        for i, suite in enumerate(suites):
            lines.append(f"a=crypto:{self.crypto_tag + i} {suite} inline:{inline}|2^31")
        if direction:
            lines.append(f"a={direction}")
        return ("\r\n".join(lines + list(extra)) + "\r\n").encode()

    def connect(self, body):
        """Learn from the far end's description where and under which key it is."""
        self.far = Sdp(body)
        self.inward = srtp.Srtp(self.far.key)
        return self.far

    def packet(self, seq, payload):
        return self.out.protect(srtp.rtp(seq, self.ssrc, payload, 160 * seq))

    def send(self, data, sock=None):
        (sock or self.rtp).sendto(data, (self.far.address, self.far.port))

    def send_rtcp(self, data):
        self.rtcp.sendto(data, (self.far.address, self.far.port + 1))

    def receive(self, seconds=5, sock=None):
        """The next packet's plain text, authenticated; None when there is none in time."""
        sock = sock or self.rtp
        sock.settimeout(seconds)
        try:
            data, source = sock.recvfrom(4096)
        except socket.timeout:
            return None
        if sock is self.rtcp:
            assert source == (self.far.address, self.far.port + 1)
            return self.inward.unprotect_rtcp(data)
        assert source == (self.far.address, self.far.port)
        return self.inward.unprotect(data)


class Call:
    """A call through the gateway, from one Peer to another, with both ends' media."""

    def __init__(self, caller, callee, number, called, **more):
        self.a, self.b = Leg(caller), Leg(callee)
        self.a_media, self.b_media = Media(caller), Media(callee)
        self.a.invite(number, called, self.a_media.sdp(), **more)
        self.invite = callee.expect("INVITE")
        self.b.called(self.invite)

    def answer(self):
        self.b_media.connect(self.invite.body)
        self.b.reply(self.invite, 200, self.b_media.sdp())
        self.b.peer.expect("ACK")
        ok = self.a.peer.expect(200)
        self.a.answered(ok)
        self.a_media.connect(ok.body)
        self.a.ack(ok)
        self.a.settle()
        return self

    def hang_up(self, by="a"):
        first, second = (self.a, self.b) if by == "a" else (self.b, self.a)
        first.request("BYE")
        first.peer.expect(200, "BYE")
        bye = second.peer.expect("BYE")
        second.reply(bye, 200)
        second.settle()
        return bye

    def change(self, method="INVITE", by="a", offer=None, answer=None):
        """Re-INVITE or UPDATE with these directions; -> (offer as it came, answer as it came)."""
        first, second = (self.a, self.b) if by == "a" else (self.b, self.a)
        media = {self.a: self.a_media, self.b: self.b_media}
        media[first].version += 1
        media[second].version += 1
        first.request(method, media[first].sdp(offer))
        request = second.peer.expect(method)
        second.reply(request, 200, media[second].sdp(answer))
        if method == "INVITE":
            second.peer.expect("ACK")
        ok = first.peer.expect(200, method)
        if method == "INVITE":
            first.ack(ok)
            first.settle()
        return Sdp(request.body), Sdp(ok.body)
