# SPDX-License-Identifier: GPL-3.0-or-later
"""Files and batches as the API keeps them: uploaded, worked on, collected; nothing here looks at a clock.

A batch goes on whenever it is asked about: from `validating` to `in_progress`, then some lines at each look,
until it is `completed`. The lines that fail come in a file of their own, as from the service.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qs

from ..catalog import Catalog
from ..errors import UnknownModel
from .faults import REQUEST, ApiError, missing, name_of, not_here, not_one_of, refused
from .forms import Form, parse
from .memory import Memory

FILES, BATCHES = "/v1/files", "/v1/batches"
ENDPOINTS = ("/v1/images/generations", "/v1/images/edits")
LINES_MAX = 50_000
BYTES_MAX = 200_000_000
LINES_AT_A_LOOK = 4

_WINDOW = "24h"
_DAY_SECONDS = 86_400
_PAGE = 20
_PAGE_MAX = 100
_ERRORS_SHOWN = 20

Work = Callable[[str, bytes], tuple[int, dict[str, object]]]
"""Does one request of a batch: endpoint and JSON body to status and document."""


@dataclass(frozen=True)
class _File:
    id: str
    content: bytes = field(repr=False)
    purpose: str
    created: int

    def document(self) -> dict[str, object]:
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.content),
            "created_at": self.created,
            "expires_at": None,
            "filename": f"{self.id}.jsonl",
            "purpose": self.purpose,
            "status": "processed",
        }


@dataclass(frozen=True)
class _Line:
    custom_id: str
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class _Batch:
    id: str
    endpoint: str
    input_file: str
    created: int
    metadata: Mapping[str, object] | None
    status: str = "validating"
    lines: tuple[_Line, ...] = ()
    outputs: tuple[bytes, ...] = field(default=(), repr=False)
    failures: tuple[bytes, ...] = field(default=(), repr=False)
    errors: tuple[Mapping[str, object], ...] = ()
    output_file: str | None = None
    error_file: str | None = None
    ended: int | None = None

    def document(self) -> dict[str, object]:
        ended = {f"{word}_at": self.ended if self.status == word else None for word in _ENDS}
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "errors": {"object": "list", "data": list(self.errors)} if self.errors else None,
            "input_file_id": self.input_file,
            "completion_window": _WINDOW,
            "status": self.status,
            "output_file_id": self.output_file,
            "error_file_id": self.error_file,
            "created_at": self.created,
            "in_progress_at": self.created if self.lines else None,
            "expires_at": self.created + _DAY_SECONDS,
            "finalizing_at": self.ended if self.status == "completed" else None,
            "cancelling_at": self.created if self.status in ("cancelling", "cancelled") else None,
            **ended,
            "request_counts": {
                "total": len(self.lines),
                "completed": len(self.outputs),
                "failed": len(self.failures),
            },
            "metadata": self.metadata,
        }


_ENDS = ("completed", "failed", "expired", "cancelled")


def serves(path: str) -> bool:
    """Whether the path is one of files or batches."""
    return any(path == root or path.startswith(root + "/") for root in (FILES, BATCHES))


def respond(
    method: str,
    path: str,
    query: str,
    content_type: str,
    body: bytes,
    memory: Memory | None,
    catalog: Catalog,
    seconds: float,
    work: Work,
) -> dict[str, object] | bytes:
    """The document of the reply, or a file's bytes. Raises ApiError."""
    if memory is None:
        raise not_here("file", "files and batches without a memory")
    root = FILES if path == FILES or path.startswith(FILES + "/") else BATCHES
    name, _slash, verb = path.removeprefix(root).strip("/").partition("/")
    asked = (method, root, verb if name else "all")
    if asked == ("POST", FILES, "all"):
        return _uploaded(parse(content_type, body, files_allowed=True), memory, seconds)
    if asked == ("POST", BATCHES, "all"):
        return _begun(parse(content_type, body, files_allowed=False), memory, seconds)
    if asked in (("GET", FILES, "all"), ("GET", BATCHES, "all")):
        return _listed(root, query, memory)
    if root == FILES and name and verb in ("", "content"):
        return _file_asked(method, verb, _file(memory, name), memory)
    if root == BATCHES and name and asked in (("GET", BATCHES, ""), ("POST", BATCHES, "cancel")):
        with memory.lock:
            batch = _batch(memory, name)
            advance = _cancelled if verb else _advanced
            later = advance(batch, memory, catalog, seconds, work)
            _remember(memory, later)
        return later.document()
    raise ApiError(405, REQUEST, "method_not_supported", None, "That is not possible here.")


