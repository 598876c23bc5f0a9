"""Blocks whose layers never fit one another, whatever numbers they are built with: it is the block that is wrong, not a number."""

from __future__ import annotations

from shapeguard.analysis.built import construct_row
from shapeguard.analysis.causes import Cause
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.run import Run, calls_in_common
from shapeguard.analysis.sides import is_weight
from shapeguard.values.recording import Row

_GIVEN = ("in_channels", "in_features", "num_features", "input_size")
_MADE = ("out_channels", "out_features", "hidden_size")
_WITHIN = 2  # calls, the building one and the one around it, that may stand in the loop
_NEAR = 8  # constructions before the failing layer's among which the layer before it is looked for


def misbuilt(dispute: Dispute) -> Cause | None:
    """The layer in a function that builds blocks, where its layers disagree in every block it ever built."""
    run, failed, both = dispute.run, dispute.failed, dispute.both
    weights = [is_weight(of) for of in both]
    layer = construct_row(run, failed)
    if weights.count(True) != 1 or layer is None:
        return None
    index = weights.index(True)
    wanted = both[1 - index].size
    before = next((row for row in _before(run, layer) if wanted in _numbers(row, _MADE)), None)
    if before is None or both[index].size not in _numbers(layer, _GIVEN):
        return None
    ours, theirs = (run.recording.chains[row.chain].sites for row in (layer, before))
    common = calls_in_common(ours, theirs)
    step = len(ours) - common - 1
    if step < 0 or common == len(theirs) or common < 1:
        return None
    blocks = list(zip(_alike(run, before), _alike(run, layer), strict=False))
    if len(blocks) < 2 or len(_alike(run, before)) != len(_alike(run, layer)):
        return None
    if any(_numbers(first, _MADE) == _numbers(second, _GIVEN) for first, second in blocks):
        return None
    place = run.location(layer, step)
    return dispute.blame(index, place, "built") if place is not None else None


def fed_by_its_twin(dispute: Dispute) -> Cause | None:
    """The line in a loop that builds every layer for the first one's input, where a layer is given what its twin made."""
    run, failed, both = dispute.run, dispute.failed, dispute.both
    weights = [is_weight(of) for of in both]
    layer = construct_row(run, failed)
    if weights.count(True) != 1 or layer is None or layer.count < 2:
        return None
    index = weights.index(True)
    if both[index].size not in _numbers(layer, _GIVEN) or both[1 - index].size not in _numbers(layer, _MADE):
        return None
    places = (run.location(layer, step) for step in range(_WITHIN))
    place = next((place for place in places if place is not None and run.sources[place.file].repeats(place.line)), None)
    return dispute.blame(index, place, "built") if place is not None else None


def _before(run: Run, layer: Row) -> list[Row]:
    """What was built just before a layer, nearest first."""
    return [row for row in reversed(run.rows[max(0, layer.id - _NEAR) : layer.id]) if row.kind == "construct"]


def _alike(run: Run, row: Row) -> list[Row]:
    """The layers that the same line built by the same calls."""
    return [other for other in run.of_kind("construct") if other.chain == row.chain and other.op == row.op]


def _numbers(row: Row, names: tuple[str, ...]) -> list[int]:
    return [value for name in names if type(value := row.args.get(name)) is int]
