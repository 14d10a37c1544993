# SPDX-License-Identifier: BSD-3-Clause
"""The process: arguments, --check, start, reload and the way to the end."""
import os
import re
import signal
import ssl
import subprocess
import time

import pytest
from cryptography import x509

from gateway import BINARY, Conf, render
from pki import write
from ua import Call, Leg, reply

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE


def run(*args):
    return subprocess.run([BINARY, *args], capture_output=True, text=True, timeout=30)


def check(tmp_path, conf):
    file = tmp_path / "checked.conf"
    file.write_text(conf if isinstance(conf, str) else conf.text())
    return run("--check", str(file))


@pytest.fixture
def two(peer):
    """A carrier that is connected and a service that listens, for a gateway that runs."""
    def make():
        carrier, service = peer("carrier"), peer("service").listen()
        carrier.connect()
        return carrier, service
    return make


# ---- arguments and --check ----

def test_help_and_version():
    assert "Usage: sallyport" in run("--help").stdout
    assert re.match(r"sallyport \d+\.\d+", run("--version").stdout)
    assert run("--nonsense").returncode == 2
    assert run("one", "two").returncode == 2


def test_check_good(tmp_path, conf):
    done = check(tmp_path, conf)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    for kind, name, san in (("interface", "core", "core.gateway.example"),
                            ("interface", "edge", "edge.gateway.example"),
                            ("trunk", "carrier", ""), ("trunk", "service", "")):
        found = [line for line in lines if line.startswith(f"{kind} {name}:")]
        assert len(found) == 1, done.stdout
        assert san in found[0]
    assert "days" in done.stdout


def test_check_verbose(tmp_path, conf):
    """Every setting of every trunk, as the file would say it, and where it comes from."""
    conf.trunks[1].update(profile="teams-direct-routing", hold="relay",
                          headers_out=[{"action": "set", "header": "X-A", "value": "{account}"}])
    file = tmp_path / "checked.conf"
    file.write_text(conf.text())
    done = run("--check", "--verbose", str(file))
    assert done.returncode == 0, done.stderr
    plain = run("--check", str(file))
    assert done.stdout.startswith(plain.stdout)
    carrier, service = re.split(r"^trunk \S+:$", done.stdout[len(plain.stdout):], flags=re.M)[1:]
    for line in ('kind = "carrier";  # ' + str(file), 'hold = "relay";  # default',
                 "# carrier is not set", "failover = [ 408, 503, 504 ];  # default"):
        assert f"\n  {line}" in carrier, carrier
    for line in ('hold = "relay";  # ' + str(file), 'transfer = "handle";  # profile teams-dir',
                 'headers_out = ( { action = "set"; header = "X-A"; value = "{account}"; } );  #',
                 "failover = [ 408, 503, 504 ];  # profile teams-direct-routing",
                 "calls = 0;  # default"):
        assert f"\n  {line}" in service, service

    # what is printed can stand in a file, and then says the same
    told = "\n".join(line for line in service.splitlines() if "  numbering." not in line)
    file.write_text(conf.text().replace(render(conf.trunks[1]), "{" + told + "\n}"))
    again = run("-c", "-v", str(file))
    assert again.returncode == 0, again.stderr
    assert 'transfer = "handle";  # ' + str(file) in again.stdout

    bad = run("--verbose", str(file))
    assert bad.returncode == 2 and "--check" in bad.stderr


def test_check_reports_every_mistake(tmp_path, conf, pki):
    shown = tmp_path / "shown.key"
    with open(pki.key("gateway-core")) as f:
        shown.write_text(f.read())
    shown.chmod(0o644)
    conf.limits["calls"] = 0
    conf.limits["drain_s"] = "soon"
    conf.limits["cals"] = 7
    conf.interfaces[0]["tls"]["key"] = str(shown)
    conf.interfaces[1]["tls"]["key"] = pki.key("service")
    conf.trunks[0]["carrier"] = "nobody"
    conf.trunks[0]["certificate"], conf.trunks[0]["key"] = pki.pair("carrier-expired")
    conf.trunks[1]["ca"] = str(tmp_path / "missing.crt")
    conf.trunks.append(conf.trunk("service", name="third", interface="outer"))
    conf.numbers += [{"number": DID, "trunk": "service"},
                     {"number": "+441632960077", "trunk": "nowhere"},
                     {"number": "+441632960078", "trunk": "service",
                      "headers": {"Content-Length": "0"}}]
    done = check(tmp_path, conf)
    assert done.returncode == 1
    text = done.stdout + done.stderr
    for what in ("calls", "drain_s", "cals", str(shown), pki.key("service"), "nobody",
                 "expired", "missing.crt", "outer", DID, "nowhere", "Content-Length"):
        found = [line for line in text.splitlines() if what in line]
        assert found, f"nothing about {what} in:\n{text}"
        assert any(re.match(r"\S*checked\.conf:\d+: ", line) for line in found), found


