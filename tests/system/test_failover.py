# SPDX-License-Identifier: BSD-3-Clause
"""Failover from targets that cannot be reached (RFC 3263 4.3); failover.py says what is
measured."""
import time

import pytest

from failover import DOWN_MS, RESPONSE_MS, STAGGER_MS, Trial

# nobody listens; no handshake; a broken one; closed right after it, which in TLS 1.3 is how a
# client hears that its certificate is refused
DOORS = ("shut", "hang", "fail", "leave")


@pytest.mark.parametrize("door", DOORS)
def test_it_dies(launch, conf, crowd, door):
    """Its connections go, and there are no new ones. Whom it let ring is called elsewhere."""
    trial = Trial(launch, conf, crowd)
    trial.first.set("open")
    trial.run(f"door_{door}", RESPONSE_MS, door=door)


@pytest.mark.parametrize("door", DOORS)
def test_it_is_dead_from_the_start(launch, conf, crowd, door):
    trial = Trial(launch, conf, crowd)
    trial.first.set(door)
    trial.begin()
    trial.last()
    trial.revive(f"first_{door}")
    trial.report(f"first_{door}", STAGGER_MS if door == "hang" else 0)


def test_black_hole(launch, conf, crowd, dark):
    """The network goes: connections are silent, and so is who is called anew."""
    conf.interfaces[1]["sip"]["address"] = conf.interfaces[1]["media"]["address"] = dark.here
    trial = Trial(launch, conf, crowd, dark)
    trial.first.set("open")
    trial.begin()
    trial.killed = time.monotonic()
    dark.dark()
    trial.last()
    dark.dark(False)
    trial.revive("black_hole")
    assert trial.report("black_hole", DOWN_MS)


def test_black_hole_from_the_start(launch, conf, crowd, dark):
    """No attempt to connect gets an answer; none waits for its end."""
    trial = Trial(launch, conf, crowd, dark)
    trial.first.set("open")
    trial.first.door = "dark"
    dark.dark()
    trial.begin()
    trial.last()
    dark.dark(False)
    trial.first.door = "open"
    trial.revive("black_hole_first")
    trial.report("black_hole_first", STAGGER_MS)
