# SPDX-License-Identifier: BSD-3-Clause
"""What bench_peer_calls.py compares: the gateway, and Kamailio with rtpengine.

Each is a System: some processes that have one core for themselves, whose CPU
time and memory can be read, and that have all gone when stop() returns.
"""
import ctypes
import os
import re
import resource
import signal
import subprocess
import time

from gateway import BINARY, Conf, hex_address

HERE = os.path.dirname(os.path.abspath(__file__))
START_S, STOP_S = 15, 8
NG_PORT = 2223
MEDIA_PORTS = [10000, 65533]
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1

# What rtpengine is not to offer by itself. Two suites are left: it passes the keys of one leg to
# the other, and relays without looking, when both have the same.
NOT_OFFERED = ("AEAD_AES_256_GCM", "AEAD_AES_128_GCM", "AES_256_CM_HMAC_SHA1_80",
               "AES_256_CM_HMAC_SHA1_32", "AES_192_CM_HMAC_SHA1_80", "AES_192_CM_HMAC_SHA1_32",
               "F8_128_HMAC_SHA1_80", "F8_128_HMAC_SHA1_32", "NULL_HMAC_SHA1_80",
               "NULL_HMAC_SHA1_32")

TLS = """\
[{kind}:default]
method = TLSv1.2+
verify_certificate = yes
require_certificate = yes
certificate = {crt}
private_key = {key}
ca_list = {ca}
"""


def children(pid):
    """-> the process and all below it"""
    found = [pid]
    for known in found:
        for task in tasks(known):
            try:
                with open(f"/proc/{known}/task/{task}/children", encoding="ascii") as f:
                    found += [int(child) for child in f.read().split()]
            except OSError:
                pass
    return found


def tasks(pid):
    try:
        return os.listdir(f"/proc/{pid}/task")
    except OSError:
        return []


def listening(address, port, kind="tcp"):
    local = f"{hex_address(address)}:{port:04X}"
    state = "0A" if kind == "tcp" else "07"
    with open(f"/proc/net/{kind}", encoding="ascii") as f:
        return any(line.split()[1:4:2] == [local, state] for line in f)


def start(args, cpu, folder, **more):
    """A process on a core, which ends when we do."""
    def limits():
        os.sched_setaffinity(0, {cpu})
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        try:
            os.nice(-15)  # before what else this machine does
        except PermissionError:
            pass

    return subprocess.Popen(args, cwd=folder, preexec_fn=limits, **more)


class System:
    """Processes on one core."""

    def __init__(self, folder, cpu):
        self.folder, self.cpu, self.processes = folder, cpu, []

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def text(self, name):
        with open(self.path(name), errors="replace") as f:
            return f.read()

    def run(self, args, log, ready):
        """Start one, its output in a file, and wait until ready()."""
        assert not ready(), f"something else listens where {args[0]} is to"
        with open(self.path(log), "w", encoding="utf-8") as f:
            process = start(args, self.cpu, self.folder, stdin=subprocess.DEVNULL, stdout=f,
                            stderr=f)
        self.processes.append(process)
        try:
            end = time.monotonic() + START_S
            while not ready():
                assert process.poll() is None and time.monotonic() < end, \
                    f"{args[0]} does not start:\n" + self.text(log)[-3000:]
                time.sleep(0.05)
        except BaseException:
            self.stop()
            raise

    def pids(self):
        return [pid for process in self.processes for pid in children(process.pid)]

    def cpu_ns(self):
        """Time on the processor of all threads; none of them comes or goes in the meantime."""
        total = 0
        for pid in self.pids():
            for task in tasks(pid):
                with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
                    total += int(f.read().split()[0])
        return total

    def pss_kib(self):
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
                total += int(re.search(r"^Pss: +(\d+) kB", f.read(), re.M)[1])
        return total

    def stop(self):
        pids = self.pids()
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in reversed(self.processes):
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                pass
        for pid in pids:  # those that did not, and children that a killed parent left behind
            if tasks(pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        for process in self.processes:
            process.wait()
        self.processes = []


class Sallyport(System):
    """The gateway as the tests configure it, without limits that this load would meet."""

    name, prefix = "Sallyport", ""

    def __init__(self, folder, cpu, net, pki):
        super().__init__(folder, cpu)
        conf = Conf(net, pki)
        conf.log = {"level": "info"}
        # port_rest_s: calls that begin and end so fast would need more ports than there are
        conf.limits = {"media_timeout_s": 0, "calls": 20000, "connections_per_source": 100,
                       "port_rest_s": 1}
        for interface in conf.interfaces:
            interface["media"]["ports"] = MEDIA_PORTS
        self.run([os.path.abspath(BINARY), self.write("sallyport.conf", conf.text())],
                 "sallyport.log", lambda: listening(net.core, net.port))


class Kamailio(System):
    """Kamailio and rtpengine, tuned: one worker each, no more than what is needed."""

    name, prefix = "Kamailio", "peer_"

    def __init__(self, folder, cpu, net, pki):
        super().__init__(folder, cpu)
        tls = ""
        for kind, own, side in (("server", "core", "carrier"), ("client", "edge", "service")):
            crt, key = pki.pair(f"gateway-{own}")
            tls += TLS.format(kind=kind, crt=crt, key=key, ca=pki.crt(side + "-ca"))
        with open(os.path.join(HERE, "peer_kamailio.cfg"), encoding="utf-8") as f:
            text = f.read()
        # delete-delay: else a call's ports and memory stay for 30 s
        same = "replace-origin replace-session-connection ICE=remove DTLS=off"
        offer = " ".join([same] + ["SDES-no-" + suite for suite in NOT_OFFERED])
        for word, value in {"address": net.core, "port": net.port, "callee": net.service,
                            "rtpengine": net.core, "ng_port": NG_PORT, "offer": offer,
                            "answer": same, "delete": "delete-delay=0",
                            "tls": self.write("tls.cfg", tls)}.items():
            text = text.replace(f"@{word}@", str(value))
        self.run(["rtpengine", "--foreground", "--log-stderr", "--log-level=3", "--table=-1",
                  f"--interface={net.core}", f"--listen-ng={net.core}:{NG_PORT}",
                  "--num-threads=1", "--media-num-threads=1",
                  f"--port-min={MEDIA_PORTS[0]}", f"--port-max={MEDIA_PORTS[1]}",
                  "--delete-delay=0", "--config-file=none"], "rtpengine.log",
                 lambda: listening(net.core, NG_PORT, "udp"))
        self.run(["kamailio", "-DD", "-E", "-f", self.write("kamailio.cfg", text),
                  "-Y", folder, "-w", folder, "-m", "4096", "-M", "64", "-x", "tlsf"],
                 "kamailio.log", lambda: listening(net.core, net.port))
