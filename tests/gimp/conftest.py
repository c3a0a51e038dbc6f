# SPDX-License-Identifier: GPL-3.0-or-later
"""The built zip in a fresh profile of the real GIMP, and scripts that run inside it and leave records."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from PIL import Image
from servers import EchoServer, FaultServer, Seen, answers, refusal, success

from scumble import __version__
from tools import hosts

ZIP = Path(__file__).parents[2] / "dist" / f"scumble-gimp-{__version__}.zip"
INSIDE = Path(__file__).with_name("inside")
KEY = "sk-test-planted-key"
PATIENCE_SECONDS = 300


@dataclass(frozen=True)
class Record:
    """What one case inside GIMP left: facts, and raw pixels by name."""

    name: str
    folder: Path
    facts: dict
    requests: list[Seen] = field(default_factory=list, repr=False)

    @property
    def request(self) -> Seen:
        assert len(self.requests) == 1, f"{self.name} sent {len(self.requests)} requests"
        return self.requests[0]

    def raw(self, name: str) -> bytes:
        return (self.folder / f"{self.name}.{name}.raw").read_bytes()

    def picture(self, name: str, mode: str, size: tuple[int, int]) -> Image.Image:
        return Image.frombytes(mode, size, self.raw(name))


@dataclass(frozen=True)
class Studio:
    """A fresh profile with the plug-in from the zip; `folder` is all that GIMP sees of this machine."""

    program: hosts.Program
    folder: Path

    @property
    def profile(self) -> Path:
        return self.folder / "profile"

    @property
    def home(self) -> Path:
        return self.folder / "scumble-home"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def environment(self, **more: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(self.folder / "user"),
            "GIMP3_DIRECTORY": str(self.profile),
            "SCUMBLE_HOME": str(self.home),
            "SCUMBLE_TEST_OUT": str(self.out),
            **more,
        }

    def run(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a script of tests/gimp/inside in GIMP without a window; it may fail, its exit code says so."""
        path = self.folder / "inside" / script
        code = f"import sys; sys.path.insert(0, {str(path.parent)!r}); exec(open({str(path)!r}).read())"
        batch = ["-i", "--quit", "--batch-interpreter=python-fu-eval", "-b", code]
        return self.start(self.program, batch, **environment)

    def start(
        self, program: hosts.Program, arguments: list[str], **environment: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            program.command(arguments, [self.folder]),
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE_SECONDS,
        )

    def records(self, seen: list[Seen]) -> dict[str, Record]:
        """By the name of the case, which is also the prompt of what it sends."""
        found = {}
        for path in sorted(self.out.glob("*.json")):
            name = path.stem
            requests = [one for one in seen if _prompt(one) == name]
            found[name] = Record(name, self.out, json.loads(path.read_text("utf-8")), requests)
        return found


@pytest.fixture(scope="session")
def installed_zip() -> Path:
    """The zip under test: SCUMBLE_GIMP_ZIP, else the one in dist/."""
    path = Path(os.environ.get("SCUMBLE_GIMP_ZIP") or ZIP)
    assert path.is_file(), f"{path} is not built: python -m tools.package --only gimp"
    return path


@pytest.fixture(scope="session")
def new_studio(installed_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator:
    """Makes a studio of that name."""
    program = hosts.gimp()

    def make(name: str) -> Studio:
        studio = Studio(program, tmp_path_factory.mktemp(name))
        for folder in ("user", "out", "scumble-home"):
            (studio.folder / folder).mkdir()
        shutil.copytree(INSIDE, studio.folder / "inside", ignore=shutil.ignore_patterns("__pycache__"))
        unzip(installed_zip, studio.profile / "plug-ins")
        return studio

    return make


@pytest.fixture(scope="session")
def echoed(new_studio) -> dict[str, Record]:
    """All cases of inside/cases.py in one GIMP, whose service answers each edit with its own picture."""
    studio = new_studio("echoed")
    with EchoServer() as server:
        ran = studio.run("cases.py", OPENAI_API_KEY=KEY, OPENAI_BASE_URL=server.base_url)
    assert ran.returncode == 0, ran.stderr[-4000:] + ran.stdout[-4000:]
    return studio.records(server.seen)


@dataclass(frozen=True)
class Answered:
    """A GIMP whose service answers with a black picture and with two, then refuses in several ways."""

    studio: Studio
    records: dict[str, Record]
    log: str


@pytest.fixture(scope="session")
def answered(new_studio) -> Answered:
    studio = new_studio("answered")
    encoded = []
    for colour in ("black", "white"):
        path = studio.folder / f"{colour}.png"
        Image.new("RGB", (992, 672), colour).save(path)
        encoded.append(path.read_bytes())
    server = FaultServer(
        answers(200, success(encoded[:1])),
        answers(200, success(encoded)),
        answers(401, refusal("invalid_request_error", "invalid_api_key")),
        answers(400, refusal("image_generation_user_error", "moderation_blocked")),
        answers(500, b"<html>a failure</html>"),
    )
    with server:
        ran = studio.run("answers.py", OPENAI_API_KEY=KEY, OPENAI_BASE_URL=server.base_url)
    assert ran.returncode == 0, ran.stderr[-4000:] + ran.stdout[-4000:]
    return Answered(studio, studio.records([]), ran.stdout + ran.stderr)


def with_graphics(studio: Studio) -> Studio:
    """The same studio where scripts are run by the Python beside GIMP, which starts GIMP with its window."""
    return replace(studio, program=replace(studio.program, name="python3"))


def unzip(archive: Path, folder: Path) -> None:
    """As `unzip` does it: with the run bits that the archive holds."""
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            path = Path(opened.extract(entry, folder))
            if not entry.is_dir():
                path.chmod(entry.external_attr >> 16 & 0o777)


def _prompt(seen: Seen) -> str:
    options = seen.json if seen.json is not None else seen.fields
    return str(options["prompt"])
