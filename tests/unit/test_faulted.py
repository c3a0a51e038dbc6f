# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to a service that fails in every way at random: 500 here, SCUMBLE_FAULTS says how many.

Whatever happens to one, it ends as a result or as an error of the tree, its ledger row says what may have
been billed, and a reply that came whole is kept.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from servers import (
    PROXY_PAGE,
    FaultServer,
    answers,
    cuts_within_answer,
    gradient_png,
    http_answer,
    lies_about_length,
    redirects,
    refusal,
    refused_port,
    resets_after_request,
    resets_at_once,
    resets_within_request,
    sends,
    stalls,
    success,
    trickles,
)

from scumble import client, retrying, transport
from scumble.errors import Billing, ModerationBlockedAfterwards, OutcomeUnknown, ScumbleError
from scumble.jobs import Result
from scumble.ledger import Entry, Ledger
from scumble.settings import Home
from tests.unit import fault_cases
from tests.unit.fault_cases import FREE, MAYBE, PAID, Fault
from tests.unit.jobs_cases import BILL_OF_USAGE, EDIT, GENERATE, GOOD, PNG, SIZE, perform

FAULTS = int(os.environ.get("SCUMBLE_FAULTS", "500"))
SEED = int(os.environ.get("SCUMBLE_FAULTS_SEED", "20261122"))

# Section 7 of the facts: what the service answers, and whether work can have been done.
REFUSALS = [
    (401, "invalid_request_error", "invalid_api_key"),
    (403, "invalid_request_error", None),
    (403, "invalid_request_error", "unsupported_country_region_territory"),
    (404, "invalid_request_error", "model_not_found"),
    (400, "image_generation_user_error", "invalid_value"),
    (400, "invalid_request_error", "invalid_input_fidelity_model"),
    (400, "image_generation_user_error", "invalid_image_file"),
    (400, "image_generation_user_error", "moderation_blocked"),
    (400, "billing_limit_user_error", "billing_hard_limit_reached"),
    (429, "insufficient_quota", "insufficient_quota"),
    (429, "insufficient_quota", "credit_balance_exhausted"),
    (429, "invalid_request_error", "organization_spend_limit_exceeded"),
    (429, "invalid_request_error", "project_spend_limit_exceeded"),
]
LIMITED = (429, "rate_limit_error", "rate_limit_exceeded")
FAILURES = [
    (500, "server_error", None),
    (502, "server_error", None),
    (504, "server_error", "server_error"),
]


def _refusal(chance: random.Random) -> Fault:
    status, kind, code = chance.choice(REFUSALS)
    return Fault(f"{status} {code}", (answers(status, refusal(kind, code, "size")),), FREE)


def _limited_then_good(chance: random.Random) -> Fault:
    status, kind, code = LIMITED
    limited = answers(status, refusal(kind, code), {"Retry-After": str(chance.randrange(3))})
    times = chance.randrange(1, 4)
    return Fault(f"limited {times} times", (*[limited] * times, answers(200, GOOD)), PAID, kept=True)


def _limited_for_ever(chance: random.Random) -> Fault:
    status, kind, code = LIMITED
    return Fault("limited for ever", (answers(status, refusal(kind, code)),), FREE)


def _failure(chance: random.Random) -> Fault:
    status, kind, code = chance.choice(FAILURES)
    body = chance.choice([refusal(kind, code), PROXY_PAGE, b"", b"{"])
    return Fault(f"{status}", (answers(status, body),), MAYBE)


def _cut(chance: random.Random) -> Fault:
    after = chance.randrange(len(GOOD))
    return Fault(f"cut after {after}", (cuts_within_answer(GOOD, after),), MAYBE)


def _length_lie(chance: random.Random) -> Fault:
    if chance.random() < 0.5:
        declared = len(GOOD) + chance.randrange(1, 10_000)
        return Fault("declares more", (lies_about_length(GOOD, declared),), MAYBE)
    declared = chance.randrange(len(GOOD))
    # What is declared is a whole answer to HTTP: it is kept, and cannot be read.
    return Fault("declares less", (lies_about_length(GOOD, declared),), MAYBE, kept=True)


