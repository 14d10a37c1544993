# SPDX-License-Identifier: BSD-3-Clause
"""Kamailio between the gateway and the carrier's phones: a real proxy with Record-Route.

It refuses requests inside a dialog that come without the Route that its Record-Route
asks for, so every BYE and re-INVITE here shows that the gateway keeps route sets.
"""
import pytest

from gateway import Conf
from kamailio import Kamailio, Phone
from ua import WAIT, Call, Leg, Media, reply

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE
BOTH, IN_TURN, NOBODY = "+441632970077", "+441632970078", "+441632970079"


@pytest.fixture
def proxy(net, pki, tmp_path_factory):
    """Each test has its own: once in some twenty runs one stops relaying, for good."""
    kamailio = Kamailio(net, pki, tmp_path_factory.mktemp("kamailio"))
    yield kamailio
    kamailio.stop()


@pytest.fixture
def phone(proxy, gateway, net, pki):
    """phone() and phone(second=True): the phones behind the proxy, connected to it."""
    made = []

    def make(second=False):
        made.append(Phone(net, pki, proxy.second if second else proxy.first))
        made[-1].connect()
        return made[-1]
    yield make
    for p in made:
        for name in net.names["service"]:
            assert name not in p.received(), f"a phone of the carrier's was told {name}"
        p.close()


@pytest.fixture
def service(peer, gateway):
    made = peer("service").listen()
    made.connect()
    return made


WAYS = {"inbound": True, "outbound": False}


@pytest.fixture(params=WAYS)
def call(request, phone, service):
    """A call through gateway and proxy, not yet answered."""
    if WAYS[request.param]:
        return Call(phone(), service, OUTSIDE, DID)
    return Call(service, phone(), DID, OUTSIDE)


@pytest.mark.parametrize("by", "ab")
def test_either_end_hangs_up(call, gateway, net, by):
    """RFC 3261 12.1: Record-Route comes back in responses, and is the route of requests."""
    call.b.reply(call.invite, 180)
    call.a.peer.expect(180)
    call.answer()
    phone = call.a if call.a.peer.routes else call.b
    assert len(phone.route) == 1 and f"sip:{net.carrier}" in phone.route[0]
    call.hang_up(by)
    assert gateway.wait_for("call_end")["status"] == "200"


@pytest.mark.parametrize("by", "ab")
def test_hold_and_resume(call, by):
    call.answer()
    for method in ("INVITE", "UPDATE"):
        offer, answer = call.change(method, by, "sendonly", "recvonly")
        assert (offer.direction, answer.direction) == ("sendonly", "recvonly")
        offer, answer = call.change(method, by)
        assert (offer.direction, answer.direction) == ("sendrecv", "sendrecv")
    call.hang_up()


def test_media(call):
    call.answer()
    for near, far in ((call.a_media, call.b_media), (call.b_media, call.a_media)):
        near.send(near.packet(1, b"voice"))
        assert far.receive()[12:] == b"voice"
    call.hang_up("b")


def cancel(call):
    """The proxy answers CANCEL, the gateway the INVITE: who is first is chance."""
    call.a.cancel()
    answers = {m.status: m for m in (call.a.peer.inbox.get(timeout=WAIT) for _ in range(2))}
    assert set(answers) == {200, 487} and answers[200].method == "CANCEL"
    call.a.ack(answers[487])


def test_cancel(call, gateway):
    call.b.reply(call.invite, 180)
    call.a.peer.expect(180)
    cancel(call)
    reply(call.b.peer.expect("CANCEL"), 200)
    call.b.reply(call.invite, 487)
    call.b.peer.expect("ACK")
    assert gateway.wait_for("call_end")["status"] == "487"


def test_cancel_crosses_answer(call, gateway):
    call.b.reply(call.invite, 180)
    call.a.peer.expect(180)
    cancel(call)
    reply(call.b.peer.expect("CANCEL"), 200)
    call.b.reply(call.invite, 200, call.b_media.sdp())
    call.b.peer.expect("ACK")  # of the late 200, which is hung up at once
    call.b.reply(call.b.peer.expect("BYE"), 200)
    assert gateway.wait_for("call_end")["status"] == "487"


@pytest.mark.parametrize("status", (486, 503))
def test_refused(call, status):
    call.b.reply(call.invite, status)
    call.b.peer.expect("ACK")
    # a proxy that gets 503 from its only target answers 500 (RFC 3261 16.7, item 6)
    refusal = call.a.peer.expect(500 if status == 503 else status)
    call.a.ack(refusal)
    call.a.settle()


def test_early_media(call):
    call.b_media.connect(call.invite.body)
    call.b.reply(call.invite, 183, call.b_media.sdp())
    call.a_media.connect(call.a.peer.expect(183).body)
    call.b_media.send(call.b_media.packet(1, b"ringback"))
    assert call.a_media.receive()[12:] == b"ringback"
    call.answer().hang_up("b")


