# SPDX-License-Identifier: BSD-3-Clause
"""Kamailio as the carrier's proxy, between the gateway and two phones of the carrier's."""
import os
import signal
import subprocess
import time

from gateway import hex_address
from ua import Peer

HERE = os.path.dirname(os.path.abspath(__file__))
WAIT = 15

TLS = """\
[server:default]
method = TLSv1.2+
verify_certificate = yes
require_certificate = yes
certificate = {crt}
private_key = {key}
ca_list = {ca}
[client:default]
method = TLSv1.2+
verify_certificate = yes
require_certificate = yes
certificate = {crt}
private_key = {key}
ca_list = {ca}
"""


class Kamailio:
    """At the carrier's address; the phones are at others of its network."""

    def __init__(self, net, pki, folder):
        self.net, self.folder = net, str(folder)
        self.first, self.second = net.address("carrier", 11), net.address("carrier", 12)
        crt, key = pki.pair("carrier")
        self.write("tls.cfg", TLS.format(crt=crt, key=key, ca=pki.crt("carrier-ca")))
        with open(os.path.join(HERE, "kamailio.cfg")) as f:
            text = f.read()
        for word, value in {"address": net.carrier, "port": net.port, "gateway": net.core,
                            "gateway_name": "core.gateway.example", "first": self.first,
                            "second": self.second, "nobody": net.address("carrier", 13),
                            "tls": self.path("tls.cfg")}.items():
            text = text.replace(f"@{word}@", str(value))
        self.write("kamailio.cfg", text)
        self.log = open(self.path("kamailio.log"), "w")
        self.process = subprocess.Popen(
            ["kamailio", "-DD", "-E", "-f", self.path("kamailio.cfg"), "-Y", self.folder,
             "-w", self.folder, "-m", "32", "-M", "4"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.wait_listening()

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)

    def text(self):
        with open(self.path("kamailio.log"), errors="replace") as f:
            return f.read()

    def wait_listening(self):
        local = "%s:%04X" % (hex_address(self.net.carrier), self.net.port)
        deadline = time.monotonic() + WAIT
        while True:
            with open("/proc/net/tcp") as f:
                if any(line.split()[1:4:2] == [local, "0A"] for line in f):
                    return
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise AssertionError("kamailio does not listen:\n" + self.text()[-3000:])
            time.sleep(0.02)

    def stop(self):
        """Its main process ends the others; all of them have gone when it has."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(WAIT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


class Phone(Peer):
    """A phone of the carrier's: it knows the proxy only, and keeps its route sets."""

    def __init__(self, net, pki, address):
        super().__init__(net, pki, "carrier", address=address)
        self.gateway, self.tls_name, self.routes = net.carrier, "carrier.example", True
        self.listen()
