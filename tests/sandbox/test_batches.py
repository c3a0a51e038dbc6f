# SPDX-License-Identifier: GPL-3.0-or-later
"""The unmodified openai SDK uploads, starts, watches, cancels and collects a batch at the sandbox server."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

FLARE = "gpt-image-2.5-flare"
ENDPOINT: Any = "/v1/images/generations"


def line(custom_id: str, **changes: object) -> dict[str, Any]:
    body = {"model": FLARE, "prompt": "oak planks", "size": "816x816", "quality": "low"} | changes
    return {"custom_id": custom_id, "method": "POST", "url": ENDPOINT, "body": body}


def upload(client: openai.OpenAI, lines: list[dict[str, Any]]) -> str:
    content = "\n".join(json.dumps(each) for each in lines).encode()
    return client.files.create(file=("list.jsonl", content), purpose="batch").id


def begin(client: openai.OpenAI, *lines: dict[str, Any]) -> openai.types.Batch:
    return client.batches.create(
        input_file_id=upload(client, list(lines)),
        endpoint=ENDPOINT,
        completion_window="24h",
        metadata={"made-by": "a test"},
    )


def lines_of(client: openai.OpenAI, file: str | None) -> dict[str, dict[str, Any]]:
    assert file is not None
    told = [json.loads(each) for each in client.files.content(file).text.splitlines()]
    return {each["custom_id"]: each for each in told}


def test_a_batch_goes_from_validating_to_completed_as_it_is_looked_at(client: openai.OpenAI) -> None:
    """Six lines, one of them refused: pictures with their usage in one file, the refusal in the other."""
    batch = begin(client, *(line(f"n{number}") for number in range(5)), line("bad", size="512x512"))
    seen = [batch.status]
    while batch.status not in ("completed", "failed"):
        batch = client.batches.retrieve(batch.id)
        seen.append(batch.status)
    assert seen == ["validating", "in_progress", "in_progress", "completed"]
    assert batch.request_counts is not None and batch.metadata == {"made-by": "a test"}
    assert (batch.request_counts.total, batch.request_counts.completed) == (6, 5)
    made = lines_of(client, batch.output_file_id)
    assert sorted(made) == ["n0", "n1", "n2", "n3", "n4"]
    body = made["n3"]["response"]["body"]
    assert body["data"][0]["b64_json"] and body["usage"]["output_tokens"] > 0
    (refused,) = lines_of(client, batch.error_file_id).values()
    assert refused["response"]["status_code"] == 400
    assert refused["response"]["body"]["error"]["param"] == "size"


def test_a_cancelled_batch_says_which_lines_were_not_worked_on(client: openai.OpenAI) -> None:
    """What was done until then is in the output file."""
    batch = begin(client, *(line(f"n{number}") for number in range(6)))
    for _look in range(2):
        client.batches.retrieve(batch.id)
    assert client.batches.cancel(batch.id).status == "cancelling"
    batch = client.batches.retrieve(batch.id)
    assert batch.status == "cancelled"
    assert len(lines_of(client, batch.output_file_id)) == 4
    left = lines_of(client, batch.error_file_id)
    assert sorted(left) == ["n4", "n5"] and left["n4"]["error"]["code"] == "batch_cancelled"
    with pytest.raises(openai.ConflictError):
        client.batches.cancel(batch.id)


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([line("a", model="gpt-image-2.6-flare")], "model_not_found"),
        ([line("a"), line("a")], "duplicate_custom_id"),
        ([line("a"), line("b", model="gpt-image-2")], "mismatched_model"),
        ([line("a") | {"url": "/v1/images/edits"}], "invalid_url"),
        ([line("")], "missing_required_parameter"),
        ([], "empty_file"),
    ],
)
def test_a_file_that_cannot_be_a_batch_fails_as_a_whole(
    client: openai.OpenAI, lines: list[dict[str, Any]], code: str
) -> None:
    batch = client.batches.retrieve(begin(client, *lines).id)
    assert batch.status == "failed" and batch.errors is not None and batch.errors.data
    assert batch.errors.data[0].code == code


def test_batches_and_files_are_listed_and_files_deleted(client: openai.OpenAI) -> None:
    """The newest first, page by page."""
    ids = [begin(client, line(str(number))).id for number in range(3)]
    assert [batch.id for batch in client.batches.list(limit=2)] == ids[::-1]
    file = client.files.retrieve(client.batches.retrieve(ids[0]).input_file_id)
    assert file.purpose == "batch" and file.bytes > 0
    assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)
    with pytest.raises(openai.NotFoundError):
        client.batches.retrieve("batch_no_such")


@pytest.mark.parametrize("window", ["1h", "48h"])
def test_a_batch_has_one_window_and_known_endpoints(client: openai.OpenAI, window: Any) -> None:
    file = upload(client, [line("a")])
    with pytest.raises(openai.BadRequestError) as caught:
        client.batches.create(input_file_id=file, endpoint=ENDPOINT, completion_window=window)
    assert caught.value.param == "completion_window"
    with pytest.raises(openai.BadRequestError) as caught:
        client.batches.create(input_file_id=file, endpoint="/v1/embeddings", completion_window="24h")
    assert caught.value.param == "endpoint"
