"""A failing run beside a right one: the same quantities step by step, and where they part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest

import msgspec

from shapeguard.values.findings import Comparison, Parting, Report, RunView, StepRow
from shapeguard.values.shapes import format_shape

_SHOWN_KINDS = ("attention", "cache", "forward", "generate", "tokenizer")

QUANTITIES: dict[str, Callable[[StepRow], str]] = {
    "input_ids": lambda step: format_shape(step.input_ids),
    "mask": lambda step: _shape_or_none(step.mask),
    "positions": lambda step: _shape_or_none(step.positions),
    "cache_rows": lambda step: "-" if step.cache_rows is None else str(step.cache_rows),
    "cache_length": lambda step: "-" if step.cache_length is None else str(step.cache_length),
}


def _shape_or_none(shape: tuple[int, ...] | None) -> str:
    return "none" if shape is None else format_shape(shape)


def compare(
    left: Report,
    right: Report,
    *,
    titles: tuple[str, str],
    scripts: tuple[str, str],
    outputs: tuple[Sequence[str], Sequence[str]],
    prompts: Sequence[str] = (),
) -> Comparison:
    """Two runs of the same prompts, the failing one on the left."""
    steps = tuple(_with_agreement(left.steps, right.steps))
    return Comparison(
        _view(left, titles[0], scripts[0], outputs[0], steps),
        _view(right, titles[1], scripts[1], outputs[1], right.steps),
        tuple(partings(left.steps, right.steps)),
        tuple(prompts),
    )


def partings(left: Sequence[StepRow], right: Sequence[StepRow]) -> Iterator[Parting]:
    """For each quantity the first step at which the two runs differ in it."""
    for what, tell in QUANTITIES.items():
        for ours, theirs in zip(left, right, strict=False):
            if tell(ours) != tell(theirs):
                yield Parting(ours.step, what, tell(ours), tell(theirs))
                break


def _with_agreement(left: Sequence[StepRow], right: Sequence[StepRow]) -> Iterator[StepRow]:
    """The left steps, each told whether its own rows fit together: ids, mask and cache must have the same rows."""
    for ours, theirs in zip_longest(left, right):
        if ours is None:
            return
        remark = ours.remark or _own_trouble(ours) or _difference(ours, theirs)
        yield msgspec.structs.replace(ours, agrees=ours.agrees and not _own_trouble(ours), remark=remark)


def _own_trouble(step: StepRow) -> str:
    rows = step.input_ids[0] if step.input_ids else None
    if step.cache_length and step.cache_rows is not None and rows is not None and step.cache_rows != rows:
        return f"{rows} rows go in, the cache holds {step.cache_rows}"
    return ""


def _difference(ours: StepRow, theirs: StepRow | None) -> str:
    if theirs is None:
        return "the reference had ended"
    names = [what.replace("_", " ") for what, tell in QUANTITIES.items() if tell(ours) != tell(theirs)]
    return f"differs in {', '.join(names)}" if names else ""


def _view(report: Report, title: str, script: str, outputs: Sequence[str], steps: tuple[StepRow, ...]) -> RunView:
    calls = tuple(call for call in report.calls if call.kind in _SHOWN_KINDS)
    return RunView(title, report.outcome, script, steps, calls, tuple(outputs), report.findings)
