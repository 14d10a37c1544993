# SPDX-License-Identifier: BSD-3-Clause
"""Targets that misbehave, and a caller that keeps up a rate of calls meanwhile.

All of a test's are in one thread with one asyncio loop; what is called from the
test does its work there and returns when it is done. SIPp cannot be made to
misbehave so, and stunnel would stand between.
"""
import asyncio
import ctypes
import os
import socket
import ssl
import struct
import subprocess
import threading
import time
import uuid

from ua import Message, build, reply, uri_of

WAIT = 20  # seconds; only a failing test waits that long


class Crowd:
    """The thread. Close it before the gateway stops: connections are closed, none is in doubt."""

    def __init__(self, net, pki):
        self.net, self.pki = net, pki
        self.loop = asyncio.new_event_loop()
        self.members, self.namespace = [], None
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def run(self, coroutine):
        """From the test: do it in the thread, and wait."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(WAIT)

    def dark(self):
        """A network that can go dark; targets in it have to be closed before it is gone."""
        self.namespace = Namespace(self.net)
        return self.namespace

    def target(self, address, **more):
        self.members.append(Target(self, address, **more))
        return self.members[-1]

    def caller(self, numbers):
        self.members.append(Caller(self, numbers))
        return self.members[-1]

    def close(self):
        try:
            for done in [asyncio.run_coroutine_threadsafe(m.end(), self.loop)
                         for m in self.members]:
                done.result(WAIT)
        finally:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join(WAIT)
            self.loop.close()
            if self.namespace:
                self.namespace.close()


# ---- connections ----

class Wire(asyncio.Protocol):
    """A connection; its messages go to its owner's take()."""

    def __init__(self, owner):
        self.owner, self.data = owner, b""
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport
        self.local = transport.get_extra_info("sockname")
        self.owner.wires.append(self)

    def connection_lost(self, _):
        if self in self.owner.wires:
            self.owner.wires.remove(self)

    def data_received(self, data):
        self.data += data
        while True:
            head, mark, rest = self.data.lstrip(b"\r\n").partition(b"\r\n\r\n")
            if not mark:
                return
            message = Message(head.decode("utf-8", "replace"))
            length = int(message["Content-Length"] or 0)
            if len(rest) < length:
                return
            message.body, self.data = rest[:length], rest[length:]
            message.conn = self
            self.owner.take(message)

    def send(self, data):
        if not self.transport.is_closing():
            self.transport.write(data)

    def reset(self):
        """RST, at once: what was sent and not yet acknowledged is lost with it."""
        if self not in self.owner.wires:
            return
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


def sdp(address):
    """Of an endpoint that sends no media: what is in the messages is what these tests are about."""
    return ("v=0\r\n"
            f"o=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
            "m=audio 40000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 "
            "inline:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNk|2^31\r\n").encode()


def ask(wire, address, gateway):
    """An OPTIONS of ours: when it is answered, what was sent before it has been dealt with."""
    call_id = uuid.uuid4().hex
    wire.send(build(f"OPTIONS sip:{gateway} SIP/2.0", [
        ("Via", f"SIP/2.0/TLS {address}:5061;branch=z9hG4bK{call_id}"), ("Max-Forwards", 70),
        ("From", f"<sip:{address}>;tag=1"), ("To", f"<sip:{gateway}>"), ("Call-ID", call_id),
        ("CSeq", "1 OPTIONS")]))
    return call_id


# ---- a target ----

