# SPDX-License-Identifier: BSD-3-Clause
"""Certificates over time: they change on disk under a running gateway, are revoked, and end."""
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest
from cryptography import x509

import openssl
from gateway import BINARY, Conf
from sipp import WAYS, Sipp
from ua import WAIT, Call, Raw, request

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE
LONG = os.environ.get("SALLYPORT_LONG") == "1"


# ---- tools ----

class Live:
    """A certificate with its key that a test renews: in a folder of its own."""

    def __init__(self, tmp_path, pki, name="gateway-core", ca="carrier-ca"):
        self.pki, self.name, self.ca = pki, name, ca
        self.domain = {"gateway-core": "core", "gateway-edge": "edge"}[name] + ".gateway.example"
        self.folder, self.n = tmp_path / "live", 0
        self.folder.mkdir()
        for suffix in (".crt", ".key"):
            shutil.copy2(os.path.join(pki.folder, name + suffix), self.folder / ("c" + suffix))

    @property
    def pair(self):
        return str(self.folder / "c.crt"), str(self.folder / "c.key")

    def make(self):
        """A new one of the same name, which nobody uses yet; -> its name, its serial number."""
        self.n += 1
        name = f"{self.folder.parent.name}-{self.name}-{self.n}"
        self.pki.issue(name, self.ca, self.domain)
        return name, self.pki.serial(name)

    def renew(self):
        """As most do it: both renamed over, one after the other."""
        name, serial = self.make()
        for suffix in (".crt", ".key"):
            os.rename(os.path.join(self.pki.folder, name + suffix), self.folder / ("c" + suffix))
        return serial


def use(conf, interface, pair):
    tls = conf.interfaces[interface]["tls"]
    tls["certificate"], tls["key"] = pair


@pytest.fixture
def live(tmp_path, pki, conf):
    live = Live(tmp_path, pki)
    use(conf, 0, live.pair)
    return live


def shown(net, pki):
    """The serial number of what the gateway shows to openssl s_client now."""
    answered, output = openssl.client(net.core, net.port, "-showcerts", brief=False,
                                      pair=pki.pair("carrier"), ca=pki.crt("carrier-ca"))
    assert answered, output
    pem = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", output, re.S)[0]
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def serial_of(conn):
    """Of the certificate that the gateway showed on a connection."""
    return x509.load_der_x509_certificate(conn.sock.getpeercert(True)).serial_number


def pings(conn):
    """The connection is alive: CRLF CRLF is answered (RFC 5626 4.4.1)."""
    conn.pong.clear()
    conn.send(b"\r\n\r\n")
    assert conn.pong.wait(WAIT)


# ---- renewal ----

def by_rename(live):
    return live.renew()


def in_place(live):
    name, serial = live.make()
    for suffix in (".crt", ".key"):
        with open(os.path.join(live.pki.folder, name + suffix), "rb") as f:
            data = f.read()
        with open(live.folder / ("c" + suffix), "r+b") as f:
            f.truncate()
            for i in range(0, len(data), 100):
                f.write(data[i:i + 100])
                f.flush()
    return serial


def by_link(live):
    """certbot: the names are links to files in another folder, and are turned."""
    name, serial = live.make()
    for suffix in (".crt", ".key"):
        os.symlink(os.path.join(live.pki.folder, name + suffix), live.folder / "new")
        os.rename(live.folder / "new", live.folder / ("c" + suffix))
    return serial


def by_folder(live):
    """Kubernetes: the names are links into a folder that is a link itself."""
    name, serial = live.make()
    folder = live.folder / f"..{live.n}"
    folder.mkdir()
    for suffix in (".crt", ".key"):
        os.rename(os.path.join(live.pki.folder, name + suffix), folder / ("c" + suffix))
    os.symlink(folder.name, live.folder / "..new")
    os.rename(live.folder / "..new", live.folder / "..data")
    for suffix in (".crt", ".key"):
        if not (live.folder / ("c" + suffix)).is_symlink():
            os.symlink("..data/c" + suffix, live.folder / "new")
            os.rename(live.folder / "new", live.folder / ("c" + suffix))
    return serial


