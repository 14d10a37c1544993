"""Two instances on one machine, each with its own file and ports, behind one name (RFC 2782).

carrier -> front -> "gateway.test" -> one or two -> service. The front is a gateway as well: it
stands for any peer that looks names up.
"""
import contextlib
import json
import re
import signal
import socket
import subprocess
import time

import pytest

from dnsmasq import Dnsmasq
from gateway import BINARY, WAIT, Conf, Gateway
from targets import wait
from ua import Call, Media, Raw, Sdp, request
from test_dns import Refuser

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE
NAMES = ("one", "two")
SIP = {"one": 5061, "two": 5062}
PORTS = {"one": [20000, 20999], "two": [21000, 21999]}
WEIGHT = {"one": 30, "two": 10}


def near(address, last):
    return address.rsplit(".", 1)[0] + f".{last}"


class Instance(Conf):
    """A configuration as docs/instances.md has it: what all instances share is a file beside it."""

    OWN = ("status", "interfaces")

    def __init__(self, net, pki, folder, address, sip, ports):
        super().__init__(net, pki)
        self.shared = folder / "shared.conf"
        for interface in self.interfaces:
            interface["sip"]["port"] = sip
            interface["media"]["ports"] = ports
        for part in ("sip", "media"):
            self.interfaces[0][part]["address"] = address
        self.trunks[0].update(identities=["edge.gateway.example"], ca=pki.crt("service-ca"),
                              targets=[])

    def text(self):
        groups = re.split(r"^(?=\w)", super().text(), flags=re.M)
        own = [group for group in groups if group.startswith(self.OWN)]
        self.shared.write_text("".join(group for group in groups if group not in own))
        return "".join(own) + f'@include "{self.shared}"\n'


class Machine:
    """What runs: both instances, the front, the name server."""

    def __init__(self, net, pki, folder):
        self.net, self.pki, self.folder = net, pki, folder
        self.address = near(net.core, 20)  # of both instances, towards the front
        self.dns = Dnsmasq(net, folder)
        for name in NAMES:
            self.dns.srv("_sips._tcp.gateway.test", "machine.test", SIP[name], 10, WEIGHT[name])
        self.dns.host("machine.test", self.address)
        self.running = {}
        self.ends = contextlib.ExitStack()  # each is stopped, also when another fails to

    def front(self):
        conf = Conf(self.net, self.pki)
        conf.interfaces[1]["sip"]["address"] = near(self.net.edge, 20)
        conf.interfaces[1]["media"]["address"] = near(self.net.edge, 20)
        conf.trunks[1].update(identities=["core.gateway.example"], targets=["gateway.test"],
                              ca=self.pki.crt("carrier-ca"), options_s=1, domain="gateway.test")
        conf.dns = {"servers": [self.dns.server], "ttl_min_s": 1}
        return conf

    def start(self, name):
        conf = (self.front() if name == "front" else
                Instance(self.net, self.pki, self.folder, self.address, SIP[name], PORTS[name]))
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        gateway = self.running[name] = Gateway(folder, conf)
        self.ends.callback(gateway.stop)
        return gateway.start()

    def kill(self, name):
        gateway = self.running.pop(name)
        gateway.process.kill()
        gateway.wait_exit()
        gateway.notify.shutdown(socket.SHUT_RDWR)
        gateway.process = None  # there is nothing left to stop

    def calls(self, name):
        """How many it has begun, since it was started."""
        return len(self.running[name].find("call_start")) if name in self.running else 0

    def stop(self):
        self.ends.callback(self.dns.stop)
        self.ends.close()


@pytest.fixture
def machine(net, pki, tmp_path):
    """Instances and front, which has connections to both."""
    machine = Machine(net, pki, tmp_path)
    yield machine
    machine.stop()


@pytest.fixture
def front(machine, peer):
    """Everything is up; -> (the front, the carrier in front of it)."""
    machine.dns.start()
    for name in NAMES:
        machine.start(name)
    front = machine.start("front")
    for name in NAMES:
        up(machine, name)
    carrier = peer("carrier")
    carrier.connect()
    return front, carrier


def up(machine, name, since=0):
    machine.running["front"].wait_for("target_up", since,
                                      target=f"machine.test:{SIP[name]} {machine.address}")


