# SPDX-License-Identifier: BSD-3-Clause
"""How the demo talks: headings, checks, two columns. Colours only on a terminal."""
import difflib
import os
import re
import shutil
import sys
import textwrap

COLOUR = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
WIDTH = max(80, min(124, shutil.get_terminal_size((116, 24)).columns))


def paint(code, text):
    return f"\x1b[{code}m{text}\x1b[0m" if COLOUR and text else text


def bold(text):
    return paint("1", text)


def dim(text):
    return paint("2", text)


def green(text):
    return paint("32", text)


def red(text):
    return paint("1;31", text)


def yellow(text):
    return paint("33", text)


def line(text=""):
    print(text, flush=True)


def heading(text):
    line()
    line(bold(text))
    line(dim("-" * len(text)))


def good(text):
    line(f"  {green('ok')}    {text}")


def bad(text):
    line(f"  {red('FAIL')}  {text}")


def quote(lines, indent=8):
    """Lines as they are, dimmed; long ones go on below, further in."""
    for text in lines:
        rows = textwrap.wrap(text, WIDTH - indent, subsequent_indent="    ",
                             break_on_hyphens=False) or [""]
        for row in rows:
            line(" " * indent + dim(row))


def facts(pairs, indent=8):
    size = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        line(f"{' ' * indent}{dim(name.ljust(size))}  {value}")


def no_keys(text):
    """SRTP keys cut short: these are real ones, if short-lived."""
    return re.sub(r"(inline:[A-Za-z0-9+/]{6})[A-Za-z0-9+/=]+", r"\1...", text)


def key_of(text):
    """What a line is about, to find its counterpart: "a=crypto", "c", "Contact"."""
    return re.split(r"[:\s]", text, maxsplit=1)[0] if text[1:2] != "=" or text[0] == "a" else text[0]


def pairs_of(left, right):
    """Lines beside their counterparts: (left or None, right or None)."""
    keys = [key_of(t) for t in left], [key_of(t) for t in right]
    matcher = difflib.SequenceMatcher(None, *keys, autojunk=False)
    for what, l1, l2, r1, r2 in matcher.get_opcodes():
        if what == "equal":
            yield from zip(left[l1:l2], right[r1:r2])
        else:
            yield from ((t, None) for t in left[l1:l2])
            yield from ((None, t) for t in right[r1:r2])


def cells(text, width):
    return [text[i:i + width] for i in range(0, len(text), width)] or [""]


def beside(left_title, right_title, *pairs, indent=4):
    """Two texts side by side, as pairs of lines; a mark says what became of each."""
    width = (WIDTH - indent - 5) // 2
    pad = " " * indent
    line(f"{pad}  {bold(left_title.ljust(width))} {dim('|')} {bold(right_title)}")
    changes = 0
    for a, b in pairs:
        mark, style = (" ", dim) if a == b else ("*", yellow) if a and b else \
            ("-", red) if a else ("+", green)
        changes += a != b
        rows_a, rows_b = (cells(no_keys(t or ""), width) for t in (a, b))
        for i in range(max(len(rows_a), len(rows_b))):
            one = rows_a[i] if i < len(rows_a) else ""
            two = rows_b[i] if i < len(rows_b) else ""
            line(f"{pad}{style(mark if i == 0 else ' ')} {style(one.ljust(width))} {dim('|')} "
                 f"{style(two)}".rstrip())
    line(pad + dim(f"* changed   - left out   + put in        {changes} lines differ"))
