# SPDX-License-Identifier: BSD-3-Clause
"""Text of a peer that would be something else elsewhere: a header, a line of a description, a line
or a key of the log, a field of the status. Every field that passes, or is told, with every trick.

How many were tried, and how many were refused as they came, is printed: pytest -s.
"""
import contextlib
import json
import os
import re
import subprocess

import pytest

from gateway import BINARY, Conf
from pki import ROOT
from ua import Leg, Media, Peer, Raw, build, request

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE

# what is none of these is left alone: a stream with a bare line end is closed, see CLOSING
TRICKS = (b"%0d%0aX-Evil: 1", b"%0aX-Evil: 1", b"%00", b"\x1b[31mX-Evil", b"\x7f", b"\x01", b"\x0b",
          b"\xc2\x85X-Evil: 1", b"\xe2\x80\xa8X-Evil: 1", b"\xc0\x8d\xc0\x8aX-Evil: 1", b"\xff\xfe",
          b"\x85X-Evil: 1", b'" evil=1 x="', b'\\" evil="1', b"\\", b'"', b"\tX-Evil", b"%s%n%d",
          b"<sip:evil@evil.example>", b">;evil=1", b",<sip:evil@evil.example>", b"?X-Evil=1",
          b"{header:To}{caller}", b" evil=1 event=call_end", b"\\r\\nX-Evil: 1", b"&#10;X-Evil: 1",
          b"=?utf-8?q?=0d=0aX-Evil:_1?=")
CLOSING = (b"\rX-Evil: 1", b"\nX-Evil: 1", b"\r\n X-Evil: 1", b"\0X-Evil: 1", b"\r\nX-Evil: 1",
           b"\r\n\r\nINVITE evil", b"\r\n\tX-Evil: 1\r\n", b"a" * 3000)
MARK = "@@"

