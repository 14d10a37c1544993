# SPDX-License-Identifier: BSD-3-Clause
"""The whole gateway as a system under test for bench_media_relay, which starts this.

Reads, from its standard input, a line "address port key" for each far end, two of which are
a call, and "end"; starts a gateway, sets the calls up over mutual TLS, and writes a line
with the gateway's pid, then a line "address port key" for each far end: where the gateway
wants its media, and under which key it sends. Then it keeps the calls up until its input ends.
"""
import base64
import contextlib
import os
import shutil
import socket
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))

import gateway  # noqa: E402
from load import context, field  # noqa: E402
from net import Net  # noqa: E402
from pki import Pki  # noqa: E402

SUITE = "AES_CM_128_HMAC_SHA1_80"


class End:
    """A far end: its own description, and what the gateway says in answer."""

    def __init__(self, line):
        address, port, key = line.split()
        self.sdp = (f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
                    f"m=audio {port} RTP/SAVP 8\r\na=rtpmap:8 PCMA/8000\r\na=crypto:1 {SUITE} "
                    f"inline:{base64.b64encode(bytes.fromhex(key)).decode()}\r\n").encode()
        self.line = None

    def learn(self, body):
        lines = body.decode().split("\r\n")
        address = next(x for x in lines if x.startswith("c=")).split()[-1]
        port = next(x for x in lines if x.startswith("m=")).split()[1]
        crypto = next(x for x in lines if x.startswith("a=crypto:")).split("inline:")[1]
        key = base64.b64decode(crypto.split("|")[0].strip())
        self.line = f"{address} {port} {key.hex()}"


class Conn:
    """One TLS connection, one message at a time."""

    def __init__(self, sock):
        self.sock, self.data = sock, b""
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def receive(self):
        """-> (head, body) of the next message that is neither OPTIONS nor provisional"""
        while True:
            self.data = self.data.lstrip(b"\r\n")
            head, mark, rest = self.data.partition(b"\r\n\r\n")
            size = int(field(head, b"Content-Length") or 0) if mark else 0
            if not mark or len(rest) < size:
                more = self.sock.recv(65536)
                if not more:
                    raise EOFError("the gateway closed a connection")
                self.data += more
                continue
            self.data = rest[size:]
            if head.startswith(b"OPTIONS "):
                self.reply(head)
            elif not head.startswith(b"SIP/2.0 1"):
                return head, rest[:size]

    def send(self, lines, body=b""):
        lines = lines + ["Content-Length: %d" % len(body)]
        self.sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def reply(self, head, body=b"", more=()):
        copied = [f"{name}: {field(head, name.encode()).decode()}"
                  for name in ("Via", "From", "Call-ID", "CSeq")]
        to = field(head, b"To").decode()
        self.send(["SIP/2.0 200 OK", *copied, f"To: {to}" + ("" if ";tag=" in to else ";tag=b"),
                   *more], body)


class Calls:
    """Both ends of all calls, set up one after another."""

    def __init__(self, net, pki):
        self.net = net
        self.server = socket.create_server((net.service, net.port))
        self.service_tls = context(pki, "service", True)
        self.caller_tls = context(pki, "carrier", False)

    def connect(self):
        """The gateway has connected to its target; which of its connections it uses, it decides."""
        self.requests, self.ready = [], threading.Condition()
        threading.Thread(target=self.accept, daemon=True).start()
        sock = socket.create_connection((self.net.core, self.net.port), 10, (self.net.carrier, 0))
        self.caller = Conn(self.caller_tls.wrap_socket(sock))

    def accept(self):
        while True:
            sock = self.server.accept()[0]
            try:
                conn = Conn(self.service_tls.wrap_socket(sock, server_side=True))
            except OSError:
                continue
            threading.Thread(target=self.serve, args=(conn,), daemon=True).start()

    def serve(self, conn):
        with contextlib.suppress(OSError, EOFError):  # that is how it ends
            self.answer(conn)

    def answer(self, conn):
        contact = [f"Contact: <sip:uas@{self.net.service};transport=tls>",
                   "Content-Type: application/sdp"]
        while True:
            head, body = conn.receive()
            if head.startswith(b"INVITE "):
                self.callee.learn(body)
                conn.reply(head, self.callee.sdp, contact)
            elif head.startswith(b"BYE "):
                conn.reply(head)

    def call(self, number, a, b):
        """Set one up. -> what hangs it up"""
        self.callee = b
        branch = f"Via: SIP/2.0/TLS {self.net.carrier}:5061;branch=z9hG4bK-{number}-"
        uri = f"sip:{gateway.Conf.DID}@{self.net.core}"
        common = ["Max-Forwards: 70", f"Call-ID: {number}-relay",
                  f"From: <sip:{gateway.Conf.OUTSIDE}@carrier.example>;tag=a{number}"]
        self.caller.send([f"INVITE {uri} SIP/2.0", branch + "i", *common, f"To: <{uri}>",
                          "CSeq: 1 INVITE", f"Contact: <sip:uac@{self.net.carrier};transport=tls>",
                          "Content-Type: application/sdp"], a.sdp)
        head, body = self.caller.receive()
        assert head.startswith(b"SIP/2.0 200 "), head.decode()
        a.learn(body)
        contact = field(head, b"Contact").decode().partition("<")[2].partition(">")[0]
        dialog = [*common, "To: " + field(head, b"To").decode()]
        self.caller.send([f"ACK {contact} SIP/2.0", branch + "a", *dialog, "CSeq: 1 ACK"])
        return lambda: self.bye([f"BYE {contact} SIP/2.0", branch + "b", *dialog, "CSeq: 2 BYE"])

    def bye(self, lines):
        self.caller.send(lines)
        head, _ = self.caller.receive()
        assert head.startswith(b"SIP/2.0 200 "), head.decode()


def free_net():
    """A network in which nobody listens, not even what an aborted test has left behind."""
    taken = []
    while True:
        net = Net()
        try:
            socket.create_server((net.core, net.port)).close()
            return net
        except OSError:
            taken.append(net)  # its lock makes the next one another


def conf(net, pki, calls):
    c = gateway.Conf(net, pki)
    c.log = {"level": "warn"}
    c.limits = {"media_timeout_s": 0, "calls": calls + 10, "connections_per_source": 100}
    c.overload = {}  # as the gateway has it by itself
    for interface in c.interfaces:
        interface["media"]["ports"] = [20000, 20000 + 4 * (calls + 500) - 1]
    return c


def main():
    ends = [End(line) for line in iter(sys.stdin.readline, "end\n")]
    cpu = int(sys.argv[1])
    folder = tempfile.mkdtemp(prefix="sallyport-bench.")
    net, pki = free_net(), Pki(os.path.join(folder, "pki"))
    load_cpus = os.sched_getaffinity(0)
    calls = Calls(net, pki)
    os.sched_setaffinity(0, {cpu})
    daemon = gateway.Gateway(folder, conf(net, pki, len(ends) // 2))
    try:
        daemon.start()
        os.sched_setaffinity(0, load_cpus)
        calls.connect()
        for i in range(0, len(ends), 2):
            calls.call(i // 2, ends[i], ends[i + 1])
        print(daemon.process.pid)
        print("\n".join(end.line for end in ends), flush=True)
        sys.stdin.readline()
    finally:
        daemon.process.kill()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
