# SPDX-License-Identifier: GPL-3.0-or-later
"""Many requests as batches of the service: half the price, and an answer within a day.

    reserve all -> write a file of lines -> upload it -> POST /batches -> each line awaits its answer

The reservations of all lines are on disk before anything leaves, or none are. An uploaded file costs nothing;
what may cost is the POST that begins a batch, and from just before it each line awaits its answer in the
ledger: under the file's id, which a lost answer to that POST leaves behind, and then under the batch's. So
any later process finds what was begun, whatever became of the one that began it; collecting.py does.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from . import batch_lines, batch_records, client, records, wire
from .batch_lines import Part
from .catalog import Catalog
from .cost import Estimate, estimate
from .credentials import Account
from .errors import (
    BadReply,
    Billing,
    NotConnected,
    NoUsableAnswer,
    OutcomeUnknown,
    ScumbleError,
    SetupError,
    StorageError,
    StorageFailedAfterSending,
)
from .ledger import Ledger
from .multipart import look as file_to_send
from .private_files import storage_errors
from .records import Asker
from .refusals import read_json
from .request import Request, check
from .settings import Home
from .shapes import Size
from .translation import _
from .wire import Call

ENDED = ("completed", "failed", "expired", "cancelled")
_UNDER_WAY = ("validating", "in_progress", "finalizing", "cancelling")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_COUNT_MAX = 10**9
_PIXELS_OF_AUTO = Size(2048, 2048)
# Four thirds for the base64 of a reply and its pictures beside it, at about two bytes a pixel.
_DISK_BYTES_PER_PIXEL = 5


@dataclass(frozen=True)
class Order:
    """One line of a batch: what is asked for, and by whom."""

    request: Request = field(repr=False)
    asker: Asker


@dataclass(frozen=True)
class Batch:
    """A batch as the service describes it: how many lines it has, did and could not do. Files are ids, ""
    where there is none."""

    id: str
    status: str
    input_file: str
    output_file: str
    error_file: str
    total: int
    completed: int
    failed: int

    @property
    def ended(self) -> bool:
        return self.status in ENDED


def submit(
    orders: Sequence[Order],
    home: Home,
    account: Account,
    catalog: Catalog,
    over_budget: bool = False,
    on_reserved: Callable[[Sequence[str]], None] = lambda _ids: None,
    on_begun: Callable[[Batch, int], None] = lambda _batch, _lines: None,
) -> tuple[str, ...]:
    """Reserve every order, and begin as many batches as it takes. Gives the ledger's ids in their order.

    `on_reserved` is told them before anything leaves, `on_begun` of each batch and how many lines it has.
    What fails ends it: what had been begun goes on, what certainly was not is released. Raises BadRequest and
    its kin before anything is reserved, BudgetExceeded with nothing reserved when the budgets have no room
    for the sum, and as client.send and wire.error_from.
    """
    prices = _checked(orders, account, catalog)
    _require_room(home, orders)
    batch_records.prepare(home)
    with Ledger(home.ledger) as ledger:
        ids = ledger.reserve_all(
            [
                records.spending(order.request, order.asker, price, account.sandbox)
                for order, price in zip(orders, prices, strict=True)
            ],
            over_budget,
        )
        asked = {
            id: {**records.asked(order.request, order.asker, price, account.sandbox), "batch": True}
            for id, order, price in zip(ids, orders, prices, strict=True)
        }
        beginning = _Beginning(home, account, ledger, asked, on_begun)
        try:
            on_reserved(ids)
            requests = [(id, order.request) for id, order in zip(ids, orders, strict=True)]
            parts = batch_lines.parts(requests, home.batches)
            with storage_errors(home.folder), contextlib.closing(parts):
                for part in parts:
                    beginning.begin(part)
        except BaseException as error:
            code = error.code if isinstance(error, ScumbleError) else "defect"
            # What cannot be written now the next sweep releases: its process is gone then.
            with contextlib.suppress(StorageError), ledger.together():
                for id in ids:
                    if ledger.entry(id).state == "reserved":
                        ledger.release(id, code)
            raise
    return ids


def _checked(orders: Sequence[Order], account: Account, catalog: Catalog) -> list[Estimate]:
    today = date.today()
    priced = catalog.priced_for(account.other_server)
    fits = batch_lines.require(catalog)
    prices = []
    for order in orders:
        model = priced.usable(order.request.model, today)
        check(order.request, model, today)
        fits(order.request, model)
        prices.append(estimate(order.request, model.in_batch()))
    return prices


def _require_room(home: Home, orders: Sequence[Order]) -> None:
    """Refuse before anything is paid when the pictures would surely not fit on the disk."""
    area = sum((order.request.size or _PIXELS_OF_AUTO).area * order.request.n for order in orders)
    folder = next(each for each in (home.folder, *home.folder.parents) if each.exists())
    with storage_errors(home.folder):
        free = shutil.disk_usage(folder).free
    if free < area * _DISK_BYTES_PER_PIXEL:
        raise StorageError(path=home.folder, reason=_("there is no room for the pictures"))


@dataclass(frozen=True)
class _Beginning:
    """What it takes to begin a batch of one part after the other."""

    home: Home
    account: Account
    ledger: Ledger
    asked: Mapping[str, Mapping[str, Any]]
    on_begun: Callable[[Batch, int], None]

    def begin(self, part: Part) -> None:
        file = self._upload(part)
        try:
            asked = {id: self.asked[id] for id in part.ids}
            batch_records.write(self.home, file, place_of(self.account), asked)
            batch = self._create(part, file)
        except ScumbleError as error:
            if error.billing is Billing.NOTHING:
                forget_file(self.account, file)
                batch_records.delete(self.home, file)
            raise
        self.on_begun(batch, len(part.ids))

    def _upload(self, part: Part) -> str:
        """The id of the uploaded file. However it fails, nothing was billed."""
        lines = file_to_send(part.path, part.path.name)
        call = Call(
            "/files",
            fields=(("purpose", "batch"),),
            files=(("file", "lines.jsonl", lines, "application/jsonl"),),
        )
        try:
            reply = client.send(call, self.account, on_sent=lambda: None)
            if not 200 <= reply.status < 300:
                raise self._refusal(reply, part)
            document = read_json(reply.body)
            return _id(document.get("id") if isinstance(document, dict) else None)
        except (OutcomeUnknown, NotConnected) as error:
            raise _no_answer(self.account, error) from None

    def _create(self, part: Part, file: str) -> Batch:
        body = {"input_file_id": file, "endpoint": part.endpoint, "completion_window": "24h"}
        under_way = False

        def mark_sent() -> None:
            nonlocal under_way
            with self.ledger.together():
                for id in part.ids:
                    self.ledger.sent(id)
                    self.ledger.await_answer(id, f"{_BY_FILE}{file}/{id}")
            under_way = True

        try:
            reply = client.send(Call("/batches", json=dict(body)), self.account, on_sent=mark_sent)
            if not 200 <= reply.status < 300:
                raise self._refusal(reply, part)
            batch = read_batch(reply.body)
        except ScumbleError as error:
            if under_way:
                # If the ledger cannot be written now, the lines go on awaiting an answer under the file's id.
                with contextlib.suppress(StorageError):
                    self._close(part, error)
            raise
        try:
            with self.ledger.together():
                for id in part.ids:
                    # Another process may have looked for it too early and given it up: it has the file's id.
                    with contextlib.suppress(ValueError):
                        self.ledger.await_answer(id, f"{batch.id}/{id}")
        except StorageError as error:
            raise StorageFailedAfterSending(**error.details) from error
        return batch

    def _close(self, part: Part, error: ScumbleError) -> None:
        end = self.ledger.release if error.billing is Billing.NOTHING else self.ledger.unknown
        with self.ledger.together():
            for id in part.ids:
                end(id, error.code)

    def _refusal(self, reply: client.Received, part: Part) -> ScumbleError:
        if reply.status == 404:
            return SetupError(reason=_("the service's address offers no batches (HTTP 404)"))
        asked = Request("generate", part.model, "", None, "auto")
        return wire.error_from(reply.status, reply.headers, reply.body, asked, self.account.key_source)


_BY_FILE = "input="


def batch_of(handle: str) -> tuple[str, bool]:
    """From the handle of an awaited spending: its batch's id and True, or the id of the file that a batch was
    to be made of and False. ("", False) for what awaits something else."""
    place, _slash, line = handle.partition("/")
    if not line:
        return "", False
    return (place.removeprefix(_BY_FILE), False) if place.startswith(_BY_FILE) else (place, True)


def look(id: str, account: Account) -> Batch | None:
    """The batch as it is now; None when the service does not know it. Costs nothing.

    Raises NoUsableAnswer, and as wire.error_from for a refused key.
    """
    reply = client.fetch(f"/batches/{_id(id)}", account)
    if reply.status == 404:
        return None
    return _batch_in(reply, account)


def find_by_file(file: str, account: Account, pages: int = 20) -> Batch | None:
    """The batch that was made of an uploaded file, looked for among the newest. Raises as look()."""
    after = ""
    for _page in range(pages):
        reply = client.fetch(f"/batches?limit=100{after}", account)
        if reply.status != 200:
            _batch_in(reply, account)
        document = read_json(reply.body)
        listed = document.get("data") if isinstance(document, dict) else None
        if not isinstance(document, dict) or not isinstance(listed, list):
            raise NoUsableAnswer(host=account.host, reason=_("it is no list of batches"))
        for each in listed:
            if isinstance(each, dict) and each.get("input_file_id") == file:
                return read_batch(json.dumps(each).encode())
        last = document.get("last_id")
        if document.get("has_more") is not True or not isinstance(last, str) or not _ID.fullmatch(last):
            return None
        after = f"&after={last}"
    return None


def cancel(id: str, account: Account) -> Batch | None:
    """Ask the service to stop a batch: what is done by then is billed and collected, the rest is not.

    Gives the batch as it is then, None when the service does not know it. Raises as look().
    """
    call = Call(f"/batches/{_id(id)}/cancel", json={})
    try:
        reply = client.send(call, account, on_sent=lambda: None)
    except (OutcomeUnknown, NotConnected) as error:
        raise _no_answer(account, error) from None
    if reply.status == 404:
        return None
    if reply.status == 409:
        return look(id, account)
    return _batch_in(reply, account)


def read_batch(body: bytes) -> Batch:
    """The service's description of a batch, of which nothing is trusted. Raises BadReply."""
    document = read_json(body)
    if not isinstance(document, dict):
        raise BadReply(reason=_("it is not the JSON of a batch"))
    status = document.get("status")
    counts = document.get("request_counts")
    counted = counts if isinstance(counts, dict) else {}
    return Batch(
        id=_id(document.get("id")),
        # A word of tomorrow's is taken for one of work that goes on: it is asked again.
        status=status if status in (*ENDED, *_UNDER_WAY) else "in_progress",
        input_file=_file_id(document.get("input_file_id")),
        output_file=_file_id(document.get("output_file_id")),
        error_file=_file_id(document.get("error_file_id")),
        total=_count(counted.get("total")),
        completed=_count(counted.get("completed")),
        failed=_count(counted.get("failed")),
    )


