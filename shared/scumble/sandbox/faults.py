# SPDX-License-Identifier: GPL-3.0-or-later
"""The API's refusals: an HTTP status and the service's own envelope around type, code and parameter.

They never quote what a person wrote: only numbers, names of parameters and words of the API.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\[\]-]{0,63}")

REQUEST = "invalid_request_error"
USER = "image_generation_user_error"
_PASSING = ("rate_limit_exceeded", "server_is_overloaded")

# The refusals that the sandbox has no reason of its own for, by code: status and type as in
# shared/facts/openai-images.md, section 7.
_REHEARSED = {
    "moderation_blocked": (400, USER),
    "billing_hard_limit_reached": (400, "billing_limit_user_error"),
    "unsupported_country_region_territory": (403, REQUEST),
    "conflict": (409, REQUEST),
    "unprocessable": (422, REQUEST),
    "rate_limit_exceeded": (429, "rate_limit_error"),
    "insufficient_quota": (429, "insufficient_quota"),
    "credit_balance_exhausted": (429, "insufficient_quota"),
    "organization_spend_limit_exceeded": (429, REQUEST),
    "project_spend_limit_exceeded": (429, REQUEST),
    "server_error": (500, "server_error"),
    "server_is_overloaded": (503, "server_error"),
}


class ApiError(Exception):
    """A refusal. `type`, `code` and `param` are the API's; `param` is the one at fault, if one is."""

    def __init__(self, status: int, type: str, code: str | None, param: str | None, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.type = type
        self.code = code
        self.param = param
        self.message = message

    @property
    def headers(self) -> dict[str, str]:
        """What the service says beside it: of a limit that passes, when to come back."""
        return {"Retry-After": "1"} if self.code in _PASSING else {}

    def body(self) -> bytes:
        """The reply's body."""
        error = {"message": self.message, "type": self.type, "param": self.param, "code": self.code}
        return json.dumps({"error": error}, indent=2).encode()


def quoted(value: object) -> str:
    """The value in quotes when it looks like a word of the API, else only that there is one."""
    if isinstance(value, int):
        return f"'{value}'"
    return f"'{value}'" if isinstance(value, str) and _SAFE.fullmatch(value) else "(not shown)"


def name_of(parameter: str) -> str:
    """A parameter's name as far as it can be one."""
    return parameter if _SAFE.fullmatch(parameter) else "(not shown)"


def refused(param: str, message: str, code: str | None = "invalid_value", type: str = REQUEST) -> ApiError:
    """A 400 about one parameter."""
    return ApiError(400, type, code, param, message)


def unknown(param: str) -> ApiError:
    """A 400 for a parameter that the endpoint does not have."""
    name = name_of(param)
    return refused(name, f"Unknown parameter: '{name}'.", "unknown_parameter")


def missing(param: str) -> ApiError:
    """A 400 for a parameter that must be given."""
    return refused(param, f"Missing required parameter: '{param}'.", "missing_required_parameter")


def not_here(param: str, what: str) -> ApiError:
    """A 400 for what the API offers and the sandbox does not, said as such."""
    return refused(param, f"The Scumble sandbox does not offer {what}.", "unsupported_in_sandbox")


def not_one_of(param: str, value: object, choices: Iterable[str]) -> ApiError:
    """A 400 for a word that is none of the choices."""
    listed = ", ".join(f"'{choice}'" for choice in choices)
    return refused(param, f"Invalid value: {quoted(value)}. Supported values are: {listed}.")


def no_such_model(model: object) -> ApiError:
    """The 404 for an unknown or shut-down model."""
    message = f"The model {quoted(model)} does not exist or you do not have access to it."
    return ApiError(404, REQUEST, "model_not_found", "model", message)


def unreadable(number: int, hint: str = "") -> ApiError:
    """The 400 for an input picture that cannot be read; `number` counts from 1."""
    message = f"Invalid image file or mode for image {number}, please check your image file."
    return refused("image", message + hint, "invalid_image_file", USER)


def bad_mask(message: str) -> ApiError:
    """The 400 for a mask that does not fit."""
    return refused("mask", f"Invalid mask image format - {message}", "invalid_mask_image_format", USER)


def rehearsed(code: str) -> ApiError:
    """The refusal that a client asks for to see how it takes it; a 400 that names them for any other."""
    if code not in _REHEARSED:
        return not_one_of("x-scumble-rehearse", code, _REHEARSED)
    status, type = _REHEARSED[code]
    return ApiError(status, type, code, None, "This refusal was asked for with x-scumble-rehearse.")
