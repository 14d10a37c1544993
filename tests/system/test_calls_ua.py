# SPDX-License-Identifier: BSD-3-Clause
"""Calls steered message by message: what the peers see, and what goes wrong on the way."""
import contextlib

import pytest

from gateway import Conf
from ua import Call, Leg, Media, Sdp, reply, tag_of, uri_of

DID, DID2, OUTSIDE = Conf.DID, Conf.DID2, Conf.OUTSIDE


def inbound(pair, **more):
    carrier, service = pair
    return Call(carrier, service, OUTSIDE, DID, **more)


def outbound(pair, **more):
    carrier, service = pair
    return Call(service, carrier, DID, OUTSIDE, **more)


# ---- what the other side sees ----

def test_dialogs_are_separate(pair):
    call = inbound(pair, headers=[("X-Inner", "1"), ("User-Agent", "carrier-sbc"),
                                  ("P-Asserted-Identity", "<sip:x@carrier.example>"),
                                  ("Record-Route", "<sip:proxy.carrier.example;lr>")])
    invite = call.invite
    assert invite["Call-ID"] != call.a.call_id
    assert tag_of(invite["From"]) != call.a.tag
    assert len(invite.all("Via")) == 1 and "edge.gateway.example" in invite["Via"]
    assert "edge.gateway.example" in invite["Contact"] and "transport=tls" in invite["Contact"]
    assert invite["Max-Forwards"] == "69"
    assert uri_of(invite["From"]).startswith(f"sip:{OUTSIDE}@edge.gateway.example")
    assert invite.uri.startswith(f"sip:{DID}@service.example")
    for name in ("X-Inner", "User-Agent", "P-Asserted-Identity", "Record-Route"):
        assert invite[name] is None
    assert invite.all("X-Account") == ["acme-1"]
    call.b.reply(invite, 180, headers=[("Server", "pbx"), ("X-Inner", "2")])
    ringing = call.a.peer.expect(180)
    assert ringing["X-Inner"] is None and ringing["Server"] is None
    assert tag_of(ringing["To"]) not in ("", call.b.tag)
    call.answer().hang_up()


def test_session_description(pair):
    carrier, service = pair
    a, media = Leg(carrier), Media(carrier, tag=7)
    extra = ["a=x-keep:this", "a=rtcp-mux", "a=candidate:1 1 UDP 1 127.0.0.9 9 typ host",
             "a=ice-ufrag:abcd", "a=sendrecv"]
    a.invite(OUTSIDE, DID, media.sdp(extra=extra, suites=(
        "AEAD_AES_256_GCM", "AES_CM_128_HMAC_SHA1_80")))
    invite = service.expect("INVITE")
    offer = Sdp(invite.body)
    assert offer.proto == "RTP/SAVP" and len(offer.crypto) == 1
    assert offer.key != media.key
    assert offer.address == service.gateway and 20000 <= offer.port <= 20999
    for line in ("a=x-keep:this", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15",
                 "a=ptime:20", "a=sendrecv"):
        assert line in offer.lines
    assert not any(line.startswith(("a=candidate", "a=ice", "a=rtcp-mux")) for line in offer.lines)
    b, far = Leg(service).called(invite), Media(service)
    b.reply(invite, 200, far.sdp())
    service.expect("ACK")
    ok = carrier.expect(200)
    answer = Sdp(ok.body)
    assert answer.tag == 8, "the answer takes the tag of the line that was chosen"
    assert answer.key not in (media.key, far.key, offer.key)
    assert answer.address == carrier.gateway and answer.port != far.rtp.getsockname()[1]
    a.ack(ok)
    a.request("BYE")
    carrier.expect(200, "BYE")
    b.reply(service.expect("BYE"), 200)


def test_early_media(pair):
    call = inbound(pair)
    call.b_media.connect(call.invite.body)
    call.b.reply(call.invite, 183, call.b_media.sdp())
    progress = call.a.peer.expect(183)
    call.a_media.connect(progress.body)
    call.b_media.send(call.b_media.packet(1, b"ringback"))
    assert call.a_media.receive()[12:] == b"ringback"
    call.answer()
    assert call.a_media.far.key == Sdp(progress.body).key
    call.hang_up("b")


