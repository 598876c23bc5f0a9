"""Positions that count the padding: a learned table that is looked up column by column, in rows that are padded in front."""

from __future__ import annotations

from collections.abc import Iterator

from shapeguard.analysis.batch import inputs_of
from shapeguard.analysis.padded import read_positions
from shapeguard.analysis.run import Run
from shapeguard.values.recording import Row


def shifted_calls(run: Run) -> Iterator[Row]:
    """Calls of such a model with left padding, a mask that says so, and no position ids, whose results are read."""
    for row in run.of_kind("forward"):
        ids = inputs_of(row)
        if row.error or ids is None or len(ids.last) != 2 or ids.last[0] < 2:
            continue
        labels = {tensor.label for tensor in row.inputs}
        padded = row.args.get("mask padded") in ("left", "both") and row.args.get("counts columns") is True
        if padded and "position_ids" not in labels and read_positions(run, row):
            yield row
