# SPDX-License-Identifier: BSD-3-Clause
"""baresip at both ends, with TLS and SDES of its own: voice, hold and transfer.

The softphone is the demo's (tests/demo/softphone.py). Each plays a tone of its own
and records what it hears.
"""
import os
import sys

import pytest

from gateway import Conf
from pki import ROOT

sys.path.insert(0, os.path.join(ROOT, "tests", "demo"))
from softphone import Softphone  # noqa: E402

DID, DID2, OUTSIDE = Conf.DID, Conf.DID2, Conf.OUTSIDE
WHOLE_S = 30
WAYS = {"inbound": ("carrier", "service"), "outbound": ("service", "carrier")}
NUMBERS = {"carrier": OUTSIDE, "service": DID, "other": DID2}
TONES = {"carrier": 440, "service": 880, "other": 660}


@pytest.fixture(params=WAYS)
def way(request):
    return WAYS[request.param]


@pytest.fixture
def phones(net, pki, conf, launch, tmp_path):
    """phones("carrier", "service"): a gateway, and these phones; the second one answers."""
    made = []
    # baresip checks the gateway's certificate by the address that it connects to
    for interface in conf.interfaces:
        interface["sip"]["advertise"] = interface["sip"]["address"]
    # a third phone, on a trunk of its own
    third = net.address("service", 2)
    pki.issue("service2", "service-ca", "service2.example")
    conf.trunks.append(conf.trunk("service", name="service2", carrier="carrier",
                                  identities=["service2.example"], domain="service2.example",
                                  targets=[f"{third}:{net.port}"]))
    conf.numbers[1]["trunk"] = "service2"
    places = {"carrier": (net.carrier, net.core, "carrier", "carrier"),
              "service": (net.service, net.edge, "service", "service"),
              "other": (third, net.edge, "service", "service2")}

    def make(*names):
        gateway = launch(conf)
        for name in names:
            address, door, ca, certificate = places[name]
            made.append(Softphone(str(tmp_path / name), NUMBERS[name], address, door,
                                  pki.crt(ca + "-ca"), pki.pair(certificate), TONES[name],
                                  answers=name != names[0]))
            assert made[-1].start(WHOLE_S), f"baresip ({name}) does not start"
        return [gateway, *made]
    yield make
    for phone in made:
        phone.stop()


def dial(caller, callee):
    caller.command("dial", f"sip:{callee.number}@{caller.gateway}")
    event = caller.wait_event("CALL_ESTABLISHED", "CALL_CLOSED")
    assert event and event["type"] == "CALL_ESTABLISHED", event
    assert callee.wait_event("CALL_ESTABLISHED")


def ended(gateway, *phones):
    for phone in phones:
        assert phone.wait_event("CALL_CLOSED"), f"{phone.number} does not see the end"
    line = gateway.wait_for("call_end")
    assert (line["unauthentic"], line["duplicate"], line["replayed"]) == ("0", "0", "0")
    return line


@pytest.mark.parametrize("holder", (0, 1), ids=("caller holds", "callee holds"))
def test_hold_and_resume(phones, way, holder):
    gateway, caller, callee = phones(*way)
    dial(caller, callee)
    side = ("caller", "callee")[holder]
    phone = (caller, callee)[holder]
    phone.command("hold")
    gateway.wait_for("call_changed", by=side, **{side: "sendonly"})
    phone.command("resume")
    gateway.wait_for("call_changed", by=side, caller="sendrecv", callee="sendrecv")
    (callee, caller)[holder].command("hangup")
    ended(gateway, caller, callee)


def test_voice(phones):
    """What each hears is the other's tone."""
    gateway, caller, callee = phones("carrier", "service")
    dial(caller, callee)
    assert not caller.wait_event("CALL_CLOSED", seconds=2)  # they talk
    # baresip 1.0 plays nothing any more after a hold, also without a gateway between
    # the two: what was heard before has to do, and the packets are counted after it
    caller.command("hold")
    gateway.wait_for("call_changed", caller="sendonly")
    caller.command("resume")
    gateway.wait_for("call_changed", caller="sendrecv")
    assert not caller.wait_event("CALL_CLOSED", seconds=1)
    caller.command("hangup")
    end = ended(gateway, caller, callee)
    for side in ("caller", "callee"):
        assert int(end["from_" + side]) > 50 * 3 * 8 / 10, end.text  # 20 ms each
    for phone, other in ((caller, callee), (callee, caller)):
        assert phone.heard() == pytest.approx(other.tone, abs=5)


# ---- transfer: the callee, who is the service, sends the caller on to DID2 ----

def transfer(phones, conf, mode):
    for trunk in conf.trunks:
        trunk["transfer"] = mode
    gateway, caller, callee, other = phones("carrier", "service", "other")
    dial(caller, callee)
    callee.command("transfer", f"sip:{DID2}@{callee.gateway}")
    return gateway, caller, callee, other


def answer_to_refer(phone):
    return [m.start.split(" ")[1] for m in phone.messages(sent=False)
            if (m.get("CSeq") or "").endswith(" REFER") and m.start.startswith("SIP/2.0")]


def test_transfer_refused(phones):
    """Mode "refuse", the default: nobody else is called; baresip then hangs up by itself."""
    gateway, caller, callee, other = phones("carrier", "service", "other")
    dial(caller, callee)
    callee.command("transfer", f"sip:{DID2}@{callee.gateway}")
    assert callee.wait_event("TRANSFER_FAILED")
    assert ended(gateway, caller)["cause"] == "callee hung up"
    assert answer_to_refer(callee) == ["405"]
    assert not other.messages(sent=False)
    invite = [m for m in callee.messages(sent=False) if m.start.startswith("INVITE ")][0]
    assert "REFER" not in invite.get("Allow")


def test_transfer_relayed(phones, conf):
    """The caller gets the REFER, and calls DID2 itself, through the gateway."""
    gateway, caller, callee, other = transfer(phones, conf, "relay")
    assert other.wait_event("CALL_ESTABLISHED")
    assert callee.wait_event("CALL_CLOSED")
    gateway.wait_for("call_end")
    assert len(gateway.find("call_start")) == 2
    assert answer_to_refer(callee) == ["202"]
    refers = [m for m in caller.messages(sent=False) if m.start.startswith("REFER ")]
    assert len(refers) == 1 and DID2 in refers[0].get("Refer-To")
    other.command("hangup")
    gateway.wait_for("call_end", count=2)


def test_transfer_handled(phones, conf):
    """The gateway calls DID2 and joins the two; the caller gets no REFER."""
    gateway, caller, callee, other = transfer(phones, conf, "handle")
    assert other.wait_event("CALL_ESTABLISHED")
    assert callee.wait_event("CALL_CLOSED")
    assert not caller.wait_event("CALL_CLOSED", seconds=2)  # they talk
    assert not [m for m in caller.messages(sent=False) if m.start.startswith("REFER ")]
    caller.command("hangup")
    assert other.wait_event("CALL_CLOSED") and caller.wait_event("CALL_CLOSED")
    assert other.heard() == pytest.approx(caller.tone, abs=5)
