# SPDX-License-Identifier: BSD-3-Clause
"""Loopback addresses that belong to this run alone.

All of 127.0.0.0/8 is on lo, so each run takes 127.N.0.0/16 for an N that it
holds a lock on. Runs side by side can then use the same port numbers, and a
message that names an address of the other side's network can be told.
"""
import fcntl
import os
import tempfile


class Net:
    """core and edge are the gateway's, carrier and service its peers'."""

    def __init__(self):
        folder = os.path.join(tempfile.gettempdir(), f"sallyport-system-{os.getuid()}")
        os.makedirs(folder, exist_ok=True)
        for n in range(20, 240):
            lock = open(os.path.join(folder, str(n)), "w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.close()
                continue
            self.lock = lock
            break
        else:
            raise RuntimeError(f"no free number under {folder}")
        self.core = f"127.{n}.1.1"
        self.edge = f"127.{n}.2.1"
        self.carrier = f"127.{n}.3.1"
        self.carrier2 = f"127.{n}.3.2"
        self.service = f"127.{n}.4.1"
        self.port = 5061
        # What must not be seen on the other side.
        self.names = {
            "carrier": (f"127.{n}.1.", f"127.{n}.3.", "carrier.example", "core.gateway.example"),
            "service": (f"127.{n}.2.", f"127.{n}.4.", "service.example", "edge.gateway.example"),
        }

    def address(self, side, last):
        """Another address on the side of "carrier" or "service"."""
        return getattr(self, side).rsplit(".", 1)[0] + f".{last}"
