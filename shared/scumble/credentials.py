# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the API key comes from: OPENAI_API_KEY, the keychain, a file of its owner; else it is the sandbox."""

from __future__ import annotations

import codecs
import contextlib
import ipaddress
import os
import re
import shlex
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NoReturn
from urllib.parse import SplitResult, urlsplit

from .errors import KeychainUnavailable, SetupError
from .keychain import Keychain, find_keychain
from .private_files import make_folder, replace, storage_errors
from .servers import OPENAI, Dialect, dialect_of
from .settings import Home
from .translation import _

SERVICE_URL = "https://api.openai.com/v1"
KEY_VARIABLE = "OPENAI_API_KEY"
URL_VARIABLE = "OPENAI_BASE_URL"

_KEY = re.compile(r"[!-~]{1,4096}")
_ADDRESS = re.compile(r"[!-\[\]-~]{1,2048}")
_VERSION_QUERY = re.compile(r"api-version=[0-9A-Za-z.-]{1,40}")
_KEY_FILE_BYTES = 16_384
_HIDDEN = "***"
# Hosts look for the account whenever they draw; a keychain takes some 20 ms, and seconds when it is locked.
_KEYCHAIN_REMEMBERED_SECONDS = 300


class Secret:
    """Text that shows only when revealed: not by printing, formatting, copying, pickling or asdict()."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return _HIDDEN

    def __format__(self, specification: str) -> str:
        return format(_HIDDEN, specification)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __getstate__(self) -> NoReturn:
        raise TypeError("a secret is not written anywhere")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is not written anywhere")


@dataclass(frozen=True)
class Account:
    """The service's address without a final slash, and the key for it with where it was found.

    `notice` says why a keychain that is there was passed over, and is empty otherwise. `other_server` is the
    host of a server that is not OpenAI's own, whose prices are unknown; empty for the service, the sandbox
    and this machine. `query` goes along with every call, as Azure's api-version; `dialect` is how the server
    wants to be asked.
    """

    base_url: str
    key: Secret | None = field(repr=False)
    key_source: str
    notice: str = ""
    other_server: str = ""
    query: str = ""
    dialect: Dialect = OPENAI

    def address(self, path: str) -> str:
        """Where a call of the API goes, such as "/models"."""
        joint = "&" if "?" in path else "?"
        return self.base_url + path + (joint + self.query if self.query else "")

    @property
    def sandbox(self) -> bool:
        return self.key is None

    @property
    def host(self) -> str:
        """Host name, and port where one is given."""
        return urlsplit(self.base_url).netloc


@dataclass(frozen=True)
class KeyPlace:
    """A place where a key may be, in the order in which they are asked; `problem` is "" when it is usable."""

    kind: Literal["environment", "keychain", "file"]
    name: str
    holds_key: bool
    problem: str = ""


_remembered: dict[str, tuple[float, Secret | None, str]] = {}


def find_account(home: Home, environment: Mapping[str, str] = os.environ) -> Account:
    """The environment's key, else the keychain's, else the key file's, else none; and the service's address.

    A keychain that is locked or out of order is passed over within 3 s, and the account's `notice` says so.
    What it answers is remembered for five minutes. Raises SetupError for a key that no service would take, a
    key file that others can read (POSIX) or that cannot be read, an address that is not https, or http to
    this machine, and a servers.json that cannot be used.
    """
    base_url, query = _checked_url(environment.get(URL_VARIABLE, "").strip() or SERVICE_URL)
    key, source, notice = _secret(environment.get(KEY_VARIABLE, "")), _environment_name(), ""
    if key is None:
        key, source, notice = _from_keychain(environment)
    if key is None:
        key, source = _read_key_file(home.key), str(home.key)
    if key is None:
        return Account(base_url, None, "", notice)
    _check_key(key, source)
    dialect = dialect_of(base_url, home.servers)
    return Account(base_url, key, source, notice, _other_server(base_url), query, dialect)


def key_places(home: Home, environment: Mapping[str, str] = os.environ) -> tuple[KeyPlace, ...]:
    """Every place that is asked for a key, the one that goes first first. Nothing of a key is in it."""
    in_environment = _secret(environment.get(KEY_VARIABLE, ""))
    places = [KeyPlace("environment", _environment_name(), *_judged(in_environment, _environment_name()))]
    chain = find_keychain(environment)
    if chain is not None:
        _remembered.clear()
        key, _source, problem = _from_keychain(environment)
        holds, unusable = _judged(key, chain.title)
        places.append(KeyPlace("keychain", chain.title, holds, problem or unusable))
    try:
        holds, problem = _judged(_read_key_file(home.key), str(home.key))
    except SetupError as error:
        holds, problem = True, error.what_happened
    return (*places, KeyPlace("file", str(home.key), holds, problem))


def keep_key(
    home: Home, text: str, environment: Mapping[str, str] = os.environ, in_file: bool = False
) -> tuple[KeyPlace, tuple[str, ...]]:
    """Save the key in the keychain, or in the file where there is none, and take an older one from the other.

    Gives where it is now, and sentences on what else to know. With `in_file`, or when the keychain does not
    take it, it is the file. Raises SetupError for a key that no service would take, StorageError.
    """
    key = _usable(text)
    remarks = []
    chain = find_keychain(environment)
    place = None
    if chain is not None and not in_file:
        try:
            _save_in_keychain(chain, key)
            place = KeyPlace("keychain", chain.title, True)
            forget_key(home)
        except KeychainUnavailable as error:
            remarks.append(error.what_happened)
    if place is None:
        place = KeyPlace("file", str(save_key(home, key.reveal())), True)
        remarks += _emptied(chain)
    _remembered.clear()
    if _secret(environment.get(KEY_VARIABLE, "")) is not None:
        remarks.append(_("{variable} is set and goes first.").format(variable=KEY_VARIABLE))
    return place, tuple(remarks)


def forget_keys(
    home: Home, environment: Mapping[str, str] = os.environ
) -> tuple[tuple[KeyPlace, ...], tuple[str, ...]]:
    """Delete the key from keychain and file; the environment's is not ours to delete.

    Gives the places that held one, and sentences on what else to know. Raises StorageError.
    """
    forgotten, remarks = [], []
    chain = find_keychain(environment)
    if chain is not None:
        try:
            if chain.forget():
                forgotten.append(KeyPlace("keychain", chain.title, False))
        except KeychainUnavailable as error:
            remarks.append(error.what_happened)
    if forget_key(home):
        forgotten.append(KeyPlace("file", str(home.key), False))
    _remembered.clear()
    if _secret(environment.get(KEY_VARIABLE, "")) is not None:
        remarks.append(_("{variable} is still set in the environment.").format(variable=KEY_VARIABLE))
    return tuple(forgotten), tuple(remarks)


def save_key(home: Home, text: str) -> Path:
    """Write the key file (0600 from its first byte, whole or not at all). Gives its path.

    Raises SetupError for a key that no service would take, StorageError when the disk does not take it.
    """
    key = _usable(text)
    with storage_errors(home.folder):
        make_folder(home.folder)
        replace(home.key, key.reveal().encode("ascii") + b"\n")
    return home.key


def forget_key(home: Home) -> bool:
    """Delete the key file; tells whether there was one. Raises StorageError."""
    with storage_errors(home.folder):
        for left in home.folder.glob(f".{home.key.name}.*.part"):
            left.unlink(missing_ok=True)
        try:
            home.key.unlink()
        except (FileNotFoundError, NotADirectoryError):
            return False
    return True


def _other_server(base_url: str) -> str:
    """The host whose prices are not known. On this machine listens a sandbox, or a proxy to the service."""
    parts = urlsplit(base_url)
    if parts.netloc == urlsplit(SERVICE_URL).netloc or _is_this_machine(parts.hostname or ""):
        return ""
    return parts.netloc


def _environment_name() -> str:
    return _("environment {variable}").format(variable=KEY_VARIABLE)


def _from_keychain(environment: Mapping[str, str]) -> tuple[Secret | None, str, str]:
    """The keychain's key or None, the keychain's name, and why it could not be asked."""
    chain = find_keychain(environment)
    if chain is None:
        return None, "", ""
    asked = f"{chain.title} {environment.get('PATH', '')}"
    known = _remembered.get(asked)
    if known is None or time.monotonic() > known[0]:
        try:
            key, notice = _secret(chain.read()), ""
        except KeychainUnavailable as error:
            key, notice = None, error.what_happened
        known = (time.monotonic() + _KEYCHAIN_REMEMBERED_SECONDS, key, notice)
        _remembered[asked] = known
    return known[1], chain.title, known[2]


def _save_in_keychain(chain: Keychain, key: Secret) -> None:
    chain.write(key.reveal())
    if chain.read() != key.reveal():
        raise KeychainUnavailable(keychain=chain.title, reason=_("it did not keep the key"))


def _emptied(chain: Keychain | None) -> list[str]:
    """Take an older key out of the keychain, which would go before the file's; what to know if it stays."""
    if chain is None:
        return []
    try:
        chain.forget()
    except KeychainUnavailable as error:
        older = _("If the {keychain} holds an older key, that one goes first when it can be read again.")
        return [error.what_happened, older.format(keychain=chain.title)]
    return []


