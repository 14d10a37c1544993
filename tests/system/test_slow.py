# SPDX-License-Identifier: BSD-3-Clause
"""Slow clients: they hold no more than their share, and are cut at their deadlines."""
import re
import select
import socket
import ssl
import threading
import time

import pytest

from sipp import WAYS, Sipp
from ua import WAIT, Raw, request

HALF_OPEN, SENDERS, RATE = 500, 100, 20
HANDSHAKE_S, FIRST_MESSAGE_S, MESSAGE_S = 5, 4, 8

# The first bytes of a ClientHello of 512 bytes: OpenSSL waits for the others.
HELLO = bytes.fromhex("1603010200010001fc0303") + bytes(40)


@pytest.fixture
def many(stunnel, launch, net, tmp_path):
    sipp = Sipp(net, tmp_path, seconds=90, trace=False)
    yield sipp
    sipp.stop()


class Slow:
    """Sockets that say a byte now and then; -> when each was closed by the far end."""

    def __init__(self):
        self.begun, self.ended, self.text = {}, {}, {}
        self.lock = threading.Lock()
        self.over = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def add(self, sock, text=b"", at=None):
        """text: a byte of it each second."""
        sock.setblocking(False)
        with self.lock:
            self.text[sock] = text
            self.begun[sock] = at or time.monotonic()

    def run(self):
        poll, known, by_fd, next_byte = select.poll(), set(), {}, time.monotonic()
        while not self.over:
            with self.lock:
                fresh = set(self.begun) - known
            for sock in fresh:
                known.add(sock)
                by_fd[sock.fileno()] = sock
                poll.register(sock, select.POLLIN)
            for fd, _ in poll.poll(100):
                if self.is_closed(by_fd[fd]):
                    self.ended[by_fd[fd]] = time.monotonic()
                    poll.unregister(fd)
            if time.monotonic() >= next_byte:
                next_byte += 1
                self.say()

    @staticmethod
    def is_closed(sock):
        try:
            return not sock.recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True

    def say(self):
        with self.lock:
            talkers = [s for s in self.text if self.text[s] and s not in self.ended]
        for sock in talkers:
            try:
                sock.send(self.text[sock][:1])
                self.text[sock] = self.text[sock][1:]
            except OSError:
                pass

    def lived(self, socks):
        return sorted(self.ended[s] - self.begun[s] for s in socks)

    def wait(self, seconds):
        deadline = time.monotonic() + seconds
        while len(self.ended) < len(self.begun):
            assert time.monotonic() < deadline, (
                f"{len(self.begun) - len(self.ended)} of {len(self.begun)} are still there")
            time.sleep(0.05)

    def close(self):
        self.over = True
        self.thread.join(WAIT)
        for sock in self.begun:
            sock.close()


@pytest.fixture
def slow():
    slow = Slow()
    yield slow
    slow.close()


def half_open(slow, net, last):
    """A quarter each: silent; some bytes and silent; a byte each second; by now a whole record."""
    sock = socket.create_connection((net.core, net.port), WAIT,
                                    source_address=(net.address("carrier", last), 0))
    if len(slow.begun) % 2:
        sock.sendall(HELLO)
    slow.add(sock, HELLO * 2 if len(slow.begun) % 4 > 1 else b"")
    return sock


def sender(slow, peer, first):
    """A good certificate, and then a byte a second: of the first message, or of the second."""
    raw = Raw(peer)
    if first:
        raw.pump([request(peer, "OPTIONS")], lambda: raw.of(200), "OPTIONS")
    slow.add(raw.sock, request(peer, "OPTIONS", headers=[("Subject", "x" * 200)]))
    return raw.sock


def test_slow_clients(many, slow, launch, conf, net, peer):
    """500 handshakes that do not end and 100 senders of a byte a second, under 20 calls/s."""
    conf.log["level"] = "info"
    conf.limits.update(handshakes=HALF_OPEN + 100, first_message_s=FIRST_MESSAGE_S,
                       message_s=MESSAGE_S, connections_per_source=SENDERS + 50,
                       handshakes_per_source_s=1000, handshakes_per_source_burst=1000)
    conf.trunks.append(conf.trunk("carrier", name="carrier2", identities=["carrier2.example"],
                                  targets=[], connections=SENDERS + 50))
    gateway = launch(conf)
    caller, callee, number, called = WAYS["inbound"]
    calls = RATE * 20
    uas = many.uas(callee, "uas_quick", calls=calls)
    uac = many.uac(caller, "uac_quick", number, called, calls=calls,
                   args=["-r", str(RATE), "-l", "200", "-d", "1000"])
    gateway.wait_for("call_answered", count=RATE)

    carrier2 = peer("carrier", address=net.carrier2, cert="carrier2", domain="carrier2.example")
    firsts = [sender(slow, carrier2, False) for _ in range(SENDERS // 2)]
    seconds = [sender(slow, carrier2, True) for _ in range(SENDERS // 2)]
    halves = [half_open(slow, net, 100 + n % 20) for n in range(HALF_OPEN)]

    # somebody else is let in as if they were not there
    begin = time.monotonic()
    raw = Raw(peer("carrier"))
    raw.pump([request(raw.peer, "OPTIONS")], lambda: raw.of(200))
    assert time.monotonic() - begin < 2
    raw.close()

    slow.wait(HANDSHAKE_S + MESSAGE_S + 10)
    for name, socks, limit in (("handshakes", halves, HANDSHAKE_S),
                               ("first messages", firsts, FIRST_MESSAGE_S),
                               ("later messages", seconds, MESSAGE_S)):
        lived = slow.lived(socks)
        print(f"{name}: cut after {lived[0]:.2f} to {lived[-1]:.2f} s")
        # a message begins with its first byte, up to a second after the client was added
        assert limit - 0.5 < lived[0] and lived[-1] < limit + 2.5, name
    gateway.wait_for("tls_refused", why=f"handshake not complete after {HANDSHAKE_S}000 ms")

    uac.finish()
    uas.finish()
    gateway.wait_for("call_end", status=200, count=calls)
    assert len(gateway.find("call_start")) == calls


def test_too_often(launch, conf, net, peer):
    """One address may come so often; others are not held up, and a reload changes it."""
    conf.limits.update(handshakes_per_source_s=1, handshakes_per_source_burst=5)
    gateway = launch(conf)
    address = net.address("carrier", 77)

    def knock():
        sock = socket.create_connection((net.core, net.port), WAIT, source_address=(address, 0))
        sock.settimeout(0.3)
        try:
            sock.recv(1)
            closed = True
        except socket.timeout:
            closed = False
        except ConnectionResetError:
            closed = True
        sock.close()
        return not closed

    let_in = sum(knock() for _ in range(5))
    assert let_in == 5
    assert not all(knock() for _ in range(5))
    gateway.wait_for("tls_refused", src=re.compile(re.escape(address)),
                     why="too many connections from this address")
    raw = Raw(peer("carrier"))
    raw.pump([request(raw.peer, "OPTIONS")], lambda: raw.of(200))
    raw.close()
    conf.limits.update(handshakes_per_source_s=100, handshakes_per_source_burst=100)
    gateway.write()
    gateway.reload()
    gateway.wait_for("reload_done")
    assert all(knock() for _ in range(8))
