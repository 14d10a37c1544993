# SPDX-License-Identifier: BSD-3-Clause
"""Offers, changes and ends of a session with SIPp at both ends, both ways through the gateway."""
import pytest

from sipp import WAYS, call, text_of

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


def test_hold_by_address(sipp, gateway, way):
    """RFC 2543's hold, RFC 3264 8.4: the address is 0.0.0.0, and no direction says so."""
    held = text_of("sdp.txt").rstrip("\n").replace("[media_ip]", "0.0.0.0")
    call(sipp, way, "uac_hold_style", "uas_hold_style", offer=held, told="a=sendonly|a=inactive",
         answer="a=recvonly", got="a=recvonly|a=inactive")
    gateway.wait_for("call_changed", by="caller", callee="recvonly")
    gateway.wait_for("call_changed", by="caller", caller="sendrecv", callee="sendrecv")


@pytest.mark.parametrize("style", ("sendonly", "inactive"))
@pytest.mark.parametrize("offered", ("sendonly", "inactive"))
def test_hold_as_the_trunk_wants_it(sipp, launch, conf, offered, style):
    conf.trunks[1]["hold"] = style
    launch(conf)
    answer = {"sendonly": "recvonly", "inactive": "inactive"}
    call(sipp, WAYS["inbound"], "uac_hold_style", "uas_hold_style", offer=f"@sdp@\na={offered}",
         told=f"a={style}", answer=f"a={answer[style]}",
         got=f"a={answer[offered]}|a={answer[style]}")


# ---- RFC 3262: each leg on its own ----

RELIABLE = {  # of the trunk: what an INVITE to it says
    "supported": "Supported",
    "required": "Require",
}


@pytest.mark.parametrize("use", RELIABLE)
def test_reliable_callee(sipp, launch, conf, way, use):
    """The callee sends 183 reliably; the caller, without 100rel, gets it plain."""
    for trunk in conf.trunks:
        trunk["reliable_provisionals"] = use if trunk["name"] == way[1] else "off"
    gateway = launch(conf)
    call(sipp, way, "uac_unreliable", "uas_prack", **{"in": RELIABLE[use], "final": "@sdp@"})
    assert gateway.wait_for("call_end")["status"] == "200"


@pytest.mark.parametrize("header", ("Supported", "Require"))
def test_reliable_caller(sipp, launch, conf, way, header):
    """The caller has 100rel; the callee's trunk is kept from it."""
    for trunk in conf.trunks:
        trunk["reliable_provisionals"] = "supported" if trunk["name"] == way[0] else "off"
    gateway = launch(conf)
    call(sipp, way, "uac_prack", "uas_unreliable", **{"in": header})
    assert gateway.wait_for("call_end")["status"] == "200"


def test_reliable_both(sipp, launch, conf, way):
    for trunk in conf.trunks:
        trunk["reliable_provisionals"] = "supported"
    gateway = launch(conf)
    uac, _ = call(sipp, way, "uac_prack", "uas_prack", **{"in": "Supported", "final": "@sdp@"})
    assert "RSeq: 100\n" not in uac.received().replace("\r", ""), "the callee's RSeq leaks"
    assert gateway.wait_for("call_end")["status"] == "200"


def test_offer_in_reliable_provisional(sipp, launch, conf, way):
    for trunk in conf.trunks:
        trunk["reliable_provisionals"] = "supported"
    gateway = launch(conf)
    call(sipp, way, "uac_prack_offer", "uas_prack_offer")
    assert gateway.wait_for("call_end")["status"] == "200"


def test_early_update(sipp, launch, conf, way):
    """RFC 3311 5.1."""
    for trunk in conf.trunks:
        trunk["reliable_provisionals"] = "supported"
    gateway = launch(conf)
    call(sipp, way, "uac_early_update", "uas_early_update")
    assert gateway.wait_for("call_end")["status"] == "200"


def test_reliable_refused(sipp, launch, conf, way):
    """RFC 3261 8.2.2.3: the caller insists on 100rel, its trunk has none."""
    for trunk in conf.trunks:
        trunk["reliable_provisionals"] = "off"
    launch(conf)
    uac = sipp.uac(way[0], "uac_refused", way[2], way[3], status=420, insist="Require: 100rel")
    uac.finish()
    assert "Unsupported: 100rel" in uac.received()


# ---- RFC 3261 12.1, 13.2.2.4: a forking proxy beyond us ----

SDP2 = text_of("sdp.txt").rstrip("\n").replace("d0Rmd", "OTHER").replace("sipp 5365", "sipp 7365")


@pytest.mark.parametrize("winner", ("b", "c"))
def test_forked_early_dialogs(sipp, gateway, way, winner):
    call(sipp, way, "uac_forks", "uas_forks", winner=winner, sdp2=SDP2,
         answer={"b": "@sdp@", "c": SDP2}[winner])
    assert gateway.wait_for("call_end")["status"] == "200"


def test_forks_both_answer(sipp, gateway, way):
    call(sipp, way, "uac_quick", "uas_two_answers", args=["-d", "300"], sdp2=SDP2)
    assert gateway.wait_for("call_end")["status"] == "200"


# ---- redirect = "follow" ----

def test_redirect_is_followed(sipp, launch, conf):
    conf.trunks[1]["redirect"] = "follow"
    gateway = launch(conf)
    caller, callee, number, called = WAYS["inbound"]
    # a call is tried again with a Call-ID of its own, so for SIPp there are two
    uas = sipp.uas(callee, "uas_redirect_followed", calls=2, user="441632960002",
                   host="service.example")
    sipp.uac(caller, "uac_quick", number, called, args=QUICK).finish()
    uas.finish()
    assert gateway.wait_for("call_end")["status"] == "200"


@pytest.mark.parametrize("to", ("+441632960002@evil.example", "+441632960002@127.0.0.1"))
def test_redirect_elsewhere_is_not_followed(sipp, launch, conf, to):
    conf.trunks[1]["redirect"] = "follow"
    launch(conf)
    caller, callee, number, called = WAYS["inbound"]
    uas = sipp.uas(callee, "uas_redirect", status=302, to=to)
    sipp.uac(caller, "uac_refused", number, called, status=480).finish()
    uas.finish()
