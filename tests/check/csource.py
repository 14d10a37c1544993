# SPDX-License-Identifier: BSD-3-Clause
"""What the checks know of C: where its files are, and which text is code."""

import os
import re

_TOKENS = re.compile(
    r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL
)


def files(root, folders, endings=(".c", ".h")):
    """Paths relative to root, sorted, of the files in folders with these endings."""
    found = []
    for folder in folders:
        for where, dirs, names in os.walk(os.path.join(root, folder)):
            dirs[:] = [d for d in dirs if not d.startswith((".", "__"))]
            found += [
                os.path.relpath(os.path.join(where, n), root)
                for n in names
                if n.endswith(endings)
            ]
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
        return f.read()


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def without_comments(text):
    """The text with comments turned to blanks; line numbers stay."""
    return _TOKENS.sub(
        lambda m: _blank(m[0]) if m[0].startswith("/") else m[0], text
    )


def without_strings(text):
    """The text with comments and literals turned to blanks; line numbers stay."""
    return _TOKENS.sub(lambda m: _blank(m[0]), text)


def includes(text):
    """(line, "<" or '"', name) of each #include."""
    pattern = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.M)
    code = without_comments(text)
    for m in pattern.finditer(code):
        yield code.count("\n", 0, m.start()) + 1, m[1], m[2]
