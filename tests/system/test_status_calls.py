# SPDX-License-Identifier: BSD-3-Clause
"""--status --calls: single calls, and how their media fares."""
import json
import os
import re
import struct

from gateway import Conf
from test_status import ask, metrics
from ua import Call

DID, OUTSIDE = Conf.DID, Conf.OUTSIDE
NTP = 0xb44db705_20000000  # of RFC 3550 6.4.1, figure 2


def listed(gateway):
    return json.loads(ask(gateway, "--status", "--calls", "--json"))["calls"]


def passes(sender, receiver, *seqs):
    for seq in seqs:
        sender.send(sender.packet(seq, os.urandom(160)))
        assert receiver.receive() is not None


def reports(sender, receiver, packet):
    sender.send_rtcp(sender.out.protect_rtcp(packet))
    assert receiver.receive(sock=receiver.rtcp) == packet


def sender_report(ssrc):
    return struct.pack("!BBHIQIII", 0x80, 200, 6, ssrc, NTP, 0, 0, 0)


def receiver_report(ssrc, source, fraction, lost, jitter, lsr):
    return struct.pack("!BBHIIIIIII", 0x81, 201, 7, ssrc, source, fraction << 24 | lost, 0,
                       jitter, lsr, 0)


def test_no_calls(gateway):
    assert listed(gateway) == []
    lines = ask(gateway, "--status", "--calls").splitlines()
    assert lines[0].startswith("CALL ") and lines[1].startswith("  STREAM ")
    assert re.fullmatch(r"-- 20\d\d-\d\d-\d\dT\S+Z, 0 calls", lines[2])


def test_a_call_with_media(gateway, pair):
    carrier, service = pair
    call = Call(carrier, service, OUTSIDE, DID)
    call.b.reply(call.invite, 180)
    carrier.expect(180)
    start = gateway.wait_for("call_start")
    one, = listed(gateway)
    assert one["id"] == start["call"] and one["state"] == "ringing"
    assert (one["from"], one["to"]) == ("carrier", "service")
    assert (one["caller"], one["callee"]) == (start["caller"], start["called"])
    assert one["talk_ms"] == 0 and one["media"] == "none" and not one["emergency"]

    call.answer()
    a, b = call.a_media, call.b_media
    replay = a.packet(1, os.urandom(160))
    a.send(replay)
    assert b.receive() is not None
    passes(a, b, 2, 3, 6, 5)  # 4 is lost, 5 is late
    a.send(replay)
    a.send(b"\x80\0" + os.urandom(40))
    passes(a, b, 7)
    one, = listed(gateway)
    assert one["state"] == "up" and one["media"] == "one way, from the caller only"
    stream, = one["streams"]
    caller, callee = stream["caller"], stream["callee"]
    assert caller["packets"] == caller["relayed"] == 6 and caller["bytes"] == 6 * 182
    assert (caller["lost"], caller["late"], caller["ssrcs"]) == (1, 1, 1)
    assert caller["dropped"]["duplicate"] == 1
    assert caller["dropped"]["unauthentic"] + caller["dropped"]["malformed"] == 1
    assert callee["packets"] == 0 and callee["idle_ms"] >= one["talk_ms"] >= caller["idle_ms"]
    assert not caller["far"]["told"] and caller["rtt_us"] == 0
    assert re.search(rf"^{one['id']}  up .* carrier +\+\d+ +service +\+\d+ +"
                     r"one way, from the caller only\n"
                     r"  0 +caller +6 +1092 +1 +1 +1 .* - +- +-\n"
                     r"  0 +callee +0 +0 +0 ", ask(gateway, "--status", "--calls"), re.M)

    passes(b, a, 1)
    reports(a, b, sender_report(a.ssrc))
    reports(b, a, receiver_report(b.ssrc, a.ssrc, 64, 3, 80, NTP >> 16 & 0xffffffff))
    one, = listed(gateway)
    assert one["media"] == "both ways"
    caller, callee = (one["streams"][0][side] for side in ("caller", "callee"))
    assert callee["far"] == {"told": True, "lost": 3, "lost_percent": 25, "jitter_us": 10000}
    assert 0 < callee["rtt_us"] == callee["rtt_max_us"] < 5000000
    assert caller["rtcp"] == callee["rtcp"] == 1 and not caller["far"]["told"]

    m = metrics(ask(gateway, "--metrics"))
    assert m["sallyport_media_packets_total"] == 9
    assert m['sallyport_media_dropped_packets_total{reason="duplicate"}'] == 1
    call.hang_up()
    assert listed(gateway) == []
    assert metrics(ask(gateway, "--metrics"))["sallyport_media_packets_total"] == 9


def test_numbers_are_masked_as_in_the_log(launch, conf, peer):
    conf.log["numbers"] = "masked"
    gateway = launch(conf)
    carrier, service = peer("carrier"), peer("service").listen()
    carrier.connect()
    call = Call(carrier, service, OUTSIDE, DID).answer()
    one, = listed(gateway)
    assert one["caller"] == OUTSIDE[:-4] + "****" and one["callee"] == DID[:-4] + "****"
    table = ask(gateway, "--status", "--calls")
    assert OUTSIDE not in table and DID not in table
    call.hang_up()


def test_more_calls_than_one_slice(gateway, pair):
    carrier, service = pair
    calls = [Call(carrier, service, OUTSIDE, DID) for _ in range(70)]
    starts = [line["call"] for line in gateway.find("call_start")]
    assert [call["id"] for call in listed(gateway)] == starts and len(starts) == 70
    table = ask(gateway, "--status", "--calls")
    assert re.findall(r"^([0-9a-f]{16})  ", table, re.M) == starts
    assert table.endswith("Z, 70 calls\n")
    for call in calls:
        call.answer().hang_up()
