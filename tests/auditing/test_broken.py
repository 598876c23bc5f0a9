"""Broken pipelines, each named by its code before anything runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    DynamicCache,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    MambaConfig,
    MambaForCausalLM,
    MistralConfig,
    StaticCache,
)

import shapeguard
from shapeguard.values.findings import Report
from tests.auditing.pipelines import PROMPTS, folder, llama, tokenizer

Broken = Callable[[Path], dict[str, Any]]


def _left(**settings: Any) -> Any:
    return tokenizer(padding_side="left", **settings)


def _batch(side: str = "left") -> Any:
    return tokenizer(padding_side=side)(PROMPTS, padding=True, return_tensors="pt", return_token_type_ids=False)


def _without_pad() -> Any:
    words = _left()
    words.pad_token = None
    return words


def _pad_added() -> Any:
    words = _left()
    words.add_special_tokens({"pad_token": "[PAD]"})
    words.add_tokens([f"extra{number}" for number in range(20)])
    return words


def _pad_unknown() -> Any:
    words = _left()
    words._special_tokens_map["pad_token"] = "<nowhere>"  # as a hand-edited tokenizer_config.json leaves it
    return words


def _gpt2(**sizes: Any) -> Any:
    sizes = {"n_positions": 16, **sizes}
    config = GPT2Config(
        vocab_size=24, n_embd=32, n_layer=1, n_head=4, bos_token_id=1, eos_token_id=2, pad_token_id=0, **sizes
    )
    return GPT2LMHeadModel(config).eval()


def _flash() -> Any:
    model = llama()
    model.config._attn_implementation_internal = "flash_attention_2"
    return model


def _filled(model: Any, rows: int, length: int) -> DynamicCache:
    cache = DynamicCache(config=model.config)
    for layer in range(2):
        cache.update(torch.zeros(rows, 2, length, 8), torch.zeros(rows, 2, length, 8), layer)
    return cache


def _chat() -> Any:
    words = tokenizer(
        padding_side="left", chat_template="{{ bos_token }} {% for m in messages %}{{ m['content'] }}{% endfor %}"
    )
    from tokenizers import processors

    words.backend_tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return words


def _bart() -> Any:
    sizes = {"encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2}
    sizes |= {"encoder_ffn_dim": 32, "decoder_ffn_dim": 32}
    return BartForConditionalGeneration(BartConfig(vocab_size=24, d_model=32, max_position_embeddings=32, pad_token_id=0, bos_token_id=1, eos_token_id=2, **sizes)).eval()  # fmt: skip


BROKEN: dict[str, tuple[str, Broken]] = {
    "tokenizer pads on the right": ("SG101", lambda at: {"model": llama(), "tokenizer": tokenizer(), "prompts": PROMPTS}),
    "batch is padded on the right": ("SG101", lambda at: {"model": llama(), "inputs": _batch("right")}),
    "no pad token": ("SG102", lambda at: {"model": llama(), "tokenizer": _without_pad(), "prompts": PROMPTS}),
    "pad token without an entry": ("SG102", lambda at: {"model": llama(), "tokenizer": _pad_unknown(), "prompts": PROMPTS}),
    "mask of ones": (
        "SG103", lambda at: {"model": llama(), "inputs": {**_batch(), "attention_mask": torch.ones(2, 6, dtype=torch.long)}},
    ),
    "no mask, pad is end": (
        "SG103", lambda at: {"model": llama(), "generation_config": {"pad_token_id": 0, "eos_token_id": 0},
                             "inputs": {"input_ids": _batch()["input_ids"]}},
    ),
    "pad token behind the embedding": ("SG104", lambda at: {"model": llama(), "tokenizer": _pad_added(), "prompts": PROMPTS}),
    "prompts of another vocabulary": (
        "SG104", lambda at: {"model": LlamaConfig(vocab_size=6), "tokenizer": _left(), "prompts": PROMPTS},
    ),
    "id behind the embedding": ("SG104", lambda at: {"model": llama(), "inputs": {"input_ids": [[5, 24], [6, 7]]}}),
    "configured pad behind the embedding": ("SG104", lambda at: {"model": folder(at, pad_token_id=24)}),
    "rows of unequal length": ("SG105", lambda at: {"model": llama(), "inputs": {"input_ids": [[5, 6, 7], [8]]}}),
    "longer than the table": (
        "SG106", lambda at: {"model": _gpt2(), "tokenizer": _left(), "prompts": PROMPTS, "generation_config": {"max_new_tokens": 11}},
    ),
    "beyond the window": (
        "SG106", lambda at: {"model": MistralConfig(sliding_window=4, vocab_size=24), "tokenizer": _left(), "prompts": PROMPTS},
    ),
    "prompt was cut": (
        "SG108", lambda at: {"model": llama(), "tokenizer": _left(), "prompts": PROMPTS,
                             "inputs": _left()(PROMPTS, padding=True, truncation=True, max_length=3, return_tensors="pt")},
    ),
    "prompt would be cut": (
        "SG108", lambda at: {"model": llama(), "tokenizer": _left(model_max_length=4), "prompts": PROMPTS},
    ),
    "template rendered and tokenized": (
        "SG109", lambda at: {"model": llama(), "tokenizer": _chat(), "prompts": ["<s> a fox", "<s> a moon on the hill"]},
    ),
    "prompt fills max_length": ("SG110", lambda at: {"model": folder(at, max_length=5), "prompts": PROMPTS}),
    "more sequences than beams": (
        "SG110", lambda at: {"model": llama(), "generation_config": {"num_beams": 2, "num_return_sequences": 3}},
    ),
    "sampling at zero": ("SG110", lambda at: {"model": llama(), "generation_config": {"do_sample": True, "temperature": 0.0}}),
    "cache of fewer rows": (
        "SG301", lambda at: {"model": llama(), "inputs": {**_batch(), "past_key_values": _filled(llama(), 1, 3)}},
    ),
    "cache as tuples": (
        "SG302", lambda at: {"model": llama(), "inputs": {**_batch(), "past_key_values": ((torch.zeros(2, 2, 3, 8),) * 2,)}},
    ),
    "cache as long as the ids": (
        "SG303", lambda at: {"model": llama(), "inputs": {**_batch(), "past_key_values": _filled(llama(), 2, 6)}},
    ),
    "static cache too short": (
        "SG304", lambda at: {"model": llama(), "generation_config": {"max_new_tokens": 9},
                             "inputs": {**_batch(), "past_key_values": StaticCache(config=llama().config, max_cache_len=8)}},
    ),
    "cache of another model": (
        "SG305", lambda at: {"model": llama(head_dim=16), "inputs": {**_batch(), "past_key_values": _filled(llama(), 2, 3)}},
    ),
    "no such cache": ("SG307", lambda at: {"model": llama(), "generation_config": {"cache_implementation": "rolling"}}),
    "cache for a model with a state": (
        "SG307", lambda at: {"model": MambaForCausalLM(MambaConfig(vocab_size=24, hidden_size=16, num_hidden_layers=1)),
                             "generation_config": {"cache_implementation": "static"}},
    ),
    "mask one column short": (
        "SG401", lambda at: {"model": llama(), "inputs": {"input_ids": torch.full((2, 6), 5), "attention_mask": torch.ones(2, 5).long()}},
    ),
    "query heads left over": (
        "SG402", lambda at: {"model": LlamaConfig(vocab_size=24, hidden_size=36, num_attention_heads=6, num_key_value_heads=4)},
    ),
    "positions one column short": (
        "SG403", lambda at: {"model": llama(), "inputs": {**_batch(), "position_ids": torch.arange(5).expand(2, 5)}},
    ),
    "heads that do not fill the hidden size": (
        "SG404", lambda at: {"model": _config(at, num_attention_heads=6, num_key_value_heads=2, head_dim=None)},
    ),
    "odd heads": ("SG404", lambda at: {"model": _config(at, head_dim=7)}),
    "flash attention in float32": ("SG406", lambda at: {"model": _flash()}),
    "positions count padding": (
        "SG403", lambda at: {"model": _gpt2(), "inputs": {**_batch(), "position_ids": torch.arange(6).expand(2, 6)}},
    ),
    "left padding for an encoder that counts columns": ("SG403", lambda at: {"model": _bart(), "tokenizer": _left(), "prompts": PROMPTS}),
    "config of another checkpoint": ("SG603", lambda at: {"model": _config(at, num_key_value_heads=4)}),
}  # fmt: skip


def _config(at: Path, **fields: int | None) -> Path:
    """A folder whose config was edited after it was saved."""
    file = folder(at) / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))
    return at


def _audited(case: Broken, at: Path) -> Report:
    ran = []
    hook = torch.nn.modules.module.register_module_forward_pre_hook(lambda module, args: ran.append(type(module)))
    try:
        return shapeguard.audit(**case(at))
    finally:
        hook.remove()
        assert ran == []  # nothing was run


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_pipeline_is_named_by_its_code(name: str, tmp_path: Path) -> None:
    code, case = BROKEN[name]
    report = _audited(case, tmp_path)
    assert code in [finding.code for finding in report.findings]
    found = next(finding for finding in report.findings if finding.code == code)
    assert found.fix is not None
    worse = [finding for finding in report.findings if finding.severity.rank < found.severity.rank]
    assert worse == [], "something else is told before what is broken"


def test_one_for_every_code_of_a_pipeline() -> None:
    assert len(BROKEN) >= 20
    assert len({code for code, _ in BROKEN.values()}) >= 20


def test_prompts_beyond_the_rows_are_an_error_without_a_pad_token_too() -> None:
    unpadded = tokenizer()
    unpadded.pad_token = None
    report = shapeguard.audit(LlamaConfig(vocab_size=3), unpadded, PROMPTS)
    assert ("SG104", "error") in [(finding.code, str(finding.severity)) for finding in report.findings]
