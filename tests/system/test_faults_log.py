# SPDX-License-Identifier: BSD-3-Clause
"""The log cannot be written: nobody reads it, its disk is full, its reader has gone. Calls go on
as if nothing were, and what the log says afterwards is whole, in order, and honest.
"""
import fcntl
import json
import os
import re
import resource
import signal
import socket
import threading
import time

import pytest

from gateway import WAIT, Conf, Gateway
from targets import namespaces, wait
from ua import Call

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE
SLOW_S = 1.5  # for a call that nothing holds up, with the sanitizers and two busy processors


class Deaf(Gateway):
    """Its log is read only while nobody says otherwise; kind: what the log is written to."""

    def __init__(self, tmp, conf, kind):
        # what is freed is free soon: its memory is looked at
        super().__init__(tmp, conf, {"ASAN_OPTIONS": "detect_leaks=1:quarantine_size_mb=1"})
        self.listens = threading.Event()
        self.listens.set()
        if kind == "socket":  # as journald's
            ours, self.stderr = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            self.stderr.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
            self.input = ours.makefile("r", errors="replace")
            ours.close()
        else:
            pipe = os.pipe()
            fcntl.fcntl(pipe[0], fcntl.F_SETPIPE_SZ, 16384)
            self.input, self.stderr = os.fdopen(pipe[0], errors="replace"), os.fdopen(pipe[1], "w")

    def start(self):
        super().start()
        self.stderr.close()  # it is the gateway's alone
        return self

    def output(self):
        for line in self.input:
            yield line
            self.listens.wait()


class Filed(Gateway):
    """Its log is a file; opened: where it is to be read."""

    def __init__(self, tmp, conf):
        super().__init__(tmp, conf)
        self.stderr = open(os.path.join(self.tmp, "log"), "a")
        self.opened = lambda: open(self.stderr.name, errors="replace")

    def output(self):
        rest, file = "", self.opened()
        while True:
            over = self.process.poll() is not None
            rest += file.read()
            *lines, rest = rest.split("\n")
            yield from lines
            if over:
                return
            if os.fstat(file.fileno()).st_size < file.tell():  # cut by somebody
                file.seek(0)
            time.sleep(0.01)  # a file has no other way of saying so


@pytest.fixture
def start(tmp_path):
    """start(Deaf, conf, ...) starts a gateway of that kind; it is stopped as any other."""
    made = []

    def make(kind, *args):
        made.append(kind(tmp_path, *args))
        return made[-1].start()
    yield make
    for gateway in made:
        if isinstance(gateway, Deaf):
            gateway.listens.set()
        gateway.stop()


@pytest.fixture
def ends(peer):
    def make():
        carrier, service = peer("carrier").listen(), peer("service").listen()
        carrier.connect()
        return carrier, service
    return make


def talk(call, seq):
    """A packet each way, while the log is stuck."""
    for sender, receiver in ((call.a_media, call.b_media), (call.b_media, call.a_media)):
        sender.send(sender.packet(seq, b"voice %d" % seq))
        assert receiver.receive()[12:] == b"voice %d" % seq


def calls_go_on(ends, n):
    """So many calls with media, none of them slow."""
    for seq in range(1, n + 1):
        begin = time.monotonic()
        call = Call(*ends, OUTSIDE, DID).answer()
        talk(call, seq)
        call.hang_up()
        assert time.monotonic() - begin < SLOW_S


