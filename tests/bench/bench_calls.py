#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What a call costs the gateway: memory while it is up, CPU for its signalling.

SIPp calls through stunnel on both sides, as in the system tests, whose tools
this uses. Memory is the growth of the process's proportional set size (PSS)
over CALLS established calls that carry no packets; the kernel's
part (sockets) is not in it. Usage: bench_calls.py, with SALLYPORT naming the
gateway; prints "name value unit".
"""
import os
import re
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "system"))

from gateway import Conf, Gateway  # noqa: E402
from net import Net  # noqa: E402
from pki import Pki  # noqa: E402
from sipp import Sipp, Stunnel  # noqa: E402

CALLS, RATE, HOLD_MS = 200, 50, 9000
TICK = os.sysconf("SC_CLK_TCK")


def pss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        return int(re.search(r"^Pss: +(\d+) kB", f.read(), re.M)[1])


def cpu_s(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def calls(sipp, count, rate, hold_ms):
    """Begin count calls from the carrier to the service. -> SIPp's two processes"""
    uas = sipp.uas("service", "uas_answered", calls=count, proto="RTP/SAVP",
                   suite="AES_CM_128_HMAC_SHA1_80")
    uac = sipp.uac("carrier", "uac_answered", Conf.OUTSIDE, Conf.DID, calls=count,
                   args=["-r", str(rate), "-d", str(hold_ms)])
    return uac, uas


def measure(gateway, sipp):
    pid = gateway.process.pid
    for run in calls(sipp, 1, 1, 10):  # what only the first call needs is not counted
        run.finish()
    memory, cpu = pss_kib(pid), cpu_s(pid)
    runs = calls(sipp, CALLS, RATE, HOLD_MS)
    gateway.wait_for("call_answered", count=1 + CALLS)
    memory = pss_kib(pid) - memory
    for run in runs:
        run.finish()
    gateway.wait_for("call_end", count=1 + CALLS)
    cpu = cpu_s(pid) - cpu
    print(f"call_memory_kib {memory / CALLS:.1f} KiB")
    print(f"call_cpu_ms {1000 * cpu / CALLS:.2f} ms")


def main():
    with tempfile.TemporaryDirectory(prefix="sallyport-bench.") as folder:
        net = Net()
        pki = Pki(os.path.join(folder, "pki"))
        conf = Conf(net, pki)
        conf.log = {"level": "info"}
        stunnel = Stunnel(net, pki, folder)
        sipp = Sipp(net, folder)
        gateway = Gateway(folder, conf)
        try:
            gateway.start()
            measure(gateway, sipp)
            sipp.stop()
            gateway.stop()
        finally:
            sipp.stop()
            if gateway.process and gateway.process.poll() is None:
                gateway.process.kill()
                gateway.process.wait()
            stunnel.stop()


main()