# where a request can have text; "@@" is the trick
HEADERS = {
    "uri user": {"uri": f"sip:{DID}@@@core.gateway.example"},
    "uri password": {"uri": f"sip:{DID}:@@@core.gateway.example"},
    "uri parameter": {"uri": f"sip:{DID}@core.gateway.example;x=@@"},
    "uri header": {"uri": f"sip:{DID}@core.gateway.example?x=@@"},
    "via parameter": {"Via": "SIP/2.0/TLS 192.0.2.1:5061;x=@@;branch=z9hG4bK#"},
    "via host": {"Via": "SIP/2.0/TLS 192.0.2.1@@;branch=z9hG4bK#"},
    "branch": {"Via": "SIP/2.0/TLS 192.0.2.1:5061;branch=z9hG4bK#@@"},
    "from name": {"From": f'"@@" <sip:{OUTSIDE}@carrier.example>;tag=#'},
    "from bare name": {"From": f"@@ <sip:{OUTSIDE}@carrier.example>;tag=#"},
    "from user": {"From": "<sip:@@@carrier.example>;tag=#"},
    "from parameter": {"From": f"<sip:{OUTSIDE}@carrier.example;x=@@>;tag=#;y=@@"},
    "from tag": {"From": f"<sip:{OUTSIDE}@carrier.example>;tag=#@@"},
    "to name": {"To": f'"@@" <sip:{DID}@core.gateway.example>'},
    "to user": {"To": f"<sip:{DID}@@@core.gateway.example>"},
    "call-id": {"Call-ID": "#@@"},
    "call-id host": {"Call-ID": "#@@@x"},
    "contact": {"Contact": "<sip:@@@192.0.2.1:5061;transport=tls;x=@@>;y=@@"},
    "contact name": {"Contact": '"@@" <sip:192.0.2.1:5061;transport=tls>'},
    "subject": {"Subject": "@@"}, "passed": {"X-Pass": "a @@ b"}, "copied": {"X-Copied": "@@"},
    "template": {"X-Template": "@@"}, "user-agent": {"User-Agent": "@@"},
    "reason": {"Reason": 'SIP;cause=200;text="@@"'}, "reason bare": {"Reason": "SIP;x=@@"},
    "asserted": {"P-Asserted-Identity": f'"@@" <sip:{OUTSIDE}@carrier.example>'},
    "asserted user": {"P-Asserted-Identity": "<sip:@@@carrier.example>"},
    "asserted tel": {"P-Asserted-Identity": f"<tel:{OUTSIDE};x=@@>"},
    "diversion": {"Diversion": '"@@" <sip:@@@carrier.example;x=@@>;reason=@@;y="@@"'},
    "history": {"History-Info": '"@@" <sip:@@@carrier.example?Reason=@@>;index=1;x=@@'},
    "privacy": {"Privacy": "id;@@"}, "identity": {"Identity": "@@;info=<http://@@/>"},
    "referred-by": {"Referred-By": '"@@" <sip:@@@carrier.example>'},
    "content-type": {"Content-Type": "application/sdp;x=@@"}, "supported": {"Supported": "@@"},
    "allow": {"Allow": "INVITE, @@"}, "geolocation": {"Geolocation": "<sip:@@>"},
    "session-expires": {"Session-Expires": "1800;refresher=uac;x=@@", "Supported": "timer"},
    "record-route": {"Record-Route": "<sip:@@@192.0.2.9;lr;x=@@>"},
    "max-forwards": {"Max-Forwards": "70@@"}, "warning": {"Warning": '399 x "@@"'},
    "header name": {"X-@@": "1"}, "alert": {"Alert-Info": "<http://@@>"},
}
LINES = {  # of a description
    "o": ("o=-", "o=@@"), "s": ("s=-", "s=@@"), "i": ("s=-", "s=-\r\ni=@@"),
    "t": ("t=0 0", "t=0 @@"), "b": ("t=0 0", "b=AS:@@\r\nt=0 0"),
    "c": ("c=IN IP4 ", "c=IN IP4 @@"), "m": (" 0 8 101", " 0 8 101 @@"),
    "rtpmap": ("PCMU/8000", "PCMU/8000@@"), "fmtp": ("0-15", "0-15@@"),
    "attribute": ("a=ptime:20", "a=ptime:20\r\na=x-evil:@@"), "name": ("a=ptime", "a=@@ptime"),
    "crypto": ("|2^31", "|2^31 UNENCRYPTED@@"), "label": ("a=ptime:20", "a=label:@@"),
}
RESPONSES = {
    "phrase": {"phrase": "Busy @@"}, "tag": {"tag": "x@@"}, "reason": {"Reason": 'Q.850;text="@@"'},
    "warning": {"Warning": '399 x "@@"'}, "server": {"Server": "@@"}, "passed": {"X-Pass": "@@"},
    "contact": {"Contact": "<sip:@@@192.0.2.2;x=@@>;y=@@"}, "retry": {"Retry-After": "1 (@@)"},
    "copied": {"X-Copied": "@@"}, "template": {"X-Template": "@@"}, "allow": {"Allow": "@@"},
    "error": {"Error-Info": "<sip:@@>"}, "to": {"to": '"@@" <sip:x@@>'},
    "record-route": {"Record-Route": "<sip:@@@192.0.2.9;lr>"}, "rseq": {"RSeq": "1@@"},
}
LOOKS = re.compile(r"[^\t -~\x80-\U0010ffff]")  # what may stand in no line


def put(data, trick, n):
    """The marks become the trick, octet for octet; # a number of its own."""
    return data.replace(b"#", b"%06d" % n).replace(MARK.encode(), trick)


