"""Two runs laid side by side, step by step: what agrees, what parts, and where one of them is over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Literal, NamedTuple

from shapeguard.render.words import NONE, shape_text
from shapeguard.values.findings import CallRow, Comparison, StepRow

State = Literal["same", "parts", "ended"]


class Quantity(NamedTuple):
    """Something both runs have at every step."""

    name: str
    of: Callable[[StepRow], str]


class Pair(NamedTuple):
    """One quantity at one step in both runs."""

    left: str
    right: str
    state: State


class AlignedStep(NamedTuple):
    """One step of both runs; None where that run has no such step."""

    step: int
    left: StepRow | None
    right: StepRow | None
    pairs: tuple[Pair, ...]

    @property
    def parts(self) -> bool:
        """Whether the runs differ here, or one of them disagrees with itself."""
        disagrees = any(side is not None and not side.agrees for side in (self.left, self.right))
        return disagrees or any(pair.state == "parts" for pair in self.pairs)


class OutputRow(NamedTuple):
    """What both runs made of one prompt; None where a run gave nothing."""

    prompt: str
    left: str | None
    right: str | None


class LayerGroup(NamedTuple):
    """Calls that differ only in the layer they ran in."""

    call: CallRow
    modules: tuple[str, ...]


INPUTS: tuple[Quantity, ...] = (
    Quantity("input ids", lambda step: shape_text(step.input_ids)),
    Quantity("mask", lambda step: shape_text(step.mask)),
    Quantity("positions", lambda step: shape_text(step.positions)),
    Quantity("cache rows", lambda step: _number(step.cache_rows)),
    Quantity("cache length", lambda step: _number(step.cache_length)),
)
ATTENTION: tuple[Quantity, ...] = (
    Quantity("query", lambda step: shape_text(step.query)),
    Quantity("keys", lambda step: shape_text(step.keys)),
)


def align(comparison: Comparison, quantities: Sequence[Quantity]) -> list[AlignedStep]:
    """Every step that either run has, in order."""
    left = {step.step: step for step in comparison.left.steps}
    right = {step.step: step for step in comparison.right.steps}
    return [
        AlignedStep(step, left.get(step), right.get(step), _pairs(left.get(step), right.get(step), quantities))
        for step in sorted(left.keys() | right.keys())
    ]


def _pairs(left: StepRow | None, right: StepRow | None, quantities: Sequence[Quantity]) -> tuple[Pair, ...]:
    return tuple(_pair(left, right, quantity.of) for quantity in quantities)


def _pair(left: StepRow | None, right: StepRow | None, of: Callable[[StepRow], str]) -> Pair:
    if left is None or right is None:
        return Pair(of(left) if left else "", of(right) if right else "", "ended")
    return Pair(of(left), of(right), "same" if of(left) == of(right) else "parts")


def output_rows(comparison: Comparison) -> list[OutputRow]:
    """A row for each prompt, also where a run gave fewer outputs than there were prompts."""
    left, right = comparison.left.outputs, comparison.right.outputs
    count = max(len(comparison.prompts), len(left), len(right))
    return [
        OutputRow(
            comparison.prompts[number] if number < len(comparison.prompts) else "",
            left[number] if number < len(left) else None,
            right[number] if number < len(right) else None,
        )
        for number in range(count)
    ]


def by_layer(calls: Sequence[CallRow], kinds: frozenset[str]) -> list[LayerGroup]:
    """The calls of these kinds; those of several layers that saw the same shapes are one group."""
    chosen = [call for call in calls if call.kind in kinds]
    groups: dict[tuple[object, ...], list[CallRow]] = {}
    for call in chosen:
        key = (call.op, call.location, call.inputs, call.outputs, call.count, call.error)
        groups.setdefault(key, []).append(call)
    return [
        LayerGroup(members[0], tuple(module for module, _ in groupby(call.module for call in members if call.module)))
        for members in groups.values()
    ]


def _number(value: int | None) -> str:
    return NONE if value is None else str(value)
