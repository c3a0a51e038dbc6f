# SPDX-License-Identifier: GPL-3.0-or-later
"""Python imports this when it starts with this folder on PYTHONPATH; it notes how long a plug-in ran."""

import atexit
import os
import sys
import time
from pathlib import Path


def _note():
    if sys.argv[0].endswith("scumble-gimp.py"):
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        seconds = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
        with Path(os.environ["SCUMBLE_TEST_OUT"], "ran").open("a") as file:
            file.write(f"{sys.argv[5]} {seconds:.3f}\n")


atexit.register(_note)
