# SPDX-License-Identifier: BSD-3-Clause
"""--status, --metrics, SIGUSR1 and the status socket, with calls running."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from gateway import BINARY, Conf
from pki import ROOT
from ua import Call, Leg

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE
DOCS = os.path.join(ROOT, "docs", "status.md")


def run(*args, **more):
    return subprocess.run([BINARY, *args], capture_output=True, text=True, timeout=60, **more)


def ask(gateway, *args):
    """What the program prints for a gateway that runs."""
    done = run(*args, gateway.file)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return done.stdout


def status(gateway):
    return json.loads(ask(gateway, "--status", "--json"))


def raw(path, request):
    """Over the socket itself; -> all that came until it was closed."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(path)
        s.sendall(request)
        return b"".join(iter(lambda: s.recv(65536), b""))


def metrics(text):
    """{series: value}; every line has to be one that the format knows."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = re.fullmatch(r'(sallyport_[a-z_]+(?:\{(?:[a-z]+="(?:[^"\\]|\\.)*",?)*\})?) '
                             r'([0-9.]+)', line)
        assert match, line
        assert match[1] not in found, f"twice: {line}"
        found[match[1]] = float(match[2])
    return found


def sock(gateway):
    return os.path.join(gateway.tmp, "status.sock")


def named(items, name):
    return next(item for item in items if item["name"] == name)


@pytest.fixture
def busy(pair, gateway):
    """Two calls in progress, one answered and over, one failed, one refused, one ringing."""
    carrier, service = pair
    calls = [Call(carrier, service, OUTSIDE, DID).answer(),
             Call(service, carrier, DID, OUTSIDE).answer()]
    Call(carrier, service, OUTSIDE, DID).answer().hang_up()
    failed = Call(carrier, service, OUTSIDE, DID)
    failed.b.reply(failed.invite, 486)
    service.expect("ACK")
    failed.a.ack(carrier.expect(486))
    Leg(carrier).refused(OUTSIDE, "+441632980001", 404)
    ringing = Call(carrier, service, OUTSIDE, DID)
    ringing.b.reply(ringing.invite, 180)
    carrier.expect(180)
    gateway.wait_for("call_end", count=2)
    yield gateway
    ringing.answer().hang_up()
    for call in calls:
        call.hang_up()


# ---- what is told ----

def test_table(busy, net):
    lines = ask(busy, "--status").splitlines()
    assert re.match(rf"sallyport \d+\.\d+\.\d+, pid {busy.process.pid}, running, up 00:0\d:\d\d$",
                    lines[0])
    assert any(re.match(r"calls +3 of \d+, 0 emergency; begun 5, answered 3, failed 1, refused 1,",
                        line) for line in lines)
    assert any(re.match(rf"core +{net.core}:5061 +1 +0 +0 +0/\d+ +{net.core} +20000-20999 +"
                        r"3/500 +0$", line) for line in lines), lines
    assert any(re.match(r"carrier +carrier +up +2/- +1/- +3/- +1/\d+ +0 +0 +0$", line)
               for line in lines), lines
    assert any(re.match(rf"service +{net.service}:5061 +{net.service} +up ", line)
               for line in lines), lines
    assert any(re.match(r" +\d+ +20\d\d-\S+Z +certificate +\S+gateway-core\.crt ", line)
               for line in lines), lines
    assert re.match(r"-- 20\d\d-\d\d-\d\dT", lines[-1])


def test_json_balances(busy, net):
    s = status(busy)
    gateway, trunks = s["gateway"], s["trunks"]
    calls = gateway["calls"]
    assert gateway["pid"] == busy.process.pid and gateway["phase"] == "running"
    assert abs(gateway["time"] - time.time()) < 30
    assert calls["now"] == 3 and calls["begun"] == 5 and calls["refused"] == 1
    assert calls["begun"] == calls["answered"] + calls["failed"] + 1  # one rings
    for direction, begun in (("in", 4), ("out", 1)):
        other = "out" if direction == "in" else "in"
        carrier, service = named(trunks, "carrier"), named(trunks, "service")
        assert carrier["begun"][direction] == service["begun"][other] == begun
        assert carrier["calls"][direction] == service["calls"][other]
    assert sum(t["calls"]["in"] for t in trunks) == calls["now"]
    for interface in s["interfaces"]:
        assert interface["ports"]["used"] == 3 and interface["ports"]["pairs"] == 500
    assert gateway["relays"] == 3
    assert gateway["connections"]["now"] == sum(t["connections"]["accepted"] for t in trunks) == 2
    numbers = gateway["numbers"]
    assert (numbers["exact"], numbers["ranges"], numbers["prefixes"]) == (2, 0, 1)
    assert sum(t["numbers"] for t in trunks) == 3
    targets = named(trunks, "service")["targets"]
    assert [t["address"] for t in targets] == [net.service]
    assert targets[0]["state"] == "up" and targets[0]["calls"] == 4
    certificates = [c for c in s["certificates"] if c["kind"] == "certificate"]
    assert len({c["file"] for c in certificates}) == 2
    for c in certificates:
        assert abs(c["expires"] - gateway["time"] - c["days_left"] * 86400) < 2 * 86400


def test_metrics_say_the_same(busy):
    text = ask(busy, "--metrics")
    m, s = metrics(text), status(busy)
    assert text.endswith("\n# EOF\n")
    assert m["sallyport_calls"] == 3
    for result, count in (("answered", 3), ("failed", 1), ("refused", 1)):
        assert m[f'sallyport_calls_total{{result="{result}"}}'] == count
    assert m['sallyport_trunk_calls{trunk="carrier",direction="in"}'] == 2
    assert m['sallyport_media_port_pairs_used{interface="edge"}'] == 3
    target = named(s["trunks"], "service")["targets"][0]
    labels = f'{{trunk="service",target="{target["target"]}",address="{target["address"]}"}}'
    assert m["sallyport_target_up" + labels] == 1
    assert m["sallyport_start_time_seconds"] == s["gateway"]["started"]
    assert m["sallyport_media_packets_total"] == s["gateway"]["media"]["packets"] == 0
    cert = s["certificates"][0]
    assert m[f'sallyport_certificate_expiry_timestamp_seconds{{file="{cert["file"]}",'
             f'kind="{cert["kind"]}"}}'] == cert["expires"]


@pytest.mark.skipif(not shutil.which("promtool"), reason="needs Debian's prometheus")
def test_promtool(busy):
    done = subprocess.run(["promtool", "check", "metrics"], input=ask(busy, "--metrics"),
                          capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_health_of_targets(launch, conf, peer, net):
    conf.trunks[0]["targets"] = [f"{net.carrier}:5061", "none.invalid:5061"]
    for trunk in conf.trunks:
        trunk["options_s"] = 1
    gateway = launch(conf)
    peer("carrier").listen()
    gateway.wait_for("target_up", trunk="carrier")
    gateway.wait_for("target_down", trunk="service")
    gateway.until(lambda: any(t["target"] == "none.invalid:5061" and t["why"]
                              for t in named(status(gateway)["trunks"], "carrier")["targets"]),
                  "reason for the name that does not exist")
    trunks = status(gateway)["trunks"]
    up, lost = named(trunks, "carrier")["targets"]
    down = named(trunks, "service")["targets"][0]
    assert up["state"] == "up" and up["why"] == "" and up["options_ms"] >= 0
    assert up["connections"] > 0
    assert lost["address"] == "" and lost["state"] != "up"
    assert down["state"] in ("down", "probing") and "refused" in down["why"]
    assert down["failures"] > 0 and down["connections"] == 0
    assert named(trunks, "carrier")["up"] and not named(trunks, "service")["up"]
    m = metrics(ask(gateway, "--metrics"))
    assert m['sallyport_trunk_up{trunk="service"}'] == 0
    assert f'{down["why"]}' in ask(gateway, "--status")


def test_refused_by_a_limit(launch, conf, peer):
    conf.trunks[0]["calls_in"] = 1
    gateway = launch(conf)
    carrier, service = peer("carrier"), peer("service").listen()
    carrier.connect()
    call = Call(carrier, service, OUTSIDE, DID).answer()
    Leg(carrier).refused(OUTSIDE, DID, 503)
    trunk = named(status(gateway)["trunks"], "carrier")
    assert trunk["limits"]["calls_in"] == 1 and trunk["refused"]["calls_in"] == 1
    assert re.search(r"^carrier .* 1 \(calls_in 1\)$", ask(gateway, "--status"), re.M)
    m = metrics(ask(gateway, "--metrics"))
    assert m['sallyport_trunk_limit{trunk="carrier",limit="calls_in"}'] == 1
    assert m['sallyport_trunk_refused_calls_total{trunk="carrier",limit="calls_in"}'] == 1
    call.hang_up()


def test_a_stranger_at_the_door(launch, conf, net):
    gateway = launch(conf)
    socket.create_connection((net.core, net.port)).close()
    gateway.until(lambda: named(status(gateway)["interfaces"], "core")["refused"]["handshake"] == 1,
                  "failed handshake in the status")
    assert named(status(gateway)["interfaces"], "edge")["refused"]["handshake"] == 0


def test_reloads_and_draining(launch, conf, peer):
    gateway = launch(conf)
    carrier, service = peer("carrier"), peer("service").listen()
    carrier.connect()
    call = Call(carrier, service, OUTSIDE, DID).answer()
    gateway.reload()
    good = status(gateway)["gateway"]["configuration"]
    assert good["reloads_ok"] == 1 and good["last_ok"]
    gateway.conf = conf.text() + "nonsense = 1;\n"
    gateway.write()
    gateway.reload()
    bad = status(gateway)["gateway"]["configuration"]  # of that file, too
    assert (bad["reloads_ok"], bad["reloads_failed"], bad["last_ok"]) == (1, 1, False)
    assert bad["loaded"] == good["loaded"]
    assert "THE LAST RELOAD FAILED" in ask(gateway, "--status")
    gateway.conf = conf
    gateway.signal(signal.SIGTERM)
    gateway.wait_for("drain_start")
    assert status(gateway)["gateway"]["phase"] == "draining"
    assert metrics(ask(gateway, "--metrics"))["sallyport_draining"] == 1
    call.hang_up()
    assert gateway.wait_exit() == 0
    assert not os.path.exists(sock(gateway))


# ---- the docs ----

def leaves(value, path=""):
    """The keys of a JSON value, "calls.now"; an array of objects has those of its objects."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for inner in value:
            yield from leaves(inner, path)
    else:
        yield path


