# SPDX-License-Identifier: BSD-3-Clause
"""The gateway as TLS client: calls to trunks whose target is an openssl s_server."""
import re
import socket

import pytest

from gateway import Conf, Gateway
from openssl import BAD, GOOD, Server, ident, version_args
from ua import Leg, Media, Peer

PORT = 7000


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


class Targets:
    """A gateway with one service trunk per case; each trunk has a name, a number and a port."""

    def __init__(self, net, pki, folder):
        self.net, self.pki = net, pki
        conf = Conf(net, pki)
        conf.trunks, conf.numbers = conf.trunks[:1], []
        self.cases = {}
        for i, name in enumerate(
                [ident(c) for c in GOOD + BAD] + ["wrongca", "wrongname", "expired", "othername",
                                                  "byname", "ourca-tls1_2", "ourca-tls1_3", "notls",
                                                  "closed"]):
            domain = f"t{i}.example"
            host, port, identities, interface = net.service, PORT + i, [domain], "edge"
            if name in ("othername", "byname"):
                # the one name that needs no name server (RFC 6761 6.3)
                host, port = "localhost", free_port()
                identities.append(host)
                interface = "edge" if name == "byname" else "core"  # no two may share a name
            self.cases[name] = (domain, f"+44163296{i:04}", port)
            conf.trunks.append(conf.trunk("service", name=f"t{i}", identities=identities,
                                          targets=[f"{host}:{port}"], domain=domain,
                                          interface=interface))
            conf.numbers.append({"number": f"+44163296{i:04}", "trunk": f"t{i}"})
        self.gateway = Gateway(folder, conf).start()
        self.carrier = Peer(net, pki, "carrier")
        self.carrier.connect()

    def server(self, name, *args, ca="service-ca", domain=None, kind="ec", expired=False,
               trusted="service-ca"):
        own, _, port = self.cases[name]
        pair = self.pki.issue("target-" + name, ca, domain or own, kind, expired)
        return Server(self.address(name), port, pair, self.pki.crt(trusted), *args)

    def address(self, name):
        return self.net.service if name not in ("othername", "byname") else "127.0.0.1"

    def call(self, name):
        leg = Leg(self.carrier)
        leg.invite(Conf.OUTSIDE, self.cases[name][1], Media(self.carrier).sdp())
        return leg

    def fails(self, name, why):
        """The call is refused with 503, and the log says why the connection failed."""
        trunk = self.cases[name][0].split(".")[0]
        since = self.gateway.mark()
        leg = self.call(name)
        response = self.carrier.expect(503)
        leg.ack(response)
        self.gateway.wait_for("target_down", trunk=trunk, why=re.compile(why))  # the pool's, or ours
        self.gateway.wait_for("trunk_unreachable", since, trunk=trunk)

    def close(self):
        self.carrier.close()
        self.gateway.stop()


@pytest.fixture(scope="module")
def targets(net, pki, tmp_path_factory):
    targets = Targets(net, pki, tmp_path_factory.mktemp("gateway"))
    yield targets
    targets.close()


def busy(targets, name, server):
    """A call through the server, which is busy: the connection is good both ways."""
    leg = targets.call(name)
    server.refuse_invite()
    leg.ack(targets.carrier.expect(486))
    return server.end()


@pytest.mark.parametrize("case", GOOD, ids=ident)
def test_suite(targets, case):
    kind, version, suite = case
    name = ident(case)
    since = targets.gateway.mark()
    server = targets.server(name, *version_args(version, suite), kind=kind)
    output = busy(targets, name, server)
    assert f"CIPHER is {suite}" in output, output
    targets.gateway.wait_for("conn_up", since, dir="out",
                             cipher=f"TLSv1.{version[-1]} {suite}")


@pytest.mark.parametrize("case", BAD, ids=ident)
def test_unlisted(targets, case):
    kind, version, suite = case
    server = targets.server(ident(case), *version_args(version, suite), kind=kind)
    targets.fails(ident(case), "alert|protocol|handshake failure")
    assert "CIPHER is" not in server.end()


@pytest.mark.parametrize("name, why, more", (
    ("wrongca", "does not verify: unable to get local issuer", {"ca": "other-ca"}),
    ("wrongname", "somebody.example.*not one of trunk", {"domain": "somebody.example"}),
    ("expired", "certificate has expired", {"expired": True}),
    ("othername", "not localhost", {}),
))
def test_servers_certificate_refused(targets, name, why, more):
    server = targets.server(name, **more)
    targets.fails(name, why)
    assert "INVITE" not in server.end()


def test_servers_name_is_sent_and_verified(targets):
    pair = targets.pki.issue("target-byname", "service-ca", "localhost")
    server = Server(targets.address("byname"), targets.cases["byname"][2], pair,
                    targets.pki.crt("service-ca"), "-servername", "localhost",
                    "-cert2", pair[0], "-key2", pair[1], "-servername_fatal")
    output = busy(targets, "byname", server)
    assert 'Hostname in TLS extension: "localhost"' in output
    assert "CN = edge.gateway.example" in output.replace("CN=", "CN = "), "our client certificate"


@pytest.mark.parametrize("version", ("-tls1_2", "-tls1_3"))
def test_server_refuses_our_certificate(targets, version):
    """In 1.3 we are up before the server has judged us: closed at once counts as failed."""
    name = "ourca" + version
    server = targets.server(name, version, trusted="other-ca")
    leg = targets.call(name)
    leg.ack(targets.carrier.expect(503))
    targets.gateway.wait_for("target_down", trunk=targets.cases[name][0].split(".")[0],
                             why=re.compile('alert "unknown CA"'))
    assert "INVITE" not in server.end()


def test_nobody_listens(targets):
    targets.fails("closed", "refused")


def test_server_speaks_no_tls(targets):
    with socket.create_server((targets.net.service, targets.cases["notls"][2])) as listener:
        leg = targets.call("notls")
        sock, _ = listener.accept()
        sock.recv(4096)
        sock.sendall(b"SIP/2.0 200 OK\r\n\r\n")
        leg.ack(targets.carrier.expect(503))
        sock.close()
