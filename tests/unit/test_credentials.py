# SPDX-License-Identifier: GPL-3.0-or-later
"""The key: where it is found, and every place where it must not be."""

from __future__ import annotations

import codecs
import copy
import dataclasses
import os
import pickle
import shlex
import stat
import subprocess
import traceback
from pathlib import Path

import pytest

from scumble.credentials import SERVICE_URL, Account, Secret, find_account, forget_key, save_key
from scumble.errors import SetupError, StorageError
from scumble.settings import Home

KEY = "sk-proj-PlantedKey_0123456789"


def write_key(home: Home, data: bytes, mode: int = 0o600) -> None:
    home.key.write_bytes(data)
    home.key.chmod(mode)


def revealed(account: Account) -> str:
    assert account.key is not None
    return account.key.reveal()


def everything_said(error: BaseException) -> str:
    """The error as any log would write it, and what it carries along."""
    carried = [error.__cause__, error.__context__, error.args, vars(error)]
    return " ".join([str(error), repr(error), *traceback.format_exception(error), *map(repr, carried)])


def test_without_a_key_it_is_the_sandbox(home: Home) -> None:
    """Nothing is created by looking."""
    account = find_account(home, {})
    assert account == Account(SERVICE_URL, None, "")
    assert account.sandbox
    assert list(home.folder.iterdir()) == []


def test_the_environment_comes_before_the_file(home: Home) -> None:
    """And the account says where its key is from."""
    save_key(home, "sk-from-the-file")
    from_environment = find_account(home, {"OPENAI_API_KEY": KEY})
    assert revealed(from_environment) == KEY and not from_environment.sandbox
    assert from_environment.key_source == "environment OPENAI_API_KEY"
    from_file = find_account(home, {})
    assert revealed(from_file) == "sk-from-the-file"
    assert from_file.key_source == str(home.key)


def test_the_process_environment_is_where_it_looks_by_default(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As everyone knows it from the service's own tools."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert revealed(find_account(home)) == KEY


@pytest.mark.parametrize("empty", ["", "  ", "\n"])
def test_an_empty_variable_is_no_key(home: Home, empty: str) -> None:
    """The file is asked then."""
    assert find_account(home, {"OPENAI_API_KEY": empty, "OPENAI_BASE_URL": empty}).sandbox
    save_key(home, KEY)
    assert revealed(find_account(home, {"OPENAI_API_KEY": empty})) == KEY


@pytest.mark.parametrize(
    "data",
    [
        KEY.encode(),
        KEY.encode() + b"\n",
        b"  \t" + KEY.encode() + b" \r\n\r\n",
        codecs.BOM_UTF8 + KEY.encode() + b"\r\n",
        codecs.BOM_UTF16_LE + (KEY + "\r\n").encode("utf-16-le"),
        codecs.BOM_UTF16_BE + KEY.encode("utf-16-be"),
    ],
    ids=["bare", "newline", "white space", "UTF-8 mark", "PowerShell", "UTF-16 big end first"],
)
def test_what_editors_and_shells_add_to_the_key_is_taken_off(home: Home, data: bytes) -> None:
    """Line ends, spaces around it, byte order marks."""
    write_key(home, data)
    assert revealed(find_account(home, {})) == KEY


@pytest.mark.parametrize("data", [b"", b"\n", b" \r\n\t", codecs.BOM_UTF8, codecs.BOM_UTF16_LE])
def test_an_empty_key_file_is_no_key(home: Home, data: bytes) -> None:
    """So it is the sandbox, not an error."""
    write_key(home, data)
    assert find_account(home, {}).sandbox


@pytest.mark.parametrize(
    "bad", [f"{KEY} {KEY}", f"{KEY}\n{KEY}", f"{KEY}é", f"{KEY}\x00x", f"열쇠{KEY}", f"{KEY}\x7f", KEY * 200]
)
def test_a_key_that_no_service_would_take_is_refused_without_being_shown(home: Home, bad: str) -> None:
    """From the environment, from the file and from a person alike; the error says where it is from."""
    write_key(home, bad.encode())
    with pytest.raises(SetupError, match="OPENAI_API_KEY") as from_environment:
        find_account(home, {"OPENAI_API_KEY": bad})
    with pytest.raises(SetupError) as from_file:
        find_account(home, {})
    assert str(home.key) in str(from_file.value)
    home.key.unlink()
    with pytest.raises(SetupError) as from_person:
        save_key(home, bad)
    assert not home.key.exists()
    for caught in (from_environment, from_file, from_person):
        assert "PlantedKey" not in everything_said(caught.value)


def test_bytes_that_are_no_text_are_refused_without_being_shown(home: Home) -> None:
    """A decoding error would carry them along."""
    write_key(home, KEY.encode() + b"\xff\xfe\x80")
    with pytest.raises(SetupError) as caught:
        find_account(home, {})
    assert "PlantedKey" not in everything_said(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o644, 0o777])
