# SPDX-License-Identifier: BSD-3-Clause
"""Targets that are names, with dnsmasq as the name server (RFC 3263, RFC 2782)."""
import re
import time

import pytest

from dnsmasq import Dnsmasq
from gateway import Conf
from ua import Call, Leg, Media, Peer, Raw, reply, request

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE
SRV = "_sips._tcp.service.test"


@pytest.fixture
def dns(net, conf, tmp_path):
    """A dnsmasq, not started. The trunk "service" is looked up by it."""
    server = Dnsmasq(net, tmp_path)
    conf.dns = {"servers": [server.server], "ttl_min_s": 1}
    conf.trunks[1]["targets"] = ["service.test"]
    yield server
    server.stop()


@pytest.fixture
def carrier(peer):
    """Who makes the calls, from the core side; connect() it when the gateway runs."""
    return peer("carrier")


def one_call(carrier, service):
    Call(carrier, service, OUTSIDE, DID).answer().hang_up()


def changed(gateway, pattern, since=0):
    return gateway.wait_for("dns_changed", since, addresses=re.compile(pattern))


def test_srv_name_port_and_address(launch, conf, peer, carrier, dns, net):
    address = net.address("service", 7)
    dns.srv(SRV, "sbc1.service.test", net.port, 10, 5)
    dns.host("sbc1.service.test", address)
    dns.host("service.test", net.address("service", 66))  # not looked at
    dns.start()
    service = peer("service", address=address).listen()
    gateway = launch(conf)
    assert changed(gateway, "")["addresses"] == f"{address}:{net.port}"
    carrier.connect()
    one_call(carrier, service)
    assert not dns.asked("A service.test") and not dns.asked("SRV _sip._tls.service.test")


def test_only_sip_tls_is_published(launch, conf, peer, carrier, dns, net):
    dns.srv("_sip._tls.service.test", "sbc1.service.test", net.port)
    dns.host("sbc1.service.test", net.service)
    dns.host("service.test", net.address("service", 66))
    dns.start()
    service = peer("service").listen()
    gateway = launch(conf)
    changed(gateway, re.escape(net.service))
    carrier.connect()
    one_call(carrier, service)
    assert dns.asked(f"SRV {SRV}") and not dns.asked("A service.test")
    asked = re.findall(r"query\[SRV\] (\S+)", dns.text())
    assert not [name for name in asked if "_udp" in name or "_sip._tcp" in name]


def test_without_srv_the_name_itself(launch, conf, peer, carrier, dns, net):
    dns.host("service.test", net.service)
    dns.start()
    service = peer("service").listen()
    launch(conf)
    carrier.connect()
    one_call(carrier, service)


def test_a_port_means_no_srv(launch, conf, peer, carrier, dns, net):
    dns.srv(SRV, "sbc1.service.test", net.port)
    dns.host("sbc1.service.test", net.address("service", 66))
    dns.host("service.test", net.service)
    dns.start()
    conf.trunks[1]["targets"] = [f"service.test:{net.port}"]
    service = peer("service").listen()
    launch(conf)
    carrier.connect()
    one_call(carrier, service)
    assert not dns.asked(f"SRV {SRV}")


def test_srv_name_as_it_stands(launch, conf, peer, carrier, dns, net):
    dns.srv("_sip._tls.eu.service.test", "sbc1.service.test", net.port)
    dns.host("sbc1.service.test", net.service)
    dns.start()
    conf.trunks[1]["targets"] = ["_sip._tls.eu.service.test"]
    service = peer("service").listen()
    launch(conf)
    carrier.connect()
    one_call(carrier, service)


def test_literals_need_no_dns(launch, conf, peer, carrier, dns, net):
    conf.trunks[1]["targets"] = [f"{net.service}:{net.port}"]  # and dnsmasq is not started
    service = peer("service").listen()
    gateway = launch(conf)
    carrier.connect()
    one_call(carrier, service)
    assert not [line for line in gateway.lines if line.event.startswith("dns_")]


# ---- priority and weight ----

