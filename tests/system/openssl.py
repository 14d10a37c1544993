# SPDX-License-Identifier: BSD-3-Clause
"""openssl s_client and s_server as peers that are told every parameter of TLS."""
import os
import re
import subprocess
import threading
import time

WAIT = 15
ENV = dict(os.environ, OPENSSL_CONF="/dev/null")  # the system's limits are not the test's

SUITES13 = ("TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256")
SUITES12 = {"ec": ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256",
                   "ECDHE-ECDSA-AES256-SHA384", "ECDHE-ECDSA-AES128-SHA256"),
            "rsa": ("ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256",
                    "ECDHE-RSA-AES256-SHA384", "ECDHE-RSA-AES128-SHA256")}
GOOD = [(kind, "-tls1_2", suite) for kind, suites in SUITES12.items() for suite in suites]
GOOD += [(kind, "-tls1_3", suite) for kind in SUITES12 for suite in SUITES13]
# all of these are known to the openssl command, and none may be spoken
BAD = [
    ("ec", "-tls1_2", "ECDHE-ECDSA-CHACHA20-POLY1305"), ("ec", "-tls1_2", "ECDHE-ECDSA-AES256-SHA"),
    ("ec", "-tls1_2", "ECDHE-ECDSA-AES128-CCM"), ("rsa", "-tls1_2", "ECDHE-RSA-AES128-SHA"),
    ("rsa", "-tls1_2", "ECDHE-RSA-CHACHA20-POLY1305"), ("rsa", "-tls1_2", "AES128-SHA"),
    ("rsa", "-tls1_2", "AES256-GCM-SHA384"), ("rsa", "-tls1_2", "DHE-RSA-AES256-GCM-SHA384"),
    ("ec", "-tls1_3", "TLS_CHACHA20_POLY1305_SHA256"), ("ec", "-tls1_3", "TLS_AES_128_CCM_SHA256"),
    ("ec", "-tls1_1", "ALL"), ("rsa", "-tls1_1", "ALL"), ("rsa", "-tls1", "ALL")]


def version_args(version, suite):
    if version == "-tls1_3":
        return [version, "-ciphersuites", suite]
    return [version, "-cipher", suite + ":@SECLEVEL=0"]


def ident(case):
    return "-".join(case) if isinstance(case, tuple) else None


class Process:
    """An openssl command; all that it prints is collected."""

    def __init__(self, args):
        self.process = subprocess.Popen(["openssl"] + args, env=ENV, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        bufsize=0)
        self.output, self.cond = "", threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        while True:
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                break
            with self.cond:
                self.output += data.decode("utf-8", "replace")
                self.cond.notify_all()
        self.process.wait()
        with self.cond:
            self.cond.notify_all()

    def wait_for(self, pattern):
        """-> the match, or None when the command ended without it."""
        deadline = time.monotonic() + WAIT
        with self.cond:
            while True:
                found = re.search(pattern, self.output, re.S)
                if found or not self.reader.is_alive():
                    return found
                assert time.monotonic() < deadline, f"no {pattern} in:\n{self.output}"
                self.cond.wait(0.2)

    def send(self, data):
        try:
            self.process.stdin.write(data)
        except BrokenPipeError:
            pass

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join(WAIT)
        self.process.stdin.close()
        self.process.stdout.close()
        return self.output


OPTIONS = (b"OPTIONS sip:gateway.example SIP/2.0\r\n"
           b"Via: SIP/2.0/TLS peer.example;branch=z9hG4bKo\r\n"
           b"Max-Forwards: 70\r\nFrom: <sip:peer.example>;tag=o\r\nTo: <sip:gateway.example>\r\n"
           b"Call-ID: options\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")


def connect(address, port, *args, pair=None, ca=None):
    command = ["s_client", "-connect", f"{address}:{port}", *args]
    if pair:
        command += ["-cert", pair[0], "-key", pair[1]]
    if ca:
        command += ["-CAfile", ca, "-verify_return_error"]
    return Process(command)


def client(address, port, *args, brief=True, **more):
    """Connect and send OPTIONS; -> (answered?, all that was printed)."""
    process = connect(address, port, "-ign_eof", *(["-brief"] if brief else []), *args, **more)
    process.send(OPTIONS)
    answered = process.wait_for(r"SIP/2\.0 200") is not None
    return answered, process.end()


class Server(Process):
    """Waits for one connection of the gateway's."""

    def __init__(self, address, port, pair, ca, *args):
        super().__init__(["s_server", "-accept", f"{address}:{port}", "-naccept", "1",
                          "-cert", pair[0], "-key", pair[1], "-CAfile", ca, "-Verify", "3",
                          "-verify_return_error", *args])
        assert self.wait_for("ACCEPT\r?\n"), self.output

    def refuse_invite(self):
        """Read an INVITE and answer 486; -> the INVITE."""
        found = self.wait_for(r"(INVITE sip:.*?\r?\n\r?\n)")
        assert found, self.output
        lines = found[1].replace("\r", "").split("\n")
        kept = [line for line in lines if line.split(":")[0] in
                ("Via", "From", "To", "Call-ID", "CSeq")]
        kept = [line + ";tag=x" if line.startswith("To:") else line for line in kept]
        # the empty line keeps s_server from taking the first letter for a command
        self.send(("\r\nSIP/2.0 486 Busy Here\r\n" + "\r\n".join(kept)
                   + "\r\nContent-Length: 0\r\n\r\n").encode())
        return found[1]
