# SPDX-License-Identifier: GPL-3.0-or-later
"""What all programs of a user share: the data folder, the key, the way to the service."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from .. import certificates, network_disks
from ..credentials import KEY_VARIABLE, find_account, key_places
from ..errors import SetupError
from ..settings import Home
from ..translation import _
from .findings import Finding, note

_PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


def examine(home: Home, environment: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Findings on the data folder, the key and the network's settings; asks nobody outside this machine."""
    yield from _data_folder(home.folder)
    of_key = list(_key(home, environment))
    yield from of_key
    known = {finding.sentence for finding in of_key}
    yield from (finding for finding in _network(home, environment) if finding.sentence not in known)


def _data_folder(folder: Path) -> Iterator[Finding]:
    # The folder is made when it is first needed: what counts until then is the one that it will be made in.
    place = next(path for path in (folder, *folder.parents) if path.exists())
    failure = _failure_of_writing(place)
    if failure:
        yield Finding(
            "data-folder",
            _(
                "The data folder {folder} cannot be written ({failure}), so nothing paid can be asked for."
            ).format(folder=folder, failure=failure),
            _("Mend its permissions or free some space; SCUMBLE_HOME chooses another folder."),
            folder,
        )
    elif sys.platform != "win32" and folder.is_dir() and stat.S_IMODE(folder.stat().st_mode) & 0o077:
        sentence = _("Others on this machine can look into the data folder {folder}.")
        yield note(
            "data-folder-open",
            sentence.format(folder=folder),
            _("Run: {command}").format(command=f'chmod 700 "{folder}"'),
            folder,
        )
    warning = network_disks.warning(folder)
    if warning:
        yield Finding("network-disk", warning, "", folder)


def _failure_of_writing(folder: Path) -> str:
    try:
        with tempfile.TemporaryFile(dir=folder, prefix=".scumble-doctor-") as file:
            file.write(b"x")
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""


def _key(home: Home, environment: Mapping[str, str]) -> Iterator[Finding]:
    places = key_places(home, environment)
    for place in places:
        if place.problem:
            remedy = _("Set it anew: {command}").format(command="scumble key set")
            found = Finding if place.holds_key else note
            yield found("key", place.problem, remedy)
    first = next((place for place in places if place.holds_key), None)
    if first is None:
        sentence = _("There is no key: pictures come from the sandbox, free.")
        yield note("no-key", sentence, _("To use the service: {command}").format(command="scumble key set"))
    elif first.kind == "environment":
        sentence = _(
            "The key is in {variable}, which programs started from a menu or the Dock often do not see."
        )
        yield note(
            "key-in-environment",
            sentence.format(variable=KEY_VARIABLE),
            _("If GIMP or Blender come up with the sandbox: {command}").format(command="scumble key set"),
        )


def _network(home: Home, environment: Mapping[str, str]) -> Iterator[Finding]:
    try:
        find_account(home, environment)
    except SetupError as error:
        yield Finding("address", error.what_happened, error.what_to_do)
    try:
        certificates.trusted(environment)
    except SetupError as error:
        yield Finding("certificates", error.what_happened, error.what_to_do)
    name = next((name for name in _PROXIES if environment.get(name)), "")
    if name:
        yield _proxy(name, environment[name])


def _proxy(name: str, address: str) -> Finding:
    """Nothing of the address is shown but the host: there may be a password in it."""
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        host, port, scheme = parts.hostname, parts.port, parts.scheme
    except ValueError:
        host, port, scheme = None, None, ""
    if not host:
        sentence = _("{variable} is not the address of a proxy.").format(variable=name)
        return Finding("proxy", sentence, _("Give it the form http://host:port, or unset it."))
    if scheme not in ("http", "https"):
        sentence = _("{variable} names a proxy of the kind {kind}, which Scumble cannot use.")
        remedy = _("Name one of the form http://host:port.")
        return Finding("proxy", sentence.format(variable=name, kind=scheme), remedy)
    sentence = _("Requests go through the proxy {host} ({variable}).")
    shown = f"{host}:{port}" if port else host
    return note("proxy", sentence.format(host=shown, variable=name))
