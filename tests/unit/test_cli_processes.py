# SPDX-License-Identifier: GPL-3.0-or-later
"""`scumble` as a process: ports, Ctrl+C, pipes, terminals, and what a killed one left."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import pytest

from scumble.cli import main
from scumble.ledger import Ledger
from scumble.settings import Home
from tests.servers import EchoServer
from tests.unit.cli_cases import run

_WITH_CTRL_C = """\
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from scumble.cli import main
sys.exit(main())
"""


@contextlib.contextmanager
def command(*arguments: str, environment: dict[str, str] | None = None):
    """`scumble` in a process of its own, ended with the test; Ctrl+C reaches it.

    A shell starts its background jobs, and so perhaps these tests, with that signal ignored.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", _WITH_CTRL_C, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "", **(environment or {})},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def test_the_sandbox_serves_any_client(tmp_path: Path) -> None:
    """`scumble sandbox --port 0` prints its address when it answers."""
    import requests

    process = subprocess.Popen(
        [sys.executable, "-m", "scumble", "sandbox", "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
        address = json.loads("".join(lines))["base_url"]
        reply = requests.get(f"{address}/models", headers={"Authorization": "Bearer sk-x"}, timeout=10)
        assert reply.status_code == 200
    finally:
        process.kill()
        process.communicate()


def test_importing_scumble_loads_nothing_heavy() -> None:
    """requests, Pillow and numpy wait until they are used."""
    code = (
        "import sys, scumble, scumble.jobs, scumble.cli;"
        "print([m for m in ('requests', 'PIL', 'numpy', 'urllib3') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_taken_port_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """The sandbox's server says which port it cannot have; it is nothing about the data folder."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        assert main(["sandbox", "--port", str(port), "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "setup"
    assert str(port) in error["message"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl+C to one process")
def test_ctrl_c_ends_the_sandbox_well() -> None:
    """It is how the server says it is stopped."""
    with command("sandbox", "--port", "0") as process:
        assert process.stdout is not None and "http://" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20) == ("", "")
        assert process.returncode == 0


_CTRL_C_AT_AN_IMPORT = """\
import importlib.abc, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
wanted = sys.argv.pop(1)
class Interrupting(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == wanted:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
from scumble.__main__ import main
sys.exit(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl+C to one process")
@pytest.mark.parametrize(
    "module",
    [
        "scumble.cli",
        "argparse",
        "scumble.catalog",
        "scumble.ledger",
        "sqlite3",
        "scumble.cli.output",
        "scumble.jobs",
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_ctrl_c_while_the_command_is_loaded_is_a_stop_like_any_other(module: str, as_json: bool) -> None:
    """No traceback: a sentence, or a document, and what it means for the money."""
    given = ["spend", *(["--json"] if as_json else [])]
    done = subprocess.run(
        [sys.executable, "-c", _CTRL_C_AT_AN_IMPORT, module, *given], capture_output=True, text=True
    )
    assert done.returncode == 1
    if as_json:
        assert json.loads(done.stdout)["error"]["code"] == "stopped"
    else:
        assert done.stderr == "Stopped. Nothing was billed.\n"
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl+C to one process")
def test_ctrl_c_around_the_command_shows_no_traceback() -> None:
    """While it sets out, or while the last of its output is written; it claims nothing of the money."""
    program = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import scumble.cli, scumble.__main__\n"
        "def interrupted(): signal.raise_signal(signal.SIGINT)\n"
        "setattr(scumble.cli, sys.argv.pop(1), interrupted)\n"
        "sys.exit(scumble.__main__.main())\n"
    )
    for moment in ("use_language", "flush"):
        done = subprocess.run(
            [sys.executable, "-c", program, moment, "budget"], capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (1, "")


def test_the_package_runs_as_a_program() -> None:
    """`python -m scumble` is the installed command."""
    done = subprocess.run([sys.executable, "-m", "scumble", "--version"], capture_output=True, text=True)
    assert done.stdout.startswith("scumble ") and done.returncode == 0
    pyproject = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert pyproject["project"]["scripts"] == {"scumble": "scumble.__main__:main"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl+C to one process")
def test_ctrl_c_while_the_service_works_is_an_open_bill(tmp_path: Path, home: Home) -> None:
    """Exit code 5, a document that says so, and the ledger keeps it as unknown."""
    with EchoServer(gate=threading.Event()) as server:
        account = {"OPENAI_API_KEY": "sk-test-0000000000", "OPENAI_BASE_URL": server.base_url}
        asked = ("generate", "--prompt", "a door", "-o", str(tmp_path / "x.png"), "--json")
        with command(*asked, environment=account) as process:
            assert server.arrived.wait(30)
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=20)
    assert process.returncode == 5
    assert json.loads(output)["error"]["billing"] == "maybe"
    assert "Traceback" not in errors
    with Ledger(home.ledger) as ledger:
        assert [entry.state for entry in ledger.entries()] == ["unknown"]


def test_a_reader_that_leaves_early_is_no_failure() -> None:
    """`scumble spend | head -1`: no noise from the interpreter's end."""
    with command("spend") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert process.wait(20) == 0


def test_a_terminal_without_the_letters_shows_escapes(tmp_path: Path) -> None:
    """A range has a dash that ASCII lacks; and a file's name may be no text at all."""
    asked = ("estimate", "generate", "--size", "auto")
    with command(*asked, environment={"PYTHONIOENCODING": "ascii:strict"}) as process:
        output, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    assert "\\u2013" in output
    if sys.platform == "linux":
        asked = ("generate", "--prompt", "a door", "-o", str(tmp_path / "\udcff.png"), "--json")
        with command(*asked, environment={"PYTHONIOENCODING": "utf-8:strict"}) as process:
            output, errors = process.communicate(timeout=20)
        assert process.returncode == 0
        assert json.loads(output)["files"] == [str(tmp_path / "\udcff.png")]


def test_spend_settles_what_was_kept_before_its_process_died(
    capsys: pytest.CaptureFixture[str], home: Home
) -> None:
    """Killed between keeping and settling: the bill is in the reply, and not unknown for ever."""
    program = (
        "import os\n"
        "from scumble import records, store\n"
        "from scumble.ledger import Ledger, Spending\n"
        "from scumble.settings import find_home\n"
        "from tests.servers import gradient_png, success\n"
        "home = find_home()\n"
        "ledger = Ledger(home.ledger)\n"
        "one = Spending('cli', 'generate', 'gpt-image-2.5-flare', 'medium', '816x816', 1, 9, 99, False)\n"
        "id = ledger.reserve(one)\n"
        "ledger.sent(id)\n"
        "reply = success([gradient_png(816, 816)])\n"
        "store.keep(home, id, reply, 'application/json', {'output_format': 'png'})\n"
        "os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
    assert [entry["state"] for entry in run(capsys, "spend")["entries"]] == ["settled"]