def test_a_key_file_that_others_can_use_is_refused_with_the_command_that_closes_it(
    tmp_path: Path, mode: int
) -> None:
    """The command works as it stands, also where the path has a space."""
    home = Home(tmp_path / "my home").make()
    write_key(home, KEY.encode(), mode)
    with pytest.raises(SetupError) as caught:
        find_account(home, {})
    assert "PlantedKey" not in everything_said(caught.value)
    command = f"chmod 600 {shlex.quote(str(home.key))}"
    assert command in str(caught.value)
    subprocess.run(shlex.split(command), check=True)
    assert revealed(find_account(home, {})) == KEY


def test_a_key_file_that_cannot_be_read_is_named(home: Home) -> None:
    """A folder or a pipe in its place neither passes for no key nor hangs the program."""
    home.key.mkdir()
    with pytest.raises(SetupError, match="is not a file"):
        find_account(home, {})
    home.key.rmdir()
    os.mkfifo(home.key, 0o600)
    with pytest.raises(SetupError, match="is not a file"):
        find_account(home, {})
    home.key.unlink()
    home.key.symlink_to(home.key)
    with pytest.raises(SetupError, match="cannot be read"):
        find_account(home, {})


def test_a_saved_key_is_private_from_its_first_byte(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the umask; the file under the final name is whole, and nothing lies beside it."""
    modes: list[int] = []
    real_open = os.open

    def watched_open(path: str, flags: int, mode: int = 0o777) -> int:
        descriptor = real_open(path, flags, mode)
        if flags & os.O_CREAT:
            modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
            assert not home.key.exists()
        return descriptor

    before = os.umask(0)
    monkeypatch.setattr(os, "open", watched_open)
    try:
        path = save_key(home, f" {KEY}\n")
    finally:
        os.umask(before)
    assert path == home.key and modes == [0o600]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(home.folder.iterdir()) == [home.key]
    assert revealed(find_account(home, {})) == KEY


def test_a_new_key_replaces_the_old_one(home: Home) -> None:
    """Also one whose file others could read."""
    write_key(home, b"sk-old", 0o644)
    save_key(home, KEY)
    assert revealed(find_account(home, {})) == KEY


def test_an_empty_key_is_not_saved(home: Home) -> None:
    """The old one stays."""
    save_key(home, KEY)
    with pytest.raises(SetupError, match="empty"):
        save_key(home, " \n")
    assert revealed(find_account(home, {})) == KEY


def test_a_forgotten_key_is_gone(home: Home) -> None:
    """It says whether there was one."""
    save_key(home, KEY)
    assert forget_key(home) is True
    assert forget_key(home) is False
    assert find_account(home, {}).sandbox
    assert list(home.folder.iterdir()) == []


def test_a_disk_that_does_not_take_the_key_is_a_storage_error_that_does_not_show_it(home: Home) -> None:
    """A file where the data folder should be, for example."""
    (home.folder / "file").write_bytes(b"")
    with pytest.raises(StorageError) as caught:
        save_key(Home(home.folder / "file" / "home"), KEY)
    assert "PlantedKey" not in everything_said(caught.value)


def test_a_key_that_cannot_be_put_in_its_place_leaves_nothing_behind(home: Home) -> None:
    """No file with a hidden name holds it."""
    home.key.mkdir()
    with pytest.raises(StorageError):
        save_key(home, KEY)
    assert list(home.folder.iterdir()) == [home.key]


def test_a_byte_order_mark_that_was_pasted_along_is_taken_off(home: Home) -> None:
    """It cannot be seen, so no one would find it."""
    assert revealed(find_account(home, {"OPENAI_API_KEY": f"\ufeff{KEY}"})) == KEY


def test_a_secret_shows_only_when_revealed(home: Home) -> None:
    """Not by any usual way of writing a value down."""
    account = find_account(home, {"OPENAI_API_KEY": KEY})
    secret = account.key
    assert secret is not None
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>20}",
        f"{secret:>20}",
        "%s %r" % (secret, secret),  # noqa: UP031 - this way too
        "{}".format(secret),  # noqa: UP032 - and this one
        repr(account),
        str(account),
        str(dataclasses.asdict(account)),
        str(dataclasses.astuple(account)),
        str(copy.deepcopy(account)),
        repr(copy.copy(secret)),
        repr(dataclasses.replace(account, base_url="https://example.com")),
    ]
    assert all("PlantedKey" not in text for text in shown)
    assert shown[0] == "***" and shown[4] == "                 ***"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_is_never_pickled(protocol: int) -> None:
    """Nor an account that holds one; the refusal does not show it either."""
    for value in (Secret(KEY), Account(SERVICE_URL, Secret(KEY), "")):
        with pytest.raises(TypeError) as caught:
            pickle.dumps(value, protocol)
        assert "PlantedKey" not in everything_said(caught.value)
    assert not hasattr(Secret(KEY), "__dict__")


@pytest.mark.parametrize(
    ("text", "url", "host"),
    [
        ("https://api.openai.com/v1/", "https://api.openai.com/v1", "api.openai.com"),
        ("https://api.openai.com/v1", "https://api.openai.com/v1", "api.openai.com"),
        (" HTTPS://Relay.Example.COM:8443/OpenAI/V1// ", "https://relay.example.com:8443/OpenAI/V1",
         "relay.example.com:8443"),
        ("https://relay.example.com/", "https://relay.example.com", "relay.example.com"),
        ("http://localhost:8123/v1/", "http://localhost:8123/v1", "localhost:8123"),
        ("http://LOCALHOST", "http://localhost", "localhost"),
        ("http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1", "127.0.0.1:1"),
        ("http://127.8.9.1/v1", "http://127.8.9.1/v1", "127.8.9.1"),
        ("http://[::1]:8123/v1", "http://[::1]:8123/v1", "[::1]:8123"),
    ],
)  # fmt: skip
def test_the_address_is_taken_without_a_final_slash(home: Home, text: str, url: str, host: str) -> None:
    """https anywhere, http on this machine."""
    account = find_account(home, {"OPENAI_BASE_URL": text, "OPENAI_API_KEY": KEY})
    assert (account.base_url, account.host) == (url, host)


@pytest.mark.parametrize(
    "text",
    [
        "http://api.openai.com/v1",
        "http://localhost.example.com/v1",
        "http://127.0.0.1.example.com/v1",
        "http://128.0.0.1/v1",
        "http://192.168.0.5/v1",
        "http://0.0.0.0/v1",
        "http://[::2]/v1",
        "http://[fe80::1]/v1",
        "http://2130706433/v1",
        "http://127.0.0.1\\.example.com/v1",
        "http://localhost\t.example.com/v1",
        "http://user:PlantedPassword@localhost/v1",
        "https://user:PlantedPassword@relay.example.com/v1",
        "https://relay.example.com/v1?key=PlantedPassword",
        "https://relay.example.com/v1#part",
        "https://relay.example.com:port/v1",
        "https://relay.example.com:99999/v1",
        "https://[::1/v1",
        "https:///v1",
        "https://",
        "api.openai.com/v1",
        "ftp://api.openai.com/v1",
        "file:///etc/passwd",
        "https://relay example.com/v1",
        "https://örtlich.example.com/v1",
    ],
)
def test_an_address_that_would_send_the_key_in_the_clear_or_astray_is_refused(home: Home, text: str) -> None:
    """The error names the variable and not what is in it."""
    with pytest.raises(SetupError, match="OPENAI_BASE_URL") as caught:
        find_account(home, {"OPENAI_BASE_URL": text, "OPENAI_API_KEY": KEY})
    assert "Planted" not in everything_said(caught.value)