def test_priorities(launch, conf, peer, carrier, dns, net):
    first, second = net.address("service", 11), net.address("service", 12)
    dns.srv(SRV, "second.test", net.port, 20, 100)
    dns.srv(SRV, "first.test", net.port, 10, 1)
    dns.host("first.test", first)
    dns.host("second.test", second)
    dns.start()
    a, b = (peer("service", address=address).listen() for address in (first, second))
    gateway = launch(conf)
    carrier.connect()
    # until then the second, which has a connection, is better than one that has none
    gateway.wait_for("target_up", trunk="service", target=re.compile("^first"))
    for _ in range(5):
        one_call(carrier, a)
    since = gateway.mark()
    a.close()
    gateway.wait_for("conn_down", since, trunk="service")
    for _ in range(3):
        one_call(carrier, b)
    assert not [m for m in a.seen if m.method == "INVITE"][5:]


class Refuser(Peer):
    """Refuses each call, and counts them."""

    def take(self, message):
        if message.method == "INVITE" and not message.status:
            self.seen.append(message)
            reply(message, 486, tag="busy")
        elif message.method == "OPTIONS" and not message.status:
            reply(message, 200)


def test_weights(launch, conf, net, pki, dns, peer):
    """400 calls by 60:20:0 of one priority: what is 0 gets next to none (RFC 2782)."""
    hosts = {"big": (60, net.address("service", 11)), "small": (20, net.address("service", 12)),
             "none": (0, net.address("service", 13))}
    for name, (weight, address) in hosts.items():
        dns.srv(SRV, f"{name}.test", net.port, 10, weight)
        dns.host(f"{name}.test", address)
    dns.start()
    peers = {name: Refuser(net, pki, "service", address=address).listen()
             for name, (_, address) in hosts.items()}
    conf.trunks[1]["options_s"] = 60
    gateway = launch(conf)
    for count in (1, 2, 3):
        gateway.wait_for("target_up", trunk="service", count=count)
    raw = Raw(peer("carrier"))
    calls = 400
    for done in range(0, calls, 20):
        raw.pump([request(raw.peer, "INVITE", DID, Media(raw.peer).sdp()) for _ in range(20)],
                 lambda want=done + 20: len(raw.of(486)) >= want, "486")
        for media in raw.peer.media:
            media.close()
        raw.peer.media.clear()
    raw.acknowledge()
    raw.close()
    got = {name: len(p.seen) for name, p in peers.items()}
    for p in peers.values():
        p.close()
    print(f"of {calls} calls by weights 60:20:0: {got}")
    assert sum(got.values()) == calls
    assert 250 <= got["big"] <= 345  # 300, and five times the deviation of 8.7
    assert got["none"] <= 30  # "a very small chance": at most 1 of 81


# ---- time ----

def test_ttl_is_honoured(launch, conf, peer, carrier, dns, net):
    old, new = net.address("service", 11), net.address("service", 12)
    dns.ttl = 2
    dns.srv(SRV, "sbc1.service.test", net.port)
    dns.host("sbc1.service.test", old)
    dns.start()
    a, b = (peer("service", address=address).listen() for address in (old, new))
    gateway = launch(conf)
    carrier.connect()
    one_call(carrier, a)
    held = Call(carrier, a, OUTSIDE, DID).answer()

    since = gateway.mark()
    dns.records.pop()
    dns.host("sbc1.service.test", new)
    dns.start()
    begin = time.monotonic()
    changed(gateway, f"^{re.escape(new)}:", since)
    took = time.monotonic() - begin
    assert took < 3.5, f"{took:.1f} s for a TTL of 2"
    one_call(carrier, b)
    held.hang_up()  # where it was
    assert gateway.find("dns_failed", since) == []


def test_server_dies_and_comes_back(launch, conf, peer, carrier, dns, net):
    dns.srv(SRV, "sbc1.service.test", net.port)
    dns.host("sbc1.service.test", net.service)
    dns.start()
    service = peer("service").listen()
    gateway = launch(conf)
    carrier.connect()
    one_call(carrier, service)
    dns.stop()
    failed = gateway.wait_for("dns_failed", name="service.test")
    assert failed["addresses"] == f"{net.service}:{net.port}"
    for _ in range(3):
        one_call(carrier, service)

    since = gateway.mark()
    dns.start()
    gateway.wait_for("dns_back", since, name="service.test")
    one_call(carrier, service)
    assert len(gateway.find("dns_failed")) == 1 and len(gateway.find("dns_changed")) == 1


