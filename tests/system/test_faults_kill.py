# SPDX-License-Identifier: BSD-3-Clause
"""kill -9, and started again at once, while calls come: the new process takes its addresses,
the peers come back, new calls are taken within seconds, and nothing of the old one is in its way.

Prints "restart_<moment>_ms ready first-call" (from the kill on; pytest -s).
"""
import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
import time

from gateway import WAIT, Conf
from targets import Caller, Wire, wait
from ua import Call, Media

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE
NUMBERS = "+4416329610"
BACK_S = 5  # from the kill to the first call that is answered; start and sanitizers included
MANY = 50000  # numbers: reading them takes long enough for a kill


class Stubborn(Caller):
    """A carrier that connects again whenever its connection has gone, ten times a second."""

    def start(self):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.load_cert_chain(*self.crowd.pki.pair("carrier"))
        self.context.load_verify_locations(self.crowd.pki.crt("carrier-ca"))

        async def begin():
            await self.connect()
            self.task = asyncio.ensure_future(self.pace())
        self.crowd.run(begin())
        return self

    async def connect(self):
        _, self.wire = await self.crowd.loop.create_connection(
            lambda: Wire(self), self.net.core, self.net.port, ssl=self.context,
            server_hostname="core.gateway.example", local_addr=(self.net.carrier, 0))

    async def pace(self):
        while True:
            if self.wires:
                self.invite()
                await asyncio.sleep(1 / self.RATE)
                continue
            for call in self.calls:  # what was in progress is nobody's any more
                call.over = True
            with contextlib.suppress(OSError):
                await self.connect()
            await asyncio.sleep(0.1)


def killed(gateway):
    """kill -9; what it said before is another life's."""
    gateway.process.kill()
    gateway.process.wait(WAIT)
    gateway.reader.join(WAIT)
    gateway.notify.shutdown(socket.SHUT_RDWR)
    gateway.lines, gateway.states = [], []


def status(gateway):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(WAIT)
        sock.connect(os.path.join(gateway.tmp, "status.sock"))
        sock.sendall(b"json\n")
        return json.loads(b"".join(iter(lambda: sock.recv(65536), b"")))["gateway"]


def during_load(gateway, caller):
    """Several calls at once, of which some ring."""
    wait(lambda: status(gateway)["calls"]["now"] >= 3, "calls")


def during_reload(gateway, caller):
    since = gateway.mark()
    gateway.signal(signal.SIGHUP)
    gateway.wait_for("reload_start", since)


def during_drain(gateway, caller):
    gateway.signal(signal.SIGTERM)
    gateway.wait_for("drain_start")


def test_restart_under_load(launch, conf, net, crowd, tmp_path):
    """Killed in the middle of calls, of a reload, of draining, and of its own start."""
    numbers = tmp_path / "numbers.csv"
    with open(numbers, "w") as f:
        f.write("number,trunk\n")
        f.writelines(f"+44163{n:07},service\n" for n in range(MANY))
    conf.numbers = [{"number": NUMBERS + "*", "trunk": "service"}]
    conf.number_files = [str(numbers)]
    conf.limits.update(calls=1000, port_rest_s=0)
    conf.log["level"] = "info"
    gateway = launch(conf)
    target = crowd.target(net.service)
    target.set("open")
    caller = Stubborn(crowd, NUMBERS)
    crowd.members.append(caller)
    caller.start()
    for moment in (during_load, during_reload, during_drain, None):
        if moment:
            wait(lambda: caller.calls and caller.calls[-1].begun > time.monotonic() - 0.5
                 and any(c.status == 200 for c in caller.calls[-10:]), "calls")
            moment(gateway, caller)
            killed(gateway)
            assert os.path.exists(os.path.join(gateway.tmp, "status.sock"))
        else:  # at any time of its start, also before it listens
            for delay in (0.02, 0.1, 0.2, 0.3):
                killed(gateway)
                starting = gateway.wait_state
                gateway.wait_state = lambda *_: time.sleep(delay)
                gateway.start()
                gateway.wait_state = starting
            killed(gateway)
        begin = time.monotonic()
        gateway.start()
        ready_ms = (time.monotonic() - begin) * 1000
        first = wait(lambda: [c for c in list(caller.calls) if c.begun > begin
                              and c.status == 200], "a call after the restart")[0]
        took = time.monotonic() - begin
        name = moment.__name__[7:] if moment else "start"
        print(f"\nrestart_{name}_ms {ready_ms:.0f} {took * 1000:.0f}")
        assert took < BACK_S and first.response
        failed = [c.status for c in list(caller.calls) if c.begun > begin + took and c.status
                  and c.status != 200]
        assert not failed, failed
        assert status(gateway)["pid"] == gateway.process.pid
        assert not gateway.find("status_unavailable")
    caller.stop()


def test_what_the_old_one_left(launch, conf, net, peer):
    """Dialogs of the old process are not known, its media are not relayed, though the new one
    has the very same ports; and calls go on those."""
    for interface in conf.interfaces:
        interface["media"]["ports"] = [21000, 21001]  # one call's
    conf.limits["port_rest_s"] = 0
    conf.overload["ports_percent"] = 0
    gateway = launch(conf)
    carrier, service = peer("carrier").listen(), peer("service").listen()
    carrier.connect()
    old = Call(carrier, service, OUTSIDE, DID).answer()
    for sender, receiver in ((old.a_media, old.b_media), (old.b_media, old.a_media)):
        sender.send(sender.packet(1, b"voice"))
        assert receiver.receive()[12:] == b"voice"
    caught = old.a_media.packet(2, b"old")
    killed(gateway)
    for media in (old.a_media, old.b_media):  # who sends is told by ICMP, or by nobody
        for seq in range(3, 6):
            with contextlib.suppress(ConnectionRefusedError):
                media.send(media.packet(seq, b"into the void"))
    gateway.start()
    for leg in (old.a, old.b):
        leg.conn = leg.peer.connect()
    new = Call(carrier, service, OUTSIDE, DID).answer()
    assert (new.a_media.far.port, new.b_media.far.port) == (21000, 21000)

    # the old call's ends still talk, on the new call's ports
    for media in (old.a_media, old.b_media):
        for seq in range(10, 20):
            media.send(media.packet(seq, b"old"))
    old.a_media.send(caught)
    for seq in range(1, 4):
        for sender, receiver in ((new.a_media, new.b_media), (new.b_media, new.a_media)):
            sender.send(sender.packet(seq, b"new %d" % seq))
            assert receiver.receive()[12:] == b"new %d" % seq
    for media in (old.a_media, old.b_media):
        assert media.receive(0.05) is None

    # and say so in the old dialog
    for leg, method in ((old.a, "UPDATE"), (old.b, "INVITE"), (old.a, "BYE"), (old.b, "BYE")):
        leg.request(method, Media(leg.peer).sdp() if method != "BYE" else b"")
        refusal = leg.peer.expect(481)
        if method == "INVITE":
            leg.ack(refusal)
    old.a.request("ACK", cseq=old.a.cseq)
    old.a.settle()
    new.hang_up()
    end = gateway.wait_for("call_end")
    assert (end["from_caller"], end["from_callee"]) == ("3", "3")
    assert int(end["unauthentic"]) == 21