def documented():
    """{section: keys} and {metric: labels} of docs/status.md."""
    keys, names, section = {}, {}, None
    with open(DOCS) as f:
        for line in f:
            if line.startswith("#"):
                section = line.strip("# \n").split(" ")[0]
            cells = [cell.strip() for cell in line.split("|")]
            if len(cells) != 5 or cells[1] in ("JSON", "---"):
                continue
            assert cells[3], f"no meaning: {line}"
            if cells[1]:
                keys.setdefault(section, set()).add(cells[1].strip("`"))
            found = re.fullmatch(r"`(sallyport_\w+)(?:\{(.*)\})?`", cells[2])
            if found:
                labels = re.sub(r'="\w+"', "", found[2] or "")
                assert names.setdefault(found[1], labels) == labels, line
            else:
                assert cells[2] == "", line
    return keys, names


def test_docs_have_every_key(busy):
    s = status(busy)
    calls = json.loads(ask(busy, "--status", "--calls", "--json"))["calls"]
    assert len(calls) == 3
    have = {"gateway": set(leaves(s["gateway"])), "interfaces": set(leaves(s["interfaces"])),
            "certificates": set(leaves(s["certificates"])), "trunks": set(), "targets": set(),
            "calls": set(), "directions": set()}
    for trunk in s["trunks"]:
        have["targets"] |= set(leaves(trunk.pop("targets")))
        have["trunks"] |= set(leaves(trunk))
    for call in calls:
        for stream in call.pop("streams"):
            assert set(stream) == {"caller", "callee"}
            have["directions"] |= set(leaves(list(stream.values())))
        have["calls"] |= set(leaves(call))
    assert documented()[0] == have


