# SPDX-License-Identifier: BSD-3-Clause
"""A trial of failover: two targets, of which the first is killed and revived while calls come, 20
per second.

No call may fail that the other target can take. How long they take is printed
("failover_<kind>_ms median max", of those whose INVITE went twice and those that began in the first
second) and bounded by the settings. And a target that is well again gets calls again
("failover_<kind>_back_ms"). A call without any of that takes 100 ms until it is answered.
"""
import os
import statistics
import time

from targets import wait

OUTAGE_S = 20 if os.environ.get("SALLYPORT_LONG") == "1" else 1.5
NUMBERS = "+4416329610"
RESPONSE_MS, PROGRESS_MS = 1000, 2000  # as set below
STAGGER_MS = 1000  # after so long without a connection the next target is tried too
DOWN_MS = 4000     # OPTIONS twice unanswered: 1 s each, and 1 to 2 s between them
SLACK_MS = 1500    # for two busy processors and the sanitizers


class Trial:
    """dark: the network of the first target."""

    def __init__(self, launch, conf, crowd, dark=None):
        net = conf.net
        address = dark.there if dark else net.service
        conf.limits["calls"] = 1000
        conf.trunks[1].update(
            targets=[f"{address}:{net.port}", f"{net.address('service', 2)}:{net.port}"],
            response_s=RESPONSE_MS // 1000, progress_s=PROGRESS_MS // 1000, failover_s=10,
            failover_tries=4, options_s=1, options_timeout_s=1)
        self.first = crowd.target(address, listener=dark and (lambda: dark.listener(net.port)))
        self.second = crowd.target(net.address("service", 2))
        self.second.set("open")
        self.start = lambda: launch(conf)
        self.caller = crowd.caller(NUMBERS)
        self.killed = 0

    def begin(self):
        """Calls, and where the first target is well they go there."""
        self.gateway = self.start()
        if self.first.door != "open":
            self.killed = time.monotonic()
            self.caller.start()
            return
        for target in (self.first, self.second):
            self.gateway.wait_for("target_up", target=f"{target.address}:5061")
        self.caller.start()
        wait(lambda: len(self.first.answered) >= 5, "calls at the first target")

    def kill(self, door=None, **how):
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
        """Well again, and new calls go there again."""
        revived = time.monotonic()
        self.first.invite, self.first.options = "answer", True
        if self.first.door != "open":
            self.first.set("open")
        back = wait(lambda: self.fresh(revived), "new calls at the first target again",
                    seconds=60)
        print(f"\nfailover_{kind}_back_ms {(back[0].begun - revived) * 1000:.0f}")

    def fresh(self, since):
        """Calls that began since and were answered by the first target."""
        numbers = {n for _, n in self.first.answered}
        return [c for c in list(self.caller.calls) if c.begun > since and c.number in numbers]

    def moved(self):
        """The called numbers of calls whose INVITE went more than once."""
        again = {line["call"] for line in self.gateway.find("call_retry")}
        return {line["called"] for line in self.gateway.find("call_start") if line["call"] in again}

    def report(self, kind, bound_ms):
        """No call has failed, and none took longer than it may; -> moved()."""
        self.caller.stop()
        lost = [f"{c.number}: {c.status} {c.response and c.response['Warning']}"
                for c in self.caller.calls if c.status != 200]
        assert not lost, lost
        moved = self.moved()
        sample = [c for c in self.caller.calls
                  if c.number in moved or self.killed <= c.begun < self.killed + 1]
        took = [c.took_ms for c in sample]
        print(f"failover_{kind}_ms {statistics.median(took):.0f} {max(took):.0f}"
              f"  ({len(sample)} calls of {len(self.caller.calls)}, {len(moved)} moved)")
        assert max(c.took_ms for c in self.caller.calls) < bound_ms + SLACK_MS
        return moved

    def run(self, kind, bound_ms, **how):
        self.begin()
        self.kill(**how)
        self.last()
        self.revive(kind)
        return self.report(kind, bound_ms)
