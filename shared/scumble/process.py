# SPDX-License-Identifier: GPL-3.0-or-later
"""Which process this is, in words that let another process tell later whether it still runs.

A process number alone is used again for other programs, so the start time goes with it. Linux counts that
time from the boot, hence the boot's id; and a process number means something only in its own PID namespace
(a Flatpak has one of its own), hence the namespace. Where the start time cannot be had, the number alone
decides, and a process whose number was taken over by another counts as running.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """One run of one program; `boot`, `namespace` and `started` are empty where the platform has none."""

    machine: str
    boot: str
    namespace: str
    pid: int
    started: str


def this_process() -> Process:
    return _describe(os.getpid())


def is_elsewhere(process: Process) -> bool:
    """Whether another machine ran it, as far as its record tells."""
    here = this_process()
    return process.machine != here.machine and not (process.boot and process.boot == here.boot)


def is_gone(process: Process) -> bool:
    """True only when it certainly does not run any more; False also when that cannot be told from here."""
    here = this_process()
    same_boot = process.boot == here.boot
    if is_elsewhere(process):
        return False
    if not same_boot:
        return True
    if process.namespace != here.namespace:
        return False
    started = _start_time(process.pid)
    if started is None:
        return True
    both_known = bool(started and process.started)
    return both_known and started != process.started


@functools.cache
def _describe(pid: int) -> Process:
    # By its number, because a fork inherits the cache.
    return Process(_machine(), _boot(), _namespace(), pid, _start_time(pid) or "")


@functools.cache
def _machine() -> str:
    # Hashed: systemd asks that its id is not spread as it is.
    return hashlib.sha256(f"scumble {_machine_id()}".encode()).hexdigest()[:16]


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


if sys.platform == "win32":

    def _machine_id() -> str:
        import winreg

        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography") as key:
                return str(winreg.QueryValueEx(key, "MachineGuid")[0])
        except OSError:
            return os.environ.get("COMPUTERNAME", "")

    def _start_time(pid: int) -> str | None:
        import ctypes
        from ctypes import wintypes

        query_limited_information, access_denied, still_active = 0x1000, 5, 259
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = wintypes.HANDLE
        handle = kernel.OpenProcess(query_limited_information, False, pid)
        if not handle:
            return "" if ctypes.get_last_error() == access_denied else None
        handle = wintypes.HANDLE(handle)
        try:
            code = wintypes.DWORD()
            if kernel.GetExitCodeProcess(handle, ctypes.byref(code)) and code.value != still_active:
                return None
            created, ended, in_kernel, in_user = (ctypes.c_ulonglong() for _ in range(4))
            known = kernel.GetProcessTimes(
                handle,
                ctypes.byref(created),
                ctypes.byref(ended),
                ctypes.byref(in_kernel),
                ctypes.byref(in_user),
            )
            return str(created.value) if known else ""
        finally:
            kernel.CloseHandle(handle)

elif sys.platform == "linux":

    def _machine_id() -> str:
        return (
            _first_line("/etc/machine-id") or _first_line("/var/lib/dbus/machine-id") or os.uname().nodename
        )

    def _start_time(pid: int) -> str | None:
        stat = _first_line(f"/proc/{pid}/stat")
        if not stat:
            return None if _first_line("/proc/self/stat") else _signalled(pid)
        # The program's name, in parentheses, may hold anything; the state is the field after it.
        fields = stat[stat.rindex(")") + 1 :].split()
        state, started = fields[0], fields[19]
        return None if state in "ZX" else started

else:

    def _machine_id() -> str:
        import uuid

        node = uuid.getnode()
        is_random = node >> 40 & 1
        return os.uname().nodename if is_random else f"{node:012x}"

    def _start_time(pid: int) -> str | None:
        import subprocess

        try:
            done = subprocess.run(
                ["ps", "-o", "state=", "-o", "lstart=", "-p", str(pid)],
                env={"LC_ALL": "C", "TZ": "UTC", "PATH": "/bin:/usr/bin"},
                capture_output=True,
                text=True,
                timeout=10,
                check=False,
            )
        except (OSError, subprocess.SubprocessError):
            return _signalled(pid)
        state, _, started = done.stdout.strip().partition(" ")
        if not started:
            return _signalled(pid)
        return None if state.startswith("Z") else started.strip()


def _signalled(pid: int) -> str | None:
    """An empty start time when a process of that number runs, None when none does."""
    if sys.platform == "win32":  # os.kill would end the process there
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return ""
    return ""


def _boot() -> str:
    if sys.platform != "linux":
        return ""
    return _first_line("/proc/sys/kernel/random/boot_id").replace("-", "")[:16]


def _namespace() -> str:
    if sys.platform != "linux":
        return ""
    try:
        return os.readlink("/proc/self/ns/pid").removeprefix("pid:[").removesuffix("]")
    except OSError:
        return ""
