# SPDX-License-Identifier: GPL-3.0-or-later
"""A display in memory, GIMP on it, the keys a person would press, and pictures of it. Needs no package."""

import os
import shutil
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).parent
OUT = Path(os.environ["SCUMBLE_TEST_OUT"])
PATIENCE_SECONDS = 120
IMAGE_WINDOW = " GIMP$"


def start_display() -> tuple[subprocess.Popen, str]:
    """Its pixels are the file OUT/Xvfb_screen0, in the format XWD."""
    read, write = os.pipe()
    screen = subprocess.Popen(
        [
            "Xvfb",
            "-displayfd",
            str(write),
            "-screen",
            "0",
            "1400x950x24",
            "-fbdir",
            str(OUT),
            "-nolisten",
            "tcp",
        ],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as number:
        return screen, f":{number.readline().strip()}"


def take_picture(name: str) -> None:
    """Keep what the display shows now."""
    shutil.copy(OUT / "Xvfb_screen0", OUT / f"{name}.xwd")


def start_gimp(display: str, script: str, log, **environment: str) -> subprocess.Popen:
    """GIMP with its window, which runs a script of this folder."""
    code = f"import sys; sys.path.insert(0, {str(HERE)!r}); exec(open({str(HERE / script)!r}).read())"
    return subprocess.Popen(
        ["gimp", "--no-splash", "--batch-interpreter=python-fu-eval", "-b", code],
        env={**os.environ, "DISPLAY": display, "NO_AT_BRIDGE": "1", **environment},
        stdout=log,
        stderr=log,
    )


class Keys:
    """A keyboard on one display; there is no window manager, so windows are raised by hand."""

    def __init__(self, display: str) -> None:
        self._environment = {**os.environ, "DISPLAY": display}

    def into(self, title: str) -> "Keys":
        """Wait for the window of that title and turn to it."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := self._windows(title)):
            _pause_until(deadline, f"no window {title}")
        self._xdotool("windowraise", found[-1], "windowfocus", "--sync", found[-1])
        return self

    def type(self, text: str) -> "Keys":
        self._xdotool("type", text)
        return self

    def press(self, key: str) -> "Keys":
        self._xdotool("key", key)
        return self

    def resized(self, title: str, width: int, height: int) -> list[int]:
        """Make the window so large; the width and height that it takes."""
        window = self._windows(title)[-1]
        self._xdotool("windowsize", window, str(width), str(height))
        self.settled()
        told = self._xdotool("getwindowgeometry", "--shell", window)
        lines = dict(line.split("=") for line in told.split())
        return [int(lines["WIDTH"]), int(lines["HEIGHT"])]

    def settled(self, seconds: float = 1) -> "Keys":
        """Give GTK the time to draw, before a picture is taken."""
        self._xdotool("mousemove", "1390", "940")
        time.sleep(seconds)
        return self

    def close(self, title: str) -> None:
        """Press Escape in it until it is gone: while GIMP starts, other windows take the focus away."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while found := self._windows(title):
            self._xdotool("windowraise", found[-1], "windowfocus", found[-1], "key", "Escape", may_fail=True)
            _pause_until(deadline, f"the window {title} stays")
            time.sleep(1)

    def gone(self, title: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._windows(title):
            _pause_until(deadline, f"the window {title} stays")

    def _windows(self, title: str) -> list[str]:
        return self._xdotool("search", "--onlyvisible", "--name", title, may_fail=True).split()

    def _xdotool(self, *arguments: str, may_fail: bool = False) -> str:
        ran = subprocess.run(
            ["xdotool", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=not may_fail,
        )
        return ran.stdout


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not path.exists():
        _pause_until(deadline, f"{path.name} never came")


def _pause_until(deadline: float, complaint: str) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError(complaint)
    time.sleep(0.05)
