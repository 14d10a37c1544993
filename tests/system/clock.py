# SPDX-License-Identifier: BSD-3-Clause
"""The daemon's clocks, turned by a test while it runs (steered_clock.c)."""
import mmap
import os
import struct
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))


class Clock:
    """env is what the daemon has to be started with."""

    def __init__(self, folder):
        library = os.path.join(str(folder), "steered_clock.so")
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o",
                        library, os.path.join(HERE, "steered_clock.c")], check=True)
        path = os.path.join(str(folder), "steering")
        with open(path, "wb") as f:
            f.write(bytes(40))
        with open(path, "r+b") as f:
            self.shared = mmap.mmap(f.fileno(), 40)
        self.turn, self.factor, self.wall_ns = 0, 1, 0
        self.real_ns = self.our_ns = time.monotonic_ns()
        self.write()
        # the sanitizers' library cannot be the first when another is preloaded
        self.env = {"LD_PRELOAD": library, "STEERED_CLOCK": path,
                    "ASAN_OPTIONS": "abort_on_error=0:detect_leaks=1:verify_asan_link_order=0"}

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
