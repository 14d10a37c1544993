# SPDX-License-Identifier: BSD-3-Clause
"""Certificates of those who have no business here, each over TLS 1.2 and 1.3.

Every trick has a twin without it that is let in, so none is refused for another reason. How many
were tried and let in is printed: pytest -s.
"""
import contextlib
import datetime
import os
import re
import socket
import ssl
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from gateway import Conf, Gateway
from openssl import OPTIONS

DAY = datetime.timedelta(days=1)
BOTH = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
LOGGED_PER_S = 20  # refused connections


class Made:
    def __init__(self, certificate, key, issuer=None):
        self.certificate, self.key, self.issuer = certificate, key, issuer


def usage(sign):
    return x509.KeyUsage(True, False, False, False, False, sign, sign, False, False)


def raw_san(*names):
    """A subjectAltName of these dNSNames, octet for octet."""
    inner = b"".join(b"\x82" + bytes([len(n)]) + n for n in names)
    assert len(inner) < 128
    return x509.UnrecognizedExtension(ObjectIdentifier("2.5.29.17"),
                                      b"\x30" + bytes([len(inner)]) + inner)


def dns(*names):
    return x509.SubjectAlternativeName([x509.DNSName(n) for n in names])


def uri(*names):
    return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(n) for n in names])


def make(issuer, cn="somebody", san=None, constraints=(False, None), eku=BOTH, ku=None,
         since=-10 * DAY, until=10 * DAY, key=None):
    """A certificate; issuer None: signed by itself; constraints None: no basicConstraints."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)])
    builder = (x509.CertificateBuilder().subject_name(name)
               .issuer_name(issuer.certificate.subject if issuer else name)
               .public_key(key.public_key()).serial_number(x509.random_serial_number())
               .not_valid_before(now + since).not_valid_after(now + until))
    if constraints:
        builder = builder.add_extension(x509.BasicConstraints(*constraints), True)
    if eku:
        builder = builder.add_extension(x509.ExtendedKeyUsage(eku), False)
    if ku is not None:
        builder = builder.add_extension(usage(ku), True)
    if san:
        builder = builder.add_extension(san, False)
    signer = issuer.key if issuer else key
    return Made(builder.sign(signer, hashes.SHA256()), key, issuer)


def authority(issuer, cn, pathlen=None, **more):
    return make(issuer, cn, constraints=(True, pathlen), eku=(), ku=True, **more)


class World:
    """The CAs, a gateway, and one who connects to it."""

    def __init__(self, folder, net, pki):
        self.folder, self.net, self.tried, self.entered = str(folder), net, 0, 0
        self.next_refusal = 0
        self.ca = authority(None, "Carrier CA of this test")
        self.other = authority(None, "Another CA")
        conf = Conf(net, pki)
        conf.limits["handshakes_per_source_s"] = 1000
        revoked = self.good_of("revoked.example")
        ca = self.write("ca", self.ca.certificate)
        crl = self.crl(revoked, self.ca)
        conf.trunks[0]["ca"] = ca
        conf.trunks += [
            conf.trunk("carrier", name="two", identities=["two.example"], targets=[], ca=ca),
            conf.trunk("carrier", name="any", identities=["any.example"], targets=[], ca=ca,
                       purpose="any"),
            conf.trunk("carrier", name="wild", identities=["one.wild.example"], targets=[], ca=ca,
                       wildcard=True),
            conf.trunk("carrier", name="revoked", targets=[], ca=ca, crl=crl,
                       identities=["revoked.example", "kept.example"]),
            conf.trunk("carrier", name="strangers", targets=[], identities=["strangers.example"],
                       ca=self.write("other", self.other.certificate)),
            conf.trunk("carrier", name="elsewhere", targets=[], identities=["elsewhere.example"],
                       ca=ca, networks=[f"{net.address('carrier', 200)}/32"]),
            conf.trunk("service", name="edge", targets=[], identities=["edge.example"], ca=ca,
                       carrier="carrier"),
        ]
        self.revoked = revoked
        self.gateway = Gateway(folder, conf).start()

    def good_of(self, domain):
        return make(self.ca, san=dns(domain))

    def write(self, name, *certificates, key=None):
        path = os.path.join(self.folder, name + ".pem")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as f:
            for certificate in certificates:
                f.write(certificate.public_bytes(serialization.Encoding.PEM))
            if key:
                f.write(key.private_bytes(serialization.Encoding.PEM,
                                          serialization.PrivateFormat.PKCS8,
                                          serialization.NoEncryption()))
        return path

    def crl(self, made, ca):
        now = datetime.datetime.now(datetime.timezone.utc)
        gone = (x509.RevokedCertificateBuilder().serial_number(made.certificate.serial_number)
                .revocation_date(now - DAY).build())
        built = (x509.CertificateRevocationListBuilder().issuer_name(ca.certificate.subject)
                 .last_update(now - DAY).next_update(now + DAY).add_revoked_certificate(gone)
                 .sign(ca.key, hashes.SHA256()))
        return self.write("crl", built)

    def knock(self, made, version, address=None, port_of="core", chain=()):
        """Connect with it; -> was OPTIONS answered?"""
        certificates, issuer = [made.certificate], made.issuer
        while issuer and issuer.issuer:  # up to the root
            certificates.append(issuer.certificate)
            issuer = issuer.issuer
        path = self.write("shown", *certificates, *(c.certificate for c in chain), key=made.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        context.load_cert_chain(path)
        self.tried += 1
        data = b""
        with contextlib.suppress(OSError):
            with socket.create_connection((getattr(self.net, port_of), self.net.port), 10,
                                          (address or self.net.carrier, 0)) as sock:
                with context.wrap_socket(sock) as tls:
                    tls.sendall(OPTIONS)
                    data = tls.recv(1000)
        return data.startswith(b"SIP/2.0 200 ")

    def enters(self, trunk, made, **more):
        for version in VERSIONS:
            since = self.gateway.mark()
            assert self.knock(made, version, **more), f"not let in as {trunk}"
            self.gateway.wait_for("conn_up", since, trunk=trunk, dir="in")
            self.entered += 1

    def refused(self, why, made, **more):
        for version in VERSIONS:
            time.sleep(max(0, self.next_refusal - time.monotonic()))
            self.next_refusal = time.monotonic() + 1 / LOGGED_PER_S
            since = self.gateway.mark()
            assert not self.knock(made, version, **more), f"let in, though {why}"
            line = self.gateway.wait_for("tls_refused", since)
            assert re.search(why, line["why"]), line.text
            assert not self.gateway.find("conn_up", since), why


@pytest.fixture(scope="module")
def world(net, pki, tmp_path_factory):
    world = World(tmp_path_factory.mktemp("intruders"), net, pki)
    yield world
    world.gateway.stop()
    print(f"\ncertificates tried={world.tried} true_ones_let_in={world.entered} "
          f"forged_ones_let_in=0")


def test_signed_by_the_wrong_one(world):
    ca, good = world.ca, dns("carrier.example")
    world.enters("carrier", make(ca, san=good))
    world.refused("self.signed", make(None, san=good))
    world.refused("self.signed", make(None, cn="carrier.example", san=uri("sip:carrier.example")))
    world.refused("local issuer|certificate signature", make(world.other, san=good))
    # a CA that has the true one's name, and its own key
    world.refused("signature", make(authority(None, "Carrier CA of this test"), san=good))
    # the CA of one trunk vouches for no other: neither way
    world.enters("strangers", make(world.other, san=dns("strangers.example")))
    world.refused("strangers", make(ca, san=dns("strangers.example")))
    # the true certificate, but not its key: the handshake's signature is another
    stolen = make(ca, san=good)
    with pytest.raises(ssl.SSLError):
        world.knock(Made(stolen.certificate, ec.generate_private_key(ec.SECP256R1()), ca),
                    VERSIONS[1])


def test_at_the_wrong_time(world):
    good = dns("carrier.example")
    world.refused("expired", make(world.ca, san=good, since=-20 * DAY, until=-DAY))
    world.refused("not yet valid", make(world.ca, san=good, since=DAY, until=2 * DAY))
    old = authority(world.ca, "Old intermediate", since=-20 * DAY, until=-DAY)
    world.refused("expired", make(old, san=good))
    world.refused("revoked", world.revoked)
    world.enters("revoked", world.good_of("kept.example"))


NAMES = {
    "wrong": dns("carrier.example.evil.example"),
    "behind": dns("evil-carrier.example"),
    "below": dns("a.carrier.example"),
    "above": dns("example"),
    "star": dns("*.example"),
    "star alone": dns("*"),
    "star in a label": raw_san(b"carrie*.example"),
    "star at the end": raw_san(b"carrier.*"),
    "nul": raw_san(b"carrier.example\0.evil.example"),
    "nul at the end": raw_san(b"carrier.example\0"),
    "nul before": raw_san(b"\0carrier.example"),
    "newline": raw_san(b"carrier.example\n"),
    "space": raw_san(b" carrier.example"),
    "dot at the end": raw_san(b"carrier.example."),
    "dot before": raw_san(b".carrier.example"),
    "two dots": raw_san(b"carrier..example"),
    "comma": raw_san(b"carrier.example,evil.example"),
    "latin-1": raw_san(b"c\xe1rrier.example"),
    "utf-8": raw_san("сarrier.example".encode()),  # a Cyrillic letter
    "full width": raw_san("ｃarrier.example".encode()),
    "idn": raw_san(b"xn--arrier-6cf.example"),
    "empty": raw_san(b""),
    "as an address": x509.SubjectAlternativeName([x509.RFC822Name("admin@carrier.example")]),
    "as a directory name": x509.SubjectAlternativeName([x509.DirectoryName(x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, "carrier.example")]))]),
    "as another name": x509.SubjectAlternativeName([x509.OtherName(
        ObjectIdentifier("1.3.6.1.5.5.7.8.7"), b"\x16\x0fcarrier.example")]),
    "sips": uri("sips:carrier.example"),
    "https": uri("https://carrier.example"),
    "a person": uri("sip:admin@carrier.example"),
    "uri with nul": x509.SubjectAlternativeName([x509.UniformResourceIdentifier(
        "sip:carrier.example\0.evil.example")]),
    "uri in brackets": uri("sip:[carrier.example]"),
    "uri escaped": uri("sip:carrier%2eexample"),
    "uri with a password": uri("sip:evil.example:carrier.example"),
    "uri, host after a parameter": uri("sip:evil.example;carrier.example"),
    "dns beside another sip uri": x509.SubjectAlternativeName([  # RFC 5922 7.1: only the URI
        x509.UniformResourceIdentifier("sip:evil.example"), x509.DNSName("carrier.example")]),
    "our own": dns("core.gateway.example"),
}


@pytest.mark.parametrize("case", NAMES)
def test_name_that_is_another(world, case):
    """The common name of all of them is the trunk's: beside a subjectAltName it says nothing."""
    made = make(world.ca, "carrier.example", NAMES[case])
    world.refused("no usable name|no trunk on this interface", made)


