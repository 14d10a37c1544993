#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Two softphones talk to each other through a gateway, all on this machine.

Usage: demo.py GATEWAY, as ./dev demo calls it. Exit status 0 when everything
was as it should be; else what was not, and where the logs are.
"""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
import show  # noqa: E402
from softphone import Softphone  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CORE, EDGE, CARRIER, SERVICE = "127.0.1.1", "127.0.2.1", "127.0.3.1", "127.0.4.1"
CALLER, CALLEE, UNKNOWN = "+441632970099", "+441632960001", "+441632960404"
HEADER, VALUE = "X-Tenant", "4b1d9c52-acme"
TALK_S, WHOLE_S = 4, 100
SUITE = "AES_CM_128_HMAC_SHA1_80"

CONF = """\
log = {{ level = "info"; numbers = "masked"; }};
limits = {{ calls = 20; }};
status = {{ socket = "status.sock"; }};

interfaces = (
	{{ name = "core";                     # towards the carrier
	  sip = {{ address = "{core}"; port = 5061; advertise = "{core}"; }};
	  tls = {{ certificate = "{pki}/gateway-core.crt"; key = "{pki}/gateway-core.key"; }};
	  media = {{ address = "{core}"; ports = [ 20000, 20099 ]; }}; }},
	{{ name = "edge";                     # towards the service
	  sip = {{ address = "{edge}"; port = 5061; advertise = "{edge}"; }};
	  tls = {{ certificate = "{pki}/gateway-edge.crt"; key = "{pki}/gateway-edge.key"; }};
	  media = {{ address = "{edge}"; ports = [ 30000, 30099 ]; }}; }}
);

trunks = (
	{{ name = "carrier"; kind = "carrier"; interface = "core";
	  identities = [ "carrier.example" ]; ca = "{pki}/carrier-ca.crt";
	  targets = [ "{carrier}:5061" ]; domain = "carrier.example"; options_s = 0; }},
	{{ name = "service"; kind = "service"; interface = "edge";
	  identities = [ "service.example" ]; ca = "{pki}/service-ca.crt";
	  targets = [ "{service}:5061" ]; domain = "service.example"; options_s = 0;
	  carrier = "carrier"; }}
);

