# SPDX-License-Identifier: BSD-3-Clause
"""Who tries numbers one after the other: how many he learns of, and who else suffers.

The figures are printed: pytest -s.
"""
import re
import subprocess
import threading
import time

import pytest

from gateway import BINARY, Conf
from ua import Call, Leg, Media, Peer, Raw, reply, request

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE
LIMIT, NUMBERS, BATCH = 30, 2000, 100  # a minute; tried; at a time
SERVICE2, CALLER2 = 7, 8  # hosts


def scan_number(n):
    return f"+44163297{n:04}"


class Declines(Peer):
    """Phones that are all busy."""

    def take(self, message):
        if message.method == "INVITE" and not message.status:
            self.seen.append(message)
            reply(message, 486, tag="x")
        else:
            super().take(message)


@pytest.fixture
def scene(launch, conf, net, peer):
    """scene(every): of the numbers that will be tried, each so-manieth exists, at a service of
    its own; a second carrier calls the other service. Both carriers and services have the limit."""
    made = []

    def make(every):
        conf.trunks.append(conf.trunk("carrier", name="carrier2", identities=["carrier2.example"],
                                      targets=[]))
        conf.trunks.append(conf.trunk("service", name="service2", carrier="carrier",
                                      targets=[f"{net.address('service', SERVICE2)}:{net.port}"]))
        conf.trunks[-1]["identities"] = ["service2.example"]
        for trunk in conf.trunks:
            trunk["unknown_per_minute"] = LIMIT
        conf.log["level"] = "info"  # at debug more than is read in time, and then lines are lost
        conf.numbers += [{"number": scan_number(n), "trunk": "service2"}
                         for n in range(every - 1, NUMBERS, every)]
        gateway = launch(conf)
        pki = conf.pki
        pki.issue("service2", "service-ca", "service2.example")
        busy = Declines(net, pki, "service", address=net.address("service", SERVICE2),
                        cert="service2", domain="service2.example").listen()
        made.append(busy)
        other = peer("carrier", address=net.address("carrier", CALLER2), cert="carrier2",
                     domain="carrier2.example")
        other.connect()
        gateway.wait_for("conn_up", trunk="service2", dir="out", count=2)
        return gateway, peer("carrier"), peer("service").listen(), other, busy
    yield make
    for p in made:
        p.close()


def metric(gateway, name, **labels):
    """The value of one metric that --metrics prints."""
    out = subprocess.run([BINARY, "--metrics", gateway.file], capture_output=True, text=True,
                         check=True, env=gateway.env, timeout=60).stdout
    want = ",".join(f'{k}="{v}"' for k, v in labels.items())
    return float(re.search(rf"^{name}{{{want}}} (\S+)$", out, re.M)[1])


class Others:
    """The other trunk's own calls meanwhile, one after the other; .worst is the slowest, in s."""

    def __init__(self, *peers):
        self.over, self.calls, self.worst, self.error = threading.Event(), 0, 0, None
        self.peers, self.seen = peers, set()
        self.take, peers[0].take = peers[0].take, self.first
        self.thread = threading.Thread(target=self.run, daemon=True)

    def first(self, message):
        """A 200 comes again when its ACK is late, on a machine that is busy: that is no fault."""
        key = message.start, message["Call-ID"], message["CSeq"], message["To"]
        if not message.status or key not in self.seen:
            self.seen.add(key)
            self.take(message)

    def run(self):
        try:
            while not self.over.is_set() or not self.calls:
                begin = time.monotonic()
                Call(*self.peers, OUTSIDE, DID).answer().hang_up()
                self.worst = max(self.worst, time.monotonic() - begin)
                self.calls += 1
        except AssertionError as e:
            self.error = e

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join(30)
        assert not self.error, self.error


def scan(raws, sdp):
    """All numbers in their order, over these connections in turn; -> the final answers."""
    answers = []
    for i, n in enumerate(range(0, NUMBERS, BATCH)):
        r = raws[i % len(raws)]

        def finals(r=r):
            return [m for m in r.messages if m.status > 100 and m.method == "INVITE"]
        r.messages = []
        r.pump((request(r.peer, "INVITE", scan_number(k), sdp) for k in range(n, n + BATCH)),
               lambda: len(finals()) == BATCH)
        answers += finals()
        r.acknowledge()
    return answers


def same(messages):
    """Answers that differ in nothing but what the request brought, and our tag."""
    texts = {re.sub(r"^(Via|From|To|Call-ID|CSeq):.*$", "", str(m), flags=re.M) for m in messages}
    assert len(texts) == 1, texts


