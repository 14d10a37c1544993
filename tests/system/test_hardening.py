# SPDX-License-Identifier: BSD-3-Clause
"""What is left to somebody who runs code in the daemon, or gets hold of its memory: the sandbox,
core dumps, keys that are over. intruder.c is preloaded where a test needs one inside.
"""
import glob
import os
import re
import signal
import time

import pytest

import memory
import srtp
from gateway import Conf
from media import Talk, talks
from preload import ASAN, compiled, preloaded

root = pytest.mark.skipif(os.getuid() != 0, reason="reads the memory of a process that is not "
                                                   "dumpable")


@pytest.fixture(scope="module")
def intruder(tmp_path_factory):
    """intruder(RUNS=..., DUMPS=...): the daemon's environment."""
    library = compiled(tmp_path_factory.mktemp("intruder"), "intruder")
    return lambda **what: preloaded(
        library, asan=f"{ASAN}:disable_coredump=0",
        **{f"INTRUDER_{name}": str(value) for name, value in what.items()})


def status(pid, task=None):
    """/proc/PID/status as a dict."""
    with open(f"/proc/{pid}/task/{task or pid}/status") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f)


def over(gateway):
    """The daemon has ended by itself, and that was looked at; -> its exit status."""
    code, gateway.process = gateway.wait_exit(), None
    gateway.notify.close()
    return code


# ---- the sandbox ----

def test_every_thread_is_in_it(launch, conf):
    gateway = launch(conf)
    assert int(gateway.wait_for("sandbox")["syscalls"]) > 50
    gateway.reload()  # that is what the second thread is for
    tasks = os.listdir(f"/proc/{gateway.process.pid}/task")
    assert len(tasks) == 2
    for task in tasks:
        of = status(gateway.process.pid, task)
        assert of["Seccomp"] == "2" and of["NoNewPrivs"] == "1"


def test_forbidden_call_is_death(launch, conf, intruder, tmp_path):
    gateway = launch(conf, env=intruder(RUNS=tmp_path / "was_here"))
    gateway.signal(signal.SIGUSR2)
    assert over(gateway) == -signal.SIGSYS
    assert not (tmp_path / "was_here").exists()


def test_without_sandbox(launch, conf, intruder, tmp_path):
    """The same call would have got through."""
    conf.sandbox = False
    gateway = launch(conf, env=intruder(RUNS=tmp_path / "was_here"))
    gateway.wait_for("sandbox_off", reason="configuration")
    assert not gateway.find("sandbox") and status(gateway.process.pid)["Seccomp"] == "0"
    gateway.signal(signal.SIGUSR2)
    assert over(gateway) == 0
    assert (tmp_path / "was_here").exists()


def test_only_at_the_start(launch, conf):
    """A reload takes the sandbox off nobody."""
    gateway = launch(conf)
    conf.sandbox = False
    gateway.write()
    gateway.reload()
    assert status(gateway.process.pid)["Seccomp"] == "2"
    gateway.wait_for("conf_note", line=re.compile("sandbox.*restart"))


# ---- dumps ----

def test_no_dumps(launch, conf):
    pid = launch(conf).process.pid
    with open(f"/proc/{pid}/limits") as f:
        assert re.search(r"Max core file size +0 +0 ", f.read())
    with open(f"/proc/{pid}/coredump_filter") as f:
        assert int(f.read(), 16) == 0
    # who is not dumpable belongs to root, whoever runs it
    assert os.stat(f"/proc/{pid}/maps").st_uid == 0


def session(name, key):
    """What is derived of a master key."""
    keys = srtp.Srtp(key)
    return {f"{name} cipher": keys.cipher, f"{name} rtcp cipher": keys.rtcp_cipher}


def in_call(gateway, peer):
    """A call with media; -> it, and the secrets that the daemon has because of it and of TLS."""
    carrier, service = peer("carrier"), peer("service")
    log = os.path.join(gateway.tmp, "tls.secrets")
    for p in (carrier, service):
        p.client.keylog_filename = log
    pair = carrier.listen(), service.listen()
    pair[0].connect()
    call = Talk(*pair, Conf.OUTSIDE, Conf.DID).answer()
    talks(call)
    octets, texts = {}, {}
    for way, end in (("a", call.a_media), ("b", call.b_media)):
        for whose, key in (("its", end.key), ("ours", end.far.key)):
            both = memory.media_key(f"{way} {whose}", key)
            texts.update({n: v for n, v in both.items() if n.endswith("text")})
            octets.update({n: v for n, v in both.items() if n.endswith("octets")})
            octets.update(session(f"{way} {whose}", key))
    for name in ("core", "edge"):
        key = memory.private(name, gateway.conf.interfaces[name == "edge"]["tls"]["key"])
        octets.update({n: v for n, v in key.items() if "words" in n})
    with open(log) as f:
        secrets = re.findall(r"^CLIENT_TRAFFIC_SECRET_0 \S+ (\S+)", f.read(), re.M)
    octets["TLS"] = bytes.fromhex(secrets[-1])
    return call, octets, texts


