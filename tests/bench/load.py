# SPDX-License-Identifier: BSD-3-Clause
"""A lean load generator: SIP over TLS, both ends of many short calls.

Each end is a process of its own, pinned to a core, with a few connections and
one loop that reads, answers and writes in batches: some 25,000 messages a
second, several times what one core of the gateway handles. It is open-loop:
calls are begun at the rate that is asked for, whatever becomes of them.
"""
import collections
import multiprocessing
import os
import selectors
import socket
import ssl
import time

TICK_S = 0.002
BYES_S = 3  # for what is still up at the end of a run

SDP = ("v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n"
       "m=audio 40000 RTP/SAVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
       "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0\r\n")


def field(head, name):
    """A header's value, or b"" """
    at = head.find(b"\r\n" + name + b": ")
    if at < 0:
        return b""
    at += len(name) + 4
    end = head.find(b"\r\n", at)
    return head[at:] if end < 0 else head[at:end]


class Connection:
    """Bytes in, messages out, and a queue of what is to be sent."""

    def __init__(self, sock):
        self.sock, self.data, self.queue = sock, b"", []
        self.closed = False
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read(self):
        """-> heads of whole messages"""
        parts = [self.data]
        while True:
            try:
                more = self.sock.recv(65536)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                break
            except OSError:
                more = b""
            if not more:
                self.closed = True
                break
            parts.append(more)
        data, heads, at = b"".join(parts), [], 0
        while True:
            while data.startswith(b"\r\n", at):
                at += 2
            end = data.find(b"\r\n\r\n", at)
            if end < 0:
                break
            head = data[at:end]
            size = int(field(head, b"Content-Length") or 0)
            if len(data) < end + 4 + size:
                break
            heads.append(head)
            at = end + 4 + size
        self.data = data[at:]
        return heads

    def write(self):
        if not self.queue:
            return
        data = b"".join(self.queue)
        try:
            sent = self.sock.send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            sent = 0
        except OSError:
            self.closed, sent = True, len(data)
        self.queue = [data[sent:]] if sent < len(data) else []


def context(pki, side, server):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    c.verify_mode = ssl.CERT_REQUIRED
    c.load_verify_locations(pki.crt(side + "-ca"))
    c.load_cert_chain(*pki.pair(side))
    return c


# ---- the callee ----

def answer(head, ip):
    """What a callee says to a request, or None."""
    method = head[:head.find(b" ")]
    if method not in (b"INVITE", b"BYE", b"OPTIONS", b"CANCEL"):
        return None
    to = field(head, b"To")
    lines = [b"SIP/2.0 200 OK", b"Via: " + field(head, b"Via"), b"From: " + field(head, b"From"),
             b"To: " + to + (b"" if b";tag=" in to else b";tag=t" + field(head, b"Call-ID")[:12]),
             b"Call-ID: " + field(head, b"Call-ID"), b"CSeq: " + field(head, b"CSeq")]
    body = b""
    if method == b"INVITE":
        body = SDP.format(ip=ip).encode()
        lines += [b"Contact: <sip:uas@" + ip.encode() + b";transport=tls>",
                  b"Content-Type: application/sdp"]
    lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def callee(pki, side, address, cpu, ready, stop):
    os.sched_setaffinity(0, {cpu})
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(address)
    server.listen(64)
    tls = context(pki, side, True)
    selector, ip = selectors.DefaultSelector(), address[0]
    selector.register(server, selectors.EVENT_READ, None)
    ready.set()
    while not stop.is_set():
        for key, _ in selector.select(0.2):
            if key.data is None:
                sock = server.accept()[0]
                try:
                    sock.settimeout(5)
                    c = Connection(tls.wrap_socket(sock, server_side=True))
                except OSError:
                    continue
                selector.register(c.sock, selectors.EVENT_READ, c)
                continue
            c = key.data
            for head in c.read():
                reply = answer(head, ip)
                if reply:
                    c.queue.append(reply)
            c.write()
            if c.closed:
                selector.unregister(c.sock)
                c.sock.close()


# ---- the caller ----

class Call:
    __slots__ = ("conn", "begun", "state", "to", "uri", "kept")


