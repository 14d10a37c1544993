# SPDX-License-Identifier: BSD-3-Clause
"""The gateway under test: its configuration, its process, its log."""
import os
import re
import signal
import socket
import subprocess
import threading
import time

from pki import ROOT

BINARY = os.environ.get("SALLYPORT", os.path.join(ROOT, "build", "asan", "sallyport"))
WAIT = 20  # seconds; only a failing test waits that long

# What the stop line counts, and what has to be zero in it after every test. Transactions are
# those that wait for a message; the ones whose 2xx is acknowledged only absorb repetitions.
IN_USE = ("calls", "dialogs", "transactions", "ports", "relays")


# ---- configuration ----

def render(value, indent=""):
    """A Python value as libconfig writes it: dict = group, list of dicts = list, list = array."""
    inner = indent + "  "
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, dict):
        lines = "".join(f"{inner}{k} = {render(v, inner)};\n" for k, v in value.items())
        return "{\n" + lines + indent + "}"
    if value and isinstance(value[0], dict):
        return "(" + ", ".join(render(v, indent) for v in value) + ")"
    return "[" + ", ".join(render(v, indent) for v in value) + "]"


class Conf:
    """The tests' usual configuration; each test changes in the dicts what it is about."""

    DID, DID2 = "+441632960001", "+441632960002"  # the service's numbers
    OUTSIDE = "+441632970099"  # somebody in the public network

    def __init__(self, net, pki):
        self.net, self.pki = net, pki
        self.log = {"level": "debug", "numbers": "full"}
        self.status = {"socket": "status.sock"}  # beside the configuration
        self.limits = {"media_timeout_s": 0, "drain_s": 5, "connections_per_source": 100}
        self.interfaces = [self.interface("core", net.core), self.interface("edge", net.edge)]
        self.trunks = [self.trunk("carrier"), self.trunk("service", carrier="carrier")]
        self.numbers = [
            {"number": self.DID, "trunk": "service", "account": "acme",
             "headers": {"X-Account": "acme-1", "X-Region": "north; west"}},
            {"number": self.DID2, "trunk": "service", "headers": {"X-Account": "acme-2"},
             "headers_to_carrier": True},
            {"number": "+4416329610*", "trunk": "service"},
        ]
        self.number_files = []
        self.dns = {}
        # sanitizers and a shared machine: what is overload there is none to the tests
        self.overload = {"lag_ms": 0, "cpu_percent": 0}
        self.sandbox = True  # the default: left out

    def interface(self, name, address):
        certificate, key = self.pki.pair("gateway-" + name)
        return {"name": name,
                "sip": {"address": address, "port": self.net.port,
                        "advertise": f"{name}.gateway.example"},
                "tls": {"certificate": certificate, "key": key},
                "media": {"address": address, "ports": [20000, 20999]}}

    def trunk(self, kind, name=None, **more):
        trunk = {"name": name or kind, "kind": kind,
                 "interface": "core" if kind == "carrier" else "edge",
                 "identities": [f"{kind}.example"], "ca": self.pki.crt(f"{kind}-ca"),
                 "targets": [f"{getattr(self.net, kind)}:{self.net.port}"],
                 "domain": f"{kind}.example", "options_s": 0}
        trunk.update(more)
        return trunk

    def text(self):
        groups = {"log": self.log, "status": self.status, "limits": self.limits,
                  "interfaces": self.interfaces, "trunks": self.trunks, "numbers": self.numbers,
                  "dns": self.dns, "overload": self.overload}
        if self.number_files:
            groups["number_files"] = self.number_files
        if not self.sandbox:
            groups = {"sandbox": False, **groups}
        return "".join(f"{k} = {render(v)};\n" for k, v in groups.items() if v or v is False)


# ---- log ----

FIELD = re.compile(r'([\w.-]+)=("(?:[^"\\]|\\.)*"|\S*)')
LINE = re.compile(r"^(?:\d{4}-\S+ (\w+)|<(\d)>) ?(\S+) ?(.*)$")


class Line(dict):
    """One log line: .event, .level, .text, and its fields as a dict."""

    def __init__(self, text):
        super().__init__()
        self.text, self.event, self.level = text, "", ""
        found = LINE.match(text)
        if found:
            self.level, self.event = found[1] or found[2], found[3]
            for key, value in FIELD.findall(found[4]):
                if value.startswith('"'):
                    value = re.sub(r"\\(.)", r"\1", value[1:-1])
                self[key] = value


def matches(line, event, fields):
    for key, want in fields.items():
        have = line.get(key)
        if have is None:
            return False
        if isinstance(want, re.Pattern):
            if not want.search(have):
                return False
        elif have != str(want):
            return False
    return line.event == event


# ---- process ----

