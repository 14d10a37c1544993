# SPDX-License-Identifier: BSD-3-Clause
"""dnsmasq as the gateway's name server, with the records of a test."""
import os
import signal
import socket
import struct
import subprocess
import time

WAIT = 10


class Dnsmasq:
    """Answers for all of .test; what is elsewhere and has no record here is REFUSED."""

    def __init__(self, net, folder, port=5353):
        self.address, self.port, self.folder = net.core, port, str(folder)
        self.records, self.ttl = [], 1
        self.process = None
        self.log = os.path.join(self.folder, "dnsmasq.log")

    @property
    def server(self):
        return f"{self.address}:{self.port}"

    def srv(self, name, target="", port=5061, priority=0, weight=0):
        """A target "" is "." on the wire: the service is not available (RFC 2782)."""
        self.records.append(f"srv-host={name},{target},{port},{priority},{weight}"
                            if target else f"srv-host={name}")

    def host(self, name, address):
        self.records.append(f"host-record={name},{address}")

    def start(self):
        """Start, or start anew with other records; it answers when this returns."""
        self.stop()
        path = os.path.join(self.folder, "dnsmasq.conf")
        with open(path, "w") as f:
            f.write("\n".join([
                "keep-in-foreground", "no-resolv", "no-hosts", "no-poll", "bind-interfaces",
                f"listen-address={self.address}", f"port={self.port}", f"local-ttl={self.ttl}",
                "local=/test/", "user=", "pid-file=", "log-queries", "log-facility=-",
                *self.records]) + "\n")
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(["dnsmasq", f"--conf-file={path}"],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + WAIT
        while not self.answers():
            assert self.process.poll() is None and time.monotonic() < deadline, self.text()
            time.sleep(0.02)  # it has no other way of saying so
        return self

    def answers(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(0.2)
            s.connect((self.address, self.port))
            try:
                s.send(struct.pack("!6H", 1, 0x100, 1, 0, 0, 0) + b"\x04here\x04test\0\0\x01\0\x01")
                return bool(s.recv(512))
            except OSError:
                return False

    def text(self):
        with open(self.log) as f:
            return f.read()

    def asked(self, what):
        """How often somebody asked "SRV _sips._tcp.a.test"."""
        kind, name = what.split()
        return self.text().count(f"query[{kind}] {name} ")

    def freeze(self):
        """It is there, and says nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def stop(self):
        if self.process:
            self.process.kill()  # it may be frozen
            self.process.wait()
            self.process = None