def test_display_name_and_anonymous(pair):
    call = inbound(pair, display="Alice")
    assert call.invite["From"].startswith('"Alice" <')
    call.b.reply(call.invite, 486)
    call.b.peer.expect("ACK")
    call.a.ack(call.a.peer.expect(486))

    carrier, service = pair
    leg = Leg(carrier)
    leg.domain = "anonymous.invalid"
    leg.invite("anonymous", DID, Media(carrier).sdp(), display="Anonymous",
               headers=[("Privacy", "id")])
    invite = service.expect("INVITE")
    assert "sip:anonymous@anonymous.invalid" in invite["From"]
    reply(invite, 486, tag="x")
    service.expect("ACK")
    leg.ack(carrier.expect(486))


@pytest.mark.parametrize("use", ("pass", "drop"))
def test_signed_identity(launch, conf, peer, use):
    """RFC 8224: intact, with From and To as they were signed; or not at all."""
    conf.trunks[1]["identity"] = use
    launch(conf)
    carrier, service = peer("carrier"), peer("service").listen()
    carrier.connect()
    value = "eyJhbGciOiJFUzI1NiJ9..c2lnbmF0dXJl;info=<https://cert.example/a.pem>;ppt=shaken"
    call = Call(carrier, service, OUTSIDE, DID, headers=[("Identity", value)])
    assert call.invite.all("Identity") == ([value] if use == "pass" else [])
    host = "carrier.example" if use == "pass" else "edge.gateway.example"
    assert f"<sip:{OUTSIDE}@{host}" in call.invite["From"]
    call.answer().hang_up()


# ---- RFC 3261 13.3.1.4, 13.2.2.4: the 2xx and its ACK ----

def test_answer_is_repeated_until_acknowledged(pair):
    call = inbound(pair)
    call.b_media.connect(call.invite.body)
    call.b.reply(call.invite, 200, call.b_media.sdp())
    call.b.peer.expect("ACK")
    first, again = call.a.peer.expect(200), call.a.peer.expect(200)
    assert str(first) == str(again)
    call.a.answered(again)
    call.a.ack(again)
    call.a.peer.expect_nothing(1.3)  # the next would come after 1 s
    call.hang_up()


def test_repeated_answer_is_acknowledged_again(pair):
    call = outbound(pair).answer()
    call.b.reply(call.invite, 200, call.b_media.sdp())
    call.b.peer.expect("ACK")
    call.a.peer.expect_nothing()
    call.hang_up("b")


# ---- CANCEL ----

def test_cancel_and_answer_cross(pair, gateway):
    call = inbound(pair)
    call.b.reply(call.invite, 180)
    call.a.peer.expect(180)
    call.a.cancel(headers=[("Reason", 'SIP;cause=200;text="at carrier.example"')])
    call.a.peer.expect(200, "CANCEL")
    call.a.ack(call.a.peer.expect(487))
    cancel = call.b.peer.expect("CANCEL")
    assert cancel["Reason"].startswith("SIP;cause=200")
    reply(cancel, 200)
    call.b.reply(call.invite, 200, call.b_media.sdp())  # it was answered at the same moment
    call.b.peer.expect("ACK")
    call.b.reply(call.b.peer.expect("BYE"), 200)
    assert gateway.wait_for("call_end")["status"] == "487"


def test_cancel_before_any_response(pair):
    call = outbound(pair)
    call.a.cancel()
    call.a.peer.expect(200, "CANCEL")
    call.a.ack(call.a.peer.expect(487))
    call.b.peer.expect_nothing(0.2)  # RFC 3261 9.1: not before a provisional response
    call.b.reply(call.invite, 180)
    reply(call.b.peer.expect("CANCEL"), 200)
    call.b.reply(call.invite, 487)
    call.b.peer.expect("ACK")


def test_cancel_after_answer_changes_nothing(pair):
    call = inbound(pair)
    call.b_media.connect(call.invite.body)
    call.b.reply(call.invite, 200, call.b_media.sdp())
    call.b.peer.expect("ACK")
    ok = call.a.peer.expect(200)
    call.a.cancel()
    assert call.a.peer.expect(200, "CANCEL")
    call.a.answered(ok)
    call.a.ack(ok)
    call.b.peer.expect_nothing()
    call.hang_up()


# ---- changes of a session ----

@pytest.mark.parametrize("method", ("INVITE", "UPDATE"))
@pytest.mark.parametrize("by", "ab")
def test_hold_and_resume(pair, method, by):
    call = inbound(pair).answer()
    offer, answer = call.change(method, by, "sendonly", "recvonly")
    assert (offer.direction, answer.direction) == ("sendonly", "recvonly")
    offer, answer = call.change(method, by, "inactive", "inactive")
    assert (offer.direction, answer.direction) == ("inactive", "inactive")
    port, version = offer.port, int(offer.version)
    offer, answer = call.change(method, by)
    assert (offer.direction, answer.direction) == ("sendrecv", "sendrecv")
    assert offer.port == port and int(offer.version) == version + 1
    call.hang_up()


