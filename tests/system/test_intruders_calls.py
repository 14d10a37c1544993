# SPDX-License-Identifier: BSD-3-Clause
"""A trunk that is somebody else: another's numbers, another's calls, with all their ids.

The intruder has a certificate of its own and sits at the same interface as its victim, at another
address. What was tried is printed: pytest -s.
"""
import re

import pytest

from gateway import Conf
from ua import Call, Leg, Media, Raw, build, reply, request, tag_of

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE
OWN = "+441632965001"  # the number of the second service
OTHER = 9  # host of the intruder


@pytest.fixture
def scene(launch, conf, net, peer, pki):
    """scene(side): -> gateway, carrier, service, and an intruder that is a trunk of that side."""
    def make(side, **more):
        pki.issue("intruder", f"{side}-ca", "intruder.example")
        conf.trunks.append(conf.trunk(side, name="intruder", identities=["intruder.example"],
                                      targets=[], domain="intruder.example", **more))
        if side == "service":
            conf.trunks[-1]["carrier"] = "carrier"
            conf.numbers.append({"number": OWN, "trunk": "intruder", "account": "intruders",
                                 "headers_to_carrier": True, "headers": {"X-Account": "own"}})
        for number in conf.numbers[:2]:
            number["headers_to_carrier"] = True
        gateway = launch(conf)
        carrier, service = peer("carrier").listen(), peer("service").listen()
        carrier.connect()
        service.connect()
        intruder = peer(side, address=net.address(side, OTHER), cert="intruder",
                        domain="intruder.example")
        intruder.connect()
        return gateway, carrier, service, intruder
    return make


# ---- in the name of others ----

def stolen(number):
    """Every header in which a call says whose it is, with this number."""
    uri = f"<sip:{number}@service.example>"
    return [("P-Asserted-Identity", uri), ("P-Preferred-Identity", uri),
            ("P-Asserted-Identity", f"<tel:{number}>"),
            ("Diversion", f"{uri};reason=unconditional"),
            ("History-Info", f"{uri};index=1"), ("Remote-Party-ID", f"{uri};party=calling"),
            ("Referred-By", uri), ("P-Charging-Vector", f"icid-value={number}"),
            ("P-Served-User", uri), ("P-Called-Party-ID", uri), ("Reply-To", uri),
            ("P-Charge-Info", uri), ("X-Account", "acme-1"), ("Subject", number),
            ("Identity", f"{number};info=<http://x/>;alg=ES256;ppt=shaken"),
            ("Organization", number)]


@pytest.mark.parametrize("trusted", (False, True))
def test_calls_in_anothers_name(scene, trusted):
    """From= the victim's number: refused, whatever else there is, as long as nothing is own."""
    gateway, carrier, _, intruder = scene("service", trusted=trusted)
    tried = 0
    for name, value in [("X-Nothing", "1")] + stolen(DID):
        for caller in (DID, "+441632961005", OUTSIDE, "anonymous", "+441632960002"):
            Leg(intruder).refused(caller, OUTSIDE, 403, headers=[(name, value)])
            tried += 1
    for name, value in () if trusted else stolen(OWN):  # nobody believes who diverted it to him
        Leg(intruder).refused(DID, OUTSIDE, 403, headers=[(name, value)])
        tried += 1
    carrier.expect_nothing(0.1)
    assert not gateway.find("call_start")
    print(f"\nanothers_name trusted={trusted} tried={tried} went_through=0")


def test_anothers_name_beside_the_own(scene):
    """From= an own number: the call is his, and says nothing of what stands beside it."""
    gateway, carrier, _, intruder = scene("service")
    headers = [h for h in stolen(DID) if h[0] != "Identity"]  # RFC 8224: passed as it is
    for i in range(len(headers) + 1):
        leg = Leg(intruder)
        some = headers[i:i + 1] or headers
        leg.invite(OWN, OUTSIDE, Media(intruder).sdp(), headers=some, display=DID)
        invite = carrier.expect("INVITE")
        text = re.sub(r'^(From|o): ".*?" ', "", str(invite), flags=re.M)  # a name is only a name
        text = re.sub(r"inline:\S+", "", text)
        assert DID not in text.replace(f'"{DID}"', "") and "acme" not in text, text
        assert invite.all("X-Account") == ["own"]
        reply(invite, 486, tag="x")
        carrier.expect("ACK")
        leg.ack(intruder.expect(486))
    assert {line["account"] for line in gateway.find("call_start")} == {"intruders"}
    print(f"\nanothers_name_beside_the_own tried={len(headers) + 1} told_the_carrier=0")


# ---- in the calls of others ----

METHODS = ("BYE", "INVITE", "UPDATE", "OPTIONS", "REFER", "INFO", "PRACK", "NOTIFY", "MESSAGE",
           "SUBSCRIBE", "ACK", "CANCEL", "PUBLISH", "EXTRA")