@pytest.mark.parametrize("way", (by_rename, in_place, by_link, by_folder),
                         ids=lambda way: way.__name__)
def test_renewed_on_disk(launch, conf, live, net, pki, peer, way):
    """Twice, as the second time starts from where the first one led."""
    gateway = launch(conf)
    old = peer("carrier").connect()
    for _ in range(2):
        since = gateway.mark()
        serial = way(live)
        gateway.wait_for("certificates_renewed", since, files=re.compile(r"c\.crt.*c\.key"))
        assert shown(net, pki) == serial != serial_of(old)
        pings(old)
    assert not gateway.find("certificates_bad") and not gateway.find("reload_done")


def test_calls_finish_on_old_connections(launch, conf, live, peer):
    gateway = launch(conf)
    carrier, service = peer("carrier").listen(), peer("service").listen()
    carrier.connect()
    call = Call(carrier, service, OUTSIDE, DID).answer()
    live.renew()
    gateway.wait_for("certificates_renewed")
    call.hang_up()
    gateway.wait_for("call_end", status=200)


def test_client_certificate_is_used_at_the_next_connect(launch, conf, tmp_path, pki, peer):
    live = Live(tmp_path, pki, "gateway-edge", "service-ca")
    use(conf, 1, live.pair)
    conf.trunks[1]["target_connections"] = 1
    gateway = launch(conf)
    carrier, service = peer("carrier"), peer("service").listen()
    carrier.connect()

    def place_call():
        call = Call(carrier, service, OUTSIDE, DID).answer()
        call.hang_up()

    place_call()
    old = serial_of(service.conns[-1])
    count = len(service.conns)
    new = live.renew()
    gateway.wait_for("certificates_renewed")
    place_call()
    assert len(service.conns) == count, "connections that are up stay"
    since = gateway.mark()
    for conn in service.conns:
        conn.close()
    gateway.wait_for("conn_up", since, trunk="service", dir="out")
    place_call()
    assert len(service.conns) > count and old != new
    assert {serial_of(conn) for conn in service.conns[count:]} == {new}


def test_half_a_pair_changes_nothing(launch, conf, live, net, pki):
    gateway = launch(conf)
    before = shown(net, pki)
    name, serial = live.make()
    os.rename(pki.crt(name), live.folder / "c.crt")
    line = gateway.wait_for("certificates_bad", files=re.compile(r"c\.crt"))
    assert "does not fit the certificate" in line["line"]
    assert "name the key that" in line["line"]  # the mend
    assert shown(net, pki) == before
    os.rename(pki.key(name), live.folder / "c.key")
    gateway.wait_for("certificates_renewed")
    assert shown(net, pki) == serial


def test_same_contents_say_nothing(launch, conf, live):
    gateway = launch(conf)
    since = gateway.mark()
    for path in live.pair:
        shutil.copy2(path, path + ".new")
        os.rename(path + ".new", path)
    os.utime(live.pair[0])
    time.sleep(3)
    assert not [line for line in gateway.lines[since:] if line.event.startswith("cert")]


def test_bundle_of_authorities(launch, conf, pki, net, tmp_path):
    """The old authority and the new one side by side, then the new one alone."""
    bundle = tmp_path / "bundle.crt"

    def trust(*names):
        text = "".join(open(pki.crt(name)).read() for name in names)
        (tmp_path / "new").write_text(text)
        os.rename(tmp_path / "new", bundle)

    def lets_in(cert):
        return openssl.client(net.core, net.port, pair=pki.pair(cert))[0]

    trust("carrier-ca")
    conf.trunks[0]["ca"] = str(bundle)
    gateway = launch(conf)
    assert lets_in("carrier") and not lets_in("carrier-impostor")
    since = gateway.mark()
    trust("carrier-ca", "other-ca")
    gateway.wait_for("certificates_renewed", since)
    assert lets_in("carrier") and lets_in("carrier-impostor")
    since = gateway.mark()
    trust("other-ca")
    gateway.wait_for("certificates_renewed", since)
    assert not lets_in("carrier") and lets_in("carrier-impostor")