class Target:
    """It takes calls: 100, 180 after a while and 200 after another, unless told otherwise.

    door    "open"; "shut": nobody listens, and all connections are closed;
            "hang": no TLS handshake; "fail": a broken one; "leave": closed right after it
    invite  what becomes of an INVITE: "answer"; "silence"; "trying": 100 and no more;
            "busy": 503 with Retry-After; "reset", "reset after 100", "reset after 180"
    options are they answered?
    """

    def __init__(self, crowd, address, cert="service", listener=None):
        self.crowd, self.address = crowd, address
        self.wires, self.held = [], []
        self.door, self.invite, self.options = "shut", "answer", True
        self.retry_after_s = 0
        self.invites, self.answered, self.refused = [], [], []  # (when, called number)
        self.cancels = []
        self.open = {}     # by Via: what still has no final response
        self.sent = {}     # by Call-ID: INVITEs whose final response may have been lost
        self.dialogs = set()
        self.asked = {}
        self.make = listener or (lambda: socket.create_server((address, crowd.net.port)))
        self.listener = self.task = None
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.context.load_cert_chain(*crowd.pki.pair(cert))
        self.context.load_verify_locations(crowd.pki.crt("service-ca"))

    # ---- its door ----

    def set(self, door):
        """Change the door; connections do not survive that."""
        self.crowd.run(self.change(door))

    async def change(self, door):
        self.door = door
        for wire in list(self.wires):
            wire.transport.abort()
        for sock in self.held:
            sock.close()
        self.held = []
        if door == "shut" and self.task:
            self.task.cancel()
            self.listener.close()
            self.task = None
        elif door != "shut" and not self.task:
            self.listener = self.make()
            self.listener.setblocking(False)
            self.task = asyncio.ensure_future(self.accept())

    async def accept(self):
        while True:
            sock, _ = await self.crowd.loop.sock_accept(self.listener)
            if self.door == "hang":
                self.held.append(sock)
            elif self.door == "fail":
                sock.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                sock.close()
            else:
                asyncio.ensure_future(self.welcome(sock))

    async def welcome(self, sock):
        try:
            _, wire = await self.crowd.loop.connect_accepted_socket(
                lambda: Wire(self), sock, ssl=self.context)
        except OSError:
            return
        if self.door == "leave":
            wire.transport.close()

    # ---- its calls ----

    def take(self, m):
        now = time.monotonic()
        call_id = m["Call-ID"]
        if m.status:
            if call_id in self.asked:
                self.asked.pop(call_id).set()
        elif m.method == "OPTIONS":
            if self.options:
                reply(m, 200)
            else:
                self.open[m["Via"]] = m
        elif m.method == "INVITE":
            number = uri_of(m.uri).split(":")[1].split("@")[0]
            self.invites.append((now, number))
            self.open[m["Via"]] = m
            asyncio.ensure_future(getattr(self, "do_" + self.invite.replace(" ", "_"))(m, number))
        elif m.method == "ACK":
            self.sent.pop(call_id, None)
        elif m.method == "CANCEL":
            self.cancels.append(call_id)
            reply(m, 200)
            self.final(m, 487)
        elif m.method == "BYE":
            reply(m, 200 if call_id in self.dialogs else 481)
            self.dialogs.discard(call_id)

    def final(self, m, status, **more):
        """The INVITE's final response, unless it has had one or its connection has gone."""
        invite = self.open.get(m["Via"])
        if not invite or invite.conn not in self.wires:
            return False
        del self.open[m["Via"]]
        self.sent[m["Call-ID"]] = invite
        reply(invite, status, tag="t", **more)
        return True

    async def do_answer(self, m, number):
        contact = ("Contact", f"<sip:{self.address};transport=tls>")
        reply(m, 100)
        await asyncio.sleep(0.03)
        if m["Via"] in self.open:
            reply(m, 180, tag="t", headers=[contact])
        await asyncio.sleep(0.07)
        if self.final(m, 200, sdp=sdp(self.address), headers=[contact]):
            self.dialogs.add(m["Call-ID"])
            self.answered.append((time.monotonic(), number))

    async def do_silence(self, m, number):
        pass

    async def do_trying(self, m, number):
        reply(m, 100)

    async def do_busy(self, m, number):
        self.refused.append((time.monotonic(), number))
        self.final(m, 503, headers=[("Retry-After", self.retry_after_s)])

    async def do_reset(self, m, number):
        m.conn.reset()

    async def do_reset_after_100(self, m, number):
        reply(m, 100)
        await asyncio.sleep(0.05)
        m.conn.reset()

    async def do_reset_after_180(self, m, number):
        reply(m, 100)
        reply(m, 180, tag="t", headers=[("Contact", f"<sip:{self.address};transport=tls>")])
        await asyncio.sleep(0.05)
        m.conn.reset()

    async def end(self):
        """What it never answered is answered in the end, on the last connection that there is."""
        try:
            if self.wires:
                for m in list(self.open.values()) + list(self.sent.values()):
                    m.conn = self.wires[-1]
                    reply(m, 487 if m.method == "INVITE" else 200, tag="t")
                dealt_with = asyncio.Event()
                self.asked[ask(self.wires[-1], self.address, "edge.gateway.example")] = dealt_with
                await asyncio.wait_for(dealt_with.wait(), WAIT / 2)
        finally:
            await self.change("shut")


