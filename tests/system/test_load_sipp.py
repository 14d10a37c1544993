# SPDX-License-Identifier: BSD-3-Clause
"""Many calls: 1,000 at 50 per second, none lost, and nothing left of them."""
import time

import pytest

from sipp import WAYS, Sipp, call

CALLS, RATE, TALK_MS = 1000, 50, 1000


@pytest.fixture
def sipp(stunnel, launch, net, tmp_path):
    """Without a record of the messages, and with more time than elsewhere."""
    sipp = Sipp(net, tmp_path, seconds=60, trace=False)
    yield sipp
    sipp.stop()


def test_thousand_calls(sipp, launch, conf):
    conf.log["level"] = "info"
    gateway = launch(conf)
    begin = time.monotonic()
    call(sipp, WAYS["inbound"], "uac_quick", "uas_quick", calls=CALLS,
         args=["-r", str(RATE), "-l", "200", "-d", str(TALK_MS)])
    took = time.monotonic() - begin
    gateway.wait_for("call_end", status=200, count=CALLS)
    for event in ("call_start", "call_answered", "call_end"):
        assert len(gateway.find(event)) == CALLS
    assert all(line["cause"] == "caller hung up" for line in gateway.find("call_end"))
    assert took < 1.25 * CALLS / RATE + TALK_MS / 1000 + 2, "SIPp did not get its rate"
    # nobody listens where the calls come from
    assert not [line.text for line in gateway.lines if line.level in ("warn", "error")
                and not line.event.startswith("target_")]