# ---- revocation ----

def test_revoked(launch, conf, pki, net, peer, tmp_path):
    name = tmp_path.name
    pki.issue(name, "carrier-ca", "carrier.example")
    conf.trunks[0]["crl"] = pki.crl(name, "carrier-ca", ["carrier-revoked"])
    gateway = launch(conf)

    def lets_in(cert):
        return openssl.client(net.core, net.port, pair=pki.pair(cert))[0]

    assert lets_in(name)
    assert not lets_in("carrier-revoked")
    gateway.wait_for("tls_refused", why=re.compile("trunk carrier does not verify: certificate "
                                                   "CN=carrier.example was revoked"))
    # the next list has one more; who is there already stays
    there = peer("carrier", cert=name).connect()
    since = gateway.mark()
    pki.crl(name, "carrier-ca", ["carrier-revoked", name])
    gateway.wait_for("certificates_renewed", since, files=re.compile(r"\.crl"))
    assert not lets_in(name) and lets_in("carrier")
    pings(there)


def test_revoked_server(launch, conf, pki, peer):
    """The other way: the gateway connects, and the target shows a revoked certificate."""
    conf.trunks[0]["crl"] = os.path.join(pki.folder, "carrier-ca.crl")
    conf.trunks[0]["options_s"] = 5
    carrier = peer("carrier", cert="carrier-revoked").listen()
    gateway = launch(conf)
    gateway.wait_for("target_down", trunk="carrier", why=re.compile("was revoked"))
    assert not [c for c in carrier.conns if not c.closed.is_set()]


def test_list_that_has_ended(launch, conf, pki, net, tmp_path):
    """Nobody can tell who was revoked since: refused, and said at each place where it helps."""
    crl = conf.trunks[0]["crl"] = pki.crl(tmp_path.name, "carrier-ca", ended=True)
    gateway = launch(conf)
    gateway.wait_for("certificate_expires", what="crl", file=crl, use="trunk carrier", days="-1")
    gateway.wait_for("conf_note", line=re.compile("is out of date since"))
    assert not openssl.client(net.core, net.port, pair=pki.pair("carrier"))[0]
    gateway.wait_for("tls_refused", why=re.compile("CRL is out of date, get the new one"))
    since = gateway.mark()
    pki.crl(tmp_path.name, "carrier-ca")
    gateway.wait_for("certificates_renewed", since)
    gateway.wait_for("certificate_expires", since, what="crl", days=re.compile("[56]"))
    assert openssl.client(net.core, net.port, pair=pki.pair("carrier"))[0]


def test_check_says_how_long(conf, pki, tmp_path):
    conf.trunks[0]["crl"] = pki.crl(tmp_path.name, "carrier-ca")
    file = tmp_path / "checked.conf"
    file.write_text(conf.text())
    done = subprocess.run([BINARY, "--check", str(file)], capture_output=True, text=True,
                          timeout=WAIT)
    assert done.returncode == 0, done.stderr
    assert re.search(r"crl.*the CRL of CN=Throwaway carrier-ca has [56] days left", done.stdout)


# ---- networks ----

def test_networks(launch, conf, pki, net):
    here, there = net.carrier, net.address("carrier", 99)
    conf.trunks[0]["networks"] = [here + "/32"]
    gateway = launch(conf)

    def lets_in(address, cert):
        return openssl.client(net.core, net.port, "-bind", address, pair=pki.pair(cert))[0]

    assert lets_in(here, "carrier")
    assert not lets_in(there, "carrier")
    gateway.wait_for("tls_refused", src=re.compile(re.escape(there) + ":"),
                     why=re.compile("no trunk of this interface may connect from"))
    conf.trunks.append(conf.trunk("carrier", name="carrier2", identities=["carrier2.example"],
                                  targets=[], networks=[there]))
    gateway.write()
    gateway.reload()
    assert lets_in(there, "carrier2")
    assert not lets_in(there, "carrier")
    gateway.wait_for("tls_refused", why=re.compile(f"trunk carrier may not connect from {there}"))