def _usable(text: str) -> Secret:
    key = _secret(text)
    if key is None:
        raise SetupError(reason=_("the API key is empty"))
    _check_key(key, _("the input"))
    return key


def _judged(key: Secret | None, source: str) -> tuple[bool, str]:
    """Whether there is a key, and why no service would take it."""
    if key is None:
        return False, ""
    try:
        _check_key(key, source)
    except SetupError as error:
        return True, error.what_happened
    return True, ""


def _secret(text: str) -> Secret | None:
    stripped = text.strip().removeprefix("\ufeff").strip()
    return Secret(stripped) if stripped else None


def _check_key(key: Secret, source: str) -> None:
    if not _KEY.fullmatch(key.reveal()):
        reason = _("the API key from {source} holds a space or a character that no key has")
        raise SetupError(reason=reason.format(source=source))


def _read_key_file(path: Path) -> Secret | None:
    failure = ""
    # The error is not raised from inside the handler, where it would carry what was read so far.
    try:
        return _read_private(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        failure = error.strerror or type(error).__name__
    reason = _("the key file {path} cannot be read ({failure})")
    raise SetupError(reason=reason.format(path=path, failure=failure))


def _read_private(path: Path) -> Secret | None:
    # Not blocking: a pipe in its place must not hang the program.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, descriptor)
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise SetupError(reason=_("the key file {path} is not a file").format(path=path))
        if os.name == "posix" and mode & 0o077:
            reason = _("other users can read the key file; this command closes it: {command}")
            raise SetupError(reason=reason.format(command=f"chmod 600 {shlex.quote(str(path))}"))
        return _secret(_decoded(os.read(descriptor, _KEY_FILE_BYTES)))


def _decoded(data: bytes) -> str:
    # Windows PowerShell's `>` writes UTF-16. What does not decode becomes a character no key has.
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if is_utf16 else "utf-8-sig", errors="replace")