def test_server_falls_silent(launch, conf, peer, carrier, dns, net):
    dns.host("service.test", net.service)
    dns.start()
    service = peer("service").listen()
    gateway = launch(conf)
    carrier.connect()
    one_call(carrier, service)
    dns.freeze()
    gateway.wait_for("dns_failed", why=re.compile("do not answer"))
    one_call(carrier, service)


def test_start_without_dns(launch, conf, peer, carrier, dns, net):
    service = peer("service").listen()
    gateway = launch(conf)
    carrier.connect()
    failed = gateway.wait_for("dns_failed", name="service.test")
    assert failed["addresses"] == "-"
    Leg(carrier).refused(OUTSIDE, DID, 503)
    dns.host("service.test", net.service)
    dns.start()
    gateway.wait_for("dns_back")
    one_call(carrier, service)


def test_second_server(launch, conf, peer, carrier, dns, net):
    conf.dns["servers"] = [f"{net.address('carrier', 99)}:5353", dns.server]
    dns.host("service.test", net.service)
    dns.start()
    service = peer("service").listen()
    launch(conf)
    carrier.connect()
    one_call(carrier, service)


def test_reload_changes_the_server(launch, conf, peer, carrier, dns, net, tmp_path):
    old, new = net.address("service", 11), net.address("service", 12)
    dns.ttl = 3600
    dns.host("service.test", old)
    dns.start()
    other = Dnsmasq(net, tmp_path, 5354)
    other.host("service.test", new)
    other.start()
    try:
        service = peer("service", address=new).listen()
        gateway = launch(conf)
        changed(gateway, re.escape(old))
        conf.dns["servers"] = [other.server]
        gateway.write()
        gateway.reload()
        changed(gateway, re.escape(new))
        carrier.connect()
        one_call(carrier, service)
    finally:
        other.stop()


# ---- what DNS may not do ----

def test_srv_withdrawn(launch, conf, peer, carrier, dns, net):
    """RFC 2782: "." as the target: decidedly not available, whatever addresses the name has."""
    dns.srv(SRV, "sbc1.service.test", net.port)
    dns.host("sbc1.service.test", net.service)
    dns.host("service.test", net.service)
    dns.start()
    service = peer("service").listen()
    gateway = launch(conf)
    carrier.connect()
    one_call(carrier, service)
    del dns.records[0]
    dns.srv(SRV)
    dns.start()
    changed(gateway, "^-$")
    assert '"."' in gateway.wait_for("dns_failed")["why"]
    Leg(carrier).refused(OUTSIDE, DID, 503)


def test_refused_srv_is_not_no_srv(launch, conf, peer, carrier, dns, net):
    """dnsmasq refuses what is not under .test; the A record is there, and is not asked for."""
    conf.trunks[1]["targets"] = ["service.elsewhere"]
    dns.host("service.elsewhere", net.service)
    dns.start()
    service = peer("service").listen()
    gateway = launch(conf)
    failed = gateway.wait_for("dns_failed")
    assert failed["why"].startswith("_sips._tcp.service.elsewhere SRV: ")
    carrier.connect()
    Leg(carrier).refused(OUTSIDE, DID, 503)
    assert not dns.asked("A service.elsewhere") and not service.seen


@pytest.mark.parametrize("shown", ("sbc1.service.test", "service.test"))
def test_names_do_not_change_who_must_be_there(launch, conf, peer, pki, carrier, dns, net, shown):
    """A certificate of a name that DNS knows is worth nothing: the trunk's identity counts."""
    evil, good = net.address("service", 11), net.address("service", 12)
    pki.issue(shown, "service-ca", shown)
    dns.srv(SRV, "sbc1.service.test", net.port)
    dns.host("sbc1.service.test", evil)
    dns.start()
    other = peer("service", address=evil, cert=shown).listen()
    gateway = launch(conf)
    gateway.wait_for("target_down", trunk="service", why=re.compile("not one of trunk service"))
    carrier.connect()
    Leg(carrier).refused(OUTSIDE, DID, 503)
    assert not other.seen

    service = peer("service", address=good).listen()  # as service.example, wherever it is
    since = gateway.mark()
    dns.records.pop()
    dns.host("sbc1.service.test", good)
    dns.start()
    changed(gateway, re.escape(good), since)
    one_call(carrier, service)
