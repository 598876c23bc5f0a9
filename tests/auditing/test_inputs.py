"""Batches: their picture, and what is refused."""

from __future__ import annotations

import pytest
import torch

import shapeguard
from shapeguard.errors import UsageError
from shapeguard.values.pipeline import BatchPicture, PictureRow
from tests.auditing.pipelines import PROMPTS, llama, tokenizer


def test_the_picture_shows_padding_on_its_side() -> None:
    left = shapeguard.audit(llama(), tokenizer(padding_side="left"), PROMPTS).batch
    right = shapeguard.audit(llama(), tokenizer(), PROMPTS).batch
    long = PictureRow(6, (("token", 6),))
    assert left == BatchPicture(6, (long, PictureRow(2, (("pad", 4), ("token", 2)))))
    assert right == BatchPicture(6, (long, PictureRow(2, (("token", 2), ("pad", 4)))))


def test_the_picture_shows_where_the_mask_disagrees() -> None:
    ids = torch.tensor([[5, 6, 7, 8], [0, 0, 9, 9], [4, 5, 6, 7]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 1], [1, 0, 1, 1]])
    picture = shapeguard.audit(llama(), inputs={"input_ids": ids, "attention_mask": mask}).batch
    assert picture is not None
    assert [row.runs for row in picture.rows] == [
        (("token", 4),),
        (("shown pad", 2), ("token", 2)),
        (("token", 1), ("hidden token", 1), ("token", 2)),
    ]


def test_an_end_token_that_also_pads_is_no_padding_where_the_mask_says_so() -> None:
    settings = {"pad_token_id": 2, "eos_token_id": 2}
    ids = torch.tensor([[2, 2, 5, 6], [2, 5, 6, 7]])  # each row begins with the token
    inputs = {"input_ids": ids, "attention_mask": torch.tensor([[0, 1, 1, 1], [1, 1, 1, 1]])}
    report = shapeguard.audit(llama(), inputs=inputs, generation_config=settings)
    assert report.findings == ()
    assert report.batch is not None
    assert report.batch.rows[0].runs == (("pad", 1), ("token", 3))
    one = {"input_ids": [[2, 5, 6]], "attention_mask": [[1, 1, 1]]}
    assert shapeguard.audit(llama(), inputs=one, generation_config=settings).findings == ()


def test_conversations_are_made_by_the_chat_template() -> None:
    words = tokenizer(padding_side="left", chat_template="{% for m in messages %}{{ m['content'] }} {% endfor %}")
    talks = [[{"role": "user", "content": text}] for text in PROMPTS]
    picture = shapeguard.audit(llama(), words, talks).batch
    assert picture is not None
    assert [row.length for row in picture.rows] == [6, 2]


def test_one_prompt_may_be_a_text_by_itself() -> None:
    report = shapeguard.audit(llama(), tokenizer(), "a fox")
    assert [(finding.code, finding.severity) for finding in report.findings] == [("SG101", "note")]


def test_a_large_batch_is_shown_in_part() -> None:
    picture = shapeguard.audit(llama(), inputs={"input_ids": [[5, 6]] * 100}).batch
    assert picture is not None
    assert (len(picture.rows), picture.left_out) == (24, 76)


def test_the_text_is_not_kept() -> None:
    report = shapeguard.audit(llama(), tokenizer(), ["moon hill rise", "saw"])
    assert not {"moon", "hill", "rise", "saw"} & set(report.to_json().decode().replace('"', " ").split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "expected a model, its folder or a tokenizer"),
        ({"model": "llama", "prompts": []}, "no such folder"),
        ({"tokenizer": tokenizer(), "prompts": []}, "expected one prompt or more, got none"),
        ({"tokenizer": tokenizer(), "prompts": [3]}, "cannot encode them"),
        ({"tokenizer": tokenizer(), "inputs": {"labels": [1]}}, "expected a mapping with input_ids"),
        ({"tokenizer": tokenizer(), "inputs": {"input_ids": "abc"}}, "expected input_ids as"),
        ({"tokenizer": tokenizer(), "inputs": {"input_ids": torch.zeros(1, 2, device="meta")}}, "meta device"),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        shapeguard.audit(**arguments)  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)
