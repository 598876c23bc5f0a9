"""The model's part of an audit, from a model or its config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from shapeguard.capture.preflight.model import model_facts
from shapeguard.values.pipeline import Kind, ModelFacts

_CONTINUES = ("CausalLM", "LMHead", "ConditionalGeneration", "Seq2Seq", "DoubleHeads")


class ModelPart(NamedTuple):
    """Facts of a model, its generation configs (first one first), and shapes of its tensors by their names."""

    facts: ModelFacts
    generation: tuple[Any, ...] = ()
    weights: Mapping[str, tuple[int, ...]] = {}


def model_part(model: Any) -> ModelPart:
    """What a model or a config says; an empty part where there is none."""
    if model is None:
        return ModelPart(ModelFacts())
    config = getattr(model, "config", None)
    if config is None:  # it is the config
        return ModelPart(with_kind(model_facts(model), model), (model,))
    facts = with_kind(model_facts(config, model), config)
    return ModelPart(facts, (getattr(model, "generation_config", None), config))


def with_kind(facts: ModelFacts, config: Any) -> ModelFacts:
    """The facts with the architecture's kind: a model that neither continues nor answers is an encoder."""
    kind: Kind = facts.kind
    if kind == "decoder" and _is_encoder(facts, config):
        kind = "encoder"
    return msgspec.structs.replace(facts, kind=kind)


def _is_encoder(facts: ModelFacts, config: Any) -> bool:
    if facts.name:
        if any(word in facts.name for word in _CONTINUES):
            return False
        if any(word in facts.name for word in ("MaskedLM", "ForPreTraining", "Encoder")):
            return True
    if getattr(config, "is_decoder", False) is True:
        return False
    from transformers.models.auto import modeling_auto

    masked: Mapping[str, str] = modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
    return facts.family in masked and facts.kind == "decoder"
