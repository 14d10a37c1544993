#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What overload does to the gateway: goodput at 0.5, 1, 2 and 4 times its capacity.

The gateway has one core, the load generator (load.py, next to this) another.
Capacity is the most calls per second that are answered and hung up in good
order, found first, in the same run; goodput is the same at each load. Calls
that were up before all this have to be up after it. Usage: bench_overload.py,
with SALLYPORT naming the gateway; prints "name value unit".
"""
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))

from gateway import BINARY, Conf  # noqa: E402
from load import Load  # noqa: E402
from net import Net  # noqa: E402
from pki import Pki  # noqa: E402

KEPT = 100
LOADS = (0.5, 1, 2, 4)
ROUNDS, PROBE_S, RUN_S, CALM_S = 3, 3, 5, 8
TARGET = 0.8
TICK = os.sysconf("SC_CLK_TCK")


def say(text):
    print(f"bench_overload: {text}", file=sys.stderr)


def show(name, value, unit, digits=0):
    print(f"overload_{name} {value:.{digits}f} {unit}", flush=True)


class Daemon:
    """The gateway on a core of its own, its log in a file: nobody has to read it meanwhile."""

    def __init__(self, folder, net, pki, cpu):
        conf = Conf(net, pki)
        conf.log = {"level": "info"}
        conf.limits = {"media_timeout_s": 0, "calls": 4000, "connections_per_source": 100}
        conf.overload = {}  # as the gateway has it by itself
        for interface in conf.interfaces:
            interface["media"]["ports"] = [20000, 39999]
        self.log = os.path.join(folder, "sallyport.log")
        file = os.path.join(folder, "sallyport.conf")
        with open(file, "w") as f:
            f.write(conf.text())
        self.process = subprocess.Popen(
            [BINARY, file], stdin=subprocess.DEVNULL, stderr=open(self.log, "w"),
            preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
        end = time.monotonic() + 10
        while " start " not in self.text():
            assert self.process.poll() is None and time.monotonic() < end, self.text()
            time.sleep(0.05)  # it has no other way of saying so

    def text(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def times(self, event):
        found = re.findall(rf"^(\S+)Z \w+ {event} ", self.text(), re.M)
        return [datetime.fromisoformat(t + "+00:00").timestamp() for t in found]

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def run(load, rate, seconds):
    result = load.ask("run", rate, seconds)
    if result["offered"] < 0.95 * rate or result["late_s"] > 0.5:
        say(f"the generator offered {result['offered']:.0f} of {rate:.0f} calls/s, "
            f"{result['late_s']:.1f} s late: this machine cannot make that load")
    return result


def capacity(daemon, load):
    """Where more offered calls make no more answered ones."""
    cpu = daemon.cpu_s()
    load.ask("run", 200, PROBE_S)
    rate = 0.8 * 200 * PROBE_S / max(daemon.cpu_s() - cpu, 0.01)
    best = 0
    for _ in range(6):
        goodput = run(load, rate, PROBE_S)["goodput"]
        best = max(best, goodput)
        if goodput < 0.95 * rate:
            break
        rate *= 1.25
    return best


def measure(daemon, load):
    kept = load.ask("keep", KEPT)
    limit = capacity(daemon, load)
    show("capacity", limit, "calls/s")
    # In rounds, each load against the best of its round: the machine may have others to serve,
    # and what it can do for us changes.
    results = {times: [] for times in LOADS}
    ratios = {times: [] for times in LOADS}
    for _ in range(ROUNDS):
        for times in LOADS:
            results[times].append(run(load, times * limit, RUN_S))
        best = max(results[times][-1]["goodput"] for times in LOADS)
        for times in LOADS:
            ratios[times].append(results[times][-1]["goodput"] / best)
    over = time.time()
    load.ask("run", 0.5 * limit, CALM_S)

    for times in LOADS:
        for name, unit, factor in (("goodput", "calls/s", 1), ("p50", "ms", 1000),
                                   ("p99", "ms", 1000)):
            figure = statistics.median(r[name] for r in results[times]) * factor
            show(f"{name if factor == 1 else 'setup_' + name}_{times}x", figure, unit)
        for what in ("failed", "lost", "unasked", "open"):
            count = sum(r[what] for r in results[times])
            if count:
                say(f"at {times}x: {count} calls {what}")
    for times in LOADS[2:]:
        ratio = statistics.median(ratios[times])
        show(f"goodput_{times}x_vs_peak", ratio, "ratio", 2)
        if ratio < TARGET:
            say(f"goodput at {times}x is below {TARGET} of the peak")
    show_recovery(daemon, over)
    show("kept_calls_lost", kept - load.ask("let_go"), "calls")
    if kept != KEPT:
        say(f"only {kept} of {KEPT} calls were up at the beginning")


def show_recovery(daemon, over):
    """From the end of the load until nobody is refused any more, the two seconds of calm included that it waits for."""
    ended = [t for t in daemon.times("overload_end") if t > over - 1]
    if ended and not [t for t in daemon.times("overload_begin") if t > over]:
        show("recovery", max(ended[0] - over, 0), "s", 1)
    else:
        say("it did not recover: see the log")


def main():
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        say("needs two cores, one for the gateway and one for the load")
        return
    folder = tempfile.mkdtemp(prefix="sallyport-bench.")
    net, pki = Net(), Pki(os.path.join(folder, "pki"))
    load = Load(pki, cpus[-1], (net.service, net.port), net.carrier, (net.core, net.port),
                (Conf.OUTSIDE, Conf.DID))
    daemon = Daemon(folder, net, pki, cpus[0])
    try:
        load.start()
        measure(daemon, load)
    finally:
        load.end()
        daemon.stop()
        shutil.rmtree(folder)


main()