def test_names_that_are_addresses(world, net):
    import ipaddress
    for san in (dns(net.carrier), raw_san(net.carrier.encode()), x509.SubjectAlternativeName(
            [x509.IPAddress(ipaddress.ip_address(net.carrier))])):
        world.refused("no usable name|no trunk", make(world.ca, san=san))


def test_names_that_are_the_trunks(world):
    for trunk, san in (("carrier", dns("CARRIER.eXample")), ("carrier", uri("SIP:Carrier.Example")),
                       ("carrier", uri("sip:carrier.example:5061;transport=tls")),
                       ("carrier", dns("evil.example", "carrier.example")),
                       ("wild", dns("*.wild.example"))):
        world.enters(trunk, make(world.ca, san=san))
    world.enters("carrier", make(world.ca, "carrier.example"))  # no subjectAltName at all
    world.refused("no usable name", make(world.ca, "carrier.example, evil"))
    world.refused("no usable name", make(world.ca, "carrier.example\n"))
    for star in ("*.*.example", "*.example", "*"):
        world.refused("no usable name|no trunk", make(world.ca, san=raw_san(star.encode())))
    world.refused("no usable name|no trunk", make(world.ca, san=dns("x.wild.example")))


@pytest.mark.parametrize("trunk", ("carrier", "any"))
def test_who_may_issue(world, trunk):
    """With purpose = "any" the use is not looked at, but who is a CA is."""
    ca, good = world.ca, dns(f"{trunk}.example")
    issuing = authority(ca, "Issuing CA")
    world.enters(trunk, make(issuing, san=good))
    world.enters(trunk, make(authority(authority(ca, "1", 1), "0", 0), san=good))
    leaf = make(ca, "evil.example", dns("evil.example"))  # any customer of the CA
    world.refused("CA certificate|invalid", make(leaf, san=good))
    world.refused("CA certificate|invalid",
                  make(make(ca, "evil2", eku=BOTH, ku=False), san=good))
    # RFC 5280 4.2.1.9: without basicConstraints nobody issues, whatever keyUsage says
    world.refused("CA certificate|invalid", make(make(ca, "evil3", constraints=None), san=good))
    world.refused("CA certificate|invalid",
                  make(make(ca, "evil4", constraints=None, eku=(), ku=True), san=good))
    world.refused("CA certificate|invalid|usage",
                  make(make(ca, "evil5", constraints=(True, None), ku=False), san=good))
    world.refused("path length", make(authority(authority(ca, "p0", 0), "p1"), san=good))
    world.refused("path length",
                  make(authority(authority(authority(ca, "q1", 1), "q0"), "q2"), san=good))
    # RFC 5280 4.2.1.10: a CA that may issue for other names only
    bound = ca_for_names(ca, "evil.example")
    world.refused("permitted subtree|name constraint|violation", make(bound, san=good))
    if trunk == "carrier":
        client_only = make(ca, "mail CA", constraints=(True, None), ku=True,
                           eku=(ExtendedKeyUsageOID.EMAIL_PROTECTION,))
        world.refused("purpose", make(client_only, san=good))
    too_long = ca
    for n in range(12):
        too_long = authority(too_long, f"deep {n}")
    world.refused("chain too long|local issuer|depth", make(too_long, san=good))


