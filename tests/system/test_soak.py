# SPDX-License-Identifier: BSD-3-Clause
"""The checks of ./dev soak (tests/soak/checks.py), held against figures that are good, and against
such as a faulty gateway would give: each fault has to be found, by the check that is for it."""
import os
import random
import sys

import pytest

from gateway import IN_USE
from pki import ROOT

sys.path.insert(0, os.path.join(ROOT, "tests", "soak"))

import checks  # noqa: E402


def rows(seconds=1500, every=2, **grow):
    """Samples of a gateway with calls that come and go; grow: of a column, what it gets by
    each minute, as a part of itself or as a number."""
    chance = random.Random(7)
    made = []
    for t in range(0, seconds, every):
        pairs = 2 * chance.randrange(800, 1000)
        row = {"t": float(t), "rss_kb": 230000 * chance.uniform(0.995, 1.005),
               "pss_kb": 221000 * chance.uniform(0.995, 1.005),
               "anon_kb": 190000 * chance.uniform(0.995, 1.005), "threads": 2,
               "port_pairs": pairs, "accepted": 14, "connected": 18}
        if chance.random() < 0.03:  # a reload: two tables for a moment
            row = {**row, **{k: row[k] * 1.2 for k in ("rss_kb", "pss_kb", "anon_kb")}}
        row["fds"] = 2 * pairs + 14 + 18 + 17 + chance.randrange(-6, 7)
        for column, much in grow.items():
            row[column] += (t / 60) * (much * row[column] if isinstance(much, float) else much)
        made.append(row)
    return made


def failed(found):
    return {check.name for check in found if not check.good}


FIGURES = {"in_use": {}, "begun": 90000, "answered": 81000, "failed": 9000, "refused": 2000,
           "log_start": 90000, "log_end": 90000, "log_open": 0, "attempts": 92003, "unheard": 3,
           "peers_answered": 80996, "unanswered": 7, "endless": 0, "reloads_ok": 300,
           "reloads_failed": 40, "reloads_good": 300, "reloads_bad": 40, "fds_start": 17,
           "fds_end": 17, "exit": 0, "stop": dict.fromkeys(IN_USE, "0"), "stop_keys": IN_USE,
           "unexpected": [], "watchdog_gap_s": 5.1, "watchdog_s": 10, "status_failed": 0,
           "faults": 0}


def judged(**changed):
    f = {**FIGURES, **changed}
    return failed(checks.balance(f) + checks.ended(f) + checks.peers(f))


@pytest.mark.parametrize("seconds", [240, 1500])
def test_good_samples_pass(seconds):
    assert not failed(checks.over_time(rows(seconds)))


@pytest.mark.parametrize("column", ["rss_kb", "pss_kb", "anon_kb"])
@pytest.mark.parametrize("seconds", [300, 1500])
def test_a_leak_of_a_percent_a_minute_is_found(column, seconds):
    assert failed(checks.over_time(rows(seconds, **{column: 0.01}))) == {column + "_flat"}


@pytest.mark.parametrize("seconds", [300, 1500])
def test_a_descriptor_in_20_s_is_found(seconds):
    """Beside 4,000 of media ports, which come and go."""
    assert failed(checks.over_time(rows(seconds, fds=3))) == {"spare_fds_flat"}


def test_a_thread_that_stays_is_found():
    assert failed(checks.over_time(rows(threads=1))) == {"threads_flat"}


def test_few_samples_prove_nothing():
    assert len(failed(checks.over_time(rows(20)))) == 5


def test_good_figures_pass():
    assert not judged()


@pytest.mark.parametrize("found, changed", [
    ("nothing_in_use", {"in_use": {"media_relays": 1}}),
    ("begun_is_answered_and_failed", {"failed": 8999}),
    ("call_start_is_begun", {"log_start": 90001, "log_end": 90001}),
    ("call_end_is_call_start", {"log_end": 89999}),
    ("calls_open_in_log", {"log_open": 1}),
    ("attempts_are_begun_and_refused", {"refused": 1999}),    # an INVITE that nobody counted
    ("attempts_are_begun_and_refused", {"refused": 2004}),    # one that nobody sent
    ("answered_as_callers_say", {"peers_answered": 81001}),
    ("answered_as_callers_say", {"peers_answered": 80990}),
    ("callers_without_an_end", {"endless": 1}),
    ("reloads_done", {"reloads_ok": 299}),
    ("reloads_refused", {"reloads_failed": 39}),
    ("idle_fds_as_at_the_start", {"fds_end": 18}),
    ("exit_status", {"exit": 1}),
    ("exit_status", {"exit": None}),                          # it had to be killed
    ("exit_status", {"exit": -6}),
    ("stop_line", {"stop": dict.fromkeys(IN_USE, "0") | {"ports": "1"}}),
    ("stop_line", {"stop": {}}),
    ("unexpected_log_lines", {"unexpected": ["error sip_unanswered method=INVITE"]}),
    ("watchdog_s", {"watchdog_gap_s": 10.2}),
    ("status_not_answered", {"status_failed": 1}),
    ("faults_of_the_soak", {"faults": 1}),
])
def test_each_fault_is_found(found, changed):
    assert judged(**changed) == {found}


@pytest.mark.parametrize("changed", [
    {"rtp_got": 97900}, {"rtp_bad": 1}, {"rtp_verified": 0}, {"rtp_sent": 0, "rtp_got": 0}])
def test_media_that_is_lost_or_forged_is_found(changed):
    good = {"rtp_sent": 100000, "rtp_got": 99900, "rtp_bad": 0, "rtp_verified": 1600}
    assert not failed(checks.media(good))
    assert failed(checks.media({**good, **changed}))


NOTHING = """\
==1== HEAP SUMMARY:
==1==     in use at exit: 0 bytes in 0 blocks
==1== All heap blocks were freed -- no leaks are possible
==1== ERROR SUMMARY: 0 errors from 0 contexts (suppressed: 5 from 1)
"""
REACHABLE = """\
==1== LEAK SUMMARY:
==1==    definitely lost: 0 bytes in 0 blocks
==1==    indirectly lost: 0 bytes in 0 blocks
==1==      possibly lost: 0 bytes in 0 blocks
==1==    still reachable: 1,024 bytes in 1 blocks
==1== ERROR SUMMARY: 0 errors from 0 contexts (suppressed: 0 from 0)
"""


def test_memcheck_is_read():
    assert not failed(checks.memcheck(NOTHING))
    assert not failed(checks.memcheck(REACHABLE))
    for kind in ("definitely", "indirectly", "possibly"):
        bad = REACHABLE.replace(f"{kind} lost: 0", f"{kind} lost: 1,048")
        assert failed(checks.memcheck(bad)) == {f"valgrind_{kind}_lost"}
    assert failed(checks.memcheck(NOTHING.replace("0 errors", "2 errors"))) == {"valgrind_errors"}
    assert len(failed(checks.memcheck("==1== Memcheck, killed before its end\n"))) == 4
