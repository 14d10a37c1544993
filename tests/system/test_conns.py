# SPDX-License-Identifier: BSD-3-Clause
"""Connections: messages that do not end, peers that do not read, keep-alives (RFC 5626), reuse of
what the peer opened (RFC 5923). And how often a trunk may call."""
import re
import time
import uuid

import pytest

from gateway import Conf
from test_timers_sipp import fast  # noqa: F401 (a fixture)
from ua import WAIT, Call, Leg, Raw, build, request

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE


def test_a_message_that_has_begun_must_end(launch, conf, peer):
    conf.limits["message_s"] = 1
    gateway = launch(conf)
    r = Raw(peer("carrier"))
    r.pump([request(r.peer, "OPTIONS")], lambda: r.of(200))
    data = request(r.peer, "OPTIONS")[:-2]
    begin = time.monotonic()
    for i in range(len(data)):
        r.pump([data[i:i + 1]])
        if r.over:
            break
        time.sleep(0.02)
    assert r.over and 0.8 < time.monotonic() - begin < 5
    gateway.wait_for("sip_refused", trunk="carrier", why="message not complete in 1 s")
    r.close()


def test_a_peer_that_reads_nothing_delays_nobody(launch, conf, peer):
    gateway = launch(conf)
    carrier, service = peer("carrier").listen(), peer("service").listen()
    service.connect()
    carrier.connect()
    stuck = Raw(carrier)
    data = b"".join(request(carrier, "OPTIONS") for _ in range(100))
    stuck.sock.settimeout(WAIT)
    longest, calls = 0, 0
    with pytest.raises(OSError):  # it takes what its queue may hold, and no more
        for i in range(2000):
            stuck.sock.sendall(data)
            if i % 10 == 0 and calls < 20:
                begin = time.monotonic()
                Call(carrier, service, OUTSIDE, DID).answer().hang_up()
                longest, calls = max(longest, time.monotonic() - begin), calls + 1
    gateway.wait_for("conn_down", trunk="carrier", why=re.compile("does not read"))
    Call(service, carrier, DID, OUTSIDE).answer().hang_up()
    assert calls and longest < 2
    stuck.close()


def hello(peer, conn, sent_by, params):
    """OPTIONS with this Via, until it is answered."""
    conn.send(build(f"OPTIONS sip:{peer.gateway_name} SIP/2.0", [
        ("Via", f"SIP/2.0/TLS {sent_by};branch=z9hG4bK{uuid.uuid4().hex}{params}"),
        ("Max-Forwards", 70), ("From", f"<sip:{peer.domain}>;tag=1"),
        ("To", f"<sip:{peer.gateway_name}>"), ("Call-ID", uuid.uuid4().hex),
        ("CSeq", "1 OPTIONS")]))
    peer.expect(200, "OPTIONS")


def test_reuse_of_what_the_peer_opened(launch, conf, peer):
    gateway = launch(conf)
    carrier, service = peer("carrier"), peer("service")
    service.connect()
    conn = carrier.connect()
    target = f"{carrier.address}:{carrier.net.port}"

    hello(carrier, conn, target, "")
    Leg(service).refused(DID, OUTSIDE, 503)  # nobody listens there
    hello(carrier, conn, target, ";alias")
    gateway.wait_for("conn_alias", trunk="carrier", target=target)
    call = Call(service, carrier, DID, OUTSIDE).answer()
    assert call.invite.conn is conn
    call.hang_up()

    conn.close()
    gateway.wait_for("conn_down", trunk="carrier", dir="in")
    Leg(service).refused(DID, OUTSIDE, 503)


def test_no_reuse_where_it_is_off(launch, conf, peer):
    conf.trunks[0]["reuse"] = False
    gateway = launch(conf)
    carrier, service = peer("carrier"), peer("service")
    service.connect()
    hello(carrier, carrier.connect(), f"{carrier.address}:{carrier.net.port}", ";alias")
    Leg(service).refused(DID, OUTSIDE, 503)
    assert not gateway.find("conn_alias")


def test_we_offer_reuse(launch, conf, peer):
    launch(conf)
    carrier, service = peer("carrier").listen(), peer("service")
    service.connect()
    call = Call(service, carrier, DID, OUTSIDE).answer()
    assert call.invite["Via"].endswith(";alias")
    other = Leg(carrier, call.invite.conn)  # and mean it: calls may come by there
    other.invite(OUTSIDE, "+441632980001", b"")
    other.ack(carrier.expect(404))
    call.hang_up()


def test_keep_alives(launch, conf, peer, fast):  # noqa: F811
    conf.limits["first_message_s"] = 60
    conf.trunks[0].update(targets=[], keepalive_s=30)
    gateway = launch(conf, env=fast)
    carrier = peer("carrier")
    conn, mute = carrier.connect(), carrier.connect()
    hello(carrier, mute, "carrier.example", "")
    hello(carrier, conn, "carrier.example", "")
    for _ in range(2):
        assert conn.pong.wait(WAIT)
        conn.pong.clear()
        conn.send(b"\r\n")
    assert conn.pong.wait(WAIT)
    conn.wait_closed()
    gateway.wait_for("conn_down", trunk="carrier", why="keep-alive unanswered")
    assert mute.pong.is_set() and not mute.closed.is_set()  # it has never answered any


@pytest.mark.parametrize("limit", ("calls", "calls_in", "source_calls"))
def test_rate_of_calls(launch, conf, peer, limit):
    conf.trunks[0].update({f"{limit}_per_s": 1, f"{limit}_burst": 2})
    gateway = launch(conf)
    carrier, service = peer("carrier"), peer("service").listen()
    carrier.connect()
    begin = time.monotonic()
    for _ in range(2):
        Call(carrier, service, OUTSIDE, DID).answer().hang_up()
    if time.monotonic() - begin < 0.9:
        Leg(carrier).refused(OUTSIDE, DID, 503)
        gateway.wait_for("limit_reached", trunk="carrier", limit=f"{limit}_per_s")
    time.sleep(1.1)
    Call(carrier, service, OUTSIDE, DID).answer().hang_up()
