# SPDX-License-Identifier: BSD-3-Clause
"""The daemon's clocks, turned by a test while it runs (steered_clock.c)."""
import os
import struct
import time

from preload import compiled, preloaded, shared


class Clock:
    """env is what the daemon has to be started with."""

    def __init__(self, folder):
        path = os.path.join(str(folder), "steering")
        self.shared = shared(path, 40)
        self.turn, self.factor, self.wall_ns = 0, 1, 0
        self.real_ns = self.our_ns = time.monotonic_ns()
        self.write()
        self.env = preloaded(compiled(folder, "steered_clock"), STEERED_CLOCK=path)

    def write(self):
        self.turn += 2
        self.shared[0:8] = struct.pack("=q", self.turn - 1)
        self.shared[8:40] = struct.pack("=4q", self.real_ns, self.our_ns, self.factor, self.wall_ns)
        self.shared[0:8] = struct.pack("=q", self.turn)

    def now(self):
        """Seconds of the daemon's monotonic clock."""
        return (self.our_ns + (time.monotonic_ns() - self.real_ns) * self.factor) / 1e9

    def change(self, factor, jump_s=0):
        real_ns = time.monotonic_ns()
        self.our_ns += (real_ns - self.real_ns) * self.factor + int(jump_s * 1e9)
        self.real_ns, self.factor = real_ns, factor
        self.write()

    def speed(self, factor):
        """From now on it is so many times as fast."""
        self.change(factor)

    def jump(self, seconds):
        """As after a pause of the machine that its clock knows of."""
        self.change(self.factor, seconds)

    def step(self, seconds):
        """The wall clock is set so much ahead (of the time that it had), or back."""
        self.wall_ns += int(seconds * 1e9)
        self.write()