@pytest.mark.parametrize("text, what", (
    ("log = { level = \"info\" ", "1"),
    ("limits = { calls = 4294967297L; };", "calls"),
    ("limits = { calls = 5; calls = 6; };", "calls"),
    ("", "interfaces"),
))
def test_check_mistakes_of_syntax(tmp_path, text, what):
    done = check(tmp_path, text)
    assert done.returncode == 1
    assert what in done.stderr + done.stdout


def test_check_no_file(tmp_path):
    done = run("--check", str(tmp_path / "none.conf"))
    assert done.returncode == 1 and "none.conf" in done.stderr + done.stdout


def test_start_with_mistakes(tmp_path, conf):
    conf.trunks[0]["interface"] = "outer"
    file = tmp_path / "bad.conf"
    file.write_text(conf.text())
    done = run(str(file))
    assert done.returncode == 1
    assert "outer" in done.stderr and "start_failed" in done.stderr


def test_start_where_another_listens(launch, conf, tmp_path):
    launch(conf)
    file = tmp_path / "second.conf"
    file.write_text(conf.text())
    done = run(str(file))
    assert done.returncode == 1
    assert "start_failed" in done.stderr and "5061" in done.stderr


def test_closed_streams_are_not_given_to_sockets(tmp_path, conf):
    """A log that nobody reads must not end up in whatever was opened next."""
    file = tmp_path / "closed.conf"
    file.write_text(conf.text())
    shell = f'exec "{BINARY}" "{file}" <&- >&- 2>&-'
    daemon = subprocess.Popen(["/bin/sh", "-c", shell])
    try:
        deadline = time.monotonic() + 20
        while len(os.listdir(f"/proc/{daemon.pid}/fd")) < 8 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert [os.readlink(f"/proc/{daemon.pid}/fd/{fd}") for fd in range(3)] == ["/dev/null"] * 3
    finally:
        daemon.terminate()
        assert daemon.wait(20) == 0


def test_watchdog_is_fed(launch, conf):
    gateway = launch(conf, env={"WATCHDOG_USEC": "200000"})
    gateway.wait_state("WATCHDOG=1", 3)


# ---- reload ----

def test_reload_changes_numbers(launch, conf, two):
    gateway = launch(conf)
    carrier, service = two()
    call = Call(carrier, service, OUTSIDE, DID).answer()
    new = "+441632980001"
    Leg(carrier).refused(OUTSIDE, new, 404)
    conf.numbers = [{"number": new, "trunk": "service", "headers": {"X-Account": "new"}}]
    gateway.write()
    gateway.reload()
    gateway.wait_for("reload_done", numbers=1)
    assert "RELOADING=1" in gateway.states
    Leg(carrier).refused(OUTSIDE, DID, 404)
    second = Call(carrier, service, OUTSIDE, new).answer()
    assert second.invite["X-Account"] == "new"
    call.change("UPDATE", "b", "sendonly", "recvonly")  # keeps the table that it began with
    call.hang_up("b")
    second.hang_up()


def test_reload_of_number_file(launch, conf, two, tmp_path):
    csv = tmp_path / "numbers.csv"
    csv.write_text("number,trunk,account,header:X-Account\n"
                   "+441632980002,service,beta,beta-1\n+4416329801*,service,,\n")
    conf.number_files = [str(csv)]
    gateway = launch(conf)
    carrier, service = two()
    call = Call(carrier, service, OUTSIDE, "+441632980002").answer()
    assert call.invite["X-Account"] == "beta-1"
    csv.write_text("number,trunk,header:X-Account\n+441632980002,service,beta-2\n")
    gateway.reload()
    Leg(carrier).refused(OUTSIDE, "+441632980155", 404)
    again = Call(carrier, service, OUTSIDE, "+441632980002").answer()
    assert again.invite["X-Account"] == "beta-2"
    call.hang_up()
    again.hang_up()
    csv.write_text("number,trunk\n+441632980002,nobody\n")
    gateway.reload()
    gateway.wait_for("conf_mistake", line=re.compile(r"numbers\.csv:2: .*nobody"))
    Call(carrier, service, OUTSIDE, "+441632980002").answer().hang_up()


