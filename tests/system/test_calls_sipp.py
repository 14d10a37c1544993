# SPDX-License-Identifier: BSD-3-Clause
"""Calls with SIPp at both ends, each through an stunnel with its own client certificate.

Each scenario that makes sense in both directions is run in both. After each
the messages that one side got are searched for names and addresses of the other.
"""
import pytest

from gateway import Conf
from sipp import WAYS, call

pytestmark = pytest.mark.usefixtures("gateway")
DID, DID2, OUTSIDE = Conf.DID, Conf.DID2, Conf.OUTSIDE


@pytest.fixture(params=WAYS)
def way(request):
    return WAYS[request.param]


def test_answered(sipp, gateway, way):
    uac, uas = call(sipp, way, "uac_answered", "uas_answered", args=["-d", "100"])
    assert uas.received().count("INVITE sip:") == 1
    end = gateway.wait_for("call_end", status=200)
    assert end["cause"] == "caller hung up"
    start = gateway.find("call_start", call=end["call"])[0]
    assert (start["from"], start["to"]) == way[:2]
    assert (start["caller"], start["called"]) == way[2:]


def test_custom_headers_to_service(sipp):
    call(sipp, WAYS["inbound"], "uac_answered", "uas_headers", args=["-d", "10"])


def test_custom_headers_not_to_carrier(sipp):
    _, uas = call(sipp, WAYS["outbound"], "uac_answered", "uas_answered", args=["-d", "10"])
    assert "X-Account" not in uas.received()


def test_custom_headers_to_carrier_where_told(sipp):
    _, uas = call(sipp, ("service", "carrier", DID2, OUTSIDE), "uac_answered", "uas_answered",
                  args=["-d", "10"])
    assert "X-Account: acme-2\n" in uas.received().replace("\r", "")


def test_callee_hangs_up(sipp, gateway, way):
    call(sipp, way, "uac_callee_bye", "uas_callee_bye")
    assert gateway.wait_for("call_end", status=200)["cause"] == "callee hung up"


def test_busy(sipp, gateway, way):
    call(sipp, way, "uac_refused", "uas_refuse", status=486)
    gateway.wait_for("call_failed", callee_status=486, caller_status=486)


@pytest.mark.parametrize("theirs, ours", ((503, 503), (603, 603), (407, 502), (302, 480),
                                          (404, 404), (500, 500), (483, 502)))
def test_failure_mapped(sipp, gateway, theirs, ours):
    caller, callee, number, called = WAYS["inbound"]
    uas = sipp.uas(callee, "uas_refuse", status=theirs)
    uac = sipp.uac(caller, "uac_refused", number, called, status=ours)
    uac.finish()
    uas.finish()
    gateway.wait_for("call_failed", callee_status=theirs, caller_status=ours)


def test_no_answer_cancelled(sipp, gateway, way):
    call(sipp, way, "uac_cancel", "uas_cancelled")
    assert gateway.wait_for("call_end", status=487)["cause"] == "cancelled by the caller"


def test_hold_and_resume_by_caller(sipp, gateway, way):
    call(sipp, way, "uac_hold", "uas_held")
    gateway.wait_for("call_changed", by="caller", caller="sendonly", callee="recvonly")
    gateway.wait_for("call_changed", by="caller", caller="sendrecv", callee="sendrecv")


def test_hold_and_resume_by_callee(sipp, gateway, way):
    call(sipp, way, "uac_held", "uas_hold")
    gateway.wait_for("call_changed", by="callee", caller="inactive", callee="inactive")
    gateway.wait_for("call_changed", by="callee", caller="sendrecv", callee="sendrecv")


def test_hold_and_resume_by_update(sipp, gateway, way):
    call(sipp, way, "uac_update", "uas_updated")
    gateway.wait_for("call_changed", by="caller", caller="sendonly", callee="recvonly")


def test_unknown_number(sipp, gateway):
    sipp.uac("carrier", "uac_refused", OUTSIDE, "+441632969999", status=404).finish()
    gateway.wait_for("call_refused", trunk="carrier", status=404, called="+441632969999")


def test_foreign_calling_number(sipp, gateway):
    sipp.uac("service", "uac_refused", OUTSIDE, "+441632970001", status=403).finish()
    gateway.wait_for("call_refused", trunk="service", status=403, caller=OUTSIDE)


def test_plain_rtp_refused(sipp, gateway, way):
    caller, _, number, called = way
    sipp.uac(caller, "uac_refused_why", number, called, proto="RTP/AVP", status=488,
             why="RTP/SAVP").finish()
    gateway.wait_for("call_refused", trunk=caller, status=488)


def test_other_suite_refused(sipp, gateway, way):
    caller, _, number, called = way
    sipp.uac(caller, "uac_refused_why", number, called, suite="AES_CM_128_HMAC_SHA1_32",
             status=488, why="AES_CM_128_HMAC_SHA1_80").finish()
    gateway.wait_for("call_refused", trunk=caller, status=488)


@pytest.mark.parametrize("side", ("carrier", "service"))
def test_options(sipp, side):
    sipp.uac(side, "uac_options", "", "").finish()


def test_fifty_calls_at_once(sipp, gateway):
    call(sipp, WAYS["inbound"], "uac_answered", "uas_answered", calls=50,
         args=["-l", "50", "-r", "50", "-d", "2500"])
    gateway.wait_for("call_end", status=200, count=50)
    up = most = 0
    for line in gateway.lines:
        up += (line.event == "call_answered") - (line.event == "call_end")
        most = max(most, up)
    assert most == 50
