# SPDX-License-Identifier: BSD-3-Clause
"""Reading the table of tests/torture (its README.md says how it is written), and what any
message of the gateway's own has to look like, octet by octet."""
import os
import re

from pki import ROOT

FOLDER = os.path.join(ROOT, "tests", "torture")

MACROS = {
    "via": "Via: {via}\r\n",
    "mf": "Max-Forwards: 70\r\n",
    "from": "From: {from}\r\n",
    "to": "To: {to}\r\n",
    "id": "Call-ID: {callid}\r\n",
    "cseq": "CSeq: {cseq} {method}\r\n",
    "contact": "Contact: <sip:{peer};transport=tls>\r\n",
    "length": "Content-Length: {len}\r\n",
    "sdp": "Content-Type: application/sdp\r\n",
    "inner": "OPTIONS sip:{gw} SIP/2.0\r\nVia: SIP/2.0/TLS {peer};branch=z9hG4bKinner{id}\r\n"
             "Max-Forwards: 70\r\nFrom: <sip:{me}>;tag=inner\r\nTo: <sip:{gw}>\r\n"
             "Call-ID: inner-{id}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
    "answer": "Via: {via}\r\nFrom: {from}\r\nTo: {to};tag=peertag\r\nCall-ID: {callid}\r\n"
              "CSeq: {cseq} INVITE\r\n",
}
MACROS["std"] = "".join(MACROS[n] for n in ("via", "mf", "from", "to", "id", "cseq"))

ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))|\{([^}]*)\}", re.S)
SINGLE = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\", b"{": b"{", b"}": b"}"}


class Row:
    def __init__(self, name, file):
        self.name, self.file, self.of = name, file, ""
        self.where, self.side, self.inner, self.hears = "", "", 0, None
        self.expects, self.sees, self.lacks, self.lines = [], [], [], []

    def __repr__(self):
        return self.name

    def add(self, line):
        word, _, rest = line.partition(" ")
        if line[0] in "|:+-" or line == "next":
            self.lines.append(line)
        elif word == "expect":
            self.expects.append(rest)
        elif word in ("sees", "lacks"):
            getattr(self, word).append(rest)
        elif word in ("inner", "hears"):
            setattr(self, word, int(rest))
        elif word == "from":
            self.side = rest
        elif word == "in":
            self.where = rest
        elif word == "of":
            self.of = rest
        else:
            assert word == "reads", (self.name, line)

    def octets(self, **given):
        """All messages of the row."""
        messages, lines = [], []
        for line in self.lines + ["next"]:
            if line == "next":
                messages.append(lines)
                lines = []
            else:
                lines.append(line)
        return b"".join(message(lines, {**given, "n": str(n)})
                        for n, lines in enumerate(messages, 1))

    @property
    def closes(self):
        return any(e.startswith("close") for e in self.expects)

    @property
    def crosses(self):
        return self.expects[0].startswith("cross")


def message(lines, names):
    names["method"] = lines[0][2:].split(" ")[0]
    split = lines.index("--") + 1 if "--" in lines else len(lines)
    body = render(lines[split:], names, 0)
    return render(lines[:split], names, len(body)) + body


def render(lines, names, length):
    out = []
    for line in lines:
        mark, content = line[0], line[2:]
        if mark == "+":
            out += [text(MACROS[name], names, length) for name in content.split()]
        elif mark == "-":
            out.append(b"\r\n")
        else:
            out.append(text(content, names, length) + (b"\r\n" if mark == "|" else b""))
    return b"".join(out)


def text(template, names, length=0):
    """Escapes and {names} of one piece of text, as octets."""
    def found(match):
        octet, single, name = match.groups()
        if octet:
            return bytes([int(octet, 16)])
        if single:
            return SINGLE[single]
        count, star, again = name.partition(b"*")
        if star:
            return text(again.decode(), names, length) * int(count)
        if name.startswith(b"len"):
            return b"%d" % (length + int(name[3:] or 0))
        value = names[name.decode()]
        return value if isinstance(value, bytes) else text(value, names, length)
    return ESCAPE.sub(found, template if isinstance(template, bytes) else template.encode())


def load():
    rows = []
    for name in sorted(n[:-5] for n in os.listdir(FOLDER) if n.endswith(".rows")):
        with open(os.path.join(FOLDER, name + ".rows"), encoding="utf-8") as file:
            for line in file:
                line = line.rstrip("\n")
                if line.startswith("row "):
                    rows.append(Row(line[4:], name))
                elif line and not line.startswith("#"):
                    rows[-1].add(line)
    return rows


# ---- what comes out of the gateway ----

TOKEN = rb"[0-9A-Za-z.!%*_+`'~-]+"
START = re.compile(rb"SIP/2\.0 [1-6]\d\d [ -~]+|[A-Z]+ (?:sips?|tel):[!-~]+ SIP/2\.0")
LINE = re.compile(rb"(" + TOKEN + rb"): ([^\0-\x08\x0a-\x1f\x7f]*)")
ONCE = {b"from", b"to", b"call-id", b"cseq", b"max-forwards", b"content-length", b"content-type",
        b"contact", b"session-expires", b"min-se", b"expires", b"subject", b"rseq", b"rack"}


def strict(raw):
    """Nothing in it that two readers could read in two ways."""
    head, mark, body = raw.partition(b"\r\n\r\n")
    assert mark, raw
    lines = head.split(b"\r\n")
    assert b"\r" not in head.replace(b"\r\n", b"") and b"\n" not in head.replace(b"\r\n", b""), raw
    assert START.fullmatch(lines[0]), raw
    seen = []
    for line in lines[1:]:
        found = LINE.fullmatch(line)
        assert found, line
        name = found[1].lower()
        assert len(name) > 1, line  # no short names
        assert name not in ONCE or name not in seen, line
        seen.append(name)
    assert {b"via", b"from", b"to", b"call-id", b"cseq", b"content-length"} <= set(seen), raw
    assert int(dict(LINE.fullmatch(x).groups() for x in lines[1:])[b"Content-Length"]) == len(body)
    assert body or b"content-type" not in seen, raw
    return raw


SHORT = {b"v": b"via", b"f": b"from", b"t": b"to", b"i": b"call-id"}


def fields(octets, name):
    """The values of a header of the first message in it, folds read as the gateway reads them."""
    head = octets.lstrip(b"\r\n").partition(b"\r\n\r\n")[0]
    head = re.sub(rb"\r\n(?=[ \t])", b"  ", head)
    values = []
    for line in head.split(b"\r\n")[1:]:
        field, _, value = line.partition(b":")
        field = field.strip(b" \t").lower()
        if SHORT.get(field, field) == name:
            values.append(value.strip(b" \t"))
    return values


def repeats(request, answer):
    """RFC 3261 8.2.6.2: what an answer repeats, it repeats octet for octet."""
    for name in (b"via", b"from", b"call-id", b"cseq"):
        assert fields(answer, name) == fields(request, name), (name, answer)
    to, ours = fields(request, b"to")[0], fields(answer, b"to")[0]
    status = int(answer[8:11])
    if re.search(rb";\s*tag\s*=", to, re.I) or status == 100:
        assert ours == to, answer
    else:
        assert re.fullmatch(re.escape(to) + rb";tag=[0-9A-Za-z]{8,}", ours), answer