class Callee(Peer):
    """Rings and declines; with .answer, in those words. Every message is looked at as it comes."""

    answer = {}, b"", 0

    def __init__(self, *args):
        super().__init__(*args)
        self.known, self.bad, self.learning = set(), [], True

    def again(self):
        """On a new connection, that the gateway has heard something on."""
        if self.conn:
            self.conn.close()
        self.connect()
        Leg(self).settle()

    def take(self, message):
        if message.status and message.method == "OPTIONS":
            super().take(message)
            return
        if self.learning:
            self.known |= {name for name, _ in message.headers}
        self.bad += faults(message, self.known)
        if message.method != "INVITE" or message.status:
            return
        more, trick, n = self.answer
        more = dict(more)
        to = more.pop("to", message["To"]) + ";tag=" + more.pop("tag", "x")
        phrase = more.pop("phrase", "Busy")
        lines = [(h, v) for h in ("Via", "From") for v in message.all(h)]
        lines += [("To", to), ("Call-ID", message["Call-ID"]), ("CSeq", message["CSeq"])]
        clean = [build("SIP/2.0 486 Busy", lines[:-3] + [("To", message["To"] + ";tag=x")]
                       + lines[-2:])] if self.answer[0] else []
        for data in [put(build(f"SIP/2.0 {status} {phrase}", lines + list(more.items())), trick, n)
                     for status in (180, 486)] + clean:
            with contextlib.suppress(OSError):  # it may be closed by now
                message.conn.send(data)


def faults(message, known):
    """What is wrong with a message of the gateway's."""
    text = [message.start] + [f"{n}: {v}" for n, v in message.headers]
    text += message.body.decode("utf-8", "replace").split("\r\n")
    head = 1 + len(message.headers)
    bad = [line for line in text[:head] if LOOKS.search(line)]
    # RFC 8866 9: a byte-string is anything but these
    bad += [line for line in text[head:]
            if line and (line[1:2] != "=" or re.search("[\\r\\n\\0]", line))]
    bad += [f"another header: {name}" for name, _ in message.headers if name not in known]
    bad += [f"twice: {name}" for name in ("From", "To", "Call-ID", "CSeq", "Contact", "X-Account",
                                          "Content-Length") if len(message.all(name)) > 1]
    return bad


@pytest.fixture
def scene(launch, conf, net, pki, peer):
    passed = ["Subject", "X-Pass", "Alert-Info", "Organization", "Geolocation", "Error-Info",
              "Call-Info"]
    for trunk, diverted in zip(conf.trunks, ("diversion", "history-info")):
        trunk.update(trusted=True, diverted=diverted, **{"pass": passed})
        trunk["headers_in"] = [
            {"action": "copy", "header": "X-Copy", "from": "X-Copied"},
            {"action": "add", "header": "X-Made",
             "value": "a {header:X-Template} {caller} {called}"}]
        trunk["headers_out"] = [
            {"action": "copy", "header": "X-Copy", "from": "X-Copied"},
            {"action": "set", "header": "X-Of", "value": "{header:From}{header:User-Agent}"},
            {"action": "add", "header": "X-Made", "value": "{header:X-Template};{trunk}"}]
    conf.limits.update(handshakes_per_source_s=100000, connections_per_source=1000)
    for trunk in conf.trunks:
        trunk["connections"] = 1000
    conf.trunks[1]["targets"] = []  # a callee whose connection was closed comes again by itself
    gateway = launch(conf)
    callee = Callee(net, pki, "service")
    callee.again()
    yield gateway, peer("carrier"), callee
    callee.close()


EVENTS = set(re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|",
                        open(os.path.join(ROOT, "docs", "log.md")).read(), re.M))
EVENTS = {name for group in EVENTS for name in re.findall(r"\w+", group)}


def look_at_log(gateway, calls):
    """One line for each thing that happened, of printable ASCII, with keys that we chose."""
    with gateway.cond:
        lines = list(gateway.lines)
    for line in lines:
        assert re.fullmatch(r"[ -~]*", line.text) and line.event in EVENTS, line.text
        assert not {"evil", "X-Evil", "x"} & set(line), line.text
        rest = re.sub(r'[\w.-]+=("(?:[^"\\]|\\.)*"|[^\s"]*)(?: |$)', "", line.text.split(" ", 3)[-1]
                      if line.text.count(" ") > 2 else "")
        assert not rest, f"no key=value: {rest!r} in {line.text}"
    assert len(lines) > calls


