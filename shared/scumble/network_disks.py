# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a folder lies on a network disk, where a ledger's locks and its log cannot be relied on."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from .translation import _

_KINDS = frozenset(
    {
        "9p", "afpfs", "afs", "beegfs", "ceph", "cifs", "davfs", "glusterfs", "gpfs", "lustre", "ncpfs",
        "nfs", "nfs4", "orangefs", "prl_fs", "smb3", "smbfs", "vboxsf", "vmhgfs", "webdav",
        "fuse.ceph", "fuse.davfs2", "fuse.glusterfs", "fuse.gvfsd-fuse", "fuse.rclone", "fuse.s3fs",
        "fuse.sshfs", "fuse.vmhgfs-fuse", "macfuse", "osxfuse",
    }
)  # fmt: skip
_OCTAL = re.compile(r"\\([0-7]{3})")
_MACOS_LINE = re.compile(r".+? on (/.*) \(([^,)]+)[^)]*\)")
_DRIVE_REMOTE = 4

Mount = tuple[str, str]
"""The folder a disk is mounted at, and the kind of its file system."""


def network_disk(folder: Path) -> str:
    """The kind of the network file system that a folder lies on, such as "nfs4"; empty on a local disk, or
    where that cannot be told. The folder need not exist."""
    if sys.platform == "win32":
        return _windows_kind(folder)
    kind = kind_at(str(folder.resolve()), _mounts())
    return kind if kind in _KINDS else ""


def warning(folder: Path) -> str:
    """What a person should know of a data folder on a network disk, in the current language, or empty."""
    kind = network_disk(folder)
    if not kind:
        return ""
    return _(
        "The data folder {folder} is on a network disk ({kind}), whose locks do not always hold. Budgets are"
        " sure only while one machine at a time uses it; SCUMBLE_HOME chooses a folder on a local disk."
    ).format(folder=folder, kind=kind)


def linux_mounts(text: str) -> list[Mount]:
    """From the lines of /proc/mounts, which writes spaces in octal."""
    found = []
    for line in text.splitlines():
        fields = line.split(" ")
        if len(fields) > 2:
            found.append((_OCTAL.sub(lambda code: chr(int(code[1], 8)), fields[1]), fields[2]))
    return found


def macos_mounts(text: str) -> list[Mount]:
    """From what macOS' `mount` prints: "//me@nas/art on /Volumes/art (smbfs, nodev)"."""
    matches = (_MACOS_LINE.fullmatch(line) for line in text.splitlines())
    return [(match[1], match[2]) for match in matches if match]


def kind_at(folder: str, mounts: Iterable[Mount]) -> str:
    """The kind of the innermost mount that holds an absolute folder; of two at one place the later."""
    best, kind = -1, ""
    for place, mounted in mounts:
        inside = folder == place or folder.startswith(place.rstrip("/") + "/")
        if inside and len(place) >= best:
            best, kind = len(place), mounted
    return kind


def _mounts() -> list[Mount]:
    if sys.platform == "linux":
        try:
            return linux_mounts(Path("/proc/self/mounts").read_text(errors="replace"))
        except OSError:
            return []
    return _asked_mounts()


@functools.cache
def _asked_mounts() -> list[Mount]:
    import subprocess

    try:
        done = subprocess.run(["/sbin/mount"], capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return []
    return macos_mounts(done.stdout)


def _windows_kind(folder: Path) -> str:
    import ctypes

    drive = folder.absolute().drive
    if drive.startswith("\\\\"):
        return "smb"
    windll = getattr(ctypes, "windll", None)
    remote = windll is not None and windll.kernel32.GetDriveTypeW(drive + "\\") == _DRIVE_REMOTE
    return "smb" if remote else ""
