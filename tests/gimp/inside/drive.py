# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts a display, a service and GIMP, and presses the keys that a person would. Needs no package."""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).parent
OUT = Path(os.environ["SCUMBLE_TEST_OUT"])
PATIENCE_SECONDS = 120
DIALOG = "^Fill Selection$"
IMAGE_WINDOW = " GIMP$"

sys.path.insert(0, str(HERE))
from servers import EchoServer  # noqa: E402  (copied beside this file)


def main() -> None:
    gate = threading.Event()
    gate.set()
    with EchoServer(gate=gate) as server, tempfile.TemporaryFile() as log:
        screen, display = start_display()
        gimp = start_gimp(display, server.base_url, log)
        keys = Keys(display)
        try:
            keys.into(DIALOG).type("planted cancelled words").press("Escape").gone(DIALOG)
            wait_for(OUT / "cancelled.json")
            stop_while_waiting(keys, server, gate)
            keys.into(DIALOG).type("planted filled words").press("alt+g").gone(DIALOG)
            wait_for(OUT / "undone.please")
            keys.into(IMAGE_WINDOW).press("ctrl+z")
            wait_for(OUT / "undone_twice.please")
            keys.into(IMAGE_WINDOW).press("ctrl+z")
            wait_for(OUT / "finished.please")
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace")[-4000:])
            raise
        finally:
            for process in (gimp, screen):
                process.terminate()
                process.wait(30)
    prompts = [seen.fields["prompt"] for seen in server.seen]
    (OUT / "driven.json").write_text(json.dumps({"prompts": prompts}), "utf-8")


def stop_while_waiting(keys, server, gate) -> None:
    """Press Stop when the request is at the service, and let the service answer only after that."""
    gate.clear()
    server.arrived.clear()
    keys.into(DIALOG).type("planted stopped words").press("alt+g")
    if not server.arrived.wait(PATIENCE_SECONDS):
        raise TimeoutError("the request never came")
    keys.press("alt+s").gone(DIALOG)
    (OUT / "left.json").write_text(json.dumps({"returned": (OUT / "stopped.json").exists()}), "utf-8")
    gate.set()
    wait_for(OUT / "stopped.json")


def start_display() -> tuple[subprocess.Popen, str]:
    read, write = os.pipe()
    screen = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1400x950x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as number:
        return screen, f":{number.readline().strip()}"


def start_gimp(display: str, base_url: str, log) -> subprocess.Popen:
    code = f"import sys; sys.path.insert(0, {str(HERE)!r}); exec(open({str(HERE / 'window.py')!r}).read())"
    return subprocess.Popen(
        ["gimp", "--no-splash", "--batch-interpreter=python-fu-eval", "-b", code],
        env={**os.environ, "DISPLAY": display, "OPENAI_BASE_URL": base_url, "NO_AT_BRIDGE": "1"},
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


main()
