# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the API key comes from: OPENAI_API_KEY, else a file only its owner can read; else the sandbox."""

from __future__ import annotations

import codecs
import contextlib
import ipaddress
import os
import re
import shlex
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from urllib.parse import SplitResult, urlsplit

from .errors import SetupError
from .private_files import make_folder, replace, storage_errors
from .settings import Home
from .translation import _

SERVICE_URL = "https://api.openai.com/v1"
KEY_VARIABLE = "OPENAI_API_KEY"
URL_VARIABLE = "OPENAI_BASE_URL"

_KEY = re.compile(r"[!-~]{1,4096}")
_ADDRESS = re.compile(r"[!-\[\]-~]{1,2048}")
_KEY_FILE_BYTES = 16_384
_HIDDEN = "***"


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
    """The service's address without a final slash, and the key for it with where it was found."""

    base_url: str
    key: Secret | None = field(repr=False)
    key_source: str

    @property
    def sandbox(self) -> bool:
        return self.key is None

    @property
    def host(self) -> str:
        """Host name, and port where one is given."""
        return urlsplit(self.base_url).netloc


def find_account(home: Home, environment: Mapping[str, str] = os.environ) -> Account:
    """The environment's key, else the key file's, else none; and the address the environment names.

    Raises SetupError for a key that no service would take, a key file that others can read (POSIX) or that
    cannot be read, and an address that is not https, or http to this machine.
    """
    base_url = _checked_url(environment.get(URL_VARIABLE, "").strip() or SERVICE_URL)
    key = _secret(environment.get(KEY_VARIABLE, ""))
    source = _("environment {variable}").format(variable=KEY_VARIABLE)
    if key is None:
        key = _read_key_file(home.key)
        source = str(home.key)
    if key is None:
        return Account(base_url, None, "")
    _check_key(key, source)
    return Account(base_url, key, source)


def save_key(home: Home, text: str) -> Path:
    """Write the key file (0600 from its first byte, whole or not at all). Gives its path.

    Raises SetupError for a key that no service would take, StorageError when the disk does not take it.
    """
    key = _secret(text)
    if key is None:
        raise SetupError(reason=_("the API key is empty"))
    _check_key(key, _("the input"))
    with storage_errors(home.folder):
        make_folder(home.folder)
        replace(home.key, key.reveal().encode("ascii") + b"\n")
    return home.key


def forget_key(home: Home) -> bool:
    """Delete the key file; tells whether there was one. Raises StorageError."""
    with storage_errors(home.folder):
        try:
            home.key.unlink()
        except (FileNotFoundError, NotADirectoryError):
            return False
    return True


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


def _checked_url(text: str) -> str:
    # Neither reason shows the text: an address may carry a password.
    parts = _split(text)
    if parts is None:
        reason = _("{variable} is not an address of the form https://host/path")
        raise SetupError(reason=reason.format(variable=URL_VARIABLE))
    if parts.scheme == "http" and not _is_this_machine(parts.hostname or ""):
        reason = _("{variable} must begin with https:// (http:// is only for this machine)")
        raise SetupError(reason=reason.format(variable=URL_VARIABLE))
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def _split(text: str) -> SplitResult | None:
    # urlsplit drops tabs and line ends and takes a backslash for part of a host: neither gets that far.
    if not _ADDRESS.fullmatch(text):
        return None
    try:
        parts = urlsplit(text)
        port_is_usable = parts.port is None or parts.port > 0
    except ValueError:
        return None
    is_plain = parts.hostname and "@" not in parts.netloc and not parts.query and not parts.fragment
    return parts if is_plain and port_is_usable and parts.scheme in ("https", "http") else None


def _is_this_machine(host: str) -> bool:
    """`localhost`, 127.0.0.0/8 or ::1; no other name, whatever it resolves to."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