EXTRA = [("Refer-To", f"<sip:{OUTSIDE}@core.gateway.example>"), ("RAck", "1 1 INVITE"),
         ("Event", "refer"), ("Subscription-State", "active")]


def steal(victim, thief):
    """The victim's dialog, as the thief's own connection would use it."""
    leg = Leg(thief)
    leg.__dict__.update({k: v for k, v in victim.__dict__.items() if k not in ("peer", "conn")})
    return leg


def answer_of(peer):
    """The next response, whatever it is."""
    message = peer.inbox.get(timeout=10)
    assert message is not None and message.status, message
    return message


@pytest.mark.parametrize("side", ("carrier", "service"))
def test_requests_in_anothers_dialog(scene, peer, side):
    """Call-ID, both tags, CSeq and branch are the true ones, the connection is not."""
    gateway, carrier, service, intruder = scene(side, **({"transfer": "handle"}))
    again = peer(side, address=intruder.address, cert="intruder", domain="intruder.example")
    again.connect()
    early = Call(carrier, service, OUTSIDE, DID)
    ringing = Call(carrier, service, OUTSIDE, DID)
    ringing.b.reply(ringing.invite, 183, ringing.b_media.sdp())
    ringing.a.answered(carrier.expect(183))
    call = Call(carrier, service, OUTSIDE, DID).answer()
    tried = 0
    for thief in (intruder, again):
        for victim in (early.a, early.b, ringing.a, ringing.b, call.a, call.b):
            for method in METHODS:
                leg = steal(victim, thief)
                for cseq in (None, victim.cseq, 1 << 30):
                    body = Media(thief).sdp() if method in ("INVITE", "UPDATE", "PRACK") else b""
                    branch = victim.invite_branch if method in ("CANCEL", "ACK") else None
                    if method == "INVITE" and not victim.remote_tag:
                        continue  # no dialog yet: test_invite_of_another
                    leg.request(method, body, EXTRA, cseq=cseq, branch=branch)
                    tried += 1
                    if method == "ACK":
                        continue
                    answer = answer_of(thief)
                    assert answer.status in (400, 403, 405, 481, 500, 501) or (
                        method == "OPTIONS" and not victim.remote_tag), answer
                    if method == "INVITE":
                        leg.ack(answer)
            steal(victim, thief).settle()
    print(f"\nrequests_in_anothers_dialog side={side} tried={tried} had_effect=0")
    service.expect_nothing(0.1)
    carrier.expect_nothing(0.1)
    call.change(offer="sendonly", answer="recvonly")
    call.hang_up()
    for c in (early, ringing):
        c.b.reply(c.invite, 486)
        service.expect("ACK")
        c.a.ack(carrier.expect(486))


@pytest.mark.parametrize("side", ("carrier", "service"))
def test_acknowledged_by_another(scene, side):
    """The ACK that a 200 waits for, with a description: it is not the victim's, and the 200 comes
    again. With a delayed offer that description would be where media goes."""
    gateway, carrier, service, intruder = scene(side)
    victim, far = (carrier, service) if side == "carrier" else (service, carrier)
    numbers = (OUTSIDE, DID) if side == "carrier" else (DID, OUTSIDE)
    leg, there, media = Leg(victim), Leg(far), Media(far)
    leg.invite(*numbers, b"")
    there.called(far.expect("INVITE"))
    there.reply(far.seen[-1], 200, media.sdp())
    ok = victim.expect(200)
    leg.answered(ok)
    for cseq in (ok.cseq, 1 << 30):
        steal(leg, intruder).request("ACK", Media(intruder).sdp(), cseq=cseq,
                                     branch=leg.invite_branch)
    steal(leg, intruder).settle()
    far.expect_nothing(0.1)  # no ACK with an answer in it
    assert victim.expect(200)["CSeq"] == ok["CSeq"]
    mine = Media(victim)
    leg.ack(ok, mine.sdp())
    media.connect(far.expect("ACK").body)
    mine.connect(ok.body)
    leg.settle()
    media.send(media.packet(1, b"to the victim"))
    assert mine.receive()[12:] == b"to the victim"
    leg.request("BYE")
    victim.expect(200, "BYE")
    there.reply(far.expect("BYE"), 200)
    there.settle()
    print(f"\nacknowledged_by_another side={side} tried=2 had_effect=0")


