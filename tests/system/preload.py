# SPDX-License-Identifier: BSD-3-Clause
"""C of a test's own that is preloaded into the daemon."""
import mmap
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ASAN = "abort_on_error=0:detect_leaks=1"


def compiled(folder, name):
    """-> the library that tests/system/<name>.c makes."""
    library = os.path.join(str(folder), name + ".so")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", library,
                    os.path.join(HERE, name + ".c")], check=True)
    return library


def preloaded(*libraries, asan=ASAN, **more):
    """-> what the daemon has to be started with."""
    # the sanitizers' library cannot be the first when another is preloaded
    return {"LD_PRELOAD": " ".join(libraries), "ASAN_OPTIONS": f"{asan}:verify_asan_link_order=0",
            **more}


def shared(path, size):
    """A file of zeros in memory, for a test and a library of the daemon's."""
    with open(path, "wb") as f:
        f.write(bytes(size))
    with open(path, "r+b") as f:
        return mmap.mmap(f.fileno(), size)
