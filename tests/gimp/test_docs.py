# SPDX-License-Identifier: GPL-3.0-or-later
"""The example of docs/gimp.md, run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "gimp.md"


def test_the_script_in_the_docs_runs(new_studio) -> None:
    """In the sandbox: pictures for nothing, of which one is found by its words and placed again."""
    [example] = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    studio = new_studio("docs")
    script = studio.folder / "inside" / "example.py"
    check = "assert again.get_name() == 'Scumble Result 1' and cost == 0 and len(image.get_layers()) == 5\n"
    script.write_text("import gi; gi.require_version('Gimp', '3.0')\n" + example + check, "utf-8")
    ran = studio.run("example.py")
    assert ran.returncode == 0, ran.stderr[-4000:] + ran.stdout[-2000:]
    assert "today 0 on this image 0" in ran.stdout
    assert "['Scumble Layer 2, variation 1', 'Scumble Layer 2, variation 2']" in ran.stdout
    assert "0 a small red door" in ran.stdout


def test_its_pictures_are_there_and_small() -> None:
    pictures = re.findall(r"\]\((images/[^)]+)\)", PAGE.read_text("utf-8"))
    assert len(pictures) == 5
    for name in pictures:
        assert (PAGE.parent / name).stat().st_size < 300_000