def _uploaded(form: Form, memory: Memory, seconds: float) -> dict[str, object]:
    purpose = form.fields.get("purpose")
    if purpose is None:
        raise missing("purpose")
    if purpose != "batch":
        raise not_one_of("purpose", purpose, ["batch"])
    contents = [content for name, content in form.files if name == "file"]
    if not contents:
        raise missing("file")
    if len(contents[0]) > BYTES_MAX:
        raise refused("file", f"The file has more than {BYTES_MAX} bytes.", "file_too_large")
    return _new_file(memory, contents[0], "batch", seconds).document()


def _new_file(memory: Memory, content: bytes, purpose: str, seconds: float) -> _File:
    seed = f"file {memory.next_number()}".encode() + hashlib.sha256(content).digest()
    file = _File(f"file-{hashlib.sha256(seed).hexdigest()[:24]}", content, purpose, int(seconds))
    memory.keep("file", file.id, file, len(content))
    return file


def _file(memory: Memory, id: str) -> _File:
    found = memory.find("file", id)
    if not isinstance(found, _File):
        raise ApiError(404, REQUEST, None, "id", f"No such File object: {name_of(id)}")
    return found


def _file_asked(method: str, verb: str, file: _File, memory: Memory) -> dict[str, object] | bytes:
    if method == "GET":
        return file.content if verb else file.document()
    if method == "DELETE" and not verb:
        memory.forget("file", file.id)
        return {"id": file.id, "object": "file", "deleted": True}
    raise ApiError(405, REQUEST, "method_not_supported", None, "That is not possible here.")


def _listed(root: str, query: str, memory: Memory) -> dict[str, object]:
    found = memory.all("file" if root == FILES else "batch")
    documents = [each.document() for each in found if isinstance(each, _File | _Batch)]
    asked = parse_qs(query)
    after = asked.get("after", [""])[0]
    ids = [str(document["id"]) for document in documents]
    if after in ids:
        documents = documents[ids.index(after) + 1 :]
    limit = asked.get("limit", [str(_PAGE)])[0]
    count = int(limit) if limit.isascii() and limit.isdigit() and 1 <= int(limit) <= _PAGE_MAX else _PAGE
    page = documents[:count]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(documents) > count,
    }


def _begun(form: Form, memory: Memory, seconds: float) -> dict[str, object]:
    fields = form.fields
    for name in ("input_file_id", "endpoint", "completion_window"):
        if not isinstance(fields.get(name), str):
            raise missing(name)
    endpoint, window = fields["endpoint"], fields["completion_window"]
    if endpoint not in ENDPOINTS:
        raise not_one_of("endpoint", endpoint, ENDPOINTS)
    if window != _WINDOW:
        raise not_one_of("completion_window", window, [_WINDOW])
    file = _file(memory, str(fields["input_file_id"]))
    metadata = fields.get("metadata")
    seed = f"batch {memory.next_number()} {file.id}".encode()
    batch = _Batch(
        id=f"batch_{hashlib.sha256(seed).hexdigest()[:32]}",
        endpoint=str(endpoint),
        input_file=file.id,
        created=int(seconds),
        metadata=metadata if isinstance(metadata, dict) else None,
    )
    _remember(memory, batch)
    return batch.document()


def _batch(memory: Memory, id: str) -> _Batch:
    found = memory.find("batch", id)
    if not isinstance(found, _Batch):
        raise ApiError(404, REQUEST, None, "id", f"No batch found with id '{name_of(id)}'.")
    return found


def _remember(memory: Memory, batch: _Batch) -> None:
    size = sum(len(line) for line in (*batch.outputs, *batch.failures))
    memory.keep("batch", batch.id, batch, size + sum(len(line.body) for line in batch.lines))


def _advanced(batch: _Batch, memory: Memory, catalog: Catalog, seconds: float, work: Work) -> _Batch:
    if batch.status == "validating":
        lines, errors = _validated(_file(memory, batch.input_file).content, batch.endpoint, catalog)
        if errors:
            return replace(batch, status="failed", errors=tuple(errors), ended=int(seconds))
        return replace(batch, status="in_progress", lines=lines)
    if batch.status == "cancelling":
        return _closed(batch, "cancelled", memory, seconds)
    if batch.status != "in_progress":
        return batch
    done = len(batch.outputs) + len(batch.failures)
    for line in batch.lines[done : done + LINES_AT_A_LOOK]:
        status, document = work(batch.endpoint, line.body)
        told = _told(line.custom_id, {"status_code": status, "body": document}, None)
        if status == 200:
            batch = replace(batch, outputs=(*batch.outputs, told))
        else:
            batch = replace(batch, failures=(*batch.failures, told))
    if done + LINES_AT_A_LOOK < len(batch.lines):
        return batch
    return _closed(batch, "completed", memory, seconds)