class Gateway:
    """A running gateway. Starting waits for READY=1 as systemd would."""

    def __init__(self, tmp, conf, env=None):
        self.tmp, self.conf = str(tmp), conf
        self.file = os.path.join(self.tmp, "sallyport.conf")
        self.lines, self.states = [], []
        self.cond = threading.Condition()
        self.env = {**os.environ, "ASAN_OPTIONS": "abort_on_error=0:detect_leaks=1",
                    "UBSAN_OPTIONS": "print_stacktrace=1", **(env or {})}
        self.env.pop("JOURNAL_STREAM", None)
        self.process = None
        self.wrap, self.stderr = [], subprocess.PIPE  # what starts it; where its log goes
        self.write()

    def write(self):
        with open(self.file + ".part", "w") as f:
            f.write(self.conf if isinstance(self.conf, str) else self.conf.text())
        os.rename(self.file + ".part", self.file)

    def start(self):
        path = os.path.join(self.tmp, "notify")
        if os.path.exists(path):
            os.unlink(path)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(path)
        self.process = subprocess.Popen(
            [*self.wrap, BINARY, self.file], env=dict(self.env, NOTIFY_SOCKET=path), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=self.stderr, text=True, errors="replace")
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        threading.Thread(target=self.listen, daemon=True).start()
        self.wait_state("READY=1")
        return self

    def output(self):
        """The lines of its log, as they come."""
        return self.process.stderr

    def read(self):
        with open(os.path.join(self.tmp, "sallyport.log"), "a") as copy:
            for text in self.output():
                copy.write(text)
                copy.flush()
                with self.cond:
                    self.lines.append(Line(text.rstrip("\n")))
                    self.cond.notify_all()
        self.process.wait()
        with self.cond:
            self.cond.notify_all()

    def listen(self):
        notify = self.notify  # of this life: it may be started again
        while True:
            data = notify.recv(4096)
            if not data:
                notify.close()
                return
            with self.cond:
                self.states += data.decode().split("\n")
                self.cond.notify_all()

    def connected(self, *trunks):
        """Its own connections to their targets are all there: descriptors can be counted."""
        for trunk in trunks:
            self.wait_for("conn_up", trunk=trunk, dir="out", count=2)  # target_connections

    def until(self, look, what):
        """Wait until look() gives something; fail when it cannot any more."""
        deadline = time.monotonic() + WAIT
        with self.cond:
            while True:
                found = look()
                if found:
                    return found
                over = not self.reader.is_alive()
                left = deadline - time.monotonic()
                if over or left <= 0:
                    tail = "\n".join(line.text for line in self.lines[-40:])
                    raise AssertionError(f"no {what} {'before the end' if over else 'in time'}; "
                                         f"the log ends with:\n{tail}")
                self.cond.wait(min(left, 0.2))

    def mark(self):
        """Here in the log, for wait_for(since=...)."""
        with self.cond:
            return len(self.lines)

    def find(self, event, since=0, **fields):
        with self.cond:
            return [line for line in self.lines[since:] if matches(line, event, fields)]

    def wait_for(self, event, since=0, count=1, **fields):
        """The count-th line of this event whose fields are these (patterns may be given)."""
        def look():
            found = self.find(event, since, **fields)
            return found[count - 1] if len(found) >= count else None
        return self.until(look, f"{event} {fields}")

    def wait_state(self, state, count=1):
        return self.until(lambda: self.states.count(state) >= count, state)

    def signal(self, signo):
        self.process.send_signal(signo)

    def reload(self):
        """SIGHUP, and wait until it is through."""
        count = self.states.count("READY=1")
        self.signal(signal.SIGHUP)
        self.wait_state("READY=1", count + 1)

    def wait_exit(self):
        try:
            code = self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            raise AssertionError("does not exit:\n" + self.tail())
        self.reader.join(WAIT)
        return code

    def tail(self):
        return "\n".join(line.text for line in self.lines[-60:])

    def stop(self):
        """End it and look whether all that was taken was given back."""
        if self.process is None:
            return
        try:
            if self.process.poll() is None:
                # once to drain; again not to wait for the last transactions' timers
                self.signal(signal.SIGTERM)
                self.wait_for("drain_start")
                self.check_ports()
                self.wait_quiet()
                self.signal(signal.SIGTERM)
            code = self.wait_exit()
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.process = None
            self.notify.shutdown(socket.SHUT_RDWR)
        log = "\n".join(line.text for line in self.lines)
        for sign in ("AddressSanitizer", "LeakSanitizer", "runtime error:"):
            assert sign not in log, log[log.index(sign) - 80:][:6000]
        assert code == 0, f"exit code {code}:\n{log[-6000:]}"
        self.check_balance()

    def wait_quiet(self):
        """Its peers have closed their connections: a moment to let it notice."""
        deadline = time.monotonic() + 0.1
        with self.cond:
            while (len(self.find("conn_up")) > len(self.find("conn_down"))
                   and time.monotonic() < deadline and self.reader.is_alive()):
                self.cond.wait(0.02)

    def check_balance(self):
        started = sorted(line["call"] for line in self.find("call_start"))
        ended = sorted(line["call"] for line in self.find("call_end"))
        assert started == ended, "calls that began and calls that ended differ"
        stops = self.find("stop")
        assert len(stops) == 1, "one stop line is expected"
        for what in IN_USE:
            assert stops[0].get(what) == "0", f"{what} in use at the end: {stops[0].text}"

    def check_ports(self):
        """No media port is open when there are no calls, so says the kernel."""
        if self.find("drain_start")[-1].get("calls") != "0" or isinstance(self.conf, str):
            return
        ours = [(hex_address(m["address"]), range(m["ports"][0], m["ports"][1] + 1))
                for m in (i["media"] for i in self.conf.interfaces)]

        def is_ours(line):
            address, port = line.split()[1].split(":")
            return any(address == a and int(port, 16) in ports for a, ports in ours)

        def none_open():
            for table in ("udp", "udp6"):
                with open(f"/proc/{self.process.pid}/net/{table}") as f:
                    if any(is_ours(line) for line in list(f)[1:]):
                        return False
            return True
        self.until(none_open, "return of all media ports")


def hex_address(address):
    """An address as /proc/net writes it: words of the machine, which is little-endian."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    raw = socket.inet_pton(family, address)
    return b"".join(raw[i:i + 4][::-1] for i in range(0, len(raw), 4)).hex().upper()