def lost(gateway):
    """Lines, as --status counts them; it is asked for over another socket than the log's."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(WAIT)
        sock.connect(os.path.join(gateway.tmp, "status.sock"))
        sock.sendall(b"json\n")
        text = b"".join(iter(lambda: sock.recv(65536), b""))
    return json.loads(text)["gateway"]["log"]["lost"]


def resident(gateway):
    with open(f"/proc/{gateway.process.pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def flood(gateway):
    """Make it say more than may wait."""
    deadline = time.monotonic() + WAIT
    while not lost(gateway):
        gateway.signal(signal.SIGUSR1)
        assert time.monotonic() < deadline, "nothing is lost"


def whole(gateway):
    """No line is torn: each begins with its time, but for what a full disk may have cut."""
    assert all(re.match(r"\d{4}-\d\d-\d\dT\S+Z \w+ \w", line.text) for line in gateway.lines)


@pytest.mark.parametrize("kind", ("pipe", "socket"))
def test_reader_stalls(start, conf, ends, kind):
    """For a while; all comes later. For longer: what does not fit is counted, then told."""
    for i in range(200):  # much to say at SIGUSR1
        conf.trunks.append(conf.trunk("carrier", name=f"carrier-{i}", targets=[],
                                      identities=[f"c{i}.example"]))
    gateway = start(Deaf, conf, kind)
    peers = ends()
    calls_go_on(peers, 1)
    gateway.listens.clear()
    long = Call(*peers, OUTSIDE, DID).answer()
    calls_go_on(peers, 12)
    assert len(gateway.find("call_end")) < 9, "the reader did not stall"
    gateway.listens.set()
    gateway.wait_for("call_end", count=13)
    assert lost(gateway) == 0

    gateway.listens.clear()
    flood(gateway)
    before = resident(gateway)
    for _ in range(10):
        gateway.signal(signal.SIGUSR1)
        lost(gateway)
    calls_go_on(peers, 3)
    talk(long, 1)
    assert resident(gateway) - before < 4 << 20
    missing = lost(gateway)
    gateway.listens.set()
    told = wait(lambda: time.sleep(0.1) or gateway.find("log_lost"), "log_lost")[0]  # far behind
    assert int(told["lines"]) >= missing > 0
    since = gateway.mark()
    calls_go_on(peers, 1)
    gateway.wait_for("call_end", since)
    assert lost(gateway) == int(told["lines"])
    long.hang_up()
    whole(gateway)
    # the ends of calls that are told balance: what is lost is call_start and call_end of some
    gateway.check_balance = lambda: None


def test_reader_stalls_for_ever(start, conf, ends):
    """It does not keep the gateway from its end, and is not waited for at it either."""
    gateway = start(Deaf, conf, "pipe")
    peers = ends()
    gateway.listens.clear()
    calls_go_on(peers, 5)
    for end in peers:
        end.close()
    begin = time.monotonic()
    for _ in range(3):
        gateway.signal(signal.SIGTERM)
        time.sleep(0.2)
    try:
        assert gateway.process.wait(WAIT) == 0
        assert time.monotonic() - begin < 5
    finally:
        gateway.listens.set()
        gateway.check_balance = lambda: None


def test_reader_is_gone(start, conf, ends):
    """SIGPIPE and EPIPE: calls go on, and the end is the usual one."""
    gateway = start(Deaf, conf, "socket")
    peers = ends()
    calls_go_on(peers, 1)
    gateway.wait_for("call_end")
    gateway.listens.clear()
    gateway.input.buffer.raw._sock.shutdown(socket.SHUT_RD)
    calls_go_on(peers, 3)
    assert lost(gateway) == 0  # they wait: somebody may read again
    for end in peers:
        end.close()
    gateway.signal(signal.SIGTERM)
    time.sleep(0.2)
    gateway.signal(signal.SIGTERM)
    assert gateway.process.wait(WAIT) == 0
    gateway.listens.set()
    gateway.check_balance = lambda: None


def test_file_may_not_grow(start, conf, ends):
    """RLIMIT_FSIZE: SIGXFSZ does not end it; when the limit is raised the rest is written."""
    gateway = start(Filed, conf)
    peers = ends()
    calls_go_on(peers, 1)
    gateway.wait_for("call_end")
    size = os.path.getsize(gateway.stderr.name)
    soft, hard = resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (size + 777, hard))
    calls_go_on(peers, 5)
    assert os.path.getsize(gateway.stderr.name) == size + 777
    assert len(gateway.find("call_end")) < 6
    resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (soft, hard))
    gateway.wait_for("call_end", count=6)
    assert lost(gateway) == 0
    whole(gateway)


def test_disk_is_full(start, conf, ends, tmp_path):
    """A file system of 128 KiB: full, made room on, and nothing between is missing."""
    if not namespaces():
        pytest.skip("no file system of its own here")
    disk = tmp_path / "disk"
    disk.mkdir()

    class Tiny(Filed):
        def __init__(self, tmp, conf):
            super().__init__(tmp, conf)
            self.wrap = ["unshare", "-m", "sh", "-c", f"mount -t tmpfs -o size=128k none {disk} && "
                         f'exec "$@" 2>>{disk}/log', "sh"]
            self.path = lambda: f"/proc/{self.process.pid}/root{disk}/log"
            self.opened = self.wait_open

        def wait_open(self):
            deadline = time.monotonic() + WAIT
            while not os.path.exists(self.path()) and time.monotonic() < deadline:
                time.sleep(0.01)
            return open(self.path(), errors="replace")
    gateway = start(Tiny, conf)
    peers = ends()
    full = gateway.path().rsplit("/", 1)[0]
    with open(full + "/other", "wb", 0) as other:  # somebody else takes the room
        taken = 0
        try:
            while True:
                taken += other.write(bytes(4096))
        except OSError:
            pass
    assert taken >= 32768
    calls_go_on(peers, 20)
    assert len(gateway.find("call_end")) < 20
    os.unlink(full + "/other")
    gateway.wait_for("call_end", count=20)
    assert lost(gateway) == 0
    whole(gateway)


def test_status_readers_stall(start, conf, ends):
    """Eight ask for more than a socket holds and read nothing, again and again: calls go on, and
    it costs memory only once."""
    for i in range(200):
        conf.trunks.append(conf.trunk("carrier", name=f"carrier-{i}", targets=[],
                                      identities=[f"c{i}.example"]))
    gateway = start(Deaf, conf, "pipe")
    peers = ends()
    sizes = []
    for _ in range(3):
        clients = []
        for request in (b"json\n", b"metrics\n", b"table\n", b"GET / HTTP/1.0\r\n\r\n") * 2:
            clients.append(socket.socket(socket.AF_UNIX))
            clients[-1].connect(os.path.join(gateway.tmp, "status.sock"))
            clients[-1].sendall(request)
        calls_go_on(peers, 2)
        sizes.append(resident(gateway))
        for client in clients:
            client.close()
        assert lost(gateway) == 0  # it answers: the places are free again
    assert sizes[-1] - sizes[0] < 4 << 20, sizes