def test_responses_to_anothers_request(scene, peer):
    """The INVITE that the victim is to answer, answered by somebody else: branch, tags and all."""
    gateway, carrier, service, intruder = scene("service")
    again = peer("service", address=intruder.address, cert="intruder", domain="intruder.example")
    again.connect()
    call = Call(carrier, service, OUTSIDE, DID)
    carrier.auto_options = False
    tried = 0
    evil = Media(intruder)
    contact = [("Contact", f"<sip:{intruder.address}:5061;transport=tls>"), ("RSeq", "1"),
               ("Require", "100rel")]
    for thief in (intruder, again):
        for status in (100, 180, 183, 199, 200, 202, 302, 401, 404, 408, 422, 480, 481, 486, 491,
                       500, 503, 600, 603):
            for tag in ("evil", call.b.tag):
                call.invite.conn, true = thief.conn, call.invite.conn
                reply(call.invite, status, evil.sdp() if status < 300 else b"", tag, contact)
                call.invite.conn = true
                tried += 1
        Leg(thief).settle()
    carrier.expect_nothing(0.1)
    call.answer()
    call.a_media.send(call.a_media.packet(1, b"to the victim"))
    assert call.b_media.receive()[12:] == b"to the victim"
    call.a.request("BYE")
    carrier.expect(200, "BYE")
    bye = service.expect("BYE")
    for status in (200, 481):
        bye.conn, true = intruder.conn, bye.conn
        reply(bye, status)
        bye.conn = true
        tried += 1
    call.b.reply(bye, 200)
    call.b.settle()
    print(f"\nresponses_to_anothers_request tried={tried} had_effect=0")


def test_invite_of_another(scene):
    """The victim's INVITE, octet for octet: before it comes, and after; neither is a copy."""
    _, carrier, service, intruder = scene("carrier")
    first = request(carrier, "INVITE", DID, Media(carrier).sdp(), call_id="the-same",
                    branch="z9hG4bKsame")
    victim, thief = Raw(carrier), Raw(intruder)
    for order in ((victim, thief), (thief, victim)):
        invites = []
        for r in order:
            r.messages = []
            r.pump([first], lambda r=r: r.of(100))
            invites.append(service.expect("INVITE"))
        # each has its own call, and the end of one is not the end of the other
        reply(invites[1 - order.index(victim)], 603, tag="thief")
        service.expect("ACK")
        thief.until(lambda: thief.of(603))
        assert {m.status for m in victim.messages} == {100}
        thief.messages = []
        thief.pump([first.replace(b"INVITE sip", b"CANCEL sip").replace(b"1 INVITE", b"1 CANCEL")],
                   lambda: any(m.method == "CANCEL" for m in thief.messages))
        service.expect_nothing(0.1)
        reply(invites[order.index(victim)], 486, tag="victim")
        service.expect("ACK")
        victim.until(lambda: victim.of(486))
        assert not victim.of(603) and not victim.of(482) and not thief.of(486)
        for r in order:
            r.messages = [m for m in r.messages if m.method == "INVITE"]
        victim.acknowledge()
        ack = first.replace(b"INVITE sip", b"ACK sip").replace(b"1 INVITE", b"1 ACK")
        thief.pump([re.sub(rb"(To: <[^>]*>)", rb"\1;tag=x", ack)])
        thief.messages = []
        first = first.replace(b"the-same", b"another").replace(b"z9hG4bKsame", b"z9hG4bKother")
    victim.close()
    thief.close()


def replaces(leg, early=False):
    text = f"{leg.call_id};to-tag={leg.remote_tag};from-tag={leg.tag}"
    return text + (";early-only" if early else "")


@pytest.mark.parametrize("side", ("carrier", "service"))
def test_replaces_of_anothers_call(scene, side):
    """INVITE with Replaces, REFER with Replaces: nobody takes a call over, or joins one."""
    gateway, carrier, service, intruder = scene(side, transfer="handle")
    victims = Call(carrier, service, OUTSIDE, DID).answer()
    number, caller = (DID, OUTSIDE) if side == "carrier" else (OUTSIDE, OWN)
    other = service if side == "carrier" else carrier
    tried = 0
    for leg in (victims.a, victims.b):
        for turned in (False, True):
            ids = replaces(leg)
            if turned:
                ids = f"{leg.call_id};to-tag={leg.tag};from-tag={leg.remote_tag}"
            for more in ("", ";early-only"):
                Leg(intruder).refused(caller, number, 481, headers=[("Replaces", ids + more)])
                tried += 1
    own = Call(intruder, other, caller, number).answer()
    for leg in (victims.a, victims.b):
        ids = replaces(leg).replace(";", "%3B").replace("=", "%3D")
        own.a.request("REFER", headers=[
            ("Refer-To", f"<sip:{number}@core.gateway.example?Replaces={ids}>")])
        intruder.expect(202)
        for n in range(2):
            notify = intruder.expect("NOTIFY")
            reply(notify, 200)
        assert b"SIP/2.0 481" in notify.body, notify
        tried += 1
    print(f"\nreplaces_of_anothers_call side={side} tried={tried} had_effect=0")
    own.hang_up()
    victims.a_media.send(victims.a_media.packet(1, b"still"))
    assert victims.b_media.receive()[12:] == b"still"
    victims.hang_up()
