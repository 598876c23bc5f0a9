"""Differences, tolerances, casts that are widened, and batches taken apart."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from shapeguard.verifying.batches import encode_as_it_is
from shapeguard.verifying.compare import Tolerance, by_step, difference, first_other, within
from shapeguard.verifying.wider import Widened, widened
from tests.verifying.broken import PROMPTS, MaskOfOnes, build, tokenizer_of

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ([1.0, 2.0], [1.0, 4.5], 2.5),
        ([INF, -INF], [INF, -INF], 0.0),
        ([INF], [-INF], None),
        ([INF], [1.0], None),
        ([NAN], [NAN], 0.0),
        ([NAN], [1.0], None),
        ([], [], 0.0),
    ],
)
def test_difference(left: list[float], right: list[float], expected: float | None) -> None:
    assert difference(torch.tensor(left), torch.tensor(right)) == expected
    assert difference(torch.tensor(left, dtype=torch.bfloat16), torch.tensor(right, dtype=torch.bfloat16)) == expected


def test_whole_numbers_and_complex_ones() -> None:
    big = torch.tensor([2**62])
    assert difference(big, big) == 0.0
    assert difference(torch.tensor([True]), torch.tensor([False])) == 1.0
    assert difference(torch.tensor([3j]), torch.tensor([0j])) == 3.0


def test_a_row_that_gives_nan_alone_proves_nothing() -> None:
    poisoned = torch.tensor([[1.0, 2.0], [NAN, NAN]])
    assert by_step(poisoned, poisoned) == (0.0, None)
    assert not within((0.0, None), 1.0)
    assert not within((0.0, 2.0), 1.0)
    assert within((0.0, 1.0), 1.0)


def test_first_other_token() -> None:
    left, right = torch.eye(4), torch.eye(4)[[0, 1, 3, 2]]
    assert first_other(left, right) == 2
    assert first_other(left, left) is None


def test_a_tolerance_says_what_it_is() -> None:
    tolerance = Tolerance(torch.float32, layers=25)
    assert tolerance.of(10.0) == pytest.approx(8 * 5 * torch.finfo(torch.float32).eps * 10)
    assert tolerance.told("logit") == "8 · √25 · eps(float32) · greatest |logit| of the row"
    assert Tolerance(torch.bfloat16, 25).told("logit") == "√25 · eps(bfloat16) · greatest |logit| of the row"
    assert Tolerance(torch.int64).of(1e9) == 0.0
    assert Tolerance(torch.float32, fixed=0.5).of(1e9) == 0.5


def test_casts_are_widened_and_others_are_not() -> None:
    x = torch.ones(2, dtype=torch.float64)
    with Widened(torch.float64):
        assert x.float().dtype == x.to(torch.float32).dtype == x.half().dtype == torch.float64
        assert torch.softmax(x, -1, dtype=torch.float32).dtype == torch.float64
        assert x.long().dtype == x.to(torch.int64).dtype == torch.int64
    with Widened(torch.float32):
        assert x.float().dtype == torch.float32
        assert x.to(torch.bfloat16).dtype == torch.float32
        assert x.double().dtype == torch.float64
    assert x.float().dtype == torch.float32


def test_a_wider_copy_leaves_the_model_as_it_is() -> None:
    model = nn.Linear(3, 3, dtype=torch.bfloat16)
    subject = widened(model, torch.bfloat16)
    assert (subject.copied, subject.dtype, subject.model.weight.dtype) == (True, torch.float32, torch.float32)
    assert model.weight.dtype == torch.bfloat16


def test_what_has_no_wider_copy_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Linear(3, 3)
    assert "no dtype wider than float64" in widened(model.double(), torch.float64).trouble
    monkeypatch.setattr("shapeguard.verifying.wider._free", lambda device: 10)
    trouble = widened(model.float(), torch.float32)
    assert trouble.model is model
    assert trouble.trouble.startswith("not repeated in float64: needs 0.0 GB")


def test_a_verdict_without_a_wider_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    from shapeguard import verify

    monkeypatch.setattr("shapeguard.verifying.wider._free", lambda device: 10)
    report = verify(build("gpt2", torch.bfloat16), tokenizer_of("left"), PROMPTS)
    assert report.verification is not None
    assert (report.verification.passed, report.verification.repeated_in) == (True, "")
    assert "not repeated in float32" in report.run.notes[0]
    report = verify(build("gpt2", torch.bfloat16), tokenizer_of("right"), PROMPTS)
    assert [finding.code for finding in report.findings] == ["SG101"]


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_batch_taken_apart(side: str) -> None:
    batch = encode_as_it_is(tokenizer_of(side), PROMPTS, True, "cpu")
    assert (batch.side, batch.mask, batch.pads) == (side, "given", [0, 5, 3])
    assert batch.given is not None
    assert torch.equal(batch.real, batch.given)
    left = batch.padded_left()
    assert left.side == "left"
    assert left.ids.tolist() == encode_as_it_is(tokenizer_of("left"), PROMPTS, True, "cpu").ids.tolist()
    assert left.given is not None
    assert torch.equal(left.given, left.real)


def test_masks_that_are_absent_or_wrong() -> None:
    assert encode_as_it_is(tokenizer_of(), PROMPTS, False, "cpu").mask == "absent"
    assert encode_as_it_is(tokenizer_of(kind=MaskOfOnes), PROMPTS, True, "cpu").mask == "wrong"
    even = encode_as_it_is(tokenizer_of(), ["w1 w2", "w3 w4"], True, "cpu")
    assert (even.side, even.mask) == ("none", "given")


def test_other_rows_are_changed_and_padding_is_not() -> None:
    batch = encode_as_it_is(tokenizer_of("left"), PROMPTS, True, "cpu")
    other = batch.with_other_rows_reversed(1)
    assert other.ids[1].tolist() == batch.ids[1].tolist()
    assert other.ids[2].tolist() == [1, 1, 1, *batch.ids[2, 3:].flip(0).tolist()]
