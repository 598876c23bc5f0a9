"""Blocks whose layers never fit one another, whatever numbers they are built with: it is the block that is wrong, not a number."""

from __future__ import annotations

import ast

from shapeguard.analysis.built import construct_row
from shapeguard.analysis.causes import Cause, parameter_made
from shapeguard.analysis.dispute import Dispute
from shapeguard.analysis.run import Run, calls_in_common
from shapeguard.analysis.semantics import family
from shapeguard.analysis.settings_written import call_of
from shapeguard.analysis.sides import is_weight, shape_of
from shapeguard.values.recording import Row

_GIVEN = ("in_channels", "in_features", "num_features", "input_size")
_MADE = ("out_channels", "out_features", "hidden_size")
_TOLD = ("from", "to")  # what a layer is told first
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
    if run.location(layer) == run.location(before) and _literal(run, layer, both[index].size):
        place = run.location(layer)  # of two numbers that one line states, one is wrong
    return dispute.blame(index, place, "built") if place is not None else None


def _literal(run: Run, layer: Row, size: int) -> bool:
    """Whether a layer's call states a number."""
    call = call_of(run.expression(layer))
    return call is not None and any(isinstance(arg, ast.Constant) and arg.value == size for arg in call.args)


def not_for_joined(dispute: Dispute) -> Cause | None:
    """The layer that was built for one part of what its own class joins right before it: ``Conv2d(c, c)`` behind ``cat([skip, x], 1)``."""
    run, both = dispute.run, dispute.both
    layers = [
        construct_row(run, dispute.failed) if is_weight(of) else parameter_made(run, dispute.failed, of) for of in both
    ]
    weights = [layer is not None for layer in layers]
    layer = next((layer for layer in layers if layer is not None), None)
    if weights.count(True) != 1 or layer is None:
        return None
    given, wanted = both[weights.index(False)], both[weights.index(True)].size
    join = next((hop for hop in given.hops if hop.changed), None)
    if join is None or family(join.row.op) != "concat" or len(join.row.inputs) < len(("skip", "own")):
        return None
    if wanted not in [part.last[join.after] for part in join.row.inputs if join.after < len(part.last)]:
        return None
    joined, reckoned = run.location(join.row), dispute.causes[weights.index(True)].location
    for step in range(len(run.recording.chains[layer.chain].sites)):
        place = run.location(layer, step)
        by_default = reckoned.source.lstrip().startswith("def ")
        if place is None or joined is None or (place.function == reckoned.function and not by_default):
            return None  # where it reckons the number itself
        if place.function == f"{joined.function.rpartition('.')[0]}.__init__":
            return dispute.blame(weights.index(True), place, "built")
    return None


def turned_round(dispute: Dispute) -> Cause | None:
    """The layer that was built from as many features as it should make to as many as it is given: ``Linear(out, in)``."""
    run, failed, both = dispute.run, dispute.failed, dispute.both
    weights = [is_weight(of) for of in both]
    layer = construct_row(run, failed)
    if weights.count(True) != 1 or layer is None:
        return None
    index = weights.index(True)
    given, wanted = both[1 - index], both[index].size
    if wanted not in _numbers(layer, _GIVEN) or given.size not in _numbers(layer, _MADE) or given.size == wanted:
        return None
    if wanted in (shape_of(given.value) or ())[1:]:
        return None  # it is the input that is laid out otherwise
    if _fits_elsewhere(run, layer):
        return None
    if any(hop.row.owner == layer.id for hop in given.hops) or run.location(layer) is None:
        return None  # called twice
    call = call_of(run.expression(layer))
    told = [ast.unparse(node) for node in call.args[:2]] if call is not None else []
    names = [
        {part.id for part in ast.walk(node) if isinstance(part, ast.Name)} for node in (call.args[:2] if call else [])
    ]
    if len(names) == len(_TOLD) and any("//" in text for text in told) and names[0] & names[1]:
        return None  # the one is a part of the other
    return dispute.blame(index, run.location(layer), "built") if len(set(told)) == len(_TOLD) else None


def _fits_elsewhere(run: Run, layer: Row) -> bool:
    """Whether the line that built a layer has built others, of other numbers, that passed; of parts of containers, by another call."""
    alike = [row for row in run.of_kind("construct") if row.op == layer.op and run.at_one_place(row, layer)]
    # One that gives as many as it takes says nothing of the order.
    others = [row for row in alike if row.args != layer.args and _numbers(row, _GIVEN) != _numbers(row, _MADE)]
    seen = {row.owner for row in run.of_kind("module")}
    if layer.id in seen:
        return any(row.owner == other.id and not row.error for row in run.of_kind("module") for other in others)
    return any(other.id < layer.id and other.chain != layer.chain for other in others)


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
