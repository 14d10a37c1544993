# SPDX-License-Identifier: BSD-3-Clause
"""Trunks: which connection a call takes, probes of targets, limits of connections."""
import re
import time

import pytest

from gateway import Conf
from ua import Call, Leg, reply

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE


def test_without_targets_the_peers_own_connection_is_used(launch, conf, peer):
    conf.trunks[1]["targets"] = []
    gateway = launch(conf)
    carrier, service = peer("carrier"), peer("service")
    carrier.connect()
    Leg(carrier).refused(OUTSIDE, DID, 503)
    gateway.wait_for("trunk_unreachable", trunk="service")
    conn = service.connect()
    gateway.wait_for("conn_up", trunk="service", dir="in")
    call = Call(carrier, service, OUTSIDE, DID).answer()
    assert call.invite.conn is conn
    call.hang_up()


def test_next_target_when_the_first_is_down(launch, conf, peer, net):
    second = net.address("service", 2)
    conf.trunks[1]["targets"].append(f"{second}:{net.port}")
    gateway = launch(conf)
    carrier, service = peer("carrier"), peer("service", address=second).listen()
    carrier.connect()
    Call(carrier, service, OUTSIDE, DID).answer().hang_up()
    gateway.wait_for("target_down", trunk="service", why=re.compile("refused"))
    first = peer("service").listen()
    Call(carrier, service, OUTSIDE, DID).answer().hang_up()  # the one that is up, without asking
    assert not first.seen


def test_one_connection_serves_many_calls(launch, conf, peer):
    gateway = launch(conf)
    carrier, service = peer("carrier"), peer("service").listen()
    carrier.connect()
    calls = [Call(carrier, service, OUTSIDE, DID).answer() for _ in range(5)]
    for call in calls:
        call.hang_up()
    gateway.wait_for("conn_up", trunk="service", count=2)  # target_connections
    assert len(gateway.find("conn_up", trunk="service")) == 2


def test_targets_are_probed(launch, conf, peer):
    conf.trunks[1]["options_s"] = 1
    gateway = launch(conf)
    service = peer("service")
    service.auto_options = False
    service.listen()
    probe = service.expect("OPTIONS")
    assert "edge.gateway.example" in probe["Contact"] and "edge.gateway.example" in probe["From"]
    reply(probe, 200)
    gateway.wait_for("target_up", trunk="service")
    reply(service.expect("OPTIONS"), 200)
    since = gateway.mark()
    service.close()
    gateway.wait_for("target_down", since, trunk="service")
    carrier = peer("carrier")
    carrier.connect()
    Leg(carrier).refused(OUTSIDE, DID, 503)
    again = peer("service").listen()
    gateway.wait_for("target_up", since, trunk="service")
    Call(carrier, again, OUTSIDE, DID).answer().hang_up()


def test_silent_newcomer_is_sent_away(launch, conf, peer):
    conf.limits["first_message_s"] = 1
    gateway = launch(conf)
    carrier = peer("carrier")
    silent, alive = carrier.connect(), carrier.connect()
    Leg(carrier).refused(OUTSIDE, "+441632980001", 404)
    begin = time.monotonic()
    silent.wait_closed()
    assert time.monotonic() - begin > 0.5
    gateway.wait_for("conn_down", trunk="carrier", dir="in")
    assert not alive.closed.is_set()


@pytest.mark.parametrize("where, key", (("limits", "connections"),
                                        ("limits", "connections_per_source"),
                                        ("trunk", "connections")))
def test_limit_of_connections(launch, conf, peer, where, key):
    (conf.limits if where == "limits" else conf.trunks[0])[key] = 2
    gateway = launch(conf)
    carrier = peer("carrier")
    first, second = carrier.connect(), carrier.connect()
    gateway.wait_for("conn_up", trunk="carrier", count=2)
    third = carrier.connect()
    third.wait_closed()
    gateway.wait_for("conn_refused")
    assert not first.closed.is_set() and not second.closed.is_set()
    first.close()
    gateway.wait_for("conn_down", trunk="carrier")
    carrier.connect()
    Leg(carrier).refused(OUTSIDE, "+441632980001", 404)


def test_limit_of_a_trunks_calls(launch, conf, peer):
    conf.trunks[1]["calls"] = 1
    gateway = launch(conf)
    carrier, service = peer("carrier"), peer("service").listen()
    carrier.connect()
    call = Call(carrier, service, OUTSIDE, DID).answer()
    Leg(carrier).refused(OUTSIDE, DID, 503)
    gateway.wait_for("limit_reached", trunk="service", limit="calls", refused=1)
    call.hang_up()
    Call(carrier, service, OUTSIDE, DID).answer().hang_up()
