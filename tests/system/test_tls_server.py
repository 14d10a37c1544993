# SPDX-License-Identifier: BSD-3-Clause
"""The gateway as TLS server, met by openssl s_client."""
import re
import socket

import pytest

from gateway import Conf, Gateway
from openssl import BAD, GOOD, SUITES12, SUITES13, client, ident, version_args
from openssl import connect as connect_to


@pytest.fixture(scope="module")
def gateway(net, pki, tmp_path_factory):
    """An ECDSA certificate on the core side, an RSA one on the edge; a few odd trunks."""
    conf = Conf(net, pki)
    edge = conf.interfaces[1]["tls"]
    edge["certificate"], edge["key"] = pki.pair("gateway-edge-rsa")
    conf.trunks += [
        conf.trunk("carrier", name="carrier2", identities=["carrier2.example"], targets=[],
                   ca=pki.crt("other-ca")),
        conf.trunk("service", name="wild", identities=["one.wild.example"], targets=[],
                   wildcard=True),
        conf.trunk("service", name="tame", identities=["two.wild.example"], targets=[]),
        conf.trunk("service", name="anyuse", identities=["carrier.example"], targets=[],
                   ca=pki.crt("carrier-ca"), purpose="any"),
    ]
    pki.issue("service-as-carrier", "service-ca", "carrier.example")
    pki.issue("carrier-unknown", "carrier-ca", "nobody.example")
    gateway = Gateway(tmp_path_factory.mktemp("gateway"), conf).start()
    yield gateway
    gateway.stop()


@pytest.fixture
def connect(gateway, net, pki):
    def go(side, *args, cert=True, ca=True):
        name = side if cert is True else cert
        return client(net.core if side == "carrier" else net.edge, net.port, *args,
                      pair=pki.pair(name) if name else None,
                      ca=pki.crt(side + "-ca") if ca else None)
    return go


def refused(gateway, connect, why, side, *args, **more):
    since = gateway.mark()
    answered, output = connect(side, *args, **more)
    assert not answered, output
    gateway.wait_for("tls_refused", since, why=re.compile(why))


SIDE = {"ec": "carrier", "rsa": "service"}


@pytest.mark.parametrize("case", GOOD, ids=ident)
def test_suite(gateway, connect, case):
    kind, version, suite = case
    since = gateway.mark()
    answered, output = connect(SIDE[kind], *version_args(version, suite))
    assert answered, output
    protocol = "TLSv1." + version[-1]
    assert f"Protocol version: {protocol}" in output and f"Ciphersuite: {suite}\n" in output
    gateway.wait_for("conn_up", since, trunk=SIDE[kind], dir="in", cipher=f"{protocol} {suite}")


@pytest.mark.parametrize("case", BAD, ids=ident)
def test_unlisted(gateway, connect, case):
    kind, version, suite = case
    old = version in ("-tls1", "-tls1_1")
    why = "unsupported protocol" if old else "no shared cipher"
    refused(gateway, connect, why, SIDE[kind], *version_args(version, suite))


@pytest.mark.parametrize("kind", SUITES12)
def test_servers_order_decides(connect, kind):
    suites = SUITES12[kind]
    for i in range(len(suites)):
        offered = list(reversed(suites[i:]))
        _, output = connect(SIDE[kind], "-tls1_2", "-cipher", ":".join(offered))
        assert f"Ciphersuite: {suites[i]}\n" in output
    _, output = connect(SIDE[kind], "-ciphersuites", ":".join(reversed(SUITES13)))
    assert f"Ciphersuite: {SUITES13[0]}\n" in output


def test_newest_version_is_preferred(connect):
    _, output = connect("carrier")
    assert "Protocol version: TLSv1.3" in output


@pytest.mark.parametrize("version", ("-tls1_2", "-tls1_3"))
@pytest.mark.parametrize("side, cert, why", (
    ("carrier", None, "did not return a certificate"),
    ("carrier", "carrier-impostor", "trunk carrier does not verify: (unable|self)"),
    ("carrier", "service-as-carrier", "trunk carrier does not verify"),
    ("carrier", "service", "names .*service.example.*: no trunk on this interface has them"),
    ("carrier", "carrier-unknown", "nobody.example.*no trunk on this interface"),
    ("carrier", "carrier2", "trunk carrier2 does not verify"),
    ("carrier", "carrier-expired", "trunk carrier does not verify: certificate has expired"),
    ("carrier", "carrier-serveronly", "trunk carrier does not verify: .*purpose"),
    ("service", "carrier2", "no trunk on this interface"),
))
def test_certificate_refused(gateway, connect, version, side, cert, why):
    refused(gateway, connect, why, side, version, cert=cert)


@pytest.mark.parametrize("side, cert, trunk", (
    ("carrier", "carrier-rsa", "carrier"),
    ("carrier", "carrier-cn", "carrier"),
    ("service", "service-rsa", "service"),
    ("service", "wildcard", "wild"),
    ("service", "carrier-serveronly", "anyuse"),
))
def test_certificate_says_which_trunk(gateway, connect, side, cert, trunk):
    since = gateway.mark()
    answered, output = connect(side, cert=cert)
    assert answered, output
    gateway.wait_for("conn_up", since, trunk=trunk, dir="in")


def test_shows_its_certificate(connect):
    for side, name in (("carrier", "core"), ("service", "edge")):
        answered, output = connect(side, "-verify_hostname", f"{name}.gateway.example")
        assert answered and f"CN = {name}.gateway.example" in output.replace("CN=", "CN = "), output
        assert "Verification: OK" in output


@pytest.mark.parametrize("version", ("-tls1_2", "-tls1_3"))
def test_no_resumption_no_compression(gateway, net, pki, tmp_path, version):
    session = tmp_path / "session"
    for args in (["-sess_out", str(session)], ["-sess_in", str(session)]):
        if args[0] == "-sess_in" and not session.exists():
            continue  # nothing was given to resume with: as it should be
        answered, output = client(net.core, net.port, version, *args, brief=False,
                                  pair=pki.pair("carrier"))
        assert answered and "New, TLSv1" in output and "Reused" not in output, output
        assert "Compression: NONE" in output
        assert "New Session Ticket arrived" not in output and "TLS session ticket:" not in output


def test_no_renegotiation(gateway, net, pki):
    since = gateway.mark()
    process = connect_to(net.core, net.port, "-tls1_2", pair=pki.pair("carrier"))
    assert process.wait_for("Verify return code")
    gateway.wait_for("conn_up", since)
    process.send(b"R\n")
    assert process.wait_for("RENEGOTIATING.*no renegotiation"), process.output
    process.end()


def test_not_tls_at_all(gateway, net):
    since = gateway.mark()
    with socket.create_connection((net.core, net.port), 10) as sock:
        sock.sendall(b"OPTIONS sip:core.gateway.example SIP/2.0\r\n\r\n")
        sock.settimeout(10)
        try:
            while sock.recv(1000):
                pass
        except ConnectionResetError:
            pass
    gateway.wait_for("tls_refused", since, why=re.compile("does not speak TLS"))
