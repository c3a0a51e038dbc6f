# SPDX-License-Identifier: GPL-3.0-or-later
"""The operating system's keychain, through its own tool and within a bounded time.

macOS has `security`, Linux `secret-tool` (of libsecret), Windows a credential API. Each is used only where it
is present. The key goes in and out through pipes or memory, never through arguments, which other users see.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import KeychainUnavailable
from .translation import _

SWITCH_VARIABLE = "SCUMBLE_KEYCHAIN"
READ_SECONDS: float = 3
# Long enough for a person to unlock it; only ever waited for when that person saves or forgets a key.
CHANGE_SECONDS: float = 60

_SERVICE, _ACCOUNT, _LABEL = "scumble", "openai", "Scumble: OpenAI API key"
_COMPLAINT_SHOWN = 200
# `security -i` reads lines of 4096 bytes; in hexadecimal a key takes two characters for each.
_MACOS_KEY_MAX = 1_900
_MACOS_NOT_FOUND = 44
_WINDOWS_KEY_MAX = 2_560
_WINDOWS_NOT_FOUND = 1168


@dataclass(frozen=True)
class Keychain:
    """Where one key is kept. Each function raises KeychainUnavailable when it is locked or out of order.

    `read` gives an empty text when there is no key; `forget` tells whether there was one.
    """

    title: str
    read: Callable[[], str]
    write: Callable[[str], None]
    forget: Callable[[], bool]


def find_keychain(environment: Mapping[str, str], platform: str = sys.platform) -> Keychain | None:
    """This system's keychain, or None where it has none or SCUMBLE_KEYCHAIN is "off". Asks nothing yet."""
    if environment.get(SWITCH_VARIABLE, "").strip().lower() == "off":
        return None
    if platform == "win32":
        return _windows(*_credential_api())
    name = "security" if platform == "darwin" else "secret-tool"
    tool = shutil.which(name, path=environment.get("PATH", ""))
    if tool is None:
        return None
    return _macos(tool, environment) if platform == "darwin" else _linux(tool, environment)


def _linux(tool: str, environment: Mapping[str, str]) -> Keychain:
    title = _("keychain (secret-tool)")
    attributes = ("service", _SERVICE, "account", _ACCOUNT)

    def read() -> str:
        done = _run(title, environment, READ_SECONDS, tool, "lookup", *attributes)
        if done.returncode and done.stderr.strip():
            raise _failed(title, done.stderr)
        return "" if done.returncode else done.stdout.strip()

    def write(key: str) -> None:
        label = f"--label={_LABEL}"
        done = _run(title, environment, CHANGE_SECONDS, tool, "store", label, *attributes, said=key)
        if done.returncode:
            raise _failed(title, done.stderr.replace(key, "***"))

    def forget() -> bool:
        if not read():
            return False
        done = _run(title, environment, CHANGE_SECONDS, tool, "clear", *attributes)
        if done.returncode:
            raise _failed(title, done.stderr)
        return True

    return Keychain(title, read, write, forget)


def _macos(tool: str, environment: Mapping[str, str]) -> Keychain:
    title = _("macOS keychain")
    item = ("-s", _SERVICE, "-a", _ACCOUNT)

    def read() -> str:
        done = _run(title, environment, READ_SECONDS, tool, "find-generic-password", *item, "-w")
        if done.returncode == _MACOS_NOT_FOUND:
            return ""
        if done.returncode:
            raise _failed(title, done.stderr)
        return done.stdout.strip()

    def write(key: str) -> None:
        if len(key) > _MACOS_KEY_MAX:
            raise _failed(title, _("the key is too long for it"))
        # As a command on its standard input, because an argument would be seen by all; hexadecimal needs no
        # quoting. In this mode the exit code says nothing: whoever saves a key reads it again.
        command = " ".join(
            ("add-generic-password", "-U", *item, "-l", f'"{_LABEL}"', "-X", key.encode().hex())
        )
        _run(title, environment, CHANGE_SECONDS, tool, "-i", said=command + "\n")

    def forget() -> bool:
        done = _run(title, environment, CHANGE_SECONDS, tool, "delete-generic-password", *item)
        if done.returncode not in (0, _MACOS_NOT_FOUND):
            raise _failed(title, done.stderr)
        return done.returncode == 0

    return Keychain(title, read, write, forget)


