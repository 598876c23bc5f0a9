"""``audit()``: a generation looked at before it runs. Facts are collected here; what they mean is in ``analysis.preflight``."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

from shapeguard.analysis.preflight import examine
from shapeguard.analysis.ranking import rank
from shapeguard.auditing.folder import Folder
from shapeguard.auditing.inputs import Given, encoded, given_inputs
from shapeguard.auditing.objects import model_part
from shapeguard.auditing.tokenizer import tokenizer_facts
from shapeguard.capture.environment import environment
from shapeguard.capture.preflight.cache import cache_facts
from shapeguard.capture.preflight.model import settings_of
from shapeguard.errors import UsageError
from shapeguard.values.findings import Report, RunInfo
from shapeguard.values.pipeline import Pipeline

__all__ = ["audit"]


def audit(
    model: Any = None,
    tokenizer: Any = None,
    prompts: Sequence[Any] | str | None = None,
    inputs: Mapping[str, Any] | None = None,
    generation_config: Any = None,
) -> Report:
    """Look at a generation before it runs: padding, tokens, lengths, mask, positions, attention, cache, settings.

    The model is not run. A folder's weights are not loaded: its configs, tokenizer and the headers of its checkpoint are
    read. Most likely trouble comes first; ``report.batch`` is the batch as a picture.

    Args:
        model: a model, its config, or the folder (or .gguf file) of one.
        tokenizer: a tokenizer or its folder; a model's folder brings its own.
        prompts: texts, or conversations (lists of messages) for the chat template; encoded and padded as ``tokenizer``
            would do it.
        inputs: what ``generate`` is to be given: ``input_ids`` and, where there are, ``attention_mask``,
            ``position_ids``, ``past_key_values``. With ``prompts`` as well they are also compared with them.
        generation_config: a GenerationConfig or a dict of its fields, in force before the model's own.

    Raises:
        UsageError: the folder is no model, there are no prompts, or neither model nor tokenizer is given.
    """
    started = time.monotonic()
    if model is None and tokenizer is None:
        raise UsageError("audit: expected a model, its folder or a tokenizer, got none of them")
    folder = Folder.at(model) if isinstance(model, str | os.PathLike) else None
    tokenizer = _tokenizer(folder, tokenizer)
    part = folder.part() if folder is not None else model_part(model)
    settings = settings_of((_fields(generation_config), *part.generation))
    given = given_inputs(inputs, tokenizer, settings) if inputs is not None else None
    if prompts is not None:
        given = encoded(tokenizer, prompts, given, part.facts)
    given = given or Given()
    pipeline = Pipeline(
        part.facts, settings, tokenizer_facts(tokenizer), given.batch, cache_facts(given.cache), dict(part.weights)
    )
    locate = folder.locate if folder is not None else lambda fields: None
    return Report(
        outcome="completed",
        environment=environment(),
        findings=tuple(rank(examine(pipeline, locate))),
        run=RunInfo(
            level="audit",
            seconds=round(time.monotonic() - started, 3),
            notes=(*(folder.notes if folder is not None else ()), *given.notes),
        ),
        batch=given.picture,
    )


def _tokenizer(folder: Folder | None, tokenizer: Any) -> Any:
    if isinstance(tokenizer, str | os.PathLike):
        return Folder.at(tokenizer, model=False).tokenizer()
    if tokenizer is None and folder is not None:
        return folder.tokenizer()
    return tokenizer


def _fields(config: Any) -> Any:
    """A generation config, also where it is given as a dict."""
    if not isinstance(config, Mapping):
        return config
    from types import SimpleNamespace

    return SimpleNamespace(**config)
