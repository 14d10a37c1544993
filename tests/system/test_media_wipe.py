# SPDX-License-Identifier: BSD-3-Clause
"""When a call is over and its transactions too (RFC 6026: 32 s, on a fast clock), none of its
keys is left in the daemon's memory, neither as octets nor as text.
"""
import base64
import time

from gateway import Conf
from media import Talk, talks
from test_timers_sipp import fast  # noqa: F401 (a fixture)

LONG = 64 << 20  # an address sanitizer's shadow is no memory of ours


def left(pid, needles):
    """Names of those that are somewhere in what the process can write to."""
    found = set()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            area, rights = line.split()[:2]
            low, high = (int(n, 16) for n in area.split("-"))
            if not rights.startswith("rw") or high - low > LONG:
                continue
            try:
                mem.seek(low)
                data = mem.read(high - low)
            except OSError:
                continue
            found |= {name for name, text in needles.items() if text in data}
    return found


def test_nothing_is_left(launch, conf, peer, fast):  # noqa: F811
    gateway = launch(conf, env=fast)
    pair = peer("carrier").listen(), peer("service").listen()
    pair[0].connect()
    needles, pid = {}, gateway.process.pid
    for n in range(2):
        call = Talk(*pair, Conf.OUTSIDE, Conf.DID).answer()
        for change in range(2):
            talks(call, seq=1 + 50 * change)
            for end in (call.a_media, call.b_media):
                for of, key in ((end, end.key), (end.far, end.far.key)):
                    needles[f"{n} {change} {id(of)} octets"] = key
                    needles[f"{n} {change} {id(of)} text"] = base64.b64encode(key)
            if not change:
                call.a_media.rekey()
                call.change()
        assert left(pid, needles)  # so one can see
        call.hang_up()
    gateway.wait_for("call_end", count=2)
    end = time.monotonic() + 10
    while left(pid, needles) and time.monotonic() < end:
        time.sleep(0.2)
    assert not left(pid, needles)
