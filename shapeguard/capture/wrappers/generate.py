"""``generate()``: what it was really given, looked at once before the model runs, and a door around it.

Imported only after the user's program has imported torch and transformers' generation.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import torch

from shapeguard.capture.paths import path_of
from shapeguard.capture.preflight.batch import batch_facts, marks_of, without_marks
from shapeguard.capture.preflight.cache import cache_facts
from shapeguard.capture.preflight.ids import doomed, extremes
from shapeguard.capture.preflight.kept import of_another_text, remember
from shapeguard.capture.preflight.model import model_facts, settings_of
from shapeguard.capture.state import recorders, state
from shapeguard.capture.trouble import own_trouble
from shapeguard.capture.wrappers.door import idle, watched
from shapeguard.capture.wrappers.padding import Rows, ids_side, mask_side, readable, readable_mask
from shapeguard.values.pipeline import BatchFacts, Settings, flat


def wrap_generate(original: Callable[..., Any]) -> Callable[..., Any]:
    """The wrapper of ``GenerationMixin.generate``."""

    @functools.wraps(original)
    def generate(self: Any, *args: Any, **kwargs: Any) -> Any:
        if idle():
            return original(self, *args, **kwargs)
        outermost = state.root is None
        if outermost:
            state.root = self
        call = _Call(self, args, kwargs, outermost)
        try:
            return watched(
                functools.partial(call.through, original),
                args,
                kwargs,
                sys._getframe(1),
                "generate",
                "generate",
                call.labelled,
                path_of(self),
                cover=False,
                owner=self,
            )
        finally:
            if outermost:
                state.root = None
                for recorder in recorders():
                    recorder.settle()  # what it leaves behind is the user's again

    return generate


class _Call:
    """One call of ``generate``: described on the way in, and stopped where a GPU would die of it."""

    __slots__ = ("_doom", "_kwargs", "_model", "_outermost", "_positional")

    def __init__(self, model: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outermost: bool) -> None:
        self._model = model
        self._positional = args[0] if args else None
        self._kwargs = kwargs
        self._outermost = outermost
        self._doom = ""

    def through(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The call itself. What was described is let go first: it is the caller's."""
        model, doom = self._model, self._doom
        self._positional, self._kwargs = None, {}
        if doom:
            raise IndexError(doom)
        result = original(model, *args, **kwargs)
        try:
            remember(args[0] if args else _given_ids(kwargs), kwargs.get("past_key_values"), result)
        except Exception as trouble:
            own_trouble(trouble)
        return result

    def labelled(self) -> dict[str, Any]:
        """The arguments by their names, the settings in force, and the facts that the checks of an audit ask for."""
        model, kwargs, ids = self._model, self._kwargs, self._ids()
        config, mask = getattr(model, "config", None), kwargs.get("attention_mask")
        configs = (kwargs.get("generation_config"), getattr(model, "generation_config", None))
        settings = settings_of(configs, kwargs)
        given = {"input_ids": ids, **{k: v for k, v in kwargs.items() if isinstance(v, torch.Tensor) and k != "inputs"}}
        given["past_key_values"] = kwargs.get("past_key_values")
        pads = [settings.pad_token_id, getattr(config, "pad_token_id", None)]
        rows, seen = readable(ids), readable_mask(mask)
        return {
            **given,
            **flat(settings, ""),
            **(self._preflight(ids, mask, rows, seen, pads, settings) if self._outermost else {}),
            "model": type(model).__name__,
            "encoder-decoder": bool(getattr(config, "is_encoder_decoder", False)),
            "ids padded": ids_side(rows, pads),
            "mask padded": "absent" if mask is None else mask_side(seen),
        }

    def _ids(self) -> Any:
        return self._positional if self._positional is not None else _given_ids(self._kwargs)

    def _preflight(
        self, ids: Any, mask: Any, rows: Rows | None, seen: Rows | None, pads: list[Any], settings: Settings
    ) -> dict[str, Any]:
        model = model_facts(self._model.config, self._model)
        found = extremes(ids)
        if not model.replaces_ids:
            self._doom = doomed(self._model, self._kwargs, found, model.rows)
        facts = flat(model, "model")
        batch = _batch(ids, mask, rows, seen, self._kwargs.get("position_ids"), pads, settings)
        if batch is not None:
            if found is not None:
                batch = msgspec.structs.replace(batch, smallest=found[0], largest=found[1])
            facts |= flat(batch, "batch")
        given = self._kwargs.get("past_key_values")
        cache = cache_facts(given)
        if cache is None:
            return facts
        other = of_another_text(given, cache.length, rows)
        return facts | flat(cache, "cache") | ({"another text": True} if other else {})


def _given_ids(kwargs: Mapping[str, Any]) -> Any:
    return kwargs.get("input_ids", kwargs.get("inputs"))


def _batch(
    ids: Any, mask: Any, rows: Rows | None, seen: Rows | None, positions: Any, pads: list[Any], settings: Settings
) -> BatchFacts | None:
    """The batch as far as it can be read for free; of ids on a device the shapes alone."""
    if rows is None:
        shape = tuple(getattr(ids, "shape", ()))
        return BatchFacts(rows=shape[0], width=shape[1], mask_shape=_shape(mask)) if len(shape) == 2 else None
    counted = readable(positions)
    shared = {*settings.ends, settings.bos_token_id}
    facts = batch_facts(rows, seen, counted, marks_of(rows, seen, pads, shared))
    if mask is not None and seen is None:
        facts = msgspec.structs.replace(without_marks(facts), mask="?", mask_shape=_shape(mask))
    return facts if any(pad is not None for pad in pads) or seen is not None else without_marks(facts)


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(getattr(value, "shape", ()))