numbers = (
	{{ number = "{callee}"; trunk = "service"; account = "acme";
	  headers = {{ {header} = "{value}"; }}; }}
);
"""


class Failed(Exception):
    """Something that the rest needs did not happen."""


class Demo:
    def __init__(self, binary, folder):
        self.binary, self.folder = os.path.abspath(binary), folder
        self.wrong, self.checks = [], 0
        self.gateway = None
        self.pki = self.path("pki")
        self.carrier = self.service = None

    def path(self, *names):
        return os.path.join(self.folder, *names)

    # ---- saying how it goes ----

    def check(self, right, text, why=""):
        """One thing that must hold; what does not is told again at the end."""
        self.checks += 1
        if right:
            show.good(text)
        else:
            self.wrong.append(text)
            show.bad(text + (f" ({why})" if why else ""))
        return right

    def need(self, right, text, why=""):
        if not self.check(right, text, why):
            raise Failed(text)

    # ---- the gateway ----

    def log(self):
        try:
            with open(self.path("sallyport.log"), encoding="utf-8", errors="replace") as f:
                return f.read().splitlines()
        except FileNotFoundError:
            return []

    def wait_log(self, event, since=0, seconds=10):
        """The first log line of an event after the line since; "" when none comes."""
        deadline = time.monotonic() + seconds
        while True:
            for text in self.log()[since:]:
                if re.search(rf"(^|\s){event}(\s|$)", text):
                    return text
            if self.gateway.poll() is not None or time.monotonic() > deadline:
                return ""
            time.sleep(0.05)

    def prepare(self):
        show.heading("Preparing")
        made = subprocess.run([os.path.join(ROOT, "certs", "make-certs"), self.pki],
                              capture_output=True, text=True, check=False)
        self.need(made.returncode == 0, "certificates: one CA for the carrier, one for the service",
                  made.stderr.strip())

        conf = self.path("sallyport.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write(CONF.format(core=CORE, edge=EDGE, carrier=CARRIER, service=SERVICE,
                                pki=self.pki, callee=CALLEE, header=HEADER, value=VALUE))
        checked = subprocess.run([self.binary, "--check", conf], capture_output=True, text=True,
                                 check=False, timeout=20)
        self.need(checked.returncode == 0, "sallyport --check says of the configuration:",
                  checked.stderr.strip())
        show.quote(t.replace(self.folder + "/", "") for t in checked.stdout.splitlines())

        with open(self.path("sallyport.log"), "wb") as log:
            env = {k: v for k, v in os.environ.items()
                   if k not in ("JOURNAL_STREAM", "NOTIFY_SOCKET", "WATCHDOG_USEC")}
            self.gateway = subprocess.Popen([self.binary, conf], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=env)
        self.need(self.wait_log("start"), "gateway listens, and admits nobody without a certificate")

        self.carrier = self.phone("carrier", CALLER, CARRIER, CORE, 440)
        self.service = self.phone("service", CALLEE, SERVICE, EDGE, 880, answers=True)
        for phone in (self.carrier, self.service):
            self.need(phone.start(WHOLE_S), f"softphone {phone.number} is ready, plays {phone.tone} Hz")

    def phone(self, name, number, address, gateway, tone, answers=False):
        return Softphone(self.path(name), number, address, gateway,
                         os.path.join(self.pki, f"{name}-ca.crt"),
                         [os.path.join(self.pki, f"{name}.{end}") for end in ("crt", "key")],
                         tone, answers)

    # ---- the call ----

    def dial(self, number):
        """Dial from the carrier's phone. -> (event of the phone, seconds it took)"""
        begun = time.monotonic()
        self.carrier.command("dial", f"sip:{number}@{CORE}")
        event = self.carrier.wait_event("CALL_ESTABLISHED", "CALL_CLOSED")
        return event or {}, time.monotonic() - begun

    def call(self):
        show.heading(f"A call from the carrier to {CALLEE}")
        since = len(self.log())
        event, took = self.dial(CALLEE)
        self.need(event.get("type") == "CALL_ESTABLISHED", f"answered after {took * 1000:.0f} ms",
                  event.get("param", "no answer in time"))
        for text in self.log()[since:]:
            found = re.search(r"conn_up trunk=(\S+) dir=(\S+) .*cipher=\"?([^\"]+)", text)
            if found:
                show.good(f"TLS with the {found[1]} ({found[2]}): {found[3]}, both sides with "
                          "certificates")
        show.good(f"they talk for {TALK_S} seconds ...")
        time.sleep(TALK_S)
        self.carrier.command("hangup")
        ended = self.wait_log("call_end", since)
        self.need(ended, "the caller hangs up, the gateway ends both legs")
        self.carrier.wait_event("CALL_CLOSED", seconds=5)
        self.check(self.service.wait_event("CALL_CLOSED", seconds=5),
                   "the callee's phone saw the end of the call")
        return since, ended

    def show_signalling(self):
        show.heading("What the gateway made of the INVITE")
        out = first(self.carrier.messages(sent=True), "INVITE ")
        into = first(self.service.messages(sent=False), "INVITE ")
        self.need(out and into, "both INVITEs are in the softphones' SIP traces")
        show.beside("the carrier sent", "the service received", *side_by_side(out, into))
        line = next((f"{n}: {v}" for n, v in into.headers if n == HEADER), None)
        self.check(line == f"{HEADER}: {VALUE}", f"the number's own header arrived: {line}")
        self.check(out.get("Call-ID") != into.get("Call-ID"), "each leg has a Call-ID of its own")

        show.heading("What it made of the SDP offer")
        show.beside("the carrier offered", "the service received",
                    *show.pairs_of(out.body, into.body))
        ok = first(self.service.messages(sent=True), "SIP/2.0 200", "INVITE")
        ok_out = first(self.carrier.messages(sent=False), "SIP/2.0 200", "INVITE")
        self.need(ok and ok_out, "both answers are in the softphones' SIP traces")
        show.heading("And of the SDP answer")
        show.beside("the service answered", "the carrier received",
                    *show.pairs_of(ok.body, ok_out.body))

        keys = [crypto(m) for m in (out, into, ok, ok_out)]
        self.check(all(k and k[0] == SUITE for k in keys), f"SRTP on both legs: {SUITE}")
        self.check(len({k and k[1] for k in keys}) == 4,
                   "four keys, one per leg and direction, none used twice")
        self.check_hidden("the service", self.service, (CARRIER, CORE, "carrier.example"))
        self.check_hidden("the carrier", self.carrier, (SERVICE, EDGE, "service.example"))

    def check_hidden(self, who, phone, names):
        """Nothing that a side received may name what lies behind the gateway."""
        text = "\n".join(m.text for m in phone.messages(sent=False))
        leaks = [n for n in names if n in text]
        self.check(not leaks, f"{who} saw no address or name of the other side's network",
                   ", ".join(leaks))

    def show_media(self, since, ended):
        show.heading("Media")
        fields = dict(re.findall(r'(\w+)=("[^"]*"|\S+)', ended))
        show.facts([(f"{side} to {other}", f"{fields.get('from_' + side)} packets relayed, "
                     f"{fields.get('dropped_' + side)} dropped")
                    for side, other in (("caller", "callee"), ("callee", "caller"))])
        show.quote(["dropped: what came before keys and addresses were known, or after one had gone"])
        least = TALK_S * 50 * 8 // 10  # 20 ms packets; a busy machine may be late
        self.check(all(int(fields.get("from_" + side, 0)) >= least and
                       int(fields.get("dropped_" + side, least)) < 50
                       for side in ("caller", "callee")), "voice went both ways")
        self.check({fields.get("unauthentic"), fields.get("replayed")} == {"0"},
                   "no packet failed authentication, none was a replay")
        for phone, other, who in ((self.service, self.carrier, "service"),
                                  (self.carrier, self.service, "carrier")):
            pitch = phone.heard()
            self.check(pitch and abs(pitch - other.tone) < 5,
                       f"the {who} heard " + (f"{pitch:.0f} Hz" if pitch else "nothing") +
                       f", the other side played {other.tone} Hz")

        show.heading("What the log says of the call")
        found = re.search(r"\bcall=(\S+)", ended)
        show.quote(t for t in self.log()[since:] if found and f"call={found[1]}" in t)

    def call_unknown(self):
        show.heading(f"A second call, to {UNKNOWN}, which is not in the number table")
        since = len(self.log())
        event, _ = self.dial(UNKNOWN)
        self.check(event.get("type") == "CALL_CLOSED" and "404" in event.get("param", ""),
                   f"the caller's phone says: {event.get('param') or event.get('type') or 'nothing'}")
        refused = self.wait_log("call_refused", since)
        self.check("status=404" in refused, "and the gateway's log:")
        show.quote([refused] if refused else self.log()[since:])
        count = sum(m.start.startswith("INVITE ") for m in self.service.messages(sent=False))
        self.check(count == 1, "the service never heard of it")

    def end(self):
        show.heading("The end")
        self.gateway.send_signal(signal.SIGTERM)
        try:
            code = self.gateway.wait(15)
        except subprocess.TimeoutExpired:
            code = "none"
        self.check(code == 0, "the gateway stopped when told to", f"exit status {code}")

    def run(self):
        self.prepare()
        since, ended = self.call()
        self.show_signalling()
        self.show_media(since, ended)
        self.call_unknown()
        self.end()

    def stop(self):
        for phone in (self.carrier, self.service):
            if phone:
                phone.stop()
        if self.gateway and self.gateway.poll() is None:
            self.gateway.kill()
            self.gateway.wait()

    def show_tails(self):
        show.heading("The logs end with")
        for name, lines in (("sallyport.log", self.log()), ("carrier/log", None),
                            ("service/log", None)):
            if lines is None and os.path.exists(self.path(name)):
                with open(self.path(name), encoding="utf-8", errors="replace") as f:
                    lines = [t for t in f.read().splitlines()
                             if t.strip() and not t.startswith("[")]  # "[0:00:05] audio=..."
            if lines:
                show.line(f"    {show.bold(name)}")
                show.quote((show.no_keys(t) for t in lines[-25:]))


