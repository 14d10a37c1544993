# SPDX-License-Identifier: BSD-3-Clause
"""Session timers (RFC 4028) with SIPp, on a clock that runs SPEED times as fast.

The shortest session that the RFC allows is 90 s: refreshed after 45, given up after 60.
The clock is the daemon's only; SIPp keeps to the true time.
"""
import re

import pytest

from clock import Clock
from sipp import WAYS, call

SPEED = 30
HALF_MS = 45000 // SPEED
INBOUND = WAYS["inbound"]


@pytest.fixture(scope="module")
def fast(tmp_path_factory):
    """The daemon's environment with the fast clock."""
    clock = Clock(tmp_path_factory.mktemp("clock"))
    clock.speed(SPEED)
    return clock.env


@pytest.fixture
def timed(launch, conf, fast):
    """timed(carrier={...}, service={...}): a gateway whose trunks have these settings."""
    def start(**settings):
        for trunk in conf.trunks:
            trunk["session_timer"] = "off"
            trunk.update(settings.get(trunk["name"], {}))
        return launch(conf, env=fast)
    return start


ON = {"session_timer": "supported", "session_expires_s": 90}


def versions(run):
    """The o= lines that a side got."""
    return re.findall(r"^o=\S+ (\d+ \d+) ", run.received(), re.M)


@pytest.mark.parametrize("refresh", ("UPDATE", "INVITE"))
def test_gateway_refreshes(sipp, timed, refresh):
    """Towards a callee; the caller, without timers, hears nothing of it."""
    gateway = timed(service={**ON, "session_refresh": refresh.lower(),
                             "session_refresher": "gateway"})
    uac, uas = call(sipp, INBOUND, "uac_quick", "uas_refreshed", args=["-d", str(HALF_MS + 500)],
                    refresh=refresh, sdp_of_refresh="@sdp@" if refresh == "INVITE" else "",
                    then='<recv request="ACK"/>' if refresh == "INVITE" else "")
    assert "UPDATE" not in re.sub("Allow:.*", "", uac.received())
    assert len(set(versions(uas))) == 1, "a refresh has the same version"
    assert gateway.wait_for("call_end")["status"] == "200"


def test_caller_refreshes(sipp, timed):
    """Its UPDATEs are answered here; the callee's trunk has no timers."""
    gateway = timed(carrier=ON)
    _, uas = call(sipp, INBOUND, "uac_refreshes", "uas_quick", half=HALF_MS)
    assert "Session-Expires" not in uas.received()
    assert gateway.wait_for("call_end")["status"] == "200"


def test_session_expires(sipp, timed):
    """The caller promised to refresh and did not: both sides are hung up, RFC 4028 10."""
    gateway = timed(carrier=ON)
    call(sipp, INBOUND, "uac_forgets", "uas_quick")
    end = gateway.wait_for("call_end")
    assert 55 <= float(end["talk_s"]) <= 91, end.text


def test_refresh_is_not_answered(sipp, timed):
    gateway = timed(service={**ON, "session_refresh": "update", "session_refresher": "gateway"})
    call(sipp, INBOUND, "uac_hung_up", "uas_refresh_ignored")
    end = gateway.wait_for("call_end")
    assert 45 <= float(end["talk_s"]) <= 91, end.text


def test_too_short_for_the_gateway(sipp, timed):
    timed(carrier={**ON, "session_min_s": 90})
    sipp.uac("carrier", "uac_too_short", INBOUND[2], INBOUND[3]).finish()


def test_too_short_for_the_callee(sipp, timed):
    gateway = timed(service=ON)
    call(sipp, INBOUND, "uac_quick", "uas_too_short", args=["-d", "10"])
    assert gateway.wait_for("call_end")["status"] == "200"
