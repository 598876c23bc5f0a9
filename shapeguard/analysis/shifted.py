"""Positions that count the padding: a learned table that is looked up column by column, in rows that are padded in front."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from shapeguard.analysis.batch import inputs_of
from shapeguard.analysis.caches import given_cache, named
from shapeguard.analysis.graph import ancestors, past
from shapeguard.analysis.padded import filling, read_positions
from shapeguard.analysis.run import Run
from shapeguard.values.recording import Row, TensorArg

_REPEATING = frozenset({"unsqueeze", "expand", "expand_as", "repeat", "view", "reshape", "to", "long", "getitem"})


class Shifted(NamedTuple):
    """A call in which the tokens of short rows do not stand at their positions."""

    row: Row
    positions: TensorArg | None  # as the program counted them; None where the model does


def shifted_calls(run: Run) -> Iterator[Shifted]:
    """Calls of such a model with left padding, a mask that says so, and positions that count it, whose results are read."""
    for row in run.of_kind("forward"):
        ids = inputs_of(row)
        if row.error or ids is None or len(ids.last) != 2 or ids.last[0] < 2:
            continue
        padded = row.args.get("mask padded") in ("left", "both") and row.args.get("counts columns") is True
        positions = named(row, "position_ids")
        counts = positions is None or _counts_columns(run, positions, ids.last[1])
        if padded and counts and read_positions(run, row):
            yield Shifted(row, positions)


def stepped_apart(run: Run) -> Iterator[Shifted]:
    """Cached steps whose positions are one number for all rows, where those of the padded prompts were counted from their mask."""
    for row in run.of_kind("forward"):
        keys, positions = given_cache(row), named(row, "position_ids")
        if row.error or keys is None or positions is None or len(positions.last) != 2 or positions.last[0] < 2:
            continue
        made = past(run, positions.origin, lambda step: step.op in _REPEATING)
        if made is None or made.inputs or made.op not in ("full", "arange"):
            continue
        for prompt in filling(run, row, keys):
            first = named(prompt, "position_ids")
            padded = prompt.args.get("mask padded") in ("left", "both")
            if padded and first is not None and any(step.op == "cumsum" for step in ancestors(run, first)):
                yield Shifted(row, positions)


def _counts_columns(run: Run, positions: TensorArg, columns: int) -> bool:
    """Whether position ids are the same 0, 1, 2, ... for every row: an ``arange`` of all columns, repeated."""
    row = past(run, positions.origin, lambda made: made.op in _REPEATING)
    bounds = [row.args.get(name) for name in ("start", "end", "step")] if row is not None and row.op == "arange" else []
    return bounds in ([columns, None, None], [0, columns, None])
