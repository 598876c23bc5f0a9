"""Sound pipelines of many architectures: no error, as an object and as a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import transformers as hf

import shapeguard
from tests.auditing.pipelines import PROMPTS, folder, tokenizer

_SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
_GROUPED = {**_SIZES, "num_key_value_heads": 2}
_OLD = {"n_embd": 32, "n_layer": 1, "n_head": 4}
_T5 = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 1, "num_heads": 4, "decoder_start_token_id": 0}
_BART = {
    "d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
    "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "decoder_start_token_id": 1, "max_position_embeddings": 64,
}  # fmt: skip

CAUSAL: dict[str, dict[str, Any]] = {
    "Llama": _GROUPED,
    "Mistral": {**_GROUPED, "sliding_window": 32},
    "Mixtral": {**_GROUPED, "num_local_experts": 2},
    "Qwen2": _GROUPED,
    "Qwen3": {**_GROUPED, "head_dim": 16},
    "Gemma": {**_GROUPED, "head_dim": 16},
    "Gemma2": {**_GROUPED, "head_dim": 16},
    "Gemma3Text": {**_GROUPED, "head_dim": 16},
    "Phi": _SIZES,
    "Phi3": _GROUPED,
    "GPT2": {**_OLD, "n_positions": 64},
    "GPTJ": {**_OLD, "rotary_dim": 4, "n_positions": 64},
    "GPTNeoX": _SIZES,
    "GPTBigCode": {**_OLD, "n_positions": 64},
    "OPT": {"hidden_size": 32, "ffn_dim": 64, "num_hidden_layers": 1, "num_attention_heads": 4, "word_embed_proj_dim": 32},
    "Bloom": {"hidden_size": 32, "n_layer": 1, "n_head": 4},
    "Falcon": {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "multi_query": True},
    "Starcoder2": _GROUPED,
    "StableLm": _GROUPED,
    "Olmo2": _GROUPED,
    "Cohere": _GROUPED,
    "Granite": _GROUPED,
    "Mamba": {"hidden_size": 16, "num_hidden_layers": 1, "state_size": 4},
}  # fmt: skip
SEQ2SEQ: dict[str, dict[str, Any]] = {"T5": _T5, "Bart": _BART, "MBart": _BART, "Pegasus": _BART}
ENCODERS: dict[str, dict[str, Any]] = {
    "Bert": _SIZES,
    "DistilBert": {"dim": 32, "hidden_dim": 64, "n_layers": 1, "n_heads": 4},
}

_LMHEAD = {"GPT2": "GPT2LMHeadModel"}
_IDS = {"vocab_size": 24, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}


def _model(name: str, sizes: dict[str, Any], suffix: str) -> Any:
    configs = {"Gemma3Text": "Gemma3TextConfig"}
    models = {"Gemma3Text": "Gemma3ForCausalLM", **_LMHEAD}
    config = getattr(hf, configs.get(name, f"{name}Config"))(**_IDS, **sizes)
    return getattr(hf, models.get(name, f"{name}{suffix}"))(config).eval()


def _pipeline(name: str) -> tuple[Any, Any]:
    """The model, and a tokenizer that pads on its architecture's side."""
    if name in CAUSAL:
        return _model(name, CAUSAL[name], "ForCausalLM"), tokenizer(padding_side="left")
    if name in SEQ2SEQ:
        return _model(name, SEQ2SEQ[name], "ForConditionalGeneration"), tokenizer(padding_side="right")
    return _model(name, ENCODERS[name], "ForMaskedLM"), tokenizer(padding_side="right")


_NAMES = [*CAUSAL, *SEQ2SEQ, *ENCODERS]


def _bad(report: Any) -> list[str]:
    return [f"{f.code} {f.severity}: {f.message}" for f in report.findings if f.severity != "note"]


@pytest.mark.parametrize("name", _NAMES)
def test_a_sound_pipeline_is_not_accused(name: str, tmp_path: Path) -> None:
    model, words = _pipeline(name)
    batch = words(PROMPTS, padding=True, return_tensors="pt", return_token_type_ids=False)
    asked = {"max_new_tokens": 8}
    assert _bad(shapeguard.audit(model, words, PROMPTS, generation_config=asked)) == []
    assert _bad(shapeguard.audit(model, words, inputs=batch, generation_config=asked)) == []
    assert _bad(shapeguard.audit(folder(tmp_path, model, words), prompts=PROMPTS, generation_config=asked)) == []


def test_there_are_twenty() -> None:
    assert len(_NAMES) >= 20


def test_what_is_audited_stays_as_it_was() -> None:
    model, words = _pipeline("Llama")
    before = (model.config.to_dict(), model.generation_config.to_dict(), words.padding_side, dict(vars(words)))
    shapeguard.audit(model, words, PROMPTS, generation_config={"max_new_tokens": 4})
    assert before == (model.config.to_dict(), model.generation_config.to_dict(), words.padding_side, dict(vars(words)))