def voices(call, ports, seq=1):
    """Both hear the other, through media ports of this instance."""
    assert ports[0] <= Sdp(call.invite.body).port <= ports[1]
    for from_, to in ((call.a_media, call.b_media), (call.b_media, call.a_media)):
        from_.send(from_.packet(seq, b"v" * 160))
        assert to.receive()[12:] == b"v" * 160


def call(machine, carrier, service):
    """A call with voices; -> (it, the instance that has it)."""
    before = {name: machine.calls(name) for name in NAMES}
    made = Call(carrier, service, OUTSIDE, DID).answer()
    name, = wait(lambda: [n for n in NAMES if machine.calls(n) > before[n]], "call_start")
    voices(made, PORTS[name])
    return made, name


def call_each(machine, carrier, service):
    """Calls until each instance has one; -> {instance: call}"""
    held = {}
    deadline = time.monotonic() + WAIT  # who has drained was told to be left alone for seconds
    while time.monotonic() < deadline:
        made, name = call(machine, carrier, service)
        if name in held:
            made.hang_up()
        held.setdefault(name, made)
        if len(held) == len(NAMES):
            return held
    raise AssertionError(f"all calls went to {list(held)}")


def status(gateway):
    done = subprocess.run([BINARY, "--status", "--json", gateway.file], capture_output=True,
                          text=True, timeout=60, check=True)
    return json.loads(done.stdout)


def test_calls_and_media_through_each(machine, front, peer):
    service = peer("service").listen()
    held = call_each(machine, front[1], service)
    for name in NAMES:
        instance = machine.running[name]
        told = status(instance)
        assert told["gateway"]["pid"] == instance.process.pid
        assert told["gateway"]["calls"]["now"] == 1
        for interface in told["interfaces"]:
            assert interface["ports"]["used"] == 1 and interface["ports"]["pairs"] == 500
            assert interface["sip"]["address"].endswith(f":{SIP[name]}")
    for made in held.values():
        made.hang_up()
    for name in NAMES:
        instance = machine.running[name]
        instance.wait_for("call_end", count=machine.calls(name))
        assert status(instance)["gateway"]["calls"]["now"] == 0


def test_weights(machine, front, net, pki):
    """200 calls by 30:10."""
    calls, (_, carrier) = 200, front
    service = Refuser(net, pki, "service").listen()
    try:
        for name in NAMES:
            machine.running[name].connected("service")
        raw = Raw(carrier)
        for done in range(0, calls, 20):
            raw.pump([request(carrier, "INVITE", DID, Media(carrier).sdp()) for _ in range(20)],
                     lambda want=done + 20: len(raw.of(486)) >= want, "486")
            for media in carrier.media:
                media.close()
            carrier.media.clear()
        raw.acknowledge()
        raw.close()
    finally:
        service.close()
    got = {name: machine.calls(name) for name in NAMES}
    assert sum(got.values()) == calls
    assert 115 <= got["one"] <= 185, got  # 150, and 5.7 times the deviation of 6.1


def test_one_stops(machine, front, peer):
    """Its calls go on to their end, new ones go to the other; then it comes back."""
    gateway, carrier = front
    service = peer("service").listen()
    held = call_each(machine, carrier, service)
    one = machine.running["one"]
    one.signal(signal.SIGTERM)
    one.wait_for("drain_start")
    held["two"].hang_up()
    for _ in range(4):
        made, name = call(machine, carrier, service)
        made.hang_up()
        assert name == "two"
    voices(held["one"], PORTS["one"], seq=2)
    held["one"].hang_up()
    one.signal(signal.SIGTERM)  # not to wait for the last transactions' timers
    assert one.wait_exit() == 0
    since = gateway.mark()
    machine.running.pop("one").stop()
    machine.start("one")
    up(machine, "one", since)
    for made in call_each(machine, carrier, service).values():
        made.hang_up()


def test_one_dies(machine, front, peer):
    """Without a word: only the calls that it had are lost."""
    carrier, service = front[1], peer("service").listen()
    held = call_each(machine, carrier, service)
    machine.kill("one")
    for _ in range(4):
        made, name = call(machine, carrier, service)
        made.hang_up()
        assert name == "two"
    held["two"].hang_up()