@pytest.mark.parametrize("every, connections", ((100, 1), (3, 1), (3, 4)))
def test_sequential_scan(scene, net, peer, every, connections):
    """2,000 numbers in a row, over one connection or spread over four from four addresses."""
    gateway, carrier, service, other, busy = scene(every)
    sdp = Media(carrier).sdp()
    raws = [Raw(peer("carrier", address=net.address("carrier", 20 + n)))
            for n in range(connections)]
    begin = time.monotonic()
    with Others(other, service) as others:
        answers = scan(raws, sdp)
    took = time.monotonic() - begin
    unknown, known, unseen = (sum(m.status == s for m in answers) for s in (404, 486, 403))
    print(f"\nnumber_scan every={every} connections={connections} tried={NUMBERS} "
          f"told_unknown={unknown} told_known={known} told_nothing={unseen} seconds={took:.1f} "
          f"others_calls={others.calls} others_worst_ms={1000 * others.worst:.0f}")
    assert unknown + known + unseen == NUMBERS
    most = LIMIT * (1 + took / 60) + 1
    assert LIMIT <= unknown <= most
    assert known == sum(m.method == "INVITE" for m in busy.seen) <= most / (every - 1) + 1
    same([m for m in answers if m.status == 403])
    assert others.worst < 5
    trunk = {"trunk": "carrier"}
    assert metric(gateway, "sallyport_trunk_unknown_numbers_total", **trunk) == unknown
    assert metric(gateway, "sallyport_trunk_refused_calls_total", **trunk,
                  limit="unknown_per_minute") == unseen
    assert metric(gateway, "sallyport_trunk_limit", **trunk, limit="unknown_per_minute") == LIMIT
    assert metric(gateway, "sallyport_trunk_unknown_numbers_total", trunk="carrier2") == 0
    gateway.wait_for("number_scan", **trunk, per_minute=LIMIT)
    assert len(gateway.find("number_scan")) == 1 and not gateway.find("limit_reached")
    assert len(gateway.find("call_refused")) == unknown  # no line for each of the others
    for r in raws:
        r.close()


def test_calls_and_reloads_go_on(scene):
    """Who scans keeps the calls that he has, is called, and is not let off by a reload."""
    gateway, carrier, service, _, _ = scene(3)
    gateway.connected("service")
    carrier.listen().connect()
    service.connect()
    call = Call(carrier, service, OUTSIDE, DID).answer()
    r = Raw(carrier)
    scan([r], Media(carrier).sdp())
    Leg(carrier).refused(OUTSIDE, DID, 403)
    gateway.conf.limits["drain_s"] = 6
    gateway.write()
    gateway.reload()
    Leg(carrier).refused(OUTSIDE, DID, 403)
    call.change(offer="sendonly", answer="recvonly")
    call.change("UPDATE", by="b", offer="sendrecv", answer="sendrecv")
    Call(service, carrier, DID, OUTSIDE).answer().hang_up()
    call.hang_up()
    del gateway.conf.trunks[0]["unknown_per_minute"]
    gateway.write()
    gateway.reload()
    gateway.wait_for("number_scan_end", trunk="carrier")
    Call(carrier, service, OUTSIDE, DID).answer().hang_up()
    r.close()


def test_scan_of_callers(scene, peer):
    """A service whose PBX is somebody else's now: which numbers might it call from?"""
    gateway, _, service, _, _ = scene(3)
    sdp, answers = Media(service).sdp(), []
    r = Raw(service)
    begin = time.monotonic()
    for n in range(0, 600, BATCH):
        r.messages = []
        r.pump((request(service, "INVITE", OUTSIDE, sdp, caller=scan_number(k), headers=[
            ("P-Asserted-Identity", f"<sip:{scan_number(k + 1)}@service.example>")])
            for k in range(n, n + BATCH)),
            lambda: sum(m.status == 403 for m in r.messages) == BATCH)
        answers += r.messages
        r.acknowledge()
    same(answers)
    unknown = metric(gateway, "sallyport_trunk_unknown_numbers_total", trunk="service")
    print(f"\ncaller_scan tried=600 asked_the_table={unknown:.0f} told=0")
    assert LIMIT <= unknown <= LIMIT * (1 + (time.monotonic() - begin) / 60) + 1
    r.close()


METHODS = ("OPTIONS", "MESSAGE", "REGISTER", "SUBSCRIBE", "PUBLISH", "NOTIFY", "INFO", "UPDATE",
           "REFER", "BYE", "CANCEL", "PRACK", "FEATURE")
SILENT = {  # an INVITE that is refused whatever it is for
    "forwards": {"Max-Forwards": 0},
    "require": {"Require": "x-nothing"},
    "expires": {"Session-Expires": "1", "Supported": "timer"},
    "encoding": {"Content-Type": "text/plain"},
    "replaces": {"Replaces": "nobody;to-tag=a;from-tag=b", "Require": "replaces"},
    "tag": {"To": "<sip:core.gateway.example>;tag=x"},
}


def test_other_requests_tell_nothing(scene):
    """The same answer, octet for octet, for a number that exists and one that does not."""
    gateway, carrier, _, _, _ = scene(3)
    r = Raw(carrier)
    numbers = (scan_number(2), scan_number(3), DID, "+441632981234", "100")

    def answer(method, number, **more):
        have = len(r.messages)
        to = f"<sip:{number}@core.gateway.example>"
        more = {"To": to, "Event": "presence", "Refer-To": to, "RAck": "1 1 INVITE",
                "uri": f"sip:{number}@core.gateway.example", **more}
        body = b"" if method != "INVITE" else Media(carrier).sdp()
        r.pump([request(carrier, method, number, body, **more)],
               lambda: len(r.messages) > have and r.messages[-1].status > 100)
        return r.messages[-1]
    asked = 0
    for method in METHODS:
        same([answer(method, number) for number in numbers])
        asked += len(numbers)
    for case, more in SILENT.items():
        answers = [answer("INVITE", number, **more) for number in numbers]
        assert answers[0].status not in (403, 404), case
        same(answers)
        asked += len(numbers)
    print(f"\nother_requests asked={asked} told=0")
    assert metric(gateway, "sallyport_trunk_unknown_numbers_total", trunk="carrier") == 0
    r.acknowledge()
    r.close()
