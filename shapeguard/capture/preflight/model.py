"""Facts of a model: its config and embedding, and the generation config in force. Attributes are read, nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from weakref import ref

import msgspec

from shapeguard.values.pipeline import ModelFacts, Settings, fields_of

_POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len", "max_target_positions", "n_ctx")
_TABLES = ("wpe", "embed_positions", "position_embeddings")
_MOST_MODELS = 64
_tables: dict[int, tuple[Any, bool]] = {}  # by a model's id: a weak reference, and whether it has a table of positions
_MOST_MODULES = 64  # a table of positions stands near the top of a model


def model_facts(config: Any, model: Any = None) -> ModelFacts:
    """What a config says, and where the model itself is there, what its class and embedding say."""
    text = text_config(config)
    device, dtype = getattr(model, "device", None), getattr(model, "dtype", None) or getattr(text, "dtype", None)
    return ModelFacts(
        name=type(model).__name__ if model is not None else _first(getattr(config, "architectures", None)),
        family=_word(getattr(config, "model_type", "")),
        kind="encoder-decoder" if getattr(config, "is_encoder_decoder", False) is True else "decoder",
        rows=embedding_rows(model),
        vocabulary=_number(text, "vocab_size"),
        positions=_positions(text),
        learned_positions=_has_table(model),
        window=_window(text),
        hidden=_number(text, "hidden_size"),
        heads=_number(text, "num_attention_heads"),
        kv_heads=_number(text, "num_key_value_heads"),
        head_dim=_number(text, "head_dim"),
        rotary=bool(getattr(text, "rope_parameters", None)),
        attention=_word(getattr(text, "_attn_implementation", None)),
        attentions_asked=getattr(config, "output_attentions", False) is True,
        dtype=str(dtype).removeprefix("torch.") if dtype is not None else "",
        device=str(device) if device is not None else "",
        stateful=getattr(type(model), "_is_stateful", False) is True,
        replaces_ids=_replaces_ids(config, text),
    )


def text_config(config: Any) -> Any:
    """The part of a config that describes the decoder of text."""
    try:
        return config.get_text_config(decoder=True)
    except Exception:  # of a config that is none of transformers', or has two of them
        return config


def embedding_rows(model: Any) -> int | None:
    """Rows of the table that the input ids are looked up in; None where a plain embedding does not tell."""
    try:
        embedding = model.get_input_embeddings()
        rows, weight = embedding.num_embeddings, embedding.weight
    except Exception:  # no such table, or one of several
        return None
    # Sharded and offloaded weights have another shape than their module says: then nothing is sure.
    known = isinstance(rows, int) and weight.dim() == 2 and weight.shape[0] == rows
    return rows if known else None


def settings_of(configs: Iterable[Any], given: dict[str, Any] | None = None) -> Settings:
    """The settings in force: ``given`` (arguments of the call) before the first config that has one."""
    configs, given = tuple(configs), given or {}
    found: dict[str, Any] = {}
    for field in fields_of(Settings):
        value = given.get(field.name)
        for config in configs:
            value = getattr(config, field.name, None) if value is None else value
        if value is None:
            continue
        try:
            found[field.name] = msgspec.convert(value, field.type)
        except msgspec.ValidationError:
            continue  # a tensor, or nonsense that generate itself will refuse
    return Settings(**found)


def _number(config: Any, name: str) -> int | None:
    value = getattr(config, name, None)
    return value if type(value) is int else None


def _word(value: Any) -> str:
    return value if type(value) is str else ""


def _first(names: Any) -> str:
    return _word(names[0]) if isinstance(names, list) and names else ""


def _positions(text: Any) -> int | None:
    """How many positions the model was made for; None where they are relative, and so without an end."""
    if getattr(text, "relative_attention_num_buckets", None) or getattr(text, "alibi", False) is True:
        return None
    found = (_number(text, name) for name in _POSITIONS)
    return next((value for value in found if value is not None and value > 0), None)


def _window(text: Any) -> int | None:
    """The sliding window, where a layer uses it."""
    window, layers = _number(text, "sliding_window"), getattr(text, "layer_types", None)
    used = getattr(text, "use_sliding_window", True) is not False
    sliding = not isinstance(layers, list) or any("sliding" in str(layer) for layer in layers)
    return window if window and used and sliding else None


def _has_table(model: Any) -> bool:
    """Whether a table of positions stands in the model; the first modules tell."""
    if model is None:
        return False
    known = _tables.get(id(model))
    if known is not None and known[0]() is model:
        return known[1]
    if len(_tables) >= _MOST_MODELS:
        _tables.clear()
    found = _find_table(model)
    _tables[id(model)] = ref(model), found
    return found


def _find_table(model: Any) -> bool:
    try:
        for number, (name, module) in enumerate(model.named_modules()):
            if name.rpartition(".")[2] in _TABLES and hasattr(module, "num_embeddings"):
                return True
            if number >= _MOST_MODULES:
                break
    except Exception:
        return False
    return False


def _replaces_ids(config: Any, text: Any) -> bool:
    """Whether ids stand for images, sounds and the like: the model puts something else in their place."""
    if text is not config or getattr(config, "vision_config", None) is not None:
        return True
    suffixes = ("image_token_id", "image_token_index", "audio_token_id", "video_token_id", "audio_token_index")
    return any(getattr(config, name, None) is not None for name in suffixes)