class Caller:
    """Makes calls at a rate, hangs the answered ones up after hold_s, keeps some."""

    def __init__(self, pki, side, local, gateway, numbers, hold_s, connections):
        self.local, self.hold_s = local, hold_s
        self.caller, self.called = numbers
        tls = context(pki, side, False)
        self.conns = []
        for _ in range(connections):
            sock = socket.create_connection(gateway, 5, (local, 0))
            self.conns.append(Connection(tls.wrap_socket(sock)))
        self.domain = gateway[0]
        self.body = SDP.format(ip=local).encode()
        self.calls, self.hangups = {}, collections.deque()
        self.next = 0
        self.reset()

    def reset(self):
        self.begun = self.good = self.refused = self.failed = self.lost = self.unasked = 0
        self.setup_s, self.late_s = [], 0.0

    def request(self, method, call, number, cseq, branch):
        uri = call.uri or b"sip:" + self.called + b"@" + self.domain.encode()
        lines = [method + b" " + uri + b" SIP/2.0",
                 b"Via: SIP/2.0/TLS %s:5061;branch=z9hG4bK-%d-%s" % (self.local.encode(), number, branch),
                 b"Max-Forwards: 70",
                 b"From: <sip:%s@carrier.example>;tag=f%d" % (self.caller, number),
                 b"To: " + (call.to or b"<sip:" + self.called + b"@gateway.example>"),
                 b"Call-ID: %d-load" % number, b"CSeq: %d " % cseq + method]
        body = b""
        if method == b"INVITE":
            body = self.body
            lines += [b"Contact: <sip:uac@%s;transport=tls>" % self.local.encode(),
                      b"Content-Type: application/sdp"]
        lines.append(b"Content-Length: %d" % len(body))
        call.conn.queue.append(b"\r\n".join(lines) + b"\r\n\r\n" + body)

    def begin(self, now, kept=False):
        call = Call()
        number = self.next
        self.next += 1
        call.conn = self.conns[number % len(self.conns)]
        call.begun, call.state, call.to, call.uri, call.kept = now, "calling", b"", b"", kept
        self.calls[number] = call
        self.begun += not kept
        self.request(b"INVITE", call, number, 1, b"i")

    def hang_up(self, number, call):
        call.state = "ending"
        self.request(b"BYE", call, number, 2, b"b")

    def response(self, head, now):
        status = int(head[8:11])
        if status < 200:
            return
        number = int(field(head, b"Call-ID").split(b"-")[0])
        call = self.calls.get(number)
        if call is None:
            return
        if field(head, b"CSeq").endswith(b"BYE"):
            self.lost += status != 200
            self.good += status == 200 and not call.kept and call.begun >= self.since
            del self.calls[number]
            return
        if call.state != "calling":
            return
        call.to = field(head, b"To")
        if status >= 300:
            self.request(b"ACK", call, number, 1, b"i")  # RFC 3261 17.1.1.3
            self.refused += status in (503, 486)
            self.failed += status not in (503, 486)
            del self.calls[number]
            return
        contact = field(head, b"Contact")
        call.uri, call.state = contact[contact.find(b"<") + 1:contact.find(b">")], "up"
        self.request(b"ACK", call, number, 1, b"a")
        if not call.kept:
            self.setup_s.append(now - call.begun)
            self.hangups.append((now + self.hold_s, number))

    def turn(self, selector):
        for key, _ in selector.select(TICK_S):
            heads = key.data.read()
            now = time.monotonic()
            for head in heads:
                if head.startswith(b"SIP/2.0 "):
                    self.response(head, now)
                else:
                    reply = answer(head, self.local)
                    if reply:
                        key.data.queue.append(reply)
                    self.unasked += head.startswith(b"BYE ")
            assert not key.data.closed, "the gateway closed a connection"
        now = time.monotonic()
        while self.hangups and self.hangups[0][0] <= now:
            number = self.hangups.popleft()[1]
            if number in self.calls:
                self.hang_up(number, self.calls[number])
        for c in self.conns:
            c.write()

    def run(self, rate, seconds):
        """-> what became of `seconds` of calls at `rate`"""
        selector = selectors.DefaultSelector()
        for c in self.conns:
            selector.register(c.sock, selectors.EVENT_READ, c)
        self.reset()
        cpu = time.process_time()
        start = self.since = time.monotonic()
        while True:
            now = time.monotonic() - start
            if now >= seconds:
                break
            due = int(now * rate) - self.begun
            self.late_s = max(self.late_s, (due - 1) / rate)
            for _ in range(min(due, 2000)):
                self.begin(start + now)
            self.turn(selector)
        wall, cpu = time.monotonic() - start, time.process_time() - cpu
        good = self.good
        end = time.monotonic() + BYES_S
        while time.monotonic() < end and any(not c.kept for c in self.calls.values()):
            self.turn(selector)
        setup = sorted(self.setup_s) or [0]
        result = {"offered": self.begun / wall, "goodput": good / wall, "refused": self.refused,
                  "failed": self.failed, "lost": self.lost, "unasked": self.unasked,
                  "open": sum(not c.kept for c in self.calls.values()), "cpu": cpu / wall,
                  "late_s": self.late_s, "p50": setup[len(setup) // 2],
                  "p99": setup[int(len(setup) * 0.99)]}
        for number in [n for n, c in self.calls.items() if not c.kept]:
            del self.calls[number]
        selector.close()
        return result

    def keep(self, count):
        """Make calls that stay up. -> how many did"""
        selector = selectors.DefaultSelector()
        for c in self.conns:
            selector.register(c.sock, selectors.EVENT_READ, c)
        self.since = time.monotonic()
        for _ in range(count):
            self.begin(time.monotonic(), kept=True)
            self.turn(selector)
        end = time.monotonic() + 5
        while time.monotonic() < end and any(c.state != "up" for c in self.calls.values()):
            self.turn(selector)
        selector.close()
        return sum(c.state == "up" for c in self.calls.values())

    def let_go(self):
        """Hang up what was kept. -> how many of them were still up"""
        selector = selectors.DefaultSelector()
        for c in self.conns:
            selector.register(c.sock, selectors.EVENT_READ, c)
        self.reset()
        kept = [n for n, c in self.calls.items() if c.kept]
        for number in kept:
            self.hang_up(number, self.calls[number])
        end = time.monotonic() + 5
        while time.monotonic() < end and self.calls:
            self.turn(selector)
        selector.close()
        return len(kept) - self.lost - len(self.calls)


def serve(pipe, cpu, *args):
    os.sched_setaffinity(0, {cpu})
    caller = Caller(*args)
    pipe.send("ready")
    while True:
        name, *rest = pipe.recv()
        if name == "end":
            return
        pipe.send(getattr(caller, name)(*rest))


class Load:
    """Both ends, each in its own process on `cpu`."""

    def __init__(self, pki, cpu, callee_address, caller_local, gateway, numbers, hold_s=0.05,
                 connections=4):
        self.stop = multiprocessing.Event()
        ready = multiprocessing.Event()
        self.callee = multiprocessing.Process(
            target=callee, args=(pki, "service", callee_address, cpu, ready, self.stop), daemon=True)
        self.callee.start()
        assert ready.wait(10)
        self.pipe, far = multiprocessing.Pipe()
        self.args = (far, cpu, pki, "carrier", caller_local, gateway,
                     tuple(n.encode() for n in numbers), hold_s, connections)
        self.caller = None

    def start(self):
        """The gateway listens: connect to it."""
        self.caller = multiprocessing.Process(target=serve, args=self.args, daemon=True)
        self.caller.start()
        assert self.pipe.poll(15) and self.pipe.recv() == "ready"

    def ask(self, name, *args, wait=120):
        self.pipe.send((name, *args))
        end = time.monotonic() + wait
        while not self.pipe.poll(0.1):
            assert self.caller.is_alive() and time.monotonic() < end, f"no answer to {name}"
        return self.pipe.recv()

    def end(self):
        self.stop.set()
        if self.caller:
            self.pipe.send(("end",))
            self.caller.join(5)
        for p in (self.caller, self.callee):
            if p and p.is_alive():
                p.terminate()
