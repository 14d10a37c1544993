# SPDX-License-Identifier: BSD-3-Clause
"""Number files: directories of them, gzip, and what a reload of large ones does to calls."""
import gzip
import re
import signal
import time

import pytest

from ua import Call, Leg

OUTSIDE = "+441632970099"
ROWS = 200000


def rows(n, account, first=0):
    return "".join(f"+4420{i:08},service,{account}\n" for i in range(first, first + n))


def large(path, account, more=""):
    """ROWS numbers of an account, whose name is in a header."""
    path.write_text("number,trunk,header:X-Account\n" + rows(ROWS, account) + more)


def number(i):
    return f"+4420{i:08}"


@pytest.fixture
def two(peer):
    """A carrier that is connected and a service that listens, for a gateway that runs."""
    def make():
        carrier, service = peer("carrier"), peer("service").listen()
        carrier.connect()
        return carrier, service
    return make


def test_directory(launch, conf, two, tmp_path):
    folder = tmp_path / "numbers"
    folder.mkdir()
    head = "number,trunk,header:X-Account\n"
    (folder / "a.csv").write_text(head + "+441632980001,service,plain\n")
    (folder / "b.csv.gz").write_bytes(gzip.compress((head + "+44163298*,service,zipped\n").encode()))
    (folder / "c.csv").write_bytes(gzip.compress((head + "+441632980003,service,named\n").encode()))
    (folder / ".d.csv").write_text("hidden")
    (folder / "e.csv.bak").write_text("another name")
    conf.number_files = [str(folder)]
    gateway = launch(conf)
    carrier, service = two()
    for last, account in (("1", "plain"), ("2", "zipped"), ("3", "named")):
        call = Call(carrier, service, OUTSIDE, "+44163298000" + last).answer()
        assert call.invite["X-Account"] == account
        call.hang_up()
    # a further file is there with the next reload
    (folder / "0.csv").write_text(head + "+441632980002,service,new\n")
    gateway.reload()
    call = Call(carrier, service, OUTSIDE, "+441632980002").answer()
    assert call.invite["X-Account"] == "new"
    call.hang_up()
    # and one that is not whole changes nothing
    whole = gzip.compress((head + rows(1000, "x")).encode())
    (folder / "z.csv.gz").write_bytes(whole[:len(whole) // 2])
    gateway.reload()
    gateway.wait_for("conf_mistake", line=re.compile(r"z\.csv\.gz.*cut short"))
    gateway.wait_for("reload_failed", mistakes=1)
    Leg(carrier).refused(OUTSIDE, number(1), 404)
    Call(carrier, service, OUTSIDE, "+441632980002").answer().hang_up()


def test_reload_under_calls(launch, conf, two, tmp_path):
    """Calls come and go while a large file is read; each is of the one table or of the other."""
    csv = tmp_path / "numbers.csv"
    large(csv, "old")
    conf.number_files = [str(csv)]
    gateway = launch(conf)
    carrier, service = two()
    long = Call(carrier, service, OUTSIDE, number(7)).answer()
    large(csv, "new")
    accounts, during = [], 0
    since = gateway.mark()
    gateway.signal(signal.SIGHUP)
    gateway.wait_state("RELOADING=1")
    while "new" not in accounts:
        under_way = not gateway.find("reload_done", since)
        call = Call(carrier, service, OUTSIDE, number(len(accounts))).answer()
        accounts.append(call.invite["X-Account"])
        call.hang_up()
        during += under_way and accounts[-1] == "old"
    assert during >= 1, "it was over before the first call"
    assert set(accounts) == {"old", "new"}
    assert accounts == sorted(accounts, reverse=True)
    gateway.wait_for("reload_done", since)
    long.change("UPDATE", "b", "sendonly", "recvonly")  # keeps the table that it began with
    long.hang_up()


def test_bad_row(launch, conf, two, tmp_path):
    """One in 200,000: the file is rejected whole, and the row is named."""
    csv = tmp_path / "numbers.csv"
    large(csv, "old")
    conf.number_files = [str(csv)]
    gateway = launch(conf)
    carrier, service = two()
    large(csv, "new", "0207946000,service,x\n")
    gateway.reload()
    gateway.wait_for("conf_mistake",
                     line=re.compile(rf"numbers\.csv:{ROWS + 2}: number = .0207946000"))
    gateway.wait_for("reload_failed", mistakes=1)
    call = Call(carrier, service, OUTSIDE, number(ROWS - 1)).answer()
    assert call.invite["X-Account"] == "old"
    call.hang_up()


def test_many_bad_rows(launch, conf, two, tmp_path):
    """100 of them with line and reason; the others are not told."""
    csv = tmp_path / "numbers.csv"
    large(csv, "old")
    conf.number_files = [str(csv)]
    gateway = launch(conf)
    carrier, service = two()
    large(csv, "new", "".join(f"+4421{i:08},nobody,x\n" for i in range(5000)))
    gateway.reload()
    gateway.wait_for("reload_failed")
    told = [line["line"] for line in gateway.find("conf_mistake")]
    lines = [int(m[1]) for m in (re.search(r'csv:(\d+): trunk = "nobody"', t) for t in told) if m]
    assert lines == list(range(ROWS + 2, ROWS + 102))
    assert len(told) == 101 and "further" in told[-1]
    Call(carrier, service, OUTSIDE, number(0)).answer().hang_up()


def test_reload_during_a_reload(launch, conf, two, tmp_path):
    """What was changed while the first was being read is in the second."""
    csv = tmp_path / "numbers.csv"
    large(csv, "old")
    conf.number_files = [str(csv)]
    gateway = launch(conf)
    carrier, service = two()
    gateway.signal(signal.SIGHUP)
    gateway.wait_state("RELOADING=1")
    part = tmp_path / "numbers.part"
    part.write_text(f"number,trunk,header:X-Account\n{number(0)},service,new\n")
    part.rename(csv)
    for _ in range(3):
        gateway.signal(signal.SIGHUP)
    gateway.wait_for("reload_done", numbers=4)  # and three of the configuration's own
    gateway.wait_for("reload_done", count=2)
    call = Call(carrier, service, OUTSIDE, number(0)).answer()
    assert call.invite["X-Account"] == "new"
    call.hang_up()


def test_end_during_a_reload(launch, conf, tmp_path):
    """SIGTERM does not wait for it."""
    csv = tmp_path / "numbers.csv"
    large(csv, "old")
    conf.number_files = [str(csv)]
    gateway = launch(conf)
    large(csv, "new", rows(2 * ROWS, "new", ROWS))
    gateway.signal(signal.SIGHUP)
    gateway.wait_state("RELOADING=1")
    begun = time.monotonic()
    gateway.signal(signal.SIGTERM)
    assert gateway.wait_exit() == 0
    assert time.monotonic() - begun < 3
    assert not gateway.find("reload_done")
    gateway.wait_for("stop", calls=0)


def test_media_during_reloads(launch, conf, two, tmp_path):
    """Packets pass both ways while reloads follow each other."""
    csv = tmp_path / "numbers.csv"
    large(csv, "old")
    conf.number_files = [str(csv)]
    gateway = launch(conf)
    carrier, service = two()
    call = Call(carrier, service, OUTSIDE, number(1)).answer()
    a, b, seq = call.a_media, call.b_media, 0
    for n in (1, 2):
        gateway.signal(signal.SIGHUP)
        gateway.wait_state("RELOADING=1", n)
        while len(gateway.find("reload_done")) < n:
            seq += 1
            for sender, receiver in ((a, b), (b, a)):
                sender.send(sender.packet(seq, b"packet %d" % seq))
                assert receiver.receive()[12:] == b"packet %d" % seq
    assert seq > 10
    call.hang_up()
