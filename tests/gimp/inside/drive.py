# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts a display, a service and GIMP, and presses the keys that a person would. Needs no package."""

import json
import sys
import tempfile
import threading

from screen import IMAGE_WINDOW, OUT, PATIENCE_SECONDS, Keys, start_display, start_gimp, wait_for
from servers import EchoServer  # copied beside this file

DIALOG = "^Fill Selection$"


def main() -> None:
    gate = threading.Event()
    gate.set()
    with EchoServer(gate=gate) as server, tempfile.TemporaryFile() as log:
        screen, display = start_display()
        gimp = start_gimp(display, "window.py", log, OPENAI_BASE_URL=server.base_url)
        keys = Keys(display)
        try:
            keys.into(DIALOG).type("planted cancelled words").press("Escape").gone(DIALOG)
            wait_for(OUT / "cancelled.json")
            stop_while_waiting(keys, server, gate)
            keys.into(DIALOG).type("planted filled words").press("alt+i").type("3").press("Tab").press(
                "alt+g"
            ).gone(DIALOG)
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
    asked = {option: [seen.fields[option] for seen in server.seen] for option in ("prompt", "n")}
    (OUT / "driven.json").write_text(json.dumps(asked), "utf-8")


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


main()
