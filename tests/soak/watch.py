# SPDX-License-Identifier: BSD-3-Clause
"""The soaked gateway from outside: its process, its log, its metrics, its memory."""
import collections
import fcntl
import multiprocessing
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time

WATCHDOG_S = 10  # as in conf/sallyport.service.in
WATCHDOG_SLOW_S = 60
PIPE_BYTES = 1 << 20
TICK = os.sysconf("SC_CLK_TCK")
ODD_MAX = 2000  # lines of the log that are kept
SETTLE_S = 60

# What the soak itself brings about: broken reloads, targets that fail, connections that are reset.
EXPECTED = {"conf_mistake", "reload_failed", "target_down", "target_probing", "target_conn_failed",
            "trunk_unreachable", "reply_lost", "bye_lost", "prack_lost", "sip_unsent",
            "overload_begin", "limit_reached", "tls_refused", "drain_end", "sandbox_off"}
RARE = {"certificates_bad"}  # both files are renamed, one after the other: it may look in between


# ---- the log ----

def read_log(fd, pipe, path, cpu):
    """A process: counts each event's lines, pairs call_start with call_end, keeps what is odd."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.sched_setaffinity(0, {cpu})
    events, calls = collections.Counter(), {"open": set(), "twice": 0, "unknown": 0}
    odd, unexpected, last = 0, [], {}
    lock = threading.Lock()

    def serve():
        while True:
            try:
                pipe.recv()
                with lock:
                    answer = (dict(events), len(calls["open"]), calls["twice"], calls["unknown"],
                              list(unexpected), dict(last))
                pipe.send(answer)
            except (EOFError, OSError):
                return
    server = threading.Thread(target=serve, daemon=True)
    server.start()
    with os.fdopen(fd, "r", 1 << 18, errors="replace") as log, open(path, "w") as kept:
        for line in log:
            words = line.split(" ", 4)
            level, event = (words[1], words[2]) if len(words) > 2 else ("", "not_a_log_line")
            event = event.rstrip("\n")
            with lock:
                events[event] += 1
                if event == "call_start":
                    calls["twice"] += words[3] in calls["open"]
                    calls["open"].add(words[3])
                elif event == "call_end":
                    calls["unknown"] += words[3] not in calls["open"]
                    calls["open"].discard(words[3])
                elif event in ("stop", "start", "reload_done", "reload_failed"):
                    last[event] = line
                if level in ("info", "debug") and not (
                        event == "conn_down" and line.find(" trunk=carrier ") > 0):
                    continue  # the bulk's connections are not broken by the soak
                strange = level != "info" and event not in EXPECTED and event not in RARE
                if strange and len(unexpected) < 100:
                    unexpected.append(line.rstrip())
            if strange or odd < ODD_MAX:
                odd += 1
                kept.write(line)
                kept.flush()
    server.join()  # there are questions after the last line, too


class Log:
    def __init__(self, path, cpu):
        fd, self.write_end = os.pipe()
        try:
            fcntl.fcntl(self.write_end, 1031, PIPE_BYTES)  # F_SETPIPE_SZ
        except OSError:
            pass
        self.pipe, far = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("fork").Process(
            target=self.run, args=(fd, far, path, cpu), daemon=True)
        self.process.start()
        os.close(fd)

    def run(self, fd, far, path, cpu):
        os.close(self.write_end)
        read_log(fd, far, path, cpu)

    def ask(self):
        self.pipe.send("?")
        assert self.pipe.poll(20), "the reader of the log does not answer"
        names = ("events", "open", "twice", "unknown", "unexpected", "last")
        return dict(zip(names, self.pipe.recv()))


# ---- the process ----

class Daemon:
    """The gateway on a core of its own, watched over as systemd would."""

    def __init__(self, binary, world, folder, cpus, wrap=(), wait_s=20):
        self.binary, self.world = binary, world
        self.log = Log(os.path.join(folder, "odd.log"), cpus[-1])
        path = os.path.join(world.folder, "notify")
        if os.path.exists(path):
            os.unlink(path)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(path)
        self.ready, self.fed, self.gap_s = threading.Event(), None, 0.0
        self.watchdog_s = WATCHDOG_SLOW_S if wrap else WATCHDOG_S
        env = {**os.environ, "NOTIFY_SOCKET": path,
               "WATCHDOG_USEC": str(self.watchdog_s * 1000000)}
        env.pop("JOURNAL_STREAM", None)
        env.pop("WATCHDOG_PID", None)
        threading.Thread(target=self.listen, daemon=True).start()
        self.process = subprocess.Popen(
            [*wrap, binary, world.file], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=self.log.write_end, env=env, preexec_fn=lambda: prepare(cpus[0]))
        os.close(self.log.write_end)
        self.pid = self.process.pid
        end = time.monotonic() + wait_s
        while not self.ready.wait(0.1):
            if self.process.poll() is not None or time.monotonic() > end:
                print(self.log.ask(), file=sys.stderr)
                raise AssertionError("the gateway does not start")

    def listen(self):
        while True:
            for word in self.notify.recv(4096).decode(errors="replace").split("\n"):
                if word == "READY=1":
                    self.ready.set()
                elif word == "WATCHDOG=1":
                    now = time.monotonic()
                    self.gap_s = max(self.gap_s, now - (self.fed or now))
                    self.fed = now

    def alive(self):
        return self.process.poll() is None

    def signal(self, signo):
        if self.alive():
            self.process.send_signal(signo)

    def metrics(self):
        """-> {series: value}, over the status socket as Prometheus asks; None when cut off"""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(os.path.join(self.world.folder, "status.sock"))
            s.sendall(b"metrics\n")
            text = b"".join(iter(lambda: s.recv(65536), b"")).decode()
        if not text.rstrip().endswith("# EOF"):
            return None
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
                for line in text.splitlines() if line and not line.startswith("#")}

    def status(self, *words):
        """The program itself, as a person asks. -> exit status"""
        return subprocess.run([self.binary, *words, self.world.file], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=60).returncode

    def stop(self, wait_s):
        """-> exit status, or None: it had to be killed"""
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(wait_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None

    def kill(self):
        if self.alive():
            self.process.kill()
        self.process.wait()
        self.log.process.terminate()


def prepare(cpu):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.sched_setaffinity(0, {cpu})


# ---- samples ----

def total(metrics, name, **labels):
    """The sum of a family's series that have these labels."""
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    return sum(value for series, value in metrics.items()
               if series.partition("{")[0] == "sallyport_" + name
               and all(word in series for word in wanted))


