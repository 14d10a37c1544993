# SPDX-License-Identifier: BSD-3-Clause
"""What a hostile peer writes into its headers, and what the other side reads."""
import re

from gateway import Conf
from ua import Call, Media, build, reply, request

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE


NAMES = {
    "crlf-escaped": '"x%0d%0aX-Evil: 1" ',
    "quote": '"a\\" <sip:evil@evil.example>;x=\\"" ',
    "backslash": '"a\\\\" ',
    "tab": '"a\tb" ',
    "utf8": '"Zoë" ',
    "long": f'"{"n" * 500}" ',
    "bare": "Evil Name ",
}


def test_display_names(raw, ends):
    """However it is written: one From, ours, and no other header."""
    carrier, service = ends
    r = raw()
    for case, name in NAMES.items():
        seen = len(r.messages)
        r.pump([request(carrier, "INVITE", DID, Media(carrier).sdp(), **{
            "From": f"{name}<sip:{OUTSIDE}@carrier.example>;tag=t"})],
            lambda: len(r.messages) > seen)
        assert r.messages[-1].status == 100, case
        invite = service.expect("INVITE")
        assert len(invite.all("From")) == 1 and invite["X-Evil"] is None, case
        outside = re.sub(r'^"(?:[^"\\]|\\.)*" ', "", invite["From"])
        assert outside.startswith(f"<sip:{OUTSIDE}@edge.gateway.example;user=phone>;tag="), case
        reply(invite, 486, tag="x")
        service.expect("ACK")
        r.until(lambda: r.messages[-1].status == 486)
    r.acknowledge()


USERS = ("+441632960001%0d%0aX-Evil:1", "+441632960001;x=<evil>", "+441632960001%00", "%2b44%31632",
         "' or 1=1 --", "+441632960001@evil.example", "../../etc/passwd", "+" + "9" * 300,
         "+4416329600\u0661", "%s%n%s", "+44 1632 960001", "")


def test_called_numbers(raw, ends, gateway):
    """Not one of them is a number, and none of them costs the connection."""
    r = raw()
    for user in USERS:
        for to in (f"<sip:{user}@core.gateway.example>", "<sip:core.gateway.example>"):
            r.pump([request(ends[0], "INVITE", user, Media(ends[0]).sdp(), To=to)])
    r.pump([request(ends[0], "OPTIONS")], lambda: r.of(200))
    assert len(r.messages) > len(USERS)
    assert {m.status for m in r.messages[:-1]} <= {400, 404, 416}, r.statuses()
    assert not gateway.find("call_start") and not r.over
    for line in gateway.find("call_refused"):
        assert "X-Evil" not in line and line["status"] == "404", line.text
    r.acknowledge()


def test_calling_numbers(raw, ends):
    """A caller's name that is no number stands in From and nowhere else."""
    carrier, service = ends
    r = raw()
    for user in ("al%0d%0aX-Evil:1", "a;b=c", "%22%3e", "x" * 200):
        r.pump([request(carrier, "INVITE", DID, Media(carrier).sdp(), **{
            "From": f"<sip:{user}@carrier.example>;tag=t"})])
        invite = service.expect("INVITE")
        assert invite["X-Evil"] is None and len(invite.all("From")) == 1
        name = re.escape(re.split("[:;]", user)[0])  # not its password, not its parameters
        assert re.fullmatch(rf"<sip:{name}@edge\.gateway\.example>;tag=\w+", invite["From"])
        reply(invite, 486, tag="x")
        service.expect("ACK")
    r.until(lambda: len(r.of(486)) == 4)
    r.acknowledge()


SPOOFED = [("X-Account", "evil"), ("x-account", "evil"), ("X-Region", "evil"),
           ("X-Tenant", "evil"), ("P-Asserted-Identity", "<sip:evil@evil.example>"),
           ("Privacy", "none"), ("Diversion", "<sip:evil@evil.example>"),
           ("History-Info", "<sip:evil@evil.example>;index=1"), ("Alert-Info", "<http://evil/>"),
           ("Call-Info", "<http://evil/>"), ("Replaces", "evil;to-tag=a;from-tag=b"),
           ("Referred-By", "<sip:evil@evil.example>"), ("Subject", "evil"), ("Via", "evil"),
           ("Authorization", "Digest username=evil"), ("Route", "<sip:evil.example;lr>"),
           ("Record-Route", "<sip:evil.example;lr>"), ("Path", "<sip:evil>"),
           ("Geolocation", "<sip:evil>"), ("Identity", "evil"), ("Organization", "evil")]


def test_headers_do_not_cross(pair):
    """What a peer says of itself stays there; the number's headers are the table's alone."""
    carrier, service = pair
    # Identity is passed on as it is (RFC 8224), and From and To with it
    headers = [h for h in SPOOFED if h[0] not in ("Via", "Replaces", "Identity")]
    call = Call(carrier, service, OUTSIDE, DID,
                headers=[(name, value.replace("evil", "wicked")) for name, value in headers])
    assert call.invite.all("X-Account") == ["acme-1"]
    assert call.invite.all("X-Region") == ["north; west"]
    call.b.reply(call.invite, 180, headers=[h for h in headers if "Route" not in h[0]])
    ringing = carrier.expect(180)
    call.answer()
    bye = call.hang_up()
    for message in (call.invite, ringing, bye):
        text = re.sub(r"inline:\S+", "", str(message))  # a random key may spell anything
        assert not re.search("evil" if message is ringing else "evil|wicked", text), text


def test_a_response_that_nobody_asked_for(raw, ends, gateway):
    """Forged and stray responses, ACKs and CANCELs meet nothing."""
    carrier, service = ends
    call = Call(service, carrier, DID, OUTSIDE)
    forged = [str(status) for status in (180, 200, 302, 404, 503, 699)]
    r = raw()
    for status in forged:
        r.pump([build(f"SIP/2.0 {status} Evil", [
            ("Via", re.sub(r"branch=\S+", "branch=z9hG4bKguess", call.invite["Via"])),
            ("From", call.invite["From"]), ("To", call.invite["To"] + ";tag=evil"),
            ("Call-ID", call.invite["Call-ID"]), ("CSeq", call.invite["CSeq"]),
            ("Contact", "<sip:evil.example>")])])
    r.pump([request(carrier, "ACK"), request(carrier, "CANCEL"), request(carrier, "OPTIONS")],
           lambda: len(r.messages) == 2)
    assert [m.status for m in r.messages] == [481, 200]
    service.expect_nothing(0.1)
    call.answer().hang_up()
