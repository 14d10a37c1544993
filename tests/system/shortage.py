# SPDX-License-Identifier: BSD-3-Clause
"""What the daemon asks for runs short, as a test wants it (shortage.c), and its use of what
there is, as the kernel counts it."""
import contextlib
import os
import resource
import struct
import time

from gateway import Conf
from preload import compiled, preloaded, shared
from ua import Call

KINDS = ("memory", "send", "watch", "connect")  # in the order of shortage.c
AT_ONCE_S = 5  # a whole call of two peers, with sanitizers on a busy machine
TICK_S = 1 / os.sysconf("SC_CLK_TCK")


class Shortage:
    """env is what the daemon has to be started with."""

    def __init__(self, folder):
        path = os.path.join(str(folder), "knobs")
        self.shared = shared(path, 12 * len(KINDS))
        self.env = preloaded(compiled(folder, "shortage"), SHORTAGE=path)

    @contextlib.contextmanager
    def of(self, kind, error, one_in=1):
        """While this lasts, one call in so many fails with this error."""
        at = 12 * KINDS.index(kind)
        self.shared[at + 4:at + 8] = struct.pack("=I", error)
        self.shared[at:at + 4] = struct.pack("=I", one_in)
        try:
            yield
        finally:
            self.shared[at:at + 4] = bytes(4)

    def failed(self, kind):
        """How many have."""
        at = 12 * KINDS.index(kind) + 8
        return struct.unpack("=I", self.shared[at:at + 4])[0]


# ---- what the daemon has ----

def descriptors(gateway):
    """{number: what it is} of those that are open."""
    folder, found = f"/proc/{gateway.process.pid}/fd", {}
    for name in os.listdir(folder):
        with contextlib.suppress(OSError):  # closed meanwhile
            found[int(name)] = os.readlink(os.path.join(folder, name))
    return found


def cpu_s(gateway):
    """Processor time that it has used."""
    with open(f"/proc/{gateway.process.pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


@contextlib.contextmanager
def no_descriptors(gateway):
    """While this lasts it can have no more than it has."""
    pid, used = gateway.process.pid, descriptors(gateway)
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    # the limit is of their numbers: what is above it could not be used again
    assert len(used) == max(used) + 1, f"holes in {sorted(used)}"
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(used), limits[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)


# ---- what goes on ----

def talk(call, seqs):
    """Not a packet is lost."""
    for seq in seqs:
        for sender, receiver in ((call.a_media, call.b_media), (call.b_media, call.a_media)):
            sender.send(sender.packet(seq, b"voice %d" % seq))
            assert receiver.receive()[12:] == b"voice %d" % seq


def new_call(carrier, service, called=Conf.DID):
    """With media, and at once; the caller's connection may have been lost."""
    begin = time.monotonic()
    if carrier.conn.closed.is_set():
        carrier.connect()
    call = Call(carrier, service, Conf.OUTSIDE, called).answer()
    talk(call, range(1, 4))
    call.hang_up()
    assert time.monotonic() - begin < AT_ONCE_S
    return call