def ca_for_names(issuer, domain):
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc)
    built = (x509.CertificateBuilder()
             .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Bound CA")]))
             .issuer_name(issuer.certificate.subject).public_key(key.public_key())
             .serial_number(x509.random_serial_number())
             .not_valid_before(now - DAY).not_valid_after(now + DAY)
             .add_extension(x509.BasicConstraints(True, None), True)
             .add_extension(x509.NameConstraints([x509.DNSName(domain)], None), True)
             .add_extension(usage(True), True).sign(issuer.key, hashes.SHA256()))
    return Made(built, key, issuer)


@pytest.mark.parametrize("use", ("SERVER_AUTH", "EMAIL_PROTECTION", "CODE_SIGNING",
                                 "OCSP_SIGNING", "TIME_STAMPING"))
def test_for_another_use(world, use):
    eku = (getattr(ExtendedKeyUsageOID, use),)
    world.refused("purpose", make(world.ca, san=dns("carrier.example"), eku=eku))
    world.enters("any", make(world.ca, san=dns("any.example"), eku=eku))
    world.enters("carrier", make(world.ca, san=dns("carrier.example"),
                                 eku=eku + (ExtendedKeyUsageOID.CLIENT_AUTH,)))


def test_at_the_wrong_place(world, net):
    """Another trunk's true certificate: it is that trunk, and none where that has no business."""
    two = world.good_of("two.example")
    world.enters("two", two, address=net.carrier)  # from the first one's address: still the second
    world.refused("no trunk on this interface", two, port_of="edge")
    world.refused("no trunk on this interface", world.good_of("carrier.example"), port_of="edge")
    world.refused("no trunk on this interface", world.good_of("edge.example"))
    world.enters("edge", world.good_of("edge.example"), port_of="edge")
    elsewhere = world.good_of("elsewhere.example")
    world.refused("may not connect from", elsewhere)
    # strangers to all networks are closed before TLS, by a trunk whose networks these are not
    world.enters("elsewhere", elsewhere, address=net.address("carrier", 200))


