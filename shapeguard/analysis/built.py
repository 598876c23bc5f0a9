"""Where a layer was built whose weight has a size that does not fit: the number it was told, climbed to where it is written."""

from __future__ import annotations

import ast
from collections import Counter
from itertools import islice
from math import isqrt

from shapeguard.analysis.climb import Spot, attribute_set, chain_of_frames
from shapeguard.analysis.failed import FailedOp
from shapeguard.analysis.graph import ancestors
from shapeguard.analysis.parting import callers_part
from shapeguard.analysis.presets import other_variant
from shapeguard.analysis.probes import probed
from shapeguard.analysis.run import Run, calls_in_common
from shapeguard.analysis.settings_written import call_of
from shapeguard.analysis.sides import Side, is_weight, sides
from shapeguard.analysis.source import given_as, parsed_text
from shapeguard.analysis.summands import sums
from shapeguard.analysis.uncounted_part import one_part
from shapeguard.analysis.written import parsed, shared_parameter, whole_trails, written, written_spot
from shapeguard.values.findings import Location
from shapeguard.values.recording import Row

_NEAR = 12  # ops behind an operand among which the layer before is looked for

_INS, _OUTS = ("in_features", "in_channels"), ("out_features", "out_channels")
_BY_DIM = {0: _OUTS, 1: _INS}  # dims of the weight of a linear layer, or of a convolution
_IMAGE = 8  # pixels: a number from which sides are reckoned, and no factor


def built_at(run: Run, failed: FailedOp, of: Side) -> Location | None:
    """The user's line that decided the size of a layer's weight: the constructor's argument climbed to where it is written."""
    row = construct_row(run, failed)
    if row is None:
        return _set_by_its_class(run) if is_weight(of) else None
    if (told := _told_there(run, of, row)) is not None:
        return told
    if (odd := _odd_term(run, failed, of, row) or _odd_factor(run, failed, of, row)) is not None:
        return odd
    wanted = next((side.size for side in sides(run, failed) if side.label != of.label), 0)
    if not is_weight(of) and of.size not in row.args.values() and not row.op.endswith("Loss"):
        return run.location(row)  # no number of this layer's: what came in was made by another of the same container
    trails = list(whole_trails(run, row, of.size))
    if (chosen := other_variant(run, row, trails, of.size, wanted) or probed(run, trails)) is not None:
        return chosen
    part, number = one_part(run, of, row, sides(run, failed)), written(run, row, of.size)
    if part is not None and (number is None or number.function != part.function):
        return part
    step = _of_one_constructor(run, failed, of, row)
    if step is not None and shared_parameter(run, row, of.size, step):
        return run.location(row, step)
    if number is None or number in [run.location(row, up) for up in range(len(run.chain(row)))]:
        elsewhere = _built_elsewhere(run, failed, of, row)
        if elsewhere is not None:
            return elsewhere
    return (
        number or _built_for(run, row) or (None if row.op.endswith("Loss") else run.location(row))
    )  # a loss has no size


def _told_there(run: Run, of: Side, row: Row) -> Location | None:
    """The layer's own line, where it states the number for this dim of its weight, and another of its numbers is as large by chance."""
    names = _BY_DIM.get(of.dim if of.dim is not None else -1) if is_weight(of) and "Transpose" not in row.op else None
    call = call_of(run.expression(row)) if names is not None else None
    if call is None or names is None or [row.args.get(name) for name in (*_INS, *_OUTS)].count(of.size) < 2:
        return None
    place = 0 if names is _INS else 1
    given = next((node for name in names for node in given_as(run.expression(row), name)), None)
    given = given or (call.args[place] if place < len(call.args) else None)
    return run.location(row) if isinstance(given, ast.Constant) and given.value == of.size else None


def _set_by_its_class(run: Run) -> Location | None:
    """Where the class of a module that was made before anything was watched makes the layer that failed, ``self.head``."""
    frame = run.user_frame
    inside = run.inner_frame is not None and not run.inner_frame.user
    match parsed_text(frame.expression) if frame is not None and inside else None:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="self")) as layer) if frame is not None:
            spot = attribute_set(run, chain_of_frames(run, frame), ast.unparse(layer))
            return run.at(spot) if spot is not None and spot.function.endswith("__init__") else None
    return None


def _built_elsewhere(run: Run, failed: FailedOp, of: Side, row: Row) -> Location | None:
    """The call that led to a layer, where another call of the same line built one for the very size that came in."""
    wanted = {side.size for side in sides(run, failed) if side.label != of.label}
    for other in run.of_kind("construct"):
        fits = wanted & {number for number in other.args.values() if type(number) is int}
        if not fits or not run.at_one_place(other, row) or callers_part(run, row, other) is None:
            continue
        common = {site.id for site in run.chain(other)}
        for step, site in enumerate(run.chain(row)):
            if site.id not in common and not site.function.endswith(".__init__"):  # past what a subclass hands on
                return run.location(row, step)
    return None