def test_refused_change_leaves_the_session(pair):
    call = inbound(pair).answer()
    call.a.request("INVITE", call.a_media.sdp("sendonly"))
    request = call.b.peer.expect("INVITE")
    call.b.reply(request, 488)
    call.b.peer.expect("ACK")
    call.a.ack(call.a.peer.expect(488))
    call.b_media.send(call.b_media.packet(1, b"still there"))
    assert call.a_media.receive()[12:] == b"still there"
    call.hang_up("b")


def test_changes_from_both_sides_meet(pair):
    call = inbound(pair).answer()
    call.a.request("INVITE", call.a_media.sdp("sendonly"))
    request = call.b.peer.expect("INVITE")
    call.b.request("INVITE", call.b_media.sdp("inactive"))
    refusal = call.b.peer.expect(491)
    call.b.ack(refusal)
    call.b.reply(request, 200, call.b_media.sdp("recvonly"))
    call.b.peer.expect("ACK")
    ok = call.a.peer.expect(200)
    call.a.ack(ok)
    call.hang_up()


def test_bye_during_change(pair):
    call = outbound(pair).answer()
    call.a.request("INVITE", call.a_media.sdp("sendonly"))
    request = call.b.peer.expect("INVITE")
    call.b.request("BYE")
    call.b.peer.expect(200, "BYE")
    call.b.reply(request, 487)  # RFC 3261 15.1.2
    call.b.peer.expect("ACK")
    messages = [call.a.peer.inbox.get(timeout=10) for _ in range(2)]
    messages.sort(key=lambda m: m.status, reverse=True)
    assert (messages[0].status, messages[0].method) == (487, "INVITE")
    call.a.ack(messages[0])
    assert messages[1].method == "BYE" and not messages[1].status
    call.a.reply(messages[1], 200)


# ---- requests that are refused ----

def test_max_forwards(pair):
    Leg(pair[0]).refused(OUTSIDE, DID, 483, forwards=0)


def test_required_extension(pair):
    response = Leg(pair[0]).refused(OUTSIDE, DID, 420, headers=[("Require", "precondition")])
    assert response["Unsupported"] == "precondition"


def test_no_offer_where_that_is_refused(launch, conf, peer):
    conf.trunks[1]["delayed_offer"] = "refuse"
    launch(conf)
    carrier = peer("carrier")
    carrier.connect()
    leg = Leg(carrier)
    leg.invite(OUTSIDE, DID, b"")
    response = leg.peer.expect(488)
    assert "application/sdp" in response["Warning"]
    leg.ack(response)


@pytest.mark.parametrize("method, status", (("REGISTER", 405), ("SUBSCRIBE", 405), ("FOO", 501)))
def test_other_methods(pair, method, status):
    leg = Leg(pair[0])
    leg.local, leg.remote, leg.display = "sip:a@carrier.example", "sip:core.gateway.example", ""
    leg.target = leg.remote
    leg.request(method)
    leg.peer.expect(status)


@pytest.mark.parametrize("method", ("BYE", "UPDATE", "INVITE", "CANCEL", "OPTIONS"))
def test_no_such_dialog(pair, method):
    leg = Leg(pair[0])
    leg.local, leg.remote, leg.display = "sip:a@carrier.example", "sip:core.gateway.example", ""
    leg.target, leg.remote_tag = leg.remote, "deadbeef"
    leg.request(method, Media(leg.peer).sdp() if method in ("UPDATE", "INVITE") else b"")
    response = leg.peer.expect(481)
    if method == "INVITE":
        leg.ack(response)


def test_stray_ack_is_ignored(pair):
    leg = Leg(pair[0])
    leg.local, leg.remote, leg.display = "sip:a@carrier.example", "sip:core.gateway.example", ""
    leg.target, leg.remote_tag = leg.remote, "deadbeef"
    leg.request("ACK")
    inbound(pair).answer().hang_up()


