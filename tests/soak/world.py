# SPDX-License-Identifier: BSD-3-Clause
"""What the soaked gateway is configured with, and what is changed under it while it runs."""
import os
import random
import shutil

from gateway import Conf
from mix import NUMBERS

ROWS_MORE = 20000
TRUNKS = {"c1": "carrier", "c2": "carrier", "s1": "service", "s2": "service", "s3": "service"}
RELOADS = ("numbers", "numbers", "trunk", "both", "broken", "keys")
PORTS = [10000, 65533]


class World:
    """The configuration, its files, and one way after another of changing them."""

    def __init__(self, folder, net, pki, calls, media_timeout_s, slow):
        self.folder, self.net, self.pki = folder, net, pki
        for trunk, side in TRUNKS.items():
            pki.issue(trunk, f"{side}-ca", f"{trunk}.example")
        self.conf = Conf(net, pki)
        self.conf.log = {"level": "info"}
        self.conf.limits = {"media_timeout_s": media_timeout_s, "calls": calls, "drain_s": 20,
                            "connections_per_source": 100, "port_rest_s": 1, "ring_s": 20,
                            "first_message_s": 60}
        # under valgrind, which makes system calls of its own, and is late whatever it has to do
        self.sandbox = not slow
        if not slow:
            self.conf.overload = {}  # as the gateway has it by itself
        self.serial = 0
        for interface in self.conf.interfaces:
            interface["media"]["ports"] = PORTS
            interface["tls"] = dict(zip(("certificate", "key"), self.live(interface["name"])))
        self.conf.trunks += self.trunks()
        self.table, self.extra = 0, True
        self.conf.number_files = [os.path.join(folder, "numbers.csv")]
        self.numbers()
        self.file = os.path.join(folder, "sallyport.conf")
        self.write()

    def trunks(self):
        """Those of the mix; the bulk of calls has the two that every test has."""
        def targets(*lasts):
            return [f"{self.net.address('service', last)}:{self.net.port}" for last in lasts]
        # the gateway refreshes alone, so that it notices a peer who has forgotten a call on hold
        timers = {"session_timer": "supported", "session_expires_s": 90, "session_min_s": 90,
                  "session_refresher": "gateway", "transfer": "handle", "redirect": "follow",
                  "options_s": 5}
        make = self.conf.trunk
        return [
            make("carrier", "c1", identities=["c1.example"], domain="c1.example",
                 targets=[f"{self.net.address('carrier', 11)}:{self.net.port}"], **timers),
            make("carrier", "c2", identities=["c2.example"], domain="c2.example",
                 targets=[f"{self.net.address('carrier', 12)}:{self.net.port}"],
                 **dict(timers, session_refresh="invite", hold="inactive", transfer="relay")),
            make("service", "s1", identities=["s1.example"], domain="s1.example",
                 targets=targets(11, 12), carrier=["c1", "c2"], reuse=True, **timers),
            make("service", "s2", identities=["s2.example"], domain="s2.example",
                 targets=targets(21, 22, 23), carrier=["c2", "c1"], response_s=1, progress_s=3,
                 options_timeout_s=2, early_media="ringing", **timers),
            make("service", "s3", identities=["s3.example"], domain="s3.example",
                 targets=targets(31), carrier="c1", response_s=1, progress_s=3, **timers)]

    def write(self):
        """Without the trunk that comes and goes, its numbers are in nobody's table."""
        conf = self.conf
        trunks, numbers = conf.trunks, conf.numbers
        if self.extra:
            conf.numbers = numbers + [{"number": "+441613*", "trunk": "s3", "account": "extra"}]
        else:
            conf.trunks = [trunk for trunk in trunks if trunk["name"] != "s3"]
        with open(self.file + ".part", "w", encoding="utf-8") as f:
            f.write(conf.text() + ("" if self.sandbox else "sandbox = false;\n"))
        os.rename(self.file + ".part", self.file)
        conf.trunks, conf.numbers = trunks, numbers

    def numbers(self, bad=False):
        path = self.conf.number_files[0]
        with open(path + ".part", "w", encoding="utf-8") as f:
            f.write("number,trunk,account,caller_id,header:X-Table\n")
            for trunk in ("s1", "s2"):
                f.writelines(f"+44161{trunk[1]}{i:05},{trunk},account-{i % (200 + self.table)},"
                             f"sent,t{self.table}\n" for i in range(NUMBERS))
            f.writelines(f"+44208{self.table}{i:06},s1,account-{i % 500},screened,\n"
                         for i in range(ROWS_MORE))
            if bad:
                f.write("+44 161 1,s1,a,sent,\n")
        os.rename(path + ".part", path)

    # ---- certificates of the gateway ----

    def live(self, name):
        """In a folder of its own, from which it is renewed."""
        folder = os.path.join(self.folder, "live-" + name)
        os.makedirs(folder, exist_ok=True)
        pair = [os.path.join(folder, "c" + suffix) for suffix in (".crt", ".key")]
        for source, path in zip(self.pki.pair("gateway-" + name), pair):
            shutil.copy2(source, path)
        return pair

    def renew(self):
        """As certbot does: both files, one after the other. The gateway notices by itself."""
        name = random.choice(("core", "edge"))
        self.serial += 1
        pair = self.pki.issue(f"gateway-{name}-{self.serial}",
                              ("carrier" if name == "core" else "service") + "-ca",
                              f"{name}.gateway.example")
        for source, suffix in zip(pair, (".crt", ".key")):
            os.rename(source, os.path.join(self.folder, "live-" + name, "c" + suffix))

    # ---- what a reload finds ----

    def change(self):
        """Something to be reloaded. -> is it good?"""
        what = random.choice(RELOADS)
        good = what != "broken"
        if what in ("numbers", "both", "broken"):
            self.table = 1 - self.table
            self.numbers(bad=not good)
        if what in ("trunk", "both"):
            self.extra = not self.extra
        if what == "keys":
            self.renew()
        self.write()
        return good

    def restore(self):
        self.extra = True
        self.numbers()
        self.write()
