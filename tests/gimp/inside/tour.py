# SPDX-License-Identifier: GPL-3.0-or-later
"""A person's way through GIMP's windows of Scumble: the message at the start, Spending, Results, a budget."""

import json
import subprocess
import sys
import tempfile

from screen import IMAGE_WINDOW, OUT, Keys, start_display, start_gimp, take_picture, wait_for

MESSAGE = "^GIMP Message$"
SPENDING = "^Spending$"
RESULTS = "^Results$"
FILL = "^Fill Selection$"
SAVE = "^Save Original$"
FORGET = "^Forget$"


def main() -> None:
    with tempfile.TemporaryFile() as log:
        screen, display = start_display()
        gimp = start_gimp(display, "toured.py", log)
        try:
            visit(Keys(display))
        except BaseException:
            take_picture("failure")
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace")[-4000:])
            raise
        finally:
            for process in (gimp, screen):
                process.terminate()
                process.wait(30)


def visit(keys: Keys) -> None:
    keys.into(MESSAGE).settled()
    take_picture("message")
    keys.close(MESSAGE)
    keys.into(SPENDING).settled()
    take_picture("spending")
    keys.press("alt+n").settled()
    take_picture("spending-decided")
    mine = subprocess.run(["pgrep", "-af", str(OUT.parent)], stdout=subprocess.PIPE, text=True)
    (OUT / "processes").write_text(mine.stdout)
    keys.press("Escape").gone(SPENDING)
    wait_for(OUT / "spending_closed.json")
    keys.into(RESULTS).settled(4)
    take_picture("results")
    keys.press("alt+p").settled()
    keys.press("Escape").gone(RESULTS)
    wait_for(OUT / "result_placed.please")
    keys.into(IMAGE_WINDOW).press("ctrl+z")
    wait_for(OUT / "result_undone.json")
    keys.into(FILL).type("a lighthouse with a red stripe").settled()
    take_picture("cheaper")
    keys.press("alt+o").press("alt+w").type("2").press("Tab").settled()
    take_picture("more")
    keys.press("alt+g").settled(2)
    take_picture("budget")
    size = keys.resized(FILL, 800, 600)
    (OUT / "small.json").write_text(json.dumps(size))
    take_picture("small")
    keys.press("alt+b")
    wait_for(OUT / "held.please")
    keys.settled(2)
    take_picture("preview")
    (OUT / "go.please").touch()
    keys.gone(FILL)
    wait_for(OUT / "over_budget.json")
    keys.into(RESULTS).type("harbour").settled(2)
    take_picture("searched")
    keys.press("alt+s").into(SAVE).press("ctrl+a").type(str(OUT / "saved.png")).press("Return").gone(SAVE)
    keys.into(RESULTS).press("alt+r").gone(RESULTS)
    keys.into("^(Fill Selection|Generate Layer)$").settled()
    take_picture("prompt-used")
    keys.press("Escape")
    wait_for(OUT / "prompt_used.json")
    keys.into(RESULTS).settled().press("alt+f").into(FORGET).settled()
    take_picture("forget")
    keys.press("alt+f").gone(FORGET)
    keys.into(RESULTS).press("Escape").gone(RESULTS)
    wait_for(OUT / "finished.please")


main()