@root
def test_keys_are_where_no_dump_looks(launch, conf, peer):
    gateway = launch(conf)
    call, octets, texts = in_call(gateway, peer)
    pid = gateway.process.pid
    found = memory.find(pid, octets)
    assert set(octets) - set(found) <= {n for n in octets if n.endswith("rtcp cipher")}
    assert {n for n in found if "cipher" in n} and "TLS" in found  # so one can see
    shown = {n: flags for n, places in found.items() for flags in places if "dd" not in flags}
    assert not shown
    # SDP with keys is in messages, in the heap, of which a dump has nothing (test_no_dumps)
    assert any("dd" not in flags for n, places in memory.find(pid, texts).items()
               for flags in places)
    call.hang_up()


def cores(folder):
    return glob.glob(os.path.join(folder, "core*"))


def read_core(folder):
    """The dump, when it has been written."""
    end = time.monotonic() + 20
    while not cores(folder) and time.monotonic() < end:
        time.sleep(0.05)
    with open(cores(folder)[0], "rb") as f:
        return f.read()


def pattern():
    with open("/proc/sys/kernel/core_pattern") as f:
        return f.read().strip()


@root
@pytest.mark.skipif("/" in pattern() or "|" in pattern(), reason="dumps go elsewhere here")
def test_real_dump(launch, conf, peer, intruder, tmp_path):
    """With everything taken away but what the memory of keys is: they are not in it."""
    gateway = launch(conf, env=intruder(DUMPS=tmp_path))
    _, octets, texts = in_call(gateway, peer)
    pid = gateway.process.pid
    with open(f"/proc/{pid}/coredump_filter", "w") as f:
        f.write("0x33")
    gateway.signal(signal.SIGABRT)
    assert over(gateway) == -signal.SIGABRT
    core = read_core(tmp_path)
    assert any(text in core for text in texts.values())  # so one can see
    assert not [name for name, secret in octets.items() if secret in core]


@root
@pytest.mark.skipif("/" in pattern() or "|" in pattern(), reason="dumps go elsewhere here")
def test_no_real_dump(launch, conf, intruder, tmp_path):
    """The same limits from outside, but the daemon as it is."""
    gateway = launch(conf, env={"ASAN_OPTIONS": "disable_coredump=0"})
    gateway.signal(signal.SIGABRT)
    assert over(gateway) == -signal.SIGABRT
    assert not cores(os.getcwd())


# ---- keys that are over ----

@root
@pytest.mark.parametrize("kind", ("ec", "rsa"))
def test_old_private_key_is_gone(launch, conf, pki, tmp_path, kind):
    """After a renewal nothing of the old key is left: no number, no file's text."""
    def issue(n):
        made = pki.issue(f"{tmp_path.name}-{n}", "carrier-ca", "core.gateway.example", kind)
        for path, name in zip(made, ("c.crt", "c.key")):
            os.rename(path, tmp_path / name)
        return memory.private(str(n), tmp_path / "c.key")

    old = issue(1)
    conf.interfaces[0]["tls"] = {"certificate": str(tmp_path / "c.crt"),
                                 "key": str(tmp_path / "c.key")}
    gateway = launch(conf)
    pid, since = gateway.process.pid, gateway.mark()
    assert [n for n in memory.find(pid, old) if "words" in n]
    new = issue(2)
    gateway.wait_for("certificates_renewed", since)
    assert [n for n in memory.find(pid, new) if "words" in n]
    end = time.monotonic() + 10  # what nobody uses is freed on the other thread
    while memory.find(pid, old) and time.monotonic() < end:
        time.sleep(0.1)
    assert not memory.find(pid, old)
    # and of the one in use there is the number that is computed with, and no more
    assert not [n for n in memory.find(pid, new) if "words" not in n]


@root
def test_secrets_of_a_connection_are_gone(gateway, peer):
    """When it is closed; so is what was said in it (test_media_wipe.py has keys of media)."""
    carrier = peer("carrier").listen()
    log = os.path.join(gateway.tmp, "tls.secrets")
    carrier.client.keylog_filename = log
    carrier.connect()
    gateway.wait_for("conn_up", trunk="carrier", dir="in")
    with open(log) as f:
        secrets = {m[1]: bytes.fromhex(m[2])
                   for m in re.finditer(r"^(\w+) \S+ (\S+)$", f.read(), re.M)}
    pid = gateway.process.pid
    assert "SERVER_TRAFFIC_SECRET_0" in memory.find(pid, secrets)
    carrier.conn.close()
    gateway.wait_for("conn_down", trunk="carrier", dir="in")
    end = time.monotonic() + 10
    while memory.find(pid, secrets) and time.monotonic() < end:
        time.sleep(0.1)
    assert not memory.find(pid, secrets)