def send(caller, n, trick, more, swap=None):
    """The INVITE of one trial, of the length that it says."""
    body = caller.offer
    if swap:
        assert swap[0].encode() in body
        body = put(body.replace(swap[0].encode(), swap[1].encode(), 1), trick, n)
    typed = {} if "Content-Type" in more else {"Content-Type": "application/sdp"}
    head = request(caller, "INVITE", DID, b"", **{
        "Call-ID": "#", "Via": "SIP/2.0/TLS 192.0.2.1:5061;branch=z9hG4bK#",
        "From": f"<sip:{OUTSIDE}@carrier.example>;tag=#", **typed, **more})
    head = head.replace(b"Content-Length: 0\r\n", b"Content-Length: %d\r\n" % len(body))
    return put(head, trick, n) + body


def through(r, data, last):
    """Send it, and OPTIONS behind; until that, and every call that began, has its answer."""
    def done():
        calls = sum(m.status == 100 for m in r.messages)
        return (any(m["Call-ID"] == last for m in r.messages)
                and sum(m.status == 486 for m in r.messages) >= calls)
    r.messages = []
    r.pump(data + [request(r.peer, "OPTIONS", call_id=last)], done, f"to {data[-1][:300]}")
    return [m for m in r.messages if m["Call-ID"] != last]


class Trials:
    """One connection after the other, as they are closed."""

    def __init__(self, caller):
        self.caller, self.r, self.n = caller, Raw(caller), 0
        self.counts = {"tried": 0, "went_on": 0, "refused": 0, "unanswered": 0, "closed": 0}
        caller.offer = Media(caller).sdp()

    def again(self):
        self.r.close()
        self.r = Raw(self.caller)

    def run(self, tricks, more, swap=None):
        """All in a row: a few that cannot be read, and none that ends the connection."""
        first, self.n = self.n, self.n + len(tricks)
        data = [send(self.caller, first + i, trick, more, swap) for i, trick in enumerate(tricks)]
        if self.r.over:
            self.again()
        answers = through(self.r, data, f"after-{first}")
        assert not self.r.over or len(tricks) == 1
        began = sum(m.status == 100 for m in answers)
        self.counts["tried"] += len(tricks)
        if self.r.over:
            self.counts["closed"] += 1
            return
        said = sum(m.status > 199 for m in answers) - began
        self.counts["went_on"] += began
        self.counts["refused"] += said
        self.counts["unanswered"] += len(tricks) - began - said
        self.r.acknowledge()

    def __str__(self):
        return " ".join(f"{k}={v}" for k, v in self.counts.items())


def test_requests(scene):
    """Each field with each trick; on the other side: the headers that there are without, once."""
    gateway, caller, callee = scene
    trials = Trials(caller)
    fields = [(more, None) for more in HEADERS.values()] + [({}, swap) for swap in LINES.values()]
    for more, swap in fields:
        trials.run([b"1"], more, swap)
    assert not callee.bad and {"X-Copy", "X-Made", "X-Of", "Subject"} <= callee.known, callee.bad
    callee.learning = False
    trials.counts = dict.fromkeys(trials.counts, 0)
    for more, swap in fields:
        for some in TRICKS[:14], TRICKS[14:]:
            trials.again()  # a connection may have 20 messages that cannot be read
            trials.run(some, more, swap)
            assert not callee.bad, (more, swap, callee.bad)
        for trick in CLOSING:
            trials.run([trick], more, swap)
            assert not callee.bad, (more, swap, trick, callee.bad)
    trials.r.close()
    print(f"\nrequests fields={len(fields)} tricks={len(TRICKS + CLOSING)} {trials} injected=0")
    assert trials.counts["went_on"] > 500
    look_at_log(gateway, trials.counts["tried"])


