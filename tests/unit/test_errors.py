# SPDX-License-Identifier: GPL-3.0-or-later
"""The error tree: what a person reads, and what other modules rely on."""

from __future__ import annotations

import pickle
import re
import string
from collections.abc import Iterator

import pytest

from scumble import errors
from scumble.errors import (
    BadReply,
    BadRequest,
    Billing,
    Exit,
    MoneyError,
    OutcomeUnknown,
    ScumbleError,
    ServiceRefusal,
    TryLater,
)


def everything_below(kind: type[ScumbleError]) -> Iterator[type[ScumbleError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from everything_below(child)


KINDS = sorted(everything_below(ScumbleError), key=lambda kind: kind.__name__)
DETAILS: dict[str, set[str]] = {
    "AccessDenied": {"model"},
    "AnswerAwaited": {"reason"},
    "BadPackage": {"path", "reason"},
    "BadPicture": {"name", "reason"},
    "BadReply": {"reason"},
    "BadRequest": {"reason"},
    "BadSize": {"model", "size", "reason", "nearest"},
    "BadTable": {"name", "problems"},
    "BillNotRecorded": {"path", "reason", "folder"},
    "BudgetExceeded": {"budget", "left", "limit", "cost", "setting"},
    "EditsNotOffered": {"status"},
    "FieldNotKnown": {"param"},
    "FolderUnusable": {"path", "reason"},
    "KeyMissing": {"path"},
    "KeyRefused": {"source"},
    "KeychainUnavailable": {"keychain", "reason"},
    "LedgerBusy": {"path", "reason"},
    "LedgerDamaged": {"path", "reason"},
    "LedgerOfAnother": {"path", "reason"},
    "ListingDenied": {"source"},
    "MissingPart": {"part", "command"},
    "NotSaved": {"path", "reason", "folder"},
    "ModelEnded": {"model", "date", "successor"},
    "ModelUnavailable": {"model"},
    "NoPictureMade": {"reason"},
    "NoUsableAnswer": {"host", "reason"},
    "NotConnected": {"host"},
    "NotEverywhere": {"failed", "count"},
    "NotInBatches": {"model", "choices"},
    "OnlineAccessOff": {"host", "place"},
    "PackageMissing": {"host", "name"},
    "PriceUnknown": {"budget", "model"},
    "ProblemsFound": {"count"},
    "ProfileMissing": {"host"},
    "RateLimited": {"seconds"},
    "RequestRejected": {"kind", "param"},
    "RowsLeft": {"done", "count"},
    "ServerFault": {"status"},
    "SetupError": {"reason"},
    "StorageError": {"path", "reason"},
    "StorageFailedAfterSending": {"path", "reason"},
    "StreamEnded": {"reason"},
    "StreamFailed": {"kind"},
    "TimedOut": {"seconds"},
    "UnknownModel": {"model", "choices"},
    "UploadCutShort": {"name"},
    "UnsupportedOption": {"model", "option", "value", "choices"},
}


def example(kind: type[ScumbleError]) -> ScumbleError:
    """One of its kind, each detail with a value that can be found again in the text."""
    return kind(**{name: f"<{name}>" for name in DETAILS.get(kind.__name__, set())})


def names_in(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@every_kind
def test_the_texts_ask_for_the_documented_details_and_show_each(kind: type[ScumbleError]) -> None:
    """Whoever raises it gives these; a change to them is a change to every place that raises it."""
    documented = DETAILS.get(kind.__name__, set())
    assert names_in(kind.sentence) | names_in(kind.remedy) == documented
    said = str(example(kind))
    assert all(f"<{name}>" in said for name in documented)
    assert "{" not in said and "  " not in said


@every_kind
def test_it_says_what_happened_what_it_costs_and_what_to_do(kind: type[ScumbleError]) -> None:
    """In whole sentences, in this order."""
    error = example(kind)
    parts = [error.what_happened, error.money, error.what_to_do]
    assert str(error) == " ".join(part for part in parts if part)
    assert not error.what_happened[0].islower() and error.what_happened.endswith(".")
    money = {
        Billing.NOTHING: "Nothing was billed.",
        Billing.MAYBE: "It may still be billed.",
        Billing.BILLED: "It was billed.",
    }
    assert error.money == money[kind.billing]


@every_kind
def test_it_survives_pickling(kind: type[ScumbleError]) -> None:
    """As it does on its way out of another process."""
    error = example(kind)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301 - our own bytes
        assert type(again) is kind
        assert (str(again), again.details, again.code) == (str(error), error.details, error.code)


def test_every_kind_has_a_code_of_its_own() -> None:
    """Scripts branch on it, so it is written in the class itself and never inherited."""
    codes = [vars(kind)["code"] for kind in KINDS]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) and len(code) <= 40 for code in codes)


def test_the_codes_never_change() -> None:
    """They are in other people's scripts, and in ledgers as reasons."""
    assert {kind.code for kind in KINDS} >= {
        "scumble-error", "bad-request", "unknown-model", "model-ended", "unsupported-option", "bad-size",
        "bad-picture", "nothing-selected", "setup", "key-missing", "key-refused", "access-denied",
        "model-unavailable", "missing-part", "online-access-off", "money", "quota-exhausted",
        "billing-limit", "service-refusal", "moderation-blocked", "moderation-blocked-afterwards",
        "request-rejected", "try-later", "not-connected", "rate-limited", "overloaded", "outcome-unknown",
        "connection-lost", "timed-out", "server-fault", "bad-reply", "storage", "stopped",
        "stopped-after-sending", "storage-after-sending", "keychain-unavailable", "listing-denied",
        "no-usable-answer", "budget-exceeded", "stream-ended", "stream-failed",
        "price-unknown", "ledger-damaged", "ledger-busy", "ledger-of-another",
    }  # fmt: skip


def drawn_tree() -> dict[str, str]:
    """Each class that the module's docstring draws, with the one it is drawn under."""
    parents: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.fullmatch(r"( {4,})([A-Z]\w+(?:, [A-Z]\w+)*)(  .*)?", line)
        if match is None:
            continue
        depth = len(match[1])
        above = [(at, name) for at, name in above if at < depth]
        for name in match[2].split(", "):
            if above:
                parents[name] = above[-1][1]
        above.append((depth, match[2]))
    return parents


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    """A class that is not drawn is a finer case of a drawn leaf."""
    drawn = drawn_tree()
    parents = {kind.__name__: kind.__mro__[1].__name__ for kind in KINDS if kind is not ScumbleError}
    assert drawn == {name: parent for name, parent in parents.items() if name in drawn}
    leaves = set(drawn) - set(drawn.values())
    assert {parents[name] for name in set(parents) - set(drawn)} <= leaves


@pytest.mark.parametrize(
    ("branch", "billing"),
    [
        (BadRequest, {Billing.NOTHING}),
        (MoneyError, {Billing.NOTHING}),
        (TryLater, {Billing.NOTHING}),
        (OutcomeUnknown, {Billing.MAYBE}),
        (ServiceRefusal, {Billing.NOTHING, Billing.MAYBE}),
    ],
)
def test_a_branch_means_the_same_for_the_money(branch: type[ScumbleError], billing: set[Billing]) -> None:
    """So that a caller may catch the branch; of the refusals only the one after the work may be billed."""
    assert {kind.billing for kind in everything_below(branch)} == billing


@every_kind
def test_what_may_be_billed_ends_the_command_line_with_its_own_exit_code(kind: type[ScumbleError]) -> None:
    """5 for an unknown outcome; a refusal is 4 whether it was billed or not."""
    if kind.billing is Billing.MAYBE and not issubclass(kind, ServiceRefusal):
        assert kind.exit_code is Exit.UNKNOWN
    else:
        assert kind.exit_code is not Exit.UNKNOWN


def test_a_budgets_stop_ends_the_command_line_with_its_own_exit_code() -> None:
    """3, which scripts branch on; the service's own limits are refusals, 4."""
    assert {kind.exit_code for kind in everything_below(errors.BudgetExceeded)} == {Exit.BUDGET}
    assert errors.QuotaExhausted.exit_code is errors.BillingLimit.exit_code is Exit.REFUSED


def test_braces_in_a_detail_are_only_text() -> None:
    """A reason may quote what a server wrote."""
    assert "{status} {0.__class__}" in str(BadReply(reason="{status} {0.__class__}"))


def test_raising_leaves_the_details_readable() -> None:
    """A host may want the parts, not the sentence."""
    with pytest.raises(ScumbleError) as caught:
        raise BadReply(reason="not JSON")
    assert caught.value.details == {"reason": "not JSON"}