# ---- a caller ----

class Call:
    def __init__(self, number):
        self.number, self.call_id = number, uuid.uuid4().hex
        self.begun, self.status, self.took_ms, self.over = time.monotonic(), None, None, False
        self.response = None


class Caller:
    """The carrier: a call each 1/RATE s, which it hangs up TALK_S after the answer."""

    RATE, TALK_S = 20, 0.2

    def __init__(self, crowd, numbers):
        """numbers: what all that it calls begins with."""
        self.crowd, self.numbers = crowd, numbers
        self.net = crowd.net
        self.wires, self.calls, self.by_id = [], [], {}
        self.task = None

    def start(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_cert_chain(*self.crowd.pki.pair("carrier"))
        context.load_verify_locations(self.crowd.pki.crt("carrier-ca"))

        async def connect():
            _, self.wire = await self.crowd.loop.create_connection(
                lambda: Wire(self), self.net.core, self.net.port, ssl=context,
                server_hostname="core.gateway.example", local_addr=(self.net.carrier, 0))
            self.task = asyncio.ensure_future(self.pace())
        self.crowd.run(connect())
        return self

    async def pace(self):
        due = time.monotonic()
        while True:
            self.invite()
            due += 1 / self.RATE
            await asyncio.sleep(max(0, due - time.monotonic()))

    def send(self, call, method, cseq, to="", uri="", sdp=b"", branch=""):
        host, port = self.wire.local
        lines = [("Via", f"SIP/2.0/TLS {host}:{port};branch=z9hG4bK{branch or uuid.uuid4().hex}"),
                 ("Max-Forwards", 70),
                 ("From", f"<sip:+441632970099@carrier.example>;tag={call.call_id[:8]}"),
                 ("To", to or f"<sip:{call.number}@core.gateway.example>"),
                 ("Call-ID", call.call_id), ("CSeq", f"{cseq} {method}")]
        if method == "INVITE":
            lines.append(("Contact", f"<sip:{host}:5061;transport=tls>"))
        uri = uri or f"sip:{call.number}@core.gateway.example"
        self.wire.send(build(f"{method} {uri} SIP/2.0", lines, sdp))

    def invite(self):
        call = Call(f"{self.numbers}{len(self.calls):04}")
        self.calls.append(call)
        self.by_id[call.call_id] = call
        self.send(call, "INVITE", 1, sdp=sdp(self.net.carrier), branch=call.call_id)

    def take(self, m):
        call = self.by_id.get(m["Call-ID"])
        if not m.status:
            reply(m, 200 if m.method != "BYE" or call else 481)
            if call and m.method == "BYE":
                call.over = True
        elif call and m.method == "INVITE" and m.status >= 200 and call.status is None:
            call.status, call.response = m.status, m
            call.took_ms = (time.monotonic() - call.begun) * 1000
            if m.status < 300:
                asyncio.ensure_future(self.talk(call, m))
            else:
                self.send(call, "ACK", 1, m["To"], branch=call.call_id)
                call.over = True
        elif call and m.method == "BYE":
            call.over = True

    async def talk(self, call, m):
        uri = uri_of(m["Contact"])
        self.send(call, "ACK", 1, m["To"], uri)
        await asyncio.sleep(self.TALK_S)
        if not call.over:
            self.send(call, "BYE", 2, m["To"], uri)

    def stop(self):
        """No more calls, and wait for those that there are."""
        self.crowd.loop.call_soon_threadsafe(self.task.cancel)
        wait(lambda: all(call.over for call in self.calls), "end of the calls")

    async def end(self):
        if self.task:
            self.task.cancel()
        for wire in list(self.wires):
            wire.transport.close()


def wait(look, what, seconds=WAIT):
    """Until look() gives something; -> that."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"no {what} in time"
        time.sleep(0.01)


# ---- a network that can go dark ----

def namespaces():
    """May this process make file systems and networks of its own? Not even root everywhere may."""
    return not os.getuid() and not subprocess.run(["unshare", "-m", "-n", "true"],
                                                  capture_output=True).returncode


class Namespace:
    """A network namespace with one address, on a pair of veth interfaces.

    When it is dark, its end of the pair is down: what is sent there vanishes, connections that
    there are hear nothing, and new ones are not refused. (The neighbour is entered by hand, or
    after some seconds the kernel would say that the host is unreachable.)
    """

    def __init__(self, net):
        n = net.core.split(".")[1]
        self.name = f"sallyport-{n}"
        self.here, self.there = f"198.18.{n}.1", f"198.18.{n}.2"
        self.dev, self.peer = f"sp{n}a", f"sp{n}b"
        self.close()
        mac = self.mac = f"02:00:00:00:{int(n):02x}:02"
        self.ip(f"netns add {self.name}")
        self.ip(f"link add {self.dev} type veth peer name {self.peer} netns {self.name}")
        with open(f"/sys/class/net/{self.dev}/address") as f:
            self.mac_here = f.read().strip()
        self.ip(f"address add {self.here}/30 dev {self.dev}")
        self.ip(f"link set {self.dev} up")
        self.ip(f"-n {self.name} link set {self.peer} address {mac}")
        self.ip(f"-n {self.name} address add {self.there}/30 dev {self.peer}")
        self.ip(f"-n {self.name} link set {self.peer} up")
        self.ip(f"neigh replace {self.there} lladdr {mac} dev {self.dev} nud permanent")

    def ip(self, arguments, check=True):
        done = subprocess.run(["ip"] + arguments.split(), capture_output=True, text=True)
        assert not check or done.returncode == 0, f"ip {arguments}: {done.stderr}"

    def inside(self, make):
        """-> make(), done in the namespace. What sockets it makes are of there, for anybody."""
        made = []

        def enter():
            libc = ctypes.CDLL(None, use_errno=True)
            fd = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
            if libc.setns(fd, 0x40000000):  # CLONE_NEWNET; of this thread, which ends
                raise OSError(ctypes.get_errno(), "setns")
            os.close(fd)
            made.append(make())
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        return made[0]

    def listener(self, port):
        return self.inside(lambda: socket.create_server((self.there, port)))

    def lose(self, out=False, back=False):
        """What goes there is lost on its way, or what comes from there; nobody is told."""
        lost = "02:00:00:00:00:ff"  # nobody's
        self.ip(f"neigh replace {self.there} lladdr {lost if out else self.mac} dev {self.dev} "
                "nud permanent")
        self.ip(f"-n {self.name} neigh replace {self.here} lladdr "
                f"{lost if back else self.mac_here} dev {self.peer} nud permanent")

    def dark(self, yes=True):
        self.ip(f"-n {self.name} link set {self.peer} {'down' if yes else 'up'}")

    def close(self):
        self.ip(f"link delete {self.dev}", check=False)
        self.ip(f"netns delete {self.name}", check=False)
