# SPDX-License-Identifier: BSD-3-Clause
"""SIPp as both ends, with stunnel between it and the gateway.

Debian 12's SIPp speaks no TLS: it speaks TCP to an stunnel on its own side,
which shows that side's client certificate and checks the gateway's. One
stunnel process serves all sides and both roles for a whole run.

Scenarios are SIPp's own XML but for two things, filled in before SIPp sees them:
@word@ is a word of the test's (@word=text@ has a default), and
<use part="NAME" word="text"/> stands for the message in sipp/part/NAME.xml. A
line that is nothing but an empty word goes.
"""
import os
import re
import subprocess
import time

from gateway import Conf, hex_address

HERE = os.path.dirname(os.path.abspath(__file__))
WAIT = 25
OUT_PORT, SIPP_PORT = 6001, 6060  # stunnel's, where SIPp connects to; SIPp's as UAS
SUITE = "AES_CM_128_HMAC_SHA1_80"

WAYS = {"inbound": ("carrier", "service", Conf.OUTSIDE, Conf.DID),
        "outbound": ("service", "carrier", Conf.DID, Conf.OUTSIDE)}
SIDES = {"carrier": "core", "carrier2": "core", "service": "edge"}  # and the interface of each


def text_of(*names):
    with open(os.path.join(HERE, "sipp", *names)) as f:
        return f.read()


def fill(text, words):
    """Put the words in; what has neither a word nor a default stays."""
    def value(found):
        return str(words.get(found[1], found[0] if found[2] is None else found[2]))
    lines = []
    for line in text.split("\n"):
        filled = re.sub(r"@(\w+)(?:=([^@]*))?@", value, line)
        if filled.strip() or not line.strip():
            indent = re.match(r"\s*", line)[0]
            lines.append(filled.replace("\\n", "\n" + indent))
    return "\n".join(lines)


def use(found):
    """The text of a part."""
    words = {k: v.replace("&quot;", '"') for k, v in re.findall(r'(\w+)="([^"]*)"', found[1])}
    part = words.pop("part")
    if words.get("body"):
        words.setdefault("type", "Content-Type: application/sdp")
    return fill(text_of("part", part + ".xml"), words).rstrip("\n")


def scenario_text(name, words):
    text = re.sub(r'^ *<use((?:\s+\w+="[^"]*")*)\s*/>', use, text_of(name + ".xml"), flags=re.M)
    for _ in range(3):  # a word may hold a description, and that has words too
        text = fill(text, words)
    if "<use " in text_of(name + ".xml") and 'assign_to="ok' in text:
        # SIPp wants each variable to be used; this one holds what was looked at
        text = text.replace("</scenario>", '  <Reference variables="ok"/>\n</scenario>')
    left = re.search(r"@\w+@", text)
    assert not left, f"{name}.xml needs a value for {left[0]}"
    return text


class Stunnel:
    """Per side: OUT_PORT to the gateway, and net.port from it to SIPp."""

    def __init__(self, net, pki, folder):
        self.file = os.path.join(str(folder), "stunnel.conf")
        text = "foreground = yes\ndebug = 5\npid =\nsocket = l:TCP_NODELAY=1\n" \
               "socket = r:TCP_NODELAY=1\n"
        for side, name in SIDES.items():
            here, gateway = getattr(net, side), getattr(net, name)
            trust = (f"cert = {pki.crt(side)}\nkey = {pki.key(side)}\n"
                     f"CAfile = {pki.crt(side.rstrip('2') + '-ca')}\nverifyChain = yes\n")
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
        text = scenario_text(scenario, {"sdp": text_of("sdp.txt").rstrip("\n"), **words})
        with open(self.stem + ".xml", "w") as f:
            f.write(text)
        self.output = open(self.stem + ".out", "w+")
        trace = ["-trace_msg", "-message_file", self.stem + ".messages"] if sipp.trace else []
        self.process = subprocess.Popen(
            ["sipp", "-sf", self.stem + ".xml", "-t", "t1", "-nostdin", "-nd", "-timeout", str(sipp.seconds),
             "-timeout_error", "-i", getattr(sipp.net, side), *trace, "-trace_err", "-error_file", self.stem + ".errors"] + args,
            cwd=sipp.folder, stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output,
            env=dict(os.environ, TERM="dumb"))

    def finish(self):
        """Wait for it to end well."""
        try:
            code = self.process.wait(self.sipp.seconds + 5)
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
    """Makes SIPp processes, each of which may take so many seconds."""

    def __init__(self, net, folder, seconds=20, trace=True):
        self.net, self.folder, self.count, self.runs = net, str(folder), 0, []
        self.seconds, self.trace = seconds, trace

    def run(self, side, scenario, args, words):
        words = {"method": "INVITE", "proto": "RTP/SAVP", "suite": SUITE, **words}
        self.runs.append(Run(self, side, scenario, args, words))
        return self.runs[-1]

    def uas(self, side, scenario, calls=1, **words):
        """The side that is called. It listens when this returns."""
        run = self.run(side, scenario, ["-p", str(SIPP_PORT), "-m", str(calls)], words)
        self.wait_listening(run, getattr(self.net, side), SIPP_PORT)
        return run

    def uac(self, side, scenario, caller, called, calls=1, args=(), **words):
        """The side that calls."""
        return self.run(side, scenario,
                        [f"{getattr(self.net, side)}:{OUT_PORT}", "-m", str(calls), *args],
                        {"caller": caller, "called": called, "domain": f"{side}.example",
                         "gateway": f"{SIDES[side]}.gateway.example", **words})

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


def call(sipp, way, uac, uas, calls=1, args=(), **words):
    """Run both scenarios to their end; -> (uac, uas)."""
    caller, callee, number, called = way
    uas_run = sipp.uas(callee, uas, calls=calls, **words)
    uac_run = sipp.uac(caller, uac, number, called, calls=calls, args=args, **words)
    uac_run.finish()
    uas_run.finish()
    return uac_run, uas_run
