# SPDX-License-Identifier: GPL-3.0-or-later
"""A Debian 13 in a folder, with GIMP 3.0 and a full Blender: made once, entered without lasting mounts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tools.host_cache import HostMissing, cache, is_made, locked, mark_made, was_made

SUITE = "trixie"
PACKAGES = (
    "gimp",
    "gimp-data",
    "python3-gi",  # GIMP's Python plug-ins
    "gir1.2-gtk-3.0",  # their dialogs
    "blender",  # with its window; the tests without one use the bpy wheel
    "python3-numpy",  # Debian's Blender takes it from the system
    "xvfb",  # a display in memory
    "xauth",
    "xdotool",  # clicks and keys
    "dbus",
    "ca-certificates",
    "fonts-dejavu-core",
    "fonts-noto-cjk",  # pictures of the Korean interface
)
# The mounts live in a namespace of this one command, so that nothing is left of them whatever happens to it.
_ENTER = """
root=$1; shift
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
while [ "$1" != -- ]; do
    mkdir -p "$root$1"
    mount --bind "$1" "$root$1"
    shift
done
shift
exec chroot "$root" "$@"
"""


def command(root: Path, arguments: Sequence[str], folders: Iterable[Path] = ()) -> list[str]:
    """The command that runs `arguments` in `root`, with `folders` of this machine visible at their own paths.

    Paths are absolute.
    """
    seen = sorted({str(Path(folder).absolute()) for folder in folders})
    enter = ["unshare", "--mount", "--propagation", "private", "--", "sh", "-ec", _ENTER, "sh"]
    return [*enter, str(root), *seen, "--", *arguments]


def ready(works: Callable[[Path], bool]) -> Path:
    """The root, made when missing; `works` tests one. Raises HostMissing."""
    root = cache() / SUITE
    recipe = "\n".join(PACKAGES) + "\n"
    with locked():
        if is_made(root, recipe):
            _require_rights()
            return root
        _require_rights()
        if root.exists() and not was_made(root):
            # Made by hand. It may be in use, with folders of this machine mounted in it: never touched.
            if not (_has_packages(root) and works(root)):
                raise HostMissing(
                    f"{root} is there but not whole; unmount what is in it, remove it, run again"
                )
            mark_made(root, recipe)
            return root
        _make(root, recipe, works)
    return root


def _require_rights() -> None:
    if not sys.platform.startswith("linux") or shutil.which("apt-get") is None:
        raise HostMissing("GIMP 3 is not on PATH; install it, or name its console in GIMP_CONSOLE")
    if os.geteuid() != 0:
        raise HostMissing(
            "GIMP 3 is not on PATH; install it, name its console in GIMP_CONSOLE, or run this as root"
        )
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode:
        raise HostMissing("GIMP 3 is not on PATH, and root may not mount here; install GIMP 3")


def _make(root: Path, recipe: str, works: Callable[[Path], bool]) -> None:
    for leftover in root.parent.glob(f"{SUITE}.*"):
        if leftover.is_dir():
            remove(leftover)
    _install_mmdebstrap()
    partial = root.with_name(f"{SUITE}.partial")
    log = root.with_name(f"{SUITE}.log")
    print(f"Making a Debian root with GIMP 3 in {root}, about two minutes", file=sys.stderr)
    include = f"--include={','.join(PACKAGES)}"
    with log.open("wb") as output:
        made = subprocess.run(
            ["mmdebstrap", "--variant=apt", include, SUITE, str(partial)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    if made.returncode:
        raise HostMissing(f"mmdebstrap could not make a Debian root; see {log}")
    if not works(partial):
        raise HostMissing(f"GIMP does not start in {partial}; see {log}")
    mark_made(partial, recipe)
    if root.exists():
        root.rename(root.with_name(f"{SUITE}.old"))
    partial.rename(root)
    outdated = root.with_name(f"{SUITE}.old")
    if outdated.exists():
        remove(outdated)


def remove(root: Path) -> None:
    """Delete a root. Raises HostMissing when something is mounted in it."""
    refuse_when_mounted(root)
    shutil.rmtree(root)


def refuse_when_mounted(root: Path) -> None:
    """Raises HostMissing when something is mounted at or below `root`: deleting would reach into that."""
    mounted = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    # Field 5 is the mount point, with spaces as octal escapes; see proc(5).
    points = [Path(line.split(" ")[4].replace("\\040", " ")) for line in mounted.splitlines()]
    inside = [point for point in points if point.is_relative_to(root)]
    if inside:
        raise HostMissing(f"{inside[0]} is mounted; unmount it and remove {root}")


def _has_packages(root: Path) -> bool:
    query = ["dpkg-query", "--show", "--showformat=${Status}\\n", *PACKAGES]
    asked = subprocess.run(command(root, query), capture_output=True, text=True)
    return asked.stdout.count("install ok installed") == len(PACKAGES)


def _install_mmdebstrap() -> None:
    if shutil.which("mmdebstrap"):
        return
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["install", "--yes", "--no-install-recommends", "mmdebstrap", "debian-archive-keyring"]
    for arguments in (["update"], install):
        ran = subprocess.run(["apt-get", *arguments], capture_output=True, text=True, env=environment)
    if ran.returncode:
        raise HostMissing(f"apt-get could not install mmdebstrap: {ran.stderr.strip()[-300:]}")