def test_bad_reload_changes_nothing(launch, conf, two, net):
    gateway = launch(conf)
    carrier, service = two()
    call = Call(carrier, service, OUTSIDE, DID).answer()
    good = conf.text()
    conf.numbers = [{"number": "+441632980001", "trunk": "service"}]
    conf.trunks[1]["interface"] = "outer"
    gateway.write()
    gateway.reload()
    gateway.wait_for("reload_failed")
    gateway.wait_for("conf_mistake", line=re.compile("outer"))
    Leg(carrier).refused(OUTSIDE, "+441632980001", 404)
    Call(carrier, service, OUTSIDE, DID).answer().hang_up()
    call.hang_up()
    # an address that cannot be had is found before anything is changed, too
    gateway.conf = good.replace(f'"{net.edge}"', '"192.0.2.1"')
    gateway.write()
    gateway.reload()
    gateway.wait_for("reload_failed", count=2)
    Call(carrier, service, OUTSIDE, DID).answer().hang_up()


def served(peer):
    """The certificate that the gateway shows to a new connection."""
    conn = peer.connect()
    return x509.load_der_x509_certificate(conn.sock.getpeercert(True)).serial_number


def test_reload_serves_a_replaced_certificate(launch, conf, two, tmp_path, pki):
    paths = str(tmp_path / "core.crt"), str(tmp_path / "core.key")
    tls = conf.interfaces[0]["tls"]
    for name, path, mode in zip(("certificate", "key"), paths, (0o644, 0o600)):
        with open(tls[name], "rb") as f:
            write(path, f.read(), mode)
        tls[name] = path
    gateway = launch(conf)
    carrier, service = two()
    call = Call(carrier, service, OUTSIDE, DID).answer()
    before = served(carrier)
    new = pki.issue("gateway-core-new", "carrier-ca", "core.gateway.example")
    for source, path, mode in zip(new, paths, (0o644, 0o600)):
        with open(source, "rb") as f:
            write(path, f.read(), mode)
    assert served(carrier) == before, "files are not read before the reload"
    gateway.reload()
    after = served(carrier)
    assert after != before
    call.change("INVITE", "b", "sendonly", "recvonly")
    assert call.hang_up("b").conn is call.a.conn, "the old connection lives on"
    # a key that does not fit changes nothing
    write(paths[1], open(pki.key("service"), "rb").read(), 0o600)
    gateway.reload()
    gateway.wait_for("reload_failed")
    assert served(carrier) == after


def test_reload_of_a_trunks_ca(launch, conf, two, peer, pki):
    """A CA that is no longer trusted admits nobody new; calls in progress go on."""
    gateway = launch(conf)
    carrier, service = two()
    call = Call(carrier, service, OUTSIDE, DID).answer()
    conf.trunks[0]["ca"] = pki.crt("other-ca")
    gateway.write()
    gateway.reload()
    gateway.wait_for("reload_done")
    with pytest.raises((OSError, ssl.SSLError, AssertionError)):
        carrier.connect()
        assert not carrier.conn.closed.wait(10)
    gateway.wait_for("tls_refused", why=re.compile("does not verify"))
    call.hang_up("b")


def test_reload_removes_a_trunk(launch, conf, two, net):
    conf.trunks.append(conf.trunk("carrier", name="spare", identities=["carrier2.example"],
                                  targets=[]))
    gateway = launch(conf)
    carrier, service = two()
    call = Call(carrier, service, OUTSIDE, DID).answer()
    conf.trunks[0], conf.trunks[2] = conf.trunks[2], conf.trunks[0]
    conf.trunks.pop()  # the carrier that has a call
    conf.trunks[1]["carrier"] = "spare"
    gateway.write()
    gateway.reload()
    gateway.wait_for("reload_done")
    response = Leg(carrier).refused(OUTSIDE, DID, 503)
    assert response["Retry-After"]
    call.hang_up()


def test_reloads_under_calls(launch, conf, two):
    gateway = launch(conf)
    carrier, service = two()
    calls = []
    for i in range(10):
        calls.append(Call(carrier, service, OUTSIDE, DID).answer())
        gateway.reload()
    for call in calls:
        call.hang_up("b")
    assert len(gateway.find("reload_done")) == 10


