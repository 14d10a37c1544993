#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What a reload of millions of numbers does to calls that come, and to media that runs, meanwhile.

A gateway with a CSV file of MILLIONS numbers and 100,000 prefixes; MEDIA calls with 50 packets
a second from the caller to the callee, and 20 new calls a second, each hung up at once. For a
while nothing happens; then the file is written anew and reloaded, several times; then a file
with one bad row is refused. Prints how long a reload takes, how late the loop, a packet and a
call's answer were at worst, in quiet times and during reloads, what was lost, and memory.

Usage: bench_number_reload.py [MILLIONS], with SALLYPORT naming the gateway.
"""
import json
import multiprocessing
import os
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))

import gateway  # noqa: E402
import srtp  # noqa: E402
from pki import Pki  # noqa: E402
from relay_gateway import Calls, End, free_net  # noqa: E402

MEDIA, RATE = 10, 20
QUIET_S, RELOADS = 10, 3
LIMIT_S = 300  # for everything
PREFIXES = 100000


def show(name, value, unit, digits=0):
    print(f"number_reload_{name} {value:.{digits}f} {unit}", flush=True)


def write_numbers(path, millions, bad=False):
    """Rows as a carrier has them: blocks of numbers, 5,000 accounts, few trunks."""
    with open(path + ".part", "w", 1 << 20) as f:
        f.write("number,trunk,carrier,account,header:X-Tenant\n")
        for block in range(millions * 100):
            account = f"account-{block % 5000}"
            f.writelines(f"+4420{block:05}{i:04},service,carrier,{account},tenant-{block % 5000}\n"
                         for i in range(10000))
        f.writelines(f"+49{i:06}*,service,carrier,prefix,\n" for i in range(PREFIXES))
        if bad:
            f.write("+44 20 1,service,carrier,a,\n")
    os.rename(path + ".part", path)


class Watch:
    """The worst of something, in the present phase."""

    def __init__(self):
        self.lock, self.values = threading.Lock(), []

    def add(self, value):
        with self.lock:
            self.values.append(value)

    def take(self):
        with self.lock:
            values, self.values = sorted(self.values), []
        return values


def talk(flows, pipe):
    """A process: the media of all calls, paced; each packet's way is timed by its SSRC and number.

    Answers each word from the pipe with (sent, received, times in ms since the last word).
    """
    out = [(srtp.Srtp(key), sock, to) for key, sock, to, _ in flows]
    selector = selectors.DefaultSelector()
    selector.register(pipe, selectors.EVENT_READ)
    for *_, far in flows:
        far.setblocking(False)
        selector.register(far, selectors.EVENT_READ)
    sent, late, seq, count, got = {}, [], 0, 0, 0
    due = time.monotonic()
    while True:
        if time.monotonic() >= due:
            for i, (context, sock, to) in enumerate(out):
                packet = struct.pack("!BBHII", 0x80, 8, seq & 0xffff, seq * 160, i + 1)
                packet = context.protect(packet + bytes(160))
                sent[i + 1, seq & 0xffff] = time.monotonic()
                sock.sendto(packet, to)
            count += len(out)
            seq += 1
            due += 0.02
        for key, _ in selector.select(max(0, due - time.monotonic())):
            if key.fileobj is pipe:
                pipe.recv()
                pipe.send((count, got, late))
                late = []
                continue
            data, now = key.fileobj.recv(2048), time.monotonic()
            number, _, ssrc = struct.unpack_from("!HII", data, 2)
            late.append((now - sent[ssrc, number]) * 1000)
            got += 1


class Talk:
    """That process."""

    def __init__(self, flows):
        self.pipe, far = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=talk, args=(flows, far), daemon=True)
        self.process.start()

    def take(self):
        self.pipe.send("take")
        self.sent, self.got, late = self.pipe.recv()
        return sorted(late)


class Caller(threading.Thread):
    """RATE calls a second, one after another."""

    def __init__(self, calls, net):
        super().__init__(daemon=True)
        self.calls, self.net = calls, net
        self.setup, self.done, self.failed, self.stopping = Watch(), 0, 0, False

    def run(self):
        due, number = time.monotonic(), 1000
        while not self.stopping:
            a = End(f"{self.net.carrier} 9000 {os.urandom(30).hex()}")
            b = End(f"{self.net.service} 9000 {os.urandom(30).hex()}")
            began = time.monotonic()
            try:
                bye = self.calls.call(number, a, b)
                self.setup.add((time.monotonic() - began) * 1000)
                bye()
                self.done += 1
            except (AssertionError, EOFError, OSError) as e:
                self.failed += 1
                print(f"bench_number_reload: {e}", file=sys.stderr)
                return
            number += 1
            due += 1 / RATE
            time.sleep(max(0, due - time.monotonic()))


def memory_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024


def lag_worst_ms(daemon):
    text = subprocess.run([gateway.BINARY, "--status", "--json", daemon.file], check=True,
                          stdout=subprocess.PIPE, timeout=20).stdout
    return json.loads(text)["gateway"]["load"]["lag_worst_ms"]


def media_ends(net):
    """-> [(caller's End, callee's End, key, socket)] with sockets bound"""
    ends = []
    for _ in range(MEDIA):
        socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for sock, address in zip(socks, (net.carrier, net.service)):
            sock.bind((address, 0))
        keys = [os.urandom(30), os.urandom(30)]
        a, b = (End(f"{s.getsockname()[0]} {s.getsockname()[1]} {k.hex()}")
                for s, k in zip(socks, keys))
        ends.append((a, b, keys[0], socks))
    return ends


def phase(name, media, caller):
    late, setup = media.take(), caller.setup.take()
    show(f"{name}_packet_worst_ms", late[-1], "ms", 2)
    show(f"{name}_packet_p999_ms", late[int(len(late) * 0.999)], "ms", 2)
    show(f"{name}_setup_worst_ms", setup[-1], "ms", 1)


def reload(daemon, event):
    mark, began = daemon.mark(), time.monotonic()
    daemon.signal(signal.SIGHUP)
    end = time.monotonic() + 120
    while not daemon.find(event, mark):
        assert time.monotonic() < end and daemon.process.poll() is None, daemon.tail()
        time.sleep(0.02)
    return time.monotonic() - began


def measure(daemon, calls, net, path, millions):
    ends = media_ends(net)
    byes = [calls.call(i, a, b) for i, (a, b, _, _) in enumerate(ends)]
    flows = []
    for a, _, key, (sock, far) in ends:
        address, port, _ = a.line.split()
        flows.append((key, sock, (address, int(port)), far))
    media, caller = Talk(flows), Caller(calls, net)
    caller.start()
    time.sleep(1)
    media.take()
    time.sleep(QUIET_S)
    phase("quiet", media, caller)
    before, lag_before = memory_mb(daemon.process.pid), lag_worst_ms(daemon)
    times, peak = [], 0
    for _ in range(RELOADS):
        times.append(reload(daemon, "reload_done"))
        peak = max(peak, memory_mb(daemon.process.pid))
        time.sleep(2)
    phase("busy", media, caller)
    show("s", min(times), "s", 2)
    show("rows_per_s", (millions * 1e6 + PREFIXES) / min(times), "rows/s")
    show("lag_quiet_ms", lag_before, "ms")
    show("lag_worst_ms", lag_worst_ms(daemon), "ms")
    show("memory_before_mb", before, "MB")
    show("memory_at_swap_mb", peak, "MB")
    show("memory_two_tables_mb", memory_mb(daemon.process.pid), "MB")
    write_numbers(path, millions, bad=True)
    media.take()
    caller.setup.take()
    show("refused_s", reload(daemon, "reload_failed"), "s", 2)
    phase("refused", media, caller)
    media.take()
    media.process.kill()
    caller.stopping = True
    caller.join(10)
    for bye in byes:  # these calls have kept the first table
        bye()
    time.sleep(1)
    show("memory_after_mb", memory_mb(daemon.process.pid), "MB")
    show("calls", caller.done, "calls")
    show("calls_failed", caller.failed, "calls")
    show("packets", media.sent, "packets")
    show("packets_lost", max(0, media.sent - media.got - MEDIA), "packets")  # some are on their way


def main():
    millions = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    signal.alarm(LIMIT_S)
    folder = tempfile.mkdtemp(prefix="sallyport-bench.")
    net, pki = free_net(), Pki(os.path.join(folder, "pki"))
    path = os.path.join(folder, "numbers.csv")
    write_numbers(path, millions)
    conf = gateway.Conf(net, pki)
    conf.log = {"level": "info"}
    conf.number_files = [path]
    gateway.WAIT = 60
    daemon, calls = gateway.Gateway(folder, conf), Calls(net, pki)
    try:
        daemon.start()
        calls.connect()
        measure(daemon, calls, net, path, millions)
    finally:
        daemon.process.kill()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
