# SPDX-License-Identifier: GPL-3.0-or-later
"""Keychains: fakes of the systems' tools, which are asked, never wait for long, and never see arguments."""

from __future__ import annotations

import ctypes
import os
import time
from pathlib import Path
from typing import Any

import pytest

from scumble import credentials, keychain
from scumble.credentials import Account, find_account, forget_keys, keep_key, key_places, save_key
from scumble.errors import KeychainUnavailable
from scumble.keychain import find_keychain
from scumble.settings import Home

KEY = "sk-proj-PlantedKey_0123456789"
OLDER = "sk-proj-OlderPlantedKey"

_SECRET_TOOL = """\
#!/bin/sh
echo "$@" >> {log}
case "$1" in
    store) cat > {kept} ;;
    lookup) test -s {kept} || exit 1; cat {kept} ;;
    clear) rm -f {kept} ;;
esac
"""
_SECURITY = """\
#!/bin/sh
echo "$@" >> {log}
case "$1" in
    -i) read -r line; echo "$line" | sed 's/.* -X //' > {kept} ;;
    find-generic-password)
        test -s {kept} || {{ echo 'security: SecKeychainSearchCopyNext: not found' >&2; exit 44; }}
        {python} -c "print(bytes.fromhex(open('{kept}').read()).decode())" ;;
    delete-generic-password) test -s {kept} || exit 44; rm -f {kept} ;;
esac
"""


class Fake:
    """A tool of that name on a PATH of its own; what it keeps, and the arguments it was given."""

    def __init__(self, folder: Path, name: str, script: str) -> None:
        import sys

        self.folder = folder / name
        self.folder.mkdir()
        self.kept = self.folder / "kept"
        self.log = self.folder / "arguments"
        self.tool = self.folder / name
        self.tool.write_text(script.format(kept=self.kept, log=self.log, python=sys.executable))
        self.tool.chmod(0o755)
        self.environment = {"PATH": f"{self.folder}:/usr/bin:/bin"}

    @property
    def arguments(self) -> str:
        return self.log.read_text() if self.log.exists() else ""


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    credentials._remembered.clear()


@pytest.fixture
def tool(tmp_path: Path) -> Fake:
    return Fake(tmp_path, "secret-tool", _SECRET_TOOL)


def key_of(account: Account) -> str | None:
    return account.key.reveal() if account.key else None


class Advapi:
    """CredReadW and its like over a dictionary, reading and filling the structures as Windows does."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}
        self.error = 0
        self.freed = 0
        self.locked = False
        self._alive: list[Any] = []

    def CredWriteW(self, reference: Any, flags: int) -> int:  # noqa: N802 - Windows' own name
        credential = reference._obj
        assert (credential.type, credential.persist, flags) == (1, 2, 0)
        if self.locked:
            self.error = 5
            return 0
        self.held[credential.target_name] = ctypes.string_at(credential.blob, credential.blob_size)
        return 1

    def CredReadW(self, target: str, kind: int, flags: int, reference: Any) -> int:  # noqa: N802
        assert (kind, flags) == (1, 0)
        if self.locked or target not in self.held:
            self.error = 5 if self.locked else 1168
            return 0
        pointer = reference._obj
        credential = pointer._type_()
        data = ctypes.create_string_buffer(self.held[target], len(self.held[target]))
        credential.blob = ctypes.cast(data, type(credential.blob))
        credential.blob_size = len(self.held[target])
        pointer.contents = credential
        self._alive += [data, credential]
        return 1

    def CredDeleteW(self, target: str, kind: int, flags: int) -> int:  # noqa: N802
        self.error = 1168
        return 0 if self.held.pop(target, None) is None else 1

    def CredFree(self, pointer: Any) -> None:  # noqa: N802
        self.freed += 1


def _windows(api: Advapi) -> keychain.Keychain:
    return keychain._windows(api, lambda: api.error)


@pytest.fixture(params=["linux", "darwin", "win32"])
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> keychain.Keychain:
    """Each system's keychain over a fake of its tool."""
    if request.param == "win32":
        return _windows(Advapi())
    name, script = ("security", _SECURITY) if request.param == "darwin" else ("secret-tool", _SECRET_TOOL)
    found = find_keychain(Fake(tmp_path, name, script).environment, request.param)
    assert found is not None
    return found


