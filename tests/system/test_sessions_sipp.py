# SPDX-License-Identifier: BSD-3-Clause
"""Offers, changes and ends of a session with SIPp at both ends, both ways through the gateway."""
import pytest

from sipp import OUT_PORT, WAYS, call

QUICK = ("-d", "10")


@pytest.fixture(params=WAYS)
def way(request):
    return WAYS[request.param]


# ---- RFC 3264, RFC 3261 13.2.1: the offer is in the 200 ----

def test_delayed_offer(sipp, gateway, way):
    call(sipp, way, "uac_delayed", "uas_delayed")
    assert gateway.wait_for("call_end")["status"] == "200"


# ---- RFC 3261 14: changes that meet ----

def test_glare(sipp, gateway, way):
    call(sipp, way, "uac_glare", "uas_glare")
    gateway.wait_for("call_changed", by="caller", caller="sendonly", callee="recvonly")
    gateway.wait_for("call_changed", by="callee", caller="inactive", callee="inactive")


def test_glare_at_the_far_end(sipp, gateway, way):
    call(sipp, way, "uac_retry", "uas_retry")
    gateway.wait_for("change_refused", side="caller", status=491)
    gateway.wait_for("call_changed", by="caller", caller="sendonly", callee="recvonly")


# ---- RFC 3261 9: CANCEL and 200 ----

def test_cancel_crosses_answer(sipp, gateway, way):
    call(sipp, way, "uac_cancel", "uas_late_answer")
    assert gateway.wait_for("call_end")["status"] == "487"


def test_cancel_after_answer(sipp, gateway, way):
    call(sipp, way, "uac_late_cancel", "uas_quick")
    assert gateway.wait_for("call_end")["status"] == "200"


# ---- RFC 3261 8.1.3.4, 21.3: redirects ----

@pytest.mark.parametrize("status", (300, 301, 302, 305, 380))
def test_redirect_is_a_failure(sipp, gateway, status):
    caller, callee, number, called = WAYS["inbound"]
    uas = sipp.uas(callee, "uas_redirect", status=status, to="+441632960001@other.service.example")
    uac = sipp.uac(caller, "uac_refused", number, called, status=480)
    uac.finish()
    uas.finish()
    gateway.wait_for("call_failed", callee_status=status, caller_status=480)
    assert "other.service" not in uac.received()


# ---- hold: how it is offered, told, answered, and what the holder gets ----

HOLD = {
    "sendonly": ("@sdp@\na=sendonly", "a=sendonly", "a=recvonly", "a=recvonly"),
    "inactive": ("@sdp@\na=inactive", "a=inactive", "a=inactive", "a=inactive"),
}


@pytest.mark.parametrize("style", HOLD)
def test_hold(sipp, gateway, way, style):
    offer, told, answer, got = HOLD[style]
    call(sipp, way, "uac_hold_style", "uas_hold_style", offer=offer, told=told, answer=answer,
         got=got)
    gateway.wait_for("call_changed", by="caller", caller=offer.split("=")[-1])
    gateway.wait_for("call_changed", by="caller", caller="sendrecv", callee="sendrecv")
