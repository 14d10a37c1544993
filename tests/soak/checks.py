# SPDX-License-Identifier: BSD-3-Clause
"""What has to hold of a soak: each check takes figures and says whether they are good.

Nothing here touches a process, so that tests/system/test_soak.py can give it bad ones.
"""
import collections
import statistics

Check = collections.namedtuple("Check", "name good detail")

FLAT = 0.02      # by which a figure's second and last quarter, and its trend over all, may differ
FLAT_KB = 2048   # or by so much memory: old number tables, which long calls keep
ROBUST = 301     # rows that the trend is taken from: it looks at each pair of them
SAMPLES_MIN = 12
MEDIA_LOST = 0.02


# ---- over time ----

def trend(times, values):
    """Theil and Sen's: the median of the slopes of all pairs, which outliers do not move."""
    step = max(1, len(values) // ROBUST)
    points = list(zip(times, values))[::step]
    slopes = [(y2 - y1) / (t2 - t1) for i, (t1, y1) in enumerate(points)
              for t2, y2 in points[i + 1:] if t2 > t1]
    return statistics.median(slopes)


def quarters(values):
    """-> medians of the second and of the last quarter"""
    n = len(values)
    return statistics.median(values[n // 4:n // 2]), statistics.median(values[3 * n // 4:])


def flat(rows, column, allowed=FLAT, least=0):
    """It may not grow by more than that part of itself, or by `least` where that is more."""
    if len(rows) < SAMPLES_MIN:
        return Check(f"{column}_flat", False, f"only {len(rows)} samples")
    times, values = [row["t"] for row in rows], [row[column] for row in rows]
    early, late = quarters(values)
    grown, drift = late - early, trend(times, values) * (times[-1] - times[0])
    limit = max(allowed * early, least)
    return Check(f"{column}_flat", grown < limit and drift < limit,
                 f"{early:.0f} to {late:.0f}, trend {drift:+.0f}, allowed {limit:.0f}")


def over_time(rows):
    """Rows after the warm-up."""
    return [*(flat(rows, column, least=FLAT_KB) for column in ("rss_kb", "pss_kb", "anon_kb")),
            flat(spare_fds(rows), "spare_fds", least=4 + 60 / max(len(rows), 1) ** .5),
            flat(rows, "threads", least=1)]


def spare_fds(rows):
    """Descriptors that are neither a media port nor a connection: of a fixed number of files.

    The figures of a row are not of one moment, so the median of many rows counts.
    """
    return [dict(row, spare_fds=row["fds"] - 2 * row["port_pairs"] - row["accepted"]
                 - row["connected"]) for row in rows]


# ---- in the end ----

def equal(name, have, want):
    return Check(name, have == want, f"{have:.0f} of {want:.0f}")


def between(name, least, have, most):
    return Check(name, least <= have <= most, f"{have:.0f}, from {least:.0f} to {most:.0f}")


def balance(f):
    """f: figures of a gateway that has nothing to do any more, and of its peers."""
    attempts = f["attempts"]
    checks = [Check("nothing_in_use", not f["in_use"], f["in_use"] or "0 of everything"),
              equal("begun_is_answered_and_failed", f["answered"] + f["failed"], f["begun"]),
              equal("call_start_is_begun", f["log_start"], f["begun"]),
              equal("call_end_is_call_start", f["log_end"], f["log_start"]),
              equal("calls_open_in_log", f["log_open"], 0),
              # a connection that breaks takes with it what was on its way
              between("attempts_are_begun_and_refused", attempts - f["unheard"],
                      f["begun"] + f["refused"], attempts),
              between("answered_as_callers_say", f["peers_answered"], f["answered"],
                      f["peers_answered"] + f["unanswered"]),
              equal("callers_without_an_end", f["endless"], 0),
              equal("reloads_done", f["reloads_ok"], f["reloads_good"]),
              equal("reloads_refused", f["reloads_failed"], f["reloads_bad"]),
              equal("idle_fds_as_at_the_start", f["fds_end"], f["fds_start"])]
    return checks


def ended(f):
    """How it went away: exit status, its stop line, its log, the watchdog."""
    in_use = {k: v for k, v in f["stop"].items() if k in f["stop_keys"] and v != "0"}
    missing = [k for k in f["stop_keys"] if k not in f["stop"]]
    return [Check("exit_status", f["exit"] == 0, f"{f['exit']}"),
            Check("stop_line", not in_use and not missing,
                  f"{in_use or ''}{'without ' + ', '.join(missing) if missing else ''}"
                  or "all 0"),
            Check("unexpected_log_lines", not f["unexpected"], f"{len(f['unexpected'])}"),
            Check("watchdog_s", f["watchdog_gap_s"] < f["watchdog_s"],
                  f"{f['watchdog_gap_s']:.1f} of {f['watchdog_s']}")]


def media(f):
    lost = 1 - f["rtp_got"] / f["rtp_sent"] if f["rtp_sent"] else 1
    return [Check("media_lost", lost < MEDIA_LOST, f"{100 * lost:.2f} % of {f['rtp_sent']}"),
            Check("media_not_authentic", f["rtp_bad"] == 0 and f["rtp_verified"] > 0,
                  f"{f['rtp_bad']} of {f['rtp_verified']}")]


def peers(f):
    return [equal("faults_of_the_soak", f["faults"], 0),
            equal("status_not_answered", f["status_failed"], 0)]


def memcheck(text):
    """The summary that valgrind writes."""
    def figure(name):
        line = next((x for x in text.splitlines() if f" {name}:" in x), "")
        words = line.partition(f"{name}:")[2].split()
        return int(words[0].replace(",", "")) if words else None
    errors = figure("ERROR SUMMARY")
    checks = [Check("valgrind_errors", errors == 0, f"{errors}")]
    if "All heap blocks were freed" in text:
        return checks + [Check("valgrind_lost", True, "all heap blocks were freed")]
    for name in ("definitely lost", "indirectly lost", "possibly lost"):
        lost = figure(name)
        checks.append(Check("valgrind_" + name.replace(" ", "_"), lost == 0, f"{lost} bytes"))
    return checks
