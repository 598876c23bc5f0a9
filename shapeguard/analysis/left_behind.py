"""Loaders that leave the last samples out where all of them are wanted: in an evaluation, or a prediction."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from shapeguard.analysis.climb import climbs
from shapeguard.analysis.run import Run
from shapeguard.analysis.source import parsed_text
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row

_WITHOUT_GRADIENTS = frozenset({"no_grad", "inference_mode"})


class LeftBehind(NamedTuple):
    """A loader that a function without gradients runs over, how many samples there are, and how many of them it leaves out."""

    loader: Row
    samples: int
    lost: int
    location: Location | None


def left_behind(run: Run) -> Iterator[LeftBehind]:
    """Loaders built with ``drop_last=True`` for data that is no multiple of the batch, in a function that evaluates or predicts."""
    for row in run.of_kind("loader"):
        samples, batch = row.args.get("samples"), row.args.get("batch_size")
        if row.args.get("drop_last") is not True or not isinstance(samples, int) or not isinstance(batch, int):
            continue
        if batch > 0 and samples % batch and _evaluates(run, row):
            yield LeftBehind(row, samples, samples % batch, _told(run, row))


def _evaluates(run: Run, row: Row) -> bool:
    """Whether the function that runs over a loader takes no gradients."""
    place = run.location(row)
    function = run.sources[place.file].function_at(place.line) if place is not None else None
    if function is None:
        return False
    asked = [
        *function.decorator_list,
        *(item.context_expr for node in ast.walk(function) if isinstance(node, ast.With) for item in node.items),
    ]
    return any(
        isinstance(part, ast.Attribute | ast.Name) and _name(part) in _WITHOUT_GRADIENTS
        for one in asked
        for part in ast.walk(one)
    )


def _name(node: ast.Attribute | ast.Name) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id


def _told(run: Run, row: Row) -> Location | None:
    """Where the loader was told to leave the last samples out."""
    built = run.row(row.owner)
    node = parsed_text(run.expression(built)) if built is not None else None
    if built is None or not isinstance(node, ast.Call):
        return run.location(built) if built is not None else run.location(row)
    for keyword in node.keywords:
        if keyword.arg not in (None, "drop_last"):
            continue
        wanted = keyword.value if keyword.arg else ast.Subscript(keyword.value, ast.Constant("drop_last"), ast.Load())
        for trail in climbs(run.sources, run.chain(built), wanted, whole=True):
            spot = next(
                (
                    spot
                    for spot in reversed(trail.spots[1:])
                    if spot.line and "drop_last" in run.sources[spot.file].line(spot.line)
                ),
                None,
            )
            if spot is not None:
                return run.at(spot)
    return run.location(built)