def test_chain_of_somebody_else(world):
    """Who shows the true certificate's chain beside his own leaf is judged by the leaf."""
    true = world.good_of("carrier.example")
    evil = make(world.other, san=dns("carrier.example"))
    world.refused("does not verify", evil, chain=[true, world.ca])
    world.refused("does not verify", make(None, san=dns("carrier.example")),
                  chain=[true, world.ca])
    own = make(world.ca, san=dns("evil.example"))
    world.refused("no trunk on this interface", own, chain=[true])


@pytest.mark.parametrize("what", ("none", "tls1.1", "plain sip", "http", "tls to close"))
def test_no_certificate_at_all(world, net, what):
    gateway, since = world.gateway, world.gateway.mark()
    address = (net.core, net.port)
    with socket.create_connection(address, 10, (net.carrier, 0)) as sock:
        if what in ("none", "tls1.1", "tls to close"):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            if what == "tls1.1":
                context.minimum_version = ssl.TLSVersion.TLSv1
                context.maximum_version = ssl.TLSVersion.TLSv1_1
                context.set_ciphers("ALL:@SECLEVEL=0")
            data = b""
            with contextlib.suppress(OSError):
                tls = context.wrap_socket(sock)
                if what != "tls to close":
                    tls.sendall(OPTIONS)
                    data = tls.recv(1000)
                tls.close()
        else:
            sock.sendall(OPTIONS if what == "plain sip" else b"GET / HTTP/1.1\r\n\r\n")
            data = b""
            with contextlib.suppress(OSError):
                data = sock.recv(1000)
        assert b"SIP/2.0" not in data
    gateway.wait_for("tls_refused", since)
    assert not gateway.find("conn_up", since)
    world.tried += 1
