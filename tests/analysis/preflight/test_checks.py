"""Every check finds what it is for, in facts written by hand, and is silent one step beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from shapeguard.analysis.preflight import (  # fmt: skip
    CHECKS,
    attention,
    caches,
    examine,
    heads,
    lengths,
    masks,
    padding,
    settings,
    template,
    vocabulary,
)
from shapeguard.analysis.preflight.base import Check
from shapeguard.rules import by_code
from shapeguard.values.findings import Severity
from shapeguard.values.pipeline import (
    BatchFacts,
    CacheFacts,
    ModelFacts,
    Pipeline,
    Settings,
    TokenizerFacts,
    flat,
    read,
)

MODEL = ModelFacts(
    "LlamaForCausalLM", "llama", rows=100, vocabulary=100, positions=64, hidden=32, heads=4, kv_heads=2, head_dim=8,
    rotary=True, attention="sdpa", dtype="float32", device="cpu",
)  # fmt: skip
TOKENIZER = TokenizerFacts(
    "Words", "left", "left", "<pad>", 0, eos_id=2, special={"eos_token": 2}, entries=100, largest=99
)
BATCH = BatchFacts(2, 5, (5, 3), side="left", mask="left", mask_shape=(2, 5), smallest=0, largest=50)
CACHE = CacheFacts("DynamicCache", rows=2, kv_heads=2, length=3, head_dim=8)
SOUND = Pipeline(MODEL, Settings(pad_token_id=0, eos_token_id=2), TOKENIZER, BATCH)


def _with(pipeline: Pipeline = SOUND, **parts: dict[str, Any] | None) -> Pipeline:
    """The sound pipeline with some facts of its parts replaced; None takes a part out."""
    changed: dict[str, Any] = {}
    for name, facts in parts.items():
        whole = getattr(pipeline, name) if getattr(pipeline, name) is not None else CACHE
        changed[name] = (
            None if facts is None else facts if name == "weights" else msgspec.structs.replace(whole, **facts)
        )
    return msgspec.structs.replace(pipeline, **changed)


_STATIC: dict[str, Any] = {"kind": "StaticCache", "room": 32, "length": None}
_FLASH = {"attention": "flash_attention_2", "dtype": "bfloat16", "device": "cuda:0"}
_K = "model.layers.0.self_attn.k_proj.weight"

# check -> code, severity, what is broken, and what is sound one step beside it
CASES: dict[Check, tuple[str, str, Pipeline, Pipeline]] = {
    padding.right_padded: (
        "SG101", "error", _with(batch={"side": "right", "mask": "right"}),
        _with(batch={"side": "right", "mask": "right"}, model={"kind": "encoder-decoder"}),
    ),
    padding.no_pad_token: (
        "SG102", "error", _with(tokenizer={"pad": "", "pad_id": None}), _with(tokenizer={"pad": "</s>", "pad_id": 2}),
    ),
    padding.pad_is_end: (
        "SG103", "note", _with(tokenizer={"pad": "</s>", "pad_id": 2}), _with(tokenizer={"pad_id": 1}),
    ),
    padding.ragged: ("SG105", "error", _with(batch={"ragged": True}), SOUND),
    masks.unmasked: (
        "SG103", "error", _with(batch={"shown": 1, "mask": "none"}), _with(batch={"shown": 1, "mask": "absent"}),
    ),
    masks.hides_tokens: ("SG103", "warning", _with(batch={"hidden": 1}), SOUND),
    masks.mask_shape: (
        "SG401", "error", _with(batch={"mask_shape": (2, 4)}), _with(batch={"mask_shape": (2, 8)}, cache={}),
    ),
    masks.positions_shape: (
        "SG403", "error", _with(batch={"positions_shape": (2, 4)}), _with(batch={"positions_shape": (1, 5)}),
    ),
    masks.positions_value: (
        "SG403", "error", _with(batch={"positions": "padding"}, model={"learned_positions": True}),
        _with(batch={"positions": "counted"}, model={"learned_positions": True}),
    ),
    vocabulary.batch_ids: ("SG104", "error", _with(batch={"largest": 100}), _with(batch={"largest": 99})),
    vocabulary.pad_row: ("SG104", "error", _with(tokenizer={"pad_id": 100}), _with(tokenizer={"pad_id": 99})),
    vocabulary.special_rows: (
        "SG104", "warning", _with(tokenizer={"special": {"eos_token": 100}}), _with(tokenizer={"special": {"eos_token": 99}}),
    ),
    vocabulary.added_rows: ("SG104", "warning", _with(tokenizer={"largest": 100}), SOUND),
    vocabulary.configured_ids: (
        "SG104", "error", _with(settings={"pad_token_id": 100}), _with(settings={"pad_token_id": 99}),
    ),
    lengths.beyond_positions: (
        "SG106", "error", _with(settings={"max_new_tokens": 60}, model={"learned_positions": True}),
        _with(settings={"max_new_tokens": 59}, model={"learned_positions": True}),
    ),
    lengths.beyond_window: ("SG106", "note", _with(model={"window": 4}), _with(model={"window": 5})),
    lengths.cut: ("SG108", "error", _with(batch={"cut": 1, "asked": (9, 3)}), _with(batch={"asked": (5, 3)})),
    lengths.would_be_cut: ("SG108", "warning", _with(tokenizer={"longest": 4}), _with(tokenizer={"longest": 5})),
    template.doubled_start: ("SG109", "error", _with(batch={"doubled": 1}), SOUND),
    template.doubles_start: ("SG109", "note", _with(tokenizer={"doubles_start": True}), SOUND),
    settings.no_room: (
        "SG110", "error", _with(settings={"max_length": 5}), _with(settings={"max_length": 5, "max_new_tokens": 5}),
    ),
    settings.too_many_sequences: (
        "SG110", "error", _with(settings={"num_return_sequences": 3, "num_beams": 2}),
        _with(settings={"num_return_sequences": 3, "do_sample": True}),
    ),
    settings.nothing_asked: ("SG110", "error", _with(settings={"max_new_tokens": 0}), _with(settings={"max_new_tokens": 1})),
    settings.least_above_most: (
        "SG110", "warning", _with(settings={"min_new_tokens": 9, "max_new_tokens": 8}),
        _with(settings={"min_new_tokens": 8, "max_new_tokens": 8}),
    ),
    settings.frozen_sampling: (
        "SG110", "error", _with(settings={"do_sample": True, "temperature": 0.0}),
        _with(settings={"do_sample": True, "temperature": 0.1}),
    ),
    settings.ignored_sampling: (
        "SG110", "note", _with(settings={"temperature": 0.5}), _with(settings={"temperature": 0.5, "do_sample": True}),
    ),
    settings.ignored_cache: (
        "SG110", "warning", _with(settings={"use_cache": False, "cache_implementation": "static"}),
        _with(settings={"cache_implementation": "static"}),
    ),
    settings.assisted_batch: (
        "SG110", "error", _with(settings={"prompt_lookup_num_tokens": 3}),
        _with(settings={"prompt_lookup_num_tokens": 3}, batch={"rows": 1, "mask_shape": (1, 5)}),
    ),
    settings.two_pads: (
        "SG110", "warning", _with(settings={"pad_token_id": 1}, batch={"mask": "absent"}), _with(settings={"pad_token_id": 1}),
    ),
    caches.legacy: ("SG302", "error", _with(cache={"legacy": True, "kind": "tuple"}), _with(cache={}, batch={"mask_shape": (2, 8)})),
    caches.rows: ("SG301", "error", _with(cache={"rows": 3}), _with(cache={"rows": 4}, settings={"num_beams": 2})),
    caches.heads: ("SG305", "error", _with(cache={"kv_heads": 4}), _with(cache={"kv_heads": 2})),
    caches.nothing_new: ("SG303", "warning", _with(cache={"length": 5}), _with(cache={"length": 4})),
    caches.room: (
        "SG304", "error", _with(cache={**_STATIC, "room": 9}, settings={"max_new_tokens": 6}),
        _with(cache={**_STATIC, "room": 10}, settings={"max_new_tokens": 6}),
    ),
    caches.unknown_kind: (
        "SG307", "error", _with(settings={"cache_implementation": "rolling"}), _with(settings={"cache_implementation": "static"}),
    ),
    caches.cannot_take_back: (
        "SG307", "error", _with(settings={"cache_implementation": "static", "prompt_lookup_num_tokens": 3}),
        _with(settings={"cache_implementation": "dynamic", "prompt_lookup_num_tokens": 3}),
    ),
    caches.quantized: (
        "SG307", "error", _with(settings={"cache_implementation": "quantized"}, model={"kind": "encoder-decoder"}),
        _with(settings={"cache_implementation": "quantized"}),
    ),
    caches.two_caches: (
        "SG110", "error", _with(settings={"cache_implementation": "static"}, cache={}), _with(settings={"cache_implementation": "static"}),
    ),
    attention.fused_maps: ("SG406", "error", _with(model={"attentions_asked": True}), _with(model={"attentions_asked": True, "attention": "eager"})),
    attention.flash_dtype: ("SG406", "error", _with(model={**_FLASH, "dtype": "float32"}), _with(model=_FLASH)),
    attention.flash_device: ("SG406", "error", _with(model={**_FLASH, "device": "cpu"}), _with(model=_FLASH)),
    attention.flash_head: ("SG406", "error", _with(model={**_FLASH, "head_dim": 512}), _with(model={**_FLASH, "head_dim": 256})),
    attention.flash_mask: (
        "SG406", "error", _with(model=_FLASH, batch={"mask_shape": (2, 1, 5, 5)}), _with(batch={"mask_shape": (2, 1, 5, 5)}),
    ),
    heads.groups: ("SG402", "error", _with(model={"kv_heads": 3}), _with(model={"kv_heads": 4})),
    heads.split: (
        "SG404", "error", _with(model={"head_dim": None, "hidden": 30}), _with(model={"head_dim": 8, "hidden": 30}),
    ),
    heads.checkpoint: ("SG603", "error", _with(weights={_K: (32, 32)}), _with(weights={_K: (16, 32)})),
}  # fmt: skip


def _named(check: Callable[..., Any]) -> str:
    return f"{check.__module__.rpartition('.')[2]}.{check.__name__}"


def test_every_check_is_in_the_table_and_has_its_case() -> None:
    assert set(CASES) == set(CHECKS)
    assert len(set(CHECKS)) == len(CHECKS)


def test_the_sound_pipeline_has_no_findings() -> None:
    assert list(examine(SOUND)) == []


@pytest.mark.parametrize("check", CHECKS, ids=_named)
def test_a_check_finds_what_it_is_for(check: Check) -> None:
    code, severity, broken, _ = CASES[check]
    (problem,) = check(broken)
    assert (problem.code, problem.severity) == (code, severity)
    assert problem.message.endswith(".")
    assert problem.fix
    assert by_code(code) is not None
    assert code in {finding.code for finding in examine(broken)}


@pytest.mark.parametrize("check", CHECKS, ids=_named)
def test_a_check_is_silent_one_step_beside(check: Check) -> None:
    assert list(check(CASES[check][3])) == []


@pytest.mark.parametrize("check", CHECKS, ids=_named)
def test_nothing_known_is_nothing_said(check: Check) -> None:
    assert list(check(Pipeline())) == []


def test_a_pad_token_that_the_vocabulary_does_not_have() -> None:
    (problem,) = padding.no_pad_token(_with(tokenizer={"pad_known": False}))
    assert (problem.code, problem.severity) == ("SG102", Severity.ERROR)


def test_a_tokenizers_side_is_told_by_how_much_it_matters() -> None:
    right = {"padding_side": "right"}
    severities = [
        [problem.severity for problem in padding.right_padded(pipeline)]
        for pipeline in (
            _with(tokenizer=right, batch=None),
            _with(tokenizer=right, batch={"side": "none", "asked": (5, 3)}),  # could not be padded
            _with(tokenizer=right, batch={"side": "none", "lengths": (5, 5)}),
            _with(tokenizer=right),  # padded on the left by hand
        )
    ]
    assert severities == [["warning"], ["error"], ["note"], ["note"]]


def test_facts_come_back_out_of_a_row() -> None:
    settings_there = Settings(max_new_tokens=4, temperature=0.5, eos_token_id=(1, 2), early_stopping="never")
    row = {**flat(MODEL, "model"), **flat(BATCH, "batch"), **flat(settings_there, ""), "attention_mask": "tensor"}
    assert all(not isinstance(value, float) for value in row.values())
    assert (read(row, "model", ModelFacts), read(row, "batch", BatchFacts)) == (MODEL, BATCH)
    assert read(row, "", Settings) == settings_there


def test_what_has_another_form_in_a_row_is_unknown() -> None:
    assert read({"max_new_tokens": "tensor", "num_beams": 2}, "", Settings) == Settings(num_beams=2)