# ---- the end ----

def test_drain_waits_for_calls(launch, conf, two):
    gateway = launch(conf)
    carrier, service = two()
    call = Call(carrier, service, OUTSIDE, DID).answer()
    gateway.signal(signal.SIGTERM)
    gateway.wait_for("drain_start", calls=1)
    gateway.wait_state("STOPPING=1")
    response = Leg(carrier).refused(OUTSIDE, DID, 503)
    assert int(response["Retry-After"]) > 0
    call.change("INVITE", "a", "sendonly", "recvonly")
    call.hang_up()
    assert gateway.wait_exit() == 0
    gateway.wait_for("stop", reason="drained")


def test_drain_has_a_limit(launch, conf, two):
    conf.limits["drain_s"] = 1
    gateway = launch(conf)
    carrier, service = two()
    call = Call(carrier, service, OUTSIDE, DID).answer()
    early = Leg(carrier)  # rings when the time is over
    early.invite(OUTSIDE, DID, call.a_media.sdp())
    ringing = service.expect("INVITE")
    leg = Leg(service).called(ringing)
    leg.reply(ringing, 180)
    carrier.expect(180)
    gateway.signal(signal.SIGTERM)
    got = sorted((service.inbox.get(timeout=10) for _ in range(2)), key=lambda m: m.method)
    assert [m.method for m in got] == ["BYE", "CANCEL"]
    call.b.reply(got[0], 200)
    leg.reply(got[1], 200)
    leg.reply(ringing, 487)
    service.expect("ACK")
    got = sorted((carrier.inbox.get(timeout=10) for _ in range(2)), key=lambda m: m.status)
    assert got[0].method == "BYE" and got[1].status == 503
    call.a.reply(got[0], 200)
    early.ack(got[1])
    gateway.wait_for("drain_end", reason="limit", calls=2)
    assert gateway.wait_exit() == 0
    gateway.wait_for("stop", calls=0)


def test_second_signal_hangs_up(launch, conf, two):
    gateway = launch(conf)
    carrier, service = two()
    call = Call(carrier, service, OUTSIDE, DID).answer()
    gateway.signal(signal.SIGTERM)
    gateway.wait_for("drain_start")
    gateway.signal(signal.SIGTERM)
    for leg in (call.a, call.b):
        leg.reply(leg.peer.expect("BYE"), 200)
    assert gateway.wait_exit() == 0


def test_end_without_calls_is_quick(launch, conf):
    gateway = launch(conf)
    gateway.signal(signal.SIGINT)
    assert gateway.wait_exit() == 0
    gateway.wait_for("stop", calls=0)


def test_no_transaction_is_left(launch, conf, two):
    """Calls of every kind: none leaves a transaction that the end would have to wait for."""
    gateway = launch(conf)
    carrier, service = two()
    for _ in range(5):
        Leg(carrier).refused(OUTSIDE, "+441632980001", 404)
        call = Call(carrier, service, OUTSIDE, DID)
        call.b.reply(call.invite, 486)
        service.expect("ACK")
        call.a.ack(carrier.expect(486))
        call = Call(carrier, service, OUTSIDE, DID)
        call.b.reply(call.invite, 180)
        carrier.expect(180)
        call.a.cancel()
        carrier.expect(200, "CANCEL")
        call.a.ack(carrier.expect(487))
        reply(service.expect("CANCEL"), 200)
        call.b.reply(call.invite, 487)
        service.expect("ACK")
    call = Call(carrier, service, OUTSIDE, DID)
    call.answer()
    call.hang_up()
    gateway.wait_for("call_end", status=200)
    begin = time.monotonic()
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_exit() == 0
    assert time.monotonic() - begin < 1.5, "SP_APP_SETTLE_MS was waited out"
    gateway.wait_for("stop", reason="drained", calls=0, transactions=0, ports=0)


def test_masked_numbers(launch, conf, two):
    conf.log = {"level": "debug"}
    gateway = launch(conf)
    carrier, service = two()
    Call(carrier, service, OUTSIDE, DID).answer().hang_up()
    Leg(carrier).refused(OUTSIDE, "+441632980001", 404)
    log = "\n".join(line.text for line in gateway.lines)
    assert "+44163296****" in log
    for number in (OUTSIDE, DID, "+441632980001"):
        assert number not in log