def place_of(account: Account) -> str:
    """Who knows of what is submitted with the account: a host, or this process's sandbox."""
    return "sandbox" if account.sandbox else account.host


def forget_file(account: Account, file: str) -> None:
    """Delete an uploaded file, which holds prompts, if the service lets us; it does so itself in time."""
    with contextlib.suppress(ScumbleError):
        client.delete(f"/files/{_id(file)}", account)


def _batch_in(reply: client.Received, account: Account) -> Batch:
    if not 200 <= reply.status < 300:
        asked = Request("generate", "", "", None, "auto")
        error = wire.error_from(reply.status, reply.headers, reply.body, asked, account.key_source)
        raise _no_answer(account, error) if isinstance(error, OutcomeUnknown) else error
    try:
        return read_batch(reply.body)
    except BadReply as error:
        raise _no_answer(account, error) from None


def _no_answer(account: Account, error: ScumbleError) -> NoUsableAnswer:
    """Of a question that costs nothing: what happened, without saying that it may be billed."""
    happened = error.what_happened
    return NoUsableAnswer(host=account.host, reason=happened[:1].lower() + happened[1:].rstrip("."))


def _id(value: object) -> str:
    """An id that can stand in an address. Raises BadReply."""
    if isinstance(value, str) and _ID.fullmatch(value):
        return value
    raise BadReply(reason=_("it names what it keeps by no usable id"))


def _file_id(value: object) -> str:
    return value if isinstance(value, str) and _ID.fullmatch(value) else ""


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return min(max(value, 0), _COUNT_MAX)
