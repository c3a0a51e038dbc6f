# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service answers when it makes no picture, as an error of the tree that says what to do."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .errors import (
    AccessDenied,
    BadReply,
    BillingLimit,
    ConversationGone,
    EditsNotOffered,
    FieldNotKnown,
    KeyRefused,
    ModelUnavailable,
    ModerationBlocked,
    ModerationBlockedAfterwards,
    Overloaded,
    QuotaExhausted,
    RateLimited,
    RequestRejected,
    ScumbleError,
    ServerFault,
    SetupError,
    StreamFailed,
)
from .rate_limits import told_wait
from .request import Request
from .servers import CAN_BE_OMITTED
from .translation import _

_ERROR_BODY_MAX = 1_048_576
_WAIT_DEFAULT = 60
_WAIT_MAX = 3_600

# Lower case and no hyphen: an API's own words pass, a key or a sentence of the prompt does not.
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,39}(\[[a-z0-9_]{0,20}\])?")

_SENTENCE_MAX = 2_000
_COMPLAINT = re.compile(
    r"(unsupported|unknown|unrecogni[sz]ed|unexpected|does not support)\W*(\w+\W+)?(param|arg|field|key)",
    re.IGNORECASE,
)


def read_json(body: bytes) -> object:
    """The document, or None when the body is no JSON (NaN and Infinity are none)."""
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def identifier(value: object) -> str:
    """The value when it is one of an API's own words, else an empty string."""
    return value if isinstance(value, str) and _IDENTIFIER.fullmatch(value) else ""


@dataclass(frozen=True)
class _Refusal:
    """What a refusal may be told apart by, and what its message may show."""

    status: int
    type: str
    code: str
    param: str
    has_envelope: bool
    held_back: bool
    wait: float | None
    may_retry: bool
    model: str
    key_source: str


_Make = Callable[[_Refusal], ScumbleError]


def _key_refused(refusal: _Refusal) -> ScumbleError:
    return KeyRefused(source=refusal.key_source)


def _access_denied(refusal: _Refusal) -> ScumbleError:
    return AccessDenied(model=refusal.model)


def _model_unavailable(refusal: _Refusal) -> ScumbleError:
    return ModelUnavailable(model=refusal.model)


def _moderation(refusal: _Refusal) -> ScumbleError:
    return ModerationBlockedAfterwards() if refusal.held_back else ModerationBlocked()


def _billing_limit(_told: _Refusal) -> ScumbleError:
    return BillingLimit()


def _quota(_told: _Refusal) -> ScumbleError:
    return QuotaExhausted()


def _rate_limited(refusal: _Refusal) -> ScumbleError:
    """`seconds` is for a person, `pause` and `passes` are for the rule that sends again."""
    shown = _WAIT_DEFAULT if refusal.wait is None else math.ceil(min(max(refusal.wait, 1), _WAIT_MAX))
    return RateLimited(seconds=shown, pause=refusal.wait, passes=refusal.may_retry)


def _overloaded(_told: _Refusal) -> ScumbleError:
    return Overloaded()


def _server_fault(refusal: _Refusal) -> ScumbleError:
    return ServerFault(status=refusal.status)


def _not_found(refusal: _Refusal) -> ScumbleError:
    if refusal.has_envelope:
        return _model_unavailable(refusal)
    return SetupError(reason=_("there is no Images API at the service's address (HTTP 404)"))


def _field_not_known(refusal: _Refusal) -> ScumbleError:
    param = identifier(refusal.param)
    return FieldNotKnown(param=param) if param else _rejected(refusal)


def _conversation_gone(_told: _Refusal) -> ScumbleError:
    return ConversationGone()


def _rejected(refusal: _Refusal) -> ScumbleError:
    kind = identifier(refusal.code) or identifier(refusal.type) or f"HTTP {refusal.status}"
    return RequestRejected(kind=kind, param=identifier(refusal.param) or _("an option it does not name"))


_OVERLOAD_CODES = frozenset({"server_is_overloaded", "slow_down"})

_BY_CODE: dict[str, _Make] = {
    "invalid_api_key": _key_refused,
    "unsupported_country_region_territory": _access_denied,
    "model_not_found": _model_unavailable,
    "unknown_parameter": _field_not_known,
    "extra_forbidden": _field_not_known,
    "moderation_blocked": _moderation,
    "content_policy_violation": _moderation,
    "contentFilter": _moderation,
    "billing_hard_limit_reached": _billing_limit,
    "insufficient_quota": _quota,
    "credit_balance_exhausted": _quota,
    "organization_spend_limit_exceeded": _quota,
    "project_spend_limit_exceeded": _quota,
    "organization_usage_limit_exceeded": _quota,
    "previous_response_not_found": _conversation_gone,
    "rate_limit_exceeded": _rate_limited,
    "server_error": _server_fault,
    "server_is_overloaded": _overloaded,
    "slow_down": _overloaded,
}

# 501 says that nothing was even begun.
_NO_SUCH_ROUTE = (405, 501)

