"""A batched generation proved equal to its rows, and each way in which it is not named by its cause."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from shapeguard import verify
from shapeguard.errors import UsageError
from shapeguard.values.findings import Report
from tests.verifying.broken import (
    DTYPES,
    FAMILIES,
    PADDED,
    PROMPTS,
    BarelyMixing,
    MaskLost,
    MaskOfOnes,
    Mixing,
    NoPositions,
    OneRowOnly,
    Rounding,
    ShuffledCache,
    build,
    tokenizer_of,
)


def failed(report: Report) -> list[int]:
    assert report.verification is not None
    return [row.row for row in report.verification.failed]


def codes(report: Report) -> list[str]:
    return [finding.code for finding in report.findings]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_left_padding_passes(family: str, dtype: torch.dtype) -> None:
    report = verify(build(family, dtype), tokenizer_of("left"), PROMPTS)
    found = report.verification
    assert found is not None
    assert (found.passed, report.findings, found.cause, found.tried) == (True, (), "", ())
    assert (found.padding, found.mask, found.attention, found.steps) == ("left", "given", "sdpa", 8)
    assert [(row.tokens, row.pads, len(row.differences)) for row in found.rows] == [(7, 0, 8), (2, 5, 8), (4, 3, 8)]
    assert dtype == torch.float32 or found.repeated_in == "float32", "16 bits can hide a leak"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_right_padding_fails_for_the_short_rows(family: str, dtype: torch.dtype) -> None:
    report = verify(build(family, dtype), tokenizer_of("right"), PROMPTS)
    assert (codes(report), failed(report)) == (["SG101"], PADDED)
    assert report.findings[0].severity == "error"
    assert report.findings[0].message.startswith("Rows 1, 2 of 3 (counted from 0) are not in the batch")
    assert report.verification is not None
    assert [(repair.code, repair.mends) for repair in report.verification.tried] == [("SG101", True)]
    assert any(row.first_other is not None and row.expected != row.got for row in report.verification.failed)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_mask_that_is_left_out(family: str, dtype: torch.dtype) -> None:
    report = verify(build(family, dtype), tokenizer_of("left"), PROMPTS, attention_mask=False)
    assert (codes(report), failed(report)) == (["SG103"], PADDED)
    assert "none is passed" in report.findings[0].message


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_mask_of_ones(dtype: torch.dtype) -> None:
    report = verify(build("llama", dtype), tokenizer_of("left", kind=MaskOfOnes), PROMPTS)
    assert (codes(report), failed(report)) == (["SG103"], PADDED)
    assert "what is passed says otherwise" in report.findings[0].message


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_mask_that_is_lost_inside(dtype: torch.dtype) -> None:
    report = verify(build("llama", dtype, MaskLost), tokenizer_of("left"), PROMPTS)
    assert (codes(report), failed(report)) == (["SG103"], PADDED)
    assert "lost on the way" in report.findings[0].message


@pytest.mark.parametrize("dtype", DTYPES)
def test_positions_that_count_the_padding(dtype: torch.dtype) -> None:
    report = verify(build("gpt2", dtype, NoPositions), tokenizer_of("left"), PROMPTS)
    assert (codes(report), failed(report)) == (["SG403"], PADDED)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_attention_that_ignores_the_mask(family: str, dtype: torch.dtype) -> None:
    model = build(family, dtype, attn_implementation="without_mask")
    report = verify(model, tokenizer_of("left"), PROMPTS)
    assert (codes(report), failed(report)) == (["SG406"], PADDED)
    assert "(without_mask)" in report.findings[0].message
    assert model.config._attn_implementation == "without_mask"


def test_two_causes_are_both_named() -> None:
    report = verify(build("llama"), tokenizer_of("right"), PROMPTS, attention_mask=False)
    assert codes(report) == ["SG101", "SG103"]
    report = verify(build("gpt2", kind=NoPositions, attn_implementation="without_mask"), tokenizer_of(), PROMPTS)
    assert codes(report) == ["SG403", "SG406"]


def test_a_cache_that_loses_its_rows() -> None:
    report = verify(build("llama", kind=ShuffledCache), tokenizer_of("left"), PROMPTS)
    assert codes(report) == ["SG307"]
    assert report.verification is not None
    prefill = [row.differences[0] for row in report.verification.failed]
    assert all(found is not None and found < 1e-3 for found in prefill)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_that_mix(dtype: torch.dtype) -> None:
    report = verify(build("llama", dtype, Mixing), tokenizer_of("left"), PROMPTS)
    assert (codes(report), failed(report)) == (["SG509"], [0, 1, 2])


def test_a_leak_that_16_bits_hide_is_found() -> None:
    report = verify(build("llama", torch.bfloat16, BarelyMixing), tokenizer_of("left"), PROMPTS)
    assert codes(report) == ["SG509"]
    assert report.verification is not None
    hidden = [row for row in report.verification.failed if row.remark == "hidden by rounding"]
    assert hidden
    assert all(row.worst is not None and row.worst <= row.tolerance for row in hidden)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rounding_is_told_from_a_leak(dtype: torch.dtype) -> None:
    report = verify(build("llama", dtype, Rounding), tokenizer_of("left"), PROMPTS, tolerance=0.0)
    found = report.verification
    assert found is not None
    wide = {torch.float32: "float64", torch.bfloat16: "float32"}[dtype]
    assert not found.passed
    assert found.cause.endswith(f"in {wide} all rows agree")
    assert all(row.rounding for row in found.failed)
    assert (report.findings, found.tried) == ((), ())


def test_rounding_beyond_the_derived_tolerance_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    from shapeguard.verifying import compare

    monkeypatch.setattr(compare, "_LONG", (1e-4, 64.0))
    found = verify(build("llama"), tokenizer_of("left"), PROMPTS).verification
    assert found is not None
    assert found.passed
    assert {row.remark for row in found.rows if row.rounding} == {"rounding beyond the tolerance"}


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_model_that_amplifies_rounding_passes(dtype: torch.dtype) -> None:
    model = build("llama", dtype, hidden_size=256)  # so large weights make its attention all but discontinuous
    found = verify(model, tokenizer_of("left"), PROMPTS).verification
    assert found is not None
    assert found.passed
    assert [f.code for f in verify(model, tokenizer_of("right"), PROMPTS).findings] == ["SG101"]


def test_a_mode_that_draws_is_switched_off_meanwhile() -> None:
    model = build("gpt2", attn_pdrop=0.5, resid_pdrop=0.5).train()
    report = verify(model, tokenizer_of("left"), PROMPTS)
    assert report.verification is not None
    assert report.verification.passed
    assert all(module.training for module in model.modules())


def test_a_batch_that_raises_is_reported() -> None:
    report = verify(build("llama", kind=OneRowOnly), tokenizer_of("left"), PROMPTS)
    assert report.outcome == "crashed"
    assert report.exception is not None
    assert report.exception.message == "one row at a time, please"
    assert report.verification is not None
    assert not report.verification.passed


def test_no_pad_token() -> None:
    report = verify(build("llama"), tokenizer_of(pad=None), PROMPTS)
    assert (report.outcome, codes(report)) == ("crashed", ["SG102"])
    assert report.verification is not None
    assert not report.verification.passed


def test_ids_that_the_model_does_not_know() -> None:
    tokenizer = tokenizer_of()
    tokenizer.add_tokens(["newer"])
    report = verify(build("llama"), tokenizer, [*PROMPTS, "newer w1"])
    assert codes(report) == ["SG104"]
    assert "61" in report.findings[0].message


@pytest.mark.parametrize(
    ("prompts", "said"),
    [
        ([], "at least two prompts, got 0"),
        (["w1"], "at least two prompts, got 1"),
        ("w1 w2", "a list of prompts"),
        ([1, 2], "a list of prompts"),
        (["w1", ""], r"prompt 1 of 2 \(counted from 0\) has no tokens"),
    ],
)
def test_prompts_that_are_none(prompts: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        verify(build("llama"), tokenizer_of(), prompts)
    assert "\n" not in str(caught.value)


def test_other_bad_input() -> None:
    model: Any = build("llama")
    with pytest.raises(UsageError, match="new_tokens: expected 1 or more, got 0"):
        verify(model, tokenizer_of(), PROMPTS, new_tokens=0)
    with pytest.raises(UsageError, match="tolerance: expected"):
        verify(model, tokenizer_of(), PROMPTS, tolerance=-1.0)
    with pytest.raises(UsageError, match="the prompts are missing"):
        verify(model, tokenizer_of())
    with pytest.raises(UsageError, match=r"expected a model with generate\(\), got Linear"):
        verify(torch.nn.Linear(2, 2), tokenizer_of(), PROMPTS)  # type: ignore[call-overload]


def test_rows_end_at_their_end_token() -> None:
    model = build("llama")
    free = verify(model, tokenizer_of("left"), PROMPTS).verification
    tokenizer = tokenizer_of("left")
    batch = tokenizer([PROMPTS[1]], return_tensors="pt", return_token_type_ids=False)
    third = int(model.generate(**batch, max_new_tokens=3, do_sample=False)[0, -1])
    model.generation_config.eos_token_id = third
    found = verify(model, tokenizer, PROMPTS).verification
    assert free is not None
    assert found is not None
    assert found.passed
    assert len(found.rows[1].differences) <= 3 < len(free.rows[1].differences)


def test_a_static_cache_is_taken_as_the_model_has_it() -> None:
    model = build("llama")
    model.generation_config.cache_implementation = "static"
    before = set(vars(model))
    found = verify(model, tokenizer_of("left"), PROMPTS).verification
    assert found is not None
    assert found.passed
    assert set(vars(model)) == before