def _run(
    title: str, environment: Mapping[str, str], seconds: float, *command: str, said: str = ""
) -> subprocess.CompletedProcess[str]:
    """The tool's answer; `said` goes to its standard input. It is killed when it takes longer."""
    try:
        return subprocess.run(
            command,
            input=said,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=seconds,
            check=False,
            env=dict(environment),
        )
    except subprocess.TimeoutExpired:
        reason = _("it did not answer within {seconds} s; it may be locked").format(seconds=f"{seconds:g}")
    except OSError as error:
        reason = error.strerror or type(error).__name__
    # Out here: those exceptions carry what the tool has said so far.
    raise _failed(title, reason)


def _failed(title: str, complaint: str) -> KeychainUnavailable:
    lines = complaint.strip().splitlines() or [_("it gives no reason")]
    words = "".join(character for character in lines[0] if character.isprintable())
    return KeychainUnavailable(keychain=title, reason=words[:_COMPLAINT_SHOWN].rstrip(" ."))


def _credential_api() -> tuple[Any, Callable[[], int]]:
    """Windows' functions and their last error."""
    if sys.platform == "win32":
        import ctypes

        return ctypes.WinDLL("advapi32", use_last_error=True), ctypes.get_last_error
    raise RuntimeError("the credential API is Windows' own")


def _windows(api: Any, last_error: Callable[[], int]) -> Keychain:
    """Over CredReadW, CredWriteW and CredDeleteW; the structure is CREDENTIALW of wincred.h."""
    import ctypes
    from ctypes import wintypes

    title = _("Windows credential store")
    target, generic, on_this_machine = f"{_SERVICE}/{_ACCOUNT}", 1, 2

    class Credential(ctypes.Structure):
        _fields_ = (
            ("flags", wintypes.DWORD),
            ("type", wintypes.DWORD),
            ("target_name", wintypes.LPWSTR),
            ("comment", wintypes.LPWSTR),
            ("last_written", wintypes.FILETIME),
            ("blob_size", wintypes.DWORD),
            ("blob", ctypes.POINTER(ctypes.c_char)),
            ("persist", wintypes.DWORD),
            ("attribute_count", wintypes.DWORD),
            ("attributes", ctypes.c_void_p),
            ("target_alias", wintypes.LPWSTR),
            ("user_name", wintypes.LPWSTR),
        )

    def failed() -> KeychainUnavailable:
        return _failed(title, _("Windows error {number}").format(number=last_error()))

    def read() -> str:
        found = ctypes.POINTER(Credential)()
        if not api.CredReadW(target, generic, 0, ctypes.byref(found)):
            if last_error() == _WINDOWS_NOT_FOUND:
                return ""
            raise failed()
        try:
            credential = found.contents
            return ctypes.string_at(credential.blob, credential.blob_size).decode("utf-8", "replace").strip()
        finally:
            api.CredFree(found)

    def write(key: str) -> None:
        data = key.encode()
        if len(data) > _WINDOWS_KEY_MAX:
            raise _failed(title, _("the key is too long for it"))
        blob = ctypes.create_string_buffer(data, len(data))
        credential = Credential(
            type=generic,
            target_name=target,
            comment=_LABEL,
            blob_size=len(data),
            blob=ctypes.cast(blob, ctypes.POINTER(ctypes.c_char)),
            persist=on_this_machine,
            user_name=_ACCOUNT,
        )
        if not api.CredWriteW(ctypes.byref(credential), 0):
            raise failed()

    def forget() -> bool:
        if api.CredDeleteW(target, generic, 0):
            return True
        if last_error() == _WINDOWS_NOT_FOUND:
            return False
        raise failed()

    return Keychain(title, read, write, forget)