COLUMNS = ("t", "rss_kb", "pss_kb", "anon_kb", "fds", "threads", "cpu_percent", "calls", "dialogs",
           "relays", "transactions", "pending", "port_pairs", "accepted", "connected", "lag_ms",
           "begun", "refused", "overload", "starved_ms")
FRACTIONS = ("t", "cpu_percent", "lag_ms", "starved_ms")


class Sampler:
    """A row of COLUMNS each time; lateness is the worst since the row before.

    starved_ms: how long others had its core meanwhile. Lateness beyond that is its own.
    """

    def __init__(self, daemon):
        self.daemon, self.start = daemon, time.monotonic()
        self.rows, self.lag_ms, self.before, self.waited = [], 0.0, None, self.waited_ms()

    def cpu_s(self):
        with open(f"/proc/{self.daemon.pid}/stat", encoding="ascii") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def waited_ms(self):
        with open(f"/proc/{self.daemon.pid}/schedstat", encoding="ascii") as f:
            return int(f.read().split()[1]) / 1e6

    def memory(self):
        with open(f"/proc/{self.daemon.pid}/smaps_rollup", encoding="ascii") as f:
            text = f.read()
        return [int(re.search(rf"^{name}: +(\d+) kB", text, re.M)[1])
                for name in ("Rss", "Pss", "Anonymous")]

    def count_fds(self):
        """Before the metrics; another look after them makes it the same moment, on average."""
        self.fds = len(os.listdir(f"/proc/{self.daemon.pid}/fd"))

    def look(self, metrics):
        """Each second."""
        self.lag_ms = max(self.lag_ms, 1000 * total(metrics, "loop_lag_seconds"))

    def take(self, m):
        now, cpu = time.monotonic(), self.cpu_s()
        before, self.before = self.before or (now - 1, cpu), (now, cpu)
        waited, self.waited = self.waited, self.waited_ms()
        fds = self.fds
        self.count_fds()
        row = (now - self.start, *self.memory(), (fds + self.fds) / 2,
               len(os.listdir(f"/proc/{self.daemon.pid}/task")),
               100 * (cpu - before[1]) / (now - before[0]),
               *(total(m, name) for name in (
                   "calls", "dialogs", "media_relays", "sip_transactions",
                   "sip_transactions_pending", "media_port_pairs_used", "accepted_connections",
                   "target_connections")), self.lag_ms, total(m, "calls_begun_total"),
               total(m, "calls_total", result="refused"), total(m, "overload"),
               self.waited - waited)
        self.lag_ms = 0.0
        self.rows.append(dict(zip(COLUMNS, row)))

    def write(self, path):
        with open(path, "w", encoding="utf-8") as f:
            f.write(",".join(COLUMNS) + "\n")
            f.writelines(",".join(f"{row[c]:.{int(c in FRACTIONS)}f}" for c in COLUMNS) + "\n"
                         for row in self.rows)
