# SPDX-License-Identifier: BSD-3-Clause
"""A baresip that is told what to do, and whose SIP messages are read back.

baresip runs with TLS, SDES-SRTP and no sound card: it plays a tone from a file
and records what it hears. Its module ctrl_tcp takes commands and reports
events; its SIP trace on stdout holds each message as sent and received.
"""
import json
import math
import os
import re
import select
import socket
import struct
import subprocess
import time
import wave

RATE = 8000  # samples per second, of G.711 and of the files

CONFIG = """\
sip_listen              {address}:5060
sip_certificate         {home}/certificate.pem
sip_cafile              {ca}
call_local_timeout      20
call_max_calls          4
audio_source            aufile,{home}/tone.wav
audio_player            aubridge,nobody
audio_alert             aubridge,nobody
ausrc_format            s16
auplay_format           s16
rtcp_mux                no
jitter_buffer_delay     1-2
net_interface           {address}
rtp_ports               {ports}
snd_path                {home}/heard
module_path             {modules}
module                  g711.so
module                  sndfile.so
module                  aufile.so
module                  aubridge.so
module                  srtp.so
module_tmp              uuid.so
module_tmp              account.so
module_app              menu.so
module_app              ctrl_tcp.so
ctrl_tcp_listen         {address}:4444
"""

ACCOUNT = ('<sip:{number}@{address};transport=tls>;regint=0;mediaenc=srtp-mand;audio_codecs=pcma;'
           'answermode={answer};outbound="sip:{gateway}:5061;transport=tls"\n')

MODULES = ("/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules")
TRACE = re.compile(r"^TLS (\S+) -> (\S+)\n", re.M)


class Message:
    """One SIP message of a trace."""

    def __init__(self, text):
        head, _, rest = text.partition("\n\n")
        self.start, *lines = head.split("\n")
        self.headers = [tuple(part.strip() for part in line.split(":", 1))
                        for line in lines if ":" in line]
        length = int(self.get("Content-Length") or 0)
        # The trace shows bodies with their own CRLF; text mode has made each one byte shorter.
        self.body, size = [], 0
        for line in rest.split("\n"):
            if size >= length:
                break
            self.body.append(line)
            size += len(line.encode()) + 2
        self.text = "\n".join([head, "", *self.body])

    def get(self, name):
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)


class Softphone:
    def __init__(self, home, number, address, gateway, ca, pair, tone, answers=False):
        self.home, self.number, self.address, self.tone = str(home), number, address, tone
        self.gateway = gateway
        self.events, self.buffer = [], b""
        self.process = self.control = None
        os.makedirs(self.path("heard"))
        modules = next((m for m in MODULES if os.path.isdir(m)), MODULES[0])
        octet = int(address.split(".")[2])
        self.write("config", CONFIG.format(home=self.home, address=address, ca=ca, modules=modules,
                                           ports=f"{40000 + octet * 100}-{40099 + octet * 100}"))
        self.write("accounts", ACCOUNT.format(number=number, address=address, gateway=gateway,
                                              answer="auto" if answers else "manual"))
        self.write("contacts", "")
        certificate = ""
        for name in pair:
            with open(name, encoding="ascii") as f:
                certificate += f.read()
        self.write("certificate.pem", certificate)
        self.write_tone()

    def path(self, *names):
        return os.path.join(self.home, *names)

    def write(self, name, text):
        with open(os.open(self.path(name), os.O_WRONLY | os.O_CREAT, 0o600), "w",
                  encoding="utf-8") as f:
            f.write(text)

    def write_tone(self):
        with wave.open(self.path("tone.wav"), "wb") as f:
            f.setparams((1, 2, RATE, 0, "NONE", None))
            f.writeframes(b"".join(
                struct.pack("<h", int(8000 * math.sin(2 * math.pi * self.tone * i / RATE)))
                for i in range(RATE * 30)))

    def start(self, seconds):
        """Run it, for so many seconds at most, and wait until it takes commands."""
        with open(self.path("log"), "wb") as log:
            # its stdout is buffered by lines so that the trace is there when it is looked at
            self.process = subprocess.Popen(
                ["stdbuf", "-oL", "baresip", "-4", "-s", "-t", str(seconds), "-f", self.home],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 10
        while self.control is None:
            try:
                self.control = socket.create_connection((self.address, 4444), 1)
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    return False
                time.sleep(0.05)
        return True

    def command(self, command, params=""):
        text = json.dumps({"command": command, "params": params}).encode()
        self.control.sendall(b"%d:%s," % (len(text), text))

    def wait_event(self, *types, seconds=15):
        """The next event of one of these types since the last one waited for, or None."""
        deadline = time.monotonic() + seconds
        while True:
            while self.events:
                event = self.events.pop(0)
                if event.get("type") in types:
                    return event
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.control], [], [], left)[0]:
                return None
            data = self.control.recv(65536)
            if not data:
                return None
            self.buffer += data
            self.take_events()

    def take_events(self):
        while True:
            size, colon, rest = self.buffer.partition(b":")
            if not colon or len(rest) <= int(size):
                return
            self.events.append(json.loads(rest[:int(size)]))
            self.buffer = rest[int(size) + 1:]

    def end_of(self, *ends):
        """Which of two addresses is its own: what connects on loopback does so as 127.0.0.1."""
        for own in (self.address, "127.0.0.1"):
            for end in ends:
                if end.startswith(own + ":"):
                    return end
        return None

    def messages(self, sent):
        """All messages that it sent, or received, in their order."""
        with open(self.path("log"), encoding="utf-8", errors="replace", newline="") as f:
            text = re.sub(r"\x1b\[[0-9;]*m?", "", f.read()).replace("\r\n", "\n")
        found, traces = [], list(TRACE.finditer(text))
        for i, trace in enumerate(traces):
            end = traces[i + 1].start() if i + 1 < len(traces) else len(text)
            if sent == (self.end_of(*trace.groups()) == trace[1]):
                found.append(Message(text[trace.end():end].lstrip("\n")))
        return found

    def heard(self):
        """Pitch in Hz of what came out of its speaker in the last call, or None for silence."""
        names = sorted(n for n in os.listdir(self.path("heard")) if n.endswith("-dec.wav"))
        if not names:
            return None
        with wave.open(self.path("heard", names[-1]), "rb") as f:
            frames = f.readframes(f.getnframes())
        samples = struct.unpack(f"<{len(frames) // 2}h", frames[:len(frames) // 2 * 2])
        samples = samples[RATE // 2:][:RATE * 2]  # after the start, two seconds
        if len(samples) < RATE or max(map(abs, samples)) < 1000:
            return None
        rising = [i for i, (a, b) in enumerate(zip(samples, samples[1:])) if a < 0 <= b]
        return RATE * (len(rising) - 1) / (rising[-1] - rising[0])

    def stop(self):
        if self.control:
            self.control.close()
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