def _checked_url(text: str) -> tuple[str, str]:
    """The address without a final slash, and its query."""
    # Neither reason shows the text: an address may carry a password.
    parts = _split(text)
    if parts is None:
        reason = _("{variable} is not an address of the form https://host/path")
        raise SetupError(reason=reason.format(variable=URL_VARIABLE))
    if parts.scheme == "http" and not _is_this_machine(parts.hostname or ""):
        reason = _("{variable} must begin with https:// (http:// is only for this machine)")
        raise SetupError(reason=reason.format(variable=URL_VARIABLE))
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}", parts.query


def _split(text: str) -> SplitResult | None:
    # urlsplit drops tabs and line ends and takes a backslash for part of a host: neither gets that far.
    if not _ADDRESS.fullmatch(text):
        return None
    try:
        parts = urlsplit(text)
        port_is_usable = parts.port is None or parts.port > 0
    except ValueError:
        return None
    # Of all that a query may hold only a version is let through: a key in it would end up in logs.
    has_plain_query = not parts.query or _VERSION_QUERY.fullmatch(parts.query)
    is_plain = parts.hostname and "@" not in parts.netloc and has_plain_query and not parts.fragment
    return parts if is_plain and port_is_usable and parts.scheme in ("https", "http") else None


def _is_this_machine(host: str) -> bool:
    """`localhost`, 127.0.0.0/8 or ::1; no other name, whatever it resolves to."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