# ---- all at once ----

class Visitor(threading.Thread):
    """Connects again and again, and notes what it is shown; the first error ends it."""

    def __init__(self, peer):
        super().__init__(daemon=True)
        self.peer, self.serials, self.error = peer, [], None
        self.over = threading.Event()

    def run(self):
        try:
            while not self.over.wait(0.2):
                r = Raw(self.peer)
                r.pump([request(self.peer, "OPTIONS")], lambda: r.of(200), "OPTIONS")
                assert r.of(200), "the connection was closed"
                self.serials.append(serial_of(r))
                r.close()
        except Exception as error:  # whatever it was, the test tells
            self.error = error

    def finish(self):
        self.over.set()
        self.join(WAIT)
        assert self.error is None, repr(self.error)
        return self.serials


def resident(gateway):
    with open(f"/proc/{gateway.process.pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+) kB", f.read())[1])


@pytest.fixture
def many(stunnel, launch, net, tmp_path):
    sipp = Sipp(net, tmp_path, seconds=120, trace=False)
    yield sipp
    sipp.stop()


def test_renewed_all_the_time(many, launch, conf, live, peer):
    """Files replaced each second and SIGHUPs in between: no call is lost, no memory grows."""
    seconds = 60 if LONG else 15
    rate, warm_up = 20, 5
    conf.log["level"] = "info"
    # freed memory is kept back by the sanitizer for a while: not for long, here
    gateway = launch(conf, env={"ASAN_OPTIONS": "abort_on_error=0:detect_leaks=1:"
                                                "quarantine_size_mb=1:malloc_context_size=2"})
    caller, callee, number, called = WAYS["inbound"]
    calls = rate * (seconds + warm_up)
    uas = many.uas(callee, "uas_quick", calls=calls)
    uac = many.uac(caller, "uac_quick", number, called, calls=calls,
                   args=["-r", str(rate), "-l", "200", "-d", "1000"])
    visitor = Visitor(peer("carrier"))
    visitor.start()

    serials, sizes = [by_folder(live)], []
    begin = time.monotonic()
    for n in range(1, seconds + warm_up):
        time.sleep(max(0, begin + n - time.monotonic()))
        serials.append(by_folder(live))
        if n % 4 == 3:
            gateway.signal(signal.SIGHUP)
        if n >= warm_up:
            sizes.append(resident(gateway))
    uac.finish()
    uas.finish()
    gateway.wait_for("call_end", status=200, count=calls)
    seen = visitor.finish()

    assert len(gateway.find("call_start")) == len(gateway.find("call_end")) == calls
    assert not gateway.find("certificates_bad") and not gateway.find("reload_failed")
    assert len(gateway.find("reload_done")) >= seconds // 4 - 1
    assert gateway.find("certificates_renewed")
    assert len(set(seen)) >= seconds // 4 and set(seen) <= {pki_serial(live), *serials}
    assert seen == sorted(seen, key=[pki_serial(live), *serials].index), "an old one came back"
    growth = sizes[-1] - sizes[0]
    print(f"resident, in kB, from {warm_up} s on, every 5 s: {sizes[::5]}; "
          f"{len(set(seen))} certificates seen on {len(seen)} connections")
    assert growth < 6144, f"grew by {growth} kB: {sizes}"
    if LONG:  # by then all there is has been used once
        assert sizes[-1] - sizes[len(sizes) // 2] < 1536, f"still grows: {sizes}"


def pki_serial(live):
    """The one that it began with."""
    return live.pki.serial(live.name)