def _cancelled(batch: _Batch, memory: Memory, catalog: Catalog, seconds: float, work: Work) -> _Batch:
    if batch.status in _ENDS:
        message = f"Cannot cancel a batch with status '{batch.status}'."
        raise ApiError(409, REQUEST, None, None, message)
    if batch.status == "validating":
        batch = _advanced(batch, memory, catalog, seconds, work)
    return batch if batch.status == "failed" else replace(batch, status="cancelling")


def _closed(batch: _Batch, status: str, memory: Memory, seconds: float) -> _Batch:
    """With its files; what was not worked on is among the failures."""
    left = batch.lines[len(batch.outputs) + len(batch.failures) :]
    error = {
        "code": f"batch_{status}",
        "message": "This request could not be executed because the batch was cancelled.",
    }
    failures = (*batch.failures, *(_told(line.custom_id, None, error) for line in left))
    files = [
        # Written in another order than asked for, as the service may.
        _new_file(memory, b"".join(reversed(lines)), "batch_output", seconds).id if lines else None
        for lines in (batch.outputs, failures)
    ]
    return replace(
        batch,
        status=status,
        failures=failures,
        output_file=files[0],
        error_file=files[1],
        ended=int(seconds),
    )


def _told(custom_id: str, response: Mapping[str, object] | None, error: Mapping[str, str] | None) -> bytes:
    identity = hashlib.sha256(custom_id.encode("utf-8", "replace")).hexdigest()[:24]
    given = None if response is None else {**response, "request_id": f"req_{identity}"}
    line = {"id": f"batch_req_{identity}", "custom_id": custom_id, "response": given, "error": error}
    return json.dumps(line).encode() + b"\n"


def _validated(
    content: bytes, endpoint: str, catalog: Catalog
) -> tuple[tuple[_Line, ...], list[Mapping[str, object]]]:
    lines: list[_Line] = []
    errors: list[Mapping[str, object]] = []
    seen: set[str] = set()
    models: set[object] = set()
    for number, raw in enumerate(content.splitlines(), start=1):
        if not raw.strip():
            continue
        problem = _line_problem(raw, endpoint, catalog, seen, models)
        if isinstance(problem, _Line):
            lines.append(problem)
        else:
            code, param, message = problem
            errors.append({"code": code, "line": number, "param": param, "message": message})
        if len(errors) == _ERRORS_SHOWN:
            break
    if not lines and not errors:
        errors.append({"code": "empty_file", "line": None, "param": None, "message": "The file is empty."})
    if len(lines) > LINES_MAX:
        message = f"The file has more than {LINES_MAX} requests."
        errors.append({"code": "too_many_requests", "line": None, "param": None, "message": message})
    return tuple(lines), errors


def _line_problem(
    raw: bytes, endpoint: str, catalog: Catalog, seen: set[str], models: set[object]
) -> _Line | tuple[str, str | None, str]:
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        document = None
    body = document.get("body") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(body, dict):
        return "invalid_json_line", None, "This line is not parseable as valid JSON with a body."
    custom_id = document.get("custom_id")
    if not isinstance(custom_id, str) or not custom_id:
        return "missing_required_parameter", "custom_id", "Missing required parameter: 'custom_id'."
    if custom_id in seen:
        return "duplicate_custom_id", "custom_id", "The custom_id for this request is a duplicate."
    seen.add(custom_id)
    if (document.get("method"), document.get("url")) != ("POST", endpoint):
        return "invalid_url", "url", f"The request must be a POST to the batch's endpoint {endpoint}."
    model = body.get("model")
    if not _takes_batches(model, catalog):
        return "model_not_found", "body.model", "The provided model is not supported by the Batch API."
    models.add(model)
    if len(models) > 1:
        return "mismatched_model", "body.model", "All requests of a batch must be for the same model."
    return _Line(custom_id, json.dumps(body).encode())


def _takes_batches(model: object, catalog: Catalog) -> bool:
    try:
        return isinstance(model, str) and "batch" in catalog.find(model).endpoints
    except UnknownModel:
        return False
