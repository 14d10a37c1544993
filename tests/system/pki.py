# SPDX-License-Identifier: BSD-3-Clause
"""Certificates: what certs/make-certs makes, and a few more for single tests."""
import datetime
import os
import subprocess

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Pki:
    def __init__(self, folder):
        self.folder = str(folder)
        subprocess.run([os.path.join(ROOT, "certs", "make-certs"), self.folder], check=True,
                       stdout=subprocess.DEVNULL)

    def crt(self, name):
        return os.path.join(self.folder, name + ".crt")

    def key(self, name):
        return os.path.join(self.folder, name + ".key")

    def pair(self, name):
        return self.crt(name), self.key(name)

    def issue(self, name, ca, domain, kind="ec", expired=False, begin=None, end=None):
        """A certificate with DNS:domain and URI:sip:domain; -> (crt, key). begin, end: seconds
        from now."""
        with open(self.crt(ca), "rb") as f:
            issuer = x509.load_pem_x509_certificate(f.read())
        with open(self.key(ca), "rb") as f:
            signer = serialization.load_pem_private_key(f.read(), None)
        key = (ec.generate_private_key(ec.SECP256R1()) if kind == "ec"
               else rsa.generate_private_key(65537, 2048))
        now = datetime.datetime.now(datetime.timezone.utc)
        year = datetime.timedelta(days=365)
        first, last = (default if s is None else now + datetime.timedelta(seconds=s)
                       for s, default in ((begin, now - 2 * year),
                                          (end, now - year if expired else now + year)))
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domain)]))
            .issuer_name(issuer.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(first)
            .not_valid_after(last)
            .add_extension(x509.BasicConstraints(False, None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(
                [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName(
                [x509.DNSName(domain), x509.UniformResourceIdentifier("sip:" + domain)]),
                critical=False)
            .sign(signer, hashes.SHA256()))
        write(self.crt(name), certificate.public_bytes(serialization.Encoding.PEM), 0o644)
        write(self.key(name), key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()), 0o600)
        return self.pair(name)

    def serial(self, name):
        with open(self.crt(name), "rb") as f:
            return x509.load_pem_x509_certificate(f.read()).serial_number

    def crl(self, name, ca, revoked=(), ended=False):
        """A list of what ca revoked; -> its path. It replaces the one of that name, if any."""
        with open(self.crt(ca), "rb") as f:
            issuer = x509.load_pem_x509_certificate(f.read())
        with open(self.key(ca), "rb") as f:
            signer = serialization.load_pem_private_key(f.read(), None)
        now = datetime.datetime.now(datetime.timezone.utc)
        day = datetime.timedelta(days=1)
        builder = (x509.CertificateRevocationListBuilder().issuer_name(issuer.subject)
                   .last_update(now - 9 * day).next_update(now - day if ended else now + 6 * day))
        for serial in map(self.serial, revoked):
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(serial)
                .revocation_date(now - day).build())
        path = os.path.join(self.folder, name + ".crl")
        write(path, builder.sign(signer, hashes.SHA256()).public_bytes(
            serialization.Encoding.PEM), 0o644)
        return path


def write(path, content, mode):
    """Write a file that has its mode from the first byte on, whole or not at all."""
    part = path + ".part"
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, "wb") as f:
        f.write(content)
    os.rename(part, path)
