# SPDX-License-Identifier: GPL-3.0-or-later
"""How servers behind a base URL differ from OpenAI's: the key's header, edits, fields they do not know.

Azure's are known by their names. Of any other a user says it in `servers.json` in the data folder:

    {"relay.example.com": {"omit": ["background"], "header": "api-key", "edits": "json"}}
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from .errors import BadRequest, SetupError
from .request import Request, check_json
from .translation import _

BEARER_HEADER = "Authorization"
_AZURE_HEADER = "api-key"
_AZURE = (".openai.azure.com", ".services.ai.azure.com", ".cognitiveservices.azure.com")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
# These carry the connection or the body, and a key in one of them would go astray.
_TAKEN_HEADERS = frozenset(
    {"host", "content-length", "content-type", "connection", "transfer-encoding", "accept", "accept-encoding"}
    | {"user-agent", "cookie", "te", "upgrade", "expect"}
)
_SETTINGS = frozenset({"header", "edits", "omit"})

# What may be left out, with the value that being silent stands for: with any other, silence would be another
# request than the one that was asked for. Servers that do not know qualities have but one.
_SILENCE: Mapping[str, object] = {
    "size": "auto",
    "n": 1,
    "background": "auto",
    "output_format": "png",
    "output_compression": None,
    "moderation": "auto",
    "complexity": None,
    "safety_identifier": None,
    "partial_images": 0,
}
_LEFT_OUT_FREELY = frozenset({"quality", "safety_identifier"})
CAN_BE_OMITTED = _LEFT_OUT_FREELY | _SILENCE.keys()
"""The fields that `servers.json` may name under "omit"."""


@dataclass(frozen=True)
class Dialect:
    """How one server wants to be asked; by default in OpenAI's own way.

    `header` carries the key, as a bearer token where it is Authorization. `edits` "any" is a form, or JSON
    where the form has no field for what is asked; "none" means that the server offers none. `omit` are the
    fields that it does not know.
    """

    header: str = BEARER_HEADER
    edits: Literal["any", "json", "multipart", "none"] = "any"
    omit: frozenset[str] = frozenset()

    def require_possible(self, request: Request, server: str) -> None:
        """Refuse, before anything is sent, what cannot be said in this dialect. Raises BadRequest."""
        if request.kind == "edit" and self.edits == "none":
            reason = _("the server {server} changes no pictures, says servers.json; it makes new ones")
            raise BadRequest(reason=reason.format(server=server))
        if request.kind == "edit" and self.edits == "json":
            check_json(request)
        if request.kind == "edit" and self.edits == "multipart" and request.moderation != "auto":
            reason = _("the server {server} takes edits as forms only, which have no moderation; auto works")
            raise BadRequest(reason=reason.format(server=server))
        for name in sorted(self.omit - _LEFT_OUT_FREELY):
            asked = request.size_text if name == "size" else getattr(request, name)
            if asked != _SILENCE[name]:
                reason = _("the server {server} does not know {option}, says servers.json; {value} works")
                value = _SILENCE[name]
                works = _("leaving it out") if value is None else f"{name} = {value}"
                raise BadRequest(reason=reason.format(server=server, option=name, value=works))


OPENAI = Dialect()


def dialect_of(base_url: str, path: Path) -> Dialect:
    """The dialect of the server at an address: the user's word on it, else what is known of its name.

    A host without a port covers each port. Raises SetupError when the file cannot be read, or says what does
    not exist.
    """
    place = urlsplit(base_url)
    host = (place.hostname or "").lower()
    known = Dialect(header=_AZURE_HEADER) if host.endswith(_AZURE) else OPENAI
    try:
        servers = _read(path)
        settings = servers.get(place.netloc.lower(), servers.get(host, {}))
        return _dialect(settings, known)
    except (OSError, ValueError) as problem:
        reason = _("the file {path} cannot be used: {problem}")
        raise SetupError(reason=reason.format(path=path, problem=problem)) from None


def _read(path: Path) -> dict[str, object]:
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    if not isinstance(document, dict):
        raise ValueError(_("it must be an object with a server's name for each key"))
    return {str(name).lower(): settings for name, settings in document.items()}


def _dialect(settings: object, known: Dialect) -> Dialect:
    if not isinstance(settings, dict) or settings.keys() - _SETTINGS:
        raise ValueError(
            _("a server has the settings {settings}").format(settings=", ".join(sorted(_SETTINGS)))
        )
    header = settings.get("header", known.header)
    if not isinstance(header, str) or not _HEADER.fullmatch(header) or header.lower() in _TAKEN_HEADERS:
        raise ValueError(_("header must be the name of a header that a key can go in"))
    edits = settings.get("edits", known.edits)
    if edits is False:
        edits = "none"
    if edits not in ("any", "json", "multipart", "none"):
        raise ValueError(_('edits must be "json", "multipart" or false'))
    omit = settings.get("omit", [])
    if not isinstance(omit, list) or not all(
        isinstance(name, str) and name in CAN_BE_OMITTED for name in omit
    ):
        fields = ", ".join(sorted(CAN_BE_OMITTED))
        raise ValueError(_("omit must be a list of {fields}").format(fields=fields))
    return Dialect(header, edits, frozenset(omit))
