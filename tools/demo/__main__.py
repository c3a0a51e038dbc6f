# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tools.demo [FOLDER]`: both hosts from the built zips, then a table of what it would cost."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scumble.ledger import Ledger
from scumble.money import decimal_usd
from scumble.settings import Home
from tools import hosts, package
from tools.host_cache import HostMissing

_OUTPUT = package.ROOT / "build" / "demo"
_ENLARGED = 3
_FILL_PROMPT = "a tiny garden of soft green moss"
_PROMPTS = {
    "Floor": "weathered oak planks, fine grain",
    "Wall + Block": "old red brick wall, white mortar",
    "Pillar + Ball + Suzanne": "polished green marble with white veins",
}
_HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Made:
    """One answer of the sandbox and where it can be seen."""

    asked: str
    result: str
    place: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; 0 when at least one host could be had and did its part."""
    parser = argparse.ArgumentParser(prog="python -m tools.demo", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=_OUTPUT, help="where the pictures go")
    folder: Path = parser.parse_args(arguments).folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    home = Home(folder / "home").make()
    made: list[Made] = []
    missing: list[str] = []
    for name, part in (("GIMP", _in_gimp), ("Blender", _in_blender)):
        try:
            made += part(folder, home)
        except HostMissing as reason:
            missing.append(f"{name} did not run: {reason}")
    _print_table(made, home)
    for line in missing:
        print(line, file=sys.stderr)
    return 0 if made else 1


def _in_gimp(folder: Path, home: Home) -> list[Made]:
    program = hosts.gimp()
    print(f"GIMP {program.version}: filling a selection")
    profile = folder / "gimp-profile"
    with zipfile.ZipFile(package.zip_path("gimp")) as archive:
        _extract(archive, profile / "plug-ins")
    task = {"folder": str(folder), "photograph": str(_photograph(folder)), "prompt": _FILL_PROMPT}
    batch = f"exec(compile(open({str(_HERE / 'in_gimp.py')!r}).read(), 'in_gimp.py', 'exec'))"
    options = ["-i", "--quit", "--batch-interpreter=python-fu-eval", "-b", batch]
    # GIMP's own profile, so that nothing of the user's is read or changed.
    environment = {"GIMP3_DIRECTORY": str(profile), "HOME": str(folder)}
    _run(program.command(options, [folder, _HERE]), task, home, environment, folder / "gimp.log")
    result = json.loads((folder / "gimp.json").read_text("utf-8"))["result"]
    return [Made(f"GIMP, selection: {_FILL_PROMPT}", result, str(folder / "after.png"))]


def _in_blender(folder: Path, home: Home) -> list[Made]:
    version = hosts.blender_versions()[0]
    python = hosts.blender(version)
    print(f"Blender {version}: three materials for a scene")
    task = {"folder": str(folder), "zip": str(package.zip_path("blender")), "prompts": _PROMPTS}
    environment = {"BLENDER_USER_RESOURCES": str(folder / "blender-profile")}
    _run([str(python), str(_HERE / "in_blender.py")], task, home, environment, folder / "blender.log")
    made = json.loads((folder / "blender.json").read_text("utf-8"))
    scene = str(folder / "scene.blend")
    return [Made(f"Blender, {each['objects']}: {each['prompt']}", each["result"], scene) for each in made]


def _run(
    command: list[str], task: dict[str, object], home: Home, environment: dict[str, str], log: Path
) -> None:
    """Run a host on the sandbox: without a key, and without a server to send to."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OPENAI_")}
    own = {"SCUMBLE_HOME": str(home.folder), "SCUMBLE_DEMO": json.dumps(task)}
    with log.open("wb") as output:
        ran = subprocess.run(
            command, env=inherited | environment | own, stdout=output, stderr=subprocess.STDOUT
        )
    if ran.returncode:
        sys.stderr.write(log.read_text("utf-8", "replace")[-4000:])
        raise SystemExit(f"the host failed with exit code {ran.returncode}; its output is in {log}")


def _photograph(folder: Path) -> Path:
    """A cup of coffee (Rachel Michetti, CC0), enlarged to a size that a camera makes."""
    from PIL import Image
    from skimage import data

    picture = Image.fromarray(data.coffee())
    size = (picture.width * _ENLARGED, picture.height * _ENLARGED)
    path = folder / "photograph.png"
    picture.resize(size, Image.Resampling.LANCZOS).save(path)
    return path


def _extract(archive: zipfile.ZipFile, folder: Path) -> None:
    """Unzip as a file manager does, with the run bits, which zipfile leaves out."""
    for entry in archive.infolist():
        path = Path(archive.extract(entry, folder))
        path.chmod(entry.external_attr >> 16 & 0o777 or 0o644)


def _print_table(made: Sequence[Made], home: Home) -> None:
    rows = [("asked", "model", "size", "estimate", "bill", "where")]
    with Ledger(home.ledger) as ledger:
        for each in made:
            entry = ledger.entry(each.result)
            asked = entry.spending
            estimate = f"${decimal_usd(asked.expected)}"
            bill = f"free in the sandbox; the API: ${decimal_usd(entry.would_bill)}"
            rows.append((each.asked, asked.model, asked.size, estimate, bill, each.place))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
