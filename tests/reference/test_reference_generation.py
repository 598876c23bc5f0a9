"""The reference pipeline on the shipped model: right answers, the same alone as in a batch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from shapeguard.reference import decode_loop, encode, end_ids, generate, prepare

EXPECTED = {
    "The capital of France is": " Paris.",
    "Monday Tuesday Wednesday": " Thursday Friday Saturday Sunday.",
    "two plus three is": " five.",
    "Once upon a time there was a little fox who lived in a forest. On Monday": (
        " the fox left the forest to look for a friend."
    ),
}
PROMPTS = list(EXPECTED)


@pytest.fixture
def ready(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """The prepared tokenizer."""
    prepare(tokenizer, model)
    return tokenizer


def full_stop(tokenizer: PreTrainedTokenizerBase) -> int:
    """The id of "."."""
    return int(tokenizer.encode(".", add_special_tokens=False)[-1])


def test_the_answers_are_right(model: PreTrainedModel, ready: PreTrainedTokenizerBase) -> None:
    answers = generate(model, ready, PROMPTS, max_new_tokens=24, stop_ids=[full_stop(ready)])
    assert dict(zip(PROMPTS, answers, strict=True)) == EXPECTED


def test_a_batch_gives_what_its_prompts_give_alone(model: PreTrainedModel, ready: PreTrainedTokenizerBase) -> None:
    together = generate(model, ready, PROMPTS, max_new_tokens=40)
    assert together == [generate(model, ready, [prompt], max_new_tokens=40)[0] for prompt in PROMPTS]


def test_the_loop_gives_the_same(model: PreTrainedModel, ready: PreTrainedTokenizerBase) -> None:
    batch = encode(ready, PROMPTS)
    tokens = decode_loop(
        model,
        batch["input_ids"],
        batch["attention_mask"],
        max_new_tokens=40,
        eos_token_id=end_ids(model, ready),
    )
    texts = ready.batch_decode(tokens, skip_special_tokens=True)
    assert texts == generate(model, ready, PROMPTS, max_new_tokens=40)


def test_sampling_settings_of_the_model_are_not_inherited(
    model: PreTrainedModel, ready: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=True, temperature=5.0, top_p=0.9, repetition_penalty=9.0, num_beams=2, eos_token_id=1
    )
    monkeypatch.setattr(model, "generation_config", own)
    answers = generate(model, ready, PROMPTS, max_new_tokens=24, stop_ids=[full_stop(ready)])
    assert answers == list(EXPECTED.values())


def test_end_ids_come_from_the_model_then_from_the_tokenizer(
    model: PreTrainedModel, ready: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert end_ids(model, ready) == [1]
    monkeypatch.setattr(model, "generation_config", GenerationConfig(eos_token_id=[4, 5]))  # type: ignore[no-untyped-call]
    assert end_ids(model, ready) == [4, 5]
    monkeypatch.setattr(model, "generation_config", GenerationConfig())  # type: ignore[no-untyped-call]
    assert end_ids(model, ready) == [ready.eos_token_id]


def test_padding_on_the_right_is_visibly_wrong(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    tokenizer.pad_token = tokenizer.eos_token
    ids = tokenizer(PROMPTS, padding=True, return_tensors="pt")["input_ids"]
    causal_lm: Any = model
    sequences = causal_lm.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=24,
        do_sample=False,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=[1, full_stop(tokenizer)],
    )
    answers = tokenizer.batch_decode(sequences[:, ids.shape[1] :], skip_special_tokens=True)
    wrong = [answer != right for answer, right in zip(answers, EXPECTED.values(), strict=True)]
    assert wrong == [True, True, True, False], "only the longest prompt can be continued rightly"


def test_attention_is_sdpa(model: PreTrainedModel) -> None:
    assert model.config._attn_implementation == "sdpa"
