#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A gateway at 60 % of what this machine can do, for half an hour, while things go wrong around it.

    soak.py [MINUTES]    with SALLYPORT naming the gateway; samples go into build/soak/

First it looks how many calls a second there can be at most, with the generator beside the
gateway; then it runs at SHARE of that: the bulk are short calls of bench/peer_load, the rest are
those of mix.py, with media, changes, transfers, failures, resets. Meanwhile the configuration is
reloaded, certificates are renewed, and monitors ask. Then all is counted. For two of the thirty
minutes a gateway under valgrind has the same mix, slowly. Prints "name value unit", and for each
check a line that begins with PASS or FAIL.
"""
import collections
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from select import select

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(ROOT, "tests", "system"), os.path.join(ROOT, "tests", "bench")]

import checks  # noqa: E402
from gateway import BINARY, IN_USE, Conf  # noqa: E402
from mix import Mix  # noqa: E402
from net import Net  # noqa: E402
from pki import Pki  # noqa: E402
from watch import Daemon, Sampler, total  # noqa: E402
from world import World  # noqa: E402

OUT = os.environ.get("SOAK_OUT") or os.path.join(ROOT, "build", "soak")
GENERATOR = os.path.join(os.path.dirname(os.path.abspath(BINARY)), "tests", "peer_load")
SHARE = 0.6
MINUTES_MAX = 24 * 60
PROBE_S, PROBES, FIRST_RATE = 3, 9, 300
CONNECTIONS = 4
BULK_S = 20                   # of one round of the bulk, calls of
BULK_MS = (50, 1000)          # so many milliseconds
METRICS_S, STATUS_S, RELOAD_S, RENEW_S = 1, 5, 4, 19
QUIET_S = 130                 # until nothing of any call is left
WARM_S = 60                   # a transaction is kept for 32 s, a table as long as its calls
MEDIA_TIMEOUT_S = 15
IDLE_S, LOOKS = 30, 6          # until descriptors rest: the same in so many looks
CHECK_S = 60                  # for all else that has to come to an end
STATUS = (("--status",), ("--status", "--json"), ("--metrics",), ("--status", "--calls"))
VALGRIND = ("valgrind", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect,possible",
            "--show-leak-kinds=definite,indirect,possible", "--num-callers=30", "--error-limit=no",
            "--suppressions=" + os.path.join(HERE, "valgrind.supp"))
# What has to be 0 when nothing goes on any more.
USED = ("calls", "emergency_calls", "dialogs", "media_relays", "sip_transactions",
        "sip_transactions_pending", "media_port_pairs_used", "trunk_calls",
        "trunk_emergency_calls", "trunk_waiting_calls", "target_pending_requests")

Kind = collections.namedtuple("Kind", "name wrap rate talk_s voices bulk")
RELEASE = Kind("release", (), 25, 3.0, 24, True)
SLOW = Kind("valgrind", VALGRIND, 5, 2.0, 2, False)


def say(text):
    print(f"soak: {text}", file=sys.stderr, flush=True)


def show(name, value, unit, digits=0):
    print(f"soak_{name} {value:.{digits}f} {unit}", flush=True)


class Bulk:
    """peer_load: it takes commands, and answers each with "name=value ..."."""

    def __init__(self, cpu, net, pki):
        sides = [pki.pair(side) + (pki.crt(side + "-ca"),) for side in ("carrier", "service")]
        self.process = subprocess.Popen(
            [GENERATOR, net.carrier, net.core, net.service, Conf.OUTSIDE, Conf.DID, *sides[0],
             *sides[1]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            preexec_fn=lambda: os.sched_setaffinity(0, {cpu}))
        assert self.line(10) == "ready"
        self.sum, self.busy = collections.Counter(), False

    def line(self, wait_s):
        assert select([self.process.stdout], [], [], wait_s)[0], "no answer from peer_load"
        line = self.process.stdout.readline().strip()
        assert line, "peer_load has ended"
        return line

    def begin(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.busy = True

    def poll(self, wait_s=0):
        """-> what became of those calls, when they are over"""
        if not self.busy or not select([self.process.stdout], [], [], wait_s)[0]:
            return None
        self.busy = False
        result = {k: float(v) for k, v in (w.split("=") for w in self.line(1).split())}
        self.sum.update({k: result[k] for k in ("begun", "up", "done", "failed", "open")
                         if k in result})
        return result

    def ask(self, *words):
        self.begin(*words)
        result = self.poll(60)
        assert result, f"no answer to {words[0]}"
        return result

    def stop(self):
        self.process.kill()
        self.process.communicate()


def calls_max():
    """As many as there may be descriptors for: two pairs of ports each, and connections."""
    return min(20000, (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 2000) // 4)


class Soak:
    """One gateway, its peers, and what is done to it."""

    def __init__(self, kind, folder, cpus):
        self.kind, self.cpus = kind, cpus
        self.net = Net()
        self.pki = Pki(os.path.join(folder, "pki"))
        self.world = World(folder, self.net, self.pki, calls_max(), MEDIA_TIMEOUT_S,
                           slow=bool(kind.wrap))
        self.out = os.path.join(OUT, kind.name)
        shutil.rmtree(self.out, ignore_errors=True)
        os.makedirs(self.out)
        self.bulk = self.mix = self.daemon = None
        self.good = self.bad = self.status_failed = self.asked = 0
        self.metrics_ms, self.due, self.pending = [], {}, None

    def start(self):
        if self.kind.bulk:
            self.bulk = Bulk(self.cpus[-1], self.net, self.pki)
        self.mix = Mix(self.cpus[-1], self.net, self.pki, self.kind.voices, self.kind.talk_s)
        wrap = [word for word in self.kind.wrap]
        if wrap:
            wrap.append("--log-file=" + os.path.join(self.out, "memcheck.txt"))
        self.daemon = Daemon(BINARY, self.world, self.out, self.cpus, wrap, CHECK_S)
        if self.bulk:
            self.bulk.ask("connect", CONNECTIONS)
        self.mix.ask("connect")
        self.sampler = Sampler(self.daemon)
        self.reload(whole=True)  # what only the first one needs is not counted as growth
        self.fds_start = self.idle_fds(None)

    # ---- capacity ----

    def share(self, work):
        """-> of its core: what the gateway used meanwhile, and what it was kept waiting for"""
        cpu, waited, wall = self.sampler.cpu_s(), self.sampler.waited_ms(), time.monotonic()
        work()
        wall = time.monotonic() - wall
        return ((self.sampler.cpu_s() - cpu) / wall,
                (self.sampler.waited_ms() - waited) / 1000 / wall)

    def capacity(self):
        """Calls a second where more offered make no more good ones, those of the mix included."""
        self.mix.ask("rate", self.kind.rate)
        self.bulk.ask("rate", FIRST_RATE, 2, *BULK_MS)
        base, _ = self.share(lambda: time.sleep(PROBE_S))
        both, waited = self.share(lambda: self.bulk.ask("rate", FIRST_RATE, PROBE_S, *BULK_MS))
        rate = FIRST_RATE * max(0.1, 0.9 - both) / max(both - base, 0.03)
        rate = FIRST_RATE + 0.5 * rate * both / (both + waited)  # others may have the core, too
        best, worse = 0, 0
        for _ in range(PROBES):
            result = self.bulk.ask("rate", int(rate), PROBE_S, *BULK_MS)
            goodput = result["done"] / (PROBE_S + result["late_ms"] / 1000)
            say(f"{goodput:.0f} of {rate:.0f} calls/s, the generator at {result['cpu']:.2f} of a "
                f"core, {result['late_ms']:.0f} ms late")
            worse += goodput < 1.02 * best
            best = max(best, goodput)
            if worse == 2:
                break
            rate *= 1.2 if goodput > 0.9 * rate else 1
        return best + self.kind.rate

    # ---- what goes on meanwhile ----

    def is_due(self, what, every_s):
        now = time.monotonic()
        if now < self.due.setdefault(what, now + every_s * random.random()):
            return False
        self.due[what] = now + every_s
        return True

    def ask_metrics(self):
        begun = time.monotonic()
        m = self.daemon.metrics()
        self.metrics_ms.append(1000 * (time.monotonic() - begun))
        self.asked += 1
        self.status_failed += m is None
        return m

    def reload(self, whole=False):
        """One after the other; what came of each is compared with what was asked for.

        whole: what there was in the beginning, with all trunks, so that they can be counted.
        """
        log = self.daemon.log.ask()["events"]
        over = log.get("reload_done", 0) + log.get("reload_failed", 0)
        if self.pending is not None and over < self.pending:
            return
        if self.pending is not None and self.broken:
            self.world.numbers()
        good = True if whole else self.world.change()
        if whole:
            self.world.restore()
        self.broken, self.pending = not good, over + 1
        self.good, self.bad = self.good + good, self.bad + (not good)
        self.daemon.signal(signal.SIGHUP)

    def reloads_over(self):
        log = self.daemon.log.ask()["events"]
        return self.pending is None or (log.get("reload_done", 0) + log.get("reload_failed", 0)
                                        >= self.pending)

    def turn(self, sample_s):
        assert self.daemon.alive(), "the gateway has ended"
        if self.is_due("metrics", METRICS_S):
            self.sampler.count_fds()
            m = self.ask_metrics()
            if m:
                self.sampler.look(m)
                if self.is_due("sample", sample_s):
                    self.sampler.take(m)
        if self.is_due("status", STATUS_S):
            self.asked += 1
            self.status_failed += self.daemon.status(*random.choice(STATUS)) != 0
        if self.is_due("reload", RELOAD_S):
            self.reload()
        if self.is_due("renew", RENEW_S) and self.reloads_over():
            self.world.renew()

    def run(self, seconds, rate):
        """At this rate of calls in all."""
        sample_s = 1 if seconds < 300 else 2
        end = time.monotonic() + seconds
        self.mix.ask("rate", self.kind.rate)
        rest, told = rate - self.kind.rate, time.monotonic()
        while time.monotonic() < end:
            left = end - time.monotonic()
            if self.bulk and not self.bulk.busy and left > 3:
                self.bulk.begin("rate", max(int(rest), 1), int(min(BULK_S, left - 2)), *BULK_MS)
            elif self.bulk and self.bulk.busy:
                self.bulk.poll()
            self.turn(sample_s)
            if time.monotonic() - told > 60:
                told = time.monotonic()
                row = self.sampler.rows[-1]
                say(f"{self.kind.name}: {left:.0f} s left, {row['begun']:.0f} calls, "
                    f"{row['rss_kb'] / 1024:.0f} MB, {row['cpu_percent']:.0f} % of its core")
            time.sleep(0.05)

    # ---- the end ----

    def idle_fds(self, wanted):
        """Without its connections; looked at until it is so, or rests: handshakes come and go."""
        end, seen = time.monotonic() + IDLE_S, []
        while time.monotonic() < end:
            m = self.daemon.metrics()
            open_fds = len(os.listdir(f"/proc/{self.daemon.pid}/fd"))
            connections = total(m, "accepted_connections") + total(m, "target_connections")
            seen.append((open_fds - connections, connections))
            if wanted == seen[-1][0] or (not wanted and len(set(seen[-LOOKS:])) == 1
                                         and len(seen) >= LOOKS):
                break
            time.sleep(0.5)
        return seen[-1][0]

    def quiet(self):
        """No more calls: until all of those that there were have gone. -> what has not"""
        self.mix.ask("calm")
        if self.bulk and self.bulk.busy:
            self.bulk.poll(60)
        end, whole = time.monotonic() + QUIET_S, False
        while True:
            m = self.daemon.metrics()
            used = {name: int(total(m, name)) for name in USED if total(m, name)}
            running = self.mix.ask("figures")["running"]
            if not whole and self.reloads_over():
                self.reload(whole=True)
                whole = True
            elif (not used and not running and self.reloads_over()) or time.monotonic() > end:
                return used, m
            time.sleep(0.5)

    def finish(self):
        """-> figures for the checks"""
        used, m = self.quiet()
        mix, bulk = self.mix.ask("figures"), self.bulk.sum if self.bulk else collections.Counter()
        fds = self.idle_fds(self.fds_start)
        if self.bulk:
            self.bulk.stop()
        code = self.daemon.stop(CHECK_S)
        time.sleep(0.5)  # the log's last lines
        log = self.daemon.log.ask()
        events = log["events"]
        stop = dict(word.split("=") for word in log["last"].get("stop", "").split() if "=" in word)
        f = {"in_use": used, "begun": total(m, "calls_begun_total"),
             "answered": total(m, "calls_total", result="answered"),
             "failed": total(m, "calls_total", result="failed"),
             "refused": total(m, "calls_total", result="refused"),
             "log_start": events.get("call_start", 0), "log_end": events.get("call_end", 0),
             "log_open": log["open"] + log["twice"] + log["unknown"],
             "attempts": mix["attempts"] + bulk["begun"],
             "peers_answered": mix["answered"] + bulk["up"],
             "unheard": mix["unheard"], "unanswered": mix["unanswered"],
             "endless": mix["endless"] + bulk["open"],
             "reloads_ok": total(m, "config_reloads_total", result="ok"),
             "reloads_failed": total(m, "config_reloads_total", result="failed"),
             "reloads_good": self.good, "reloads_bad": self.bad,
             "fds_start": self.fds_start, "fds_end": fds, "exit": code, "stop": stop,
             "stop_keys": IN_USE, "unexpected": log["unexpected"],
             "watchdog_gap_s": self.daemon.gap_s, "watchdog_s": self.daemon.watchdog_s,
             "status_failed": self.status_failed, "faults": mix["faults"]}
        self.figures, self.events, self.mixed, self.metrics = f, events, mix, m
        return f

    def close(self):
        if self.daemon:
            self.daemon.kill()
        if self.mix:
            self.mix.end()
        if self.bulk:
            self.bulk.stop()


# ---- what is told ----

def tell(soak):
    f, rows, prefix = soak.figures, soak.sampler.rows, soak.kind.name + "_"
    for name in ("begun", "answered", "failed", "refused"):
        show(prefix + "calls_" + name, f[name], "calls")
    for name in ("cancelled", "cut", "refreshes", "hold", "update", "glare", "refer", "resets",
                 "target_shut", "target_silent", "target_busy", "target_trying", "unheard",
                 "unanswered"):
        show(prefix + "mix_" + name, soak.mixed[name], "times")
    for event in ("transfer_done", "call_retry", "session_expired", "overload_begin", "log_lost",
                  "certificates_renewed", "conn_down"):
        show(prefix + event, soak.events.get(event, 0), "lines")
    show(prefix + "reloads", f["reloads_good"], "reloads")
    show(prefix + "reloads_broken", f["reloads_bad"], "reloads")
    show(prefix + "asked", soak.asked, "answers")
    show(prefix + "metrics_ms", max(soak.metrics_ms), "ms", 1)
    show(prefix + "rtp", soak.mixed["rtp_sent"], "packets")
    for reason in ("unauthentic", "duplicate", "replayed", "early", "unsent"):
        show(f"{prefix}rtp_{reason}",
             total(soak.metrics, "media_dropped_packets_total", reason=reason), "packets")
    if rows:
        lags = sorted(row["lag_ms"] for row in rows)
        show(prefix + "lag_p50", lags[len(lags) // 2], "ms", 1)
        show(prefix + "lag_worst", lags[-1], "ms", 1)
        show(prefix + "lag_own_worst",
             max(max(0, row["lag_ms"] - row["starved_ms"]) for row in rows), "ms", 1)
        show(prefix + "starved", sum(row["starved_ms"] for row in rows) / 1000, "s", 1)
        for column, unit in (("rss_kb", "KiB"), ("fds", "fds"), ("cpu_percent", "%")):
            values = [row[column] for row in rows]
            show(f"{prefix}{column}_worst", max(values), unit)
    for line in f["unexpected"][:20]:
        say(f"unexpected: {line}")


def table(rows):
    """Medians of each quarter after the warm-up."""
    names = ("rss_kb", "pss_kb", "anon_kb", "fds", "threads", "cpu_percent", "calls",
             "transactions", "port_pairs")
    print(f"{'quarter':>8}" + "".join(f"{name:>14}" for name in names))
    for i in range(4):
        part = rows[len(rows) * i // 4:len(rows) * (i + 1) // 4]
        values = [sorted(row[name] for row in part)[len(part) // 2] for name in names]
        print(f"{i + 1:>8}" + "".join(f"{value:>14.0f}" for value in values), flush=True)


def judge(name, found):
    for check in found:
        print(f"{'PASS' if check.good else 'FAIL'} {name}_{check.name}: {check.detail}", flush=True)
    return all(check.good for check in found)


def soaked(soak, seconds):
    """-> is all well?"""
    soak.start()
    rate = soak.kind.rate
    if soak.bulk:
        limit = soak.capacity()
        rate = SHARE * limit
        show("capacity", limit, "calls/s")
        show("rate", rate, "calls/s")
    began = time.monotonic() - soak.sampler.start
    soak.run(seconds, rate)
    f = soak.finish()
    soak.sampler.write(os.path.join(soak.out, "samples.csv"))
    tell(soak)
    found = checks.balance(f) + checks.ended(f) + checks.peers(f)
    if soak.kind.wrap:
        with open(os.path.join(soak.out, "memcheck.txt"), encoding="utf-8") as text:
            return judge(soak.kind.name, found + checks.memcheck(text.read()))
    warm_s = max(WARM_S, 0.15 * seconds)
    rows = [row for row in soak.sampler.rows if row["t"] > began + warm_s]
    table(rows)
    return judge(soak.kind.name, checks.over_time(rows) + found + checks.media(soak.mixed))


def soak_one(kind, cpus, seconds):
    with tempfile.TemporaryDirectory(prefix="sallyport-soak.") as folder:
        soak = Soak(kind, folder, cpus)
        try:
            return soaked(soak, seconds)
        except (AssertionError, EOFError, OSError) as e:
            end = time.monotonic() + 1
            while soak.daemon and soak.daemon.alive() and time.monotonic() < end:
                time.sleep(0.05)  # who is cut off hears of it before we do
            status = soak.daemon.process.poll() if soak.daemon else "never started"
            print(f"FAIL {kind.name}_runs: {e}; the gateway "
                  f"{'runs' if status is None else f'has ended: {status}'}; see {soak.out}",
                  flush=True)
            return False
        finally:
            soak.close()


def main():
    minutes = sys.argv[1] if len(sys.argv) > 1 else "30"
    cpus = sorted(os.sched_getaffinity(0))
    if not minutes.isdigit() or not 2 <= int(minutes) <= MINUTES_MAX:
        sys.exit(f"soak: {minutes} is not a number of minutes from 2 to {MINUTES_MAX}")
    if len(cpus) < 2:
        sys.exit("soak: needs two cores, one for the gateway and one for the load")
    for signo in (signal.SIGTERM, signal.SIGALRM):  # so that all that was started is ended
        signal.signal(signo, lambda *_: sys.exit("soak: ended before its time"))
    seconds = 60 * int(minutes)
    signal.alarm(seconds + 600)
    slow_s = min(120, max(25, seconds // 10))
    print(f"# {time.strftime('%Y-%m-%d')}, {minutes} minutes, {len(cpus)} cores", flush=True)
    good = soak_one(RELEASE, cpus, seconds - slow_s)
    good = soak_one(SLOW, cpus, slow_s) and good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
