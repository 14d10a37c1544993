# SPDX-License-Identifier: BSD-3-Clause
"""A process's memory, looked at from outside: where something lies, and whether a core dump
would have it. For root alone: the daemon is not dumpable."""
import base64

from cryptography.hazmat.primitives import serialization

LONG = 64 << 20  # an address sanitizer's shadow is no memory of ours
WORD = 8


def areas(pid):
    """(first octet, end, flags) of each mapping that it can write to."""
    found, area = [], None
    with open(f"/proc/{pid}/smaps") as f:
        for line in f:
            word, *more = line.split()
            if word == "VmFlags:":
                if area and area[1] - area[0] <= LONG:
                    found.append((*area, more))
            elif not word.endswith(":"):
                low, high = (int(n, 16) for n in word.split("-"))
                area = (low, high) if more[0].startswith("rw") else None
    return found


def find(pid, needles):
    """{name: [flags of the mapping, for each place where it is]} of those that are there."""
    found = {}
    with open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for low, high, flags in areas(pid):
            try:
                mem.seek(low)
                data = mem.read(high - low)
            except OSError:
                continue
            for name, text in needles.items():
                found.setdefault(name, []).extend([flags] * data.count(text))
    return {name: places for name, places in found.items() if places}


def numbers(name, value):
    """A large number as it may lie in memory: as files have it, and as libcrypto computes."""
    size = (value.bit_length() + 7) // 8
    return {f"{name} in octets": value.to_bytes(size, "big"),
            f"{name} in words": value.to_bytes(-(-size // WORD) * WORD, "little")}


def private(name, path):
    """What is secret in a key file, EC or RSA; and its text."""
    with open(path, "rb") as f:
        text = f.read()
    key = serialization.load_pem_private_key(text, None).private_numbers()
    secrets = ({"d": key.private_value} if hasattr(key, "private_value")
               else {"p": key.p, "q": key.q, "d": key.d})
    found = {f"{name} text": text.split(b"\n")[1]}
    for letter, value in secrets.items():
        found.update(numbers(f"{name} {letter}", value))
    return found


def media_key(name, key):
    """A master key of SRTP, and as SDP has it."""
    return {f"{name} octets": key, f"{name} text": base64.b64encode(key)}
