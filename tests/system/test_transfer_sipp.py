# SPDX-License-Identifier: BSD-3-Clause
"""Transfer with SIPp (RFC 3515, 5589, 3891), in each of a trunk's modes.

A, of the carrier's, has a call with S, the service's. S sends A on to B, of the carrier's:
blind, or after a call of its own with B.
"""
import re
import time
from urllib.parse import quote, unquote

import pytest

from gateway import Conf
from sipp import WAYS

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE
B = "+441632970088"
REFER_TO = f"sip:{B}@edge.gateway.example"


def mode(conf, value):
    for trunk in conf.trunks:
        trunk["transfer"] = value
    return conf


def header(text, name):
    return re.search(rf"^{name}: *(.*?)\s*$", text, re.M)[1]


def tag(value):
    return re.search(r";tag=([^;\s]+)", value)[1]


class Consultation:
    """A call from S to B, as SIPp's messages tell of it."""

    def __init__(self, sipp, gateway):
        self.b = sipp.uas("carrier", "uas_party", patience=3000)
        self.s = sipp.uac("service", "uac_party", DID, B)
        gateway.wait_for("call_answered")
        deadline = time.monotonic() + 10
        while "ACK sip:" not in self.b.received() or "SIP/2.0 200" not in self.s.received():
            assert time.monotonic() < deadline, "the call with B is not up"
            time.sleep(0.02)
        ok = [m for m in re.split(r"^TCP message", self.s.received(), flags=re.M)
              if "SIP/2.0 200" in m][0]
        # RFC 3891 3: the tags as the one sees them who gets the Replaces
        self.replaces = (f"{header(ok, 'Call-ID')};to-tag={tag(header(ok, 'To'))}"
                         f";from-tag={tag(header(ok, 'From'))}")
        self.of_b = header(self.b.received(), "Call-ID")


# ---- refuse, the default ----

@pytest.mark.parametrize("caller, callee, number, called", WAYS.values(), ids=WAYS)
def test_refused(sipp, launch, conf, caller, callee, number, called):
    gateway = launch(conf)
    uas = sipp.uas(callee, "uas_refer_refused", to=f"{B}@gateway.example")
    uac = sipp.uac(caller, "uac_quick", number, called, args=["-d", "300"])
    uac.finish()
    uas.finish()
    assert "REFER" not in uac.received()
    assert gateway.wait_for("call_end")["cause"] == "caller hung up"
    assert len(gateway.find("call_start")) == 1


# ---- relay: A gets the REFER, and its NOTIFYs go back ----

def test_blind_relayed(sipp, launch, conf):
    gateway = launch(mode(conf, "relay"))
    uas = sipp.uas("service", "uas_refer", to=REFER_TO)
    uac = sipp.uac("carrier", "uac_referred", OUTSIDE, DID, refer_to=re.escape(f"sip:{B}@"))
    uac.finish()
    uas.finish()
    assert len(gateway.find("call_start")) == 1


def test_attended_relayed(sipp, launch, conf):
    """The ids in Replaces become those of the dialog that the carrier knows, the one with B."""
    gateway = launch(mode(conf, "relay"))
    consultation = Consultation(sipp, gateway)
    uas = sipp.uas("service", "uas_refer",
                   to=f"{REFER_TO}?Replaces={quote(consultation.replaces, safe='')}")
    uac = sipp.uac("carrier", "uac_referred", OUTSIDE, DID, refer_to="Replaces=")
    uac.finish()
    uas.finish()
    refer_to = unquote(header(uac.received(), "Refer-To"))
    assert f"Replaces={consultation.of_b};" in refer_to
    consultation.b.finish()
    consultation.s.finish()


# ---- handle: the gateway does it ----

def test_blind_handled(sipp, launch, conf):
    gateway = launch(mode(conf, "handle"))
    b = sipp.uas("carrier", "uas_party")
    s = sipp.uas("service", "uas_refer", to=REFER_TO)
    a = sipp.uac("carrier", "uac_party", OUTSIDE, DID)
    for run in (s, b, a):
        run.finish()
    assert "REFER" not in re.sub("Allow:.*", "", a.received())
    assert f"INVITE sip:{B}@" in b.received()
    gateway.wait_for("call_end")


def test_blind_handled_but_refused(sipp, launch, conf):
    """B is busy: S hears of it by NOTIFY, and A and S are still in their call."""
    gateway = launch(mode(conf, "handle"))
    b = sipp.uas("carrier", "uas_refuse", status=486)
    s = sipp.uas("service", "uas_refer_fails", to=REFER_TO)
    a = sipp.uac("carrier", "uac_party", OUTSIDE, DID)
    for run in (b, s, a):
        run.finish()
    gateway.wait_for("call_end")


def test_attended_handled(sipp, launch, conf):
    gateway = launch(mode(conf, "handle"))
    consultation = Consultation(sipp, gateway)
    s = sipp.uas("service", "uas_refer",
                 to=f"{REFER_TO}?Replaces={quote(consultation.replaces, safe='')}")
    a = sipp.uac("carrier", "uac_party", OUTSIDE, DID)
    for run in (s, consultation.s, consultation.b, a):
        run.finish()
    assert "REFER" not in re.sub("Allow:.*", "", a.received())
    assert consultation.b.received().count("INVITE sip:") <= 2