def test_responses(scene):
    """The same of what a callee says: the reason, the phrase, tags, contacts, headers that pass."""
    gateway, caller, callee = scene
    caller.offer = Media(caller).sdp()
    r, n, known = Raw(caller), 0, {"Retry-After", "Warning"}  # those of a 503
    counts = {"tried": 0, "told_as_486": 0, "told_otherwise": 0}
    for learning in (True, False):
        for more in RESPONSES.values():
            callee.again()
            for trick in (b"1",) if learning else TRICKS + CLOSING:
                n += 1
                if callee.conn.closed.is_set():
                    callee.again()
                callee.answer = more, trick, n
                r.messages = []
                r.pump([send(caller, n, b"", {})],
                       lambda: any(m.status > 199 for m in r.messages), f"{more} {trick}")
                if learning:
                    known |= {name for m in r.messages for name, _ in m.headers}
                bad = [fault for m in r.messages for fault in faults(m, known)]
                assert not bad and not callee.bad, (more, trick, bad, callee.bad)
                if not learning:
                    counts["tried"] += 1
                    counts["told_as_486" if r.messages[-1].status == 486
                           else "told_otherwise"] += 1
                r.acknowledge()
        assert {"X-Copy", "X-Made"} <= known
    callee.learning = False
    r.close()
    print(f"\nresponses fields={len(RESPONSES)} tricks={len(TRICKS + CLOSING)} "
          + " ".join(f"{k}={v}" for k, v in counts.items()) + " injected=0")
    assert counts["told_as_486"] > 300
    look_at_log(gateway, counts["tried"])


def ask(gateway, *args):
    done = subprocess.run([BINARY, *args, gateway.file], capture_output=True, env=gateway.env,
                          timeout=60)
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout


def test_status(scene):
    """Calls whose caller has such a name, while they ring: on a terminal, as JSON, as metrics."""
    gateway, caller, callee = scene
    caller.offer = Media(caller).sdp()
    held, callee.take = [], lambda m: held.append(m) if m.method == "INVITE" else None
    r, tricks = Raw(caller), [t for t in TRICKS if t not in (b'"', b"\\")]
    fields = ("from user", "from name", "asserted user", "call-id", "contact name")
    for i, field in enumerate(fields):
        if r.over:
            r.close()
            r = Raw(caller)
        r.pump([send(caller, 1000 * i + n, trick, HEADERS[field])
                for n, trick in enumerate(tricks)]
               + [request(caller, "OPTIONS", call_id=f"after-{i}")],
               lambda i=i: any(m["Call-ID"] == f"after-{i}" for m in r.messages))
    gateway.wait_for("sip_in", call_id=f"after-{len(fields) - 1}")  # in the log, too
    began = gateway.find("call_start")
    gateway.until(lambda: len(held) == len(began), "INVITE of each call")
    plain = ask(gateway, "--status") + ask(gateway, "--status", "--calls")
    assert re.fullmatch(rb"[ -~\n]*", plain), plain
    calls = [line for line in plain.split(b"\n") if re.match(rb"[0-9a-f]{16} ", line)]
    assert len(calls) == len(began) > 20
    told = json.loads(ask(gateway, "--status", "--calls", "--json"))
    assert len(told["calls"]) == len(began) and "evil" not in told
    assert len({tuple(call) for call in told["calls"]}) == 1  # the same keys
    metrics = ask(gateway, "--metrics")
    for line in metrics.strip().split(b"\n"):
        assert re.match(rb"# (HELP|TYPE) sallyport_|sallyport_[a-z_]+[{ ]|# EOF$", line), line
    assert b"evil" not in metrics.lower()
    for invite in held:
        lines = [(h, v) for h in ("Via", "From") for v in invite.all(h)]
        lines += [("To", invite["To"] + ";tag=x"), ("Call-ID", invite["Call-ID"]),
                  ("CSeq", invite["CSeq"])]
        invite.conn.send(build("SIP/2.0 486 Busy", lines))
    r.until(lambda: sum(m.status == 486 for m in r.messages) == len(began))
    r.acknowledge()
    r.close()
    print(f"\nstatus tried={len(fields) * len(tricks)} calls={len(began)} injected=0")
    look_at_log(gateway, len(began))