def _built_for(run: Run, row: Row) -> Location | None:
    """The call of a plain function that builds a layer as wide as the tensor that it was given: ``Linear(w.shape[1], ...)``."""
    node = parsed_text(run.expression(row))
    parts = [part for arg in node.args for part in ast.walk(arg)] if isinstance(node, ast.Call) else []
    taken = any(isinstance(part, ast.Attribute) and part.attr == "shape" for part in parts)
    return run.helper_call(row) if taken else None


def by_default(run: Run, failed: FailedOp, of: Side) -> bool:
    """Whether the size of a layer's weight is a default that nobody has changed."""
    row = construct_row(run, failed)
    spot = written_spot(run, row, of.size) if row is not None else None
    return spot is not None and spot.kind == "default"


def _odd_term(run: Run, failed: FailedOp, of: Side, row: Row) -> Location | None:
    """Where the term of a sum is written that is not among the sizes which were joined: ``obs + act`` for (11, 3) as 11 + 1."""
    joined = next((side.hops[-1].row for side in sides(run, failed) if side.label != of.label and side.hops), None)
    if joined is None or joined.kind != "concat" or not joined.inputs:
        return None
    parts = Counter(tensor.last[-1] for tensor in joined.inputs if tensor.last)
    for terms in sums(run, row, of.size):
        left = Counter(value for _, value in terms) - parts
        odd = [spot for spot, value in terms if left[value]]
        if left.total() == 1 and (parts - Counter(value for _, value in terms)).total() == 1 and odd:
            return _squared_at(run, odd[0], stepwise=False) or run.at(odd[0])
    return None


def _odd_factor(run: Run, failed: FailedOp, of: Side, row: Row) -> Location | None:
    """Where the side of a map was reckoned step by step that goes squared into a width, ``channels * side * side``: it came out otherwise."""
    other = next((side.size for side in sides(run, failed) if side.label != of.label), 0)
    if min(other, of.size) < 1 or isqrt(other * of.size) ** 2 != other * of.size:
        return None
    ways = (spot for trail in whole_trails(run, row, of.size) for spot in trail)
    return next((place for spot in ways if (place := _squared_at(run, spot, stepwise=True)) is not None), None)


def _squared_at(run: Run, spot: Spot, stepwise: bool) -> Location | None:
    """Where the side was reckoned that a spot squares: step by step from itself, or else from a number in the code, ``64 // 2**n``."""
    node = parsed(spot)
    names = [part.id for part in ast.walk(node or ast.Pass()) if isinstance(part, ast.Name)]
    squared = [name for name in names if names.count(name) == 2 and isinstance(node, ast.BinOp)]
    function = run.sources[spot.file].function_at(spot.line) if squared and spot.line else None
    for statement in ast.walk(function) if function is not None else ():
        if isinstance(statement, ast.Assign) and [ast.unparse(target) for target in statement.targets] == squared[:1]:
            parts = list(ast.walk(statement.value))
            own = any(isinstance(part, ast.Name) and part.id == squared[0] for part in parts)
            numbers = [part.value for part in parts if isinstance(part, ast.Constant) and type(part.value) is int]
            if own if stepwise else max(numbers, default=0) >= _IMAGE:
                return run.place(spot.file, statement.lineno, spot.function)
    return None


def _of_one_constructor(run: Run, failed: FailedOp, of: Side, row: Row) -> int | None:
    """How far up the calls the constructor stands that built this layer and, in the very same call of it, the other side's."""
    sites = run.recording.chains[row.chain].sites
    for other in sides(run, failed):
        if other.label == of.label or other.value is None:
            continue
        for made in islice(ancestors(run, other.value), _NEAR):
            built = (
                run.row(made.owner)
                if made.kind == "module" and made.outputs and other.size in made.outputs[0].last
                else None
            )
            theirs = run.recording.chains[built.chain].sites if built is not None else ()
            common = calls_in_common(sites, theirs)
            step, its = len(sites) - common - 1, len(theirs) - common - 1
            if built is None or built.id == row.id or not common or min(step, its) < 0:
                continue
            names = [run.recording.sites[number].function for number in (sites[step], theirs[its])]
            if names[0] == names[1] and (step == 0 or names[0].endswith(".__init__")):
                return step
    return None


def construct_row(run: Run, failed: FailedOp) -> Row | None:
    """The row in which the failing layer was built: by the failed call itself, else by the innermost frame that is a layer's."""
    numbers = [failed.row.owner if failed.row is not None else None]
    for frame in reversed(run.frames):
        if frame.user:
            break
        numbers.append(frame.owner)
    rows = (run.row(number) for number in numbers)
    return next((row for row in rows if row is not None and row.kind == "construct"), None)
