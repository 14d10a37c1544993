# SPDX-License-Identifier: BSD-3-Clause
"""What clang-tidy and gcc's analyzer have in common: their findings, and which are wrong."""

import fnmatch
import os
import re
from concurrent.futures import ThreadPoolExecutor

import csource

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
_FINDING = re.compile(r"^(\S+?):(\d+):\d+: (?:warning|error): .*\[([^\],]+)[^\]]*\]$")


def _suppressions(name):
    """(path pattern, check pattern) of each line."""
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        lines = [line.split("#")[0].split() for line in f]
    return [tuple(line) for line in lines if line]


def _of(output):
    """(path, line, check, text) of each finding, its notes in the text."""
    found = None
    for line in output.splitlines():
        start = _FINDING.match(line)
        if start:
            if found:
                yield found
            found = (os.path.relpath(os.path.join(ROOT, start[1]), ROOT), int(start[2]),
                     start[3], line)
        elif found:
            found = found[:3] + (found[3] + "\n" + line,)
    if found:
        yield found


def report(run, suppressions, only=()):
    """run(path) gives a tool's output on one file. Over src/, or only these paths, side by side.

    Prints what no line of the file `suppressions` knows as wrong, and the lines that suppress
    nothing any more. @return the exit status.
    """
    known, used, said = _suppressions(suppressions), set(), {}
    paths = list(only) or csource.files(ROOT, ("src",), (".c",))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for output in pool.map(run, paths):
            for path, line, check, text in _of(output):
                match = [s for s in known
                         if fnmatch.fnmatch(path, s[0]) and fnmatch.fnmatch(check, s[1])]
                used.update(match)
                if not match:
                    said[path, line, check] = text

    for text in said.values():
        print(text)
    idle = [] if only else [s for s in known if s not in used]
    for path, check in idle:
        print(f"tests/check/{suppressions}: nothing to suppress: {path} {check}")
    return 1 if said or idle else 0
