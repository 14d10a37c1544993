# SPDX-License-Identifier: BSD-3-Clause
"""Memory runs short while the daemon runs (shortage.c), with calls, their media, reloads and
renewals: what fails fails cleanly, and all is well as soon as there is enough again.

Prints, for each degree, how many allocations failed and what became of the calls (pytest -s).
"""
import errno
import itertools
import os
import signal
import time

import pytest

from clock import Clock
from gateway import Conf
from shortage import Shortage, descriptors, new_call, talk
from targets import wait
from test_certificates import live, shown  # noqa: F401 (a fixture)
from test_faults_kill import Stubborn, status
from ua import Call

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE
NUMBERS = "+4416329610"
LONG = os.environ.get("SALLYPORT_LONG") == "1"
ONE_IN = (300, 100, 30, 10, 3, 1)  # allocations that fails; in the end there is no memory at all
PHASE_S = 20 if LONG else 0.7
SPEED = 60  # for the timers of what was cut off: 32 s (RFC 3261 17.1)


@pytest.fixture
def shortage(tmp_path):
    return Shortage(tmp_path)


@pytest.fixture
def clock(tmp_path):
    return Clock(tmp_path)


def env(*tools):
    """Several preloaded at once."""
    both = {k: v for tool in tools for k, v in tool.env.items()}
    return {**both, "LD_PRELOAD": " ".join(tool.env["LD_PRELOAD"] for tool in tools)}


def share(peer, caller):
    """They are one trunk: what is about the caller's calls may come to either of them."""
    own = peer.take

    def take(message):
        if message["Call-ID"] in caller.by_id:
            caller.crowd.loop.call_soon_threadsafe(caller.take, message)
        else:
            own(message)
    peer.take = take


def settled(gateway, clock, call, seqs):
    """What was cut off is over when its timers are, and only this call is left."""
    def look():
        talk(call, [next(seqs)])
        now = status(gateway)
        return (now["calls"]["now"], now["dialogs"], now["relays"],
                now["transactions"]["pending"]) == (1, 2, 1, 0)
    clock.speed(SPEED)
    wait(look, "end of the calls")
    clock.speed(1)


# ---- memory ----

def test_memory_of_calls(launch, conf, net, pki, peer, crowd, clock, shortage):
    """One allocation in so many fails, with 20 calls per second and one that goes on all the
    time: its media need none."""
    pki.issue("farm", "service-ca", "farm.example")
    farm = net.address("service", 2)
    conf.trunks.append(conf.trunk("service", name="farm", identities=["farm.example"],
                                  carrier="carrier", targets=[f"{farm}:{net.port}"]))
    conf.numbers = [{"number": DID, "trunk": "service"}, {"number": NUMBERS + "*", "trunk": "farm"}]
    conf.limits.update(port_rest_s=0, media_timeout_s=2 * SPEED)
    gateway = launch(conf, env=env(clock, shortage))
    target = crowd.target(farm, cert="farm")
    target.set("open")
    carrier, service = peer("carrier").listen(), peer("service").listen()
    caller = Stubborn(crowd, NUMBERS)
    crowd.members.append(caller)
    share(carrier, caller)
    carrier.connect()
    gateway.connected("carrier", "service", "farm")
    caller.start()
    long = Call(carrier, service, OUTSIDE, DID).answer()
    talk(long, [1])
    before, seqs = len(descriptors(gateway)), itertools.count(2)
    for one_in in ONE_IN:
        begun, failed = len(caller.calls), shortage.failed("memory")
        with shortage.of("memory", errno.ENOMEM, one_in):
            until = time.monotonic() + PHASE_S
            while time.monotonic() < until:
                talk(long, itertools.islice(seqs, 4))
                time.sleep(0.05)
        new_call(carrier, service)
        failed = shortage.failed("memory") - failed
        became = [c.status for c in caller.calls[begun:]]
        print(f"\nmemory 1 in {one_in}: {failed} failed; calls "
              + ", ".join(f"{became.count(s)}: {s}" for s in sorted(set(became), key=str)))
        assert failed and set(became) <= {None, 200, 500, 503}

    # None: its connection was lost, and its caller hangs up no more. Nothing is stuck or missing
    wait(lambda: caller.wires and any(c.status == 200 for c in caller.calls[-3:]), "calls")
    caller.stop()
    settled(gateway, clock, long, seqs)
    wait(lambda: len(descriptors(gateway)) <= before, f"return of descriptors, of {before}")
    long.a.conn = carrier.conn
    long.hang_up()
    ended = gateway.find("call_end", call=gateway.find("call_start", called=DID)[0]["call"])[0]
    assert ended["from_caller"] == ended["from_callee"] == str(next(seqs) - 1)
    assert not gateway.find("sip_unanswered")
    # what was not answered in time had been sent: it waited for its peer, not for us
    for line in gateway.find("call_end", status=408):
        assert gateway.find("call_invite", call=line["call"]), line.text


def test_memory_of_reloads(launch, conf, live, net, pki, peer, clock, shortage):  # noqa: F811
    """A reload or a renewal is done or refused with its reason; the old ones go on until then."""
    gateway = launch(conf, env=env(clock, shortage))
    carrier, service = peer("carrier").listen(), peer("service").listen()
    carrier.connect()
    gateway.connected("carrier", "service")

    def account():
        return new_call(carrier, service).invite["X-Account"]
    runs, results = conf.numbers[0]["headers"]["X-Account"], []
    for n, one_in in enumerate(10 * ONE_IN if LONG else ONE_IN):
        conf.numbers[0]["headers"]["X-Account"] = f"new-{n}"
        gateway.write()
        since = gateway.mark()
        with shortage.of("memory", errno.ENOMEM, one_in):
            gateway.signal(signal.SIGHUP)
            done = gateway.until(lambda: gateway.find("reload_done", since)
                                 or gateway.find("reload_failed", since), "end of a reload")[0]
        results.append(done.event)
        runs = f"new-{n}" if done.event == "reload_done" else runs
        assert done.event == "reload_done" or done["error"]
        assert account() == runs
    print("\nreloads:", ", ".join(results))
    assert "reload_failed" in results
    gateway.reload()
    assert account() == conf.numbers[0]["headers"]["X-Account"]

    since = gateway.mark()
    with shortage.of("memory", errno.ENOMEM):
        serial = live.renew()
        clock.speed(SPEED)
        gateway.wait_for("certificates_bad", since)
    # nobody touches the files any more
    gateway.wait_for("certificates_renewed", since)
    clock.speed(1)
    assert shown(net, pki) == serial
    account()
    assert status(gateway)["configuration"]["reloads_failed"] == results.count("reload_failed")
