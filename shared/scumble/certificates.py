# SPDX-License-Identifier: GPL-3.0-or-later
"""Which certificates TLS trusts: always some, and always checked; there is no switch for that.

The Pythons inside AppImages, Flatpaks and Windows hosts often look for roots where there are none. So they
are looked for, in this order: the file or folder that the environment names, what this Python and the
system agree on, the files where systems keep theirs, and the list of certifi that comes with requests.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import SetupError
from .translation import _

VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
WELL_KNOWN = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Gentoo
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",  # older ones of these
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/var/lib/ca-certificates/ca-bundle.pem",  # newer ones
    "/etc/ssl/cert.pem",  # macOS, Alpine, BSD
    "/opt/homebrew/etc/ca-certificates/cert.pem",  # Homebrew
    "/run/host/etc/ssl/certs/ca-certificates.crt",  # the system around a Flatpak
)
# OpenSSL finds a certificate in a folder by the hash of its subject.
_HASHED_NAME = re.compile(r"[0-9a-f]{8}\.[0-9]+")


def trusted(
    environment: Mapping[str, str] = os.environ, well_known: Sequence[str] = WELL_KNOWN
) -> ssl.SSLContext:
    """A context that requires a valid certificate for the host's name.

    Raises SetupError when the environment names what holds no certificates, and when there are none at all.
    """
    for variable in VARIABLES:
        path = environment.get(variable, "")
        if path:
            return _as_told(variable, path)
    context = _system()
    if context is not None:
        return context
    for place in (*well_known, _certifis()):
        context = _with_roots(place)
        if context is not None:
            return context
    raise SetupError(
        reason=_("no certificates to trust were found; SSL_CERT_FILE can name a file that has them")
    )


def surroundings(environment: Mapping[str, str] = os.environ) -> tuple[object, ...]:
    """Changes when the environment comes to name other certificates, or when what it names changes."""
    named = [environment.get(variable, "") for variable in VARIABLES]
    return tuple((path, _changed_ns(path)) for path in named)


def _changed_ns(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns if path else 0
    except (OSError, ValueError):
        return 0


def _as_told(variable: str, path: str) -> ssl.SSLContext:
    if not os.path.exists(path):
        raise SetupError(reason=_("{variable} names no file of certificates").format(variable=variable))
    context = _with_roots(path)
    if context is None:
        raise SetupError(reason=_("what {variable} names holds no certificates").format(variable=variable))
    return context


def _system() -> ssl.SSLContext | None:
    """What Python trusts by itself here, such as the Windows store; None where that is nothing."""
    context = _spoken(ssl.create_default_context())
    if context.cert_store_stats()["x509_ca"]:
        return context
    folder = ssl.get_default_verify_paths().capath
    return context if folder and _is_folder_of_certificates(folder) else None


def _with_roots(path: str) -> ssl.SSLContext | None:
    """A context that trusts the certificates of one file or folder alone; None when it has none."""
    # Not create_default_context(), which would trust the system's as well.
    context = _spoken(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    try:
        if os.path.isdir(path):
            context.load_verify_locations(capath=path)
            return context if _is_folder_of_certificates(path) else None
        context.load_verify_locations(cafile=path)
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        return None
    return context if context.cert_store_stats()["x509"] else None


def _spoken(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _is_folder_of_certificates(path: str) -> bool:
    try:
        return any(_HASHED_NAME.fullmatch(each.name) for each in Path(path).iterdir())
    except OSError:
        return False


def _certifis() -> str:
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    return DEFAULT_CA_BUNDLE_PATH