def _wrong_shape(chance: random.Random) -> Fault:
    good = json.loads(GOOD)
    item = good["data"][0]
    text = item["b64_json"]
    bodies: dict[str, object] = {
        "no data": {name: value for name, value in good.items() if name != "data"},
        "empty data": good | {"data": []},
        "null": None,
        "a list": [good],
        "two pictures": good | {"data": [item, item]},
        "a number": good | {"data": [{"b64_json": 7}]},
        "cut base64": good | {"data": [{"b64_json": text[: chance.randrange(1, len(text) - 1)]}]},
        "not base64": good | {"data": [{"b64_json": "§" + text}]},
        "another size": json.loads(success([gradient_png(816, 816)])),
        "not a picture": json.loads(success([b"\x00" * 999])),
        "cut picture": json.loads(success([PNG[: len(PNG) // 2]])),
    }
    name = chance.choice(list(bodies))
    return Fault(name, (answers(200, json.dumps(bodies[name]).encode()),), MAYBE, kept=True)


def _not_json(chance: random.Random) -> Fault:
    bodies = [
        PROXY_PAGE,
        b"",
        b"NaN",
        b"[" * 100_000,
        chance.randbytes(999),
        b"\xef\xbb\xbf" + GOOD[:-1],
        b"{}",
    ]
    return Fault("not the API's JSON", (answers(200, chance.choice(bodies)),), MAYBE, kept=True)


def _encoding(chance: random.Random) -> Fault:
    packed = gzip.compress(GOOD, 1)
    if chance.random() < 0.3:
        return Fault("gzip", (answers(200, packed, {"Content-Encoding": "gzip"}),), PAID, kept=True)
    broken = bytearray(packed)
    broken[chance.randrange(20, len(broken) - 20)] ^= 0x55
    cut = packed[: chance.randrange(11, len(packed))]
    body = chance.choice([GOOD, bytes(broken), cut])
    return Fault("broken gzip", (answers(200, body, {"Content-Encoding": "gzip"}),), MAYBE | PAID)


def _not_http(chance: random.Random) -> Fault:
    raw = [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        chance.randbytes(400),
        b"HTTP/1.1 two hundred OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"da',
    ]
    return Fault("not HTTP", (sends(chance.choice(raw)),), MAYBE)


def _good(chance: random.Random) -> Fault:
    raw = [
        http_answer(200, GOOD),
        http_answer(200, GOOD, {"Content-Type": "text/html"}),
        b"HTTP/1.1 100 Continue\r\n\r\n" + http_answer(200, GOOD),
        http_answer(200, success([PNG], usage=None)),
        http_answer(200, success([PNG], usage={"output_tokens": "many"})),
    ]
    return Fault("good", (sends(chance.choice(raw)),), PAID, kept=True)


def _slow(chance: random.Random) -> Fault:
    return Fault("slow", (chance.choice([stalls(), trickles(0.05)]),), MAYBE)


def _reset(chance: random.Random) -> Fault:
    if chance.random() < 0.3:
        return Fault("reset at once", (resets_at_once(),), FREE | MAYBE)
    behaviour = chance.choice([resets_within_request(), resets_after_request(), sends(b"")])
    return Fault("reset", (behaviour,), MAYBE)


def _redirect(chance: random.Random) -> Fault:
    status = chance.choice([301, 302, 303, 307, 308])
    return Fault("redirect", (redirects(status, "https://elsewhere.invalid/v1/images/edits"),), FREE | MAYBE)


KINDS: list[tuple[Callable[[random.Random], Fault], int]] = [
    *fault_cases.KINDS,
    (_refusal, 4),
    (_limited_then_good, 2),
    (_limited_for_ever, 1),
    (_failure, 2),
    (_cut, 4),
    (_length_lie, 3),
    (_wrong_shape, 5),
    (_not_json, 3),
    (_encoding, 3),
    (_not_http, 3),
    (_good, 4),
    (_slow, 1),
    (_reset, 3),
    (_redirect, 1),
]


@dataclass(frozen=True)
class Ending:
    """How one request ended: its fault, what was raised or returned, and what ledger and store say of it."""

    fault: Fault
    outcome: Result | BaseException
    entry: Entry
    kept: bool
    whole_requests: int


@pytest.fixture(scope="module")
def endings(tmp_path_factory: pytest.TempPathFactory) -> list[Ending]:
    home = Home(tmp_path_factory.mktemp("faulted") / "scumble-home").make()
    chance = random.Random(SEED)  # noqa: S311 - a reproducible choice, not a secret
    makers = [make for make, _weight in KINDS]
    weights = [weight for _make, weight in KINDS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCUMBLE_KEYCHAIN", "off")
        patch.setattr(client, "ANSWER_SECONDS", 0.2)
        patch.setattr(transport, "CONNECT_SECONDS", 1)
        patch.setattr(retrying, "wait", lambda _seconds, _cancel: None)
        found = [_ending(home, chance.choices(makers, weights)[0](chance), chance) for _ in range(FAULTS)]
    by_name = Counter(ending.fault.name.partition(" after ")[0] for ending in found)
    print(f"{FAULTS} requests: {dict(by_name)}")
    return found


def _ending(home: Home, fault: Fault, chance: random.Random) -> Ending:
    request = replace(chance.choice(fault.requests or (EDIT, GENERATE)), size=SIZE)
    with contextlib.ExitStack() as opened:
        received: list[bytes] = []
        if fault.reached:
            server = opened.enter_context(FaultServer(*fault.behaviours, tls=fault.tls))
            base_url, received = f"{fault.reached}://127.0.0.1:{server.port}/v1", server.received
        else:
            base_url = f"http://127.0.0.1:{opened.enter_context(refused_port())}/v1"
        if fault.follows:
            perform(home, base_url, request)
        outcome: Result | BaseException
        try:
            outcome = perform(home, base_url, request)
        except BaseException as error:  # noqa: BLE001 - what else is raised is what a test looks for
            outcome = error
    with Ledger(home.ledger) as ledger:
        (entry,) = ledger.entries(limit=1)
    kept = (home.results / entry.id).exists()
    return Ending(fault, outcome, entry, kept, sum(map(_is_whole, received)))


def _is_whole(received: bytes) -> bool:
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(lengths) and len(body) >= int(lengths[0].split(b":")[1])


def test_nothing_but_the_tree_of_errors_is_raised(endings: list[Ending]) -> None:
    """A person gets sentences, whatever came."""
    others = [
        (ending.fault.name, repr(ending.outcome))
        for ending in endings
        if not isinstance(ending.outcome, Result | ScumbleError)
    ]
    assert others == []


def test_the_ledger_says_what_happened_to_the_money(endings: list[Ending]) -> None:
    """Released only when surely nothing was made, settled only with a picture in hand, else unknown."""
    wrong = [
        (ending.fault.name, ending.entry.state, str(ending.outcome))
        for ending in endings
        if ending.entry.state not in ending.fault.expected
    ]
    assert wrong == []


def test_the_error_says_the_same_as_the_ledger(endings: list[Ending]) -> None:
    """What a person reads about the money is what the row says."""
    words = {"released": Billing.NOTHING, "unknown": Billing.MAYBE}
    failed = [ending for ending in endings if isinstance(ending.outcome, ScumbleError)]
    assert failed
    for ending in failed:
        assert isinstance(ending.outcome, ScumbleError)
        assert ending.outcome.billing is words[ending.entry.state], ending.fault.name
        may_be_paid = isinstance(ending.outcome, OutcomeUnknown | ModerationBlockedAfterwards)
        assert may_be_paid == (ending.entry.state == "unknown"), ending.fault.name


def test_a_reply_that_came_whole_is_kept(endings: list[Ending]) -> None:
    """Also one that nobody can read: it was paid for."""
    lost = [ending.fault.name for ending in endings if ending.fault.kept and not ending.kept]
    assert lost == []
    free = [ending.fault.name for ending in endings if ending.entry.state == "released" and ending.kept]
    assert free == []


def test_only_a_rate_limit_is_asked_again(endings: list[Ending]) -> None:
    """Everything else reached the service once at most."""
    again = [
        ending.fault.name
        for ending in endings
        if ending.whole_requests > 1 and not ending.fault.name.startswith("limited")
    ]
    assert again == []


def test_what_is_reserved_covers_what_may_be_billed(endings: list[Ending]) -> None:
    """For each edit that came to the service whole and was not refused: the servers' usage is of an edit."""
    edits = [ending.entry for ending in endings if ending.entry.spending.kind == "edit"]
    unknown = [entry.spending.reserve for entry in edits if entry.state == "unknown"]
    assert unknown and min(unknown) >= BILL_OF_USAGE
    settled = [entry for entry in edits if entry.state == "settled"]
    assert settled and {entry.billed for entry in settled if entry.from_usage} == {BILL_OF_USAGE}