_BY_TYPE: dict[str, _Make] = {
    "authentication_error": _key_refused,
    "billing_limit_user_error": _billing_limit,
    "insufficient_quota": _quota,
    "server_error": _server_fault,
}

_BEFORE_ANY_WORK = frozenset(
    {_key_refused, _access_denied, _model_unavailable, _billing_limit, _quota, _rate_limited}
)

# 408 may come from a relay that gave up waiting for the service, so it does not prove that no work was done.
_BY_STATUS: dict[int, _Make] = {
    401: _key_refused,
    402: _quota,
    403: _access_denied,
    404: _not_found,
    408: _server_fault,
    429: _rate_limited,
}


def error_from(
    status: int, headers: Mapping[str, str], body: bytes, request: Request, key_source: str
) -> ScumbleError:
    """The error that a reply other than a success stands for: by its code, then its type, then its status.

    The service's message is never shown: it may quote the prompt. Source of the table: OpenAI's error guide
    and observed replies, in shared/facts/openai-images.md section 7.
    """
    if 300 <= status < 400:
        return SetupError(
            reason=_("the service's address redirects elsewhere (HTTP {status})").format(status=status)
        )
    if not 400 <= status < 600:
        return BadReply(reason=_("it has the status HTTP {status}").format(status=status))
    refusal = _refusal(status, headers, body, request, key_source)
    if request.kind == "edit" and (status in _NO_SUCH_ROUTE or (status == 404 and not refusal.has_envelope)):
        return EditsNotOffered(status=status)
    if status >= 500:
        told_to_wait = status == 503 and refusal.code in _OVERLOAD_CODES
        return _overloaded(refusal) if told_to_wait else _server_fault(refusal)
    make = _BY_CODE.get(refusal.code) or _BY_TYPE.get(refusal.type) or _BY_STATUS.get(status, _rejected)
    return make(refusal)


def error_in_stream(
    error: Mapping[str, object], drawing: bool, request: Request, key_source: str
) -> ScumbleError:
    """The error that an event inside a stream of status 200 stands for; `drawing`: a partial picture had
    come before it.

    That nothing was billed is believed only of a code that the service gives before it begins: of a key, a
    model, money, speed, or moderation that says it was the input's. The rest may be billed.
    """
    refusal = _told(200, {}, error, request, key_source)
    make = _BY_CODE.get(refusal.code) or _BY_TYPE.get(refusal.type)
    if make is _moderation:
        refused = _moderation_stage(error) == "input" and not drawing
        return ModerationBlocked() if refused else ModerationBlockedAfterwards()
    if make is not None and make in _BEFORE_ANY_WORK and not drawing:
        return make(refusal)
    kind = identifier(refusal.code) or identifier(refusal.type) or _("an error without a name")
    return StreamFailed(kind=kind)


def _refusal(
    status: int, headers: Mapping[str, str], body: bytes, request: Request, key_source: str
) -> _Refusal:
    document = read_json(body) if len(body) <= _ERROR_BODY_MAX else None
    envelope = document.get("error") if isinstance(document, dict) else None
    error = envelope if isinstance(envelope, dict) else {}
    return _told(status, headers, error, request, key_source, _unknown_field(document))


def _told(
    status: int,
    headers: Mapping[str, str],
    error: Mapping[str, object],
    request: Request,
    key_source: str,
    unknown_field: str = "",
) -> _Refusal:
    named = {name.lower(): value for name, value in headers.items()}
    return _Refusal(
        status=status,
        type=_text(error.get("type")),
        code="unknown_parameter" if unknown_field else _text(error.get("code")),
        param=unknown_field or _text(error.get("param")),
        has_envelope=bool(error),
        held_back=_moderation_stage(error) == "output",
        wait=told_wait(named, _text(error.get("message"))),
        may_retry=named.get("x-should-retry", "").strip().lower() != "false",
        model=request.model,
        key_source=key_source,
    )


def _moderation_stage(error: Mapping[str, object]) -> object:
    details = error.get("moderation_details")
    return details.get("moderation_stage") if isinstance(details, dict) else None


def _unknown_field(document: object) -> str:
    """The field of ours that a server complains of in another way than OpenAI's, else "".

    FastAPI lists each as "extra_forbidden" with its place; LiteLLM and others say it in a sentence, of which
    only a name of our own is taken.
    """
    if not isinstance(document, dict):
        return ""
    details, error = document.get("detail"), document.get("error")
    for detail in details if isinstance(details, list) else ():
        place = detail.get("loc") if isinstance(detail, dict) else None
        if isinstance(place, list) and place and detail.get("type") == "extra_forbidden":
            return _text(place[-1])
    told = error.get("message") if isinstance(error, dict) and not error.get("param") else details
    sentence = _text(told)[:_SENTENCE_MAX]
    if not _COMPLAINT.search(sentence):
        return ""
    return next((name for name in sorted(CAN_BE_OMITTED) if re.search(rf"\b{name}\b", sentence)), "")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
