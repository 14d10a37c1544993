# SPDX-License-Identifier: BSD-3-Clause
"""When a call is over and its transactions too (RFC 6026: 32 s, on a fast clock), none of its
keys is left in the daemon's memory, neither as octets nor as text.
"""
import time

import memory
from gateway import Conf
from media import Talk, talks
from test_timers_sipp import fast  # noqa: F401 (a fixture)


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
                    needles.update(memory.media_key(f"{n} {change} {id(of)}", key))
            if not change:
                call.a_media.rekey()
                call.change()
        assert memory.find(pid, needles)  # so one can see
        call.hang_up()
    gateway.wait_for("call_end", count=2)
    end = time.monotonic() + 10
    while memory.find(pid, needles) and time.monotonic() < end:
        time.sleep(0.2)
    assert not memory.find(pid, needles)