def first(messages, start, method=None):
    """The first message that begins so, of a transaction of this method."""
    return next((m for m in messages if m.start.startswith(start) and
                 (method is None or (m.get("CSeq") or "").endswith(method))), None)


def side_by_side(left, right):
    """The heads of two messages, each header beside the one of its name."""
    rest = list(right.headers)
    yield left.start, right.start
    for name, value in left.headers:
        other = next((h for h in rest if h[0] == name), None)
        if other:
            rest.remove(other)
        yield f"{name}: {value}", other and f"{name}: {other[1]}"
    for name, value in rest:
        yield None, f"{name}: {value}"


def crypto(message):
    """(suite, key) of a message's first a=crypto line, or None."""
    for text in message.body:
        found = re.match(r"a=crypto:\d+ (\S+) inline:([A-Za-z0-9+/]+)", text)
        if found:
            return found[1], found[2]
    return None


def introduce():
    show.line(show.bold("Sallyport: two softphones, one gateway, everything on loopback"))
    show.line()
    for left, middle, right in (("the carrier's phone", "Sallyport", "the service's phone"),
                                (CALLER, "core | edge", CALLEE),
                                (CARRIER, f"{CORE} | {EDGE}", SERVICE)):
        arrow = "<-- TLS, SRTP -->" if left == CARRIER else ""
        show.line(f"  {left:20}{arrow:^18}{middle:^25}{arrow:^18} {right:>20}")


def give_up(signo, _frame):
    raise Failed("it took too long" if signo == signal.SIGALRM else "stopped from outside")


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: demo.py GATEWAY")
    if not shutil.which("baresip"):
        sys.exit("demo: needs baresip: apt-get install baresip-core")
    signal.signal(signal.SIGALRM, give_up)
    signal.signal(signal.SIGTERM, give_up)
    signal.alarm(WHOLE_S)

    folder = tempfile.mkdtemp(prefix="sallyport-demo.")
    demo = Demo(sys.argv[1], folder)
    introduce()
    try:
        demo.run()
    except Failed as failure:
        if str(failure) not in demo.wrong:
            demo.wrong.append(str(failure))
    except KeyboardInterrupt:
        demo.wrong.append("interrupted")
    finally:
        signal.alarm(0)
        with contextlib.suppress(KeyboardInterrupt):
            demo.stop()

    show.line()
    if not demo.wrong:
        shutil.rmtree(folder)
        show.line(show.green(f"All is well: {demo.checks} checks, 2 calls."))
        return 0
    demo.show_tails()
    show.line()
    for text in demo.wrong:
        show.line(f"{show.red('failed:')} {text}")
    show.line(f"Logs, configuration and certificates are kept in {folder}")
    return 1


sys.exit(main())