def test_docs_have_every_metric(launch, conf):
    conf.trunks[0]["calls"] = 10
    text = ask(launch(conf), "--metrics")
    names = documented()[1]
    assert set(names) == set(re.findall(r"^# HELP (\S+) ", text, re.M))
    for series in metrics(text):
        name, _, labels = series.partition("{")
        assert ",".join(re.findall(r'(\w+)="', labels)) == names[name], series


# ---- SIGUSR1 ----

def test_sigusr1_logs_the_table(busy):
    begin = busy.mark()
    busy.signal(signal.SIGUSR1)
    busy.wait_for("status", since=begin, line=re.compile("^-- "))
    logged = [line["line"] for line in busy.find("status", since=begin)]
    table = [line for line in ask(busy, "--status").splitlines() if line]
    assert len(logged) == len(table)
    for mine, other in zip(logged, table):
        assert mine[:20] == other[:20]
    assert any(re.match("calls +3 of ", line) for line in logged)


# ---- the socket ----

def test_http(gateway):
    answer = raw(sock(gateway), b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 OK\r\n") and b"version=0.0.4" in head
    assert metrics(body.decode())["sallyport_calls"] == 0
    if shutil.which("curl"):
        done = subprocess.run(["curl", "-sS", "--unix-socket", sock(gateway),
                               "http://localhost/metrics"], capture_output=True, text=True,
                              timeout=30)
        assert done.returncode == 0 and "# EOF" in done.stdout, done.stderr


def test_nothing_can_be_changed(gateway):
    for request in (b"reload\n", b"POST / HTTP/1.0\r\n\r\n", b"\n", b"x" * 9000, b"\0\n"):
        try:
            assert raw(sock(gateway), request) == b""
        except (ConnectionResetError, BrokenPipeError):
            pass
    assert status(gateway)["gateway"]["phase"] == "running"


def test_rights(gateway):
    assert os.stat(sock(gateway)).st_mode & 0o777 == 0o660


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_without_rights(gateway, tmp_path):
    """The configuration may be read, the socket not."""
    binary = tmp_path / "sallyport"
    shutil.copy(BINARY, binary)
    folder = tmp_path
    while folder != folder.parent:
        folder.chmod(folder.stat().st_mode | 0o055)
        folder = folder.parent
    (tmp_path / "sallyport.conf").chmod(0o644)
    done = subprocess.run([str(binary), "--status", gateway.file], capture_output=True, text=True,
                          user=65534, group=65534, extra_groups=[], timeout=60)
    assert done.returncode == 1 and done.stdout == ""
    assert "Permission denied" in done.stderr and "sudo" in done.stderr


def test_nobody_answers(tmp_path, conf):
    file = tmp_path / "sallyport.conf"
    file.write_text(conf.text())
    done = run("--status", str(file))
    assert done.returncode == 1 and done.stdout == ""
    assert "status.sock" in done.stderr and "is the gateway running" in done.stderr
    conf.status["socket"] = ""
    file.write_text(conf.text())
    done = run("--metrics", str(file))
    assert done.returncode == 1 and "status.socket" in done.stderr
    done = run("--status", str(tmp_path / "none.conf"))
    assert done.returncode == 1 and "none.conf" in done.stderr


def test_a_stopped_gateway_does_not_answer(gateway):
    """The program gives up after a time and says so, instead of waiting with it."""
    gateway.signal(signal.SIGSTOP)
    try:
        done = run("--status", gateway.file)
        assert done.returncode == 1 and "does not answer" in done.stderr
    finally:
        gateway.signal(signal.SIGCONT)
    gateway.until(lambda: run("--status", gateway.file).returncode == 0, "answer")


def test_arguments():
    for args in (("--json",), ("--calls",), ("--metrics", "--calls"), ("--status", "--metrics"),
                 ("--status", "--check"), ("--metrics", "--json"), ("--status", "one", "two")):
        done = run(*args)
        assert done.returncode == 2 and "--help" in done.stderr
    text = run("--help").stdout
    for word in ("--status", "--calls", "--json", "--metrics", "USR1"):
        assert word in text


def test_stale_socket_is_replaced(launch, conf, tmp_path):
    path = str(tmp_path / "status.sock")
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(path)
    dead.close()
    gateway = launch(conf)
    assert status(gateway)["gateway"]["pid"] == gateway.process.pid
    assert not gateway.find("status_unavailable")


def test_a_living_ones_socket_is_left_alone(launch, conf, tmp_path):
    path = str(tmp_path / "status.sock")
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(path)
        other.listen()
        gateway = launch(conf)
        line = gateway.wait_for("status_unavailable", path=path)
        assert "another process answers there" in line["mend"]
    os.unlink(path)
    gateway.reload()
    assert status(gateway)["gateway"]["phase"] == "running"


def test_a_file_is_no_socket(launch, conf, tmp_path):
    (tmp_path / "status.sock").write_text("precious")
    gateway = launch(conf)
    gateway.wait_for("status_unavailable", mend=re.compile("is no socket"))
    assert (tmp_path / "status.sock").read_text() == "precious"


def test_reload_moves_the_socket(launch, conf, tmp_path):
    gateway = launch(conf)
    old = sock(gateway)
    assert raw(old, b"table\n")
    conf.status["socket"] = str(tmp_path / "other.sock")
    gateway.write()
    gateway.reload()
    assert not os.path.exists(old)
    assert status(gateway)["gateway"]["configuration"]["reloads_ok"] == 1
    gateway.conf = conf.text() + "nonsense = 1;\n"
    gateway.write()
    gateway.reload()
    assert status(gateway)["gateway"]["configuration"]["reloads_failed"] == 1
    gateway.conf = conf
    conf.status["socket"] = ""
    gateway.write()
    gateway.reload()
    assert not os.path.exists(str(tmp_path / "other.sock"))
    conf.status["socket"] = str(tmp_path / "none" / "status.sock")
    gateway.write()
    gateway.reload()
    gateway.wait_for("status_unavailable", mend=re.compile("folder does not exist"))
    conf.status["socket"] = "status.sock"
    gateway.write()
    gateway.reload()
    assert raw(old, b"json\n")


def test_slow_clients_hold_nobody(launch, conf, peer):
    """Eight that connect and do nothing: calls go on, and a ninth gets its turn."""
    gateway = launch(conf)
    carrier, service = peer("carrier"), peer("service").listen()
    carrier.connect()
    idle = []
    for _ in range(8):
        idle.append(socket.socket(socket.AF_UNIX))
        idle[-1].connect(sock(gateway))
    Call(carrier, service, OUTSIDE, DID).answer().hang_up()
    begin = time.monotonic()
    assert b"calls" in raw(sock(gateway), b"table\n")
    assert 2 < time.monotonic() - begin < 9
    for client in idle:
        client.settimeout(10)
        assert client.recv(1) == b""
        client.close()


def test_many_trunks(launch, conf, net, peer):
    """1,002 trunks: all of it comes, and whoever does not read does not hold calls up."""
    for i in range(1000):
        conf.trunks.append(conf.trunk("carrier", name=f"carrier-{i}", targets=[],
                                      identities=[f"c{i}.example"]))
    gateway = launch(conf)
    carrier, service = peer("carrier"), peer("service").listen()
    carrier.connect()
    with socket.socket(socket.AF_UNIX) as lazy:
        lazy.connect(sock(gateway))
        lazy.sendall(b"metrics\n")
        call = Call(carrier, service, OUTSIDE, DID).answer()
        text = ask(gateway, "--metrics")
        assert sum(s.startswith("sallyport_trunk_up{") for s in metrics(text)) == 1002
        s = status(gateway)
        assert len(s["trunks"]) == 1002 and s["gateway"]["calls"]["now"] == 1
        assert len(re.findall(r"^carrier-\d+ +carrier ", ask(gateway, "--status"), re.M)) == 1000
        call.hang_up()


def test_no_growth(gateway):
    """A thousand answers leave nothing behind (LeakSanitizer looks, too)."""
    def fds():
        return len(os.listdir(f"/proc/{gateway.process.pid}/fd"))
    before = fds()
    for i in range(1000):
        assert raw(sock(gateway), (b"table\n", b"json\n", b"metrics\n")[i % 3])
    gateway.until(lambda: fds() <= before, "return of descriptors")