# ---- the proxy forks (RFC 3261 16.7) ----

@pytest.mark.parametrize("winner", (0, 1))
def test_first_answer_of_two_phones(phone, service, gateway, winner):
    phones = [phone(), phone(second=True)]
    leg, media = Leg(service), Media(service)
    leg.invite(DID, BOTH, media.sdp())
    invites = [p.expect("INVITE") for p in phones]
    legs = [Leg(p).called(i) for p, i in zip(phones, invites)]
    for far, invite in zip(legs, invites):
        far.reply(invite, 180)
        service.expect(180)
    assert legs[0].tag != legs[1].tag
    far, loser, far_media = legs[winner], legs[1 - winner], Media(phones[winner])
    far_media.connect(invites[winner].body)
    far.reply(invites[winner], 200, far_media.sdp())
    ok = service.expect(200)
    leg.answered(ok)
    leg.ack(ok)
    phones[winner].expect("ACK")
    reply(phones[1 - winner].expect("CANCEL"), 200)
    loser.reply(invites[1 - winner], 487)
    phones[1 - winner].expect("ACK")
    media.connect(ok.body)
    far_media.send(far_media.packet(1, b"the winner"))
    assert media.receive()[12:] == b"the winner"
    leg.request("BYE")
    service.expect(200, "BYE")
    far.reply(phones[winner].expect("BYE"), 200)
    assert gateway.wait_for("call_end")["status"] == "200"


@pytest.mark.parametrize("winner", (0, 1))
def test_early_media_of_two_phones(phone, service, winner):
    """Each fork's description has keys of its own on both sides; either may be answered."""
    phones = [phone(), phone(second=True)]
    leg, media = Leg(service), Media(service)
    leg.invite(DID, BOTH, media.sdp())
    invites = [p.expect("INVITE") for p in phones]
    legs = [Leg(p).called(i) for p, i in zip(phones, invites)]
    far_media = [Media(p) for p in phones]
    for far, invite, far_medium in zip(legs, invites, far_media):
        far_medium.connect(invite.body)
        far.reply(invite, 183, far_medium.sdp())
        service.expect(183)
    legs[winner].reply(invites[winner], 200, far_media[winner].sdp())
    ok = service.expect(200)
    leg.answered(ok)
    leg.ack(ok)
    phones[winner].expect("ACK")
    reply(phones[1 - winner].expect("CANCEL"), 200)
    legs[1 - winner].reply(invites[1 - winner], 487)
    phones[1 - winner].expect("ACK")
    media.connect(ok.body)
    far_media[winner].send(far_media[winner].packet(1, b"to the caller"))
    assert media.receive()[12:] == b"to the caller"
    media.send(media.packet(1, b"to the winner"))
    assert far_media[winner].receive()[12:] == b"to the winner"
    leg.request("BYE")
    service.expect(200, "BYE")
    legs[winner].reply(phones[winner].expect("BYE"), 200)


def test_both_phones_are_cancelled(phone, service):
    phones = [phone(), phone(second=True)]
    leg = Leg(service)
    leg.invite(DID, BOTH, Media(service).sdp())
    invites = [p.expect("INVITE") for p in phones]
    for p, invite in zip(phones, invites):
        reply(invite, 180, tag=p.address)
        service.expect(180)
    leg.cancel()
    service.expect(200, "CANCEL")
    leg.ack(service.expect(487))
    for p, invite in zip(phones, invites):
        reply(p.expect("CANCEL"), 200)
        reply(invite, 487, tag=p.address)
        p.expect("ACK")


def test_second_phone_after_the_first_refused(phone, service):
    """18x of two phones, one after the other, each with its own description."""
    first, second = phone(), phone(second=True)
    leg, media = Leg(service), Media(service)
    leg.invite(DID, IN_TURN, media.sdp())
    invite = first.expect("INVITE")
    reply(invite, 180, tag="one")
    service.expect(180)
    reply(invite, 486, tag="one")
    first.expect("ACK")
    invite = second.expect("INVITE")
    far, far_media = Leg(second).called(invite), Media(second)
    far.reply(invite, 180)
    service.expect(180)
    far.reply(invite, 200, far_media.sdp())
    second.expect("ACK")
    ok = service.expect(200)
    leg.answered(ok)
    leg.ack(ok)
    leg.settle()
    far.request("BYE")
    second.expect(200, "BYE")
    leg.reply(service.expect("BYE"), 200)


def test_nobody_behind_the_proxy(service, gateway, proxy):
    """The proxy has to say so itself."""
    leg = Leg(service)
    leg.invite(DID, NOBODY, Media(service).sdp())
    refusal = service.inbox.get(timeout=10)
    assert refusal.status in (408, 477, 500, 503), refusal
    leg.ack(refusal)
    leg.settle()
    gateway.wait_for("call_failed", caller_status=refusal.status)