def test_each_keychain_keeps_replaces_and_forgets_a_key(chain: keychain.Keychain) -> None:
    """The same behaviour over three very different tools."""
    assert chain.read() == "" and chain.forget() is False
    chain.write(OLDER)
    chain.write(KEY)
    assert chain.read() == KEY
    assert chain.forget() is True
    assert chain.read() == ""


@pytest.mark.parametrize(("platform", "name"), [("linux", "secret-tool"), ("darwin", "security")])
def test_no_argument_of_a_tool_ever_holds_the_key(tmp_path: Path, platform: str, name: str) -> None:
    """Other users see arguments; not in hexadecimal either."""
    fake = Fake(tmp_path, name, _SECURITY if platform == "darwin" else _SECRET_TOOL)
    found = find_keychain(fake.environment, platform)
    assert found is not None
    found.write(KEY)
    assert found.read() == KEY
    assert "scumble" in fake.arguments
    assert KEY not in fake.arguments and KEY.encode().hex() not in fake.arguments


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_a_system_without_the_tool_has_no_keychain(tmp_path: Path, platform: str) -> None:
    """A missing tool is no error, and neither is an environment without a PATH."""
    assert find_keychain({"PATH": str(tmp_path)}, platform) is None
    assert find_keychain({}, platform) is None


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_the_keychain_can_be_left_out(tool: Fake, platform: str) -> None:
    """For servers and tests: nothing of the system is asked."""
    assert find_keychain({**tool.environment, "SCUMBLE_KEYCHAIN": "off"}, platform) is None
    assert tool.arguments == ""


def test_windows_frees_what_it_was_given_and_says_its_error() -> None:
    """A credential that was read is given back; a refusal is told by its number."""
    api = Advapi()
    chain = _windows(api)
    chain.write(KEY)
    assert chain.read() == KEY and api.freed == 1
    api.locked = True
    for deed in (chain.read, lambda: chain.write(OLDER)):
        with pytest.raises(KeychainUnavailable, match="Windows error 5"):
            deed()
    with pytest.raises(KeychainUnavailable, match="too long"):
        chain.write("k" * 2_561)


def test_the_macos_line_length_is_respected(tmp_path: Path) -> None:
    """`security -i` would cut a longer line in two and run its rest as a command."""
    fake = Fake(tmp_path, "security", _SECURITY)
    chain = find_keychain(fake.environment, "darwin")
    assert chain is not None
    chain.write("k" * 1_900)
    assert chain.read() == "k" * 1_900
    with pytest.raises(KeychainUnavailable, match="too long"):
        chain.write("k" * 1_901)


def test_the_order_is_environment_keychain_file(home: Home, tool: Fake) -> None:
    """With the environment's key the keychain is not even asked."""
    tool.kept.write_text("sk-from-the-keychain")
    save_key(home, "sk-from-the-file")
    both = {**tool.environment, "OPENAI_API_KEY": KEY}
    assert key_of(find_account(home, both)) == KEY
    assert tool.arguments == ""
    account = find_account(home, tool.environment)
    assert key_of(account) == "sk-from-the-keychain"
    assert account.key_source == "keychain (secret-tool)"
    tool.kept.unlink()
    credentials._remembered.clear()
    assert key_of(find_account(home, tool.environment)) == "sk-from-the-file"