def test_other_trunk_cannot_end_a_call(launch, conf, net, pki, peer):
    conf.trunks.append(conf.trunk("carrier", name="carrier2", identities=["carrier2.example"],
                                  targets=[]))
    launch(conf)
    carrier, service = peer("carrier").listen(), peer("service").listen()
    other = peer("carrier", address=net.address("carrier", 2), cert="carrier2",
                 domain="carrier2.example")
    carrier.connect()
    other.connect()
    call = Call(carrier, service, OUTSIDE, DID).answer()
    thief = Leg(other)
    thief.__dict__.update(local=call.a.local, remote=call.a.remote, display="",
                          target=call.a.target, tag=call.a.tag, remote_tag=call.a.remote_tag,
                          call_id=call.a.call_id, cseq=call.a.cseq)
    thief.request("BYE")
    other.expect(481)
    service.expect_nothing()
    call.hang_up()


# ---- connections ----

def test_requests_go_back_on_the_dialogs_connection(pair):
    carrier, service = pair
    first = carrier.conn
    call = inbound(pair).answer()
    carrier.connect()
    assert call.hang_up("b").conn is first


def test_another_connection_when_the_dialogs_is_gone(pair, gateway):
    carrier, service = pair
    call = inbound(pair).answer()
    second = carrier.connect()
    call.a.conn.close()
    gateway.wait_for("conn_down", trunk="carrier")
    call.b.request("BYE")
    service.expect(200, "BYE")
    bye = carrier.expect("BYE")
    assert bye.conn is second or bye.conn in carrier.conns
    call.a.reply(bye, 200)


def test_keep_alive(pair):
    carrier, _ = pair
    carrier.conn.send(b"\r\n\r\n")  # RFC 5626 3.5.1
    assert carrier.conn.pong.wait(10)
    inbound(pair).answer().hang_up()


GOOD = ("OPTIONS sip:core.gateway.example SIP/2.0\r\n"
        "Via: SIP/2.0/TLS carrier.example;branch=z9hG4bKx\r\nMax-Forwards: 70\r\n"
        "From: <sip:a@carrier.example>;tag=1\r\nTo: <sip:core.gateway.example>\r\n"
        "Call-ID: bad-1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")


MALFORMED = {
    "max-forwards": ("Max-Forwards: 70", "Max-Forwards: many"),
    "header": ("Max-Forwards: 70", "Max-Forwards: 70\r\nno header at all"),
    "twice": ("Max-Forwards: 70", "Max-Forwards: 70\r\nMax-Forwards: 71"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_is_answered(pair, gateway, case):
    carrier, _ = pair
    carrier.conn.send(GOOD.replace(*MALFORMED[case], 1).encode())
    assert carrier.inbox.get(timeout=10).status == 400
    gateway.wait_for("sip_bad_request", status=400)
    inbound(pair).answer().hang_up()  # the connection is as good as before


def length(line):
    return GOOD.replace("Content-Length: 0\r\n", line).encode()


UNREADABLE = {
    "http": b"GET / HTTP/1.1\r\nHost: core.gateway.example\r\n\r\n",
    "length-negative": length("Content-Length: -1\r\n"),
    "length-wraps": length("Content-Length: 18446744073709551616\r\n"),
    "length-large": length("Content-Length: 40000000\r\n"),
    "length-twice": length("Content-Length: 0\r\nl: 4\r\n"),
    "length-none": length(""),
    "nul": GOOD.replace("bad-1", "bad\0").encode(),
    "endless-line": b"OPTIONS sip:x SIP/2.0\r\nX: " + b"y" * 70000,
    "binary": b"\x16\x03\x01\xff\xfe" + bytes(5000),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_unreadable_closes_the_connection(pair, gateway, case):
    carrier, service = pair
    call = outbound(pair).answer()  # on other connections; it must not notice
    carrier.connect()
    with contextlib.suppress(OSError):  # it may be closed before all of it is out
        carrier.conn.send(UNREADABLE[case])
    carrier.conn.wait_closed()
    gateway.wait_for("conn_down", trunk="carrier")
    call.hang_up()


# ---- limits ----

def test_limit_of_calls(launch, conf, peer):
    conf.limits["calls"] = 1
    gateway = launch(conf)
    carrier, service = peer("carrier"), peer("service").listen()
    carrier.connect()
    call = Call(carrier, service, OUTSIDE, DID).answer()
    response = Leg(carrier).refused(OUTSIDE, DID, 503)
    assert int(response["Retry-After"]) > 0
    gateway.wait_for("limit_reached", limit="limits.calls", refused=1)
    call.hang_up()
    Call(carrier, service, OUTSIDE, DID).answer().hang_up()


def test_trunk_is_not_there(gateway, peer):
    carrier = peer("carrier")
    carrier.connect()
    Leg(carrier).refused(OUTSIDE, DID, 503)
    gateway.wait_for("trunk_unreachable", trunk="service")
