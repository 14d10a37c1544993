# SPDX-License-Identifier: BSD-3-Clause
"""SIPp as both ends, with stunnel between it and the gateway.

Debian 12's SIPp speaks no TLS: it speaks TCP to an stunnel on its own side,
which shows that side's client certificate and checks the gateway's. One
stunnel process serves both sides and both roles for a whole run.
"""
import os
import re
import subprocess
import time

from gateway import hex_address

HERE = os.path.dirname(os.path.abspath(__file__))
WAIT = 25
OUT_PORT, SIPP_PORT = 6001, 6060  # stunnel's, where SIPp connects to; SIPp's as UAS
SUITE = "AES_CM_128_HMAC_SHA1_80"


class Stunnel:
    """Per side: OUT_PORT to the gateway, and net.port from it to SIPp."""

    def __init__(self, net, pki, folder):
        self.file = os.path.join(str(folder), "stunnel.conf")
        text = "foreground = yes\ndebug = 5\npid =\nsocket = l:TCP_NODELAY=1\n" \
               "socket = r:TCP_NODELAY=1\n"
        for side, gateway, name in (("carrier", net.core, "core"), ("service", net.edge, "edge")):
            here = getattr(net, side)
            trust = (f"cert = {pki.crt(side)}\nkey = {pki.key(side)}\n"
                     f"CAfile = {pki.crt(side + '-ca')}\nverifyChain = yes\n")
            text += (f"[{side}-out]\nclient = yes\naccept = {here}:{OUT_PORT}\n"
                     f"connect = {gateway}:{net.port}\nlocal = {here}\n"
                     f"checkHost = {name}.gateway.example\nsni = {name}.gateway.example\n{trust}"
                     f"[{side}-in]\naccept = {here}:{net.port}\nconnect = {here}:{SIPP_PORT}\n"
                     f"local = {here}\nrequireCert = yes\ncheckHost = {name}.gateway.example\n"
                     f"{trust}")
        with open(self.file, "w") as f:
            f.write(text)
        self.log = open(os.path.join(str(folder), "stunnel.log"), "w+")
        self.process = subprocess.Popen(["stunnel4", self.file], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + WAIT
        while "Configuration successful" not in self.text():
            assert self.process.poll() is None and time.monotonic() < deadline, self.text()
            time.sleep(0.02)  # it has no other way of saying so

    def text(self):
        with open(self.log.name) as f:
            return f.read()

    def stop(self):
        self.process.terminate()
        self.process.wait(WAIT)
        self.log.close()


class Run:
    """One SIPp process with a scenario of sipp/, started at once."""

    def __init__(self, sipp, side, scenario, args, words):
        self.sipp, self.side, self.scenario = sipp, side, scenario
        sipp.count += 1
        self.stem = os.path.join(sipp.folder, f"{sipp.count:02}-{side}-{scenario}")
        with open(os.path.join(HERE, "sipp", scenario + ".xml")) as f:
            text = f.read()
        with open(os.path.join(HERE, "sipp", "sdp.txt")) as f:
            words = {"sdp": f.read().rstrip("\n"), **words}
        for word, value in words.items():
            text = text.replace(f"@{word}@", str(value))
        left = re.search(r"@\w+@", text)
        assert not left, f"{scenario}.xml needs a value for {left[0]}"
        with open(self.stem + ".xml", "w") as f:
            f.write(text)
        self.output = open(self.stem + ".out", "w+")
        self.process = subprocess.Popen(
            ["sipp", "-sf", self.stem + ".xml", "-t", "t1", "-nostdin", "-nd", "-timeout", "20",
             "-timeout_error", "-i", getattr(sipp.net, side), "-trace_msg", "-message_file",
             self.stem + ".messages", "-trace_err", "-error_file", self.stem + ".errors"] + args,
            cwd=sipp.folder, stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output,
            env=dict(os.environ, TERM="dumb"))

    def finish(self):
        """Wait for it to end well."""
        try:
            code = self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.kill()
            code = "none in time"
        self.output.close()
        assert code == 0, (f"sipp {self.scenario} ({self.side}) ended with {code}\n"
                           f"{self.read('.errors')[-3000:]}\n{self.read('.messages')[-6000:]}"
                           f"\n{self.read('.out')[-2000:]}")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def read(self, suffix):
        try:
            with open(self.stem + suffix, errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def received(self):
        """The text of all messages that came from the gateway."""
        parts = re.split(r"^-{40,} .*\n", self.read(".messages"), flags=re.M)
        return "\n".join(p for p in parts if re.match(r"TCP message received", p))


class Sipp:
    def __init__(self, net, folder):
        self.net, self.folder, self.count, self.runs = net, str(folder), 0, []

    def run(self, side, scenario, args, words):
        self.runs.append(Run(self, side, scenario, args, words))
        return self.runs[-1]

    def uas(self, side, scenario, calls=1, **words):
        """The side that is called. It listens when this returns."""
        run = self.run(side, scenario, ["-p", str(SIPP_PORT), "-m", str(calls)],
                       {"method": "INVITE", **words})
        self.wait_listening(run, getattr(self.net, side), SIPP_PORT)
        return run

    def uac(self, side, scenario, caller, called, calls=1, args=(), **words):
        """The side that calls."""
        name = "core" if side == "carrier" else "edge"
        return self.run(side, scenario,
                        [f"{getattr(self.net, side)}:{OUT_PORT}", "-m", str(calls), *args],
                        {"caller": caller, "called": called, "domain": f"{side}.example",
                         "gateway": f"{name}.gateway.example", "method": "INVITE",
                         "proto": "RTP/SAVP", "suite": SUITE, **words})

    @staticmethod
    def wait_listening(run, address, port):
        """Ask the kernel, not the port: a connection would count as SIPp's only one."""
        local = "%s:%04X" % (hex_address(address), port)
        deadline = time.monotonic() + WAIT
        while True:
            with open("/proc/net/tcp") as f:
                if any(line.split()[1:4:2] == [local, "0A"] for line in f):
                    return
            assert run.process.poll() is None, run.read(".out") + run.read(".errors")
            assert time.monotonic() < deadline, "sipp does not listen"
            time.sleep(0.02)

    def stop(self):
        for run in self.runs:
            run.kill()
            run.output.close()