def test_a_locked_keychain_neither_blocks_nor_fails(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits for a password that nobody gives: the file's key is taken, and the account says why."""
    monkeypatch.setattr(keychain, "READ_SECONDS", 0.3)
    fake = Fake(tmp_path, "secret-tool", "#!/bin/sh\necho asked >> {log}\nexec sleep 60\n")
    save_key(home, KEY)
    began = time.monotonic()
    account = find_account(home, fake.environment)
    assert time.monotonic() - began < 5
    assert key_of(account) == KEY and account.key_source == str(home.key)
    assert "did not answer within 0.3 s" in account.notice
    find_account(home, fake.environment)
    assert fake.arguments == "asked\n", "a host that draws often does not wait each time"


@pytest.mark.parametrize(
    "script",
    [
        "#!/bin/sh\necho 'secret-tool: Cannot autolaunch D-Bus without X11 $DISPLAY' >&2\nexit 1\n",
        "#!/nowhere/interpreter\n",
        "#!/bin/sh\nkill -9 $$\n",
        "#!/bin/sh\nprintf '\\377\\376' >&2; exit 3\n",
    ],
    ids=["no session", "cannot start", "killed", "complains in no encoding"],
)
def test_a_keychain_out_of_order_is_passed_over(home: Home, tmp_path: Path, script: str) -> None:
    """Whatever it does, the rest goes on."""
    fake = Fake(tmp_path, "secret-tool", script)
    save_key(home, KEY)
    assert key_of(find_account(home, fake.environment)) == KEY
    places = {place.kind: place for place in key_places(home, fake.environment)}
    assert places["file"].holds_key and not places["keychain"].holds_key


def test_a_saved_key_is_in_one_place(home: Home, tool: Fake) -> None:
    """In the keychain where there is one, not in an older file too; with `in_file` the other way round."""
    save_key(home, OLDER)
    place, remarks = keep_key(home, KEY, tool.environment)
    assert (place.kind, remarks) == ("keychain", ())
    assert tool.kept.read_text() == KEY and not home.key.exists()
    place, remarks = keep_key(home, OLDER, tool.environment, in_file=True)
    assert (place.kind, place.name, remarks) == ("file", str(home.key), ())
    assert not tool.kept.exists() and key_of(find_account(home, tool.environment)) == OLDER


def test_a_keychain_that_takes_nothing_leaves_the_key_to_the_file(home: Home, tmp_path: Path) -> None:
    """Also one that says yes and keeps nothing; an older key that might come back is told of."""
    for script in (
        "#!/bin/sh\ncase $1 in store) exit 0;; lookup) exit 1;; esac\n",
        "#!/bin/sh\necho 'locked: no prompt' >&2\nexit 1\n",
    ):
        folder = tmp_path / str(len(script))
        folder.mkdir()
        fake = Fake(folder, "secret-tool", script)
        place, remarks = keep_key(home, KEY, fake.environment)
        assert place.kind == "file" and key_of(find_account(home, fake.environment)) == KEY
        assert remarks and KEY not in " ".join(remarks)
    assert any("goes first" in remark for remark in remarks)


def test_what_a_tool_complains_never_shows_the_key(home: Home, tmp_path: Path) -> None:
    """Even a tool that repeats what it was given."""
    fake = Fake(tmp_path, "secret-tool", "#!/bin/sh\ncat >&2\nexit 1\n")
    place, remarks = keep_key(home, KEY, fake.environment)
    assert place.kind == "file"
    assert "***" in " ".join(remarks) and KEY not in " ".join(remarks)


def test_forgetting_empties_both(home: Home, tool: Fake) -> None:
    """And the leftover of a save that was killed; the environment's key is told of."""
    save_key(home, OLDER)
    tool.kept.write_text(KEY)
    left = home.folder / ".key.0123abcd.part"
    left.write_text(KEY)
    forgotten, remarks = forget_keys(home, {**tool.environment, "OPENAI_API_KEY": KEY})
    assert [place.kind for place in forgotten] == ["keychain", "file"]
    assert not tool.kept.exists() and not home.key.exists() and not left.exists()
    assert len(remarks) == 1 and "OPENAI_API_KEY is still set" in remarks[0]
    assert forget_keys(home, tool.environment) == ((), ())


def test_the_places_are_told_without_the_key(home: Home, tool: Fake) -> None:
    """In their order, with what is wrong with each."""
    tool.kept.write_text("not a key")
    save_key(home, KEY)
    os.chmod(home.key, 0o644)
    places = key_places(home, {**tool.environment, "OPENAI_API_KEY": KEY})
    assert [(place.kind, place.holds_key) for place in places] == [
        ("environment", True), ("keychain", True), ("file", True),
    ]  # fmt: skip
    assert places[0].problem == ""
    assert "character that no key has" in places[1].problem
    assert "chmod 600" in places[2].problem
    assert KEY not in repr(places)
