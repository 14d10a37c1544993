# SPDX-License-Identifier: BSD-3-Clause
"""Failover: targets are killed and revived while calls come, 20 per second.

No call may fail that another target can take; how long it takes them is printed
("failover_<kind>_ms median max", of the calls of the first second that had to go elsewhere) and
bounded by the settings; and a target that is well again gets calls again.
"""
import os
import statistics
import time

import pytest

from targets import Crowd, Namespace, wait

LONG = os.environ.get("SALLYPORT_LONG") == "1"
OUTAGE_S = 20 if LONG else 1.5
NUMBERS = "+4416329610"
RESPONSE_S, PROGRESS_S, STAGGER_S = 1, 2, 1
SLACK_MS = 1500  # for two busy processors and the sanitizers


@pytest.fixture
def crowd(net, pki):
    crowd = Crowd(net, pki)
    yield crowd
    crowd.close()


@pytest.fixture
def dark(net):
    if os.getuid():
        pytest.skip("network namespaces are for root only")
    namespace = Namespace(net)
    yield namespace
    namespace.close()


def settings(conf, net, first):
    conf.limits["calls"] = 1000
    conf.trunks[1].update(
        targets=[f"{first}:{net.port}", f"{net.address('service', 2)}:{net.port}"],
        response_s=RESPONSE_S, progress_s=PROGRESS_S, failover_s=10, failover_tries=4,
        options_s=1, options_timeout_s=1)


class Trial:
    """Two targets, the first of them about to be killed, and a caller."""

    def __init__(self, launch, conf, crowd, first=None, **more):
        net = conf.net
        settings(conf, net, first or net.service)
        self.first = crowd.target(first or net.service, **more)
        self.second = crowd.target(net.address("service", 2))
        self.second.set("open")
        self.start = lambda: launch(conf)
        self.caller = crowd.caller(NUMBERS)
        self.killed = 0

    def begin(self):
        """Calls, and they go to the first target."""
        self.gateway = self.start()
        for target in (self.first, self.second):
            if target.door == "open":
                self.gateway.wait_for("target_up", target=f"{target.address}:5061")
        self.caller.start()
        if self.first.door == "open" and self.first.invite == "answer":
            wait(lambda: len(self.first.answered) >= 5, "calls at the first target")
        else:
            self.killed = time.monotonic()
        return self

    def kill(self, **how):
        door = how.pop("door", None)
        self.killed = time.monotonic()
        for name, value in how.items():
            setattr(self.first, name, value)
        if door:
            self.first.set(door)

    def last(self):
        """The outage lasts, and calls are taken in it."""
        time.sleep(OUTAGE_S)
        wait(lambda: self.second.answered and self.second.answered[-1][0] > self.killed + OUTAGE_S
             - 0.5, "calls at the second target")

    def revive(self, kind):
        revived = time.monotonic()
        self.first.invite, self.first.options = "answer", True
        if self.first.door != "open":
            self.first.set("open")
        back = wait(lambda: [a for a in self.first.answered if a[0] > revived + 0.2],
                    "calls at the first target again")
        print(f"\nfailover_{kind}_back_ms {(back[0][0] - revived) * 1000:.0f}")
        return revived

    def report(self, kind, bound_ms, revived):
        """Look at all calls, and at how long those took that began around the killing."""
        self.caller.stop()
        lost = [f"{c.number}: {c.status} {c.response and c.response['Warning']}"
                for c in self.caller.calls if c.status != 200]
        assert not lost, lost
        moved = {n for _, n in self.first.invites} & {n for _, n in self.second.invites}
        sample = [c for c in self.caller.calls
                  if c.number in moved or self.killed <= c.begun < self.killed + 1]
        took = [c.took_ms for c in sample]
        print(f"failover_{kind}_ms {statistics.median(took):.0f} {max(took):.0f}"
              f"  ({len(sample)} calls of {len(self.caller.calls)}, {len(moved)} moved)")
        assert max(took) < bound_ms + SLACK_MS
        return moved

    def run(self, kind, bound_ms, **how):
        self.begin()
        self.kill(**how)
        self.last()
        return self.report(kind, bound_ms, self.revive(kind))


def test_connection_refused(launch, conf, crowd):
    trial = Trial(launch, conf, crowd)
    trial.first.set("open")
    trial.run("refused", 0, door="shut")


@pytest.mark.parametrize("door, bound_ms", (("hang", 0), ("fail", 0), ("leave", 0)))
def test_tls_dies(launch, conf, crowd, door, bound_ms):
    trial = Trial(launch, conf, crowd)
    trial.first.set("open")
    trial.run(f"tls_{door}", bound_ms, door=door)


@pytest.mark.parametrize("invite, options, bound_ms", (
    ("silence", True, RESPONSE_S * 1000), ("silence", False, RESPONSE_S * 1000),
    ("trying", True, PROGRESS_S * 1000), ("reset", True, 0),
    ("reset after 100", True, RESPONSE_S * 1000), ("reset after 180", True, RESPONSE_S * 1000)))
def test_invite_gets_nowhere(launch, conf, crowd, invite, options, bound_ms):
    trial = Trial(launch, conf, crowd)
    trial.first.set("open")
    kind = invite.replace(" ", "_") + ("" if options else "_no_options")
    assert trial.run(kind, bound_ms, invite=invite, options=options)
