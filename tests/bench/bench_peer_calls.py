#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What calls cost the gateway, and what they cost Kamailio with rtpengine.

Complete calls (INVITE, 200, ACK, BYE, 200, with descriptions of SRTP) over mutual TLS on both
sides, from the same generator (peer_load.c). The system under test has one core, the generator
another. In rounds, each system fresh in each, because the machine may have others to serve:

- call_memory_kib: growth of the proportional set size per call that is up
- call_cpu_us: time on the processor per call at a moderate rate
- call_full_cpu_us: the same when the core has no time left
- call_rate: the most calls per second, with WINDOW of them in progress at any time

Usage: bench_peer_calls.py, with SALLYPORT naming the gateway, and the generator built with it;
prints "name value unit".
"""
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from select import select

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))

from gateway import BINARY, Conf  # noqa: E402
from net import Net  # noqa: E402
from peer_systems import Kamailio, Sallyport, listening, start  # noqa: E402
from pki import Pki  # noqa: E402

GENERATOR = os.path.join(os.path.dirname(os.path.abspath(BINARY)), "tests", "peer_load")
CONNECTIONS, WINDOW = 4, 100
MEMORY_CALLS = 1000
RATE, HOLD_MS = 300, 200
ROUNDS, WARM_S, RUN_S = 3, 1, 6
LIMIT_S = 240  # for everything
FAILED_MAX, P99_MAX_MS = 0.001, 500


def say(text):
    print(f"bench_peer_calls: {text}", file=sys.stderr)


def show(name, value, unit, digits=0):
    print(f"{name} {value:.{digits}f} {unit}", flush=True)


class Load:
    """The generator: it takes commands, and answers each with "name=value ...": see peer_load.c."""

    def __init__(self, folder, cpu, net, pki):
        sides = [pki.pair(side) + (pki.crt(side + "-ca"),) for side in ("carrier", "service")]
        self.process = start(
            [GENERATOR, net.carrier, net.core, net.service, Conf.OUTSIDE, Conf.DID, *sides[0],
             *sides[1]], cpu, folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            bufsize=1)
        assert self.line(10) == "ready"

    def line(self, wait_s):
        assert select([self.process.stdout], [], [], wait_s)[0], "no answer from the generator"
        line = self.process.stdout.readline().strip()
        assert line, "the generator has ended"
        return line

    def ask(self, *words, wait_s=45):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        answer = dict(word.split("=") for word in self.line(wait_s).split())
        return {name: float(value) for name, value in answer.items()}

    def stop(self):
        self.process.kill()
        self.process.communicate()


def run(system, load, *words):
    """-> what became of the calls, with CPU per call and the share of the core"""
    cpu, wall = system.cpu_ns(), time.monotonic()
    result = load.ask(*words)
    cpu, wall = system.cpu_ns() - cpu, time.monotonic() - wall
    result["cpu_us"] = cpu / 1000 / max(result["done"], 1)
    result["share"] = cpu / 1e9 / wall
    if result["failed"] or (result["open"] and words[0] != "keep"):
        say(f"{system.name}: {' '.join(map(str, words))}: {result['failed']:.0f} of "
            f"{result['begun']:.0f} calls failed, {result['open']:.0f} did not end")
    return result


def memory_kib(system, load):
    run(system, load, "rate", 20, 1, 0)  # what only the first calls need is not counted
    before = system.pss_kib()
    calls = run(system, load, "keep", MEMORY_CALLS, RATE)["open"]
    grown = system.pss_kib() - before
    run(system, load, "drop")
    return grown / max(calls, 1)


def speed(system, load):
    """-> results at a moderate rate and at saturation"""
    run(system, load, "rate", RATE, WARM_S, HOLD_MS)
    paced = run(system, load, "rate", RATE, RUN_S, HOLD_MS)
    run(system, load, "closed", WINDOW, WARM_S)
    full = run(system, load, "closed", WINDOW, RUN_S)
    if full["share"] < 0.9:
        say(f"{system.name} had {full['share']:.2f} of a core only: others use this machine, "
            "or the generator does not keep up")
    if full["failed"] > FAILED_MAX * full["begun"] or full["p99_ms"] > P99_MAX_MS:
        say(f"{system.name}: too many failed, or too late, at {full['rate']:.0f} calls/s")
        full["rate"] = 0
    return paced, full


def folder_in_memory():
    """For logs too: a disk that others keep busy makes their writer wait."""
    memory = "/dev/shm"
    return tempfile.TemporaryDirectory(prefix="sallyport-bench.",
                                       dir=memory if os.access(memory, os.W_OK) else None)


def measure(kind, cpus, net, pki, memory):
    """One round of one system."""
    with folder_in_memory() as folder:
        load, system = Load(folder, cpus[1], net, pki), None
        try:
            system = kind(folder, cpus[0], net, pki)
            load.ask("connect", CONNECTIONS)
            kib = memory_kib(system, load) if memory else None
            return (*speed(system, load), kib)
        finally:
            load.stop()
            if system:
                system.stop()


def figures(kind, rounds):
    """Print a system's. -> those that are compared"""
    prefix = kind.prefix
    cpu = statistics.median(paced["cpu_us"] for paced, _, _ in rounds)
    full = statistics.median(full["cpu_us"] for _, full, _ in rounds)
    best = max((full for _, full, _ in rounds), key=lambda full: full["rate"])
    show(prefix + "call_memory_kib", rounds[0][2], "KiB", 1)
    show(prefix + "call_cpu_us", cpu, "us")
    show(prefix + "call_full_cpu_us", full, "us")
    show(prefix + "call_rate", best["rate"], "calls/s")
    show(prefix + "call_setup_p99_ms", best["p99_ms"], "ms")
    return cpu, full, best["rate"]


def quiet_net(taken=()):
    """-> addresses where nobody listens; what a test that was killed left behind may do so"""
    net = Net()  # each call another, as long as those before it are there
    return quiet_net((*taken, net)) if listening(net.core, net.port) else net


def main():
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        say("needs two cores, one for the system under test and one for the load")
        return
    kinds = [Sallyport]
    if shutil.which("kamailio") and shutil.which("rtpengine"):
        kinds.append(Kamailio)
    else:
        say("Kamailio and rtpengine are not installed: nothing to compare with")

    for signo in (signal.SIGTERM, signal.SIGALRM):  # so that all that was started is ended
        signal.signal(signo, lambda *_: sys.exit("bench_peer_calls: ended before its time"))
    signal.alarm(LIMIT_S)
    rounds = {kind: [] for kind in kinds}
    with folder_in_memory() as folder:
        net, pki = quiet_net(), Pki(os.path.join(folder, "pki"))
        for number in range(ROUNDS):
            for kind in kinds:
                rounds[kind].append(measure(kind, cpus, net, pki, memory=number == 0))

    cpu, full, rate = figures(Sallyport, rounds[Sallyport])
    if len(kinds) > 1:
        peer_cpu, peer_full, peer_rate = figures(Kamailio, rounds[Kamailio])
        show("call_cpu_vs_peer", cpu / peer_cpu, "ratio", 2)
        show("call_full_cpu_vs_peer", full / peer_full, "ratio", 2)
        show("call_rate_vs_peer", rate / max(peer_rate, 1), "ratio", 2)


main()
